//! One message for people.
//!
//! On a terminal a body is hostile: control characters are escaped, what is long is cut or folded, and the payload of an event
//! that contains personal data is hidden unless asked for. On a pipe nothing of that is done.

use super::foreign;
use crate::engine::rejected::{ORIGIN_ATTRIBUTE, REASON_ATTRIBUTE};
use crate::event::{AttributeValue, Record, json};
use crate::output::{HIDDEN, Tone, Ui, escape_control, escape_control_keeping_lines};
use crate::words::count;

/// How much of one body a terminal shows.
const LONGEST_ON_TERMINAL: usize = 16 * 1024;

/// How many lines of one body a terminal shows.
const MOST_LINES: usize = 60;

/// One message for people.
pub(super) struct Pretty<'a> {
    pub(super) ui: &'a Ui,
    pub(super) terminal: bool,
    /// Personal data is shown.
    pub(super) personal: bool,
    /// The number of the queue among several, which its name is coloured by; none when there is only one.
    pub(super) queue: Option<usize>,
}

impl Pretty<'_> {
    pub(super) fn of(&self, record: &Record, invalid: &[String]) -> String {
        let foreign = if record.event.is_none() { foreign::read(&record.message_text()) } else { None };
        let mut text = self.heading(record, foreign.as_ref());
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
        for violation in invalid {
            text.push_str(&format!(
                "  {}\n",
                self.ui.paint(Tone::Bad, format!("breaks its schema: {}", self.safe(violation)))
            ));
        }
        match &record.event {
            Some(event) if self.terminal && event.metadata.contains_personal_data && !self.personal => {
                text.push_str(&format!("  {}\n", self.ui.paint(Tone::Dim, HIDDEN)));
            }
            Some(event) => self.block(&mut text, &indented(event.payload.get()), true),
            None if foreign.is_some() => {
                if let Some(found) = &foreign {
                    self.block(&mut text, &indented(&found.detail), true);
                }
            }
            None => {
                let reason = record.unreadable.as_deref().unwrap_or("the body is no event");
                text.push_str(&format!(
                    "  {}\n",
                    self.ui.paint(Tone::Warn, format!("no event: {}", self.safe(reason)))
                ));
                self.block(&mut text, &record.body, false);
            }
        }
        text.push('\n');
        text
    }

    /// Time, event, entity, publisher; and what a reader of dead letters asks first: where from, how often.
    fn heading(&self, record: &Record, foreign: Option<&foreign::Foreign>) -> String {
        let metadata = record.event.as_ref().map(|event| &event.metadata);
        let time = metadata
            .and_then(|m| m.publish_date.as_deref())
            .or(foreign.and_then(|found| found.time.as_deref()))
            .or(record.message.sent_at.as_deref())
            .unwrap_or("-");
        let name = metadata.map(|m| m.event_name.as_str()).or(foreign.map(|found| found.name.as_str()));
        let mut parts = Vec::new();
        if let Some(number) = self.queue {
            let name = record.message.queue.as_deref().or(record.message.topic.as_deref().map(last)).unwrap_or("-");
            parts.push(self.ui.paint(Tone::Numbered(number), format!("[{}]", self.safe(name))));
        }
        parts.push(self.safe(time));
        parts.push(self.ui.paint(Tone::Strong, self.safe(name.unwrap_or("message"))));
        if let Some(found) = foreign {
            parts.push(self.ui.paint(Tone::Name, self.safe(&found.subject)));
            parts.push(format!("from {}", self.safe(&found.from)));
        }
        if let Some(id) = metadata.and_then(|m| m.entity_id.as_deref()) {
            parts.push(self.ui.paint(Tone::Name, self.safe(id)));
        }
        if let Some(publisher) = metadata.and_then(|m| m.publisher_name.as_deref()) {
            parts.push(format!("from {}", self.safe(publisher)));
        }
        if record.event.is_none() && foreign.is_none() {
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

    fn block(&self, text: &mut String, body: &str, is_json: bool) {
        let shown = self.cut(body);
        let shown = if self.terminal { escape_control_keeping_lines(&shown) } else { shown };
        let lines = shown.lines().count();
        let most = if self.terminal { MOST_LINES } else { usize::MAX };
        for line in shown.lines().take(most) {
            text.push_str("  ");
            match key_of(line).filter(|_| is_json) {
                Some((blanks, key, rest)) => {
                    text.push_str(blanks);
                    text.push_str(&self.ui.paint(Tone::Name, key));
                    text.push_str(rest);
                }
                None => text.push_str(line),
            }
            text.push('\n');
        }
        if lines > most {
            let rest = count((lines - most) as u64, "line");
            text.push_str(&format!(
                "  {}\n",
                self.ui.paint(Tone::Dim, format!("… {rest} more; `-o ndjson` shows all"))
            ));
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

fn last(arn: &str) -> &str {
    arn.rsplit(':').next().unwrap_or(arn)
}

/// The key with which a line of laid out JSON begins: blanks, key, rest.
fn key_of(line: &str) -> Option<(&str, &str, &str)> {
    let start = line.len() - line.trim_start().len();
    let (blanks, rest) = line.split_at(start);
    if !rest.starts_with('"') {
        return None;
    }
    let mut escaped = false;
    let end = rest.char_indices().skip(1).find(|(_, c)| {
        let ends = *c == '"' && !escaped;
        escaped = *c == '\\' && !escaped;
        ends
    })?;
    let (key, rest) = rest.split_at(end.0 + 1);
    rest.starts_with(": ").then_some((blanks, key, rest))
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
        Pretty { ui: &ui, terminal, personal, queue: None }.of(&record(body), &[])
    }

    const PERSONAL: &str = r#"{"Metadata":{"ContainsPersonalData":true,"EntityId":"7","EntityName":"User","PublisherName":"Users","EventName":"UserRegistered"},
        "Payload":{"Email":"a@b.c","N":1.50,"E":{},"L":[1,"x:,{\"" ]}}"#;

    #[test]
    fn json_is_laid_out_and_not_rewritten() {
        let expected = "{\n  \"a\": [\n    1.50,\n    \"x:,{\\\"\"\n  ],\n  \"e\": {},\n  \"b\": 1e400\n}";
        assert_eq!(indented(r#"{"a":[1.50,"x:,{\""],"e":{ },"b":1e400}"#), expected);
    }

    #[test]
    fn keys_are_told_from_values() {
        assert_eq!(key_of("  \"a\\\"b\": 1"), Some(("  ", "\"a\\\"b\"", ": 1")));
        assert_eq!(key_of("  \"a: b\","), None);
        assert_eq!(key_of("}"), None);
    }

    #[test]
    fn many_lines_are_folded_on_a_terminal() {
        let lines: Vec<String> = (0..100).map(|n| format!("line {n}")).collect();
        let shown = pretty(&lines.join("\n"), true, false);
        assert!(
            shown.contains("line 59\n") && shown.contains("… 40 lines more") && !shown.contains("line 60"),
            "{shown}"
        );
        assert!(pretty(&lines.join("\n"), false, false).contains("line 99"));
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
