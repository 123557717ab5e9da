//! `publish --outbox` and `outbox`: nothing is lost to a bus that is away or to `kill -9`, and what may be there twice is counted.

use std::collections::{BTreeMap, HashSet};

use serde_json::Value;

use crate::support::{Output, TestEnv, assert_lines_match};
use crate::torture::{Random, payload_of, seed};

const AWAY: [&str; 2] = ["--endpoint-url", "http://127.0.0.1:1"];
const GOOD: &str = r#"{"id":"44f33071-e444-494f-bcff-b5e3594f7628","email":"ada@example.com"}"#;

fn statuses(output: &Output) -> Vec<String> {
    let lines = output.ndjson();
    assert_lines_match("publish.schema", &lines);
    let told = |line: &Value| format!("{} {}", line["input"].as_str().unwrap(), line["status"].as_str().unwrap());
    lines.iter().map(told).collect()
}

#[test]
fn what_the_bus_confirmed_leaves_nothing_behind() {
    let env = TestEnv::provisioned();
    let args = ["publish", "UserRegistered", "payload.json", "--outbox", "o.db"];
    assert_eq!(statuses(&env.run(&args).success()), ["payload.json sent"]);
    assert_eq!(statuses(&env.run(&args).success()), ["payload.json sent"], "done is done: the next one is another");
    let list = env.run(&["outbox", "list", "o.db"]).success();
    assert_eq!(list.stdout(), "");
    assert!(list.stderr().contains("Nothing waits"), "{}", list.snapshot());
}

#[test]
fn a_bus_that_is_away_is_sent_to_later() {
    let env = TestEnv::provisioned();
    env.write("in.ndjson", format!("{GOOD}\n{{\"id\":1}}\n{GOOD}\n"));
    let publish = ["publish", "UserRegistered", "in.ndjson", "--outbox", "o.db"];
    let away = env.run(&[&publish[..], &AWAY].concat()).expect_code(1);
    assert_eq!(statuses(&away), ["in.ndjson:1 failed", "in.ndjson:2 refused", "in.ndjson:3 failed"]);
    assert!(away.stderr().contains("2 events could not be sent and wait in o.db"), "{}", away.snapshot());
    let list = env.run(&["outbox", "list", "o.db", "-o", "ndjson"]).success();
    let lines = list.ndjson();
    assert_lines_match("outbox.schema", &lines);
    assert_eq!((lines.len(), &lines[0]["in_doubt"], &lines[0]["event"]), (2, &false.into(), &"UserRegistered".into()));
    let table = env.run(&["outbox", "list", "o.db", "-o", "table"]).success();
    assert!(table.stdout().contains("in.ndjson:3") && table.stderr().contains("2 waiting"), "{}", table.snapshot());

    // It was meant for that bus, and goes to no other unasked.
    let other = env.run(&["outbox", "flush", "o.db"]).expect_code(4);
    assert!(other.stderr().contains("meant for another bus"), "{}", other.snapshot());
    let other = env.run(&publish).expect_code(4);
    assert!(other.stderr().contains("--any-bus"), "{}", other.snapshot());

    let sent = env.run(&["outbox", "flush", "o.db", "--any-bus"]).success();
    assert_eq!(statuses(&sent), ["in.ndjson:1 sent", "in.ndjson:3 sent"]);
    assert!(!sent.stderr().contains("twice"), "{}", sent.snapshot());
    assert_eq!(env.run(&["outbox", "flush", "o.db"]).success().stdout(), "");
    let seen = env.run(&["tail", "user_events", "--count", "2", "-o", "ndjson"]).success();
    assert_eq!(seen.ndjson().len(), 2);
}

#[test]
fn the_same_command_goes_on_where_it_was_ended() {
    let env = TestEnv::provisioned();
    let publish = ["publish", "UserRegistered", "-", "--input", "ndjson", "--outbox", "o.db"];
    let mut running = env.command(&publish).spawn();
    for _ in 0..3 {
        running.write_line(GOOD);
        running.wait_stdout("\"status\":\"sent\"");
    }
    let _ended = running.kill();
    let again = env.command(&publish).stdin(format!("{GOOD}\n").repeat(5)).run().success();
    assert!(again.stderr().contains("going on with the publish that was interrupted"), "{}", again.snapshot());
    assert_eq!(statuses(&again), ["-:1 skipped", "-:2 skipped", "-:3 skipped", "-:4 sent", "-:5 sent"]);
}

#[test]
fn one_process_at_a_time_sends_and_others_may_look() {
    let env = TestEnv::provisioned();
    let publish = ["publish", "UserRegistered", "-", "--input", "ndjson", "--outbox", "o.db"];
    let mut busy = env.command(&publish).spawn();
    busy.write_line(GOOD);
    busy.wait_stdout("\"status\":\"sent\"");
    let second = env.run(&["outbox", "flush", "o.db"]).expect_code(1);
    assert!(second.stderr().contains("is in use by another process"), "{}", second.snapshot());
    let list = env.run(&["outbox", "list", "o.db"]).success();
    assert!(list.stderr().contains("1 sent, 0 waiting, its inputs were not read to their end"), "{}", list.snapshot());
    drop(busy);
}

#[test]
fn dropping_asks_and_forgets() {
    let env = TestEnv::provisioned();
    let _away = env
        .run(&[&["publish", "UserRegistered", "payload.json", "--repeat", "3", "--outbox", "o.db"][..], &AWAY].concat())
        .expect_code(1);
    let asked = env.run(&["outbox", "drop", "o.db"]).expect_code(2);
    assert!(asked.stderr().contains("--yes"), "{}", asked.snapshot());
    let one = env.run(&["outbox", "drop", "o.db", "--id", "2", "--yes"]).success();
    assert!(one.stderr().contains("Forgot 1 event"), "{}", one.snapshot());
    let _none = env.run(&["outbox", "drop", "o.db", "--id", "2", "--yes"]).expect_code(3);
    let all = env.run(&["outbox", "drop", "o.db", "--yes"]).success();
    assert!(all.stderr().contains("Forgot 2 events"), "{}", all.snapshot());
    assert_eq!(env.run(&["outbox", "list", "o.db"]).success().stdout(), "");
    let missing = env.run(&["outbox", "list", "nowhere.db"]).expect_code(1);
    assert!(missing.stderr().contains("there is no outbox"), "{}", missing.snapshot());
    assert!(!env.path("nowhere.db").exists());
    let foreign = env.run(&["outbox", "flush", ".eventbus/bus.db"]).expect_code(1);
    assert!(foreign.stderr().contains("is no outbox"), "{}", foreign.snapshot());
}

/// Killed again and again at moments of its own, each time started anew as the same command: every event arrives, and those that
/// arrived twice are among the ones that were counted as perhaps twice.
#[test]
fn kills_lose_nothing_and_duplicates_are_counted() {
    const EVENTS: usize = 600;
    let mut random = Random(seed());
    let env = TestEnv::provisioned();
    std::fs::remove_dir_all(env.path("schemas")).unwrap();
    env.write("schemas/UserRegistered.json", "{}");
    env.write("in.ndjson", (0..EVENTS).map(|number| payload_of(number) + "\n").collect::<String>());
    let publish = ["publish", "UserRegistered", "in.ndjson", "--outbox", "o.db"];
    let mut sent: BTreeMap<String, usize> = BTreeMap::new();
    let mut kills = 0;
    while kills < 8 {
        let mut running = env.command(&publish).spawn();
        for _ in 0..1 + random.below(40) {
            running.wait_stdout("\"status\":\"sent\"");
        }
        let ended = running.kill();
        kills += 1;
        count(&ended, &mut sent);
    }
    let last = env.run(&publish).success();
    count(&last, &mut sent);
    let list = env.run(&["outbox", "list", "o.db"]).success();
    assert_eq!(list.stdout(), "");

    let seen = env.run(&["tail", "user_events", "--idle", "1s", "-o", "ndjson"]).success().ndjson();
    let mut arrived: BTreeMap<u64, usize> = BTreeMap::new();
    for line in &seen {
        *arrived.entry(line["event"]["payload"]["number"].as_u64().unwrap()).or_default() += 1;
    }
    assert_eq!(arrived.len(), EVENTS, "no event is lost");
    let twice = arrived.values().filter(|times| **times > 1).count();
    let most = kills * 8 * 10;
    assert!(twice <= most, "{twice} duplicates of {kills} kills with at most 80 events under way each");
    // What no run told as sent was sent by a run that was killed before it could tell.
    assert!(sent.keys().collect::<HashSet<_>>().len() <= EVENTS);
}

fn count(output: &Output, sent: &mut BTreeMap<String, usize>) {
    let whole = output.stdout().split_inclusive('\n').filter(|line| line.ends_with('\n'));
    for line in whole {
        let line: Value = serde_json::from_str(line).unwrap();
        if line["status"] == "sent" {
            *sent.entry(line["input"].as_str().unwrap().to_owned()).or_default() += 1;
        }
    }
}
