//! `--format '{time} {event} {payload.email}'`: a line of one's own for each message.

use std::borrow::Cow;
use std::str::FromStr;

use serde_json::value::RawValue;

use crate::engine::rejected::REASON_ATTRIBUTE;
use crate::event::{AttributeValue, Attributes, Record, json};
use crate::words;

/// What stands where a message does not have the field.
const ABSENT: &str = "-";
/// What stands where the payload is not to be seen.
const HIDDEN: &str = "(hidden)";

/// The fields without a path.
const FIELDS: [&str; 15] = [
    "time",
    "event",
    "entity",
    "entity_name",
    "publisher",
    "payload",
    "body",
    "message",
    "queue",
    "topic",
    "id",
    "sns_id",
    "sent_at",
    "receive_count",
    "reason",
];

/// A template that was understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template(Vec<Part>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    Field(&'static str),
    /// Below the payload.
    Payload(Vec<String>),
    Attribute(String),
}

impl FromStr for Template {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut plain = String::new();
        let mut chars = text.chars().peekable();
        while let Some(c) = chars.next() {
            match c {
                '{' | '}' if chars.peek() == Some(&c) => {
                    plain.push(c);
                    chars.next();
                }
                '}' => return Err("a `}` without its `{`; write `}}` for the sign itself".into()),
                '{' => {
                    let mut name = String::new();
                    loop {
                        match chars.next() {
                            Some('}') => break,
                            None | Some('{') => {
                                return Err("a `{` without its `}`; write `{{` for the sign itself".into());
                            }
                            Some(c) => name.push(c),
                        }
                    }
                    if !plain.is_empty() {
                        parts.push(Part::Text(std::mem::take(&mut plain)));
                    }
                    parts.push(field(name.trim())?);
                }
                '\\' => match chars.next() {
                    Some('n') => plain.push('\n'),
                    Some('t') => plain.push('\t'),
                    Some('0') => plain.push('\0'),
                    Some('\\') => plain.push('\\'),
                    other => {
                        return Err(format!(
                            "`\\{}` means nothing: there are `\\n`, `\\t`, `\\0` and `\\\\`",
                            other.unwrap_or(' ')
                        ));
                    }
                },
                c => plain.push(c),
            }
        }
        if !plain.is_empty() {
            parts.push(Part::Text(plain));
        }
        Ok(Self(parts))
    }
}

fn field(name: &str) -> Result<Part, String> {
    if let Some(path) = name.strip_prefix("payload.").filter(|path| !path.is_empty()) {
        return Ok(Part::Payload(path.split('.').map(str::to_owned).collect()));
    }
    if let Some(attribute) = name.strip_prefix("attr.").filter(|name| !name.is_empty()) {
        return Ok(Part::Attribute(attribute.to_owned()));
    }
    FIELDS.into_iter().find(|field| *field == name).map(Part::Field).ok_or_else(|| {
        let known = format!(
            "there are {}, `payload.PATH` and `attr.NAME`",
            FIELDS.map(|field| format!("`{field}`")).join(", ")
        );
        match words::did_you_mean(name, FIELDS) {
            Some(meant) => format!("`{{{name}}}` is no field: {meant} {known}"),
            None => format!("`{{{name}}}` is no field: {known}"),
        }
    })
}

impl Template {
    /// The line for a record, without an end. `safe` is what is done to each value; `hides` keeps the payload back.
    pub(super) fn fill(&self, record: &Record, hides: bool, safe: impl Fn(&str) -> String) -> String {
        let mut line = String::new();
        for part in &self.0 {
            match part {
                Part::Text(text) => line.push_str(text),
                Part::Payload(_) | Part::Field("payload" | "body" | "message") if hides => line.push_str(HIDDEN),
                Part::Payload(path) => line.push_str(&safe(&below(record, path).unwrap_or(ABSENT.into()))),
                Part::Attribute(name) => {
                    line.push_str(&safe(&attribute(&record.attributes, name).unwrap_or(ABSENT.into())))
                }
                Part::Field(name) => line.push_str(&safe(&value(record, name).unwrap_or(ABSENT.into()))),
            }
        }
        line
    }
}

fn value<'a>(record: &'a Record, field: &str) -> Option<Cow<'a, str>> {
    let metadata = record.event.as_ref().map(|event| &event.metadata);
    let system = &record.message;
    let text = match field {
        "time" => metadata.and_then(|m| m.publish_date.as_deref()).or(system.sent_at.as_deref()),
        "event" => metadata.map(|m| m.event_name.as_str()),
        "entity" => metadata.and_then(|m| m.entity_id.as_deref()),
        "entity_name" => metadata.and_then(|m| m.entity_name.as_deref()),
        "publisher" => metadata.and_then(|m| m.publisher_name.as_deref()),
        "payload" => return record.event.as_ref().map(|event| json::compact(event.payload.get())),
        "body" => Some(record.body.as_str()),
        "message" => return Some(record.message_text().into()),
        "queue" => system.queue.as_deref(),
        "topic" => system.topic.as_deref().map(|arn| arn.rsplit(':').next().unwrap_or(arn)),
        "id" => Some(system.id.as_str()).filter(|id| !id.is_empty()),
        "sns_id" => system.sns_message_id.as_deref(),
        "sent_at" => system.sent_at.as_deref(),
        "receive_count" => return system.receive_count.map(|times| times.to_string().into()),
        "reason" => {
            let rejected = record.outer_attributes.get(REASON_ATTRIBUTE).or(record.attributes.get(REASON_ATTRIBUTE));
            rejected.and_then(|reason| reason.text()).or(record.unreadable.as_deref())
        }
        _ => None,
    };
    text.map(Cow::Borrowed)
}

fn attribute<'a>(attributes: &'a Attributes, name: &str) -> Option<Cow<'a, str>> {
    Some(match &attributes.get(name)?.value {
        AttributeValue::Text(text) => text.into(),
        AttributeValue::Binary(bytes) => format!("<{}>", words::count(bytes.len() as u64, "byte")).into(),
    })
}

/// What lies at `path` in the payload: a text without its quotes, everything else as it was written.
fn below<'a>(record: &'a Record, path: &[String]) -> Option<Cow<'a, str>> {
    let mut text = record.event.as_ref()?.payload.get();
    for name in path {
        let elements: Option<Vec<&'a RawValue>> =
            if text.trim_start().starts_with('[') { serde_json::from_str(text).ok() } else { None };
        text = match elements {
            Some(elements) => elements.get(name.parse::<usize>().ok()?)?.get(),
            None => json::member(&json::members(text), name)?,
        };
    }
    let text = text.trim();
    if text.starts_with('"') {
        return serde_json::from_str::<String>(text).ok().map(Cow::Owned);
    }
    Some(json::compact(text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Attribute, SystemRecord};

    fn filled(template: &str, hides: bool) -> String {
        let body = r#"{"Metadata":{"EventName":"UserRegistered","EntityName":"User","EntityId":"7","PublisherName":"Users","PublishDate":"2026-11-23T08:04:22+00:00"},
            "Payload":{"email":"a\"b@c.de","n":1.50,"deep":{"list":[{"x":null},true]}, "emptied":{}}}"#;
        let attributes = [("tier".to_owned(), Attribute::number("2"))].into();
        let system = SystemRecord { id: "m1".into(), queue: Some("q".into()), ..SystemRecord::default() };
        let record = Record::new(body, attributes, system);
        template.parse::<Template>().unwrap().fill(&record, hides, str::to_owned)
    }

    #[test]
    fn fields_paths_and_signs() {
        assert_eq!(
            filled("{time} {event} {payload.email}", false),
            "2026-11-23T08:04:22+00:00 UserRegistered a\"b@c.de"
        );
        assert_eq!(filled(r"{payload.n}\t{payload.deep.list.1}\n{payload.deep.list.0.x}", false), "1.50\ttrue\nnull");
        assert_eq!(
            filled("{{{attr.tier}}} {queue}/{id} {payload.deep}", false),
            r#"{2} q/m1 {"list":[{"x":null},true]}"#
        );
        assert_eq!(filled("{payload.no.such} {topic} {reason} {attr.no}", false), "- - - -");
        assert_eq!(
            filled("{event} {payload} {payload.email} {body}", true),
            "UserRegistered (hidden) (hidden) (hidden)"
        );
    }

    #[test]
    fn what_is_no_template_is_said() {
        for (text, says) in [
            ("{evnt}", "did you mean `event` or"),
            ("{}", "is no field"),
            ("{event", "without its"),
            ("event}", "without its"),
            (r"\q", "means nothing"),
            ("{payload.}", "is no field"),
        ] {
            let error = text.parse::<Template>().unwrap_err();
            assert!(error.contains(says), "{text}: {error}");
        }
    }
}
