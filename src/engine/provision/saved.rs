//! A plan in a file, to be looked at and carried out later: `--out`, `--plan`.
//!
//! The file is never trusted with what is to be done: that is planned again. It only says what has to come out again, and from
//! what, so that a plan that was reviewed is carried out as it was reviewed or not at all.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Planned;
use crate::topology::plan::{self, Options};

/// The form of the file: `schemas/output/provision-plan.schema.json`.
const VERSION: u32 = 1;

/// A plan in a file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SavedPlan {
    /// The form's version.
    pub version: u32,
    /// The program's version: another one may plan otherwise.
    pub eventbus: String,
    /// The topology's name.
    pub topology: String,
    /// The topology file, as seen from the folder where the plan was made.
    pub file: String,
    /// What was laid over it, seen from there too.
    pub overlays: Vec<String>,
    /// The account.
    pub account: String,
    /// The region.
    pub region: String,
    /// What was asked for.
    pub options: Options,
    /// A digest of each thing that was read, by what it is.
    pub live: BTreeMap<String, String>,
    /// A digest of what is to be done.
    pub plan: String,
    /// The plan as `-o json` prints it, for whoever reviews it.
    pub review: Value,
}

/// Why a saved plan is not carried out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Moved {
    /// The file is none.
    #[error("it is no plan: {0}")]
    Unreadable(String),
    /// Another program's.
    #[error("it was made by eventbus {0}, this is {now}", now = env!("CARGO_PKG_VERSION"))]
    OtherProgram(String),
    /// Another place.
    #[error("it was made for account {there} in {there_region}, this is {here} in {here_region}")]
    OtherPlace {
        /// The plan's account.
        there: String,
        /// The plan's region.
        there_region: String,
        /// The account now.
        here: String,
        /// The region now.
        here_region: String,
    },
    /// What stands is not what was read.
    #[error("the bus has moved since: {}", .0.join(", "))]
    Live(Vec<String>),
    /// The file, its overlays or its variables say something else.
    #[error("the topology says something else now: it leads to another plan")]
    Topology,
}

impl SavedPlan {
    /// What `planned` is in a file; `files` name the topology and its overlays, `review` is its machine record.
    pub fn of(planned: &Planned, (file, overlays): (String, Vec<String>), review: Value) -> Self {
        Self {
            version: VERSION,
            eventbus: env!("CARGO_PKG_VERSION").to_owned(),
            topology: planned.plan.topology.clone(),
            file,
            overlays,
            account: planned.arns.account.clone(),
            region: planned.arns.region.clone(),
            options: planned.plan.options,
            live: plan::of_live(&planned.live),
            plan: plan::of_plan(&planned.plan),
            review,
        }
    }

    /// The plan in a file's text.
    ///
    /// # Errors
    /// It is no plan, or another program's.
    pub fn parse(text: &str) -> Result<Self, Moved> {
        let saved: Self = serde_json::from_str(text).map_err(|error| Moved::Unreadable(error.to_string()))?;
        if saved.version != VERSION {
            return Err(Moved::Unreadable(format!("version {} of the form, expected {VERSION}", saved.version)));
        }
        if saved.eventbus != env!("CARGO_PKG_VERSION") {
            return Err(Moved::OtherProgram(saved.eventbus));
        }
        Ok(saved)
    }

    /// Whether `planned`, made now, is this plan from the same state.
    ///
    /// # Errors
    /// What has moved.
    pub fn verify(&self, planned: &Planned) -> Result<(), Moved> {
        let (here, here_region) = (&planned.arns.account, &planned.arns.region);
        if (here, here_region) != (&self.account, &self.region) {
            return Err(Moved::OtherPlace {
                there: self.account.clone(),
                there_region: self.region.clone(),
                here: here.clone(),
                here_region: here_region.clone(),
            });
        }
        let now = plan::of_live(&planned.live);
        let mut moved: Vec<String> = Vec::new();
        for (name, digest) in &self.live {
            match now.get(name) {
                None => moved.push(format!("{name} is gone")),
                Some(other) if other != digest => moved.push(format!("{name} was changed")),
                Some(_) => {}
            }
        }
        moved.extend(now.keys().filter(|name| !self.live.contains_key(*name)).map(|name| format!("{name} is new")));
        // Which things are read follows from the file: with another file, what seems to have come or gone may only not have
        // been looked at.
        let other_plan = plan::of_plan(&planned.plan) != self.plan;
        let same_things = moved.iter().all(|text| text.ends_with("was changed"));
        match (moved.is_empty(), other_plan) {
            (true, false) => Ok(()),
            (true, true) => Err(Moved::Topology),
            (false, true) if !same_things && planned.plan.topology != self.topology => Err(Moved::Topology),
            (false, _) => Err(Moved::Live(moved)),
        }
    }
}
