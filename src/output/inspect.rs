//! What `inspect` answers: a table with bars, or one JSON document (`schemas/output/inspect.schema.json`).

use std::io::{self, Write as _};

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value};

use super::{Format, Table, Tone, Ui};
use crate::engine::inspect::{By, Group, Summary};
use crate::event::Record;
use crate::words::{count, thousands};

/// How wide the longest bar is.
const BAR: usize = 12;

/// The version of the document.
const VERSION: u32 = 1;

#[derive(Serialize)]
struct Document<'a> {
    version: u32,
    sources: &'a [String],
    messages: u64,
    age_seconds: Option<Seconds>,
    grouped_by: Vec<&'static str>,
    groups: Vec<Line>,
}

#[derive(Serialize)]
struct Seconds {
    p50: u64,
    p90: u64,
    p99: u64,
    max: u64,
}

#[derive(Serialize)]
struct Line {
    key: Map<String, Value>,
    messages: u64,
    receives: Option<Range>,
    first: Option<String>,
    last: Option<String>,
    sample: Value,
}

#[derive(Serialize)]
struct Range {
    min: u32,
    max: u32,
}

/// Writes the answer about `sources` to stdout.
///
/// # Errors
/// What writing answered.
pub fn write(ui: &Ui, sources: &[String], by: &[By], summary: &Summary, format: Format) -> io::Result<()> {
    let mut out = ui.out();
    if format == Format::Json {
        let document = Document {
            version: VERSION,
            sources,
            messages: summary.messages,
            age_seconds: summary.ages.map(|ages| Seconds {
                p50: ages.p50,
                p90: ages.p90,
                p99: ages.p99,
                max: ages.max,
            }),
            grouped_by: by.iter().map(|by| by.name()).collect(),
            groups: summary.groups.iter().map(|group| line(by, group)).collect(),
        };
        serde_json::to_writer_pretty(&mut out, &document)?;
        writeln!(out)?;
        return out.flush();
    }
    writeln!(out, "{} in {}", ui.paint(Tone::Strong, count(summary.messages, "message")), crate::words::list(sources))?;
    if let Some(ages) = summary.ages {
        writeln!(
            out,
            "age: half under {}, 90% under {}, 99% under {}, oldest {}",
            age(ages.p50),
            age(ages.p90),
            age(ages.p99),
            age(ages.max)
        )?;
    }
    if !summary.groups.is_empty() {
        writeln!(out, "\n{}", table(ui, by, summary))?;
    }
    out.flush()
}

fn table(ui: &Ui, by: &[By], summary: &Summary) -> Table {
    let keys = by.iter().map(|by| match by {
        By::Event => "Event",
        By::Publisher => "Publisher",
        By::Queue => "Queue",
        By::Source => "From queue",
        By::Reason => "Reason",
        By::Age => "Age",
        By::Receives => "Receives",
    });
    let mut headings = vec!["Messages", ""];
    headings.extend(keys);
    headings.extend(["Received", "First", "Last", "Sample"]);
    let mut table = Table::new(ui, &headings).unbroken(&[0, 1, headings.len() - 1]);
    let most = summary.groups.first().map_or(1, |group| group.messages.max(1));
    for group in &summary.groups {
        let mut cells = vec![thousands(group.messages), bar(group.messages, most)];
        cells.extend(group.key.iter().map(|value| value.clone().unwrap_or_else(|| "-".to_owned())));
        cells.push(match group.receives {
            None => "-".to_owned(),
            Some((least, most)) if least == most => format!("{most}x"),
            Some((least, most)) => format!("{least}-{most}x"),
        });
        cells.extend([group.first, group.last].map(|at| at.map_or_else(|| "-".to_owned(), |at| format!("{at:.0}"))));
        cells.push(named(&group.sample));
        table.row(cells);
    }
    table
}

/// By what a sample is found again: the entity's id, else the message's.
fn named(record: &Record) -> String {
    let entity = record.event.as_ref().and_then(|event| event.metadata.entity_id.clone());
    entity.unwrap_or_else(|| record.message.id.clone())
}

fn line(by: &[By], group: &Group) -> Line {
    let text = |at: Timestamp| format!("{at:.3}");
    Line {
        key: by.iter().zip(&group.key).map(|(by, value)| (by.name().to_owned(), value.clone().into())).collect(),
        messages: group.messages,
        receives: group.receives.map(|(min, max)| Range { min, max }),
        first: group.first.map(text),
        last: group.last.map(text),
        sample: serde_json::from_str(&group.sample.to_line()).unwrap_or_default(),
    }
}

/// A bar of whole and half blocks; what is there at all has one.
fn bar(part: u64, whole: u64) -> String {
    let halves = (part as f64 / whole as f64 * (BAR * 2) as f64).round().max(1.0) as usize;
    let mut bar = "█".repeat(halves / 2);
    if halves % 2 == 1 {
        bar.push('▌');
    }
    bar
}

/// Seconds as people say them: `45s`, `3m 20s`, `2h 5m`, `4d 1h`.
fn age(seconds: u64) -> String {
    let (days, hours, minutes, rest) = (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60, seconds % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{rest}s"),
        (0, 0, _) => format!("{minutes}m {rest}s"),
        (0, _, _) => format!("{hours}h {minutes}m"),
        _ => format!("{days}d {hours}h"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_and_ages() {
        assert_eq!(bar(10, 10), "█".repeat(BAR));
        assert_eq!(bar(1, 1_000_000), "▌");
        assert_eq!(bar(5, 10).chars().count(), BAR / 2);
        let all: Vec<String> = [0, 59, 60, 3_661, 90_000].map(age).into();
        assert_eq!(all, ["0s", "59s", "1m 0s", "1h 1m", "1d 1h"]);
    }
}
