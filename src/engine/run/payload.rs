//! What the events of a task say.

use std::path::PathBuf;

use serde_json::{Value, json};

use crate::engine::outcome_event::{about, failure_payload};
use crate::engine::publish;
use crate::event::EnvelopeStyle;
use crate::event::json::Document;
use crate::schema::Schema;

/// Lines of stderr that a failure's `detail` has.
const LINES: usize = 20;
/// Characters that it has at most.
const DETAIL: usize = 4000;

/// The payload of a success.
#[derive(Clone, Debug)]
pub struct Payload {
    /// This text, or this file as it is when the command has ended; else what the command writes.
    pub given: Option<Given>,
    /// What the task is about; else the `id` of its payload.
    pub id: Option<String>,
    /// For a task that nobody named.
    pub random_id: String,
}

/// Where a payload comes from.
#[derive(Clone, Debug)]
pub enum Given {
    /// This JSON text.
    Text(String),
    /// This file.
    File(PathBuf),
}

impl Payload {
    /// The payload's text. Without one that is given: what the command wrote to stdout if that is a JSON object, or the last
    /// line of it that is one; else the id alone.
    ///
    /// # Errors
    /// The file cannot be read.
    pub(super) fn of_success(&self, stdout: &[u8]) -> Result<String, String> {
        match &self.given {
            Some(Given::Text(text)) => Ok(text.clone()),
            Some(Given::File(path)) => std::fs::read_to_string(path)
                .map_err(|error| format!("the payload {} cannot be read: {error}", path.display())),
            None => Ok(in_output(stdout).map_or_else(|| json!({ "id": self.id(stdout) }).to_string(), str::to_owned)),
        }
    }

    /// The payload's text if it is known before the command has ended.
    pub(super) fn beforehand(&self) -> Option<String> {
        match &self.given {
            Some(Given::Text(text)) => Some(text.clone()),
            _ => None,
        }
    }

    /// What the task is about.
    pub(super) fn id(&self, stdout: &[u8]) -> String {
        let given = || match &self.given {
            Some(Given::Text(text)) => publish::entity_id_of(text),
            Some(Given::File(path)) => publish::entity_id_of(&std::fs::read_to_string(path).ok()?),
            None => publish::entity_id_of(in_output(stdout)?),
        };
        self.id.clone().or_else(given).unwrap_or_else(|| self.random_id.clone())
    }
}

/// The JSON object that a command wrote: all of its output, or the last line that is one.
fn in_output(stdout: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(stdout).ok()?.trim();
    let sound = |text: &&str| Document::from_text(text).is_ok();
    Some(text).filter(sound).or_else(|| text.lines().rev().map(str::trim).find(sound))
}

/// The payload of a failure but for what failed.
#[derive(Clone, Debug)]
pub struct Failing {
    /// `code`.
    pub code: String,
    /// `origin`.
    pub origin: String,
}

impl Failing {
    /// `code`, `data`, `detail` and `origin`, in the case of the library's own failure events unless the schema or the
    /// envelope says otherwise.
    pub(super) fn text(
        &self,
        why: &str,
        stderr: &[u8],
        id: &str,
        schema: Option<&Schema>,
        envelope: EnvelopeStyle,
    ) -> String {
        let said = String::from_utf8_lossy(stderr);
        let mut lines: Vec<&str> = said.lines().map(str::trim_end).filter(|line| !line.is_empty()).collect();
        lines.drain(..lines.len().saturating_sub(LINES));
        let told = lines.join("\n");
        let cut: String = told.chars().skip(told.chars().count().saturating_sub(DETAIL)).map(printable).collect();
        let detail = if cut.is_empty() { why.to_owned() } else { format!("{why}: {cut}") };
        let pascal = is_pascal(schema.map(Schema::source), envelope);
        failure_payload((&self.code, &self.origin), Some(&about(id)), &detail, pascal).get().to_owned()
    }
}

/// Colours and the like are for terminals; some control characters SNS refuses.
fn printable(c: char) -> char {
    if c.is_control() && c != '\n' && c != '\t' || matches!(c, '\u{FFFE}' | '\u{FFFF}') { '\u{FFFD}' } else { c }
}

fn is_pascal(schema: Option<&Value>, envelope: EnvelopeStyle) -> bool {
    let Some(schema) = schema.map(Value::to_string) else { return envelope == EnvelopeStyle::Pascal };
    match (schema.contains("\"Code\""), schema.contains("\"code\"")) {
        (true, false) => true,
        (false, true) => false,
        _ => envelope == EnvelopeStyle::Pascal,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn payload(given: Option<Given>, id: Option<&str>) -> Payload {
        Payload { given, id: id.map(str::to_owned), random_id: "random".into() }
    }

    #[test]
    fn a_success_says_what_the_command_wrote() {
        let text = |stdout: &str| payload(None, None).of_success(stdout.as_bytes()).unwrap();
        assert_eq!(text("{\"id\": 1,\n \"n\": 1.10}\n"), "{\"id\": 1,\n \"n\": 1.10}");
        assert_eq!(text("working\n{\"a\":1}\n{\"a\":2}\ndone\n"), "{\"a\":2}");
        assert_eq!(text("done"), "{\"id\":\"random\"}");
        assert_eq!(text(""), "{\"id\":\"random\"}");
        assert_eq!(text("{\"a\":1,\"a\":2}"), "{\"id\":\"random\"}", "no payload that others would read otherwise");
        let given = payload(Some(Given::Text("{\"id\":5}".into())), None);
        assert_eq!((given.of_success(b"{}").unwrap().as_str(), given.id(b"").as_str()), ("{\"id\":5}", "5"));
        assert_eq!(payload(None, Some("x")).id(b"{\"id\":7}"), "x");
        assert_eq!(payload(None, None).id(b"{\"id\":7}"), "7");
        assert!(payload(Some(Given::File("/nowhere".into())), None).of_success(b"").is_err());
    }

    #[test]
    fn a_failure_has_the_librarys_four_fields() {
        let failing = Failing { code: "APPLICATION_ERROR".into(), origin: "application".into() };
        let text = |stderr: &[u8], envelope| failing.text("exit 3", stderr, "7", None, envelope);
        assert_eq!(
            text(b"one\n\ntwo\n", EnvelopeStyle::Pascal),
            r#"{"Code":"APPLICATION_ERROR","Data":{"id":"7"},"Detail":"exit 3: one\ntwo","Origin":"application"}"#
        );
        assert_eq!(
            text(b"", EnvelopeStyle::Snake),
            r#"{"code":"APPLICATION_ERROR","data":{"id":"7"},"detail":"exit 3","origin":"application"}"#
        );
        let long: String = (0..100).map(|n| format!("line {n}\n")).collect();
        let text = text(long.as_bytes(), EnvelopeStyle::Pascal);
        assert!(text.contains("line 80\\n") && !text.contains("line 79"), "{text}");
        let odd = failing.text("exit 1", b"\x1b[31mred\xff\x07", "7", None, EnvelopeStyle::Pascal);
        assert!(publish_takes(&odd), "{odd}");
        let huge = failing.text("exit 1", "é".repeat(100_000).as_bytes(), "7", None, EnvelopeStyle::Pascal);
        assert!(huge.chars().count() < DETAIL + 200);
    }

    fn publish_takes(text: &str) -> bool {
        Document::from_text(text).is_ok() && !text.chars().any(char::is_control)
    }
}
