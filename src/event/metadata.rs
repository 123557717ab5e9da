//! What is said about an event beside its payload, and how each casing spells it.

use serde::{Deserialize, Serialize};

use super::trace::{TraceParent, ZERO_TRACEPARENT};

/// An event's metadata. Serialised, it is the normalised form: camelCase, what is absent left out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Metadata {
    /// The event's name. The one field that an event cannot be without.
    pub event_name: String,
    /// What the event is about; publishers without another idea write the event's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub entity_name: Option<String>,
    /// Which one of those it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub entity_id: Option<String>,
    /// Who says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub publisher_name: Option<String>,
    /// When, as the publisher wrote it: RFC 3339 as a rule.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub publish_date: Option<String>,
    /// Whether the payload holds personal data, so that terminals mask it.
    pub contains_personal_data: bool,
    /// W3C `traceparent`; the all-zero one counts as absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub traceparent: Option<String>,
    /// W3C `tracestate`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tracestate: Option<String>,
    /// Whatever the publisher puts there for its subscribers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub authorization: Option<String>,
}

impl Metadata {
    /// The span that the event belongs to, if its publisher traced.
    pub fn trace(&self) -> Option<TraceParent> {
        TraceParent::read(self.traceparent.as_deref())
    }
}

/// How an envelope spells its keys.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EnvelopeStyle {
    /// `EventName`: what existing publishers write and existing subscribers read.
    #[default]
    Pascal,
    /// `eventName`. The Python library neither writes nor reads it.
    Camel,
    /// `event_name`.
    Snake,
}

impl EnvelopeStyle {
    /// All of them, as the configuration spells them.
    pub const ALL: [(&'static str, Self); 3] =
        [("pascal", Self::Pascal), ("camel", Self::Camel), ("snake", Self::Snake)];
}

impl std::fmt::Display for EnvelopeStyle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(Self::ALL.iter().find(|(_, style)| style == self).map_or("pascal", |(name, _)| name))
    }
}

impl std::str::FromStr for EnvelopeStyle {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .iter()
            .find(|(name, _)| *name == text)
            .map(|&(_, style)| style)
            .ok_or_else(|| format!("`{text}` is no envelope, expected `pascal`, `camel` or `snake`"))
    }
}

/// A key of the envelope in its three casings.
#[derive(Clone, Copy, Debug)]
pub(super) struct Key {
    pub(super) pascal: &'static str,
    pub(super) camel: &'static str,
    pub(super) snake: &'static str,
}

impl Key {
    const fn new(pascal: &'static str, camel: &'static str, snake: &'static str) -> Self {
        Self { pascal, camel, snake }
    }

    pub(super) fn spelled(&self, style: EnvelopeStyle) -> &'static str {
        match style {
            EnvelopeStyle::Pascal => self.pascal,
            EnvelopeStyle::Camel => self.camel,
            EnvelopeStyle::Snake => self.snake,
        }
    }
}

pub(super) const METADATA: Key = Key::new("Metadata", "metadata", "metadata");
pub(super) const PAYLOAD: Key = Key::new("Payload", "payload", "payload");
pub(super) const CONTAINS_PERSONAL_DATA: Key =
    Key::new("ContainsPersonalData", "containsPersonalData", "contains_personal_data");
pub(super) const TRACESTATE: Key = Key::new("Tracestate", "tracestate", "tracestate");
pub(super) const TRACEPARENT: Key = Key::new("Traceparent", "traceparent", "traceparent");
pub(super) const AUTHORIZATION: Key = Key::new("Authorization", "authorization", "authorization");
pub(super) const PUBLISH_DATE: Key = Key::new("PublishDate", "publishDate", "publish_date");
pub(super) const ENTITY_ID: Key = Key::new("EntityId", "entityId", "entity_id");
pub(super) const ENTITY_NAME: Key = Key::new("EntityName", "entityName", "entity_name");
pub(super) const PUBLISHER_NAME: Key = Key::new("PublisherName", "publisherName", "publisher_name");
pub(super) const EVENT_NAME: Key = Key::new("EventName", "eventName", "event_name");

/// A metadata value on its way out.
pub(super) enum Out<'a> {
    Bool(bool),
    Text(&'a str),
    Absent,
}

impl Metadata {
    /// The fields in the order in which the Python library writes them, its defaults filled in: its reader refuses `null`
    /// and misses nothing that is left out but the three names.
    pub(super) fn fields(&self) -> [(Key, Out<'_>); 9] {
        [
            (CONTAINS_PERSONAL_DATA, Out::Bool(self.contains_personal_data)),
            (TRACESTATE, Out::Text(self.tracestate.as_deref().unwrap_or(""))),
            (TRACEPARENT, Out::Text(self.traceparent.as_deref().unwrap_or(ZERO_TRACEPARENT))),
            (AUTHORIZATION, Out::Text(self.authorization.as_deref().unwrap_or(""))),
            (PUBLISH_DATE, self.publish_date.as_deref().map_or(Out::Absent, Out::Text)),
            (ENTITY_ID, self.entity_id.as_deref().map_or(Out::Absent, Out::Text)),
            (ENTITY_NAME, self.entity_name.as_deref().map_or(Out::Absent, Out::Text)),
            (PUBLISHER_NAME, self.publisher_name.as_deref().map_or(Out::Absent, Out::Text)),
            (EVENT_NAME, Out::Text(&self.event_name)),
        ]
    }
}
