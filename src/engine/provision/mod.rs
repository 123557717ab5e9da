//! `provision`: reads what stands at the bus, plans, applies.
//!
//! Additive: nothing here deletes a resource. What failed is reported with what was done and what was not tried, and the next
//! run picks up.

mod apply;
mod check;
mod read;
#[cfg(test)]
mod tests;

pub use apply::apply;
pub use check::{Surroundings, check};
pub use read::read;

use crate::bus::{Bus, BusError};
use crate::topology::Topology;
use crate::topology::plan::{self, Change, Plan};

/// What happened to one row of the plan, or to the whole.
#[derive(Clone, Debug)]
pub enum Progress {
    /// A row's work begins.
    Started {
        /// The row's position in the plan.
        index: usize,
        /// The row.
        change: Change,
    },
    /// A row is done.
    Done {
        /// The row's position in the plan.
        index: usize,
        /// The row.
        change: Change,
    },
    /// A row failed.
    Failed {
        /// The row's position in the plan.
        index: usize,
        /// The row.
        change: Change,
        /// The error and its causes, outermost first.
        error: Vec<String>,
    },
    /// It takes longer than usual, and why.
    Waiting(String),
}

/// How one row of the plan ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RowOutcome {
    /// There was nothing to do.
    Unchanged,
    /// It was made or changed.
    Done,
    /// It was tried.
    Failed {
        /// The error and its causes, outermost first.
        error: Vec<String>,
        /// Credentials or permission.
        auth: bool,
    },
    /// Something that it needs failed, or the run was ended; the reason.
    NotTried(String),
}

/// How an apply ended: one outcome for each row of the plan, in the plan's order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// The outcomes.
    pub rows: Vec<RowOutcome>,
}

impl Report {
    /// Rows that were made or changed.
    pub fn done(&self) -> usize {
        self.rows.iter().filter(|row| matches!(row, RowOutcome::Done)).count()
    }

    /// Rows that were tried and failed.
    pub fn failed(&self) -> usize {
        self.rows.iter().filter(|row| matches!(row, RowOutcome::Failed { .. })).count()
    }

    /// Rows that were not tried.
    pub fn not_tried(&self) -> usize {
        self.rows.iter().filter(|row| matches!(row, RowOutcome::NotTried(_))).count()
    }

    /// Whether every failure was for want of permission.
    pub fn all_auth(&self) -> bool {
        self.failed() > 0 && self.rows.iter().all(|row| !matches!(row, RowOutcome::Failed { auth: false, .. }))
    }
}

/// Reads and compares. Makes no change.
///
/// # Errors
/// Something that the plan needs cannot be read.
pub async fn plan(bus: &Bus, topology: &Topology) -> Result<Plan, BusError> {
    let arns = bus.arns().await?;
    let live = read(bus, topology, &arns).await?;
    Ok(plan::plan(topology, &live, &arns))
}

impl From<Progress> for super::Event {
    fn from(progress: Progress) -> Self {
        Self::Provision(progress)
    }
}
