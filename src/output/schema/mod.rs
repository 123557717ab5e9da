//! What `schema` answers: tables for people, records for programs, Markdown for reviews.

mod check;
mod compare;

pub use check::{Checked, Findings, Found, checked};
pub use compare::{Comparison, Judgement, compared};

use std::io::{self, BufWriter, Stdout, Write};
use std::path::PathBuf;

use serde::Serialize;
use serde_json::{Value, json};

use super::{Format, Table, Tone, Ui, escape_control, escape_control_keeping_lines};
use crate::schema::fields::fields;
use crate::schema::lint::Lint;
use crate::schema::{Meta, Schema};
use crate::words::count;

/// One event of `schema list`.
#[derive(Debug)]
pub struct Listed {
    /// The event.
    pub event: String,
    /// Its versions, ascending.
    pub versions: Vec<u32>,
    /// The file of the highest.
    pub file: String,
    /// What the schema says of it.
    pub meta: Meta,
    /// Why the schema cannot be used.
    pub problem: Option<String>,
}

fn document(out: &mut impl Write, value: &impl Serialize) -> io::Result<()> {
    serde_json::to_writer_pretty(&mut *out, value)?;
    writeln!(out)
}

fn list_of(versions: &[u32]) -> String {
    versions.iter().map(u32::to_string).collect::<Vec<_>>().join(", ")
}

/// Writes the list.
///
/// # Errors
/// What writing answered.
pub fn list(ui: &Ui, events: &[Listed], format: Format) -> io::Result<()> {
    let mut out = ui.out();
    if format == Format::Json {
        let entry = |listed: &Listed| {
            json!({
                "event": listed.event,
                "versions": listed.versions,
                "file": listed.file,
                "description": listed.meta.description,
                "owner": listed.meta.owner,
                "topic": listed.meta.topic,
                "contains_personal_data": listed.meta.personal_data,
                "aliases": listed.meta.aliases,
                "problem": listed.problem,
            })
        };
        let events: Vec<Value> = events.iter().map(entry).collect();
        document(&mut out, &json!({ "version": 1, "events": events }))?;
        return out.flush();
    }
    if !events.is_empty() {
        let mut table = Table::new(ui, &["Event", "Versions", "Owner", "Personal data", "Description"]).unbroken(&[0]);
        for listed in events {
            let text = listed.problem.as_deref().or(listed.meta.description.as_deref()).unwrap_or_default();
            table.row([
                listed.event.as_str(),
                &list_of(&listed.versions),
                listed.meta.owner.as_deref().unwrap_or_default(),
                if listed.meta.personal_data { "yes" } else { "" },
                text,
            ]);
        }
        writeln!(out, "{table}")?;
    }
    out.flush()
}

/// Writes one schema: its fields in a table, or itself.
///
/// # Errors
/// What writing answered.
pub fn show(ui: &Ui, schema: &Schema, versions: &[u32], format: Format) -> io::Result<()> {
    let mut out = ui.out();
    if format != Format::Table {
        let (whole, _) = schema.self_contained();
        let mut text = String::new();
        if format == Format::Yaml {
            yaml(&whole, 0, &mut text);
        } else {
            text = format!("{whole:#}\n");
        }
        let text = if ui.stdout_is_terminal() { escape_control_keeping_lines(&text) } else { text.into() };
        out.write_all(text.as_bytes())?;
        return out.flush();
    }
    let meta = Meta::of(schema.source());
    let clean = |text: &str| escape_control(text).into_owned();
    let head = format!("{} version {} of {}", clean(schema.event()), schema.version(), list_of(versions));
    writeln!(out, "{}", ui.paint(Tone::Name, head))?;
    if let Some(text) = &meta.description {
        writeln!(out, "{}", clean(text))?;
    }
    let file = schema.path().display().to_string();
    let personal = meta.personal_data.then(|| "yes".to_owned());
    let aliases = (!meta.aliases.is_empty()).then(|| meta.aliases.join(", "));
    let facts = [
        ("file", Some(file)),
        ("owner", meta.owner),
        ("topic", meta.topic),
        ("personal data", personal),
        ("also known as", aliases),
    ];
    for (name, value) in facts {
        if let Some(value) = value {
            writeln!(out, "{}", ui.paint(Tone::Dim, format!("{name}: {}", clean(&value))))?;
        }
    }
    let rows = fields(schema);
    if !rows.is_empty() {
        let mut table = Table::new(ui, &["Field", "Required", "Holds", "Description"]).unbroken(&[0]);
        for row in rows {
            let required = if row.required { "yes" } else { "" };
            table.row([row.name.as_str(), required, &row.holds, row.description.as_deref().unwrap_or_default()]);
        }
        writeln!(out, "\n{table}")?;
    }
    out.flush()
}

/// Block YAML; keys and texts in JSON's quotes, which are YAML's, too.
fn yaml(value: &Value, depth: usize, out: &mut String) {
    let pad = "  ".repeat(depth);
    match value {
        Value::Object(map) if !map.is_empty() => {
            for (key, value) in map {
                let plain = key.starts_with(|c: char| c.is_ascii_alphabetic())
                    && key.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
                    && !matches!(
                        key.to_lowercase().as_str(),
                        "y" | "n" | "yes" | "no" | "on" | "off" | "true" | "false" | "null"
                    );
                let key = if plain { key.clone() } else { Value::from(key.as_str()).to_string() };
                out.push_str(&format!("{pad}{key}:"));
                inner(value, depth, out);
            }
        }
        Value::Array(list) if !list.is_empty() => {
            for value in list {
                out.push_str(&format!("{pad}-"));
                inner(value, depth, out);
            }
        }
        other => out.push_str(&format!("{pad}{other}\n")),
    }
}

fn inner(value: &Value, depth: usize, out: &mut String) {
    let nested =
        value.as_object().is_some_and(|map| !map.is_empty()) || value.as_array().is_some_and(|list| !list.is_empty());
    if nested {
        out.push('\n');
        yaml(value, depth + 1, out);
    } else {
        out.push_str(&format!(" {value}\n"));
    }
}

/// A stream of payloads.
#[derive(Debug)]
pub struct Examples {
    out: BufWriter<Stdout>,
    lines: bool,
}

impl Examples {
    /// One payload a line, or each over many.
    pub fn new(ui: &Ui, lines: bool) -> Self {
        Self { out: ui.out(), lines }
    }

    /// Writes one.
    ///
    /// # Errors
    /// What writing answered.
    pub fn write(&mut self, payload: &Value) -> io::Result<()> {
        if self.lines { writeln!(self.out, "{payload}") } else { writeln!(self.out, "{payload:#}") }
    }

    /// Nothing more comes.
    ///
    /// # Errors
    /// What writing answered.
    pub fn finish(mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// Writes what is to be mended in so many schemas.
///
/// # Errors
/// What writing answered.
pub fn lint(ui: &Ui, schemas: usize, found: &[(PathBuf, Lint)], format: Format) -> io::Result<()> {
    let mut out = ui.out();
    let errors = found.iter().filter(|(_, lint)| lint.error).count();
    if format == Format::Json {
        let entry = |(file, lint): &(PathBuf, Lint)| {
            json!({
                "file": file.display().to_string(),
                "pointer": lint.pointer,
                "level": if lint.error { "error" } else { "warning" },
                "rule": lint.rule,
                "message": lint.message,
            })
        };
        let entries: Vec<Value> = found.iter().map(entry).collect();
        document(&mut out, &json!({ "version": 1, "schemas": schemas, "found": entries }))?;
        return out.flush();
    }
    for (file, lint) in found {
        let level = if lint.error { ui.paint(Tone::Bad, "error") } else { ui.paint(Tone::Warn, "warning") };
        let place = format!("{}#{}", file.display(), lint.pointer);
        writeln!(out, "{}: {level}: {} [{}]", escape_control(&place), escape_control(&lint.message), lint.rule)?;
    }
    let schemas = count(schemas as u64, "schema");
    match found.len() {
        0 => writeln!(out, "Nothing to mend in {schemas}.")?,
        all => writeln!(
            out,
            "\n{} and {} in {schemas}.",
            count(errors as u64, "error"),
            count((all - errors) as u64, "warning")
        )?,
    }
    out.flush()
}
