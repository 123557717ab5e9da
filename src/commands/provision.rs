//! `eventbus provision`: from topology.yaml to topics, queues, policies and subscriptions.

use std::path::{Path, PathBuf};

use clap::Args;

use super::topology::TopologyArgs;
use super::{Cx, outcome_of_signal, written};
use crate::bus::Bus;
use crate::engine::Confirmed;
use crate::engine::provision::saved::SavedPlan;
use crate::engine::provision::{self, Planned, Report};
use crate::engine::shutdown::Shutdown;
use crate::error::CliError;
use crate::outcome::Outcome;
use crate::output::provision as output;
use crate::output::{Asked, Format, Ui, quoted};
use crate::schema::Catalogue;
use crate::topology::plan::{Action, Options, Plan};
use crate::topology::{Problem, Severity, Topology};
use crate::words;

/// Plan and apply topics, queues, dead-letter queues, policies and subscriptions
#[derive(Debug, Args)]
#[command(
    after_help = "The whole file is checked before any call: every problem at once, with its place and what to write instead.\n\
    No topic, queue or subscription is deleted without `--prune`, `--destroy` or `--allow-replace`, and then only what carries \
    this file's tag, `eventbus:topology=<name>`. Messages (those that a shorter retention drops, too), subscriptions of others, \
    and everything on a protected bus, are given up only for their names: `--confirm NAME`.\n\n\
    Example: eventbus provision topology.yaml --dry-run\n\
    Example: eventbus provision topology.yaml -f prod.yaml --var STAGE=prod --check\n\
    Example: eventbus provision --prune --out plan.json, and after a review: eventbus provision --plan plan.json"
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
    /// Show where the bus differs from what the file names, and change nothing; with `--prune` also what it does not name
    #[arg(long, conflicts_with_all = ["dry_run", "check"])]
    pub refresh_only: bool,
    /// Delete what this file made and does not have any more
    #[arg(long)]
    pub prune: bool,
    /// Delete all that this file made
    #[arg(long, conflicts_with_all = ["prune", "adopt", "allow_replace"])]
    pub destroy: bool,
    /// Take over what exists and carries no file's tag
    #[arg(long)]
    pub adopt: bool,
    /// Replace what cannot be changed, such as a standard queue by a FIFO queue: the old one is deleted
    #[arg(long)]
    pub allow_replace: bool,
    /// Go ahead with what would be destroyed, by its name (can be repeated); `--yes` does not stand for it
    #[arg(long, value_name = "NAME")]
    pub confirm: Vec<String>,
    /// Write the plan to this file and change nothing
    #[arg(long, value_name = "FILE", conflicts_with_all = ["check", "refresh_only"])]
    pub out: Option<PathBuf>,
    /// Carry out the plan of this file, if it still is what it was; variables are given again
    #[arg(long, value_name = "FILE", conflicts_with_all = ["prune", "destroy", "adopt", "allow_replace", "out"])]
    pub plan: Option<PathBuf>,
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

impl ProvisionArgs {
    fn options(&self) -> Options {
        let Self { prune, destroy, adopt, allow_replace, .. } = *self;
        Options { prune, destroy, adopt, allow_replace }
    }
}

/// The command that plans again what `saved` planned; variables are the user's to give.
fn planned_by(saved: &SavedPlan, file: &Path) -> String {
    let Options { prune, destroy, adopt, allow_replace } = saved.options;
    let mut command = format!("eventbus provision {}", quoted(&saved.file));
    for overlay in &saved.overlays {
        command.push_str(&format!(" -f {}", quoted(overlay)));
    }
    let flags = [(prune, "prune"), (destroy, "destroy"), (adopt, "adopt"), (allow_replace, "allow-replace")];
    for (_, flag) in flags.into_iter().filter(|(given, _)| *given) {
        command.push_str(&format!(" --{flag}"));
    }
    command.push_str(&format!(" --out {}", quoted(&file.display().to_string())));
    command
}

/// Runs the verb.
///
/// # Errors
/// The file is invalid, the bus cannot be read, a saved plan is not what it was, or nobody could be asked.
pub async fn run(cx: &mut Cx, args: &ProvisionArgs) -> Result<Outcome, CliError> {
    let saved = args.plan.as_deref().map(|path| read_saved(cx, path)).transpose()?;
    let named = args.file.clone().or_else(|| saved.as_ref().map(|saved| PathBuf::from(&saved.file)));
    let path = named.as_deref().map_or_else(|| cx.config.topology.value.clone(), |file| cx.path(file));
    let mut laid = args.topology_args.clone();
    if let Some(saved) = saved.as_ref().filter(|_| laid.overlays.is_empty()) {
        laid.overlays = saved.overlays.iter().map(PathBuf::from).collect();
    }
    let topology = checked(cx, &path, &laid, args.strict)?;
    let bus = cx.bus_or_new().await?;
    let options = saved.as_ref().map_or_else(|| args.options(), |saved| saved.options);
    let mut planned = read(cx, &bus, &topology, options).await?;
    if let (Some(saved), Some(file)) = (&saved, &args.plan) {
        saved.verify(&planned).map_err(|moved| {
            CliError::refused(format!("the plan {} is not carried out", quoted(&file.display().to_string())))
                .because(&moved)
                .hint(format!("plan again and look: `{}`", planned_by(saved, file)))
        })?;
    }
    check(cx, &planned.plan)?;
    // Those of the files were told when they were read; a machine reads them with the plan's.
    planned.plan.warnings.splice(0..0, topology.warnings.iter().map(ToString::to_string));
    let plan = &planned.plan;
    let json = args.output == Format::Json;
    if args.refresh_only {
        written(if json {
            output::print_json(&cx.ui, plan, "drift", None)
        } else {
            output::print_drift(&cx.ui, plan)
        })?;
        return Ok(Outcome::Done);
    }
    let mode = if args.check { "check" } else { "plan" };
    if let Some(out) = &args.out {
        save(cx, &planned, (&path, &laid.overlays), out)?;
    }
    if args.check || args.dry_run || args.out.is_some() || plan.is_empty() {
        show(&cx.ui, plan, mode, json)?;
        return Ok(if args.check && !plan.is_empty() { Outcome::No } else { Outcome::Done });
    }
    if !json {
        show(&cx.ui, plan, mode, json)?;
    }
    let Some(confirmed) = agreed(cx, plan, &args.confirm)? else {
        if json {
            show(&cx.ui, plan, mode, json)?;
        }
        return Ok(Outcome::Failed);
    };
    let shutdown =
        Shutdown::from_signals().map_err(|error| CliError::failed("signals cannot be handled").because(&error))?;
    let Some(report) = apply(cx, &bus, plan, confirmed, &shutdown).await? else {
        return Ok(outcome_of_signal(shutdown.signal()).unwrap_or(Outcome::Failed));
    };
    written(if json {
        output::print_json(&cx.ui, plan, "apply", Some(&report))
    } else {
        output::print_report(&cx.ui, plan, &report)
    })?;
    if report.done() > 0 && !bus.can_peek() {
        output::note_delays(&cx.ui, plan);
    }
    Ok(ending(&report, &shutdown))
}

/// Reads what stands and plans, with progress on a terminal.
async fn read(cx: &Cx, bus: &Bus, topology: &Topology, options: Options) -> Result<Planned, CliError> {
    let reporter = output::Human::new(cx.ui.clone(), "reading");
    let never = Shutdown::never();
    let never = &never;
    let work = |emit| async move { provision::plan_with(bus, topology, options, &emit, never).await };
    let (planned, told) = cx.drive_until(never, reporter, work).await?;
    written(told.map_or(Ok(()), |(_, told)| told))?;
    Ok(planned?)
}

fn read_saved(cx: &Cx, path: &Path) -> Result<SavedPlan, CliError> {
    let shown = quoted(&path.display().to_string());
    let text = std::fs::read_to_string(cx.path(path))
        .map_err(|error| CliError::failed(format!("the plan {shown} cannot be read")).because(&error))?;
    SavedPlan::parse(&text)
        .map_err(|moved| CliError::refused(format!("the plan {shown} is not carried out")).because(&moved))
}

/// Writes the plan beside its name first: half a plan must not look like one.
fn save(cx: &Cx, planned: &Planned, (topology, overlays): (&Path, &[PathBuf]), out: &Path) -> Result<(), CliError> {
    let shown = |path: &Path| path.strip_prefix(&cx.cwd).unwrap_or(path).display().to_string();
    let files = (shown(topology), overlays.iter().map(|file| shown(file)).collect());
    let saved = SavedPlan::of(planned, files, output::record(&planned.plan, "plan", None));
    let shown = quoted(&out.display().to_string());
    let unwritten =
        |error: std::io::Error| CliError::failed(format!("the plan {shown} cannot be written")).because(&error);
    let text = serde_json::to_string_pretty(&saved)
        .map_err(|error| CliError::failed(format!("the plan {shown} cannot be written")).because(&error))?;
    let path = cx.path(out);
    let other = std::fs::read_to_string(&path).is_ok_and(|there| SavedPlan::parse(&there).is_err());
    if other && cx.ui.confirm(&format!("{shown} is no plan of this program. Replace it?"), cx.yes, None)?.is_none() {
        return Err(CliError::failed(format!("{shown} is left as it is")));
    }
    let folder = path.parent().unwrap_or(&cx.cwd);
    let mut half = tempfile::NamedTempFile::new_in(folder).map_err(unwritten)?;
    std::io::Write::write_all(&mut half, format!("{text}\n").as_bytes()).map_err(unwritten)?;
    half.persist(&path).map_err(|error| unwritten(error.error))?;
    cx.ui.status(format!("Saved the plan to {shown}; to carry it out: eventbus provision --plan {shown}"));
    Ok(())
}

/// Reads the topology, and checks it by everything that is known without a call. Tells all that was found.
///
/// # Errors
/// A file cannot be read (exit 1), or something is wrong in one (exit 4), which with `--strict` a warning is, too.
fn checked(cx: &Cx, path: &Path, laid: &TopologyArgs, strict: bool) -> Result<Topology, CliError> {
    let topology = cx.topology_from(path, laid)?;
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
    if !strict || found.is_empty() {
        cx.tell(&found);
        return Ok(Topology { warnings: found, ..topology });
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
/// The account is not the context's; a failure of the reporter. What happened to the resources is in the report.
pub(super) async fn apply(
    cx: &Cx,
    bus: &Bus,
    plan: &Plan,
    confirmed: Confirmed,
    shutdown: &Shutdown,
) -> Result<Option<Report>, CliError> {
    let reporter = output::Human::new(cx.ui.clone(), "applying");
    let work = |emit| async move { provision::apply(bus, plan, confirmed, &emit, shutdown).await };
    let (report, told) = cx.drive_until(shutdown, reporter, work).await?;
    let report = report?;
    let Some((_, result)) = told else { return Ok(None) };
    written(result)?;
    Ok(Some(report))
}

fn show(ui: &Ui, plan: &Plan, mode: &str, json: bool) -> Result<(), CliError> {
    written(if json { output::print_json(ui, plan, mode, None) } else { output::print_plan(ui, plan) })
}

/// Asks for what the plan needs: the names of what is destroyed, else a yes.
fn agreed(cx: &Cx, plan: &Plan, given: &[String]) -> Result<Option<Confirmed>, CliError> {
    let asked = names_asked(plan, cx.config.context.value.protected);
    if asked.is_empty() {
        cx.ui.confirm(&question(plan), cx.yes, Some("`--dry-run` to only look"))
    } else {
        cx.ui.confirm_names(&asked, given)
    }
}

/// The names that have to be typed. What destroys messages, or subscriptions of others, asks for its own name everywhere. On a
/// protected bus every deletion does; of several the topology's name stands for all of those that only that asks about.
fn names_asked(plan: &Plan, protected: bool) -> Vec<Asked> {
    let mut asked: Vec<Asked> = Vec::new();
    for guard in plan.guards() {
        asked.push(Asked { why: guard.why.clone(), names: vec![guard.name.clone()] });
    }
    if !protected || plan.count(Action::Delete) == 0 {
        return asked;
    }
    let unguarded: Vec<&str> =
        plan.deleted().filter(|change| change.guard.is_none()).map(|change| change.name.as_str()).collect();
    let rows = plan.changes.iter().filter(|change| change.action == Action::Delete && change.guard.is_none()).count();
    let names = match (rows, unguarded.as_slice()) {
        (0, _) => return asked,
        (1, [one]) => vec![(*one).to_owned(), plan.topology.clone()],
        _ => vec![plan.topology.clone()],
    };
    let why = format!("this bus is protected, and {} would be deleted", words::count(rows as u64, "resource"));
    asked.push(Asked { why, names });
    asked
}

fn question(plan: &Plan) -> String {
    let part = |action: Action, verb: &str| {
        let count = plan.count(action);
        (count > 0).then(|| format!("{verb} {}", words::count(count as u64, "resource")))
    };
    let parts: Vec<String> = [
        part(Action::Create, "create"),
        part(Action::Change, "change"),
        part(Action::Replace, "replace"),
        part(Action::Delete, "DELETE"),
    ]
    .into_iter()
    .flatten()
    .collect();
    let mut question = match parts.split_last() {
        None => "go ahead?".to_owned(),
        Some((last, [])) => format!("{last}?"),
        Some((last, rest)) => format!("{} and {last}?", rest.join(", ")),
    };
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::topology::plan::{Change, Guard, Kind, Work};

    fn deleted(kind: Kind, name: &str, guarded: bool) -> Change {
        let guard = guarded.then(|| Guard { name: name.to_owned(), why: "it is lost".into() });
        let (fields, notes, needs) = (Vec::new(), Vec::new(), Vec::new());
        Change { kind, name: name.into(), action: Action::Delete, fields, notes, needs, guard, work: Work::Nothing }
    }

    #[test]
    fn the_names_that_are_asked_for() {
        let names = |changes: &[Change], protected: bool| {
            let plan = Plan { topology: "users".into(), changes: changes.to_vec(), ..Plan::default() };
            names_asked(&plan, protected).into_iter().map(|asked| asked.names.join("|")).collect::<Vec<_>>()
        };
        let (full, empty) = (deleted(Kind::Queue, "full", true), deleted(Kind::Queue, "empty", false));
        let loose = deleted(Kind::Subscription, "a → b", false);
        for (changes, open, protected) in [
            (vec![], vec![], vec![]),
            (vec![empty.clone()], vec![], vec!["empty|users"]),
            (vec![full.clone()], vec!["full"], vec!["full"]),
            (vec![full.clone(), empty.clone()], vec!["full"], vec!["full", "empty|users"]),
            (vec![empty.clone(), empty.clone()], vec![], vec!["users"]),
            (vec![loose.clone()], vec![], vec!["users"]),
            (vec![empty, loose], vec![], vec!["users"]),
        ] {
            assert_eq!(names(&changes, false), open);
            assert_eq!(names(&changes, true), protected);
        }
    }

    #[test]
    fn the_question_says_what_is_deleted() {
        let changes = vec![deleted(Kind::Queue, "q", false), deleted(Kind::Topic, "t", false)];
        let plan = Plan { changes, ..Plan::default() };
        assert_eq!(question(&plan), "DELETE 2 resources?");
    }
}
