//! Handlers that die, say "not now", reject and fail at random, in every protocol, under a consumer that is signalled and killed:
//! each event is handled or a dead letter in the end, and no handler is left behind.
//!
//! One round by default; `EVENTBUS_TEST_TORTURE=full` makes it 1,000. `EVENTBUS_TEST_SEED=N` repeats the random choices.

use std::collections::BTreeSet;

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use crate::support::TestEnv;
use crate::torture::{Random, TOPOLOGY, publish, seed, switch};

/// Its fate depends on the event and the attempt, so that every event gets through in the end, or is rejected (every thirteenth).
const FATE: &str = r#"fate() {
    number=${line#*'"number":'}; number=${number%%,*}
    test $((number % 13)) = 12 && return 2
    case $(((number + attempt) % 7)) in 0) kill -9 $$;; 1) return 3;; 2) return 4;; esac
    printf '%s\n' "$number" >> handled.txt
    return 0
}
echo $$ >> pids.txt
"#;

const SPAWN: &str = r#"read -r line || :; attempt=$EVENTBUS_RECEIVE_COUNT; fate && status=0 || status=$?
case $status in 0) echo handled;; 2) exit 65;; 3) exit 1;; 4) exit 75;; esac"#;

const LINES: &str = r#"while read -r line; do
    id=${line#*'"id":"'}; id=${id%%'"'*}; attempt=${line#*'"attempt":'}; attempt=${attempt%%,*}; fate && status=0 || status=$?
    case $status in 0) outcome=ack;; 2) outcome=reject;; 3) outcome=retry;; 4) outcome=not_now;; esac
    printf '{"id":"%s","outcome":"%s","retry_after":1}\n' "$id" "$outcome"
done"#;

#[test]
fn every_event_is_handled_or_a_dead_letter_whatever_dies() {
    let (rounds, events) =
        if switch("EVENTBUS_TEST_TORTURE").as_deref() == Some("full") { (1000, 60) } else { (1, 26) };
    let seed = seed();
    let mut random = Random(seed);
    for round in 0..rounds {
        let env = TestEnv::new();
        env.write("topology.yaml", TOPOLOGY);
        let (script, protocol) = match (round as u64 + seed % 3) % 3 {
            0 => (SPAWN, "workers: 3"),
            1 => (LINES, "protocol: batch, batch: 5, batch_wait: 50ms, workers: 2"),
            _ => (LINES, "protocol: stream, inflight: 3, workers: 2"),
        };
        let handlers =
            format!("handlers: {{ '*': {{ exec: ./handler.sh, {protocol}, retry: {{ first: 1s, longest: 1s }} }} }}");
        let settings = "publisher: UserService\ntopology: topology.yaml\nconsume: { queue: user_events }\n";
        env.write("eventbus.yaml", format!("{settings}{handlers}\n"));
        env.write_script("handler.sh", &format!("{FATE}{script}"));
        env.write("handled.txt", "");
        let _made = env.run(&["provision", "topology.yaml", "--yes"]).success();
        let numbers: Vec<usize> = (0..events).collect();
        assert_eq!(publish(&env, &numbers, None).len(), events);

        for signals in [vec![Signal::SIGKILL], vec![Signal::SIGTERM], vec![Signal::SIGINT, Signal::SIGTERM]] {
            let mut running = env.command(&["consume", "-o", "ndjson"]).spawn();
            for _ in 0..=random.below(5) {
                let _told = running.wait_stdout("\"kind\":\"event\"");
            }
            for signal in signals {
                running.signal(signal);
            }
            let _ended = running.wait();
        }
        // What the killed one held comes back after the handler's time and the margin, hence an idle time above it.
        let _rest = env.run(&["consume", "--idle", "11s"]).success();

        let left = env.run(&["tail", "user_events", "--idle", "10ms", "-o", "ndjson"]).success();
        assert_eq!(left.stdout(), "", "round {round}, seed {seed}: the queue is empty in the end");
        let handled: BTreeSet<usize> = env.read("handled.txt").lines().map(|line| line.parse().unwrap()).collect();
        let dead = env.run(&["tail", "user_events_dlq", "--idle", "10ms", "-o", "ndjson"]).success();
        let dead: BTreeSet<usize> = dead.ndjson().iter().map(number_with_reason).collect();
        let (rejected, sound): (BTreeSet<usize>, BTreeSet<usize>) =
            numbers.iter().partition(|number| **number % 13 == 12);
        assert_eq!((handled, dead), (sound, rejected), "round {round}, seed {seed}");
        for pid in env.read("pids.txt").lines() {
            let pid = Pid::from_raw(pid.parse().unwrap());
            assert_eq!(kill(pid, None), Err(Errno::ESRCH), "round {round}, seed {seed}: handler {pid} is left behind");
        }
    }
}

fn number_with_reason(record: &Value) -> usize {
    let attributes = record.to_string();
    assert!(attributes.contains("eventbus.reason") && attributes.contains("eventbus.origin"), "{record}");
    record["event"]["payload"]["number"].as_u64().unwrap() as usize
}
