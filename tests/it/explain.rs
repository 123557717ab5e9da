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
