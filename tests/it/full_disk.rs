//! A disk that takes no more: a limit on the size of files, which the system keeps as it keeps the size of a disk.

use serde_json::{Value, json};

use crate::support::{Client, TestEnv};

fn queue(url: &str) -> String {
    format!("{url}/000000000000/q")
}

#[test]
fn a_served_bus_without_room_refuses_keeps_what_it_has_and_goes_on_when_there_is_room() {
    let env = TestEnv::new();
    // 8,192 blocks of 512 bytes.
    let script = format!("ulimit -f 8192; exec '{}' local serve --port 0", crate::support::binary().display());
    let mut server = env.script(&script).spawn();
    let url = server.wait_stdout("http://").trim().to_owned();
    let mut client = Client::connect(&url).unwrap();
    assert_eq!(client.sqs("CreateQueue", &json!({ "QueueName": "q" })).unwrap().0, 200);
    let mut kept = Vec::new();
    let refused = loop {
        let body = format!("{}-{}", kept.len(), "x".repeat(100_000));
        let (status, answer) =
            client.sqs("SendMessage", &json!({ "QueueUrl": queue(&url), "MessageBody": body })).unwrap();
        if status != 200 {
            break (status, answer);
        }
        kept.push(body);
        assert!(kept.len() < 500, "4 MiB hold no 50 MB");
    };
    assert_eq!(refused.0, 500, "the server's fault, not the caller's: {}", refused.1);
    assert_eq!(refused.1["__type"], "com.amazon.coral.service#BusFileUnusable");
    let said = refused.1["message"].as_str().unwrap();
    assert!(said.contains("full") && said.contains("limit on file sizes"), "{said}");
    assert!(kept.len() > 10, "{}", kept.len());

    // It still answers what needs no room, and says the same again to what does.
    let ask = json!({ "QueueUrl": queue(&url), "AttributeNames": ["ApproximateNumberOfMessages"] });
    let (status, counts) = client.sqs("GetQueueAttributes", &ask).unwrap();
    assert_eq!((status, &counts["Attributes"]["ApproximateNumberOfMessages"]), (200, &json!(kept.len().to_string())));
    let long = json!({ "QueueUrl": queue(&url), "MessageBody": "x".repeat(100_000) });
    assert_eq!(client.sqs("SendMessage", &long).unwrap().0, 500);
    assert_eq!(client.get("/_eventbus/health").unwrap().0, 200);
    let _ended = server.kill();

    let whole: String = rusqlite::Connection::open(env.path(".eventbus/bus.db"))
        .unwrap()
        .query_row("PRAGMA integrity_check", [], |row| row.get(0))
        .unwrap();
    assert_eq!(whole, "ok");
    let server = env.serve();
    let mut client = Client::connect(&server.url).unwrap();
    let (status, _) =
        client.sqs("SendMessage", &json!({ "QueueUrl": queue(&server.url), "MessageBody": "after" })).unwrap();
    assert_eq!(status, 200);
    kept.push("after".into());
    let mut left: Vec<String> = Vec::new();
    loop {
        let receive = json!({ "QueueUrl": queue(&server.url), "MaxNumberOfMessages": 10 });
        let (_, answer) = client.sqs("ReceiveMessage", &receive).unwrap();
        let Some(messages) = answer["Messages"].as_array() else { break };
        left.extend(messages.iter().map(|message: &Value| message["Body"].as_str().unwrap().to_owned()));
    }
    left.sort();
    kept.sort();
    assert!(left == kept, "{} messages, {} were acknowledged", left.len(), kept.len());
}

#[test]
fn a_publisher_without_room_says_what_was_sent_and_why_no_more() {
    let env = TestEnv::new();
    let topology =
        "version: 1\nname: t\ntopics: { t: {} }\nqueues: { q: {} }\nsubscriptions: [{ topic: t, queue: q }]\n";
    env.write("topology.yaml", topology);
    let _made = env.run(&["provision", "--yes"]).success();
    let event = |n: usize| format!("{{\"n\":{n},\"text\":\"{}\"}}\n", "x".repeat(20_000));
    env.write("events.ndjson", (0..400).map(event).collect::<String>());
    let publish = "publish Filled events.ndjson --input ndjson -o ndjson --publisher P --topic t";
    let script = format!("ulimit -f 8192; exec '{}' {publish}", crate::support::binary().display());
    let ended = env.script(&script).run();
    assert_eq!(ended.code(), Some(3), "some were sent, some were not: {}", ended.stderr());
    let said = [ended.stdout(), ended.stderr()].concat();
    assert!(said.contains("limit on file sizes"), "{}", ended.stderr());
    let sent = ended.ndjson().iter().filter(|line| line["message_id"].is_string()).count();
    let status = env.run(&["local", "status", "-o", "json"]).success().json();
    assert_eq!(status["queues"][0]["waiting"], sent, "{}", ended.stderr());
    assert!(sent > 10 && sent < 400, "{sent}");
}
