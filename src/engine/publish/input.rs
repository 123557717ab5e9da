//! Where payloads come from: files, folders, stdin; one document each or many lines. Read in pieces, never whole streams.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Bytes of one payload that are read at most. Far above what any topic takes, so that blanks may be many.
const LARGEST: u64 = 16 * 1024 * 1024;

/// What an input holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// One payload.
    Json,
    /// One payload a line.
    Ndjson,
    /// One record a line.
    Records,
}

/// An input as named on the command line.
#[derive(Clone, Debug)]
pub struct Source {
    /// Its name in reports.
    pub name: String,
    place: Place,
    /// What it holds; for none, its ending tells: `.ndjson` and `.jsonl` hold a payload a line, everything else is one.
    pub format: Option<Format>,
}

#[derive(Clone, Debug)]
enum Place {
    Path(PathBuf),
    Stdin,
    Spooled(Arc<tempfile::NamedTempFile>),
}

impl Source {
    /// A file, or a folder whose `.json`, `.ndjson` and `.jsonl` files are read in the order of their names.
    pub fn path(name: impl Into<String>, path: impl Into<PathBuf>, format: Option<Format>) -> Self {
        Self { name: name.into(), place: Place::Path(path.into()), format }
    }

    /// stdin; one payload unless `format` says otherwise.
    pub fn stdin(format: Option<Format>) -> Self {
        Self { name: "-".into(), place: Place::Stdin, format }
    }

    /// Makes stdin readable twice, by way of a temporary file. Blocks until its end.
    pub(super) fn spool(&mut self) -> io::Result<()> {
        if matches!(self.place, Place::Stdin) {
            let mut file = tempfile::NamedTempFile::new()?;
            io::copy(&mut io::stdin().lock(), file.as_file_mut())?;
            self.place = Place::Spooled(Arc::new(file));
        }
        Ok(())
    }
}

/// A payload's (or record's) text, not looked at yet.
pub(super) struct Draft<'a> {
    /// File, or file and line.
    pub(super) input: String,
    /// The line of the file on which the text starts, from 1.
    pub(super) line: usize,
    pub(super) format: Format,
    /// The bytes, or why there are none.
    pub(super) bytes: Result<&'a [u8], String>,
}

/// Hands every draft of `sources` to `take`, in order, until it breaks off.
pub(super) fn for_each(sources: &[Source], take: &mut dyn FnMut(Draft<'_>) -> ControlFlow<()>) -> ControlFlow<()> {
    let mut buffer = Vec::new();
    for source in sources {
        match &source.place {
            Place::Path(path) if path.is_dir() => folder(source, path, &mut buffer, take)?,
            Place::Path(path) => file(&source.name, path, source.format, &mut buffer, take)?,
            Place::Spooled(spooled) => {
                file(&source.name, spooled.path(), source.format.or(Some(Format::Json)), &mut buffer, take)?;
            }
            Place::Stdin => {
                let format = source.format.unwrap_or(Format::Json);
                read(&source.name, &mut io::stdin().lock(), format, &mut buffer, take)?;
            }
        }
    }
    ControlFlow::Continue(())
}

type Take<'a> = &'a mut dyn FnMut(Draft<'_>) -> ControlFlow<()>;

fn folder(source: &Source, path: &Path, buffer: &mut Vec<u8>, take: Take<'_>) -> ControlFlow<()> {
    let refuse = |take: Take<'_>, reason: String| {
        take(Draft { input: source.name.clone(), line: 1, format: Format::Json, bytes: Err(reason) })
    };
    let listed = fs::read_dir(path).and_then(|entries| entries.map(|entry| Ok(entry?.path())).collect());
    let mut files: Vec<PathBuf> = match listed {
        Ok(files) => files,
        Err(error) => return refuse(take, format!("the folder cannot be listed: {error}")),
    };
    files.retain(|file| {
        let ending = file.extension().and_then(|ending| ending.to_str());
        matches!(ending, Some("json" | "ndjson" | "jsonl")) && file.is_file()
    });
    files.sort();
    if files.is_empty() {
        return refuse(take, "the folder holds no `.json`, `.ndjson` or `.jsonl` file".into());
    }
    for found in files {
        let name = found.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        file(&format!("{}/{name}", source.name.trim_end_matches('/')), &found, source.format, buffer, take)?;
    }
    ControlFlow::Continue(())
}

fn file(name: &str, path: &Path, format: Option<Format>, buffer: &mut Vec<u8>, take: Take<'_>) -> ControlFlow<()> {
    let format = format.unwrap_or_else(|| match path.extension().and_then(|ending| ending.to_str()) {
        Some("ndjson" | "jsonl") => Format::Ndjson,
        _ => Format::Json,
    });
    match File::open(path) {
        Ok(file) => read(name, &mut BufReader::with_capacity(64 * 1024, file), format, buffer, take),
        Err(error) => {
            let reason = match error.kind() {
                io::ErrorKind::NotFound => "the file does not exist".to_owned(),
                _ => format!("the file cannot be read: {error}"),
            };
            take(Draft { input: name.into(), line: 1, format, bytes: Err(reason) })
        }
    }
}

fn read(name: &str, from: &mut dyn BufRead, format: Format, buffer: &mut Vec<u8>, take: Take<'_>) -> ControlFlow<()> {
    if format == Format::Json {
        buffer.clear();
        let bytes = match from.take(LARGEST + 1).read_to_end(buffer) {
            Err(error) => Err(format!("it cannot be read: {error}")),
            Ok(length) if length as u64 > LARGEST => Err(too_long()),
            Ok(_) => Ok(buffer.as_slice()),
        };
        return take(Draft { input: name.into(), line: 1, format, bytes });
    }
    let mut line = 0;
    let mut found = false;
    loop {
        line += 1;
        let read = read_line(from, buffer);
        let ended = matches!(read, Ok(None));
        if ended {
            break;
        }
        let blank = matches!(read, Ok(Some(false))) && buffer.iter().all(u8::is_ascii_whitespace);
        if blank {
            continue;
        }
        found = true;
        let broken = read.is_err();
        let bytes = match read {
            Err(error) => Err(format!("it cannot be read: {error}")),
            Ok(Some(true)) => Err(too_long()),
            Ok(_) => Ok(buffer.as_slice()),
        };
        take(Draft { input: format!("{name}:{line}"), line, format, bytes })?;
        if broken {
            return ControlFlow::Continue(());
        }
    }
    if !found {
        take(Draft {
            input: name.into(),
            line: 1,
            format,
            bytes: Err("the input is empty, expected a line per event".into()),
        })?;
    }
    ControlFlow::Continue(())
}

fn too_long() -> String {
    format!("the payload is longer than {} MiB, more than any topic takes", LARGEST / 1024 / 1024)
}

/// Reads a line without its end into `buffer`; `None` at the end, `true` if it was too long to keep (and is skipped).
fn read_line(from: &mut dyn BufRead, buffer: &mut Vec<u8>) -> io::Result<Option<bool>> {
    buffer.clear();
    let mut any = false;
    let mut skipped = false;
    loop {
        let available = match from.fill_buf() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            other => other?,
        };
        if available.is_empty() {
            return Ok(any.then_some(skipped));
        }
        any = true;
        let end = available.iter().position(|&byte| byte == b'\n');
        let piece = &available[..end.unwrap_or(available.len())];
        skipped |= (buffer.len() + piece.len()) as u64 > LARGEST;
        if !skipped {
            buffer.extend_from_slice(piece);
        }
        let used = end.map_or(available.len(), |end| end + 1);
        from.consume(used);
        if end.is_some() {
            return Ok(Some(skipped));
        }
    }
}
