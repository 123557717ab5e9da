//! Documents and lines.

use std::io::{self, BufRead, Read};
use std::ops::ControlFlow;

use super::{Draft, Format, LARGEST, Take, too_long};

/// One document.
pub(super) fn whole(name: &str, from: &mut dyn Read, buffer: &mut Vec<u8>, take: Take<'_>) -> ControlFlow<()> {
    buffer.clear();
    let bytes = match from.take(LARGEST + 1).read_to_end(buffer) {
        Err(error) => Err(format!("it cannot be read: {error}")),
        Ok(length) if length as u64 > LARGEST => Err(too_long()),
        Ok(_) => Ok(buffer.as_slice()),
    };
    take(Draft { source: 0, input: name.into(), line: 1, format: Format::Json, bytes })
}

/// One document a line. No lines are no events: a producer that had nothing to say has done nothing wrong.
pub(super) fn lines(
    name: &str,
    from: &mut dyn BufRead,
    format: Format,
    buffer: &mut Vec<u8>,
    take: Take<'_>,
) -> ControlFlow<()> {
    let mut line = 0;
    loop {
        line += 1;
        let read = read_line(from, buffer);
        let ended = matches!(read, Ok(None));
        if ended {
            break;
        }
        let blank = matches!(read, Ok(Some(false))) && buffer.iter().all(u8::is_ascii_whitespace);
        if blank {
            continue;
        }
        let broken = read.is_err();
        let bytes = match read {
            Err(error) => Err(format!("it cannot be read: {error}")),
            Ok(Some(true)) => Err(too_long()),
            Ok(_) => Ok(buffer.as_slice()),
        };
        take(Draft { source: 0, input: format!("{name}:{line}"), line, format, bytes })?;
        if broken {
            return ControlFlow::Continue(());
        }
    }
    ControlFlow::Continue(())
}

/// Reads a line without its end into `buffer`; `None` at the end, `true` if it was too long to keep (and is skipped).
fn read_line(from: &mut dyn BufRead, buffer: &mut Vec<u8>) -> io::Result<Option<bool>> {
    buffer.clear();
    let mut any = false;
    let mut skipped = false;
    loop {
        let available = match from.fill_buf() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            other => other?,
        };
        if available.is_empty() {
            return Ok(any.then_some(skipped));
        }
        any = true;
        let end = memchr::memchr(b'\n', available);
        let piece = &available[..end.unwrap_or(available.len())];
        skipped |= (buffer.len() + piece.len()) as u64 > LARGEST;
        if !skipped {
            buffer.extend_from_slice(piece);
        }
        let used = end.map_or(available.len(), |end| end + 1);
        from.consume(used);
        if end.is_some() {
            return Ok(Some(skipped));
        }
    }
}
