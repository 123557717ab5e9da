//! Tails that receive and hold, over a fake bus and a clock that stands.

use serde_json::{Value, json};

use tokio::time::Instant;

use super::*;
use crate::bus::tests::fake::{Fake, Fault};
use crate::engine::channel;
use crate::engine::recording::{Rotation, Writer};
use crate::engine::shutdown::{Signal, Trigger};

async fn request(bus: &Bus) -> Request {
    let queue = bus.queue("q").await.unwrap();
    Request { sources: vec![Source::Queue(queue)], mode: Choice::Receive, ..Request::default() }
}

struct Ran {
    result: Result<Report, TailError>,
    told: Vec<Event>,
}

impl Ran {
    fn bodies(&self) -> Vec<&str> {
        let records = self.told.iter().filter_map(|event| match event {
            Event::Tail(Progress::Message(record)) => Some(record.body.as_str()),
            _ => None,
        });
        records.collect()
    }
}

async fn tail(fake: &Fake, shutdown: Shutdown, change: impl FnOnce(&mut Request)) -> Ran {
    let bus = fake.bus().await;
    let mut request = request(&bus).await;
    change(&mut request);
    let (emitter, mut events) = channel();
    // Not a blocking task of tokio's: while one runs, the paused clock stands.
    let listening = std::thread::spawn(move || {
        let mut told = Vec::new();
        while let Some(event) = events.next_blocking() {
            told.push(event);
        }
        told
    });
    let result = run(Some(&bus), request, &emitter, &shutdown, std::future::pending()).await;
    drop(emitter);
    Ran { result, told: listening.join().unwrap() }
}

fn queue_of(bodies: &[&str]) -> Fake {
    let fake = Fake::new(&["q", "dlq"]);
    for body in bodies {
        fake.put("q", body, Value::Null, &[]);
    }
    fake
}

fn given_back(fake: &Fake) -> bool {
    fake.messages("q").iter().all(|message| message.is_visible() && message.receives <= 1)
}

#[tokio::test(start_paused = true)]
async fn each_message_is_received_once_held_and_given_back() {
    let bodies: Vec<String> = (0..25).map(|n| n.to_string()).collect();
    let fake = queue_of(&bodies.iter().map(String::as_str).collect::<Vec<_>>());
    // Ten minutes: without extensions every message would come again several times.
    let ran = tail(&fake, Shutdown::never(), |request| request.duration = Some(Duration::from_secs(600))).await;
    let report = ran.result.as_ref().unwrap();
    assert_eq!((report.shown, report.ended, report.released.given_back), (25, Ended::Time, 25));
    assert_eq!(ran.bodies(), bodies);
    assert!(given_back(&fake));
    assert!(
        matches!(&ran.told[0], Event::Tail(Progress::Cost { mode: Mode::Receive, says }) if says.contains("received once"))
    );
}

#[tokio::test(start_paused = true)]
async fn the_cost_is_told_before_the_first_receive_and_refused_where_it_is_too_high() {
    let fake = queue_of(&["a"]);
    fake.redrive("q", "dlq");
    let ran = tail(&fake, Shutdown::never(), |_| ()).await;
    assert_eq!(
        ran.result.unwrap_err().to_string(),
        "queue `q` moves a message to `dlq` once it was received 5 times, and looking counts as a receive"
    );
    assert_eq!(fake.calls("ReceiveMessage"), 0);
    let ran = tail(&fake, Shutdown::never(), |request| (request.force, request.count) = (true, Some(1))).await;
    assert_eq!(ran.bodies(), ["a"]);

    let fake = queue_of(&["a"]);
    fake.set("q", "FifoQueue", "true");
    let ran = tail(&fake, Shutdown::never(), |_| ()).await;
    assert!(ran.result.unwrap_err().to_string().contains("FIFO"));
}

#[tokio::test(start_paused = true)]
async fn idle_counts_from_the_last_message_and_for_from_the_start() {
    let fake = queue_of(&["a"]);
    let start = Instant::now();
    let ran = tail(&fake, Shutdown::never(), |request| request.idle = Some(Duration::from_secs(45))).await;
    assert_eq!(ran.result.unwrap().ended, Ended::Idle);
    assert_eq!(start.elapsed().as_secs(), 45);
    let start = Instant::now();
    let ran = tail(&fake, Shutdown::never(), |request| request.duration = Some(Duration::from_secs(30))).await;
    assert_eq!(ran.result.unwrap().ended, Ended::Time);
    assert_eq!(start.elapsed().as_secs(), 30);
}

#[tokio::test(start_paused = true)]
async fn count_counts_what_is_shown_and_takes_no_more_than_it_needs() {
    let fake = queue_of(&["a", "b", "c"]);
    let ran = tail(&fake, Shutdown::never(), |request| request.count = Some(2)).await;
    assert_eq!(ran.bodies(), ["a", "b"]);
    assert_eq!(fake.messages("q")[2].receives, 0);
    let wanted =
        json!({"Metadata": {"EventName": "X", "EntityName": "X", "PublisherName": "P"}, "Payload": {}}).to_string();
    let fake = queue_of(&["no event", &wanted, "no event"]);
    let ran = tail(&fake, Shutdown::never(), |request| {
        (request.count, request.selection.events) = (Some(1), vec!["X".into()])
    })
    .await;
    assert_eq!(ran.bodies(), [wanted]);
    assert!(given_back(&fake));
}

#[tokio::test(start_paused = true)]
async fn what_is_no_event_is_shown_with_the_reason() {
    let fake = queue_of(&["\u{1}\u{2}"]);
    let ran = tail(&fake, Shutdown::never(), |request| request.count = Some(1)).await;
    assert!(ran.told.iter().any(|event| matches!(
        event,
        Event::Tail(Progress::Message(record)) if record.event.is_none() && record.unreadable.is_some()
    )));
}

#[tokio::test(start_paused = true)]
async fn a_signal_a_closed_output_and_a_failing_bus_give_everything_back() {
    let (trigger, shutdown): (Trigger, Shutdown) = Shutdown::manual();
    let fake = queue_of(&["a", "b"]);
    fake.on_call(move |operation, before, _| {
        if operation == "ReceiveMessage" && before == 1 {
            trigger.signal(Signal::Interrupt);
        }
        None
    });
    let ran = tail(&fake, shutdown, |_| ()).await;
    assert_eq!(ran.result.unwrap().ended, Ended::Signal);
    assert!(given_back(&fake));

    let fake = queue_of(&["a", "b"]);
    fake.on_call(|operation, before, _| {
        (operation == "ReceiveMessage" && before > 0).then_some(Fault::Refuse(403, "AccessDeniedException", "no"))
    });
    assert!(matches!(tail(&fake, Shutdown::never(), |_| ()).await.result, Err(TailError::Bus(_))));
    assert!(given_back(&fake));

    let fake = queue_of(&["a", "b"]);
    let bus = fake.bus().await;
    let (emitter, events) = channel();
    drop(events);
    let report =
        run(Some(&bus), request(&bus).await, &emitter, &Shutdown::never(), std::future::pending()).await.unwrap();
    assert_eq!((report.ended, fake.calls("ReceiveMessage")), (Ended::OutputClosed, 0));
    let (emitter, _events) = channel();
    let gone = tokio::time::sleep(Duration::from_secs(5));
    let report = run(Some(&bus), request(&bus).await, &emitter, &Shutdown::never(), gone).await.unwrap();
    assert_eq!(report.ended, Ended::OutputClosed);
    assert!(given_back(&fake));
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_does_not_read_holds_nothing_beyond_the_signal() {
    let bodies = vec!["x"; 300];
    let fake = queue_of(&bodies);
    let bus = fake.bus().await;
    let request = request(&bus).await;
    let (trigger, shutdown) = Shutdown::manual();
    let (emitter, _unread) = channel();
    let (report, ()) = tokio::join!(run(Some(&bus), request, &emitter, &shutdown, std::future::pending()), async {
        // Ten minutes of standing still: nothing may lapse meanwhile.
        tokio::time::sleep(Duration::from_secs(600)).await;
        assert!(fake.messages("q").iter().filter(|message| !message.is_visible()).count() > 200);
        trigger.signal(Signal::Terminate);
    });
    let report = report.unwrap();
    assert_eq!((report.ended, report.shown), (Ended::Signal, 255), "all that the channel takes beside the cost");
    assert!(given_back(&fake));
}

async fn drain(fake: &Fake, change: impl FnOnce(&mut Request)) -> (Result<Report, TailError>, Vec<String>) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("drained.ndjson");
    let bus = fake.bus().await;
    let mut request = request(&bus).await;
    request.mode = Choice::Drain(Confirmed::by_the_user());
    request.idle = Some(Duration::from_secs(90));
    change(&mut request);
    let (mut writer, _) = Writer::open(&path, Rotation::default(), Clock::manual(1_700_000_000_000)).unwrap();
    let (emitter, _events) = channel();
    let outlets = Outlets { show: false, writer: Some(&mut writer), folder: None };
    let result = run_with(Some(&bus), request, outlets, &emitter, &Shutdown::never(), std::future::pending()).await;
    // Not finished: what must be safe is safe already.
    let written = std::fs::read_to_string(&path).unwrap();
    let bodies = written.lines().map(|line| Record::parse(line).unwrap().body).collect();
    (result, bodies)
}

#[tokio::test(start_paused = true)]
async fn what_is_drained_is_on_the_disk_before_it_is_deleted_and_once() {
    let bodies: Vec<String> = (0..25).map(|n| n.to_string()).collect();
    let fake = queue_of(&bodies.iter().map(String::as_str).collect::<Vec<_>>());
    fake.redrive("q", "dlq");
    // The second batch is not deleted: one entry is refused, the answer to another is lost.
    fake.on_call(|operation, before, _| match operation {
        "DeleteMessageBatch" if before == 1 => Some(Fault::FailEntries(vec![3], "InternalError", true)),
        _ => None,
    });
    let (result, written) = drain(&fake, |_| ()).await;
    let report = result.unwrap();
    assert_eq!((report.shown, report.drained, report.undeleted), (25, 24, 1));
    assert_eq!(written, bodies);
    assert_eq!(fake.messages("q").len(), 1);
}

#[tokio::test(start_paused = true)]
async fn draining_a_part_leaves_the_rest_and_is_refused_where_that_costs() {
    let fake = queue_of(&["a", "b", "ab"]);
    let (result, written) = drain(&fake, |request| request.selection.grep = Some("a".into())).await;
    let report = result.unwrap();
    assert_eq!((report.drained, report.released.given_back, written), (2, 1, vec!["a".to_owned(), "ab".to_owned()]));
    assert!(given_back(&fake) && fake.messages("q").len() == 1);
    fake.redrive("q", "dlq");
    let (result, _) = drain(&fake, |request| request.selection.grep = Some("a".into())).await;
    assert!(matches!(result, Err(TailError::Costly { .. })));
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_written_is_given_back() {
    struct Full;
    impl Sink for Full {
        async fn take(&mut self, _: Record) -> Result<(), Stop> {
            Ok(())
        }
        async fn secure(&mut self) -> Result<(), Stop> {
            let error = std::io::Error::from(std::io::ErrorKind::StorageFull);
            Err(Stop::Failed(TailError::Unwritten { what: "the recording cannot be written".into(), error }))
        }
    }
    let fake = queue_of(&["a", "b"]);
    let bus = fake.bus().await;
    let mut request = request(&bus).await;
    request.mode = Choice::Drain(Confirmed::by_the_user());
    let (emitter, _events) = channel();
    let never = Shutdown::never();
    let result = run_into(Some(&bus), request, &mut Full, &emitter, &never, std::future::pending()).await;
    assert!(matches!(result, Err(TailError::Unwritten { .. })));
    assert_eq!((fake.calls("DeleteMessageBatch"), fake.messages("q").len()), (0, 2));
    assert!(given_back(&fake));
}

#[tokio::test(start_paused = true)]
async fn several_queues_share_bounds_and_all_give_back() {
    let fake = Fake::new(&["q", "dlq"]);
    for body in ["a", "b", "c"] {
        fake.put("q", body, Value::Null, &[]);
        fake.put("dlq", body, Value::Null, &[]);
    }
    let bus = fake.bus().await;
    let other = bus.queue("dlq").await.unwrap();
    let ran = tail(&fake, Shutdown::never(), |request| {
        request.sources.push(Source::Queue(other));
        request.count = Some(4);
    })
    .await;
    let report = ran.result.as_ref().unwrap();
    assert_eq!((report.shown, report.ended, ran.bodies().len()), (4, Ended::Count, 4));
    for queue in ["q", "dlq"] {
        assert!(fake.messages(queue).iter().all(|message| message.is_visible()));
    }
}

#[test]
fn a_sample_is_a_share_and_always_the_same() {
    let sample = Sample::percent(10.0).unwrap();
    let taken = |n: u32| sample.takes(&format!("message-{n}"));
    let all = (0..10_000).filter(|n| taken(*n)).count();
    assert!((800..1_200).contains(&all), "{all} of 10,000");
    assert!((0..100).all(|n| taken(n) == taken(n)));
    assert!((0..100).all(|n| Sample::percent(100.0).unwrap().takes(&n.to_string())));
}
