//! The work. Every verb is an async function that takes resolved values, talks to the bus, emits [`Event`]s and returns a report.
//!
//! May use event, schema, filter, topology and bus. Never prints, reads the environment, knows clap, ends the process or uses
//! output, commands or config.
//!
//! **Backpressure.** Events go through a bounded channel to one dispatcher that calls the reporter synchronously. A stdout
//! that does not read therefore stops the receiving, which for SQS is right: what is not received stays visible to others.

mod backoff;
mod blocking;
mod confirmed;
pub mod consume;
mod delete;
pub mod exec;
pub mod explain;
mod hold;
pub mod inspect;
pub mod jq;
pub mod ledger;
pub mod outbox;
pub mod outcome_event;
pub mod provision;
pub mod publish;
pub mod pull;
pub mod purge;
mod record;
pub mod recording;
pub mod rejected;
pub mod replay;
pub mod run;
pub mod select;
pub mod shutdown;
mod stuck;
pub mod tail;
pub mod tap;
mod tasks;
pub mod trace;
pub mod wait;

pub use backoff::Backoff;
pub use confirmed::Confirmed;
pub use hold::Released;

use tokio::sync::{mpsc, watch};

/// What happened, told to whoever reports it. One enum for human text, machine records and progress.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Event {
    /// What `provision` does.
    Provision(provision::Progress),
    /// What happened to one input of `publish`.
    Publish(publish::Progress),
    /// What [`consume`] tells.
    Consume(consume::Progress),
    /// Something the user should know and would not expect; never dropped by `--quiet`.
    Warning(String),
    /// Part of the conversation.
    Note(String),
    /// A queue is looked into.
    Tail(tail::Progress),
    /// What a task does.
    Run(run::Progress),
    /// Messages go back to where they came from.
    Replay(replay::Progress),
}

/// The reader of stdout went away: drain and end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("stdout was closed")]
pub struct OutputClosed;

/// Why an event was not handed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Untold {
    /// Nobody reads stdout any more.
    #[error("stdout was closed")]
    Closed,
    /// The reporter was behind, and the run is over.
    #[error("stdout is not being read")]
    Over,
}

/// Where an engine puts its events.
#[derive(Clone, Debug)]
pub struct Emitter {
    events: mpsc::Sender<Event>,
    closed: watch::Receiver<bool>,
}

/// The dispatcher's end of the channel.
#[derive(Debug)]
pub struct Events {
    events: mpsc::Receiver<Event>,
    closed: watch::Sender<bool>,
}

/// How many events may wait for the reporter before the engine does.
const CAPACITY: usize = 256;

/// And how many bytes of messages' bodies, about.
const WAITING_BYTES: usize = 8 * 1024 * 1024;

impl Event {
    /// How many places must be free before it may wait, too: so many that of its size no more wait than fit.
    fn places(&self) -> usize {
        match self {
            Self::Tail(tail::Progress::Message(record)) => {
                let fit = (WAITING_BYTES / record.body.len().max(1)).clamp(1, CAPACITY);
                CAPACITY - fit + 1
            }
            _ => 1,
        }
    }
}

/// An emitter, and the end that the dispatcher reads.
pub fn channel() -> (Emitter, Events) {
    let (sender, receiver) = mpsc::channel(CAPACITY);
    let (closing, closed) = watch::channel(false);
    (Emitter { events: sender, closed }, Events { events: receiver, closed: closing })
}

impl Emitter {
    /// Hands `event` to the reporter, waiting while it is behind. The event is handed on even when stdout is closed, so that
    /// what belongs on stderr is still said.
    ///
    /// # Errors
    /// [`OutputClosed`] when nobody reads stdout any more.
    pub async fn emit(&self, event: impl Into<Event>) -> Result<(), OutputClosed> {
        let event = event.into();
        // Of large messages only a few wait, however many small ones might.
        let sent = match event.places() {
            1 => self.events.send(event).await.map_err(drop),
            places => match self.events.reserve_many(places).await {
                Ok(mut free) => free.next().map(|place| place.send(event)).ok_or(()),
                Err(_) => Err(()),
            },
        };
        if sent.is_err() || *self.closed.borrow() { Err(OutputClosed) } else { Ok(()) }
    }

    /// The same, waiting no longer than until `over`: a reader that is there but does not read must not hold up the end of a run.
    ///
    /// # Errors
    /// [`Untold::Closed`] as above; [`Untold::Over`] when the event was dropped because of `over`. An event that there is room
    /// for is handed on whatever `over` says.
    pub async fn emit_until(&self, event: impl Into<Event>, over: impl Future<Output = ()>) -> Result<(), Untold> {
        tokio::select! {
            biased;
            told = self.emit(event) => told.map_err(|OutputClosed| Untold::Closed),
            () = over => Err(Untold::Over),
        }
    }

    /// Returns once nobody reads stdout any more.
    pub async fn closed(&self) {
        let mut closed = self.closed.clone();
        // An error means that the dispatcher has ended, which is the same news.
        let _ = closed.wait_for(|closed| *closed).await;
    }
}

impl Events {
    /// The next event, blocking the calling thread; `None` when every emitter is gone.
    pub fn next_blocking(&mut self) -> Option<Event> {
        self.events.blocking_recv()
    }

    /// Whether the next event is still to come.
    pub fn is_empty(&self) -> bool {
        self.events.is_empty()
    }

    /// Tells the engine that nobody reads stdout any more.
    pub fn close_output(&self) {
        self.closed.send_replace(true);
    }
}
