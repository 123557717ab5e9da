//! A handler process that stays: lines in, lines out, until it is told to end or ends by itself.

use std::process::ExitStatus;
use std::time::Duration;

use nix::sys::signal::Signal;
use tokio::io::AsyncWriteExt as _;
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, timeout};

use super::child::{Group, spawn};
use super::lines::BoundedLines;
use super::{Failure, Job, Outcome};

/// From the end of its input, or from a TERM, to the next step of ending it.
const GRACE: Duration = Duration::from_secs(5);

/// How often a group that was told to end is asked whether anybody is left in it.
const GROUP_POLL: Duration = Duration::from_millis(20);

/// A process at work. Dropped before its end, its whole group is killed.
#[derive(Debug)]
pub struct Lasting {
    child: Child,
    group: Group,
    input: Option<mpsc::UnboundedSender<String>>,
    output: BoundedLines<ChildStdout>,
    errors: Option<ChildStderr>,
}

impl Lasting {
    /// Starts it. Errors as [`super::Running::start`] does.
    pub fn start(job: &Job<'_>) -> Result<Self, Outcome> {
        let (mut child, group) = spawn(job)?;
        let unpiped = || Outcome::Failed(Failure::Start("it has no pipes".into()));
        let stdin = child.stdin.take().ok_or_else(unpiped)?;
        let output = BoundedLines::new(child.stdout.take().ok_or_else(unpiped)?);
        let errors = child.stderr.take();
        // A task of its own: a process that does not read must not keep us from reading what it writes.
        let (input, lines) = mpsc::unbounded_channel();
        tokio::spawn(feed(stdin, lines));
        Ok(Self { child, group, input: Some(input), output, errors })
    }

    /// Its process id, which is also its group's.
    pub fn pid(&self) -> i32 {
        self.group.id.as_raw()
    }

    /// Its stderr, once.
    pub fn take_stderr(&mut self) -> Option<ChildStderr> {
        self.errors.take()
    }

    /// Hands it a line, which has no line feed of its own. How many may wait is the caller's affair. A process that is gone takes
    /// none: that is told by [`Lasting::next_line`].
    pub fn write(&self, line: String) {
        if let Some(input) = &self.input {
            let _ = input.send(line);
        }
    }

    /// The next line that it writes; `None` once it writes no more. May be dropped at any time.
    pub async fn next_line(&mut self) -> Option<String> {
        self.output.next().await
    }

    /// Closes its input and waits a while for its end; then TERM to its group, a while, KILL. Says how it ended.
    pub async fn end(mut self) -> Outcome {
        drop(self.input.take());
        // What it writes now answers nothing, but must not block it.
        let drained = async {
            while self.output.next().await.is_some() {}
            self.child.wait().await
        };
        let status = match timeout(GRACE, drained).await {
            Ok(status) => status,
            Err(_) => return self.kill().await,
        };
        self.sweep().await;
        ended(status)
    }

    /// TERM to its group, grace, KILL; says how it ended.
    pub async fn kill(mut self) -> Outcome {
        drop(self.input.take());
        self.group.signal(Signal::SIGTERM);
        let over = Instant::now() + GRACE;
        let status = match tokio::time::timeout_at(over, self.child.wait()).await {
            Ok(status) => status,
            Err(_) => {
                self.group.signal(Signal::SIGKILL);
                self.child.wait().await
            }
        };
        while !self.group.is_empty() && Instant::now() < over {
            sleep(GROUP_POLL).await;
        }
        self.sweep().await;
        ended(status)
    }

    /// Whoever is left of its group goes too.
    async fn sweep(&mut self) {
        if !self.group.is_empty() {
            self.group.signal(Signal::SIGKILL);
        }
        self.group.armed = false;
    }
}

async fn feed(mut stdin: ChildStdin, mut lines: mpsc::UnboundedReceiver<String>) {
    let mut bytes = Vec::new();
    while let Some(line) = lines.recv().await {
        bytes.clear();
        let mut next = Some(line);
        // What waits goes in one write.
        while let Some(line) = next {
            bytes.extend_from_slice(line.as_bytes());
            bytes.push(b'\n');
            next = if bytes.len() < 64 * 1024 { lines.try_recv().ok() } else { None };
        }
        if stdin.write_all(&bytes).await.is_err() {
            return;
        }
    }
}

fn ended(status: std::io::Result<ExitStatus>) -> Outcome {
    match status {
        Ok(status) => Outcome::of(status),
        Err(error) => Outcome::Failed(Failure::Start(format!("its end could not be awaited: {error}"))),
    }
}
