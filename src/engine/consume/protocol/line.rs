//! The lines of the batch and stream protocols.
//!
//! A handler reads one JSON object a line for each event:
//!
//! ```json
//! {"id":"…","attempt":1,"queue":"users","deadline":"2026-11-23T08:05:00.000Z","metadata":{…},"payload":{…}}
//! ```
//!
//! With `--stdin payload` there is only `payload`, with `record` there is `record`, with `body` there is `body` (text) in the place
//! of the last two. It answers one JSON object a line for each event, in any order:
//!
//! ```json
//! {"id":"…","outcome":"ack"}
//! {"id":"…","outcome":"retry","retry_after":90,"reason":"the database is down"}
//! ```
//!
//! `outcome` is `ack`, `retry` (a failed attempt), `not_now` (not a failure) or `reject` (to the dead-letter queue now).
//! `retry_after` is in seconds and replaces the backoff of `retry` and `not_now`; `reason` is said and kept; `payload` is the payload
//! of `--on-success`. The `id` may be left out while only one event is in the handler's hands. Published as
//! `schemas/handler-result.schema.json` and `schemas/handler-event.schema.json`.

use std::time::Duration;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::bus::MAX_VISIBILITY;
use crate::engine::consume::{Received, Stdin};
use crate::engine::exec::{Failure, Outcome};
use crate::engine::record::record_of;
use crate::event::Event;

/// What an event's line says.
pub(super) struct EventLine<'a> {
    pub(super) id: &'a str,
    pub(super) attempt: u32,
    pub(super) queue: &'a str,
    pub(super) deadline: Option<&'a str>,
}

impl EventLine<'_> {
    /// The line, without a line feed.
    pub(super) fn write(&self, form: Stdin, event: &Event, received: &Received) -> String {
        let text = |text: &str| serde_json::Value::from(text).to_string();
        let content = match form {
            // `{"metadata":…,"payload":…}` without its braces.
            Stdin::Event => {
                let whole = event.normalised_json();
                whole.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')).unwrap_or_default().to_owned()
            }
            Stdin::Payload => format!("\"payload\":{}", flat(event.payload.get())),
            Stdin::Record => format!("\"record\":{}", record_of(self.queue, received.message.clone()).to_line()),
            Stdin::Body => format!("\"body\":{}", text(&received.message.body)),
        };
        let deadline = self.deadline.map(|at| format!("\"deadline\":{},", text(at))).unwrap_or_default();
        format!(
            "{{\"id\":{},\"attempt\":{},\"queue\":{},{deadline}{content}}}",
            text(self.id),
            self.attempt,
            text(self.queue)
        )
    }
}

/// JSON text without the line feeds that its author may have put between tokens; inside strings there are none.
fn flat(json: &str) -> String {
    json.replace(['\n', '\r'], " ")
}

/// One result, as a handler wrote it.
#[derive(Debug, PartialEq)]
pub(super) struct ResultLine {
    pub(super) id: Option<String>,
    pub(super) verdict: Verdict,
}

/// What it says.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Verdict {
    pub(super) outcome: Outcome,
    pub(super) retry_after: Option<Duration>,
    pub(super) reason: Option<String>,
    pub(super) payload: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    id: Option<String>,
    outcome: Said,
    retry_after: Option<f64>,
    reason: Option<String>,
    payload: Option<Box<RawValue>>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Said {
    Ack,
    Retry,
    NotNow,
    Reject,
}

impl ResultLine {
    /// Reads a line; `None` when it is no JSON object, so that it is the handler's chatter.
    ///
    /// # Errors
    /// It is an object, but no result: why.
    pub(super) fn read(line: &str) -> Option<Result<Self, String>> {
        let line = line.trim();
        if !line.starts_with('{') {
            return None;
        }
        let written: Written = match serde_json::from_str(line) {
            Ok(written) => written,
            Err(error) => return Some(Err(error.to_string())),
        };
        let retry_after = match written.retry_after {
            None => None,
            Some(seconds) if (0.0..=MAX_VISIBILITY.as_secs_f64()).contains(&seconds) => {
                Some(Duration::from_secs(seconds.ceil() as u64))
            }
            Some(seconds) => return Some(Err(format!("`retry_after` is {seconds}; expected 0 to 43200 seconds"))),
        };
        let outcome = match written.outcome {
            Said::Ack => Outcome::Ack,
            Said::NotNow => Outcome::NotNow,
            Said::Reject => Outcome::Reject,
            Said::Retry => Outcome::Failed(Failure::Said(
                written.reason.clone().unwrap_or_else(|| "the handler said `retry`".into()),
            )),
        };
        let payload = written.payload.map(|payload| payload.get().to_owned());
        Some(Ok(Self { id: written.id, verdict: Verdict { outcome, retry_after, reason: written.reason, payload } }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bus::Message;
    use crate::event::{Attributes, read_body};

    const BODY: &str =
        "{\"Metadata\": {\"EventName\": \"UserRegistered\"}, \"Payload\": {\n\"Id\": 7.10, \"S\": \"a\\nb\"}}";

    #[tokio::test]
    async fn every_form_is_one_line_that_reads_as_json() {
        let event = read_body(BODY, &Attributes::new()).event.unwrap();
        let message = Message { id: "m".into(), body: BODY.into(), ..Message::default() };
        let received = Received { message, sns_message_id: None, at: tokio::time::Instant::now(), size: 0 };
        for (form, key) in
            [(Stdin::Event, "metadata"), (Stdin::Payload, "payload"), (Stdin::Record, "record"), (Stdin::Body, "body")]
        {
            let line = EventLine { id: "m\"1", attempt: 2, queue: "users", deadline: Some("t") };
            let line = line.write(form, &event, &received);
            assert!(!line.contains('\n'), "{line}");
            let value: serde_json::Value = serde_json::from_str(&line).unwrap();
            assert_eq!(
                (&value["id"], &value["attempt"], &value["queue"]),
                (&"m\"1".into(), &2.into(), &"users".into())
            );
            assert!(value.get(key).is_some(), "{line}");
        }
        let line =
            EventLine { id: "m", attempt: 1, queue: "q", deadline: None }.write(Stdin::Payload, &event, &received);
        assert!(line.contains("7.10"), "numbers are their author's: {line}");
    }

    #[test]
    fn results_are_read_strictly_and_chatter_is_told_from_them() {
        let read = |line: &str| ResultLine::read(line).map(|read| read.map(|line| (line.id, line.verdict)));
        let (id, verdict) =
            read(r#"{"id":"a","outcome":"retry","retry_after":89.2,"reason":"down"}"#).unwrap().unwrap();
        assert_eq!(id.as_deref(), Some("a"));
        assert_eq!(verdict.outcome, Outcome::Failed(Failure::Said("down".into())));
        assert_eq!(verdict.retry_after, Some(Duration::from_secs(90)));
        assert_eq!(read(r#"{"outcome":"ack"}"#).unwrap().unwrap().1.outcome, Outcome::Ack);
        assert_eq!(read(r#" {"id":"a","outcome":"not_now"} "#).unwrap().unwrap().1.outcome, Outcome::NotNow);
        assert_eq!(read(r#"{"id":"a","outcome":"reject"}"#).unwrap().unwrap().1.outcome, Outcome::Reject);
        for chatter in ["", "starting", "[1]", "12"] {
            assert!(read(chatter).is_none(), "{chatter}");
        }
        for wrong in [
            "{}",
            r#"{"id":"a"}"#,
            r#"{"id":"a","outcome":"okay"}"#,
            r#"{"id":"a","outcome":"ack","retry_after":-1}"#,
            r#"{"id":"a","outcome":"ack","retry_after":1e9}"#,
            r#"{"id":1,"outcome":"ack"}"#,
            r#"{"id":"a","outcome":"ack","retryafter":1}"#,
            r#"{"id":"a""#,
        ] {
            assert!(matches!(read(wrong), Some(Err(_))), "{wrong}");
        }
    }
}
