//! `record`, `inspect` and `purge`: what is kept, what it says, and what is taken away.

use serde_json::Value;

use crate::support::{TestEnv, Veil, assert_lines_match, assert_matches, veiled};

#[test]
fn a_recording_holds_everything_and_is_appended_to() {
    let env = TestEnv::with_three_events();
    for (file, unpack) in [("r.ndjson", "cat"), ("r.ndjson.zst", "zstd -dc")] {
        let args = ["record", "user_events", "--to", file, "--idle", "200ms", "-o", "json"];
        let recorded = env.run(&args).success();
        assert_matches("recorded.schema", &recorded.json());
        assert_eq!((recorded.json()["records"].as_u64(), recorded.json()["passed_over"].as_u64()), (Some(3), Some(0)));
        let _again = env.run(&[&args[..], &["--count", "1"]].concat()).success();
        let records = env.run(&["tail", file]).success().ndjson();
        assert_eq!(records.len(), 4);
        assert_lines_match("record.schema", &records);
        let live = env.run(&["tail", "user_events", "--idle", "200ms"]).success().ndjson();
        assert_eq!(records[..3], live[..]);
        // Where the program is there, it reads it, too.
        let read = env
            .script(&format!(
                "command -v {} >/dev/null || exit 99; {unpack} {file}",
                unpack.split(' ').next().unwrap_or_default()
            ))
            .run();
        if read.code() != Some(99) {
            assert_eq!(read.success().ndjson(), records);
        }
    }
}

#[test]
fn a_recorder_that_is_killed_leaves_a_recording() {
    let env = TestEnv::with_three_events();
    for file in ["k.ndjson", "k.ndjson.zst"] {
        let mut recorder = env.command(&["record", "user_events", "--to", file, "--verbose"]).spawn();
        let _begun = recorder.wait_stderr("without receiving");
        // It has written what waits when the file has it.
        while env.run(&["tail", file]).stdout().lines().count() < 3 {}
        let busy = env.run(&["record", "user_events", "--to", file, "--idle", "1s"]).expect_code(1);
        assert!(busy.stderr().contains("written by another process"), "{}", busy.snapshot());
        let _killed = recorder.kill();
        assert_eq!(env.run(&["tail", file]).success().ndjson().len(), 3);
        let _on = env.run(&["record", "user_events", "--to", file, "--count", "2"]).success();
        assert_eq!(env.run(&["tail", file]).success().ndjson().len(), 5);
    }
}

#[test]
fn what_is_no_recording_is_not_written_to() {
    let env = TestEnv::with_three_events();
    env.write("notes.ndjson", "my notes\n");
    let refused = env.run(&["record", "user_events", "--to", "notes.ndjson", "--idle", "1s"]).expect_code(4);
    assert!(refused.stderr().contains("is no recording"), "{}", refused.snapshot());
    assert_eq!(env.read("notes.ndjson"), "my notes\n");
    let _missing = env.run(&["tail", "missing.ndjson"]).expect_code(1);
    let _foreign = env.run(&["tail", "notes.ndjson"]).expect_code(4);
    let _takes = env.run(&["record", "user_events", "--to", "x.ndjson", "--mode", "drain"]).expect_code(2);
    let _size = env.run(&["record", "user_events", "--to", "x.ndjson", "--rotate-size", "0"]).expect_code(2);
}

#[test]
fn files_are_put_aside_by_size() {
    let env = TestEnv::with_three_events();
    for _ in 0..3 {
        let _kept = env
            .run(&["record", "user_events", "--to", "r.ndjson", "--rotate-size", "2KiB", "--idle", "200ms"])
            .success();
    }
    assert!(env.path("r.0001.ndjson").exists());
    let lines = env.script("cat r*.ndjson | wc -l").run().success();
    assert_eq!(lines.stdout().trim(), "9");
}

#[test]
fn a_queue_and_a_recording_are_inspected_alike() {
    let env = TestEnv::with_three_events();
    let _other = env.run(&["local", "status"]).success();
    let inspect = |args: &[&str]| -> Value {
        let answer = env.run(&[&["inspect"], args, &["-o", "json"]].concat()).success().json();
        assert_matches("inspect.schema", &answer);
        answer
    };
    let live = inspect(&["user_events"]);
    assert_eq!((live["messages"].as_u64(), live["groups"].as_array().unwrap().len()), (Some(3), 1));
    assert_eq!(live["groups"][0]["key"]["event"], "UserRegistered");
    assert_eq!(live["groups"][0]["receives"]["max"], 0);
    assert_matches("record.schema", &live["groups"][0]["sample"]);
    let _kept = env.run(&["record", "user_events", "--to", "r.ndjson.zst", "--idle", "200ms"]).success();
    let recorded = inspect(&["r.ndjson.zst"]);
    assert_eq!(recorded["groups"], live["groups"]);
    let by = inspect(&[
        "r.ndjson.zst",
        "--by",
        "age",
        "--by",
        "receives",
        "--where",
        ".event.payload.email != \"a1@example.com\"",
    ]);
    assert_eq!(by["messages"], 2);
    let table = env.run(&["inspect", "user_events"]).success();
    assert!(table.stdout().contains("3 messages") && table.stdout().contains('█'), "{}", table.snapshot());
    assert_eq!(inspect(&["user_events_dlq"])["age_seconds"], Value::Null);
    // Where looking costs something it is refused, as with tail.
    let server = env.serve();
    let url = veiled(&server.url, Veil::All);
    let refused = env.run(&["inspect", "user_events", "--endpoint-url", &url]).expect_code(1);
    assert!(refused.stderr().contains("--force"), "{}", refused.snapshot());
    assert_eq!(
        env.run(&["inspect", "user_events_dlq", "--endpoint-url", &url, "-o", "json"]).success().json()["messages"],
        0
    );
}

#[test]
fn a_purge_hears_the_name_first_and_keeps_what_it_takes() {
    let env = TestEnv::with_three_events();
    let dry = env.run(&["purge", "user_events", "--dry-run"]).success();
    assert!(dry.stderr().contains("3 messages waiting"), "{}", dry.snapshot());
    let asked = env.run(&["purge", "user_events", "--yes"]).expect_code(2);
    assert!(asked.stderr().contains("--confirm user_events"), "{}", asked.snapshot());
    let _other = env.run(&["purge", "user_events", "--confirm", "users"]).expect_code(2);
    let kept = env.run(&["purge", "user_events", "--confirm", "user_events", "--backup", "kept.ndjson.zst"]).success();
    assert!(kept.stderr().contains("Wrote 3 messages to kept.ndjson.zst and deleted 3"), "{}", kept.snapshot());
    assert_eq!(env.run(&["tail", "kept.ndjson.zst"]).success().ndjson().len(), 3);
    assert_eq!(env.run(&["tail", "user_events", "--idle", "200ms"]).success().ndjson().len(), 0);
    let empty = env.run(&["purge", "user_events"]).success();
    assert!(empty.stderr().contains("is empty"), "{}", empty.snapshot());
    let _sent = env.run(&["publish", "UserRegistered", "p1.json"]).success();
    let _purged = env.run(&["purge", "user_events", "--confirm", "user_events"]).success();
    assert_eq!(env.run(&["tail", "user_events", "--idle", "200ms"]).success().ndjson().len(), 0);
    // On a terminal the name is typed.
    let _sent = env.run(&["publish", "UserRegistered", "p1.json"]).success();
    let declined = env.command(&["purge", "user_events"]).stdin("no\n").on_terminal().run().expect_code(1);
    assert!(declined.stdout().contains("nothing was done"), "{}", declined.snapshot());
    let _done = env.command(&["purge", "user_events"]).stdin("user_events\n").on_terminal().run().success();
}
