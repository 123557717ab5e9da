//! Nothing that was acknowledged is lost to `kill -9`: of a bus that is being served, under load from clients of every kind, and of
//! programs that have the same file open at the same time. Judged by content, after every kill by SQLite's own check, too.
//!
//! Consumers that are killed are `torture.rs`'s. Scaled down by default; `EVENTBUS_TEST_TORTURE=full` makes it 200 kills.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Mutex;
use std::sync::mpsc::{Sender, channel};

use serde_json::{Value, json};

use crate::support::{Client, PATIENCE, Running, TestEnv};
use crate::torture::{Random, payload_of, publish, seed, switch};

const TOPOLOGY: &str = "
version: 1
name: durability
topics: { users: {}, fan: {} }
queues: { user_events: {}, fanned: {}, work: { visibility_timeout: 12h }, ordered.fifo: { fifo: true } }
subscriptions:
  - { topic: users, queue: user_events }
  - { topic: fan, queue: fanned, raw: true }
events:
  UserRegistered: { topic: users }
";

const GROUPS: usize = 3;

/// What clients were told, and what they do not know because the answer never came.
#[derive(Default)]
struct Books {
    /// Of `work`: the body of every acknowledged message, by its id.
    sent: HashMap<String, String>,
    /// Of `work`: acknowledged deletes, and those that were tried.
    deleted: HashSet<String>,
    tried: HashSet<String>,
    /// Of `fanned`: acknowledged bodies.
    published: HashSet<String>,
    /// Of `ordered.fifo`, by group: the sequence number of every acknowledged message; the next one's number.
    ordered: BTreeMap<usize, Vec<u128>>,
    /// Bodies are never used twice.
    next: u64,
}

#[test]
fn nothing_acknowledged_is_lost_to_kills_of_the_server_and_of_publishers() {
    let rounds = if switch("EVENTBUS_TEST_TORTURE").as_deref() == Some("full") { 100 } else { 3 };
    let mut random = Random(seed());
    let env = TestEnv::new();
    env.write("topology.yaml", TOPOLOGY);
    env.write("eventbus.yaml", "publisher: UserService\ntopology: topology.yaml\n");
    let _made = env.run(&["provision", "topology.yaml", "--yes"]).success();
    let books = Mutex::new(Books::default());
    let mut confirmed: HashMap<String, usize> = HashMap::new();
    let (mut kills, mut event) = (0, 0);
    for round in 0..rounds {
        let server = env.serve();
        let tail: Running = env.command(&["tail", "user_events", "-o", "ndjson"]).spawn();
        let wanted = 20 + random.below(150);
        let (acknowledged, counted) = channel();
        std::thread::scope(|scope| {
            for work in [send, consume, fan_out, order] {
                let (acknowledged, books, url) = (acknowledged.clone(), &books, server.url.as_str());
                scope.spawn(move || work(url, books, &acknowledged));
            }
            drop(acknowledged);
            // A program of its own on the same file, killed when it has been told of a few of its events.
            let chunk: Vec<usize> = (event..event + 60).collect();
            event += chunk.len();
            confirmed.extend(publish(&env, &chunk, Some(random.below(40))));
            for done in 0..wanted {
                counted
                    .recv_timeout(PATIENCE)
                    .unwrap_or_else(|_| panic!("round {round}: {done} acknowledged, no more come"));
            }
            // One signal, and whatever the clients wait for never comes.
            let _ended = server.process.kill();
        });
        let _ended = tail.kill();
        kills += 2;
        let file = rusqlite::Connection::open(env.path(".eventbus/bus.db")).unwrap();
        let whole: String = file.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
        assert_eq!(whole, "ok", "after round {round}");
    }

    let server = env.serve();
    let books = books.into_inner().unwrap();
    let mut client = Client::connect(&server.url).unwrap();
    check_work(&books, &mut client);
    check_fan(&books, &mut client);
    check_order(&books, &mut client);
    check_events(&confirmed, &mut client);
    let ordered: usize = books.ordered.values().map(Vec::len).sum();
    let told = format!(
        "{kills} kills: {} sent, {} deleted, {} published, {ordered} ordered, {} events of publishers",
        books.sent.len(),
        books.deleted.len(),
        books.published.len(),
        confirmed.len()
    );
    // What a run of the full size is worth is read there.
    let mut stderr = std::io::stderr();
    std::io::Write::write_all(&mut stderr, format!("{told}\n").as_bytes()).unwrap();
    assert!(books.sent.len() > rounds && books.published.len() > rounds && ordered > rounds, "{told}");
    assert!(!books.deleted.is_empty() && !confirmed.is_empty(), "{told}");
}

fn url_of(client_url: &str, queue: &str) -> String {
    format!("{client_url}/000000000000/{queue}")
}

/// A body with its number and a length of its own.
fn body(books: &Mutex<Books>, kind: &str) -> String {
    let mut books = books.lock().unwrap();
    books.next += 1;
    let number = books.next;
    format!("{kind}-{number}-{}", "x".repeat((number as usize * 37) % 2_000))
}

/// Sends batches to `work` until the server is gone.
fn send(url: &str, books: &Mutex<Books>, acknowledged: &Sender<()>) {
    let Ok(mut client) = Client::connect(url) else { return };
    for size in (1..=10).cycle() {
        let bodies: Vec<String> = (0..size).map(|_| body(books, "work")).collect();
        let entries = bodies.iter().enumerate().map(|(id, body)| {
            let attributes = json!({ "length": { "DataType": "Number", "StringValue": body.len().to_string() } });
            json!({ "Id": id.to_string(), "MessageBody": body, "MessageAttributes": attributes })
        });
        let input = json!({ "QueueUrl": url_of(url, "work"), "Entries": entries.collect::<Vec<_>>() });
        let Ok((status, answer)) = client.sqs("SendMessageBatch", &input) else { return };
        assert_eq!(status, 200, "{answer}");
        let mut books = books.lock().unwrap();
        for entry in answer["Successful"].as_array().unwrap() {
            let at: usize = entry["Id"].as_str().unwrap().parse().unwrap();
            books.sent.insert(entry["MessageId"].as_str().unwrap().to_owned(), bodies[at].clone());
        }
        drop(books);
        let _ = acknowledged.send(());
    }
}

/// Receives from `work` and deletes every second message until the server is gone.
fn consume(url: &str, books: &Mutex<Books>, acknowledged: &Sender<()>) {
    let Ok(mut client) = Client::connect(url) else { return };
    let receive = json!({ "QueueUrl": url_of(url, "work"), "MaxNumberOfMessages": 10, "WaitTimeSeconds": 1 });
    loop {
        let Ok((status, answer)) = client.sqs("ReceiveMessage", &receive) else { return };
        assert_eq!(status, 200, "{answer}");
        let messages = answer["Messages"].as_array().cloned().unwrap_or_default();
        let chosen: Vec<&Value> = messages.iter().step_by(2).collect();
        if chosen.is_empty() {
            continue;
        }
        let ids: Vec<String> = chosen.iter().map(|m| m["MessageId"].as_str().unwrap().to_owned()).collect();
        books.lock().unwrap().tried.extend(ids.iter().cloned());
        let entries: Vec<Value> = chosen
            .iter()
            .enumerate()
            .map(|(id, m)| json!({ "Id": id.to_string(), "ReceiptHandle": m["ReceiptHandle"] }))
            .collect();
        let delete = json!({ "QueueUrl": url_of(url, "work"), "Entries": entries });
        let Ok((status, answer)) = client.sqs("DeleteMessageBatch", &delete) else { return };
        assert_eq!((status, answer["Successful"].as_array().map(Vec::len)), (200, Some(ids.len())), "{answer}");
        books.lock().unwrap().deleted.extend(ids);
        let _ = acknowledged.send(());
    }
}

/// Publishes to the topic `fan` until the server is gone.
fn fan_out(url: &str, books: &Mutex<Books>, acknowledged: &Sender<()>) {
    let Ok(mut client) = Client::connect(url) else { return };
    loop {
        let message = body(books, "fan");
        let topic = "arn:aws:sns:us-east-1:000000000000:fan";
        let form = [("Action", "Publish"), ("Version", "2010-03-31"), ("TopicArn", topic), ("Message", &message)];
        let Ok((status, answer)) = client.query(&form) else { return };
        assert_eq!(status, 200, "{answer}");
        books.lock().unwrap().published.insert(message);
        let _ = acknowledged.send(());
    }
}

/// Sends to the groups of `ordered.fifo` in turn, each message until it is acknowledged: what was already there is recognised.
fn order(url: &str, books: &Mutex<Books>, acknowledged: &Sender<()>) {
    let Ok(mut client) = Client::connect(url) else { return };
    for group in (0..GROUPS).cycle() {
        let number = books.lock().unwrap().ordered.get(&group).map_or(0, Vec::len);
        let input = json!({
            "QueueUrl": url_of(url, "ordered.fifo"),
            "MessageBody": format!("{group}-{number}"),
            "MessageGroupId": format!("group-{group}"),
            "MessageDeduplicationId": format!("{group}-{number}"),
        });
        let Ok((status, answer)) = client.sqs("SendMessage", &input) else { return };
        assert_eq!(status, 200, "{answer}");
        let sequence = answer["SequenceNumber"].as_str().unwrap().parse().unwrap();
        books.lock().unwrap().ordered.entry(group).or_default().push(sequence);
        let _ = acknowledged.send(());
    }
}

/// All messages of a queue as `tail` sees them, in order, whatever their state.
fn all(client: &mut Client, queue: &str) -> Vec<Value> {
    let (mut after, mut found) = (0, Vec::new());
    loop {
        let url = format!("http://localhost/000000000000/{queue}");
        let page = client.get(&format!("/_eventbus/messages?QueueUrl={url}&after={after}&limit=1000")).unwrap();
        let page: Value = serde_json::from_str(&page.1).unwrap();
        let messages = page["messages"].as_array().unwrap();
        if messages.is_empty() {
            return found;
        }
        found.extend(messages.iter().cloned());
        after = page["cursor"].as_u64().unwrap();
    }
}

fn check_work(books: &Books, client: &mut Client) {
    let there = all(client, "work");
    let ids: HashMap<&str, &Value> = there.iter().map(|m| (m["MessageId"].as_str().unwrap(), m)).collect();
    assert_eq!(ids.len(), there.len(), "no message is there twice");
    for (id, body) in &books.sent {
        match ids.get(id.as_str()) {
            Some(message) => {
                assert_eq!(message["Body"], *body.as_str());
                let length = &message["MessageAttributes"]["length"];
                assert_eq!(
                    (&length["DataType"], &length["StringValue"]),
                    (&json!("Number"), &json!(body.len().to_string()))
                );
                assert!(!books.deleted.contains(id), "a delete was undone: {id}");
            }
            None => assert!(books.tried.contains(id), "{id} is lost"),
        }
    }
    for id in &books.deleted {
        assert!(!ids.contains_key(id.as_str()), "a delete was undone: {id}");
    }
}

fn check_fan(books: &Books, client: &mut Client) {
    let there = all(client, "fanned");
    let mut times: HashMap<&str, usize> = HashMap::new();
    for message in &there {
        *times.entry(message["Body"].as_str().unwrap()).or_default() += 1;
    }
    for body in &books.published {
        assert_eq!(times.get(body.as_str()), Some(&1), "{body:.20}");
    }
}

/// Every message is received, once and in the order of its group, with the sequence number its sender was told.
fn check_order(books: &Books, client: &mut Client) {
    let queue = "http://localhost/000000000000/ordered.fifo";
    let receive = json!({ "QueueUrl": queue, "MaxNumberOfMessages": 10, "AttributeNames": ["All"] });
    let mut got: BTreeMap<usize, Vec<u128>> = BTreeMap::new();
    loop {
        let (_, answer) = client.sqs("ReceiveMessage", &receive).unwrap();
        let Some(messages) = answer["Messages"].as_array() else { break };
        for message in messages {
            let (group, number) = message["Body"].as_str().unwrap().split_once('-').unwrap();
            let group = got.entry(group.parse().unwrap()).or_default();
            assert_eq!(group.len().to_string(), number, "in order, none missing, none twice");
            group.push(message["Attributes"]["SequenceNumber"].as_str().unwrap().parse().unwrap());
            let gone = json!({ "QueueUrl": queue, "ReceiptHandle": message["ReceiptHandle"] });
            assert_eq!(client.sqs("DeleteMessage", &gone).unwrap().0, 200);
        }
    }
    for (group, told) in &books.ordered {
        let got = got.remove(group).unwrap_or_default();
        assert!(got.is_sorted(), "sequence numbers grow");
        assert_eq!(told[..], got[..told.len()], "group {group}: as they were acknowledged");
        // The last one may have been sent without the answer's reaching its sender.
        assert!(got.len() <= told.len() + 1, "group {group}");
    }
}

/// What killed publishers had been told is there, by id and content.
fn check_events(confirmed: &HashMap<String, usize>, client: &mut Client) {
    let there = all(client, "user_events");
    let wrapper = |message: &Value| serde_json::from_str::<Value>(message["Body"].as_str().unwrap()).unwrap();
    let by_id: HashMap<String, String> = there
        .iter()
        .map(wrapper)
        .map(|w| (w["MessageId"].as_str().unwrap().to_owned(), w["Message"].as_str().unwrap().to_owned()))
        .collect();
    for (id, number) in confirmed {
        let event: Value = serde_json::from_str(by_id.get(id).unwrap_or_else(|| panic!("{id} is lost"))).unwrap();
        let payload =
            event.as_object().unwrap().iter().find(|(name, _)| name.eq_ignore_ascii_case("payload")).unwrap().1;
        assert_eq!(*payload, serde_json::from_str::<Value>(&payload_of(*number)).unwrap());
    }
}
