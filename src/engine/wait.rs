//! Waiting for the answer to what was published: through a tap, for events of certain names about the same entity or of the same
//! trace.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tokio::time::Instant;

use super::shutdown::Shutdown;
use super::tap::{self, Spot, Tap};
use crate::bus::{Bus, BusError, MAX_WAIT, Topic};
use crate::clock::Clock;
use crate::event::Record;
use crate::topology::{Topology, glob};

/// What was published, and what an answer to it is known by.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Asked {
    /// The entities that the published events are about.
    pub entities: BTreeSet<String>,
    /// SNS's ids of the published messages: they are no answers to themselves.
    pub messages: BTreeSet<String>,
    /// The traces that they belong to, as 32 hexadecimal digits each, with the entity that began it.
    pub traces: BTreeMap<String, String>,
}

/// What came.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Waited {
    /// The answers, in the order in which they came.
    pub answers: Vec<Record>,
    /// The entities without an answer.
    pub missing: BTreeSet<String>,
    /// A signal came first.
    pub interrupted: bool,
}

/// Who waits. It must be closed.
#[derive(Debug)]
pub struct Waiter {
    tap: Tap,
    events: Vec<String>,
}

/// The topics, by name, to which events that fit `pattern` go.
pub fn topics_of<'a>(topology: &'a Topology, pattern: &str) -> BTreeSet<&'a str> {
    let fits = |route: &crate::topology::Route| match route.event_name() {
        Some(name) => glob(pattern, name) || glob(pattern, &route.pattern),
        // Two patterns: an event that both fit is possible, or it is the very name that the route's pattern is for.
        None => pattern.contains('*') || glob(&route.pattern, pattern) || glob(&route.pattern, &format!(".{pattern}")),
    };
    topology.events.iter().filter(|route| fits(route)).flat_map(|route| &route.topics).map(String::as_str).collect()
}

impl Waiter {
    /// Opens a tap on `topics`. What is published from now on is not missed.
    ///
    /// # Errors
    /// What making the tap answers.
    pub async fn open(bus: &Bus, topics: &[Topic], events: Vec<String>, clock: &Clock) -> Result<Self, BusError> {
        // What earlier runs left. That this cannot be done is no reason not to wait.
        let _ = tap::tidy(bus, clock.now()).await;
        let tap = Tap::open(bus, Spot::topics(topics), clock).await?;
        Ok(Self { tap, events })
    }

    /// Waits until every entity of `asked` has its answer, for `timeout` at most, or until a signal.
    ///
    /// # Errors
    /// What receiving answers.
    pub async fn wait(&self, asked: &Asked, timeout: Duration, shutdown: &Shutdown) -> Result<Waited, BusError> {
        let end = Instant::now().checked_add(timeout);
        let mut waited = Waited { missing: asked.entities.clone(), ..Waited::default() };
        while !waited.missing.is_empty() {
            let left = end.map_or(MAX_WAIT, |end| end.saturating_duration_since(Instant::now()));
            if left.is_zero() {
                break;
            }
            // SQS counts in whole seconds, and is not to be waited for longer than was said.
            let received = tokio::select! {
                biased;
                () = shutdown.draining() => {
                    waited.interrupted = true;
                    break;
                }
                received = tokio::time::timeout(left, self.tap.receive(left.min(MAX_WAIT))) => received,
            };
            let Ok(records) = received else { break };
            for record in records? {
                if let Some(entity) = self.answers(&record, asked, &waited.missing) {
                    waited.missing.remove(&entity);
                    waited.answers.push(record);
                }
            }
        }
        Ok(waited)
    }

    /// Removes the tap.
    ///
    /// # Errors
    /// As [`Tap::close`].
    pub async fn close(self) -> Result<(), BusError> {
        self.tap.close().await
    }

    /// Which entity, of those that still wait, this is the answer about.
    fn answers(&self, record: &Record, asked: &Asked, missing: &BTreeSet<String>) -> Option<String> {
        is_answer(&self.events, record, asked, missing)
    }
}

fn is_answer(events: &[String], record: &Record, asked: &Asked, missing: &BTreeSet<String>) -> Option<String> {
    let metadata = &record.event.as_ref()?.metadata;
    let named = events.iter().any(|pattern| {
        let whole = format!("{}.{}", metadata.publisher_name.as_deref().unwrap_or_default(), metadata.event_name);
        glob(pattern, &metadata.event_name) || glob(pattern, &whole)
    });
    let own = record.message.sns_message_id.as_ref().is_some_and(|id| asked.messages.contains(id));
    if !named || own {
        return None;
    }
    if let Some(id) = metadata.entity_id.as_ref().filter(|id| missing.contains(*id)) {
        return Some(id.clone());
    }
    // The same trace and another entity: it answers the one that was published in that trace. Where there were several of them
    // (all of a run that continues a trace) it is whichever still waits.
    let began = asked.traces.get(&metadata.trace()?.trace_id())?;
    let known = metadata.entity_id.as_ref().is_some_and(|id| asked.entities.contains(id));
    let answered = if missing.contains(began) { Some(began) } else { missing.first() };
    answered.filter(|_| !known).cloned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Attributes, SystemRecord};

    fn record(event: &str, entity: &str, trace: &str, sns: &str) -> Record {
        let body = serde_json::json!({
            "Metadata": {"EventName": event, "EntityName": "E", "EntityId": entity, "PublisherName": "P", "Traceparent": trace},
            "Payload": {},
        });
        let system = SystemRecord { sns_message_id: Some(sns.into()), ..SystemRecord::default() };
        Record::new(body.to_string(), Attributes::new(), system)
    }

    #[test]
    fn an_answer_is_known_by_name_and_by_entity_or_trace() {
        let trace = "0af7651916cd43dd8448eb211c80319c";
        let asked = Asked {
            entities: ["1".to_owned(), "2".to_owned()].into(),
            messages: ["own".to_owned()].into(),
            traces: [(trace.to_owned(), "1".to_owned())].into(),
        };
        let events = ["Done".to_owned(), "P.Fail*".to_owned()];
        let parent = format!("00-{trace}-b7ad6b7169203331-01");
        let answers = |event: &str, entity: &str, parent: &str, sns: &str| {
            is_answer(&events, &record(event, entity, parent, sns), &asked, &asked.entities)
        };
        assert_eq!(answers("Done", "2", "", "x").as_deref(), Some("2"));
        assert_eq!(answers("Failed", "1", "", "x").as_deref(), Some("1"));
        assert_eq!(answers("Done", "3", &parent, "x").as_deref(), Some("1"), "by the trace");
        assert_eq!(answers("Done", "3", "", "x"), None);
        assert_eq!(answers("Other", "1", &parent, "x"), None);
        assert_eq!(answers("Done", "1", &parent, "own"), None);
    }

    #[test]
    fn awaited_events_have_topics() {
        let text = "version: 1\nname: t\ntopics: { a: {}, b: {}, c: {} }\nqueues: {}\nevents: { Done: { topic: a }, Shop.Failed: { topic: b }, Mail.*: { topic: c } }\n";
        let topology = Topology::parse(text, "t.yaml").expect("sound");
        let of = |pattern: &str| topics_of(&topology, pattern).into_iter().collect::<Vec<_>>();
        assert_eq!(of("Done"), ["a"]);
        assert_eq!(of("Failed"), ["b"]);
        assert_eq!(of("Shop.Failed"), ["b"]);
        assert_eq!(of("Mail.Sent"), ["c"]);
        assert_eq!(of("Nothing"), Vec::<&str>::new());
        assert_eq!(of("*"), ["a", "b", "c"]);
    }
}
