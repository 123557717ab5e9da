//! The arguments of `replay`.

use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;

use clap::Args;

use crate::commands::select::{SelectArgs, program};
use crate::engine::jq::Program;
use crate::output::Format;

/// Send the messages of a dead-letter queue back to their origin, or those of a queue or recording anywhere
#[derive(Debug, Args)]
#[command(
    after_help = "Each message is sent, confirmed, and only then deleted; what fails stays where it was. Delivery is at least once:\n\
    a message whose answer was lost may arrive twice, and is named.\n\n\
    Each step is noted in a journal (.eventbus/replays/, ids only). After a crash or a kill `--resume` goes on where it\n\
    ended: nothing is sent twice but what was in flight, which it lists. Ctrl-C finishes what is in flight and gives\n\
    back the rest.\n\n\
    Examples: eventbus replay user_events_dlq --dry-run\n          \
    eventbus replay user_events_dlq --event UserRegistered --limit 10 --yes\n          \
    eventbus replay user_events_dlq --where '.event.payload.plan == \"pro\"' --edit '.event.payload.retried = true'\n          \
    eventbus replay friday.ndjson.zst --to topic:users --to-context staging --speed 10x --republish\n          \
    eventbus replay --resume"
)]
pub struct ReplayArgs {
    /// What to replay: a queue (name, ARN or URL), a recording (`FILE.ndjson`, `FILE.ndjson.zst`), or `-` for records on stdin
    #[arg(value_name = "SOURCE", required_unless_present_any = ["resume", "journals", "forget"])]
    pub source: Option<String>,
    /// Where to: `origin`, `queue:NAME`, `topic:NAME` (published again) or `file:FILE` (records, appended)
    #[arg(long, value_name = "WHERE", default_value = "origin")]
    pub to: Destination,
    /// Send to this context of eventbus.yaml instead of the source's own
    #[arg(long, value_name = "NAME")]
    pub to_context: Option<String>,
    /// At most so many
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub limit: Option<u64>,
    /// Only show what would be done
    #[arg(long)]
    pub dry_run: bool,
    /// Leave the originals where they are
    #[arg(long)]
    pub copy: bool,
    /// Go on even where looking can dead-letter a message that is to stay: with a selection, a copy, or a dry run that has to receive
    #[arg(long)]
    pub force: bool,
    /// Change each record's `.event.payload` or `.attributes` on the way; payloads are checked again (can be repeated)
    #[arg(long = "edit", value_name = "JQ", value_parser = program, help_heading = "Changes on the way")]
    pub edits: Vec<Arc<Program>>,
    /// Give each event a fresh publish date and trace
    #[arg(long, help_heading = "Changes on the way")]
    pub republish: bool,
    /// At most so many messages a second
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..), help_heading = "How fast")]
    pub rate: Option<u32>,
    /// A recording's own rhythm, so many times as fast: `1x`, `10x`, `0.5x`
    #[arg(long, value_name = "TIMES", value_parser = speed, conflicts_with = "rate", help_heading = "How fast")]
    pub speed: Option<f64>,
    /// Calls of one kind at a time [default: 8, on the embedded bus 32]; FIFO queues keep their order whatever it is
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=64), help_heading = "How fast")]
    pub concurrency: Option<u16>,
    /// Let SQS move the whole dead-letter queue by itself
    #[arg(long)]
    pub native: bool,
    /// Go on with a replay that was interrupted: its journal, or the latest
    #[arg(long, value_name = "JOURNAL", num_args = 0..=1, default_missing_value = "", conflicts_with_all = ["source", "dry_run", "native", "edits", "republish", "copy", "limit", "to", "to_context", "speed", "SelectArgs"], help_heading = "Journals")]
    pub resume: Option<String>,
    /// List the journals of replays that were interrupted or left something
    #[arg(long, conflicts_with_all = ["source", "resume", "forget"], help_heading = "Journals")]
    pub journals: bool,
    /// Remove a journal: what it says cannot be resumed any more
    #[arg(long, value_name = "JOURNAL", conflicts_with_all = ["source", "resume"], help_heading = "Journals")]
    pub forget: Option<String>,
    /// Go ahead without being asked, if this is the source's name (into a protected context: the destination's); there `--yes` is
    /// not enough (can be repeated)
    #[arg(long, value_name = "NAME")]
    pub confirm: Vec<String>,
    /// How to report [default: pretty on a terminal, else ndjson]
    #[arg(short = 'o', long = "output", value_name = "FORMAT", value_parser = Format::one_of(&[Format::Pretty, Format::Ndjson]))]
    pub output: Option<Format>,
    /// Which messages: last, since the heading goes on to what follows
    #[command(flatten)]
    pub select: SelectArgs,
}

/// The value of `--to`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Destination {
    /// `origin`
    Origin,
    /// `queue:NAME`
    Queue(String),
    /// `topic:NAME`
    Topic(String),
    /// `file:FILE`
    File(PathBuf),
}

impl FromStr for Destination {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once(':') {
            None if text == "origin" => Ok(Self::Origin),
            Some(("queue", name)) if !name.is_empty() => Ok(Self::Queue(name.to_owned())),
            Some(("topic", name)) if !name.is_empty() => Ok(Self::Topic(name.to_owned())),
            Some(("file", name)) if !name.is_empty() => Ok(Self::File(name.into())),
            _ => Err("expected `origin`, `queue:NAME`, `topic:NAME` or `file:FILE`".into()),
        }
    }
}

fn speed(text: &str) -> Result<f64, String> {
    match text.trim_end_matches(['x', '×']).parse::<f64>() {
        Ok(times) if times.is_finite() && times > 0.0 => Ok(times),
        _ => Err("expected so many times, such as `10x` or `0.5x`".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn speeds() {
        assert_eq!((speed("10x"), speed("0.5"), speed("1×")), (Ok(10.0), Ok(0.5), Ok(1.0)));
        for wrong in ["", "x", "0x", "-1x", "inf", "fast"] {
            assert!(speed(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn destinations() {
        assert_eq!("queue:a".parse(), Ok(Destination::Queue("a".into())));
        assert_eq!("queue:arn:aws:sqs:x:1:a".parse(), Ok(Destination::Queue("arn:aws:sqs:x:1:a".into())));
        assert_eq!("topic:users".parse(), Ok(Destination::Topic("users".into())));
        assert_eq!("file:a b.ndjson".parse(), Ok(Destination::File("a b.ndjson".into())));
        for wrong in ["queue:", "a", "", "Origin", "topic:", "file:"] {
            assert!(wrong.parse::<Destination>().is_err(), "{wrong}");
        }
    }
}
