//! Which messages are meant: the one selection of `tail`, `inspect`, `record`, `trace` and `replay`.
//!
//! Every condition that is set has to hold; of a condition that is given several times any one does, except for attributes
//! and programs, all of which do. Pure: a record goes in, an answer comes out.

use std::sync::Arc;

use jiff::Timestamp;

use super::jq::{Failed, Program};
use crate::event::{Attribute, Metadata, Record};
use crate::filter::FilterPolicy;
use crate::topology::glob;

/// What a message has to be to be taken. The empty selection takes everything.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    /// Events of these names: `UserRegistered`, `User*`, `UserService.*` (with the publisher before the dot).
    pub events: Vec<String>,
    /// Events about these entities, by id.
    pub entities: Vec<String>,
    /// Attributes with these values, of which a list has to hold one.
    pub attributes: Vec<(String, String)>,
    /// jq programs over the record's JSON.
    pub programs: Vec<Arc<Program>>,
    /// An SNS filter policy, asked as SNS would ask it.
    pub filter: Option<FilterPolicy>,
    /// A text that the message, or the value of one of its attributes, has in it; without a capital letter, in any case.
    pub grep: Option<String>,
    /// Sent at this time or later. What has no time is not taken.
    pub since: Option<Timestamp>,
    /// Sent before this time. What has no time is not taken.
    pub until: Option<Timestamp>,
}

impl Selection {
    /// Whether everything is taken.
    pub fn is_everything(&self) -> bool {
        self.events.is_empty()
            && self.entities.is_empty()
            && self.attributes.is_empty()
            && self.programs.is_empty()
            && self.filter.is_none()
            && self.grep.is_none()
            && self.since.is_none()
            && self.until.is_none()
    }

    /// Whether `record` is meant.
    ///
    /// # Errors
    /// A jq program fails on it: nobody can say whether it is meant.
    pub fn takes(&self, record: &Record) -> Result<bool, Failed> {
        // The cheap ones first; a program needs the whole record as text.
        let by_hand = self.is_of_event(record)
            && self.is_about(record)
            && self.attributes.iter().all(|(name, value)| record.attributes.get(name).is_some_and(|a| has(a, value)))
            && self.is_in_time(record)
            && self.has_text(record)
            && self.filter.as_ref().is_none_or(|policy| policy.matches(&record.attributes, &record.message_text()));
        if !by_hand || self.programs.is_empty() {
            return Ok(by_hand);
        }
        let line = record.to_line();
        for program in &self.programs {
            if !program.selects(&line)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// By the event's name; where the body is no event, its `eventName` attribute decides.
    fn is_of_event(&self, record: &Record) -> bool {
        if self.events.is_empty() {
            return true;
        }
        let attribute = |name: &str| record.attributes.get(name).and_then(Attribute::text);
        let metadata = record.event.as_ref().map(|event| &event.metadata);
        let Some(name) = metadata.map(|m| m.event_name.as_str()).or_else(|| attribute("eventName")) else {
            return false;
        };
        let publisher = metadata.map_or_else(|| attribute("publisherName"), |m| m.publisher_name.as_deref());
        let whole = format!("{}.{name}", publisher.unwrap_or_default());
        self.events.iter().any(|pattern| glob(pattern, name) || glob(pattern, &whole))
    }

    fn is_about(&self, record: &Record) -> bool {
        let id = |m: &Metadata| m.entity_id.as_ref().is_some_and(|id| self.entities.contains(id));
        self.entities.is_empty() || record.event.as_ref().is_some_and(|event| id(&event.metadata))
    }

    fn is_in_time(&self, record: &Record) -> bool {
        if self.since.is_none() && self.until.is_none() {
            return true;
        }
        let Some(at) = time_of(record) else { return false };
        self.since.is_none_or(|since| at >= since) && self.until.is_none_or(|until| at < until)
    }

    fn has_text(&self, record: &Record) -> bool {
        let Some(wanted) = &self.grep else { return true };
        let exact = wanted.chars().any(char::is_uppercase);
        let found = |text: &str| if exact { text.contains(wanted) } else { text.to_lowercase().contains(wanted) };
        // The message is looked at, not SNS's wrapper, in which its quotes are escaped.
        found(&record.message_text()) || record.attributes.values().filter_map(Attribute::text).any(found)
    }
}

/// When a message was sent to its queue; where that is not known, when its event says that it was published.
pub fn time_of(record: &Record) -> Option<Timestamp> {
    let published = || record.event.as_ref().and_then(|event| event.metadata.publish_date.as_deref());
    record.message.sent_at.as_deref().or_else(published).and_then(|text| text.parse().ok())
}

/// Whether an attribute is `value`, or a list that holds it.
fn has(attribute: &Attribute, value: &str) -> bool {
    let Some(text) = attribute.text() else { return false };
    if text == value {
        return true;
    }
    if attribute.data_type != "String.Array" {
        return false;
    }
    let elements: Vec<serde_json::Value> = serde_json::from_str(text).unwrap_or_default();
    elements.iter().any(|element| match element {
        serde_json::Value::String(element) => element == value,
        other => {
            let text = other.to_string();
            text == value
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Attributes, SystemRecord};
    use crate::filter::Scope;

    fn record() -> Record {
        let body = r#"{"Metadata":{"EventName":"UserRegistered","EntityName":"User","EntityId":"7","PublisherName":"Shop.Users"},"Payload":{"Plan":"pro","N":1.50}}"#;
        let attributes: Attributes = [
            ("eventName", Attribute::string("UserRegistered")),
            ("tier", Attribute::number("2")),
            ("tags", Attribute::string_array(r#"["new", 5]"#)),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into();
        let system = SystemRecord {
            id: "m".into(),
            sent_at: Some("2026-11-23T08:00:00.000Z".into()),
            ..SystemRecord::default()
        };
        Record::new(body, attributes, system)
    }

    fn takes(change: impl FnOnce(&mut Selection)) -> bool {
        let mut selection = Selection::default();
        change(&mut selection);
        assert!(!selection.is_everything());
        selection.takes(&record()).unwrap()
    }

    #[test]
    fn nothing_asked_takes_everything() {
        assert!(Selection::default().is_everything() && Selection::default().takes(&record()).unwrap());
    }

    #[test]
    fn events_are_named_alone_with_their_publisher_or_by_pattern() {
        for (pattern, taken) in [
            ("UserRegistered", true),
            ("User*", true),
            ("*", true),
            ("Shop.Users.UserRegistered", true),
            ("Shop.*", true),
            ("userregistered", false),
            ("Order*", false),
        ] {
            assert_eq!(takes(|s| s.events = vec!["Never".into(), pattern.into()]), taken, "{pattern}");
        }
        let mut no_event = Record::new("text", record().attributes, SystemRecord::default());
        let selection = Selection { events: vec!["User*".into()], ..Selection::default() };
        assert!(selection.takes(&no_event).unwrap(), "the attribute decides");
        no_event.attributes.clear();
        assert!(!selection.takes(&no_event).unwrap());
    }

    #[test]
    fn entities_attributes_texts_and_times() {
        assert!(takes(|s| s.entities = vec!["6".into(), "7".into()]));
        assert!(!takes(|s| s.entities = vec!["70".into()]));
        let attribute = |name: &str, value: &str| vec![(name.to_owned(), value.to_owned())];
        for (name, value, taken) in
            [("tier", "2", true), ("tags", "new", true), ("tags", "5", true), ("tags", "ne", false), ("no", "2", false)]
        {
            assert_eq!(takes(|s| s.attributes = attribute(name, value)), taken, "{name}={value}");
        }
        for (text, taken) in [("\"plan\":\"pro\"", true), ("Plan", true), ("PLAN", false), ("new", true)] {
            assert_eq!(takes(|s| s.grep = Some(text.into())), taken, "{text}");
        }
        let at = |text: &str| Some(text.parse().unwrap());
        assert!(takes(|s| s.since = at("2026-11-23T08:00:00Z")));
        assert!(!takes(|s| s.since = at("2026-11-23T08:00:00.001Z")));
        assert!(!takes(|s| s.until = at("2026-11-23T08:00:00Z")));
        let timeless = Record::new("x", Attributes::new(), SystemRecord::default());
        let since = Selection { since: at("2000-01-01T00:00:00Z"), ..Selection::default() };
        assert!(!since.takes(&timeless).unwrap());
    }

    #[test]
    fn programs_and_filter_policies() {
        let program = |text: &str| vec![Arc::new(Program::compile(text).unwrap())];
        assert!(takes(|s| s.programs = program(".event.payload.Plan == \"pro\" and .message.id == \"m\"")));
        assert!(!takes(|s| s.programs = program(".event.payload.Plan == \"free\"")));
        let selection = Selection { programs: program(".body.x"), ..Selection::default() };
        assert!(selection.takes(&record()).unwrap_err().to_string().contains("cannot index"));
        let policy = |text: &str, scope| Some(FilterPolicy::parse(text, scope).unwrap());
        assert!(takes(|s| s.filter = policy(r#"{"tier":[{"numeric":[">",1]}]}"#, Scope::MessageAttributes)));
        assert!(!takes(|s| s.filter = policy(r#"{"tier":[{"numeric":[">",2]}]}"#, Scope::MessageAttributes)));
        assert!(takes(|s| s.filter = policy(r#"{"Payload":{"Plan":["pro"]}}"#, Scope::MessageBody)));
    }

    #[test]
    fn a_message_wrapped_by_sns_is_the_message() {
        let wrapped = serde_json::json!({
            "Type": "Notification", "MessageId": "x", "TopicArn": "arn:aws:sns:us-east-1:1:t", "Timestamp": "",
            "Message": record().body, "MessageAttributes": {"tier": {"Type": "Number", "Value": "2"}},
        });
        let wrapped = Record::new(wrapped.to_string(), Attributes::new(), SystemRecord::default());
        let policy = FilterPolicy::parse(r#"{"Payload":{"Plan":["pro"]}}"#, Scope::MessageBody).unwrap();
        let selection = Selection {
            events: vec!["UserRegistered".into()],
            attributes: vec![("tier".into(), "2".into())],
            filter: Some(policy),
            grep: Some("\"Plan\":\"pro\"".into()),
            ..Selection::default()
        };
        assert!(selection.takes(&wrapped).unwrap());
    }
}
