//! Batched publish by the program against plain SQLite storing the very same rows.

use crate::plain::{Rows, rate};
use crate::support::{Project, Verdict, figure, median, timed};

/// The part of plain SQLite's rate that publish has to reach.
const BOUND: f64 = 0.25;

/// `eventbus publish` of 1 KiB events as NDJSON, its start, its schema checks and its wrapping included, into one queue; then what
/// it stored, inserted into an empty file by nothing but prepared statements, in transactions of ten at `synchronous=FULL`.
pub(crate) fn run(quick: bool) -> Verdict {
    let ratio = against_plain(quick, 10, BOUND);
    if ratio >= BOUND { Verdict::Holds } else { Verdict::Broken(format!("{ratio:.2} of plain SQLite, not {BOUND}")) }
}

/// The part of plain SQLite's rate, in transactions of so many events, that publish reaches; `bound` is told beside it.
pub(crate) fn against_plain(quick: bool, transaction: usize, bound: f64) -> f64 {
    let (events, rounds) = if quick { (1_000, 2) } else { (20_000, 5) };
    let (mut ours, mut plain, mut shape) = (Vec::new(), Vec::new(), String::new());
    for _ in 0..rounds {
        // A fresh bus each time: what is measured does not depend on what lies there already.
        let project = Project::new();
        let file = project.write_events(events);
        ours.push(rate(events, timed(project.command(&["publish", "UserRegistered", &file, "--input", "ndjson"]))));
        let rows = Rows::of(&project.path(".eventbus/bus.db"), events, events);
        shape = rows.shape();
        plain.push(rows.insert(&project.path("plain.db"), transaction));
    }
    let ratios: Vec<f64> = ours.iter().zip(&plain).map(|(ours, plain)| ours / plain).collect();
    let ratio = median(&ratios);
    figure(&format!("publish of {events} events, events a second"), &format!("{:.0}", median(&ours)));
    figure(&format!("plain SQLite, {shape} an event"), &format!("{:.0}", median(&plain)));
    figure(&format!("ratio, median of {rounds} pairs (at least {bound})"), &format!("{ratio:.2}"));
    ratio
}
