//! The handlers of `consume`: from the flags, else from `handlers:` of eventbus.yaml.

use std::num::NonZeroUsize;
use std::path::Path;
use std::time::Duration;

use super::{ConsumeArgs, ProtocolName, not_runnable};
use crate::commands::{Cx, duration};
use crate::config::HandlerFile;
use crate::engine::consume::{Backoff, HandlerSpec, Protocol, Table, Target};
use crate::engine::exec::{HandlerCommand, Program};
use crate::error::CliError;

/// Events of a batch where nobody says how many.
const BATCH: NonZeroUsize = NonZeroUsize::new(100).expect("it is not zero");

/// How long a batch is filled where nobody says so.
const BATCH_WAIT: Duration = Duration::from_secs(1);

/// The handlers, and which events go to which.
///
/// # Errors
/// None is named, flags or settings contradict each other, or a program cannot be run.
pub(super) async fn handlers(cx: &Cx, args: &ConsumeArgs) -> Result<(Vec<HandlerSpec>, Table), CliError> {
    let named = args.exec.is_some() || !args.command.is_empty() || args.forward.is_some() || !args.on.is_empty();
    if named {
        return of_flags(cx, args).await;
    }
    let with_handler: Vec<&str> = [
        ("--protocol", args.protocol.is_some()),
        ("--batch", args.batch.is_some()),
        ("--batch-wait", args.batch_wait.is_some()),
        ("--inflight", args.inflight.is_some()),
    ]
    .into_iter()
    .filter_map(|(flag, given)| given.then_some(flag))
    .collect();
    if let Some(flag) = with_handler.first() {
        return Err(CliError::usage(format!("`{flag}` is for a handler of the command line, and none is named"))
            .hint("add `--exec CMD`, or set it in `handlers:` of eventbus.yaml"));
    }
    if cx.config.handlers.is_empty() {
        return Err(CliError::usage("no handler is named, and eventbus.yaml has no `handlers:`")
            .hint("name one: `eventbus consume --exec ./handler.sh`"));
    }
    of_file(cx, args).await
}

async fn of_flags(cx: &Cx, args: &ConsumeArgs) -> Result<(Vec<HandlerSpec>, Table), CliError> {
    let (mut handlers, mut entries) = (Vec::new(), Vec::new());
    let workers = args.workers.unwrap_or(NonZeroUsize::MIN);
    let timeout = args.timeout.or(cx.config.consume_timeout.as_ref().map(|found| found.value));
    let mut add = |pattern: &str, protocol: Protocol| {
        entries.push((pattern.to_owned(), handlers.len()));
        handlers.push(HandlerSpec { protocol, workers, timeout, backoff: Backoff::default() });
    };
    for (pattern, line) in &args.on {
        let program = find(cx, HandlerCommand::Shell(line.clone()), &cx.cwd).await?;
        add(pattern, protocol_of(args, program)?);
    }
    if let Some(url) = &args.forward {
        add("*", Protocol::Http(target(url, "`--forward`")?));
    } else if let Some(line) = &args.exec {
        let program = find(cx, HandlerCommand::Shell(line.clone()), &cx.cwd).await?;
        add("*", protocol_of(args, program)?);
    } else if let Some((program, words)) = args.command.split_first() {
        let command = HandlerCommand::Direct { program: program.clone(), args: words.to_vec() };
        let program = find(cx, command, &cx.cwd).await?;
        add("*", protocol_of(args, program)?);
    }
    Ok((handlers, Table::new(entries)))
}

/// The protocol that the flags choose; `--batch` and `--inflight` say it, too.
fn protocol_of(args: &ConsumeArgs, program: Program) -> Result<Protocol, CliError> {
    let batch = args.batch.is_some() || args.batch_wait.is_some();
    let name = match (args.protocol, batch, args.inflight.is_some()) {
        (_, true, true) => {
            return Err(CliError::usage("`--batch` is of the batch protocol and `--inflight` of the stream protocol"));
        }
        (Some(ProtocolName::Spawn | ProtocolName::Stream), true, _) => {
            return Err(CliError::usage("`--batch` and `--batch-wait` are of `--protocol batch`"));
        }
        (Some(ProtocolName::Spawn | ProtocolName::Batch), _, true) => {
            return Err(CliError::usage("`--inflight` is of `--protocol stream`"));
        }
        (Some(name), ..) => name,
        (None, true, _) => ProtocolName::Batch,
        (None, _, true) => ProtocolName::Stream,
        (None, ..) => ProtocolName::Spawn,
    };
    Ok(protocol(name, program, args.batch, args.batch_wait, args.inflight))
}

fn protocol(
    name: ProtocolName,
    program: Program,
    batch: Option<NonZeroUsize>,
    wait: Option<Duration>,
    inflight: Option<NonZeroUsize>,
) -> Protocol {
    match name {
        ProtocolName::Spawn => Protocol::Spawn(program),
        ProtocolName::Batch => {
            Protocol::Batch { program, most: batch.unwrap_or(BATCH), wait: wait.unwrap_or(BATCH_WAIT) }
        }
        ProtocolName::Stream => Protocol::Stream { program, inflight: inflight.unwrap_or(NonZeroUsize::MIN) },
    }
}

async fn of_file(cx: &Cx, args: &ConsumeArgs) -> Result<(Vec<HandlerSpec>, Table), CliError> {
    let (mut handlers, mut entries) = (Vec::new(), Vec::new());
    for (pattern, handler) in &cx.config.handlers {
        entries.push((pattern.clone(), handlers.len()));
        handlers.push(one_of_file(cx, args, pattern, handler).await?);
    }
    Ok((handlers, Table::new(entries)))
}

async fn one_of_file(
    cx: &Cx,
    args: &ConsumeArgs,
    pattern: &str,
    handler: &HandlerFile,
) -> Result<HandlerSpec, CliError> {
    let wrong = |what: String| CliError::usage(format!("eventbus.yaml: handler `{pattern}`: {what}"));
    let time = |key: &str, text: &Option<String>| match text {
        Some(text) => duration(text).map(Some).map_err(|error| wrong(format!("`{key}: {text}`: {error}"))),
        None => Ok(None),
    };
    let number = |key: &str, number: Option<usize>| match number {
        Some(number) => {
            NonZeroUsize::new(number).map(Some).ok_or_else(|| wrong(format!("`{key}: 0`; expected 1 or more")))
        }
        None => Ok(None),
    };
    let (batch, inflight) = (number("batch", handler.batch)?, number("inflight", handler.inflight)?);
    let wait = time("batch_wait", &handler.batch_wait)?;
    let name = match handler.protocol.as_deref() {
        Some("spawn") => ProtocolName::Spawn,
        Some("batch") => ProtocolName::Batch,
        Some("stream") => ProtocolName::Stream,
        Some(other) => return Err(wrong(format!("unknown protocol `{other}`; expected spawn, batch or stream"))),
        None if batch.is_some() || wait.is_some() => ProtocolName::Batch,
        None if inflight.is_some() => ProtocolName::Stream,
        None => ProtocolName::Spawn,
    };
    if (batch.is_some() || wait.is_some()) && name != ProtocolName::Batch {
        return Err(wrong("`batch` and `batch_wait` are of `protocol: batch`".into()));
    }
    if inflight.is_some() && name != ProtocolName::Stream {
        return Err(wrong("`inflight` is of `protocol: stream`".into()));
    }
    let command = match (&handler.exec, &handler.command, &handler.forward) {
        (Some(line), None, None) => Some(HandlerCommand::Shell(line.clone())),
        (None, Some(words), None) => match words.split_first() {
            Some((program, words)) => {
                Some(HandlerCommand::Direct { program: program.into(), args: words.iter().map(Into::into).collect() })
            }
            None => return Err(wrong("`command` is empty".into())),
        },
        (None, None, Some(_)) => None,
        _ => return Err(wrong("expected one of `exec`, `command` and `forward`".into())),
    };
    let protocol = match (command, &handler.forward) {
        (Some(command), _) => protocol(name, find(cx, command, &cx.config.folder).await?, batch, wait, inflight),
        (None, Some(url)) if handler.protocol.is_none() && name == ProtocolName::Spawn => {
            Protocol::Http(target(url, &format!("eventbus.yaml: handler `{pattern}`: `forward`"))?)
        }
        (None, _) => return Err(wrong("a web service takes no `protocol`, `batch` or `inflight`".into())),
    };
    let retry = handler.retry.clone().unwrap_or_default();
    let default = Backoff::default();
    let backoff = Backoff {
        base: time("first", &retry.first)?.unwrap_or(default.base),
        cap: time("longest", &retry.longest)?.unwrap_or(default.cap),
    };
    let timeout = time("timeout", &handler.timeout)?.or(args.timeout).or(cx
        .config
        .consume_timeout
        .as_ref()
        .map(|found| found.value));
    let workers = number("workers", handler.workers)?.or(args.workers).unwrap_or(NonZeroUsize::MIN);
    Ok(HandlerSpec { protocol, workers, timeout, backoff })
}

async fn find(cx: &Cx, command: HandlerCommand, folder: &Path) -> Result<Program, CliError> {
    command.resolve(cx.config.path.as_deref(), folder).await.map_err(|error| not_runnable(cx, error))
}

fn target(url: &str, place: &str) -> Result<Target, CliError> {
    Target::parse(url).map_err(|error| CliError::usage(format!("{place}: `{}`: {error}", without_secrets(url))))
}

/// A URL without what may be a secret: user, password and query.
pub(super) fn without_secrets(url: &str) -> String {
    let (shown, query) = url.split_once('?').map_or((url, ""), |(shown, _)| (shown, "?…"));
    let (scheme, rest) = shown.split_once("://").unwrap_or(("", shown));
    let separator = if scheme.is_empty() { "" } else { "://" };
    match rest.rsplit_once('@') {
        Some((_, host)) => format!("{scheme}{separator}…@{host}{query}"),
        None => format!("{shown}{query}"),
    }
}
