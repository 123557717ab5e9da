//! What `explain` answers: a table for people, and the record of `schemas/output/explain.schema.json`.

use std::collections::BTreeMap;
use std::io::{self, Write};

use serde::Serialize;
use serde_json::value::RawValue;

use super::{Format, Table, Tone, Ui, escape_control};
use crate::engine::explain::{Reach, Report, Verdict};
use crate::event::{Attribute, NotificationAttribute};
use crate::filter::{Mismatch, Scope};
use crate::words::{count, list};

/// Writes `report` to stdout.
///
/// # Errors
/// What writing answered.
pub fn write(ui: &Ui, report: &Report, format: Format) -> io::Result<()> {
    let mut out = ui.out();
    match format {
        Format::Json => {
            serde_json::to_writer_pretty(&mut out, &Record::new(report))?;
            writeln!(out)?;
        }
        _ => people(ui, report, &mut out)?,
    }
    out.flush()
}

fn people(ui: &Ui, report: &Report, out: &mut impl Write) -> io::Result<()> {
    let name = |text: &str| ui.paint(Tone::Name, format!("`{}`", escape_control(text)));
    let route = match &report.route {
        Some(route) if *route != report.event => format!(" (routed by {})", name(route)),
        _ => String::new(),
    };
    writeln!(out, "{} goes to topic {}{route}", name(&report.event), name(&report.topic))?;
    let attributes: Vec<String> = report.attributes.iter().map(|(name, value)| attribute(name, value)).collect();
    writeln!(out, "{}", ui.paint(Tone::Dim, format!("with {}", escape_control(&attributes.join(", ")))))?;
    if report.subscriptions.is_empty() {
        return writeln!(out, "\nNobody subscribes to {}.", name(&report.topic));
    }
    let mut table = Table::new(ui, &["Queue", "Reached", "Why"]);
    for reach in &report.subscriptions {
        let (reached, why) = match &reach.verdict {
            Verdict::Reached => {
                ("yes", if reach.filter.is_some() { "the filter lets it pass".into() } else { "no filter".into() })
            }
            Verdict::Stopped(failure) => ("no", failure.to_string()),
            Verdict::DependsOnPayload(keys) => {
                ("?", format!("depends on {} of the payload: name its file", list(keys)))
            }
        };
        table.row([reach.queue.as_str(), reached, &why]);
    }
    writeln!(out, "\n{table}")?;
    let mut first = true;
    for reach in &report.subscriptions {
        let Verdict::Stopped(failure) = &reach.verdict else { continue };
        for hint in hints(failure) {
            if std::mem::take(&mut first) {
                writeln!(out)?;
            }
            let hint = format!("{}: {hint}", reach.queue);
            writeln!(out, "{} {}", ui.paint(Tone::Warn, "near miss:"), escape_control(&hint))?;
        }
    }
    let receivers = report.receivers().count() as u64;
    let all = count(report.subscriptions.len() as u64, "queue");
    match receivers {
        0 if report.depends_on_payload() => writeln!(out, "\nWhether anybody gets it depends on the payload."),
        0 => writeln!(out, "\nNobody gets it."),
        1 => writeln!(out, "\n1 of {all} gets it."),
        more => writeln!(out, "\n{more} of {all} get it."),
    }
}

fn attribute(name: &str, attribute: &Attribute) -> String {
    let value = attribute.text().unwrap_or("(bytes)");
    match attribute.data_type.as_str() {
        "String" => format!("{name}={value}"),
        _ => format!("{name}:={value}"),
    }
}

/// All hints of a failure, those of its branches among them.
fn hints(failure: &Mismatch) -> Vec<&str> {
    let own = failure.hints.iter().map(String::as_str);
    own.chain(failure.branches.iter().flat_map(hints)).collect()
}

/// The whole answer. Field by field as the schema says.
#[derive(Serialize)]
struct Record<'a> {
    version: u32,
    event: &'a str,
    publisher: Option<&'a str>,
    topic: &'a str,
    route: Option<&'a str>,
    attributes: BTreeMap<&'a str, AttributeRecord>,
    receivers: Vec<&'a str>,
    subscriptions: Vec<SubscriptionRecord<'a>>,
}

#[derive(Serialize)]
struct AttributeRecord {
    r#type: String,
    value: String,
}

#[derive(Serialize)]
struct SubscriptionRecord<'a> {
    queue: &'a str,
    raw: bool,
    scope: &'static str,
    filter: Option<Box<RawValue>>,
    reached: Option<bool>,
    failure: Option<FailureRecord<'a>>,
    depends_on: &'a [String],
}

#[derive(Serialize)]
struct FailureRecord<'a> {
    pointer: &'a str,
    key: &'a str,
    wanted: &'a str,
    saw: Option<&'a str>,
    saw_type: Option<&'a str>,
    hints: &'a [String],
    branches: Vec<FailureRecord<'a>>,
}

impl<'a> Record<'a> {
    fn new(report: &'a Report) -> Self {
        let attribute = |value: &Attribute| {
            let NotificationAttribute { data_type, value } = value.into();
            AttributeRecord { r#type: data_type, value }
        };
        Self {
            version: 1,
            event: &report.event,
            publisher: report.publisher.as_deref(),
            topic: &report.topic,
            route: report.route.as_deref(),
            attributes: report.attributes.iter().map(|(name, value)| (name.as_str(), attribute(value))).collect(),
            receivers: report.receivers().collect(),
            subscriptions: report.subscriptions.iter().map(SubscriptionRecord::new).collect(),
        }
    }
}

impl<'a> SubscriptionRecord<'a> {
    fn new(reach: &'a Reach) -> Self {
        let (reached, failure, depends_on) = match &reach.verdict {
            Verdict::Reached => (Some(true), None, &[][..]),
            Verdict::Stopped(failure) => (Some(false), Some(FailureRecord::new(failure)), &[][..]),
            Verdict::DependsOnPayload(keys) => (None, None, keys.as_slice()),
        };
        Self {
            queue: &reach.queue,
            raw: reach.raw,
            scope: match reach.scope {
                Scope::MessageAttributes => "attributes",
                Scope::MessageBody => "body",
            },
            filter: reach.filter.clone().and_then(|text| RawValue::from_string(text).ok()),
            reached,
            failure,
            depends_on,
        }
    }
}

impl<'a> FailureRecord<'a> {
    fn new(failure: &'a Mismatch) -> Self {
        Self {
            pointer: &failure.pointer,
            key: &failure.key,
            wanted: &failure.wanted,
            saw: failure.saw.as_deref(),
            saw_type: failure.saw_type.as_deref(),
            hints: &failure.hints,
            branches: failure.branches.iter().map(Self::new).collect(),
        }
    }
}
