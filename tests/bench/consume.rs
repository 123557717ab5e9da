//! What consuming costs: a process for each event against xargs, processes that stay, a served bus against boto3, waiting, and a
//! long queue.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use eventbus::bus::{Bus, Queue};

use crate::http::Endpoint;
use crate::load::{BATCH, QUEUES};
use crate::memory::peak_kib;
use crate::peers::{Server, memory_kib, processor_time};
use crate::plain::rate;
use crate::sdk;
use crate::support::{Project, Verdict, binary, figure, hermetic, median, timed};

/// Of what xargs starts in the same time.
const SPAWN_BOUND: f64 = 0.8;
/// Processes that stay must not cost as much as processes that are started: this many times xargs.
const STREAM_TIMES: f64 = 4.0;
/// What is hoped for on a machine of one's own.
const STREAM_ORIENTATION: f64 = 12_000.0;
/// Times a loop of boto3 with eight threads.
const HTTP_BOUND: f64 = 3.0;
/// Of a core and of memory, while nothing comes.
const IDLE_PERCENT: f64 = 1.0;
const IDLE_KIB: u64 = 30 * 1024;
/// How much more ten times as many events may take.
const ROOM_KIB: u64 = 8 * 1024;
/// Callers that fill a queue.
const CALLERS: usize = 8;

/// A handler of the stream protocol that says `ack` to everything: its line begins with the id, which is as long for all.
const ACK: &str = r#"exec perl -ne 'BEGIN { $| = 1 } print substr($_, 0, 44), qq(,"outcome":"ack"}\n)'"#;
const STREAM: [&str; 6] = ["--protocol", "stream", "--workers", "2", "--inflight", "100"];

/// Spawn mode with `true` against `xargs -P2 -n1 true`, then stream mode.
pub(crate) fn handlers(quick: bool) -> Verdict {
    let (events, streamed, rounds) = if quick { (100, 1_000, 1) } else { (2_000, 30_000, 5) };
    let (mut spawned, mut by_xargs, mut lasting) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..rounds {
        let project = Project::new();
        fill(&project, events);
        let xargs = xargs(&project, events);
        spawned.push(rate(events, timed(consume(&project, &["--workers", "2", "--", "true"]))));
        by_xargs.push(rate(events, timed(xargs)));
        fill(&project, streamed);
        let line = [&STREAM[..], &["--exec", ACK]].concat();
        lasting.push(rate(streamed, timed(consume(&project, &line))));
    }
    let ratio =
        |rates: &[f64]| median(&rates.iter().zip(&by_xargs).map(|(ours, xargs)| ours / xargs).collect::<Vec<_>>());
    let (spawn, stream) = (ratio(&spawned), ratio(&lasting));
    figure("xargs -P2 -n1 true, processes a second", &format!("{:.0}", median(&by_xargs)));
    figure("a process for each event, events a second", &format!("{:.0}", median(&spawned)));
    figure(&format!("  of xargs, median of {rounds} pairs (at least {SPAWN_BOUND})"), &format!("{spawn:.2}"));
    figure("processes that stay, events a second", &format!("{:.0}", median(&lasting)));
    figure("  hoped for", &format!("{STREAM_ORIENTATION:.0}"));
    figure(&format!("  times xargs (at least {STREAM_TIMES})"), &format!("{stream:.1}"));
    match (spawn >= SPAWN_BOUND, stream >= STREAM_TIMES) {
        (false, _) => Verdict::Broken(format!("{spawn:.2} of xargs, not {SPAWN_BOUND}")),
        (true, false) => Verdict::Broken(format!("{stream:.1} times xargs, not {STREAM_TIMES}")),
        (true, true) => Verdict::Holds,
    }
}

/// Both receive from a served bus, read each event as JSON and delete in batches.
pub(crate) fn served(quick: bool) -> Verdict {
    let python = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap().join("bench-peers/venv/bin/python");
    if !python.exists() {
        return Verdict::NotMeasured(format!("{} is missing: see the peers of `bus`", python.display()));
    }
    let (events, rounds) = if quick { (500, 1) } else { (10_000, 3) };
    let home = tempfile::Builder::new().prefix("bench-").tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let server = Server::eventbus(home.path(), &home.path().join("bus.db"));
    let url = format!("http://127.0.0.1:{}", server.endpoint.0);
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/bench/consume_loop.py");
    let runtime = sdk::runtime();
    let (bus, topic) = runtime.block_on(async {
        let bus = sdk::remote(server.endpoint).await;
        let topic = sdk::fan_out(&bus).await;
        (bus, topic)
    });
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        runtime.block_on(sdk::publish(&bus, &topic, events, CALLERS));
        let count = events.to_string();
        let mut eventbus = Command::new(binary());
        hermetic(&mut eventbus, home.path());
        eventbus.current_dir(home.path()).args(["consume", QUEUES[0].0, "--quiet", "--endpoint-url", &url]);
        eventbus.args(STREAM).args(["--count", &count, "--exec", ACK]);
        ours.push(rate(events, timed(eventbus)));
        let mut boto3 = Command::new(&python);
        hermetic(&mut boto3, home.path());
        boto3.current_dir(home.path()).args([script, &url, QUEUES[1].0, &count]);
        theirs.push(rate(events, timed(boto3)));
    }
    let left = |endpoint: Endpoint, name: &str| endpoint.depth(&format!("{url}/000000000000/{name}"));
    assert_eq!(
        (left(server.endpoint, QUEUES[0].0), left(server.endpoint, QUEUES[1].0)),
        (0, 0),
        "both queues are empty"
    );
    let ratio = median(&ours.iter().zip(&theirs).map(|(ours, theirs)| ours / theirs).collect::<Vec<_>>());
    figure("processes that stay over HTTP, events a second", &format!("{:.0}", median(&ours)));
    figure("a boto3 loop with 8 threads", &format!("{:.0}", median(&theirs)));
    figure(&format!("ratio, median of {rounds} pairs (at least {HTTP_BOUND})"), &format!("{ratio:.2}"));
    if ratio >= HTTP_BOUND {
        Verdict::Holds
    } else {
        Verdict::Broken(format!("{ratio:.2} times boto3, not {HTTP_BOUND}"))
    }
}

/// A consumer to which nothing comes.
pub(crate) fn idle(quick: bool) -> Verdict {
    let project = Project::new();
    let mut command = project.command(&["consume", "user_events", "--workers", "4", "--exec", "true"]);
    let quiet = || Stdio::null();
    let consumer = Consumer(command.stdin(quiet()).stdout(quiet()).stderr(quiet()).spawn().unwrap());
    // What it does to begin is not waiting.
    std::thread::sleep(Duration::from_secs(1));
    let pid = consumer.0.id();
    let seconds = if quick { 2 } else { 30 };
    let (began, Some(before)) = (Instant::now(), processor_time(pid)) else {
        return Verdict::NotMeasured("this system has no /proc/PID/stat".into());
    };
    std::thread::sleep(Duration::from_secs(seconds));
    let (Some(after), Some(held)) = (processor_time(pid), memory_kib(pid, "VmRSS")) else {
        return Verdict::Broken("the consumer ended".into());
    };
    let percent = (after - before).as_secs_f64() / began.elapsed().as_secs_f64() * 100.0;
    figure(&format!("of a core (at most {IDLE_PERCENT} %)"), &format!("{percent:.2} %"));
    figure(&format!("memory (at most {} MiB)", IDLE_KIB / 1024), &format!("{:.1} MiB", held as f64 / 1024.0));
    match (percent <= IDLE_PERCENT, held <= IDLE_KIB) {
        (false, _) => Verdict::Broken(format!("{percent:.2} % of a core, not {IDLE_PERCENT}")),
        (true, false) => Verdict::Broken(format!("{held} KiB, not {IDLE_KIB}")),
        (true, true) => Verdict::Holds,
    }
}

/// A long queue and one of a tenth, drained by processes that stay.
pub(crate) fn drain(quick: bool) -> Verdict {
    let most = if quick { 100_000 } else { 1_000_000 };
    let mut peaks = Vec::new();
    for events in [most / 10, most] {
        let project = Project::new();
        fill(&project, events);
        let began = Instant::now();
        let line = [&STREAM[..], &["--quiet", "--exec", ACK]].concat();
        let Some(peak) = peak_kib(consume(&project, &line)) else {
            return Verdict::NotMeasured("this system has no /proc/PID/status with VmHWM".into());
        };
        figure(&format!("{events} events, a second"), &format!("{:.0}", rate(events, began.elapsed())));
        figure("  peak memory", &format!("{:.1} MiB", peak as f64 / 1024.0));
        peaks.push(peak);
    }
    if peaks[1] <= peaks[0] + ROOM_KIB {
        Verdict::Holds
    } else {
        Verdict::Broken(format!("{} KiB more for ten times as many, not {ROOM_KIB}", peaks[1] - peaks[0]))
    }
}

fn consume(project: &Project, line: &[&str]) -> Command {
    project.command(&[&["consume", "user_events", "--drain"], line].concat())
}

/// So many processes, two at a time.
fn xargs(project: &Project, events: usize) -> Command {
    let numbers: String = (0..events).map(|number| format!("{number}\n")).collect();
    std::fs::write(project.path("numbers"), numbers).unwrap();
    let mut command = Command::new("xargs");
    hermetic(&mut command, &project.path(""));
    command.args(["-P2", "-n1", "-a"]).arg(project.path("numbers")).arg("true");
    command
}

/// Sends so many events to the project's queue.
fn fill(project: &Project, events: usize) {
    sdk::runtime().block_on(async {
        let bus = sdk::embedded(&project.path(".eventbus/bus.db")).await;
        let queue = bus.queue("user_events").await.unwrap();
        let senders = (0..CALLERS).map(|caller| tokio::spawn(send(bus.clone(), queue.clone(), events, caller)));
        for sender in senders.collect::<Vec<_>>() {
            sender.await.unwrap();
        }
    });
}

async fn send(bus: Bus, queue: Queue, events: usize, caller: usize) {
    for batch in (caller..events / BATCH).step_by(CALLERS) {
        let messages: Vec<_> = (0..BATCH).map(|entry| sdk::outgoing(batch * BATCH + entry)).collect();
        for outcome in bus.send_batch(&queue, &messages).await {
            outcome.unwrap();
        }
    }
}

struct Consumer(Child);

impl Drop for Consumer {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
