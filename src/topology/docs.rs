//! A catalogue in Markdown: what there is, who gets what, and where dead letters go. For people who read it on a forge or in a wiki.
//!
//! Names, filters and descriptions may be hostile: names and values stand in code spans, free text is escaped, and nothing of it
//! can begin a table cell, a link or HTML.

use std::collections::BTreeMap;

use serde_json::Value;

use super::graph::Form;
use super::model::{Queue, RedriveAllow, Route, Subscription, Topology};
use super::{filter_words, show_seconds};
use crate::filter::Scope;
use crate::words::count;

/// Payload schemas by their names, as JSON. Descriptions and owners (`x-owner`) are read from them.
pub type EventDocs = BTreeMap<String, Value>;

impl Topology {
    /// The catalogue, with the schemas of its events where there are any.
    pub fn catalogue(&self, schemas: &EventDocs) -> String {
        let mut out = format!("# Topology {}\n\n", code(&self.name));
        let parts = [
            count(self.topics.len() as u64, "topic"),
            count(self.queues.len() as u64, "queue"),
            count(self.subscriptions.len() as u64, "subscription"),
            count(self.events.len() as u64, "event"),
        ];
        out.push_str(&format!("{}.\n\n", parts.join(", ")));
        if !self.topics.is_empty() || !self.queues.is_empty() {
            out.push_str(&format!("```mermaid\n{}```\n\n", self.draw(Form::Mermaid)));
        }
        self.events_part(schemas, &mut out);
        self.topics_part(&mut out);
        self.queues_part(&mut out);
        // One line's end at the end.
        out.truncate(out.trim_end().len());
        out.push('\n');
        out
    }

    fn events_part(&self, schemas: &EventDocs, out: &mut String) {
        if self.events.is_empty() {
            return;
        }
        out.push_str("## Events\n\n");
        for route in &self.events {
            let schema = schema_of(route, schemas);
            out.push_str(&format!("### {}\n\n", code(&route.pattern)));
            if let Some(text) = schema.and_then(|(_, schema)| words_of(schema, "description")) {
                out.push_str(&format!("{}\n\n", prose(text)));
            }
            let topics: Vec<String> = route.topics.iter().map(|topic| code(self.topic_shown(topic))).collect();
            match topics.as_slice() {
                [] => out.push_str("* goes nowhere, on purpose"),
                [topic] => out.push_str(&format!("* goes to topic {topic}")),
                many => out.push_str(&format!("* goes to the topics {}", many.join(", "))),
            }
            if let Some(group) = &route.group_by {
                out.push_str(&format!(", in order for each {}", code(group)));
            }
            out.push('\n');
            if route.is_pattern() {
                out.push_str("* a pattern, compared with `Publisher.Event`\n");
            } else {
                let receivers = self.receivers(route);
                let receivers: Vec<String> = receivers.into_iter().map(code).collect();
                let who = if receivers.is_empty() { "nobody by its name".to_owned() } else { receivers.join(", ") };
                out.push_str(&format!("* may reach {who}\n"));
            }
            if let Some((name, schema)) = schema {
                if let Some(owner) = words_of(schema, "x-owner").or_else(|| words_of(schema, "owner")) {
                    out.push_str(&format!("* owned by {}\n", prose(owner)));
                }
                out.push_str(&format!("* payload schema {}\n", code(name)));
                fields_part(schema, out);
            }
            out.push('\n');
        }
    }

    /// The queues whose filter does not stop the event by its name alone.
    fn receivers<'a>(&'a self, route: &'a Route) -> Vec<&'a str> {
        let event = route.event_name().unwrap_or_default();
        let passes = |subscription: &&Subscription| match &subscription.filter {
            Some(filter) if subscription.scope == Scope::MessageAttributes => {
                filter.json.get("eventName").is_none_or(|names| may_be(names, event))
            }
            _ => true,
        };
        let mut queues: Vec<&str> = Vec::new();
        for subscription in route.topics.iter().flat_map(|topic| self.subscriptions_of(topic)).filter(passes) {
            let queue = self.queue_shown(&subscription.queue);
            if !queues.contains(&queue) {
                queues.push(queue);
            }
        }
        queues
    }

    fn topics_part(&self, out: &mut String) {
        if self.topics.is_empty() {
            return;
        }
        out.push_str("## Topics\n\n");
        for topic in &self.topics {
            out.push_str(&format!("### {}\n\n", code(self.topic_shown(&topic.name))));
            let mut facts: Vec<String> = topic.settings.iter().map(|(f, v)| setting(f.key, &f.show(v))).collect();
            facts.extend(topic.archive_days.map(|days| format!("keeps an archive of {}", count(days, "day"))));
            facts.extend(tags(&topic.tags));
            if topic.external {
                facts.insert(0, format!("made by somebody else: {}", code(&topic.name)));
            }
            if topic.is_fifo() {
                facts.insert(0, "FIFO".into());
            }
            if !facts.is_empty() {
                out.push_str(&format!("{}.\n\n", facts.join("; ")));
            }
            let subscriptions: Vec<&Subscription> = self.subscriptions_of(&topic.name).collect();
            if subscriptions.is_empty() {
                out.push_str("Nobody subscribes to it.\n\n");
                continue;
            }
            out.push_str("| Subscriber | Gets | |\n|---|---|---|\n");
            for subscription in subscriptions {
                let mut also = Vec::new();
                if subscription.raw {
                    also.push("raw, without SNS's wrapper".to_owned());
                }
                if let Some((dead, _)) = &subscription.dead_letter {
                    also.push(format!("undeliverable ones go to {}", code(self.queue_shown(dead))));
                }
                out.push_str(&format!(
                    "| {} | {} | {} |\n",
                    code(self.queue_shown(&subscription.queue)),
                    gets(subscription),
                    also.join("; ")
                ));
            }
            out.push('\n');
        }
    }

    fn queues_part(&self, out: &mut String) {
        if self.queues.is_empty() {
            return;
        }
        out.push_str(
            "## Queues\n\n| Queue | Hidden while handled | Kept | Dead letters | Also |\n|---|---|---|---|---|\n",
        );
        for queue in &self.queues {
            let dead = match &queue.dead_letter {
                Some(dead) => {
                    format!("after {} to {}", count(dead.max_receives, "receive"), code(self.queue_shown(&dead.queue)))
                }
                None if self.is_dead_letter_target(&queue.name) => "takes them".into(),
                None => "none".into(),
            };
            if queue.external {
                let whose = format!("made by somebody else: {}", code(&queue.name));
                out.push_str(&format!("| {} | | | | {whose} |\n", code(&queue.key)));
                continue;
            }
            out.push_str(&format!(
                "| {} | {} | {} | {dead} | {} |\n",
                code(&queue.name),
                show_seconds(queue.visibility_timeout()),
                show_seconds(queue.retention()),
                self.also(queue).join("; ")
            ));
        }
        out.push('\n');
    }

    fn also(&self, queue: &Queue) -> Vec<String> {
        let told = ["visibility_timeout", "retention", "fifo"];
        let mut facts: Vec<String> = Vec::new();
        if queue.is_fifo() {
            facts.push("FIFO".into());
        }
        let sources: Vec<String> = self
            .queues
            .iter()
            .filter(|q| q.dead_letter.as_ref().is_some_and(|d| d.queue == queue.name))
            .map(|q| code(&q.name))
            .collect();
        if !sources.is_empty() {
            facts.push(format!("for {}", sources.join(", ")));
        }
        let others = queue.settings.iter().filter(|(field, _)| !told.contains(&field.key));
        facts.extend(others.map(|(field, value)| setting(field.key, &field.show(value))));
        match &queue.redrive_allow {
            Some(RedriveAllow::None) => facts.push("no queue may dead-letter into it".into()),
            Some(RedriveAllow::Queues(names)) => {
                let names: Vec<String> = names.iter().map(|(name, _)| code(self.queue_shown(name))).collect();
                facts.push(format!("only {} may dead-letter into it", names.join(", ")));
            }
            Some(RedriveAllow::All) | None => {}
        }
        if !queue.policy.is_empty() {
            facts.push(format!("{} of its own", count(queue.policy.len() as u64, "policy statement")));
        }
        facts.extend(tags(&queue.tags));
        facts
    }
}

/// The schema of an event, and its name.
pub(super) fn schema_of<'a>(route: &'a Route, schemas: &'a EventDocs) -> Option<(&'a str, &'a Value)> {
    let name = route.schema.as_deref().or_else(|| route.event_name())?;
    schemas.get(name).map(|schema| (name, schema))
}

fn words_of<'a>(schema: &'a Value, key: &str) -> Option<&'a str> {
    schema.get(key).and_then(Value::as_str).filter(|text| !text.trim().is_empty())
}

fn fields_part(schema: &Value, out: &mut String) {
    let Some(fields) = schema.get("properties").and_then(Value::as_object).filter(|map| !map.is_empty()) else {
        return;
    };
    let required: Vec<&str> =
        schema.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
    out.push_str("\n| Field | Type | |\n|---|---|---|\n");
    for (name, field) in fields {
        let kind = match field.get("type") {
            Some(Value::String(kind)) => kind.clone(),
            Some(Value::Array(kinds)) => kinds.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" or "),
            _ => match field.get("enum").and_then(Value::as_array) {
                Some(values) => values.iter().map(|v| code(&plain(v))).collect::<Vec<_>>().join(", "),
                None => String::new(),
            },
        };
        let kind = if kind.starts_with('`') { kind } else { prose(&kind) };
        let format = words_of(field, "format").map(|format| format!(", {}", prose(format))).unwrap_or_default();
        let needed = if required.contains(&name.as_str()) { "required" } else { "optional" };
        let said = words_of(field, "description").map(|text| format!(": {}", prose(text))).unwrap_or_default();
        out.push_str(&format!("| {} | {kind}{format} | {needed}{said} |\n", code(name)));
    }
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// Whether a list of alternatives can be this text, as far as one can say without the matcher's knowledge of the rest.
fn may_be(alternatives: &Value, text: &str) -> bool {
    let Value::Array(alternatives) = alternatives else { return true };
    alternatives.iter().any(|one| match one {
        Value::String(wanted) => wanted == text,
        Value::Object(operator) => match operator.iter().next() {
            Some((name, Value::String(part))) if name == "prefix" => text.starts_with(part),
            Some((name, Value::String(part))) if name == "suffix" => text.ends_with(part),
            Some((name, Value::String(whole))) if name == "anything-but" => whole != text,
            Some((name, Value::Array(many))) if name == "anything-but" => !many.contains(&Value::from(text)),
            Some((name, Value::Bool(there))) if name == "exists" => *there,
            _ => true,
        },
        _ => false,
    })
}

fn gets(subscription: &Subscription) -> String {
    match &subscription.filter {
        None => "everything".into(),
        Some(filter) => {
            let place = if subscription.scope == Scope::MessageBody { "in the body, " } else { "" };
            format!("what has: {place}{}", filter_words::sentence(&filter.json, &|text| code(text)))
        }
    }
}

fn setting(key: &str, value: &str) -> String {
    format!("{} {}", key.replace('_', " "), code(value))
}

fn tags(tags: &BTreeMap<String, String>) -> Option<String> {
    let tags: Vec<String> = tags.iter().map(|(key, value)| code(&format!("{key}={value}"))).collect();
    (!tags.is_empty()).then(|| format!("tagged {}", tags.join(", ")))
}

/// A code span: as many backticks around it as it needs (<https://spec.commonmark.org/0.31.2/#code-spans>), on one line, and
/// with `|` escaped, which tables take even inside code (<https://github.github.com/gfm/#tables-extension->).
fn code(text: &str) -> String {
    let text: String = text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest + 1);
    let pad = if text.starts_with('`') || text.ends_with('`') || text.trim().is_empty() { " " } else { "" };
    format!("{fence}{pad}{}{pad}{fence}", text.replace('|', "\\|"))
}

/// Free text as one line that means nothing to Markdown.
fn prose(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.split_whitespace().collect::<Vec<_>>().join(" ").chars() {
        match c {
            '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '|' | '#' | '&' | '~' => out.extend(['\\', c]),
            c if c.is_control() => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    // A web address would become a link by itself.
    out.replace("://", ":\\//")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn catalogue(text: &str, schemas: &EventDocs) -> String {
        Topology::parse(text, "t.yaml").unwrap().catalogue(schemas)
    }

    #[test]
    fn the_catalogue_says_who_gets_what() {
        let text = "version: 1\nname: users\ntopics: { users: {}, silent: { display_name: Quiet } }\nqueues:\n  \
            user_events: { visibility_timeout: 45s, dead_letter: { queue: dlq, max_receives: 5 }, tags: { team: core } }\n  \
            dlq: { retention: 14d }\nsubscriptions:\n  - { topic: users, queue: user_events, filter: { eventName: [UserRegistered] }, dead_letter: dlq }\n\
            events:\n  UserRegistered: { topic: users }\n  UserDeleted: { topic: users }\n  A.*: { topic: silent }\n";
        let schema = json!({"description": "Somebody\ncame *in*.", "x-owner": "Team <A>", "required": ["id"],
            "properties": {"id": {"type": "string", "format": "uuid", "description": "Who | what"}, "plan": {"enum": ["free", "b`ig"]}}});
        let shown = catalogue(text, &EventDocs::from([("UserRegistered".into(), schema)]));
        insta::assert_snapshot!(shown);
    }

    #[test]
    fn nothing_ends_a_cell_or_a_span() {
        assert_eq!(code("a|b"), "`a\\|b`");
        assert_eq!(code("a``b"), "```a``b```");
        assert_eq!(code("`"), "`` ` ``");
        assert_eq!(code("a\nb"), "`a\u{fffd}b`");
        assert_eq!(prose("<img src=x> | [a](javascript:1)\n# b"), "\\<img src=x\\> \\| \\[a\\](javascript:1) \\# b");
    }
}
