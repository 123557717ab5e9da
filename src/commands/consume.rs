//! `eventbus consume`: a handler over each event of a queue.

use std::ffi::OsString;
use std::num::NonZeroUsize;
use std::time::Duration;

use clap::{ArgGroup, Args, ValueEnum};

use super::topology::TopologyArgs;
use super::{Cx, duration};
use crate::clock::Clock;
use crate::engine::consume::{self, Backoff, ConsumeError, Ended, Report, Request};
use crate::engine::exec::{HandlerCommand, NotRunnable};
use crate::engine::shutdown::Shutdown;
use crate::error::CliError;
use crate::outcome::Outcome;
use crate::output::{Format, consume as reporters};

/// Run a command for each event of a queue, and acknowledge by its exit code
#[derive(Debug, Args)]
#[command(
    override_usage = "eventbus consume [OPTIONS] [QUEUE] --exec CMD\n       eventbus consume [OPTIONS] [QUEUE] -- CMD [ARGS]..."
)]
#[command(group = ArgGroup::new("handler").required(true).args(["exec", "command"]))]
#[command(
    after_help = "The command reads the event as JSON on its stdin and finds its name, ids and deadline in EVENTBUS_* variables.\n\
    Its exit code decides: 0 acknowledge, 75 not now, 65 reject to the dead-letter queue, 126/127 cannot run: stop;\n\
    any other, a signal or a timeout: another attempt after a while, until the queue's max receives.\n\n\
    Ctrl-C or SIGTERM lets running commands finish and gives back the rest; a second one ends them.\n\n\
    Examples: eventbus consume user_events --exec ./handler.sh\n          \
    eventbus consume --drain --workers 4 -- python handle.py --fast"
)]
pub struct ConsumeArgs {
    /// The queue, by name, ARN or URL [default: `consume.queue` of eventbus.yaml, else the topology's only queue that is no
    /// dead-letter queue]
    #[arg(value_name = "QUEUE")]
    pub queue: Option<String>,
    /// Run this shell line (`sh -c`) for each event
    #[arg(long, value_name = "CMD", allow_hyphen_values = true)]
    pub exec: Option<String>,
    /// Run this command for each event, without a shell
    #[arg(last = true, value_name = "CMD")]
    pub command: Vec<OsString>,
    /// What the command reads on its stdin
    #[arg(long, value_enum, value_name = "FORM", default_value = "event")]
    pub stdin: StdinForm,
    /// How many commands run at once
    #[arg(long, value_name = "N", default_value = "1")]
    pub workers: NonZeroUsize,
    /// How long one may run [default: `consume.timeout` of the configuration, else the queue's visibility timeout, which is
    /// the longest]
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub timeout: Option<Duration>,
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
    /// `pretty`: the commands' stdout on stdout, what became of each event on stderr. `json`: the summary on stdout; `ndjson`:
    /// a line for each event and the summary; with these two the commands' stdout goes to stderr
    #[arg(short = 'o', long = "output", value_name = "FORMAT", default_value = "pretty",
        value_parser = Format::one_of(&[Format::Pretty, Format::Json, Format::Ndjson]))]
    pub output: Format,
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
/// No queue is named, the handler or the queue does not exist, the timeout does not fit the queue; after draining, a handler that
/// could not run, or a bus that no longer answers.
pub async fn run(cx: &mut Cx, args: ConsumeArgs) -> Result<Outcome, CliError> {
    let queue = queue(cx, args.queue.as_deref())?;
    let command = match args.exec {
        Some(line) => HandlerCommand::Shell(line),
        None => {
            let mut words = args.command.into_iter();
            // clap's group lets no run through that names neither.
            HandlerCommand::Direct { program: words.next().unwrap_or_default(), args: words.collect() }
        }
    };
    // Before the bus is asked anything: a handler that cannot run must not cost a receive.
    let program = command.resolve(cx.config.path.as_deref(), &cx.cwd).await.map_err(|error| not_runnable(cx, error))?;
    let request = Request {
        queue,
        program,
        stdin: args.stdin.into(),
        workers: args.workers,
        timeout: args.timeout.or(cx.config.consume_timeout.as_ref().map(|found| found.value)),
        count: args.count,
        idle: args.idle,
        drain: args.drain,
        drain_timeout: args.drain_timeout,
        backoff: Backoff::default(),
        clock: Clock::system(),
    };
    let handler = request.program.to_string();
    let shutdown = Shutdown::from_signals()?;
    let bus = match super::unless_signalled(&shutdown, cx.bus()).await? {
        Ok(bus) => bus,
        Err(ended) => return Ok(ended),
    };
    let reporter = reporters::reporter(&cx.ui, args.output);
    let watched = &shutdown;
    let work = |emit| async move { consume::run(&bus, request, &emit, watched).await };
    let (result, told) = cx.drive_until(&shutdown, reporter, work).await?;
    let report = result.map_err(not_begun)?;
    match told {
        Some((mut reporter, written)) => super::written(written.and_then(|()| reporter.summary(&report)))?,
        None => return Ok(super::outcome_of_signal(shutdown.signal()).unwrap_or(Outcome::Failed)),
    }
    outcome(&report, &handler, args.fail_on_error)
}

fn outcome(report: &Report, handler: &str, fail_on_error: bool) -> Result<Outcome, CliError> {
    match &report.ended {
        Ended::CannotRun(why) => Err(CliError::failed(format!("handler `{handler}` cannot run: {why}"))),
        Ended::ReceiveFailed(error) => Err(error.as_ref().into()),
        Ended::Signal(signal) => Ok(super::outcome_of_signal(Some(*signal)).unwrap_or(Outcome::Done)),
        Ended::Count | Ended::Idle | Ended::Drained { .. } | Ended::OutputClosed => {
            let counts = &report.counts;
            let bad = counts.failed + counts.rejected + counts.left + counts.unconfirmed;
            Ok(if fail_on_error && bad > 0 { Outcome::Partial } else { Outcome::Done })
        }
    }
}

/// The queue that is named, or the one that is meant.
fn queue(cx: &Cx, named: Option<&str>) -> Result<String, CliError> {
    if let Some(name) = named {
        return Ok(name.to_owned());
    }
    if let Some(configured) = &cx.config.consume_queue {
        return Ok(configured.value.clone());
    }
    let none = |why: String| {
        CliError::usage(format!("no queue is named, and {why}")).hint("name one: `eventbus consume QUEUE --exec CMD`")
    };
    let shown = cx.shown(&cx.config.topology.value.display().to_string());
    match cx.topology(&TopologyArgs::default())? {
        Some(topology) => match topology.default_queue() {
            Some(queue) => Ok(queue.name.clone()),
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
        ConsumeError::TimeoutTooLong { timeout, .. } => CliError::usage(error.to_string()).hint(format!(
            "give the queue more time in topology.yaml: `visibility_timeout: {}`",
            humantime::format_duration(timeout).to_string().replace(' ', "")
        )),
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
            (args.queue.as_deref(), args.exec.as_deref(), args.workers.get()),
            (Some("users"), Some("./handler.sh"), 4)
        );
        let args = parse(&["--idle", "10s", "--", "python", "handle.py", "--exec", "x"]).expect("valid");
        assert_eq!(args.command, ["python", "handle.py", "--exec", "x"]);
        assert_eq!((args.queue, args.idle), (None, Some(Duration::from_secs(10))));
        assert!(
            parse(&["--exec", "true", "--stdin", "record", "-o", "ndjson", "--count", "3", "--fail-on-error"]).is_ok()
        );
    }

    #[test]
    fn command_lines_that_do_not() {
        for line in [
            &["users"][..],
            &["--exec", "true", "--", "true"],
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
        Report { queue: "users".into(), counts, ended, remaining: None, took: Duration::ZERO }
    }

    #[test]
    fn the_end_decides_and_single_events_only_when_asked() {
        use crate::engine::shutdown::Signal;
        let of = |ended, failed, fail| outcome(&report(ended, failed), "h", fail).map_err(|error| error.kind.outcome());
        let drained = || Ended::Drained { approximate: false };
        assert_eq!(of(drained(), 0, true), Ok(Outcome::Done));
        assert_eq!(of(drained(), 2, false), Ok(Outcome::Done));
        assert_eq!(of(drained(), 2, true), Ok(Outcome::Partial));
        assert_eq!(of(Ended::Signal(Signal::Interrupt), 2, true), Ok(Outcome::Interrupted));
        assert_eq!(of(Ended::Signal(Signal::Terminate), 0, false), Ok(Outcome::Terminated));
        assert_eq!(of(Ended::OutputClosed, 0, false), Ok(Outcome::Done));
        let denied = BusError::new(BusErrorKind::Auth, "ReceiveMessage", "queue `users`: no");
        let ended = report(Ended::ReceiveFailed(Arc::new(denied)), 0);
        let told = outcome(&ended, "h", false).unwrap_err();
        assert_eq!(
            (told.kind.outcome(), told.hints.len()),
            (Outcome::Auth, 1),
            "the hint, though others hold the error"
        );
        assert_eq!(of(Ended::CannotRun("gone".into()), 0, false), Err(Outcome::Failed));
    }
}
