//! How soon a waiting long poll returns, with the publisher in the same process and in another one, and what waiting costs.

use std::path::Path;
use std::time::{Duration, Instant};

use eventbus::bus::{Bus, Queue, Receive, Topic};

use crate::http::Endpoint;
use crate::load::{BATCH, EVENT, QUEUES, body};
use crate::peers::Server;
use crate::sdk;
use crate::support::{Verdict, figure, median};

/// From the call of Publish to the return of ReceiveMessage: both commits are in it.
const MEDIAN_MS: f64 = 3.0;
const P99_MS: f64 = 15.0;
/// Of a core, while one waits and nothing happens.
const IDLE_PERCENT: f64 = 1.0;
const WAIT: Duration = Duration::from_secs(20);

/// The waiting one is always a bus in this process; the server is another process on the same file.
pub(crate) fn run(quick: bool) -> Verdict {
    let rounds = if quick { 20 } else { 300 };
    let home = tempfile::Builder::new().prefix("bench-").tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let file = home.path().join("bus.db");
    let server = Server::eventbus(home.path(), &file);
    let mut broken = Vec::new();
    sdk::runtime().block_on(async {
        let bus = sdk::embedded(&file).await;
        let topic = sdk::fan_out(&bus).await;
        let queue = bus.queue(QUEUES[0].0).await.unwrap();
        for (place, from) in [("the same process", None), ("another process", Some(server.endpoint))] {
            let mut times = Vec::new();
            for round in 0..rounds {
                // At no fixed phase of whatever may be done at intervals.
                let pause = Duration::from_millis(40 + round * 37 % 41);
                times.push(once(&bus, &topic, &queue, from, pause).await);
            }
            times.sort_by(f64::total_cmp);
            let (middle, p99) = (median(&times), times[(times.len() * 99).div_ceil(100) - 1]);
            let name = format!("published in {place}, median of {rounds}");
            figure(&format!("{name} (at most {MEDIAN_MS} ms)"), &format!("{middle:.2} ms"));
            figure(&format!("  p99 (at most {P99_MS} ms)"), &format!("{p99:.2} ms"));
            if middle > MEDIAN_MS || p99 > P99_MS {
                broken.push(format!("{place}: {middle:.2} and {p99:.2} ms, not {MEDIAN_MS} and {P99_MS}"));
            }
        }
    });
    let Some(percent) = idle(home.path(), if quick { 2 } else { 10 }) else {
        return Verdict::NotMeasured("this system has no /proc/PID/stat".into());
    };
    figure(
        &format!("a server with a waiting long poll, of a core (under {IDLE_PERCENT} %)"),
        &format!("{percent:.2} %"),
    );
    if percent >= IDLE_PERCENT {
        broken.push(format!("{percent:.2} % of a core, not {IDLE_PERCENT}"));
    }
    if broken.is_empty() { Verdict::Holds } else { Verdict::Broken(broken.join("; ")) }
}

/// Milliseconds from a publish, here or by a server, to the end of a long poll that was waiting for it.
async fn once(bus: &Bus, topic: &Topic, queue: &Queue, from: Option<Endpoint>, pause: Duration) -> f64 {
    let waiting = {
        let (bus, queue) = (bus.clone(), queue.clone());
        tokio::spawn(async move {
            let receive = Receive { max: BATCH as u32, wait: WAIT, visibility: None };
            let received = bus.receive(&queue, receive).await.unwrap();
            (received, Instant::now())
        })
    };
    tokio::time::sleep(pause).await;
    let began = Instant::now();
    match from {
        None => {
            for outcome in bus.publish_batch(topic, &[sdk::outgoing(1)]).await {
                outcome.unwrap();
            }
        }
        Some(endpoint) => {
            let arn = topic.arn.clone();
            let attribute = "MessageAttributes.entry.1";
            let publish = move || {
                let name = (format!("{attribute}.Name"), format!("{attribute}.Value.DataType"));
                let value = format!("{attribute}.Value.StringValue");
                let message = body(1);
                let parameters = [
                    ("TopicArn", arn.as_str()),
                    ("Message", &message),
                    (&name.0, "eventName"),
                    (&name.1, "String"),
                    (&value, EVENT),
                ];
                endpoint.sns("Publish", &parameters)
            };
            tokio::task::spawn_blocking(publish).await.unwrap();
        }
    }
    let (received, returned) = waiting.await.unwrap();
    let handles: Vec<String> = received.into_iter().map(|message| message.receipt_handle).collect();
    assert_eq!(handles.len(), 1, "the long poll returned {} messages", handles.len());
    for outcome in bus.delete_batch(queue, &handles).await {
        outcome.unwrap();
    }
    (returned - began).as_secs_f64() * 1e3
}

/// Percent of a core that a server takes on which one long poll waits and nothing else happens.
fn idle(home: &Path, seconds: u64) -> Option<f64> {
    let server = Server::eventbus(home, &home.join("idle.db"));
    let endpoint = server.endpoint;
    let queue = endpoint.sqs("CreateQueue", &serde_json::json!({ "QueueName": "q" }))["QueueUrl"].clone();
    let poll = serde_json::json!({ "QueueUrl": queue, "WaitTimeSeconds": WAIT.as_secs() });
    let waiting = std::thread::spawn(move || endpoint.sqs("ReceiveMessage", &poll));
    // What it does to begin is not waiting.
    std::thread::sleep(Duration::from_millis(500));
    let (began, before) = (Instant::now(), server.processor_time()?);
    std::thread::sleep(Duration::from_secs(seconds));
    let took = server.processor_time()? - before;
    let percent = took.as_secs_f64() / began.elapsed().as_secs_f64() * 100.0;
    assert!(!waiting.is_finished(), "the long poll did not wait");
    endpoint.sqs("SendMessage", &serde_json::json!({ "QueueUrl": queue, "MessageBody": "end" }));
    waiting.join().unwrap();
    Some(percent)
}
