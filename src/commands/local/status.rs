//! `local status` and `local reset`: looking into the bus file, and emptying it.

use std::path::{Path, PathBuf};

use clap::Args;

use super::{Cx, bus_file, local_context, open_local, written};
use crate::config::{Context, Target};
use crate::error::CliError;
use crate::local::Overview;
use crate::outcome::Outcome;
use crate::output::local::{self as output, Queue, Status, Subscription, Topic};
use crate::output::{Asked, Format};
use crate::words;

/// Arguments of `local status`.
#[derive(Debug, Args)]
pub struct StatusArgs {
    /// The bus file [default: the local context's, .eventbus/bus.db]
    #[arg(long, value_name = "FILE")]
    pub path: Option<PathBuf>,
    /// How the answer is written
    #[arg(short = 'o', long = "output", value_name = "FORMAT", default_value = "table",
        value_parser = Format::one_of(&[Format::Table, Format::Json]))]
    pub output: Format,
}

/// Arguments of `local reset`.
#[derive(Debug, Args)]
pub struct ResetArgs {
    /// The bus file [default: the local context's, .eventbus/bus.db]
    #[arg(long, value_name = "FILE")]
    pub path: Option<PathBuf>,
    /// Where the context is protected: its name, in place of typing it
    #[arg(long, value_name = "NAME")]
    pub confirm: Vec<String>,
}

/// The file as the user would write it; said on stderr, since every run says which bus it is about.
fn named(cx: &Cx, path: &Path) -> String {
    let shown = cx.shown(&path.display().to_string());
    cx.ui.note(format!("bus file {shown}"));
    shown
}

fn failed(shown: &str, error: &crate::local::BusFileError) -> CliError {
    CliError::failed(format!("the bus file {shown} cannot be used")).because(error)
}

pub(super) async fn run(cx: &Cx, args: &StatusArgs) -> Result<Outcome, CliError> {
    let path = bus_file(cx, args.path.as_deref(), "status")?;
    let shown = named(cx, &path);
    // Looking makes nothing: without a file there is nothing in it.
    let status = if path.exists() {
        let seen = open_local(&cx.ui, &path)?.overview().await.map_err(|error| failed(&shown, &error))?;
        status_of(shown, seen)
    } else {
        Status { path: shown, exists: false, topics: Vec::new(), queues: Vec::new(), subscriptions: Vec::new() }
    };
    written(match args.output {
        Format::Json => output::print_json(&cx.ui, &status),
        _ => output::print_status(&cx.ui, &status),
    })?;
    Ok(Outcome::Done)
}

fn status_of(path: String, seen: Overview) -> Status {
    Status {
        path,
        exists: true,
        topics: seen
            .topics
            .into_iter()
            .map(|topic| Topic { arn: topic.arn, subscriptions: topic.subscriptions })
            .collect(),
        queues: seen
            .queues
            .into_iter()
            .map(|queue| Queue {
                arn: queue.arn,
                waiting: queue.waiting,
                in_flight: queue.in_flight,
                delayed: queue.delayed,
                dead_letter: queue.dead_letter,
            })
            .collect(),
        subscriptions: seen
            .subscriptions
            .into_iter()
            .map(|found| Subscription {
                arn: found.arn,
                topic: found.topic,
                protocol: found.protocol,
                endpoint: found.endpoint,
                raw: found.raw,
                filter: found.filter,
                filter_scope: found.filter_scope,
            })
            .collect(),
    }
}

pub(super) async fn reset(cx: &Cx, args: &ResetArgs) -> Result<Outcome, CliError> {
    let path = bus_file(cx, args.path.as_deref(), "reset")?;
    let shown = named(cx, &path);
    if !path.exists() {
        cx.ui.status(format!("There is nothing to remove: {shown} does not exist"));
        return Ok(Outcome::Done);
    }
    let bus = open_local(&cx.ui, &path)?;
    let seen = bus.overview().await.map_err(|error| failed(&shown, &error))?;
    let messages = seen.queues.iter().map(|queue| queue.waiting + queue.in_flight + queue.delayed).sum();
    let there = counted(seen.topics.len() as u64, seen.queues.len() as u64, seen.subscriptions.len() as u64, messages);
    let look = Some("look first: `eventbus local status`");
    let of_path = |context: &&Context| matches!(&context.target, Target::Local { path: named } if *named == path);
    let context = local_context(cx).filter(of_path).filter(|context| context.protected);
    let agreed = if let Some(context) = context {
        let why = format!("this bus is protected, and {there} would be removed from {shown}");
        let name = context.name.clone().unwrap_or_else(|| "local".into());
        cx.ui.confirm_names(&[Asked { why, names: vec![name] }], &args.confirm)?
    } else {
        cx.ui.confirm(&format!("Remove {there} from {shown}?"), cx.yes, look)?
    };
    if agreed.is_none() {
        return Ok(Outcome::Failed);
    }
    let removed = bus.reset().await.map_err(|error| failed(&shown, &error))?;
    let gone = counted(removed.topics, removed.queues, removed.subscriptions, removed.messages);
    cx.ui.status(format!("Removed {gone} from {shown}"));
    Ok(Outcome::Done)
}

/// ``1 topic, 2 queues, 2 subscriptions and 7 messages``.
fn counted(topics: u64, queues: u64, subscriptions: u64, messages: u64) -> String {
    format!(
        "{}, {}, {} and {}",
        words::count(topics, "topic"),
        words::count(queues, "queue"),
        words::count(subscriptions, "subscription"),
        words::count(messages, "message")
    )
}
