//! `eventbus tail`: looks into queues, topics and recordings, and says beforehand what looking costs.

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;

use super::Cx;
use super::look::{self, BoundArgs, Mode};
use super::select::SelectArgs;
use super::topology::TopologyArgs;
use crate::clock::Clock;
use crate::engine::recording::{Rotation, Writer};
use crate::engine::shutdown::Shutdown;
use crate::engine::tail::{self, Choice, Outlets, Request, Sample, Source, TailError};
use crate::error::CliError;
use crate::outcome::Outcome;
use crate::output::tail::{Options, TailReporter, Template, Validate};
use crate::output::{Format, quoted};
use crate::schema::Catalogue;

/// Show what waits in a queue, then what comes, each message once
#[derive(Debug, Args)]
#[command(
    after_help = "What looking costs is said first. On the embedded bus (and LocalStack) it changes nothing. Elsewhere a temporary\n\
    queue is hung beside the one that is looked at (a tap), which shows what comes from now on; a queue that no\n\
    topic feeds is received from: each message once, held, and given back at the end, which raises its receive\n\
    count. On a FIFO queue, or one with a dead-letter queue, that needs `--force`.\n\n\
    Examples: eventbus tail user_events --count 3\n          \
    eventbus tail user_events --idle 10s | jq .event.payload\n          \
    eventbus tail --topic users --event 'User*' --where '.event.payload.plan == \"pro\"'\n          \
    eventbus tail user_events --format '{time} {event} {payload.email}'"
)]
pub struct TailArgs {
    /// Queues, by name, ARN or URL, or recordings (`events.ndjson`, `-`)
    #[arg(value_name = "QUEUE")]
    pub queues: Vec<String>,
    /// Show what is published to this topic, through a tap (can be repeated)
    #[arg(long = "topic", value_name = "TOPIC")]
    pub topics: Vec<String>,
    /// How to look
    #[arg(long, value_enum, value_name = "MODE", default_value = "auto")]
    pub mode: Mode,
    /// Look even where looking can dead-letter a message or block a FIFO group
    #[arg(long)]
    pub force: bool,
    /// With `--mode drain`: the recording that messages are written to before they are deleted
    #[arg(long, value_name = "FILE")]
    pub to: Option<PathBuf>,
    /// With `--mode drain`: go ahead without being asked, if this is the queue's name; on a protected bus `--yes` is not enough
    #[arg(long, value_name = "NAME")]
    pub confirm: Option<String>,
    #[command(flatten)]
    select: SelectArgs,
    /// Only this share of them, always the same ones: `10%`
    #[arg(long, value_name = "SHARE", value_parser = look::sample, help_heading = "Which messages")]
    pub sample: Option<Sample>,
    #[command(flatten)]
    bounds: BoundArgs,
    /// Write a line of your own for each message: `{time} {event} {payload.email} {attr.tier}`
    #[arg(long, value_name = "TEMPLATE", conflicts_with = "output", help_heading = "How to show them")]
    pub format: Option<Template>,
    /// End each message with a NUL instead of a line feed
    #[arg(long, help_heading = "How to show them")]
    pub print0: bool,
    /// Write each message into a file of its own in this folder, too: whole, personal data included, and readable by you alone
    #[arg(long, value_name = "DIR", help_heading = "How to show them")]
    pub dump: Option<PathBuf>,
    /// Mark events whose payload breaks their schema
    #[arg(long, help_heading = "How to show them")]
    pub validate: bool,
    /// Show payloads marked as personal data on a terminal, too
    #[arg(long, help_heading = "How to show them")]
    pub show_personal_data: bool,
    /// How to write the messages [default: pretty on a terminal, else ndjson]
    #[arg(short = 'o', long = "output", value_name = "FORMAT", value_parser = Format::one_of(&[Format::Pretty, Format::Ndjson]),
        help_heading = "How to show them")]
    pub output: Option<Format>,
    #[command(flatten)]
    topology_args: TopologyArgs,
}

/// Runs the verb.
///
/// # Errors
/// The queue does not exist, looking is too costly without `--force`, or the bus fails (what was held is given back first).
pub async fn run(cx: &mut Cx, args: TailArgs) -> Result<Outcome, CliError> {
    check(&args)?;
    let shutdown = Shutdown::from_signals()?;
    let selection = args.select.selection(cx)?;
    let validate = if args.validate { Some(schemas(cx, &args.topology_args)?) } else { None };
    let (bus, sources) = match super::unless_signalled(&shutdown, look::sources(cx, &args.queues, &args.topics)).await?
    {
        Ok(found) => found,
        Err(ended) => return Ok(ended),
    };
    let names = look::names_of(&sources);
    let Some(mode) = choice(cx, &args, &sources)? else { return Ok(Outcome::Failed) };
    let mut writer = match args.to.as_deref() {
        Some(to) => Some(open(cx, to)?),
        None => None,
    };
    let folder = args.dump.as_ref().map(|folder| cx.path(folder));
    if let Some(folder) = &folder {
        std::fs::create_dir_all(folder).map_err(|error| {
            CliError::failed(format!("the folder {} cannot be made", folder.display())).because(&error)
        })?;
    }
    let request = Request { selection, sample: args.sample, ..args.bounds.request(sources, mode, args.force) };
    let options = Options {
        format: args.output,
        template: args.format,
        print0: args.print0,
        show_personal_data: args.show_personal_data,
        queues: names.clone(),
        validate,
    };
    let reporter = TailReporter::new(&cx.ui, options);
    let watched = &shutdown;
    let outlets = Outlets { show: true, writer: writer.as_mut(), folder };
    let work =
        |emit| async move { tail::run_with(bus.as_ref(), request, outlets, &emit, watched, look::reader_gone()).await };
    let (result, told) = cx.drive_until(&shutdown, reporter, work).await?;
    if let Some(writer) = writer {
        writer.finish().map_err(|error| CliError::failed("the recording cannot be written").because(&error))?;
    }
    let report = result.map_err(|error| explained(error, &args.queues, &args.topics, args.mode))?;
    let Some((reporter, written)) = told else {
        return Ok(super::outcome_of_signal(shutdown.signal()).unwrap_or(Outcome::Failed));
    };
    super::written(written)?;
    reporter.summary(&report);
    Ok(look::outcome(&report, &shutdown))
}

fn check(args: &TailArgs) -> Result<(), CliError> {
    let drains = args.mode == Mode::Drain;
    if drains && args.to.is_none() {
        return Err(CliError::usage("`--mode drain` deletes what it shows, and nothing says where it is kept")
            .hint("name a file: `--to drained.ndjson`"));
    }
    if drains
        && (args.queues.len() != 1 || !args.topics.is_empty() || args.queues.iter().any(|q| look::is_recording(q)))
    {
        return Err(CliError::usage("`--mode drain` empties one queue, and no other thing"));
    }
    if !drains && args.to.is_some() {
        return Err(CliError::usage("`--to` goes with `--mode drain`")
            .hint("to keep what is seen without taking it: `eventbus record QUEUE --to FILE`"));
    }
    if !drains && args.confirm.is_some() {
        return Err(CliError::usage("`--confirm` goes with `--mode drain`: nothing else takes anything away"));
    }
    Ok(())
}

/// The mode, with the proof that somebody agreed where it takes messages away; none when they did not.
fn choice(cx: &Cx, args: &TailArgs, sources: &[Source]) -> Result<Option<Choice>, CliError> {
    Ok(Some(match args.mode.harmless() {
        Some(choice) => choice,
        None => {
            let name = look::names_of(sources).concat();
            let to = args.to.as_ref().map(|to| to.display().to_string()).unwrap_or_default();
            let what = if args.select.is_everything() { "every message" } else { "the messages asked for" };
            let question = format!("Move {what} out of `{name}` into {to}?");
            let confirmed = if cx.config.context.value.protected || args.confirm.is_some() {
                cx.ui.confirm_name(&question, &name, args.confirm.as_deref())?
            } else {
                cx.ui.confirm(&question, cx.yes, Some("`eventbus record` to only copy"))?
            };
            match confirmed {
                Some(confirmed) => Choice::Drain(confirmed),
                None => return Ok(None),
            }
        }
    }))
}

/// Opens a recording to append to it, and says when its end had to be put right.
///
/// # Errors
/// It cannot be opened, is no recording, or is being written by another process.
pub(super) fn open_rotated(cx: &Cx, to: &std::path::Path, rotation: Rotation) -> Result<Writer, CliError> {
    let (writer, opened) = Writer::open(&cx.path(to), rotation, Clock::system()).map_err(look::recording)?;
    if opened.cut > 0 {
        cx.ui.warn(format!(
            "{}: {} at its end were no whole record and were cut off: an earlier writer was killed",
            to.display(),
            crate::words::count(opened.cut, "byte")
        ));
    }
    Ok(writer)
}

fn open(cx: &Cx, to: &std::path::Path) -> Result<Writer, CliError> {
    open_rotated(cx, to, Rotation::default())
}

fn schemas(cx: &Cx, topology: &TopologyArgs) -> Result<Validate, CliError> {
    let folder = cx.config.schemas.value.strip_prefix(&cx.cwd).unwrap_or(&cx.config.schemas.value);
    let catalogue = Catalogue::open(folder).map_err(|error| {
        CliError::failed(format!("the schemas in {} cannot be used", folder.display())).because(&error)
    })?;
    if catalogue.events().next().is_none() {
        return Err(CliError::usage(format!("there are no schemas in {} to validate against", folder.display())));
    }
    Ok(Validate { catalogue: Arc::new(catalogue), topology: cx.topology(topology)? })
}

fn explained(error: TailError, queues: &[String], topics: &[String], mode: Mode) -> CliError {
    let named: Vec<String> = queues.iter().map(|queue| quoted(queue)).collect();
    let topics: Vec<String> = topics.iter().map(|topic| format!(" --topic {}", quoted(topic))).collect();
    look::failed(error, &format!("tail {}{}{}", named.join(" "), topics.concat(), mode.typed()))
}
