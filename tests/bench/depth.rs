//! Receiving from a short queue and from a very long one, and the memory of the server that holds the long one.

use std::time::Instant;

use crate::load::{BATCH, Fanout, QUEUES, WANTED};
use crate::peers::Server;
use crate::plain::rate;
use crate::sdk;
use crate::support::{Verdict, figure, median};
use crate::wrk;

/// Messages in the short queues.
const SHORT: usize = 1_000;
/// The part of the short queue's rate that the long one's must reach.
const BOUND: f64 = 0.8;
/// The most memory the server of the long queues may ever have held.
const MOST_KIB: u64 = 150 * 1024;
/// Callers at a time.
const CALLERS: usize = 8;

/// Two servers, each with two queues; in turns a thousand messages are received and deleted on both.
pub(crate) fn run(quick: bool) -> Verdict {
    let wrk = match wrk::program() {
        Ok(wrk) => wrk,
        Err(missing) => return Verdict::NotMeasured(missing),
    };
    let (long, rounds) = if quick { (20_000, 3) } else { (1_000_000, 21) };
    let home = tempfile::Builder::new().prefix("bench-").tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let servers = ["short", "long"].map(|name| Server::eventbus(home.path(), &home.path().join(format!("{name}.db"))));
    let fanouts = servers.each_ref().map(|server| Fanout::make(server.endpoint));
    let form = home.path().join("batch.form");
    std::fs::write(&form, fanouts[1].batch()).unwrap();
    while fanouts[1].depths()[0] < long {
        wrk::run(&wrk, servers[1].endpoint, if quick { 1 } else { 5 }, ["publish", form.to_str().unwrap()]);
    }
    let filled = servers[1].memory_kib("VmHWM");

    let runtime = sdk::runtime();
    let mut rates = [Vec::new(), Vec::new()];
    runtime.block_on(async {
        let mut sides = Vec::new();
        for server in &servers {
            let bus = sdk::remote(server.endpoint).await;
            let topic = bus.topic("events").await.unwrap();
            let queues = [bus.queue(QUEUES[0].0).await.unwrap(), bus.queue(QUEUES[1].0).await.unwrap()];
            sides.push((bus, topic, queues));
        }
        for _ in 0..rounds {
            for (rates, (bus, topic, queues)) in rates.iter_mut().zip(&sides) {
                // Both sides get new messages, so that both are as warm.
                sdk::publish(bus, topic, SHORT, CALLERS).await;
                let began = Instant::now();
                for queue in queues {
                    sdk::drain(bus, queue, SHORT, CALLERS).await;
                }
                rates.push(rate(SHORT * WANTED, began.elapsed()));
            }
        }
    });
    let left = fanouts[1].depths()[0];
    assert!(left >= long, "the long queue has {left} messages left");
    let ratios: Vec<f64> = rates[1].iter().zip(&rates[0]).map(|(long, short)| long / short).collect();
    let ratio = median(&ratios);
    figure(
        &format!("of {SHORT} queued, messages a second in batches of {BATCH}"),
        &format!("{:.0}", median(&rates[0])),
    );
    figure(&format!("of {left} queued"), &format!("{:.0}", median(&rates[1])));
    figure(&format!("ratio, median of {rounds} pairs (at least {BOUND})"), &format!("{ratio:.2}"));
    let (Some(filled), Some(peak)) = (filled, servers[1].memory_kib("VmHWM")) else {
        return Verdict::NotMeasured("this system has no /proc/PID/status with VmHWM".into());
    };
    figure("peak memory of its server, filled", &format!("{} MiB", filled / 1024));
    figure(&format!("  and at the end (at most {} MiB)", MOST_KIB / 1024), &format!("{} MiB", peak / 1024));
    match (ratio >= BOUND, peak <= MOST_KIB) {
        (true, true) => Verdict::Holds,
        (false, _) => Verdict::Broken(format!("{ratio:.2} of the short queue's rate, not {BOUND}")),
        (true, false) => Verdict::Broken(format!("{peak} KiB, not {MOST_KIB}")),
    }
}
