//! `eventbus replay` from queue to queue: on the embedded bus against plain SQLite, over HTTP against boto3.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::peers::Server;
use crate::plain::{Rows, rate};
use crate::sdk;
use crate::support::{Verdict, binary, figure, hermetic, median, timed, venv_tool};

/// The part of the rate at which plain SQLite moves the same rows.
const PLAIN_BOUND: f64 = 0.25;
/// How much faster than boto3.
const BOTO_BOUND: f64 = 3.0;
/// Threads of boto3.
const THREADS: usize = 8;
/// Callers at a time that fill a queue.
const CALLERS: usize = 8;
/// The queues.
const QUEUES: [&str; 2] = ["work_dlq", "work"];

/// On the embedded bus each page is moved in one transaction, over HTTP each message is sent and then deleted; the program's
/// start and its journal are included.
pub(crate) fn run(quick: bool) -> Verdict {
    let python = match venv_tool("python") {
        Ok(python) => python,
        Err(missing) => return missing,
    };
    let (messages, rounds) = if quick { (5_000, 1) } else { (100_000, 3) };
    let (mut ours, mut plain, mut shape) = (Vec::new(), Vec::new(), String::new());
    for _ in 0..rounds {
        let home = tempfile::Builder::new().prefix("bench-").tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let file = home.path().join(".eventbus/bus.db");
        filled(&file, messages);
        let rows = Rows::of(&file, messages, messages);
        shape = rows.shape();
        plain.push(rows.relocate(&home.path().join("plain.db"), 100));
        drop(rows);
        ours.push(rate(messages, timed(replay(home.path(), &[]))));
        arrived(&file, messages);
    }
    let ratios: Vec<f64> = ours.iter().zip(&plain).map(|(ours, plain)| ours / plain).collect();
    let plain_ratio = median(&ratios);
    figure(&format!("replay of {messages} on the embedded bus, messages a second"), &format!("{:.0}", median(&ours)));
    figure(&format!("plain SQLite moving {shape} a message"), &format!("{:.0}", median(&plain)));
    figure(&format!("ratio, median of {rounds} pairs (at least {PLAIN_BOUND})"), &format!("{plain_ratio:.2}"));

    let (messages, rounds) = if quick { (1_000, 1) } else { (20_000, 3) };
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        let home = tempfile::Builder::new().prefix("bench-").tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let file = home.path().join("bus.db");
        filled(&file, messages);
        let server = Server::eventbus(home.path(), &file);
        let url = format!("http://127.0.0.1:{}", server.endpoint.0);
        ours.push(rate(messages, timed(replay(home.path(), &["--endpoint-url", &url]))));
        // And back again, by the other.
        let [there, back] = QUEUES;
        theirs.push(rate(messages, boto(&python, home.path(), &url, back, there, messages)));
        drop(server);
    }
    let ratios: Vec<f64> = ours.iter().zip(&theirs).map(|(ours, theirs)| ours / theirs).collect();
    let boto_ratio = median(&ratios);
    figure(&format!("replay of {messages} over HTTP, messages a second"), &format!("{:.0}", median(&ours)));
    figure(&format!("boto3, {THREADS} threads, calls of ten"), &format!("{:.0}", median(&theirs)));
    figure(&format!("ratio, median of {rounds} pairs (at least {BOTO_BOUND})"), &format!("{boto_ratio:.1}"));
    match (plain_ratio >= PLAIN_BOUND, boto_ratio >= BOTO_BOUND) {
        (true, true) => Verdict::Holds,
        (false, _) => Verdict::Broken(format!("{plain_ratio:.2} of plain SQLite, not {PLAIN_BOUND}")),
        (true, false) => Verdict::Broken(format!("{boto_ratio:.1} times boto3, not {BOTO_BOUND}")),
    }
}

/// A bus file with so many messages in the first queue.
fn filled(file: &Path, messages: usize) {
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    sdk::runtime().block_on(async {
        let bus = sdk::embedded(file).await;
        for name in QUEUES {
            bus.create_queue(name, &Default::default(), &Default::default()).await.unwrap();
        }
        sdk::send(&bus, &bus.queue(QUEUES[0]).await.unwrap(), messages, CALLERS, sdk::outgoing).await;
    });
}

fn arrived(file: &Path, messages: usize) {
    sdk::runtime().block_on(async {
        let bus = sdk::embedded(file).await;
        let mut depths = Vec::new();
        for name in QUEUES {
            depths.push(bus.queue_attributes(&bus.queue(name).await.unwrap()).await.unwrap().visible);
        }
        assert_eq!(depths, [0, messages as u64]);
    });
}

fn replay(home: &Path, more: &[&str]) -> Command {
    let mut command = Command::new(binary());
    hermetic(&mut command, home);
    command.args(["replay", QUEUES[0], "--to", &format!("queue:{}", QUEUES[1]), "--yes"]).args(more).current_dir(home);
    command
}

/// The same by a loop of receive, send and delete; how long it took by its own clock, without the start of Python.
fn boto(python: &Path, home: &Path, url: &str, from: &str, to: &str, messages: usize) -> Duration {
    let mut command = Command::new(python);
    hermetic(&mut command, home);
    command.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/bench/move.py"));
    command.args([url, from, to, &messages.to_string(), &THREADS.to_string()]).stdin(Stdio::null());
    let done = command.output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    Duration::from_secs_f64(String::from_utf8(done.stdout).unwrap().trim().parse().unwrap())
}
