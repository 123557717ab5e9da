//! `tail`'s ways of looking and of showing, and the taps that it leaves to nobody.

use nix::sys::signal::Signal;
use serde_json::Value;

use crate::support::{TestEnv, Veil, assert_matches, veiled};

/// The queues of the bus that are taps.
fn taps(env: &TestEnv) -> usize {
    env.run(&["tap", "list"]).success().stdout().matches("eventbus-tap-").count()
}

/// Queues and subscriptions of the bus as `local status` has them.
fn resources(env: &TestEnv) -> (usize, usize) {
    let status = env.run(&["local", "status", "-o", "json"]).success().json();
    let count = |pointer: &str| status.pointer(pointer).and_then(Value::as_array).map_or(0, Vec::len);
    (count("/queues"), count("/subscriptions"))
}

fn publish(env: &TestEnv, id: &str) {
    env.write("one.json", format!("{{\"id\": \"{id}\", \"email\": \"{id}@example.com\"}}"));
    let _sent = env.run(&["publish", "UserRegistered", "one.json"]).success();
}

#[test]
fn a_served_bus_and_localstack_are_peeked_into() {
    let env = TestEnv::with_three_events();
    let server = env.serve();
    let local_stack = veiled(&server.url, Veil::LocalStack);
    for url in [server.url.as_str(), local_stack.as_str()] {
        for _ in 0..2 {
            let shown = env.run(&["tail", "user_events", "--endpoint-url", url, "--idle", "700ms"]).success();
            assert!(shown.stderr().contains("looking into `user_events` without receiving"), "{}", shown.snapshot());
            let records = shown.ndjson();
            assert_eq!(records.len(), 3, "{}", shown.snapshot());
            assert!(records.iter().all(|record| record["message"]["receiveCount"] == 0), "{records:#?}");
        }
    }
}

#[test]
fn a_tap_shows_what_passes_the_real_filter_and_is_gone_afterwards() {
    let env = TestEnv::with_three_events();
    let server = env.serve();
    let url = veiled(&server.url, Veil::All);
    let before = resources(&env);
    for (args, seen) in [
        (vec!["tail", "user_events", "--endpoint-url", &url], "tapping queue `user_events`"),
        (vec!["tail", "--topic", "users"], "tapping topic `users`"),
        (vec!["tail", "user_events", "--mode", "tap"], "tapping queue `user_events`"),
    ] {
        let mut tail = env.command(&[args.as_slice(), &["--count", "1"]].concat()).spawn();
        let _open = tail.wait_stderr("is open");
        assert_eq!(taps(&env), 1);
        publish(&env, "00000000-0000-4000-8000-0000000000aa");
        let done = tail.wait().success();
        assert!(done.stderr().contains(seen), "{}", done.snapshot());
        let records = done.ndjson();
        assert_matches("record.schema", &records[0]);
        assert!(records[0]["event"]["metadata"]["entityId"].as_str().unwrap().ends_with("aa"));
        assert_eq!((taps(&env), resources(&env)), (0, before), "{}", done.snapshot());
    }
    // The queue itself has seen nothing of it.
    let counts = env.run(&["tail", "user_events", "--idle", "200ms"]).success().ndjson();
    assert!(counts.iter().all(|record| record["message"]["receiveCount"] == 0) && counts.len() == 6);
}

#[test]
fn taps_that_are_killed_again_and_again_are_swept_to_zero() {
    let env = TestEnv::provisioned();
    let before = resources(&env);
    for round in 0..5 {
        let mut tail = env.command(&["tail", "user_events", "--mode", "tap"]).spawn();
        let _open = tail.wait_stderr("is open");
        if round % 2 == 0 {
            let _killed = tail.kill();
        } else {
            tail.signal(Signal::SIGTERM);
            let _ended = tail.wait().expect_code(143);
        }
        // The next run removes what the one before left, so there is never more than one.
        assert!(taps(&env) <= 1);
    }
    let left = taps(&env);
    assert_eq!(left, 1, "the last one was killed");
    let swept = env.run(&["tap", "sweep"]).success();
    assert!(swept.stderr().contains("Removed 1 tap and 1 subscription"), "{}", swept.snapshot());
    assert_eq!((taps(&env), resources(&env)), (0, before));
}

#[test]
fn a_quiet_tap_waits_on() {
    // Longer than the SDK lets a call go on whose bytes do not flow.
    let env = TestEnv::provisioned();
    let quiet = env.run(&["tail", "--topic", "users", "--for", "8s"]).success();
    assert!(quiet.stdout().is_empty() && quiet.stderr().contains("Showed 0 messages"), "{}", quiet.snapshot());
}

#[test]
fn a_tap_in_use_is_not_swept() {
    let env = TestEnv::provisioned();
    let mut tail = env.command(&["tail", "--topic", "users", "--count", "1"]).spawn();
    let _open = tail.wait_stderr("is open");
    let swept = env.run(&["tap", "sweep"]).success();
    assert!(swept.stderr().contains("Removed 0 taps and 0 subscriptions; 1 in use"), "{}", swept.snapshot());
    publish(&env, "00000000-0000-4000-8000-0000000000ab");
    let _done = tail.wait().success();
}

#[test]
fn draining_writes_before_it_deletes_and_asks_first() {
    let env = TestEnv::with_three_events();
    let drain = ["tail", "user_events", "--mode", "drain", "--to", "out.ndjson", "--idle", "500ms"];
    let asked = env.run(&drain).expect_code(2);
    assert!(asked.stderr().contains("--yes"), "{}", asked.snapshot());
    assert!(!env.path("out.ndjson").exists());
    let without = env.run(&drain[..4]).expect_code(2);
    assert!(without.stderr().contains("--to"), "{}", without.snapshot());
    let drained = env.run(&[&drain[..], &["--yes"]].concat()).success();
    assert!(drained.stderr().contains("deleted 3"), "{}", drained.snapshot());
    assert_eq!(drained.ndjson().len(), 3);
    assert_eq!(env.read("out.ndjson").lines().count(), 3);
    assert_eq!(env.run(&["tail", "user_events", "--idle", "200ms"]).success().ndjson().len(), 0);
    // What was taken can be read, and sent, again.
    assert_eq!(env.run(&["tail", "out.ndjson"]).success().ndjson().len(), 3);
}

#[test]
fn what_is_not_asked_for_stays_when_draining() {
    let env = TestEnv::with_three_events();
    let refused = env
        .run(&[
            "tail",
            "user_events",
            "--mode",
            "drain",
            "--to",
            "x.ndjson",
            "--entity",
            "none",
            "--yes",
            "--idle",
            "1s",
        ])
        .expect_code(1);
    assert!(refused.stderr().contains("--force"), "{}", refused.snapshot());
    let entity = "00000000-0000-4000-8000-000000000002";
    let args =
        ["tail", "user_events", "--mode", "drain", "--to", "y.ndjson", "--entity", entity, "--confirm", "user_events"];
    let drained = env.run(&[&args[..], &["--force", "--idle", "1s"]].concat()).success();
    assert_eq!(drained.ndjson().len(), 1);
    let left = env.run(&["tail", "user_events", "--idle", "200ms"]).success().ndjson();
    assert_eq!(left.len(), 2, "{left:#?}");
}

#[test]
fn messages_are_selected_in_every_way() {
    let env = TestEnv::with_three_events();
    env.write("policy.json", r#"{"eventName": [{"prefix": "User"}]}"#);
    env.write("never.json", r#"{"eventName": ["Never"]}"#);
    env.write("broken.json", r#"{"eventName": "Never"}"#);
    let all = ["--event", "User*"];
    for (args, seen) in [
        (&all[..], 3),
        (&["--event", "Order*", "--event", "UserRegistered"], 3),
        (&["--entity", "00000000-0000-4000-8000-000000000002"], 1),
        (&["--attr", "eventName=UserRegistered"], 3),
        (&["--attr", "eventName=Other"], 0),
        (&["--where", ".event.payload.email | startswith(\"a2\")"], 1),
        (&["--filter", "policy.json"], 3),
        (&["--filter", "never.json"], 0),
        (&["--grep", "A3@EXAMPLE"], 0),
        (&["--grep", "a3@example"], 1),
        (&["--since", "1h"], 3),
        (&["--until", "2020-01-01"], 0),
        (&["--sample", "100%"], 3),
    ] {
        let args = [&["tail", "user_events", "--idle", "200ms"], args].concat();
        assert_eq!(env.run(&args).success().ndjson().len(), seen, "{args:?}");
    }
    for (args, code) in [
        (["--where", ".a ||"], 2),
        (["--attr", "x"], 2),
        (["--since", "yesterday"], 2),
        (["--sample", "0%"], 2),
        (["--filter", "broken.json"], 4),
        (["--filter", "missing.json"], 1),
        (["--mode", "drain"], 2),
        (["--format", "{evnt}"], 2),
        (["--topic", "no_such_topic"], 1),
    ] {
        let _refused = env.run(&[&["tail", "user_events", "--idle", "200ms"], &args[..]].concat()).expect_code(code);
    }
    let odd = env.run(&["tail", "user_events", "--idle", "200ms", "--where", ".event.x.y | test(1)"]).success();
    assert!(odd.stderr().contains("3 messages could not be judged"), "{}", odd.snapshot());
}

#[test]
fn lines_of_ones_own_files_and_broken_payloads() {
    let env = TestEnv::with_three_events();
    let tail = |args: &[&str]| env.run(&[&["tail", "user_events", "--idle", "200ms"], args].concat()).success();
    assert_eq!(
        tail(&["--count", "1", "--format", "{event} {payload.email} {attr.eventName}"]).stdout(),
        "UserRegistered a1@example.com UserRegistered\n"
    );
    let nul = tail(&["--format", "{payload.email}", "--print0"]);
    assert_eq!(nul.stdout(), "a1@example.com\0a2@example.com\0a3@example.com\0");
    let _dumped = tail(&["--dump", "seen"]);
    let files: Vec<_> = std::fs::read_dir(env.path("seen")).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(files.len(), 3);
    for file in files {
        assert_matches("record.schema", &serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap());
    }
    env.write(
        "schemas/UserRegistered.json",
        r#"{"type": "object", "properties": {"email": {"const": "a2@example.com"}}}"#,
    );
    let checked = tail(&["--validate"]);
    let records = checked.ndjson();
    assert!(checked.stderr().contains("2 broke their schema"), "{}", checked.snapshot());
    assert!(records[0]["invalid"][0].as_str().unwrap().contains("email") && records[1].get("invalid").is_none());
    assert_matches("record.schema", &records[0]);
    let pretty = tail(&["--validate", "-o", "pretty", "--count", "1"]);
    assert!(pretty.stdout().contains("breaks its schema"), "{}", pretty.snapshot());
}

#[test]
fn several_queues_and_a_recording_at_once() {
    let env = TestEnv::with_three_events();
    let _kept = env.run(&["record", "user_events", "--to", "r.ndjson", "--idle", "200ms"]).success();
    let shown = env.run(&["tail", "user_events", "user_events_dlq", "r.ndjson", "--idle", "300ms"]).success();
    assert_eq!(shown.ndjson().len(), 6);
    let pretty = env
        .run(&["tail", "user_events", "user_events_dlq", "--idle", "300ms", "-o", "pretty", "--color", "always"])
        .success();
    assert!(pretty.stdout().contains("[user_events]") && pretty.stdout().contains("\u{1b}["), "{}", pretty.snapshot());
    assert_eq!(env.run(&["tail", "user_events", "r.ndjson", "--count", "4"]).success().ndjson().len(), 4);
}
