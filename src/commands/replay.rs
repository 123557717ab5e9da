//! `eventbus replay`: a dead-letter queue back to where its messages came from, without losing one.

use std::str::FromStr;

use clap::Args;

use super::Cx;
use crate::clock::Clock;
use crate::engine::replay::{self, Plan, ReplayError, Report, Request, To, Work};
use crate::engine::shutdown::Shutdown;
use crate::error::CliError;
use crate::outcome::Outcome;
use crate::output::Format;
use crate::output::replay::ReplayReporter;
use crate::words::count;

/// Send the messages of a dead-letter queue back to their origin, or those of any queue to another
#[derive(Debug, Args)]
#[command(
    after_help = "Each message is sent, confirmed, and only then deleted; what fails stays where it was. Delivery is at least once:\n\
    a message whose answer was lost may arrive twice, and is named.\n\n\
    Ctrl-C finishes what is in flight and gives back the rest.\n\n\
    Examples: eventbus replay user_events_dlq --dry-run\n          \
    eventbus replay user_events_dlq --event UserRegistered --limit 10 --yes"
)]
pub struct ReplayArgs {
    /// The queue to empty, by name, ARN or URL
    #[arg(value_name = "SOURCE")]
    pub source: String,
    /// Where to: `origin`, or `queue:NAME`
    #[arg(long, value_name = "WHERE", default_value = "origin")]
    pub to: Destination,
    /// Only events of this name
    #[arg(long, value_name = "EVENT")]
    pub event: Option<String>,
    /// At most so many
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub limit: Option<u64>,
    /// Only show what would be done
    #[arg(long)]
    pub dry_run: bool,
    /// Leave the originals where they are
    #[arg(long)]
    pub copy: bool,
    /// Go ahead without being asked, if this is the source's name; on a protected bus `--yes` is not enough
    #[arg(long, value_name = "NAME")]
    pub confirm: Option<String>,
    /// How to report [default: pretty on a terminal, else ndjson]
    #[arg(short = 'o', long = "output", value_name = "FORMAT", value_parser = Format::one_of(&[Format::Pretty, Format::Ndjson]))]
    pub output: Option<Format>,
}

/// The value of `--to`.
#[derive(Clone, Debug)]
pub struct Destination(To);

impl FromStr for Destination {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once(':') {
            None if text == "origin" => Ok(Self(To::Origin)),
            Some(("queue", name)) if !name.is_empty() => Ok(Self(To::Queue(name.to_owned()))),
            _ => Err("expected `origin` or `queue:NAME`".into()),
        }
    }
}

/// Runs the verb.
///
/// # Errors
/// A queue does not exist, no origin can be told, nobody confirmed, or the bus fails (what was held is given back first).
pub async fn run(cx: &mut Cx, args: ReplayArgs) -> Result<Outcome, CliError> {
    let bus = cx.bus().await?;
    let plan = replay::plan(&bus, &args.source, &args.to.0).await.map_err(|error| cli_error(error, &args.source))?;
    let work = if args.dry_run {
        Work::DryRun { copy: args.copy }
    } else {
        let question = question(&plan, &args);
        // A copy adds, a move takes away.
        let asks_for_name = cx.config.context.value.protected && !args.copy;
        let confirmed = if asks_for_name || args.confirm.is_some() {
            cx.ui.confirm_name(&question, &plan.source.name, args.confirm.as_deref())?
        } else {
            cx.ui.confirm(&question, cx.yes, Some("`--dry-run` to only look"))?
        };
        match confirmed {
            None => return Ok(Outcome::Failed),
            Some(confirmed) if args.copy => Work::Copy(confirmed),
            Some(confirmed) => Work::Move(confirmed),
        }
    };
    let request = Request { event: args.event, limit: args.limit, work, clock: Clock::system() };
    // Only now: at the prompt a Ctrl-C simply ends the program.
    let shutdown = Shutdown::from_signals()?;
    let reporter = ReplayReporter::new(&cx.ui, args.output, &request);
    let (source, to) = (plan.source.name.clone(), plan.destination());
    let watched = &shutdown;
    let work = |emit| async move { replay::run(&bus, &plan, &request, &emit, watched).await };
    let (result, told) = cx.drive_until(&shutdown, reporter, work).await?;
    let report = match result {
        Ok(report) => report,
        Err(ReplayError::Bus { error, report }) => {
            if let Some((mut reporter, _)) = told {
                let _ = reporter.summary(&source, &to, &report);
            }
            return Err(error.into());
        }
        Err(other) => return Err(cli_error(other, &source)),
    };
    match told {
        Some((mut reporter, written)) => {
            super::written(written.and_then(|()| reporter.summary(&source, &to, &report)))?;
        }
        None => return Ok(super::outcome_of_signal(shutdown.signal()).unwrap_or(Outcome::Failed)),
    }
    if report.interrupted.is_some() {
        return Ok(super::outcome_of_signal(shutdown.signal()).unwrap_or(Outcome::Failed));
    }
    Ok(outcome(&report))
}

fn question(plan: &Plan, args: &ReplayArgs) -> String {
    let verb = if args.copy { "Copy" } else { "Move" };
    let there = plan.attributes.visible;
    let what = match (&args.event, args.limit) {
        (Some(event), Some(limit)) => format!("up to {} `{event}` of about {}", limit, count(there, "message")),
        (Some(event), None) => format!("the `{event}` among about {}", count(there, "message")),
        (None, Some(limit)) => format!("up to {limit} of about {}", count(there, "message")),
        (None, None) => format!("about {}", count(there, "message")),
    };
    format!("{verb} {what} from `{}` to {}?", plan.source.name, plan.destination())
}

/// A duplicate is sent but not done: its original is still to be dealt with.
fn outcome(report: &Report) -> Outcome {
    match report.duplicated {
        0 => Outcome::of_items(report.done, report.refused, report.failed),
        _ => Outcome::Partial,
    }
}

fn cli_error(error: ReplayError, source: &str) -> CliError {
    let message = error.to_string();
    match error {
        ReplayError::Bus { error, .. } => error.into(),
        ReplayError::UnknownOrigin { sources, .. } => {
            let to = sources.first().map_or("NAME", String::as_str);
            CliError::usage(message).hint(format!("say where to: `eventbus replay {source} --to queue:{to}`"))
        }
        ReplayError::SameQueue(_) | ReplayError::FifoMismatch { .. } => CliError::usage(message),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_outcome_is_partial_where_some_were_done_and_some_not() {
        let report =
            |done, refused, failed, duplicated| Report { done, refused, failed, duplicated, ..Report::default() };
        assert_eq!(outcome(&report(3, 0, 0, 0)), Outcome::Done);
        assert_eq!(outcome(&report(0, 0, 0, 0)), Outcome::Done);
        assert_eq!(outcome(&report(3, 0, 1, 0)), Outcome::Partial);
        assert_eq!(outcome(&report(0, 0, 1, 0)), Outcome::Failed);
        assert_eq!(outcome(&report(0, 2, 0, 0)), Outcome::Refused);
        assert_eq!(outcome(&report(0, 0, 0, 1)), Outcome::Partial);
    }

    #[test]
    fn destinations() {
        assert!(matches!("queue:a".parse(), Ok(Destination(To::Queue(name))) if name == "a"));
        assert!(matches!("queue:arn:aws:sqs:x:1:a".parse(), Ok(Destination(To::Queue(name))) if name.ends_with(":a")));
        for wrong in ["queue:", "a", "", "Origin", "topic:a"] {
            assert!(wrong.parse::<Destination>().is_err(), "{wrong}");
        }
    }
}
