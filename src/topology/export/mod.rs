//! A topology in the languages of others, so that nobody is locked in.
//!
//! What the other language cannot say is left out and told. Pure JSON, in a stable order.

mod asyncapi;
mod cloudformation;
mod terraform;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::fields::{Field, Kind};
use super::model::Topology;

pub use asyncapi::asyncapi;
pub use cloudformation::cloudformation;
pub use terraform::terraform;

/// A document, and what it does not say.
#[derive(Clone, Debug, PartialEq)]
pub struct Exported {
    /// The document.
    pub document: Value,
    /// What was left out, a sentence each.
    pub left_out: Vec<String>,
}

/// AWS's text of a plain field as a JSON value of the kind that other tools take.
fn typed(field: &Field, text: &str) -> Value {
    match field.kind {
        Kind::Seconds { .. } | Kind::Bytes { .. } | Kind::Days { .. } | Kind::Number { .. } => {
            text.parse::<u64>().map_or_else(|_| text.into(), Value::from)
        }
        Kind::Flag => Value::Bool(text == "true"),
        Kind::Json => serde_json::from_str(text).unwrap_or(Value::Null),
        Kind::Text { .. } | Kind::Choice(_) => text.into(),
    }
}

/// `wanted`, with a number behind it when that is `taken` already: what comes second is not lost.
fn unique(wanted: String, taken: impl Fn(&str) -> bool) -> String {
    let (mut id, mut number) = (wanted.clone(), 2);
    while taken(&id) {
        id = format!("{wanted}{number}");
        number += 1;
    }
    id
}

/// Names of ours as names that another language takes, with a number where two become the same.
struct Ids {
    given: BTreeMap<(&'static str, String), String>,
}

impl Ids {
    /// `names` are kinds and names; `join` makes of them what the language takes: for `user_events` and CloudFormation,
    /// `UserEventsQueue`. Ids are told apart within a kind.
    fn new<'a>(
        names: impl Iterator<Item = (&'static str, &'a str)>,
        join: impl Fn(&'static str, &str) -> String,
    ) -> Self {
        let mut ids = Self { given: BTreeMap::new() };
        let mut taken = BTreeSet::new();
        for (kind, name) in names {
            let id = unique(join(kind, name), |id| taken.contains(&(kind, id.to_owned())));
            taken.insert((kind, id.clone()));
            ids.given.insert((kind, name.to_owned()), id);
        }
        ids
    }

    /// Those of what the topology makes.
    fn of_own(topology: &Topology, join: impl Fn(&'static str, &str) -> String) -> Self {
        let topics = topology.own_topics().map(|topic| ("topic", topic.name.as_str()));
        let queues = topology.own_queues().map(|queue| ("queue", queue.name.as_str()));
        Self::new(topics.chain(queues), join)
    }

    fn of(&self, kind: &'static str, name: &str) -> Option<&str> {
        self.given.get(&(kind, name.to_owned())).map(String::as_str)
    }
}

/// The topics that send to a queue, as subscriber or as the place of what could not be delivered; each once.
fn senders<'a>(topology: &'a Topology, queue: &str) -> Vec<&'a str> {
    let mut senders: Vec<&str> = Vec::new();
    for subscription in &topology.subscriptions {
        let dead = subscription.dead_letter.as_ref().is_some_and(|(name, _)| name == queue);
        if (subscription.queue == queue || dead) && !senders.contains(&subscription.topic.as_str()) {
            senders.push(&subscription.topic);
        }
    }
    senders
}
