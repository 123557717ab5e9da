//! Batched publish against plain SQLite storing the very same rows.

use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::types::Value;
use rusqlite::{Connection, params_from_iter};

use crate::support::{Project, Verdict, figure, median, ms, timed};

/// The part of plain SQLite's rate that publish has to reach.
const BOUND: f64 = 0.25;

/// `eventbus publish` of 1 KiB events as NDJSON, its start, its schema checks and its wrapping included, into one queue; then what
/// it stored, inserted into an empty file by nothing but prepared statements, in transactions of ten at `synchronous=FULL`.
pub(crate) fn run(quick: bool) -> Verdict {
    let (events, rounds) = if quick { (1_000, 2) } else { (20_000, 5) };
    let (mut ours, mut plain, mut shape) = (Vec::new(), Vec::new(), String::new());
    for _ in 0..rounds {
        // A fresh bus each time: what is measured does not depend on what lies there already.
        let project = Project::new();
        let file = project.write_events(events);
        ours.push(timed(project.command(&["publish", "UserRegistered", &file, "--input", "ndjson"])));
        let tables = stored(&project.path(".eventbus/bus.db"), events);
        shape = tables.iter().map(|table| table.name.as_str()).collect::<Vec<_>>().join(" and ");
        plain.push(insert(&project.path("plain.db"), &tables, events));
    }
    let rate = |times: &[Duration]| events as f64 / median(times).as_secs_f64();
    let ratios: Vec<f64> =
        ours.iter().zip(&plain).map(|(ours, plain)| plain.as_secs_f64() / ours.as_secs_f64()).collect();
    let ratio = median(&ratios);
    figure(&format!("publish of {events} events, median of {rounds}"), &ms(median(&ours)));
    figure("  events a second", &format!("{:.0}", rate(&ours)));
    figure(&format!("plain SQLite, the same rows of {shape}"), &ms(median(&plain)));
    figure("  events a second", &format!("{:.0}", rate(&plain)));
    figure(&format!("ratio, median of {rounds} pairs (at least {BOUND})"), &format!("{ratio:.2}"));
    if ratio >= BOUND { Verdict::Holds } else { Verdict::Broken(format!("{ratio:.2} of plain SQLite, not {BOUND}")) }
}

/// A table of the bus that holds a row for each event.
struct Table {
    name: String,
    definition: String,
    rows: Vec<Vec<Value>>,
}

/// Whatever tables the bus keeps its messages in, found by their number of rows, so that this does not name its schema.
fn stored(path: &Path, events: usize) -> Vec<Table> {
    let bus = Connection::open(path).unwrap();
    let mut named = bus.prepare("SELECT name, sql FROM sqlite_master WHERE type = 'table' ORDER BY rowid").unwrap();
    let all = named.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    let mut tables = Vec::new();
    for found in all {
        let (name, definition): (String, String) = found.unwrap();
        let mut select = bus.prepare(&format!("SELECT * FROM \"{name}\"")).unwrap();
        let columns = select.column_count();
        let read = |row: &rusqlite::Row<'_>| (0..columns).map(|column| row.get(column)).collect();
        let rows: Vec<Vec<Value>> = select.query_map([], read).unwrap().collect::<Result<_, _>>().unwrap();
        if rows.len() == events {
            tables.push(Table { name, definition, rows });
        }
    }
    assert!(!tables.is_empty(), "no table of {} holds {events} rows", path.display());
    tables
}

/// Inserts event by event, ten to a transaction, and returns how long the transactions took.
fn insert(path: &Path, tables: &[Table], events: usize) -> Duration {
    let mut plain = Connection::open(path).unwrap();
    plain.pragma_update(None, "journal_mode", "WAL").unwrap();
    plain.pragma_update(None, "synchronous", "FULL").unwrap();
    for table in tables {
        plain.execute_batch(&table.definition).unwrap();
    }
    let statements: Vec<String> = tables
        .iter()
        .map(|table| format!("INSERT INTO \"{}\" VALUES ({})", table.name, vec!["?"; table.rows[0].len()].join(",")))
        .collect();
    let began = Instant::now();
    for first in (0..events).step_by(10) {
        let transaction = plain.transaction().unwrap();
        for (table, statement) in tables.iter().zip(&statements) {
            let mut statement = transaction.prepare_cached(statement).unwrap();
            for row in &table.rows[first..events.min(first + 10)] {
                statement.execute(params_from_iter(row)).unwrap();
            }
        }
        transaction.commit().unwrap();
    }
    began.elapsed()
}
