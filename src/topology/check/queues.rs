//! Queues: their own settings, and where their dead letters go.

use super::{fifo, kind, queue_of};
use crate::topology::model::{Queue, RedriveAllow, Topology};
use crate::topology::problem::Problems;
use crate::topology::units::show_seconds;
use crate::topology::yaml::join;

pub(super) fn all(topology: &Topology, problems: &mut Problems) {
    for queue in topology.own_queues() {
        fifo(&queue.settings, queue.is_fifo(), "queue", &join("queues", &queue.key), queue.place, problems);
        throughput(queue, problems);
        encryption(queue, problems);
        dead_letters(topology, queue, problems);
        redrive_allow(topology, queue, problems);
        statements(topology, queue, problems);
    }
    cycles(topology, problems);
}

/// "perMessageGroupId … allowed only when the value for DeduplicationScope is messageGroup":
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SetQueueAttributes.html>.
fn throughput(queue: &Queue, problems: &mut Problems) {
    let Some(place) = queue.settings.place("FifoThroughputLimit").filter(|_| queue.is_fifo()) else { return };
    let per_group = queue.settings.get("FifoThroughputLimit") == Some("perMessageGroupId");
    if per_group && queue.settings.get("DeduplicationScope") != Some("messageGroup") {
        let path = format!("queues.{}.fifo_throughput", queue.key);
        let message = format!("`{path}` is `message_group`, which SQS takes only with that scope of deduplication");
        problems.error(place, &path, message, Some("add `deduplication_scope: message_group`".into()));
    }
}

fn encryption(queue: &Queue, problems: &mut Problems) {
    let path = join("queues", &queue.key);
    let key = queue.settings.place("KmsMasterKeyId");
    if queue.settings.get("SqsManagedSseEnabled") == Some("true")
        && let Some(place) = key
    {
        let path = join(&path, "kms_key");
        let message = format!("`{path}` and `sse: true` are both set; SQS takes one kind of encryption");
        problems.error(place, &path, message, Some("remove `sse`".into()));
    }
    if let Some(place) = queue.settings.place("KmsDataKeyReusePeriodSeconds")
        && key.is_none()
    {
        let path = join(&path, "kms_reuse");
        let message = format!("`{path}` is set without `kms_key`, so it does nothing");
        problems.warn(place, &path, message, Some("add `kms_key: KEY`, or remove it".into()));
    }
}

fn dead_letters(topology: &Topology, queue: &Queue, problems: &mut Problems) {
    let Some(dead) = &queue.dead_letter else { return };
    let path = format!("queues.{}.dead_letter", queue.key);
    if dead.max_receives == 1 {
        let message = format!("`{path}.max_receives` is 1: a consumer that stops half-way dead-letters a good message");
        problems.warn(dead.place, &path, message, Some("write `max_receives: 5`".into()));
    }
    let Some(target) = queue_of(topology, &dead.queue) else { return };
    if target.is_fifo() != queue.is_fifo() {
        let message = format!(
            "`{path}.queue` is `{}`, {}, but the dead-letter queue of {} has to be of the same type",
            target.key,
            kind(target.is_fifo()),
            kind(queue.is_fifo())
        );
        let fix = if queue.is_fifo() {
            format!("name a queue that ends in `.fifo`, such as `{}_dlq.fifo`", queue.key.trim_end_matches(".fifo"))
        } else {
            "name a queue that does not end in `.fifo`".into()
        };
        problems.error(dead.place, &path, message, Some(fix));
    }
    // A dead letter of a standard queue keeps the age that it had; in a FIFO queue it starts anew:
    // https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/setting-up-dead-letter-queue-retention.html
    if !target.external && !queue.is_fifo() && target.retention() < queue.retention() {
        let message = format!(
            "dead letters of `{}` ({}) live shorter in `{}` ({}), since they keep their age",
            queue.key,
            show_seconds(queue.retention()),
            target.key,
            show_seconds(target.retention())
        );
        let fix = Some(format!("write `retention: 14d` for `{}`", target.key));
        let place = target.settings.place("MessageRetentionPeriod").unwrap_or(target.place);
        problems.warn(place, &join("queues", &target.key), message, fix);
    }
    let refused = match &target.redrive_allow {
        Some(RedriveAllow::None) => true,
        Some(RedriveAllow::Queues(names)) => !names.iter().any(|(name, _)| *name == queue.key),
        Some(RedriveAllow::All) | None => false,
    };
    if refused {
        let message =
            format!("`{path}.queue` is `{}`, whose `redrive_allow` does not let `{}` use it", target.key, queue.key);
        let fix = match &target.redrive_allow {
            Some(RedriveAllow::Queues(_)) => format!("add `{}` to `queues.{}.redrive_allow`", queue.key, target.key),
            _ => format!("write `redrive_allow: [{}]` for `{}`", queue.key, target.key),
        };
        problems.error(dead.place, &path, message, Some(fix));
    }
}

/// Only queues of the same type can be let in.
fn redrive_allow(topology: &Topology, queue: &Queue, problems: &mut Problems) {
    let Some(RedriveAllow::Queues(names)) = &queue.redrive_allow else { return };
    let path = format!("queues.{}.redrive_allow", queue.key);
    for (index, (name, place)) in names.iter().enumerate() {
        if names[..index].iter().any(|(other, _)| other == name) {
            let message = format!("`{path}` names `{name}` a second time");
            problems.error(*place, &path, message, Some("keep one of them".into()));
        }
        if queue_of(topology, name).is_some_and(|source| source.is_fifo() != queue.is_fifo()) {
            let message = format!(
                "`{path}` names `{name}`, {}, whose dead letters {} does not take",
                kind(!queue.is_fifo()),
                kind(queue.is_fifo())
            );
            problems.error(*place, &path, message, Some(format!("remove `{name}`")));
        }
    }
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-policies.html>: 20 statements.
fn statements(topology: &Topology, queue: &Queue, problems: &mut Problems) {
    let subscribed = topology.subscriptions.iter().any(|subscription| {
        subscription.queue == queue.key || subscription.dead_letter.as_ref().is_some_and(|(name, _)| *name == queue.key)
    });
    let most = if subscribed { 19 } else { 20 };
    if queue.policy.len() > most {
        let path = format!("queues.{}.policy", queue.key);
        let ours = if subscribed { ", and one is this tool's" } else { "" };
        let message = format!("`{path}` has {} statements; AWS takes up to 20{ours}", queue.policy.len());
        problems.error(queue.place, &path, message, None);
    }
}

/// Dead letters that would come back to where they started.
fn cycles(topology: &Topology, problems: &mut Problems) {
    let mut told: Vec<&str> = Vec::new();
    for start in &topology.queues {
        let mut path = vec![start.key.as_str()];
        let mut at = start;
        while let Some(next) = at.dead_letter.as_ref().and_then(|dead| queue_of(topology, &dead.queue)) {
            if next.key == start.key {
                if path.iter().any(|name| told.contains(name)) {
                    break;
                }
                told.extend(&path);
                path.push(&start.key);
                let place = start.dead_letter.as_ref().map_or(start.place, |dead| dead.place);
                let message = format!("dead letters go in a circle: `{}`", path.join("` → `"));
                let fix = Some(format!("remove `dead_letter` from `{}`", at.key));
                problems.error(place, &format!("queues.{}.dead_letter", start.key), message, fix);
                break;
            }
            if path.contains(&next.key.as_str()) {
                break; // a circle further on, told from its own start
            }
            path.push(&next.key);
            at = next;
        }
    }
}
