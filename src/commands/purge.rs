//! `eventbus purge`: empties a queue, after saying what is in it and hearing its name.

use std::path::PathBuf;

use clap::Args;

use super::look;
use super::{Cx, tail as tail_verb};
use crate::bus::QueueAttributes;
use crate::engine::purge;
use crate::engine::recording::Rotation;
use crate::engine::shutdown::Shutdown;
use crate::error::CliError;
use crate::outcome::Outcome;
use crate::output::Asked;
use crate::output::tail::{self as told, Options, TailReporter};
use crate::words::count;

/// Delete every message of a queue
#[derive(Debug, Args)]
#[command(
    after_help = "It asks for the queue's name; `--confirm NAME` answers in scripts, `--yes` does not. On AWS a purge takes up to 60\n\
    seconds, in which old messages may still be received and new ones may be deleted, and can be asked for once\n\
    in 60 seconds. With `--backup` only what has been written to the file is deleted: what consumers have in\n\
    flight stays.\n\n\
    Examples: eventbus purge user_events_dlq --dry-run\n          \
    eventbus purge user_events_dlq --backup dead.ndjson.zst --confirm user_events_dlq"
)]
pub struct PurgeArgs {
    /// The queue, by name, ARN or URL
    #[arg(value_name = "QUEUE")]
    pub queue: String,
    /// Write every message into this recording first, and delete no other
    #[arg(long, value_name = "FILE")]
    pub backup: Option<PathBuf>,
    /// Go ahead without being asked, if this is the queue's name
    #[arg(long, value_name = "NAME")]
    pub confirm: Option<String>,
    /// Only say what would be deleted
    #[arg(long)]
    pub dry_run: bool,
}

/// Runs the verb.
///
/// # Errors
/// The queue does not exist, nobody confirmed, or the bus or the file fails.
pub async fn run(cx: &mut Cx, args: PurgeArgs) -> Result<Outcome, CliError> {
    let bus = cx.looking_bus().await?;
    let queue = bus.queue(&args.queue).await?;
    let before = bus.queue_attributes(&queue).await?;
    let holds = contents(&before);
    if args.dry_run {
        cx.ui.status(format!("`{}` holds {holds}; nothing was deleted", queue.name));
        return Ok(Outcome::Done);
    }
    if total(&before) == 0 && args.confirm.is_none() {
        cx.ui.status(format!("`{}` is empty", queue.name));
        return Ok(Outcome::Done);
    }
    let kept =
        args.backup.as_ref().map_or_else(String::new, |file| format!(" (after writing it to {})", file.display()));
    let asked = Asked {
        why: format!("every message of `{}` is deleted{kept}: {holds}", queue.name),
        names: vec![queue.name.clone()],
    };
    let given: Vec<String> = args.confirm.into_iter().collect();
    if let Some(other) = given.iter().find(|name| **name != queue.name) {
        return Err(CliError::usage(format!(
            "`--confirm {other}` does not name what would be emptied, `{}`",
            queue.name
        ))
        .hint(format!("if that is what you want: `--confirm {}`", queue.name)));
    }
    let Some(confirmed) = cx.ui.confirm_names(&[asked], &given)? else { return Ok(Outcome::Failed) };
    let Some(file) = args.backup else {
        purge::all(&bus, &queue, confirmed).await.map_err(|error| {
            let again = error.code.as_deref().is_some_and(|code| code.contains("PurgeQueueInProgress"));
            let cli = CliError::from(error);
            if again { cli.hint("SQS purges a queue once in 60 seconds: wait a minute and try again") } else { cli }
        })?;
        cx.ui.status(format!("Purged `{}`: {holds}", queue.name));
        if !bus.can_peek() {
            cx.ui.note(
                "SQS takes up to 60 seconds for it: until then old messages may still be received, and messages that are sent \
                 now may be deleted, too",
            );
        }
        return Ok(Outcome::Done);
    };
    let mut writer = tail_verb::open_rotated(cx, &file, Rotation::default())?;
    let shutdown = Shutdown::from_signals()?;
    let reporter = TailReporter::new(&cx.ui, Options::default()).with_bar("kept and deleted");
    let (watched, from, into) = (&shutdown, &queue, &mut writer);
    let source = bus.clone();
    let work = |emit| async move { purge::into_backup(&source, from, into, confirmed, &emit, watched).await };
    let (result, _) = cx.drive_until(&shutdown, reporter, work).await?;
    let written = writer.finish().map_err(|error| CliError::failed("the backup cannot be written").because(&error))?;
    let report = result.map_err(|error| look::failed(error, &format!("purge {}", queue.name)))?;
    cx.ui.status(format!(
        "Wrote {} to {} and deleted {} of `{}`",
        count(written.records, "message"),
        file.display(),
        report.drained,
        queue.name
    ));
    told::doubts(&cx.ui, &report);
    let left = bus.queue_attributes(&queue).await?;
    if total(&left) > 0 {
        cx.ui.warn(format!("`{}` still holds {}", queue.name, contents(&left)));
    }
    Ok(look::outcome(&report, &shutdown))
}

fn total(attributes: &QueueAttributes) -> u64 {
    attributes.visible + attributes.in_flight + attributes.delayed
}

fn contents(attributes: &QueueAttributes) -> String {
    let mut parts = vec![format!("about {} waiting", count(attributes.visible, "message"))];
    if attributes.in_flight > 0 {
        parts.push(format!("{} in flight", attributes.in_flight));
    }
    if attributes.delayed > 0 {
        parts.push(format!("{} delayed", attributes.delayed));
    }
    parts.join(", ")
}
