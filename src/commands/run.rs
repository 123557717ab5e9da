//! `eventbus run`: a command whose outcome is published.

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::{ArgGroup, Args};

use super::topology::TopologyArgs;
use super::{Cx, attribute, duration};
use crate::bus::ItemError;
use crate::clock::{Clock, random_id};
use crate::engine::Backoff;
use crate::engine::exec::HandlerCommand;
use crate::engine::outbox::{Outbox, OutboxError};
use crate::engine::publish::{self, Request};
use crate::engine::run::{self, Ended, Failing, Given, NotBegun, Payload, Shelf, Task};
use crate::engine::shutdown::Shutdown;
use crate::error::CliError;
use crate::event::json::Document;
use crate::event::{Attribute, Attributes, TraceParent};
use crate::outcome::Outcome;
use crate::output::run as reporters;

/// Run a command and publish how it ended
#[derive(Debug, Args)]
#[command(
    override_usage = "eventbus run [OPTIONS] [--on-success EVENT] [--on-failure EVENT] -- CMD [ARGS]...\n       \
        eventbus run [OPTIONS] [--on-success EVENT] [--on-failure EVENT] --exec CMD"
)]
#[command(group = ArgGroup::new("work").required(true).args(["exec", "command"]))]
#[command(group = ArgGroup::new("events").required(true).multiple(true).args(["on_success", "on_failure"]))]
#[command(
    after_help = "The success event's payload is --payload, else the JSON object that the command writes to its stdout (all of it, or\n\
    its last line that is one), else {\"id\": ID}. The failure event has code, data.id, detail (how it failed, and the last\n\
    lines of stderr) and origin. The command's stdout and stderr pass through; it finds EVENTBUS_ATTEMPT, EVENTBUS_DEADLINE\n\
    and TRACEPARENT in its environment, and the events continue that trace.\n\n\
    Exits with the command's own code, 128 and the signal's number for a death by signal. Where the command succeeded\n\
    and its event could not be published: 1 failed, 4 refused, 5 credentials; 2 and 4 too where nothing was run.\n\n\
    Examples:\n  \
    eventbus run --on-success ReportBuilt --on-failure ReportFailed -- ./build-report.sh\n  \
    eventbus run --on-failure BackupFailed --retries 3 --timeout 1h --exec 'pg_dump app | gzip > app.gz'"
)]
pub struct RunArgs {
    /// The event to publish when the command exits with 0
    #[arg(long, value_name = "EVENT", help_heading = "Events")]
    on_success: Option<String>,
    /// The event to publish when it does not
    #[arg(long, value_name = "EVENT", help_heading = "Events")]
    on_failure: Option<String>,
    /// The success event's payload: JSON text, or a file that is read when the command has ended
    #[arg(long, value_name = "JSON|FILE", help_heading = "Events")]
    payload: Option<String>,
    /// What the task is about: `data.id` of the failure event [default: the payload's `id`, else random]
    #[arg(long, value_name = "ID", help_heading = "Events")]
    id: Option<String>,
    /// `code` of the failure event
    #[arg(long, value_name = "CODE", default_value = "APPLICATION_ERROR", help_heading = "Events")]
    code: String,
    /// `origin` of the failure event
    #[arg(long, value_name = "TEXT", default_value = "application", help_heading = "Events")]
    origin: String,
    /// Publish to this topic (name or ARN) [default: `events:` of the topology]
    #[arg(long, value_name = "TOPIC", help_heading = "Events")]
    topic: Option<String>,
    /// Add or replace a message attribute: `k=text`, `k:=5`, `k:='["a","b"]'` (can be repeated)
    #[arg(long = "attr", value_name = "K=V", value_parser = attribute::parse, help_heading = "Events")]
    attributes: Vec<(String, Attribute)>,
    /// Who publishes [default: `publisher:` of the configuration] [env: EVENTBUS_PUBLISHER]
    #[arg(long, value_name = "NAME", help_heading = "Events")]
    publisher: Option<String>,
    /// Keep the event in this file until the bus has confirmed it
    #[arg(long, value_name = "FILE", help_heading = "Events")]
    outbox: Option<PathBuf>,
    /// Try a command that failed so many times more; exit 65, 126 and 127 are final [default: 0; 15 without a number]
    #[arg(long, value_name = "N", num_args = 0..=1, require_equals = false, default_missing_value = "15")]
    retries: Option<u32>,
    /// The longest wait before the first retry; doubles with each, half of it is random
    #[arg(long, value_name = "DURATION", value_parser = duration, default_value = "1s")]
    backoff: Duration,
    /// The longest wait before any retry
    #[arg(long, value_name = "DURATION", value_parser = duration, default_value = "1h")]
    max_backoff: Duration,
    /// End an attempt that takes longer: TERM to its process group, KILL 5 s later
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    timeout: Option<Duration>,
    /// Run this shell line (`sh -c`)
    #[arg(long, value_name = "CMD", allow_hyphen_values = true)]
    exec: Option<String>,
    /// Run this command, without a shell
    #[arg(last = true, value_name = "CMD")]
    command: Vec<OsString>,
    #[command(flatten)]
    topology_args: TopologyArgs,
}

/// Runs the verb.
///
/// # Errors
/// An event that cannot be published, found before anything is run. What befalls the command and its event is told and in the
/// outcome.
pub async fn run(cx: &mut Cx, args: RunArgs) -> Result<Outcome, CliError> {
    let given = args.payload.as_deref().map(|text| given(cx, text)).transpose()?;
    let publish = Request { hooks: super::publish::hooks(cx).await?, ..request(cx, &args)? };
    let command = match args.exec {
        Some(line) => HandlerCommand::Shell(line),
        None => {
            let mut words = args.command.into_iter();
            // clap's group lets no run through that names neither.
            HandlerCommand::Direct { program: words.next().unwrap_or_default(), args: words.collect() }
        }
    };
    // One that is not there has failed, and its event says so.
    let program = command.resolve(cx.config.path.as_deref(), &cx.cwd).await;
    let span = || {
        let mut span = [0; 8];
        span.copy_from_slice(&random_id().as_bytes()[8..]);
        span
    };
    let trace = match cx.config.trace {
        Some(parent) => parent.continued(span()),
        None => TraceParent::new(*random_id().as_bytes(), span(), true),
    };
    let outbox = args.outbox.as_ref().map(|file| shelf(cx, file)).transpose()?;
    let kept = outbox.as_ref().map(|shelf| shelf.file.clone());
    let task = Task {
        program,
        on_success: args.on_success,
        on_failure: args.on_failure,
        payload: Payload { given, id: args.id, random_id: random_id().to_string() },
        failing: Failing { code: args.code, origin: args.origin },
        retries: args.retries.unwrap_or(0),
        backoff: Backoff { base: args.backoff, cap: args.max_backoff },
        timeout: args.timeout,
        pass_stdin: !cx.ui.stdin_is_terminal(),
        trace,
        publish,
        outbox,
        clock: Clock::system(),
    };
    let shutdown = Shutdown::from_signals()?;
    let bus = match super::unless_signalled(&shutdown, cx.bus()).await? {
        Ok(bus) => bus,
        Err(ended) => return Ok(ended),
    };
    let watched = &shutdown;
    let reporter = reporters::Reporter::new(cx.ui.clone());
    let work = |emit| async move { run::run(&bus, task, &emit, watched).await };
    let (result, told) = cx.drive_until(&shutdown, reporter, work).await?;
    let ended = match result {
        Err(NotBegun::Ended) => return Ok(super::outcome_of_signal(shutdown.signal()).unwrap_or(Outcome::Failed)),
        ended => ended.map_err(not_begun)?,
    };
    let outcome = outcome(cx, &ended, kept.as_deref());
    if let Some((_, wrote)) = told
        && ended.code == 0
    {
        super::written(wrote)?;
    }
    Ok(outcome)
}

/// The command's own code; where that is 0 and its event is not out, what became of the event.
fn outcome(cx: &Cx, ended: &Ended, outbox: Option<&std::path::Path>) -> Outcome {
    let published = match &ended.published {
        None => Outcome::Done,
        Some(Ok(report)) => {
            for error in &report.topic_errors {
                cx.ui.error(&error.into());
            }
            if let Some(outbox) = outbox {
                super::outbox::tell_rest(cx, outbox, report);
            }
            let denied = report.first_failure.as_ref().is_some_and(ItemError::is_denied);
            match Outcome::of_items(report.sent + report.skipped, report.refused, report.failed) {
                Outcome::Failed if denied => Outcome::Auth,
                outcome => outcome,
            }
        }
        Some(Err(error)) => {
            cx.ui.error(&CliError::failed(format!("the outcome was not published: {error}")));
            Outcome::Failed
        }
    };
    match (ended.code, published) {
        (0, published) => published,
        (code, _) => Outcome::Command(code),
    }
}

/// The outbox, looked at before the command begins: it must be one, and what waits in it must be for this bus.
fn shelf(cx: &Cx, file: &std::path::Path) -> Result<Shelf, CliError> {
    let shelf = Shelf { file: cx.path(file), bus: cx.config.context.value.describe() };
    match Outbox::open(&shelf.file, true).and_then(|outbox| outbox.is_for(&shelf.bus)) {
        // Another task is just writing its outcome there; ours has time.
        Ok(()) | Err(OutboxError::Busy(_)) => Ok(shelf),
        Err(error) => Err(super::outbox::unusable(&error)),
    }
}

/// JSON text, or a file.
fn given(cx: &Cx, text: &str) -> Result<Given, CliError> {
    if !text.trim_start().starts_with(['{', '[', '"']) {
        return Ok(Given::File(cx.path(text.as_ref())));
    }
    match Document::from_text(text) {
        Ok(_) => Ok(Given::Text(text.to_owned())),
        Err(error) => Err(CliError::refused("`--payload` is no payload").because(&error)),
    }
}

/// Everything about the publishing that does not depend on how the command ends.
fn request(cx: &Cx, args: &RunArgs) -> Result<Request, CliError> {
    let publisher = args.publisher.clone().or_else(|| cx.config.publisher.as_ref().map(|found| found.value.clone()));
    let publisher = publisher.filter(|publisher| !publisher.is_empty()).ok_or_else(|| {
        CliError::usage("the publisher is not known")
            .hint("add `publisher: UserService` to eventbus.yaml, or `--publisher UserService`")
    })?;
    Ok(Request {
        event: None,
        event_field: None,
        sources: Vec::new(),
        map: None,
        repeat: 1,
        catalogue: Arc::new(super::publish::catalogue(cx)?),
        schema_version: None,
        require_schema: cx.config.require_schema,
        topic: args.topic.clone(),
        topology: cx.topology(&args.topology_args)?,
        envelope: cx.config.envelope.value,
        publisher,
        entity_id: args.id.clone(),
        entity_name: None,
        personal_data: false,
        trace: None,
        attributes: args.attributes.iter().cloned().collect::<Attributes>(),
        group_id: None,
        dedup_id: None,
        all_or_nothing: false,
        dry_run: false,
        rate: None,
        concurrency: publish::CONCURRENCY,
        hooks: publish::Hooks::default(),
        outbox: None,
        clock: Clock::system(),
    })
}

fn not_begun(error: NotBegun) -> CliError {
    match error {
        NotBegun::Event(error) => super::publish::explain(error),
        NotBegun::Topic(error) => error.into(),
        error @ NotBegun::Payload(_) => CliError::refused(error.to_string()),
        error @ NotBegun::Ended => CliError::failed(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        args: RunArgs,
    }

    fn parse(line: &[&str]) -> Result<RunArgs, clap::Error> {
        Line::try_parse_from(std::iter::once("run").chain(line.iter().copied())).map(|line| line.args)
    }

    #[test]
    fn command_lines_that_hold() {
        let args = parse(&["--on-success", "A", "--retries", "--timeout", "1m", "--", "make", "--exec", "x"]).unwrap();
        assert_eq!((args.retries, args.command.len(), args.exec), (Some(15), 3, None));
        let args = parse(&["--on-failure", "B", "--retries", "3", "--exec", "-x | y"]).unwrap();
        assert_eq!((args.retries, args.exec.as_deref()), (Some(3), Some("-x | y")));
    }

    #[test]
    fn command_lines_that_do_not() {
        for line in [
            &["--", "true"][..],
            &["--on-success", "A"],
            &["--on-success", "A", "--exec", "x", "--", "y"],
            &["--on-success", "A", "--retries", "-1", "--", "y"],
            &["--on-success", "A", "--timeout", "0s", "--", "y"],
        ] {
            assert!(parse(line).is_err(), "{line:?}");
        }
    }
}
