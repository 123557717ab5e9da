//! The bus in one's own process, used through the SDK's clients, against plain SQLite storing the very same rows.

use std::time::Instant;

use crate::load::{QUEUES, WANTED};
use crate::plain::{Rows, rate};
use crate::sdk;
use crate::support::{Verdict, figure, median};

/// The part of plain SQLite's rate that publishing has to reach.
const BOUND: f64 = 0.2;
/// Callers at a time.
const CALLERS: usize = 8;

/// PublishBatch calls of ten, no HTTP in between, every answer awaited; then what that stored, inserted into an empty file by
/// nothing but prepared statements, in transactions of a hundred events at `synchronous=FULL`.
pub(crate) fn run(quick: bool) -> Verdict {
    let (events, rounds) = if quick { (1_000, 1) } else { (20_000, 5) };
    let (mut published, mut drained, mut plain, mut shape) = (Vec::new(), Vec::new(), Vec::new(), String::new());
    let runtime = sdk::runtime();
    for _ in 0..rounds {
        let home = tempfile::Builder::new().prefix("bench-").tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let file = home.path().join("bus.db");
        runtime.block_on(async {
            let bus = sdk::embedded(&file).await;
            let topic = sdk::fan_out(&bus).await;
            let began = Instant::now();
            sdk::publish(&bus, &topic, events, CALLERS).await;
            published.push(rate(events, began.elapsed()));
            let rows = Rows::of(&file, events, events);
            shape = rows.shape();
            plain.push(rows.insert(&home.path().join("plain.db"), 100));
            let began = Instant::now();
            for (name, _) in QUEUES.into_iter().take(WANTED) {
                sdk::drain(&bus, &bus.queue(name).await.unwrap(), events, CALLERS).await;
            }
            drained.push(rate(events * WANTED, began.elapsed()));
        });
    }
    let ratios: Vec<f64> = published.iter().zip(&plain).map(|(ours, plain)| ours / plain).collect();
    let ratio = median(&ratios);
    figure(&format!("{events} events published in tens, events a second"), &format!("{:.0}", median(&published)));
    figure(&format!("plain SQLite, {shape} an event"), &format!("{:.0}", median(&plain)));
    figure(&format!("ratio, median of {rounds} pairs (at least {BOUND})"), &format!("{ratio:.2}"));
    figure("received and deleted in tens, messages a second", &format!("{:.0}", median(&drained)));
    if ratio >= BOUND { Verdict::Holds } else { Verdict::Broken(format!("{ratio:.2} of plain SQLite, not {BOUND}")) }
}
