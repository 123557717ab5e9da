//! `trace` and `publish --wait-for`: whole flows, seen from outside.

use crate::support::{TestEnv, assert_matches};

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";

#[test]
fn the_path_of_an_entity_is_shown_from_queues_and_recordings() {
    let env = TestEnv::with_three_events();
    let id = "00000000-0000-4000-8000-000000000002";
    let _kept = env.run(&["record", "user_events", "--to", "r.ndjson.zst", "--idle", "200ms"]).success();
    for source in ["user_events", "r.ndjson.zst"] {
        let found = env.run(&["trace", id, source, "-o", "json"]).success().json();
        assert_matches("trace.schema", &found);
        assert_eq!(found["events"].as_array().unwrap().len(), 1);
        assert_eq!(found["events"][0]["copies"][0]["queue"], "user_events");
        let tree = env.run(&["trace", id, source]).success();
        assert!(
            tree.stdout().contains("UserRegistered") && tree.stdout().contains("queue user_events"),
            "{}",
            tree.snapshot()
        );
    }
    let nothing = env.run(&["trace", "no-such-id", "user_events", "-o", "json"]).expect_code(6);
    assert_matches("trace.schema", &nothing.json());
    let _missing = env.run(&["trace", id]).expect_code(2);
}

#[test]
fn a_trace_joins_events_about_different_entities() {
    let env = TestEnv::provisioned().with_env("TRACEPARENT", format!("00-{TRACE}-b7ad6b7169203331-01"));
    let ids = ["00000000-0000-4000-8000-0000000000a1", "00000000-0000-4000-8000-0000000000b2"];
    for id in ids {
        env.write("one.json", format!("{{\"id\": \"{id}\", \"email\": \"a@example.com\"}}"));
        let _sent = env.run(&["publish", "UserRegistered", "one.json"]).success();
    }
    let found = env.run(&["trace", &TRACE.to_uppercase(), "user_events", "-o", "json"]).success().json();
    assert_eq!(found["entities"], serde_json::json!(ids));
    assert_eq!(
        env.run(&["trace", ids[0], "user_events", "-o", "json"]).success().json()["events"].as_array().unwrap().len(),
        2
    );
}

#[test]
fn what_consume_publishes_stands_below_what_it_handled() {
    let env = TestEnv::provisioned().with_env("TRACEPARENT", format!("00-{TRACE}-b7ad6b7169203331-01"));
    let id = "00000000-0000-4000-8000-0000000000c3";
    env.write("one.json", format!("{{\"id\": \"{id}\", \"email\": \"a@example.com\"}}"));
    let mut kept = env.command(&["record", "--topic", "users", "--to", "r.ndjson", "--count", "2"]).spawn();
    let _open = kept.wait_stderr("is open");
    let _sent = env.run(&["publish", "UserRegistered", "one.json"]).success();
    let consume =
        ["consume", "user_events", "--count", "1", "--on-success", "UserRegistrationFailed", "--exec", "true"];
    let _handled = env.run(&consume).success();
    let _kept = kept.wait().success();
    let found = env.run(&["trace", id, "r.ndjson", "-o", "json"]).success().json();
    assert_matches("trace.schema", &found);
    let events = found["events"].as_array().unwrap();
    assert_eq!((&events[0]["event"], &events[0]["parent"]), (&"UserRegistered".into(), &serde_json::Value::Null));
    assert_eq!(events[1]["event"], "UserRegistrationFailed");
    assert_eq!((&events[1]["parent"]["event"], &events[1]["parent"]["by"]), (&0.into(), &"span".into()));
    assert_eq!(events[1]["parent"]["attempt"], serde_json::Value::Null);
    let tree = env.run(&["trace", id, "r.ndjson"]).success();
    assert!(tree.stdout().contains("came of its handling"), "{}", tree.snapshot());
    let depth = |event: &str| tree.stdout().lines().find(|line| line.contains(event)).unwrap().find(event).unwrap();
    assert!(depth("UserRegistrationFailed") > depth("UserRegistered "), "{}", tree.snapshot());
}

#[test]
fn a_topic_is_watched_for_the_path() {
    let env = TestEnv::provisioned();
    let id = "00000000-0000-4000-8000-0000000000d4";
    let mut tracing = env.command(&["trace", id, "--topic", "users", "--count", "1", "-o", "json"]).spawn();
    let _open = tracing.wait_stderr("is open");
    env.write("one.json", format!("{{\"id\": \"{id}\", \"email\": \"a@example.com\"}}"));
    let _sent = env.run(&["publish", "UserRegistered", "one.json"]).success();
    let found = tracing.wait().success().json();
    assert_matches("trace.schema", &found);
    assert_eq!(
        (&found["events"][0]["event"], &found["events"][0]["topic"]),
        (&"UserRegistered".into(), &"users".into())
    );
    assert_eq!(found["events"][0]["copies"][0]["queue"], serde_json::Value::Null);
    let taps = env.run(&["tap", "list"]).success();
    assert!(taps.stderr().contains("There are no taps"), "{}", taps.snapshot());
}

#[test]
fn an_answer_is_known_by_the_trace_of_the_published_event_wherever_it_came_from() {
    let env = TestEnv::provisioned();
    let body = serde_json::json!({
        "Metadata": { "EventName": "UserRegistered", "EntityName": "User", "EntityId": "one", "PublisherName": "Else",
            "PublishDate": "2026-11-23T08:00:00+00:00", "Traceparent": format!("00-{TRACE}-00f067aa0ba902b7-01") },
        "Payload": { "id": "00000000-0000-4000-8000-0000000000e5", "email": "a@example.com" },
    });
    let event = serde_json::json!({
        "metadata": { "eventName": "UserRegistered", "entityName": "User", "entityId": "one", "publisherName": "Else",
            "publishDate": "2026-11-23T08:00:00+00:00", "traceparent": body["Metadata"]["Traceparent"] },
        "payload": body["Payload"],
    });
    let record = serde_json::json!({
        "version": 1, "event": event, "message": {}, "attributes": {}, "body": body.to_string()
    });
    env.write("r.ndjson", format!("{record}\n"));
    let args =
        ["publish", "--input", "records", "r.ndjson", "--topic", "users", "--wait-for", "UserRegistrationFailed"];
    let mut waiting = env.command(&args).spawn();
    let _published = waiting.wait_stderr("waiting up to 30s");
    env.write("two.json", "{\"id\": \"00000000-0000-4000-8000-0000000000f6\", \"email\": \"b@example.com\"}");
    let answer = ["publish", "UserRegistrationFailed", "two.json", "--topic", "users"];
    let _other_trace = env.run(&answer).success();
    let of_the_trace = env.command(&answer).env("TRACEPARENT", format!("00-{TRACE}-1111111111111111-01")).run();
    let _sent = of_the_trace.success();
    let done = waiting.wait().success();
    let answers = done.ndjson();
    let trace = answers.last().unwrap()["event"]["metadata"]["traceparent"].as_str().unwrap().to_owned();
    assert!(answers.len() == 2 && trace.contains(TRACE), "{}", done.snapshot());
}

#[test]
fn publish_waits_for_the_answer_about_the_same_entity() {
    let env = TestEnv::with_three_events();
    let args = ["publish", "UserRegistered", "p1.json", "--wait-for", "UserRegistrationFailed"];
    let mut waiting = env.command(&args).spawn();
    let _published = waiting.wait_stderr("waiting up to 30s");
    // Not the one that is waited for: another entity.
    let _other = env.run(&["publish", "UserRegistrationFailed", "p2.json", "--topic", "users"]).success();
    let _answer = env.run(&["publish", "UserRegistrationFailed", "p1.json", "--topic", "users"]).success();
    let done = waiting.wait().success();
    let lines = done.ndjson();
    assert_eq!(lines.len(), 2, "{}", done.snapshot());
    assert_matches("publish.schema", &lines[0]);
    assert_matches("record.schema", &lines[1]);
    assert!(lines[1]["event"]["metadata"]["entityId"].as_str().unwrap().ends_with('1'));
    let taps = env.run(&["tap", "list"]).success();
    assert!(taps.stderr().contains("There are no taps"), "{}", taps.snapshot());
}

#[test]
fn an_answer_that_does_not_come_is_exit_7_and_what_was_sent_is_sent() {
    let env = TestEnv::with_three_events();
    let vain = env
        .run(&["publish", "UserRegistered", "p1.json", "--wait-for", "UserRegistered", "--timeout", "300ms"])
        .expect_code(7);
    assert!(vain.stderr().contains("no `UserRegistered` came within 300ms"), "{}", vain.snapshot());
    assert_eq!(env.run(&["tail", "user_events", "--idle", "200ms"]).success().ndjson().len(), 4);
    let unknown = env.run(&["publish", "UserRegistered", "p1.json", "--wait-for", "UserRegistred"]).expect_code(4);
    assert!(unknown.stderr().contains("did you mean"), "{}", unknown.snapshot());
    let _refused = env.run(&["publish", "UserRegistered", "p1.json", "--timeout", "1s"]).expect_code(2);
    // Nothing is waited for when nothing was sent.
    env.write("bad.json", "[]");
    let _bad = env.run(&["publish", "UserRegistered", "bad.json", "--wait-for", "UserRegistered"]).expect_code(4);
    assert!(env.run(&["tap", "list"]).success().stderr().contains("There are no taps"));
    assert_eq!(env.run(&["tail", "user_events", "--idle", "200ms"]).success().ndjson().len(), 4);
}
