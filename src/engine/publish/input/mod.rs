//! Where payloads come from: files, folders, patterns, stdin; one document each, many lines, or the rows of a table. Read in
//! pieces, never whole streams.

mod quotes;
mod rows;
mod text;

use std::fs::{self, File};
use std::io::{self, BufReader, Read};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Bytes of one payload that are read at most. Far above what any topic takes, so that blanks may be many.
const LARGEST: u64 = 16 * 1024 * 1024;

/// Bytes that are read at a time.
const CHUNK: usize = 64 * 1024;

/// Files of a folder that hold payloads, before `.zst`.
const ENDINGS: [&str; 5] = ["json", "ndjson", "jsonl", "csv", "tsv"];

/// What an input holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// One payload.
    Json,
    /// One payload a line.
    Ndjson,
    /// One record a line.
    Records,
    /// A row of names, then a payload a row.
    Csv,
}

/// An input as named on the command line.
#[derive(Clone, Debug)]
pub struct Source {
    /// Its name in reports.
    pub name: String,
    place: Place,
    /// What it holds; for none, its ending tells: `.ndjson` and `.jsonl` hold a payload a line, `.csv` and `.tsv` one a row,
    /// everything else is one.
    pub format: Option<Format>,
}

#[derive(Clone, Debug)]
enum Place {
    Path(PathBuf),
    /// A pattern, and the folder that it counts from.
    Pattern(PathBuf),
    Stdin,
    Text(Arc<str>),
    Spooled(Arc<tempfile::NamedTempFile>),
}

impl Source {
    /// A file, or a folder whose files of payloads are read in the order of their names.
    pub fn path(name: impl Into<String>, path: impl Into<PathBuf>, format: Option<Format>) -> Self {
        Self { name: name.into(), place: Place::Path(path.into()), format }
    }

    /// The files that the shell pattern `name` finds from `folder`, in the order of their names; for patterns that no shell
    /// has seen.
    pub fn pattern(name: impl Into<String>, folder: impl Into<PathBuf>, format: Option<Format>) -> Self {
        Self { name: name.into(), place: Place::Pattern(folder.into()), format }
    }

    /// stdin; one payload unless `format` says otherwise.
    pub fn stdin(format: Option<Format>) -> Self {
        Self { name: "-".into(), place: Place::Stdin, format }
    }

    /// One payload that is there already.
    pub fn text(name: impl Into<String>, text: impl Into<Arc<str>>) -> Self {
        Self { name: name.into(), place: Place::Text(text.into()), format: Some(Format::Json) }
    }

    /// Makes stdin, and what is no regular file (`<(producer)`), readable more than once, by way of a temporary file. Blocks until
    /// its end.
    pub(super) fn spool(&mut self) -> io::Result<()> {
        let kept = |from: &mut dyn Read| {
            let mut file = tempfile::NamedTempFile::new()?;
            io::copy(from, file.as_file_mut())?;
            Ok::<_, io::Error>(Place::Spooled(Arc::new(file)))
        };
        match &self.place {
            Place::Stdin => self.place = kept(&mut io::stdin().lock())?,
            Place::Path(path) if fs::metadata(path).is_ok_and(|found| !found.is_file() && !found.is_dir()) => {
                self.place = kept(&mut File::open(path)?)?;
            }
            _ => {}
        }
        Ok(())
    }

    /// The files to read, each with its name in reports; or why there are none. stdin is no file.
    fn files(&self) -> Result<Vec<(String, PathBuf)>, String> {
        match &self.place {
            Place::Path(path) if path.is_dir() => in_folder(&self.name, path),
            Place::Path(path) => Ok(vec![(self.name.clone(), path.clone())]),
            Place::Pattern(folder) => matching(&self.name, folder),
            Place::Spooled(spooled) => Ok(vec![(self.name.clone(), spooled.path().to_owned())]),
            Place::Stdin | Place::Text(_) => Ok(Vec::new()),
        }
    }
}

/// How many bytes of all sources will be read, where that can be told: of stdin it cannot, nor of what is packed.
pub(super) fn length(sources: &[Source]) -> Option<u64> {
    let mut length = 0u64;
    for source in sources {
        if matches!(source.place, Place::Stdin) {
            return None;
        }
        for (_, path) in source.files().unwrap_or_default() {
            let known = fs::metadata(&path).ok().filter(|found| found.is_file() && !is_packed(&path))?;
            length = length.saturating_add(known.len());
        }
    }
    Some(length)
}

fn is_packed(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ending == "zst")
}

/// The ending that tells what a file holds, without that of its packing.
fn ending(path: &Path) -> Option<&str> {
    let path = if is_packed(path) { Path::new(path.file_stem()?) } else { path };
    path.extension()?.to_str()
}

fn in_folder(name: &str, path: &Path) -> Result<Vec<(String, PathBuf)>, String> {
    let listed = fs::read_dir(path).and_then(|entries| entries.map(|entry| Ok(entry?.path())).collect());
    let mut files: Vec<PathBuf> = listed.map_err(|error: io::Error| format!("the folder cannot be listed: {error}"))?;
    files.retain(|file| ending(file).is_some_and(|ending| ENDINGS.contains(&ending)) && file.is_file());
    files.sort();
    if files.is_empty() {
        return Err("the folder holds no `.json`, `.ndjson`, `.jsonl`, `.csv` or `.tsv` file".into());
    }
    let named = |found: PathBuf| {
        let last = found.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        (format!("{}/{last}", name.trim_end_matches('/')), found)
    };
    Ok(files.into_iter().map(named).collect())
}

fn matching(name: &str, folder: &Path) -> Result<Vec<(String, PathBuf)>, String> {
    let absolute = Path::new(name).is_absolute();
    let root = if absolute { String::new() } else { format!("{}/", glob::Pattern::escape(&folder.to_string_lossy())) };
    let found = glob::glob(&format!("{root}{name}")).map_err(|error| format!("the pattern cannot be read: {error}"))?;
    let mut files = Vec::new();
    for path in found {
        let path = path.map_err(|error| format!("a folder cannot be listed: {error}"))?;
        if path.is_dir() {
            continue;
        }
        let shown = if absolute { &path } else { path.strip_prefix(folder).unwrap_or(&path) };
        files.push((shown.to_string_lossy().into_owned(), path));
    }
    if files.is_empty() { Err("no file fits the pattern".into()) } else { Ok(files) }
}

/// A payload's (or record's) text, not looked at yet.
pub(super) struct Draft<'a> {
    /// File, or file and line.
    pub(super) input: String,
    /// Which of the sources, from 0.
    pub(super) source: u32,
    /// The line of the file on which the text starts, from 1.
    pub(super) line: usize,
    pub(super) format: Format,
    /// The bytes, or why there are none.
    pub(super) bytes: Result<&'a [u8], String>,
}

type Take<'a> = &'a mut dyn FnMut(Draft<'_>) -> ControlFlow<()>;

/// Hands every draft of `sources` to `take`, in order, until it breaks off; `read` is told of the bytes that were read.
pub(super) fn for_each(sources: &[Source], read: &Arc<AtomicU64>, take: Take<'_>) -> ControlFlow<()> {
    let mut buffer = Vec::new();
    for (number, source) in (0..).zip(sources) {
        let take: Take<'_> = &mut |draft: Draft<'_>| take(Draft { source: number, ..draft });
        if let Place::Text(text) = &source.place {
            take(Draft {
                source: 0,
                input: source.name.clone(),
                line: 1,
                format: Format::Json,
                bytes: Ok(text.as_bytes()),
            })?;
            continue;
        }
        if matches!(source.place, Place::Stdin) {
            let format = source.format.unwrap_or(Format::Json);
            each(&source.name, &mut Counted(io::stdin().lock(), read), format, b',', &mut buffer, take)?;
            continue;
        }
        let files = match source.files() {
            Ok(files) => files,
            Err(reason) => {
                take(Draft {
                    source: 0,
                    input: source.name.clone(),
                    line: 1,
                    format: Format::Json,
                    bytes: Err(reason),
                })?;
                continue;
            }
        };
        let stdin = matches!(source.place, Place::Spooled(_)).then_some(Format::Json);
        for (name, path) in files {
            file(&name, &path, source.format.or(stdin), read, &mut buffer, take)?;
        }
    }
    ControlFlow::Continue(())
}

fn file(
    name: &str,
    path: &Path,
    format: Option<Format>,
    read: &Arc<AtomicU64>,
    buffer: &mut Vec<u8>,
    take: Take<'_>,
) -> ControlFlow<()> {
    let ending = ending(path);
    let format = format.unwrap_or(match ending {
        Some("ndjson" | "jsonl") => Format::Ndjson,
        Some("csv" | "tsv") => Format::Csv,
        _ => Format::Json,
    });
    let delimiter = if ending == Some("tsv") { b'\t' } else { b',' };
    let opened = File::open(path).and_then(|file| {
        let counted = Counted(file, read);
        Ok(if is_packed(path) {
            Box::new(zstd::stream::read::Decoder::new(counted)?) as Box<dyn Read + '_>
        } else {
            Box::new(counted)
        })
    });
    match opened {
        Ok(mut opened) => each(name, &mut opened, format, delimiter, buffer, take),
        Err(error) => {
            let reason = match error.kind() {
                io::ErrorKind::NotFound => "the file does not exist".to_owned(),
                _ => format!("the file cannot be read: {error}"),
            };
            take(Draft { source: 0, input: name.into(), line: 1, format, bytes: Err(reason) })
        }
    }
}

fn each(
    name: &str,
    from: &mut dyn Read,
    format: Format,
    delimiter: u8,
    buffer: &mut Vec<u8>,
    take: Take<'_>,
) -> ControlFlow<()> {
    match format {
        Format::Json => text::whole(name, from, buffer, take),
        Format::Ndjson | Format::Records => {
            text::lines(name, &mut BufReader::with_capacity(CHUNK, from), format, buffer, take)
        }
        Format::Csv => rows::rows(name, from, delimiter, take),
    }
}

fn too_long() -> String {
    format!("the payload is longer than {} MiB, more than any topic takes", LARGEST / 1024 / 1024)
}

/// Counts what is read through it.
struct Counted<'a, R>(R, &'a AtomicU64);

impl<R: Read> Read for Counted<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.0.read(buffer)?;
        self.1.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}

#[cfg(test)]
mod tests;
