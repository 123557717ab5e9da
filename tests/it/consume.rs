//! `consume`: the handler contract, over the real binary and the embedded bus.

use std::fs;
use std::path::Path;

use bytes::Bytes;
use eventbus::local::{LocalBus, OpenOptions};
use nix::sys::signal::Signal;
use serde_json::{Value, json};

use crate::support::{TestEnv, assert_lines_match, assert_matches};

/// One SQS request to the project's bus file.
pub(crate) fn sqs(env: &TestEnv, action: &str, request: &Value) -> Value {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let bus = LocalBus::open(&env.path(".eventbus/bus.db"), OpenOptions::default()).unwrap();
        let request = http::Request::post("http://localhost/")
            .header("x-amz-target", format!("AmazonSQS.{action}"))
            .header("content-type", "application/x-amz-json-1.0")
            .body(Bytes::from(request.to_string()))
            .unwrap();
        let answer = bus.handle(request).await;
        let status = answer.status();
        let body = answer.into_body();
        assert!(status.is_success(), "{action}: {}", String::from_utf8_lossy(&body));
        serde_json::from_slice(&body).unwrap_or_default()
    })
}

pub(crate) fn url(queue: &str) -> String {
    format!("http://localhost/000000000000/{queue}")
}

/// A project whose bus has `users`, with `users_dlq` after `max_receives`.
fn project(max_receives: u32) -> TestEnv {
    let env = TestEnv::new();
    fs::create_dir_all(env.path(".eventbus")).unwrap();
    sqs(&env, "CreateQueue", &json!({"QueueName": "users_dlq"}));
    let policy =
        json!({"deadLetterTargetArn": "arn:aws:sqs:us-east-1:000000000000:users_dlq", "maxReceiveCount": max_receives});
    sqs(&env, "CreateQueue", &json!({"QueueName": "users", "Attributes": {"RedrivePolicy": policy.to_string()}}));
    env
}

fn send(env: &TestEnv, id: &str) {
    let body = json!({"Metadata": {"EventName": "UserRegistered", "EntityName": "User", "PublisherName": "Users", "EntityId": id},
        "Payload": {"Id": id, "Email": "ada@example.com"}});
    sqs(env, "SendMessage", &json!({"QueueUrl": url("users"), "MessageBody": body.to_string()}));
}

/// Visible, and received by somebody or backing off.
fn held(env: &TestEnv, queue: &str) -> (u64, u64) {
    let answer = sqs(env, "GetQueueAttributes", &json!({"QueueUrl": url(queue), "AttributeNames": ["All"]}));
    let count = |name: &str| answer["Attributes"][name].as_str().unwrap().parse().unwrap();
    (count("ApproximateNumberOfMessages"), count("ApproximateNumberOfMessagesNotVisible"))
}

fn mkfifo(path: &Path) {
    nix::unistd::mkfifo(path, nix::sys::stat::Mode::S_IRWXU).unwrap();
}

#[test]
fn each_event_goes_to_the_handler_and_is_acknowledged() {
    let env = project(5);
    for id in ["1", "2", "3"] {
        send(&env, id);
    }
    env.write_script(
        "handler.sh",
        "cat; printf '%s %s %s\\n' \"$EVENTBUS_EVENT_NAME\" \"$EVENTBUS_ENTITY_ID\" \"$EVENTBUS_QUEUE\"; echo said >&2",
    );
    let done = env.run(&["consume", "users", "--exec", "./handler.sh", "--drain"]).success();
    for id in ["1", "2", "3"] {
        assert!(done.stdout().contains(&format!("UserRegistered {id} users\n")), "{}", done.snapshot());
    }
    let events: Vec<Value> = done.stdout().lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    assert_eq!(events.len(), 3);
    assert_eq!(events[0]["metadata"]["publisherName"], "Users");
    assert_eq!(events[0]["payload"]["Email"], "ada@example.com");
    assert!(done.stderr().contains("Handled 3 events from `users`: 3 acknowledged"), "{}", done.snapshot());
    assert_eq!(done.stderr().matches("said\n").count(), 3);
    assert_eq!(held(&env, "users"), (0, 0));
}

#[test]
fn records_are_as_published_and_alone_on_stdout() {
    let env = project(5);
    send(&env, "1");
    send(&env, "2");
    let handler = "echo noise; test $EVENTBUS_ENTITY_ID = 1 || exit 3";
    let lines =
        env.run(&["consume", "users", "--exec", handler, "--drain", "-o", "ndjson", "--fail-on-error"]).expect_code(3);
    let lines = lines.ndjson();
    assert_lines_match("consume.schema", &lines);
    let outcome = |id: &str| lines.iter().find(|line| line["entity_id"] == id).map(|line| line["outcome"].clone());
    assert_eq!((outcome("1"), outcome("2")), (Some("acked".into()), Some("retrying".into())));
    let summary = lines.last().unwrap();
    assert_eq!((&summary["kind"], &summary["acked"]), (&json!("summary"), &json!(1)));
    let remaining = &summary["remaining"];
    assert_eq!(remaining["visible"].as_u64().unwrap() + remaining["in_flight"].as_u64().unwrap(), 1);

    let summary = env.run(&["consume", "users", "--exec", "true", "--drain", "-o", "json"]).success();
    assert_matches("consume.schema", &summary.json());
}

#[test]
fn after_its_last_receive_a_failing_event_is_in_the_dead_letter_queue() {
    let env = project(1);
    send(&env, "1");
    let failed = env.run(&["consume", "users", "--exec", "exit 3", "--drain"]).success();
    assert!(failed.stderr().contains("attempt 1 failed: exit 3"), "{}", failed.snapshot());
    assert_eq!((held(&env, "users"), held(&env, "users_dlq")), ((0, 0), (1, 0)));
}

#[test]
fn a_rejected_event_is_in_the_dead_letter_queue_at_once() {
    let env = project(5);
    send(&env, "1");
    sqs(&env, "SendMessage", &json!({"QueueUrl": url("users"), "MessageBody": "hello"}));
    let done = env.run(&["consume", "users", "--exec", "exit 65", "--drain"]).success();
    assert!(done.stderr().contains("moved to `users_dlq`: no event: "), "{}", done.snapshot());
    assert_eq!((held(&env, "users"), held(&env, "users_dlq")), ((0, 0), (2, 0)));
}

#[test]
fn a_handler_that_does_not_exist_costs_no_receive() {
    let env = project(1);
    send(&env, "1");
    let refused = env.run(&["consume", "users", "--drain", "--", "./nowhere.sh"]).expect_code(1);
    assert!(refused.stderr().contains("error: handler `./nowhere.sh` does not exist"), "{}", refused.snapshot());
    env.write("plain.sh", "true");
    let refused = env.run(&["consume", "users", "--drain", "--exec", "./plain.sh"]).expect_code(1);
    assert!(refused.stderr().contains("hint: make it executable: `chmod +x ./plain.sh`"), "{}", refused.snapshot());
    // One receive is all the queue allows: were it used up, this one would find nothing.
    let done = env.run(&["consume", "users", "--drain", "--exec", "true"]).success();
    assert!(done.stderr().contains("1 acknowledged"), "{}", done.snapshot());
}

#[test]
fn a_handler_that_cannot_run_stops_the_run_with_1() {
    let env = project(5);
    send(&env, "1");
    send(&env, "2");
    let stopped = env.run(&["consume", "users", "--drain", "--exec", "true && exec ./gone"]).expect_code(1);
    assert!(stopped.stderr().contains("cannot run"), "{}", stopped.snapshot());
    assert_eq!(held(&env, "users"), (2, 0), "all of it was given back");
}

#[test]
fn the_first_signal_lets_the_handler_finish() {
    for (signal, code) in [(Signal::SIGINT, 130), (Signal::SIGTERM, 143)] {
        let env = project(5);
        send(&env, "1");
        send(&env, "2");
        mkfifo(&env.path("begun"));
        mkfifo(&env.path("go"));
        env.write_script("handler.sh", "echo begun > begun; cat go; echo finished");
        let mut running = env.command(&["consume", "users", "--exec", "./handler.sh"]).spawn();
        assert_eq!(fs::read_to_string(env.path("begun")).unwrap(), "begun\n");
        running.signal(signal);
        running.wait_stderr("receiving stopped");
        fs::write(env.path("go"), "").unwrap();
        let ended = running.wait().expect_code(code);
        assert_eq!(ended.stdout(), "finished\n");
        assert_eq!(held(&env, "users"), (1, 0), "one was handled, the other never received");
    }
}

#[test]
fn the_second_signal_ends_the_handler_and_its_children() {
    let env = project(5);
    send(&env, "1");
    mkfifo(&env.path("begun"));
    // The child holds the pipe: it is read to its end once nobody of the group is left.
    env.write_script("handler.sh", "exec 3> begun; sleep 1000 & echo begun >&3; wait");
    let mut running = env.command(&["consume", "users", "--exec", "./handler.sh"]).spawn();
    let mut begun = std::io::BufReader::new(fs::File::open(env.path("begun")).unwrap());
    let mut line = String::new();
    std::io::BufRead::read_line(&mut begun, &mut line).unwrap();
    running.signal(Signal::SIGTERM);
    running.wait_stderr("receiving stopped");
    running.signal(Signal::SIGTERM);
    std::io::copy(&mut begun, &mut std::io::sink()).unwrap();
    let ended = running.wait().expect_code(143);
    assert!(ended.stderr().contains("given back, its handler was ended"), "{}", ended.snapshot());
    assert_eq!(held(&env, "users"), (1, 0), "visible at once");
}

#[test]
fn a_closed_stdout_drains_and_loses_nothing() {
    let env = project(5);
    for id in 0..20 {
        send(&env, &id.to_string());
    }
    let program = crate::support::binary().display();
    let script = format!(
        "{{ '{program}' consume users --drain --exec 'echo $EVENTBUS_ENTITY_ID >> handled; yes | head -c 300000'; echo \"code $?\" >&2; }} | true"
    );
    let ended = env.script(&script).run();
    assert!(ended.stderr().contains("code 1\n"), "it did not end as asked: {}", ended.snapshot());
    assert!(ended.stderr().contains("error: stdout was closed before the end"), "{}", ended.snapshot());
    let handled = env.read("handled").lines().count() as u64;
    let (visible, in_flight) = held(&env, "users");
    assert_eq!((handled + visible, in_flight), (20, 0), "what was handled is gone, the rest is there");
    assert!(visible > 0, "it went on without a reader");
}

#[test]
fn a_reader_that_does_not_read_cannot_outlive_two_signals() {
    let env = project(5);
    send(&env, "1");
    send(&env, "2");
    mkfifo(&env.path("begun"));
    let _pipe = env.stalled_pipe("pipe");
    let program = crate::support::binary().display();
    let line = format!("exec '{program}' consume users --exec 'echo noise; echo begun > begun' > pipe");
    let running = env.script(&line).spawn();
    assert_eq!(fs::read_to_string(env.path("begun")).unwrap(), "begun\n");
    // Two kinds: two of a kind may be taken for one.
    running.signal(Signal::SIGTERM);
    running.signal(Signal::SIGINT);
    let ended = running.wait();
    assert!(matches!(ended.code(), Some(130 | 143)), "{}", ended.snapshot());
    assert!(ended.stderr().contains("stdout is not being read"), "{}", ended.snapshot());
    assert_eq!(held(&env, "users").1, 0, "whatever was taken is settled or given back");
}

#[test]
fn a_hundred_megabytes_pass_whole_and_apart() {
    let env = project(5);
    send(&env, "1");
    send(&env, "2");
    let handler = "head -c 50000000 /dev/zero | tr '\\0' $EVENTBUS_ENTITY_ID; echo";
    let done = env.run(&["consume", "users", "--drain", "--workers", "2", "--exec", handler]).success();
    let mut lines: Vec<&str> = done.stdout().lines().collect();
    lines.sort_unstable();
    assert_eq!(lines.len(), 2);
    for (line, id) in lines.into_iter().zip(["1", "2"]) {
        assert!(line.len() == 50_000_000 && line.bytes().all(|b| b == id.as_bytes()[0]), "event {id} is not whole");
    }
}
