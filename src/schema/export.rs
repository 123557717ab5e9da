//! The catalogue in one file: a bundle for validators, and a page for people.

use serde_json::{Map, Value, json};

use super::resolve::push;
use super::{Meta, Schema};
use crate::event::json::shorten;

/// All schemas as one document: `#/$defs/UserRegistered` is the highest version, `#/$defs/UserRegistered.v1` an older one. The
/// second value says what was left out, and why.
pub fn bundle<'a>(schemas: impl IntoIterator<Item = (String, &'a Schema)>) -> (Value, Vec<String>) {
    const DIALECT: &str = "https://json-schema.org/draft/2020-12/schema";
    let (mut defs, mut left_out) = (Map::new(), Vec::new());
    for (name, schema) in schemas {
        let dialect =
            schema.source().get("$schema").and_then(Value::as_str).unwrap_or(DIALECT).trim_end_matches('#').to_owned();
        let old = ["draft-03", "draft-04", "draft-06"].iter().any(|draft| dialect.contains(draft));
        if old {
            left_out.push(format!("`{name}`: {dialect} means other things by the same words than the bundle's draft"));
            continue;
        }
        let (whole, lost) = schema.self_contained();
        left_out
            .extend(lost.iter().map(|reference| format!("`{name}`: `{reference}` leads out of what can be taken in")));
        let mut root = String::from("#/$defs");
        push(&mut root, &name);
        let mut part = rooted(&whole, &root);
        if let Value::Object(part) = &mut part {
            part.retain(|key, _| !matches!(key.as_str(), "$schema" | "$id"));
            // Draft 7 lets what stands beside a reference be.
            if dialect.contains("draft-07") && part.contains_key("$ref") {
                part.retain(|key, _| matches!(key.as_str(), "$ref" | "definitions" | "$defs") || key.starts_with("x-"));
            }
        }
        defs.insert(name, part);
    }
    (json!({ "$schema": DIALECT, "$defs": defs }), left_out)
}

/// The schema with references to itself beginning at its new place.
fn rooted(value: &Value, root: &str) -> Value {
    match value {
        Value::Object(map) => Value::Object(
            map.iter()
                .map(|(key, value)| {
                    let moved =
                        value.as_str().filter(|_| key == "$ref").and_then(|reference| reference.strip_prefix('#'));
                    let value = match moved {
                        Some(rest) => format!("{root}{rest}").into(),
                        None => rooted(value, root),
                    };
                    (key.clone(), value)
                })
                .collect(),
        ),
        Value::Array(list) => Value::Array(list.iter().map(|value| rooted(value, root)).collect()),
        other => other.clone(),
    }
}

/// One event of the page.
#[derive(Debug)]
pub struct Page<'a> {
    /// The event's name.
    pub event: &'a str,
    /// All its versions.
    pub versions: Vec<u32>,
    /// The highest.
    pub schema: &'a Schema,
    /// The topics that the topology sends it to; none where it says nothing.
    pub topics: Option<Vec<String>>,
    /// A payload.
    pub example: Option<Value>,
}

/// A page in Markdown. Names and texts may be hostile: none can begin a cell, a link or HTML.
pub fn markdown(pages: &[Page<'_>]) -> String {
    let mut out = String::from("# Events\n\n");
    for page in pages {
        let meta = Meta::of(page.schema.source());
        out.push_str(&format!("## {}\n\n", code(page.event)));
        if let Some(text) = &meta.description {
            out.push_str(&format!("{}\n\n", prose(text)));
        }
        let mut facts = Vec::new();
        if page.versions.len() > 1 || page.versions.first().is_some_and(|version| *version != 1) {
            let versions: Vec<String> = page.versions.iter().map(u32::to_string).collect();
            facts.push(format!("versions {}", versions.join(", ")));
        }
        let topics = page.topics.clone().or_else(|| Some(vec![meta.topic.clone()?]));
        if let Some(topics) = topics {
            let names: Vec<String> = topics.iter().map(|topic| code(topic)).collect();
            facts.push(match names.as_slice() {
                [] => "goes nowhere, on purpose".into(),
                [topic] => format!("goes to topic {topic}"),
                many => format!("goes to the topics {}", many.join(", ")),
            });
        }
        if let Some(owner) = &meta.owner {
            facts.push(format!("owned by {}", prose(owner)));
        }
        if !meta.aliases.is_empty() {
            let names: Vec<String> = meta.aliases.iter().map(|name| code(name)).collect();
            facts.push(format!("also known as {}", names.join(", ")));
        }
        if meta.personal_data {
            facts.push("**contains personal data**".into());
        }
        for fact in &facts {
            out.push_str(&format!("* {fact}\n"));
        }
        if !facts.is_empty() {
            out.push('\n');
        }
        fields(page.schema, &mut out);
        if let Some(example) = &page.example {
            // A fence is as long as it must be to hold what is in it.
            let text = format!("{example:#}");
            let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
            let fence = "`".repeat(longest.max(2) + 1);
            out.push_str(&format!("{fence}json\n{text}\n{fence}\n\n"));
        }
    }
    out.truncate(out.trim_end().len());
    out.push('\n');
    out
}

fn fields(schema: &Schema, out: &mut String) {
    let rows = super::fields::fields(schema);
    if rows.is_empty() {
        return;
    }
    out.push_str("| Field | | Holds | |\n|---|---|---|---|\n");
    for row in rows {
        let required = if row.required { "required" } else { "" };
        out.push_str(&format!(
            "| {} | {required} | {} | {} |\n",
            code(&row.name),
            prose(&row.holds),
            row.description.as_deref().map(prose).unwrap_or_default()
        ));
    }
    out.push('\n');
}

fn code(text: &str) -> String {
    let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    format!("`{}`", shorten(&text, 200).replace('`', "'").replace('|', "\\|"))
}

fn prose(text: &str) -> String {
    let mut out = String::new();
    for c in shorten(text, 2_000).chars() {
        match c {
            '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '|' | '#' | '&' | '!' | '~' => {
                out.push('\\');
                out.push(c);
            }
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out
}
