//! The index beside a recording: a line for each block.

use std::fs::File;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::words;

/// A block of a recording: a zstd frame, or a run of lines.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Block {
    /// The version of this line.
    pub(super) version: u32,
    /// Where it begins in the file.
    pub(super) offset: u64,
    /// How many bytes it has there.
    pub(super) bytes: u64,
    /// How many records are in it.
    pub(super) records: u64,
    /// The time of its earliest record; none when a record in it has no time.
    #[serde(default, with = "as_text", skip_serializing_if = "Option::is_none")]
    pub(super) from: Option<Timestamp>,
    /// The time of its latest record; likewise.
    #[serde(default, with = "as_text", skip_serializing_if = "Option::is_none")]
    pub(super) to: Option<Timestamp>,
    /// SHA-256 of its bytes in the file, hexadecimal.
    pub(super) sha256: String,
}

/// A time as RFC 3339.
mod as_text {
    use serde::{Deserialize as _, Deserializer, Serializer};

    use super::Timestamp;

    pub(super) fn serialize<S: Serializer>(at: &Option<Timestamp>, to: S) -> Result<S::Ok, S::Error> {
        match at {
            Some(at) => to.collect_str(at),
            None => to.serialize_none(),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Timestamp>, D::Error> {
        let text = Option::<String>::deserialize(from)?;
        text.map(|text| text.parse().map_err(serde::de::Error::custom)).transpose()
    }
}

impl Block {
    pub(super) const fn end(&self) -> u64 {
        self.offset.saturating_add(self.bytes)
    }

    /// Whether a record of the block may lie between the two times.
    pub(super) fn may_hold(&self, since: Option<Timestamp>, until: Option<Timestamp>) -> bool {
        since.is_none_or(|since| self.to.is_none_or(|to| to >= since))
            && until.is_none_or(|until| self.from.is_none_or(|from| from < until))
    }
}

/// The digest as the index has it.
pub(super) fn digest(bytes: &[u8]) -> String {
    words::hex(&Sha256::digest(bytes))
}

/// Where the index of a recording lies.
pub(super) fn path_of(recording: &Path) -> PathBuf {
    let mut name = recording.as_os_str().to_owned();
    name.push(".idx");
    name.into()
}

/// The blocks that the index of a recording of `length` bytes has, as far as they fit together. None without an index.
pub(super) fn load(recording: &Path, length: u64) -> Vec<Block> {
    let text = std::fs::read(path_of(recording)).unwrap_or_default();
    let mut blocks: Vec<Block> = Vec::new();
    for line in text.split(|byte| *byte == b'\n') {
        // A line that was cut off is the last one written before an end by force.
        let Ok(block) = serde_json::from_slice::<Block>(line) else { continue };
        let after = blocks.last().map_or(0, Block::end);
        if block.version == 1 && block.offset >= after && block.end() <= length {
            blocks.push(block);
        }
    }
    blocks
}

/// Opens the index to append to it, without lines about what the recording no longer has.
pub(super) fn open(recording: &Path, length: u64) -> io::Result<File> {
    let path = path_of(recording);
    let mut text = Vec::new();
    for block in load(recording, length) {
        text.extend(line(&block));
    }
    // Whole again, since its last line may have been cut off.
    let mut file = File::options().write(true).create(true).truncate(true).mode(0o600).open(&path)?;
    file.write_all(&text)?;
    File::options().append(true).open(path)
}

/// Adds a block.
pub(super) fn add(index: &mut File, block: &Block) -> io::Result<()> {
    index.write_all(&line(block))
}

fn line(block: &Block) -> Vec<u8> {
    let mut line = serde_json::to_vec(block).unwrap_or_default();
    line.push(b'\n');
    line
}
