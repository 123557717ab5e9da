//! `eventbus consume`: handlers over the events of queues.

mod handlers;
mod values;

use std::ffi::OsString;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::{ArgGroup, Args, ValueEnum};

use super::topology::TopologyArgs;
use super::{Cx, duration};
use crate::clock::Clock;
use crate::engine::consume::{
    self, Announcement, Announcements, ConsumeError, DedupeBy, DedupeSpec, Ended, Metrics, OrderBy, PauseAfter, Rate,
    Report, Request, preview,
};
use crate::engine::exec::NotRunnable;
use crate::engine::shutdown::Shutdown;
use crate::error::CliError;
use crate::outcome::Outcome;
use crate::output::{Format, consume as reporters};
use crate::schema::Catalogue;

/// Run handlers over the events of queues, and acknowledge by how they end
#[derive(Debug, Args)]
#[command(
    override_usage = "eventbus consume [OPTIONS] [QUEUE]... --exec CMD\n       eventbus consume [OPTIONS] [QUEUE]... -- CMD [ARGS]...\n       eventbus consume [OPTIONS] [QUEUE]... --on EVENT=CMD...\n       eventbus consume [OPTIONS] [QUEUE]... --forward URL\n       eventbus consume [OPTIONS] [QUEUE]..."
)]
#[command(group = ArgGroup::new("handler").args(["exec", "command", "forward"]))]
#[command(
    after_help = "The command reads the event as JSON on its stdin and finds its name, ids and deadline in EVENTBUS_* variables.\n\
    Its exit code decides: 0 acknowledge, 75 not now, 65 reject to the dead-letter queue, 126/127 cannot run: stop;\n\
    any other, a signal or a timeout: another attempt after a while, until the queue's max receives.\n\n\
    With `--protocol batch` and `stream` it reads a line for each event,\n  \
    {\"id\":\"…\",\"attempt\":1,\"queue\":\"…\",\"deadline\":\"…\",\"metadata\":{…},\"payload\":{…}}\n\
    and writes a line for each result, in any order; an event without a result is tried again:\n  \
    {\"id\":\"…\",\"outcome\":\"ack\"}    or retry, not_now, reject, with \"retry_after\": seconds and \"reason\": text\n\n\
    With `--forward` each event is a CloudEvents request (binary mode, the payload as its body); the status decides:\n\
    2xx acknowledge; 429, 503 not now, after Retry-After; 400, 413, 422 reject; any other, or none: another attempt.\n\n\
    Without a handler on the command line those of `handlers:` in eventbus.yaml run. Of several patterns the most exact\n\
    one wins. Ctrl-C or SIGTERM lets what runs finish and gives back the rest; a second one ends it.\n\n\
    Examples: eventbus consume user_events --exec ./handler.sh\n          \
    eventbus consume --drain --workers 4 -- python handle.py --fast\n          \
    eventbus consume --on UserRegistered=./welcome.sh --on 'Order*=./orders.sh' --unhandled ack\n          \
    eventbus consume orders payments --protocol stream --workers 2 -- python worker.py\n          \
    eventbus consume --forward http://localhost:8000/hook --pause-after '20 failures in 1m'"
)]
pub struct ConsumeArgs {
    /// The queues, by name, ARN or URL [default: `consume.queue` of eventbus.yaml, else the topology's only queue that is no
    /// dead-letter queue]
    #[arg(value_name = "QUEUE")]
    pub queues: Vec<String>,
    /// Run this shell line (`sh -c`)
    #[arg(long, value_name = "CMD", allow_hyphen_values = true, help_heading = "Handlers")]
    pub exec: Option<String>,
    /// Run this command, without a shell
    #[arg(last = true, value_name = "CMD", help_heading = "Handlers")]
    pub command: Vec<OsString>,
    /// Run this shell line for events of this name; `*` stands for any text. Can be repeated; `--exec` gets the rest
    #[arg(long, value_name = "EVENT=CMD", value_parser = values::on, help_heading = "Handlers")]
    pub on: Vec<(String, String)>,
    /// Post each event to this URL
    #[arg(long, value_name = "URL", help_heading = "Handlers")]
    pub forward: Option<String>,
    /// How commands are spoken to [default: `spawn`]
    #[arg(long, value_enum, value_name = "PROTOCOL", conflicts_with = "forward", help_heading = "Handlers")]
    pub protocol: Option<ProtocolName>,
    /// Hand up to so many events to a process [default with `--protocol batch`: 100]
    #[arg(long, value_name = "N", conflicts_with = "forward", help_heading = "Handlers")]
    pub batch: Option<NonZeroUsize>,
    /// Fill a batch for so long [default: 1s]
    #[arg(long, value_name = "DURATION", value_parser = duration, conflicts_with = "forward", help_heading = "Handlers")]
    pub batch_wait: Option<Duration>,
    /// Hand so many events at once to each process of `--protocol stream` [default: 1]
    #[arg(long, value_name = "K", conflicts_with = "forward", help_heading = "Handlers")]
    pub inflight: Option<NonZeroUsize>,
    /// What handlers read
    #[arg(long, value_enum, value_name = "FORM", default_value = "event", help_heading = "Handlers")]
    pub stdin: StdinForm,
    /// How many processes or requests run at once, for each handler [default: 1]
    #[arg(long, value_name = "N", help_heading = "Handlers")]
    pub workers: Option<NonZeroUsize>,
    /// How long one may run; the message is kept from others meanwhile [default: `consume.timeout` of the configuration, else the
    /// queue's visibility timeout]
    #[arg(long, value_name = "DURATION", value_parser = duration, help_heading = "Handlers")]
    pub timeout: Option<Duration>,
    /// What becomes of events without a handler
    #[arg(long, value_enum, value_name = "WHAT", default_value = "leave", help_heading = "Handlers")]
    pub unhandled: What,
    /// What becomes of messages that are no events or, with `--validate`, not as their schema says
    #[arg(long, value_enum, value_name = "WHAT", default_value = "reject", help_heading = "Handlers")]
    pub invalid: What,
    /// Check payloads against the schemas first
    #[arg(long, help_heading = "Handlers")]
    pub validate: bool,
    /// Handle events one after another that are alike in this: `entity_id`, or a JSON pointer into the payload. FIFO queues are
    /// always handled in order
    #[arg(long, value_name = "KEY", value_parser = values::order_by, help_heading = "Flow")]
    pub order_by: Option<OrderBy>,
    /// Start no more than so many, such as `10/s` or `30/m`
    #[arg(long, value_name = "RATE", value_parser = values::rate, help_heading = "Flow")]
    pub rate: Option<Rate>,
    /// Pause when too much fails, such as `20 failures in 1m`; then try one event at a time until one is handled
    #[arg(long, value_name = "LIMIT", value_parser = values::pause_after, help_heading = "Flow")]
    pub pause_after: Option<PauseAfter>,
    /// Hold no more than so much of bodies, such as `64MiB`
    #[arg(long, value_name = "SIZE", value_parser = values::size, help_heading = "Flow")]
    pub max_memory: Option<usize>,
    /// Remember what was handled for so long, and skip it when it comes again [default: 24h]
    #[arg(long, value_name = "WINDOW", value_parser = duration, num_args = 0..=1, require_equals = true,
        default_missing_value = "24h", help_heading = "Flow")]
    pub dedupe: Option<Duration>,
    /// What makes two messages the same
    #[arg(
        long,
        value_enum,
        value_name = "WHAT",
        default_value = "message",
        requires = "dedupe",
        help_heading = "Flow"
    )]
    pub dedupe_by: DedupeKey,
    /// Where it is remembered; processes that name the same file share it [default: `.eventbus/handled.db`]
    #[arg(long, value_name = "FILE", requires = "dedupe", help_heading = "Flow")]
    pub dedupe_file: Option<PathBuf>,
    /// Publish this event for each handled one, with the handler's stdout as payload if that is a JSON object, else with the
    /// event's own
    #[arg(long, value_name = "EVENT", help_heading = "Outcome events")]
    pub on_success: Option<String>,
    /// Publish this event when one failed for good
    #[arg(long, value_name = "EVENT", help_heading = "Outcome events")]
    pub on_failure: Option<String>,
    /// After which failures `--on-failure` is published
    #[arg(
        long,
        value_enum,
        value_name = "WHICH",
        default_value = "final",
        requires = "on_failure",
        help_heading = "Outcome events"
    )]
    pub failure_on: FailureOn,
    /// End after so many events
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..), help_heading = "When to end")]
    pub count: Option<u64>,
    /// End when nothing came for so long
    #[arg(long, value_name = "DURATION", value_parser = duration, help_heading = "When to end")]
    pub idle: Option<Duration>,
    /// End when nothing is left to receive
    #[arg(long, help_heading = "When to end")]
    pub drain: bool,
    /// After the first signal, end commands that still run after so long [default: their own timeout]
    #[arg(long, value_name = "DURATION", value_parser = duration, help_heading = "When to end")]
    pub drain_timeout: Option<Duration>,
    /// Exit with 3 if an event failed, was rejected or was left
    #[arg(long)]
    pub fail_on_error: bool,
    /// Show which handler would get which waiting message, and do nothing. On the embedded bus looking is free
    #[arg(long)]
    pub dry_run: bool,
    /// With `--dry-run`: look even where each look is a receive
    #[arg(long, requires = "dry_run")]
    pub force: bool,
    /// Answer `/metrics` (Prometheus), `/healthz` and `/readyz` here; a port alone is on the loopback address
    #[arg(long, value_name = "ADDR", value_parser = values::address)]
    pub metrics: Option<SocketAddr>,
    /// What stderr is written as
    #[arg(long, value_enum, value_name = "FORM", default_value = "text")]
    pub log: LogForm,
    /// `pretty`: the commands' stdout on stdout, what became of each event on stderr. `json`: the summary on stdout; `ndjson`:
    /// a line for each event and the summary; with these two the commands' stdout goes to stderr
    #[arg(short = 'o', long = "output", value_name = "FORMAT", default_value = "pretty",
        value_parser = Format::one_of(&[Format::Pretty, Format::Json, Format::Ndjson]))]
    pub output: Format,
}

/// How a command is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ProtocolName {
    /// A process for each event
    Spawn,
    /// A process for each batch of events: lines in, lines out
    Batch,
    /// Processes that stay: lines in, lines out
    Stream,
}

/// What becomes of a message without a handler.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum What {
    /// Acknowledge it
    Ack,
    /// Leave it: it is seen again after its visibility timeout
    Leave,
    /// Move it to the dead-letter queue; leave it where there is none
    Reject,
}

impl From<What> for consume::Unclaimed {
    fn from(what: What) -> Self {
        match what {
            What::Ack => Self::Ack,
            What::Leave => Self::Leave,
            What::Reject => Self::Reject,
        }
    }
}

/// What makes two messages the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum DedupeKey {
    /// The message's id
    Message,
    /// Event name, entity id and publish date
    Event,
}

/// After which failures an event is published.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum FailureOn {
    /// The last attempt that the queue allows, and rejections
    Final,
    /// Every attempt
    Every,
}

/// What the conversation is written as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogForm {
    /// Sentences
    Text,
    /// A JSON object a line, with ids and trace
    Json,
}

/// What a handler reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum StdinForm {
    /// `{"metadata":{…},"payload":{…}}` in one line
    Event,
    /// The payload alone
    Payload,
    /// The record: event, body, attributes and system fields in one line
    Record,
    /// The queue's body, to the last byte
    Body,
}

impl From<StdinForm> for consume::Stdin {
    fn from(form: StdinForm) -> Self {
        match form {
            StdinForm::Event => Self::Event,
            StdinForm::Payload => Self::Payload,
            StdinForm::Record => Self::Record,
            StdinForm::Body => Self::Body,
        }
    }
}

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
        Some((mut reporter, written)) => super::written(written.and_then(|()| reporter.summary(&report)))?,
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
            Some(route) => Ok(Some(Announcement { event: event.clone(), topic: route.topic.clone() })),
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
        Ended::Count | Ended::Idle | Ended::Drained { .. } | Ended::OutputClosed => {
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
    use std::sync::Arc;

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
        assert_eq!(of(Ended::OutputClosed, 0, false), Ok(Outcome::Done));
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
