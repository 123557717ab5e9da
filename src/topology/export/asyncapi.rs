//! AsyncAPI 3.0: <https://www.asyncapi.com/docs/reference/specification/v3.0.0>, with the SNS and SQS bindings
//! <https://github.com/asyncapi/bindings/tree/master/sns> and `sqs`.
//!
//! A topic is a channel that this system sends to, a queue one that it receives from. A message is the envelope around the
//! event's payload, with the attributes that filters look at as headers.

use serde_json::{Map, Value, json};

use super::{Exported, Ids};
use crate::event::{EnvelopeStyle, Event, Metadata};
use crate::topology::docs::{EventDocs, schema_of};
use crate::topology::model::{Queue, Route, Subscription, Topology};

/// The document. `schemas` are the payload schemas by their names, `style` is how the envelope is written.
pub fn asyncapi(topology: &Topology, schemas: &EventDocs, style: EnvelopeStyle) -> Exported {
    let mut left_out = Vec::new();
    let (mut channels, mut operations) = (Map::new(), Map::new());
    let (mut messages, mut payloads) = (Map::new(), Map::new());
    let events: Vec<&Route> = topology.events.iter().filter(|route| !route.is_pattern()).collect();
    for route in topology.events.iter().filter(|route| route.is_pattern()) {
        left_out.push(format!("event pattern `{}`: AsyncAPI names each message", route.pattern));
    }
    let topics = topology.topics.iter().map(|topic| ("topic", topic.name.as_str()));
    let queues = topology.queues.iter().map(|queue| ("queue", queue.name.as_str()));
    let names = events.iter().map(|route| ("event", route.pattern.as_str())).chain(topics).chain(queues);
    let ids = Keys(Ids::new(names, |kind, name| match kind {
        "topic" => key(topology.topic_shown(name)),
        "queue" => key(topology.queue_shown(name)),
        _ => key(name),
    }));
    for route in &events {
        let id = ids.event(route).to_owned();
        let schema = schema_of(route, schemas);
        messages.insert(id.clone(), message(route, schema.map(|(_, schema)| schema), &id, style));
        let payload = schema.map_or_else(|| json!({ "type": "object" }), |(_, schema)| rooted(schema, &id));
        payloads.insert(id, payload);
    }
    for topic in &topology.topics {
        let own: Vec<&&Route> = events.iter().filter(|route| route.topics.contains(&topic.name)).collect();
        let name = ids.of("topic", &topic.name);
        let id = format!("topic-{name}");
        let mut binding = json!({ "name": topology.topic_shown(&topic.name) });
        if topic.is_fifo() {
            let deduplication = topic.settings.get("ContentBasedDeduplication") == Some("true");
            binding["ordering"] = json!({ "type": "FIFO", "contentBasedDeduplication": deduplication });
        }
        let subscribers: Vec<Value> =
            topology.subscriptions_of(&topic.name).map(|subscription| consumer(topology, subscription)).collect();
        channels.insert(
            id.clone(),
            json!({
                "address": topology.topic_shown(&topic.name),
                "messages": ids.references(&own, "#/components/messages/"),
                "bindings": { "sns": binding },
            }),
        );
        if !own.is_empty() {
            let mut operation = ids.operation("send", &id, &own);
            if !subscribers.is_empty() {
                let shown = topology.topic_shown(&topic.name);
                operation["bindings"] = json!({ "sns": { "topic": { "name": shown }, "consumers": subscribers } });
            }
            operations.insert(format!("send-{name}"), operation);
        }
    }
    for queue in &topology.queues {
        let own: Vec<&&Route> = events
            .iter()
            .filter(|route| {
                topology.subscriptions.iter().any(|s| s.queue == queue.name && route.topics.contains(&s.topic))
            })
            .collect();
        let name = ids.of("queue", &queue.name);
        let id = format!("queue-{name}");
        channels.insert(
            id.clone(),
            json!({
                "address": topology.queue_shown(&queue.name),
                "messages": ids.references(&own, "#/components/messages/"),
                "bindings": { "sqs": queue_binding(topology, queue) },
            }),
        );
        if !own.is_empty() {
            operations.insert(format!("receive-{name}"), ids.operation("receive", &id, &own));
        }
    }
    let mut document = json!({
        "asyncapi": "3.0.0",
        "info": { "title": topology.name, "version": "1" },
        "defaultContentType": "application/json",
        "channels": channels,
        "operations": operations,
    });
    if !messages.is_empty() {
        document["components"] = json!({ "messages": messages, "schemas": payloads });
    }
    Exported { document, left_out }
}

/// Keys of components are `A-Za-z0-9._-`: <https://www.asyncapi.com/docs/reference/specification/v3.0.0#componentsObject>.
fn key(name: &str) -> String {
    name.chars().map(|c| if c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-') { c } else { '_' }).collect()
}

/// The keys of everything in the document.
struct Keys(Ids);

impl Keys {
    fn of(&self, kind: &'static str, name: &str) -> &str {
        self.0.of(kind, name).unwrap_or_default()
    }

    fn event(&self, route: &Route) -> &str {
        self.of("event", &route.pattern)
    }

    fn references(&self, events: &[&&Route], root: &str) -> Value {
        let entry =
            |route: &&&Route| (self.event(route).to_owned(), json!({ "$ref": format!("{root}{}", self.event(route)) }));
        Value::Object(events.iter().map(entry).collect())
    }

    fn operation(&self, action: &str, channel: &str, events: &[&&Route]) -> Value {
        let messages: Vec<Value> = events
            .iter()
            .map(|route| json!({ "$ref": format!("#/channels/{channel}/messages/{}", self.event(route)) }))
            .collect();
        json!({ "action": action, "channel": { "$ref": format!("#/channels/{channel}") }, "messages": messages })
    }
}

fn message(route: &Route, schema: Option<&Value>, id: &str, style: EnvelopeStyle) -> Value {
    let name = route.event_name().unwrap_or(&route.pattern);
    let envelope = envelope(style);
    let mut parts = envelope.iter();
    let (Some((outer, metadata)), Some((inner, _))) = (parts.next(), parts.next()) else {
        return json!({ "name": name });
    };
    let fields = metadata.as_object().into_iter().flatten();
    let metadata: Map<String, Value> = fields
        .map(|(key, value)| (key.clone(), json!({ "type": if value.is_boolean() { "boolean" } else { "string" } })))
        .collect();
    let mut message = json!({
        "name": name,
        "headers": {
            "type": "object",
            "properties": {
                "eventName": { "type": "string", "const": name },
                "publisherName": { "type": "string" },
                "entityName": { "type": "string" },
            },
        },
        "payload": {
            "type": "object",
            "properties": {
                outer: { "type": "object", "properties": metadata },
                inner: { "$ref": format!("#/components/schemas/{id}") },
            },
            "required": [outer, inner],
        },
    });
    for (from, to) in [("title", "title"), ("description", "description")] {
        if let Some(text) = schema.and_then(|schema| schema.get(from)).and_then(Value::as_str) {
            message[to] = text.into();
        }
    }
    message
}

/// An envelope with every field, as it is written: metadata first, then the payload.
fn envelope(style: EnvelopeStyle) -> Map<String, Value> {
    let text = || Some(String::new());
    let metadata = Metadata {
        entity_name: text(),
        entity_id: text(),
        publisher_name: text(),
        publish_date: text(),
        traceparent: text(),
        tracestate: text(),
        authorization: text(),
        ..Metadata::default()
    };
    let event = Event { metadata, payload: serde_json::value::RawValue::NULL.to_owned() };
    serde_json::from_str(&event.to_message(style)).unwrap_or_default()
}

/// A payload schema as a part of the document: references within it begin at its new place, and what says how to read it as a
/// file of its own is left out.
fn rooted(schema: &Value, id: &str) -> Value {
    fn walk(value: &Value, root: &str) -> Value {
        match value {
            Value::Object(map) => Value::Object(
                map.iter()
                    .map(|(key, value)| {
                        let value = match value {
                            Value::String(text) if key == "$ref" => match text.strip_prefix('#') {
                                Some(inside) => format!("{root}{inside}").into(),
                                None => value.clone(),
                            },
                            other => walk(other, root),
                        };
                        (key.clone(), value)
                    })
                    .collect(),
            ),
            Value::Array(items) => items.iter().map(|item| walk(item, root)).collect(),
            other => other.clone(),
        }
    }
    let mut schema = walk(schema, &format!("#/components/schemas/{id}"));
    if let Value::Object(map) = &mut schema {
        map.retain(|key, _| key != "$schema" && key != "$id");
    }
    schema
}

fn consumer(topology: &Topology, subscription: &Subscription) -> Value {
    let mut consumer = json!({
        "protocol": "sqs",
        "endpoint": { "name": topology.queue_shown(&subscription.queue) },
        "rawMessageDelivery": subscription.raw,
    });
    if let Some(filter) = &subscription.filter {
        // The binding knows lists of texts alone; anything else stands beside it, whole.
        let texts = |value: &Value| value.as_array().is_some_and(|list| list.iter().all(Value::is_string));
        let simple = filter.json.as_object().is_some_and(|keys| keys.values().all(texts));
        consumer[if simple { "filterPolicy" } else { "x-filterPolicy" }] = filter.json.clone();
        consumer["filterPolicyScope"] = subscription.scope.as_aws().into();
    }
    if let Some((dead, _)) = &subscription.dead_letter {
        consumer["redrivePolicy"] = json!({ "deadLetterQueue": { "name": topology.queue_shown(dead) } });
    }
    consumer
}

fn queue_binding(topology: &Topology, queue: &Queue) -> Value {
    let mut binding = json!({ "queue": queue_object(queue) });
    if let Some(dead) = &queue.dead_letter {
        binding["queue"]["redrivePolicy"] = json!({ "deadLetterQueue": { "name": topology.queue_shown(&dead.queue) }, "maxReceiveCount": dead.max_receives });
        if let Some(target) = topology.queue(&dead.queue).filter(|target| !target.external) {
            binding["deadLetterQueue"] = queue_object(target);
        }
    }
    binding
}

fn queue_object(queue: &Queue) -> Value {
    if queue.external {
        return json!({ "name": queue.key, "fifoQueue": queue.is_fifo() });
    }
    let mut object = json!({
        "name": queue.name,
        "fifoQueue": queue.is_fifo(),
        "visibilityTimeout": queue.visibility_timeout(),
        "messageRetentionPeriod": queue.retention(),
    });
    for (attribute, name) in
        [("DelaySeconds", "deliveryDelay"), ("ReceiveMessageWaitTimeSeconds", "receiveMessageWaitTime")]
    {
        if let Some(seconds) = queue.settings.get(attribute).and_then(|text| text.parse::<u64>().ok()) {
            object[name] = seconds.into();
        }
    }
    for (attribute, name) in
        [("DeduplicationScope", "deduplicationScope"), ("FifoThroughputLimit", "fifoThroughputLimit")]
    {
        if let Some(text) = queue.settings.get(attribute) {
            object[name] = text.into();
        }
    }
    if !queue.tags.is_empty() {
        object["tags"] = json!(queue.tags);
    }
    object
}
