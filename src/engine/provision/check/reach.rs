//! Which subscriptions an event can reach, and which parts of a filter nothing that is known can ever satisfy.
//!
//! Known are: the events that the routing table sends to the topic, the envelope that they are written in, and the payload
//! schemas of those that have one. Attributes beside the three that every publisher sets may hold anything.

use std::rc::Rc;
use std::sync::Arc;

use serde_json::Value;
use serde_json::value::RawValue;

use super::Surroundings;
use super::shape::{self, Shape};
use crate::event::{EnvelopeStyle, Event, Metadata};
use crate::filter::{Domain, FilterPolicy, Part, Scope, Values, camelize};
use crate::schema::Schema;
use crate::topology::{Filter, Problem, Route, Subscription, Topology};
use crate::words;

const EVENT: &str = "\u{1}event";
const PUBLISHER: &str = "\u{1}publisher";

/// The attributes that every publisher of the system sets.
const ATTRIBUTES: [&str; 3] = ["eventName", "publisherName", "entityName"];

/// What a filter's key means.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Field {
    /// The event's name.
    Event,
    /// The publisher's.
    Publisher,
    /// Another attribute, or other metadata with a value like this one.
    Other(Option<Value>),
    /// Something in the payload, by its dotted path there.
    Payload(String),
    /// Nothing that a message has; what may have been meant.
    Unknown(Vec<String>),
}

impl Field {
    pub(super) fn of(key: &str, scope: Scope, envelope: &Envelope) -> Self {
        match scope {
            Scope::MessageAttributes => match key {
                "eventName" => Self::Event,
                "publisherName" => Self::Publisher,
                key => match ATTRIBUTES.into_iter().find(|known| *known != key && alike(known, key)) {
                    Some(known) => Self::Unknown(vec![known.to_owned()]),
                    None => Self::Other(None),
                },
            },
            Scope::MessageBody => envelope.field(key),
        }
    }
}

/// Whether two names are one in different spellings, or nearly so.
fn alike(one: &str, other: &str) -> bool {
    let plain = |name: &str| name.to_lowercase().replace(['_', '-', ' '], "");
    plain(one) == plain(other) || (other.len() > 4 && strsim::damerau_levenshtein(one, other) <= 2)
}

/// The envelope's keys as a style spells them, learned from an event written in it.
pub(super) struct Envelope {
    metadata: String,
    payload: String,
    fields: Vec<(String, Value)>,
}

impl Envelope {
    pub(super) fn of(style: EnvelopeStyle) -> Self {
        let text = |text: &str| Some(text.to_owned());
        let metadata = Metadata {
            event_name: EVENT.to_owned(),
            entity_name: text("entity"),
            entity_id: text("id"),
            publisher_name: text(PUBLISHER),
            publish_date: text("2026-11-23T08:04:22+00:00"),
            ..Metadata::default()
        };
        let message = Event { metadata, payload: RawValue::NULL.to_owned() }.to_message(style);
        let mut envelope = Self { metadata: String::new(), payload: String::new(), fields: Vec::new() };
        if let Ok(Value::Object(whole)) = serde_json::from_str(&message) {
            for (key, value) in whole {
                match value {
                    Value::Object(fields) => (envelope.metadata, envelope.fields) = (key, fields.into_iter().collect()),
                    _ => envelope.payload = key,
                }
            }
        }
        envelope
    }

    fn field(&self, key: &str) -> Field {
        let (first, rest) = key.split_once('.').unwrap_or((key, ""));
        if first == self.payload && !rest.is_empty() {
            return Field::Payload(rest.to_owned());
        }
        if first == self.metadata && !rest.is_empty() {
            return match self.fields.iter().find(|(name, _)| name == rest) {
                Some((_, value)) if value == EVENT => Field::Event,
                Some((_, value)) if value == PUBLISHER => Field::Publisher,
                Some((_, value)) => Field::Other(Some(value.clone())),
                None => {
                    let known = || self.fields.iter().map(|(name, _)| name.as_str());
                    let same = known().find(|name| alike(name, rest)).map(|name| vec![name]);
                    let meant = same.unwrap_or_else(|| words::nearest(rest, known()));
                    Field::Unknown(meant.into_iter().map(|name| format!("{first}.{name}")).collect())
                }
            };
        }
        let known = [&self.metadata, &self.payload].into_iter().find(|known| alike(known, first));
        Field::Unknown(match (known, rest) {
            (Some(known), "") if known == first => Vec::new(),
            (Some(known), rest) => vec![format!("{known}.{rest}").trim_end_matches('.').to_owned()],
            (None, _) => vec![format!("{}.{key}", self.payload)],
        })
    }
}

/// An event, or a pattern of events, that goes to the topic.
struct Candidate<'t> {
    topology: &'t Topology,
    route: &'t Route,
    event: Option<&'t str>,
    publisher: Option<&'t str>,
    schema: Option<Arc<Schema>>,
}

impl<'t> Candidate<'t> {
    fn of(topology: &'t Topology, route: &'t Route, around: &Surroundings<'_>) -> Self {
        let event = route.event_name();
        let publisher = route.pattern.rsplit_once('.').map(|(publisher, _)| publisher);
        let publisher = publisher.filter(|publisher| !publisher.contains('*'));
        let named = route.schema.as_deref().or(event);
        // One that cannot be used was told about already.
        let schema = named.and_then(|name| around.catalogue.schema(name, None).ok().flatten());
        Self { topology, route, event, publisher, schema }
    }

    fn field(&self, field: &Field) -> Shape<'t> {
        let known = |values| Shape { domain: Domain { values, may_be_absent: false }, declared: true };
        let listed = |names: Vec<String>| known(Values::Listed(names.into_iter().map(Value::from).collect()));
        match field {
            Field::Event => match self.event {
                // The Python library's task callbacks send it in their own spelling.
                Some(event) => listed(vec![event.into(), camelize(event), camelize(&format!("{event}Payload"))]),
                None => {
                    let (topology, route, publisher) = (self.topology, self.route, self.publisher);
                    known(Values::Fitting(Rc::new(move |event| carries(topology, route, publisher, event))))
                }
            },
            Field::Publisher => match self.publisher {
                Some(publisher) => listed(vec![publisher.into(), camelize(publisher)]),
                None => known(Values::Any),
            },
            Field::Other(Some(value)) => known(Values::Kinds {
                text: value.is_string(),
                number: value.is_number(),
                boolean: value.is_boolean(),
                null: value.is_null(),
            }),
            Field::Other(None) => Shape { domain: Domain::ANYTHING, declared: true },
            Field::Payload(path) => match &self.schema {
                Some(schema) => shape::at(schema.source(), path),
                None => Shape { domain: Domain::ANYTHING, declared: true },
            },
            // Attributes of nearly the right name might still be somebody's; what the envelope lacks, it lacks.
            Field::Unknown(_) => Shape { domain: Domain::NOTHING, declared: false },
        }
    }
}

/// Whether an event of this name takes this route, from this publisher or from any that the pattern fits.
fn carries(topology: &Topology, route: &Route, publisher: Option<&str>, event: &str) -> bool {
    // Without a dot it is not said where the publisher's name ends and the event's begins: any may fit.
    let Some((part, _)) = route.pattern.rsplit_once('.').or((route.pattern == "*").then_some(("*", "*"))) else {
        return true;
    };
    let publisher = publisher.map_or_else(|| part.replace('*', "\u{1}"), str::to_owned);
    topology.route(&publisher, event).is_some_and(|found| found.pattern == route.pattern)
}

/// A subscription under examination.
struct Examined<'t> {
    topology: &'t Topology,
    envelope: &'t Envelope,
    subscription: &'t Subscription,
    filter: &'t Filter,
    path: String,
    topic: &'t str,
    candidates: Vec<Candidate<'t>>,
}

pub(super) fn all(topology: &Topology, around: &Surroundings<'_>, envelope: &Envelope, found: &mut Vec<Problem>) {
    for (index, subscription) in topology.subscriptions.iter().enumerate() {
        let Some(topic) = topology.topic(&subscription.topic) else { continue };
        let candidates: Vec<Candidate<'_>> = topology
            .events
            .iter()
            .filter(|route| route.topics.contains(&topic.name))
            .map(|route| Candidate::of(topology, route, around))
            .collect();
        let path = format!("subscriptions.{index}");
        // Who publishes to somebody else's topic is not known here.
        if candidates.is_empty() && !topic.external && !topology.events.is_empty() {
            let queue = topology.queue(&subscription.queue).map_or(&*subscription.queue, |queue| &queue.key);
            let message = format!("`{queue}` is subscribed to `{}`, and `events:` sends nothing there", topic.key);
            let fix = format!("add `EVENT: {{ topic: {} }}` under `events:`", topic.key);
            found.push(topology.warning(subscription.place, &path, message, Some(fix)));
        }
        let Some(filter) = &subscription.filter else { continue };
        let Ok(policy) = FilterPolicy::parse(&filter.text(), subscription.scope) else { continue };
        let path = format!("{path}.filter");
        let examined = Examined { topology, envelope, subscription, filter, path, topic: &topic.key, candidates };
        examined.keys(&policy, found);
        if !examined.candidates.is_empty() && !topic.external {
            examined.values(&policy, found);
            examined.whole(&policy, found);
        }
    }
}

impl Examined<'_> {
    fn field(&self, key: &str) -> Field {
        Field::of(key, self.subscription.scope, self.envelope)
    }

    fn warn(&self, pointer: &str, message: &str, fix: Option<String>, found: &mut Vec<Problem>) {
        let (place, inner) = self.filter.locate(pointer);
        let path = if inner.is_empty() { self.path.clone() } else { format!("{}.{inner}", self.path) };
        let problem = self.topology.warning(place, &path, format!("`{path}`{message}"), fix);
        if !found.contains(&problem) {
            found.push(problem);
        }
    }

    /// Keys that no message has, or that no schema declares.
    fn keys(&self, policy: &FilterPolicy, found: &mut Vec<Problem>) {
        for part in policy.parts() {
            match self.field(part.key()) {
                Field::Unknown(meant) => {
                    let what = match self.subscription.scope {
                        Scope::MessageAttributes => ": every publisher sets that attribute in another spelling",
                        Scope::MessageBody => ": the envelope has no such key",
                    };
                    let fix = match (self.subscription.scope, meant.first()) {
                        (Scope::MessageBody, Some(meant)) => Some(format!("write `{}`", nested(meant))),
                        _ => words::did_you_mean_any(&meant),
                    };
                    self.warn(part.key_pointer(), what, fix, found);
                }
                Field::Payload(path) => self.undeclared(part, &path, found),
                _ => {}
            }
        }
    }

    fn undeclared(&self, part: Part<'_>, path: &str, found: &mut Vec<Problem>) {
        let declared = |candidate: &Candidate<'_>| {
            candidate.schema.as_ref().is_none_or(|schema| shape::at(schema.source(), path).declared)
        };
        if self.candidates.is_empty() || self.candidates.iter().any(declared) {
            return;
        }
        let known: Vec<String> = self.schemas().flat_map(|schema| shape::paths(schema.source())).collect();
        let alike = known.iter().find(|known| alike(known, path)).map(|known| vec![known.as_str()]);
        let meant = alike.unwrap_or_else(|| words::nearest(path, known.iter().map(String::as_str)));
        let fix = words::did_you_mean_any(&meant)
            .unwrap_or_else(|| format!("declare `{path}` in the schema of {}", self.events()));
        let message = format!(": no schema of the events that go to `{}` has `{path}`", self.topic);
        self.warn(part.key_pointer(), &message, Some(fix), found);
    }

    fn schemas(&self) -> impl Iterator<Item = &Arc<Schema>> {
        self.candidates.iter().filter_map(|candidate| candidate.schema.as_ref())
    }

    /// The events that go to the topic, for a sentence.
    fn events(&self) -> String {
        let names: Vec<&str> =
            self.candidates.iter().map(|candidate| candidate.route.pattern.as_str()).take(5).collect();
        words::list(&names)
    }

    /// Entries of a list that no event can satisfy, although others of the list, or of other events, may.
    fn values(&self, policy: &FilterPolicy, found: &mut Vec<Problem>) {
        for part in policy.parts() {
            let field = self.field(part.key());
            let shapes: Vec<Shape> = self.candidates.iter().map(|candidate| candidate.field(&field)).collect();
            let unknown_key = matches!(field, Field::Unknown(_)) || shapes.iter().all(|shape| !shape.declared);
            if unknown_key || shapes.iter().any(|shape| part.is_possible(&shape.domain)) {
                continue;
            }
            let (message, fix) = match field {
                Field::Event => self.no_such_event(part),
                Field::Publisher => {
                    let message = format!(": nothing that goes to `{}` is published by {}", self.topic, part.wanted());
                    let known: Vec<&str> = self.candidates.iter().filter_map(|candidate| candidate.publisher).collect();
                    (message, words::did_you_mean_any(&known))
                }
                _ => self.no_such_value(part, &shapes),
            };
            self.warn(&part.pointer(), &message, fix, found);
        }
    }

    fn no_such_event(&self, part: Part<'_>) -> (String, Option<String>) {
        let wanted = part.wanted();
        let elsewhere = part.text().and_then(|text| {
            let routes = self.topology.events.iter().filter(|route| route.event_name() == Some(text));
            let mut topics = routes.flat_map(|route| &route.topics);
            topics.next().map(|name| self.topology.topic(name).map_or(&**name, |topic| &topic.key))
        });
        if let Some(topic) = elsewhere {
            let message = format!(" is {wanted}, which goes to the topic `{topic}` and not to `{}`", self.topic);
            return (message, Some(format!("subscribe to `{topic}`, or remove {wanted}")));
        }
        let known = || self.topology.event_names();
        let fix = part.text().and_then(|text| words::did_you_mean(text, known()));
        let fix = fix.or_else(|| Some(format!("add `{}: {{ topic: {} }}` under `events:`", part.text()?, self.topic)));
        let message = format!(" is {wanted}, and no event of that name goes to `{}`", self.topic);
        (message, fix.or_else(|| Some(format!("what goes there is {}", self.events()))))
    }

    fn no_such_value(&self, part: Part<'_>, shapes: &[Shape]) -> (String, Option<String>) {
        let mut listed: Vec<String> = Vec::new();
        for shape in shapes {
            let Values::Listed(values) = &shape.domain.values else { continue };
            listed.extend(values.iter().map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned)));
        }
        listed.sort();
        listed.dedup();
        let near = part.text().and_then(|text| words::did_you_mean(text, listed.iter().map(String::as_str)));
        let fix = near.or_else(|| match listed.len() {
            0 => Some("remove it, or correct its type".to_owned()),
            1..=12 => Some(format!("what it can be is {}", words::list(&listed))),
            _ => Some(format!("the schema lists {}", words::count(listed.len() as u64, "value"))),
        });
        let message = match self.schemas().next() {
            Some(_) => {
                format!(" wants {}, which no schema of the events that go to `{}` allows", part.wanted(), self.topic)
            }
            None => format!(" wants {}, which no event has there", part.wanted()),
        };
        (message, fix)
    }

    /// A filter that keeps every event out.
    fn whole(&self, policy: &FilterPolicy, found: &mut Vec<Problem>) {
        let mut stopped = None;
        for candidate in &self.candidates {
            let domain = |key: &str| {
                let field = self.field(key);
                match (&field, self.subscription.scope) {
                    // An attribute of nearly the right name may be somebody's all the same.
                    (Field::Unknown(_), Scope::MessageAttributes) => Domain::ANYTHING,
                    _ => candidate.field(&field).domain,
                }
            };
            match policy.could_pass(&domain) {
                Ok(()) => return,
                Err(pointer) => _ = stopped.get_or_insert(pointer),
            }
        }
        let Some(pointer) = stopped else { return };
        let queue = self.topology.queue(&self.subscription.queue);
        let queue = queue.map_or(&*self.subscription.queue, |queue| &queue.key);
        let (_, inner) = self.filter.locate(&pointer);
        let message = format!(
            ": no event that goes to `{}` ({}) can pass, so `{queue}` gets nothing from it; `{inner}` stops {}",
            self.topic,
            self.events(),
            if self.candidates.len() == 1 { "it" } else { "the first of them" }
        );
        self.warn("", &message, Some(format!("correct `{inner}`, or remove the subscription")), found);
    }
}

/// `Payload.plan` as it is written in a filter.
fn nested(path: &str) -> String {
    match path.split_once('.') {
        Some((first, rest)) => format!("{first}: {{ {} }}", nested(rest)),
        None => format!("{path}: […]"),
    }
}
