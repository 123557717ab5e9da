//! Where the conversation goes: text, or JSON lines for those who collect logs.

use std::io::{self, Write as _};

use serde::Serialize;

use crate::engine::consume::EventRef;
use crate::engine::exec::Captured;
use crate::output::{Tone, Ui};

/// Says things on stderr.
#[derive(Clone, Debug)]
pub(super) struct Log {
    ui: Ui,
    /// JSON lines, each with the time that this tells.
    time: Option<fn() -> String>,
}

#[derive(Serialize)]
struct Line<'a> {
    time: String,
    level: &'static str,
    message: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    queue: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    event: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sns_message_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    attempt: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    trace_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<&'static str>,
}

impl Log {
    pub(super) fn new(ui: &Ui, time: Option<fn() -> String>) -> Self {
        Self { ui: ui.clone(), time }
    }

    pub(super) fn verbose(&self) -> bool {
        self.ui.verbose()
    }

    pub(super) fn paint(&self, tone: Tone, text: &str) -> String {
        if self.time.is_some() { text.to_owned() } else { self.ui.paint_err(tone, text) }
    }

    pub(super) fn note(&self, event: Option<&EventRef>, text: String) {
        if !self.json("info", event, &text, None) {
            self.ui.note(text);
        }
    }

    pub(super) fn status(&self, event: Option<&EventRef>, text: String) {
        if !self.json("info", event, &text, None) {
            self.ui.status(text);
        }
    }

    pub(super) fn warn(&self, event: Option<&EventRef>, text: String) {
        if !self.json("warn", event, &text, None) {
            self.ui.warn(text);
        }
    }

    /// What a handler wrote, whole. In JSON logs each line is one.
    pub(super) fn pass(&self, event: Option<&EventRef>, captured: &Captured) {
        if captured.is_empty() {
            return;
        }
        if self.time.is_none() {
            // Nothing can be done about a stderr that is gone.
            let _ = captured.copy_to(&mut io::stderr().lock());
            return;
        }
        let mut bytes = Vec::new();
        if captured.copy_to(&mut bytes).is_ok() {
            for line in String::from_utf8_lossy(&bytes).lines() {
                self.json("info", event, line, Some("handler"));
            }
        }
    }

    /// A line that a handler wrote.
    pub(super) fn pass_line(&self, line: &str) {
        if !self.json("info", None, line, Some("handler")) {
            let _ = writeln!(io::stderr().lock(), "{line}");
        }
    }

    fn json(&self, level: &'static str, event: Option<&EventRef>, message: &str, from: Option<&'static str>) -> bool {
        let Some(time) = self.time else { return false };
        let line = Line {
            time: time(),
            level,
            message,
            queue: event.map(|event| event.queue.as_str()),
            event: event.and_then(|event| event.event_name.as_deref()),
            message_id: event.map(|event| event.message_id.as_str()),
            sns_message_id: event.and_then(|event| event.sns_message_id.as_deref()),
            attempt: event.map(|event| event.attempt),
            trace_id: event.and_then(|event| event.trace_id.as_deref()),
            from,
        };
        if let Ok(mut text) = serde_json::to_vec(&line) {
            text.push(b'\n');
            let _ = io::stderr().lock().write_all(&text);
        }
        true
    }
}
