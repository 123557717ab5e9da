//! `eventbus trace`: the path of one entity or trace through recordings, queues and topics.

use std::time::Duration;

use clap::Args;

use super::look::{self, BoundArgs};
use super::{Cx, written};
use crate::engine::shutdown::Shutdown;
use crate::engine::tail::{Choice, Request, Source};
use crate::engine::trace;
use crate::error::CliError;
use crate::outcome::Outcome;
use crate::output::tail::{self as told, Options, TailReporter};
use crate::output::{Format, quoted, trace as output};

/// How long it is waited for more where the bus shows what is there at once, and where it does not.
const PEEKED: Duration = Duration::from_millis(300);
const RECEIVED: Duration = Duration::from_secs(3);

/// Show the path of one entity or trace as a tree: what was published, which queues got it, when it was taken there, what came of it
#[derive(Debug, Args)]
#[command(
    after_help = "An event stands below the one it came of: surely where `consume` published it for that (`--on-success`,\n\
    `--on-failure`) and the event was traced; else by its trace, or by its entity and the times, which is then said.\n\
    Queues are looked into as `inspect` does; a `--topic` is watched through a tap until Ctrl-C, `--idle` or `--for`.\n\
    Exits with 6 when nothing was found.\n\n\
    Examples: eventbus trace 44f33071-e444-494f-bcff-b5e3594f7628 recording.ndjson.zst\n          \
    eventbus trace 44f33071-e444-494f-bcff-b5e3594f7628 user_events user_events_dlq"
)]
pub struct TraceArgs {
    /// The entity's id, or the trace's (32 hexadecimal digits)
    #[arg(value_name = "ID")]
    pub id: String,
    /// Recordings (`events.ndjson`, `-`), or queues by name, ARN or URL
    #[arg(value_name = "RECORDING|QUEUE")]
    pub sources: Vec<String>,
    /// Watch what is published to this topic, through a tap (can be repeated)
    #[arg(long = "topic", value_name = "TOPIC")]
    pub topics: Vec<String>,
    /// Look even where looking can dead-letter a message or block a FIFO group
    #[arg(long)]
    pub force: bool,
    #[command(flatten)]
    bounds: BoundArgs,
    /// How the answer is written
    #[arg(short = 'o', long = "output", value_name = "FORMAT", default_value = "text",
        value_parser = Format::one_of(&[Format::Text, Format::Json]))]
    pub output: Format,
}

/// Runs the verb.
///
/// # Errors
/// A source does not exist, looking is too costly without `--force`, or the bus fails.
pub async fn run(cx: &mut Cx, args: TraceArgs) -> Result<Outcome, CliError> {
    let shutdown = Shutdown::from_signals()?;
    let (bus, sources) =
        match super::unless_signalled(&shutdown, look::sources(cx, &args.sources, &args.topics)).await? {
            Ok(found) => found,
            Err(ended) => return Ok(ended),
        };
    let peeks = bus.as_ref().is_none_or(crate::bus::Bus::can_peek);
    let queues = sources.iter().any(|source| matches!(source, Source::Queue(_)));
    let mode = match (args.topics.is_empty(), queues, peeks) {
        // Topics are tapped whatever the mode of queues is.
        (false, true, false) => {
            return Err(CliError::usage("on this bus queues and topics are looked at in different ways")
                .hint("name either queues or topics"));
        }
        (false, ..) => Choice::Auto,
        (true, _, true) => Choice::Peek,
        (true, _, false) => Choice::Receive,
    };
    let end = if peeks { PEEKED } else { RECEIVED };
    let request = args.bounds.request(sources, mode, args.force);
    let request = Request { idle: request.idle.or_else(|| args.topics.is_empty().then_some(end)), ..request };
    let reporter = TailReporter::new(&cx.ui, Options::default());
    // Ids of traces are written in small letters.
    let trace_like = args.id.len() == 32 && args.id.bytes().all(|byte| byte.is_ascii_hexdigit());
    let id = if trace_like { args.id.to_ascii_lowercase() } else { args.id.clone() };
    let (watched, wanted) = (&shutdown, id.as_str());
    let work = |emit| async move { trace::run(bus.as_ref(), request, wanted, &emit, watched).await };
    let (result, _) = cx.drive_until(&shutdown, reporter, work).await?;
    let named: Vec<String> = args.sources.iter().map(|source| quoted(source)).collect();
    let (report, path) =
        result.map_err(|error| look::failed(error, &format!("trace {} {}", quoted(&id), named.join(" "))))?;
    told::doubts(&cx.ui, &report);
    if path.steps.is_empty() {
        cx.ui.status(format!("Nothing about `{id}` among {} messages", crate::words::thousands(report.shown)));
    }
    if !path.steps.is_empty() || args.output == Format::Json {
        written(output::write(&cx.ui, &id, &path, args.output))?;
    }
    Ok(match look::outcome(&report, &shutdown) {
        Outcome::Done if path.steps.is_empty() => Outcome::No,
        outcome => outcome,
    })
}
