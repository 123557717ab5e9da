//! `eventbus outbox`: what a publish with `--outbox` has left: look at it, send it, forget it.

use std::path::PathBuf;
use std::sync::Arc;

use clap::{Args, Subcommand};

use super::{Cx, outcome_of_signal, written};
use crate::clock::Clock;
use crate::engine::outbox::{Outbox, OutboxError};
use crate::engine::publish::{self, Report, Request};
use crate::engine::shutdown::Shutdown;
use crate::error::CliError;
use crate::event::{Attributes, EnvelopeStyle};
use crate::outcome::Outcome;
use crate::output::{Format, escape_control, outbox as output, publish as reporters, quoted};
use crate::schema::Catalogue;
use crate::words;

/// Events that `publish --outbox` and `run --outbox` keep until the bus has confirmed them
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  eventbus publish UserRegistered users.ndjson --outbox users.outbox\n  \
    eventbus outbox list users.outbox\n  eventbus outbox flush users.outbox\n  eventbus outbox drop users.outbox --id 17")]
pub struct OutboxArgs {
    #[command(subcommand)]
    verb: OutboxVerb,
}

#[derive(Debug, Subcommand)]
enum OutboxVerb {
    /// Show the events that are not sent
    List(ListArgs),
    /// Send the events that are not sent, in the order in which they came
    Flush(FlushArgs),
    /// Forget events that are not sent
    Drop(DropArgs),
}

#[derive(Debug, Args)]
struct ListArgs {
    /// The outbox
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// How to print the answer [default: table on a terminal, else ndjson]
    #[arg(short = 'o', long = "output", value_name = "FORMAT",
        value_parser = Format::one_of(&[Format::Table, Format::Ndjson]))]
    output: Option<Format>,
}

#[derive(Debug, Args)]
struct FlushArgs {
    /// The outbox
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Send them to this bus, whichever they were meant for
    #[arg(long)]
    any_bus: bool,
    /// How to print the answer [default: table on a terminal, else ndjson]
    #[arg(short = 'o', long = "output", value_name = "FORMAT",
        value_parser = Format::one_of(&[Format::Table, Format::Ndjson]))]
    output: Option<Format>,
}

#[derive(Debug, Args)]
struct DropArgs {
    /// The outbox
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Only the event of this number (can be repeated) [default: all]
    #[arg(long = "id", value_name = "N")]
    ids: Vec<i64>,
}

/// Runs the verb.
///
/// # Errors
/// The outbox is not there, is in use, or is meant for another bus; what befalls single events is told and in the outcome.
pub async fn run(cx: &mut Cx, args: OutboxArgs) -> Result<Outcome, CliError> {
    match args.verb {
        OutboxVerb::List(args) => list(cx, &args),
        OutboxVerb::Flush(args) => flush(cx, args).await,
        OutboxVerb::Drop(args) => drop_events(cx, &args),
    }
}

fn open(cx: &Cx, file: &std::path::Path) -> Result<Outbox, CliError> {
    Outbox::open(&cx.path(file), false).map_err(|error| unusable(&error))
}

fn list(cx: &Cx, args: &ListArgs) -> Result<Outcome, CliError> {
    let outbox = Outbox::look(&cx.path(&args.file)).map_err(|error| unusable(&error))?;
    let format = args.output.unwrap_or(if cx.ui.stdout_is_terminal() { Format::Table } else { Format::Ndjson });
    let unfinished = outbox.unfinished().map_err(|error| unusable(&error))?;
    let mut writer = output::Writer::new(&cx.ui, format);
    let mut wrote = Ok(());
    let read = outbox.entries(|entry| {
        wrote = writer.entry(&entry);
        wrote.is_ok()
    });
    read.map_err(|error| unusable(&error))?;
    written(wrote.and_then(|()| writer.finish()))?;
    for publish in &unfinished {
        cx.ui.status(output::unfinished(publish));
    }
    if unfinished.is_empty() {
        cx.ui.status("Nothing waits");
    }
    Ok(Outcome::Done)
}

async fn flush(cx: &mut Cx, args: FlushArgs) -> Result<Outcome, CliError> {
    let bus = cx.bus().await?;
    let outbox = Arc::new(open(cx, &args.file)?);
    check_bus(cx, &outbox, args.any_bus)?;
    let format = args.output.unwrap_or(if cx.ui.stdout_is_terminal() { Format::Table } else { Format::Ndjson });
    let request = Request {
        event: None,
        event_field: None,
        sources: Vec::new(),
        map: None,
        repeat: 1,
        catalogue: Arc::new(Catalogue::empty()),
        schema_version: None,
        require_schema: false,
        topic: None,
        topology: None,
        envelope: EnvelopeStyle::default(),
        publisher: String::new(),
        entity_id: None,
        entity_name: None,
        personal_data: false,
        trace: None,
        attributes: Attributes::new(),
        group_id: None,
        dedup_id: None,
        all_or_nothing: false,
        dry_run: false,
        rate: None,
        concurrency: publish::CONCURRENCY,
        hooks: publish::Hooks::default(),
        outbox: Some(outbox.clone()),
        clock: Clock::system(),
    };
    let shutdown = Shutdown::from_signals()?;
    let reporter = reporters::Reporter::new(cx.ui.clone(), format, false);
    let watched = &shutdown;
    let work = |emit| async move { publish::run(Some(&bus), request, &emit, watched).await };
    let (done, told) = cx.drive_until(&shutdown, reporter, work).await?;
    let report = done.map_err(super::publish::explain)?;
    for error in &report.topic_errors {
        cx.ui.error(&error.into());
    }
    let Some((reporter, wrote)) = told else {
        return Ok(outcome_of_signal(shutdown.signal()).unwrap_or(Outcome::Failed));
    };
    cx.ui.status(reporter.summary(&report));
    tell_rest(cx, outbox.path(), &report);
    let ended = super::publish::outcome(&report);
    if let Some(error) = report.broken {
        cx.ui.error(&super::publish::explain(error));
    }
    written(wrote)?;
    let stopped = outcome_of_signal(shutdown.signal()).filter(|_| report.stopped);
    Ok(stopped.unwrap_or(ended))
}

fn drop_events(cx: &Cx, args: &DropArgs) -> Result<Outcome, CliError> {
    let outbox = open(cx, &args.file)?;
    let waiting: u64 = outbox.unfinished().map_err(|error| unusable(&error))?.iter().map(|run| run.waiting).sum();
    let events = if args.ids.is_empty() { waiting } else { args.ids.len() as u64 };
    let question =
        format!("Forget {} that {} not sent?", words::count(events, "event"), if events == 1 { "is" } else { "are" });
    let look = format!("`eventbus outbox list {}` to only look", quoted(&args.file.display().to_string()));
    let Some(confirmed) = cx.ui.confirm(&question, cx.yes, Some(&look))? else { return Ok(Outcome::Failed) };
    let ids = (!args.ids.is_empty()).then_some(args.ids.as_slice());
    let gone = outbox.forget(ids, confirmed).map_err(|error| unusable(&error))?;
    outbox.tidy(false).map_err(|error| unusable(&error))?;
    cx.ui.status(format!("Forgot {}", words::count(gone, "event")));
    // Numbers that are not there are no events that wait.
    Ok(if ids.is_some_and(|ids| ids.len() as u64 > gone) { Outcome::Partial } else { Outcome::Done })
}

/// Refuses to send what waits to another bus than it was meant for.
pub(super) fn check_bus(cx: &Cx, outbox: &Outbox, any: bool) -> Result<(), CliError> {
    if any {
        return Ok(());
    }
    outbox.is_for(&cx.config.context.value.describe()).map_err(|error| unusable(&error))
}

/// Says what is left in the outbox and what may be there twice.
pub(super) fn tell_rest(cx: &Cx, outbox: &std::path::Path, report: &Report) {
    let file = quoted(&cx.shown(&outbox.display().to_string()));
    tell_twice(cx, report);
    if report.kept > 0 {
        let n = words::count(report.kept, "event");
        cx.ui.warn(format!("{n} could not be sent and {} in {file}", if report.kept == 1 { "waits" } else { "wait" }));
        cx.ui.hint(format!("send what waits: `eventbus outbox flush {file}`"));
    }
}

/// Says what may be at the bus twice.
pub(super) fn tell_twice(cx: &Cx, report: &Report) {
    if report.perhaps_twice > 0 {
        let n = words::count(report.perhaps_twice, "event");
        let them = if report.perhaps_twice == 1 { "it was" } else { "they were" };
        cx.ui.warn(format!(
            "{n} may have arrived twice: when {them} sent before, the bus did not say whether it took {}",
            if report.perhaps_twice == 1 { "it" } else { "them" }
        ));
    }
}

/// An outbox that cannot be used, for the user.
pub(super) fn unusable(error: &OutboxError) -> CliError {
    if let OutboxError::Foreign { path, .. } = error {
        return CliError::refused(escape_control(&error.to_string())).hint(format!(
            "choose the bus it was meant for (`--context`), or send it here: `eventbus outbox flush {} --any-bus`",
            quoted(&path.display().to_string())
        ));
    }
    let cli = match std::error::Error::source(error) {
        Some(cause) => CliError::failed(error.to_string()).because(cause),
        None => CliError::failed(error.to_string()),
    };
    match error {
        OutboxError::Busy(path) => {
            cli.hint(format!("see who holds it: `fuser -v {}`", quoted(&path.display().to_string())))
        }
        _ => cli,
    }
}
