//! `eventbus local serve` under wrk, beside the other servers and beside plain SQLite.

use std::path::Path;

use crate::load::{BATCH, Fanout, WANTED};
use crate::peers::{Peer, Server};
use crate::plain::Rows;
use crate::support::{Verdict, figure, median, say};
use crate::wrk;

/// How much faster than the best durable peer; the best one in memory only must not be faster.
const DURABLE_BOUND: f64 = 10.0;
/// The part of the rate of plain inserts in large transactions.
const PLAIN_BOUND: f64 = 0.25;
/// Events of such a transaction.
const LARGE: usize = 10_000;

/// What one server did in one round.
#[derive(Clone, Copy)]
struct Sample {
    /// PublishBatch calls a second, and how long one took in milliseconds.
    calls: f64,
    p50: f64,
    p99: f64,
    /// Messages received and deleted a second.
    drained: f64,
}

impl Sample {
    /// Events a second through the whole load: published, then received and deleted from each queue that wants them.
    fn whole(&self) -> f64 {
        1.0 / (1.0 / (self.calls * BATCH as f64) + WANTED as f64 / self.drained)
    }
}

/// Every round starts every server anew, so that none is slowed down by what lies there from the round before.
pub(crate) fn run(quick: bool) -> Verdict {
    let wrk = match wrk::program() {
        Ok(wrk) => wrk,
        Err(missing) => return Verdict::NotMeasured(missing),
    };
    let rounds = if quick { 1 } else { 3 };
    let seconds = if quick { 1 } else { 4 };
    let (mut ours, mut plain, mut shape) = (Vec::new(), Vec::new(), String::new());
    let mut theirs: [Vec<Sample>; Peer::ALL.len()] = Default::default();
    let mut missing = Vec::new();
    for _ in 0..rounds {
        let home = tempfile::Builder::new().prefix("bench-").tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let bus = home.path().join("bus.db");
        let server = Server::eventbus(home.path(), &bus);
        let sample = measure(&wrk, &server, home.path(), seconds, |events| {
            let rows = Rows::of(&bus, events, 2 * LARGE);
            shape = rows.shape();
            plain.push(rows.insert(&home.path().join("plain.db"), LARGE));
        });
        drop(server);
        match sample {
            Ok(sample) => ours.push(sample),
            Err(wrong) => return Verdict::Broken(format!("eventbus: {wrong}")),
        }
        for (peer, samples) in Peer::ALL.into_iter().zip(&mut theirs) {
            let home = tempfile::Builder::new().prefix("bench-").tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
            let sample = peer.start(home.path()).and_then(|server| {
                let sample = measure(&wrk, &server, home.path(), seconds, |_| {});
                sample.map_err(|wrong| format!("{}: {wrong}", peer.name()))
            });
            match sample {
                Ok(sample) => samples.push(sample),
                Err(why) if missing.contains(&why) => {}
                Err(why) => missing.push(why),
            }
        }
    }
    report(&ours, &plain, &shape, &theirs, missing)
}

/// Publishes for some seconds, checks that all of it is there, then drains both queues for half as long each. `loaded` is told how
/// many events lie there in between.
fn measure(
    wrk: &Path,
    server: &Server,
    home: &Path,
    seconds: u32,
    loaded: impl FnOnce(usize),
) -> Result<Sample, String> {
    let fanout = Fanout::make(server.endpoint);
    let form = home.join("batch.form");
    std::fs::write(&form, fanout.batch()).unwrap();
    let publish = ["publish", form.to_str().unwrap()];
    // Some of them compile as they go.
    wrk::run(wrk, server.endpoint, 1, publish);
    let before = fanout.depths();
    let published = wrk::run(wrk, server.endpoint, seconds, publish);
    let after = fanout.depths();
    let wanted = published.answered * BATCH as u64;
    let arrived = before.iter().zip(&after).take(WANTED).all(|(before, after)| after - before >= wanted);
    if published.errors > 0 || !arrived || after[WANTED..].iter().any(|depth| *depth > 0) {
        return Err(format!("{} errors, {wanted} events published, depths {before:?} to {after:?}", published.errors));
    }
    loaded(after[0] as usize);
    let mut drained = 0.0;
    for queue in fanout.queues.iter().take(WANTED) {
        let load = wrk::run(wrk, server.endpoint, seconds.div_ceil(WANTED as u32), ["drain", queue]);
        if load.errors > 0 || load.empty > 0 {
            return Err(format!("{} errors, {} empty receives", load.errors, load.empty));
        }
        drained += load.deleted / WANTED as f64;
    }
    Ok(Sample { calls: published.requests, p50: published.p50, p99: published.p99, drained })
}

fn report(ours: &[Sample], plain: &[f64], shape: &str, theirs: &[Vec<Sample>], missing: Vec<String>) -> Verdict {
    let middle = |samples: &[Sample], of: fn(&Sample) -> f64| median(&samples.iter().map(of).collect::<Vec<_>>());
    say(&format!("  {:<22}{:>16}{:>16}{:>16}", "", "PublishBatch/s", "p50 / p99 ms", "drained/s"));
    let line = |name: &str, samples: &[Sample]| {
        let times = format!("{:.1} / {:.1}", middle(samples, |s| s.p50), middle(samples, |s| s.p99));
        let (calls, drained) = (middle(samples, |s| s.calls), middle(samples, |s| s.drained));
        say(&format!("  {name:<22}{calls:>16.0}{times:>16}{drained:>16.0}"));
    };
    line("eventbus", ours);
    let mut broken = Vec::new();
    let parts = [|s: &Sample| s.calls, |s: &Sample| s.drained, Sample::whole];
    let (mut durable, mut memory) = ([f64::INFINITY; 3], [f64::INFINITY; 3]);
    for (peer, samples) in Peer::ALL.into_iter().zip(theirs).filter(|(_, samples)| !samples.is_empty()) {
        line(peer.name(), samples);
        let best = if peer.durable() { &mut durable } else { &mut memory };
        for (best, of) in best.iter_mut().zip(parts) {
            // Round by round, since what slows one side down slows the other one, too.
            let ratios: Vec<f64> = ours.iter().zip(samples).map(|(ours, theirs)| of(ours) / of(theirs)).collect();
            *best = best.min(median(&ratios));
        }
    }
    let mut bound = |name: &str, ratio: f64, bound: f64| {
        if ratio.is_finite() {
            figure(&format!("{name} (at least {bound})"), &format!("{ratio:.2}"));
        }
        if ratio < bound {
            broken.push(format!("{name} is {ratio:.2}, not {bound}"));
        }
    };
    bound("PublishBatch, times the best durable peer", durable[0], DURABLE_BOUND);
    bound("PublishBatch, times the best in memory", memory[0], 1.0);
    // Receiving and deleting alone is bound by wrk's reading of the answers; it is told, and counts in the whole.
    figure("draining, times the best durable peer", &format!("{:.2}", durable[1]));
    bound("the whole load, times the best durable peer", durable[2], DURABLE_BOUND);
    bound("the whole load, times the best in memory", memory[2], 1.0);
    bound("draining, times the best in memory", memory[1], 1.0);
    let events: Vec<f64> = ours.iter().map(|sample| sample.calls * BATCH as f64).collect();
    let ratios: Vec<f64> = events.iter().zip(plain).map(|(ours, plain)| ours / plain).collect();
    figure("eventbus, events a second", &format!("{:.0}", median(&events)));
    figure(&format!("plain SQLite, {shape} an event"), &format!("{:.0}", median(plain)));
    bound("of plain SQLite in large transactions", median(&ratios), PLAIN_BOUND);
    match (broken.is_empty(), missing.is_empty()) {
        (false, _) => Verdict::Broken(broken.join("; ")),
        (true, false) => Verdict::NotMeasured(missing.join("; ")),
        (true, true) => Verdict::Holds,
    }
}
