//! `consume` with handlers by event name, its protocols, outcome events, metrics, dry runs: the real binary over the embedded bus.

use std::fs;

use serde_json::{Value, json};

use crate::consume::{sqs, url};
use crate::support::{Client, TestEnv, assert_lines_match, assert_matches, repository, violations};

const TOPOLOGY: &str = "
version: 1
name: shop
topics: { events: {} }
queues:
  users: { visibility_timeout: 30s, dead_letter: { queue: dead, max_receives: 2 } }
  orders: { dead_letter: { queue: dead, max_receives: 2 } }
  outcomes: {}
  dead: {}
subscriptions:
  - { topic: events, queue: users, filter: { eventName: [{ prefix: User }] } }
  - { topic: events, queue: orders, filter: { eventName: [{ prefix: Order }] } }
  - { topic: events, queue: outcomes, filter: { eventName: [{ prefix: Welcome }] } }
events:
  '*.User*': { topic: events }
  '*.Order*': { topic: events }
  WelcomeSent: { topic: events }
  WelcomeFailed: { topic: events }
";

/// A handler that stays and says `ack` to everything.
const WORKER: &str =
    r#"while read -r line; do id=${line#*'"id":"'}; id=${id%%'"'*}; echo "{\"id\":\"$id\",\"outcome\":\"ack\"}"; done"#;

fn project(config: &str) -> TestEnv {
    let env = TestEnv::new();
    env.write("topology.yaml", TOPOLOGY);
    env.write("eventbus.yaml", format!("publisher: Shop\ntopology: topology.yaml\n{config}"));
    let _made = env.run(&["provision", "topology.yaml", "--yes"]).success();
    env
}

fn publish(env: &TestEnv, event: &str, ids: &[&str]) {
    let lines: String = ids.iter().map(|id| format!("{{\"Id\":\"{id}\"}}\n")).collect();
    let _sent = env.command(&["publish", event, "-", "--input", "ndjson"]).stdin(lines).run().success();
}

/// What lies in a queue, as records.
fn held(env: &TestEnv, queue: &str) -> Vec<Value> {
    let shown = env.run(&["tail", queue, "-o", "ndjson", "--idle", "100ms"]).success();
    if shown.stdout().is_empty() { Vec::new() } else { shown.ndjson() }
}

fn outcomes(lines: &[Value]) -> Vec<String> {
    let mut outcomes: Vec<String> = lines
        .iter()
        .filter(|line| line["kind"] == "event")
        .map(|line| format!("{} {}", line["event"].as_str().unwrap(), line["outcome"].as_str().unwrap()))
        .collect();
    outcomes.sort();
    outcomes
}

#[test]
fn each_event_goes_to_the_handler_of_its_name() {
    let env = project("");
    publish(&env, "UserRegistered", &["1"]);
    publish(&env, "UserLeft", &["2"]);
    publish(&env, "OrderPlaced", &["3"]);
    let line = ["consume", "users", "orders", "--on", "UserRegistered=echo welcome $EVENTBUS_ENTITY_ID", "--on"];
    let line = [&line[..], &["Order*=echo order $EVENTBUS_ENTITY_ID", "--drain", "--unhandled"]].concat();
    let done = env.run(&[&line[..], &["leave"]].concat()).success();
    assert!(done.stdout().contains("welcome 1\n") && done.stdout().contains("order 3\n"), "{}", done.snapshot());
    assert!(done.stderr().contains("no handler for event `UserLeft`"), "{}", done.snapshot());
    assert!(done.stderr().contains("after 2 receives it is a dead letter"), "{}", done.snapshot());
    assert_eq!((held(&env, "users").len(), held(&env, "orders").len()), (1, 0));
    publish(&env, "UserLeft", &["4"]);
    let done = env.run(&[&line[..], &["ack", "-o", "ndjson"]].concat()).success();
    let lines = done.ndjson();
    assert_lines_match("consume.schema", &lines);
    assert_eq!(outcomes(&lines), ["UserLeft dismissed"]);
    assert_eq!(lines.last().unwrap()["queues"], json!(["users", "orders"]));
}

#[test]
fn the_handlers_of_the_settings_run_with_their_own_workers_and_protocols() {
    let env = project(
        "handlers:\n  UserRegistered: { exec: ./worker.sh, protocol: stream, workers: 2, retry: { first: 5s } }\n  \
         'User*': { command: [./batch.sh, x], batch: 10, batch_wait: 100ms, timeout: 5s }\n  '*': { exec: exit 65 }\n",
    );
    env.write_script("worker.sh", WORKER);
    env.write_script("batch.sh", &format!("test \"$1\" = x || exit 9; {WORKER}"));
    publish(&env, "UserRegistered", &["1", "2", "3"]);
    publish(&env, "UserLeft", &["4", "5"]);
    publish(&env, "OrderPlaced", &["6"]);
    let done = env.run(&["consume", "users", "orders", "--drain", "-o", "ndjson"]).success();
    let expected = [
        "OrderPlaced rejected",
        "UserLeft acked",
        "UserLeft acked",
        "UserRegistered acked",
        "UserRegistered acked",
        "UserRegistered acked",
    ];
    assert_eq!(outcomes(&done.ndjson()), expected);
    assert_eq!(held(&env, "dead").len(), 1);
}

#[test]
fn settings_and_flags_that_contradict_each_other_are_refused() {
    for (handlers, part) in [
        ("A: { exec: x, forward: 'http://localhost/' }", "expected one of `exec`, `command` and `forward`"),
        ("A: { workers: 2 }", "expected one of"),
        ("A: { exec: 'true', protocol: pipe }", "unknown protocol `pipe`"),
        ("A: { exec: 'true', workers: 0 }", "`workers: 0`"),
        ("A: { exec: 'true', timeout: soon }", "`timeout: soon`"),
        ("A: { exec: 'true', protocol: stream, batch: 2 }", "`batch`"),
        ("A: { forward: 'ftp://x' }", "no http(s) URL"),
        ("A: { command: [] }", "`command` is empty"),
    ] {
        let env = TestEnv::new();
        env.write("eventbus.yaml", format!("handlers: {{ {handlers} }}\n"));
        let refused = env.run(&["consume", "users"]).expect_code(2);
        assert!(refused.stderr().contains(part), "{handlers}: {}", refused.snapshot());
    }
    let env = TestEnv::new();
    for (line, part) in [
        (&["consume", "users"][..], "no handler is named"),
        (&["consume", "users", "--batch", "3"], "`--batch` is for a handler of the command line"),
        (&["consume", "users", "--exec", "true", "--batch", "3", "--inflight", "2"], "batch protocol"),
        (&["consume", "users", "--exec", "true", "--protocol", "spawn", "--inflight", "2"], "`--inflight` is of"),
        (&["consume", "users", "--forward", "here"], "no http(s) URL"),
        (&["consume", "users", "--exec", "true", "--on-success", "Done"], "publisher of outcome events is not known"),
        (&["consume", "users", "--exec", "true", "--validate"], "folder of schemas"),
    ] {
        let refused = env.run(line).expect_code(2);
        assert!(refused.stderr().contains(part), "{line:?}: {}", refused.snapshot());
    }
    let env = project("");
    let refused = env.run(&["consume", "users", "--exec", "true", "--on-failure", "Unknown"]).expect_code(2);
    assert!(refused.stderr().contains("the event has no topic to go to"), "{}", refused.snapshot());
}

#[test]
fn a_secret_in_a_url_is_not_shown() {
    let env = TestEnv::new();
    let url = "http://user:s3cret@127.0.0.1:18911/hook?token=abc";
    let refused = env.run(&["consume", "users", "--forward", url]).expect_code(2);
    assert!(refused.stderr().contains("`http://…@127.0.0.1:18911/hook?…`"), "{}", refused.snapshot());
    assert!(!refused.stderr().contains("s3cret") && !refused.stderr().contains("abc"), "{}", refused.snapshot());
}

#[test]
fn a_dry_run_shows_who_would_get_what_and_changes_nothing() {
    let env = project("");
    publish(&env, "UserRegistered", &["1"]);
    publish(&env, "UserLeft", &["2"]);
    let line = ["consume", "users", "--on", "UserRegistered=./nowhere/x || true", "--dry-run"];
    let shown = env.run(&[&line[..], &["-o", "ndjson"]].concat()).success();
    let lines = shown.ndjson();
    assert_lines_match("consume.schema", &lines);
    let of = |event: &str| lines.iter().find(|line| line["event"] == event).unwrap();
    assert_eq!(of("UserRegistered")["handler"], "./nowhere/x || true");
    assert_eq!((&of("UserLeft")["handler"], &of("UserLeft")["without_handler"]), (&Value::Null, &json!("left")));
    assert_matches("consume.schema", &env.run(&[&line[..], &["-o", "json"]].concat()).success().json());
    let shown = env.run(&line).success();
    assert!(shown.stdout().contains("goes to `./nowhere/x || true`"), "{}", shown.snapshot());
    for record in held(&env, "users") {
        assert_eq!(record["message"]["receiveCount"], 0, "{record}");
    }

    // Elsewhere looking is a receive, which has to be asked for.
    let server = env.serve();
    let remote = [&line[..], &["--endpoint-url", server.url.as_str()]].concat();
    let refused = env.run(&remote).expect_code(2);
    assert!(
        refused.stderr().contains("means receiving") && refused.stderr().contains("--force"),
        "{}",
        refused.snapshot()
    );
    let shown = env.run(&[&remote[..], &["--force"]].concat()).success();
    assert_eq!(shown.stdout().lines().count(), 2, "{}", shown.snapshot());
    let done = env.run(&["consume", "users", "--exec", "true", "--drain"]).success();
    assert!(done.stderr().contains("2 acknowledged"), "it was given back: {}", done.snapshot());
}

#[test]
fn outcome_events_are_published_as_the_python_library_writes_them() {
    let env = project("");
    publish(&env, "UserRegistered", &["1", "2"]);
    let handler =
        "test $EVENTBUS_ENTITY_ID = 1 && { echo '{\"Mail\": 7.10}'; exit 0; }; echo first >&2; echo boom >&2; exit 3";
    let line = ["consume", "users", "--exec", handler, "--on-success", "WelcomeSent", "--on-failure", "WelcomeFailed"];
    let _done = env.run(&[&line[..], &["--drain"]].concat()).success();
    let said = held(&env, "outcomes");
    assert_eq!(said.len(), 1, "a first failure is not the last");
    let event = &said[0]["event"];
    assert_eq!((&event["metadata"]["eventName"], &event["metadata"]["entityId"]), (&json!("WelcomeSent"), &json!("1")));
    assert_eq!(event["metadata"]["publisherName"], "Shop");
    assert!(said[0]["body"].as_str().unwrap().contains("7.10"), "the handler's own bytes");
    // The second attempt is the last that the queue allows.
    let _done = env.run(&[&line[..], &["--count", "1"]].concat()).success();
    let said = held(&env, "outcomes");
    let failed = said.iter().find(|record| record["event"]["metadata"]["eventName"] == "WelcomeFailed").unwrap();
    assert_eq!(
        failed["event"]["payload"],
        json!({"Code": "APPLICATION_ERROR", "Data": {"id": "2"}, "Detail": "boom", "Origin": "application"})
    );
    assert_eq!(failed["event"]["metadata"]["entityId"], "2");
    assert_eq!(said.len(), 2);
}

#[test]
fn payloads_that_break_their_schema_meet_no_handler() {
    let env = project("");
    publish(&env, "UserRegistered", &["1", "x"]);
    env.write(
        "schemas/UserRegistered.json",
        r#"{"type":"object","properties":{"Id":{"type":"string","pattern":"^[0-9]+$"}}}"#,
    );
    let done = env.run(&["consume", "users", "--exec", "true", "--validate", "--drain", "-o", "ndjson"]).success();
    let lines = done.ndjson();
    assert_eq!(outcomes(&lines), ["UserRegistered acked", "UserRegistered rejected"]);
    let rejected = lines.iter().find(|line| line["outcome"] == "rejected").unwrap();
    assert!(rejected["reason"].as_str().unwrap().starts_with("invalid payload: "), "{rejected}");
    assert_eq!(held(&env, "dead").len(), 1);
}

#[test]
fn it_is_seen_from_outside_while_it_runs() {
    let env = project("");
    publish(&env, "UserRegistered", &["1"]);
    nix::unistd::mkfifo(&env.path("begun"), nix::sys::stat::Mode::S_IRWXU).unwrap();
    nix::unistd::mkfifo(&env.path("go"), nix::sys::stat::Mode::S_IRWXU).unwrap();
    let line = ["consume", "users", "--exec", "echo begun > begun; cat go; exit 3", "--metrics", ":0", "--log", "json"];
    let mut running = env.command(&line).spawn();
    let at = running.wait_stderr("metrics: http://");
    let url = at.split("metrics: ").nth(1).unwrap().split("/metrics").next().unwrap().to_owned();
    assert!(url.starts_with("http://127.0.0.1:"), "{url}");
    assert_eq!(fs::read_to_string(env.path("begun")).unwrap(), "begun\n");
    let get = |target: &str| Client::connect(&url).unwrap().get(target).unwrap();
    let (status, text) = get("/metrics");
    assert_eq!(status, 200);
    for wanted in [
        "eventbus_consume_in_flight 1",
        "eventbus_consume_started_total{queue=\"users\",event=\"UserRegistered\"} 1",
        "# EOF",
    ] {
        assert!(text.contains(wanted), "{wanted}\n{text}");
    }
    assert_eq!((get("/healthz").0, get("/readyz").0, get("/nothing").0), (200, 200, 404));
    fs::write(env.path("go"), "").unwrap();
    let said = running.wait_stderr("attempt 1 failed");
    let said: Value = serde_json::from_str(&said).unwrap();
    assert_eq!(
        (&said["level"], &said["event"], &said["queue"]),
        (&json!("warn"), &json!("UserRegistered"), &json!("users"))
    );
    let (_, text) = get("/metrics");
    assert!(text.contains("result=\"exit_3\"} 1"), "{text}");
    running.signal(nix::sys::signal::Signal::SIGTERM);
    let _ended = running.wait().expect_code(143);
}

#[test]
fn what_was_handled_is_remembered_by_other_processes() {
    let env = project("");
    publish(&env, "UserRegistered", &["1"]);
    let record = held(&env, "users").remove(0);
    let done = env.run(&["consume", "users", "--exec", "true", "--dedupe", "--drain"]).success();
    assert!(done.stderr().contains("1 acknowledged"), "{}", done.snapshot());
    // The same message once more: SNS's id is inside its wrapper.
    sqs(&env, "SendMessage", &json!({"QueueUrl": url("users"), "MessageBody": record["body"]}));
    assert_eq!(held(&env, "users").len(), 1);
    let done = env.run(&["consume", "users", "--exec", "echo handled", "--dedupe=1h", "--drain"]).success();
    assert_eq!(done.stdout(), "");
    assert!(done.stderr().contains("skipped, it was handled before"), "{}", done.snapshot());
    assert!(held(&env, "users").is_empty());
}

#[test]
fn the_lines_of_the_protocols_are_as_published() {
    let schema = |name: &str| -> Value {
        serde_json::from_str(&fs::read_to_string(repository().join("schemas").join(name)).unwrap()).unwrap()
    };
    let env = project("");
    for form in ["event", "payload", "record", "body"] {
        publish(&env, "UserRegistered", &["1"]);
        let handler = format!("tee lines.ndjson | {{ {WORKER}; }} | tee results.ndjson");
        let line =
            ["consume", "users", "--exec", handler.as_str(), "--batch", "5", "--batch-wait", "50ms", "--stdin", form];
        let _done = env.run(&[&line[..], &["--drain"]].concat()).success();
        for (file, schema) in [
            ("lines.ndjson", schema("handler-event.schema.json")),
            ("results.ndjson", schema("handler-result.schema.json")),
        ] {
            let line: Value = serde_json::from_str(env.read(file).trim()).unwrap();
            assert_eq!(violations(&schema, &line), Vec::<String>::new(), "{form}: {line}");
        }
    }
    assert!(!violations(&schema("handler-result.schema.json"), &json!({"id": "a", "outcome": "okay"})).is_empty());
}
