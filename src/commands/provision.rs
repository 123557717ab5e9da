//! `eventbus provision`: from topology.yaml to topics, queues, policies and subscriptions.

use std::path::PathBuf;

use clap::Args;

use super::{Cx, outcome_of_signal, written};
use crate::bus::Bus;
use crate::engine::Confirmed;
use crate::engine::provision::{self, Report};
use crate::engine::shutdown::Shutdown;
use crate::error::CliError;
use crate::outcome::Outcome;
use crate::output::provision as output;
use crate::output::{Format, Ui};
use crate::topology::plan::{Action, Plan};
use crate::words;

/// Plan and apply topics, queues, dead-letter queues, policies and subscriptions
#[derive(Debug, Args)]
#[command(after_help = "Nothing is ever deleted. What the file made is tagged `eventbus:topology=<name>`.\n\
    Example: eventbus provision topology.yaml --dry-run")]
pub struct ProvisionArgs {
    /// The topology [default: `topology:` of eventbus.yaml, else topology.yaml]
    #[arg(value_name = "FILE")]
    pub file: Option<PathBuf>,
    /// Show the plan and change nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Show the plan, change nothing, and end with 6 when something would be changed
    #[arg(long, conflicts_with = "dry_run")]
    pub check: bool,
    /// How the answer is written
    #[arg(short = 'o', long = "output", value_name = "FORMAT", default_value = "table",
        value_parser = Format::one_of(&[Format::Table, Format::Json]))]
    pub output: Format,
}

/// Runs the verb.
///
/// # Errors
/// The file is invalid, the bus cannot be read, or nobody could be asked.
pub async fn run(cx: &mut Cx, args: &ProvisionArgs) -> Result<Outcome, CliError> {
    let path = args.file.as_deref().map_or_else(|| cx.config.topology.value.clone(), |file| cx.path(file));
    let topology = cx.topology_at(&path)?;
    let bus = cx.bus_or_new().await?;
    let plan = provision::plan(&bus, &topology).await?;
    check(cx, &plan)?;
    let json = args.output == Format::Json;
    let mode = if args.check { "check" } else { "plan" };
    if args.check || args.dry_run || plan.is_empty() {
        show(&cx.ui, &plan, mode, json)?;
        return Ok(if args.check && !plan.is_empty() { Outcome::No } else { Outcome::Done });
    }
    if !json {
        show(&cx.ui, &plan, mode, json)?;
    }
    let Some(confirmed) = cx.ui.confirm(&question(&plan), cx.yes)? else {
        if json {
            show(&cx.ui, &plan, mode, json)?;
        }
        return Ok(Outcome::Failed);
    };
    let shutdown =
        Shutdown::from_signals().map_err(|error| CliError::failed("signals cannot be handled").because(&error))?;
    let Some(report) = apply(cx, &bus, &plan, confirmed, &shutdown).await? else {
        return Ok(outcome_of_signal(shutdown.signal()).unwrap_or(Outcome::Failed));
    };
    written(if json {
        output::print_json(&cx.ui, &plan, "apply", Some(&report))
    } else {
        output::print_report(&cx.ui, &plan, &report)
    })?;
    Ok(ending(&report, &shutdown))
}

/// Tells the plan's warnings, and refuses one with faults.
///
/// # Errors
/// The plan has faults: all but the first, which is the error, are told on stderr.
pub(super) fn check(cx: &Cx, plan: &Plan) -> Result<(), CliError> {
    for warning in &plan.warnings {
        cx.ui.warn(warning);
    }
    let Some((first, rest)) = plan.faults.split_first() else { return Ok(()) };
    for fault in rest {
        cx.ui.error(&CliError::refused(fault));
    }
    Err(CliError::refused(first))
}

/// Carries out the plan and tells each resource's outcome on stderr.
///
/// # Errors
/// A failure of the reporter; what happened to the resources is in the report.
pub(super) async fn apply(
    cx: &Cx,
    bus: &Bus,
    plan: &Plan,
    confirmed: Confirmed,
    shutdown: &Shutdown,
) -> Result<Option<Report>, CliError> {
    let reporter = output::Human::new(cx.ui.clone());
    let work = |emit| async move { provision::apply(bus, plan, confirmed, &emit, shutdown).await };
    let (report, told) = cx.drive_until(shutdown, reporter, work).await?;
    let Some((_, result)) = told else { return Ok(None) };
    written(result)?;
    Ok(Some(report))
}

fn show(ui: &Ui, plan: &Plan, mode: &str, json: bool) -> Result<(), CliError> {
    written(if json { output::print_json(ui, plan, mode, None) } else { output::print_plan(ui, plan) })
}

fn question(plan: &Plan) -> String {
    let (create, change) = (plan.count(Action::Create), plan.count(Action::Change));
    let mut parts = Vec::new();
    if create > 0 {
        parts.push(format!("create {}", words::count(create as u64, "resource")));
    }
    if change > 0 {
        parts.push(format!("change {}", words::count(change as u64, "resource")));
    }
    let mut question = format!("{}?", parts.join(" and "));
    if let Some(first) = question.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    question
}

fn ending(report: &Report, shutdown: &Shutdown) -> Outcome {
    if report.not_tried() > 0
        && let Some(outcome) = outcome_of_signal(shutdown.signal())
    {
        return outcome;
    }
    if report.done() == 0 && report.all_auth() {
        return Outcome::Auth;
    }
    Outcome::of_items(report.done() as u64, 0, (report.failed() + report.not_tried()) as u64)
}
