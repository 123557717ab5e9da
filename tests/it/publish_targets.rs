//! Events that go to several topics, and those that go nowhere on purpose; events by another of their names.

use serde_json::Value;

use crate::support::{Output, TestEnv, assert_lines_match, assert_matches};

const GOOD: &str = r#"{"id":"44f33071-e444-494f-bcff-b5e3594f7628","email":"ada@example.com"}"#;
const TOPOLOGY: &str = "version: 1
name: users
topics: { users: {}, audit.fifo: {} }
queues: { user_events: {}, audit.fifo: {} }
subscriptions:
  - { topic: users, queue: user_events }
  - { topic: audit.fifo, queue: audit.fifo }
events:
  UserRegistered: { topic: [users, audit.fifo] }
  Draft.*: { topic: null }
  UserDeleted: { topic: [] }
";

fn project() -> TestEnv {
    let env = TestEnv::provisioned();
    env.write("topology.yaml", TOPOLOGY);
    let _made = env.run(&["provision", "topology.yaml", "--yes"]).success();
    env
}

fn told(output: &Output) -> Vec<String> {
    let lines = output.ndjson();
    assert_lines_match("publish.schema", &lines);
    let text = |line: &Value, key: &str| line[key].as_str().unwrap_or("-").to_owned();
    lines.iter().map(|line| ["input", "topic", "status"].map(|key| text(line, key)).join(" ")).collect()
}

fn arrived(env: &TestEnv, queue: &str) -> usize {
    env.run(&["tail", queue, "--idle", "300ms", "-o", "ndjson"]).success().ndjson().len()
}

#[test]
fn each_target_is_sent_and_told_on_its_own() {
    let env = project();
    env.write("in.ndjson", format!("{GOOD}\n{{\"id\":1}}\n{GOOD}\n"));
    let run = env.run(&["publish", "UserRegistered", "in.ndjson"]).expect_code(3);
    assert_eq!(
        told(&run),
        [
            "in.ndjson:1 users sent",
            "in.ndjson:1 audit.fifo sent",
            "in.ndjson:2 users refused",
            "in.ndjson:3 users sent",
            "in.ndjson:3 audit.fifo sent"
        ]
    );
    assert!(run.stderr().contains("Published 4 events to `audit.fifo` and `users`, refused 1"), "{}", run.snapshot());
    assert_eq!((arrived(&env, "user_events"), arrived(&env, "audit.fifo")), (2, 2));
    let dry = env.run(&["publish", "UserRegistered", "payload.json", "--dry-run"]).success();
    assert_eq!(told(&dry), ["payload.json users planned", "payload.json audit.fifo planned"]);
    assert_eq!((&dry.ndjson()[0]["group_id"], dry.ndjson()[1]["group_id"].is_string()), (&Value::Null, true));
}

#[test]
fn the_deduplication_id_is_for_the_topics_that_take_one() {
    let env = project();
    let args = ["publish", "UserRegistered", "payload.json", "--dedup-id", "d1"];
    for _ in 0..2 {
        let run = env.run(&args).success();
        assert_eq!(told(&run), ["payload.json users sent", "payload.json audit.fifo sent"]);
    }
    assert_eq!((arrived(&env, "user_events"), arrived(&env, "audit.fifo")), (2, 1));
    let alone = env.run(&[&args[..], &["--topic", "users"]].concat()).expect_code(4);
    assert!(alone.stderr().contains("is not FIFO"), "{}", alone.snapshot());
}

#[test]
fn many_events_to_two_topics_fill_batches_and_stay_in_order() {
    let env = project();
    env.write("in.ndjson", format!("{GOOD}\n").repeat(250));
    let run = env.run(&["publish", "UserRegistered", "in.ndjson"]).success();
    let expected: Vec<String> =
        (1..=250).flat_map(|n| ["users", "audit.fifo"].map(|topic| format!("in.ndjson:{n} {topic} sent"))).collect();
    assert_eq!(told(&run), expected);
    assert_eq!((arrived(&env, "user_events"), arrived(&env, "audit.fifo")), (250, 250));
}

#[test]
fn nowhere_on_purpose_is_checked_said_and_no_failure() {
    let env = project();
    env.write("p.json", GOOD);
    for (event, publisher) in [("UserDeleted", "UserService"), ("Anything", "Draft")] {
        let run = env.run(&["publish", event, "p.json", "--publisher", publisher]).success();
        assert_eq!(told(&run), ["p.json - skipped"]);
        assert_eq!(run.ndjson()[0]["reason"], "no_target");
        assert!(run.stderr().contains("goes nowhere, on purpose"), "{}", run.snapshot());
        assert!(run.stderr().contains("Published 0 events, left 1 that goes nowhere"), "{}", run.snapshot());
    }
    let dry = env.run(&["publish", "UserDeleted", "p.json", "--dry-run", "-o", "table"]).success();
    assert!(dry.stdout().contains("p.json -> nowhere, on purpose"), "{}", dry.snapshot());
    env.write("bad.json", "{\"id\":1,\"id\":2}");
    let bad = env.run(&["publish", "UserDeleted", "bad.json"]).expect_code(4);
    assert_eq!(told(&bad), ["bad.json - refused"]);
    // An overlay is the way to a dry environment.
    env.write("dry.yaml", "events: { UserRegistered: { topic: null } }\n");
    let overlaid = env.run(&["publish", "UserRegistered", "payload.json", "-f", "dry.yaml"]).success();
    assert_eq!(told(&overlaid), ["payload.json - skipped"]);
    assert_eq!(arrived(&env, "user_events"), 0);
}

#[test]
fn an_outbox_keeps_each_target_by_itself() {
    let env = project();
    let publish = ["publish", "UserRegistered", "payload.json", "--outbox", "o.db"];
    let away = env.run(&[&publish[..], &["--endpoint-url", "http://127.0.0.1:1"]].concat()).expect_code(1);
    assert_eq!(told(&away), ["payload.json users failed", "payload.json audit.fifo failed"]);
    let listed = env.run(&["outbox", "list", "o.db", "-o", "ndjson"]).success().ndjson();
    let topics: Vec<&str> = listed.iter().map(|line| line["topic"].as_str().unwrap()).collect();
    assert_eq!(topics.len(), 2, "{topics:?}");
    let sent = env.run(&["outbox", "flush", "o.db", "--any-bus"]).success();
    assert_eq!(sent.ndjson().len(), 2);
    assert_eq!((arrived(&env, "user_events"), arrived(&env, "audit.fifo")), (1, 1));
}

/// What was sent to one bus is not taken for sent to another.
#[test]
fn an_interrupted_publish_to_one_bus_is_another_one_to_another_bus() {
    let env = project();
    let more = format!(
        "  one: {{ kind: local, path: .eventbus/bus.db }}\n  two: {{ kind: local, path: {} }}\n",
        env.path("other.db").display()
    );
    env.write("eventbus.yaml", env.read("eventbus.yaml") + &more);
    let _made = env.run(&["--context", "two", "provision", "topology.yaml", "--yes"]).success();
    let publish = ["publish", "UserRegistered", "-", "--input", "ndjson", "--outbox", "o.db"];
    let mut running = env.command(&[&["--context", "one"], &publish[..]].concat()).spawn();
    running.write_line(GOOD);
    running.wait_stdout("\"topic\":\"audit.fifo\"");
    let _ended = running.kill();
    let second =
        env.command(&[&["--context", "two"], &publish[..]].concat()).stdin(format!("{GOOD}\n")).run().success();
    assert_eq!(told(&second), ["-:1 users sent", "-:1 audit.fifo sent"]);
}

#[test]
fn explain_shows_every_target_and_none() {
    let env = project();
    let shown = env.run(&["explain", "UserRegistered"]).success();
    assert!(shown.stdout().contains("goes to the topics `users`, `audit.fifo`"), "{}", shown.snapshot());
    let json = env.run(&["explain", "UserRegistered", "-o", "json"]).success().json();
    assert_matches("explain.schema", &json);
    assert_eq!(json["topics"], serde_json::json!(["users", "audit.fifo"]));
    assert_eq!(json["subscriptions"][1]["topic"], "audit.fifo");
    let nowhere = env.run(&["explain", "UserDeleted"]).expect_code(6);
    assert!(nowhere.stdout().contains("goes nowhere, on purpose"), "{}", nowhere.snapshot());
    let json = env.run(&["explain", "UserDeleted", "-o", "json"]).expect_code(6).json();
    assert_matches("explain.schema", &json);
    let all = env.run(&["explain", "--all-events"]).success();
    assert!(all.stdout().contains("nowhere") && !all.stdout().contains("lost:"), "{}", all.snapshot());
    let json = env.run(&["explain", "--all-events", "-o", "json"]).success().json();
    assert_matches("explain-matrix.schema", &json);
    let drawn = env.run(&["explain", "--all-events", "-o", "svg"]).success();
    assert!(
        drawn.stdout().starts_with("<svg") && drawn.stdout().contains("goes nowhere, on purpose"),
        "{}",
        drawn.stdout()
    );
    let drawn = env.run(&["explain", "--all-events", "-o", "mermaid"]).success();
    assert_eq!(drawn.stdout().matches("-->").count(), 2, "{}", drawn.stdout());
    let _alone = env.run(&["explain", "UserRegistered", "-o", "dot"]).expect_code(2);
    let live = env.run(&["explain", "UserRegistered", "--live", "-o", "json"]).success().json();
    assert_eq!(live["receivers"], serde_json::json!(["user_events", "audit.fifo"]));
}

#[test]
fn another_name_is_checked_and_routed_as_the_event_it_names() {
    let env = project();
    let schema =
        env.read("schemas/UserRegistered.json").replacen('{', "{\"x-aliases\":[\"Userregisteredpayload\"],", 1);
    env.write("schemas/UserRegistered.json", schema);
    env.write("bad.json", "{\"id\":1}");
    let bad = env.run(&["publish", "Userregisteredpayload", "bad.json"]).expect_code(4);
    assert!(bad.stderr().contains("UserRegistered.json"), "{}", bad.snapshot());
    let run = env.run(&["publish", "Userregisteredpayload", "payload.json"]).success();
    assert!(run.stderr().contains("`Userregisteredpayload` is another name of `UserRegistered`"), "{}", run.snapshot());
    assert_eq!((run.ndjson().len(), &run.ndjson()[0]["event"]), (2, &"Userregisteredpayload".into()));
    let json = env.run(&["explain", "Userregisteredpayload", "-o", "json"]).success().json();
    assert_eq!((&json["known_as"], &json["route"]), (&"UserRegistered".into(), &"UserRegistered".into()));
}
