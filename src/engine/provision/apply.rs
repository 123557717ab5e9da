//! Makes the changes of a plan: each as soon as what it needs is there, several at a time, all outcomes reported.

use std::collections::HashMap;
use std::time::Duration;

use futures::stream::{FuturesUnordered, StreamExt as _};
use tokio::sync::Mutex;
use tokio::time::sleep;

use super::read::CONCURRENCY;
use super::{Progress, Report, RowOutcome};
use crate::bus::{Bus, BusError, BusErrorKind};
use crate::engine::Emitter;
use crate::engine::shutdown::Shutdown;
use crate::topology::live::Texts;
use crate::topology::plan::{Action, Change, Kind, Plan, Work, policy_limits};
use crate::topology::policy;

/// SQS takes no new queue of a name within 60 seconds of its deletion:
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_CreateQueue.html>.
const DELETED_RECENTLY: (u32, Duration) = (14, Duration::from_secs(5));

/// What was just made may not be known everywhere for a moment (the same page says "at least one second").
const JUST_MADE: (u32, Duration) = (5, Duration::from_secs(1));

/// Queues by name, with their URLs.
type Urls = Mutex<HashMap<String, String>>;

/// Makes the changes of `plan`.
///
/// A row whose needs failed is not tried; the others go on. The first signal starts nothing new and waits for what runs.
pub async fn apply(bus: &Bus, plan: &Plan, emit: &Emitter, shutdown: &Shutdown) -> Report {
    let mut rows: Vec<Option<RowOutcome>> = plan
        .changes
        .iter()
        .map(|change| (change.action == Action::Unchanged).then_some(RowOutcome::Unchanged))
        .collect();
    let urls = Urls::default();
    let mut running = FuturesUnordered::new();
    let mut started = vec![false; rows.len()];
    loop {
        blocked(plan, &mut rows, &started);
        for index in 0..rows.len() {
            if running.len() >= CONCURRENCY || shutdown.is_draining() {
                break;
            }
            let change = &plan.changes[index];
            let there = |need: &usize| matches!(rows[*need], Some(RowOutcome::Done | RowOutcome::Unchanged));
            if rows[index].is_some() || started[index] || !change.needs.iter().all(there) {
                continue;
            }
            started[index] = true;
            // A reader of stdout that went away must not leave a run half done.
            let _ = emit.emit(Progress::Started { index, change: change.clone() }).await;
            let urls = &urls;
            let made = change.needs.iter().any(|need| plan.changes[*need].action == Action::Create);
            running.push(async move { (index, one(bus, change, made, urls, emit).await) });
        }
        let Some((index, result)) = running.next().await else { break };
        let change = plan.changes[index].clone();
        rows[index] = Some(match result {
            Ok(()) => {
                let _ = emit.emit(Progress::Done { index, change }).await;
                RowOutcome::Done
            }
            Err(error) => {
                let auth = error.kind == BusErrorKind::Auth;
                let error = chain(&error);
                let _ = emit.emit(Progress::Failed { index, change, error: error.clone() }).await;
                RowOutcome::Failed { error, auth }
            }
        });
    }
    let ended = || RowOutcome::NotTried("the run was ended".into());
    Report { rows: rows.into_iter().map(|row| row.unwrap_or_else(ended)).collect() }
}

/// Marks what cannot be tried any more, through as many steps as there are.
fn blocked(plan: &Plan, rows: &mut [Option<RowOutcome>], started: &[bool]) {
    loop {
        let mut more = false;
        for (index, change) in plan.changes.iter().enumerate() {
            if rows[index].is_some() || started[index] {
                continue;
            }
            let gone =
                |need: &&usize| matches!(rows[**need], Some(RowOutcome::Failed { .. } | RowOutcome::NotTried(_)));
            if let Some(need) = change.needs.iter().find(gone) {
                let need = &plan.changes[*need];
                rows[index] = Some(RowOutcome::NotTried(format!("needs the {} `{}`", need.kind.noun(), need.name)));
                more = true;
            }
        }
        if !more {
            return;
        }
    }
}

fn chain(error: &BusError) -> Vec<String> {
    let mut texts = vec![error.to_string()];
    let mut at = std::error::Error::source(error);
    while let Some(cause) = at {
        texts.push(cause.to_string());
        at = cause.source();
    }
    texts
}

/// The work of one row. `made`: something that it needs was made in this run.
async fn one(bus: &Bus, change: &Change, made: bool, urls: &Urls, emit: &Emitter) -> Result<(), BusError> {
    let name = &change.name;
    match &change.work {
        Work::Nothing => Ok(()),
        Work::CreateTopic { attributes, tags } => bus.create_topic(name, attributes, tags).await.map(drop),
        Work::ChangeTopic { arn, attributes, tags } => {
            for (attribute, value) in attributes {
                bus.set_topic_attribute(arn, attribute, value).await?;
            }
            if tags.is_empty() { Ok(()) } else { bus.tag_topic(arn, tags).await }
        }
        Work::CreateQueue { attributes, tags } => {
            let url = create_queue(bus, name, (attributes, tags), made, emit).await?;
            urls.lock().await.insert(name.clone(), url);
            Ok(())
        }
        Work::ChangeQueue { url, attributes, tags } => {
            if !attributes.is_empty() {
                let attributes = with_policy(bus, url, attributes).await?;
                patient(made, || bus.set_queue_attributes(url, &attributes)).await?;
            }
            if tags.is_empty() { Ok(()) } else { bus.tag_queue(url, tags).await }
        }
        Work::MergePolicy { arn, statements, gone } => {
            let gone: Vec<&str> = gone.iter().map(String::as_str).collect();
            let url = match change.kind {
                Kind::QueuePolicy => Some(url_of(bus, name, urls).await?),
                _ => None,
            };
            patient(made, || merge_policy(bus, (arn, url.as_deref()), statements, &gone)).await
        }
        Work::Subscribe { topic_arn, queue_arn, attributes } => {
            patient(made, || bus.subscribe(topic_arn, queue_arn, attributes)).await.map(drop)
        }
        Work::ChangeSubscription { arn, attributes } => {
            for (attribute, value) in attributes {
                patient(made, || bus.set_subscription_attribute(arn, attribute, value.as_deref())).await?;
            }
            Ok(())
        }
    }
}

/// `attributes`, and on an endpoint that is not AWS's own the policy that stands: moto's server forgets the policy whenever it
/// is not set along (`Queue._set_attributes` in <https://github.com/getmoto/moto/blob/5.2.1/moto/sqs/models.py>). On AWS it
/// is left out, where sending it could undo what somebody else is writing.
async fn with_policy(bus: &Bus, url: &str, attributes: &Texts) -> Result<Texts, BusError> {
    let mut attributes = attributes.clone();
    if bus.endpoint_url().is_some()
        && !bus.can_peek()
        && let Some(policy) = bus.attributes_of_queue(url).await?.remove("Policy")
    {
        attributes.insert("Policy".into(), policy);
    }
    Ok(attributes)
}

/// Makes a queue, waiting while SQS still remembers a deleted one of the name.
async fn create_queue(
    bus: &Bus,
    name: &str,
    (attributes, tags): (&Texts, &Texts),
    made: bool,
    emit: &Emitter,
) -> Result<String, BusError> {
    let (tries, pause) = DELETED_RECENTLY;
    for attempt in 1.. {
        let answer = patient(made, || bus.create_queue(name, attributes, tags)).await;
        let recently = |error: &BusError| error.code.as_deref().is_some_and(|code| code.contains("DeletedRecently"));
        match answer {
            Err(error) if recently(&error) && attempt < tries => {
                if attempt == 1 {
                    let text =
                        format!("queue `{name}` was deleted a moment ago; SQS takes the name again after 60 seconds");
                    let _ = emit.emit(Progress::Waiting(text)).await;
                }
                sleep(pause).await;
            }
            other => return other,
        }
    }
    unreachable!("the loop ends by returning")
}

/// Repeats a call that does not find what was made in this very run.
async fn patient<T, F>(made: bool, call: impl Fn() -> F) -> Result<T, BusError>
where
    F: Future<Output = Result<T, BusError>>,
{
    let (tries, pause) = JUST_MADE;
    for attempt in 1.. {
        match call().await {
            Err(error) if made && attempt < tries && not_there_yet(&error) => sleep(pause).await,
            other => return other,
        }
    }
    unreachable!("the loop ends by returning")
}

fn not_there_yet(error: &BusError) -> bool {
    error.kind == BusErrorKind::NotFound || error.message.contains("does not exist")
}

async fn url_of(bus: &Bus, name: &str, urls: &Urls) -> Result<String, BusError> {
    if let Some(url) = urls.lock().await.get(name) {
        return Ok(url.clone());
    }
    Ok(bus.queue(name).await?.url)
}

/// Reads the policy once more right before writing it, so that a statement added since the plan is kept.
async fn merge_policy(
    bus: &Bus,
    (arn, url): (&str, Option<&str>),
    statements: &[serde_json::Value],
    gone: &[&str],
) -> Result<(), BusError> {
    let attributes = match url {
        Some(url) => bus.attributes_of_queue(url).await?,
        None => bus.describe_topic(arn).await?.unwrap_or_default().attributes,
    };
    let standing = attributes.get("Policy").map_or("", String::as_str);
    let merged = policy::merge(standing, statements, gone, policy_limits(arn))
        .map_err(|fault| BusError::new(BusErrorKind::Conflict, "SetQueueAttributes", fault.to_string()))?;
    match (merged, url) {
        (None, _) => Ok(()),
        (Some(text), Some(url)) => bus.set_queue_attributes(url, &Texts::from([("Policy".to_owned(), text)])).await,
        (Some(text), None) => bus.set_topic_attribute(arn, "Policy", &text).await,
    }
}
