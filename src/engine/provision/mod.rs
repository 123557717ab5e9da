//! `provision`: reads what stands at the bus, plans, applies.
//!
//! Additive unless the plan was asked for otherwise. What failed is reported with what was done and what was not tried, and the
//! next run picks up: every step can be repeated, and a run that was cut off anywhere leaves nothing that a plan cannot see.

mod apply;
mod check;
pub(super) mod patience;
pub(super) mod read;
pub mod saved;
#[cfg(test)]
mod tests;
mod work;

use std::sync::atomic::AtomicBool;

pub use apply::apply;
pub use check::{Surroundings, check};

use super::Emitter;
use super::shutdown::Shutdown;
use crate::bus::{Bus, BusError};
use crate::topology::Topology;
use crate::topology::live::{Arns, Live};
use crate::topology::plan::{self, Change, Options, Plan};
use patience::Told;
use read::Reader;

/// What happened to one row of the plan, or to the whole.
#[derive(Clone, Debug)]
pub enum Progress {
    /// One more of the things that the plan is made from was read.
    Read,
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
    /// It was made, changed or deleted.
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
    /// Rows that were made, changed or deleted.
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

/// A plan, and what it was made from.
#[derive(Clone, Debug)]
pub struct Planned {
    /// The plan.
    pub plan: Plan,
    /// Where.
    pub arns: Arns,
    /// What stood there.
    pub live: Live,
}

/// Reads and compares, additively. Makes no change.
///
/// # Errors
/// Something that the plan needs cannot be read.
pub async fn plan(bus: &Bus, topology: &Topology) -> Result<Plan, BusError> {
    let throttled = AtomicBool::new(false);
    let planned = planned(bus, topology, Options::default(), Told::new(None, &throttled)).await?;
    Ok(planned.plan)
}

/// The same as `options` say, telling how it goes.
///
/// # Errors
/// Something that the plan needs cannot be read; `Auth` when the credentials are not of the context's account, whose names
/// would be looked for in vain.
pub async fn plan_with(
    bus: &Bus,
    topology: &Topology,
    options: Options,
    emit: &Emitter,
    shutdown: &Shutdown,
) -> Result<Planned, BusError> {
    let throttled = AtomicBool::new(false);
    planned(bus, topology, options, Told::new(Some((emit, shutdown)), &throttled)).await
}

async fn planned(bus: &Bus, topology: &Topology, options: Options, told: Told<'_>) -> Result<Planned, BusError> {
    bus.verify_account().await?;
    let arns = bus.arns().await?;
    let live = Reader { bus, topology, arns: &arns, options, told }.read().await?;
    let plan = plan::plan_with(topology, &live, &arns, options);
    Ok(Planned { plan, arns, live })
}

impl From<Progress> for super::Event {
    fn from(progress: Progress) -> Self {
        Self::Provision(progress)
    }
}
