//! The quotes of a table: what the table's reader takes in silence, one that is never closed above all, is seen here.

use std::collections::VecDeque;

/// Follows the quotes through the bytes of a table.
#[derive(Debug)]
pub(super) struct Quotes {
    delimiter: u8,
    state: State,
    line: u64,
    /// The line on which the quote that is open was opened.
    opened: u64,
    /// Lines on which text follows a quote that closed its field; first in, first asked for.
    odd: VecDeque<u64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Begin,
    Plain,
    Quoted,
    /// After a quote in a quoted field: it closes the field, or stands for itself before another one.
    Closing,
}

impl Quotes {
    pub(super) fn new(delimiter: u8) -> Self {
        Self { delimiter, state: State::Begin, line: 1, opened: 0, odd: VecDeque::new() }
    }

    pub(super) fn see(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.state = match (self.state, byte) {
                (State::Begin, b'"') => {
                    self.opened = self.line;
                    State::Quoted
                }
                (State::Quoted, b'"') => State::Closing,
                (State::Closing, b'"') | (State::Quoted, _) => State::Quoted,
                (_, b'\n') => State::Begin,
                (_, byte) if byte == self.delimiter => State::Begin,
                (State::Closing, b'\r') => State::Closing,
                (State::Closing, _) => {
                    if self.odd.back() != Some(&self.line) {
                        self.odd.push_back(self.line);
                    }
                    State::Plain
                }
                // A mark at the very beginning is before the first field, not in it.
                (State::Begin, 0xef | 0xbb | 0xbf) if self.line == 1 => State::Begin,
                (State::Begin | State::Plain, _) => State::Plain,
            };
            self.line += u64::from(byte == b'\n');
        }
    }

    /// The line of the quote that is open now.
    pub(super) fn open(&self) -> Option<u64> {
        (self.state == State::Quoted).then_some(self.opened)
    }

    /// The first line up to `last` on which text follows a closed field; those are asked for once, in order.
    pub(super) fn odd_until(&mut self, last: u64) -> Option<u64> {
        let mut found = None;
        while let Some(line) = self.odd.front().copied().filter(|line| *line <= last) {
            self.odd.pop_front();
            found.get_or_insert(line);
        }
        found
    }
}
