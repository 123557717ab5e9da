//! How soon a waiting consumer starts its handler after another process's publish was confirmed.

use std::fs::OpenOptions;
use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use crate::support::{Project, Verdict, figure, median};

const BOUND_MS: f64 = 50.0;

/// The handler's first act is a line into a named pipe that we read: no file is polled and no clock but ours is read.
pub(crate) fn run(quick: bool) -> Verdict {
    let project = Project::new();
    let pipe = project.path("started");
    nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRWXU).unwrap();
    // Open for both, so that the pipe never ends between two handlers.
    let reader = OpenOptions::new().read(true).write(true).open(&pipe).unwrap();
    let (started, starts) = mpsc::channel();
    std::thread::spawn(move || {
        for _ in BufReader::new(reader).lines() {
            if started.send(Instant::now()).is_err() {
                return;
            }
        }
    });
    let handler = "echo started >started; cat >/dev/null";
    let mut consumer = Consumer(
        project
            .command(&["consume", "user_events", "--exec", handler])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap(),
    );

    // The first event waits for the consumer to be up; it is not counted.
    let rounds = if quick { 5 } else { 60 };
    let (mut from_confirmed, mut from_started) = (Vec::new(), Vec::new());
    for round in 0..=rounds {
        // Back in its long poll, at no fixed phase of whatever it may be doing at intervals.
        std::thread::sleep(Duration::from_millis(60 + round * 37 % 41));
        let began = Instant::now();
        let mut publish = project
            .command(&["publish", "UserRegistered", "payload.json", "-o", "ndjson"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(publish.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let confirmed = Instant::now();
        assert!(line.contains("message_id"), "publish printed `{line}`");
        assert!(publish.wait().unwrap().success());
        let Ok(start) = starts.recv_timeout(Duration::from_secs(60)) else {
            return Verdict::Broken(format!(
                "event {round} was not handled within a minute: {:?}",
                consumer.0.try_wait()
            ));
        };
        if round > 0 {
            // Negative when the handler was faster than the confirmation's way to us.
            let since = |then: Instant| match start.checked_duration_since(then) {
                Some(after) => after.as_secs_f64() * 1e3,
                None => -(then.duration_since(start).as_secs_f64() * 1e3),
            };
            from_confirmed.push(since(confirmed));
            from_started.push(since(began));
        }
    }
    let middle = median(&from_confirmed);
    let worst = from_confirmed.iter().copied().fold(f64::MIN, f64::max);
    figure(&format!("publish confirmed to handler started, median of {rounds}"), &format!("{middle:.2} ms"));
    figure("the slowest", &format!("{worst:.2} ms"));
    figure("publish started to handler started, median", &format!("{:.2} ms", median(&from_started)));
    if middle <= BOUND_MS { Verdict::Holds } else { Verdict::Broken(format!("{middle:.1} ms, not {BOUND_MS}")) }
}

struct Consumer(Child);

impl Drop for Consumer {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
