//! What `tail` shows: each message for people (`-o pretty`), or its record as a line (`-o ndjson`).
//!
//! For people on a terminal a body is hostile: control characters are escaped, what is long is cut, and the payload of an
//! event that contains personal data is hidden unless asked for. On a pipe nothing of that is done.

use std::io::{self, BufWriter, Stdout, Write};

use super::{Format, Reporter, Tone, Ui, escape_control, escape_control_keeping_lines};
use crate::engine;
use crate::engine::rejected::{ORIGIN_ATTRIBUTE, REASON_ATTRIBUTE};
use crate::engine::tail::{Mode, Progress, Report};
use crate::event::{AttributeValue, Record, json};
use crate::words::count;

/// How much of one body a terminal shows.
const LONGEST_ON_TERMINAL: usize = 16 * 1024;

/// The reporter of `tail`.
#[derive(Debug)]
pub struct TailReporter {
    ui: Ui,
    out: BufWriter<Stdout>,
    lines: bool,
    show_personal_data: bool,
}

impl TailReporter {
    /// A reporter that writes `format`; without one, what fits stdout.
    pub fn new(ui: &Ui, format: Option<Format>, show_personal_data: bool) -> Self {
        let lines = match format {
            Some(format) => format == Format::Ndjson,
            None => !ui.stdout_is_terminal(),
        };
        Self { ui: ui.clone(), out: ui.out(), lines, show_personal_data }
    }

    /// Says how it went, on stderr.
    pub fn summary(&self, report: &Report) {
        let mut text = format!("Showed {}", count(report.shown, "message"));
        if report.passed_over > 0 {
            text.push_str(&format!(", passed over {}", report.passed_over));
        }
        if report.mode == Mode::Receive {
            text.push_str(&format!("; gave back {}", report.released.given_back));
        }
        self.ui.status(text);
        if report.released.not_yet > 0 {
            self.ui.warn(format!(
                "{} could not be given back now and will be visible again within two minutes",
                count(report.released.not_yet, "message")
            ));
        }
    }

    fn pretty(&mut self, record: &Record) -> io::Result<()> {
        let text = Pretty { ui: &self.ui, terminal: self.ui.stdout_is_terminal(), personal: self.show_personal_data };
        let text = text.of(record);
        self.out.write_all(text.as_bytes())
    }
}

impl Reporter for TailReporter {
    fn event(&mut self, event: &engine::Event) -> io::Result<()> {
        match event {
            engine::Event::Tail(Progress::Cost { mode: Mode::Peek, says }) => self.ui.note(says),
            engine::Event::Tail(Progress::Cost { mode: Mode::Receive, says }) => self.ui.warn(says),
            engine::Event::Tail(Progress::Message(record)) => {
                if self.lines {
                    self.out.write_all(record.to_line().as_bytes())?;
                    self.out.write_all(b"\n")?;
                } else {
                    self.pretty(record)?;
                }
                // Each is seen when it comes; a reader waits for it.
                self.out.flush()?;
            }
            engine::Event::Warning(text) => self.ui.warn(text),
            engine::Event::Note(text) => self.ui.note(text),
            _ => {}
        }
        Ok(())
    }

    fn finish(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// One message for people.
struct Pretty<'a> {
    ui: &'a Ui,
    terminal: bool,
    personal: bool,
}

impl Pretty<'_> {
    fn of(&self, record: &Record) -> String {
        let mut text = self.heading(record);
        if !record.attributes.is_empty() {
            let shown: Vec<String> = record
                .attributes
                .iter()
                .map(|(name, attribute)| match &attribute.value {
                    AttributeValue::Text(value) => format!("{}={}", self.safe(name), self.safe(&self.cut(value))),
                    AttributeValue::Binary(bytes) => {
                        format!("{}=<{}>", self.safe(name), count(bytes.len() as u64, "byte"))
                    }
                })
                .collect();
            text.push_str(&format!("  {}\n", self.ui.paint(Tone::Dim, shown.join(" "))));
        }
        if let Some(reason) = record.outer_attributes.get(REASON_ATTRIBUTE).and_then(|reason| reason.text()) {
            let origin = record.outer_attributes.get(ORIGIN_ATTRIBUTE).and_then(|origin| origin.text());
            let from = origin.map_or(String::new(), |arn| format!(" from `{}`", arn.rsplit(':').next().unwrap_or(arn)));
            let says = self.safe(&format!("rejected{from}: {reason}"));
            text.push_str(&format!("  {}\n", self.ui.paint(Tone::Warn, says)));
        }
        match &record.event {
            Some(event) if self.terminal && event.metadata.contains_personal_data && !self.personal => {
                let hidden = "(personal data: hidden, `--show-personal-data` shows it)";
                text.push_str(&format!("  {}\n", self.ui.paint(Tone::Dim, hidden)));
            }
            Some(event) => self.block(&mut text, &indented(event.payload.get())),
            None => {
                let reason = record.unreadable.as_deref().unwrap_or("the body is no event");
                text.push_str(&format!(
                    "  {}\n",
                    self.ui.paint(Tone::Warn, format!("no event: {}", self.safe(reason)))
                ));
                self.block(&mut text, &record.body);
            }
        }
        text.push('\n');
        text
    }

    /// Time, event, entity, publisher; and what a reader of dead letters asks first: where from, how often.
    fn heading(&self, record: &Record) -> String {
        let metadata = record.event.as_ref().map(|event| &event.metadata);
        let time =
            metadata.and_then(|m| m.publish_date.as_deref()).or(record.message.sent_at.as_deref()).unwrap_or("-");
        let name = metadata.map_or("message", |m| m.event_name.as_str());
        let mut parts = vec![self.safe(time), self.ui.paint(Tone::Strong, self.safe(name))];
        if let Some(id) = metadata.and_then(|m| m.entity_id.as_deref()) {
            parts.push(self.ui.paint(Tone::Name, self.safe(id)));
        }
        if let Some(publisher) = metadata.and_then(|m| m.publisher_name.as_deref()) {
            parts.push(format!("from {}", self.safe(publisher)));
        }
        if record.event.is_none() {
            parts.push(self.safe(&record.message.id));
        }
        if let Some(source) = &record.message.dead_letter_source {
            parts.push(format!("dead letter of `{}`", self.safe(source.rsplit(':').next().unwrap_or(source))));
        }
        match record.message.receive_count {
            Some(times) if times > 0 => parts.push(format!("received {}", count(u64::from(times), "time"))),
            _ => {}
        }
        format!("{}\n", parts.join("  "))
    }

    fn block(&self, text: &mut String, body: &str) {
        let shown = self.cut(body);
        let shown = if self.terminal { escape_control_keeping_lines(&shown) } else { shown };
        for line in shown.lines() {
            text.push_str("  ");
            text.push_str(line);
            text.push('\n');
        }
    }

    fn safe(&self, text: &str) -> String {
        if self.terminal { escape_control(text).into_owned() } else { text.to_owned() }
    }

    fn cut<'b>(&self, text: &'b str) -> std::borrow::Cow<'b, str> {
        if !self.terminal || text.len() <= LONGEST_ON_TERMINAL {
            return text.into();
        }
        let mut end = LONGEST_ON_TERMINAL;
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        let rest = count((text.len() - end) as u64, "byte");
        format!("{}… ({rest} more; `-o ndjson` shows all)", &text[..end]).into()
    }
}

/// JSON with a line per member; strings and numbers stay as their author wrote them.
fn indented(text: &str) -> String {
    let compact = json::compact(text);
    let mut out = String::with_capacity(compact.len() * 2);
    let (mut depth, mut quoted, mut escaped) = (0usize, false, false);
    let mut chars = compact.chars().peekable();
    while let Some(c) = chars.next() {
        if quoted {
            out.push(c);
            quoted = escaped || c != '"';
            escaped = c == '\\' && !escaped;
            continue;
        }
        match c {
            '"' => {
                quoted = true;
                out.push(c);
            }
            '{' | '[' if matches!(chars.peek(), Some('}' | ']')) => out.push(c),
            '{' | '[' => {
                depth += 1;
                out.push(c);
                new_line(&mut out, depth);
            }
            '}' | ']' if matches!(out.chars().next_back(), Some('{' | '[')) => out.push(c),
            '}' | ']' => {
                depth = depth.saturating_sub(1);
                new_line(&mut out, depth);
                out.push(c);
            }
            ',' => {
                out.push(c);
                new_line(&mut out, depth);
            }
            ':' => out.push_str(": "),
            c => out.push(c),
        }
    }
    out
}

fn new_line(out: &mut String, depth: usize) {
    out.push('\n');
    // Deeper than a screen is wide there is nothing to read; hostile nesting must not cost its square in memory.
    out.extend(std::iter::repeat_n("  ", depth.min(40)));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Attributes, SystemRecord};
    use crate::output::UiOptions;

    fn record(body: &str) -> Record {
        Record::new(body, Attributes::new(), SystemRecord { id: "m1".into(), ..SystemRecord::default() })
    }

    fn pretty(body: &str, terminal: bool, personal: bool) -> String {
        let ui = Ui::new(UiOptions { color: crate::output::ColorChoice::Never, ..UiOptions::default() });
        Pretty { ui: &ui, terminal, personal }.of(&record(body))
    }

    const PERSONAL: &str = r#"{"Metadata":{"ContainsPersonalData":true,"EntityId":"7","EntityName":"User","PublisherName":"Users","EventName":"UserRegistered"},
        "Payload":{"Email":"a@b.c","N":1.50,"E":{},"L":[1,"x:,{\"" ]}}"#;

    #[test]
    fn json_is_laid_out_and_not_rewritten() {
        let expected = "{\n  \"a\": [\n    1.50,\n    \"x:,{\\\"\"\n  ],\n  \"e\": {},\n  \"b\": 1e400\n}";
        assert_eq!(indented(r#"{"a":[1.50,"x:,{\""],"e":{ },"b":1e400}"#), expected);
    }

    #[test]
    fn personal_data_is_hidden_on_a_terminal_alone() {
        assert!(!pretty(PERSONAL, true, false).contains("a@b.c"));
        assert!(pretty(PERSONAL, true, true).contains("a@b.c"));
        assert!(pretty(PERSONAL, false, false).contains("\"N\": 1.50"));
    }

    #[test]
    fn a_body_that_is_no_event_is_shown_with_the_reason_and_without_its_teeth() {
        let shown = pretty("\u{1b}[2Jnot json\r", true, false);
        assert!(shown.contains("no event: ") && shown.contains("\\u{1b}[2Jnot json\\r"), "{shown}");
        assert!(pretty("\u{1b}[2J", false, false).contains('\u{1b}'), "a pipe gets it untouched");
    }

    #[test]
    fn a_long_body_is_cut_on_a_terminal() {
        let body = "é".repeat(LONGEST_ON_TERMINAL);
        let shown = pretty(&body, true, false);
        assert!(
            shown.len() < LONGEST_ON_TERMINAL + 500 && shown.contains("16,384 bytes more"),
            "{}",
            &shown[shown.len() - 100..]
        );
        assert!(pretty(&body, false, false).contains(&body));
    }
}
