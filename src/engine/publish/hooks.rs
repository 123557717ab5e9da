//! The commands around a publish: `before` sees each event and may change or refuse it, `after` is told what became of it. One
//! process each for the whole stream, one line of JSON an event.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, ChildStdin, ChildStdout, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use tokio::io::AsyncWriteExt as _;

use super::{Item, Problem, Progress};
use crate::engine::exec::Program;
use crate::event::{Attribute, AttributeValue, Attributes, Event, Metadata, NotificationAttribute};

/// How long a hook may take to end once it has been told everything.
const GRACE: Duration = Duration::from_secs(5);
/// Bytes of one answer.
const LONGEST: u64 = 16 * 1024 * 1024;
/// How often it is asked meanwhile whether it has ended: there is no waiting for a child with a time limit.
const POLL: Duration = Duration::from_millis(10);

/// The commands.
#[derive(Clone, Debug, Default)]
pub struct Hooks {
    /// Before the checks.
    pub before: Option<Program>,
    /// After the bus has answered.
    pub after: Option<Program>,
}

/// What `before` reads.
#[derive(Serialize)]
struct Question<'a> {
    input: &'a str,
    topics: &'a [String],
    event: &'a RawValue,
    attributes: BTreeMap<&'a str, Typed>,
}

/// What it answers; an empty object changes nothing.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Answer {
    event: Option<Event>,
    attributes: Option<BTreeMap<String, Typed>>,
    refuse: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct Typed {
    #[serde(rename = "type")]
    data_type: String,
    value: String,
}

/// What a hook makes of an event.
#[derive(Debug, Default)]
pub(super) struct Changed {
    pub(super) event: Option<Event>,
    pub(super) attributes: Option<Attributes>,
    /// The metadata that the hook has seen, where that was before.
    pub(super) metadata: Option<Metadata>,
}

/// Holds the process group of `before`: the thread that asks it may be waiting for its answer when the run is over.
#[derive(Clone, Debug, Default)]
pub(super) struct Leash(Arc<Mutex<Option<Pid>>>);

impl Leash {
    fn hold(&self, process: u32) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = i32::try_from(process).ok().map(Pid::from_raw);
    }

    /// It has ended by itself.
    fn free(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Ends it, and what it has started, if it is still there.
    pub(super) fn end(&self) {
        if let Some(group) = self.0.lock().unwrap_or_else(PoisonError::into_inner).take() {
            // It fails when nobody is left, which is as well.
            let _ = killpg(group, Signal::SIGKILL);
        }
    }
}

fn parsed(line: &str) -> Result<Answer, String> {
    serde_json::from_str(line).map_err(|error| {
        let shown: String = line.trim_end().chars().take(80).collect();
        format!("answers `{shown}`, which is none: {error}")
    })
}

/// What an answer means for the event that it is about.
///
/// # Errors
/// It refuses the event, or is none: then nothing goes out unseen.
pub(super) fn judged(name: &str, line: &str, event: &Event) -> Result<Changed, Problem> {
    let answer = parsed(line).map_err(|why| Problem::Hook(format!("hook `{name}` {why}")))?;
    if let Some(reason) = answer.refuse {
        return Err(Problem::HookRefused(format!("hook `{name}` refuses it: {reason}")));
    }
    if answer.event.as_ref().is_some_and(|new| new.metadata.event_name != event.metadata.event_name) {
        return Err(Problem::Hook(format!("hook `{name}` gives the event another name")));
    }
    let attributes: Option<Result<Attributes, String>> =
        answer.attributes.map(|all| all.into_iter().map(untyped).collect());
    let attributes = attributes.transpose().map_err(|why| Problem::Hook(format!("hook `{name}` {why}")))?;
    Ok(Changed { event: answer.event, attributes, metadata: None })
}

/// The process of `before`; killed when dropped before its end.
#[derive(Debug)]
pub(super) struct Before {
    name: String,
    leash: Leash,
    child: Child,
    stdin: Option<ChildStdin>,
    stdout: BufReader<ChildStdout>,
    line: String,
    /// Why it answers no more.
    broken: Option<String>,
}

impl Before {
    pub(super) fn start(program: &Program, leash: &Leash) -> Result<Self, Problem> {
        let failed = |why: String| Problem::Hook(format!("hook `{program}` cannot be started: {why}"));
        let mut command = program.command();
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).process_group(0);
        let mut child = command.spawn().map_err(|error| failed(error.to_string()))?;
        leash.hold(child.id());
        match (child.stdin.take(), child.stdout.take()) {
            (stdin @ Some(_), Some(stdout)) => Ok(Self {
                name: program.to_string(),
                leash: leash.clone(),
                child,
                stdin,
                stdout: BufReader::new(stdout),
                line: String::new(),
                broken: None,
            }),
            _ => Err(failed("it has no streams".into())),
        }
    }

    /// Asks about one event; the answer is to be [`judged`].
    pub(super) fn ask(
        &mut self,
        item: &Item,
        topics: &[String],
        event: &Event,
        attributes: &Attributes,
    ) -> Result<String, String> {
        if let Some(why) = &self.broken {
            return Err(why.clone());
        }
        // One that answers nonsense once may be a line ahead: nothing that it says afterwards counts.
        let sound = |line: String| parsed(&line).map(|_| line);
        self.exchange(item, topics, event, attributes).and_then(sound).map_err(|why| {
            let why = format!("hook `{}` {why}", self.name);
            self.broken = Some(why.clone());
            why
        })
    }

    fn exchange(
        &mut self,
        item: &Item,
        topics: &[String],
        event: &Event,
        attributes: &Attributes,
    ) -> Result<String, String> {
        let event = RawValue::from_string(event.normalised_json()).map_err(|error| error.to_string())?;
        let question = Question { input: &item.input, topics, event: &event, attributes: typed(attributes) };
        let mut text = serde_json::to_string(&question).map_err(|error| error.to_string())?;
        text.push('\n');
        let stdin = self.stdin.as_mut().ok_or("has ended")?;
        stdin.write_all(text.as_bytes()).map_err(|error| format!("does not read: {error}"))?;
        self.line.clear();
        let mut bounded = (&mut self.stdout).take(LONGEST);
        let read = bounded.read_line(&mut self.line).map_err(|error| format!("cannot be read: {error}"))?;
        match read as u64 {
            0 => Err("ended before it had answered".into()),
            LONGEST.. if !self.line.ends_with('\n') => Err(format!("answers a line of more than {LONGEST} bytes")),
            _ => Ok(std::mem::take(&mut self.line)),
        }
    }

    /// Tells it that nothing more comes; what is to be said if it does not end well.
    pub(super) fn finish(mut self) -> Option<String> {
        drop(self.stdin.take());
        let mut waited = Duration::ZERO;
        loop {
            match self.child.try_wait() {
                Ok(Some(status)) => {
                    self.leash.free();
                    return ended_badly(&self.name, status);
                }
                Ok(None) if waited < GRACE => {
                    std::thread::sleep(POLL);
                    waited += POLL;
                }
                _ => return Some(format!("hook `{}` did not end by itself", self.name)),
            }
        }
    }
}

impl Drop for Before {
    fn drop(&mut self) {
        self.leash.end();
        let _ = self.child.wait();
    }
}

fn ended_badly(name: &str, status: ExitStatus) -> Option<String> {
    (!status.success()).then(|| format!("hook `{name}` ended with {status}"))
}

fn typed(attributes: &Attributes) -> BTreeMap<&str, Typed> {
    let typed = |attribute| {
        let NotificationAttribute { data_type, value } = NotificationAttribute::from(attribute);
        Typed { data_type, value }
    };
    attributes.iter().map(|(name, attribute)| (name.as_str(), typed(attribute))).collect()
}

fn untyped((name, Typed { data_type, value }): (String, Typed)) -> Result<(String, Attribute), String> {
    if data_type.split('.').next() == Some("Binary") {
        return Err(format!("answers the attribute `{name}` of type Binary, which no hook can set"));
    }
    Ok((name, Attribute { data_type, value: AttributeValue::Text(value) }))
}

/// What `after` reads.
#[derive(Serialize)]
struct Told<'a> {
    status: &'static str,
    #[serde(flatten)]
    item: &'a Item,
    #[serde(skip_serializing_if = "Option::is_none")]
    message_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

/// The process of `after`.
#[derive(Debug)]
pub(super) struct After {
    name: String,
    child: tokio::process::Child,
    stdin: Option<tokio::process::ChildStdin>,
}

impl After {
    pub(super) fn start(program: &Program) -> Result<Self, String> {
        let mut command = tokio::process::Command::from(program.command());
        command.stdin(Stdio::piped()).stdout(Stdio::null()).process_group(0).kill_on_drop(true);
        let mut child = command.spawn().map_err(|error| format!("hook `{program}` cannot be started: {error}"))?;
        let stdin = child.stdin.take();
        Ok(Self { name: program.to_string(), child, stdin })
    }

    /// Tells it what became of an event that was handed to the bus; what is to be said when it does not read any more.
    pub(super) async fn tell(&mut self, progress: &Progress) -> Option<String> {
        let told = match progress {
            Progress::Sent { item, message_id, .. } => {
                Told { status: "sent", item, message_id: Some(message_id), error: None }
            }
            Progress::Failed { item, error, .. } => {
                Told { status: "failed", item, message_id: None, error: Some(error.to_string()) }
            }
            _ => return None,
        };
        let stdin = self.stdin.as_mut()?;
        let mut line = serde_json::to_vec(&told).ok()?;
        line.push(b'\n');
        let error = stdin.write_all(&line).await.err()?;
        self.stdin = None;
        Some(format!("hook `{}` does not read, and is told nothing more: {error}", self.name))
    }

    /// Tells it that nothing more comes; what is to be said if it does not end well.
    pub(super) async fn finish(mut self) -> Option<String> {
        drop(self.stdin.take());
        match tokio::time::timeout(GRACE, self.child.wait()).await {
            Ok(Ok(status)) => ended_badly(&self.name, status),
            _ => Some(format!("hook `{}` did not end by itself", self.name)),
        }
    }
}
