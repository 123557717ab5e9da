//! What a handler writes, kept whole until it can be passed on in one piece: in memory up to a limit, then in a temporary file.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom, Write};

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};

/// Bytes of one stream of one run that are kept in memory: 1 MiB.
pub const MEMORY_LIMIT: usize = 1 << 20;

/// Bytes of one read, until one was full: most handlers write a line or nothing.
const FIRST: usize = 2 * 1024;
/// Bytes of one read from then on.
const CHUNK: usize = 64 * 1024;

/// One stream of one run, complete.
#[derive(Debug, Default)]
pub struct Captured {
    head: Vec<u8>,
    /// The rest, when there is more than [`MEMORY_LIMIT`]. An unlinked file: it is gone with this value, and with the process.
    rest: Option<File>,
    len: u64,
    lost: Option<Lost>,
}

/// Output that could not be kept, because the temporary file failed.
#[derive(Debug)]
pub struct Lost {
    /// How many bytes are missing at the end.
    pub bytes: u64,
    /// Why.
    pub why: io::Error,
}

impl Captured {
    /// Bytes that were kept.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether the handler wrote nothing.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The first bytes, at most [`MEMORY_LIMIT`].
    pub fn head(&self) -> &[u8] {
        &self.head
    }

    /// What is missing at the end, if the temporary file could not take it.
    pub fn lost(&self) -> Option<&Lost> {
        self.lost.as_ref()
    }

    /// Writes all of it to `out`. May be called more than once.
    pub fn copy_to(&self, out: &mut dyn Write) -> io::Result<()> {
        out.write_all(&self.head)?;
        if let Some(file) = &self.rest {
            let mut file: &File = file;
            file.seek(SeekFrom::Start(0))?;
            let mut rest = file.take(self.len - self.head.len() as u64);
            io::copy(&mut rest, out)?;
        }
        Ok(())
    }
}

/// A stream being read. The reading may be dropped at any time; what came until then stays.
#[derive(Debug, Default)]
pub(super) struct Capture {
    head: Vec<u8>,
    rest: Option<tokio::fs::File>,
    spilled: u64,
    lost: Option<Lost>,
}

impl Capture {
    /// Reads `source` to its end, or to an error, which ends it likewise. Always keeps reading, whatever happens to the copy:
    /// a handler must never block on a pipe because we have a problem.
    pub(super) async fn fill(&mut self, mut source: impl AsyncRead + Unpin) {
        let mut chunk = vec![0; FIRST];
        loop {
            match source.read(&mut chunk).await {
                Ok(0) => return,
                Ok(n) => {
                    self.keep(&chunk[..n]).await;
                    if n == chunk.len() {
                        chunk.resize(CHUNK, 0);
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return,
            }
        }
    }

    async fn keep(&mut self, bytes: &[u8]) {
        let room = MEMORY_LIMIT - self.head.len();
        let (head, rest) = bytes.split_at(room.min(bytes.len()));
        self.head.extend_from_slice(head);
        if rest.is_empty() {
            return;
        }
        if let Some(lost) = &mut self.lost {
            lost.bytes += rest.len() as u64;
            return;
        }
        match self.spill(rest).await {
            Ok(()) => self.spilled += rest.len() as u64,
            Err(why) => self.lost = Some(Lost { bytes: rest.len() as u64, why }),
        }
    }

    async fn spill(&mut self, bytes: &[u8]) -> io::Result<()> {
        let file = match &mut self.rest {
            Some(file) => file,
            None => {
                let made = tokio::task::spawn_blocking(tempfile::tempfile).await.map_err(io::Error::other)??;
                self.rest.insert(tokio::fs::File::from_std(made))
            }
        };
        file.write_all(bytes).await?;
        // The write is handed to another thread; only now has it happened, or failed.
        file.flush().await
    }

    /// Ends the reading.
    pub(super) async fn finish(self) -> Captured {
        let rest = match self.rest {
            Some(file) => Some(file.into_std().await),
            None => None,
        };
        Captured { len: self.head.len() as u64 + self.spilled, head: self.head, rest, lost: self.lost }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn captured(bytes: &[u8]) -> Captured {
        let mut capture = Capture::default();
        capture.fill(bytes).await;
        capture.finish().await
    }

    #[tokio::test]
    async fn it_comes_back_byte_for_byte_on_both_sides_of_the_limit() {
        for len in [0, 1, MEMORY_LIMIT - 1, MEMORY_LIMIT, MEMORY_LIMIT + 1, 3 * MEMORY_LIMIT + 7] {
            let bytes: Vec<u8> = (0..len).map(|i| (i % 251) as u8).collect();
            let captured = captured(&bytes).await;
            assert_eq!(captured.len(), len as u64);
            assert!(captured.head().len() <= MEMORY_LIMIT);
            for _ in 0..2 {
                let mut out = Vec::new();
                captured.copy_to(&mut out).unwrap();
                assert!(out == bytes, "{len} bytes came back changed");
            }
        }
    }

    #[tokio::test]
    async fn a_full_disk_neither_blocks_the_handler_nor_hides_the_loss() {
        let mut capture = Capture {
            rest: Some(tokio::fs::File::options().write(true).open("/dev/full").await.unwrap()),
            ..Capture::default()
        };
        capture.fill(vec![7; MEMORY_LIMIT + 2 * CHUNK].as_slice()).await;
        let captured = capture.finish().await;
        assert_eq!(captured.len(), MEMORY_LIMIT as u64);
        assert_eq!(captured.lost().map(|lost| lost.bytes), Some(2 * CHUNK as u64));
    }
}
