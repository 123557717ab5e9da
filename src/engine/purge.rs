//! Emptying a queue: at once and for good, or only of what has been kept in a file first.

use std::time::Duration;

use super::recording::Writer;
use super::shutdown::Shutdown;
use super::tail::{self, Choice, Outlets, Report, Request, Source, TailError};
use super::{Confirmed, Emitter};
use crate::bus::{Bus, BusError, Queue};
use crate::clock::Clock;

/// How long it is waited for more before a queue is taken to be empty: where the bus knows at once, and where it does not.
const KNOWN: Duration = Duration::from_secs(1);
const LIKELY: Duration = Duration::from_secs(3);

/// Deletes everything in the queue, in flight or not.
///
/// # Errors
/// What `PurgeQueue` answers.
pub async fn all(bus: &Bus, queue: &Queue, _confirmed: Confirmed) -> Result<(), BusError> {
    bus.purge_queue(queue).await
}

/// Moves everything that can be received into the recording, deleting each message once it is on the disk. What consumers have
/// in flight stays.
///
/// # Errors
/// As [`tail::run_with`].
pub async fn into_backup(
    bus: &Bus,
    queue: &Queue,
    writer: &mut Writer,
    confirmed: Confirmed,
    emit: &Emitter,
    shutdown: &Shutdown,
) -> Result<Report, TailError> {
    let request = Request {
        sources: vec![Source::Queue(queue.clone())],
        mode: Choice::Drain(confirmed),
        idle: Some(if bus.can_peek() { KNOWN } else { LIKELY }),
        clock: Clock::system(),
        ..Request::default()
    };
    let outlets = Outlets { show: false, writer: Some(writer), folder: None };
    tail::run_with(Some(bus), request, outlets, emit, shutdown, std::future::pending()).await
}
