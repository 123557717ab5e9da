//! `run`: the command's code and streams are its own, and its outcome is published whatever happens to it.

use nix::sys::signal::Signal;
use serde_json::{Value, json};

use crate::support::{Output, TestEnv};

const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

fn project() -> TestEnv {
    let env = TestEnv::provisioned();
    std::fs::remove_dir_all(env.path("schemas")).unwrap();
    std::fs::create_dir(env.path("schemas")).unwrap();
    env
}

fn run(env: &TestEnv, line: &str) -> Output {
    env.run(&["run", "--on-success", "UserRegistered", "--on-failure", "UserRegistrationFailed", "--exec", line])
}

/// The one event that waits.
fn event(env: &TestEnv) -> Value {
    let seen = env.run(&["tail", "user_events", "--idle", "100ms", "-o", "ndjson"]).success().ndjson();
    assert_eq!(seen.len(), 1, "{seen:?}");
    seen[0]["event"].clone()
}

#[test]
fn a_success_publishes_what_the_command_wrote_and_passes_it_on() {
    let env = project();
    let ended = run(&env, "echo working; echo oops >&2; echo '{\"id\":\"7\",\"n\":1.10}'").success();
    assert_eq!(ended.stdout(), "working\n{\"id\":\"7\",\"n\":1.10}\n");
    assert!(ended.stderr().contains("oops\n"), "{}", ended.snapshot());
    assert!(ended.stderr().contains("Published `UserRegistered` to `users`"), "{}", ended.snapshot());
    let event = event(&env);
    let raw = env.run(&["tail", "user_events", "--count", "1", "-o", "ndjson"]).success();
    assert!(raw.stdout().contains(r#""payload":{"id":"7","n":1.10}"#), "to the last digit: {}", raw.snapshot());
    assert_eq!(event["metadata"]["entityId"], "7");
}

#[test]
fn a_failure_publishes_the_librarys_four_fields_and_the_code_is_kept() {
    let env = project();
    let args = [
        "run",
        "--on-failure",
        "UserRegistrationFailed",
        "--id",
        "42",
        "--",
        "sh",
        "-c",
        "echo one >&2; echo two >&2; exit 3",
    ];
    let ended = env.run(&args).expect_code(3);
    assert!(ended.stderr().contains("the command failed: exit 3"), "{}", ended.snapshot());
    let event = event(&env);
    assert_eq!(event["metadata"]["eventName"], "UserRegistrationFailed");
    assert_eq!(event["metadata"]["entityId"], "42");
    assert_eq!(
        event["payload"],
        json!({"Code": "APPLICATION_ERROR", "Data": {"id": "42"}, "Detail": "exit 3: one\ntwo", "Origin": "application"})
    );
}

#[test]
fn the_schema_of_the_failure_event_decides_its_case() {
    let env = project();
    let schema = crate::support::repository().join("schemas/events/UserRegistrationFailed.json");
    env.write("schemas/UserRegistrationFailed.json", std::fs::read(schema).unwrap());
    let _ended = run(&env, "exit 1").expect_code(1);
    let keys: Vec<String> = event(&env)["payload"].as_object().unwrap().keys().cloned().collect();
    assert_eq!(keys, ["code", "data", "detail", "origin"]);
}

#[test]
fn a_death_by_signal_is_told_like_any_other() {
    let env = project();
    let _ended = run(&env, "kill -KILL $$").expect_code(137);
    assert_eq!(event(&env)["payload"]["Detail"], "killed by SIGKILL");
    let env = project();
    let _ended = run(&env, "kill -TERM $$").expect_code(143);
    assert_eq!(event(&env)["payload"]["Detail"], "killed by SIGTERM");
}

#[test]
fn what_is_not_there_or_takes_too_long_has_failed() {
    let env = project();
    let missing =
        env.run(&["run", "--on-failure", "UserRegistrationFailed", "--retries", "3", "--", "no-such-program"]);
    let missing = missing.expect_code(127);
    assert!(!missing.stderr().contains("attempt 1"), "it is not tried again: {}", missing.snapshot());
    assert!(event(&env)["payload"]["Detail"].as_str().unwrap().contains("`no-such-program` does not exist"));
    let env = project();
    let args = ["run", "--on-failure", "UserRegistrationFailed", "--timeout", "100ms", "--exec", "sleep 1000"];
    let _late = env.run(&args).expect_code(143);
    assert_eq!(event(&env)["payload"]["Detail"], "timed out after 100ms");
    let env = project();
    let args = [
        "run",
        "--on-failure",
        "UserRegistrationFailed",
        "--timeout",
        "200ms",
        "--exec",
        "trap 'exit 0' TERM; while :; do sleep 0.01; done",
    ];
    let _late = env.run(&args).expect_code(124);
    assert!(event(&env)["payload"]["Detail"].as_str().unwrap().starts_with("timed out after 200ms"));
}

#[test]
fn failed_attempts_are_tried_again_and_only_the_outcome_is_published() {
    let env = project();
    let line = "n=$(cat n 2>/dev/null || echo 0); n=$((n+1)); echo $n > n; test $n = $EVENTBUS_ATTEMPT; test $n -ge 3";
    let args = ["run", "--on-success", "UserRegistered", "--on-failure", "UserRegistrationFailed", "--backoff", "1ms"];
    let ended = env.run(&[&args[..], &["--retries", "5", "--exec", line]].concat()).success();
    assert!(ended.stderr().contains("attempt 2 of 6 failed (exit 1)"), "{}", ended.snapshot());
    assert_eq!(event(&env)["metadata"]["eventName"], "UserRegistered");
    let env = project();
    let ended = env.run(&[&args[..], &["--retries", "2", "--exec", "exit 9"]].concat()).expect_code(9);
    assert_eq!(ended.stderr().matches("failed (exit 9)").count(), 2, "{}", ended.snapshot());
    let _one = event(&env);
    let env = project();
    let ended = env.run(&[&args[..], &["--retries", "2", "--exec", "exit 65"]].concat()).expect_code(65);
    assert!(!ended.stderr().contains("attempt 1"), "{}", ended.snapshot());
}

#[test]
fn the_trace_is_handed_on_and_continued() {
    let env = project();
    let line = "echo \"{\\\"trace\\\":\\\"$TRACEPARENT\\\"}\"";
    let args = ["run", "--on-success", "UserRegistered", "--exec", line];
    let _ended = env.command(&args).env("TRACEPARENT", PARENT).run().success();
    let event = event(&env);
    let (own, continued) =
        (event["payload"]["trace"].as_str().unwrap(), event["metadata"]["traceparent"].as_str().unwrap());
    for span in [own, continued] {
        assert!(span.starts_with("00-0af7651916cd43dd8448eb211c80319c-") && span != PARENT, "{span}");
    }
    assert_ne!(own, continued);
}

#[test]
fn what_cannot_be_published_is_found_before_anything_runs() {
    let env = TestEnv::provisioned();
    for (args, code, told) in [
        (&["--on-success", "UserRegisterd"][..], 4, "did you mean `UserRegistered`"),
        (&["--on-success", "UserRegistered", "--topic", "userss"][..], 1, "topic `userss` does not exist"),
        (&["--on-success", "UserRegistered", "--payload", "{\"a\":1,\"a\":2}"][..], 4, "`--payload` is no payload"),
        (&["--on-success", "UserRegistered", "--payload", "{\"id\":\"1\"}"][..], 4, "lacks the property `email`"),
        (&[][..], 2, "required"),
    ] {
        let ended = env.run(&[&["run"], args, &["--", "touch", "ran"]].concat()).expect_code(code);
        assert!(ended.stderr().contains(told), "{}", ended.snapshot());
        assert!(!env.path("ran").exists());
    }
    // The command was done; its event is not what the schema wants.
    let refused = env.run(&["run", "--on-success", "UserRegistered", "--", "touch", "ran"]).expect_code(4);
    assert!(refused.stderr().contains("lacks the property `email`"), "{}", refused.snapshot());
    assert!(env.path("ran").exists());
}

#[test]
fn a_signal_goes_to_the_command_and_its_outcome_is_published() {
    let env = project();
    let line = "trap 'echo bye; exit 5' INT; echo ready; while :; do sleep 0.01; done";
    let args = ["run", "--on-failure", "UserRegistrationFailed", "--retries", "9", "--exec", line];
    let mut running = env.command(&args).spawn();
    running.wait_stdout("ready");
    running.signal(Signal::SIGINT);
    let ended = running.wait().expect_code(5);
    assert!(ended.stdout().contains("bye"), "{}", ended.snapshot());
    assert_eq!(event(&env)["payload"]["Detail"], "exit 5");
    // One that does not listen is ended by the second.
    let env = project();
    let line = "trap '' INT TERM; echo ready; while :; do sleep 0.01; done";
    let mut running = env.command(&["run", "--on-failure", "UserRegistrationFailed", "--exec", line]).spawn();
    running.wait_stdout("ready");
    running.signal(Signal::SIGTERM);
    running.signal(Signal::SIGINT);
    let _ended = running.wait().expect_code(137);
    assert_eq!(event(&env)["payload"]["Detail"], "ended before it was done");
}

#[test]
fn its_stdin_passes_through_and_a_bus_that_is_away_loses_nothing() {
    let env = project();
    let args = [
        "run",
        "--on-success",
        "UserRegistered",
        "--payload",
        "{\"id\":\"9\",\"email\":\"a@b.c\"}",
        "--outbox",
        "o.db",
        "--endpoint-url",
        "http://127.0.0.1:1",
        "--",
        "cat",
    ];
    let ended = env.command(&args).stdin("through\n").run().expect_code(1);
    assert_eq!(ended.stdout(), "through\n");
    assert!(ended.stderr().contains("the command is run all the same"), "{}", ended.snapshot());
    assert!(ended.stderr().contains("outbox flush o.db`"), "{}", ended.snapshot());
    let _sent = env.run(&["outbox", "flush", "o.db", "--any-bus"]).success();
    assert_eq!(event(&env)["payload"], json!({"id": "9", "email": "a@b.c"}));
}
