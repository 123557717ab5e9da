//! What `outbox list` shows: a table for people, the records of `schemas/output/outbox.schema.json` for machines.

use std::io::{self, BufWriter, Stdout, Write as _};

use serde::Serialize;

use super::{Format, Table, Ui, escape_control};
use crate::engine::outbox::{Entry, Unfinished};
use crate::words;

/// Rows that wait for their table.
const ROWS: usize = 100;

/// Writes the events that are not sent.
#[derive(Debug)]
pub struct Writer {
    ui: Ui,
    out: BufWriter<Stdout>,
    format: Format,
    rows: Vec<[String; 6]>,
}

#[derive(Serialize)]
struct Line<'a> {
    version: u32,
    id: i64,
    input: &'a str,
    event: Option<&'a str>,
    topic: &'a str,
    entity_id: Option<&'a str>,
    tries: u32,
    in_doubt: bool,
    error: Option<&'a str>,
}

impl Writer {
    /// A writer to stdout.
    pub fn new(ui: &Ui, format: Format) -> Self {
        Self { ui: ui.clone(), out: ui.out(), format, rows: Vec::new() }
    }

    /// One event.
    ///
    /// # Errors
    /// What writing answered.
    pub fn entry(&mut self, entry: &Entry) -> io::Result<()> {
        let Entry { row, input, event, topic, entity_id, tries, in_doubt, error } = entry;
        if self.format == Format::Ndjson {
            let line = Line {
                version: 1,
                id: *row,
                input,
                event: event.as_deref(),
                topic,
                entity_id: entity_id.as_deref(),
                tries: *tries,
                in_doubt: *in_doubt,
                error: error.as_deref(),
            };
            serde_json::to_writer(&mut self.out, &line)?;
            return self.out.write_all(b"\n");
        }
        let why = match (in_doubt, error) {
            (true, Some(error)) => format!("may have arrived: {error}"),
            (true, None) => "may have arrived: the run was killed".into(),
            (false, Some(error)) => error.clone(),
            (false, None) => String::new(),
        };
        let text = |value: &Option<String>| value.clone().unwrap_or_default();
        self.rows.push([row.to_string(), input.clone(), text(event), topic.clone(), text(entity_id), why]);
        if self.rows.len() >= ROWS { self.table() } else { Ok(()) }
    }

    fn table(&mut self) -> io::Result<()> {
        if self.rows.is_empty() {
            return Ok(());
        }
        let mut table =
            Table::new(&self.ui, &["Id", "Input", "Event", "Topic", "Entity", "Last answer"]).unbroken(&[0, 2, 3, 4]);
        for row in self.rows.drain(..) {
            table.row(row);
        }
        writeln!(self.out, "{table}")
    }

    /// Nothing more will come.
    ///
    /// # Errors
    /// What writing answered.
    pub fn finish(&mut self) -> io::Result<()> {
        self.table()?;
        self.out.flush()
    }
}

/// A publish that is not done, in a sentence.
pub fn unfinished(publish: &Unfinished) -> String {
    let Unfinished { what, bus, complete, sent, waiting, .. } = publish;
    let end = if *complete { "" } else { ", its inputs were not read to their end" };
    escape_control(&format!(
        "Publish of `{what}` to {bus}: {} sent, {} waiting{end}",
        words::thousands(*sent),
        words::thousands(*waiting)
    ))
    .into_owned()
}
