//! `--all-or-nothing` looks at every input twice and asks the hook once; violations say where the schema says so; hidden data.

use serde_json::Value;

use crate::support::{TestEnv, assert_lines_match};

const GOOD: &str = r#"{"id":"44f33071-e444-494f-bcff-b5e3594f7628","email":"ada@example.com"}"#;

/// Counts its questions, keeps them, and refuses what holds `never`.
const BEFORE: &str = r#"while IFS= read -r line; do
  printf '%s\n' "$line" >> questions
  case $line in *never*) echo '{"refuse":"never"}' ;; *) echo '{}' ;; esac
done"#;

fn project() -> TestEnv {
    let env = TestEnv::provisioned();
    let config = env.read("eventbus.yaml");
    env.write("eventbus.yaml", format!("{config}\npublish:\n  before: ./before.sh\n"));
    let _script = env.write_script("before.sh", BEFORE);
    env
}

#[test]
fn the_hook_is_asked_once_about_each_event_and_what_it_saw_is_sent() {
    let env = project();
    env.write("in.ndjson", "{\"email\":\"a@example.com\"}\n".repeat(3));
    env.write("schemas/UserRegistered.json", "{}");
    let run = env.run(&["publish", "UserRegistered", "in.ndjson", "--all-or-nothing", "--repeat", "2"]).success();
    let lines = run.ndjson();
    assert_lines_match("publish.schema", &lines);
    let questions: Vec<Value> = env.read("questions").lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let seen: Vec<&Value> = questions.iter().map(|question| &question["event"]["metadata"]["entityId"]).collect();
    let sent: Vec<&Value> = lines.iter().map(|line| &line["entity_id"]).collect();
    assert_eq!((seen.len(), &seen), (6, &sent), "the random ids are those that the hook saw");
}

#[test]
fn what_the_hook_refuses_holds_all_back() {
    let env = project();
    env.write("in.ndjson", format!("{GOOD}\n{{\"id\":\"never\"}}\n{GOOD}\n"));
    env.write("schemas/UserRegistered.json", "{}");
    let run = env.run(&["publish", "UserRegistered", "in.ndjson", "--all-or-nothing"]).expect_code(4);
    let codes: Vec<Value> = run.ndjson().iter().map(|line| line["error"]["code"].clone()).collect();
    assert_eq!(codes, ["held_back", "hook_refused", "held_back"], "{}", run.snapshot());
    assert_eq!(env.read("questions").lines().count(), 3);
}

#[test]
fn a_violation_names_the_file_and_the_pointer_that_say_so() {
    let env = TestEnv::provisioned();
    env.write("schemas/_email.json", r#"{"type":"string","format":"email"}"#);
    env.write("schemas/UserRegistered.json", r#"{"properties":{"email":{"$ref":"_email.json"}}}"#);
    env.write("bad.json", r#"{"email":"nobody"}"#);
    let run = env.run(&["publish", "UserRegistered", "bad.json"]).expect_code(4);
    assert_lines_match("publish.schema", &run.ndjson());
    let violation = &run.ndjson()[0]["error"]["violations"][0];
    assert_eq!(
        (&violation["schema_file"], &violation["schema_pointer"]),
        (&"schemas/_email.json".into(), &"/format".into())
    );
    assert!(run.stderr().contains("says schemas/_email.json#/format"), "{}", run.snapshot());
}

#[test]
fn what_the_schema_calls_personal_is_marked_and_huge_names_are_cut() {
    let env = TestEnv::provisioned();
    env.write("schemas/UserRegistered.json", r#"{"x-contains-personal-data":true}"#);
    env.write("p.json", GOOD);
    let dry = env.run(&["publish", "UserRegistered", "p.json", "--dry-run"]).success();
    assert!(dry.ndjson()[0]["message"].as_str().unwrap().contains("\"ContainsPersonalData\":true"));
    env.write("in.ndjson", format!("{{\"type\":\"{}\"}}\n", "x".repeat(100_000)));
    let run = env.run(&["publish", "--event-field", "type", "in.ndjson"]).expect_code(4);
    assert!(run.stderr().len() < 5_000, "{}", run.stderr().len());
    assert!(run.ndjson()[0]["error"]["message"].as_str().unwrap().chars().count() <= 2_001);
}

#[test]
fn streams_without_events_are_nothing_to_do() {
    let env = TestEnv::provisioned();
    for (input, text) in [("ndjson", ""), ("csv", "id,email\n")] {
        let run = env.command(&["publish", "UserRegistered", "-", "--input", input]).stdin(text).run().success();
        assert!(run.stderr().contains("Published 0 events"), "{}", run.snapshot());
    }
    let run = env
        .command(&["publish", "UserRegistered", "-", "--input", "csv"])
        .stdin("id,s\n1,\"a\n2,b\n")
        .run()
        .expect_code(4);
    assert!(run.stderr().contains("-:2: the quote that opens here is never closed"), "{}", run.snapshot());
}

#[test]
fn what_there_is_to_say_about_an_event_is_said_once() {
    let env = TestEnv::provisioned();
    env.write("in.ndjson", "{\"type\":\"Nameless\",\"id\":\"1\"}\n");
    let run =
        env.run(&["publish", "--event-field", "type", "in.ndjson", "--topic", "users", "--all-or-nothing"]).success();
    assert_eq!(run.stderr().matches("has no schema in").count(), 1, "{}", run.snapshot());
}
