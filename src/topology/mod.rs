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
mod overlay;
pub mod plan;
pub mod policy;
mod problem;
pub mod pulled;
mod read;
mod route;
mod shown;
mod units;
mod variables;
mod write;
mod yaml;

pub use docs::EventDocs;
pub use graph::{EventReach, Form, draw_events};
pub use model::{DeadLetter, Filter, Queue, RedriveAllow, Route, Settings, Subscription, Topic, Topology};
pub use problem::{Place, Problem, Severity};
pub use route::glob;
pub use units::{show_bytes, show_seconds};
pub use variables::{Variables, is_variable_name, read_variables};

/// The only version of the language so far.
pub const VERSION: u64 = 1;

/// The tag that says which topology made a resource.
pub const OWNER_TAG: &str = "eventbus:topology";

/// How the names of the temporary queues begin through which what passes is seen.
pub const TAP_PREFIX: &str = "eventbus-tap-";

/// A file's text and the name that it has in messages.
#[derive(Clone, Copy, Debug)]
pub struct Source<'a> {
    /// The name.
    pub name: &'a str,
    /// The YAML text.
    pub text: &'a str,
}

impl Topology {
    /// Reads and checks a topology file that needs no variables and has no overlays. `file_name` is only for messages.
    ///
    /// # Errors
    /// As [`Topology::load`].
    pub fn parse(text: &str, file_name: &str) -> Result<Self, Vec<Problem>> {
        Self::load(Source { name: file_name, text }, &[], &Variables::default())
    }

    /// Reads a topology file, lays the overlays over it in their order, puts the variables in, and checks the whole.
    ///
    /// # Errors
    /// Every problem at once, warnings among them, in the order of the files; at least one is an error. Files with nothing but
    /// warnings are read, and [`Topology::warnings`] has them.
    pub fn load(base: Source<'_>, overlays: &[Source<'_>], variables: &Variables<'_>) -> Result<Self, Vec<Problem>> {
        let files: Vec<String> = std::iter::once(&base).chain(overlays).map(|source| source.name.to_owned()).collect();
        let mut problems = problem::Problems::new(files.clone());
        let Some(mut topology) = read_all(base, overlays, variables, &mut problems) else {
            return Err(problems.into_sorted());
        };
        check::all(&topology, &mut problems);
        let failed = problems.has_errors();
        let found = problems.into_sorted();
        if failed {
            return Err(found);
        }
        topology.name_as_the_bus();
        topology.warnings = found;
        topology.files = files;
        Ok(topology)
    }
}

fn read_all(
    base: Source<'_>,
    overlays: &[Source<'_>],
    variables: &Variables<'_>,
    problems: &mut problem::Problems,
) -> Option<Topology> {
    if yaml::is_empty(base.text) {
        let fix = "start with `version: 1` and `name: NAME`".to_owned();
        let begin = Place { file: 0, line: 1, column: 1 };
        problems.error(begin, "", "the file is empty; expected a topology".into(), Some(fix));
    }
    let mut root = yaml::parse(base.text, 0, problems);
    for (file, overlay) in (1..).zip(overlays) {
        // An empty overlay changes nothing. One that is no YAML is told, and the rest is looked at all the same.
        let Some(over) = yaml::parse(overlay.text, file, problems) else { continue };
        if !matches!(over.value, yaml::Value::Map(_)) {
            problems.error(over.place, "", format!("the overlay is {}; expected a mapping", over.found()), None);
        } else if let Some(root) = &mut root {
            overlay::lay(root, over, "", problems);
        }
    }
    let mut root = root?;
    variables::insert(&mut root, variables, problems);
    read::topology(&root, problems)
}

#[cfg(test)]
mod tests;
