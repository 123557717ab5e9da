//! `explain`: who gets an event, offline.

use crate::support::{TestEnv, assert_matches};

const TOPOLOGY: &str = r#"version: 1
name: users
topics: { users: {}, silent: {} }
queues:
  everything: {}
  registered: {}
  german: {}
subscriptions:
  - { topic: users, queue: everything }
  - { topic: users, queue: registered, filter: { eventName: [UserRegistered], tier: [{ numeric: [">", 1] }] } }
  - { topic: users, queue: german, scope: body, filter: { Payload: { Country: [DE] } } }
events:
  UserRegistered: { topic: users }
  UserService.*: { topic: silent }
"#;

fn project() -> TestEnv {
    let env = TestEnv::new();
    env.write("topology.yaml", TOPOLOGY);
    env.write("eventbus.yaml", "publisher: UserService\n");
    env.write("payload.json", r#"{"id": "4711", "Country": "FR"}"#);
    env
}

#[test]
fn the_table_names_the_first_clause_that_failed() {
    let shown = project().run(&["explain", "UserRegistered", "payload.json", "--attr", "tier=2"]).success();
    insta::assert_snapshot!(shown.snapshot());
}

#[test]
fn the_record_is_the_published_one() {
    let env = project();
    let args = ["explain", "UserRegistered", "payload.json", "--attr", "tier:=2", "-o", "json"];
    let record = env.run(&args).success().json();
    assert_matches("explain.schema", &record);
    assert_eq!(record["receivers"], serde_json::json!(["everything", "registered"]));
    assert_eq!(record["attributes"]["tier"], serde_json::json!({"type": "Number", "value": "2"}));
    assert_eq!(record["subscriptions"][2]["failure"]["pointer"], "/Payload/Country");
    assert_eq!(record["subscriptions"][2]["failure"]["saw"], "\"FR\"");
}

#[test]
fn without_a_payload_the_answer_may_depend_on_it() {
    let record = project().run(&["explain", "UserRegistered", "-o", "json"]).success().json();
    assert_matches("explain.schema", &record);
    assert_eq!(record["subscriptions"][2]["reached"], serde_json::Value::Null);
    assert_eq!(record["subscriptions"][2]["depends_on"], serde_json::json!(["Payload.Country"]));
}

#[test]
fn the_payload_can_come_from_stdin() {
    let env = project();
    let shown =
        env.command(&["explain", "UserRegistered", "-", "-o", "json"]).stdin(r#"{"Country": "DE"}"#).run().success();
    assert_eq!(shown.json()["receivers"], serde_json::json!(["everything", "german"]));
}

#[test]
fn nobody_is_six() {
    let env = project();
    let shown = env.run(&["explain", "UserDeleted"]).expect_code(6);
    assert!(shown.stdout().contains("Nobody subscribes to `silent`."), "{}", shown.snapshot());
    let near = env.run(&["explain", "Userregistered", "--topic", "users", "-o", "json"]).success().json();
    assert_matches("explain.schema", &near);
    assert!(near["subscriptions"][1]["failure"]["hints"][0].as_str().unwrap().contains("Python"), "{near}");
    env.write("topology.yaml", TOPOLOGY.replace("  - { topic: users, queue: everything }\n", ""));
    let _nobody = env.run(&["explain", "Userregistered", "--topic", "users"]).expect_code(6);
}

#[test]
fn wrong_names_and_payloads_are_refused_with_the_nearest() {
    let env = project();
    let shown = env.run(&["explain", "UserRegistred", "--publisher", "Other"]).expect_code(4);
    assert!(shown.stderr().contains("did you mean `UserRegistered`?"), "{}", shown.snapshot());
    let shown = env.run(&["explain", "UserRegistered", "--topic", "user"]).expect_code(4);
    assert!(shown.stderr().contains("did you mean `users`?"), "{}", shown.snapshot());
    env.write("broken.json", "{\"id\": 1,\n \"id\": 2}");
    let shown = env.run(&["explain", "UserRegistered", "broken.json"]).expect_code(4);
    assert!(shown.stderr().contains("broken.json") && shown.stderr().contains("line 2"), "{}", shown.snapshot());
    env.write("list.json", "[]");
    let _array = env.run(&["explain", "UserRegistered", "list.json"]).expect_code(4);
    let _missing = env.run(&["explain", "UserRegistered", "nowhere.json"]).expect_code(1);
    let _usage = env.run(&["explain", "UserRegistered", "--attr", "tier:=x"]).expect_code(2);
    let _usage = env.run(&["explain"]).expect_code(2);
    let _nothing = TestEnv::new().run(&["explain", "UserRegistered"]).expect_code(4);
}

#[test]
fn hostile_text_is_escaped_for_people() {
    let env = project();
    env.write("evil.json", r#"{"Country": "\u001b[2Jgone\u0007"}"#);
    let shown = env.run(&["explain", "UserRegistered", "evil.json"]).success();
    assert!(!shown.stdout().contains(['\u{1b}', '\u{7}']), "{:?}", shown.stdout());
}

#[test]
fn every_event_and_every_queue() {
    let env = project();
    let shown = env.run(&["explain", "--all-events"]).success();
    let row = shown.stdout().lines().find(|line| line.contains("UserRegistered")).unwrap().to_owned();
    let cells: Vec<&str> = row.split_whitespace().filter(|cell| matches!(*cell, "yes" | "no" | "?" | "-")).collect();
    assert_eq!(cells, ["yes", "no", "?"], "{}", shown.snapshot());
    let json = env.run(&["explain", "--all-events", "--attr", "tier:=2", "-o", "json"]).success().json();
    assert_matches("explain-matrix.schema", &json);
    assert_eq!(json["events"][0]["queues"]["registered"], "reached");
    env.write("schemas/UserDeleted.json", "{}");
    let lost = env.run(&["explain", "--all-events"]).expect_code(6);
    assert!(lost.stdout().contains("lost: `UserDeleted` reaches nobody"), "{}", lost.snapshot());
    let _usage = env.run(&["explain", "--all-events", "UserRegistered"]).expect_code(2);
}

#[test]
fn one_queue_can_be_asked_about() {
    let env = project();
    let shown = env.run(&["explain", "UserRegistered", "--attr", "tier=2", "--why-not", "registered"]).expect_code(6);
    assert!(shown.stdout().contains("sent as text") && !shown.stdout().contains("everything"), "{}", shown.snapshot());
    let args = ["explain", "UserRegistered", "--attr", "tier=2", "--why-not", "registered", "-o", "json"];
    let json = env.run(&args).expect_code(6).json();
    assert_matches("explain.schema", &json);
    assert_eq!(json["hints"][0]["queue"], "registered");
    let _gets = env.run(&["explain", "UserRegistered", "--why-not", "everything"]).success();
    let other = env.run(&["explain", "UserDeleted", "--why-not", "everything"]).expect_code(6);
    assert!(other.stderr().contains("not subscribed to topic `silent`, only to `users`"), "{}", other.snapshot());
    assert!(other.stdout().contains("`everything` does not subscribe to `silent`."), "{}", other.snapshot());
    let unknown = env.run(&["explain", "UserRegistered", "--why-not", "registred"]).expect_code(4);
    assert!(unknown.stderr().contains("did you mean `registered`?"), "{}", unknown.snapshot());
}

#[test]
fn the_bus_as_it_is_can_be_asked() {
    let env = TestEnv::provisioned();
    env.write("topology.yaml", env.read("topology.yaml").replace("UserRegistered, ", "UserRegisterd, "));
    let live = env.run(&["explain", "UserRegistered", "--live", "-o", "json"]).success().json();
    assert_matches("explain.schema", &live);
    assert_eq!(live["receivers"], serde_json::json!(["user_events"]));
    std::fs::remove_file(env.path("topology.yaml")).unwrap();
    env.write("eventbus.yaml", "publisher: UserService\n");
    let live = env.run(&["explain", "Userregisteredpayload", "--live", "--topic", "users"]).expect_code(6);
    assert!(live.stdout().contains("Python library"), "{}", live.snapshot());
    let _topic = env.run(&["explain", "UserRegistered", "--live"]).expect_code(4);
    let missing = env.run(&["explain", "UserRegistered", "--live", "--topic", "userss"]).expect_code(1);
    assert!(missing.stderr().contains("userss"), "{}", missing.snapshot());
}

#[test]
fn the_names_that_the_python_library_writes_are_known() {
    let shown = project().run(&["explain", "Userregisteredpayload", "--publisher", "Other"]).expect_code(4);
    assert!(shown.stderr().contains("task callbacks make of `UserRegisteredPayload`"), "{}", shown.snapshot());
    let near = project().run(&["explain", "userRegistered", "--publisher", "Other"]).expect_code(4);
    assert!(near.stderr().contains("did you mean `UserRegistered`?"), "{}", near.snapshot());
}
