//! From a dead-letter queue back to where its messages came from, from any queue or recording to another place, without losing
//! one.
//!
//! Between two standard queues of the embedded bus a page at a time is moved in one transaction of the bus (`relocate`).
//! Everywhere else, per message: received and held, sent, confirmed, and only then deleted at the source. What fails stays where it was. What
//! was sent and cannot be deleted is reported, since it will be seen again. Each step is noted in a journal before the next is
//! taken, so that a run that was killed is resumed: nothing is lost, and what may have arrived twice is named.

mod edit;
mod feed;
pub mod journal;
mod native;
mod pace;
mod parcel;
mod plan;
mod queue;
mod relocate;
mod resume;
mod run;
mod send;
mod sink;
#[cfg(test)]
mod tests;
mod transfer;
mod types;

pub use edit::Edit;
pub use native::{run_native, why_not_native};
pub use plan::{From, Place, Plan, Source, To, plan};
pub use run::run;
pub use types::{Item, Outcome, Progress, ReplayError, Report, Request, Work};
