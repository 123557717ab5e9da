//! `tail`: on the embedded bus it looks without touching; elsewhere it says what looking costs, and gives back.

use nix::sys::signal::Signal;
use serde_json::Value;

use crate::support::{TestEnv, Veil, assert_matches, veiled};

fn ok(env: &TestEnv, args: &[&str]) {
    let _ = env.run(args).success();
}

fn records(env: &TestEnv, args: &[&str]) -> Vec<Value> {
    let mut all = vec!["tail", "user_events"];
    all.extend(args);
    let records = env.run(&all).success().ndjson();
    for record in &records {
        assert_matches("record.schema", record);
    }
    records
}

#[test]
fn looking_changes_nothing_and_shows_each_message_once() {
    let env = TestEnv::with_three_events();
    for _ in 0..3 {
        let records = records(&env, &["--idle", "200ms"]);
        let ids: Vec<&str> =
            records.iter().map(|record| record["event"]["metadata"]["entityId"].as_str().unwrap()).collect();
        let expected: Vec<String> = (1..=3).map(|n| format!("00000000-0000-4000-8000-00000000000{n}")).collect();
        assert_eq!(ids, expected);
        // No receive count was raised by the rounds before, and all are still there to be seen.
        assert!(records.iter().all(|record| record["message"]["receiveCount"] == 0), "{records:#?}");
    }
    assert_eq!(records(&env, &["--count", "2"]).len(), 2);
    assert_eq!(records(&env, &["--event", "Other", "--idle", "200ms"]).len(), 0);
}

#[test]
fn what_comes_later_is_shown_when_it_comes() {
    let env = TestEnv::with_three_events();
    let mut tail = env.command(&["tail", "user_events", "--count", "4"]).spawn();
    tail.wait_stdout("000000000003");
    env.write("late.json", "{\"id\": \"00000000-0000-4000-8000-0000000000ff\", \"email\": \"late@example.com\"}");
    ok(&env, &["publish", "UserRegistered", "late.json"]);
    let done = tail.wait().success();
    assert!(done.ndjson()[3]["event"]["metadata"]["entityId"].as_str().unwrap().ends_with("ff"));
}

#[test]
fn a_closed_stdout_ends_it_with_0_even_when_nothing_more_comes() {
    let env = TestEnv::with_three_events();
    // `head` closes the pipe after the first line; no fourth message ever comes.
    let program = crate::support::binary().display();
    let done = env.script(&format!("{{ '{program}' tail user_events; echo \"code $?\" >&2; }} | head -n 1")).run();
    assert!(done.stderr().contains("code 0"), "{}", done.snapshot());
}

#[test]
fn an_unknown_queue_is_told_with_the_nearest_names() {
    let env = TestEnv::with_three_events();
    let failed = env.run(&["tail", "user_event"]).expect_code(1);
    assert!(failed.stderr().contains("queue `user_event` does not exist"), "{}", failed.stderr());
    assert!(failed.stderr().contains("did you mean `user_events`"), "{}", failed.stderr());
}

#[test]
fn an_endpoint_without_peek_refuses_where_looking_can_dead_letter() {
    let env = TestEnv::with_three_events();
    let server = env.serve();
    let url = veiled(&server.url, Veil::All);
    let args = ["tail", "user_events", "--endpoint-url", &url, "--idle", "1s", "--mode", "receive"];
    let refused = env.run(&args).expect_code(1);
    assert!(refused.stderr().contains("`user_events_dlq` once it was received"), "{}", refused.stderr());
    assert!(refused.stderr().contains("--force"), "{}", refused.stderr());
    let mut forced = args.to_vec();
    forced.push("--force");
    let shown = env.run(&forced).success();
    assert_eq!(shown.ndjson().len(), 3);
    assert!(shown.stderr().contains("received once"), "{}", shown.stderr());
    // Given back: at once visible again, to a second look.
    assert_eq!(env.run(&forced).success().ndjson().len(), 3);
}

#[test]
fn for_people_it_is_pretty() {
    let env = TestEnv::with_three_events();
    let shown = env.run(&["tail", "user_events", "--count", "1", "-o", "pretty"]).success();
    assert!(
        shown.stdout().contains("UserRegistered") && shown.stdout().contains("\"email\": \"a1@example.com\""),
        "{}",
        shown.stdout()
    );
}

#[test]
fn a_signal_ends_the_look_up_of_a_bus_that_does_not_answer() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let env = TestEnv::new();
    let mut running = env.command(&["tail", "users", "--endpoint-url", &url]).spawn();
    let _said = running.wait_stderr("bus `ad hoc`");
    let _asked = listener.accept().unwrap();
    running.signal(Signal::SIGINT);
    let _ended = running.wait().expect_code(130);
}
