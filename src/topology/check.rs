//! Checks that need more than one place of the file.

use super::model::{Queue, RedriveAllow, Settings, Topology};
use super::problem::{Place, Problems};
use super::units::show_seconds;
use super::yaml::join;
use crate::words;

pub(super) fn all(topology: &Topology, problems: &mut Problems) {
    references(topology, problems);
    for queue in &topology.queues {
        fifo(&queue.settings, queue.is_fifo(), "queue", &join("queues", &queue.name), queue.place, problems);
        encryption(queue, problems);
        dead_letters(topology, queue, problems);
    }
    for topic in &topology.topics {
        fifo(&topic.settings, topic.is_fifo(), "topic", &join("topics", &topic.name), topic.place, problems);
        if topic.archive_days.is_some() && !topic.is_fifo() {
            let path = format!("topics.{}.archive", topic.name);
            problems.error(topic.place, &path, format!("`{path}` is set; only FIFO topics keep an archive"), None);
        }
    }
    cycles(topology, problems);
    subscriptions(topology, problems);
    events(topology, problems);
}

fn unknown<'a>(
    (kind, name): (&str, &str),
    (path, place): (&str, Place),
    known: impl Iterator<Item = &'a str>,
    problems: &mut Problems,
) {
    let fix = words::did_you_mean(name, known).unwrap_or_else(|| format!("add `{name}: {{}}` under `{kind}s:`"));
    let message = format!("`{path}` is `{name}`, and the file has no {kind} of that name");
    problems.error(place, path, message, Some(fix));
}

fn references(topology: &Topology, problems: &mut Problems) {
    let topics = || topology.topics.iter().map(|topic| topic.name.as_str());
    let queues = || topology.queues.iter().map(|queue| queue.name.as_str());
    let mut queue_exists = |name: &str, path: &str, place: Place| {
        if !queues().any(|known| known == name) {
            unknown(("queue", name), (path, place), queues(), problems);
        }
    };
    for queue in &topology.queues {
        if let Some(dead) = &queue.dead_letter {
            queue_exists(&dead.queue, &format!("queues.{}.dead_letter.queue", queue.name), dead.place);
        }
        if let Some(RedriveAllow::Queues(names)) = &queue.redrive_allow {
            for (name, place) in names {
                queue_exists(name, &format!("queues.{}.redrive_allow", queue.name), *place);
            }
        }
    }
    for (index, subscription) in topology.subscriptions.iter().enumerate() {
        queue_exists(&subscription.queue, &format!("subscriptions.{index}.queue"), subscription.places.1);
        if let Some((name, place)) = &subscription.dead_letter {
            queue_exists(name, &format!("subscriptions.{index}.dead_letter"), *place);
        }
    }
    let mut topic_exists = |name: &str, path: &str, place: Place| {
        if !topics().any(|known| known == name) {
            unknown(("topic", name), (path, place), topics(), problems);
        }
    };
    for (index, subscription) in topology.subscriptions.iter().enumerate() {
        topic_exists(&subscription.topic, &format!("subscriptions.{index}.topic"), subscription.places.0);
    }
    for route in &topology.events {
        topic_exists(&route.topic, &format!("events.{}.topic", route.pattern), route.topic_place);
    }
}

/// What only FIFO resources have.
const FIFO_ONLY: &[&str] =
    &["ContentBasedDeduplication", "DeduplicationScope", "FifoThroughputLimit", "FifoThroughputScope"];

fn fifo(settings: &Settings, by_name: bool, what: &str, path: &str, place: Place, problems: &mut Problems) {
    let attribute = if what == "queue" { "FifoQueue" } else { "FifoTopic" };
    let stated = settings.get(attribute).map(|text| text == "true");
    if let Some(stated) = stated.filter(|stated| *stated != by_name) {
        let message = if stated {
            format!("`{path}.fifo` is `true`, and the name of a FIFO {what} ends in `.fifo`")
        } else {
            format!("`{path}.fifo` is `false`, and a {what} whose name ends in `.fifo` is a FIFO {what}")
        };
        let fix = if stated {
            format!("name it `{}.fifo`", path.rsplit('.').next().unwrap_or(path))
        } else {
            "remove `fifo`".into()
        };
        problems.error(settings.place(attribute).unwrap_or(place), path, message, Some(fix));
    }
    if by_name {
        return;
    }
    for (field, _) in settings.iter().filter(|(field, _)| FIFO_ONLY.contains(&field.attribute)) {
        let here = join(path, field.key);
        let message = format!("`{here}` is set, and only a FIFO {what} has it");
        problems.error(settings.place(field.attribute).unwrap_or(place), &here, message, Some("remove it".into()));
    }
}

fn encryption(queue: &Queue, problems: &mut Problems) {
    if queue.settings.get("SqsManagedSseEnabled") == Some("true")
        && let Some(place) = queue.settings.place("KmsMasterKeyId")
    {
        let path = format!("queues.{}.kms_key", queue.name);
        let message = format!("`{path}` and `sse: true` are both set; SQS takes one kind of encryption");
        problems.error(place, &path, message, Some("remove `sse`".into()));
    }
}

fn dead_letters(topology: &Topology, queue: &Queue, problems: &mut Problems) {
    let Some(dead) = &queue.dead_letter else { return };
    let path = format!("queues.{}.dead_letter", queue.name);
    if dead.max_receives == 1 {
        let message = format!("`{path}.max_receives` is 1: a consumer that stops half-way dead-letters a good message");
        problems.warn(dead.place, &path, message, Some("write `max_receives: 5`".into()));
    }
    let Some(target) = topology.queue(&dead.queue) else { return };
    if target.is_fifo() != queue.is_fifo() {
        let message = format!(
            "`{path}.queue` is `{}`, {}, but the dead-letter queue of {} has to be of the same type",
            target.name,
            kind(target.is_fifo()),
            kind(queue.is_fifo())
        );
        problems.error(dead.place, &path, message, None);
    }
    // A dead letter of a standard queue keeps the age that it had:
    // https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/setting-up-dead-letter-queue-retention.html
    if target.retention() < queue.retention() {
        let message = format!(
            "dead letters of `{}` ({}) live shorter in `{}` ({}), since they keep their age",
            queue.name,
            show_seconds(queue.retention()),
            target.name,
            show_seconds(target.retention())
        );
        let fix = Some(format!("write `retention: 14d` for `{}`", target.name));
        problems.warn(target.place, &join("queues", &target.name), message, fix);
    }
}

fn kind(fifo: bool) -> &'static str {
    if fifo { "a FIFO queue" } else { "a standard queue" }
}

/// Dead letters that would come back to where they started.
fn cycles(topology: &Topology, problems: &mut Problems) {
    let mut told: Vec<&str> = Vec::new();
    for start in &topology.queues {
        let mut path = vec![start.name.as_str()];
        let mut at = start;
        while let Some(next) = at.dead_letter.as_ref().and_then(|dead| topology.queue(&dead.queue)) {
            if next.name == start.name {
                if path.iter().any(|name| told.contains(name)) {
                    break;
                }
                told.extend(&path);
                path.push(&start.name);
                let place = start.dead_letter.as_ref().map_or(start.place, |dead| dead.place);
                let message = format!("dead letters go in a circle: `{}`", path.join("` → `"));
                let fix = Some(format!("remove `dead_letter` from `{}`", at.name));
                problems.error(place, &format!("queues.{}.dead_letter", start.name), message, fix);
                break;
            }
            if path.contains(&next.name.as_str()) {
                break; // a circle further on, told from its own start
            }
            path.push(&next.name);
            at = next;
        }
    }
}

fn subscriptions(topology: &Topology, problems: &mut Problems) {
    for (index, subscription) in topology.subscriptions.iter().enumerate() {
        let path = format!("subscriptions.{index}");
        let pair = (&subscription.topic, &subscription.queue);
        if let Some(first) = topology.subscriptions[..index].iter().find(|s| (&s.topic, &s.queue) == pair) {
            let message = format!(
                "`{}` is subscribed to `{}` a second time; the first is on line {}, and SNS knows one subscription of a queue to a topic",
                subscription.queue, subscription.topic, first.place.line
            );
            let fix = Some("join the two filters with `$or`, or remove one".into());
            problems.error(subscription.place, &path, message, fix);
        }
        let (Some(topic), Some(queue)) = (topology.topic(pair.0), topology.queue(pair.1)) else { continue };
        if queue.is_fifo() && !topic.is_fifo() {
            let message =
                format!("`{}` is a FIFO queue and `{}` a standard topic; SNS refuses that", queue.name, topic.name);
            problems.error(subscription.places.1, &path, message, Some("make both FIFO, or the queue standard".into()));
        }
        if let Some((name, place)) = &subscription.dead_letter
            && let Some(dead) = topology.queue(name)
            && dead.is_fifo() != topic.is_fifo()
        {
            let message = format!(
                "`{path}.dead_letter` is {}, and the topic `{}` is not of that type",
                kind(dead.is_fifo()),
                topic.name
            );
            problems.error(*place, &path, message, None);
        }
        if subscription.raw {
            let message = format!(
                "`{}` gets raw messages from `{}`: the Python library's subscribers need the wrapper and lose raw ones, and messages with more than ten attributes are discarded",
                queue.name, topic.name
            );
            problems.warn(subscription.place, &join(&path, "raw"), message, None);
        }
        if topology.is_dead_letter_target(&queue.name) {
            let message = format!("`{}` takes dead letters, and is subscribed to `{}` as well", queue.name, topic.name);
            problems.warn(subscription.places.1, &path, message, None);
        }
    }
}

fn events(topology: &Topology, problems: &mut Problems) {
    for route in &topology.events {
        let path = join("events", &route.pattern);
        if route.is_pattern() && route.pattern != "*" && !route.pattern.contains('.') {
            let message = format!(
                "the pattern `{}` is compared with `Publisher.Event`, so its beginning is the publisher's name",
                route.pattern
            );
            problems.warn(route.place, &path, message, Some(format!("for any publisher write `*.{}`", route.pattern)));
        }
        let fifo = topology.topic(&route.topic).is_some_and(|topic| topic.is_fifo());
        if route.group_by.is_some() && !fifo {
            let message = format!("`{path}.group_by` is set, and `{}` is not a FIFO topic", route.topic);
            problems.warn(route.place, &path, message, None);
        }
    }
}
