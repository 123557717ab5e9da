//! What the verbs that look into queues share: what is looked at, how, until when, and what it means when they cannot.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use super::{Cx, duration};
use crate::bus::{Bus, BusError, BusErrorKind};
use crate::clock::Clock;
use crate::engine::recording::RecordingError;
use crate::engine::shutdown::Shutdown;
use crate::engine::tail::{Choice, Ended, Report, Request, Sample, Source, TailError};
use crate::error::{CliError, ErrorKind};
use crate::outcome::Outcome;

/// When to end.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "When to end")]
pub struct BoundArgs {
    /// End after so many
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub count: Option<u64>,
    /// End when nothing came for so long
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub idle: Option<Duration>,
    /// End after so long
    #[arg(long = "for", value_name = "DURATION", value_parser = duration)]
    pub duration: Option<Duration>,
}

/// How it is looked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Mode {
    /// Whatever harms nothing: peek, else a tap, else receiving
    #[default]
    Auto,
    /// Look without receiving, where the bus can
    Peek,
    /// Hang a temporary queue beside it and see what comes from now on
    Tap,
    /// Receive each message once, hold it, and give it back at the end
    Receive,
    /// Receive each message, write it to --to, and delete it
    Drain,
}

impl Mode {
    /// The choice; none for draining, which somebody has to agree to first.
    pub const fn harmless(self) -> Option<Choice> {
        match self {
            Self::Auto => Some(Choice::Auto),
            Self::Peek => Some(Choice::Peek),
            Self::Tap => Some(Choice::Tap),
            Self::Receive => Some(Choice::Receive),
            Self::Drain => None,
        }
    }

    /// What has to be typed for it, a blank before it.
    pub fn typed(self) -> String {
        let name = self.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default();
        if self == Self::Auto { String::new() } else { format!(" --mode {name}") }
    }
}

impl BoundArgs {
    /// The request to look at all of `sources` until these bounds.
    pub fn request(&self, sources: Vec<Source>, mode: Choice, force: bool) -> Request {
        Request {
            sources,
            mode,
            count: self.count,
            idle: self.idle,
            duration: self.duration,
            force,
            clock: Clock::system(),
            ..Request::default()
        }
    }
}

/// `10%` or `0.5%`.
///
/// # Errors
/// A sentence for clap.
pub fn sample(text: &str) -> Result<Sample, String> {
    let percent = text.strip_suffix('%').and_then(|number| number.trim().parse().ok());
    percent.and_then(Sample::percent).ok_or_else(|| "expected a share such as `10%`, above 0% and up to 100%".into())
}

/// Whether `name` is a file and not a queue: `-`, a path, or what ends as recordings do.
pub fn is_recording(name: &str) -> bool {
    let elsewhere = ["arn:", "http://", "https://"].iter().any(|begin| name.starts_with(begin));
    let file = name.contains('/') || [".ndjson", ".jsonl", ".zst"].iter().any(|end| name.ends_with(end));
    name == "-" || (file && !elsewhere)
}

/// What `names` and `topics` are, and the bus that they are on; none when all are recordings.
///
/// # Errors
/// A queue or topic does not exist, or nothing is named.
pub async fn sources(cx: &mut Cx, names: &[String], topics: &[String]) -> Result<(Option<Bus>, Vec<Source>), CliError> {
    if names.is_empty() && topics.is_empty() {
        return Err(CliError::usage("nothing is named to look at").hint("name a queue, a recording, or `--topic NAME`"));
    }
    let mut sources = Vec::new();
    let mut bus = None;
    for name in names {
        if is_recording(name) {
            // As it was typed: that is how messages name it.
            let path = PathBuf::from(name);
            if name != "-" && !cx.path(&path).exists() {
                return Err(CliError::failed(format!("there is no recording {name}")));
            }
            sources.push(Source::Recording(path));
        } else {
            let queue = looking(cx, &mut bus).await?.queue(name).await?;
            // Named twice it is shown once.
            if !sources.iter().any(|source| matches!(source, Source::Queue(known) if known.arn == queue.arn)) {
                sources.push(Source::Queue(queue));
            }
        }
    }
    for topic in topics {
        let topic = looking(cx, &mut bus).await?.topic(topic).await?;
        if !sources.iter().any(|source| matches!(source, Source::Topic(known) if known.arn == topic.arn)) {
            sources.push(Source::Topic(topic));
        }
    }
    Ok((bus, sources))
}

async fn looking(cx: &mut Cx, bus: &mut Option<Bus>) -> Result<Bus, CliError> {
    if bus.is_none() {
        *bus = Some(cx.looking_bus().await?);
    }
    // It was put there just now.
    bus.clone().ok_or_else(|| CliError::failed("there is no bus"))
}

/// The names of the sources, as records give them.
pub fn names_of(sources: &[Source]) -> Vec<String> {
    let name = |source: &Source| match source {
        Source::Queue(queue) => queue.name.clone(),
        Source::Topic(topic) => topic.name.clone(),
        Source::Recording(path) => path.display().to_string(),
    };
    sources.iter().map(name).collect()
}

/// What kept `command` from looking, with what can be done about it.
pub fn failed(error: TailError, command: &str) -> CliError {
    match error {
        // Exit 1: it was tried and not done. Nothing was sent that could have been refused, and the command line is right.
        costly @ TailError::Costly { .. } => CliError::failed(costly.to_string())
            .hint(format!("look all the same, knowing that: `eventbus {command} --force`")),
        TailError::Untapped { ref denied, ref instead } => {
            let refused = CliError::new(ErrorKind::Auth, error.to_string()).because(denied).hint(TAP_PERMISSIONS);
            match instead {
                Some(_) => refused.hint(format!("or receive all the same: `eventbus {command} --force`")),
                None => refused,
            }
        }
        TailError::NoSuchWay(why) => CliError::failed(why),
        TailError::Bus(error) => error.into(),
        TailError::Recording(error) => recording(error),
        TailError::Unwritten { what, error } => CliError::failed(what).because(&error),
    }
}

/// What is wrong with a recording.
pub fn recording(error: RecordingError) -> CliError {
    let cli = match &error {
        RecordingError::Foreign { .. } => CliError::refused(error.to_string()),
        _ => CliError::failed(error.to_string()),
    };
    match std::error::Error::source(&error) {
        Some(cause) => cli.because(cause),
        None => cli,
    }
}

const TAP_PERMISSIONS: &str = "the permissions that a tap takes: `eventbus iam-policy tail --mode tap`";

/// What a tap could not do.
pub fn untapped(error: BusError) -> CliError {
    let denied = error.kind == BusErrorKind::Auth;
    let told = CliError::from(error);
    if denied { told.hint(TAP_PERMISSIONS) } else { told }
}

/// The outcome of a look that went so.
pub fn outcome(report: &Report, shutdown: &Shutdown) -> Outcome {
    match report.ended {
        Ended::Count | Ended::Idle | Ended::Time | Ended::OutputClosed | Ended::All if report.undeleted > 0 => {
            Outcome::Partial
        }
        Ended::Signal => super::outcome_of_signal(shutdown.signal()).unwrap_or(Outcome::Done),
        Ended::Count | Ended::Idle | Ended::Time | Ended::OutputClosed | Ended::All => Outcome::Done,
        Ended::Failed => Outcome::Failed,
    }
}

/// Returns once nobody can read stdout any more; never where that cannot be told (a file).
///
/// Without it a closed pipe would be noticed with the next message only, and what is held would stay held until then.
pub async fn reader_gone() {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_told_from_queues() {
        for name in ["-", "a.ndjson", "./a", "a.ndjson.zst", "dir/a"] {
            assert!(is_recording(name), "{name}");
        }
        for name in ["users", "users.fifo", "arn:aws:sqs:x:1:a", "https://sqs.x/1/a.zst", "http://h/1/a"] {
            assert!(!is_recording(name), "{name}");
        }
    }

    #[test]
    fn shares_are_percentages() {
        assert_eq!(sample("10%"), Ok(Sample::percent(10.0).unwrap()));
        for wrong in ["", "10", "0%", "101%", "-1%", "x%", "NaN%"] {
            assert!(sample(wrong).is_err(), "{wrong}");
        }
    }
}
