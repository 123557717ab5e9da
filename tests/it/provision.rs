//! `provision`, the real binary on the embedded bus.

use crate::support::{TestEnv, assert_matches};

const TOPOLOGY: &str = "version: 1
name: users
topics:
  users: {}
queues:
  user_events:
    dead_letter: { queue: user_events_dlq, max_receives: 5 }
  user_events_dlq: { retention: 14d }
subscriptions:
  - { topic: users, queue: user_events, filter: { eventName: [UserRegistered] } }
";

fn project() -> TestEnv {
    let env = TestEnv::new();
    env.write("topology.yaml", TOPOLOGY);
    env
}

#[test]
fn plan_apply_and_nothing_left_to_do() {
    let env = project();
    let looked = env.run(&["provision", "--dry-run"]).success();
    assert!(looked.stdout().contains("5 to create, 0 to change, 0 unchanged"), "{}", looked.snapshot());
    let _pending = env.run(&["provision", "topology.yaml", "--check"]).expect_code(6);
    let made = env.run(&["provision", "topology.yaml", "--yes"]).success();
    assert!(made.stdout().contains("Applied `users`: 5 created, 0 changed, 0 unchanged"), "{}", made.snapshot());
    assert!(made.stderr().contains("Created queue `user_events`"), "{}", made.snapshot());
    let _done = env.run(&["provision", "topology.yaml", "--check"]).success();
    let again = env.run(&["provision", "topology.yaml"]).success(); // nothing to do: nobody is asked
    assert!(again.stdout().contains("0 to create, 0 to change, 5 unchanged"), "{}", again.snapshot());
}

#[test]
fn without_a_terminal_the_flag_is_named_and_nothing_is_made() {
    let env = project();
    let refused = env.run(&["provision", "topology.yaml"]).expect_code(2);
    assert!(refused.stderr().contains("--yes"), "{}", refused.snapshot());
    let _still = env.run(&["provision", "topology.yaml", "--check"]).expect_code(6);
}

#[test]
fn the_machine_record_is_as_its_schema_says() {
    let env = project();
    let plan = env.run(&["provision", "--dry-run", "-o", "json"]).success().json();
    assert_matches("provision.schema", &plan);
    assert_eq!(plan["mode"], "plan");
    let check = env.run(&["provision", "--check", "-o", "json"]).expect_code(6).json();
    assert_matches("provision.schema", &check);
    let applied = env.run(&["provision", "--yes", "-o", "json"]).success().json();
    assert_matches("provision.schema", &applied);
    assert_eq!((&applied["mode"], &applied["summary"]["done"]), (&"apply".into(), &5.into()));
    env.write("topology.yaml", TOPOLOGY.replace("retention: 14d", "retention: 5d"));
    let change = env.run(&["provision", "--dry-run", "-o", "json"]).success().json();
    assert_matches("provision.schema", &change);
    assert_eq!(change["changes"][1]["fields"][0], serde_json::json!({"field": "retention", "old": "14d", "new": "5d"}));
    assert!(change["warnings"][0].as_str().unwrap().contains("DELETES"));
}

#[test]
fn every_mistake_in_the_file_is_told_and_nothing_is_sent() {
    let env = project();
    env.write("topology.yaml", TOPOLOGY.replace("14d", "20d").replace("topic: users", "topic: user"));
    let refused = env.run(&["provision", "--yes"]).expect_code(4);
    for wanted in ["topology.yaml:8:33:", "AWS takes `1m` to `14d`", "topology.yaml:10:14:", "did you mean `users`?"] {
        assert!(refused.stderr().contains(wanted), "{wanted}: {}", refused.snapshot());
    }
    assert!(!env.path(".eventbus").exists(), "the bus was opened");
}
