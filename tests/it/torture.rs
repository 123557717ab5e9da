//! Nothing that was confirmed is lost to `kill -9`, of publishers and of consumers, at random moments.
//!
//! Scaled down by default; `EVENTBUS_TEST_TORTURE=full` makes it 100 kills over 100,000 events. `EVENTBUS_TEST_SEED=N` repeats the
//! random choices of a run (not the scheduler's).

use std::collections::HashMap;

use serde_json::Value;

use crate::support::{Output, Running, TestEnv};

/// How much of it.
struct Scale {
    events: usize,
    kills: usize,
    chunk: usize,
}

const SMALL: Scale = Scale { events: 2_000, kills: 10, chunk: 400 };
const FULL: Scale = Scale { events: 100_000, kills: 100, chunk: 2_000 };

/// What a killed consumer held comes back soon, and however often that happens nothing is dead-lettered for it.
pub(crate) const TOPOLOGY: &str = "
version: 1
name: torture
topics: { users: {} }
queues:
  user_events: { visibility_timeout: 2s, dead_letter: { queue: user_events_dlq, max_receives: 1000 } }
  user_events_dlq: {}
subscriptions:
  - { topic: users, queue: user_events, filter: { eventName: [UserRegistered] } }
events:
  UserRegistered: { topic: users }
";

/// One append a handled event: the id that publish printed, and the event. Then a line for the test to count.
const HANDLER: &str =
    r#"read -r event || :; printf '%s %s\n' "$EVENTBUS_SNS_MESSAGE_ID" "$event" >>handled.txt; echo handled"#;

#[test]
fn no_confirmed_event_is_lost_to_kills_of_publishers_and_consumers() {
    let scale = if switch("EVENTBUS_TEST_TORTURE").as_deref() == Some("full") { FULL } else { SMALL };
    let seed = seed();
    let mut random = Random(seed);
    let env = TestEnv::new();
    env.write("topology.yaml", TOPOLOGY);
    env.write("eventbus.yaml", "publisher: UserService\ntopology: topology.yaml\nconsume: { queue: user_events }\n");
    env.write("handled.txt", "");
    let handler = env.write_script("handler.sh", HANDLER);
    let _made = env.run(&["provision", "topology.yaml", "--yes"]).success();
    let consume = || env.command(&["consume", "--workers", "4", "--", handler.to_str().unwrap()]).spawn();

    // What is still to be confirmed, and what was: the id of the message -> the number of the event.
    let mut pending: Vec<usize> = (0..scale.events).collect();
    let mut confirmed: HashMap<String, usize> = HashMap::new();
    let (mut publisher_kills, mut consumer_kills) = (0, 0);
    let mut consumer = consume();
    while !pending.is_empty() || publisher_kills + consumer_kills < scale.kills {
        let chunk = pending.split_off(pending.len().saturating_sub(scale.chunk));
        let to_go = scale.kills.saturating_sub(publisher_kills + consumer_kills);
        let mut new = 0;
        if !chunk.is_empty() {
            // Each chunk has a kill of its own as long as there are kills to go, and a last part that is published whole.
            let kill = to_go > 0 && chunk.len() * 2 > scale.chunk;
            publisher_kills += usize::from(kill);
            let lines = publish(&env, &chunk, kill.then(|| random.below(chunk.len())));
            new = lines.len();
            let sent: Vec<usize> = lines.iter().map(|(_, event)| *event).collect();
            confirmed.extend(lines);
            pending.extend(chunk.into_iter().filter(|event| !sent.contains(event)));
        }
        if to_go > 1 && new > 1 {
            // Wait for some of what was just confirmed, at most half of it: there is more to come, so this cannot wait in vain.
            for _ in 0..=random.below(new / 2) {
                consumer.wait_stdout("handled");
            }
            let _ended: Output = consumer.kill();
            consumer_kills += 1;
            consumer = consume();
        }
        assert!(publisher_kills < 10 * scale.kills, "published nothing in {publisher_kills} kills");
    }
    let _ended = consumer.kill();

    // What killed consumers held is handed out again after the visibility timeout, hence an idle time above it.
    // In portions, each of which ends within the harness's patience however much is left.
    loop {
        let portion = ["consume", "--workers", "4", "--count", "5000", "--idle", "5s", "--", handler.to_str().unwrap()];
        if !env.run(&portion).success().stdout().contains("handled") {
            break;
        }
    }
    for queue in ["user_events", "user_events_dlq"] {
        let left = env.run(&["tail", queue, "--idle", "10ms", "-o", "ndjson"]).success();
        assert_eq!(left.stdout(), "", "{queue} is empty in the end");
    }

    let handled = env.read("handled.txt");
    let mut contents: HashMap<&str, Value> = HashMap::new();
    for line in handled.lines() {
        let (message_id, event) = line.split_once(' ').expect("a line is an id and an event");
        // A consumer killed between starting a handler and feeding it leaves one with less than the event. Nobody is left to
        // acknowledge what that one does, so it must not count as handled.
        let Ok(event) = serde_json::from_str::<Value>(event) else { continue };
        let payload = event["payload"].clone();
        let number = payload["number"].as_u64().expect("the event has its number") as usize;
        assert_eq!(payload, serde_json::from_str::<Value>(&payload_of(number)).unwrap(), "handled as it was published");
        contents.insert(message_id, payload);
    }
    let lost: Vec<_> = confirmed
        .iter()
        .filter(|(id, number)| contents.get(id.as_str()).is_none_or(|payload| payload["number"] != **number))
        .collect();
    assert!(
        lost.is_empty(),
        "{} of {} confirmed events were lost (seed {seed}): {lost:?}",
        lost.len(),
        confirmed.len()
    );
    let mut numbers: Vec<usize> = confirmed.values().copied().collect();
    numbers.sort_unstable();
    numbers.dedup();
    assert_eq!(numbers, (0..scale.events).collect::<Vec<_>>(), "every event was confirmed in the end");
    assert!(publisher_kills + consumer_kills >= scale.kills && consumer_kills > 0 && publisher_kills > 0);
}

/// Publishes the events of `chunk`; with `kill_after` kills the publisher when it has confirmed so many. Returns what was confirmed,
/// whatever happened to the publisher then.
pub(crate) fn publish(env: &TestEnv, chunk: &[usize], kill_after: Option<usize>) -> Vec<(String, usize)> {
    env.write("chunk.ndjson", chunk.iter().map(|number| payload_of(*number) + "\n").collect::<String>());
    let args = ["publish", "UserRegistered", "chunk.ndjson", "--input", "ndjson", "-o", "ndjson"];
    let mut publisher: Running = env.command(&args).spawn();
    let ended = match kill_after {
        None => publisher.wait().success(),
        Some(lines) => {
            for _ in 0..lines {
                publisher.wait_stdout("message_id");
            }
            publisher.kill()
        }
    };
    let whole_lines = ended.stdout().split_inclusive('\n').filter(|line| line.ends_with('\n'));
    let read = |line: &str| {
        let line: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        let input = line["input"].as_str().expect("`input` is a string");
        let at: usize = input.rsplit_once(':').expect("`input` is a file and a line").1.parse().unwrap();
        (line["message_id"].as_str().expect("a confirmed event has its id").to_owned(), chunk[at - 1])
    };
    whole_lines.map(read).collect()
}

/// What the random choices of this run begin with.
pub(crate) fn seed() -> u64 {
    switch("EVENTBUS_TEST_SEED").map_or(0x5eed, |seed| seed.parse().expect("the seed is a number"))
}

/// The one and only content of an event.
pub(crate) fn payload_of(number: usize) -> String {
    let text = format!("{:x}", Random(number as u64 + 1).next()).repeat(1 + number % 20);
    format!(r#"{{"id":"user-{number}","number":{number},"text":"{text}"}}"#)
}

pub(crate) fn switch(name: &str) -> Option<String> {
    #[expect(clippy::disallowed_methods, reason = "the switch is read by the test, never by the program")]
    std::env::var(name).ok()
}

/// SplitMix64 (Steele, Lea and Flood 2014): enough to choose moments by, and repeatable.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// From 0 up to, not including, `bound`.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound.max(1) as u64) as usize
    }
}
