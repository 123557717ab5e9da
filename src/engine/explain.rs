//! Who gets an event: its topics, their subscriptions, and the first clause that stops it at the others.
//!
//! Works on a topology, or on what [`live`] has read from the bus. Nothing is emitted.

use serde_json::value::RawValue;

use crate::bus::{Bus, BusError};
use crate::engine::publish;
use crate::event::{Attributes, EnvelopeStyle, Event, Metadata};
use crate::filter::{FilterPolicy, Mismatch, PolicyError, Scope};
use crate::schema::Catalogue;
use crate::topology::{Route, Subscription, Topology};
use crate::words;

/// What is asked.
#[derive(Clone, Debug)]
pub struct Request<'a> {
    /// Who subscribes to what, and where events go.
    pub topology: Option<&'a Topology>,
    /// Who subscribes to the event's topics at the bus, instead of what the topology says.
    pub live: Option<&'a [Live]>,
    /// The payload schemas, for other names of the event.
    pub catalogue: &'a Catalogue,
    /// The event's name.
    pub event: &'a str,
    /// `metadata.publisherName`, if there is one.
    pub publisher: Option<&'a str>,
    /// The topic by name or ARN; none: where the topology routes the event.
    pub topic: Option<&'a str>,
    /// Attributes beside the routing ones, which they override.
    pub attributes: Attributes,
    /// The payload's JSON text, if it is known.
    pub payload: Option<Box<RawValue>>,
    /// How the envelope is spelled.
    pub envelope: EnvelopeStyle,
    /// `metadata.publishDate` of the message that would be published now.
    pub publish_date: String,
    /// `metadata.entityId` for a payload without an id.
    pub random_entity_id: String,
}

/// A topic as it is at the bus.
#[derive(Clone, Debug)]
pub struct Live {
    /// Its name.
    pub topic: String,
    subscribers: Vec<Subscriber>,
}

/// A subscription, wherever it is known from.
#[derive(Clone, Debug)]
struct Subscriber {
    queue: String,
    raw: bool,
    scope: Scope,
    filter: Option<String>,
}

impl Subscriber {
    fn planned(subscription: &Subscription) -> Self {
        let filter = subscription.filter.as_ref().map(crate::topology::Filter::text);
        let Subscription { queue, raw, scope, .. } = subscription;
        Self { queue: queue.clone(), raw: *raw, scope: *scope, filter }
    }
}

/// Reads a topic's subscriptions from the bus.
///
/// # Errors
/// The topic does not exist, or its subscriptions may not be read.
pub async fn live(bus: &Bus, topic: &str) -> Result<Live, BusError> {
    let topic = bus.topic(topic).await?;
    let mut subscribers = Vec::new();
    for subscription in bus.topic_subscriptions(&topic.arn).await?.unwrap_or_default() {
        // One that waits for its confirmation has no ARN, and gets nothing.
        if !subscription.arn.starts_with("arn:") {
            continue;
        }
        let Some(attributes) = bus.subscription_attributes(&subscription.arn).await? else { continue };
        let said = |name: &str| attributes.get(name).map(String::as_str).filter(|text| !text.is_empty());
        let name = subscription.queue_arn.rsplit(':').next().unwrap_or_default();
        let queue = match subscription.protocol.as_str() {
            "sqs" => name.to_owned(),
            protocol => format!("{protocol}:{}", subscription.queue_arn),
        };
        subscribers.push(Subscriber {
            queue,
            raw: said("RawMessageDelivery") == Some("true"),
            scope: said("FilterPolicyScope").and_then(Scope::from_aws).unwrap_or_default(),
            filter: said("FilterPolicy").map(str::to_owned),
        });
    }
    subscribers.sort_by(|one, other| one.queue.cmp(&other.queue));
    Ok(Live { topic: topic.name, subscribers })
}

/// The answer.
#[derive(Clone, Debug)]
pub struct Report {
    /// The event's name.
    pub event: String,
    /// The publisher it is from.
    pub publisher: Option<String>,
    /// The event whose other name this is, by the schemas.
    pub known_as: Option<String>,
    /// The topics it goes to; none: its route leads nowhere, on purpose.
    pub topics: Vec<String>,
    /// The entry of the routing table that decides so; none when the topic was given.
    pub route: Option<String>,
    /// The message attributes that it carries.
    pub attributes: Attributes,
    /// Every subscription of the topics, in the order of the file.
    pub subscriptions: Vec<Reach>,
    /// The only queue that is asked about, after [`Report::only`].
    pub asked: Option<String>,
}

/// What becomes of the event at one subscription.
#[derive(Clone, Debug)]
pub struct Reach {
    /// The topic.
    pub topic: String,
    /// The queue.
    pub queue: String,
    /// Delivered without SNS's wrapper.
    pub raw: bool,
    /// What the filter looks at.
    pub scope: Scope,
    /// The filter policy as JSON text; none: everything passes.
    pub filter: Option<String>,
    /// Whether it gets there.
    pub verdict: Verdict,
}

/// Whether an event reaches a queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It does.
    Reached,
    /// It does not: this is the first clause that fails.
    Stopped(Mismatch),
    /// The filter looks at these keys of a payload that was not given.
    DependsOnPayload(Vec<String>),
}

impl Report {
    /// The queues that get the event, each once.
    pub fn receivers(&self) -> Vec<&str> {
        let reached = self.subscriptions.iter().filter(|reach| reach.verdict == Verdict::Reached);
        let mut queues: Vec<&str> = Vec::new();
        for reach in reached {
            if !queues.contains(&reach.queue.as_str()) {
                queues.push(&reach.queue);
            }
        }
        queues
    }

    /// Its route leads nowhere, on purpose.
    pub fn goes_nowhere(&self) -> bool {
        self.topics.is_empty()
    }

    /// Leaves only what is about `queue`; false when it is not subscribed to the topic.
    pub fn only(&mut self, queue: &str) -> bool {
        self.subscriptions.retain(|reach| reach.queue == queue);
        self.asked = Some(queue.to_owned());
        !self.subscriptions.is_empty()
    }

    /// Whether a payload could make more queues receivers.
    pub fn depends_on_payload(&self) -> bool {
        self.subscriptions.iter().any(|reach| matches!(reach.verdict, Verdict::DependsOnPayload(_)))
    }
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ExplainError {
    /// No entry of the routing table fits.
    #[error("event `{event}` is not routed to any topic")]
    NotRouted {
        /// The event's name.
        event: String,
        /// Routed events that may have been meant.
        nearest: Vec<String>,
    },
    /// The topic is not in the topology.
    #[error("topic `{topic}` is not in the topology")]
    UnknownTopic {
        /// The topic as given.
        topic: String,
        /// Topics that may have been meant.
        nearest: Vec<String>,
    },
    /// A subscription's filter is none that SNS takes; reading the topology says so first.
    #[error("the subscription of `{queue}` to `{topic}` has an invalid filter")]
    Filter {
        /// The topic.
        topic: String,
        /// The queue.
        queue: String,
        /// What is wrong with it.
        #[source]
        error: PolicyError,
    },
}

/// The entry of the routing table that decides where an event of `publisher` goes: under this name, else under the one that the
/// schemas know it by.
///
/// # Errors
/// No entry fits.
pub fn route<'a>(
    topology: Option<&'a Topology>,
    catalogue: &Catalogue,
    publisher: &str,
    event: &str,
) -> Result<&'a Route, ExplainError> {
    let by_name = |name: &str| topology.and_then(|topology| topology.route(publisher, name));
    by_name(event).or_else(|| by_name(catalogue.known_as(event)?)).ok_or_else(|| {
        let known: Vec<&str> = topology.into_iter().flat_map(Topology::event_names).collect();
        ExplainError::NotRouted { event: event.to_owned(), nearest: publish::nearest_events(event, &known) }
    })
}

/// Answers `request`.
///
/// # Errors
/// The event has no topic, or the topic is unknown.
pub fn explain(request: &Request<'_>) -> Result<Report, ExplainError> {
    let (topics, route) = match request.topic {
        Some(topic) => (vec![topic.to_owned()], None),
        None => {
            let publisher = request.publisher.unwrap_or_default();
            let route = route(request.topology, request.catalogue, publisher, request.event)?;
            (route.topics.clone(), Some(route.pattern.clone()))
        }
    };
    let known: Vec<(String, Vec<Subscriber>)> = match request.live {
        Some(live) => live.iter().map(|live| (live.topic.clone(), live.subscribers.clone())).collect(),
        None => topics.iter().map(|topic| planned(request.topology, topic)).collect::<Result<_, _>>()?,
    };
    let event = Event {
        metadata: Metadata {
            event_name: request.event.to_owned(),
            entity_name: Some(request.event.to_owned()),
            entity_id: Some(entity_id(request)),
            publisher_name: request.publisher.map(str::to_owned),
            publish_date: Some(request.publish_date.clone()),
            ..Metadata::default()
        },
        payload: request.payload.clone().unwrap_or_else(|| RawValue::NULL.to_owned()),
    };
    let mut attributes = event.routing_attributes();
    attributes.extend(request.attributes.clone());
    let message = event.to_message(request.envelope);
    let reaches = |(topic, subscribers): &(String, Vec<Subscriber>)| {
        let reach = |one| reach(one, topic, &attributes, &message, request.payload.is_some());
        subscribers.iter().map(reach).collect::<Result<Vec<_>, _>>()
    };
    let subscriptions = known.iter().map(reaches).collect::<Result<Vec<_>, _>>()?.concat();
    Ok(Report {
        event: request.event.to_owned(),
        publisher: request.publisher.map(str::to_owned),
        known_as: request.catalogue.known_as(request.event).map(str::to_owned),
        topics: known.into_iter().map(|(topic, _)| topic).collect(),
        route,
        attributes,
        subscriptions,
        asked: None,
    })
}

fn planned(topology: Option<&Topology>, name: &str) -> Result<(String, Vec<Subscriber>), ExplainError> {
    let unknown = |nearest| ExplainError::UnknownTopic { topic: name.to_owned(), nearest };
    let topology = topology.ok_or_else(|| unknown(Vec::new()))?;
    let topic = topology
        .topic(name)
        .ok_or_else(|| unknown(owned(words::nearest(name, topology.topics.iter().map(|topic| topic.name.as_str())))))?;
    let subscribers = topology.subscriptions_of(&topic.name).map(Subscriber::planned).collect();
    Ok((topic.name.clone(), subscribers))
}

fn owned(names: Vec<&str>) -> Vec<String> {
    names.into_iter().map(str::to_owned).collect()
}

/// What `publish` would take.
fn entity_id(request: &Request<'_>) -> String {
    let found = request.payload.as_ref().and_then(|payload| publish::entity_id_of(payload.get()));
    found.unwrap_or_else(|| request.random_entity_id.clone())
}

fn reach(
    subscription: &Subscriber,
    topic: &str,
    attributes: &Attributes,
    message: &str,
    payload_is_known: bool,
) -> Result<Reach, ExplainError> {
    let filter = subscription.filter.clone();
    let policy = filter
        .as_deref()
        .map(|text| FilterPolicy::parse_attribute(text, subscription.scope))
        .transpose()
        .map_err(|error| ExplainError::Filter { topic: topic.to_owned(), queue: subscription.queue.clone(), error })?
        .flatten();
    let verdict = match &policy {
        None => Verdict::Reached,
        Some(policy) => {
            let unknown = if payload_is_known { Vec::new() } else { payload_keys(policy) };
            if unknown.is_empty() {
                policy.explain(attributes, message).failure.map_or(Verdict::Reached, Verdict::Stopped)
            } else {
                Verdict::DependsOnPayload(unknown)
            }
        }
    };
    let Subscriber { queue, raw, scope, .. } = subscription;
    Ok(Reach { topic: topic.to_owned(), queue: queue.clone(), raw: *raw, scope: *scope, filter, verdict })
}

/// The keys of a body policy that lie in the payload, whichever way the envelope spells it.
fn payload_keys(policy: &FilterPolicy) -> Vec<String> {
    let in_payload = |key: &&str| key.split('.').next().is_some_and(|first| first.eq_ignore_ascii_case("payload"));
    match policy.scope() {
        Scope::MessageAttributes => Vec::new(),
        Scope::MessageBody => policy.keys().filter(in_payload).map(str::to_owned).collect(),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use super::*;
    use crate::event::Attribute;

    const TOPOLOGY: &str = r#"
version: 1
name: users
topics: { users: {}, orders: {}, silent: {} }
queues: { all: {}, registered: {}, german: {}, big: {} }
subscriptions:
  - { topic: users, queue: all }
  - { topic: users, queue: registered, filter: { eventName: [UserRegistered], tier: [{ numeric: [">", 1] }] } }
  - { topic: users, queue: german, scope: body, filter: { Payload: { Country: [DE] }, Metadata: { EventName: [UserRegistered] } } }
  - { topic: orders, queue: big, scope: body, filter: { metadata: { eventName: [OrderPlaced] } } }
events:
  UserRegistered: { topic: users }
  Shop.*: { topic: orders }
  UserDeleted: { topic: silent }
"#;

    static NONE: LazyLock<Catalogue> = LazyLock::new(Catalogue::empty);

    fn topology() -> Topology {
        Topology::parse(TOPOLOGY, "topology.yaml").expect("the topology is sound")
    }

    fn request<'a>(topology: &'a Topology, event: &'a str) -> Request<'a> {
        Request {
            topology: Some(topology),
            live: None,
            catalogue: &NONE,
            event,
            publisher: Some("Shop"),
            topic: None,
            attributes: Attributes::new(),
            payload: None,
            envelope: EnvelopeStyle::Pascal,
            publish_date: "2026-11-23T08:04:22+00:00".into(),
            random_entity_id: "44f33071-e444-494f-bcff-b5e3594f7628".into(),
        }
    }

    fn payload(text: &str) -> Option<Box<RawValue>> {
        Some(RawValue::from_string(text.into()).expect("JSON"))
    }

    #[test]
    fn every_subscription_of_the_topic_gets_a_verdict() {
        let topology = topology();
        let mut request = request(&topology, "UserRegistered");
        request.attributes.insert("tier".into(), Attribute::number("2"));
        request.payload = payload(r#"{"Country": "FR"}"#);
        let report = explain(&request).expect("routed");
        assert_eq!(
            (report.topics.as_slice(), report.route.as_deref()),
            (&["users".to_owned()][..], Some("UserRegistered"))
        );
        assert_eq!(report.receivers(), ["all", "registered"]);
        let Verdict::Stopped(failure) = &report.subscriptions[2].verdict else { panic!("the German queue got it") };
        assert_eq!(failure.pointer, "/Payload/Country");
        assert_eq!(failure.to_string(), r#"`Payload.Country` is "FR", wanted "DE""#);
    }

    #[test]
    fn attributes_override_the_routing_ones() {
        let topology = topology();
        let mut request = request(&topology, "UserRegistered");
        request.attributes.insert("eventName".into(), Attribute::string("Userregistered"));
        let report = explain(&request).expect("routed");
        let Verdict::Stopped(failure) = &report.subscriptions[1].verdict else { panic!("the filter let it pass") };
        assert!(failure.hints[0].contains("Python"), "{:?}", failure.hints);
    }

    #[test]
    fn without_a_payload_nothing_is_guessed() {
        let topology = topology();
        let report = explain(&request(&topology, "UserRegistered")).expect("routed");
        assert_eq!(report.subscriptions[2].verdict, Verdict::DependsOnPayload(vec!["Payload.Country".into()]));
        assert!(report.depends_on_payload());
    }

    #[test]
    fn body_filters_see_the_envelope_in_its_casing() {
        let topology = topology();
        let mut request = request(&topology, "OrderPlaced");
        request.payload = payload("{}");
        let report = explain(&request).expect("routed by the pattern");
        assert_eq!(report.route.as_deref(), Some("Shop.*"));
        let Verdict::Stopped(failure) = &report.subscriptions[0].verdict else { panic!("pascal is not camel") };
        assert_eq!(failure.hints, ["the body has `Metadata.EventName`: names are compared letter by letter"]);
        request.envelope = EnvelopeStyle::Camel;
        assert_eq!(explain(&request).expect("routed").receivers(), ["big"]);
    }

    #[test]
    fn the_entity_id_is_the_payloads() {
        let topology = topology();
        for (text, id) in
            [(r#"{"id": "x"}"#, "x"), (r#"{"id": 7}"#, "7"), ("{}", "44f33071-e444-494f-bcff-b5e3594f7628")]
        {
            let mut request = request(&topology, "UserRegistered");
            request.payload = payload(text);
            assert_eq!(entity_id(&request), id);
        }
    }

    #[test]
    fn a_topic_without_subscriptions_and_names_that_are_not_there() {
        let topology = topology();
        assert_eq!(explain(&request(&topology, "UserDeleted")).expect("routed").subscriptions.len(), 0);
        let mut lost = request(&topology, "UserRegistred");
        lost.publisher = None;
        let Err(ExplainError::NotRouted { nearest, .. }) = explain(&lost) else { panic!("routed") };
        assert_eq!(nearest.first().map(String::as_str), Some("UserRegistered"));
        lost.topic = Some("user");
        let Err(ExplainError::UnknownTopic { nearest, .. }) = explain(&lost) else { panic!("known") };
        assert_eq!(nearest.first().map(String::as_str), Some("users"));
        lost.topic = Some("arn:aws:sns:eu-west-1:123456789012:users");
        assert_eq!(explain(&lost).expect("by ARN").route, None);
    }
}
