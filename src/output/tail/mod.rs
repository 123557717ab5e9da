//! What `tail` shows: each message for people (`-o pretty`), its record as a line (`-o ndjson`), or a line of one's own
//! (`--format`); and what the verbs that look say about it.

mod foreign;
mod pretty;
mod template;

use std::collections::HashMap;
use std::io::{self, BufWriter, Stdout, Write};
use std::sync::Arc;

use pretty::Pretty;
pub use template::Template;

use super::sanitize::dangerous;
use super::{Format, HIDDEN, Progress as Bar, Reporter, Ui, escape_control};
use crate::engine;
use crate::engine::tail::{Mode, Progress, Report};
use crate::event::Record;
use crate::schema::Catalogue;
use crate::topology::Topology;
use crate::words::count;

/// How messages are shown.
#[derive(Debug, Default)]
pub struct Options {
    /// The format; none: what fits stdout.
    pub format: Option<Format>,
    /// A line of one's own instead.
    pub template: Option<Template>,
    /// A NUL after each message instead of a line feed.
    pub print0: bool,
    /// Show payloads marked as personal data on a terminal, too.
    pub show_personal_data: bool,
    /// The names of the queues, when there are several.
    pub queues: Vec<String>,
    /// What payloads are checked against.
    pub validate: Option<Validate>,
}

/// What payloads are checked against.
#[derive(Debug)]
pub struct Validate {
    /// The schemas.
    pub catalogue: Arc<Catalogue>,
    /// Which event has which schema.
    pub topology: Option<Topology>,
}

impl Validate {
    /// What breaks the schema of the event; nothing where there is no schema.
    fn violations(&self, record: &Record) -> Vec<String> {
        let Some(event) = &record.event else { return Vec::new() };
        let (name, publisher) =
            (&event.metadata.event_name, event.metadata.publisher_name.as_deref().unwrap_or_default());
        let route = self.topology.as_ref().and_then(|topology| topology.route(publisher, name));
        let schema = route.and_then(|route| route.schema.as_deref()).unwrap_or(name);
        match self.catalogue.schema(schema, None) {
            Ok(None) => Vec::new(),
            Ok(Some(schema)) => match serde_json::from_str(event.payload.get()) {
                Ok(value) => schema.check(&value, event.payload.get()).iter().map(ToString::to_string).collect(),
                Err(error) => vec![format!("the payload is no JSON: {error}")],
            },
            Err(error) => vec![format!("the schema cannot be used: {error}")],
        }
    }
}

/// The reporter of the verbs that look.
#[derive(Debug)]
pub struct TailReporter {
    ui: Ui,
    out: BufWriter<Stdout>,
    lines: bool,
    options: Options,
    numbers: HashMap<String, usize>,
    invalid: u64,
    bar: Option<Bar>,
}

impl TailReporter {
    /// A reporter of messages.
    pub fn new(ui: &Ui, options: Options) -> Self {
        let lines = match options.format {
            Some(format) => format == Format::Ndjson,
            None => !ui.stdout_is_terminal(),
        };
        let several = options.queues.len() > 1;
        let numbers = options.queues.iter().filter(|_| several).cloned().zip(0..).collect();
        Self { ui: ui.clone(), out: ui.out(), lines, options, numbers, invalid: 0, bar: None }
    }

    /// The same with an indicator of how many messages were written into a recording.
    #[must_use]
    pub fn with_bar(mut self, label: &'static str) -> Self {
        self.bar = Some(self.ui.progress(label));
        self
    }

    /// Says how it went, on stderr.
    pub fn summary(&self, report: &Report) {
        let mut text = format!("Showed {}", count(report.shown, "message"));
        if report.passed_over > 0 {
            text.push_str(&format!(", passed over {}", report.passed_over));
        }
        if self.options.validate.is_some() {
            text.push_str(&format!("; {} broke their schema", self.invalid));
        }
        self.ui.status(text + &held(report));
        doubts(&self.ui, report);
    }

    fn message(&mut self, record: &Record) -> io::Result<()> {
        let invalid = self.options.validate.as_ref().map_or_else(Vec::new, |validate| validate.violations(record));
        self.invalid += u64::from(!invalid.is_empty());
        let terminal = self.ui.stdout_is_terminal();
        let end: &[u8] = if self.options.print0 { b"\0" } else { b"\n" };
        if let Some(template) = &self.options.template {
            let personal = record.event.as_ref().is_some_and(|event| event.metadata.contains_personal_data);
            let hides = terminal && personal && !self.options.show_personal_data;
            let safe = |text: &str| if terminal { escape_control(text).into_owned() } else { text.to_owned() };
            self.out.write_all(template.fill(record, hides, safe).as_bytes())?;
            return self.out.write_all(end);
        }
        if self.lines {
            let personal = record.event.as_ref().is_some_and(|event| event.metadata.contains_personal_data);
            let line = match (terminal, personal && !self.options.show_personal_data) {
                (false, _) => record.to_line(),
                (true, false) => safe_json(record.to_line()),
                // Not the record any more, and on a screen nobody takes it for that.
                (true, true) => safe_json(hidden(record).to_line()),
            };
            if invalid.is_empty() {
                self.out.write_all(line.as_bytes())?;
            } else {
                // The record as it is, with one key more: readers of records pass over what they do not know.
                let list = serde_json::to_string(&invalid)?;
                self.out.write_all(line.strip_suffix('}').unwrap_or(&line).as_bytes())?;
                write!(self.out, ",\"invalid\":{list}}}")?;
            }
            return self.out.write_all(end);
        }
        let queue = record.message.queue.as_ref().or(record.message.topic.as_ref());
        let queue = queue.and_then(|name| self.numbers.get(name.rsplit(':').next().unwrap_or(name)).copied());
        let pretty = Pretty { ui: &self.ui, terminal, personal: self.options.show_personal_data, queue };
        self.out.write_all(pretty.of(record, &invalid).as_bytes())?;
        if self.options.print0 { self.out.write_all(end) } else { Ok(()) }
    }
}

impl Reporter for TailReporter {
    fn event(&mut self, event: &engine::Event) -> io::Result<()> {
        if let Some(bar) = &self.bar
            && !matches!(event, engine::Event::Tail(Progress::Kept(_)))
        {
            bar.clear();
        }
        match event {
            engine::Event::Tail(Progress::Cost { mode, says }) => tell_cost(&self.ui, *mode, says),
            engine::Event::Tail(Progress::Open { tap }) => {
                self.ui.note(format!("the tap `{tap}` is open: what is published from now on is seen"));
            }
            engine::Event::Tail(Progress::Message(record)) => {
                self.message(record)?;
            }
            engine::Event::Tail(Progress::Kept(messages)) => {
                if let Some(bar) = &mut self.bar {
                    bar.inc(*messages);
                }
            }
            engine::Event::Warning(text) => self.ui.warn(text),
            engine::Event::Note(text) => self.ui.note(text),
            _ => {}
        }
        Ok(())
    }

    /// Each is seen when it comes; a reader waits for it.
    fn rest(&mut self) -> io::Result<()> {
        self.out.flush()
    }

    fn finish(&mut self) -> io::Result<()> {
        if let Some(bar) = &self.bar {
            bar.clear();
        }
        self.out.flush()
    }
}

/// The record without what is personal in it.
fn hidden(record: &Record) -> Record {
    let mut hidden = Record { body: HIDDEN.to_owned(), ..record.clone() };
    if let Some(event) = &mut hidden.event {
        event.payload = serde_json::value::to_raw_value(HIDDEN).unwrap_or_else(|_| event.payload.clone());
    }
    hidden
}

/// The same JSON with what a screen would obey written in hexadecimal digits: within strings, where alone it can stand.
fn safe_json(line: String) -> String {
    if !line.chars().any(dangerous) {
        return line;
    }
    let mut safe = String::with_capacity(line.len() + 16);
    for c in line.chars() {
        match c {
            // All of them are of the first 65,536 characters.
            c if dangerous(c) => safe.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => safe.push(c),
        }
    }
    safe
}

/// Says what looking costs: as a warning where it costs something.
pub(super) fn tell_cost(ui: &Ui, mode: Mode, says: &str) {
    match mode {
        Mode::Peek | Mode::Tap | Mode::Read => ui.note(says),
        Mode::Receive | Mode::Drain => ui.warn(says),
    }
}

/// What became of messages that were held, for the end of a summary.
pub fn held(report: &Report) -> String {
    let mut text = String::new();
    if report.drained > 0 {
        text.push_str(&format!("; deleted {}", report.drained));
    }
    if report.modes.contains(&Mode::Receive) || report.released.given_back > 0 {
        text.push_str(&format!("; gave back {}", report.released.given_back));
    }
    text
}

/// Says what a look leaves behind and what it could not see.
pub fn doubts(ui: &Ui, report: &Report) {
    if report.released.not_yet > 0 {
        ui.warn(format!(
            "{} could not be given back now and will be visible again within two minutes",
            count(report.released.not_yet, "message")
        ));
    }
    if report.undeleted > 0 {
        ui.warn(format!(
            "{} could not be deleted: written, and still in the queue",
            count(report.undeleted, "message")
        ));
    }
    if let (messages @ 1.., Some(failed)) = &report.unjudged {
        ui.warn(format!(
            "{} could not be judged and {} passed over: {failed}",
            count(*messages, "message"),
            was(*messages)
        ));
    }
    for (path, reading) in &report.readings {
        let shown = path.display();
        for bad in reading.bad.iter().take(3) {
            ui.warn(format!("{shown}: {bad}"));
        }
        if reading.bad_lines > 3 {
            ui.warn(format!("{shown}: {} in all are no records", count(reading.bad_lines, "line")));
        }
        if reading.changed > 0 {
            ui.warn(format!(
                "{shown}: {} not what was recorded: the file was changed since, or is damaged",
                if reading.changed == 1 { "1 block is".to_owned() } else { format!("{} blocks are", reading.changed) }
            ));
        }
        if reading.is_cut {
            ui.warn(format!("{shown}: its end is not whole: it is being written, or its writer was killed"));
        }
    }
    for left in &report.left {
        ui.warn(format!("a tap could not be removed: {left}"));
        ui.hint("`eventbus tap sweep`");
    }
}

fn was(messages: u64) -> &'static str {
    if messages == 1 { "was" } else { "were" }
}
