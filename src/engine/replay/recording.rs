//! Reading a recording: NDJSON records, plain or compressed with zstd, from a file or from stdin, on a thread of its own.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::PathBuf;

use tokio::sync::mpsc;

use crate::engine::recording::ZSTD_MAGIC;
use crate::event::Record;

/// The longest line: a body of 1 MiB, escaped, wrapped and told twice has less.
const LONGEST: u64 = 64 * 1024 * 1024;

/// Lines that are read ahead.
const AHEAD: usize = 128;

/// One line.
#[derive(Debug)]
pub(super) struct Line {
    /// Counted from 1.
    pub(super) number: u64,
    /// The record, or why it is none.
    pub(super) record: Result<Record, String>,
}

/// Reads `path`, or stdin without one. The channel ends with the last line, or with the error that ended the reading.
pub(super) fn read(path: Option<PathBuf>) -> io::Result<mpsc::Receiver<io::Result<Line>>> {
    let input: Box<dyn Read + Send> = match path {
        Some(path) => Box::new(File::open(path)?),
        None => Box::new(io::stdin()),
    };
    let (sender, lines) = mpsc::channel(AHEAD);
    std::thread::Builder::new().name("recording".into()).spawn(move || {
        if let Err(error) = read_all(input, &sender) {
            let _ = sender.blocking_send(Err(error));
        }
    })?;
    Ok(lines)
}

fn read_all(input: Box<dyn Read + Send>, sender: &mpsc::Sender<io::Result<Line>>) -> io::Result<()> {
    let mut input = BufReader::with_capacity(256 * 1024, input);
    // A pipe may bring less than four bytes at first; then it is no frame of zstd's that anybody wrote at once.
    let compressed = input.fill_buf()?.starts_with(&ZSTD_MAGIC);
    if compressed {
        lines_of(BufReader::with_capacity(256 * 1024, zstd::stream::read::Decoder::with_buffer(input)?), sender)
    } else {
        lines_of(input, sender)
    }
}

fn lines_of(mut input: impl BufRead, sender: &mpsc::Sender<io::Result<Line>>) -> io::Result<()> {
    let mut line = Vec::new();
    for number in 1.. {
        line.clear();
        let length = input.by_ref().take(LONGEST).read_until(b'\n', &mut line)?;
        if length == 0 {
            break;
        }
        let whole = line.ends_with(b"\n");
        if !whole && length as u64 == LONGEST {
            return Err(io::Error::new(io::ErrorKind::InvalidData, format!("line {number} is longer than 64 MiB")));
        }
        let text = line.trim_ascii();
        if text.is_empty() {
            continue;
        }
        let record = match std::str::from_utf8(text) {
            Err(_) => Err("the line is not UTF-8".to_owned()),
            Ok(text) => Record::parse(text).map_err(|error| error.to_string()),
        };
        let record =
            record.map_err(|why| if whole { why } else { format!("{why} (it was cut off while being written)") });
        if sender.blocking_send(Ok(Line { number, record })).is_err() {
            break;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Attributes, SystemRecord};

    fn collect(bytes: &[u8]) -> Vec<(u64, Result<String, String>)> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("r");
        std::fs::write(&path, bytes).unwrap();
        let mut lines = read(Some(path)).unwrap();
        let mut all = Vec::new();
        while let Some(line) = lines.blocking_recv() {
            match line {
                Ok(line) => all.push((line.number, line.record.map(|record| record.body))),
                Err(error) => all.push((0, Err(error.to_string()))),
            }
        }
        all
    }

    #[test]
    fn lines_are_read_plain_and_compressed_and_a_torn_one_is_told() {
        let line = |body: &str| Record::new(body, Attributes::new(), SystemRecord::default()).to_line() + "\n";
        let text = format!("{}\n{}{{\"version\":1,\"bo", line("a"), line("b"));
        let plain = collect(text.as_bytes());
        assert_eq!(plain[..2], [(1, Ok("a".into())), (3, Ok("b".into()))]);
        assert!(plain[2].1.as_ref().is_err_and(|why| why.contains("cut off")), "{plain:?}");
        let mut frames = zstd::encode_all(line("a").as_bytes(), 0).unwrap();
        frames.extend(zstd::encode_all(line("b").as_bytes(), 0).unwrap());
        assert_eq!(collect(&frames), [(1, Ok("a".into())), (2, Ok("b".into()))]);
        let torn = collect(&frames[..frames.len() - 3]);
        assert!(torn.last().unwrap().1.is_err(), "{torn:?}");
        assert!(collect(b"").is_empty());
    }
}
