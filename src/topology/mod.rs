//! topology.yaml: the model, its checks, the routing table, and the plan (desired × actual → changes).
//!
//! Pure: takes text and values, gives values. May use std, serde, small pure crates and the filter language; never tokio, an
//! AWS crate, a terminal crate, the environment, the file system or a clock.
//!
//! The file's language is written down once more in `schemas/topology.schema.json`; a test holds the two together.

mod check;
mod docs;
pub mod export;
pub mod fields;
mod filter_words;
mod graph;
pub mod iam;
pub mod live;
mod model;
pub mod plan;
pub mod policy;
mod problem;
pub mod pulled;
mod read;
mod route;
mod units;
mod write;
mod yaml;

pub use docs::EventDocs;
pub use graph::Form;
pub use model::{DeadLetter, Filter, Queue, RedriveAllow, Route, Settings, Subscription, Topic, Topology};
pub use problem::{Place, Problem, Severity};
pub use units::{show_bytes, show_seconds};

/// The only version of the language so far.
pub const VERSION: u64 = 1;

/// The tag that says which topology made a resource.
pub const OWNER_TAG: &str = "eventbus:topology";

impl Topology {
    /// Reads and checks a topology file. `file_name` is only for messages.
    ///
    /// # Errors
    /// Every problem at once, warnings among them, in the order of the file; at least one is an error. A file with nothing
    /// but warnings is read, and carries them in [`Topology::warnings`].
    pub fn parse(text: &str, file_name: &str) -> Result<Self, Vec<Problem>> {
        // A byte order mark is what some editors put in front; it is no part of the text.
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let mut problems = problem::Problems::new(file_name);
        let read = yaml::parse(text, &mut problems).and_then(|root| read::topology(&root, &mut problems));
        match read {
            Some(mut topology) => {
                check::all(&topology, &mut problems);
                let failed = problems.has_errors();
                let found = problems.into_sorted();
                if failed {
                    return Err(found);
                }
                topology.warnings = found;
                Ok(topology)
            }
            None => Err(problems.into_sorted()),
        }
    }
}

#[cfg(test)]
mod tests;
