//! `replay`: dead letters back to their origin, and the promises it keeps.

use crate::support::{TestEnv, assert_lines_match};

fn ok(env: &TestEnv, args: &[&str]) {
    let _ = env.run(args).success();
}

/// Three events, rejected to the dead-letter queue by a handler that cannot use them.
fn dead_letters() -> TestEnv {
    let env = TestEnv::new();
    ok(&env, &["init", "--yes"]);
    ok(&env, &["provision", "topology.yaml", "--yes"]);
    for n in 1..=3 {
        let payload =
            format!("{{\"id\": \"00000000-0000-4000-8000-00000000000{n}\", \"email\": \"a{n}@example.com\"}}");
        env.write(format!("p{n}.json"), payload);
    }
    ok(&env, &["publish", "UserRegistered", "p1.json", "p2.json", "p3.json"]);
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
