//! From a payload's text to a message: parse, check against the schema, wrap, route, check against SNS's rules.

use std::collections::HashMap;
use std::sync::Arc;

use super::attributes::{check_attribute, refused_character};
use super::input::{Draft, Format};
use super::{Item, Problem, PublishError, Request, SNS_LIMIT};
use crate::bus::Outgoing;
use crate::clock::random_id;
use crate::event::json::{Document, JsonError, Kind, member, members};
use crate::event::{Attributes, Event, Metadata, Record};
use crate::schema::{CatalogueError, Schema};
use crate::words;

/// A message ready to be sent.
#[derive(Debug)]
pub(super) struct Ready {
    pub(super) topic: String,
    pub(super) outgoing: Outgoing,
    pub(super) bytes: usize,
}

/// An input that was looked at.
#[derive(Debug)]
pub(super) struct Prepared {
    pub(super) item: Item,
    pub(super) result: Result<Ready, Problem>,
}

/// Where the events of one name go, and what they must be.
#[derive(Clone, Debug)]
struct Plan {
    topic: String,
    schema: Option<Arc<Schema>>,
    group_by: Option<String>,
}

pub(super) struct Preparer<'a> {
    request: &'a Request,
    plans: HashMap<(String, String), Result<Plan, Problem>>,
    /// Said once per event.
    pub(super) warnings: Vec<String>,
    prepared: u64,
}

enum PlanError {
    Problem(Problem),
    Catalogue(CatalogueError),
}

impl<'a> Preparer<'a> {
    /// Looks the request's event up.
    ///
    /// # Errors
    /// The one event is unknown, goes nowhere, or its schema cannot be used.
    pub(super) fn new(request: &'a Request) -> Result<Self, PublishError> {
        let mut preparer = Self { request, plans: HashMap::new(), warnings: Vec::new(), prepared: 0 };
        if let Some(event) = &request.event {
            let plan = preparer.make_plan(event, &request.publisher).map_err(|e| match e {
                PlanError::Problem(problem) => PublishError::Event(problem),
                PlanError::Catalogue(error) => PublishError::Schema(error),
            })?;
            preparer.plans.insert((request.publisher.clone(), event.clone()), Ok(plan));
        }
        Ok(preparer)
    }

    fn make_plan(&mut self, event: &str, publisher: &str) -> Result<Plan, PlanError> {
        let request = self.request;
        let route = request.topology.as_ref().and_then(|topology| topology.route(publisher, event));
        let schema_name = route.and_then(|route| route.schema.as_deref()).unwrap_or(event);
        let schema = request.catalogue.schema(schema_name, request.schema_version).map_err(PlanError::Catalogue)?;
        let event = event.to_owned();
        let topic = match request.topic.as_ref().or(route.map(|route| &route.topic)) {
            Some(topic) => topic.clone(),
            None if schema.is_some() => return Err(PlanError::Problem(Problem::NotRouted { event })),
            None => {
                let nearest = self.nearest(&event);
                return Err(PlanError::Problem(Problem::UnknownEvent { event, nearest }));
            }
        };
        if schema.is_none() {
            let nearest = self.nearest(&event);
            if request.require_schema {
                return Err(PlanError::Problem(Problem::NoSchema { event, nearest }));
            }
            let folder = request.catalogue.folder().display();
            let meant = words::did_you_mean_any(&nearest).map(|meant| format!("; {meant}")).unwrap_or_default();
            self.warnings.push(format!("event `{event}` has no schema in {folder}, its payload goes unchecked{meant}"));
        }
        Ok(Plan { topic, schema, group_by: route.and_then(|route| route.group_by.clone()) })
    }

    /// Names that `event` may have meant, among those routed and those with a schema. `Userregisteredpayload`, as the Python
    /// library's task callbacks write it, means `UserRegistered`.
    fn nearest(&self, event: &str) -> Vec<String> {
        let topology = self.request.topology.as_ref();
        let routed = topology.into_iter().flat_map(|topology| topology.event_names());
        let mut known: Vec<&str> =
            routed.chain(self.request.catalogue.events()).filter(|name| *name != event).collect();
        known.sort_unstable();
        known.dedup();
        let bare = event.to_lowercase();
        let bare = bare.strip_suffix("payload").unwrap_or(&bare);
        match known.iter().find(|name| name.to_lowercase() == bare) {
            Some(name) => vec![(*name).to_owned()],
            None => words::nearest(event, known).into_iter().map(str::to_owned).collect(),
        }
    }

    fn plan(&mut self, event: &str, publisher: &str) -> Result<Plan, Problem> {
        let key = (publisher.to_owned(), event.to_owned());
        if let Some(plan) = self.plans.get(&key) {
            return plan.clone();
        }
        let plan = self.make_plan(event, publisher).map_err(|e| match e {
            PlanError::Problem(problem) => problem,
            PlanError::Catalogue(error) => {
                let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}")).unwrap_or_default();
                Problem::BrokenSchema(format!("{error}{cause}"))
            }
        });
        self.plans.insert(key, plan.clone());
        plan
    }

    /// Makes a message of a draft, or says why not.
    pub(super) fn prepare(&mut self, draft: Draft<'_>) -> Prepared {
        let mut item = Item { input: draft.input.clone(), event: self.request.event.clone(), ..Item::default() };
        let result = self.try_prepare(draft, &mut item);
        Prepared { item, result }
    }

    fn try_prepare(&mut self, draft: Draft<'_>, item: &mut Item) -> Result<Ready, Problem> {
        let bytes = draft.bytes.map_err(Problem::Unreadable)?;
        self.prepared += 1;
        if self.request.dedup_id.is_some() && self.prepared > 1 {
            return Err(Problem::Fifo("`--dedup-id` names one message, this is another".into()));
        }
        match draft.format {
            Format::Records => self.record(bytes, item),
            Format::Json | Format::Ndjson => {
                let event = self.request.event.clone().unwrap_or_default();
                self.payload(&event, bytes, draft.line, item)
            }
        }
    }

    fn payload(&mut self, event: &str, bytes: &[u8], line: usize, item: &mut Item) -> Result<Ready, Problem> {
        let request = self.request;
        let document = Document::parse(bytes).map_err(|e| Problem::Json(moved(e, line)))?;
        let plan = self.plan(event, &request.publisher)?;
        item.topic = Some(plan.topic.clone());
        let found = members(document.text());
        let entity_id =
            request.entity_id.clone().or_else(|| entity_id(&found)).unwrap_or_else(|| random_id().to_string());
        item.entity_id = Some(entity_id.clone());
        if let Some(schema) = &plan.schema {
            check(schema, &document, line)?;
        }
        let span = || {
            let mut span = [0; 8];
            span.copy_from_slice(&random_id().as_bytes()[8..]);
            span
        };
        let event = Event {
            metadata: Metadata {
                event_name: event.to_owned(),
                entity_name: Some(request.entity_name.clone().unwrap_or_else(|| event.to_owned())),
                entity_id: Some(entity_id.clone()),
                publisher_name: Some(request.publisher.clone()),
                publish_date: Some(request.clock.now().strftime("%Y-%m-%dT%H:%M:%S+00:00").to_string()),
                contains_personal_data: request.personal_data,
                traceparent: request.trace.map(|parent| parent.continued(span()).to_string()),
                ..Metadata::default()
            },
            payload: document.to_raw(),
        };
        let mut attributes = event.routing_attributes();
        attributes.extend(request.attributes.clone());
        let body = event.to_message(request.envelope);
        let grouped = plan.group_by.as_deref().and_then(|field| group_value(&document, field));
        let group = grouped.unwrap_or(entity_id);
        self.ready(plan.topic, Outgoing { body, attributes, ..Outgoing::default() }, Some(group))
    }

    /// A record is published again as it was: its text and attributes, with `--attr` on top.
    fn record(&mut self, bytes: &[u8], item: &mut Item) -> Result<Ready, Problem> {
        let line = std::str::from_utf8(bytes).map_err(|_| Problem::Record("the line is not UTF-8".into()))?;
        let record = Record::parse(line.trim_end_matches('\r')).map_err(|e| Problem::Record(e.to_string()))?;
        let Some(event) = &record.event else {
            let why = record.unreadable.as_deref().unwrap_or("it has no `event`");
            return Err(Problem::Record(format!("there is no event in the record: {why}")));
        };
        let metadata = &event.metadata;
        item.event = Some(metadata.event_name.clone());
        item.entity_id = metadata.entity_id.clone();
        let plan = self.plan(&metadata.event_name, metadata.publisher_name.as_deref().unwrap_or(""))?;
        item.topic = Some(plan.topic.clone());
        if let Some(schema) = &plan.schema {
            let document = Document::from_text(event.payload.get()).map_err(Problem::Json)?;
            check(schema, &document, 1)?;
        }
        let mut attributes: Attributes = record.attributes.clone();
        attributes.extend(self.request.attributes.clone());
        let outgoing = Outgoing {
            body: record.message_text(),
            attributes,
            subject: record.message.subject.clone(),
            ..Outgoing::default()
        };
        let group = record.message.group_id.clone().or_else(|| metadata.entity_id.clone());
        self.ready(plan.topic, outgoing, group)
    }

    /// The last checks, which are SNS's own.
    fn ready(&self, topic: String, mut outgoing: Outgoing, group: Option<String>) -> Result<Ready, Problem> {
        let request = self.request;
        if topic.ends_with(".fifo") {
            outgoing.group_id = request.group_id.clone().or(group);
            // Random: two events are two, however alike; a retry of one keeps its id.
            outgoing.dedup_id = Some(request.dedup_id.clone().unwrap_or_else(|| random_id().to_string()));
        } else {
            if request.dedup_id.is_some() {
                return Err(Problem::Fifo(format!("topic `{topic}` is not FIFO and takes no deduplication id")));
            }
            outgoing.group_id = request.group_id.clone();
        }
        for (what, id) in [("message group", &outgoing.group_id), ("deduplication", &outgoing.dedup_id)] {
            if let Some(id) = id.as_deref().filter(|id| !is_fifo_id(id)) {
                let shown: String = id.chars().take(40).collect();
                return Err(Problem::Fifo(format!(
                    "`{shown}` is no {what} id: SNS takes 1 to 128 ASCII letters, digits and punctuation marks"
                )));
            }
        }
        for (name, attribute) in &outgoing.attributes {
            check_attribute(name, attribute).map_err(Problem::Attribute)?;
        }
        if let Some(code) = refused_character(&outgoing.body) {
            return Err(Problem::Character(code));
        }
        let bytes = size(&outgoing);
        if bytes > SNS_LIMIT {
            return Err(Problem::TooLarge { bytes, limit: SNS_LIMIT, topic });
        }
        Ok(Ready { topic, outgoing, bytes })
    }
}

/// What SNS counts: the body, and name, type and value of each attribute.
fn size(outgoing: &Outgoing) -> usize {
    outgoing.body.len()
        + outgoing.attributes.iter().map(|(name, attribute)| name.len() + attribute.size()).sum::<usize>()
}

/// <https://docs.aws.amazon.com/sns/latest/api/API_Publish.html>: up to 128 alphanumeric characters and punctuation.
fn is_fifo_id(id: &str) -> bool {
    (1..=128).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_graphic())
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
    Err(Problem::Schema { schema: schema.path().to_owned(), violations })
}

/// An error's place in the file rather than in its line.
fn moved(mut error: JsonError, line: usize) -> JsonError {
    if let Some(at) = &mut error.at {
        at.line += line - 1;
    }
    error
}

type Members<'a> = [(std::borrow::Cow<'a, str>, &'a str)];

/// [`entity_id`] of a payload's JSON text.
pub(in crate::engine) fn entity_id_of(payload: &str) -> Option<String> {
    entity_id(&members(payload))
}

/// The payload's `id` as text, as the Python library takes it; of a failure event, which has the four fields of one, the `id`
/// in its `data`.
fn entity_id(payload: &Members<'_>) -> Option<String> {
    let either = |members: &Members<'_>, lower: &str, upper: &str| -> Option<String> {
        [lower, upper].into_iter().find_map(|name| {
            let text = member(members, name)?;
            scalar(text)
        })
    };
    either(payload, "id", "Id").or_else(|| {
        let has = |lower, upper| member(payload, lower).or_else(|| member(payload, upper));
        has("code", "Code").and(has("detail", "Detail")).and(has("origin", "Origin"))?;
        either(&members(has("data", "Data")?), "id", "Id")
    })
}

/// A scalar's text; none for null, an empty string and containers.
fn scalar(text: &str) -> Option<String> {
    let found = match Kind::of(text) {
        Kind::String => serde_json::from_str::<String>(text).ok()?,
        Kind::Number | Kind::Bool => text.trim().to_owned(),
        Kind::Null | Kind::Array | Kind::Object => return None,
    };
    (!found.is_empty()).then_some(found)
}

/// The value of the topology's `group_by`: a field's name or a JSON pointer.
fn group_value(document: &Document<'_>, field: &str) -> Option<String> {
    let value = document.to_value().ok()?;
    let found = if field.starts_with('/') { value.pointer(field) } else { value.get(field) };
    scalar(&found?.to_string())
}
