//! `local`: the bus as an endpoint, what is in it, a clean slate, and the variables that lead there.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use crate::support::{TestEnv, assert_matches};

const TOPOLOGY: &str = "version: 1
name: users
topics:
  users: {}
queues:
  user_events:
    dead_letter: { queue: user_events_dlq, max_receives: 5 }
  user_events_dlq: {}
subscriptions:
  - { topic: users, queue: user_events, filter: { eventName: [UserRegistered] } }
";

/// A provisioned bus with one message in its queue.
fn project() -> TestEnv {
    let env = TestEnv::new();
    env.write("topology.yaml", TOPOLOGY);
    let _made = env.run(&["provision", "--yes"]).success();
    let publish = ["publish", "UserRegistered", "--publisher", "UserService", "--topic", "users"];
    let _sent = env.command(&publish).stdin("{\"userId\": 1}").run().success();
    env
}

/// Everything the server answers to these bytes.
fn exchange(url: &str, request: &str) -> String {
    let mut stream = TcpStream::connect(url.strip_prefix("http://").unwrap()).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn status_shows_what_is_there_and_makes_nothing() {
    let env = TestEnv::new();
    let empty = env.run(&["local", "status"]).success();
    assert_eq!(empty.stdout(), ".eventbus/bus.db does not exist yet: the bus is empty\n");
    assert!(!env.path(".eventbus").exists(), "looking made a file");
    let json = env.run(&["local", "status", "-o", "json"]).success().json();
    assert_matches("local-status.schema", &json);
    assert_eq!(json["exists"], false);
}

#[test]
fn status_counts_messages_and_names_filters() {
    let env = project();
    insta::assert_snapshot!(env.run(&["local", "status"]).success().stdout(), @r#"
     topic   subscriptions
    ───────────────────────
     users   1

     queue             waiting   in flight   delayed   dead letters to
    ───────────────────────────────────────────────────────────────────
     user_events       1         0           0         user_events_dlq
     user_events_dlq   0         0           0

     from topic   to queue      raw   filter
    ───────────────────────────────────────────────────────────────────
     users        user_events   no    {"eventName":["UserRegistered"]}

    1 topic, 2 queues with 1 message, 1 subscription
    "#);
    let json = env.run(&["local", "status", "-o", "json"]).success().json();
    assert_matches("local-status.schema", &json);
    assert_eq!(json["queues"][0]["waiting"], 1);
    assert_eq!(json["queues"][0]["dead_letter"], "arn:aws:sqs:us-east-1:000000000000:user_events_dlq");
    assert_eq!(json["subscriptions"][0]["filter"], serde_json::json!({ "eventName": ["UserRegistered"] }));
}

#[test]
fn reset_asks_and_then_removes_everything() {
    let env = project();
    let refused = env.run(&["local", "reset"]).expect_code(2);
    assert!(refused.stderr().contains("--yes") && !refused.stderr().contains("--dry-run"), "{}", refused.snapshot());
    assert_eq!(env.run(&["local", "status", "-o", "json"]).success().json()["topics"][0]["name"], "users");
    let done = env.run(&["local", "reset", "--yes"]).success();
    let told = "Removed 1 topic, 2 queues, 1 subscription and 1 message from .eventbus/bus.db";
    assert!(done.stderr().contains(told), "{}", done.snapshot());
    let left = env.run(&["local", "status", "-o", "json"]).success().json();
    assert_eq!(
        (&left["topics"], &left["queues"], &left["subscriptions"]),
        (&serde_json::json!([]), &serde_json::json!([]), &serde_json::json!([]))
    );
    // The project works as on its first day.
    let _again = env.run(&["provision", "--yes"]).success();
}

#[test]
fn a_protected_bus_is_reset_by_its_name_only() {
    let env = project();
    env.write("eventbus.yaml", "contexts:\n  local: { kind: local, path: .eventbus/bus.db, protected: true }\n");
    let refused = env.run(&["local", "reset", "--yes"]).expect_code(2);
    assert!(refused.stderr().contains("--confirm local"), "{}", refused.stderr());
    let waiting =
        |env: &TestEnv| env.run(&["local", "status", "-o", "json"]).success().json()["queues"][0]["waiting"].clone();
    assert_eq!(waiting(&env), 1);
    let wrong = env.run(&["local", "reset", "--confirm", "prod"]).expect_code(2);
    assert!(wrong.stderr().contains("must be confirmed by its name"), "{}", wrong.stderr());
    let gone = env.run(&["local", "reset", "--confirm", "local"]).success();
    assert!(gone.stderr().contains("Removed 1 topic, 2 queues"), "{}", gone.stderr());
}

#[test]
fn serve_does_not_shorten_a_retention_on_its_own() {
    let env = project();
    env.write("shorter.yaml", TOPOLOGY.replace("user_events_dlq: {}", "user_events_dlq: { retention: 1h }"));
    let refused = env.run(&["local", "serve", "--port", "0", "--init", "shorter.yaml"]).expect_code(4);
    assert!(refused.stderr().contains("--confirm user_events_dlq"), "{}", refused.stderr());
    let kept = env.run(&["provision", "topology.yaml", "--check"]).success();
    assert!(!kept.stdout().contains("retention"), "{}", kept.stdout());
}

#[test]
fn reset_without_a_file_has_nothing_to_do_and_makes_none() {
    let env = TestEnv::new();
    let done = env.run(&["local", "reset"]).success();
    assert!(done.stderr().contains("nothing to remove"), "{}", done.snapshot());
    assert!(!env.path(".eventbus").exists());
}

#[test]
fn an_aws_bus_is_not_what_local_is_about() {
    let env = TestEnv::new();
    for verb in ["serve", "status", "reset"] {
        let refused = env.run(&["local", verb, "--region", "eu-west-1"]).expect_code(2);
        assert!(
            refused.stderr().contains(&format!("`local {verb}` is about the embedded bus")),
            "{}",
            refused.snapshot()
        );
    }
}

#[test]
fn env_leads_to_a_bus_that_answers_and_names_none_that_does_not() {
    let env = TestEnv::new();
    let server = env.serve();
    let port = server.url.rsplit(':').next().unwrap().to_owned();
    let shell = env.run(&["local", "env", "--port", &port]).success();
    assert!(
        shell.stdout().starts_with(&format!("export AWS_ENDPOINT_URL=http://127.0.0.1:{port}\n")),
        "{}",
        shell.snapshot()
    );
    // What a shell makes of it.
    let script = format!(
        "eval \"$('{}' local env --port {port})\"; echo \"$AWS_ENDPOINT_URL $AWS_REGION $AWS_ACCESS_KEY_ID\"",
        crate::support::binary().display()
    );
    let echoed = env.script(&script).env("AWS_PROFILE", "prod").run().success();
    assert_eq!(echoed.stdout(), format!("http://127.0.0.1:{port} us-east-1 test\n"));
    // In that shell the file is still what `local` is about.
    let url = format!("http://127.0.0.1:{port}");
    let json = env.command(&["local", "status", "-o", "json"]).env("AWS_ENDPOINT_URL", &url).run().success().json();
    assert_eq!((&json["exists"], json["path"].as_str()), (&true.into(), Some(".eventbus/bus.db")));
    let elsewhere =
        env.command(&["local", "status"]).env("AWS_ENDPOINT_URL", "https://sqs.example").run().expect_code(2);
    assert!(elsewhere.stderr().contains("env -u AWS_ENDPOINT_URL"), "{}", elsewhere.snapshot());
    let _ended = server.process.kill();
    let dead = env.run(&["local", "env", "--port", &port]).expect_code(1);
    assert!(dead.stdout().is_empty() && dead.stderr().contains("local serve --port"), "{}", dead.snapshot());
}

#[test]
fn serve_makes_the_topology_before_it_prints_its_url() {
    let env = TestEnv::new();
    env.write("topology.yaml", TOPOLOGY);
    let serve = ["local", "serve", "--port", "0", "--init", "topology.yaml"];
    for round in 0..2 {
        let mut server = env.command(&serve).spawn();
        let url = server.wait_stdout("http://");
        let list =
            "GET /?Action=ListQueues&Version=2012-11-05 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
        let queues = exchange(url.trim(), list);
        assert!(queues.contains("/000000000000/user_events_dlq</QueueUrl>"), "{round}: {queues}");
        let output = server.kill();
        assert_eq!(output.stdout().lines().count(), 1, "stdout is the URL and nothing else: {}", output.snapshot());
    }
    env.write("topology.yaml", TOPOLOGY.replace("topic: users", "topic: user"));
    let refused = env.run(&serve).expect_code(4);
    assert!(
        refused.stdout().is_empty() && refused.stderr().contains("did you mean `users`?"),
        "{}",
        refused.snapshot()
    );
}

#[test]
fn a_served_bus_is_reset_by_post_but_not_by_a_web_page() {
    let env = project();
    let server = env.serve();
    let post = |more: &str| {
        let request = format!(
            "POST /_eventbus/reset HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\nConnection: close\r\n{more}\r\n"
        );
        exchange(&server.url, &request)
    };
    for page in ["Origin: https://evil.example\r\n", "Sec-Fetch-Site: cross-site\r\n"] {
        assert!(post(page).starts_with("HTTP/1.1 403 "), "{page}");
    }
    assert_eq!(env.run(&["local", "status", "-o", "json"]).success().json()["topics"][0]["name"], "users");
    let done = post("");
    assert!(done.starts_with("HTTP/1.1 200 ") && done.contains("\"queues\":2"), "{done}");
    assert_eq!(env.run(&["local", "status", "-o", "json"]).success().json()["topics"], serde_json::json!([]));
}

#[test]
fn another_address_needs_credentials_and_then_signatures() {
    let (id, secret) = ("EVENTBUS_SERVE_ACCESS_KEY_ID", "EVENTBUS_SERVE_SECRET_ACCESS_KEY");
    let env = TestEnv::new();
    let serve = ["local", "serve", "--port", "0", "--bind", "127.0.0.1"];
    for refused in [env.command(&serve).run(), env.command(&serve).env(id, "key").run()] {
        let refused = refused.expect_code(2);
        assert!(refused.stderr().contains(secret), "{}", refused.snapshot());
        assert!(!env.path(".eventbus").exists());
    }
    let mut server = env.command(&serve).env(id, "key").env(secret, "hidden").spawn();
    let url = server.wait_stdout("http://");
    let get = |path: &str| {
        exchange(url.trim(), &format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"))
    };
    let refused = get("/?Action=ListQueues&Version=2012-11-05");
    assert!(refused.starts_with("HTTP/1.1 403 ") && refused.contains("MissingAuthenticationToken"), "{refused}");
    assert!(get("/_eventbus/health").starts_with("HTTP/1.1 200 "));
    let output = server.kill();
    assert!(!output.stderr().contains("hidden"), "{}", output.snapshot());
}
