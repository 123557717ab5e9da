//! Checks that need more than the topology: the payload schemas, the settings of the project. Before any call, and without one.
//!
//! All of them find warnings: SNS and SQS would take the file. Publishers that this project does not know may send what its
//! schemas and its routing table do not say, so nothing here is certain enough to refuse a file by itself.

mod names;
mod reach;
mod shape;
#[cfg(test)]
mod tests;

use std::time::Duration;

use crate::event::EnvelopeStyle;
use crate::schema::Catalogue;
use crate::topology::{Problem, Topology, show_seconds};

/// What is known besides the topology.
#[derive(Clone, Copy, Debug)]
pub struct Surroundings<'a> {
    /// The payload schemas.
    pub catalogue: &'a Catalogue,
    /// How this project writes its envelopes.
    pub envelope: EnvelopeStyle,
    /// As whom this project publishes.
    pub publisher: Option<&'a str>,
    /// The queue that this project consumes by default, and how long its handler may take.
    pub consumes: (Option<&'a str>, Option<Duration>),
    /// Whether `publish` routes by this very file, so that every schema should have its event in it.
    pub routes_here: bool,
}

/// Everything that can be found, in the order of the files.
pub fn check(topology: &Topology, around: &Surroundings<'_>) -> Vec<Problem> {
    let mut found = Vec::new();
    let envelope = reach::Envelope::of(around.envelope);
    names::routes(topology, around, &mut found);
    names::camelized(topology, around, &envelope, &mut found);
    reach::all(topology, around, &envelope, &mut found);
    visibility(topology, around, &mut found);
    found.sort_by_key(|problem| problem.place);
    found
}

/// A message that comes back while its handler still runs is handled twice.
fn visibility(topology: &Topology, around: &Surroundings<'_>, found: &mut Vec<Problem>) {
    let (named, Some(timeout)) = around.consumes else { return };
    let seconds = timeout.as_secs() + u64::from(timeout.subsec_nanos() > 0);
    let meant = |name: &str, key: &str| named.is_none_or(|named| named == name || named == key);
    for queue in topology.own_queues().filter(|queue| meant(&queue.name, &queue.key)) {
        if topology.is_dead_letter_target(&queue.name) || queue.visibility_timeout() >= seconds {
            continue;
        }
        let path = format!("queues.{}.visibility_timeout", queue.key);
        let message = format!(
            "`{path}` is {}, and a handler may take {} (`consume.timeout` in eventbus.yaml): messages come back while they are handled",
            show_seconds(queue.visibility_timeout()),
            show_seconds(seconds)
        );
        let place = queue.settings.place("VisibilityTimeout").unwrap_or(queue.place);
        let fix = format!("write `visibility_timeout: {}`", show_seconds(seconds));
        found.push(topology.warning(place, &path, message, Some(fix)));
    }
}
