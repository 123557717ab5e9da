//! `eventbus tail`: looks into a queue, and says beforehand what looking costs.

use std::time::Duration;

use clap::Args;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use super::{Cx, duration};
use crate::engine::shutdown::Shutdown;
use crate::engine::tail::{self, Ended, Request, TailError};
use crate::error::CliError;
use crate::outcome::Outcome;
use crate::output::Format;
use crate::output::tail::TailReporter;

/// Show what waits in a queue, then what comes, each message once
#[derive(Debug, Args)]
#[command(
    after_help = "On the embedded bus looking changes nothing. Elsewhere each message is received once, held, and given back at\n\
    the end, which raises its receive count; on a FIFO queue, or one with a dead-letter queue, that needs `--force`.\n\n\
    Examples: eventbus tail user_events --count 3\n          \
    eventbus tail user_events --idle 10s | jq .event.payload"
)]
pub struct TailArgs {
    /// The queue, by name, ARN or URL
    #[arg(value_name = "QUEUE")]
    pub queue: String,
    /// Show only events of this name
    #[arg(long, value_name = "EVENT")]
    pub event: Option<String>,
    /// End after so many
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..), help_heading = "When to end")]
    pub count: Option<u64>,
    /// End when nothing came for so long
    #[arg(long, value_name = "DURATION", value_parser = duration, help_heading = "When to end")]
    pub idle: Option<Duration>,
    /// End after so long
    #[arg(long = "for", value_name = "DURATION", value_parser = duration, help_heading = "When to end")]
    pub duration: Option<Duration>,
    /// Look even where looking can dead-letter a message or block a FIFO group
    #[arg(long)]
    pub force: bool,
    /// Show payloads marked as personal data on a terminal, too
    #[arg(long)]
    pub show_personal_data: bool,
    /// How to write the messages [default: pretty on a terminal, else ndjson]
    #[arg(short = 'o', long = "output", value_name = "FORMAT", value_parser = Format::one_of(&[Format::Pretty, Format::Ndjson]))]
    pub output: Option<Format>,
}

/// Runs the verb.
///
/// # Errors
/// The queue does not exist, looking is too costly without `--force`, or the bus fails (what was held is given back first).
pub async fn run(cx: &mut Cx, args: TailArgs) -> Result<Outcome, CliError> {
    let shutdown = Shutdown::from_signals()?;
    let look = async {
        let bus = cx.bus().await?;
        let queue = bus.queue(&args.queue).await?;
        Ok((bus, queue))
    };
    let (bus, queue) = match super::unless_signalled(&shutdown, look).await? {
        Ok(found) => found,
        Err(ended) => return Ok(ended),
    };
    let name = queue.name.clone();
    let request = Request {
        queue,
        event: args.event,
        count: args.count,
        idle: args.idle,
        duration: args.duration,
        force: args.force,
    };
    let reporter = TailReporter::new(&cx.ui, args.output, args.show_personal_data);
    let watched = &shutdown;
    let work = |emit| async move { tail::run(&bus, request, &emit, watched, reader_gone()).await };
    let (result, told) = cx.drive_until(&shutdown, reporter, work).await?;
    let report = result.map_err(|error| match error {
        // Exit 1: it was tried and not done. Nothing was sent that could have been refused, and the command line is right.
        costly @ TailError::Costly { .. } => CliError::failed(costly.to_string())
            .hint(format!("look all the same, knowing that: `eventbus tail {name} --force`")),
        TailError::Bus(error) => error.into(),
    })?;
    let Some((reporter, written)) = told else {
        return Ok(super::outcome_of_signal(shutdown.signal()).unwrap_or(Outcome::Failed));
    };
    super::written(written)?;
    reporter.summary(&report);
    Ok(match report.ended {
        Ended::Signal => super::outcome_of_signal(shutdown.signal()).unwrap_or(Outcome::Done),
        Ended::Count | Ended::Idle | Ended::Time | Ended::OutputClosed => Outcome::Done,
    })
}

/// Returns once nobody can read stdout any more; never where that cannot be told (a file).
///
/// Without it a closed pipe would be noticed with the next message only, and what is held would stay held until then.
async fn reader_gone() {
    #[expect(
        deprecated,
        reason = "its successor is unsafe; this value never hands its descriptor to anyone, nor closes it"
    )]
    let stdout = AsyncFd::with_interest(std::io::stdout(), Interest::ERROR);
    if let Ok(stdout) = stdout
        && stdout.ready(Interest::ERROR).await.is_ok()
    {
        return;
    }
    std::future::pending().await
}
