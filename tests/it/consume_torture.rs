//! Everything goes wrong at once: handlers die, hang, say "not now" and reject, the consumer is signalled and killed, its calls are
//! throttled, refused, reset and half answered, entries of batches fail, and the bus's clock jumps so that receipt handles expire
//! under way. In the end each event is handled or a dead letter with its reason, and nobody is left behind.
//!
//! Four rounds by default, one of each kind; `EVENTBUS_TEST_TORTURE=full` makes it 1,000. `EVENTBUS_TEST_SEED=N` repeats the random
//! choices (not the scheduler's) of the round that is named by it.

mod lane;

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use nix::sys::signal::Signal;

use self::lane::Lane;
use crate::support::{Output, Running};
use crate::torture::{Random, seed, switch};

/// Its fate depends on the event and the attempt (and, for a process of its own, on its number), so that every event gets through
/// in the end, or is rejected (every thirteenth). It holds a pipe open, so that the test learns when it is gone.
const FATE: &str = r#"exec 9> alive
echo $$ >> pids.txt
fate() {
    # Whoever fed it was killed before it had: nobody is left to hear what this one says.
    case $line in *'}') ;; *) return 3;; esac
    number=${line#*'"number":'}; number=${number%%,*}
    test $((number % 13)) = 12 && return 2
    case $(((number * 5 + attempt * 3 + $$) % 17)) in
        0) kill -9 $$;;
        1) return 3;;
        2) return 4;;
        3) sleep 1000 & wait;;
        4) printf '%s\n' "$line" >> handled.txt; kill -9 $$;;
        5) sleep 0.2;;
    esac
    printf '%s\n' "$line" >> handled.txt
    return 0
}
"#;

const SPAWN: &str = r#"read -r line || :; attempt=$EVENTBUS_RECEIVE_COUNT; fate && status=0 || status=$?
case $status in 0) echo handled;; 2) exit 65;; 3) exit 1;; 4) exit 75;; esac"#;

const LINES: &str = r#"while read -r line; do
    id=${line#*'"id":"'}; id=${id%%'"'*}; attempt=${line#*'"attempt":'}; attempt=${attempt%%,*}; fate && status=0 || status=$?
    case $status in 0) outcome=ack;; 2) outcome=reject;; 3) outcome=retry;; 4) outcome=not_now;; esac
    printf '{"id":"%s","outcome":"%s","retry_after":1}\n' "$id" "$outcome"
done"#;

/// A kind of round: the queue, the handler's script and how it is spoken to.
const KINDS: [(&str, &str, &str); 4] = [
    ("users", SPAWN, "workers: 3"),
    ("users", LINES, "protocol: batch, batch: 5, batch_wait: 50ms, workers: 2"),
    ("users", LINES, "protocol: stream, inflight: 3, workers: 2"),
    ("users.fifo", SPAWN, "workers: 3"),
];

/// Consumers that come to a bad end in a round, and the new events of each.
const LIVES: usize = 3;
const EVENTS: usize = 8;

/// Calm runs after them, each of which ends when nothing came for a while.
const REST: usize = 40;

#[test]
fn every_event_is_handled_or_a_dead_letter_whatever_happens() {
    let full = switch("EVENTBUS_TEST_TORTURE").as_deref() == Some("full");
    let rounds = if full { 1000 } else { KINDS.len() as u64 };
    let (seed, next) = (seed(), AtomicU64::new(0));
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let mut lane = Lane::new();
                loop {
                    let round = next.fetch_add(1, Ordering::SeqCst);
                    if round >= rounds {
                        break;
                    }
                    self::round(&mut lane, seed + round);
                    if full {
                        lane.tell(&format!("round {round} (seed {}) passed", seed + round));
                    }
                }
            });
        }
    });
}

fn round(lane: &mut Lane, seed: u64) {
    let mut random = Random(seed);
    let (queue, script, protocol) = KINDS[(seed % KINDS.len() as u64) as usize];
    let handler = format!("exec: ./handler.sh, {protocol}, timeout: 700ms, retry: {{ first: 1s, longest: 1s }}");
    lane.env.write("eventbus.yaml", format!("consume: {{ queue: {queue} }}\nhandlers: {{ '*': {{ {handler} }} }}\n"));
    lane.env.write_script("handler.sh", &format!("{FATE}{script}"));
    lane.env.write("handled.txt", "");
    lane.storm(Some(random.next()));
    let mut acked = BTreeSet::new();

    for life in 0..LIVES {
        lane.send(queue, life * EVENTS..(life + 1) * EVENTS);
        let mut running = lane.consume(&[]);
        for _ in 0..=random.below(4) {
            running.wait_stdout("\"kind\":\"event\"");
        }
        if random.below(3) == 0 {
            lane.jump(&mut random);
        }
        if random.below(2) == 0 {
            // One that was stopped costs the whole ladder of ending it, so that is rare.
            lane.signal_a_handler(match random.below(8) {
                0 => Signal::SIGSTOP,
                1..4 => Signal::SIGTERM,
                _ => Signal::SIGKILL,
            });
        }
        let signals: &[Signal] = match random.below(5) {
            0 | 1 => &[Signal::SIGKILL],
            2 => &[Signal::SIGTERM],
            3 => &[Signal::SIGINT],
            // Two kinds: two of a kind may be taken for one.
            _ => &[Signal::SIGINT, Signal::SIGTERM],
        };
        acked.extend(acknowledged(&end(running, signals)));
        lane.assert_no_handler_is_left(seed);
        lane.jump(&mut random);
    }

    lane.storm(None);
    let mut left = usize::MAX;
    for _ in 0..REST {
        // What was hidden by those that are gone is seen again.
        lane.jump_ahead();
        acked.extend(acknowledged(&lane.consume(&["--idle", "400ms"]).wait().success()));
        left = lane.left(queue);
        if left == 0 {
            break;
        }
    }
    assert_eq!(left, 0, "seed {seed}: the queue is not empty in the end");
    lane.assert_no_handler_is_left(seed);

    let numbers = 0..LIVES * EVENTS;
    let handled = lane.handled(seed);
    let met: BTreeSet<usize> = handled.iter().copied().collect();
    let (rejected, sound): (BTreeSet<usize>, BTreeSet<usize>) = numbers.partition(|number| number % 13 == 12);
    assert_eq!((met, lane.take_dead_letters(queue)), (sound.clone(), rejected), "seed {seed}");
    assert!(acked.is_subset(&sound), "seed {seed}: {acked:?} were acknowledged, and not all of them handled");
    if queue.ends_with(".fifo") {
        assert_in_order(&handled, seed);
    }
}

fn end(running: Running, signals: &[Signal]) -> Output {
    for signal in signals {
        running.signal(*signal);
    }
    let killed = signals == [Signal::SIGKILL];
    let ended = running.wait();
    match ended.code() {
        None => assert!(killed, "{}", ended.snapshot()),
        Some(code) => assert!(code == 130 || code == 143, "{}", ended.snapshot()),
    }
    ended
}

/// The events that a consumer said it had acknowledged.
fn acknowledged(ended: &Output) -> Vec<usize> {
    let whole_lines = ended.stdout().split_inclusive('\n').filter(|line| line.ends_with('\n'));
    let lines = whole_lines.map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    lines
        .filter(|line| matches!(line["outcome"].as_str(), Some("acked" | "unconfirmed")))
        .map(|line| line["entity_id"].as_str().unwrap().parse().unwrap())
        .collect()
}

/// In each group an event is handled first when those before it have been; that one is handled again later is allowed.
fn assert_in_order(handled: &[usize], seed: u64) {
    for group in 0..lane::GROUPS {
        let mut seen = BTreeSet::new();
        let firsts: Vec<usize> =
            handled.iter().copied().filter(|number| number % lane::GROUPS == group && seen.insert(*number)).collect();
        assert!(firsts.is_sorted(), "seed {seed}: group {group} was handled in the order {firsts:?}");
    }
}
