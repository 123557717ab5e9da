//! Runs a task and publishes how it ended: the Python library's task with callbacks, for any command.
//!
//! May use exec's [`Program`] and publish. Never prints: what the command writes is handed on as it comes. Once the command has
//! begun, its outcome is published whatever happens to it; what makes that impossible is found before.

mod child;
mod payload;
#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

pub use payload::{Failing, Given, Payload};

use super::backoff::{Backoff, random};
use super::exec::{Failure, HandlerEnv, NotRunnable, Program};
use super::outbox::{Begin, Outbox, OutboxError};
use super::publish::{self, PublishError, Report, Request};
use super::shutdown::Shutdown;
use super::{Emitter, Event};
use crate::bus::{Bus, BusError, BusErrorKind};
use crate::clock::{Clock, random_id};
use crate::event::TraceParent;
use crate::schema::CatalogueError;

/// EX_DATAERR: it will never do, so it is not tried again.
const NEVER: u8 = 65;
/// What shells answer for a command that cannot be run, and for one that is not there.
const CANNOT_RUN: u8 = 126;
const NOT_THERE: u8 = 127;
/// EX_OSERR: the system had no room for a process.
const SYSTEM: u8 = 71;
/// What `timeout` answers; for a command that says it was done when it was told to end.
const ENDED_BY_US: u8 = 124;

/// How often an outbox that another process sends from is asked for.
const BUSY: Duration = Duration::from_millis(100);

/// After a second signal the outcome is published within so long, or not at all.
const LAST_WORDS: Duration = Duration::from_secs(10);

/// What to run, and what to say about it.
#[derive(Debug)]
pub struct Task {
    /// The command, or why there is none.
    pub program: Result<Program, NotRunnable>,
    /// The event of a success.
    pub on_success: Option<String>,
    /// The event of a failure.
    pub on_failure: Option<String>,
    /// The payload of a success.
    pub payload: Payload,
    /// The payload of a failure.
    pub failing: Failing,
    /// Further attempts after a failed one.
    pub retries: u32,
    /// Between attempts.
    pub backoff: Backoff,
    /// How long an attempt may take.
    pub timeout: Option<Duration>,
    /// Our stdin is passed on; not where it is a terminal, from which a process group of its own cannot read.
    pub pass_stdin: bool,
    /// The span of the command, which the events continue.
    pub trace: TraceParent,
    /// Everything about the publishing but the event and its payload.
    pub publish: Request,
    /// Where the event is kept until the bus has confirmed it.
    pub outbox: Option<Shelf>,
    /// Now.
    pub clock: Clock,
}

/// An outbox that is opened when there is an event for it: the command before may take its time, and others use it too.
#[derive(Clone, Debug)]
pub struct Shelf {
    /// The file.
    pub file: PathBuf,
    /// The bus, in words.
    pub bus: String,
}

/// What happens meanwhile.
#[derive(Clone, Debug)]
pub enum Progress {
    /// The command wrote this to its stdout.
    Stdout(Vec<u8>),
    /// The command wrote this to its stderr.
    Stderr(Vec<u8>),
    /// An attempt failed and there will be another.
    Again {
        /// Its number, from 1.
        attempt: u32,
        /// How many there may be.
        most: u32,
        /// How it failed.
        why: String,
        /// When the next begins.
        after: Duration,
    },
    /// The command's end, when it failed for good.
    Failed {
        /// How.
        why: String,
    },
}

/// How it ended.
#[derive(Debug)]
pub struct Ended {
    /// The command's exit code; 128 and the signal's number for a death by signal.
    pub code: u8,
    /// Attempts that were made.
    pub attempts: u32,
    /// What became of its event; none where no event was asked for.
    pub published: Option<Result<Report, PublishError>>,
}

/// Why nothing was run.
#[derive(Debug, thiserror::Error)]
pub enum NotBegun {
    /// An event cannot be published, whatever the command does.
    #[error(transparent)]
    Event(#[from] PublishError),
    /// A topic is not there, or may not be published to.
    #[error(transparent)]
    Topic(#[from] BusError),
    /// The success event's payload, which is known by now, is refused; why was told.
    #[error("the payload of `{0}` is refused, so nothing was run")]
    Payload(String),
    /// A signal came before the command had begun.
    #[error("ended by a signal before the command had begun")]
    Ended,
}

/// One attempt's end.
#[derive(Debug)]
struct Attempt {
    code: u8,
    /// None for a success.
    failure: Option<String>,
    stdout: Vec<u8>,
    stderr: Vec<u8>,
}

/// Runs `task` and publishes its outcome.
///
/// The first signal goes to the command too, which then is not tried again; the second ends it. Its outcome is published in any
/// case.
///
/// # Errors
/// An event that cannot be published: then nothing is run.
pub async fn run(bus: &Bus, task: Task, emit: &Emitter, shutdown: &Shutdown) -> Result<Ended, NotBegun> {
    tokio::select! {
        biased;
        checked = check(bus, &task, emit, shutdown) => checked?,
        // Nothing has begun, so nothing has to be told.
        () = shutdown.draining() => return Err(NotBegun::Ended),
    }
    if shutdown.is_draining() {
        return Err(NotBegun::Ended);
    }
    let mut attempts = 0;
    let last = loop {
        attempts += 1;
        let attempt = match &task.program {
            Ok(program) => child::attempt(program, &environment(&task, attempts), &task, emit, shutdown).await,
            Err(error) => Attempt::not_run(error),
        };
        let Some(why) = &attempt.failure else { break attempt };
        let lasting = matches!(attempt.code, NEVER | CANNOT_RUN | NOT_THERE);
        if lasting || attempts > task.retries || shutdown.is_draining() {
            tell(emit, Event::Run(Progress::Failed { why: why.clone() }), shutdown).await;
            break attempt;
        }
        let after = task.backoff.after(attempts, random());
        let most = task.retries.saturating_add(1);
        tell(emit, Event::Run(Progress::Again { attempt: attempts, most, why: why.clone(), after }), shutdown).await;
        tokio::select! {
            () = tokio::time::sleep(after) => {}
            () = shutdown.draining() => break attempt,
        }
    };
    let code = last.code;
    let published = outcome(bus, task, last, emit, shutdown).await;
    Ok(Ended { code, attempts, published })
}

/// A stdout that nobody reads holds it up until the second signal, and no longer: the outcome is still to be published.
async fn tell(emit: &Emitter, event: Event, shutdown: &Shutdown) {
    let _ = emit.emit_until(event, shutdown.aborting()).await;
}

/// What is wrong whatever the command does is found before it begins.
async fn check(bus: &Bus, task: &Task, emit: &Emitter, shutdown: &Shutdown) -> Result<(), NotBegun> {
    for event in [&task.on_success, &task.on_failure].into_iter().flatten() {
        let request = Request { event: Some(event.clone()), ..task.publish.clone() };
        let (topics, said) = publish::targets(&request)?;
        for said in said {
            tell(emit, said, shutdown).await;
        }
        for topic in topics {
            match bus.topic(&topic).await {
                Ok(_) => {}
                Err(error) if matches!(error.kind, BusErrorKind::NotFound | BusErrorKind::Auth) => {
                    return Err(error.into());
                }
                // A bus that is away now may be there when the command has ended, and the command is what was asked for.
                Err(error) => {
                    let text = format!("{error}; the command is run all the same");
                    tell(emit, Event::Warning(text), shutdown).await;
                }
            }
        }
    }
    if let (Some(event), Some(text)) = (&task.on_success, task.payload.beforehand())
        // What the hook makes of it is known when it is asked, once.
        && task.publish.hooks.before.is_none()
    {
        let sources = vec![publish::Source::text("--payload", text)];
        let request = Request { event: Some(event.clone()), sources, dry_run: true, ..task.publish.clone() };
        if publish::run(None, request, emit, shutdown).await?.refused > 0 {
            return Err(NotBegun::Payload(event.clone()));
        }
    }
    Ok(())
}

/// Publishes what became of the task.
async fn outcome(
    bus: &Bus,
    task: Task,
    last: Attempt,
    emit: &Emitter,
    shutdown: &Shutdown,
) -> Option<Result<Report, PublishError>> {
    let succeeded = last.failure.is_none();
    let event = if succeeded { task.on_success.clone() } else { task.on_failure.clone() }?;
    let text = match &last.failure {
        None => match task.payload.of_success(&last.stdout) {
            Ok(text) => text,
            Err(error) => return Some(Err(PublishError::Payload(error))),
        },
        Some(why) => {
            let schema = match task.publish.catalogue.schema(&event, task.publish.schema_version) {
                Ok(schema) => schema,
                Err(error) => return Some(Err(of_catalogue(error))),
            };
            let id = task.payload.id(&last.stdout);
            task.failing.text(why, &last.stderr, &id, schema.as_deref(), task.publish.envelope)
        }
    };
    let source = publish::Source::text(format!("outcome of `{event}`"), text);
    let request = Request { event: Some(event), sources: vec![source], trace: Some(task.trace), ..task.publish };
    // The signal that ended the command must not end its outcome. Only another one does.
    let over = async {
        if shutdown.is_aborting() {
            tokio::time::sleep(LAST_WORDS).await;
        } else {
            shutdown.aborting().await;
        }
    };
    let (trigger, own) = Shutdown::manual();
    let clock = task.clock;
    let shelf = task.outbox;
    let mut over = pin!(over);
    let outbox = match &shelf {
        None => None,
        Some(shelf) => tokio::select! {
            biased;
            opened = shelf.open(&clock) => match opened {
                Ok(outbox) => Some(outbox),
                Err(error) => return Some(Err(PublishError::Outbox(error))),
            },
            () = &mut over => return Some(Err(PublishError::Ended)),
        },
    };
    let mut publishing = pin!(publish::run(Some(bus), Request { outbox, ..request }, emit, &own));
    let report = tokio::select! {
        biased;
        report = &mut publishing => report,
        () = &mut over => {
            trigger.abort();
            publishing.await
        }
    };
    Some(match report {
        Ok(report) if report.is_begun() => Ok(report),
        Ok(_) => Err(PublishError::Ended),
        Err(error) => Err(error),
    })
}

impl Shelf {
    /// Opens it once nobody else sends from it, which is soon.
    async fn open(&self, clock: &Clock) -> Result<Arc<Outbox>, OutboxError> {
        let outbox = loop {
            let (file, bus) = (self.file.clone(), self.bus.clone());
            let (key, now_ms) = (random_id().to_string(), clock.now_ms());
            let opened = tokio::task::spawn_blocking(move || {
                let outbox = Outbox::open(&file, true)?;
                outbox.is_for(&bus)?;
                let begin = Begin { key: &key, again: false, what: "the outcome of a task", bus: &bus, now_ms };
                outbox.begin(&begin)?;
                Ok(outbox)
            });
            match opened.await {
                Ok(Err(OutboxError::Busy(_))) => tokio::time::sleep(BUSY).await,
                Ok(opened) => break opened?,
                Err(error) => {
                    let source = std::io::Error::other(error);
                    return Err(OutboxError::Lock { path: self.file.clone(), source });
                }
            }
        };
        Ok(Arc::new(outbox))
    }
}

fn of_catalogue(error: CatalogueError) -> PublishError {
    PublishError::Schema(error)
}

fn environment(task: &Task, attempt: u32) -> HandlerEnv {
    let deadline = task.timeout.and_then(|timeout| {
        let timeout = jiff::SignedDuration::try_from(timeout).ok()?;
        task.clock.now().checked_add(timeout).ok().map(|at| format!("{at:.3}"))
    });
    let mut env = HandlerEnv::default();
    env.set("EVENTBUS_ATTEMPT", Some(&attempt.to_string()))
        .set("EVENTBUS_DEADLINE", deadline.as_deref())
        .set("TRACEPARENT", Some(&task.trace.to_string()));
    env
}

impl Attempt {
    fn not_run(error: &NotRunnable) -> Self {
        let code = match error {
            NotRunnable::NotExecutable { .. } => CANNOT_RUN,
            NotRunnable::Empty | NotRunnable::NotFound { .. } => NOT_THERE,
        };
        Self { code, failure: Some(error.to_string()), stdout: Vec::new(), stderr: Vec::new() }
    }

    /// By its exit status and, where we ended it, why.
    fn of(status: std::process::ExitStatus, cause: Option<Failure>, stdout: Vec<u8>, stderr: Vec<u8>) -> Self {
        use std::os::unix::process::ExitStatusExt as _;
        let own = match (status.code(), status.signal()) {
            (Some(code), _) => u8::try_from(code).unwrap_or(1),
            (None, Some(signal)) => u8::try_from(128 + signal).unwrap_or(1),
            (None, None) => 1,
        };
        let failure = match (cause, status.signal()) {
            (Some(cause), _) => Some(cause.to_string()),
            (None, Some(signal)) => Some(Failure::Signal(signal).to_string()),
            (None, None) if own == 0 => None,
            (None, None) => Some(Failure::Code(i32::from(own)).to_string()),
        };
        // A command that answers our TERM with 0 has not done its work.
        let code = if failure.is_some() && own == 0 { ENDED_BY_US } else { own };
        Self { code, failure, stdout, stderr }
    }
}
