//! Makes an event of what lies in a queue: wrapped by SNS or raw, in any casing and in mixtures of them.

use std::borrow::Cow;

use serde_json::value::RawValue;

use super::json::scan::{Dialect, scan, unescape};
use super::json::{Kind, member, members};
use super::metadata::{
    AUTHORIZATION, CONTAINS_PERSONAL_DATA, ENTITY_ID, ENTITY_NAME, EVENT_NAME, Key, METADATA, PAYLOAD, PUBLISH_DATE,
    PUBLISHER_NAME, TRACEPARENT, TRACESTATE,
};
use super::python;
use super::trace::ZERO_TRACEPARENT;
use super::{Attributes, Event, Metadata, Notification};

/// What a queue's body turned out to be.
#[derive(Clone, Debug)]
pub struct Reading {
    /// The event, or why there is none.
    pub event: Result<Event, Unreadable>,
    /// SNS's wrapper, where there was one.
    pub notification: Option<Notification>,
}

impl Reading {
    /// The attributes that routed the event: those in SNS's wrapper, else those of the queue's message.
    pub fn attributes(&self, of_the_message: &Attributes) -> Attributes {
        self.notification.as_ref().map_or_else(|| of_the_message.clone(), Notification::attributes)
    }
}

/// Why a body is no event.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct Unreadable {
    /// The reason, as a fragment of a sentence.
    pub reason: String,
}

fn unreadable(reason: impl Into<String>) -> Unreadable {
    Unreadable { reason: reason.into() }
}

/// Reads a queue's body with the message attributes it came with.
///
/// Per field, PascalCase wins over snake_case and that over camelCase, as in the Python library as far as that reads. A raw
/// payload without metadata is an event if the attributes name one. Everything that Python would deliver is read, but a
/// payload with `NaN` or `Infinity`, which is not JSON.
pub fn read_body(body: &str, attributes: &Attributes) -> Reading {
    let notification = Notification::parse(body);
    let inner: Cow<'_, str> = match &notification {
        Some(notification) => Cow::Borrowed(notification.message.as_str()),
        None => bare_wrapper(body).unwrap_or(Cow::Borrowed(body)),
    };
    let inside = notification.as_ref().map(Notification::attributes);
    let event = read_message(&inner, inside.as_ref().unwrap_or(attributes));
    Reading { event, notification }
}

/// A wrapper that lacks what SNS always writes, but has the `Message` that a subscriber looks for.
fn bare_wrapper(body: &str) -> Option<Cow<'_, str>> {
    if Kind::of(body) != Kind::Object {
        return None;
    }
    let found = members(body);
    let message = member(&found, "Message")?;
    let enveloped = member(&found, METADATA.pascal).or_else(|| member(&found, METADATA.snake)).is_some();
    (Kind::of(message) == Kind::String && !enveloped).then(|| unescape(message))
}

/// Reads a message as it was published: no wrapper around it.
///
/// # Errors
/// What is no event, with the reason.
pub fn read_message(message: &str, attributes: &Attributes) -> Result<Event, Unreadable> {
    scan(message, Dialect::WIRE, |_, _| true).map_err(|e| {
        let at = super::json::locate(message, e.offset);
        unreadable(format!("the message is not JSON: {at}: {}", e.kind))
    })?;
    let named = |name: &str| attributes.get(name).and_then(|a| a.text()).map(str::to_owned);
    let envelope = as_members(message);
    if let Some(envelope) = &envelope {
        if let Some(metadata) = pick(envelope, METADATA).filter(|text| Kind::of(text) != Kind::Null) {
            let fields = as_members(metadata).ok_or_else(|| {
                unreadable(format!("the metadata is {}, expected an object", Kind::of(metadata).words()))
            })?;
            let mut metadata = read_metadata(&fields)?;
            if metadata.event_name.is_empty() {
                metadata.event_name = named("eventName")
                    .ok_or_else(|| unreadable("the metadata has no `eventName`, in whatever casing"))?;
            }
            metadata.entity_name = metadata.entity_name.or_else(|| named("entityName"));
            metadata.publisher_name = metadata.publisher_name.or_else(|| named("publisherName"));
            return Ok(Event { metadata, payload: raw(pick(envelope, PAYLOAD).unwrap_or("null"))? });
        }
        if let Some(event) = cloud_event(envelope)? {
            return Ok(event);
        }
    }
    // The payload alone: the attributes say what it is.
    match named("eventName") {
        Some(event_name) => Ok(Event {
            metadata: Metadata {
                event_name,
                entity_name: named("entityName"),
                publisher_name: named("publisherName"),
                ..Metadata::default()
            },
            payload: raw(message)?,
        }),
        None if envelope.is_none() => {
            Err(unreadable(format!("the message is {}, expected an envelope", Kind::of(message).words())))
        }
        None => Err(unreadable("the message has no `metadata`, and no `eventName` attribute names the event")),
    }
}

fn raw(text: &str) -> Result<Box<RawValue>, Unreadable> {
    RawValue::from_string(text.trim().to_owned()).map_err(|e| unreadable(format!("the payload is not JSON: {e}")))
}

type Members<'a> = Vec<(Cow<'a, str>, &'a str)>;

/// An object's members; also an array of `[key, value]` pairs, which Python's `dict()` accepts.
fn as_members(value: &str) -> Option<Members<'_>> {
    match Kind::of(value) {
        Kind::Object => Some(members(value)),
        Kind::Array => members(value)
            .into_iter()
            .map(|(_, pair)| match (Kind::of(pair), members(pair).as_slice()) {
                (Kind::Array, [(_, key), (_, value)]) if Kind::of(key) == Kind::String => Some((unescape(key), *value)),
                _ => None,
            })
            .collect(),
        _ => None,
    }
}

fn pick<'a>(members: &Members<'a>, key: Key) -> Option<&'a str> {
    [key.pascal, key.snake, key.camel].into_iter().find_map(|name| member(members, name))
}

fn read_metadata(fields: &Members<'_>) -> Result<Metadata, Unreadable> {
    let text = |key: Key| -> Result<Option<String>, Unreadable> {
        match pick(fields, key) {
            None => Ok(None),
            Some(value) if Kind::of(value) == Kind::Null => Ok(None),
            Some(value) if python::is_text(value) => Ok(Some(as_text(value))),
            Some(value) => {
                Err(unreadable(format!("the metadata's `{}` is {}, expected text", key.camel, Kind::of(value).words())))
            }
        }
    };
    let filled = |value: Option<String>| value.filter(|text| !text.is_empty());
    let contains_personal_data = match pick(fields, CONTAINS_PERSONAL_DATA) {
        Some(value) if Kind::of(value) != Kind::Null => python::as_bool(value)
            .ok_or_else(|| unreadable("the metadata's `containsPersonalData` is neither true nor false"))?,
        _ => false,
    };
    Ok(Metadata {
        event_name: text(EVENT_NAME)?.unwrap_or_default(),
        entity_name: text(ENTITY_NAME)?,
        entity_id: text(ENTITY_ID)?,
        publisher_name: text(PUBLISHER_NAME)?,
        publish_date: text(PUBLISH_DATE)?,
        contains_personal_data,
        traceparent: filled(text(TRACEPARENT)?).filter(|parent| parent != ZERO_TRACEPARENT),
        tracestate: filled(text(TRACESTATE)?),
        authorization: filled(text(AUTHORIZATION)?),
    })
}

/// A scalar as text, as Python's `str()` spells it.
fn as_text(value: &str) -> String {
    match (Kind::of(value), value.trim()) {
        (Kind::String, quoted) => unescape(quoted).into_owned(),
        (_, "true") => "True".into(),
        (_, "false") => "False".into(),
        (_, number) => number.into(),
    }
}

/// CloudEvents 1.0 in structured mode: <https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md>.
/// `type` is the event's name, `source` the publisher, `subject` the entity's id.
fn cloud_event(members: &Members<'_>) -> Result<Option<Event>, Unreadable> {
    let text = |name: &str| member(members, name).filter(|v| Kind::of(v) == Kind::String).map(as_text);
    let (Some(version), Some(event_name)) = (text("specversion"), text("type")) else { return Ok(None) };
    if !version.starts_with("1.") {
        return Err(unreadable(format!("the message is a CloudEvent of version `{version}`, expected `1.0`")));
    }
    let metadata = Metadata {
        event_name,
        publisher_name: text("source"),
        entity_id: text("subject"),
        publish_date: text("time"),
        traceparent: text("traceparent"),
        tracestate: text("tracestate"),
        ..Metadata::default()
    };
    Ok(Some(Event { metadata, payload: raw(member(members, "data").unwrap_or("null"))? }))
}
