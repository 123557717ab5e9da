//! The commands around a publish: `before` sees each event and may change or refuse it, `after` is told what became of it. One
//! process each for the whole stream, one line of JSON an event.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, ChildStdin, ChildStdout, ExitStatus, Stdio};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use tokio::io::AsyncWriteExt as _;

use super::{Item, Problem, Progress};
use crate::engine::exec::Program;
use crate::event::{Attribute, AttributeValue, Attributes, Event, NotificationAttribute};

/// How long a hook may take to end once it has been told everything.
const GRACE: Duration = Duration::from_secs(5);
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
}

/// The process of `before`; killed when dropped before its end.
#[derive(Debug)]
pub(super) struct Before {
    name: String,
    child: Child,
    stdin: Option<ChildStdin>,
    stdout: BufReader<ChildStdout>,
    line: String,
    /// Why it answers no more.
    broken: Option<String>,
}

impl Before {
    pub(super) fn start(program: &Program) -> Result<Self, Problem> {
        let failed = |why: String| Problem::Hook(format!("hook `{program}` cannot be started: {why}"));
        let mut command = program.command();
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).process_group(0);
        let mut child = command.spawn().map_err(|error| failed(error.to_string()))?;
        match (child.stdin.take(), child.stdout.take()) {
            (stdin @ Some(_), Some(stdout)) => Ok(Self {
                name: program.to_string(),
                child,
                stdin,
                stdout: BufReader::new(stdout),
                line: String::new(),
                broken: None,
            }),
            _ => Err(failed("it has no streams".into())),
        }
    }

    /// Asks about one event.
    ///
    /// # Errors
    /// It refuses the event, or does not answer as it should: then nothing goes out unseen.
    pub(super) fn ask(
        &mut self,
        item: &Item,
        topics: &[String],
        event: &Event,
        attributes: &Attributes,
    ) -> Result<Changed, Problem> {
        if let Some(why) = &self.broken {
            return Err(Problem::Hook(why.clone()));
        }
        match self.exchange(item, topics, event, attributes) {
            Ok(answer) => {
                if let Some(reason) = answer.refuse {
                    return Err(Problem::HookRefused(format!("hook `{}` refuses it: {reason}", self.name)));
                }
                if answer.event.as_ref().is_some_and(|new| new.metadata.event_name != event.metadata.event_name) {
                    return Err(Problem::Hook(format!("hook `{}` gives the event another name", self.name)));
                }
                let attributes = answer.attributes.map(|all| all.into_iter().map(untyped).collect());
                Ok(Changed { event: answer.event, attributes: attributes.transpose_or(&self.name)? })
            }
            Err(why) => {
                let why = format!("hook `{}` {why}", self.name);
                self.broken = Some(why.clone());
                Err(Problem::Hook(why))
            }
        }
    }

    fn exchange(
        &mut self,
        item: &Item,
        topics: &[String],
        event: &Event,
        attributes: &Attributes,
    ) -> Result<Answer, String> {
        let event = RawValue::from_string(event.normalised_json()).map_err(|error| error.to_string())?;
        let question = Question { input: &item.input, topics, event: &event, attributes: typed(attributes) };
        let mut text = serde_json::to_string(&question).map_err(|error| error.to_string())?;
        text.push('\n');
        let stdin = self.stdin.as_mut().ok_or("has ended")?;
        stdin.write_all(text.as_bytes()).map_err(|error| format!("does not read: {error}"))?;
        self.line.clear();
        let read = self.stdout.read_line(&mut self.line).map_err(|error| format!("cannot be read: {error}"))?;
        if read == 0 {
            return Err("ended before it had answered".into());
        }
        serde_json::from_str(&self.line).map_err(|error| {
            let shown: String = self.line.trim_end().chars().take(80).collect();
            format!("answers `{shown}`, which is none: {error}")
        })
    }

    /// Tells it that nothing more comes; what is to be said if it does not end well.
    pub(super) fn finish(mut self) -> Option<String> {
        drop(self.stdin.take());
        let mut waited = Duration::ZERO;
        loop {
            match self.child.try_wait() {
                Ok(Some(status)) => return ended_badly(&self.name, status),
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
        // It fails when it has ended, which is as well.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

trait TransposeOr {
    fn transpose_or(self, name: &str) -> Result<Option<Attributes>, Problem>;
}

impl TransposeOr for Option<Result<Attributes, String>> {
    fn transpose_or(self, name: &str) -> Result<Option<Attributes>, Problem> {
        self.transpose().map_err(|why| Problem::Hook(format!("hook `{name}` {why}")))
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
