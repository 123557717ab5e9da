//! What a handler is told of an event: its stdin and its environment.

use super::protocol::{Job, deadline};
use super::{Received, Stdin};
use crate::clock::Clock;
use crate::engine::exec::HandlerEnv;
use crate::engine::record::record_of;
use crate::event::Event;

/// The bytes for the handler's stdin.
///
/// `event` and `record` are one line of JSON each; `payload` is the payload as its author wrote it, in one line of its own; `body`
/// is the queue's body to the last byte.
pub(super) fn stdin(form: Stdin, event: &Event, received: &Received, queue: &str) -> Vec<u8> {
    match form {
        Stdin::Event => line(event.normalised_json()),
        Stdin::Payload => line(event.payload.get().to_owned()),
        Stdin::Body => received.message.body.clone().into_bytes(),
        Stdin::Record => line(record_of(queue, received.message.clone()).to_line()),
    }
}

fn line(mut text: String) -> Vec<u8> {
    if !text.ends_with('\n') {
        text.push('\n');
    }
    text.into_bytes()
}

/// The variables that tell of a single event.
pub(super) const VARIABLES: [&str; 11] = [
    "EVENTBUS_EVENT_NAME",
    "EVENTBUS_ENTITY_ID",
    "EVENTBUS_ENTITY_NAME",
    "EVENTBUS_PUBLISHER",
    "EVENTBUS_MESSAGE_ID",
    "EVENTBUS_SNS_MESSAGE_ID",
    "EVENTBUS_QUEUE",
    "EVENTBUS_RECEIVE_COUNT",
    "EVENTBUS_DEADLINE",
    "TRACEPARENT",
    "TRACESTATE",
];

/// The variables of the handler contract.
pub(super) fn environment(job: &Job<'_>, clock: &Clock) -> HandlerEnv {
    let (metadata, received, queue) = (&job.event.metadata, job.received, job.queue);
    let deadline = deadline(clock, job.timeout);
    let attempt = job.name.attempt.to_string();
    let mut env = HandlerEnv::default();
    env.set("EVENTBUS_EVENT_NAME", Some(&metadata.event_name))
        .set("EVENTBUS_ENTITY_ID", metadata.entity_id.as_deref())
        .set("EVENTBUS_ENTITY_NAME", metadata.entity_name.as_deref())
        .set("EVENTBUS_PUBLISHER", metadata.publisher_name.as_deref())
        .set("EVENTBUS_MESSAGE_ID", Some(&received.message.id))
        .set("EVENTBUS_SNS_MESSAGE_ID", received.sns_message_id.as_deref())
        .set("EVENTBUS_QUEUE", Some(queue))
        .set("EVENTBUS_RECEIVE_COUNT", Some(&attempt))
        .set("EVENTBUS_DEADLINE", deadline.as_deref())
        .set("TRACEPARENT", job.traceparent.as_deref().or(metadata.traceparent.as_deref()))
        .set("TRACESTATE", metadata.tracestate.as_deref());
    env
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::bus::{Message, SystemFields};
    use crate::engine::consume::EventRef;
    use crate::event::{Attributes, Record, read_body};

    fn received(body: &str) -> Received {
        let system = SystemFields { receive_count: 3, sent_at_ms: Some(1_795_000_000_000), ..SystemFields::default() };
        let message = Message { id: "m-1".into(), body: body.into(), system, ..Message::default() };
        Received { message, sns_message_id: Some("sns-1".into()), at: tokio::time::Instant::now(), size: 0 }
    }

    fn event(body: &str) -> Event {
        read_body(body, &Attributes::new()).event.expect("an event")
    }

    const BODY: &str = r#"{"Metadata": {"EventName": "UserRegistered", "EntityName": "User", "EntityId": "7", "PublisherName": "Userservice",
        "Traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "Tracestate": "a=b"}, "Payload": {"Id": 7.10}}"#;

    #[tokio::test]
    async fn stdin_has_the_form_that_was_asked_for() {
        let (received, event) = (received(BODY), event(BODY));
        let text = |form| String::from_utf8(stdin(form, &event, &received, "users")).expect("UTF-8");
        assert_eq!(text(Stdin::Payload), "{\"Id\": 7.10}\n", "the author's bytes");
        assert_eq!(text(Stdin::Body), BODY);
        let json: serde_json::Value = serde_json::from_str(&text(Stdin::Event)).expect("JSON");
        assert_eq!(json["metadata"]["eventName"], "UserRegistered");
        let record = text(Stdin::Record);
        assert_eq!(record.lines().count(), 1);
        let record = Record::parse(record.trim_end()).expect("a record");
        assert_eq!(
            (record.body.as_str(), record.message.queue.as_deref(), record.message.receive_count),
            (BODY, Some("users"), Some(3))
        );
    }

    #[tokio::test]
    async fn the_environment_is_the_contracts() {
        let clock = Clock::manual(1_795_000_000_000);
        let (event, received) = (event(BODY), received(BODY));
        let name = EventRef { attempt: 3, ..EventRef::default() }.into();
        let timeout = Duration::from_secs(30);
        let begun: crate::engine::consume::protocol::Begun = std::sync::Arc::new(|| ());
        let job =
            Job { received: &received, event: &event, name: &name, queue: "users", timeout, begun, traceparent: None };
        let env = environment(&job, &clock);
        for (name, value) in [
            ("EVENTBUS_EVENT_NAME", "UserRegistered"),
            ("EVENTBUS_ENTITY_ID", "7"),
            ("EVENTBUS_ENTITY_NAME", "User"),
            ("EVENTBUS_PUBLISHER", "Userservice"),
            ("EVENTBUS_MESSAGE_ID", "m-1"),
            ("EVENTBUS_SNS_MESSAGE_ID", "sns-1"),
            ("EVENTBUS_QUEUE", "users"),
            ("EVENTBUS_RECEIVE_COUNT", "3"),
            ("EVENTBUS_DEADLINE", "2026-11-18T11:07:10.000Z"),
            ("TRACEPARENT", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
            ("TRACESTATE", "a=b"),
        ] {
            assert_eq!(env.get(name), Some(value), "{name}");
        }
    }
}
