//! Replays over a bus that fails at every call: nothing is lost, and what may be doubled is said.

mod model;

use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use std::time::Duration;

use super::run::Recent;
use super::*;
use crate::bus::tests::fake::{Fake, FakeMessage, Fault, arn};
use crate::clock::Clock;
use crate::engine::jq::Program;
use crate::engine::select::Selection;
use crate::engine::shutdown::{Shutdown, Signal, Trigger};
use crate::engine::{Confirmed, Event, Released, channel};

/// When the replays start.
const START: i64 = 1_795_000_000_000;

/// Move all.
fn request() -> Request {
    Request {
        selection: Selection::default(),
        limit: None,
        work: Work::Move(Confirmed::by_the_user()),
        edit: None,
        rate: None,
        speed: None,
        concurrency: 1,
        journal: None,
        resume: false,
        clock: Clock::manual(START),
    }
}

fn only(event: &str) -> Selection {
    Selection { events: vec![event.into()], ..Selection::default() }
}

struct Ran {
    result: Result<Report, ReplayError>,
    told: Vec<Event>,
}

impl Ran {
    fn report(&self) -> &Report {
        self.result.as_ref().unwrap()
    }

    fn items(&self) -> Vec<(String, Outcome)> {
        let items = self.told.iter().filter_map(|event| match event {
            Event::Replay(Progress::Item { item, outcome, .. }) => Some((item.message_id.clone(), outcome.clone())),
            _ => None,
        });
        items.collect()
    }

    fn warnings(&self) -> Vec<&str> {
        self.told
            .iter()
            .filter_map(|event| if let Event::Warning(text) = event { Some(text.as_str()) } else { None })
            .collect()
    }
}

async fn run_on(fake: &Fake, to: To, request: Request, shutdown: Shutdown) -> Ran {
    let bus = fake.bus().await;
    let plan = match plan(&bus, &From::Queue("dlq".into()), &to, None).await {
        Ok(plan) => plan,
        Err(error) => return Ran { result: Err(error), told: Vec::new() },
    };
    let (emitter, mut events) = channel();
    // Not a blocking task of tokio's: while one runs, the paused clock stands.
    let listening = std::thread::spawn(move || {
        let mut told = Vec::new();
        while let Some(event) = events.next_blocking() {
            told.push(event);
        }
        told
    });
    let result = run(&bus, &plan, &request, &emitter, &shutdown).await;
    drop(emitter);
    Ran { result, told: listening.join().unwrap() }
}

async fn replay(fake: &Fake, request: Request) -> Ran {
    run_on(fake, To::Origin, request, Shutdown::never()).await
}

/// `orders` dead-letters into `dlq`, which holds `bodies`.
fn dead_letters(bodies: &[&str]) -> Fake {
    let fake = Fake::new(&["orders", "billing", "dlq"]);
    fake.redrive("orders", "dlq");
    for body in bodies {
        fake.put("dlq", body, Value::Null, &[("SentTimestamp", "1")]);
    }
    fake
}

fn event(name: &str) -> String {
    json!({"Metadata": {"EventName": name, "EntityName": name, "PublisherName": "Users"}, "Payload": {"id": 1}})
        .to_string()
}

#[tokio::test(start_paused = true)]
async fn everything_goes_back_with_all_it_had() {
    let fake = dead_letters(&[]);
    let attributes = json!({
        "s": {"DataType": "String", "StringValue": "x"},
        "n": {"DataType": "Number.int", "StringValue": "12345678901234567890"},
        "b": {"DataType": "Binary.png", "BinaryValue": "AP//"},
    });
    for n in 0..23 {
        let system = [("MessageGroupId", "tenant"), ("AWSTraceHeader", "Root=1-5f")];
        fake.put("dlq", &format!("body {n}\u{0}\n"), attributes.clone(), &system);
    }
    let ran = replay(&fake, request()).await;
    assert_eq!((ran.report().done, ran.report().left), (23, Some(0)));
    assert!(fake.messages("dlq").is_empty());
    let arrived = fake.messages("orders");
    assert_eq!(arrived.len(), 23);
    for message in arrived {
        assert_eq!(message.attributes, attributes);
        assert_eq!(message.system["MessageGroupId"], "tenant");
        assert_eq!(message.system["AWSTraceHeader"], "Root=1-5f");
        assert!(!message.system.contains_key("MessageDeduplicationId"), "a standard queue refuses one");
    }
}

#[tokio::test(start_paused = true)]
async fn the_origin_is_each_messages_own() {
    let fake = dead_letters(&["to orders"]);
    fake.redrive("billing", "dlq");
    fake.put("dlq", "b", Value::Null, &[("DeadLetterQueueSourceArn", &arn("billing"))]);
    fake.put("dlq", "o", Value::Null, &[("DeadLetterQueueSourceArn", &arn("orders"))]);
    fake.put("dlq", "gone", Value::Null, &[("DeadLetterQueueSourceArn", &arn("gone"))]);
    // A queue of the same name here is not the one in another region.
    let elsewhere = arn("orders").replace("eu-west-1", "us-east-1");
    fake.put("dlq", "elsewhere", Value::Null, &[("DeadLetterQueueSourceArn", &elsewhere)]);
    let ran = replay(&fake, request()).await;
    assert_eq!((ran.report().done, ran.report().refused), (2, 3));
    assert_eq!(fake.bodies("billing"), ["b"]);
    assert_eq!(fake.bodies("orders"), ["o"]);
    assert_eq!(fake.bodies("dlq"), ["elsewhere", "gone", "to orders"]);
    assert!(fake.messages("dlq").iter().all(|message| message.is_visible() && message.receives == 1));
    assert!(
        ran.items()
            .iter()
            .any(|(_, outcome)| matches!(outcome, Outcome::Refused { reason } if reason.contains("--to queue:NAME")))
    );
}

#[tokio::test(start_paused = true)]
async fn what_consume_rejected_goes_back_without_its_labels() {
    let fake = dead_letters(&[]);
    fake.redrive("billing", "dlq");
    let labelled = |origin: &str| {
        json!({
            "eventbus.origin": {"DataType": "String", "StringValue": origin},
            "eventbus.reason": {"DataType": "String", "StringValue": "the handler exited with 65"},
            "own": {"DataType": "String", "StringValue": "x"},
        })
    };
    fake.put("dlq", "b", labelled(&arn("billing")), &[]);
    // A publisher can write this label too, with raw delivery: it must not choose where its message is sent.
    fake.put("dlq", "forged", labelled(&arn("elsewhere")), &[]);
    let ran = replay(&fake, request()).await;
    assert_eq!((ran.report().done, ran.report().refused), (1, 1));
    let back = fake.messages("billing").remove(0);
    assert_eq!(
        (back.body.as_str(), back.attributes),
        ("b", json!({"own": {"DataType": "String", "StringValue": "x"}}))
    );
    assert_eq!(fake.bodies("dlq"), ["forged"]);
}

#[tokio::test(start_paused = true)]
async fn without_any_origin_nothing_is_moved() {
    let fake = dead_letters(&["a", "b"]);
    fake.redrive("billing", "dlq");
    let ran = replay(&fake, request()).await;
    let error = ran.result.unwrap_err().to_string();
    assert_eq!(
        error,
        "the messages of `dlq` do not say where they came from, and `billing` and `orders` all dead-letter there"
    );
    assert_eq!(fake.bodies("dlq"), ["a", "b"]);
    assert!(fake.messages("dlq").iter().all(FakeMessage::is_visible));
    let ran = run_on(&fake, To::Queue("billing".into()), request(), Shutdown::never()).await;
    assert_eq!(ran.report().done, 2);
    assert!(matches!(
        run_on(&fake, To::Queue("dlq".into()), request(), Shutdown::never()).await.result,
        Err(ReplayError::SameQueue(_))
    ));
}

#[tokio::test(start_paused = true)]
async fn a_refused_entry_stays_and_the_rest_goes() {
    let fake = dead_letters(&["a", "b", "c"]);
    fake.on_call(|operation, _, _| {
        (operation == "SendMessageBatch").then(|| Fault::FailEntries(vec![1], "InvalidMessageContents", true))
    });
    let ran = replay(&fake, request()).await;
    assert_eq!((ran.report().done, ran.report().failed), (2, 1));
    assert_eq!(fake.bodies("dlq"), ["b"]);
    assert_eq!(fake.bodies("orders"), ["a", "c"]);
    let stays = &fake.messages("dlq")[0];
    assert!(stays.is_visible() && stays.receives == 1);
    assert_eq!(ran.report().released, Released { given_back: 1, not_yet: 0 });
}

#[tokio::test(start_paused = true)]
async fn an_entry_refused_for_the_moment_is_sent_again() {
    let fake = dead_letters(&["a", "b", "c"]);
    fake.on_call(|operation, before, _| {
        (operation == "SendMessageBatch" && before < 2).then(|| Fault::FailEntries(vec![0], "InternalError", false))
    });
    let ran = replay(&fake, request()).await;
    assert_eq!(ran.report().done, 3);
    assert_eq!(fake.bodies("orders"), ["a", "b", "c"]);
}

#[tokio::test(start_paused = true)]
async fn a_failed_delete_is_tried_again_then_called_a_duplicate() {
    let fake = dead_letters(&["a", "b"]);
    fake.on_call(|operation, before, _| {
        (operation == "DeleteMessageBatch" && before < 2).then(|| Fault::FailEntries(vec![0], "InternalError", false))
    });
    assert_eq!(replay(&fake, request()).await.report().done, 2);
    assert!(fake.messages("dlq").is_empty());

    let fake = dead_letters(&["a", "b"]);
    fake.on_call(|operation, _, request| {
        let first = request["Entries"].as_array().is_some_and(|entries| entries.len() == 2);
        match operation {
            "DeleteMessageBatch" if first => Some(Fault::FailEntries(vec![0], "ReceiptHandleIsInvalid", true)),
            _ => None,
        }
    });
    let ran = replay(&fake, request()).await;
    assert_eq!((ran.report().done, ran.report().duplicated), (1, 1));
    assert!(ran.items().iter().any(|(id, outcome)| id == "m1" && matches!(outcome, Outcome::Duplicated { .. })));
    assert_eq!(fake.bodies("orders"), ["a", "b"], "what was sent is not sent again");
}

#[tokio::test(start_paused = true)]
async fn a_lost_answer_is_called_uncertain_and_nothing_is_deleted() {
    let fake = dead_letters(&["a"]);
    fake.on_call(|operation, _, _| (operation == "SendMessageBatch").then_some(Fault::LoseAnswer));
    let ran = replay(&fake, request()).await;
    assert_eq!(ran.report().failed, 1);
    assert!(matches!(&ran.items()[0].1, Outcome::Failed { uncertain: true, .. }));
    assert_eq!(fake.bodies("dlq"), ["a"]);

    let fake = dead_letters(&["a"]);
    fake.on_call(|operation, _, _| (operation == "SendMessageBatch").then_some(Fault::Damage));
    let ran = replay(&fake, request()).await;
    assert!(matches!(&ran.items()[0].1, Outcome::Failed { uncertain: true, .. }));
    assert_eq!(fake.bodies("dlq"), ["a"]);
}

#[tokio::test(start_paused = true)]
async fn no_message_is_lost_whichever_call_fails_and_however() {
    let operations = [
        "ReceiveMessage",
        "SendMessageBatch",
        "DeleteMessageBatch",
        "ChangeMessageVisibilityBatch",
        "GetQueueAttributes",
    ];
    let faults = [
        Fault::Refuse(400, "RequestThrottled", "slow down"),
        Fault::Refuse(403, "AccessDeniedException", "no"),
        Fault::Refuse(500, "InternalError", "oops"),
        Fault::Reset,
        Fault::LoseAnswer,
        Fault::FailEntries(vec![0, 3, 9], "InternalError", false),
        Fault::FailEntries(vec![1, 2], "InvalidParameterValue", true),
        Fault::OmitEntries(vec![0, 4]),
        Fault::Damage,
    ];
    let bodies: Vec<String> = (0..15).map(|n| format!("body {n:02}")).collect();
    let bodies: Vec<&str> = bodies.iter().map(String::as_str).collect();
    for operation in operations {
        for fault in &faults {
            let fits = match fault {
                Fault::FailEntries(..) | Fault::OmitEntries(..) => operation.ends_with("Batch"),
                Fault::Damage => matches!(operation, "ReceiveMessage" | "SendMessageBatch"),
                _ => true,
            };
            for (from, every) in [(0, 1), (1, 2)].into_iter().filter(|_| fits) {
                let fake = dead_letters(&bodies);
                let broken = fault.clone();
                fake.on_call(move |called, before, _| {
                    (called == operation && before >= from && (before - from) % every == 0).then(|| broken.clone())
                });
                let ran = replay(&fake, request()).await;
                let context = format!("{operation} {fault:?} from {from} every {every}: {:?}", ran.result);
                let (source, target) = (fake.bodies("dlq"), fake.bodies("orders"));
                for body in &bodies {
                    let copies = target.iter().filter(|found| found == body).count();
                    let there = source.iter().any(|found| found == body);
                    assert!(there || copies > 0, "{body} is lost: {context}");
                }
                let items = ran.items();
                if let Ok(report) = &ran.result {
                    assert_eq!(report.done + report.failed + report.duplicated, items.len() as u64, "{context}");
                }
                let moved = items.iter().filter(|(_, outcome)| matches!(outcome, Outcome::Moved { .. })).count();
                assert!(moved <= target.len() && moved + source.len() <= bodies.len(), "{context}");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn only_the_events_asked_for_go_and_the_others_are_looked_at_once() {
    let (wanted, other) = (event("UserRegistered"), event("UserDeleted"));
    let mut bodies = vec![other.as_str(); 24];
    bodies.extend(vec![wanted.as_str(); 11]);
    bodies.push("no event");
    let fake = dead_letters(&bodies);
    let ran = replay(&fake, Request { selection: only("UserRegistered"), ..request() }).await;
    assert_eq!((ran.report().done, ran.report().skipped, ran.report().left), (11, 25, Some(25)));
    assert_eq!(fake.messages("orders").len(), 11);
    assert_eq!(fake.messages("dlq").len(), 25);
    assert!(fake.messages("dlq").iter().all(|message| message.receives == 1 && message.is_visible()));
    assert!(ran.items().iter().all(|(_, outcome)| matches!(outcome, Outcome::Moved { .. })));
}

#[tokio::test(start_paused = true)]
async fn the_limit_holds_and_what_is_beyond_it_is_not_even_received() {
    let fake = dead_letters(&["a", "b", "c", "d"]);
    let ran = replay(&fake, Request { limit: Some(3), ..request() }).await;
    assert_eq!(ran.report().done, 3);
    assert_eq!(fake.messages("dlq").iter().map(|message| message.receives).collect::<Vec<_>>(), [0]);
}

#[tokio::test(start_paused = true)]
async fn a_dry_run_and_a_copy_leave_everything_and_say_what_looking_costs() {
    let fake = dead_letters(&["a", "b"]);
    let ran = replay(&fake, Request { work: Work::DryRun { copy: false }, ..request() }).await;
    assert_eq!((ran.report().done, fake.messages("orders").len()), (2, 0));
    assert!(ran.warnings()[0].contains("received once"), "{:?}", ran.warnings());
    assert!(fake.messages("dlq").iter().all(|message| message.is_visible() && message.receives == 1));

    let ran = replay(&fake, Request { work: Work::Copy(Confirmed::by_the_user()), ..request() }).await;
    assert_eq!(ran.report().done, 2);
    assert_eq!(fake.bodies("orders"), fake.bodies("dlq"));
    assert_eq!(fake.calls("DeleteMessageBatch"), 0);
}

#[tokio::test(start_paused = true)]
async fn a_queue_that_dead_letters_itself_is_warned_about_before_a_selection() {
    let fake = dead_letters(&["a"]);
    fake.redrive("dlq", "billing");
    let ran = replay(&fake, Request { selection: only("X"), ..request() }).await;
    assert!(ran.warnings()[0].contains("`billing` once it was received 5 times"), "{:?}", ran.warnings());
}

fn signal_at(fake: &Fake, trigger: Trigger, operation: &'static str, signals: u32) {
    let trigger = Arc::new(Mutex::new(Some(trigger)));
    fake.on_call(move |called, _, _| {
        if called == operation
            && let Some(trigger) = trigger.lock().unwrap().take()
        {
            for _ in 0..signals {
                trigger.signal(Signal::Interrupt);
            }
        }
        None
    });
}

#[tokio::test(start_paused = true)]
async fn the_first_signal_finishes_what_is_in_flight_and_receives_no_more() {
    let bodies = ["x"; 25];
    let fake = dead_letters(&bodies);
    let (trigger, shutdown) = Shutdown::manual();
    signal_at(&fake, trigger, "SendMessageBatch", 1);
    let ran = run_on(&fake, To::Origin, request(), shutdown).await;
    assert_eq!((ran.report().done, ran.report().interrupted), (10, Some(10)));
    assert_eq!((fake.messages("orders").len(), fake.messages("dlq").len()), (10, 15));
    assert_eq!(fake.calls("ReceiveMessage"), 1);

    let fake = dead_letters(&bodies);
    let (trigger, shutdown) = Shutdown::manual();
    trigger.signal(Signal::Terminate);
    let ran = run_on(&fake, To::Origin, request(), shutdown).await;
    assert_eq!((ran.report().done, ran.report().interrupted, fake.calls("ReceiveMessage")), (0, Some(0), 0));
}

#[tokio::test(start_paused = true)]
async fn the_second_signal_abandons_by_name_what_has_no_answer() {
    let fake = dead_letters(&["a", "b"]);
    let (trigger, shutdown) = Shutdown::manual();
    fake.on_call(move |called, _, _| {
        (called == "DeleteMessageBatch").then(|| {
            trigger.signal(Signal::Interrupt);
            trigger.signal(Signal::Interrupt);
            Fault::Refuse(500, "InternalError", "oops")
        })
    });
    let ran = run_on(&fake, To::Origin, request(), shutdown).await;
    let mut abandoned = ran.report().abandoned.clone();
    abandoned.sort();
    assert_eq!(abandoned, ["m1", "m2"]);
    assert_eq!(fake.bodies("dlq"), ["a", "b"]);
}

#[tokio::test(start_paused = true)]
async fn fifo_messages_keep_their_group_and_get_a_fresh_deduplication_id() {
    let fake = Fake::new(&["orders.fifo", "dlq", "dlq.fifo"]);
    fake.set("dlq.fifo", "FifoQueue", "true");
    let old = [("MessageGroupId", "g1"), ("MessageDeduplicationId", "old")];
    fake.put("dlq.fifo", "a", Value::Null, &old);
    fake.put("dlq.fifo", "b", Value::Null, &[]);
    let bus = fake.bus().await;
    let plan = plan(&bus, &From::Queue("dlq.fifo".into()), &To::Queue("orders.fifo".into()), None).await.unwrap();
    let (emitter, _events) = channel();
    let report = run(&bus, &plan, &request(), &emitter, &Shutdown::never()).await.unwrap();
    assert_eq!((report.done, report.refused), (1, 1));
    let arrived = &fake.messages("orders.fifo")[0];
    assert_eq!(arrived.system["MessageGroupId"], "g1");
    assert_eq!(arrived.system["MessageDeduplicationId"], "replay-m1");
    assert!(matches!(
        super::plan(&bus, &From::Queue("dlq".into()), &To::Queue("orders.fifo".into()), None).await,
        Err(ReplayError::FifoMismatch { .. })
    ));
}

#[tokio::test(start_paused = true)]
async fn large_messages_are_not_sent_in_one_call() {
    let body = "x".repeat(200 * 1024);
    let fake = dead_letters(&[&body, &body, &body]);
    assert_eq!(replay(&fake, request()).await.report().done, 3);
    assert_eq!(fake.calls("SendMessageBatch"), 3);
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_does_not_read_holds_nothing_beyond_the_second_signal() {
    let bodies: Vec<String> = (0..300).map(|n| n.to_string()).collect();
    let fake = dead_letters(&bodies.iter().map(String::as_str).collect::<Vec<_>>());
    let bus = fake.bus().await;
    let plan = plan(&bus, &From::Queue("dlq".into()), &To::Origin, None).await.unwrap();
    let (trigger, shutdown) = Shutdown::manual();
    let (emitter, _unread) = channel();
    let wanted = request();
    let (report, ()) = tokio::join!(run(&bus, &plan, &wanted, &emitter, &shutdown), async {
        tokio::time::sleep(Duration::from_secs(600)).await;
        trigger.signal(Signal::Terminate);
        trigger.signal(Signal::Terminate);
    });
    let report = report.unwrap();
    assert_eq!((report.done, report.abandoned.len()), (260, 0), "the batch that was sent is counted to its end");
    assert_eq!((fake.messages("orders").len(), fake.messages("dlq").len()), (260, 40));
    assert!(fake.messages("dlq").iter().all(FakeMessage::is_visible));
}

#[tokio::test(start_paused = true)]
async fn what_a_live_consumer_rejects_again_is_not_sent_again() {
    // A clock of ours that is right, and one that is a minute ahead of the service's: then it is known by the label of who
    // rejected it.
    let label = json!({"eventbus.origin": {"DataType": "String", "StringValue": arn("orders")}});
    for (skew, label) in [(0, Value::Null), (-60_000, label)] {
        let fake = dead_letters(&[]);
        for n in 0..25 {
            fake.put("dlq", &format!("body {n}"), Value::Null, &[("SentTimestamp", &(START - 3_600_000).to_string())]);
        }
        // Whatever is sent comes back under a new id.
        let (consumer, back) = (fake.clone(), Arc::new(Mutex::new(0)));
        fake.on_call(move |operation, _, _| {
            if operation == "ReceiveMessage" {
                let (consumer, back, label) = (consumer.clone(), back.clone(), label.clone());
                tokio::spawn(async move {
                    let mut back = back.lock().unwrap();
                    let now = (START + 1 + skew).to_string();
                    for message in consumer.messages("orders").iter().skip(*back) {
                        consumer.put("dlq", &message.body, label.clone(), &[("SentTimestamp", &now)]);
                        *back += 1;
                    }
                });
            }
            None
        });
        let ran = replay(&fake, request()).await;
        assert_eq!((ran.report().done, ran.report().late), (25, 25), "{skew}");
        assert_eq!((fake.messages("orders").len(), fake.messages("dlq").len()), (25, 25));
        assert!(fake.messages("dlq").iter().all(FakeMessage::is_visible));
    }
}

#[tokio::test(start_paused = true)]
async fn messages_with_equal_bodies_are_messages_of_their_own() {
    let fake = dead_letters(&[]);
    for _ in 0..25 {
        fake.put("dlq", "the same", Value::Null, &[("SentTimestamp", &(START - 60_000).to_string())]);
    }
    let ran = replay(&fake, request()).await;
    assert_eq!((ran.report().done, ran.report().late), (25, 0));
    assert_eq!((fake.messages("orders").len(), fake.messages("dlq").len()), (25, 0));
}

#[tokio::test(start_paused = true)]
async fn what_is_refused_is_not_overtaken_in_its_group() {
    let fake = Fake::new(&["orders.fifo", "dlq.fifo"]);
    fake.set("dlq.fifo", "FifoQueue", "true");
    for (body, group) in [("a", "g1"), ("odd", "g1"), ("b", "g1"), ("c", "g2")] {
        fake.put("dlq.fifo", body, Value::Null, &[("MessageGroupId", group), ("SentTimestamp", "1")]);
    }
    let bus = fake.bus().await;
    let plan = plan(&bus, &From::Queue("dlq.fifo".into()), &To::Queue("orders.fifo".into()), None).await.unwrap();
    let (emitter, _events) = channel();
    let program = Program::compile("if .body == \"odd\" then error(\"no\") else true end").unwrap();
    let selection = Selection { programs: vec![Arc::new(program)], ..Selection::default() };
    let request = Request { selection, ..request() };
    let report = run(&bus, &plan, &request, &emitter, &Shutdown::never()).await.unwrap();
    assert_eq!((report.done, report.refused), (2, 2));
    assert_eq!(
        (fake.bodies("orders.fifo"), fake.bodies("dlq.fifo")),
        (vec!["a".into(), "c".into()], vec!["b".into(), "odd".into()])
    );
}

#[test]
fn what_is_remembered_is_bounded() {
    let mut recent = Recent::new(3);
    for hash in [1, 2, 2, 3, 4, 5] {
        recent.insert(hash);
    }
    assert_eq!([1, 2, 3, 4, 5].map(|hash| recent.contains(hash)), [false, false, true, true, true]);
    assert_eq!((recent.known.len(), recent.order.len()), (3, 3));
}
