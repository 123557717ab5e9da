//! What goes wrong: refusals, lost answers, throttles, and the end of the process at every call.

use super::wire::Fate;
use super::*;
use crate::bus::BusErrorKind;
use crate::bus::tests::fake::{ACCOUNT, Fake, Fault};
use crate::engine::Event;
use crate::topology::live::Live;

#[tokio::test]
async fn what_does_not_need_the_failed_one_goes_on_and_the_next_run_picks_up() {
    let world = World::new().await;
    let plan = world.plan(USERS).await;
    // Somebody makes the queue between plan and apply, with another setting.
    let other = Texts::from([("VisibilityTimeout".into(), "1".into())]);
    world.bus.create_queue("user_events", &other, &Texts::new()).await.unwrap();
    let report = world.apply(&plan).await;
    let words: Vec<String> = plan
        .changes
        .iter()
        .zip(&report.rows)
        .map(|(change, row)| match row {
            RowOutcome::Failed { .. } => format!("{} failed", change.name),
            RowOutcome::NotTried(why) => format!("{}: {why}", change.name),
            other => format!("{} {other:?}", change.name),
        })
        .collect();
    assert_eq!(
        words,
        [
            "users Done",
            "user_events_dlq Done",
            "user_events failed",
            "user_events: needs the queue `user_events`",
            "users → user_events: needs the queue `user_events`",
        ]
    );
    assert_eq!((report.done(), report.failed(), report.not_tried()), (2, 1, 2));
    world.converge(USERS).await;
}

#[tokio::test]
async fn after_a_signal_nothing_new_is_begun() {
    let world = World::new().await;
    let plan = world.plan(USERS).await;
    let (trigger, shutdown) = Shutdown::manual();
    trigger.drain();
    let (emit, _events) = channel();
    let report = apply(&world.bus, &plan, Confirmed::by_the_user(), &emit, &shutdown).await.unwrap();
    assert_eq!(report.not_tried(), plan.changes.len());
    assert!(world.bus.describe_queue("user_events").await.unwrap().is_none());
}

#[tokio::test(start_paused = true)]
async fn a_queue_deleted_a_moment_ago_is_waited_for_and_said() {
    let fake = Fake::new(&[]);
    fake.on_call(|_, before, _| {
        let remembered = Fault::Refuse(400, "QueueDeletedRecently", "You must wait 60 seconds");
        Some(if before < 3 { remembered } else { Fault::Refuse(400, "InvalidAttributeName", "another matter") })
    });
    fake.on_query(|_, _| (200, identity(ACCOUNT)));
    let bus = fake.bus().await;
    let topology = Topology::parse("version: 1\nname: t\nqueues: { q: }\n", "t.yaml").unwrap();
    let plan = plan::plan(&topology, &Live::default(), &bus.arns().await.unwrap());
    let (emit, mut events) = channel();
    let began = tokio::time::Instant::now();
    let report = apply(&bus, &plan, Confirmed::by_the_user(), &emit, &Shutdown::never()).await.unwrap();
    drop(emit);
    assert_eq!(fake.calls("CreateQueue"), 4, "three times it was remembered, then it was another matter");
    assert_eq!(began.elapsed().as_secs(), 15, "of paused time");
    assert_eq!(report.failed(), 1, "{report:?}");
    let read = tokio::task::spawn_blocking(move || std::iter::from_fn(|| events.next_blocking()).collect::<Vec<_>>());
    let waited = |event| match event {
        Event::Provision(Progress::Waiting(text)) => Some(text),
        _ => None,
    };
    let said: Vec<String> = read.await.unwrap().into_iter().filter_map(waited).collect();
    assert_eq!(said.len(), 1, "said once: {said:?}");
    assert!(said[0].contains("`q` was deleted a moment ago"), "{said:?}");
}

/// What STS answers.
fn identity(account: &str) -> String {
    format!(
        "<GetCallerIdentityResponse><GetCallerIdentityResult><Account>{account}</Account></GetCallerIdentityResult></GetCallerIdentityResponse>"
    )
}

/// A file that leaves nothing out: dead letters, policies, filters, raw delivery, FIFO, own statements.
const FROM: &str = "version: 1
name: users
topics:
  users: { display_name: Users, tags: { gone: x }, policy: [{ Sid: leaves, Effect: Deny, Principal: '*', Action: 'sns:Publish', Resource: '*' }] }
  gone: {}
  f.fifo: {}
queues:
  user_events:
    visibility_timeout: 45s
    dead_letter: { queue: dead, max_receives: 5 }
    tags: { team: a, gone: x }
    policy: [{ Sid: leaves, Effect: Deny, Principal: '*', Action: 'sqs:*', Resource: '*' }]
  dead: { retention: 14d }
  old: { dead_letter: { queue: old_dead, max_receives: 3 } }
  old_dead: { retention: 14d }
  f.fifo: {}
subscriptions:
  - { topic: users, queue: user_events, filter: { eventName: [A, B] }, dead_letter: dead }
  - { topic: users, queue: old }
  - { topic: gone, queue: user_events }
  - { topic: f.fifo, queue: f.fifo, raw: true }
";

const TO: &str = "version: 1
name: users
topics:
  users: { display_name: People }
  fresh: { maximum_message_size: 512KiB }
  f.fifo: {}
queues:
  user_events:
    visibility_timeout: 50s
    policy: [{ Sid: own, Effect: Deny, Principal: '*', Action: 'sqs:*', Resource: '*', Condition: { Bool: { 'aws:SecureTransport': 'false' } } }]
    tags: { team: b }
  dead: { retention: 14d }
  f.fifo: {}
subscriptions:
  - { topic: users, queue: user_events, filter: { a: { b: [c] } }, scope: body, raw: true }
  - { topic: fresh, queue: user_events, filter: { eventName: [A] }, dead_letter: dead }
  - { topic: f.fifo, queue: f.fifo }
";

/// Applies `text` over a wire that ends the process at call `at`; whether it came so far.
async fn cut(world: &mut World, text: &str, options: Options, at: usize, fate: Fate) -> bool {
    let plan = world.planned(text, options).await.plan;
    world.wire.on_call(move |before, _| if before == at { fate } else { Fate::Pass });
    let wire = world.wire.clone();
    let killed = {
        let applied = world.apply(&plan);
        tokio::select! {
            report = applied => {
                assert_eq!(report.failed() + report.not_tried(), 0, "{report:?}");
                false
            }
            () = wire.killed() => true,
        }
    };
    // Another process.
    world.again().await;
    killed
}

#[tokio::test]
async fn a_run_that_ends_at_any_call_is_finished_by_the_next() {
    let from = FROM.to_owned();
    for fate in [Fate::KillBefore, Fate::KillAfter] {
        let mut reached = (0, 0);
        for at in 0.. {
            let mut world = World::new().await;
            let first = cut(&mut world, &from, Options::default(), at, fate).await;
            world.converge(&from).await;
            let second = cut(&mut world, TO, PRUNE, at, fate).await;
            world.converge_with(TO, PRUNE).await;
            assert_eq!(
                world.all().await,
                ["dead", "f.fifo", "topic f.fifo", "topic fresh", "topic users", "user_events"],
                "cut at call {at}, {fate:?}"
            );
            assert_eq!(world.subscriptions("users").await, ["user_events"], "cut at call {at}, {fate:?}");
            // What this topology set and left the file is gone from what stayed.
            let queue = world.bus.describe_queue("user_events").await.unwrap().unwrap();
            let topic = world.bus.topic("users").await.unwrap().arn;
            let topic = world.bus.describe_topic(&topic).await.unwrap().unwrap();
            for left in [format!("{queue:?}"), format!("{topic:?}")] {
                assert!(!left.contains("leaves") && !left.contains("\"gone\""), "cut at call {at}, {fate:?}: {left}");
            }
            reached = (reached.0 + usize::from(first), reached.1 + usize::from(second));
            if !first && !second {
                break;
            }
        }
        assert!(reached.0 >= 15 && reached.1 >= 15, "{reached:?} calls were cut");
    }
}

#[tokio::test]
async fn a_call_that_is_refused_or_whose_answer_is_lost_fails_its_row_and_the_next_run_picks_up() {
    let from = FROM.to_owned();
    for fate in [Fate::Refuse(403, "AccessDenied"), Fate::LoseAnswer, Fate::Refuse(500, "InternalError")] {
        let mut failed = 0;
        for at in (0..).step_by(2) {
            let world = World::new().await;
            let plan = world.plan(&from).await;
            // The very operation fails for good, so that no repetition helps.
            let mut target = None;
            world.wire.on_call(move |before, operation| {
                if before == at {
                    target = Some(operation.to_owned());
                }
                if before >= at && target.as_deref() == Some(operation) { fate } else { Fate::Pass }
            });
            let report = world.apply(&plan).await;
            let calls = world.wire.calls().len();
            failed += report.failed();
            assert_eq!(report.rows.len(), plan.changes.len());
            assert_eq!(
                report.done() + report.failed() + report.not_tried(),
                plan.changes.len(),
                "every row has one outcome: {report:?}"
            );
            world.wire.on_call(|_, _| Fate::Pass);
            world.converge(&from).await;
            if calls <= at {
                break;
            }
        }
        assert!(failed > 5, "{failed} rows failed by {fate:?}");
    }
}

#[tokio::test]
async fn a_namesake_of_the_other_type_that_may_not_be_looked_at_is_none() {
    let world = World::new().await;
    let named = |refused: &'static str, after: usize| {
        let mut seen = 0;
        world.wire.on_call(move |_, operation| {
            seen += usize::from(operation == refused);
            let refuse = operation == refused && seen > after;
            if refuse { Fate::Refuse(403, "AccessDenied") } else { Fate::Pass }
        });
    };
    let topology = Topology::parse(USERS, "t.yaml").unwrap();
    // The file has one topic and two queues.
    for (operation, of_the_file) in [("GetTopicAttributes", 1), ("GetQueueUrl", 2)] {
        named(operation, of_the_file);
        let found = plan(&world.bus, &topology).await.unwrap();
        assert_eq!(found.count(Action::Create), found.changes.len());
        assert!(world.wire.count(operation) > of_the_file, "the namesakes were asked for");
        named(operation, of_the_file - 1);
        let error = plan(&world.bus, &topology).await.unwrap_err();
        assert_eq!(error.kind, BusErrorKind::Auth, "what the file names has to be read: {error}");
    }
}

#[tokio::test]
async fn throttles_are_waited_out_and_said_once() {
    let world = World::new().await;
    let plan = world.plan(USERS).await;
    let mut before: std::collections::BTreeMap<String, usize> = std::collections::BTreeMap::new();
    world.wire.on_call(move |_, operation| {
        let seen = before.entry(operation.to_owned()).or_default();
        *seen += 1;
        if *seen <= 2 { Fate::Refuse(400, "Throttling") } else { Fate::Pass }
    });
    let (emit, mut events) = channel();
    let read = tokio::task::spawn_blocking(move || std::iter::from_fn(|| events.next_blocking()).collect::<Vec<_>>());
    let report = apply(&world.bus, &plan, Confirmed::by_the_user(), &emit, &Shutdown::never()).await.unwrap();
    drop(emit);
    assert_eq!((report.done(), report.failed()), (5, 0), "{report:?}");
    let said = read.await.unwrap();
    let said: Vec<&Event> =
        said.iter().filter(|event| matches!(event, Event::Provision(Progress::Waiting(_)))).collect();
    assert_eq!(said.len(), 1, "{said:?}");
    world.wire.on_call(|_, _| Fate::Pass);
    assert!(world.plan(USERS).await.is_empty());
}

#[tokio::test]
async fn a_subscription_that_appeared_with_other_attributes_is_set_one_by_one() {
    let world = World::new().await;
    world.converge(&USERS[..USERS.find("subscriptions:").unwrap()]).await;
    let plan = world.plan(USERS).await;
    let (topic, queue) = ("arn:aws:sns:us-east-1:000000000000:users", "arn:aws:sqs:us-east-1:000000000000:user_events");
    let other = Texts::from([
        ("RawMessageDelivery".into(), "true".into()),
        ("FilterPolicyScope".into(), "MessageBody".into()),
        ("FilterPolicy".into(), r#"{"a":{"b":["c"]}}"#.into()),
    ]);
    world.bus.subscribe(topic, queue, &other).await.unwrap();
    let report = world.apply(&plan).await;
    assert_eq!(report.failed() + report.not_tried(), 0, "{report:?}");
    assert!(world.plan(USERS).await.is_empty());
}

#[tokio::test]
async fn the_wrong_account_is_refused_before_anything_is_asked_or_changed() {
    let fake = Fake::new(&[]);
    fake.on_query(|_, _| (200, identity("999999999999")));
    let bus = fake.bus().await;
    let topology = Topology::parse("version: 1\nname: t\nqueues: { q: }\n", "t.yaml").unwrap();
    let refused = plan(&bus, &topology).await.unwrap_err();
    assert_eq!(refused.kind, BusErrorKind::Auth);
    assert_eq!(
        refused.to_string(),
        format!("the credentials are of account `999999999999`, and the context is account `{ACCOUNT}`")
    );
    let arns = bus.arns().await.unwrap();
    let plan = plan::plan(&topology, &Live::default(), &arns);
    let (emit, _events) = channel();
    let refused = apply(&bus, &plan, Confirmed::by_the_user(), &emit, &Shutdown::never()).await.unwrap_err();
    assert_eq!(refused.kind, BusErrorKind::Auth);
    assert_eq!(fake.operations(), ["GetCallerIdentity", "GetCallerIdentity"]);
}
