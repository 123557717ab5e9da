//! The state machine of one handler process: run, TERM to its group, grace, KILL to its group.

use std::future::Future;
use std::io;
use std::pin::pin;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use tokio::io::AsyncWriteExt as _;
use tokio::process::{Child, ChildStdin, Command};
use tokio::time::{Instant, sleep, sleep_until, timeout_at};

use super::capture::Capture;
use super::{Captured, Failure, HandlerEnv, Outcome, Program, guard};

/// How often a group that was told to end is asked whether anybody is left in it. Processes of the group that are not our children
/// cannot be waited for.
const GROUP_POLL: Duration = Duration::from_millis(20);

/// What to start for one event.
#[derive(Clone, Copy, Debug)]
pub struct Job<'a> {
    /// The handler.
    pub program: &'a Program,
    /// What its environment has beyond ours.
    pub env: &'a HandlerEnv,
}

/// How long a handler may take for what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// From its start to the TERM.
    pub timeout: Duration,
    /// From the TERM to the KILL.
    pub grace: Duration,
    /// From its exit, or from the KILL, until its own children and the pipes that they still hold are no longer waited for.
    pub linger: Duration,
}

/// The contract's grace.
const GRACE: Duration = Duration::from_secs(5);

/// The contract's linger.
const LINGER: Duration = Duration::from_secs(1);

impl Limits {
    /// How long after its timeout a handler may at most keep us, by the contract: from the TERM to the last byte.
    pub const AFTER_TIMEOUT: Duration = GRACE.saturating_add(LINGER);

    /// The contract's: 5 s of grace, and 1 s for the pipes.
    pub const fn with_timeout(timeout: Duration) -> Self {
        Self { timeout, grace: GRACE, linger: LINGER }
    }
}

/// A handler at work. Dropped before its end (a panic, a runtime going down), its whole group is killed.
#[derive(Debug)]
pub struct Running {
    child: Child,
    group: Group,
    started: Instant,
}

/// A handler's end.
#[derive(Debug)]
pub struct Finished {
    /// What it means for the event.
    pub outcome: Outcome,
    /// All of its stdout.
    pub stdout: Captured,
    /// All of its stderr.
    pub stderr: Captured,
    /// From its start to its exit.
    pub took: Duration,
}

/// The process group, named after its leader. The system does not give the number away again while the group has members.
#[derive(Debug)]
pub(super) struct Group {
    pub(super) id: Pid,
    /// Whether dropping this value kills the group.
    pub(super) armed: bool,
}

impl Group {
    fn led_by(id: Pid) -> Self {
        guard::began(id);
        Self { id, armed: true }
    }

    pub(super) fn signal(&self, signal: Signal) {
        // It fails when nobody is left, which is what the signal was to bring about.
        let _ = killpg(self.id, signal);
    }

    pub(super) fn is_empty(&self) -> bool {
        killpg(self.id, None) == Err(nix::errno::Errno::ESRCH)
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if self.armed {
            self.signal(Signal::SIGKILL);
        }
        guard::over(self.id);
    }
}

impl Running {
    /// Starts the handler in a process group of its own, so that a terminal's Ctrl-C reaches only us.
    ///
    /// Errors with the outcome: [`Outcome::CannotRun`] when it could not be started for any event, [`Failure::Start`] when only
    /// now was a bad time. Must be called within a tokio runtime.
    pub fn start(job: &Job<'_>) -> Result<Self, Outcome> {
        let (child, group) = spawn(job)?;
        Ok(Self { child, group, started: Instant::now() })
    }

    /// Its process id, which is also its group's.
    pub fn pid(&self) -> i32 {
        self.group.id.as_raw()
    }

    /// Feeds it `stdin` and follows it to its end, which `limits` and `abort` may bring about. Never waits longer than these say,
    /// whatever the handler or its children do with their pipes.
    pub async fn finish(mut self, stdin: &[u8], limits: Limits, abort: impl Future<Output = ()>) -> Finished {
        let (mut stdout, mut stderr) = (Capture::default(), Capture::default());
        let input = self.child.stdin.take();
        let (out, err) = (self.child.stdout.take(), self.child.stderr.take());
        let (status, cause, ended) = {
            let mut reading = pin!(async {
                tokio::join!(
                    async {
                        if let Some(out) = out {
                            stdout.fill(out).await;
                        }
                    },
                    async {
                        if let Some(err) = err {
                            stderr.fill(err).await;
                        }
                    },
                );
            });
            let mut feeding = pin!(feed(input, stdin));
            let mut abort = pin!(abort);
            let mut deadline = pin!(sleep_until(self.started + limits.timeout));
            let (mut fed, mut read) = (false, false);
            let mut cause = None;
            let mut killed = None;

            let status = loop {
                tokio::select! {
                    // In this order: a handler that has ended was in time.
                    biased;
                    status = self.child.wait() => break status,
                    () = &mut feeding, if !fed => fed = true,
                    () = &mut reading, if !read => read = true,
                    () = &mut abort, if cause.is_none() => {
                        cause = Some(Failure::Aborted);
                        self.group.signal(Signal::SIGTERM);
                        deadline.as_mut().reset(Instant::now() + limits.grace);
                    }
                    () = &mut deadline => {
                        // KILL cannot be refused; should the kernel take its time, it is repeated, not waited for blindly.
                        let now = Instant::now();
                        if cause.is_none() {
                            cause = Some(Failure::Timeout(limits.timeout));
                            self.group.signal(Signal::SIGTERM);
                            deadline.as_mut().reset(now + limits.grace);
                        } else {
                            killed.get_or_insert(now);
                            self.group.signal(Signal::SIGKILL);
                            deadline.as_mut().reset(now + limits.linger);
                        }
                    }
                }
            };
            let ended = Instant::now();

            // The leader is gone. Its children may hold the pipes, or ignore the TERM.
            let gone = async {
                if cause.is_some() {
                    while !self.group.is_empty() {
                        sleep(GROUP_POLL).await;
                    }
                }
                if !read {
                    reading.as_mut().await;
                    read = true;
                }
            };
            let patience = match (&cause, killed) {
                (None, _) => ended + limits.linger,
                (Some(_), None) => deadline.deadline(),
                (Some(_), Some(killed)) => killed + limits.linger,
            };
            let all_gone = tokio::select! { () = gone => true, () = sleep_until(patience) => false };
            if !all_gone {
                self.group.signal(Signal::SIGKILL);
                if !read {
                    // What a process outside the group (a daemon) still holds is left to it.
                    let last = killed.unwrap_or_else(Instant::now) + limits.linger;
                    let _ = timeout_at(last, reading.as_mut()).await;
                }
            }
            (status, cause, ended)
        };
        self.group.armed = false;
        Finished {
            outcome: outcome(status, cause),
            stdout: stdout.finish().await,
            stderr: stderr.finish().await,
            took: ended - self.started,
        }
    }
}

/// Starts the process with pipes, as the leader of a group of its own.
pub(super) fn spawn(job: &Job<'_>) -> Result<(Child, Group), Outcome> {
    let mut command = Command::new(&job.program.path);
    command
        .arg0(&job.program.name)
        .args(&job.program.args)
        .current_dir(&job.program.folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true);
    job.env.apply(&mut command);
    guard::ready();
    let child = command.spawn().map_err(|error| could_not_start(&error))?;
    let id = child
        .id()
        .and_then(|id| i32::try_from(id).ok())
        .ok_or_else(|| Outcome::Failed(Failure::Start("it has no process id".into())))?;
    Ok((child, Group::led_by(Pid::from_raw(id))))
}

/// Writes the event and closes the pipe. A handler that does not read it is within its rights.
async fn feed(input: Option<ChildStdin>, bytes: &[u8]) {
    if let Some(mut input) = input {
        let _ = input.write_all(bytes).await;
    }
}

fn outcome(status: io::Result<ExitStatus>, cause: Option<Failure>) -> Outcome {
    match (cause, status) {
        // Whatever it answers to our TERM: an exit 0 on TERM is what well-behaved programs give for work they did not finish.
        (Some(cause), _) => Outcome::Failed(cause),
        (None, Ok(status)) => Outcome::of(status),
        (None, Err(error)) => Outcome::Failed(Failure::Start(format!("its end could not be awaited: {error}"))),
    }
}

/// Whether a program that could not be started will not start at another time either.
pub(in crate::engine) fn is_lasting(error: &io::Error) -> bool {
    use nix::errno::Errno;
    // execve(2): what will not be different for the next event.
    let lasting = [
        Errno::ENOENT,
        Errno::EACCES,
        Errno::EPERM,
        Errno::ENOEXEC,
        Errno::ENOTDIR,
        Errno::ELOOP,
        Errno::EISDIR,
        Errno::ELIBBAD,
    ];
    lasting.iter().any(|errno| error.raw_os_error() == Some(*errno as i32))
}

fn could_not_start(error: &io::Error) -> Outcome {
    if is_lasting(error) {
        Outcome::CannotRun(format!("it could not be started: {error}"))
    } else {
        Outcome::Failed(Failure::Start(error.to_string()))
    }
}
