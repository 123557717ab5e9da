//! `--native`: SQS moves the whole of a dead-letter queue by itself (`StartMessageMoveTask`); here it is only watched.

use std::time::Duration;

use super::plan::{Place, Plan, Source};
use super::types::{Progress, ReplayError, Report, Request, Work};
use crate::bus::{Bus, MoveTask};
use crate::engine::shutdown::Shutdown;
use crate::engine::{Emitter, Event};

/// How often the task is looked at.
const LOOK: Duration = Duration::from_secs(1);

/// How often in all looking at it may fail for reasons of the moment.
const MISSES: u32 = 10;

/// The most messages a second that can be asked for.
const FASTEST: u32 = 500;

/// Why SQS cannot do this by itself, if it cannot.
pub fn why_not_native(plan: &Plan, request: &Request) -> Option<String> {
    let Source::Queue { queue, .. } = &plan.source else {
        return Some("SQS moves queues, and the source is a recording".into());
    };
    let not = |condition: bool, why: &str| condition.then(|| why.to_owned());
    not(plan.other_bus.is_some(), "SQS moves within one account and region, and the destination is another context's")
        .or_else(|| match &plan.to {
            None => None,
            Some(Place::Queue(to)) if to.is_fifo() != queue.is_fifo() => {
                Some("SQS moves between queues of one type, and one of the two is FIFO".into())
            }
            Some(Place::Queue(_)) => None,
            Some(_) => Some("SQS moves from queue to queue".into()),
        })
        .or_else(|| not(!request.selection.is_everything(), "SQS moves the whole queue, and a selection was asked for"))
        .or_else(|| not(request.limit.is_some(), "SQS moves the whole queue, and `--limit` was asked for"))
        .or_else(|| not(request.edit.is_some(), "SQS moves messages as they are, and a change was asked for"))
        .or_else(|| not(request.is_copy(), "SQS moves and does not copy"))
        .or_else(|| not(request.is_dry_run(), "SQS has no dry run"))
        .or_else(|| not(request.rate.is_some_and(|rate| rate > FASTEST), "SQS moves at most 500 messages a second"))
}

/// Starts the task and watches it to its end. The first signal asks for its end, the second leaves it to itself.
///
/// # Errors
/// The task cannot be started, or not be watched any more (then it goes on all the same).
pub async fn run_native(
    bus: &Bus,
    plan: &Plan,
    request: &Request,
    emit: &Emitter,
    shutdown: &Shutdown,
) -> Result<Report, ReplayError> {
    let mut report = Report::default();
    let (Source::Queue { queue, attributes, .. }, Work::Move(_)) = (&plan.source, &request.work) else {
        return Ok(report);
    };
    let to = match &plan.to {
        Some(Place::Queue(to)) => Some(to),
        _ => None,
    };
    let tell = async |event: Event| {
        let _ = emit.emit_until(event, shutdown.aborting()).await;
    };
    // Those that are there already are not ours, whatever is told at first.
    let before: Vec<i64> = bus.move_tasks(queue).await?.iter().map(|task| task.started_ms).collect();
    let handle = bus.start_move(queue, to, request.rate).await?;
    tell(Progress::Total(attributes.visible).into()).await;
    let mut started = None;
    let (mut cancelled, mut missed) = (false, 0);
    loop {
        let tasks = match bus.move_tasks(queue).await {
            Ok(tasks) => tasks,
            // The task goes on whether it is looked at or not.
            Err(error) if error.retryable && missed < MISSES => {
                missed += 1;
                Vec::new()
            }
            Err(error) => return Err(ReplayError::from(error).after(report)),
        };
        // The handle is only told while the task runs; from then on it is known by its beginning.
        let ours = match started {
            None => tasks
                .iter()
                .find(|task| task.handle.as_deref() == Some(&handle))
                .or_else(|| tasks.iter().find(|task| !before.contains(&task.started_ms))),
            Some(at) => tasks.iter().find(|task| task.started_ms == at),
        };
        if let Some(MoveTask { status, moved, total, failure, started_ms, .. }) = ours {
            started = Some(*started_ms);
            report.done = *moved;
            if let Some(total) = total {
                tell(Progress::Total(*total).into()).await;
            }
            tell(Progress::MovedSoFar(*moved).into()).await;
            match status.as_str() {
                "RUNNING" | "CANCELLING" => {}
                "FAILED" => {
                    report.failed = total.unwrap_or(attributes.visible).saturating_sub(*moved).max(1);
                    let why = failure.as_deref().unwrap_or("SQS does not say why");
                    tell(Event::Warning(format!(
                        "the task of SQS failed: {why}; what it has not moved is still in `{}`",
                        queue.name
                    )))
                    .await;
                    break;
                }
                "CANCELLED" if !cancelled => {
                    report.failed = total.unwrap_or(attributes.visible).saturating_sub(*moved).max(1);
                    let says = "somebody else has cancelled the task of SQS; what it has moved stays moved";
                    tell(Event::Warning(says.into())).await;
                    break;
                }
                // COMPLETED, or CANCELLED as asked.
                _ => break,
            }
        }
        tokio::select! {
            biased;
            () = shutdown.aborting() => {
                tell(Event::Warning("the task of SQS is left to itself".into())).await;
                break;
            }
            () = shutdown.draining(), if !cancelled => {
                cancelled = true;
                report.interrupted = Some(0);
                // It may have ended meanwhile: then there is nothing to cancel.
                let says = match bus.cancel_move(queue, &handle).await {
                    Ok(_) => "asked SQS to stop; it goes on for a moment, and what it has moved stays moved".to_owned(),
                    Err(error) => format!("the task of SQS could not be cancelled: {error}"),
                };
                tell(Event::Warning(says)).await;
            }
            () = tokio::time::sleep(LOOK) => {}
        }
    }
    if let Ok(now) = bus.queue_attributes(queue).await {
        report.left = Some(now.visible + now.in_flight + now.delayed);
    }
    Ok(report)
}
