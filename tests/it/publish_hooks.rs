//! `publish.before` and `publish.after` of the settings: one process each for the stream, a line of JSON an event.

use serde_json::Value;

use crate::support::{TestEnv, assert_lines_match};

fn project(before: &str, after: &str) -> TestEnv {
    let env = TestEnv::provisioned();
    let config = env.read("eventbus.yaml");
    env.write("eventbus.yaml", format!("{config}\npublish:\n  before: {before}\n  after: {after}\n"));
    env.write("in.ndjson", (1..=4).map(line).collect::<String>());
    env
}

fn line(n: u32) -> String {
    format!("{{\"id\":\"00000000-0000-4000-8000-00000000000{n}\",\"email\":\"a{n}@example.com\"}}\n")
}

/// Answers by the last digit of the id: leaves 1 alone, changes the address of 2, refuses 3, breaks 4.
const BEFORE: &str = r#"echo started >> starts
while IFS= read -r line; do
  case $line in
    *000001*) echo '{}' ;;
    *000002*) printf '%s\n' "$line" | sed -e 's/.*"event":\(.*\),"attributes".*/{"event":\1}/' -e 's/a2@example/changed@example/' ;;
    *000003*) echo '{"refuse":"not on Sundays"}' ;;
    *) printf '%s\n' "$line" | sed -e 's/.*"event":\(.*\),"attributes".*/{"event":\1}/' -e 's/"email"/"mail"/' ;;
  esac
done"#;

#[test]
fn before_may_change_or_refuse_and_after_is_told() {
    let env = project("./before.sh", "cat > told");
    env.write_script("before.sh", BEFORE);
    let run = env.run(&["publish", "UserRegistered", "in.ndjson"]).expect_code(3);
    let lines = run.ndjson();
    assert_lines_match("publish.schema", &lines);
    let statuses: Vec<&str> = lines.iter().map(|line| line["status"].as_str().unwrap()).collect();
    assert_eq!(statuses, ["sent", "sent", "refused", "refused"], "{}", run.snapshot());
    assert_eq!(lines[2]["error"]["code"], "hook_refused");
    assert!(run.stderr().contains("refuses it: not on Sundays"), "{}", run.snapshot());
    assert_eq!(lines[3]["error"]["code"], "schema_violation", "what a hook changes is checked");
    assert_eq!(env.read("starts").lines().count(), 1, "one process for the stream");
    let told: Vec<Value> = env.read("told").lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(told.len(), 2);
    assert_eq!((&told[0]["status"], &told[0]["input"]), (&"sent".into(), &"in.ndjson:1".into()));
    assert_eq!(told[1]["message_id"], lines[1]["message_id"]);
    let seen = env.run(&["tail", "user_events", "--count", "2", "-o", "ndjson"]).success().ndjson();
    assert_eq!(seen[1]["event"]["payload"]["email"], "changed@example.com");
}

#[test]
fn a_hook_that_does_not_work_lets_nothing_out() {
    for (before, told) in [
        ("head -n 0", "ended before it had answered"),
        ("'echo no; cat >/dev/null'", "answers `no`, which is none"),
        ("'echo ''{\"evnt\":1}''; cat >/dev/null'", "unknown field"),
    ] {
        let env = project(before, "cat >/dev/null");
        let run = env.run(&["publish", "UserRegistered", "in.ndjson"]).expect_code(4);
        assert!(run.stderr().contains(told), "{before}: {}", run.snapshot());
        assert!(run.ndjson().iter().all(|line| line["error"]["code"] == "hook_failed"), "{}", run.snapshot());
    }
    let env = project("./nowhere.sh", "cat >/dev/null");
    let run = env.run(&["publish", "UserRegistered", "in.ndjson"]).expect_code(1);
    assert!(run.stderr().contains("`publish.before`: handler `./nowhere.sh` does not exist"), "{}", run.snapshot());
}

#[test]
fn after_that_fails_is_warned_about_and_stops_nothing() {
    let env = project("\"sed -u 's/.*/{}/'\"", "exit 3");
    env.write("in.ndjson", line(1).repeat(2000));
    let run = env.run(&["publish", "UserRegistered", "in.ndjson"]).success();
    assert_eq!(run.ndjson().len(), 2000);
    assert!(run.stderr().contains("warning: hook `exit 3`"), "{}", run.stderr());
}
