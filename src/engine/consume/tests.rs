//! Real handlers over a fake SQS that fails on demand. What must happen in between is told by the handlers through named pipes.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};

use super::*;
use crate::bus::tests::fake::{Fake, Fault, arn};
use crate::engine::exec::{HandlerCommand, Program};
use crate::engine::rejected::{ORIGIN_ATTRIBUTE, REASON_ATTRIBUTE};
use crate::engine::shutdown::Shutdown;
use crate::engine::{self, Event};

pub(super) fn body(event: &str, id: &str) -> String {
    json!({"Metadata": {"EventName": event, "EntityName": event, "PublisherName": "p", "EntityId": id}, "Payload": {"Id": id}}).to_string()
}

pub(super) fn users(events: usize) -> Fake {
    let fake = Fake::new(&["users", "dead"]);
    fake.set("users", "VisibilityTimeout", "30");
    for n in 0..events {
        fake.put("users", &body("UserRegistered", &n.to_string()), Value::Null, &[]);
    }
    fake
}

pub(super) async fn program(line: &str) -> Program {
    let program = HandlerCommand::Shell(line.into()).resolve(Some("/usr/bin:/bin".as_ref()), Path::new("/")).await;
    program.expect("sh exists")
}

pub(super) async fn request(line: &str) -> Request {
    with_protocol(Protocol::Spawn(program(line).await))
}

pub(super) fn with_protocol(protocol: Protocol) -> Request {
    let handler = HandlerSpec {
        protocol,
        workers: NonZeroUsize::MIN,
        timeout: None,
        // Long enough that nothing comes back within a test.
        backoff: Backoff { base: Duration::from_secs(60), cap: Duration::from_secs(900) },
    };
    Request {
        queues: vec!["users".into()],
        handlers: vec![handler],
        table: Table::new(vec![("*".into(), 0)]),
        unhandled: Unclaimed::Leave,
        invalid: Unclaimed::Reject,
        validate: None,
        stdin: Stdin::Event,
        order_by: None,
        rate: None,
        pause_after: None,
        max_memory: None,
        dedupe: None,
        announcements: None,
        count: None,
        idle: None,
        drain: true,
        drain_timeout: None,
        clock: Clock::manual(0),
        metrics: Metrics::default(),
        spans: None,
    }
}

impl Request {
    pub(super) fn from(mut self, queue: &str) -> Self {
        self.queues = vec![queue.into()];
        self
    }

    pub(super) fn workers(mut self, n: usize) -> Self {
        self.handlers[0].workers = NonZeroUsize::new(n).expect("not zero");
        self
    }

    pub(super) fn timeout(mut self, timeout: Duration) -> Self {
        self.handlers[0].timeout = Some(timeout);
        self
    }

    pub(super) fn backoff(mut self, base: Duration, cap: Duration) -> Self {
        self.handlers[0].backoff = Backoff { base, cap };
        self
    }
}

pub(super) struct Run {
    pub(super) report: Report,
    pub(super) progress: Vec<Progress>,
}

impl Run {
    pub(super) fn settlements(&self) -> Vec<&Settlement> {
        self.progress
            .iter()
            .filter_map(|progress| match progress {
                Progress::Settled { settlement, .. } => Some(settlement),
                _ => None,
            })
            .collect()
    }

    pub(super) fn output(&self) -> String {
        let mut out = Vec::new();
        for progress in &self.progress {
            if let Progress::HandlerEnded { stdout, .. } = progress {
                stdout.copy_to(&mut out).expect("memory takes it");
            }
        }
        String::from_utf8(out).expect("UTF-8")
    }
}

pub(super) async fn consume_until(fake: &Fake, request: Request, shutdown: &Shutdown) -> Run {
    // The fake knows what lies in its queues, as the embedded bus does.
    let bus = fake.bus_with(|options| options.peek = true).await;
    let (emit, mut events) = engine::channel();
    let report = run(&bus, request, &emit, shutdown).await.expect("it begins");
    drop(emit);
    let all = move || std::iter::from_fn(|| events.next_blocking()).collect::<Vec<_>>();
    let progress = tokio::task::spawn_blocking(all).await.expect("they are all there");
    let progress = progress.into_iter().filter_map(|event| match event {
        Event::Consume(progress) => Some(progress),
        _ => None,
    });
    Run { report, progress: progress.collect() }
}

pub(super) async fn consume(fake: &Fake, request: Request) -> Run {
    consume_until(fake, request, &Shutdown::never()).await
}

/// A folder with a named pipe in it.
fn fifo() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("fifo");
    nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRWXU).expect("a named pipe");
    (folder, path)
}

#[tokio::test]
async fn what_was_handled_is_deleted_and_nothing_else() {
    let fake = users(25);
    let line = "grep -q '\"entityId\":\"7\"' && exit 3; exit 0";
    let run = consume(&fake, request(line).await.workers(4)).await;
    assert_eq!(run.report.counts, Counts { received: 25, handled: 25, acked: 24, failed: 1, ..Counts::default() });
    assert!(matches!(run.report.ended, Ended::Drained { approximate: false }));
    assert_eq!(fake.bodies("users"), [body("UserRegistered", "7")]);
    assert!(fake.calls("DeleteMessageBatch") < 24, "deletes share calls");
}

#[tokio::test]
async fn no_more_is_received_than_there_are_free_workers_unless_they_are_quick() {
    for (handler, messages, bound) in [("sleep 0.15", 5, 2), ("exit 1", 9, 2), ("true", 40, 10)] {
        let fake = users(messages);
        let (seen, most) = std::sync::mpsc::channel();
        fake.on_call(move |operation, _, request| {
            if operation == "ReceiveMessage" {
                seen.send((request["MaxNumberOfMessages"].as_u64(), request["VisibilityTimeout"].as_u64()))
                    .expect("the test listens");
            }
            None
        });
        consume(&fake, request(handler).await.workers(2)).await;
        let asked: Vec<_> = most.try_iter().collect();
        assert!(asked.iter().all(|(_, visibility)| *visibility == Some(37)), "the handler's time and the margin");
        let asked: Vec<u64> = asked.into_iter().filter_map(|(max, _)| max).collect();
        assert_eq!(asked[0], 2, "{handler}: nobody knows yet whether it is quick");
        assert!(asked.iter().all(|max| (1..=bound).contains(max)), "{handler}: {asked:?}");
        assert_eq!(asked.iter().any(|max| *max > 2), handler == "true", "{handler}: {asked:?}");
    }
}

#[tokio::test]
async fn a_failed_attempt_backs_off_and_the_last_one_does_not() {
    let fake = users(1);
    let run = consume(&fake, request("exit 3").await).await;
    let [Settlement::Retrying { failure: Failure::Code(3), after, last: false, unsettled: None }] =
        run.settlements()[..]
    else {
        panic!("{:?}", run.settlements())
    };
    assert!((30..=60).contains(&after.as_secs()), "{after:?}");
    assert!(!fake.messages("users")[0].is_visible());

    let fake = users(1);
    fake.redrive("users", "dead");
    fake.set("users", "RedrivePolicy", &json!({"deadLetterTargetArn": arn("dead"), "maxReceiveCount": 1}).to_string());
    let run = consume(&fake, Request { count: Some(1), ..request("exit 3").await }).await;
    assert!(matches!(run.settlements()[..], [Settlement::Retrying { after: Duration::ZERO, last: true, .. }]));
}

#[tokio::test]
async fn not_now_is_no_failure() {
    let fake = users(1);
    let run = consume(&fake, request("exit 75").await).await;
    assert_eq!(run.report.counts, Counts { received: 1, handled: 1, not_now: 1, ..Counts::default() });
    assert!(!fake.messages("users")[0].is_visible());
}

#[tokio::test]
async fn a_rejected_event_is_copied_before_it_is_deleted() {
    let fake = users(0);
    fake.redrive("users", "dead");
    let attributes = json!({"eventName": {"DataType": "String", "StringValue": "UserRegistered"}});
    fake.put("users", &body("UserRegistered", "7"), attributes, &[]);
    let run = consume(&fake, request("exit 65").await).await;
    assert_eq!(run.report.counts, Counts { received: 1, handled: 1, rejected: 1, ..Counts::default() });
    assert!(fake.messages("users").is_empty());
    let dead = &fake.messages("dead")[0];
    assert_eq!(dead.body, body("UserRegistered", "7"));
    assert_eq!(dead.attributes["eventName"]["StringValue"], "UserRegistered");
    assert_eq!(dead.attributes[ORIGIN_ATTRIBUTE]["StringValue"], arn("users"));
    assert_eq!(dead.attributes[REASON_ATTRIBUTE]["StringValue"], "the handler exited with 65");
    let operations = fake.operations();
    let first = |name: &str| operations.iter().position(|operation| operation == name).expect("it was called");
    assert!(first("SendMessageBatch") < first("DeleteMessageBatch"));
}

#[tokio::test]
async fn without_a_confirmed_copy_nothing_is_deleted() {
    for fault in
        [Fault::Refuse(403, "AccessDenied", "no"), Fault::FailEntries(vec![0], "InternalError", true), Fault::Damage]
    {
        let fake = users(1);
        fake.redrive("users", "dead");
        let fails = fault.clone();
        fake.on_call(move |operation, _, _| (operation == "SendMessageBatch").then(|| fails.clone()));
        let run = consume(&fake, request("exit 65").await).await;
        assert!(
            matches!(run.settlements()[..], [Settlement::RejectFailed { .. }]),
            "{fault:?}: {:?}",
            run.settlements()
        );
        assert_eq!(fake.messages("users").len(), 1, "{fault:?}");
        assert_eq!(fake.calls("DeleteMessageBatch"), 0, "{fault:?}");
    }
}

#[tokio::test]
async fn without_a_dead_letter_queue_it_is_left_and_said() {
    let fake = users(1);
    let run = consume(&fake, request("exit 65").await).await;
    assert!(matches!(run.settlements()[..], [Settlement::Left { .. }]));
    assert_eq!(fake.messages("users").len(), 1);
    assert_eq!(fake.calls("ChangeMessageVisibilityBatch"), 0, "it stays away for its visibility timeout");
}

#[tokio::test]
async fn a_body_that_is_no_event_meets_no_handler_and_is_never_acknowledged() {
    for (dead_letters, left_over) in [(false, 2), (true, 0)] {
        let fake = users(0);
        if dead_letters {
            fake.redrive("users", "dead");
        }
        fake.put("users", "hello", Value::Null, &[]);
        fake.put("users", "[1]", Value::Null, &[]);
        let run = consume(&fake, request("true").await).await;
        assert_eq!(run.report.counts.handled, 0);
        assert_eq!((run.report.counts.left, run.report.counts.rejected), if dead_letters { (0, 2) } else { (2, 0) });
        assert_eq!(fake.messages("users").len(), left_over);
        if dead_letters {
            assert_eq!(fake.bodies("dead"), ["[1]", "hello"]);
        }
    }
}

#[tokio::test]
async fn a_handler_that_cannot_run_is_told_whatever_else_ends_the_run() {
    let fake = users(1);
    let run = consume(&fake, Request { count: Some(1), ..request("exit 126").await }).await;
    assert!(matches!(&run.report.ended, Ended::CannotRun { why, .. } if why.contains("126")));
}

#[tokio::test]
async fn a_handler_that_cannot_run_costs_one_receive_and_gives_it_back() {
    let fake = users(3);
    let run = consume(&fake, request("exit 127").await).await;
    assert!(matches!(&run.report.ended, Ended::CannotRun { why, .. } if why.contains("127")));
    assert_eq!(run.report.counts, Counts { received: 1, released: 1, ..Counts::default() });
    let messages = fake.messages("users");
    assert_eq!(messages.iter().map(|message| message.receives).sum::<u32>(), 1);
    assert!(messages.iter().all(|message| message.is_visible()), "it is given back");
}

#[tokio::test]
async fn a_failed_delete_is_tried_again_and_told_when_lost() {
    let fake = users(2);
    fake.on_call(|operation, before, _| {
        (operation == "DeleteMessageBatch" && before == 0).then(|| Fault::FailEntries(vec![0], "InternalError", false))
    });
    let run = consume(&fake, request("true").await.workers(2)).await;
    assert_eq!(run.report.counts.acked, 2);
    assert!(fake.messages("users").is_empty());

    let fake = users(1);
    fake.on_call(|operation, _, _| {
        (operation == "DeleteMessageBatch").then(|| Fault::FailEntries(vec![0], "ReceiptHandleIsInvalid", true))
    });
    let run = consume(&fake, request("true").await).await;
    assert_eq!(run.report.counts, Counts { received: 1, handled: 1, unconfirmed: 1, ..Counts::default() });
    assert!(
        matches!(run.settlements()[..], [Settlement::Unconfirmed { error }] if error.contains("ReceiptHandleIsInvalid"))
    );
}

#[tokio::test]
async fn count_means_exactly_and_receives_no_more() {
    let fake = users(9);
    let run = consume(&fake, Request { count: Some(6), drain: false, ..request("true").await.workers(4) }).await;
    assert!(matches!(run.report.ended, Ended::Count));
    assert_eq!(run.report.counts, Counts { received: 6, handled: 6, acked: 6, ..Counts::default() });
    assert_eq!(
        fake.messages("users").iter().map(|message| message.receives).sum::<u32>(),
        0,
        "the other three were never touched"
    );
}

#[tokio::test(start_paused = true)]
async fn idle_ends_when_nothing_came_for_so_long() {
    let fake = users(0);
    let from = tokio::time::Instant::now();
    let idle = Duration::from_secs(45);
    let run = consume(&fake, Request { drain: false, idle: Some(idle), ..request("true").await }).await;
    assert!(matches!(run.report.ended, Ended::Idle));
    assert!(from.elapsed() >= idle && from.elapsed() < idle + Duration::from_secs(2));
}

#[tokio::test(start_paused = true)]
async fn the_first_signal_abandons_the_long_poll_at_once() {
    let fake = users(0);
    let (trigger, shutdown) = Shutdown::manual();
    fake.on_call(move |operation, _, _| {
        if operation == "ReceiveMessage" {
            trigger.signal(Signal::Terminate);
        }
        None
    });
    let from = tokio::time::Instant::now();
    let run = consume_until(&fake, Request { drain: false, ..request("true").await }, &shutdown).await;
    assert!(matches!(run.report.ended, Ended::Signal(Signal::Terminate)));
    assert!(from.elapsed() < Duration::from_secs(1), "it did not sit out the long poll");
}

#[tokio::test]
async fn what_came_with_the_signal_is_given_back_unhandled() {
    let fake = users(2);
    let (trigger, shutdown) = Shutdown::manual();
    fake.on_call(move |operation, _, _| {
        if operation == "ReceiveMessage" {
            trigger.signal(Signal::Interrupt);
        }
        None
    });
    let run = consume_until(&fake, request("true").await.workers(2), &shutdown).await;
    let counts = run.report.counts;
    assert_eq!((counts.handled, counts.released, counts.received), (0, counts.received, counts.received));
    assert!(fake.messages("users").iter().all(|message| message.is_visible()));
}

#[tokio::test(start_paused = true)]
async fn an_answer_on_its_way_when_draining_begins_is_given_back() {
    let fake = users(0);
    let (trigger, shutdown) = Shutdown::manual();
    // The fake looks every 50 ms: the message comes after the signal, and the answer after the message.
    let late = fake.clone();
    fake.on_call(move |operation, before, _| {
        if operation == "ReceiveMessage" && before == 0 {
            let (trigger, late) = (trigger.clone(), late.clone());
            tokio::spawn(async move {
                tokio::time::sleep(Duration::from_millis(10)).await;
                trigger.signal(Signal::Terminate);
                tokio::time::sleep(Duration::from_millis(10)).await;
                late.put("users", &body("UserRegistered", "1"), Value::Null, &[]);
            });
        }
        None
    });
    let run = consume_until(&fake, Request { drain: false, ..request("true").await }, &shutdown).await;
    assert!(matches!(run.report.ended, Ended::Signal(Signal::Terminate)));
    assert_eq!(run.report.counts, Counts { received: 1, released: 1, ..Counts::default() });
    let message = &fake.messages("users")[0];
    assert!(message.is_visible() && message.receives == 1, "it was taken, and is back");
}

/// Runs a handler that tells it has begun and then waits to be told to go on; `then` gets the trigger and the pipe.
async fn interrupted<F: Future<Output = ()>>(
    drain_timeout: Option<Duration>,
    then: impl FnOnce(engine::shutdown::Trigger, PathBuf) -> F,
) -> (Fake, Run) {
    let fake = users(2);
    let (_folder, begun) = fifo();
    let (_folder, go) = fifo();
    let (trigger, shutdown) = Shutdown::manual();
    let line = format!("echo begun > '{}'; cat '{}'", begun.display(), go.display());
    let request = Request { drain_timeout, ..request(&line).await };
    let (run, ()) = tokio::join!(consume_until(&fake, request, &shutdown), async {
        assert_eq!(tokio::fs::read_to_string(&begun).await.expect("it begins"), "begun\n");
        then(trigger, go).await;
    });
    (fake, run)
}

#[tokio::test]
async fn after_the_first_signal_handlers_finish_and_are_acknowledged() {
    let (fake, run) = interrupted(None, |trigger, go| async move {
        trigger.signal(Signal::Interrupt);
        tokio::fs::write(go, "done").await.expect("the handler reads on");
    })
    .await;
    assert!(matches!(run.report.ended, Ended::Signal(Signal::Interrupt)));
    assert_eq!(run.report.counts, Counts { received: 1, handled: 1, acked: 1, ..Counts::default() });
    assert_eq!(run.output(), "done");
    assert_eq!(fake.bodies("users").len(), 1, "the second event was not received");
}

#[tokio::test]
async fn the_second_signal_ends_handlers_and_gives_their_events_back() {
    let (fake, run) = interrupted(None, |trigger, _| async move {
        trigger.signal(Signal::Terminate);
        trigger.signal(Signal::Terminate);
    })
    .await;
    assert!(matches!(run.report.ended, Ended::Signal(Signal::Terminate)));
    assert!(matches!(run.settlements()[..], [Settlement::Released { why: Released::Aborted, unsettled: None }]));
    assert!(run.progress.iter().any(|progress| matches!(progress, Progress::Aborting { running: 1 })));
    assert!(fake.messages("users").iter().all(|message| message.is_visible()));
}

#[tokio::test]
async fn a_drain_that_takes_too_long_is_ended() {
    let (fake, run) =
        interrupted(Some(Duration::from_millis(50)), |trigger, _| async move { trigger.signal(Signal::Interrupt) })
            .await;
    assert!(matches!(run.settlements()[..], [Settlement::Released { why: Released::Aborted, unsettled: None }]));
    assert!(fake.messages("users").iter().all(|message| message.is_visible()), "given back at once");
}

#[tokio::test(start_paused = true)]
async fn passing_faults_are_waited_out_with_one_warning() {
    let fake = users(0);
    fake.on_call(|operation, before, _| match (operation, before) {
        ("ReceiveMessage", 0..6) => Some(Fault::Refuse(400, "RequestThrottled", "slow down")),
        ("ReceiveMessage", 6..12) => Some(Fault::Refuse(503, "ServiceUnavailable", "later")),
        ("ReceiveMessage", 12..18) => Some(Fault::Reset),
        _ => None,
    });
    let run = consume(&fake, request("true").await).await;
    assert!(matches!(run.report.ended, Ended::Drained { .. }));
    let told = |wanted: fn(&Progress) -> bool| run.progress.iter().filter(|progress| wanted(progress)).count();
    assert_eq!(told(|progress| matches!(progress, Progress::ReceiveFailing { .. })), 1);
    assert_eq!(told(|progress| matches!(progress, Progress::ReceiveRecovered { .. })), 1);
}

#[tokio::test]
async fn a_queue_that_is_gone_ends_the_run_after_draining() {
    let fake = users(1);
    fake.on_call(|operation, before, _| {
        (operation == "ReceiveMessage" && before > 0).then_some(Fault::Refuse(400, "QueueDoesNotExist", "gone"))
    });
    let run = consume(&fake, Request { drain: false, ..request("true").await }).await;
    assert!(
        matches!(&run.report.ended, Ended::ReceiveFailed(error) if error.kind == crate::bus::BusErrorKind::NotFound)
    );
    assert_eq!(run.report.counts.acked, 1, "what was handled is acknowledged");
}

#[tokio::test]
async fn a_closed_stdout_drains() {
    let fake = users(1);
    let bus = fake.bus().await;
    let (emit, events) = engine::channel();
    events.close_output();
    let report = run(&bus, Request { drain: false, ..request("true").await }, &emit, &Shutdown::never())
        .await
        .expect("it begins");
    assert!(matches!(report.ended, Ended::OutputClosed));
}

#[tokio::test]
async fn a_fifo_group_stays_in_order_whatever_the_workers() {
    let fake = Fake::new(&["users.fifo"]);
    for n in 0..4 {
        fake.put("users.fifo", &body("UserRegistered", &n.to_string()), Value::Null, &[("MessageGroupId", "g")]);
    }
    // The first one takes longest: without the order it would come last.
    let line = "test $EVENTBUS_ENTITY_ID = 0 && sleep 0.3; printf $EVENTBUS_ENTITY_ID";
    let request = request(line).await.from("users.fifo").workers(4);
    let run = consume(&fake, request).await;
    assert_eq!(run.output(), "0123");
    assert_eq!(run.report.counts.acked, 4);
}

#[tokio::test]
async fn what_follows_a_failed_event_of_its_group_is_given_back() {
    let fake = Fake::new(&["users.fifo"]);
    for (n, group) in [("0", "a"), ("1", "a"), ("2", "b")] {
        fake.put("users.fifo", &body("UserRegistered", n), Value::Null, &[("MessageGroupId", group)]);
    }
    let line = "printf $EVENTBUS_ENTITY_ID; test $EVENTBUS_ENTITY_ID != 0";
    let request = request(line).await.from("users.fifo").workers(3);
    // SQS itself holds the group back while its head backs off; the fake does not, so one receive is all it may have.
    fake.on_call(|operation, before, _| {
        (operation == "ReceiveMessage" && before > 0).then_some(Fault::Refuse(400, "QueueDoesNotExist", "gone"))
    });
    let run = consume(&fake, request).await;
    assert!(!run.output().contains('1'), "{}", run.output());
    let counts = run.report.counts;
    assert_eq!((counts.acked, counts.failed, counts.released), (1, 1, 1));
}

#[tokio::test]
async fn a_timeout_beyond_the_twelve_hours_is_refused_before_anything_is_received() {
    let fake = users(1);
    let bus = fake.bus().await;
    let (emit, _events) = engine::channel();
    let request = request("true").await.timeout(Duration::from_secs(12 * 3600));
    let refused = run(&bus, request, &emit, &Shutdown::never()).await.expect_err("too long");
    assert_eq!(refused.to_string(), "a timeout of 12h leaves no time to settle: SQS keeps a message for at most 12h");
    assert_eq!(fake.calls("ReceiveMessage"), 0);
}

#[tokio::test]
async fn a_reporter_that_is_behind_stops_the_receiving() {
    let fake = users(2);
    let bus = fake.bus_with(|options| options.peek = true).await;
    let (emit, _unread) = engine::channel();
    // Room for the beginning of the run and of one handler, not for its end.
    for _ in 0..254 {
        emit.emit(Event::Note("before".into())).await.expect("it is open");
    }
    let (trigger, shutdown) = Shutdown::manual();
    fake.on_call(move |operation, _, _| {
        // It goes out a while after the handler has ended: time enough for a free worker to receive.
        if operation == "DeleteMessageBatch" {
            trigger.signal(Signal::Terminate);
            trigger.signal(Signal::Terminate);
        }
        None
    });
    let report =
        run(&bus, Request { drain: false, ..request("true").await }, &emit, &shutdown).await.expect("it begins");
    assert_eq!(report.counts, Counts { received: 1, handled: 1, acked: 1, ..Counts::default() });
    assert_eq!(fake.calls("ReceiveMessage"), 1);
}

#[tokio::test]
async fn a_timeout_is_told_as_it_was_set() {
    let fake = users(1);
    let timeout = Duration::from_millis(300);
    let run = consume(&fake, request("sleep 1000").await.timeout(timeout)).await;
    let [Settlement::Retrying { failure, .. }] = run.settlements()[..] else { panic!("{:?}", run.settlements()) };
    assert_eq!(*failure, Failure::Timeout(timeout));
}
