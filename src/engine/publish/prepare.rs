//! From a payload's text to a message: parse, check against the schema, wrap, route, check against SNS's rules.

use std::borrow::Cow;
use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use super::hooks::{Before, Changed, Leash, judged};
use super::identity::{entity_id, group_value};
use super::input::{Draft, Format};
use super::limits::{self, MAX_RAW_ATTRIBUTES};
use super::plan::{Plan, Plans, Said};
use super::shape;
use super::tape::{Answered, Tape};
use super::{Item, Problem, PublishError, Request, Skip};
use crate::bus::{DEFAULT_TOPIC_BYTES, Outgoing};
use crate::clock::random_id;
use crate::engine::outbox::Waiting;
use crate::event::json::{Document, JsonError, members};
use crate::event::{Attributes, Event, Metadata, Record};
use crate::schema::Schema;

/// A message ready to be sent.
#[derive(Debug)]
pub(super) struct Ready {
    pub(super) topic: String,
    pub(super) outgoing: Outgoing,
    pub(super) bytes: usize,
    /// Bytes that its topic takes, in a message and in a batch.
    pub(super) limit: usize,
    /// What the input is told by in an outbox.
    pub(super) digest: [u8; 32],
    /// Its row there.
    pub(super) row: Option<i64>,
    /// A run before this one sent it without learning whether it arrived.
    pub(super) in_doubt: bool,
}

/// An input that was looked at.
#[derive(Debug)]
pub(super) struct Prepared {
    pub(super) item: Item,
    pub(super) fate: Fate,
}

impl Prepared {
    /// What waits in an outbox was looked at before it came there.
    pub(super) fn of_outbox(event: Waiting, bus: &dyn Ask) -> Self {
        let Waiting { row, item, topic, outgoing, digest, in_doubt } = event;
        let bytes = limits::size(&outgoing);
        let limit = bus.limit(&topic).unwrap_or(DEFAULT_TOPIC_BYTES).max(bytes);
        let ready = Ready { topic, outgoing, bytes, limit, digest, row: Some(row), in_doubt };
        Self { item, fate: Fate::Ready(Box::new(ready)) }
    }
}

/// What is to become of it.
#[derive(Debug)]
pub(super) enum Fate {
    Ready(Box<Ready>),
    Refused(Problem),
    Skipped(Skip),
}

/// What only the bus knows of a topic; `None` where it does not say.
pub(super) trait Ask {
    /// How many bytes it takes.
    fn limit(&self, topic: &str) -> Option<usize>;
    /// A queue that is subscribed to it with raw delivery.
    fn raw_queue(&self, topic: &str) -> Option<String>;
}

/// Nobody to ask.
pub(super) struct Offline;

impl Ask for Offline {
    fn limit(&self, _: &str) -> Option<usize> {
        None
    }

    fn raw_queue(&self, _: &str) -> Option<String> {
        None
    }
}

pub(super) struct Preparer<'a> {
    request: &'a Request,
    pub(super) plans: Plans<'a>,
    prepared: u64,
    bus: &'a dyn Ask,
    /// What a topic takes, asked once per topic.
    limits: HashMap<String, usize>,
    /// The hook, once there was an event for it.
    before: Option<Before>,
    leash: Leash,
    /// What it answers, where it is asked once for two readings.
    pub(super) tape: Option<Tape>,
    /// A queue of the topic with raw delivery, asked once per topic and only where it matters.
    raw: HashMap<String, Option<String>>,
}

/// A message but for its topic.
struct Made {
    outgoing: Outgoing,
    /// The group on a FIFO topic.
    group: Option<String>,
    plan: Arc<Plan>,
}

/// A payload's text, and where it stands.
struct Payload<'a> {
    document: Document<'a>,
    /// The line on which it begins; none where its places are none of a file's.
    line: Option<usize>,
    /// Its values are texts whose meaning the schema knows.
    texts: bool,
}

impl<'a> Preparer<'a> {
    /// Looks the request's event up.
    ///
    /// # Errors
    /// The one event is unknown, has no route, or its schema cannot be used.
    pub(super) fn new(request: &'a Request, bus: &'a dyn Ask, leash: &Leash) -> Result<Self, PublishError> {
        let plans = Plans::new(request)?;
        let (limits, raw) = (HashMap::new(), HashMap::new());
        let leash = leash.clone();
        Ok(Self { request, plans, prepared: 0, bus, limits, raw, before: None, leash, tape: None })
    }

    /// Makes messages of a draft, one as a rule, or says why not; hands each to `take` until that breaks off.
    pub(super) fn prepare(
        &mut self,
        draft: Draft<'_>,
        round: Option<u64>,
        take: &mut dyn FnMut(&mut Self, Prepared) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        let Draft { input, source, line, format, bytes } = draft;
        let mut item = Item { input, source, round, event: self.request.event.clone(), ..Item::default() };
        let bytes = match bytes {
            Ok(bytes) => bytes,
            Err(reason) => return self.finish(item, Err(Problem::Unreadable(reason)), take),
        };
        if format == Format::Records {
            let made = self.record(bytes, &mut item);
            return self.finish(item, made, take);
        }
        let Some(program) = self.request.map.clone() else {
            let made = Document::parse(bytes).map_err(|e| Problem::Json(moved(e, line))).and_then(|document| {
                let event = self.event_of(document.text(), &mut item)?;
                let texts = format == Format::Csv;
                self.payload(&event, Payload { document, line: (!texts).then_some(line), texts }, &mut item)
            });
            return self.finish(item, made, take);
        };
        let mapped = shape::any_json(bytes).map_err(|e| Problem::Json(moved(e, line))).and_then(|text| {
            let event = self.event_of(text, &mut item)?;
            Ok((event, program.outputs(text).map_err(|failed| Problem::Map(failed.to_string()))?))
        });
        let (event, outputs) = match mapped {
            Ok(mapped) => mapped,
            Err(problem) => return self.finish(item, Err(problem), take),
        };
        if outputs.is_empty() {
            return take(self, Prepared { item, fate: Fate::Skipped(Skip::NoOutput) });
        }
        let several = outputs.len() > 1;
        for (at, output) in outputs.iter().enumerate() {
            let mut item = item.clone();
            if several {
                item.input = format!("{}#{}", item.input, at + 1);
            }
            let made = match Document::from_text(output) {
                Ok(document) => self.payload(&event, Payload { document, line: None, texts: false }, &mut item),
                Err(error) => Err(Problem::Map(format!("the output of `--map` is no payload: {}", error.kind))),
            };
            self.finish(item, made, take)?;
        }
        ControlFlow::Continue(())
    }

    /// The name of the event: the request's, or what the field of the input says.
    fn event_of(&self, text: &str, item: &mut Item) -> Result<String, Problem> {
        let Some(field) = &self.request.event_field else { return Ok(self.request.event.clone().unwrap_or_default()) };
        let event = shape::name_in(text, field).map_err(Problem::EventField)?;
        item.event = Some(event.clone());
        Ok(event)
    }

    /// To every topic of the event.
    fn finish(
        &mut self,
        mut item: Item,
        made: Result<Made, Problem>,
        take: &mut dyn FnMut(&mut Self, Prepared) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        let Made { outgoing, group, plan } = match made {
            Ok(made) => made,
            Err(problem) => return take(self, Prepared { item, fate: Fate::Refused(problem) }),
        };
        let Some((last, others)) = plan.topics.split_last() else {
            // Checked as far as that goes without a topic, so that the run that means it finds nothing new.
            let fate = limits::check(&outgoing).map_or_else(Fate::Refused, |()| Fate::Skipped(Skip::NoTarget));
            return take(self, Prepared { item, fate });
        };
        for topic in others {
            item.topic = Some(topic.clone());
            let fate = self.fate(topic, outgoing.clone(), group.clone(), &plan);
            take(self, Prepared { item: item.clone(), fate })?;
        }
        item.topic = Some(last.clone());
        let fate = self.fate(last, outgoing, group, &plan);
        take(self, Prepared { item, fate })
    }

    fn fate(&mut self, topic: &str, outgoing: Outgoing, group: Option<String>, plan: &Plan) -> Fate {
        match self.ready(topic, outgoing, group, plan) {
            Ok(ready) => Fate::Ready(Box::new(ready)),
            Err(problem) => Fate::Refused(problem),
        }
    }

    /// One message has one deduplication id.
    fn count(&mut self) -> Result<(), Problem> {
        self.prepared += 1;
        if self.request.dedup_id.is_some() && self.prepared > 1 {
            return Err(Problem::Fifo("`--dedup-id` names one message, this is another".into()));
        }
        Ok(())
    }

    fn payload(&mut self, event: &str, payload: Payload<'_>, item: &mut Item) -> Result<Made, Problem> {
        self.count()?;
        let request = self.request;
        let plan = self.plans.of(event, &request.publisher)?;
        item.topic = plan.topics.first().cloned();
        let Payload { document, line, texts } = payload;
        let typed = match &plan.schema {
            Some(schema) if texts => Cow::Owned(shape::typed(document.text(), schema.source())),
            _ => Cow::Borrowed(document.text()),
        };
        let document = match &typed {
            Cow::Borrowed(_) => document,
            Cow::Owned(text) => Document::from_text(text).map_err(|e| placeless(Problem::Json(e)))?,
        };
        let found = members(document.text());
        let entity_id =
            request.entity_id.clone().or_else(|| entity_id(&found)).unwrap_or_else(|| random_id().to_string());
        item.entity_id = Some(entity_id.clone());
        let span = || {
            let mut span = [0; 8];
            span.copy_from_slice(&random_id().as_bytes()[8..]);
            span
        };
        let mut event = Event {
            metadata: Metadata {
                event_name: event.to_owned(),
                entity_name: Some(request.entity_name.clone().unwrap_or_else(|| event.to_owned())),
                entity_id: Some(entity_id.clone()),
                publisher_name: Some(request.publisher.clone()),
                publish_date: Some(request.clock.now().strftime("%Y-%m-%dT%H:%M:%S+00:00").to_string()),
                contains_personal_data: request.personal_data || plan.personal,
                traceparent: request.trace.map(|parent| parent.continued(span()).to_string()),
                ..Metadata::default()
            },
            payload: document.to_raw(),
        };
        let mut attributes = event.routing_attributes();
        attributes.extend(request.attributes.clone());
        let changed = self.ask(item, &plan.topics, &event, &attributes)?;
        if let Some(metadata) = changed.metadata {
            event.metadata = metadata;
        }
        let line = line.filter(|_| changed.event.is_none());
        attributes = changed.attributes.unwrap_or(attributes);
        let event = changed.event.unwrap_or(event);
        // The author's own text as long as there is no other: places are told in it.
        let changed = line.is_none().then(|| event.payload.get().to_owned());
        let document = match &changed {
            Some(text) => Document::from_text(text).map_err(|e| placeless(Problem::Json(e)))?,
            None => document,
        };
        let entity_id = event.metadata.entity_id.clone().unwrap_or(entity_id);
        item.entity_id = Some(entity_id.clone());
        item.trace = event.metadata.trace().map(|trace| trace.trace_id());
        if let Some(schema) = &plan.schema {
            match line {
                Some(line) => check(schema, &document, line)?,
                None => check(schema, &document, 1).map_err(placeless)?,
            }
        }
        let body = event.to_message(request.envelope);
        let grouped = plan.group_by.as_deref().and_then(|field| group_value(&document, field));
        let group = grouped.unwrap_or(entity_id);
        Ok(Made { outgoing: Outgoing { body, attributes, ..Outgoing::default() }, group: Some(group), plan })
    }

    /// What the hook makes of an event, if there is one.
    fn ask(
        &mut self,
        item: &Item,
        topics: &[String],
        event: &Event,
        attributes: &Attributes,
    ) -> Result<Changed, Problem> {
        let Some(program) = &self.request.hooks.before else { return Ok(Changed::default()) };
        let name = program.to_string();
        if let Some(kept) = self.tape.as_mut().and_then(|tape| tape.next(item)) {
            return match kept? {
                (metadata, Answered::Line(line)) => {
                    let changed = judged(&name, &line, event)?;
                    Ok(Changed { metadata: Some(metadata), ..changed })
                }
                (_, Answered::Refused(why)) => Err(Problem::HookRefused(why)),
                (_, Answered::Broken(why)) => Err(Problem::Hook(why)),
            };
        }
        let before = match &mut self.before {
            Some(before) => before,
            None => self.before.insert(Before::start(program, &self.leash)?),
        };
        let said = before.ask(item, topics, event, attributes);
        let judged = match &said {
            Ok(line) => judged(&name, line, event),
            Err(why) => Err(Problem::Hook(why.clone())),
        };
        if let Some(tape) = &mut self.tape {
            let answer = match (said, &judged) {
                (_, Err(Problem::HookRefused(why))) => Answered::Refused(why.clone()),
                (_, Err(problem)) => Answered::Broken(problem.to_string()),
                (line, Ok(_)) => Answered::Line(line.unwrap_or_default()),
            };
            tape.keep(item, event, answer)?;
        }
        judged
    }

    /// Nothing more will come.
    pub(super) fn end(&mut self) {
        self.plans.said.extend(self.before.take().and_then(Before::finish).map(Said::Warning));
    }

    /// A record is published again as it was: its text and attributes, with `--attr` on top.
    fn record(&mut self, bytes: &[u8], item: &mut Item) -> Result<Made, Problem> {
        self.count()?;
        let line = std::str::from_utf8(bytes).map_err(|_| Problem::Record("the line is not UTF-8".into()))?;
        let record = Record::parse(line.trim_end_matches('\r')).map_err(|e| Problem::Record(e.to_string()))?;
        let Some(event) = &record.event else {
            let why = record.unreadable.as_deref().unwrap_or("it has no `event`");
            return Err(Problem::Record(format!("there is no event in the record: {why}")));
        };
        let metadata = &event.metadata;
        item.event = Some(metadata.event_name.clone());
        item.entity_id = metadata.entity_id.clone();
        item.trace = metadata.trace().map(|trace| trace.trace_id());
        let plan = self.plans.of(&metadata.event_name, metadata.publisher_name.as_deref().unwrap_or(""))?;
        item.topic = plan.topics.first().cloned();
        if let Some(schema) = &plan.schema {
            // Places inside the payload are none that an editor could go to: the input's name has the record's line.
            let document = Document::from_text(event.payload.get()).map_err(|e| placeless(Problem::Json(e)))?;
            check(schema, &document, 1).map_err(placeless)?;
        }
        let mut attributes: Attributes = record.attributes.clone();
        attributes.extend(self.request.attributes.clone());
        let changed = self.ask(item, &plan.topics, event, &attributes)?;
        if changed.event.is_some() || changed.attributes.is_some() {
            return Err(Problem::Hook(
                "a record is published as it is: the hook may refuse it, but not change it".into(),
            ));
        }
        let outgoing = Outgoing {
            body: record.message_text(),
            attributes,
            subject: record.message.subject.clone(),
            ..Outgoing::default()
        };
        let group = record.message.group_id.clone().or_else(|| metadata.entity_id.clone());
        Ok(Made { outgoing, group, plan })
    }

    /// The last checks, which are SNS's own.
    fn ready(
        &mut self,
        topic: &str,
        mut outgoing: Outgoing,
        group: Option<String>,
        plan: &Plan,
    ) -> Result<Ready, Problem> {
        let request = self.request;
        if is_fifo(topic) {
            outgoing.group_id = request.group_id.clone().or(group);
            if outgoing.group_id.is_none() {
                let why = format!("topic `{topic}` is FIFO, and there is no message group: `--group-id`");
                return Err(Problem::Fifo(why));
            }
            // Random: two events are two, however alike; a retry of one keeps its id.
            outgoing.dedup_id = Some(request.dedup_id.clone().unwrap_or_else(|| random_id().to_string()));
        } else {
            // Of several topics those that are FIFO take it; it is an error where none does.
            if request.dedup_id.is_some() && !plan.topics.iter().any(|topic| is_fifo(topic)) {
                return Err(Problem::Fifo(format!("topic `{topic}` is not FIFO and takes no deduplication id")));
            }
            outgoing.group_id = request.group_id.clone();
        }
        limits::check(&outgoing)?;
        let count = outgoing.attributes.len();
        if count > MAX_RAW_ATTRIBUTES
            && let Some(queue) = self.raw_queue(topic)
        {
            return Err(Problem::TooManyAttributes { count, queue });
        }
        let bytes = limits::size(&outgoing);
        let limit = match self.limits.get(topic) {
            Some(&limit) => limit,
            // What was not answered is asked again with the next one.
            None => self.bus.limit(topic).map_or(DEFAULT_TOPIC_BYTES, |limit| {
                self.limits.insert(topic.to_owned(), limit);
                limit
            }),
        };
        if bytes > limit {
            return Err(Problem::TooLarge { bytes, limit, topic: topic.to_owned() });
        }
        Ok(Ready { topic: topic.to_owned(), outgoing, bytes, limit, digest: [0; 32], row: None, in_doubt: false })
    }

    /// A queue that gets what is published to `topic` without SNS's wrapper: by the topology, else by the bus.
    fn raw_queue(&mut self, topic: &str) -> Option<String> {
        if let Some(known) = self.raw.get(topic) {
            return known.clone();
        }
        let planned = self.request.topology.as_ref().and_then(|topology| {
            let mut subscriptions = topology.subscriptions_of(topic);
            subscriptions.find(|subscription| subscription.raw).map(|found| found.queue.clone())
        });
        let found = planned.or_else(|| self.bus.raw_queue(topic));
        self.raw.insert(topic.to_owned(), found.clone());
        found
    }
}

/// A problem whose places are none of a file's.
fn placeless(problem: Problem) -> Problem {
    match problem {
        Problem::Json(error) => Problem::Json(JsonError { at: None, ..error }),
        Problem::Schema { schema, folder, mut violations } => {
            violations.iter_mut().for_each(|violation| violation.at = None);
            Problem::Schema { schema, folder, violations }
        }
        other => other,
    }
}

fn check(schema: &Schema, document: &Document<'_>, line: usize) -> Result<(), Problem> {
    let value = document.to_value().map_err(|e| Problem::Json(moved(e, line)))?;
    let mut violations = schema.check(&value, document.text());
    if violations.is_empty() {
        return Ok(());
    }
    for violation in &mut violations {
        if let Some(at) = &mut violation.at {
            at.line += line - 1;
        }
    }
    Err(Problem::Schema { schema: schema.path().to_owned(), folder: schema.folder().to_owned(), violations })
}

/// An error's place in the file rather than in its line.
fn moved(mut error: JsonError, line: usize) -> JsonError {
    if let Some(at) = &mut error.at {
        at.line += line - 1;
    }
    error
}

/// By its name, which alone is known before the topic is looked up.
pub(super) fn is_fifo(topic: &str) -> bool {
    topic.ends_with(".fifo")
}
