//! `replay` beyond dead letters: recordings, topics, files, other contexts, changes on the way, SQS's own moves.

use serde_json::Value;

use crate::support::{Client, TestEnv, assert_lines_match};

fn ok(env: &TestEnv, args: &[&str]) {
    let _ = env.run(args).success();
}

fn dead_letters() -> TestEnv {
    let env = TestEnv::with_three_events();
    ok(&env, &["consume", "user_events", "--exec", "exit 65", "--drain"]);
    env
}

fn records(env: &TestEnv, queue: &str) -> Vec<Value> {
    env.run(&["tail", queue, "--idle", "200ms", "-o", "ndjson"]).success().ndjson()
}

/// Runs a replay that ends well and returns its lines, which are what the schema says.
fn replay(env: &TestEnv, args: &[&str]) -> Vec<Value> {
    let all: Vec<&str> = ["replay"].iter().chain(args).copied().collect();
    let lines = env.run(&all).success().ndjson();
    assert_lines_match("replay.schema", &lines);
    lines
}

#[test]
fn to_a_file_and_back_again_plain_compressed_and_over_stdin() {
    for name in ["dead.ndjson", "dead.ndjson.zst"] {
        let env = dead_letters();
        let before = records(&env, "user_events_dlq");
        let done = replay(&env, &["user_events_dlq", "--to", &format!("file:{name}"), "--yes"]);
        assert_eq!((done.len(), &done[3]["done"], &done[3]["journal"]), (4, &3.into(), &Value::Null));
        assert!(records(&env, "user_events_dlq").is_empty());
        // The recording remembers the dead-letter queue, and with it the origin.
        let sent = replay(&env, &[name, "--limit", "1", "--yes"]);
        assert_eq!((&sent[0]["outcome"], &sent[0]["to"]), (&"copied".into(), &"user_events".into()));
        let again = replay(&env, &[name, "--to", "queue:user_events_dlq", "--yes"]);
        assert_eq!(again[3]["done"], 3);
        let after = records(&env, "user_events_dlq");
        for (before, after) in before.iter().zip(&after) {
            assert_eq!(before["body"], after["body"]);
        }
        let same = env.run(&["replay", name, "--to", &format!("file:./{name}"), "--yes"]).expect_code(2);
        assert!(same.stderr().contains("source and destination are both"), "{}", same.stderr());
    }
    let env = dead_letters();
    let all = env.run(&["tail", "user_events_dlq", "--count", "3", "-o", "ndjson"]).success();
    let piped = env.command(&["replay", "-", "--to", "queue:user_events", "--yes"]).stdin(all.stdout()).run().success();
    assert_eq!(piped.ndjson()[3]["done"], 3);
    assert_eq!(records(&env, "user_events").len(), 3);
    let broken = format!("{}no record\n", all.stdout());
    let partial =
        env.command(&["replay", "-", "--to", "queue:user_events", "--yes"]).stdin(broken).run().expect_code(3);
    let lines = partial.ndjson();
    assert_lines_match("replay.schema", &lines);
    let refused: Vec<&Value> = lines.iter().filter(|line| line["outcome"] == "refused").collect();
    assert_eq!((refused.len(), &refused[0]["message_id"], lines.len()), (1, &"line 4".into(), 5));
    assert_eq!(env.run(&["replay", "none.ndjson", "--yes"]).expect_code(2).stdout(), "");
    assert_eq!(env.command(&["replay", "-", "--yes"]).run().success().ndjson().len(), 1, "nothing in, nothing done");
}

#[test]
fn to_a_topic_it_is_published_again_with_its_attributes() {
    let env = dead_letters();
    let before = records(&env, "user_events_dlq");
    replay(&env, &["user_events_dlq", "--to", "topic:users", "--republish", "--yes"]);
    assert!(records(&env, "user_events_dlq").is_empty());
    let after = records(&env, "user_events");
    assert_eq!(after.len(), 3);
    for (before, after) in before.iter().zip(&after) {
        // The wrapper is the topic's new one, around the same message; the labels of the rejection are gone.
        assert_eq!(before["event"]["payload"], after["event"]["payload"]);
        assert_eq!(after["attributes"]["eventName"]["value"], "UserRegistered");
        assert!(after["attributes"].get("eventbus.origin").is_none() && after["message"]["topic"].is_string());
        assert_ne!(before["message"]["snsMessageId"], after["message"]["snsMessageId"]);
        let trace = |record: &Value| record["event"]["metadata"]["traceparent"].clone();
        assert!(trace(after).is_string() && trace(before) != trace(after));
    }
}

#[test]
fn to_another_context() {
    let env = dead_letters();
    env.write(
        "eventbus.yaml",
        "publisher: UserService\ntopology: topology.yaml\ncontexts:\n  local: { kind: local, path: .eventbus/bus.db }\n  \
         staging: { kind: local, path: staging/bus.db }\n  prod: { kind: local, path: prod/bus.db, protected: true }\n",
    );
    let absent = env.run(&["replay", "user_events_dlq", "--to-context", "staging", "--yes"]).expect_code(1);
    assert!(absent.stderr().contains("eventbus provision --context staging"), "{}", absent.stderr());
    ok(&env, &["provision", "topology.yaml", "--yes", "--context", "staging"]);
    ok(&env, &["provision", "topology.yaml", "--yes", "--context", "prod"]);
    let there = |context: &str, queue: &str| {
        env.run(&["tail", queue, "--idle", "200ms", "-o", "ndjson", "--context", context]).success().ndjson().len()
    };
    replay(&env, &["user_events_dlq", "--to-context", "staging", "--copy", "--yes"]);
    assert_eq!((there("staging", "user_events"), records(&env, "user_events_dlq").len()), (3, 3));
    // Its namesake there is another queue.
    replay(&env, &["user_events_dlq", "--to-context", "staging", "--to", "queue:user_events_dlq", "--copy", "--yes"]);
    assert_eq!(there("staging", "user_events_dlq"), 3);
    replay(&env, &["user_events_dlq", "--to-context", "staging", "--to", "topic:users", "--limit", "1", "--yes"]);
    assert_eq!((there("staging", "user_events"), records(&env, "user_events").len()), (4, 0));
    let refused = env.run(&["replay", "user_events_dlq", "--to-context", "prod", "--yes"]).expect_code(2);
    assert!(refused.stderr().contains("--confirm user_events"), "{}", refused.stderr());
    let confirmed = ["user_events_dlq", "--to-context", "prod", "--confirm", "user_events"];
    replay(&env, &confirmed);
    assert_eq!((there("prod", "user_events"), records(&env, "user_events_dlq").len()), (2, 0));
}

#[test]
fn what_is_selected_is_edited_checked_and_sent_and_the_rest_stays() {
    let env = dead_letters();
    let refused =
        env.run(&["replay", "user_events_dlq", "--edit", ".event.payload.email = 7", "--yes"]).expect_code(4).ndjson();
    assert_lines_match("replay.schema", &refused);
    assert!(refused[0]["reason"].as_str().unwrap().contains("UserRegistered"), "{}", refused[0]);
    assert_eq!((records(&env, "user_events").len(), records(&env, "user_events_dlq").len()), (0, 3));
    let lines = replay(
        &env,
        &[
            "user_events_dlq",
            "--where",
            ".event.payload.email == \"a2@example.com\"",
            "--edit",
            ".event.payload.email = \"b2@example.com\" | .attributes.retried = {type: \"String\", value: \"yes\"}",
            "--yes",
        ],
    );
    assert_eq!((&lines[1]["done"], &lines[1]["skipped"]), (&1.into(), &2.into()));
    let moved = records(&env, "user_events");
    assert_eq!(moved[0]["event"]["payload"]["email"], "b2@example.com");
    assert_eq!(moved[0]["attributes"]["retried"]["value"], "yes");
    let other = env.run(&["replay", "user_events_dlq", "--edit", ".event.metadata = {}", "--yes"]).expect_code(4);
    assert!(other.stdout().contains("no record") || other.stdout().contains("something else"), "{}", other.stdout());
    let bad = env.run(&["replay", "user_events_dlq", "--edit", ".a |"]).expect_code(2);
    assert!(bad.stderr().contains("column"), "{}", bad.stderr());
    assert_eq!(records(&env, "user_events_dlq").len(), 2);
}

#[test]
fn at_a_rate_and_in_a_recordings_own_rhythm() {
    let env = dead_letters();
    replay(&env, &["user_events_dlq", "--to", "file:r.ndjson", "--copy", "--rate", "100", "--yes"]);
    replay(&env, &["r.ndjson", "--to", "queue:user_events", "--speed", "1000x", "--yes"]);
    assert_eq!(records(&env, "user_events").len(), 3);
    let queue = env.run(&["replay", "user_events_dlq", "--speed", "2x", "--yes"]).expect_code(2);
    assert!(queue.stderr().contains("--rate"), "{}", queue.stderr());
    for bad in
        [&["--rate", "0"][..], &["--speed", "0x"], &["--concurrency", "0"], &["--to", "nowhere"], &["--limit", "0"]]
    {
        let all: Vec<&str> = ["replay", "user_events_dlq"].iter().chain(bad).copied().collect();
        let _ = env.run(&all).expect_code(2);
    }
}

#[test]
fn sqs_moves_by_itself_where_it_can_and_says_why_not_elsewhere() {
    let env = dead_letters();
    for (args, why) in [
        (&["--limit", "1"][..], "`--limit`"),
        (&["--event", "X"], "a selection"),
        (&["--copy"], "does not copy"),
        (&["--republish"], "a change"),
        (&["--dry-run"], "no dry run"),
        (&["--to", "topic:users"], "from queue to queue"),
        (&["--rate", "501"], "at most 500"),
    ] {
        let all: Vec<&str> = ["replay", "user_events_dlq", "--native", "--yes"].iter().chain(args).copied().collect();
        let refused = env.run(&all).expect_code(2);
        assert!(refused.stderr().contains(why), "{}", refused.stderr());
    }
    assert_eq!(records(&env, "user_events_dlq").len(), 3);
    // To a queue that is named: what `consume` rejected has no source that SQS would know.
    let done = replay(&env, &["user_events_dlq", "--native", "--to", "queue:user_events", "--yes"]);
    assert_eq!((&done[0]["kind"], &done[0]["done"]), (&"summary".into(), &3.into()));
    assert_eq!((records(&env, "user_events").len(), records(&env, "user_events_dlq").len()), (3, 0));
}

#[test]
fn a_preview_and_a_question_on_a_terminal() {
    let env = dead_letters();
    let args = ["replay", "user_events_dlq", "--event", "UserRegistered", "--republish", "--rate", "50"];
    let no = env.command(&args).on_terminal().stdin("n\n").run().expect_code(1);
    for told in
        ["held and given back", "fresh publish date", "At most 50 messages a second", "Move the `UserRegistered` among"]
    {
        assert!(no.stdout().contains(told), "{told}: {}", no.stdout());
    }
    assert_eq!(records(&env, "user_events_dlq").len(), 3);
    let yes = env.command(&args).on_terminal().stdin("y\n").run().success();
    assert!(yes.stdout().contains("Moved 3 messages from `user_events_dlq` to `user_events`"), "{}", yes.stdout());
    assert!(!env.path(".eventbus/replays").read_dir().unwrap().any(|_| true), "what is done leaves no journal");
}

/// Two queues that dead-letter after one receive into one queue; both have sent there, by SQS's own move.
fn two_sources() -> TestEnv {
    let env = TestEnv::new();
    let queue = "dead_letter: { queue: dead, max_receives: 1 }";
    let text = format!(
        "version: 1\nname: two\ntopics: {{}}\nqueues:\n  one: {{ {queue} }}\n  two: {{ {queue} }}\n  dead: {{}}\n  other: {{}}\n"
    );
    env.write("topology.yaml", text);
    ok(&env, &["provision", "topology.yaml", "--yes"]);
    for name in ["one", "two"] {
        let line = |n: u32| {
            let record =
                serde_json::json!({ "version": 1, "message": {}, "attributes": {}, "body": format!("{name} {n}") });
            format!("{record}\n")
        };
        env.write("in.ndjson", (0..3).map(line).collect::<String>());
        ok(&env, &["replay", "in.ndjson", "--to", &format!("queue:{name}"), "--yes"]);
        // Received once each, and moved when that is tried again.
        for _ in 0..2 {
            ok(&env, &["tail", name, "--mode", "receive", "--force", "--idle", "300ms"]);
        }
    }
    env
}

#[test]
fn dead_letters_of_two_queues_go_back_each_to_its_own() {
    let env = two_sources();
    let dead = records(&env, "dead");
    assert_eq!(dead.len(), 6);
    assert!(dead.iter().all(|record| record["message"]["deadLetterSource"].is_string()), "{dead:#?}");
    let lines = replay(&env, &["dead", "--to", "origin", "--yes"]);
    assert_eq!(lines.last().unwrap()["done"], 6);
    for name in ["one", "two"] {
        let back = records(&env, name);
        assert_eq!(back.len(), 3);
        assert!(back.iter().all(|record| record["body"].as_str().unwrap().starts_with(name)), "{back:#?}");
    }
    assert!(records(&env, "dead").is_empty());
}

#[test]
fn what_stays_is_not_pushed_towards_the_dead_letters_unasked() {
    let env = two_sources();
    ok(&env, &["replay", "dead", "--yes", "-q"]);
    let select = ["replay", "one", "--to", "queue:other", "--grep", "one 1", "--yes", "--limit", "2"];
    let refused = env.run(&select).expect_code(1);
    assert!(refused.stderr().contains("--force") && refused.stderr().contains("1 time"), "{}", refused.snapshot());
    assert_eq!((records(&env, "one").len(), records(&env, "other").len()), (3, 0));
    // All of it, and a look that is none, cost nothing.
    ok(&env, &[&select[..6], &["--dry-run"]].concat());
    let forced = env.run(&[&select[..], &["--force"]].concat()).success();
    assert!(forced.stderr().contains("looking counts as a receive"), "{}", forced.snapshot());
    assert_eq!((records(&env, "one").len(), records(&env, "other").len()), (2, 1));
    replay(&env, &["two", "--to", "queue:other", "--yes"]);
    assert_eq!(records(&env, "other").len(), 4);
    // Where the bus moves what is named in one step, nothing is received, and nothing need be forced.
    let lines = replay(&env, &["one", "--to", "queue:other", "--grep", "one 2", "--yes"]);
    let summary = lines.last().unwrap();
    assert_eq!((&summary["done"], &summary["skipped"], &summary["given_back"]), (&1.into(), &1.into(), &0.into()));
    let left = records(&env, "one");
    assert_eq!(
        (left.len(), &left[0]["message"]["receiveCount"]),
        (1, &1.into()),
        "the look of the forced one: {left:#?}"
    );
}

#[test]
fn sqs_is_asked_to_stop_and_what_it_has_moved_stays_moved() {
    let env = two_sources();
    let args = ["replay", "dead", "--native", "--to", "queue:other", "--rate", "1", "--yes"];
    let moving = env.command(&args).spawn();
    while records(&env, "other").is_empty() {
        assert!(records(&env, "dead").len() <= 6);
    }
    moving.signal(nix::sys::signal::Signal::SIGINT);
    let ended = moving.wait().expect_code(130);
    assert!(ended.stderr().contains("asked SQS to stop"), "{}", ended.snapshot());
    let (moved, left) = (records(&env, "other").len(), records(&env, "dead").len());
    assert!(moved >= 1 && moved + left == 6, "{moved} and {left}");
    let summary = ended.ndjson().pop().unwrap();
    assert_eq!(summary["done"].as_u64(), Some(moved as u64), "it was watched until SQS had stopped: {summary}");
    // The task is over: another one may begin, and takes the rest.
    replay(&env, &["dead", "--native", "--to", "queue:other", "--yes"]);
    assert_eq!((records(&env, "other").len(), records(&env, "dead").len()), (6, 0));
}

#[test]
fn a_recording_that_was_cut_off_is_sent_as_far_as_it_is_whole_and_told() {
    let env = dead_letters();
    for name in ["r.ndjson", "r.ndjson.zst"] {
        for _ in 0..2 {
            ok(&env, &["record", "user_events_dlq", "--to", name, "--idle", "200ms"]);
        }
        let whole = std::fs::read(env.path(name)).unwrap();
        let cut = format!("cut-{name}");
        env.write(&cut, &whole[..whole.len() - 9]);
        let sent = env.run(&["replay", &cut, "--to", "queue:user_events", "--yes"]).expect_code(3);
        let lines = sent.ndjson();
        assert_lines_match("replay.schema", &lines);
        let refused = lines.iter().find(|line| line["outcome"] == "refused").unwrap();
        assert!(refused["reason"].as_str().unwrap().contains("cut off"), "{refused}");
        let summary = lines.last().unwrap();
        let done = if name.ends_with("zst") { 3 } else { 5 };
        assert_eq!(
            (&summary["done"], &summary["refused"], &summary["journal"]),
            (&done.into(), &1.into(), &Value::Null)
        );
    }
    assert!(env.run(&["replay", "--journals"]).success().stdout().is_empty());
}

#[test]
fn a_replay_whose_reader_went_away_is_not_done() {
    let env = dead_letters();
    let bin = crate::support::binary().display().to_string();
    // The reader is gone before the first line, whatever else this machine does.
    let script = format!(
        "mkfifo out; true <out & exec 3>out; wait; {bin} replay user_events_dlq --rate 1 --yes >&3; echo $? >code"
    );
    let _ = env.script(&script).run().success();
    assert_eq!(env.read("code").trim(), "3");
    assert!(!records(&env, "user_events_dlq").is_empty());
    for more in [&["--to", "queue:other"][..], &["--event", "X"], &["--speed", "2x"], &["--since", "1h"]] {
        let refused = env.run(&[&["replay", "--resume", "--yes"], more].concat()).expect_code(2);
        assert!(refused.stderr().contains("cannot be used with"), "{}", refused.stderr());
    }
    ok(&env, &["replay", "--resume", "--yes", "--rate", "100"]);
    assert_eq!((records(&env, "user_events").len(), records(&env, "user_events_dlq").len()), (3, 0));
}

#[test]
fn large_messages_are_moved_beside_a_server() {
    let env = two_sources();
    let server = env.serve();
    // Each byte is two when escaped.
    let body = "\n\"".repeat(400 * 1024 / 2);
    let mut client = Client::connect(&server.url).unwrap();
    for _ in 0..20 {
        let input = serde_json::json!({ "QueueUrl": format!("{}/000000000000/two", server.url), "MessageBody": body });
        assert_eq!(client.sqs("SendMessage", &input).unwrap().0, 200);
    }
    let before = records(&env, "two").len();
    let lines = replay(&env, &["two", "--to", "queue:other", "--yes"]);
    let summary = lines.last().unwrap();
    assert_eq!((&summary["done"], &summary["left"]), (&before.into(), &0.into()));
    let bodies = records(&env, "other");
    assert_eq!(bodies.iter().filter(|record| record["body"].as_str() == Some(body.as_str())).count(), 20);
}
