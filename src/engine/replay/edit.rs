//! Changes on the way: `--edit` (a jq program over the record, of which payload and attributes may change) and `--republish`
//! (a fresh publish date and trace). What is not changed keeps its bytes.

use std::sync::Arc;

use crate::clock::{Clock, random_id};
use crate::engine::jq::Program;
use crate::event::json::{Document, Kind, member, members};
use crate::event::{Attributes, Notification, Record, TraceParent};
use crate::schema::Catalogue;

/// What is changed on the way.
#[derive(Debug)]
pub struct Edit {
    /// Each over the output of the one before.
    pub programs: Vec<Arc<Program>>,
    /// Give each event a publish date and a trace of its own.
    pub republish: bool,
    /// What changed payloads are checked against; `None` checks nothing.
    pub catalogue: Option<Arc<Catalogue>>,
    /// The span that caused it; a trace of its own where there is none.
    pub trace: Option<TraceParent>,
}

impl Edit {
    /// The record as it is to be sent, or why it cannot be.
    pub(super) fn apply(&self, record: Record, clock: &Clock) -> Result<Record, String> {
        let mut text = record.message_text();
        let mut attributes = record.attributes.clone();
        if !self.programs.is_empty() {
            let edited = self.edited(&record)?;
            if let Some(payload) = payload_change(&record, &edited) {
                text = with_payload(&text, &payload)?;
                self.check(&record, &payload)?;
            }
            attributes = edited.attributes;
        }
        if self.republish {
            text = republished(&text, self.trace, clock)?;
        }
        Ok(rebuilt(record, text, attributes))
    }

    fn edited(&self, record: &Record) -> Result<Record, String> {
        let before = record.to_line();
        let mut line = before.clone();
        for program in &self.programs {
            let mut outputs = program.outputs(&line).map_err(|error| error.to_string())?;
            line = match (outputs.pop(), outputs.len()) {
                (Some(one), 0) => one,
                (found, more) => {
                    let found = more + usize::from(found.is_some());
                    return Err(format!("`--edit` gave {found} outputs, expected one: the record with its changes"));
                }
            };
        }
        let edited = Record::parse(&line).map_err(|error| format!("what `--edit` gave is no record: {error}"))?;
        // Whatever else is changed would be dropped in silence.
        let restored = Record {
            attributes: record.attributes.clone(),
            event: match (&record.event, &edited.event) {
                (Some(was), Some(is)) if was.metadata == is.metadata => Some(was.clone()),
                (_, is) => is.clone(),
            },
            ..edited.clone()
        };
        let was = Record::parse(&before).map_err(|error| error.to_string())?;
        let restored =
            Record { event: restored.event.map(|event| same_payload(event, was.event.as_ref())), ..restored };
        if restored != was {
            return Err("`--edit` may change `.event.payload` and `.attributes`, and changed something else".into());
        }
        Ok(edited)
    }

    fn check(&self, record: &Record, payload: &str) -> Result<(), String> {
        let (Some(catalogue), Some(event)) = (&self.catalogue, &record.event) else { return Ok(()) };
        let schema = catalogue.schema(&event.metadata.event_name, None).map_err(|error| error.to_string())?;
        let Some(schema) = schema else { return Ok(()) };
        let document = Document::from_text(payload).map_err(|error| format!("the edited payload: {error}"))?;
        let value = document.to_value().map_err(|error| format!("the edited payload: {error}"))?;
        match schema.check(&value, document.text()).first() {
            None => Ok(()),
            Some(first) => Err(format!("the edited payload breaks {}: {first}", schema.path().display())),
        }
    }
}

/// `event` with the payload of `was`: they are compared by everything else.
fn same_payload(event: crate::event::Event, was: Option<&crate::event::Event>) -> crate::event::Event {
    match was {
        Some(was) => crate::event::Event { payload: was.payload.clone(), ..event },
        None => event,
    }
}

/// The payload's text if it has changed.
fn payload_change(record: &Record, edited: &Record) -> Option<String> {
    let (was, is) = (record.event.as_ref()?, edited.event.as_ref()?);
    let flat = |text: &str| crate::event::json::compact(text).into_owned();
    let (was, is) = (flat(was.payload.get()), flat(is.payload.get()));
    (was != is).then_some(is)
}

/// `text`, an event's message in whatever casing, with another payload.
fn with_payload(text: &str, payload: &str) -> Result<String, String> {
    let found = members(text);
    let is_envelope = Kind::of(text) == Kind::Object
        && ["Metadata", "metadata", "specversion"].iter().any(|name| member(&found, name).is_some());
    if !is_envelope {
        // A raw payload is the whole message.
        return Ok(payload.to_owned());
    }
    let cloud = member(&found, "specversion").is_some();
    let names: &[&str] = if cloud { &["data"] } else { &["Payload", "payload"] };
    match names.iter().find_map(|name| member(&found, name)) {
        Some(value) => Ok(replaced(text, value, payload)),
        None => Err("the message has no payload to be edited".into()),
    }
}

/// `text` with a fresh publish date and trace.
fn republished(text: &str, trace: Option<TraceParent>, clock: &Clock) -> Result<String, String> {
    let mut span = [0; 8];
    span.copy_from_slice(&random_id().as_bytes()[8..]);
    let trace = match trace {
        Some(parent) => parent.continued(span),
        None => TraceParent::new(*random_id().as_bytes(), span, true),
    };
    let (date, trace) =
        (quoted(&clock.now().strftime("%Y-%m-%dT%H:%M:%S+00:00").to_string()), quoted(&trace.to_string()));
    let found = members(text);
    if Kind::of(text) == Kind::Object && member(&found, "specversion").is_some() {
        return Ok(with_member(&with_member(text, &["time"], &date), &["traceparent"], &trace));
    }
    let metadata = ["Metadata", "metadata"].iter().find_map(|name| member(&found, name));
    let Some(metadata) = metadata.filter(|value| Kind::of(value) == Kind::Object) else {
        return Err("the message has no metadata, so it cannot be given a publish date and a trace".into());
    };
    let fields = members(metadata);
    let has = |name: &str| member(&fields, name).is_some();
    // New keys are spelled as those that are there.
    let order: [usize; 3] = match (has("EventName"), has("event_name")) {
        (true, _) => [0, 1, 2],
        (false, true) => [1, 0, 2],
        _ => [2, 0, 1],
    };
    let spelled = |all: [&'static str; 3]| order.map(|at| all[at]);
    let fresh = with_member(metadata, &spelled(["PublishDate", "publish_date", "publishDate"]), &date);
    let fresh = with_member(&fresh, &spelled(["Traceparent", "traceparent", "traceparent"]), &trace);
    Ok(replaced(text, metadata, &fresh))
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// The object `text` with `value` for whichever of `names` it has, or for the first.
fn with_member(text: &str, names: &[&str], value: &str) -> String {
    let found = members(text);
    if let Some(old) = names.iter().find_map(|name| member(&found, name)) {
        return replaced(text, old, value);
    }
    let Some(end) = text.rfind('}') else { return text.to_owned() };
    let comma = if found.is_empty() { "" } else { "," };
    let name = names.first().map(|name| quoted(name)).unwrap_or_default();
    format!("{}{comma}{name}:{value}{}", &text[..end], &text[end..])
}

/// `text` with `with` in the place of `part`, which is a slice of it.
fn replaced(text: &str, part: &str, with: &str) -> String {
    let start = part.as_ptr() as usize - text.as_ptr() as usize;
    format!("{}{with}{}", &text[..start], &text[start + part.len()..])
}

/// The record of the same message with another text and other attributes, inside SNS's wrapper where there is one.
fn rebuilt(record: Record, text: String, attributes: Attributes) -> Record {
    if text == record.message_text() && attributes == record.attributes {
        return record;
    }
    let Some(mut notification) = Notification::parse(&record.body) else {
        return Record::new(text, attributes, record.message);
    };
    notification.message = text;
    notification.message_attributes = attributes.iter().map(|(name, value)| (name.clone(), value.into())).collect();
    // Signed was another message.
    notification.signature = None;
    notification.signature_version = None;
    notification.signing_cert_url = None;
    let body = serde_json::to_string(&notification).expect("texts serialise");
    Record::new(body, record.outer_attributes, record.message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Attribute, SystemRecord};

    const BODY: &str = r#"{ "Metadata":{"EventName":"A","PublishDate":"2020-01-01T00:00:00+00:00","Own":7}, "Payload" : {"n":1.50,"b":"x"},"More":1}"#;

    fn edit(programs: &[&str]) -> Edit {
        let programs = programs.iter().map(|text| Arc::new(Program::compile(text).unwrap())).collect();
        Edit { programs, republish: false, catalogue: None, trace: None }
    }

    fn record(body: &str) -> Record {
        let attributes = [("eventName".to_owned(), Attribute::string("A")), ("n".to_owned(), Attribute::number("1"))];
        Record::new(body, attributes.into(), SystemRecord { id: "m".into(), ..SystemRecord::default() })
    }

    fn applied(edit: &Edit, body: &str) -> Result<Record, String> {
        edit.apply(record(body), &Clock::manual(1_795_000_000_000))
    }

    #[test]
    fn a_payload_changes_and_every_other_byte_stays() {
        let edited = applied(&edit(&[".event.payload.b = \"y\"", ".event.payload.c = 2"]), BODY).unwrap();
        assert_eq!(edited.body, BODY.replace(r#"{"n":1.50,"b":"x"}"#, r#"{"n":1.50,"b":"y","c":2}"#));
        assert_eq!(applied(&edit(&["."]), BODY).unwrap().body, BODY);
        let raw = applied(&edit(&[".event.payload.n = 2"]), r#"{"n":1}"#).unwrap();
        assert_eq!(raw.body, r#"{"n":2}"#);
        let cloud = r#"{"specversion":"1.0","type":"A","source":"s","id":"1","data":{"n":1}}"#;
        assert_eq!(applied(&edit(&[".event.payload.n=2"]), cloud).unwrap().body, cloud.replace("\"n\":1", "\"n\":2"));
    }

    #[test]
    fn attributes_change_and_nothing_else_may() {
        let edited =
            applied(&edit(&[".attributes.n.value = \"2\" | .attributes.x = {type:\"String\",value:\"y\"}"]), BODY);
        let edited = edited.unwrap();
        assert_eq!((edited.attributes["n"].text(), edited.attributes["x"].text()), (Some("2"), Some("y")));
        assert_eq!(edited.body, BODY);
        for other in [".event.metadata.eventName = \"B\"", ".body = \"x\"", ".message.groupId = \"g\"", "del(.event)"] {
            let refused = applied(&edit(&[other]), BODY).unwrap_err();
            assert!(refused.contains("changed something else"), "{other}: {refused}");
        }
        for (program, why) in
            [("empty", "0 outputs"), (".,.", "2 outputs"), ("1", "no record"), (".body.x", "cannot index")]
        {
            let refused = applied(&edit(&[program]), BODY).unwrap_err();
            assert!(refused.contains(why), "{program}: {refused}");
        }
    }

    #[test]
    fn a_wrapped_message_stays_wrapped_and_loses_the_signature() {
        let wrapped = serde_json::json!({
            "Type": "Notification", "MessageId": "x", "TopicArn": "arn:aws:sns:us-east-1:1:t", "Timestamp": "T",
            "Signature": "s", "SignatureVersion": "1", "SigningCertURL": "u", "Message": BODY,
            "MessageAttributes": {"tier": {"Type": "Number", "Value": "2"}},
        });
        let edited =
            applied(&edit(&[".attributes.tier.value = \"3\" | .event.payload.b = 1"]), &wrapped.to_string()).unwrap();
        let notification = Notification::parse(&edited.body).unwrap();
        assert_eq!(notification.message, BODY.replace(r#""b":"x""#, r#""b":1"#));
        assert_eq!((notification.message_attributes["tier"].value.as_str(), notification.signature), ("3", None));
        assert_eq!(edited.outer_attributes.len(), 2, "what the queue's message has beside the wrapper stays");
    }

    #[test]
    fn what_is_published_again_has_a_date_and_a_trace_of_its_own() {
        let again = Edit { republish: true, ..edit(&[]) };
        let event = applied(&again, BODY).unwrap().event.unwrap();
        assert_eq!(event.metadata.publish_date.as_deref(), Some("2026-11-18T11:06:40+00:00"));
        assert!(event.metadata.trace().is_some());
        let body = applied(&again, BODY).unwrap().body;
        assert!(body.contains(r#""Own":7"#) && body.contains(r#""Traceparent":"00-"#), "{body}");
        let snake = applied(&again, r#"{"metadata":{"event_name":"A"},"payload":{}}"#).unwrap().body;
        assert!(snake.contains(r#""publish_date":"2026"#), "{snake}");
        assert!(applied(&again, r#"{"n":1}"#).unwrap_err().contains("no metadata"));
    }

    #[test]
    fn an_edited_payload_is_checked_again() {
        let dir = tempfile::tempdir().unwrap();
        let schema = r#"{"type":"object","properties":{"n":{"type":"number"}}}"#;
        std::fs::write(dir.path().join("A.json"), schema).unwrap();
        let catalogue = Some(Arc::new(Catalogue::open(dir.path()).unwrap()));
        let refused = applied(&Edit { catalogue, ..edit(&[".event.payload.n = \"one\""]) }, BODY).unwrap_err();
        assert!(refused.contains("the edited payload breaks") && refused.contains("A.json"), "{refused}");
    }
}
