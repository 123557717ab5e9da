//! What the program promises about speed and memory, measured: `cargo bench`, or `cargo bench -- NAME… [--quick]`.
//!
//! Every figure is a ratio or a bound taken in one run, the two sides interleaved, so that a loaded or slow machine changes both.
//! The real binary is run as a user runs it, start and end of the process included. `--quick` takes few samples: it shows that the
//! benchmarks work, and its figures mean little. A bound that does not hold ends the run with a failure, except under `--quick`.
//!
//! | name | what | bound |
//! |---|---|---|
//! | `publish_one` | `eventbus publish` on the embedded bus against `aws sns publish` on a moto server | 25 times faster |
//! | `version` | `eventbus --version` against `aws --version` | 50 times faster |
//! | `publish_stream` | NDJSON of 1 KiB events, validated: into the embedded bus against plain SQLite inserting the same rows in transactions of a hundred; over HTTP against boto3's `publish_batch` in 8 threads on the same server | 20 % of its rate; 4 times faster |
//! | `validate` | small payloads read and checked, on one thread | 200,000 a second of processor time |
//! | `store` | batched publish of 1 KiB events into one queue against plain SQLite inserting the same rows | 25 % of its rate |
//! | `bus` | `eventbus local serve` under wrk: PublishBatch of ten 1 KiB events to a topic with three queues, one filtered out, then receive and delete in tens | 10 times the best durable peer, no slower than the best in memory; 25 % of plain SQLite inserting the same rows in large transactions |
//! | `embedded` | the same PublishBatch in one process through the SDK's clients against plain SQLite in transactions of a hundred events | 20 % of its rate |
//! | `depth` | receive and delete of a queue of 1,000,000 against one of 1,000; memory of its server | 80 % of its rate; 150 MiB |
//! | `wake` | Publish called to waiting long poll returned, the publisher in the same process and in another; processor time of one that waits | 3 ms, p99 15 ms; 1 % of a core |
//! | `handler` | publish confirmed to handler started, the consumer another process | 50 ms |
//! | `memory` | peak memory of publish and consume, few events against many | at most 8 MiB more; publish 64 MiB |
//! | `replay` | queue to queue on the embedded bus against plain SQLite moving the same rows in transactions of a hundred; over HTTP against a loop of boto3 in eight threads | 25 % of its rate; 3 times faster |
//! | `tail` | records a second from a recording and from the embedded bus; publish to the line that a tap shows | 50,000; 20,000; 50 ms |
//! | `flat` | peak memory of tail and replay, 200,000 messages against a million, and 60 of 1 MiB against 600 | at most 16 MiB more; 48 MiB more |
//! | `consume` | a process for each event with `true` against `xargs -P2 -n1 true`; processes that stay | 80 % of its rate; 4 times its rate |
//! | `consume_served` | processes that stay over HTTP against a boto3 loop with 8 threads | 3 times faster |
//! | `consume_idle` | processor time and memory of a consumer to which nothing comes | 1 % of a core; 30 MiB |
//! | `consume_drain` | peak memory of draining 1,000,000 events against 100,000 | at most 8 MiB more |
//!
//! The first two, `replay` and the second half of `publish_stream` need the aws CLI, moto and boto3: `bash .ci/run tools clients` makes `target/clients-venv`. `bus` and `depth` need wrk,
//! and `bus` its peers, in `target/bench-peers` (moto, ministack, fauxqs; all on the loopback address). What is missing is named
//! with the command that installs it, the others run, and the run ends with a failure: what was not measured is not shown.
#![expect(clippy::unwrap_used, reason = "in a benchmark a panic is the report of a broken set-up")]
#![expect(clippy::disallowed_methods, reason = "a benchmark reads the clock and its own switches")]

mod bus;
mod consume;
mod depth;
mod embedded;
mod flat;
mod handler;
mod http;
mod load;
mod memory;
mod peers;
mod plain;
mod publish_one;
mod publish_stream;
mod replay;
mod sdk;
mod store;
mod support;
mod tail;
mod validate;
mod wake;
mod wrk;

use std::process::ExitCode;

use support::{Verdict, say};

/// One benchmark: prints its table, and says whether its bound holds.
type Benchmark = fn(quick: bool) -> Verdict;

fn main() -> ExitCode {
    // cargo passes `--bench` to every benchmark.
    let args: Vec<String> = std::env::args().skip(1).filter(|arg| arg != "--bench").collect();
    let (switches, names): (Vec<&String>, Vec<&String>) = args.iter().partition(|arg| arg.starts_with('-'));
    let quick = switches.iter().any(|switch| switch.as_str() == "--quick");
    let all: [(&str, Benchmark); 18] = [
        ("version", publish_one::version),
        ("publish_one", publish_one::publish),
        ("publish_stream", publish_stream::run),
        ("validate", validate::run),
        ("store", store::run),
        ("bus", bus::run),
        ("embedded", embedded::run),
        ("depth", depth::run),
        ("wake", wake::run),
        ("handler", handler::run),
        ("memory", memory::run),
        ("replay", replay::run),
        ("tail", tail::run),
        ("flat", flat::run),
        ("consume", consume::handlers),
        ("consume_served", consume::served),
        ("consume_idle", consume::idle),
        ("consume_drain", consume::drain),
    ];
    let unknown = names.iter().find(|name| all.iter().all(|(known, _)| *known != name.as_str()));
    let unknown = unknown.or(switches.iter().find(|switch| switch.as_str() != "--quick"));
    if let Some(unknown) = unknown {
        say(&format!("`{unknown}` is not one of: {}, --quick", all.map(|(name, _)| name).join(", ")));
        return ExitCode::from(2);
    }
    let mut failed = false;
    for (name, benchmark) in all {
        if !names.is_empty() && names.iter().all(|wanted| *wanted != name) {
            continue;
        }
        say(&format!("\n{name}"));
        match benchmark(quick) {
            Verdict::Holds => say("  holds"),
            Verdict::Broken(what) if quick => say(&format!("  {what} (too few samples to count)")),
            Verdict::Broken(what) => {
                say(&format!("  BROKEN: {what}"));
                failed = true;
            }
            Verdict::NotMeasured(why) => {
                say(&format!("  NOT MEASURED: {why}"));
                failed = true;
            }
        }
    }
    if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}
