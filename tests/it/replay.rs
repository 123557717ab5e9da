//! `replay`: dead letters back to their origin, and the promises it keeps.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use crate::support::proxy::{self, Fate, Request};
use crate::support::{TestEnv, Veil, assert_lines_match, veiled};

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
fn over_http_a_page_is_moved_in_one_step_and_a_lost_answer_is_said() {
    let moves = |request: &Request| request.line.starts_with("POST /_eventbus/move");
    let env = dead_letters();
    let server = env.serve();
    // The first try does not reach the bus: the second moves everything, once.
    let tries = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&tries);
    let url = proxy::before(&server.url, move |request| {
        assert!(!matches!(request.operation().as_str(), "ReceiveMessage" | "DeleteMessageBatch"), "{}", request.line);
        let first = moves(request) && counted.fetch_add(1, Ordering::SeqCst) == 0;
        if first { Fate::Reset } else { Fate::Answered }
    });
    let there = ["replay", "user_events_dlq", "--yes", "--endpoint-url"];
    let lines = env.run(&[&there[..], &[&url]].concat()).success().ndjson();
    assert_lines_match("replay.schema", &lines);
    assert_eq!((tries.load(Ordering::SeqCst), &lines[3]["done"]), (2, &3.into()));
    // The answer is lost: the second try finds nothing any more, and a look tells why.
    let cut = Arc::new(AtomicUsize::new(0));
    let url = proxy::before(&server.url, move |request| {
        let first = moves(request) && cut.fetch_add(1, Ordering::SeqCst) == 0;
        if first { Fate::Cut } else { Fate::Answered }
    });
    let back = ["replay", "user_events", "--to", "queue:user_events_dlq", "--yes", "--endpoint-url"];
    let told = env.run(&[&back[..], &[&url]].concat()).success().ndjson();
    assert_lines_match("replay.schema", &told);
    assert_eq!((&told[3]["done"], &told[3]["failed"], told.len()), (&3.into(), &0.into(), 4));
    assert_eq!((waiting(&env, "user_events"), waiting(&env, "user_events_dlq")), (0, 3));
    // The ids that are told are the ones that they have there.
    let sorted = |mut ids: Vec<serde_json::Value>| {
        ids.sort_by_key(ToString::to_string);
        ids
    };
    let there_now = env.run(&["tail", "user_events_dlq", "--idle", "200ms"]).success().ndjson();
    assert_eq!(
        sorted(told[..3].iter().map(|line| line["new_message_id"].clone()).collect()),
        sorted(there_now.iter().map(|record| record["message"]["id"].clone()).collect())
    );
    // No try is answered: what became of it is seen all the same.
    let url = proxy::before(&server.url, move |request| if moves(request) { Fate::Cut } else { Fate::Answered });
    let seen = env.run(&[&there[..], &[&url]].concat()).expect_code(1);
    assert_eq!(seen.ndjson()[3]["done"], 3);
    assert!(seen.stderr().contains("`move` could not reach the bus"), "{}", seen.snapshot());
    assert_eq!((waiting(&env, "user_events"), waiting(&env, "user_events_dlq")), (3, 0));
    // And nobody can be asked any more: each is named.
    let away = AtomicBool::new(false);
    let url = proxy::before(&server.url, move |request| {
        let moved = moves(request);
        if away.fetch_or(moved, Ordering::SeqCst) && !moved {
            Fate::Reset
        } else if moved {
            Fate::Cut
        } else {
            Fate::Answered
        }
    });
    let told = env.run(&[&back[..], &[&url]].concat()).expect_code(1).ndjson();
    assert_lines_match("replay.schema", &told);
    for line in &told[..3] {
        let found = (&line["outcome"], &line["code"], &line["uncertain"]);
        assert_eq!(found, (&"failed".into(), &"AnswerLost".into(), &true.into()));
    }
    assert_eq!((waiting(&env, "user_events"), waiting(&env, "user_events_dlq")), (0, 3));
}

/// Where the endpoint shows nothing without receiving it, as on AWS, it goes message by message.
#[test]
fn on_a_bus_that_only_receives_it_goes_message_by_message() {
    for veil in [Veil::All, Veil::LocalStack] {
        let env = dead_letters();
        let server = env.serve();
        let url = veiled(&server.url, veil);
        let dry = env.run(&["replay", "user_events_dlq", "--dry-run", "--endpoint-url", &url]).success();
        assert!(dry.stderr().contains("cannot show messages without receiving them"), "{}", dry.stderr());
        let lines = env.run(&["replay", "user_events_dlq", "--yes", "--endpoint-url", &url]).success().ndjson();
        assert_eq!(lines[3]["done"], 3);
        assert_eq!((waiting(&env, "user_events"), waiting(&env, "user_events_dlq")), (3, 0));
    }
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
