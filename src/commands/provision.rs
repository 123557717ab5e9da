//! `eventbus provision`: from topology.yaml to topics, queues, policies and subscriptions.

use std::path::{Path, PathBuf};

use clap::Args;

use super::topology::TopologyArgs;
use super::{Cx, outcome_of_signal, written};
use crate::bus::Bus;
use crate::engine::Confirmed;
use crate::engine::provision::{self, Report};
use crate::engine::shutdown::Shutdown;
use crate::error::CliError;
use crate::outcome::Outcome;
use crate::output::provision as output;
use crate::output::{Format, Ui};
use crate::schema::Catalogue;
use crate::topology::plan::{Action, Plan};
use crate::topology::{Problem, Severity, Topology};
use crate::words;

/// Plan and apply topics, queues, dead-letter queues, policies and subscriptions
#[derive(Debug, Args)]
#[command(
    after_help = "The whole file is checked before any call: every problem at once, with its place and what to write instead.\n\
    Nothing is ever deleted. What the file made is tagged `eventbus:topology=<name>`.\n\n\
    Example: eventbus provision topology.yaml --dry-run\n\
    Example: eventbus provision topology.yaml -f prod.yaml --var STAGE=prod --check"
)]
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
    /// Refuse a file with warnings, as one with errors
    #[arg(long)]
    pub strict: bool,
    /// How the answer is written
    #[arg(short = 'o', long = "output", value_name = "FORMAT", default_value = "table",
        value_parser = Format::one_of(&[Format::Table, Format::Json]))]
    pub output: Format,
    /// Variables and overlays
    #[command(flatten)]
    pub topology_args: TopologyArgs,
}

/// Runs the verb.
///
/// # Errors
/// The file is invalid, the bus cannot be read, or nobody could be asked.
pub async fn run(cx: &mut Cx, args: &ProvisionArgs) -> Result<Outcome, CliError> {
    let path = args.file.as_deref().map_or_else(|| cx.config.topology.value.clone(), |file| cx.path(file));
    let topology = checked(cx, &path, args)?;
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

/// Reads the topology, and checks it by everything that is known without a call. Tells all that was found.
///
/// # Errors
/// A file cannot be read (exit 1), or something is wrong in one (exit 4), which with `--strict` a warning is, too.
fn checked(cx: &Cx, path: &Path, args: &ProvisionArgs) -> Result<Topology, CliError> {
    let topology = cx.topology_from(path, &args.topology_args)?;
    // As the user would write it, since messages name it.
    let folder = cx.config.schemas.value.strip_prefix(&cx.cwd).unwrap_or(&cx.config.schemas.value);
    let catalogue = match Catalogue::open(folder) {
        Ok(catalogue) => catalogue,
        Err(error) => {
            cx.ui.warn(format!("the payload schemas are not looked at: {error}"));
            Catalogue::empty()
        }
    };
    let surroundings = provision::Surroundings {
        catalogue: &catalogue,
        envelope: cx.config.envelope.value,
        publisher: cx.config.publisher.as_ref().map(|found| found.value.as_str()),
        consumes: (
            cx.config.consume_queue.as_ref().map(|found| found.value.as_str()),
            cx.config.consume_timeout.as_ref().map(|found| found.value),
        ),
        routes_here: cx.config.topology.value == path,
    };
    let mut found = topology.warnings.clone();
    found.extend(provision::check(&topology, &surroundings));
    found.sort_by_key(|problem| problem.place);
    if !args.strict || found.is_empty() {
        cx.tell(&found);
        return Ok(topology);
    }
    let found = found.into_iter().map(|problem| Problem { severity: Severity::Error, ..problem }).collect();
    Err(cx.refuse(found))
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
