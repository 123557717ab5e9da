//! `replay`: dead letters back to their origin, and the promises it keeps.

use crate::support::{TestEnv, assert_lines_match};

fn ok(env: &TestEnv, args: &[&str]) {
    let _ = env.run(args).success();
}

/// Three events, rejected to the dead-letter queue by a handler that cannot use them.
fn dead_letters() -> TestEnv {
    let env = TestEnv::with_three_events();
    ok(&env, &["consume", "user_events", "--exec", "exit 65", "--drain"]);
    env
}

fn waiting(env: &TestEnv, queue: &str) -> usize {
    env.run(&["tail", queue, "--idle", "200ms"]).success().ndjson().len()
}

#[test]
fn dead_letters_go_back_with_what_they_had() {
    let env = dead_letters();
    let before = env.run(&["tail", "user_events_dlq", "--count", "3"]).success().ndjson();
    let done = env.run(&["replay", "user_events_dlq", "--yes"]).success();
    let lines = done.ndjson();
    assert_lines_match("replay.schema", &lines);
    assert_eq!(lines.len(), 4);
    assert!(lines[..3].iter().all(|line| line["outcome"] == "moved" && line["to"] == "user_events"));
    assert_eq!((&lines[3]["done"], &lines[3]["left"]), (&3.into(), &0.into()));
    assert_eq!(waiting(&env, "user_events_dlq"), 0);
    let after = env.run(&["tail", "user_events", "--count", "3"]).success().ndjson();
    for (before, after) in before.iter().zip(&after) {
        assert_eq!(before["body"], after["body"]);
        assert_eq!(before["attributes"], after["attributes"]);
    }
}

#[test]
fn a_dry_run_a_copy_and_a_limit() {
    let env = dead_letters();
    let lines = env.run(&["replay", "user_events_dlq", "--dry-run"]).success().ndjson();
    assert_lines_match("replay.schema", &lines);
    assert_eq!(lines.iter().filter(|line| line["outcome"] == "would_move").count(), 3);
    assert_eq!((waiting(&env, "user_events_dlq"), waiting(&env, "user_events")), (3, 0));
    ok(&env, &["replay", "user_events_dlq", "--copy", "--limit", "2", "--yes"]);
    assert_eq!((waiting(&env, "user_events_dlq"), waiting(&env, "user_events")), (3, 2));
    ok(&env, &["replay", "user_events_dlq", "--limit", "1", "--yes"]);
    assert_eq!((waiting(&env, "user_events_dlq"), waiting(&env, "user_events")), (2, 3));
    ok(&env, &["replay", "user_events_dlq", "--event", "Other", "--yes"]);
    assert_eq!(waiting(&env, "user_events_dlq"), 2);
}

#[test]
fn without_a_terminal_it_names_the_flag() {
    let env = dead_letters();
    let refused = env.run(&["replay", "user_events_dlq"]).expect_code(2);
    assert!(refused.stderr().contains("`--yes`"), "{}", refused.stderr());
    assert_eq!(waiting(&env, "user_events_dlq"), 3);
}

#[test]
fn a_queue_without_an_origin_needs_to_be_told_where_to() {
    let env = dead_letters();
    ok(&env, &["replay", "user_events_dlq", "--yes"]);
    let refused = env.run(&["replay", "user_events", "--yes"]).expect_code(2);
    assert!(refused.stderr().contains("--to queue:"), "{}", refused.stderr());
    assert_eq!(waiting(&env, "user_events"), 3);
    ok(&env, &["replay", "user_events", "--to", "queue:user_events_dlq", "--yes"]);
    assert_eq!(waiting(&env, "user_events_dlq"), 3);
    let same = env.run(&["replay", "user_events_dlq", "--to", "queue:user_events_dlq", "--yes"]).expect_code(2);
    assert!(same.stderr().contains("both `user_events_dlq`"), "{}", same.stderr());
}

#[test]
fn over_http_as_well() {
    let env = dead_letters();
    let server = env.serve();
    let args = ["replay", "user_events_dlq", "--yes", "--endpoint-url", server.url.as_str()];
    assert_eq!(env.run(&args).success().ndjson().len(), 4);
    assert_eq!(waiting(&env, "user_events"), 3);
}

#[test]
fn on_a_protected_bus_the_name_must_be_given() {
    let env = dead_letters();
    env.write("eventbus.yaml", "contexts:\n  local: { kind: local, path: .eventbus/bus.db, protected: true }\n");
    let refused = env.run(&["replay", "user_events_dlq", "--yes"]).expect_code(2);
    assert!(refused.stderr().contains("add `--confirm user_events_dlq`"), "{}", refused.stderr());
    let wrong = env.run(&["replay", "user_events_dlq", "--confirm", "user_events"]).expect_code(2);
    assert!(wrong.stderr().contains("does not name what would be changed, `user_events_dlq`"), "{}", wrong.stderr());
    let mistyped = env.command(&["replay", "user_events_dlq", "--yes"]).on_terminal().stdin("y\n").run().expect_code(1);
    assert!(mistyped.stdout().contains("nothing was done"), "{}", mistyped.stdout());
    assert_eq!(waiting(&env, "user_events_dlq"), 3);
    // What takes nothing away is as anywhere else.
    ok(&env, &["replay", "user_events_dlq", "--dry-run"]);
    ok(&env, &["replay", "user_events_dlq", "--copy", "--limit", "1", "--yes"]);
    let typed = ["replay", "user_events_dlq", "--limit", "1"];
    let _ = env.command(&typed).on_terminal().stdin("user_events_dlq\n").run().success();
    assert_eq!(waiting(&env, "user_events_dlq"), 2);
    ok(&env, &["replay", "user_events_dlq", "--confirm", "user_events_dlq"]);
    assert_eq!(waiting(&env, "user_events_dlq"), 0);
}
