//! The path of one entity or trace: what was published, which queues got it, and when it was first taken there.
//!
//! A `traceparent` names the trace and the event's own span, not the span it came from. What `consume` publishes about an event
//! has a span that is made of that event's id, so there it is known which came of which; elsewhere the trace, the entity and the
//! times say what they can. Each event stands below the one it came of, with its queues.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::Emitter;
use super::outcome_event::outcome_span;
use super::rejected::REASON_ATTRIBUTE;
use super::shutdown::Shutdown;
use super::tail::{self, Request, Sink, Stop, TailError};
use crate::bus::Bus;
use crate::event::{Attribute, Record, TraceParent};

/// One event of a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// The event's name.
    pub event: String,
    /// The entity it is about.
    pub entity_id: Option<String>,
    /// Who published it.
    pub publisher: Option<String>,
    /// When it was published, as far as can be told.
    pub at: Option<Timestamp>,
    /// The trace it belongs to.
    pub trace: Option<String>,
    /// SNS's id of its message.
    pub sns_message_id: Option<String>,
    /// The topic it went to (name).
    pub topic: Option<String>,
    /// Where it was found.
    pub copies: Vec<Copy>,
    /// Its own span, 16 hexadecimal digits.
    span: Option<String>,
    /// What it came of.
    pub parent: Option<Parent>,
}

/// What an event came of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parent {
    /// The other event, by its place in [`Path::steps`].
    pub event: usize,
    /// The queue that it was handled from, where there was only one.
    pub queue: Option<String>,
    /// How that is known.
    pub by: Link,
    /// The attempt that failed.
    pub attempt: Option<u32>,
}

/// How it is known which event another one came of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Link {
    /// Its span is made of the other's id: `consume` published it for that.
    Span,
    /// They are of one trace, which the other began.
    Trace,
    /// They are about one entity, and the other was being handled when this one was published.
    Entity,
}

impl Step {
    /// When it was published, as exactly as is known: the date in it has whole seconds only.
    fn order(&self) -> Option<Timestamp> {
        self.copies.iter().filter_map(|copy| copy.sent).min().or(self.at)
    }

    /// The ids that whoever handled it may have known it by.
    fn ids(&self) -> impl Iterator<Item = &str> {
        self.sns_message_id.as_deref().into_iter().chain(self.copies.iter().map(|copy| copy.message_id.as_str()))
    }

    /// The queue from which it was taken before `then`; none where there are several, or none.
    fn handled_in(&self, then: Option<Timestamp>) -> Option<&Copy> {
        let before = |copy: &&Copy| {
            copy.queue.is_some() && copy.first_received.is_some_and(|at| then.is_none_or(|then| at <= then))
        };
        let mut handled = self.copies.iter().filter(before);
        handled.next().filter(|_| handled.next().is_none())
    }
}

/// A copy of an event in a queue.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Copy {
    /// The queue; none when it was seen on its topic.
    pub queue: Option<String>,
    /// SQS's id.
    pub message_id: String,
    /// When it got there.
    pub sent: Option<Timestamp>,
    /// When it was first received.
    pub first_received: Option<Timestamp>,
    /// How often it was received.
    pub receives: Option<u32>,
    /// The queue that it was dead-lettered from (name).
    pub dead_letter_of: Option<String>,
    /// Why it was rejected.
    pub reason: Option<String>,
}

/// A path.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Path {
    /// Its events, the earliest first.
    pub steps: Vec<Step>,
    /// The traces that it touches.
    pub traces: BTreeSet<String>,
    /// The entities that it touches.
    pub entities: BTreeSet<String>,
}

/// Looks for the path of `id`, an entity's id or a trace's, in all that `request` selects.
///
/// # Errors
/// As [`tail::run`].
pub async fn run(
    bus: Option<&Bus>,
    request: Request,
    id: &str,
    emit: &Emitter,
    shutdown: &Shutdown,
) -> Result<(tail::Report, Path), TailError> {
    let mut found = Found { id: id.to_owned(), candidates: Vec::new() };
    let report = tail::run_into(bus, request, &mut found, emit, shutdown, std::future::pending()).await?;
    Ok((report, found.path()))
}

/// What may belong to the path. Which trace the entity's events belong to is known only at the end, so whatever is traced may.
#[derive(Debug)]
struct Found {
    id: String,
    candidates: Vec<Step>,
}

impl Sink for Found {
    async fn take(&mut self, record: Record) -> Result<(), Stop> {
        if let Some(step) = step(&record)
            && (step.trace.is_some() || step.entity_id.as_deref() == Some(self.id.as_str()))
        {
            self.candidates.push(step);
        }
        Ok(())
    }
}

impl Found {
    fn path(self) -> Path {
        let is_meant = |step: &&Step| {
            step.entity_id.as_deref() == Some(self.id.as_str()) || step.trace.as_deref() == Some(self.id.as_str())
        };
        let traces: BTreeSet<String> =
            self.candidates.iter().filter(is_meant).filter_map(|step| step.trace.clone()).collect();
        let belongs = |step: &&Step| is_meant(step) || step.trace.as_ref().is_some_and(|trace| traces.contains(trace));
        // The copies of one event: the same message of SNS, or what nobody published twice in the same moment.
        let mut steps: BTreeMap<String, Step> = BTreeMap::new();
        for step in self.candidates.iter().filter(belongs) {
            let key = step.sns_message_id.clone().unwrap_or_else(|| {
                format!("{}\0{:?}\0{:?}\0{:?}", step.event, step.entity_id, step.at, step.publisher)
            });
            let merged = steps.entry(key).or_insert_with(|| Step { copies: Vec::new(), ..step.clone() });
            for copy in &step.copies {
                match merged
                    .copies
                    .iter_mut()
                    .find(|known| known.queue == copy.queue && known.message_id == copy.message_id)
                {
                    // The same message seen twice: the later look knows more.
                    Some(known) if known.receives < copy.receives => *known = copy.clone(),
                    Some(_) => {}
                    None => merged.copies.push(copy.clone()),
                }
            }
        }
        let mut steps: Vec<Step> = steps.into_values().collect();
        steps.sort_by(|a, b| (a.order(), &a.event).cmp(&(b.order(), &b.event)));
        for step in &mut steps {
            step.copies.sort_by(|a, b| (a.sent, &a.queue).cmp(&(b.sent, &b.queue)));
        }
        join(&mut steps);
        let entities = steps.iter().filter_map(|step| step.entity_id.clone()).collect();
        Path { steps, traces, entities }
    }
}

/// So many attempts at most are looked for.
const ATTEMPTS: u32 = 100;

/// Finds what each event came of. The steps are in the order of their times.
fn join(steps: &mut [Step]) {
    let mut parents: Vec<Option<Parent>> = (0..steps.len()).map(|at| by_span(steps, at)).collect();
    for at in 0..steps.len() {
        if parents[at].is_none() {
            parents[at] = by_circumstances(steps, at).filter(|parent| !leads_to(&parents, parent.event, at));
        }
    }
    for (step, parent) in steps.iter_mut().zip(parents) {
        step.parent = parent;
    }
}

/// Whether `from` came of `to`, at whatever distance.
fn leads_to(parents: &[Option<Parent>], from: usize, to: usize) -> bool {
    std::iter::successors(Some(from), |at| parents[*at].as_ref().map(|parent| parent.event)).any(|at| at == to)
}

fn by_span(steps: &[Step], at: usize) -> Option<Parent> {
    let step = &steps[at];
    let span = step.span.as_deref()?;
    let others = steps.iter().enumerate().filter(|(other, cause)| *other != at && cause.trace == step.trace);
    others.into_iter().find_map(|(other, cause)| {
        let received = cause.copies.iter().filter_map(|copy| copy.receives).max().unwrap_or(ATTEMPTS);
        let attempts = (0..=received.clamp(1, ATTEMPTS)).map(|attempt| (attempt > 0).then_some(attempt));
        let found = attempts
            .into_iter()
            .find(|attempt| cause.ids().any(|id| outcome_span(id, &step.event, *attempt) == span))?;
        let queue = cause.handled_in(None).and_then(|copy| copy.queue.clone());
        Some(Parent { event: other, queue, by: Link::Span, attempt: found })
    })
}

fn by_circumstances(steps: &[Step], at: usize) -> Option<Parent> {
    let step = &steps[at];
    let earlier = &steps[..at];
    let then = step.order();
    let link = |event: usize, by: Link| {
        let queue = steps[event].handled_in(then).and_then(|copy| copy.queue.clone());
        Some(Parent { event, queue, by, attempt: None })
    };
    let of_trace = |cause: &Step| step.trace.is_some() && cause.trace == step.trace;
    // Being handled says more than having begun the trace.
    let handled = |cause: &Step| then.is_some() && cause.handled_in(then).is_some();
    if let Some(event) = earlier.iter().rposition(|cause| of_trace(cause) && handled(cause)) {
        return link(event, Link::Trace);
    }
    if let Some(event) = earlier.iter().position(of_trace) {
        return link(event, Link::Trace);
    }
    let same =
        |cause: &Step| cause.entity_id.is_some() && cause.entity_id == step.entity_id && cause.event != step.event;
    let event = earlier.iter().rposition(|cause| step.trace.is_none() && same(cause) && handled(cause))?;
    link(event, Link::Entity)
}

fn step(record: &Record) -> Option<Step> {
    let metadata = &record.event.as_ref()?.metadata;
    let system = &record.message;
    let time = |text: &Option<String>| text.as_deref().and_then(|text| text.parse::<Timestamp>().ok());
    let name = |arn: &str| arn.rsplit(':').next().unwrap_or(arn).to_owned();
    let context = metadata.trace();
    let traced = context.map(TraceParent::trace_id);
    let reason = record.outer_attributes.get(REASON_ATTRIBUTE).or_else(|| record.attributes.get(REASON_ATTRIBUTE));
    let copy = Copy {
        queue: system.queue.clone(),
        message_id: system.id.clone(),
        sent: time(&system.sent_at),
        first_received: time(&system.first_received_at),
        receives: system.receive_count,
        dead_letter_of: system.dead_letter_source.as_deref().map(name),
        reason: reason.and_then(Attribute::text).map(str::to_owned),
    };
    Some(Step {
        event: metadata.event_name.clone(),
        entity_id: metadata.entity_id.clone(),
        publisher: metadata.publisher_name.clone(),
        at: time(&metadata.publish_date).or(copy.sent),
        trace: traced,
        sns_message_id: system.sns_message_id.clone(),
        topic: system.topic.as_deref().map(name),
        copies: vec![copy],
        span: context.map(TraceParent::span_id),
        parent: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Attributes, SystemRecord};

    const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";

    fn record(event: &str, entity: &str, second: u32, traced: bool, queue: &str) -> Record {
        let trace = if traced { format!("00-{TRACE}-b7ad6b7169203331-01") } else { String::new() };
        let body = serde_json::json!({
            "Metadata": {"EventName": event, "EntityName": "E", "EntityId": entity, "PublisherName": "P", "Traceparent": trace,
                "PublishDate": format!("2026-11-23T08:00:{second:02}+00:00")},
            "Payload": {},
        });
        let system = SystemRecord {
            id: format!("{event}-{queue}"),
            queue: Some(queue.into()),
            sent_at: Some(format!("2026-11-23T08:00:{second:02}.500Z")),
            receive_count: Some(0),
            ..SystemRecord::default()
        };
        Record::new(body.to_string(), Attributes::new(), system)
    }

    fn path(id: &str, records: &[Record]) -> Path {
        let candidates = records.iter().filter_map(step);
        let candidates =
            candidates.filter(|step| step.trace.is_some() || step.entity_id.as_deref() == Some(id)).collect();
        Found { id: id.into(), candidates }.path()
    }

    #[test]
    fn the_path_of_an_entity_follows_its_trace_in_the_order_of_time() {
        let records = [
            record("MailSent", "mail-1", 9, true, "mails"),
            record("UserRegistered", "7", 3, true, "user_events"),
            record("UserRegistered", "7", 3, true, "audit"),
            record("UserRegistered", "7", 3, true, "audit"),
            record("UserRegistered", "8", 1, false, "user_events"),
            record("Profile", "7", 20, false, "profiles"),
        ];
        let found = path("7", &records);
        let names: Vec<&str> = found.steps.iter().map(|step| step.event.as_str()).collect();
        assert_eq!(names, ["UserRegistered", "MailSent", "Profile"]);
        let queues: Vec<_> = found.steps[0].copies.iter().map(|copy| copy.queue.as_deref().unwrap()).collect();
        assert_eq!(queues, ["audit", "user_events"], "a message that was seen twice is one");
        assert_eq!((found.traces.len(), found.entities.len()), (1, 2));
        let names: Vec<String> = path(TRACE, &records).steps.into_iter().map(|step| step.event).collect();
        assert_eq!(names, ["UserRegistered", "MailSent"]);
        assert_eq!(path("9", &records), Path::default());
    }

    /// The same in another span, taken after so many seconds.
    fn with(mut record: Record, span: &str, taken: Option<u32>) -> Record {
        let system = SystemRecord {
            first_received_at: taken.map(|second| format!("2026-11-23T08:00:{second:02}.700Z")),
            receive_count: Some(u32::from(taken.is_some()) * 2),
            ..std::mem::take(&mut record.message)
        };
        Record::new(record.body.replace("b7ad6b7169203331", span), Attributes::new(), system)
    }

    #[test]
    fn what_came_of_an_event_stands_below_it() {
        let cause = with(record("UserRegistered", "7", 3, true, "user_events"), "b7ad6b7169203331", Some(3));
        let failed = outcome_span("UserRegistered-user_events", "UserRegistrationFailed", Some(2));
        let done = outcome_span("UserRegistrationFailed-user_events", "Cleaned", None);
        let records = [
            with(record("Cleaned", "other", 5, true, "audit"), &done, None),
            with(record("UserRegistrationFailed", "7", 3, true, "user_events"), &failed, Some(4)),
            cause,
            with(record("MailSent", "mail", 9, true, "mails"), "00000000000000aa", None),
            with(record("Profile", "7", 20, false, "profiles"), "", None),
            with(record("UserRegistered", "8", 1, false, "user_events"), "", None),
        ];
        let found = path("7", &records);
        let names: Vec<&str> = found.steps.iter().map(|step| step.event.as_str()).collect();
        // Within the same half second: the order of the names, and yet the span tells which came of which.
        assert_eq!(names, ["UserRegistered", "UserRegistrationFailed", "Cleaned", "MailSent", "Profile"]);
        let parents: Vec<_> = found.steps.iter().map(|step| step.parent.as_ref()).collect();
        let told =
            |at: usize| parents[at].map(|parent| (parent.event, parent.by, parent.attempt, parent.queue.as_deref()));
        assert_eq!(told(0), None);
        assert_eq!(told(1), Some((0, Link::Span, Some(2), Some("user_events"))));
        assert_eq!(told(2), Some((1, Link::Span, None, Some("user_events"))));
        assert_eq!(told(3), Some((1, Link::Trace, None, Some("user_events"))), "the last that was being handled");
        assert_eq!(told(4), Some((1, Link::Entity, None, Some("user_events"))));
        assert!(path("8", &records).steps[0].parent.is_none());
    }
}
