//! When a call is worth repeating: throttled, not there yet, remembered for a while. Every wait is said once.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::time::sleep;

use super::Progress;
use crate::bus::{BusError, BusErrorKind};
use crate::engine::Emitter;
use crate::engine::backoff::{Backoff, random};
use crate::engine::shutdown::Shutdown;

/// After the SDK's own five tries. The waits double from the first: about a minute in all, which outlasts a burst that emptied
/// SNS's 30 calls a second: <https://docs.aws.amazon.com/general/latest/gr/sns.html>.
///
/// The embedded bus of the tests is a real store on real threads, on which a paused clock runs ahead: there the waits are short.
const THROTTLED: Backoff = Backoff {
    base: if cfg!(test) { Duration::from_millis(2) } else { Duration::from_secs(2) },
    cap: Duration::from_secs(64),
};
/// Tries in all, before what the bus answers is believed.
const TRIES: u32 = 6;

/// SQS takes no new queue of a name within 60 seconds of its deletion:
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_CreateQueue.html>.
const DELETED_RECENTLY: (u32, Duration) = (14, Duration::from_secs(5));

/// What was just made may not be known everywhere for a moment (the same page says "at least one second").
const JUST_MADE: (u32, Duration) = (8, Duration::from_secs(1));

/// Who is told of a wait.
#[derive(Clone, Copy)]
pub(in crate::engine) struct Told<'a> {
    to: Option<(&'a Emitter, &'a Shutdown)>,
    throttled: &'a AtomicBool,
}

impl<'a> Told<'a> {
    /// Tells `to`; `throttled` remembers that throttling was said.
    pub(in crate::engine) fn new(to: Option<(&'a Emitter, &'a Shutdown)>, throttled: &'a AtomicBool) -> Self {
        Self { to, throttled }
    }

    /// Hands `progress` on. A reader of stdout that went away must not leave a run half done.
    pub(super) async fn tell(&self, progress: Progress) {
        if let Some((emit, shutdown)) = self.to {
            let _ = emit.emit_until(progress, shutdown.aborting()).await;
        }
    }

    async fn waiting(&self, text: String) {
        self.tell(Progress::Waiting(text)).await;
    }

    async fn repeats(&self, error: &BusError) {
        if !self.throttled.swap(true, Ordering::Relaxed) {
            let why = match error.kind {
                BusErrorKind::Throttled => "that there are too many calls; they are repeated more slowly",
                _ => "with a fault of its own; calls are repeated",
            };
            self.waiting(format!("the bus answers {why}")).await;
        }
    }
}

/// Repeats a call that was throttled, or met a fault of the service, later and later and not at the same time as others.
pub(in crate::engine) async fn steady<T, F>(told: Told<'_>, call: impl Fn() -> F) -> Result<T, BusError>
where
    F: Future<Output = Result<T, BusError>>,
{
    for attempt in 1.. {
        match call().await {
            Err(error) if attempt < TRIES && passes(&error) => {
                told.repeats(&error).await;
                sleep(THROTTLED.after(attempt, random())).await;
            }
            other => return other,
        }
    }
    unreachable!("the loop ends by returning")
}

/// Whether it is the service's moment and not the call's matter. A bus that cannot be reached is not waited for: the SDK has
/// tried, and a wrong address does not mend.
fn passes(error: &BusError) -> bool {
    error.kind == BusErrorKind::Throttled || (error.retryable && error.kind == BusErrorKind::Other)
}

/// Repeats a call that does not find what was made in this very run (`made`: its name).
pub(super) async fn patient<T, F>(told: Told<'_>, made: Option<&str>, call: impl Fn() -> F) -> Result<T, BusError>
where
    F: Future<Output = Result<T, BusError>>,
{
    let (tries, pause) = JUST_MADE;
    for attempt in 1.. {
        match (steady(told, &call).await, made) {
            (Err(error), Some(name)) if attempt < tries && not_there_yet(&error) => {
                if attempt == 1 {
                    told.waiting(format!("{name} was made a moment ago and is not known everywhere yet")).await;
                }
                sleep(pause).await;
            }
            (other, _) => return other,
        }
    }
    unreachable!("the loop ends by returning")
}

fn not_there_yet(error: &BusError) -> bool {
    error.kind == BusErrorKind::NotFound || error.message.contains("does not exist")
}

/// Repeats the making of a queue while SQS still remembers a deleted one of the name.
pub(super) async fn once_forgotten<T, F>(told: Told<'_>, name: &str, call: impl Fn() -> F) -> Result<T, BusError>
where
    F: Future<Output = Result<T, BusError>>,
{
    let (tries, pause) = DELETED_RECENTLY;
    for attempt in 1.. {
        let answer = call().await;
        let recently = |error: &BusError| error.code.as_deref().is_some_and(|code| code.contains("DeletedRecently"));
        match answer {
            Err(error) if recently(&error) && attempt < tries => {
                if attempt == 1 {
                    let text = "was deleted a moment ago; SQS takes the name again after 60 seconds";
                    told.waiting(format!("queue `{name}` {text}")).await;
                }
                sleep(pause).await;
            }
            other => return other,
        }
    }
    unreachable!("the loop ends by returning")
}
