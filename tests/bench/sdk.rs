//! The clients of the program, and so those of the AWS SDK, on a server or on a bus in this process.

use std::path::Path;

use eventbus::bus::{Bus, ConnectOptions, Outgoing, Queue, Receive, Topic};
use eventbus::event::{Attribute, AttributeValue, Attributes};
use eventbus::local::{LocalBus, OpenOptions, connector};

use crate::http::Endpoint;
use crate::load::{BATCH, EVENT, QUEUES, body};

/// Clients of a bus file in this process.
pub(crate) async fn embedded(path: &Path) -> Bus {
    let bus = LocalBus::open(path, OpenOptions::default()).unwrap();
    connect(ConnectOptions { http_client: Some(connector(bus)), ..ConnectOptions::default() }).await
}

/// Clients of a server.
pub(crate) async fn remote(endpoint: Endpoint) -> Bus {
    let url = format!("http://127.0.0.1:{}", endpoint.0);
    connect(ConnectOptions { endpoint_url: Some(url), ..ConnectOptions::default() }).await
}

async fn connect(options: ConnectOptions) -> Bus {
    let credentials = ("test".to_owned(), "test".to_owned());
    let region = Some("us-east-1".to_owned());
    Bus::connect(ConnectOptions { region, static_credentials: Some(credentials), ..options }).await.unwrap()
}

/// Makes the topic with its three queues.
pub(crate) async fn fan_out(bus: &Bus) -> Topic {
    let none = Default::default();
    let arn = bus.create_topic("events", &none, &none).await.unwrap();
    for (name, policy) in QUEUES {
        bus.create_queue(name, &none, &none).await.unwrap();
        let queue = bus.queue(name).await.unwrap();
        let filter = policy.map(|policy| ("FilterPolicy".to_owned(), policy.to_owned()));
        bus.subscribe(&arn, &queue.arn, &filter.into_iter().collect()).await.unwrap();
    }
    bus.topic(&arn).await.unwrap()
}

/// An event of the load.
pub(crate) fn outgoing(number: usize) -> Outgoing {
    let attribute = Attribute { data_type: "String".into(), value: AttributeValue::Text(EVENT.into()) };
    let attributes: Attributes = [("eventName".to_owned(), attribute)].into_iter().collect();
    Outgoing { body: body(number), attributes, ..Outgoing::default() }
}

/// Publishes `events` events in batches, so many callers at a time.
pub(crate) async fn publish(bus: &Bus, topic: &Topic, events: usize, callers: usize) {
    let batches = events / BATCH;
    let tasks = (0..callers).map(|caller| {
        let (bus, topic) = (bus.clone(), topic.clone());
        tokio::spawn(async move {
            for batch in (caller..batches).step_by(callers) {
                let messages: Vec<Outgoing> = (0..BATCH).map(|entry| outgoing(batch * BATCH + entry)).collect();
                for outcome in bus.publish_batch(&topic, &messages).await {
                    outcome.unwrap();
                }
            }
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        task.await.unwrap();
    }
}

/// Sends `count` messages to a queue, so many callers at a time.
pub(crate) async fn send(
    bus: &Bus,
    queue: &Queue,
    count: usize,
    callers: usize,
    message: impl Fn(usize) -> Outgoing + Clone + Send + 'static,
) {
    // One call takes a mebibyte.
    let each = BATCH.min((1024 * 1024 / message(0).body.len()).max(1));
    let tasks = (0..callers).map(|caller| {
        let (bus, queue, message) = (bus.clone(), queue.clone(), message.clone());
        tokio::spawn(async move {
            for first in (0..count).step_by(each).skip(caller).step_by(callers) {
                let batch: Vec<Outgoing> = (first..count.min(first + each)).map(&message).collect();
                for outcome in bus.send_batch(&queue, &batch).await {
                    outcome.unwrap();
                }
            }
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        task.await.unwrap();
    }
}

/// Receives and deletes `messages` messages in tens, so many callers at a time. There must be as many.
pub(crate) async fn drain(bus: &Bus, queue: &Queue, messages: usize, callers: usize) {
    let tasks = (0..callers).map(|caller| {
        let (bus, queue) = (bus.clone(), queue.clone());
        tokio::spawn(async move {
            let receive = Receive { max: BATCH as u32, wait: std::time::Duration::ZERO, visibility: None };
            let mut done = 0;
            for _ in (caller..messages / BATCH).step_by(callers) {
                let received = bus.receive(&queue, receive).await.unwrap();
                let handles: Vec<String> = received.into_iter().map(|message| message.receipt_handle).collect();
                for outcome in bus.delete_batch(&queue, &handles).await {
                    outcome.unwrap();
                    done += 1;
                }
            }
            done
        })
    });
    let mut done = 0;
    for task in tasks.collect::<Vec<_>>() {
        done += task.await.unwrap();
    }
    assert_eq!(done, messages / BATCH * BATCH, "messages are missing in {}", queue.name);
}

/// A runtime as the program's own.
pub(crate) fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap()
}
