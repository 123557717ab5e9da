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

#[test]
fn a_prefix_from_a_variable_reaches_every_verb() {
    let env = project();
    env.write(
        "topology.yaml",
        TOPOLOGY.replace("topics:", "prefix: ${STAGE:-dev}-\ntopics:")
            + "events:\n  UserRegistered: { topic: users }\n",
    );
    env.write("eventbus.yaml", "publisher: Shop\n");
    env.write("payload.json", "{\"id\": \"1\"}");
    let made = env.run(&["provision", "--yes"]).success();
    assert!(made.stderr().contains("Created queue `dev-user_events`"), "{}", made.snapshot());
    let staged = env.run(&["provision", "--var", "STAGE=qa", "--yes"]).success();
    assert!(staged.stdout().contains("5 created, 0 changed, 0 unchanged"), "{}", staged.snapshot());
    let sent = env.run(&["publish", "UserRegistered", "payload.json", "--var", "STAGE=qa", "-o", "ndjson"]).success();
    assert!(sent.stdout().contains("\"topic\":\"qa-users\""), "{}", sent.snapshot());
    let seen = env.run(&["tail", "qa-user_events", "--count", "1", "-o", "ndjson"]).success();
    assert!(seen.stdout().contains("UserRegistered"), "{}", seen.snapshot());
    let told = env.run(&["explain", "UserRegistered"]).success();
    assert!(told.stdout().contains("dev-user_events"), "{}", told.snapshot());
    let typo = env.run(&["provision", "--var", "STAGEE=qa", "--check"]).expect_code(4);
    assert!(typo.stderr().contains("no file uses the variable `STAGEE`"), "{}", typo.snapshot());
    let _usage = env.run(&["provision", "--var", "STAGE"]).expect_code(2);
}

#[test]
fn overlays_and_files_of_variables_are_laid_over() {
    let env = project();
    env.write("prod.yaml", "queues:\n  user_events: { visibility_timeout: \"${VISIBILITY}\" }\n");
    env.write("vars.yaml", "VISIBILITY: 90s\n");
    let made =
        env.run(&["provision", "topology.yaml", "-f", "prod.yaml", "--vars", "vars.yaml", "--yes", "-o", "json"]);
    let record = made.success().json();
    let fields = &record["changes"][2]["fields"];
    assert!(fields.to_string().contains("1m30s"), "{fields}");
    let unset = env.run(&["provision", "topology.yaml", "-f", "prod.yaml", "--check"]).expect_code(4);
    assert!(unset.stderr().contains("prod.yaml:2:38:"), "{}", unset.snapshot());
    assert!(unset.stderr().contains("needs the variable `VISIBILITY`"), "{}", unset.snapshot());
    let missing = env.run(&["provision", "-f", "none.yaml", "--check"]).expect_code(1);
    assert!(missing.stderr().contains("the overlay none.yaml cannot be read"), "{}", missing.snapshot());
}

#[test]
fn warnings_are_told_apart_from_errors_and_are_errors_with_strict() {
    let env = project();
    let filter = "scope: body, filter: { Payload: { plan: [gold] } }";
    let text = TOPOLOGY
        .replace("filter: { eventName: [UserRegistered] }", filter)
        .replace("max_receives: 5", "max_receives: 1");
    env.write("topology.yaml", text + "events:\n  UserRegistered: { topic: users }\n");
    env.write("eventbus.yaml", "publisher: Shop\nconsume: { queue: user_events, timeout: 1m }\n");
    env.write("schemas/UserRegistered.json", r#"{"properties": {"plan": {"enum": ["free", "team"]}}}"#);
    env.write("schemas/UserMoved.json", "{}");
    let lenient = env.run(&["provision", "--dry-run"]).success();
    let wanted = [
        "`queues.user_events.dead_letter.max_receives` is 1",
        "`queues.user_events.visibility_timeout` is 30s, and a handler may take 1m",
        "wants \"gold\", which no schema of the events that go to `users` allows",
        "so `user_events` gets nothing from it",
        "event `UserMoved` has a schema in schemas and no route",
    ];
    for wanted in wanted {
        assert!(lenient.stderr().contains(wanted), "{wanted}: {}", lenient.snapshot());
    }
    assert!(lenient.stderr().contains("warning: ") && !lenient.stderr().contains("error: "), "{}", lenient.snapshot());
    let strict = env.run(&["provision", "--dry-run", "--strict"]).expect_code(4);
    for wanted in wanted {
        assert!(strict.stderr().contains(wanted), "{wanted}: {}", strict.snapshot());
    }
    assert!(!strict.stderr().contains("warning: "), "{}", strict.snapshot());
    let text = std::fs::read_to_string(env.path("topology.yaml")).unwrap();
    env.write("topology.yaml", text.replace("14d", "20d"));
    let wrong = env.run(&["provision", "--dry-run"]).expect_code(4);
    let (warning, error) = (wrong.stderr().rfind("warning: "), wrong.stderr().find("error: "));
    assert!(warning < error, "warnings come first: {}", wrong.snapshot());
}

#[test]
fn what_is_external_is_subscribed_to_and_never_touched() {
    let env = project();
    let _theirs = env.run(&["provision", "--yes"]).success();
    env.write(
        "ours.yaml",
        "version: 1\nname: ours\ntopics:\n  users: { external: true, arn: \"arn:aws:sns:us-east-1:000000000000:users\" }\nqueues: { mine: }\nsubscriptions:\n  - { topic: users, queue: mine, filter: { eventName: [UserRegistered] } }\n",
    );
    let made = env.run(&["provision", "ours.yaml", "--yes"]).success();
    assert!(made.stdout().contains("3 created, 0 changed, 0 unchanged"), "{}", made.snapshot());
    let _converged = env.run(&["provision", "ours.yaml", "--check"]).success();
    let theirs = env.run(&["provision", "--check"]).success();
    assert!(theirs.stdout().contains("0 to create, 0 to change, 5 unchanged"), "{}", theirs.snapshot());
}

#[test]
fn warnings_of_the_file_are_in_the_machine_form_too() {
    let env = TestEnv::new();
    env.write(
        "topology.yaml",
        "version: 1\nname: t\nqueues:\n  q: { dead_letter: { queue: d, max_receives: 1 } }\n  d: { retention: 14d }\n",
    );
    let planned = env.run(&["provision", "--dry-run", "-o", "json"]).success();
    let record = planned.json();
    assert_matches("provision.schema", &record);
    let warnings: Vec<&str> = record["warnings"].as_array().unwrap().iter().filter_map(|w| w.as_str()).collect();
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(warnings[0].starts_with("topology.yaml:4:"), "{warnings:?}");
    assert!(planned.stderr().contains(warnings[0]), "{}", planned.snapshot());
}
