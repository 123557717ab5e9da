//! What goes into an outbox, what comes out of it, and why it may not be usable.

use std::path::PathBuf;

use crate::bus::Outgoing;
use crate::engine::ledger::LedgerError;
use crate::engine::publish::Item;

/// Why an outbox cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OutboxError {
    /// The file.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// Another process sends from it.
    #[error("outbox `{}` is in use by another process", .0.display())]
    Busy(PathBuf),
    /// It cannot be locked.
    #[error("outbox `{}` cannot be locked", path.display())]
    Lock {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// What waits in it was meant for another bus.
    #[error("what waits in the outbox was meant for another bus ({meant}), this is {here}")]
    Foreign {
        /// That one.
        meant: String,
        /// The one that it was to go to.
        here: String,
        /// The file.
        path: PathBuf,
    },
    /// SQLite refused.
    #[error("outbox `{}` cannot be read or written", path.display())]
    Store {
        /// The file.
        path: PathBuf,
        /// Why.
        source: rusqlite::Error,
    },
    /// What is in it was not written by this program.
    #[error("outbox `{}`: event {row} cannot be read: {reason}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Its number.
        row: i64,
        /// Why.
        reason: String,
    },
}

/// An event that is to be sent.
#[derive(Clone, Debug)]
pub struct Waiting {
    /// Its number in the outbox.
    pub row: i64,
    /// What it was made of.
    pub item: Item,
    /// Where it goes.
    pub topic: String,
    /// The message.
    pub outgoing: Outgoing,
    /// What its input is told by.
    pub digest: [u8; 32],
    /// It may have arrived already.
    pub in_doubt: bool,
}

/// What an outbox knows of an input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Known {
    /// Nothing.
    No,
    /// The run that was interrupted has sent it.
    Sent,
    /// The run that was interrupted has left it, and [`Outbox::waiting`] has handed it out since.
    HandedOut,
}

/// What became of an event that was on its way.
#[derive(Clone, Debug)]
pub enum Settled {
    /// The bus confirmed it, and gave it this id.
    Sent(String),
    /// The bus did not confirm it.
    Unsent {
        /// What it answered.
        error: String,
        /// It may have arrived all the same.
        in_doubt: bool,
    },
}

/// An event as `outbox list` shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its number in the outbox.
    pub row: i64,
    /// The input it was made of.
    pub input: String,
    /// The event's name.
    pub event: Option<String>,
    /// Where it goes.
    pub topic: String,
    /// What it is about.
    pub entity_id: Option<String>,
    /// How often it was tried.
    pub tries: u32,
    /// It may have arrived already.
    pub in_doubt: bool,
    /// What the bus answered last.
    pub error: Option<String>,
}

/// A publish that is not done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unfinished {
    /// What it publishes, in words.
    pub what: String,
    /// The bus it was meant for.
    pub bus: String,
    /// When it began.
    pub began_ms: i64,
    /// All its inputs were read.
    pub complete: bool,
    /// Events that were sent.
    pub sent: u64,
    /// Events that wait.
    pub waiting: u64,
}

/// What a publish is known by when it is started again.
#[derive(Clone, Debug)]
pub struct Begin<'a> {
    /// Event, inputs and what shapes them: the same for the same command.
    pub key: &'a str,
    /// The same inputs are the same events: what of them was read to the end and not sent is gone on with. Not so of stdin, which
    /// may hold as many events of the same text as it likes.
    pub again: bool,
    /// In words.
    pub what: &'a str,
    /// The bus.
    pub bus: &'a str,
    /// Now.
    pub now_ms: i64,
}
