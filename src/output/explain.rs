//! What `explain` answers: a table for people, and the record of `schemas/output/explain.schema.json`.

use std::collections::{BTreeMap, BTreeSet};
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

/// Writes which queue gets which event.
///
/// # Errors
/// What writing answered.
pub fn matrix(ui: &Ui, reports: &[Report], queues: &[&str], format: Format) -> io::Result<()> {
    let mut names: Vec<&str> = Vec::new();
    for queue in queues {
        if !names.contains(queue) {
            names.push(queue);
        }
    }
    let rows: Vec<MatrixRow<'_>> = reports.iter().map(|report| MatrixRow::new(report, &names)).collect();
    let mut out = ui.out();
    if format == Format::Json {
        serde_json::to_writer_pretty(&mut out, &MatrixRecord { version: 1, events: rows })?;
        writeln!(out)?;
        return out.flush();
    }
    let head: Vec<&str> = ["Event", if rows.iter().any(|row| row.topics.len() > 1) { "Topics" } else { "Topic" }]
        .into_iter()
        .chain(names.iter().copied())
        .collect();
    let mut table = Table::new(ui, &head).unbroken(&[0]);
    for row in &rows {
        let cells = row.cells().map(|cell| match cell {
            "reached" => "yes",
            "stopped" => "no",
            "depends" => "?",
            _ => "-",
        });
        let topics = if row.topics.is_empty() { "nowhere".to_owned() } else { row.topics.join(", ") };
        table.row([row.event, topics.as_str()].into_iter().chain(cells).collect::<Vec<_>>());
    }
    writeln!(out, "{table}")?;
    let has = |cell: &str| rows.iter().any(|row| row.cells().any(|found| found == cell));
    let legend = [("depends", "?: depends on the payload"), ("unsubscribed", "-: not subscribed to the topic")];
    let legend: Vec<&str> = legend.into_iter().filter(|(cell, _)| has(cell)).map(|(_, text)| text).collect();
    if !legend.is_empty() {
        writeln!(out, "{}", ui.paint(Tone::Dim, legend.join("; ")))?;
    }
    let lost =
        |row: &&MatrixRow<'_>| !row.topics.is_empty() && !row.cells().any(|cell| matches!(cell, "reached" | "depends"));
    for row in rows.iter().filter(lost) {
        writeln!(out, "{} `{}` reaches nobody", ui.paint(Tone::Warn, "lost:"), escape_control(row.event))?;
    }
    out.flush()
}

/// As `schemas/output/explain-matrix.schema.json` says.
#[derive(Serialize)]
struct MatrixRecord<'a> {
    version: u32,
    events: Vec<MatrixRow<'a>>,
}

#[derive(Serialize)]
struct MatrixRow<'a> {
    event: &'a str,
    topic: Option<&'a str>,
    topics: &'a [String],
    #[serde(serialize_with = "as_map")]
    queues: Vec<(&'a str, &'static str)>,
}

fn as_map<S: serde::Serializer>(cells: &[(&str, &'static str)], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(cells.iter().copied())
}

impl<'a> MatrixRow<'a> {
    fn new(report: &'a Report, queues: &[&'a str]) -> Self {
        let cell = |queue: &&'a str| {
            let mut reaches = report.subscriptions.iter().filter(|reach| reach.queue == *queue).peekable();
            let none = reaches.peek().is_none();
            let verdicts: Vec<&Verdict> = reaches.map(|reach| &reach.verdict).collect();
            // A queue may be subscribed twice, with other filters.
            let said = if none {
                "unsubscribed"
            } else if verdicts.contains(&&Verdict::Reached) {
                "reached"
            } else if verdicts.iter().any(|verdict| matches!(verdict, Verdict::DependsOnPayload(_))) {
                "depends"
            } else {
                "stopped"
            };
            (*queue, said)
        };
        Self {
            event: &report.event,
            topic: report.topics.first().map(String::as_str),
            topics: &report.topics,
            queues: queues.iter().map(cell).collect(),
        }
    }

    fn cells(&self) -> impl Iterator<Item = &'static str> {
        self.queues.iter().map(|(_, cell)| *cell)
    }
}

impl<'a> HintRecord<'a> {
    fn of(reach: &'a Reach) -> Vec<Self> {
        match &reach.verdict {
            Verdict::Stopped(failure) => {
                hints(failure).into_iter().map(|hint| Self { queue: &reach.queue, hint }).collect()
            }
            Verdict::Reached | Verdict::DependsOnPayload(_) => Vec::new(),
        }
    }
}

fn people(ui: &Ui, report: &Report, out: &mut impl Write) -> io::Result<()> {
    let name = |text: &str| ui.paint(Tone::Name, format!("`{}`", escape_control(text)));
    let route = match &report.route {
        Some(route) if *route != report.event => format!(" (routed by {})", name(route)),
        _ => String::new(),
    };
    let topics: Vec<String> = report.topics.iter().map(|topic| name(topic)).collect();
    let event = name(&report.event);
    match topics.as_slice() {
        [] => writeln!(out, "{event} goes nowhere, on purpose: its route has no topic{route}")?,
        [topic] => writeln!(out, "{event} goes to topic {topic}{route}")?,
        many => writeln!(out, "{event} goes to the topics {}{route}", many.join(", "))?,
    }
    if let Some(known) = &report.known_as {
        writeln!(out, "{}", ui.paint(Tone::Dim, format!("it is another name of `{}`", escape_control(known))))?;
    }
    let attributes: Vec<String> = report.attributes.iter().map(|(name, value)| attribute(name, value)).collect();
    writeln!(out, "{}", ui.paint(Tone::Dim, format!("with {}", escape_control(&attributes.join(", ")))))?;
    if report.subscriptions.is_empty() {
        return match &report.asked {
            _ if topics.is_empty() => Ok(()),
            Some(queue) => writeln!(out, "\n{} does not subscribe to {}.", name(queue), topics.join(" or ")),
            None => writeln!(out, "\nNobody subscribes to {}.", topics.join(" or ")),
        };
    }
    let several = topics.len() > 1;
    let head: &[&str] = if several { &["Topic", "Queue", "Reached", "Why"] } else { &["Queue", "Reached", "Why"] };
    let mut table = Table::new(ui, head);
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
        let cells = [reach.topic.as_str(), reach.queue.as_str(), reached, &why];
        table.row(cells.into_iter().skip(usize::from(!several)).collect::<Vec<_>>());
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
    if report.subscriptions.len() == 1 {
        return Ok(());
    }
    let receivers = report.receivers().len();
    let queues: BTreeSet<&str> = report.subscriptions.iter().map(|reach| reach.queue.as_str()).collect();
    let all = count(queues.len() as u64, "queue");
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
    known_as: Option<&'a str>,
    topic: Option<&'a str>,
    topics: &'a [String],
    route: Option<&'a str>,
    attributes: BTreeMap<&'a str, AttributeRecord>,
    receivers: Vec<&'a str>,
    subscriptions: Vec<SubscriptionRecord<'a>>,
    hints: Vec<HintRecord<'a>>,
}

#[derive(Serialize)]
struct HintRecord<'a> {
    queue: &'a str,
    hint: &'a str,
}

#[derive(Serialize)]
struct AttributeRecord {
    r#type: String,
    value: String,
}

#[derive(Serialize)]
struct SubscriptionRecord<'a> {
    topic: &'a str,
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
            known_as: report.known_as.as_deref(),
            topic: report.topics.first().map(String::as_str),
            topics: &report.topics,
            route: report.route.as_deref(),
            attributes: report.attributes.iter().map(|(name, value)| (name.as_str(), attribute(value))).collect(),
            receivers: report.receivers(),
            subscriptions: report.subscriptions.iter().map(SubscriptionRecord::new).collect(),
            hints: report.subscriptions.iter().flat_map(HintRecord::of).collect(),
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
            topic: &reach.topic,
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
