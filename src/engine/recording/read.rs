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

/// So many bad lines are told with their reason.
const TOLD: usize = 100;

/// Hands every record of `path` to `take`, in order, until it breaks off. `-` is stdin.
///
/// Blocking. Compressed or not is seen by the first bytes.
///
/// # Errors
/// It cannot be read, or its first line is no record.
pub fn read(
    path: &Path,
    window: Window,
    take: &mut dyn FnMut(Record) -> ControlFlow<()>,
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
    take: &'a mut dyn FnMut(Record) -> ControlFlow<()>,
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
            match lines.read_until(b'\n', &mut line) {
                Ok(0) => return Ok(ControlFlow::Continue(())),
                Ok(_) => {}
                // The last frame is not whole. What it has of whole lines was handed out.
                Err(error) if compressed && error.kind() == io::ErrorKind::UnexpectedEof => {
                    self.reading.is_cut = true;
                    return Ok(ControlFlow::Continue(()));
                }
                Err(error) if compressed => {
                    self.reading.changed += 1;
                    self.bad(format!("the rest of the block cannot be unpacked: {error}"));
                    return Ok(ControlFlow::Continue(()));
                }
                Err(error) => return Err(self.error(error)),
            }
            self.line += 1;
            let whole = line.ends_with(b"\n");
            let text = String::from_utf8_lossy(&line);
            if text.trim().is_empty() {
                continue;
            }
            match Record::parse(text.trim_end()) {
                Ok(record) => {
                    self.reading.records += 1;
                    if (self.take)(record).is_break() {
                        return Ok(ControlFlow::Break(()));
                    }
                }
                Err(_) if !whole => self.reading.is_cut = true,
                Err(error) if self.reading.records == 0 && self.reading.passed_by == 0 && self.line == 1 => {
                    return Err(RecordingError::Foreign {
                        path: self.path.to_owned(),
                        why: format!("line 1: {error}"),
                    });
                }
                Err(error) => self.bad(format!("line {}: {error}", self.line)),
            }
        }
    }

    fn bad(&mut self, why: String) {
        self.reading.bad_lines += 1;
        if self.reading.bad.len() < TOLD {
            self.reading.bad.push(why);
        }
    }
}
