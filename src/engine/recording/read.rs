//! Reading a recording: whatever writes it meanwhile, however it ended, and only the blocks that a time can be in.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read as _, Seek as _, SeekFrom};
use std::ops::ControlFlow;
use std::path::Path;

use jiff::Timestamp;

use super::index::{self, Block};
use super::{RecordingError, ZSTD_MAGIC};
use crate::event::Record;

/// Which part of a recording is wanted. Records outside may be read all the same: who wants none of them looks at each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Window {
    /// Not before.
    pub since: Option<Timestamp>,
    /// Before.
    pub until: Option<Timestamp>,
}

/// How reading went.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reading {
    /// Records handed out.
    pub records: u64,
    /// Records that the index says lie in other times, and that were not looked at.
    pub passed_by: u64,
    /// Lines that are no records, with their reason: the first hundred.
    pub bad: Vec<String>,
    /// How many those are.
    pub bad_lines: u64,
    /// Blocks whose bytes are not those that were recorded: the file was changed, or is damaged.
    pub changed: u64,
    /// The last block is not whole: it is being written, or its writer was killed.
    pub is_cut: bool,
}

/// One line of a recording, counted from 1.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// Which.
    pub number: u64,
    /// The record in it, or why there is none.
    pub record: Result<Record, NoRecord>,
}

/// Why a line is no record.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoRecord {
    /// What is there is none.
    #[error("{0}")]
    Bad(String),
    /// It is not whole.
    #[error("it was cut off: {0}")]
    Cut(&'static str),
}

/// So many bad lines are told with their reason.
const TOLD: usize = 100;

/// The longest line: a body of 1 MiB, escaped, wrapped and told twice has less.
const LONGEST: u64 = 64 * 1024 * 1024;

/// Hands every record of `path` to `take`, in order, until it breaks off. `-` is stdin.
///
/// # Errors
/// As [`lines`]; and its first line is no record.
pub fn read(
    path: &Path,
    window: Window,
    take: &mut dyn FnMut(Record) -> ControlFlow<()>,
) -> Result<Reading, RecordingError> {
    let mut foreign = None;
    let reading = lines(path, window, &mut |line| match line.record {
        Ok(record) => take(record),
        Err(NoRecord::Bad(why)) if line.number == 1 => {
            foreign = Some(why);
            ControlFlow::Break(())
        }
        Err(_) => ControlFlow::Continue(()),
    })?;
    match foreign {
        Some(why) => Err(RecordingError::Foreign { path: path.to_owned(), why: format!("line 1: {why}") }),
        None => Ok(reading),
    }
}

/// Hands every line of `path` to `take`, those that are no records with them, until it breaks off. Empty lines are counted and
/// passed over. `-` is stdin.
///
/// Blocking. Compressed or not is seen by the first bytes.
///
/// # Errors
/// It cannot be read.
pub fn lines(
    path: &Path,
    window: Window,
    take: &mut dyn FnMut(Line) -> ControlFlow<()>,
) -> Result<Reading, RecordingError> {
    let mut reader = Reader { path, reading: Reading::default(), take, line: 0 };
    if path.as_os_str() == "-" {
        let _ = reader.stream(&mut io::stdin().lock())?;
        return Ok(reader.reading);
    }
    let io = |what| RecordingError::io(path, what);
    let mut file = File::open(path).map_err(io("opened"))?;
    let length = file.metadata().map_err(io("read"))?.len();
    let blocks = index::load(path, length);
    let mut at = 0;
    for block in blocks {
        // What lies between two blocks was written and not indexed.
        if block.offset > at && reader.part(&mut file, at, Some(block.offset - at))?.is_break() {
            return Ok(reader.reading);
        }
        at = block.end();
        if !block.may_hold(window.since, window.until) {
            reader.reading.passed_by += block.records;
            reader.line += block.records;
            continue;
        }
        if reader.block(&mut file, &block)?.is_break() {
            return Ok(reader.reading);
        }
    }
    let _ = reader.part(&mut file, at, None)?;
    Ok(reader.reading)
}

struct Reader<'a> {
    path: &'a Path,
    reading: Reading,
    take: &'a mut dyn FnMut(Line) -> ControlFlow<()>,
    line: u64,
}

impl Reader<'_> {
    fn error(&self, error: io::Error) -> RecordingError {
        RecordingError::io(self.path, "read")(error)
    }

    /// A block of the index: its digest is compared first.
    fn block(&mut self, file: &mut File, block: &Block) -> Result<ControlFlow<()>, RecordingError> {
        file.seek(SeekFrom::Start(block.offset)).map_err(|error| self.error(error))?;
        let mut bytes = vec![0; usize::try_from(block.bytes).unwrap_or(usize::MAX)];
        file.read_exact(&mut bytes).map_err(|error| self.error(error))?;
        if index::digest(&bytes) != block.sha256 {
            self.reading.changed += 1;
        }
        self.stream(&mut bytes.as_slice())
    }

    /// A part that the index does not have.
    fn part(&mut self, file: &mut File, at: u64, bytes: Option<u64>) -> Result<ControlFlow<()>, RecordingError> {
        file.seek(SeekFrom::Start(at)).map_err(|error| self.error(error))?;
        self.stream(&mut io::Read::by_ref(file).take(bytes.unwrap_or(u64::MAX)))
    }

    fn stream(&mut self, bytes: &mut dyn io::Read) -> Result<ControlFlow<()>, RecordingError> {
        let mut buffered = BufReader::with_capacity(128 * 1024, bytes);
        let begin = buffered.fill_buf().map_err(|error| self.error(error))?;
        if begin.starts_with(&ZSTD_MAGIC) {
            let decoder = zstd::Decoder::with_buffer(buffered).map_err(|error| self.error(error))?;
            self.lines(&mut BufReader::with_capacity(128 * 1024, decoder), true)
        } else {
            self.lines(&mut buffered, false)
        }
    }

    fn lines(&mut self, lines: &mut dyn io::BufRead, compressed: bool) -> Result<ControlFlow<()>, RecordingError> {
        let mut line = Vec::new();
        loop {
            line.clear();
            let read = io::Read::take(&mut *lines, LONGEST).read_until(b'\n', &mut line);
            if !matches!(read, Ok(0)) {
                self.line += 1;
            }
            match read {
                Ok(0) => return Ok(ControlFlow::Continue(())),
                Ok(length) if length as u64 == LONGEST && !line.ends_with(b"\n") => {
                    let too_long = io::Error::new(
                        io::ErrorKind::InvalidData,
                        format!("line {} is longer than {} MiB", self.line, LONGEST >> 20),
                    );
                    return Err(self.error(too_long));
                }
                Ok(_) => {}
                // The last frame is not whole. What it has of whole lines was handed out.
                Err(error) if compressed && error.kind() == io::ErrorKind::UnexpectedEof => {
                    return Ok(self.hand(Err(NoRecord::Cut("the file ends within a compressed block"))));
                }
                Err(error) if compressed => {
                    self.reading.changed += 1;
                    return Ok(self.bad(format!("the rest of the block cannot be unpacked: {error}")));
                }
                Err(error) => return Err(self.error(error)),
            }
            let whole = line.ends_with(b"\n");
            let text = line.trim_ascii();
            if text.is_empty() {
                continue;
            }
            let record = match std::str::from_utf8(text) {
                Ok(text) => Record::parse(text).map_err(|error| error.to_string()),
                Err(_) => Err("the line is not UTF-8".to_owned()),
            };
            let handed = match record {
                Ok(record) => self.hand(Ok(record)),
                Err(_) if !whole => self.hand(Err(NoRecord::Cut("the file ends within a line"))),
                Err(why) => self.bad(why),
            };
            if handed.is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
    }

    fn hand(&mut self, record: Result<Record, NoRecord>) -> ControlFlow<()> {
        match &record {
            Ok(_) => self.reading.records += 1,
            Err(_) => self.reading.is_cut = true,
        }
        (self.take)(Line { number: self.line, record })
    }

    fn bad(&mut self, why: String) -> ControlFlow<()> {
        self.reading.bad_lines += 1;
        if self.reading.bad.len() < TOLD {
            self.reading.bad.push(format!("line {}: {why}", self.line));
        }
        (self.take)(Line { number: self.line, record: Err(NoRecord::Bad(why)) })
    }
}
