//! `publish` of streams: formats, `--map`, `--event-field`, `--repeat`, `--rate`, patterns, and what SNS would drop in silence.

use serde_json::Value;

use crate::support::{Output, TestEnv, assert_lines_match};

const GOOD: &str = r#"{"id":"44f33071-e444-494f-bcff-b5e3594f7628","email":"ada@example.com"}"#;

fn statuses(output: &Output) -> Vec<String> {
    let lines = output.ndjson();
    assert_lines_match("publish.schema", &lines);
    let told = |line: &Value| format!("{} {}", line["input"].as_str().unwrap(), line["status"].as_str().unwrap());
    lines.iter().map(told).collect()
}

/// The payloads that wait in a queue, in their order.
fn payloads(env: &TestEnv, queue: &str, count: usize) -> Vec<Value> {
    let seen = env.run(&["tail", queue, "--count", &count.to_string(), "-o", "ndjson"]).success();
    seen.ndjson().iter().map(|line| line["event"]["payload"].clone()).collect()
}

#[test]
fn a_table_becomes_events_with_the_types_of_the_schema() {
    let env = TestEnv::provisioned();
    let schema: Value = serde_json::from_str(&env.read("schemas/UserRegistered.json")).unwrap();
    assert!(schema["properties"]["id"].is_object());
    env.write("schemas/Order.json", r#"{"type":"object","properties":{"id":{"type":"integer"},"paid":{"type":"boolean"},"note":{"type":"string"}},"required":["id"]}"#);
    env.write("orders.csv", "id,paid,note\r\n1,true,\"a, b\"\r\nx,false,\r\n3,,5\r\n");
    let run = env.run(&["publish", "Order", "orders.csv", "--topic", "users"]).expect_code(3);
    assert_eq!(statuses(&run), ["orders.csv:2 sent", "orders.csv:3 refused", "orders.csv:4 sent"]);
    assert!(run.stderr().contains("orders.csv:3: 1 violation"), "{}", run.snapshot());
    let dry = env.run(&["publish", "Order", "orders.csv", "--topic", "users", "--dry-run"]).expect_code(3);
    let message: Value = serde_json::from_str(dry.ndjson()[0]["message"].as_str().unwrap()).unwrap();
    assert_eq!(message["Payload"].to_string(), r#"{"id":1,"paid":true,"note":"a, b"}"#);
    let piped =
        env.command(&["publish", "Order", "--input", "csv", "--topic", "users"]).stdin("id\n7\n").run().success();
    assert_eq!(statuses(&piped), ["-:2 sent"]);
}

#[test]
fn each_line_may_name_its_event_and_a_program_makes_its_payload() {
    let env = TestEnv::provisioned();
    env.write(
        "in.ndjson",
        format!("{{\"type\":\"UserRegistered\",\"data\":{GOOD}}}\n{{\"type\":\"Nope\",\"data\":{{}}}}\n{{\"data\":{{}}}}\n{{\"type\":\"UserRegistered\"}}\n"),
    );
    let args = ["publish", "--event-field", "type", "--map", ".data | select(. != null)", "in.ndjson"];
    let run = env.run(&args).expect_code(3);
    assert_eq!(
        statuses(&run),
        ["in.ndjson:1 sent", "in.ndjson:2 refused", "in.ndjson:3 refused", "in.ndjson:4 skipped"]
    );
    let lines = run.ndjson();
    assert_eq!(
        (&lines[1]["error"]["code"], &lines[2]["error"]["code"]),
        (&"unknown_event".into(), &"no_event_name".into())
    );
    assert_eq!(lines[3]["reason"], "no_output");
    assert!(run.stderr().contains("Published 1 event to `users`, refused 2, skipped 1"), "{}", run.snapshot());
    assert_eq!(payloads(&env, "user_events", 1)[0], serde_json::from_str::<Value>(GOOD).unwrap());

    env.write("list.json", format!("[{GOOD},{{\"id\":1}}]"));
    let run = env.run(&["publish", "UserRegistered", "list.json", "--map", ".[]"]).expect_code(3);
    assert_eq!(statuses(&run), ["list.json#1 sent", "list.json#2 refused"]);
    env.write("n.json", r#"{"id":"1","n":123456789012345678901234567890,"p":1.10}"#);
    let dry = env.run(&["publish", "E", "n.json", "--topic", "users", "--map", "{n,p}", "--dry-run"]).success();
    assert!(dry.ndjson()[0]["message"].as_str().unwrap().contains(r#"{"n":123456789012345678901234567890,"p":1.10}"#));
}

#[test]
fn what_does_not_go_together_is_said_at_once() {
    let env = TestEnv::provisioned();
    for (args, told) in [
        (&["--map", ".a |", "UserRegistered", "payload.json"][..], "`--map`: jq program"),
        (&["--input", "records", "--map", ".", "x"][..], "`--event-field` and `--map` are for other inputs"),
        (&["UserRegistered", "payload.json", "--rate", "fast"][..], "is no rate"),
        (&["UserRegistered", "payload.json", "--repeat", "0"][..], "--repeat"),
        (&["UserRegistered", "payload.json", "--concurrency", "0"][..], "--concurrency"),
        (&["UserRegistered", "payload.json", "--outbox", "o", "--dry-run"][..], "--dry-run"),
    ] {
        let run = env.run(&[&["publish"], args].concat()).expect_code(2);
        assert!(run.stderr().contains(told), "{}", run.snapshot());
    }
    let run = env.run(&["publish", "UserRegistered", "no/*.json"]).expect_code(4);
    assert!(run.stderr().contains("no/*.json: no file fits the pattern"), "{}", run.snapshot());
}

#[test]
fn patterns_rounds_and_rates() {
    let env = TestEnv::provisioned();
    env.write("in/b.json", GOOD);
    env.write("in/a.ndjson", format!("{GOOD}\n{GOOD}\n"));
    let run = env.run(&["publish", "UserRegistered", "in/*.*json", "--repeat", "2", "--rate", "1000/s"]).success();
    let round = ["in/a.ndjson:1 sent", "in/a.ndjson:2 sent", "in/b.json sent"];
    assert_eq!(statuses(&run), [round, round].concat());
    assert_eq!((&run.ndjson()[0]["round"], &run.ndjson()[5]["round"]), (&1.into(), &2.into()));
    let piped = env.command(&["publish", "UserRegistered", "--repeat", "3"]).stdin(GOOD).run().success();
    assert_eq!(piped.ndjson().len(), 3, "stdin can be gone through again");
}

#[test]
fn more_than_ten_attributes_do_not_go_where_raw_delivery_drops_them() {
    let env = TestEnv::provisioned();
    let attributes: Vec<String> = (0..8).flat_map(|n| ["--attr".to_owned(), format!("a{n}=x")]).collect();
    let mut args: Vec<String> = ["publish", "UserRegistered", "payload.json"].map(str::to_owned).into();
    args.extend(attributes);
    let _fine = env.run(&args).success();
    let topology = env.read("topology.yaml");
    assert!(topology.contains("queue: user_events"), "{topology}");
    env.write("topology.yaml", topology.replace("    queue: user_events\n", "    queue: user_events\n    raw: true\n"));
    let run = env.run(&args).expect_code(4);
    assert!(run.stderr().contains("11 attributes, and queue `user_events` has raw delivery"), "{}", run.snapshot());
    let _made = env.run(&["provision", "topology.yaml", "--yes"]).success();
    env.write("topology.yaml", topology);
    let run = env.run(&args).expect_code(4);
    assert!(run.stderr().contains("raw delivery"), "the bus knows it too: {}", run.snapshot());
}

#[test]
fn records_are_published_again_to_the_last_byte() {
    let env = TestEnv::provisioned();
    env.write("odd.json", r#"{ "id": "44f33071-e444-494f-bcff-b5e3594f7628", "email": "ada@example.com" }"#);
    let _sent =
        env.run(&["publish", "UserRegistered", "odd.json", "--attr", "n:=1.50", "--attr", "l:=[\"a\",1]"]).success();
    let first = env.run(&["tail", "user_events", "--count", "1", "-o", "ndjson"]).success();
    env.write("rec.ndjson", first.stdout());
    let again = env.run(&["publish", "--input", "records", "rec.ndjson"]).success();
    assert_eq!(statuses(&again), ["rec.ndjson:1 sent"]);
    let both = env.run(&["tail", "user_events", "--count", "2", "-o", "ndjson"]).success().ndjson();
    assert_eq!(both[0]["attributes"], both[1]["attributes"]);
    let text = |line: &Value| serde_json::from_str::<Value>(line["body"].as_str().unwrap()).unwrap()["Message"].clone();
    assert_eq!(text(&both[0]), text(&both[1]));
}
