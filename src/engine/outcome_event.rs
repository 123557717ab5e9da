//! The events that tell how work ended: what `--on-success` and `--on-failure` publish.
//!
//! Pure: text in, payload or event out. The payloads are those of the Python library's task callbacks, so that its subscribers
//! read them: a success carries what the work answered, a failure has the four fields `Code`, `Data`, `Detail` and `Origin`.

use serde_json::json;
use serde_json::value::{RawValue, to_raw_value};
use sha2::{Digest as _, Sha256};

use crate::event::{Event, Metadata, TraceParent};
use crate::words;

/// `Code` of a failure.
pub const FAILURE_CODE: &str = "APPLICATION_ERROR";

/// `Origin` of a failure.
pub const FAILURE_ORIGIN: &str = "application";

/// Bytes of a failure's `Detail`.
const MAX_DETAIL: usize = 1024;

/// The payload of a success: what the work wrote on its stdout when that is one JSON object, else `data`, what it was given.
pub fn success_payload(stdout: &[u8], data: Option<&RawValue>) -> Box<RawValue> {
    let answered = std::str::from_utf8(stdout).ok().map(str::trim).filter(|text| text.starts_with('{'));
    let answered = answered.and_then(|text| serde_json::from_str::<Box<RawValue>>(text).ok());
    answered.or_else(|| data.map(ToOwned::to_owned)).unwrap_or_else(empty)
}

/// The payload of a failure: its `code`, what it was about (an object, `{"id": …}` as the library has it), `detail` in words and
/// its `origin`.
pub fn failure_payload(
    (code, origin): (&str, &str),
    data: Option<&RawValue>,
    detail: &str,
    pascal: bool,
) -> Box<RawValue> {
    let names = if pascal { ["Code", "Data", "Detail", "Origin"] } else { ["code", "data", "detail", "origin"] };
    let data = data.filter(|data| data.get().trim_start().starts_with('{')).map_or("{}", RawValue::get);
    let text = |text: &str| serde_json::Value::from(text).to_string();
    let written = format!(
        r#"{{"{}":{},"{}":{data},"{}":{},"{}":{}}}"#,
        names[0],
        text(code),
        names[1],
        names[2],
        text(detail),
        names[3],
        text(origin)
    );
    RawValue::from_string(written).unwrap_or_else(|_| empty())
}

/// `{"id": …}`.
pub fn about(id: &str) -> Box<RawValue> {
    to_raw_value(&json!({ "id": id })).unwrap_or_else(|_| empty())
}

/// What people read of a failure, cut to 1 KiB: the last line that the work wrote on its stderr, else how it ended.
pub fn failure_detail(stderr: &[u8], ended: &str) -> String {
    let text = String::from_utf8_lossy(stderr);
    let last = text.lines().map(str::trim).rfind(|line| !line.is_empty());
    shortened(last.unwrap_or(ended))
}

/// What the same work of the same attempt always yields: sixteen bytes for ids.
pub fn seed(parts: &[&str]) -> [u8; 16] {
    let mut digest = Sha256::new();
    for part in parts {
        digest.update((part.len() as u64).to_be_bytes());
        digest.update(part.as_bytes());
    }
    let mut seed = [0; 16];
    seed.copy_from_slice(&digest.finalize()[..16]);
    seed
}

/// The span of the event `name` that tells how the handling of the message `id` ended: of its success, or of its failure in
/// this attempt.
pub fn outcome_span(id: &str, name: &str, failed: Option<u32>) -> String {
    let attempt = failed.map(|attempt| attempt.to_string()).unwrap_or_default();
    words::hex(&span_of(seed(&[id, name, &attempt])))
}

fn span_of(seed: [u8; 16]) -> [u8; 8] {
    let mut span = [0; 8];
    span.copy_from_slice(&seed[8..]);
    span
}

/// A deduplication id made of a seed.
pub fn dedup_id(seed: [u8; 16]) -> String {
    words::hex(&seed)
}

/// The event `name` that tells how the work over `cause` ended. Its trace goes on with a span made of `seed`.
pub fn outcome_event(
    name: &str,
    publisher: &str,
    publish_date: String,
    cause: &Metadata,
    payload: Box<RawValue>,
    seed: [u8; 16],
) -> Event {
    let span = span_of(seed);
    Event {
        metadata: Metadata {
            event_name: name.to_owned(),
            entity_name: Some(name.to_owned()),
            entity_id: cause.entity_id.clone(),
            publisher_name: Some(publisher.to_owned()),
            publish_date: Some(publish_date),
            contains_personal_data: cause.contains_personal_data,
            traceparent: TraceParent::read(cause.traceparent.as_deref()).map(|trace| trace.continued(span).to_string()),
            tracestate: cause.tracestate.clone(),
            authorization: None,
        },
        payload,
    }
}

fn empty() -> Box<RawValue> {
    RawValue::from_string("{}".into()).unwrap_or_else(|_| RawValue::NULL.to_owned())
}

pub(super) fn shortened(text: &str) -> String {
    let cut = (0..=MAX_DETAIL.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    text[..cut].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(text: &str) -> Box<RawValue> {
        RawValue::from_string(text.into()).unwrap()
    }

    #[test]
    fn a_success_carries_what_was_answered_and_else_what_was_given() {
        let data = raw(r#"{"Id": 7.10}"#);
        let of = |stdout: &str| success_payload(stdout.as_bytes(), Some(&data)).get().to_owned();
        assert_eq!(of(" {\"Sum\": 1.50}\n"), "{\"Sum\": 1.50}");
        for stdout in ["", "done\n", "[1]", "{\"a\":1}\n{\"b\":2}", "{"] {
            assert_eq!(of(stdout), data.get(), "{stdout}");
        }
        assert_eq!(success_payload(b"", None).get(), "{}");
    }

    #[test]
    fn a_failure_has_the_four_fields_of_the_python_library() {
        let data = raw(r#"{"id":"7"}"#);
        assert_eq!(
            failure_payload((FAILURE_CODE, FAILURE_ORIGIN), Some(&data), "bo\"om", true).get(),
            r#"{"Code":"APPLICATION_ERROR","Data":{"id":"7"},"Detail":"bo\"om","Origin":"application"}"#
        );
        assert_eq!(
            failure_payload((FAILURE_CODE, FAILURE_ORIGIN), Some(&raw("[1]")), "x", false).get(),
            r#"{"code":"APPLICATION_ERROR","data":{},"detail":"x","origin":"application"}"#
        );
        assert_eq!(failure_detail(b"one\ntwo\n\n", "exit 3"), "two");
        assert_eq!(failure_detail(b" \n", "exit 3"), "exit 3");
        assert!(failure_detail("ä".repeat(5000).as_bytes(), "").len() <= MAX_DETAIL);
    }

    #[test]
    fn the_same_attempt_yields_the_same_event_and_the_trace_goes_on() {
        let cause = Metadata {
            entity_id: Some("7".into()),
            traceparent: Some("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".into()),
            ..Metadata::default()
        };
        let make = |parts: &[&str]| {
            outcome_event("Done", "Users", "2026-11-23T08:00:00+00:00".into(), &cause, raw("{}"), seed(parts))
        };
        assert_eq!(make(&["m", "1"]), make(&["m", "1"]));
        assert_ne!(make(&["m", "1"]), make(&["m", "2"]));
        assert_ne!(seed(&["ab", "c"]), seed(&["a", "bc"]));
        let trace = make(&["m"]).metadata.traceparent.unwrap();
        assert!(make(&["m", "Done", "2"]).metadata.traceparent.unwrap().contains(&outcome_span("m", "Done", Some(2))));
        assert!(make(&["m", "Done", ""]).metadata.traceparent.unwrap().contains(&outcome_span("m", "Done", None)));
        assert!(trace.starts_with("00-4bf92f3577b34da6a3ce929d0e0e4736-") && !trace.contains("00f067aa0ba902b7"));
    }
}
