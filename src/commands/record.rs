//! `eventbus record`: what passes, into a file from which everything can be made again.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::look::{self, BoundArgs, Mode};
use super::select::SelectArgs;
use super::{Cx, duration, tail as tail_verb, written};
use crate::engine::recording::Rotation;
use crate::engine::shutdown::Shutdown;
use crate::engine::tail::{self, Outlets, Request, Sample};
use crate::error::CliError;
use crate::outcome::Outcome;
use crate::output::record::{self as output, Recorded};
use crate::output::tail::{Options, TailReporter};
use crate::output::{Format, quoted};

/// Write what waits in a queue, and what comes, into a file without losing anything of it
#[derive(Debug, Args)]
#[command(
    after_help = "The file holds a record a line (compressed where its name ends in `.zst`), and is appended to. `cat`, `jq` and\n\
    `zstd -dc` read it; so do `tail`, `inspect`, `trace`, `replay` and `publish --input records`. What looking\n\
    costs is as with `tail`. Whenever this is killed, what was written is readable.\n\n\
    Examples: eventbus record user_events --to events.ndjson --idle 5s\n          \
    eventbus record --topic users --to users.ndjson.zst --rotate-size 100MiB"
)]
pub struct RecordArgs {
    /// Queues, by name, ARN or URL, or recordings
    #[arg(value_name = "QUEUE")]
    pub queues: Vec<String>,
    /// Record what is published to this topic, through a tap (can be repeated)
    #[arg(long = "topic", value_name = "TOPIC")]
    pub topics: Vec<String>,
    /// The file, appended to: `events.ndjson` or `events.ndjson.zst`
    #[arg(long, value_name = "FILE")]
    pub to: PathBuf,
    /// Put the file aside (`events.0001.ndjson`) and begin a new one when it has so many bytes: `100MiB`
    #[arg(long, value_name = "SIZE", value_parser = size)]
    pub rotate_size: Option<u64>,
    /// The same when it was begun so long ago: `1h`
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub rotate_every: Option<Duration>,
    /// How to look
    #[arg(long, value_enum, value_name = "MODE", default_value = "auto")]
    pub mode: Mode,
    /// Look even where looking can dead-letter a message or block a FIFO group
    #[arg(long)]
    pub force: bool,
    #[command(flatten)]
    select: SelectArgs,
    /// Only this share of them, always the same ones: `10%`
    #[arg(long, value_name = "SHARE", value_parser = look::sample, help_heading = "Which messages")]
    pub sample: Option<Sample>,
    #[command(flatten)]
    bounds: BoundArgs,
    /// Answer with one JSON document
    #[arg(short = 'o', long = "output", value_name = "FORMAT", value_parser = Format::one_of(&[Format::Json]))]
    pub output: Option<Format>,
}

/// Runs the verb.
///
/// # Errors
/// The queue does not exist, looking is too costly without `--force`, the file cannot be written, or the bus fails.
pub async fn run(cx: &mut Cx, args: RecordArgs) -> Result<Outcome, CliError> {
    let Some(mode) = args.mode.harmless() else {
        return Err(CliError::usage("`record` takes nothing away")
            .hint("to empty a queue into a file: `eventbus tail QUEUE --mode drain --to FILE`"));
    };
    let shutdown = Shutdown::from_signals()?;
    let selection = args.select.selection(cx)?;
    let (bus, sources) = match super::unless_signalled(&shutdown, look::sources(cx, &args.queues, &args.topics)).await?
    {
        Ok(found) => found,
        Err(ended) => return Ok(ended),
    };
    let names = look::names_of(&sources);
    let to = cx.path(&args.to);
    if sources.iter().any(|source| matches!(source, tail::Source::Recording(path) if cx.path(path) == to)) {
        return Err(CliError::usage(format!("{} would be written from itself", args.to.display())));
    }
    let rotation = Rotation { bytes: args.rotate_size, age: args.rotate_every };
    let mut writer = tail_verb::open_rotated(cx, &args.to, rotation)?;
    let request = Request { selection, sample: args.sample, ..args.bounds.request(sources, mode, args.force) };
    let reporter = TailReporter::new(&cx.ui, Options::default()).with_bar("recorded");
    let watched = &shutdown;
    let outlets = Outlets { show: false, writer: Some(&mut writer), folder: None };
    let work = |emit| async move {
        tail::run_with(bus.as_ref(), request, outlets, &emit, watched, std::future::pending()).await
    };
    let (result, _) = cx.drive_until(&shutdown, reporter, work).await?;
    // Also of a run that failed: what was seen until then is kept.
    let kept = writer.finish().map_err(|error| CliError::failed("the recording cannot be written").because(&error))?;
    let report = result.map_err(|error| {
        let named: Vec<String> = args.queues.iter().map(|queue| quoted(queue)).collect();
        let to = quoted(&args.to.display().to_string());
        look::failed(error, &format!("record {} --to {to}{}", named.join(" "), args.mode.typed()))
    })?;
    let recorded = Recorded { file: &args.to, sources: &names, report: &report, written: &kept };
    written(output::write(&cx.ui, &recorded, args.output))?;
    Ok(look::outcome(&report, &shutdown))
}

fn size(text: &str) -> Result<u64, String> {
    match text.parse::<bytesize::ByteSize>() {
        Ok(size) if size.as_u64() > 0 => Ok(size.as_u64()),
        _ => Err("expected a size such as `100MiB`".into()),
    }
}
