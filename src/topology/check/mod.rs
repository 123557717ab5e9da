//! Checks that need more than one place of the file. Here everything is known by the file's own names.
//!
//! An error is what SNS or SQS would refuse, or what cannot mean anything; a warning is what they would take and somebody
//! would regret.

mod queues;
mod subscriptions;

use super::model::{Queue, RedriveAllow, Settings, Topic, Topology};
use super::problem::{Place, Problems};
use super::yaml::join;
use crate::words;

/// What the checks say of the whole.
pub(super) fn all(topology: &Topology, problems: &mut Problems) {
    references(topology, problems);
    names(topology, problems);
    for topic in topology.own_topics() {
        topic_alone(topic, problems);
    }
    queues::all(topology, problems);
    subscriptions::all(topology, problems);
    events(topology, problems);
}

fn topic_of<'t>(topology: &'t Topology, key: &str) -> Option<&'t Topic> {
    topology.topics.iter().find(|topic| topic.key == key)
}

fn queue_of<'t>(topology: &'t Topology, key: &str) -> Option<&'t Queue> {
    topology.queues.iter().find(|queue| queue.key == key)
}

fn kind(fifo: bool) -> &'static str {
    if fifo { "a FIFO queue" } else { "a standard queue" }
}

/// A reference to a topic or a queue.
struct Reference<'a> {
    noun: &'static str,
    name: &'a str,
    path: String,
    place: Place,
}

impl Reference<'_> {
    fn check<'k>(&self, prefix: &str, known: impl Iterator<Item = &'k str> + Clone, problems: &mut Problems) {
        let Self { noun, name, path, place } = self;
        if known.clone().any(|key| key == *name) {
            return;
        }
        let fix = if name.starts_with("arn:") {
            let own = name.rsplit(':').next().unwrap_or(name);
            format!(
                "declare it and refer to it by that name: `{noun}s: {{ {own}: {{ external: true, arn: \"{name}\" }} }}`"
            )
        } else if let Some(own) = name.strip_prefix(prefix).filter(|own| known.clone().any(|key| key == *own)) {
            format!("write `{own}`: within the file names have no prefix")
        } else {
            words::did_you_mean(name, known).unwrap_or_else(|| format!("add `{name}: {{}}` under `{noun}s:`"))
        };
        let message = format!("`{path}` is `{name}`, and the file has no {noun} of that name");
        problems.error(*place, path, message, Some(fix));
    }
}

fn references(topology: &Topology, problems: &mut Problems) {
    let topics = topology.topics.iter().map(|topic| topic.key.as_str());
    let queues = topology.queues.iter().map(|queue| queue.key.as_str());
    let mut queue = |name: &str, path: String, place: Place| {
        Reference { noun: "queue", name, path, place }.check(&topology.prefix, queues.clone(), problems);
    };
    for source in &topology.queues {
        if let Some(dead) = &source.dead_letter {
            queue(&dead.queue, format!("queues.{}.dead_letter.queue", source.key), dead.place);
        }
        if let Some(RedriveAllow::Queues(names)) = &source.redrive_allow {
            for (name, place) in names {
                queue(name, format!("queues.{}.redrive_allow", source.key), *place);
            }
        }
    }
    for (index, subscription) in topology.subscriptions.iter().enumerate() {
        queue(&subscription.queue, format!("subscriptions.{index}.queue"), subscription.places.1);
        if let Some((name, place)) = &subscription.dead_letter {
            queue(name, format!("subscriptions.{index}.dead_letter"), *place);
        }
    }
    let mut topic = |name: &str, path: String, place: Place| {
        Reference { noun: "topic", name, path, place }.check(&topology.prefix, topics.clone(), problems);
    };
    for (index, subscription) in topology.subscriptions.iter().enumerate() {
        topic(&subscription.topic, format!("subscriptions.{index}.topic"), subscription.places.0);
    }
    for route in &topology.events {
        for (name, place) in route.topics.iter().zip(&route.topic_places) {
            topic(name, format!("events.{}.topic", route.pattern), *place);
        }
    }
}

/// Two keys that are one thing at the bus.
fn names(topology: &Topology, problems: &mut Problems) {
    let topics = topology.topics.iter().map(|topic| ("topics", &topic.key, &topic.name, topic.place));
    let queues = topology.queues.iter().map(|queue| ("queues", &queue.key, &queue.name, queue.place));
    let all: Vec<_> = topics.chain(queues).collect();
    for (index, (section, key, name, place)) in all.iter().enumerate() {
        // Keys that are equal were told when the file was read.
        let first = all[..index].iter().find(|(other, k, n, _)| other == section && n == name && k != key);
        if let Some((_, first, ..)) = first {
            let message = format!("`{section}.{key}` and `{section}.{first}` are both `{name}`");
            problems.error(*place, &join(section, key), message, Some("keep one of them".into()));
        }
    }
}

fn topic_alone(topic: &Topic, problems: &mut Problems) {
    let path = join("topics", &topic.key);
    fifo(&topic.settings, topic.is_fifo(), "topic", &path, topic.place, problems);
    if topic.archive_days.is_some() && !topic.is_fifo() {
        let here = join(&path, "archive");
        let fix = Some("remove `archive`, or let the topic's name end in `.fifo`".into());
        problems.error(topic.place, &here, format!("`{here}` is set; only FIFO topics keep an archive"), fix);
    }
    let role = |attribute: &str| topic.settings.get(attribute).is_some();
    if let Some(place) = topic.settings.place("SQSSuccessFeedbackSampleRate")
        && !role("SQSSuccessFeedbackRoleArn")
    {
        let here = join(&path, "success_log_percent");
        let message = format!("`{here}` is set without `success_log_role`, so nothing is logged");
        problems.warn(place, &here, message, Some("add `success_log_role: ARN`".into()));
    }
    // https://docs.aws.amazon.com/general/latest/gr/sns.html: 100 statements in a topic's policy.
    if topic.policy.len() > 100 {
        let here = join(&path, "policy");
        let message = format!("`{here}` has {} statements; AWS takes up to 100", topic.policy.len());
        problems.error(topic.place, &here, message, None);
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
        let topics: Vec<&Topic> = route.topics.iter().filter_map(|name| topic_of(topology, name)).collect();
        if route.group_by.is_some() && !topics.is_empty() && topics.iter().all(|topic| !topic.is_fifo()) {
            let none = match topics.as_slice() {
                [_] => format!("`{}` is not a FIFO topic", route.topics[0]),
                _ => format!("none of {} is a FIFO topic", words::list(&route.topics)),
            };
            let message = format!("`{path}.group_by` is set, and {none}");
            problems.warn(route.place, &path, message, Some("remove `group_by`".into()));
        }
    }
}
