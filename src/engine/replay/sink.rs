//! `--to file:F`: records appended to a file, safe on the disk before their originals are deleted.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use crate::engine::recording::compress;
use crate::event::Record;

/// The file, open for appending.
#[derive(Debug)]
pub(super) struct Sink {
    file: File,
    compressed: bool,
}

impl Sink {
    /// Opens or makes the file; with `.zst` at its end each write is a frame of its own. A last line that a kill cut off is
    /// ended, so that the next does not become part of it; a frame that was cut off goes, where it is `known` how long the
    /// file was before it.
    pub(super) fn open(path: &Path, known: Option<u64>) -> io::Result<Self> {
        let compressed = path.extension().is_some_and(|end| end == "zst");
        // Messages are nobody else's to read.
        let mut file = OpenOptions::new().read(true).append(true).create(true).mode(0o600).open(path)?;
        // `record` takes the same lock: what one appends the other must not cut off.
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(io::Error::new(io::ErrorKind::ResourceBusy, "another process writes to it"));
            }
            Err(TryLockError::Error(error)) => return Err(error),
        }
        // A file that was made is only there after a power failure if its folder says so, too.
        if let Some(folder) = path.parent() {
            let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
            File::open(folder)?.sync_all()?;
        }
        let length = file.metadata()?.len();
        if compressed && length > 0 {
            // What follows a frame that was cut off could not be read any more.
            file.seek(SeekFrom::Start(0))?;
            let whole =
                zstd::stream::read::Decoder::new(&file).and_then(|mut frames| io::copy(&mut frames, &mut io::sink()));
            if let (Err(_), Some(known)) = (&whole, known.filter(|known| *known <= length)) {
                file.set_len(known)?;
            } else if let Err(error) = whole {
                let message = format!("it is no whole zstd file ({error}), so nothing can be appended to it");
                return Err(io::Error::new(io::ErrorKind::InvalidData, message));
            }
        } else if length > 0 {
            let mut last = [0];
            file.seek(SeekFrom::End(-1))?;
            file.read_exact(&mut last)?;
            if last != *b"\n" {
                file.write_all(b"\n")?;
            }
        }
        Ok(Self { file, compressed })
    }

    /// How long the file is.
    pub(super) fn length(&self) -> Option<u64> {
        self.file.metadata().map(|metadata| metadata.len()).ok()
    }

    /// Appends the records; they are on the disk when it returns. Of a failed append nothing stays.
    pub(super) fn append(&mut self, records: &[&Record]) -> io::Result<()> {
        let mut text = Vec::new();
        for record in records {
            text.extend_from_slice(record.to_line().as_bytes());
            text.push(b'\n');
        }
        if self.compressed {
            text = compress(&text)?;
        }
        let before = self.file.metadata()?.len();
        let written = self.file.write_all(&text).and_then(|()| self.file.sync_data());
        if written.is_err() {
            let _ = self.file.set_len(before);
        }
        written
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Attributes, SystemRecord};

    fn record(body: &str) -> Record {
        Record::new(body, Attributes::new(), SystemRecord::default())
    }

    #[test]
    fn records_are_appended_after_whatever_a_kill_left() {
        let dir = tempfile::tempdir().unwrap();
        let plain = dir.path().join("a.ndjson");
        Sink::open(&plain, None).unwrap().append(&[&record("1"), &record("2")]).unwrap();
        std::fs::OpenOptions::new().append(true).open(&plain).unwrap().write_all(b"{\"ver").unwrap();
        Sink::open(&plain, None).unwrap().append(&[&record("3")]).unwrap();
        let text = std::fs::read_to_string(&plain).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!((lines.len(), lines[2]), (4, "{\"ver"));
        assert_eq!(Record::parse(lines[3]).unwrap().body, "3");
        let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&plain).unwrap().permissions());
        assert_eq!(mode & 0o777, 0o600);

        let frames = dir.path().join("a.ndjson.zst");
        for body in ["1", "2"] {
            Sink::open(&frames, None).unwrap().append(&[&record(body)]).unwrap();
        }
        let bytes = std::fs::read(&frames).unwrap();
        assert_eq!(zstd::decode_all(bytes.as_slice()).unwrap().iter().filter(|byte| **byte == b'\n').count(), 2);
        std::fs::write(&frames, &bytes[..bytes.len() - 2]).unwrap();
        assert!(Sink::open(&frames, None).unwrap_err().to_string().contains("no whole zstd file"));
        let known = compress(format!("{}\n", record("1").to_line()).as_bytes()).unwrap().len() as u64;
        assert_eq!(Sink::open(&frames, Some(known)).unwrap().length(), Some(known));
    }
}
