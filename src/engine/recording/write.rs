//! Writing a recording: appended block by block, safe on demand, rotated by size and age.

use std::borrow::Cow;
use std::fs::{self, File, TryLockError};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;

use super::index::{self, Block};
use super::{RecordingError, ZSTD_MAGIC};
use crate::clock::Clock;
use crate::engine::select::time_of;
use crate::event::Record;

/// A block is written when it has so many bytes, at the latest.
const BLOCK: usize = 256 * 1024;

/// When a file is put aside and a new one begun.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rotation {
    /// When it has so many bytes.
    pub bytes: Option<u64>,
    /// When it was begun so long ago.
    pub age: Option<Duration>,
}

/// What was there when a recording was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Opened {
    /// Bytes that are appended to.
    pub kept: u64,
    /// Bytes at the end that were no whole record, and were cut off: an earlier writer was killed.
    pub cut: u64,
}

/// What was written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// Records.
    pub records: u64,
    /// Bytes, compressed where the file is.
    pub bytes: u64,
    /// The files that were put aside, in their order.
    pub rotated: Vec<PathBuf>,
}

/// A recording that is being written. Nobody else can write to it meanwhile.
#[derive(Debug)]
pub struct Writer {
    path: PathBuf,
    rotation: Rotation,
    clock: Clock,
    compressed: bool,
    current: Current,
    lines: Vec<u8>,
    pending: Pending,
    written: Written,
    /// Why something could not be written: from then on nothing is called safe any more.
    broken: Option<(io::ErrorKind, String)>,
}

/// The file that is written now.
#[derive(Debug)]
struct Current {
    file: File,
    /// None once it could not be written: it is a convenience.
    index: Option<File>,
    length: u64,
    begun: Timestamp,
}

/// What the block that is being filled holds.
#[derive(Debug, Default)]
struct Pending {
    records: u64,
    times: Option<(Timestamp, Timestamp)>,
    timeless: bool,
}

impl Writer {
    /// Opens `path` to append to it, making it if it is not there; compressed if its name ends in `.zst`.
    ///
    /// # Errors
    /// It cannot be opened, somebody else writes to it, or what is there is no recording.
    pub fn open(path: &Path, rotation: Rotation, clock: Clock) -> Result<(Self, Opened), RecordingError> {
        let compressed = path.extension().is_some_and(|end| end == "zst");
        let (current, opened) = Current::open(path, compressed, clock.now())?;
        let writer = Self {
            path: path.to_owned(),
            rotation,
            clock,
            compressed,
            current,
            lines: Vec::new(),
            pending: Pending::default(),
            written: Written::default(),
            broken: None,
        };
        Ok((writer, opened))
    }

    /// Adds a record. It is in the file after the next [`Writer::flush`], or sooner.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn push(&mut self, record: &Record) -> io::Result<()> {
        self.unless_broken(|_| Ok(()))?;
        self.lines.extend_from_slice(record.to_line().as_bytes());
        self.lines.push(b'\n');
        self.pending.records += 1;
        match (time_of(record), &mut self.pending.times) {
            (None, _) => self.pending.timeless = true,
            (Some(at), None) => self.pending.times = Some((at, at)),
            (Some(at), Some((from, to))) => (*from, *to) = ((*from).min(at), (*to).max(at)),
        }
        if self.lines.len() >= BLOCK { self.flush() } else { Ok(()) }
    }

    /// Writes what was added: from now on others can read it, and a killed process does not take it along.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn flush(&mut self) -> io::Result<()> {
        self.unless_broken(Self::write_block)
    }

    /// From now on the disk says no.
    #[cfg(test)]
    pub(super) fn break_file(&mut self) {
        self.current.file = File::open(&self.path).expect("it is there");
    }

    /// A writer that failed once has lost what it was given, and must not say of anything that it is safe.
    fn unless_broken(&mut self, work: impl FnOnce(&mut Self) -> io::Result<()>) -> io::Result<()> {
        if let Some((kind, why)) = &self.broken {
            return Err(io::Error::new(*kind, why.clone()));
        }
        let done = work(self);
        if let Err(error) = &done {
            self.broken = Some((error.kind(), error.to_string()));
        }
        done
    }

    fn write_block(&mut self) -> io::Result<()> {
        if self.lines.is_empty() {
            return Ok(());
        }
        let bytes =
            if self.compressed { Cow::Owned(compress(&self.lines)?) } else { Cow::Borrowed(self.lines.as_slice()) };
        if let Err(error) = self.current.file.write_all(&bytes) {
            // Half a block at the end would be in the way of the next writer.
            let _ = self.current.file.set_len(self.current.length);
            return Err(error);
        }
        let pending = std::mem::take(&mut self.pending);
        let times = pending.times.filter(|_| !pending.timeless);
        let block = Block {
            version: 1,
            offset: self.current.length,
            bytes: bytes.len() as u64,
            records: pending.records,
            from: times.map(|(from, _)| from),
            to: times.map(|(_, to)| to),
            sha256: index::digest(&bytes),
        };
        drop(bytes);
        self.lines.clear();
        self.current.length = block.end();
        self.written.records += block.records;
        self.written.bytes += block.bytes;
        if let Some(index) = &mut self.current.index
            && index::add(index, &block).is_err()
        {
            self.current.index = None;
        }
        self.rotate()
    }

    /// [`Writer::flush`], and brings it to the disk.
    ///
    /// # Errors
    /// The file cannot be written, or the disk says no.
    pub fn sync(&mut self) -> io::Result<()> {
        let before = self.written.rotated.len();
        self.flush()?;
        if self.written.rotated.len() > before {
            // It was put aside, and synced then.
            return Ok(());
        }
        self.unless_broken(|writer| writer.current.file.sync_data())
    }

    /// Writes what is left, brings it to the disk, and says how much it was.
    ///
    /// # Errors
    /// As [`Writer::sync`].
    pub fn finish(mut self) -> io::Result<Written> {
        self.sync()?;
        Ok(self.written)
    }

    fn rotate(&mut self) -> io::Result<()> {
        let now = self.clock.now();
        let old =
            |age: &Duration| Duration::try_from(now.duration_since(self.current.begun)).is_ok_and(|is| is >= *age);
        let due = self.rotation.bytes.is_some_and(|bytes| self.current.length >= bytes)
            || self.rotation.age.as_ref().is_some_and(old);
        if !due {
            return Ok(());
        }
        self.current.file.sync_data()?;
        let aside = aside(&self.path);
        fs::rename(&self.path, &aside)?;
        // Without its index it is still a recording.
        let _ = fs::rename(index::path_of(&self.path), index::path_of(&aside));
        self.written.rotated.push(aside);
        let (current, _) = Current::open(&self.path, self.compressed, now).map_err(io::Error::other)?;
        self.current = current;
        Ok(())
    }
}

impl Current {
    fn open(path: &Path, compressed: bool, now: Timestamp) -> Result<(Self, Opened), RecordingError> {
        let io = |what| RecordingError::io(path, what);
        let mut file = open_private(path).map_err(io("opened"))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(RecordingError::Busy { path: path.to_owned() }),
            Err(TryLockError::Error(error)) => return Err(io("locked")(error)),
        }
        let length = file.metadata().map_err(io("read"))?.len();
        let sound =
            if compressed { sound_frames(path, &mut file, length)? } else { sound_lines(path, &mut file, length)? };
        let mut sound = sound;
        let cut = length - sound;
        if cut > 0 && !compressed && ends_with_record(&mut file, sound).map_err(io("read"))? {
            // A whole record whose line somebody did not end.
            file.write_all(b"\n").map_err(io("written"))?;
            sound = length + 1;
        } else if cut > 0 {
            file.set_len(sound).map_err(io("written"))?;
        }
        let cut = length.saturating_sub(sound);
        let index = index::open(path, sound).map_err(io("indexed"))?;
        // When it was begun, as far as it can be told.
        let first = index::load(path, sound).first().and_then(|block| block.from);
        let begun = if sound == 0 { now } else { first.unwrap_or(now) };
        Ok((Self { file, index: Some(index), length: sound, begun }, Opened { kept: sound, cut }))
    }
}

/// Opens or makes a file to append to; messages are nobody else's to read.
fn open_private(path: &Path) -> io::Result<File> {
    let mut options = File::options();
    options.read(true).append(true).create(true).mode(0o600).open(path)
}

/// The length of the file up to the end of its last whole line.
fn sound_lines(path: &Path, file: &mut File, length: u64) -> Result<u64, RecordingError> {
    let io = |what| RecordingError::io(path, what);
    let mut first = Vec::new();
    file.seek(SeekFrom::Start(0)).map_err(io("read"))?;
    io::Read::by_ref(file).take(64).read_to_end(&mut first).map_err(io("read"))?;
    if first.iter().find(|byte| !byte.is_ascii_whitespace()).is_some_and(|byte| *byte != b'{') {
        return Err(RecordingError::Foreign {
            path: path.to_owned(),
            why: "it does not begin with a record; name a new file".to_owned(),
        });
    }
    let mut end = length;
    let mut chunk = vec![0; 64 * 1024];
    while end > 0 {
        let start = end.saturating_sub(chunk.len() as u64);
        let part = &mut chunk[..(end - start) as usize];
        file.seek(SeekFrom::Start(start)).map_err(io("read"))?;
        file.read_exact(part).map_err(io("read"))?;
        if let Some(at) = part.iter().rposition(|byte| *byte == b'\n') {
            return Ok(start + at as u64 + 1);
        }
        end = start;
    }
    Ok(0)
}

/// Whether what follows from `at` on is a record.
fn ends_with_record(file: &mut File, at: u64) -> io::Result<bool> {
    let mut rest = Vec::new();
    file.seek(SeekFrom::Start(at))?;
    file.read_to_end(&mut rest)?;
    Ok(std::str::from_utf8(&rest).is_ok_and(|text| Record::parse(text).is_ok()))
}

/// The length of the file up to the end of its last whole frame.
fn sound_frames(path: &Path, file: &mut File, length: u64) -> Result<u64, RecordingError> {
    let io = |what| RecordingError::io(path, what);
    let known = index::load(path, length).last().map_or(0, Block::end);
    let mut rest = Vec::new();
    let mut magic = [0; 4];
    if length >= 4 {
        file.seek(SeekFrom::Start(0)).map_err(io("read"))?;
        file.read_exact(&mut magic).map_err(io("read"))?;
        if magic != ZSTD_MAGIC {
            return Err(RecordingError::Foreign {
                path: path.to_owned(),
                why: "its name ends in .zst, but it is not compressed with zstd".to_owned(),
            });
        }
    }
    file.seek(SeekFrom::Start(known)).map_err(io("read"))?;
    file.read_to_end(&mut rest).map_err(io("read"))?;
    let mut sound = 0;
    while let Ok(size) = zstd::zstd_safe::find_frame_compressed_size(&rest[sound..]) {
        if size == 0 {
            break;
        }
        sound += size;
        if sound >= rest.len() {
            break;
        }
    }
    Ok(known + sound as u64)
}

/// A frame with its checksum.
pub(crate) fn compress(lines: &[u8]) -> io::Result<Vec<u8>> {
    let mut encoder = zstd::Encoder::new(Vec::with_capacity(lines.len() / 4), 0)?;
    encoder.include_checksum(true)?;
    encoder.write_all(lines)?;
    encoder.finish()
}

/// A name for a file that is put aside: `events.0001.ndjson.zst`, the next that is free.
fn aside(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let (stem, end) = match name.strip_suffix(".zst").unwrap_or(&name).rfind('.') {
        Some(at) if at > 0 => name.split_at(at),
        _ => (name.as_str(), ""),
    };
    let numbered = |n: u64| path.with_file_name(format!("{stem}.{n:04}{end}"));
    (1..).map(numbered).find(|path| !path.exists()).unwrap_or_else(|| numbered(0))
}
