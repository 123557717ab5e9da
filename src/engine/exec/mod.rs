//! Runs one handler over one event: a process group, fed on stdin, captured whole, ended in time.
//!
//! May use tokio, nix and tempfile. Knows nothing of queues, acknowledgements or visibility, and never prints: what the handler
//! wrote is handed back as [`Captured`]. Event data reaches a handler on stdin and in the environment, never on a command line.
//!
//! * [`HandlerCommand`] is what the user named, [`Program`] what was found for it before anything is received.
//! * [`Running`] is the process; [`Running::finish`] its state machine: run, TERM, grace, KILL.
//! * [`Lasting`] is a process that stays for many events.
//! * [`Outcome`] is what its exit means.

mod capture;
mod child;
mod environment;
mod guard;
mod lasting;
mod lines;
mod outcome;
mod program;

pub use capture::{Captured, MEMORY_LIMIT};
pub(in crate::engine) use child::is_lasting;
pub use child::{Finished, Job, Limits, Running};
pub use environment::{HandlerEnv, VALUE_LIMIT};
pub use lasting::Lasting;
pub use lines::BoundedLines;
pub use outcome::{Failure, Outcome};
pub use program::{HandlerCommand, NotRunnable, Program};

#[cfg(test)]
mod tests;
