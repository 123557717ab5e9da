//! One attempt: the command's process, its streams handed on as they come, its end brought about where that is asked for.

use std::io;
use std::pin::pin;
use std::process::Stdio;
use std::time::Duration;

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::time::{Instant, sleep_until};

use super::{Attempt, CANNOT_RUN, Progress, SYSTEM, Task};
use crate::engine::exec::{Failure, HandlerEnv, MEMORY_LIMIT, Program, is_lasting};
use crate::engine::shutdown::{self, Shutdown};
use crate::engine::{Emitter, Event};

/// From the TERM to the KILL.
const GRACE: Duration = Duration::from_secs(5);
/// From its exit until pipes that its own children still hold are no longer read.
const LINGER: Duration = Duration::from_secs(1);
/// Bytes of stderr that are kept for the failure's event.
const TAIL: usize = 16 * 1024;
const CHUNK: usize = 16 * 1024;

/// What is kept of a stream.
enum Kept {
    /// The beginning, and nothing at all once there is more.
    Whole(Vec<u8>, bool),
    /// The end.
    End(Vec<u8>),
}

impl Kept {
    fn add(&mut self, bytes: &[u8]) {
        match self {
            Self::Whole(kept, too_long) => {
                *too_long |= kept.len() + bytes.len() > MEMORY_LIMIT;
                if *too_long {
                    kept.clear();
                } else {
                    kept.extend_from_slice(bytes);
                }
            }
            Self::End(kept) => {
                kept.extend_from_slice(bytes);
                let over = kept.len().saturating_sub(TAIL);
                kept.drain(..over);
            }
        }
    }

    fn bytes(self) -> Vec<u8> {
        match self {
            Self::Whole(kept, _) | Self::End(kept) => kept,
        }
    }
}

/// Runs the command once.
pub(super) async fn attempt(
    program: &Program,
    env: &HandlerEnv,
    task: &Task,
    emit: &Emitter,
    shutdown: &Shutdown,
) -> Attempt {
    let mut command = tokio::process::Command::from(program.command());
    let stdin = if task.pass_stdin { Stdio::inherit() } else { Stdio::null() };
    command.stdin(stdin).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0).kill_on_drop(true);
    env.apply(&mut command);
    let started = Instant::now();
    let mut child = match command.spawn() {
        Ok(child) => child,
        Err(error) => return not_started(&error),
    };
    let Some(group) = child.id().and_then(|id| i32::try_from(id).ok()).map(Pid::from_raw) else {
        return not_started(&io::Error::other("it has no process id"));
    };
    let signal = |signal: Signal| {
        // It fails when nobody is left, which is what most signals are to bring about.
        let _ = killpg(group, signal);
    };
    let (mut stdout, mut stderr) = (Kept::Whole(Vec::new(), false), Kept::End(Vec::new()));
    let (out, err) = (child.stdout.take(), child.stderr.take());
    let (status, cause) = {
        let mut reading = pin!(async {
            tokio::join!(
                pump(out, &mut stdout, emit, shutdown, Progress::Stdout),
                pump(err, &mut stderr, emit, shutdown, Progress::Stderr),
            );
        });
        let far = started + Duration::from_secs(86_400 * 365 * 30);
        let mut deadline = pin!(sleep_until(task.timeout.map_or(far, |timeout| started + timeout)));
        let (mut read, mut told, mut aborted) = (false, false, false);
        let mut cause: Option<Failure> = None;
        let status = loop {
            tokio::select! {
                // In this order: a command that has ended was in time.
                biased;
                status = child.wait() => break status,
                () = &mut reading, if !read => read = true,
                () = shutdown.draining(), if !told => {
                    told = true;
                    // Its process group is its own, so no terminal tells it.
                    signal(match shutdown.signal() {
                        Some(shutdown::Signal::Interrupt) => Signal::SIGINT,
                        _ => Signal::SIGTERM,
                    });
                }
                () = shutdown.aborting(), if !aborted => {
                    aborted = true;
                    cause.get_or_insert(Failure::Aborted);
                    signal(Signal::SIGTERM);
                    deadline.as_mut().reset(Instant::now() + GRACE);
                }
                () = &mut deadline => {
                    if cause.is_none() {
                        cause = task.timeout.map(Failure::Timeout);
                        signal(Signal::SIGTERM);
                        deadline.as_mut().reset(Instant::now() + GRACE);
                    } else {
                        signal(Signal::SIGKILL);
                        deadline.as_mut().reset(Instant::now() + LINGER);
                    }
                }
            }
        };
        if cause.is_some() {
            // Those who would have outlived it do not: it was to end.
            signal(Signal::SIGKILL);
        }
        if !read {
            let _ = tokio::time::timeout(LINGER, reading.as_mut()).await;
        }
        (status, cause)
    };
    match status {
        Ok(status) => Attempt::of(status, cause, stdout.bytes(), stderr.bytes()),
        Err(error) => not_started(&io::Error::other(format!("its end could not be awaited: {error}"))),
    }
}

fn not_started(error: &io::Error) -> Attempt {
    let failure = Some(Failure::Start(error.to_string()).to_string());
    // A bad moment passes, and the next attempt may find a better one.
    let code = if is_lasting(error) { CANNOT_RUN } else { SYSTEM };
    Attempt { code, failure, stdout: Vec::new(), stderr: Vec::new() }
}

/// Hands a stream on, and keeps of it what was asked for. A reader that has gone away does not end the command: its outcome
/// matters, whoever looks.
async fn pump(
    from: Option<impl AsyncRead + Unpin>,
    kept: &mut Kept,
    emit: &Emitter,
    shutdown: &Shutdown,
    as_progress: fn(Vec<u8>) -> Progress,
) {
    let Some(mut from) = from else { return };
    let mut chunk = vec![0; CHUNK];
    loop {
        match from.read(&mut chunk).await {
            Ok(0) => return,
            Ok(length) => {
                kept.add(&chunk[..length]);
                let told = Event::Run(as_progress(chunk[..length].to_vec()));
                let _ = emit.emit_until(told, shutdown.aborting()).await;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => return,
        }
    }
}
