//! Nobody deletes anything by accident: every way to ask for it, with and without the word that it takes.

use serde_json::Value;

use crate::support::{Output, TestEnv, assert_matches};

const TOPOLOGY: &str = "version: 1
name: users
topics:
  users: {}
queues:
  user_events: { dead_letter: { queue: user_events_dlq, max_receives: 5 } }
  user_events_dlq: { retention: 14d }
  spare: {}
subscriptions:
  - { topic: users, queue: user_events }
events:
  UserRegistered: { topic: users }
";

const WITHOUT_SPARE: &str = "version: 1
name: users
topics:
  users: {}
queues:
  user_events: { dead_letter: { queue: user_events_dlq, max_receives: 5 } }
  user_events_dlq: { retention: 14d }
subscriptions:
  - { topic: users, queue: user_events }
events:
  UserRegistered: { topic: users }
";

const EMPTY: &str = "version: 1\nname: users\n";

/// A provisioned project, on a bus that is protected or not.
fn project(protected: bool) -> TestEnv {
    let env = TestEnv::new();
    env.write(
        "eventbus.yaml",
        format!(
            "publisher: UserService\ncontexts:\n  local: {{ kind: local, path: .eventbus/bus.db, protected: {protected} }}\n"
        ),
    );
    env.write("topology.yaml", TOPOLOGY);
    let _made = env.run(&["provision", "--yes"]).success();
    env
}

fn publish(env: &TestEnv) {
    let _sent = env.command(&["publish", "UserRegistered", "-"]).stdin(r#"{"id":"1"}"#).run().success();
}

/// Whether all that was provisioned still stands.
#[track_caller]
fn all_stands(env: &TestEnv, after: &Output) {
    env.write("all.yaml", TOPOLOGY);
    let check = env.run(&["provision", "all.yaml", "--check"]);
    assert_eq!(check.code(), Some(0), "something is gone\nafter {}\n{}", after.snapshot(), check.snapshot());
}

#[test]
fn no_flag_but_the_right_ones_deletes() {
    for protected in [false, true] {
        let env = project(protected);
        env.write("topology.yaml", EMPTY);
        for (flags, code) in [
            (&[] as &[&str], 0),
            (&["--yes"], 0),
            (&["--yes", "--confirm", "spare", "--confirm", "users"], 0),
            (&["--check"], 0),
            (&["--refresh-only"], 0),
            (&["--dry-run", "--prune"], 0),
            (&["--yes", "--adopt"], 0),
            (&["--yes", "--allow-replace"], 0),
            (&["--check", "--prune"], 6),
            (&["--refresh-only", "--prune"], 0),
            (&["--refresh-only", "--destroy", "--yes"], 0),
            (&["--check", "--destroy", "--yes"], 6),
            (&["--dry-run", "--destroy", "--yes"], 0),
            (&["--prune", "--out", "plan.json", "--yes"], 0),
            (&["--destroy", "--out", "plan.json", "--yes"], 0),
            (&["--prune"], 2),
            (&["--destroy"], 2),
            (&["--prune", "--destroy", "--yes"], 2),
            (&["--destroy", "--adopt", "--yes"], 2),
            (&["--plan", "plan.json", "--prune", "--yes"], 2),
            (&["--plan", "plan.json"], 2),
        ] {
            let args = [&["provision"], flags].concat();
            let ended = env.run(&args);
            assert_eq!(ended.code(), Some(code), "{args:?}: {}", ended.snapshot());
            all_stands(&env, &ended);
        }
    }
}

#[test]
fn prune_deletes_what_left_the_file() {
    let env = project(false);
    env.write("topology.yaml", WITHOUT_SPARE);
    let shown = env.run(&["provision", "--prune", "--dry-run"]).success();
    assert!(shown.stdout().contains("0 to create, 0 to change, 1 to delete, 5 unchanged"), "{}", shown.snapshot());
    let done = env.run(&["provision", "--prune", "--yes"]).success();
    assert!(done.stderr().contains("Deleted queue `spare`"), "{}", done.snapshot());
    assert!(done.stdout().contains("0 created, 0 changed, 1 deleted, 5 unchanged"), "{}", done.snapshot());
    let _again = env.run(&["provision", "--prune", "--check"]).success();
}

#[test]
fn messages_are_given_up_for_their_queues_name_only() {
    let env = project(false);
    publish(&env);
    env.write("topology.yaml", EMPTY);
    for flag in ["--prune", "--destroy"] {
        for confirm in [&[] as &[&str], &["--confirm", "users"], &["--confirm", "user_event"]] {
            let args = [&["provision", flag, "--yes"], confirm].concat();
            let refused = env.run(&args).expect_code(2);
            for said in ["deleting the queue `user_events` deletes about 1 message", "--confirm user_events"] {
                assert!(refused.stderr().contains(said), "{said}: {}", refused.snapshot());
            }
            all_stands(&env, &refused);
        }
    }
    let typed = env.command(&["provision", "--prune"]).stdin("user_event\n").on_terminal().run().expect_code(1);
    assert!(typed.stdout().contains("nothing was done"), "{}", typed.snapshot());
    all_stands(&env, &typed);
    let typed = env.command(&["provision", "--prune"]).stdin("user_events\n").on_terminal().run().success();
    assert!(typed.stdout().contains("4 deleted"), "{}", typed.snapshot());
}

/// A file whose topic `users` is gone; in the project somebody else's queue is subscribed to that topic.
fn with_a_foreign_subscriber(protected: bool) -> TestEnv {
    let env = project(protected);
    let topic = "arn:aws:sns:us-east-1:000000000000:users";
    env.write(
        "theirs.yaml",
        format!(
            "version: 1\nname: theirs\ntopics: {{ users: {{ external: true, arn: \"{topic}\" }} }}\nqueues: {{ theirs: {{}} }}\nsubscriptions: [{{ topic: users, queue: theirs }}]\n"
        ),
    );
    let _made = env.run(&["provision", "theirs.yaml", "--yes"]).success();
    env.write("topology.yaml", "version: 1\nname: users\nqueues: { user_events_dlq: { retention: 14d }, user_events: { dead_letter: { queue: user_events_dlq, max_receives: 5 } }, spare: {} }\n");
    env
}

#[test]
fn a_topic_with_subscriptions_of_others_goes_for_its_typed_name_only() {
    for protected in [false, true] {
        let env = with_a_foreign_subscriber(protected);
        for wrong in ["", "theirs", "user", "users users", "y", "yes"] {
            let typed = format!("{wrong}\n");
            let refused =
                env.command(&["provision", "--prune", "--yes"]).stdin(typed).on_terminal().run().expect_code(1);
            for said in [
                "deletes 1 subscription of others",
                "sqs:us-east-1:000000000000:theirs",
                "Type `users`",
                "nothing was done",
            ] {
                assert!(refused.stdout().contains(said), "{said}: {}", refused.snapshot());
            }
            all_stands(&env, &refused);
        }
        // The end of the input is no name either.
        let refused = env.command(&["provision", "--prune"]).stdin("\u{4}").on_terminal().run().expect_code(1);
        all_stands(&env, &refused);
        let done = env.command(&["provision", "--prune"]).stdin("users\nusers\n").on_terminal().run().success();
        assert!(done.stdout().contains("Deleted topic `users`"), "{}", done.snapshot());
        let _nothing = env.run(&["provision", "--prune", "--check"]).success();
    }
}

#[test]
fn a_protected_bus_takes_the_typed_name_of_what_goes() {
    let env = project(true);
    env.write("topology.yaml", WITHOUT_SPARE);
    for wrong in ["y", "yes", "Spare", "spare2"] {
        let typed = format!("{wrong}\n");
        let refused = env.command(&["provision", "--prune", "--yes"]).stdin(typed).on_terminal().run().expect_code(1);
        assert!(refused.stdout().contains("nothing was done"), "{}", refused.snapshot());
        all_stands(&env, &refused);
    }
    let done = env.command(&["provision", "--prune"]).stdin("spare\n").on_terminal().run().success();
    assert!(done.stdout().contains("Deleted queue `spare`"), "{}", done.snapshot());
}

/// Ctrl-C as a key of the terminal that the program runs on: util-linux's `setsid` makes it the controlling one. Who runs the tests
/// in a shell's background hands SIGINT on as ignored, so it is first what it is in a terminal.
#[test]
fn a_ctrl_c_at_the_prompt_leaves_everything() {
    let program = crate::support::binary().display();
    for protected in [false, true] {
        let env = with_a_foreign_subscriber(protected);
        let script = format!("env --default-signal=INT setsid --ctty --wait '{program}' provision --prune");
        let mut asked = env.script(&format!("exec {script}")).on_terminal().spawn();
        asked.wait_prompt("Type `users`");
        asked.type_in(b"use\x03");
        let ended = asked.wait();
        assert_ne!(ended.code(), Some(0), "{}", ended.snapshot());
        assert!(!ended.stdout().contains("Deleted"), "{}", ended.snapshot());
        all_stands(&env, &ended);
    }
}

#[test]
fn shortening_a_retention_takes_the_queues_name() {
    let env = project(false);
    env.write("topology.yaml", TOPOLOGY.replace("retention: 14d", "retention: 5d"));
    let refused = env.run(&["provision", "--yes"]).expect_code(2);
    assert!(refused.stderr().contains("--confirm user_events_dlq"), "{}", refused.snapshot());
    all_stands(&env, &refused);
    let _done = env.run(&["provision", "--confirm", "user_events_dlq"]).success();
    let _same = env.run(&["provision", "--check"]).success();
}

#[test]
fn a_protected_bus_asks_for_a_name_before_anything_goes() {
    let env = project(true);
    env.write("topology.yaml", WITHOUT_SPARE);
    let refused = env.run(&["provision", "--prune", "--yes"]).expect_code(2);
    assert!(refused.stderr().contains("--confirm spare"), "{}", refused.snapshot());
    all_stands(&env, &refused);
    let _done = env.run(&["provision", "--prune", "--confirm", "spare"]).success();
    let refused = env.run(&["provision", "--destroy", "--yes"]).expect_code(2);
    assert!(refused.stderr().contains("--confirm users"), "{}", refused.snapshot());
    publish(&env);
    let refused = env.run(&["provision", "--destroy", "--confirm", "users"]).expect_code(2);
    assert!(refused.stderr().contains("--confirm user_events"), "{}", refused.snapshot());
    let _done = env.run(&["provision", "--destroy", "--confirm", "users", "--confirm", "user_events"]).success();
    let nothing = env.run(&["provision", "--destroy"]).success();
    assert!(nothing.stdout().contains("0 unchanged"), "{}", nothing.snapshot());
}

#[test]
fn other_files_and_hands_lose_nothing() {
    let env = project(false);
    env.write(
        "theirs.yaml",
        TOPOLOGY.replace("users", "theirs").replace("user_", "their_").replace("spare", "their_spare"),
    );
    let _theirs = env.run(&["provision", "theirs.yaml", "--yes"]).success();
    let refused = env.run(&["provision", "theirs.yaml", "--adopt", "--yes"]).success();
    assert!(refused.stdout().contains("6 unchanged"), "{}", refused.snapshot());
    env.write("grab.yaml", TOPOLOGY.replace("name: users", "name: grab"));
    let refused = env.run(&["provision", "grab.yaml", "--adopt", "--yes"]).expect_code(4);
    for name in ["topic `users`", "queue `user_events`", "queue `spare`"] {
        assert!(
            refused.stderr().contains(&format!("the {name} belongs to the topology `users`")),
            "{}",
            refused.snapshot()
        );
    }
    let _gone = env.run(&["provision", "theirs.yaml", "--destroy", "--yes"]).success();
    all_stands(&env, &refused);
}

#[test]
fn a_saved_plan_is_carried_out_or_refused() {
    let env = project(false);
    env.write("topology.yaml", WITHOUT_SPARE.replace("retention: 14d", "retention: 14d, delay: 3s"));
    let saved = env.run(&["provision", "--prune", "--out", "plan.json"]).success();
    assert!(saved.stderr().contains("provision --plan plan.json"), "{}", saved.snapshot());
    let plan: Value = serde_json::from_str(&env.read("plan.json")).unwrap();
    assert_matches("provision-plan.schema", &plan);
    assert_matches("provision.schema", &plan["review"]);
    all_stands_but(&env);
    // What is no plan is not written over unasked; an older plan is.
    env.write("notes.txt", "not a plan");
    let refused = env.run(&["provision", "--prune", "--out", "notes.txt"]).expect_code(2);
    assert!(refused.stderr().contains("notes.txt is no plan of this program"), "{}", refused.snapshot());
    assert_eq!(env.read("notes.txt"), "not a plan");
    let _again = env.run(&["provision", "--prune", "--out", "plan.json"]).success();

    // The file moves.
    env.write("topology.yaml", WITHOUT_SPARE);
    let refused = env.run(&["provision", "--plan", "plan.json", "--yes"]).expect_code(4);
    assert!(refused.stderr().contains("the topology says something else now"), "{}", refused.snapshot());
    env.write("topology.yaml", WITHOUT_SPARE.replace("retention: 14d", "retention: 14d, delay: 3s"));
    // The bus moves.
    env.write("other.yaml", TOPOLOGY.replace("spare: {}", "spare: { delay: 5s }"));
    let _moved = env.run(&["provision", "other.yaml", "--yes"]).success();
    let refused = env.run(&["provision", "--plan", "plan.json", "--yes"]).expect_code(4);
    assert!(refused.stderr().contains("queue spare was changed"), "{}", refused.snapshot());
    env.write("other.yaml", TOPOLOGY);
    let _back = env.run(&["provision", "other.yaml", "--yes"]).success();
    // Someone writes into the plan.
    let plan = env.read("plan.json").replace("\"prune\": true", "\"prune\": false");
    env.write("forged.json", plan);
    let _refused = env.run(&["provision", "--plan", "forged.json", "--yes"]).expect_code(4);
    let done = env.run(&["provision", "--plan", "plan.json", "--yes"]).success();
    assert!(done.stdout().contains("0 created, 1 changed, 1 deleted"), "{}", done.snapshot());
    let _twice = env.run(&["provision", "--plan", "plan.json", "--yes"]).expect_code(4);
    let _nothing = env.run(&["provision", "--plan", "missing.json", "--yes"]).expect_code(1);
    env.write("no.json", "{}");
    let _none = env.run(&["provision", "--plan", "no.json", "--yes"]).expect_code(4);
}

fn all_stands_but(env: &TestEnv) {
    env.write("all.yaml", TOPOLOGY);
    let _stands = env.run(&["provision", "all.yaml", "--check"]).success();
}

#[test]
fn drift_is_shown_and_answers_the_check() {
    let env = project(false);
    let none = env.run(&["provision", "--refresh-only"]).success();
    assert!(none.stdout().contains("No drift"), "{}", none.snapshot());
    env.write("other.yaml", TOPOLOGY.replace("spare: {}", "spare: { delay: 5s }"));
    let _drifted = env.run(&["provision", "other.yaml", "--yes"]).success();
    let check = env.run(&["provision", "--check"]).expect_code(6);
    assert!(check.stdout().contains("delay: 5s → 0s"), "{}", check.snapshot());
    let shown = env.run(&["provision", "--refresh-only"]).success();
    assert!(shown.stdout().contains("Drift of `users`: 0 missing, 1 different"), "{}", shown.snapshot());
    assert!(shown.stdout().contains("delay: 5s → 0s"), "{}", shown.snapshot());
    let record = env.run(&["provision", "--refresh-only", "-o", "json"]).success().json();
    assert_matches("provision.schema", &record);
    assert_eq!(record["mode"], "drift");
}
