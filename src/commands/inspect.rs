//! `eventbus inspect`: what lies in a queue or a recording, grouped.

use std::time::Duration;

use clap::{Args, ValueEnum};

use super::look;
use super::select::SelectArgs;
use super::{Cx, written};
use crate::clock::Clock;
use crate::engine::inspect::{self, By};
use crate::engine::shutdown::Shutdown;
use crate::engine::tail::{Choice, Ended, Request};
use crate::error::CliError;
use crate::outcome::Outcome;
use crate::output::tail::{self as told, Options, TailReporter};
use crate::output::{Format, inspect as output, quoted};

/// How long it is waited for more where the bus shows what is there at once, and where it does not.
const PEEKED: Duration = Duration::from_millis(300);
const RECEIVED: Duration = Duration::from_secs(3);

/// Say what lies in a queue, a dead-letter queue or a recording: grouped, counted, aged, with one sample each
#[derive(Debug, Args)]
#[command(
    after_help = "On the embedded bus (and LocalStack) looking changes nothing. Elsewhere each message is received once, held and\n\
    given back, which raises its receive count; on a FIFO queue, or one with a dead-letter queue, that needs\n\
    `--force`.\n\n\
    Examples: eventbus inspect user_events_dlq\n          \
    eventbus inspect recording.ndjson.zst --by event --by age -o json"
)]
pub struct InspectArgs {
    /// Queues, by name, ARN or URL, or recordings (`events.ndjson`, `-`)
    #[arg(value_name = "QUEUE", required = true)]
    pub sources: Vec<String>,
    /// Group by this (can be repeated) [default: event, source and reason]
    #[arg(long, value_enum, value_name = "WHAT")]
    pub by: Vec<ByArg>,
    /// Look even where looking can dead-letter a message or block a FIFO group
    #[arg(long)]
    pub force: bool,
    /// Look no longer than this
    #[arg(long = "for", value_name = "DURATION", value_parser = super::duration)]
    pub duration: Option<Duration>,
    #[command(flatten)]
    select: SelectArgs,
    /// How the answer is written
    #[arg(short = 'o', long = "output", value_name = "FORMAT", default_value = "table",
        value_parser = Format::one_of(&[Format::Table, Format::Json]))]
    pub output: Format,
}

/// The value of `--by`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ByArg {
    /// The event's name
    Event,
    /// Who published it
    Publisher,
    /// The queue it lies in
    Queue,
    /// The queue it was dead-lettered from
    Source,
    /// Why it was rejected, or is no event
    Reason,
    /// How long ago it was sent
    Age,
    /// How often it was received
    Receives,
}

impl From<ByArg> for By {
    fn from(by: ByArg) -> Self {
        match by {
            ByArg::Event => Self::Event,
            ByArg::Publisher => Self::Publisher,
            ByArg::Queue => Self::Queue,
            ByArg::Source => Self::Source,
            ByArg::Reason => Self::Reason,
            ByArg::Age => Self::Age,
            ByArg::Receives => Self::Receives,
        }
    }
}

/// Runs the verb.
///
/// # Errors
/// A source does not exist, looking is too costly without `--force`, or the bus fails.
pub async fn run(cx: &mut Cx, args: InspectArgs) -> Result<Outcome, CliError> {
    let shutdown = Shutdown::from_signals()?;
    let selection = args.select.selection(cx)?;
    let (bus, sources) = match super::unless_signalled(&shutdown, look::sources(cx, &args.sources, &[])).await? {
        Ok(found) => found,
        Err(ended) => return Ok(ended),
    };
    let names = look::names_of(&sources);
    let peeks = bus.as_ref().is_none_or(crate::bus::Bus::can_peek);
    let mut by: Vec<By> = Vec::new();
    for one in args.by.into_iter().map(By::from) {
        if !by.contains(&one) {
            by.push(one);
        }
    }
    if by.is_empty() {
        by = vec![By::Event, By::Source, By::Reason];
    }
    let request = Request {
        sources,
        // A tap would show what comes, and not what is there.
        mode: if peeks { Choice::Peek } else { Choice::Receive },
        selection,
        idle: Some(if peeks { PEEKED } else { RECEIVED }),
        duration: args.duration,
        force: args.force,
        clock: Clock::system(),
        ..Request::default()
    };
    let reporter = TailReporter::new(&cx.ui, Options::default());
    let (watched, groups) = (&shutdown, by.clone());
    let work = |emit| async move { inspect::run(bus.as_ref(), request, groups, &emit, watched).await };
    let (result, _) = cx.drive_until(&shutdown, reporter, work).await?;
    let named: Vec<String> = args.sources.iter().map(|source| quoted(source)).collect();
    let (report, summary) = result.map_err(|error| look::failed(error, &format!("inspect {}", named.join(" "))))?;
    told::doubts(&cx.ui, &report);
    if report.ended == Ended::Time {
        cx.ui.warn("the time was over before everything was seen");
    }
    if report.ended == Ended::Signal {
        cx.ui.warn("stopped before everything was seen");
    }
    written(output::write(&cx.ui, &names, &by, &summary, args.output))?;
    Ok(look::outcome(&report, &shutdown))
}
