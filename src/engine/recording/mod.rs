//! Recordings: files of records, one a line, to which is only ever appended.
//!
//! `FILE.ndjson` is plain; with `.zst` at its end it is a row of zstd frames, each with its checksum, so that `zstd -dc` reads
//! it. Beside it lies `FILE.idx`: a line for each block (a frame, or a run of lines) with its place, its times and its digest,
//! for seeking by time and to notice damage. The index is a convenience: a recording without it is read from end to end.
//!
//! A block is written with one call and only then indexed, so whenever the writer is killed the file holds whole blocks, but
//! for the last; what is cut off there is put right at the next opening.

mod ahead;
mod index;
mod read;
#[cfg(test)]
mod tests;
mod write;

use std::path::{Path, PathBuf};

pub use ahead::{Ahead, Read};
pub use read::{Line, NoRecord, Reading, Window, lines, read};
pub(crate) use write::compress;
pub use write::{Opened, Rotation, Writer, Written};

/// Why a recording cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum RecordingError {
    /// The system refused.
    #[error("the recording {} cannot be {what}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What was tried: `read`, `written`, `opened`.
        what: &'static str,
        /// Why not.
        #[source]
        error: std::io::Error,
    },
    /// Somebody else writes to it.
    #[error("the recording {} is being written by another process", path.display())]
    Busy {
        /// The file.
        path: PathBuf,
    },
    /// What is there is no recording.
    #[error("{} is no recording: {why}", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
        /// What was found.
        why: String,
    },
}

impl RecordingError {
    /// That `path` cannot be read.
    pub(crate) fn unread(path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        Self::io(path, "read")
    }

    fn io(path: &Path, what: &'static str) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |error| Self::Io { path, what, error }
    }
}

/// How zstd frames begin: <https://www.rfc-editor.org/rfc/rfc8878#name-zstandard-frames>.
const ZSTD_MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
