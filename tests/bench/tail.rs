//! `eventbus tail` to NDJSON: records a second from recordings and from the embedded bus; and how soon a tap shows an event.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use crate::load::QUEUES;
use crate::plain::rate;
use crate::sdk;
use crate::support::{Verdict, binary, figure, hermetic, median, timed};

/// Records a second that have to come from a recording.
const RECORDING_BOUND: f64 = 50_000.0;
/// And from the embedded bus.
const BUS_BOUND: f64 = 20_000.0;
/// Milliseconds from a publish to the line that a tap shows.
const TAP_BOUND_MS: f64 = 50.0;
/// Callers at a time that fill the queue.
const CALLERS: usize = 8;

/// Events of a kibibyte that came through a topic, with its wrapper around them, read to the end by the program as a user starts it.
pub(crate) fn run(quick: bool) -> Verdict {
    let (events, rounds) = if quick { (2_000, 1) } else { (100_000, 5) };
    let home = tempfile::Builder::new().prefix("bench-").tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let file = home.path().join(".eventbus/bus.db");
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    sdk::runtime().block_on(async {
        let bus = sdk::embedded(&file).await;
        let topic = sdk::fan_out(&bus).await;
        sdk::publish(&bus, &topic, events, CALLERS).await;
    });
    let (queue, all) = (QUEUES[0].0, events.to_string());
    for name in ["all.ndjson", "all.ndjson.zst"] {
        timed(command(home.path(), &["record", queue, "--to", name, "--count", &all]));
    }
    let sources: [(&str, Vec<&str>); 4] = [
        ("tail of a recording", vec!["tail", "all.ndjson"]),
        ("tail of a compressed recording", vec!["tail", "all.ndjson.zst"]),
        ("inspect of a recording", vec!["inspect", "all.ndjson"]),
        ("tail of the embedded bus", vec!["tail", queue, "--count", &all]),
    ];
    let mut rates: [Vec<f64>; 4] = Default::default();
    for _ in 0..rounds {
        for ((_, args), rates) in sources.iter().zip(&mut rates) {
            rates.push(rate(events, timed(command(home.path(), args))));
        }
    }
    for ((name, _), rates) in sources.iter().zip(&rates) {
        let bound = match *name {
            "tail of a recording" => format!(" (at least {RECORDING_BOUND})"),
            "tail of the embedded bus" => format!(" (at least {BUS_BOUND})"),
            _ => String::new(),
        };
        figure(&format!("{name}, records a second{bound}"), &format!("{:.0}", median(rates)));
    }
    let (recording, bus) = (median(&rates[0]), median(&rates[3]));
    let tap = tap(home.path(), &file, if quick { 5 } else { 40 });
    if recording < RECORDING_BOUND {
        return Verdict::Broken(format!("{recording:.0} records a second from a recording, not {RECORDING_BOUND}"));
    }
    if bus < BUS_BOUND {
        return Verdict::Broken(format!("{bus:.0} records a second from the embedded bus, not {BUS_BOUND}"));
    }
    if tap > TAP_BOUND_MS {
        return Verdict::Broken(format!("{tap:.1} ms to a tap, not {TAP_BOUND_MS}"));
    }
    Verdict::Holds
}

fn command(home: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(binary());
    hermetic(&mut command, home);
    command.args(args).current_dir(home);
    command
}

/// From the call of Publish, by another process than the one that looks, to the line; the median, in milliseconds.
fn tap(home: &Path, file: &Path, rounds: usize) -> f64 {
    let mut tail = command(home, &["tail", "--topic", "events"]);
    let mut child = tail.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut says = BufReader::new(child.stderr.take().unwrap()).lines();
    assert!(says.any(|line| line.unwrap().contains("is open")), "no tap was opened");
    let mut lines = BufReader::new(child.stdout.take().unwrap());
    let tapped = Ended(child);
    let mut times = Vec::new();
    let runtime = sdk::runtime();
    runtime.block_on(async {
        let bus = sdk::embedded(file).await;
        let topic = bus.topic("events").await.unwrap();
        for round in 0..=rounds {
            // Back in its long poll, at no fixed phase of whatever it may be doing at intervals.
            tokio::time::sleep(std::time::Duration::from_millis(40 + round as u64 * 37 % 41)).await;
            let began = Instant::now();
            for outcome in bus.publish_batch(&topic, &[sdk::outgoing(round)]).await {
                outcome.unwrap();
            }
            let line = tokio::task::block_in_place(|| {
                let mut line = String::new();
                lines.read_line(&mut line).unwrap();
                line
            });
            assert!(line.contains("eventName"), "the tap showed `{line}`");
            if round > 0 {
                times.push(began.elapsed().as_secs_f64() * 1e3);
            }
        }
    });
    drop(tapped);
    let middle = median(&times);
    figure(
        &format!("publish to the line that a tap shows, median of {rounds} (at most {TAP_BOUND_MS} ms)"),
        &format!("{middle:.2} ms"),
    );
    figure("the slowest", &format!("{:.2} ms", times.iter().copied().fold(0.0, f64::max)));
    middle
}

struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
