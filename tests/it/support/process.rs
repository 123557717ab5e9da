//! Programs that run while the test looks: their lines are waited for, never slept for.

use std::fs::File;
use std::io::{Read, Write};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::JoinHandle;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::{Output, PATIENCE, TestEnv};

/// A program that was started. Dropping it kills it.
pub(crate) struct Running {
    shown: String,
    pid: Pid,
    stdin: Option<Box<dyn Write + Send>>,
    feeder: Option<JoinHandle<()>>,
    stdout: Stream,
    stderr: Stream,
    exit: Arc<(Mutex<Option<ExitStatus>>, Condvar)>,
    root: PathBuf,
    filters: Vec<(String, String)>,
}

impl Running {
    pub(super) fn start(
        mut command: Command,
        terminal: bool,
        shown: String,
        root: PathBuf,
        filters: Vec<(String, String)>,
    ) -> Running {
        let device = terminal.then(|| open_terminal(&mut command));
        if !terminal {
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        }
        let mut child = command.spawn().unwrap_or_else(|error| panic!("`{shown}` did not start: {error}"));
        let pid = Pid::from_raw(i32::try_from(child.id()).expect("a pid is an i32"));
        // The command keeps the other side of a terminal open, and with it the reading of ours.
        drop(command);
        let (stdin, stdout, stderr): (Box<dyn Write + Send>, _, _) = match device {
            Some(device) => {
                let typed = device.try_clone().expect("a descriptor can be doubled");
                (Box::new(typed), Stream::collect(device), Stream::collect(std::io::empty()))
            }
            None => (
                Box::new(child.stdin.take().expect("stdin is a pipe")),
                Stream::collect(child.stdout.take().expect("stdout is a pipe")),
                Stream::collect(child.stderr.take().expect("stderr is a pipe")),
            ),
        };
        let exit = Arc::new((Mutex::new(None), Condvar::new()));
        let told = Arc::clone(&exit);
        std::thread::spawn(move || reap(child, &told));
        Running { shown, pid, stdin: Some(stdin), feeder: None, stdout, stderr, exit, root, filters }
    }

    /// The process id.
    pub(crate) fn pid(&self) -> Pid {
        self.pid
    }

    /// Writes `bytes` to its stdin and closes it, beside whatever else the test does: neither side can block the other.
    pub(crate) fn feed(&mut self, bytes: Vec<u8>) {
        let mut stdin = self.stdin.take().expect("stdin was not closed yet");
        // A program that ends without reading closes the pipe: that is its right, and no failure of the test.
        self.feeder = Some(std::thread::spawn(move || {
            let _ = stdin.write_all(&bytes);
        }));
    }

    /// Writes one line to its stdin, which stays open.
    pub(crate) fn write_line(&mut self, line: &str) {
        let stdin = self.stdin.as_mut().expect("stdin was not closed yet");
        stdin.write_all(format!("{line}\n").as_bytes()).unwrap();
    }

    /// Waits for the next line of stdout that contains `marker`, and returns it; lines before it are passed over.
    #[track_caller]
    pub(crate) fn wait_stdout(&mut self, marker: &str) -> String {
        let found = self.stdout.wait_for(marker);
        found.unwrap_or_else(|why| self.give_up(&format!("`{marker}` did not come on stdout: {why}")))
    }

    /// Waits for `marker` on stdout, in a line that may have no end yet: a question, a status line.
    #[track_caller]
    pub(crate) fn wait_prompt(&mut self, marker: &str) {
        if let Err(why) = self.stdout.wait_for_text(marker) {
            self.give_up(&format!("`{marker}` was not asked: {why}"));
        }
    }

    /// Types `bytes`, which stay without a line feed unless they have one.
    pub(crate) fn type_in(&mut self, bytes: &[u8]) {
        self.stdin.as_mut().expect("stdin was not closed yet").write_all(bytes).unwrap();
    }

    /// Waits for the next line of stderr that contains `marker`, and returns it; lines before it are passed over.
    #[track_caller]
    pub(crate) fn wait_stderr(&mut self, marker: &str) -> String {
        let found = self.stderr.wait_for(marker);
        found.unwrap_or_else(|why| self.give_up(&format!("`{marker}` did not come on stderr: {why}")))
    }

    /// Sends a signal to this one process; nothing happens when it has ended already.
    pub(crate) fn signal(&self, signal: Signal) {
        // Under the lock the process is not reaped meanwhile, so the pid is still its own.
        let ended = self.exit.0.lock().unwrap();
        if ended.is_none() {
            let _ = kill(self.pid, signal);
        }
    }

    /// Closes its stdin and waits for its end.
    #[track_caller]
    pub(crate) fn wait(mut self) -> Output {
        drop(self.stdin.take());
        let Some(status) = self.wait_exit() else { self.give_up("it did not end") };
        if let Some(feeder) = self.feeder.take() {
            feeder.join().unwrap();
        }
        // Whoever inherited the pipes (a handler left behind) keeps them open: that is a finding, so it fails here.
        let (Some(stdout), Some(stderr)) = (self.stdout.wait_end(), self.stderr.wait_end()) else {
            self.give_up("it ended, but something it started still holds its stdout or stderr")
        };
        Output {
            shown: self.shown.clone(),
            status,
            stdout_bytes: stdout,
            stderr_bytes: stderr,
            root: self.root.clone(),
            filters: self.filters.clone(),
        }
    }

    /// SIGKILL, then its end with what it had printed.
    #[track_caller]
    pub(crate) fn kill(self) -> Output {
        self.signal(Signal::SIGKILL);
        self.wait()
    }

    fn wait_exit(&self) -> Option<ExitStatus> {
        let (status, changed) = &*self.exit;
        let waiting = status.lock().unwrap();
        *changed.wait_timeout_while(waiting, PATIENCE, |status| status.is_none()).unwrap().0
    }

    #[track_caller]
    fn give_up(&self, why: &str) -> ! {
        self.signal(Signal::SIGKILL);
        panic!("`{}`: {why}\n--- stdout\n{}\n--- stderr\n{}", self.shown, self.stdout.so_far(), self.stderr.so_far())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.signal(Signal::SIGKILL);
    }
}

/// Gives the command a terminal as its three streams and returns the side that a person would sit at.
fn open_terminal(command: &mut Command) -> File {
    let size = nix::pty::Winsize { ws_row: 40, ws_col: 100, ws_xpixel: 0, ws_ypixel: 0 };
    let ends = nix::pty::openpty(&size, None).expect("the system has a terminal to give");
    let copy = || ends.slave.try_clone().expect("a descriptor can be doubled");
    command.stdin(copy()).stdout(copy()).stderr(copy());
    ends.master.into()
}

/// Waits for the end without reaping, then reaps under the lock that [`Running::signal`] takes: a pid is never signalled
/// after it may have become another process's.
fn reap(mut child: Child, exit: &(Mutex<Option<ExitStatus>>, Condvar)) {
    use nix::sys::wait::{Id, WaitPidFlag, waitid};
    let pid = Pid::from_raw(i32::try_from(child.id()).expect("a pid is an i32"));
    while waitid(Id::Pid(pid), WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT) == Err(nix::errno::Errno::EINTR) {}
    let mut told = exit.0.lock().unwrap();
    *told = Some(child.wait().expect("our own child can be waited for"));
    exit.1.notify_all();
}

/// One of the program's streams, read to its end by a thread of its own, so that the program never blocks on us.
struct Stream {
    state: Arc<(Mutex<Collected>, Condvar)>,
    /// How many bytes `wait_for` has passed.
    passed: usize,
}

#[derive(Default)]
struct Collected {
    bytes: Vec<u8>,
    ended: bool,
}

impl Stream {
    fn collect(mut from: impl Read + Send + 'static) -> Stream {
        let state = Arc::new((Mutex::new(Collected::default()), Condvar::new()));
        let filled = Arc::clone(&state);
        std::thread::spawn(move || {
            let mut buffer = vec![0; 64 * 1024];
            loop {
                let read = from.read(&mut buffer).unwrap_or(0);
                let mut collected = filled.0.lock().unwrap();
                collected.bytes.extend_from_slice(&buffer[..read]);
                collected.ended = read == 0;
                filled.1.notify_all();
                if read == 0 {
                    return;
                }
            }
        });
        Stream { state, passed: 0 }
    }

    /// The next whole line that contains `marker`.
    fn wait_for(&mut self, marker: &str) -> Result<String, &'static str> {
        self.wait_until(|bytes, passed| {
            while let Some(length) = bytes[*passed..].iter().position(|byte| *byte == b'\n') {
                let line = String::from_utf8_lossy(&bytes[*passed..][..length]).into_owned();
                *passed += length + 1;
                if line.contains(marker) {
                    return Some(line);
                }
            }
            None
        })
    }

    /// The text, on whatever line, whole or not.
    fn wait_for_text(&mut self, marker: &str) -> Result<(), &'static str> {
        self.wait_until(|bytes, passed| {
            let found = String::from_utf8_lossy(&bytes[*passed..]).contains(marker);
            found.then(|| *passed = bytes.len())
        })
    }

    /// What `find` finds in all that came, of which the given part has been looked at; it moves that on.
    fn wait_until<T>(&mut self, mut find: impl FnMut(&[u8], &mut usize) -> Option<T>) -> Result<T, &'static str> {
        let (state, changed) = &*self.state;
        let mut collected = state.lock().unwrap();
        loop {
            if let Some(found) = find(&collected.bytes, &mut self.passed) {
                return Ok(found);
            }
            if collected.ended {
                return Err("the stream ended");
            }
            let (next, waited) = changed.wait_timeout(collected, PATIENCE).unwrap();
            if waited.timed_out() {
                return Err("nothing more came");
            }
            collected = next;
        }
    }

    /// All of it, once every writer has closed it; `None` when that does not happen.
    fn wait_end(&self) -> Option<Vec<u8>> {
        let (state, changed) = &*self.state;
        let waiting = state.lock().unwrap();
        let (mut collected, _) = changed.wait_timeout_while(waiting, PATIENCE, |collected| !collected.ended).unwrap();
        collected.ended.then(|| std::mem::take(&mut collected.bytes))
    }

    fn so_far(&self) -> String {
        String::from_utf8_lossy(&self.state.0.lock().unwrap().bytes).into_owned()
    }
}

/// `eventbus local serve` on a free loopback port; ended when dropped.
pub(crate) struct Server {
    /// The process.
    pub(crate) process: Running,
    /// The endpoint as printed, without a trailing slash: `http://127.0.0.1:PORT`.
    pub(crate) url: String,
}

impl Server {
    #[track_caller]
    pub(super) fn start(env: &TestEnv) -> Server {
        let mut process = env.command(&["local", "serve", "--port", "0"]).spawn();
        let line = process.wait_stdout("http://");
        let from = line.find("http://").expect("the line was found by it");
        let url = line[from..].split([' ', '"', '\'', ',']).next().unwrap_or_default();
        Server { url: url.trim_end_matches('/').to_owned(), process }
    }
}
