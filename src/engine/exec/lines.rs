//! Lines of a process's output, none of them longer than a bound.

use tokio::io::{AsyncBufReadExt as _, AsyncRead, BufReader};

/// A longer line comes in pieces: a process that writes no line feeds must not fill our memory.
const LONGEST: usize = 1 << 20;

/// A stream read by lines.
#[derive(Debug)]
pub struct BoundedLines<R> {
    reader: BufReader<R>,
    partial: Vec<u8>,
}

impl<R: AsyncRead + Unpin> BoundedLines<R> {
    /// The lines of `stream`.
    pub fn new(stream: R) -> Self {
        Self { reader: BufReader::with_capacity(64 * 1024, stream), partial: Vec::new() }
    }

    /// The next line without its end, what is no UTF-8 in it replaced; `None` at the end of the stream or when it breaks. May be
    /// dropped at any time.
    pub async fn next(&mut self) -> Option<String> {
        loop {
            let bytes = self.reader.fill_buf().await.unwrap_or_default();
            if bytes.is_empty() {
                return if self.partial.is_empty() { None } else { Some(self.take()) };
            }
            let room = LONGEST - self.partial.len();
            let (kept, read, whole) = match memchr::memchr(b'\n', bytes) {
                Some(at) if at <= room => (at, at + 1, true),
                _ => (bytes.len().min(room), bytes.len().min(room), false),
            };
            self.partial.extend_from_slice(&bytes[..kept]);
            self.reader.consume(read);
            if whole || self.partial.len() == LONGEST {
                return Some(self.take());
            }
        }
    }

    fn take(&mut self) -> String {
        let mut bytes = std::mem::take(&mut self.partial);
        if bytes.last() == Some(&b'\r') {
            bytes.pop();
        }
        String::from_utf8(bytes).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn lines_come_whole_and_what_never_ends_in_pieces() {
        let long = "x".repeat(LONGEST + 5);
        let text = format!("a\r\n\nb\u{fffd}\n{long}\nlast");
        let mut lines = BoundedLines::new(text.as_bytes());
        for expected in ["a", "", "b\u{fffd}", &long[..LONGEST], "xxxxx", "last"] {
            assert_eq!(lines.next().await.as_deref(), Some(expected));
        }
        assert_eq!(lines.next().await, None);
        let mut broken = BoundedLines::new(&b"\xff\n{}"[..]);
        assert_eq!(broken.next().await.as_deref(), Some("\u{fffd}"));
        assert_eq!(broken.next().await.as_deref(), Some("{}"));
    }
}
