//! The rows of a table: the first has the names, each further one is an object of texts. What the texts mean the schema says,
//! or a `--map`.

use std::cell::{Cell, RefCell};
use std::io::{self, Read};
use std::ops::ControlFlow;
use std::rc::Rc;

use super::quotes::Quotes;
use super::{CHUNK, Draft, Format, LARGEST, Take};

/// A reader that refuses to go on when a row does not end: a quote that is never closed would swallow the rest of the file.
struct Bounded<'a> {
    from: &'a mut dyn Read,
    since_row: Rc<Cell<u64>>,
    quotes: Rc<RefCell<Quotes>>,
}

impl Read for Bounded<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.since_row.get() > LARGEST {
            let too_long = format!("the row is longer than {} MiB: is a quote not closed?", LARGEST / 1024 / 1024);
            return Err(io::Error::other(too_long));
        }
        let read = self.from.read(buffer)?;
        self.since_row.set(self.since_row.get() + read as u64);
        let mut quotes = self.quotes.borrow_mut();
        quotes.see(&buffer[..read]);
        match quotes.open() {
            // The crate would take the rest of the file for the field.
            Some(_) if read == 0 && !buffer.is_empty() => {
                Err(io::Error::new(io::ErrorKind::InvalidData, "the quote that opens here is never closed"))
            }
            _ => Ok(read),
        }
    }
}

/// One payload a row. An empty cell is no value and is left out; a byte order mark says nothing.
pub(super) fn rows(name: &str, from: &mut dyn Read, delimiter: u8, take: Take<'_>) -> ControlFlow<()> {
    let since_row = Rc::new(Cell::new(0));
    let quotes = Rc::new(RefCell::new(Quotes::new(delimiter)));
    let bounded = Bounded { from, since_row: since_row.clone(), quotes: quotes.clone() };
    // Lines end in line feeds; of those that end in both, the carriage return is taken off the last field. The crate's own way
    // counts such lines late.
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(delimiter)
        .terminator(csv::Terminator::Any(b'\n'))
        .buffer_capacity(CHUNK)
        .flexible(true)
        .from_reader(bounded);
    let draft = |input: String, line: usize, bytes: Result<&[u8], String>, take: Take<'_>| {
        take(Draft { source: 0, input, line, format: Format::Csv, bytes })
    };
    let names = match reader.headers().map_err(|error| said(&error)).and_then(names) {
        Ok(names) => names,
        Err(reason) => return draft(name.into(), 1, Err(reason), take),
    };
    let mut row = csv::StringRecord::new();
    let mut text = Vec::new();
    loop {
        since_row.set(0);
        let before = reader.position().line();
        let more = reader.read_record(&mut row);
        if row.len() == 1 && row.get(0) == Some("\r") {
            continue;
        }
        // Blank lines before it belong to it for the crate, so its place is counted from its end.
        let within = row.iter().map(|field| field.matches('\n').count()).sum::<usize>() as u64;
        let last = reader.position().line() - u64::from(!reader.is_done());
        let line = last.saturating_sub(within).max(1) as usize;
        let odd = quotes.borrow_mut().odd_until(last);
        let bytes = match more {
            // A row of names and nothing else: there is nothing to do.
            Ok(false) => return ControlFlow::Continue(()),
            Ok(true) if odd.is_some() => {
                let odd = odd.unwrap_or_default();
                Err(format!(
                    "line {odd}: text follows the quote that ends a field; a quote inside a field is written twice"
                ))
            }
            Ok(true) if row.len() != names.len() => {
                Err(format!("the row has {} fields, the first row names {}", row.len(), names.len()))
            }
            Ok(true) => {
                object(&names, &row, &mut text);
                Ok(text.as_slice())
            }
            Err(error) => {
                let lasting = matches!(error.kind(), csv::ErrorKind::Io(_));
                let at = quotes.borrow().open().filter(|_| lasting).unwrap_or(before).max(1);
                draft(format!("{name}:{at}"), at as usize, Err(said(&error)), take)?;
                if lasting {
                    return ControlFlow::Continue(());
                }
                continue;
            }
        };
        draft(format!("{name}:{line}"), line, bytes, take)?;
    }
}

fn said(error: &csv::Error) -> String {
    match error.kind() {
        csv::ErrorKind::Io(error) if error.kind() == io::ErrorKind::InvalidData => error.to_string(),
        csv::ErrorKind::Io(error) => format!("it cannot be read: {error}"),
        csv::ErrorKind::Utf8 { .. } => "the row is not UTF-8".into(),
        _ => format!("the row cannot be read: {error}"),
    }
}

/// The fields of a row, the last without the carriage return of its line's end.
fn fields(row: &csv::StringRecord) -> impl Iterator<Item = &str> {
    let last = row.len().saturating_sub(1);
    row.iter()
        .enumerate()
        .map(move |(at, field)| if at == last { field.strip_suffix('\r').unwrap_or(field) } else { field })
}

fn names(row: &csv::StringRecord) -> Result<Vec<String>, String> {
    let mut names: Vec<String> = Vec::new();
    for (at, name) in fields(row).enumerate() {
        let name = if at == 0 { name.trim_start_matches('\u{feff}') } else { name };
        if name.trim().is_empty() {
            return Err(format!("field {} of the first row is empty, expected a name", at + 1));
        }
        if names.iter().any(|before| before == name) {
            return Err(format!("the first row names `{name}` twice"));
        }
        names.push(name.to_owned());
    }
    if names.is_empty() { Err("the table is empty, expected a row of names".into()) } else { Ok(names) }
}

fn object(names: &[String], row: &csv::StringRecord, text: &mut Vec<u8>) {
    text.clear();
    text.push(b'{');
    for (name, value) in names.iter().zip(fields(row)).filter(|(_, value)| !value.is_empty()) {
        if text.len() > 1 {
            text.push(b',');
        }
        for (part, end) in [(name.as_str(), b':'), (value, b' ')] {
            // Writing text as JSON into memory has no way to fail.
            let _ = serde_json::to_writer(&mut *text, part);
            text.push(end);
        }
        text.pop();
    }
    text.push(b'}');
}
