//! `eventbus consume`: handlers over the events of queues.

mod args;
mod handlers;
mod spans;
mod values;

pub use args::{ConsumeArgs, DedupeKey, FailureOn, LogForm, ProtocolName, StdinForm, What};

use std::sync::Arc;

use super::Cx;
use super::topology::TopologyArgs;
use crate::clock::Clock;
use crate::engine::consume::{
    self, Announcement, Announcements, ConsumeError, DedupeBy, DedupeSpec, Ended, Metrics, Report, Request, preview,
};
use crate::engine::exec::NotRunnable;
use crate::engine::shutdown::Shutdown;
use crate::error::CliError;
use crate::outcome::Outcome;
use crate::output::consume as reporters;
use crate::schema::Catalogue;

/// Runs the verb.
///
/// # Errors
/// No queue or no handler is named, a handler or a queue does not exist, settings contradict each other; after draining, a handler
/// that could not run, or a bus that no longer answers.
pub async fn run(cx: &mut Cx, args: ConsumeArgs) -> Result<Outcome, CliError> {
    let queues = queues(cx, &args.queues)?;
    // Before the bus is asked anything: a handler that cannot run must not cost a receive.
    let (specs, table) = handlers::handlers(cx, &args).await?;
    if args.dry_run {
        let handlers: Vec<String> = specs.iter().map(|spec| spec.protocol.to_string()).collect();
        return dry_run(cx, &args, queues, table, &handlers).await;
    }
    let metrics = Metrics::default();
    let request = Request {
        queues,
        handlers: specs,
        table,
        unhandled: args.unhandled.into(),
        invalid: args.invalid.into(),
        validate: if args.validate { Some(catalogue(cx)?) } else { None },
        stdin: args.stdin.into(),
        order_by: args.order_by.clone(),
        rate: args.rate,
        pause_after: args.pause_after,
        max_memory: args.max_memory,
        dedupe: args.dedupe.map(|window| DedupeSpec {
            path: match &args.dedupe_file {
                Some(file) => cx.path(file),
                None => cx.config.folder.join(".eventbus/handled.db"),
            },
            window,
            by: match args.dedupe_by {
                DedupeKey::Message => DedupeBy::Message,
                DedupeKey::Event => DedupeBy::Event,
            },
        }),
        announcements: announcements(cx, &args)?,
        count: args.count,
        idle: args.idle,
        drain: args.drain,
        drain_timeout: args.drain_timeout,
        clock: Clock::system(),
        metrics: metrics.clone(),
        spans: spans::export(cx)?,
    };
    let shutdown = Shutdown::from_signals()?;
    let bus = match super::unless_signalled(&shutdown, cx.bus()).await? {
        Ok(bus) => bus,
        Err(ended) => return Ok(ended),
    };
    let _server = match args.metrics {
        Some(address) => {
            let server = metrics.serve(address).await.map_err(|error| {
                CliError::failed(format!("the metrics' address {address} cannot be listened at")).because(&error)
            })?;
            cx.ui.note(format!("metrics: http://{}/metrics", server.address));
            Some(server)
        }
        None => None,
    };
    let time = (args.log == LogForm::Json).then_some(now as fn() -> String);
    let reporter = reporters::reporter(&cx.ui, args.output, time, &metrics);
    let watched = &shutdown;
    let work = |emit| async move { consume::run(&bus, request, &emit, watched).await };
    let (result, told) = cx.drive_until(&shutdown, reporter, work).await?;
    let report = result.map_err(not_begun)?;
    match told {
        Some((mut reporter, written)) => {
            // Also after stdout was closed: for people it is said on stderr.
            let summary = reporter.summary(&report);
            super::written(written.and(summary))?;
        }
        None => return Ok(super::outcome_of_signal(shutdown.signal()).unwrap_or(Outcome::Failed)),
    }
    outcome(&report, args.fail_on_error)
}

fn now() -> String {
    format!("{:.3}", Clock::system().now())
}

async fn dry_run(
    cx: &mut Cx,
    args: &ConsumeArgs,
    queues: Vec<String>,
    table: consume::Table,
    handlers: &[String],
) -> Result<Outcome, CliError> {
    let request = preview::Request {
        queues,
        table,
        unhandled: args.unhandled.into(),
        invalid: args.invalid.into(),
        count: args.count,
        force: args.force,
    };
    let bus = cx.bus().await?;
    let (planned, released) = preview::preview(&bus, &request).await.map_err(|error| match error {
        preview::PreviewError::Bus(error) => error.into(),
        costs @ preview::PreviewError::Costs { .. } => CliError::usage(costs.to_string())
            .hint("look all the same: `--dry-run --force`, with `--count N` at few of them"),
    })?;
    if let Some(released) = released.filter(|released| released.not_yet > 0) {
        cx.ui.warn(format!(
            "{} messages could not be given back: they are seen again within 2 minutes",
            released.not_yet
        ));
    }
    super::written(reporters::preview::show(&cx.ui, args.output, &planned, handlers))?;
    Ok(Outcome::Done)
}

fn catalogue(cx: &Cx) -> Result<Arc<Catalogue>, CliError> {
    let folder = &cx.config.schemas.value;
    if !folder.is_dir() {
        return Err(CliError::usage(format!(
            "`--validate`: the folder of schemas {} does not exist",
            folder.display()
        ))
        .hint("set `schemas:` in eventbus.yaml"));
    }
    let catalogue = Catalogue::open(folder).map_err(|error| CliError::failed(error.to_string()))?;
    // A schema that cannot be used is told now, not with the first event that needs it.
    for event in catalogue.events() {
        catalogue.schema(event, None).map_err(|error| CliError::refused(error.to_string()))?;
    }
    Ok(Arc::new(catalogue))
}

/// The events about handled events, and where they go.
fn announcements(cx: &Cx, args: &ConsumeArgs) -> Result<Option<Announcements>, CliError> {
    if args.on_success.is_none() && args.on_failure.is_none() {
        return Ok(None);
    }
    let publisher = cx.config.publisher.as_ref().map(|publisher| publisher.value.clone());
    let publisher = publisher.filter(|publisher| !publisher.is_empty()).ok_or_else(|| {
        CliError::usage("the publisher of outcome events is not known")
            .hint("add `publisher: UserService` to eventbus.yaml")
    })?;
    let topology = cx.topology(&TopologyArgs::default())?;
    let announcement = |flag: &str, event: &Option<String>| {
        let Some(event) = event else { return Ok(None) };
        let route = topology.as_ref().and_then(|topology| topology.route(&publisher, event));
        match route {
            Some(route) => Ok(Some(Announcement { event: event.clone(), topics: route.topics.clone() })),
            None => Err(CliError::usage(format!("`{flag} {event}`: the event has no topic to go to"))
                .hint(format!("add `{event}: {{ topic: NAME }}` to `events:` of the topology"))),
        }
    };
    Ok(Some(Announcements {
        success: announcement("--on-success", &args.on_success)?,
        failure: announcement("--on-failure", &args.on_failure)?,
        every_failure: args.failure_on == FailureOn::Every,
        publisher: publisher.clone(),
        envelope: cx.config.envelope.value,
    }))
}

fn outcome(report: &Report, fail_on_error: bool) -> Result<Outcome, CliError> {
    match &report.ended {
        Ended::CannotRun { handler, why } => Err(CliError::failed(format!("handler `{handler}` cannot run: {why}"))),
        Ended::ReceiveFailed(error) => Err(error.as_ref().into()),
        Ended::Signal(signal) => Ok(super::outcome_of_signal(Some(*signal)).unwrap_or(Outcome::Done)),
        Ended::OutputClosed => Err(CliError::failed(
            "stdout was closed before the end; what was being handled was finished, the rest is still in the queue",
        )),
        Ended::Count | Ended::Idle | Ended::Drained { .. } => {
            let counts = &report.counts;
            let bad = counts.failed + counts.rejected + counts.left + counts.unconfirmed;
            Ok(if fail_on_error && bad > 0 { Outcome::Partial } else { Outcome::Done })
        }
    }
}

/// The queues that are named, or the one that is meant.
fn queues(cx: &Cx, named: &[String]) -> Result<Vec<String>, CliError> {
    if !named.is_empty() {
        return Ok(named.to_vec());
    }
    if let Some(configured) = &cx.config.consume_queue {
        return Ok(vec![configured.value.clone()]);
    }
    let none = |why: String| {
        CliError::usage(format!("no queue is named, and {why}")).hint("name one: `eventbus consume QUEUE --exec CMD`")
    };
    let shown = cx.shown(&cx.config.topology.value.display().to_string());
    match cx.topology(&TopologyArgs::default())? {
        Some(topology) => match topology.default_queue() {
            Some(queue) => Ok(vec![queue.name.clone()]),
            None => Err(none(format!("{shown} has not exactly one queue that is no dead-letter queue"))),
        },
        None => Err(none(format!("there is no {shown} that would have just one"))),
    }
}

fn not_runnable(cx: &Cx, error: NotRunnable) -> CliError {
    let cli = CliError::failed(error.to_string());
    match &error {
        NotRunnable::NotExecutable { found, .. } if found.is_file() => {
            cli.hint(format!("make it executable: `chmod +x {}`", cx.shown(&found.display().to_string())))
        }
        NotRunnable::NotFound { program, in_path: true } if cx.cwd.join(program).is_file() => {
            cli.hint(format!("there is one in this folder: `./{program}`"))
        }
        _ => cli,
    }
}

fn not_begun(error: ConsumeError) -> CliError {
    match error {
        ConsumeError::Bus(error) => error.into(),
        ConsumeError::TimeoutTooLong { .. } => CliError::usage(error.to_string()),
        ConsumeError::Dedupe(error) => {
            let cli = CliError::failed(error.to_string());
            match std::error::Error::source(&error) {
                Some(cause) => cli.because(cause),
                None => cli,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroUsize;
    use std::sync::Arc;
    use std::time::Duration;

    use clap::Parser;

    use super::*;
    use crate::bus::{BusError, BusErrorKind};

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        args: ConsumeArgs,
    }

    fn parse(line: &[&str]) -> Result<ConsumeArgs, clap::Error> {
        Line::try_parse_from(std::iter::once("consume").chain(line.iter().copied())).map(|line| line.args)
    }

    #[test]
    fn command_lines_that_hold() {
        let args = parse(&["users", "--exec", "./handler.sh", "--workers", "4", "--drain"]).expect("valid");
        assert_eq!(
            (args.queues, args.exec.as_deref(), args.workers.map(NonZeroUsize::get)),
            (vec!["users".to_owned()], Some("./handler.sh"), Some(4))
        );
        let args = parse(&["--idle", "10s", "--", "python", "handle.py", "--exec", "x"]).expect("valid");
        assert_eq!(args.command, ["python", "handle.py", "--exec", "x"]);
        assert_eq!((args.queues, args.idle), (vec![], Some(Duration::from_secs(10))));
        assert!(
            parse(&["--exec", "true", "--stdin", "record", "-o", "ndjson", "--count", "3", "--fail-on-error"]).is_ok()
        );
    }

    #[test]
    fn command_lines_that_do_not() {
        for line in [
            &["--exec", "true", "--", "true"][..],
            &["--exec", "true", "--forward", "http://localhost/"],
            &["--forward", "http://localhost/", "--batch", "3"],
            &["--exec", "true", "--on", "A"],
            &["--exec", "true", "--batch", "0"],
            &["--exec", "true", "--rate", "0/s"],
            &["--exec", "true", "--rate", "1e-19/s"],
            &["--exec", "true", "--pause-after", "1 in 300000000000y"],
            &["--exec", "true", "--batch-wait", "300000000000y"],
            &["--exec", "true", "--pause-after", "often"],
            &["--exec", "true", "--dedupe-by", "event"],
            &["--exec", "true", "--failure-on", "every"],
            &["--exec", "true", "--force"],
            &["--exec", "true", "--unhandled", "drop"],
            &["--exec", "true", "--workers", "0"],
            &["--exec", "true", "--count", "0"],
            &["--exec", "true", "--timeout", "0s"],
            &["--exec", "true", "--timeout", "soon"],
            &["--exec", "true", "-o", "table"],
        ] {
            assert!(parse(line).is_err(), "{line:?}");
        }
    }

    fn report(ended: Ended, failed: u64) -> Report {
        let counts = consume::Counts { failed, ..consume::Counts::default() };
        Report { queues: vec!["users".into()], counts, ended, remaining: None, took: Duration::ZERO }
    }

    #[test]
    fn the_end_decides_and_single_events_only_when_asked() {
        use crate::engine::shutdown::Signal;
        let of = |ended, failed, fail| outcome(&report(ended, failed), fail).map_err(|error| error.kind.outcome());
        let drained = || Ended::Drained { approximate: false };
        assert_eq!(of(drained(), 0, true), Ok(Outcome::Done));
        assert_eq!(of(drained(), 2, false), Ok(Outcome::Done));
        assert_eq!(of(drained(), 2, true), Ok(Outcome::Partial));
        assert_eq!(of(Ended::Signal(Signal::Interrupt), 2, true), Ok(Outcome::Interrupted));
        assert_eq!(of(Ended::Signal(Signal::Terminate), 0, false), Ok(Outcome::Terminated));
        assert_eq!(of(Ended::OutputClosed, 0, false), Err(Outcome::Failed), "it did not end as asked");
        let denied = BusError::new(BusErrorKind::Auth, "ReceiveMessage", "queue `users`: no");
        let ended = report(Ended::ReceiveFailed(Arc::new(denied)), 0);
        let told = outcome(&ended, false).unwrap_err();
        assert_eq!(
            (told.kind.outcome(), told.hints.len()),
            (Outcome::Auth, 1),
            "the hint, though others hold the error"
        );
        assert_eq!(of(Ended::CannotRun { handler: "h".into(), why: "gone".into() }, 0, false), Err(Outcome::Failed));
    }
}
