//! One received event on its way: handler, verdict, settlement.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::sync::{OnceCell, OwnedSemaphorePermit};
use tokio::time::Instant;

use super::reject::{DeadLetters, reject};
use super::settle::{Change, Settler};
use super::{EventRef, Progress, Received, Released, Request, Settlement, handler};
use crate::bus::{Bus, Queue};
use crate::engine::Emitter;
use crate::engine::backoff::random;
use crate::engine::exec::{Captured, Failure, Finished, Job, Limits, Outcome, Running};
use crate::engine::shutdown::{Shutdown, Trigger};
use crate::event::Event;

/// What every event of a run shares.
pub(super) struct Context {
    pub(super) bus: Bus,
    pub(super) queue: Queue,
    pub(super) request: Request,
    /// How long a handler may run.
    pub(super) timeout: Duration,
    /// The dead-letter queue's ARN, and the queue's max receives.
    pub(super) dead_letter: Option<(String, u32)>,
    pub(super) dead_letters: OnceCell<DeadLetters>,
    pub(super) settler: Settler,
    pub(super) emit: Emitter,
    /// The user's.
    pub(super) shutdown: Shutdown,
    /// Ours: drains when the handler cannot run, aborts when the drain takes too long.
    pub(super) halt: (Trigger, Shutdown),
    /// Why the handler cannot run.
    pub(super) cannot_run: OnceLock<String>,
}

/// How one event ended.
pub(super) struct Done {
    pub(super) settlement: Settlement,
    /// Its handler came to a verdict.
    pub(super) handled: bool,
    /// The FIFO group whose next event may go on, if this one left the queue.
    pub(super) group: Option<String>,
}

impl Done {
    /// Whether the event is out of the queue, so that what follows it in its group may be handled.
    pub(super) fn is_out(&self) -> bool {
        matches!(self.settlement, Settlement::Acked | Settlement::Rejected { unsettled: None, .. })
    }
}

impl Context {
    /// Tells `progress`. A closed stdout ends the run elsewhere; a stdout that does not read must not outlive a second signal.
    pub(super) async fn tell(&self, progress: Progress) {
        let patience = async {
            self.aborting().await;
            tokio::time::sleep(Duration::from_secs(1)).await;
        };
        let _ = self.emit.emit_until(progress, patience).await;
    }

    /// Once handlers are to be ended: by the user, or because the drain took too long.
    pub(super) async fn aborting(&self) {
        tokio::select! {
            () = self.shutdown.aborting() => {}
            () = self.halt.1.aborting() => {}
        }
    }

    /// The wait before the next attempt.
    pub(super) fn backoff(&self, received: &Received) -> Duration {
        self.request.backoff.visibility(received.message.system.receive_count, random(), received.at.elapsed())
    }

    /// Whether SQS moves the message to the dead-letter queue at its next receive.
    fn was_last(&self, received: &Received) -> bool {
        self.dead_letter.as_ref().is_some_and(|(_, max)| received.message.system.receive_count >= *max)
    }

    async fn make_visible(&self, received: &Received, after: Duration) -> Option<String> {
        let settled = self.settler.settle(&received.message.receipt_handle, Change::Visible(after)).await;
        settled.err().map(|error| error.to_string())
    }

    async fn settled(
        &self,
        event: Arc<EventRef>,
        settlement: Settlement,
        handled: bool,
        group: Option<String>,
    ) -> Done {
        self.tell(Progress::Settled { event, settlement: settlement.clone() }).await;
        Done { settlement, handled, group }
    }
}

/// Runs the handler over one event and settles its message. The slot is free again once the handler has ended and
/// the reporter has taken what it wrote.
pub(super) async fn handle(
    context: Arc<Context>,
    received: Received,
    name: Arc<EventRef>,
    event: Event,
    slot: OwnedSemaphorePermit,
) -> Done {
    let group = group_of(&context, &received);
    let left = (received.at + context.timeout).saturating_duration_since(Instant::now());
    if context.timeout.saturating_sub(left) > context.timeout / 2 {
        drop(slot);
        let unsettled = context.make_visible(&received, Duration::ZERO).await;
        let settlement = Settlement::Released { why: Released::BehindAnother, unsettled };
        return context.settled(name, settlement, false, group).await;
    }
    let Finished { mut outcome, stdout, stderr, took } = run(&context, &received, &name, &event, left).await;
    // It ran out of what was left to it; what people know is the limit that they set.
    if let Outcome::Failed(Failure::Timeout(limit)) = &mut outcome {
        *limit = context.timeout;
    }
    if let Outcome::CannotRun(why) = &outcome {
        let _ = context.cannot_run.set(why.clone());
        // Before the slot is free: not one more event may meet such a handler.
        context.halt.0.drain();
    }
    let ended = Progress::HandlerEnded {
        event: name.clone(),
        outcome: outcome.clone(),
        took,
        stdout: stdout.into(),
        stderr: stderr.into(),
    };
    let handled = !matches!(outcome, Outcome::CannotRun(_) | Outcome::Failed(Failure::Aborted));
    let told = async {
        context.tell(ended).await;
        // Only now: while a reporter is behind, nothing more is received whose output would have to be kept.
        drop(slot);
    };
    let (settlement, ()) = tokio::join!(settle(&context, &received, outcome), told);
    context.settled(name, settlement, handled, group).await
}

async fn run(context: &Context, received: &Received, name: &Arc<EventRef>, event: &Event, left: Duration) -> Finished {
    let queue = &context.queue.name;
    let stdin = handler::stdin(context.request.stdin, event, received, queue);
    let env = handler::environment(event, received, queue, &context.request.clock, left);
    match Running::start(&Job { program: &context.request.program, env: &env }) {
        Ok(running) => {
            let started = Progress::HandlerStarted { event: name.clone(), pid: running.pid() };
            let limits = Limits::with_timeout(left);
            tokio::join!(running.finish(&stdin, limits, context.aborting()), context.tell(started)).0
        }
        Err(outcome) => {
            Finished { outcome, stdout: Captured::default(), stderr: Captured::default(), took: Duration::ZERO }
        }
    }
}

async fn settle(context: &Context, received: &Received, outcome: Outcome) -> Settlement {
    match outcome {
        Outcome::Ack => match context.settler.settle(&received.message.receipt_handle, Change::Delete).await {
            Ok(()) => Settlement::Acked,
            Err(error) => Settlement::Unconfirmed { error: error.to_string() },
        },
        Outcome::NotNow => {
            let after = context.backoff(received);
            let unsettled = context.make_visible(received, after).await;
            Settlement::NotNow { after, last: context.was_last(received), unsettled }
        }
        Outcome::Reject => reject(context, received, "the handler exited with 65").await,
        Outcome::CannotRun(_) => {
            let unsettled = context.make_visible(received, Duration::ZERO).await;
            Settlement::Released { why: Released::CannotRun, unsettled }
        }
        Outcome::Failed(Failure::Aborted) => {
            let unsettled = context.make_visible(received, Duration::ZERO).await;
            Settlement::Released { why: Released::Aborted, unsettled }
        }
        Outcome::Failed(failure) => {
            let last = context.was_last(received);
            // No attempt follows the last one; waiting would only delay the move.
            let after = if last { Duration::ZERO } else { context.backoff(received) };
            let unsettled = context.make_visible(received, after).await;
            Settlement::Retrying { failure, after, last, unsettled }
        }
    }
}

/// What becomes of a body that is no event: to the dead-letter queue, or left. Never acknowledged.
pub(super) async fn unreadable(context: Arc<Context>, received: Received, name: Arc<EventRef>, reason: String) -> Done {
    let group = group_of(&context, &received);
    let settlement = reject(&context, &received, &format!("no event: {reason}")).await;
    context.settled(name, settlement, false, group).await
}

/// Gives back what was received and will not be handled.
pub(super) async fn release(context: Arc<Context>, received: Received, name: Arc<EventRef>, why: Released) -> Done {
    let unsettled = context.make_visible(&received, Duration::ZERO).await;
    context.settled(name, Settlement::Released { why, unsettled }, false, None).await
}

/// The group within which order counts: FIFO queues only, since a fair queue's group is a tenant.
pub(super) fn group_of(context: &Context, received: &Received) -> Option<String> {
    if context.queue.is_fifo() { received.message.system.group_id.clone() } else { None }
}
