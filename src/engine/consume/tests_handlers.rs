//! The protocols, the order and the flow, over a fake SQS and real handlers.

use std::num::NonZeroUsize;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::tests::{Run, body, consume, consume_until, program, request, users, with_protocol};
use super::*;
use crate::bus::tests::fake::Fake;
use crate::engine::shutdown::{Shutdown, Signal};

/// A shell's way to a line's id and entity.
const FIELDS: &str = r#"id=${line#*'"id":"'}; id=${id%%'"'*}; entity=${line#*'"entityId":"'}; entity=${entity%%'"'*}"#;

fn n(n: usize) -> NonZeroUsize {
    NonZeroUsize::new(n).expect("not zero")
}

/// What became of each entity, as often as something did.
fn fates(run: &Run) -> Vec<(String, &'static str)> {
    let mut fates: Vec<_> = run
        .progress
        .iter()
        .filter_map(|progress| match progress {
            Progress::Settled { event, settlement } => {
                Some((event.entity_id.clone().unwrap_or_default(), settlement.word()))
            }
            _ => None,
        })
        .collect();
    fates.sort();
    fates
}

async fn batch(line: &str, most: usize) -> Request {
    let program = program(line).await;
    with_protocol(Protocol::Batch { program, most: n(most), wait: Duration::from_millis(300) })
}

async fn stream(line: &str, inflight: usize) -> Request {
    with_protocol(Protocol::Stream { program: program(line).await, inflight: n(inflight) })
}

#[tokio::test]
async fn a_batch_answers_for_each_event_and_silence_is_another_attempt() {
    let fake = users(5);
    fake.redrive("users", "dead");
    let line = format!(
        r#"echo loading; while read -r line; do {FIELDS}; case $entity in
        0) echo "{{\"id\":\"$id\",\"outcome\":\"ack\"}}";;
        1) echo "{{\"id\":\"$id\",\"outcome\":\"retry\",\"retry_after\":7,\"reason\":\"down\"}}";;
        2) echo "{{\"id\":\"$id\",\"outcome\":\"reject\",\"reason\":\"bad\"}}";;
        3) echo "{{\"id\":\"$id\",\"outcome\":\"not_now\",\"retry_after\":3}}";;
        esac; done; exit 9"#
    );
    let run = consume(&fake, batch(&line, 10).await).await;
    let expected = [("0", "acked"), ("1", "retrying"), ("2", "rejected"), ("3", "not_now"), ("4", "retrying")];
    assert_eq!(fates(&run), expected.map(|(entity, word)| (entity.to_owned(), word)));
    for settlement in run.settlements() {
        match settlement {
            Settlement::Retrying { failure: Failure::Said(why), after, .. } => {
                assert_eq!((why.as_str(), after.as_secs()), ("down", 7));
            }
            Settlement::Retrying { failure, .. } => assert_eq!(*failure, Failure::Code(9)),
            Settlement::NotNow { after, .. } => assert_eq!(after.as_secs(), 3),
            Settlement::Rejected { reason, .. } => assert_eq!(reason, "rejected by the handler: bad"),
            _ => {}
        }
    }
    let chatter = run.progress.iter().filter_map(|progress| match progress {
        Progress::HandlerOutput { chatter, .. } => Some(chatter.clone()),
        _ => None,
    });
    assert_eq!(chatter.collect::<Vec<_>>(), [["loading"]], "one process for all of them");
}

#[tokio::test]
async fn of_two_results_the_first_stands_and_the_second_is_told() {
    let fake = users(1);
    fake.redrive("users", "dead");
    let line = format!(
        r#"read -r line; {FIELDS}; for outcome in reject ack; do echo "{{\"id\":\"$id\",\"outcome\":\"$outcome\"}}"; done;
        echo '{{"id":"nobody","outcome":"ack"}}'"#
    );
    let run = consume(&fake, batch(&line, 1).await).await;
    let reasons: Vec<_> = run
        .settlements()
        .into_iter()
        .filter_map(|settlement| match settlement {
            Settlement::Rejected { reason, .. } => Some(reason.as_str()),
            _ => None,
        })
        .collect();
    assert_eq!(reasons, ["rejected by the handler: its result is `reject`"]);
    let told: Vec<String> = run
        .progress
        .iter()
        .filter_map(|progress| match progress {
            Progress::HandlerOutput { chatter, .. } => Some(chatter.join("\n")),
            _ => None,
        })
        .collect();
    let told = told.join("\n");
    assert!(told.contains("a second result for one event") && told.contains("for no event of the batch"), "{told}");
}

#[tokio::test]
async fn a_batch_that_says_nothing_acknowledges_nothing() {
    let fake = users(3);
    let run = consume(&fake, batch("cat > /dev/null", 3).await).await;
    assert_eq!((run.report.counts.failed, run.report.counts.acked), (3, 0));
    assert_eq!(fake.messages("users").len(), 3);
}

#[tokio::test]
async fn a_batch_that_cannot_run_stops_the_run_and_gives_all_back() {
    let fake = users(3);
    let run = consume(&fake, batch("exit 127", 2).await).await;
    assert!(matches!(run.report.ended, Ended::CannotRun { .. }));
    assert!(fake.messages("users").iter().all(|message| message.is_visible()));
}

#[tokio::test]
async fn a_stream_handles_all_in_processes_that_stay() {
    for (workers, inflight) in [(1, 1), (2, 5)] {
        let fake = users(40);
        let line = format!(
            r#"echo "$EVENTBUS_PROTOCOL" >&2; while read -r line; do {FIELDS}; echo "{{\"id\":\"$id\",\"outcome\":\"ack\"}}"; done; echo bye >&2"#
        );
        let run = consume(&fake, stream(&line, inflight).await.workers(workers)).await;
        assert_eq!(run.report.counts, Counts { received: 40, handled: 40, acked: 40, ..Counts::default() });
        assert!(fake.messages("users").is_empty());
        let said = |what: &str| {
            run.progress
                .iter()
                .filter(|progress| matches!(progress, Progress::HandlerOutput { chatter, .. } if chatter == &[what]))
                .count()
        };
        assert_eq!((said("stream"), said("bye")), (workers, workers), "their input ends when the run does");
    }
}

#[tokio::test]
async fn a_stream_that_dies_is_started_again_and_its_event_is_another_attempt() {
    let fake = users(6);
    let line =
        format!(r#"while read -r line; do {FIELDS}; test $entity = 2 && exit 3; echo '{{"outcome":"ack"}}'; done"#);
    let run = consume(&fake, stream(&line, 1).await).await;
    assert_eq!((run.report.counts.acked, run.report.counts.failed), (5, 1));
    assert_eq!(fake.bodies("users"), [body("UserRegistered", "2")]);
    assert!(run.settlements().iter().any(|settlement| matches!(settlement,
        Settlement::Retrying { failure: Failure::NoResult(why), .. } if why == "its process ended: exit 3")));
    assert!(
        run.progress.iter().any(|progress| matches!(progress, Progress::HandlerDied { why, .. } if why == "exit 3"))
    );
}

#[tokio::test]
async fn a_stream_that_is_late_is_ended_and_the_next_event_has_a_new_process() {
    let fake = users(3);
    let line =
        format!(r#"while read -r line; do {FIELDS}; test $entity = 1 && sleep 1000; echo '{{"outcome":"ack"}}'; done"#);
    let run = consume(&fake, stream(&line, 1).await.timeout(Duration::from_millis(500))).await;
    assert_eq!((run.report.counts.acked, run.report.counts.failed), (2, 1));
    assert!(run.settlements().iter().any(|settlement| matches!(settlement,
        Settlement::Retrying { failure: Failure::Timeout(limit), .. } if *limit == Duration::from_millis(500))));
}

#[tokio::test]
async fn a_stream_that_cannot_run_stops_the_run() {
    let fake = users(2);
    let run = consume(&fake, stream("exit 127", 1).await).await;
    assert!(matches!(run.report.ended, Ended::CannotRun { .. }), "{:?}", run.report.ended);
    assert!(fake.messages("users").iter().all(|message| message.is_visible()));
}

/// A web service that answers by the event's entity; what it was asked is in the channel.
async fn service() -> (String, tokio::sync::mpsc::UnboundedReceiver<String>) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}/hook", listener.local_addr().expect("an address"));
    let (asked, requests) = tokio::sync::mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut text = String::new();
            let mut buffer = [0; 4096];
            // The payload is the last to come, and ends with a brace.
            while !(text.contains("\r\n\r\n") && text.trim_end().ends_with('}')) {
                let read = stream.read(&mut buffer).await.unwrap_or(0);
                if read == 0 {
                    break;
                }
                text.push_str(&String::from_utf8_lossy(&buffer[..read]));
            }
            let entity = text.lines().find_map(|line| line.strip_prefix("ce-subject: ")).unwrap_or_default();
            let (status, more) = match entity.trim() {
                "0" => ("204 No Content", ""),
                "1" => ("503 Service Unavailable", "retry-after: 9\r\n"),
                "2" => ("422 Unprocessable Entity", ""),
                "3" => ("500 Internal Server Error", ""),
                _ => ("302 Found", "location: /login\r\n"),
            };
            let body = if status.starts_with("422") { "no such plan" } else { "" };
            let answer =
                format!("HTTP/1.1 {status}\r\n{more}content-length: {}\r\nconnection: close\r\n\r\n{body}", body.len());
            let _ = stream.write_all(answer.as_bytes()).await;
            let _ = asked.send(text);
        }
    });
    (url, requests)
}

#[tokio::test]
async fn a_web_service_is_asked_with_cloud_events_and_its_status_decides() {
    let fake = users(5);
    fake.redrive("users", "dead");
    let (url, mut requests) = service().await;
    let run = consume(&fake, with_protocol(Protocol::Http(Target::parse(&url).expect("a URL"))).workers(2)).await;
    let expected = [("0", "acked"), ("1", "not_now"), ("2", "rejected"), ("3", "retrying"), ("4", "retrying")];
    assert_eq!(fates(&run), expected.map(|(entity, word)| (entity.to_owned(), word)));
    for settlement in run.settlements() {
        match settlement {
            Settlement::NotNow { after, .. } => assert_eq!(after.as_secs(), 9),
            Settlement::Rejected { reason, .. } => {
                assert_eq!(reason, "rejected by the handler: status 422: no such plan");
            }
            Settlement::Retrying { failure, .. } => {
                assert!(matches!(failure, Failure::Status(500 | 302)), "{failure:?}");
            }
            _ => {}
        }
    }
    let request = requests.recv().await.expect("it was asked");
    for wanted in [
        "POST /hook HTTP/1.1",
        "ce-specversion: 1.0",
        "ce-type: UserRegistered",
        "ce-source: p",
        "content-type: application/json",
    ] {
        assert!(request.contains(wanted), "{wanted}: {request}");
    }
    assert!(request.ends_with("{\"Id\":\"0\"}") || request.contains("\r\n\r\n{\"Id\":\""), "{request}");
}

#[tokio::test]
async fn a_web_service_that_is_not_there_is_a_failed_attempt() {
    let fake = users(1);
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}/", listener.local_addr().expect("an address"));
    drop(listener);
    let run = consume(&fake, with_protocol(Protocol::Http(Target::parse(&url).expect("a URL")))).await;
    let [Settlement::Retrying { failure: Failure::Request(why), .. }] = run.settlements()[..] else {
        panic!("{:?}", run.settlements())
    };
    assert!(why.contains("refused"), "{why}");
}

#[tokio::test]
async fn a_group_waits_for_its_first_without_burning_receives() {
    for (queue, order_by) in [("users.fifo", None), ("users", Some(OrderBy::Payload("/Group".into())))] {
        let fake = Fake::new(&["users", "users.fifo"]);
        fake.set(queue, "VisibilityTimeout", "30");
        for (id, group) in [("0", "a"), ("1", "a"), ("2", "a"), ("3", "b")] {
            let body = json!({"Metadata": {"EventName": "E", "EntityName": "E", "PublisherName": "p", "EntityId": id},
                "Payload": {"Group": group}});
            fake.put(queue, &body.to_string(), Value::Null, &[("MessageGroupId", group)]);
        }
        let (trigger, shutdown) = Shutdown::manual();
        fake.on_call(move |operation, before, _| {
            if operation == "DeleteMessageBatch" && before == 3 {
                trigger.signal(Signal::Terminate);
            }
            None
        });
        // The first fails twice, at attempts 1 and 2.
        let line = "printf $EVENTBUS_ENTITY_ID; test $EVENTBUS_ENTITY_ID != 0 -o $EVENTBUS_RECEIVE_COUNT -gt 2";
        let wait = Duration::from_millis(500);
        let request = request(line).await.from(queue).workers(4).backoff(wait, wait);
        let request = Request { drain: false, order_by, ..request };
        let run = consume_until(&fake, request, &shutdown).await;
        let output = run.output().replace('3', "");
        assert_eq!(output, "00012", "{queue}");
        let counts = run.report.counts;
        assert_eq!((counts.received, counts.acked, counts.failed, counts.released), (4, 4, 2, 0), "{queue}");
    }
}

#[tokio::test]
async fn the_first_of_a_group_that_never_works_is_moved_after_its_last_attempt() {
    let fake = Fake::new(&["users.fifo", "dead.fifo"]);
    fake.redrive("users.fifo", "dead.fifo");
    let policy = json!({"deadLetterTargetArn": crate::bus::tests::fake::arn("dead.fifo"), "maxReceiveCount": 2});
    fake.set("users.fifo", "RedrivePolicy", &policy.to_string());
    for id in ["0", "1"] {
        fake.put("users.fifo", &body("E", id), Value::Null, &[("MessageGroupId", "g")]);
    }
    let (trigger, shutdown) = Shutdown::manual();
    fake.on_call(move |operation, before, _| {
        if operation == "DeleteMessageBatch" && before == 1 {
            trigger.signal(Signal::Terminate);
        }
        None
    });
    let wait = Duration::from_millis(100);
    let request = request("test $EVENTBUS_ENTITY_ID = 1").await.from("users.fifo").workers(2).backoff(wait, wait);
    let run = consume_until(&fake, Request { drain: false, ..request }, &shutdown).await;
    assert_eq!((run.report.counts.acked, run.report.counts.failed, run.report.counts.rejected), (1, 1, 1));
    assert_eq!(fake.bodies("dead.fifo"), [body("E", "0")]);
    assert!(run.settlements().iter().any(|settlement| matches!(settlement,
        Settlement::Rejected { reason, .. } if reason == "attempt 2, the last, failed: exit 1")));
}

#[tokio::test]
async fn events_go_to_the_handler_of_their_name_and_the_rest_as_asked() {
    for (unhandled, word, left_over) in
        [(Unclaimed::Leave, "left", 1), (Unclaimed::Ack, "dismissed", 0), (Unclaimed::Reject, "rejected", 0)]
    {
        let fake = users(1);
        fake.redrive("users", "dead");
        fake.put("users", &body("UserLeft", "8"), Value::Null, &[]);
        fake.put("users", &body("OrderPlaced", "9"), Value::Null, &[]);
        let mut request = request("printf \"a$EVENTBUS_ENTITY_ID \"").await;
        let other = super::tests::request("printf \"b$EVENTBUS_ENTITY_ID \"").await;
        request.handlers.extend(other.handlers);
        request.table = Table::new(vec![("UserRegistered".into(), 0), ("User*".into(), 1)]);
        request.unhandled = unhandled;
        let run = consume(&fake, request).await;
        let mut output: Vec<_> = run.output().split_whitespace().map(str::to_owned).collect();
        output.sort();
        assert_eq!(output, ["a0", "b8"]);
        assert!(fates(&run).contains(&("9".to_owned(), word)), "{:?}", fates(&run));
        assert_eq!(fake.messages("users").len(), left_over);
        assert_eq!(run.report.counts.handled, 2);
    }
}

#[tokio::test]
async fn a_slow_handler_keeps_no_events_from_another() {
    let fake = Fake::new(&["users"]);
    for id in 0..30 {
        fake.put("users", &body("Slow", &id.to_string()), Value::Null, &[]);
    }
    fake.put("users", &body("Fast", "fast"), Value::Null, &[]);
    let folder = tempfile::tempdir().unwrap();
    let gate = folder.path().join("gate");
    nix::unistd::mkfifo(&gate, nix::sys::stat::Mode::S_IRWXU).unwrap();
    // All that is slow waits for what comes behind thirty of its kind; then the gate stays open.
    let gate = gate.display();
    let slow = format!("test -e '{gate}.open' || cat '{gate}'");
    let mut request = request(&slow).await.timeout(Duration::from_secs(20));
    let fast = super::tests::request(&format!("touch '{gate}.open'; echo go > '{gate}'")).await;
    request.handlers.extend(fast.handlers);
    request.table = Table::new(vec![("Slow".into(), 0), ("Fast".into(), 1)]);
    let run = consume(&fake, request).await;
    assert_eq!((run.report.counts.acked, run.report.counts.failed), (31, 0), "{:?}", run.settlements());
    let first = run.progress.iter().find_map(|progress| match progress {
        Progress::Settled { event, .. } => event.entity_id.clone(),
        _ => None,
    });
    assert!(matches!(first.as_deref(), Some("fast" | "0")), "{first:?}");
}

#[tokio::test]
async fn a_slow_handler_does_not_draw_the_whole_queue_in() {
    let fake = Fake::new(&["users"]);
    for id in 0..400 {
        fake.put("users", &body("Slow", &id.to_string()), Value::Null, &[]);
    }
    let (trigger, shutdown) = Shutdown::manual();
    fake.on_call(move |operation, before, _| {
        if operation == "DeleteMessageBatch" && before == 4 {
            trigger.signal(Signal::Terminate);
        }
        None
    });
    let mut request = request("sleep 0.05").await;
    request.handlers.extend(super::tests::request("true").await.handlers);
    request.table = Table::new(vec![("Slow".into(), 0), ("Fast".into(), 1)]);
    let run = consume_until(&fake, Request { drain: false, ..request }, &shutdown).await;
    let counts = run.report.counts;
    // A hundred wait at most, beside what a receive under way brings and what has been handled.
    assert!((5..=150).contains(&counts.received), "{counts:?}");
    assert_eq!(counts.received, counts.acked + counts.released, "the rest is given back: {counts:?}");
    assert!(fake.messages("users").iter().all(|message| message.is_visible()));
}

#[tokio::test]
async fn a_wall_clock_that_jumps_changes_nothing() {
    let fake = users(12);
    let clock = Clock::manual(1_795_000_000_000);
    let jumping = clock.clone();
    fake.on_call(move |_, before, _| {
        match before % 3 {
            0 => jumping.advance(Duration::from_secs(86_400)),
            _ => jumping.turn_back(Duration::from_secs(200_000)),
        }
        None
    });
    let folder = tempfile::tempdir().unwrap();
    let dedupe =
        DedupeSpec { path: folder.path().join("handled.db"), window: Duration::from_secs(3600), by: DedupeBy::Message };
    let request = request("echo $EVENTBUS_DEADLINE").await.workers(3);
    let run = consume(&fake, Request { clock, dedupe: Some(dedupe), ..request }).await;
    assert_eq!(run.report.counts, Counts { received: 12, handled: 12, acked: 12, ..Counts::default() });
    let deadlines = run.output();
    assert_eq!(deadlines.lines().filter(|at| at.parse::<jiff::Timestamp>().is_ok()).count(), 12, "{deadlines}");
    assert!(fake.messages("users").is_empty());
}

/// A FIFO queue with these events: name, id, group.
fn groups(events: &[(&str, usize, &str)]) -> Fake {
    let fake = Fake::new(&["users.fifo"]);
    fake.set("users.fifo", "VisibilityTimeout", "30");
    for (event, id, group) in events {
        fake.put("users.fifo", &body(event, &id.to_string()), Value::Null, &[("MessageGroupId", group)]);
    }
    fake
}

#[tokio::test]
async fn a_count_is_reached_by_verdicts_and_by_nothing_else() {
    // The first of a group fails once; it and those behind it are tried on until three attempts came to a verdict.
    let fake = groups(&[("E", 0, "g"), ("E", 1, "g"), ("E", 2, "g")]);
    let wait = Duration::from_millis(100);
    let line = "test $EVENTBUS_ENTITY_ID != 0 -o $EVENTBUS_RECEIVE_COUNT -gt 1";
    let request = request(line).await.from("users.fifo").workers(4).backoff(wait, wait);
    let run = consume(&fake, Request { drain: false, count: Some(3), ..request }).await;
    let counts = run.report.counts;
    assert_eq!((counts.handled, counts.acked, counts.failed), (3, 2, 1), "{counts:?}");
    assert!(matches!(run.report.ended, Ended::Count));
    assert!(fake.messages("users.fifo").iter().all(|message| message.is_visible()), "the rest is given back");

    // What has no handler is none of those, nor are those that are given back for it.
    let mut events = vec![("Unknown", 0, "g"), ("E", 1, "g"), ("E", 2, "g"), ("E", 3, "g")];
    let others: Vec<String> = (10..22).map(|id| format!("h{id}")).collect();
    events.extend((10..22).map(|id| ("E", id, others[id - 10].as_str())));
    let fake = groups(&events);
    let mut request = super::tests::request("true").await.from("users.fifo").workers(2);
    request.table = Table::new(vec![("E".into(), 0)]);
    let run = consume(&fake, Request { drain: false, count: Some(5), ..request }).await;
    assert_eq!((run.report.counts.handled, run.report.counts.acked), (5, 5), "{:?}", run.report.counts);
}

#[tokio::test]
async fn the_same_event_is_skipped_and_another_of_the_same_second_is_not() {
    let fake = Fake::new(&["users"]);
    for state in ["paid", "paid", "paid", "shipped", "returned", "lost"] {
        let body = json!({"Metadata": {"EventName": "OrderUpdated", "EntityName": "Order", "PublisherName": "p", "EntityId": "7",
            "PublishDate": "2026-11-23T08:00:00+00:00"}, "Payload": {"State": state}});
        fake.put("users", &body.to_string(), Value::Null, &[]);
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("handled.db");
    let dedupe = DedupeSpec { path, window: Duration::from_secs(3600), by: DedupeBy::Event };
    let request = Request { drain: false, count: Some(3), dedupe: Some(dedupe), ..request("true").await };
    let run = consume(&fake, request).await;
    let counts = run.report.counts;
    // A duplicate is none of the three.
    assert_eq!((counts.handled, counts.acked, counts.duplicates), (3, 3, 2), "{counts:?}");
    assert_eq!(fake.messages("users").len(), 1);
}

#[tokio::test]
async fn a_wish_to_be_asked_again_at_once_waits_a_second() {
    let fake = users(1);
    let line = r#"read -r line; echo '{"outcome":"not_now","retry_after":0}'"#;
    let run = consume(&fake, batch(line, 1).await).await;
    assert!(matches!(run.settlements()[..], [Settlement::NotNow { after, .. }] if after.as_secs() == 1));
}

#[tokio::test]
async fn a_status_stands_whatever_becomes_of_the_rest_of_the_answer() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let service = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut seen = vec![0; 4096];
        let _ = stream.read(&mut seen).await;
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nand so on").await.unwrap();
        // The rest never comes.
        std::future::pending::<()>().await;
    });
    let fake = users(1);
    let request = with_protocol(Protocol::Http(Target::parse(&url).unwrap())).timeout(Duration::from_millis(500));
    let run = consume(&fake, request).await;
    assert_eq!((run.report.counts.acked, run.report.counts.failed), (1, 0), "{:?}", run.settlements());
    service.abort();
}

#[tokio::test]
async fn what_is_put_off_when_its_queue_is_drained_takes_no_memory_from_another() {
    let fake = Fake::new(&["users", "orders"]);
    let padded = |event: &str, id: usize, size: usize| {
        body(event, &id.to_string()).replace("}}", &format!("}}}}{}", " ".repeat(size)))
    };
    for id in 0..6 {
        fake.put("users", &padded("U", id, 2000), Value::Null, &[]);
    }
    fake.put("orders", &padded("O", 0, 8000), Value::Null, &[]);
    for id in 1..20 {
        fake.put("orders", &padded("O", id, 100), Value::Null, &[]);
    }
    let mut request = request("test $EVENTBUS_EVENT_NAME = O").await.workers(6);
    request.queues = vec!["users".into(), "orders".into()];
    // The six that back off leave no room for one more as large as the first of the other queue.
    let request = Request { order_by: Some(OrderBy::EntityId), max_memory: Some(16 * 1024), ..request };
    let run = tokio::time::timeout(Duration::from_secs(40), consume(&fake, request)).await.expect("it ends");
    assert_eq!((run.report.counts.acked, run.report.counts.failed), (20, 6), "{:?}", run.report.counts);
}

#[tokio::test]
async fn several_queues_are_consumed_in_one_run() {
    let fake = Fake::new(&["users", "orders"]);
    for id in 0..30 {
        fake.put("users", &body("U", &id.to_string()), Value::Null, &[]);
        fake.put("orders", &body("O", &id.to_string()), Value::Null, &[]);
    }
    let mut request = request("printf \"$EVENTBUS_QUEUE \"").await.workers(2);
    request.queues = vec!["users".into(), "orders".into(), "users".into()];
    let run = consume(&fake, request).await;
    assert_eq!(run.report.queues, ["users", "orders"]);
    assert_eq!(run.report.counts.acked, 60);
    assert!(fake.messages("users").is_empty() && fake.messages("orders").is_empty());
    // Neither waits for the other: the first half of the run has events of both.
    let first: Vec<String> = run.output().split_whitespace().take(30).map(str::to_owned).collect();
    for queue in ["users", "orders"] {
        assert!(first.iter().filter(|name| *name == queue).count() >= 5, "{first:?}");
    }
}

#[tokio::test]
async fn too_many_failures_stop_the_handling_before_they_burn_receives() {
    let fake = users(9);
    let (trigger, shutdown) = Shutdown::manual();
    let mut settled = 0;
    fake.on_call(move |operation, _, request| {
        if operation == "ChangeMessageVisibilityBatch" {
            // Both may share a call.
            settled += request["Entries"].as_array().map_or(0, Vec::len);
            if settled >= 2 {
                trigger.signal(Signal::Terminate);
            }
        }
        None
    });
    let pause = PauseAfter { failures: 2, window: Duration::from_secs(600) };
    let request = Request { drain: false, pause_after: Some(pause), ..request("exit 1").await };
    let run = consume_until(&fake, request, &shutdown).await;
    assert_eq!(run.report.counts.failed, 2);
    assert!(run.progress.iter().any(|progress| matches!(progress, Progress::Paused { .. })));
    let receives: u32 = fake.messages("users").iter().map(|message| message.receives).sum();
    assert!(receives <= 3, "{receives}");
}

#[tokio::test]
async fn what_was_handled_before_is_skipped() {
    let folder = tempfile::tempdir().expect("a folder");
    let spec =
        DedupeSpec { path: folder.path().join("handled.db"), window: Duration::from_secs(60), by: DedupeBy::Event };
    let body = json!({"Metadata": {"EventName": "E", "EntityName": "E", "PublisherName": "p", "EntityId": "7",
        "PublishDate": "2026-11-23T08:04:22+00:00"}, "Payload": {}});
    for (code, acked, duplicates, failed) in [("exit 1", 0, 0, 1), ("true", 1, 0, 0), ("true", 0, 1, 0)] {
        let fake = users(0);
        fake.put("users", &body.to_string(), Value::Null, &[]);
        let run = consume(&fake, Request { dedupe: Some(spec.clone()), ..request(code).await }).await;
        let counts = run.report.counts;
        assert_eq!((counts.acked, counts.duplicates, counts.failed), (acked, duplicates, failed));
    }
}

#[tokio::test]
async fn a_bound_on_memory_bounds_what_is_received_and_not_what_is_handled() {
    let fake = users(20);
    let request = Request { max_memory: Some(300), ..request("true").await.workers(10) };
    let (seen, most) = std::sync::mpsc::channel();
    fake.on_call(move |operation, _, request| {
        if operation == "ReceiveMessage" {
            let _ = seen.send(request["MaxNumberOfMessages"].as_u64());
        }
        None
    });
    let run = consume(&fake, request).await;
    assert_eq!(run.report.counts.acked, 20);
    assert!(most.try_iter().all(|max| max == Some(1)));
}
