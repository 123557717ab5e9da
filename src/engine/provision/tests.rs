//! Over the embedded bus, through the same SDK clients as everywhere.

use std::time::Duration;

use serde_json::{Value, json};

use super::*;
use crate::bus::tests::fake::{Fake, Fault};
use crate::bus::{ConnectOptions, Outgoing, Receive};
use crate::engine::shutdown::Shutdown;
use crate::engine::{Confirmed, Event, channel};
use crate::event::Attribute;
use crate::local::{LocalBus, OpenOptions, connector};
use crate::topology::live::{Live, Texts};
use crate::topology::plan::{Action, Kind};

const USERS: &str = "version: 1
name: users
topics:
  users: {}
queues:
  user_events:
    visibility_timeout: 45s
    dead_letter: { queue: user_events_dlq, max_receives: 5 }
  user_events_dlq: { retention: 14d }
subscriptions:
  - topic: users
    queue: user_events
    filter: { eventName: [UserRegistered, UserDeleted] }
";

struct World {
    bus: Bus,
    _folder: tempfile::TempDir,
}

impl World {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let local = LocalBus::open(&folder.path().join("bus.db"), OpenOptions::default()).unwrap();
        let options = ConnectOptions {
            endpoint_url: Some("http://localhost".into()),
            region: Some("us-east-1".into()),
            account: Some("000000000000".into()),
            static_credentials: Some(("test".into(), "test".into())),
            http_client: Some(connector(local)),
            peek: true,
            ..ConnectOptions::default()
        };
        Self { bus: Bus::connect(options).await.unwrap(), _folder: folder }
    }

    async fn plan(&self, text: &str) -> Plan {
        plan(&self.bus, &Topology::parse(text, "t.yaml").unwrap()).await.unwrap()
    }

    async fn apply(&self, plan: &Plan) -> Report {
        let (emit, mut events) = channel();
        let reader = tokio::task::spawn_blocking(move || while events.next_blocking().is_some() {});
        let report = apply(&self.bus, plan, Confirmed::by_the_user(), &emit, &Shutdown::never()).await.unwrap();
        drop(emit);
        reader.await.unwrap();
        report
    }

    /// Plans, applies without a failure, and sees that a second plan is empty.
    async fn converge(&self, text: &str) -> Plan {
        let plan = self.plan(text).await;
        let report = self.apply(&plan).await;
        assert_eq!(report.failed() + report.not_tried(), 0, "{report:?}");
        let again = self.plan(text).await;
        assert!(again.is_empty(), "the second plan is not empty: {:#?}", rows(&again));
        plan
    }

    async fn queue(&self, name: &str) -> Texts {
        let url = self.bus.queue(name).await.unwrap().url;
        self.bus.attributes_of_queue(&url).await.unwrap()
    }

    async fn set(&self, queue: &str, name: &str, value: &str) {
        let url = self.bus.queue(queue).await.unwrap().url;
        self.bus.set_queue_attributes(&url, &Texts::from([(name.into(), value.into())])).await.unwrap();
    }

    async fn subscription(&self) -> (String, Texts) {
        let arn = self.bus.topic("users").await.unwrap().arn;
        let all = self.bus.queue_subscriptions(&arn).await.unwrap().unwrap();
        assert_eq!(all.len(), 1);
        (all[0].arn.clone(), self.bus.subscription_attributes(&all[0].arn).await.unwrap().unwrap())
    }
}

/// What a plan would do, shortly.
fn rows(plan: &Plan) -> Vec<String> {
    let changes = plan.changes.iter().filter(|change| change.action != Action::Unchanged);
    changes
        .map(|change| {
            let fields: Vec<&str> = change.fields.iter().map(|field| field.field.as_str()).collect();
            format!("{} {} {}: {}", change.action.id(), change.kind.id(), change.name, fields.join(" "))
        })
        .collect()
}

#[tokio::test]
async fn everything_is_made_in_order_and_a_second_run_finds_nothing_to_do() {
    let world = World::new().await;
    let plan = world.converge(USERS).await;
    assert_eq!(
        rows(&plan),
        [
            "create topic users: ",
            "create queue user_events_dlq: retention",
            "create queue user_events: visibility_timeout dead_letter",
            "create queue_policy user_events: topics",
            "create subscription users → user_events: filter",
        ]
    );
    let queue = world.queue("user_events").await;
    assert_eq!(queue["VisibilityTimeout"], "45");
    let redrive: Value = serde_json::from_str(&queue["RedrivePolicy"]).unwrap();
    assert_eq!(redrive["deadLetterTargetArn"], "arn:aws:sqs:us-east-1:000000000000:user_events_dlq");
    let live = world.bus.describe_queue("user_events").await.unwrap().unwrap();
    assert_eq!(live.tags.unwrap()[crate::topology::OWNER_TAG], "users");
    let topic = world.bus.describe_topic("arn:aws:sns:us-east-1:000000000000:users").await.unwrap().unwrap();
    assert_eq!(topic.tags.unwrap()[crate::topology::OWNER_TAG], "users");
}

#[tokio::test]
async fn what_was_made_lets_events_through_and_the_filter_works() {
    let world = World::new().await;
    world.converge(USERS).await;
    let topic = world.bus.topic("users").await.unwrap();
    let event = |name: &str| Outgoing {
        body: name.into(),
        attributes: [("eventName".to_owned(), Attribute::string(name))].into(),
        ..Outgoing::default()
    };
    for sent in world.bus.publish_batch(&topic, &[event("UserRegistered"), event("Other")]).await {
        sent.unwrap();
    }
    let queue = world.bus.queue("user_events").await.unwrap();
    let receive = Receive { max: 10, wait: Duration::ZERO, visibility: None };
    let got = world.bus.receive(&queue, receive).await.unwrap();
    assert_eq!(got.len(), 1);
    assert!(got[0].body.contains("UserRegistered"));
}

#[tokio::test]
async fn what_somebody_changed_is_found_and_put_right() {
    let world = World::new().await;
    world.converge(USERS).await;
    world.set("user_events", "VisibilityTimeout", "7").await;
    world.set("user_events", "DelaySeconds", "9").await; // not in the file: back to AWS's default
    world.set("user_events_dlq", "MessageRetentionPeriod", "60").await;
    let (arn, _) = world.subscription().await;
    for (name, value) in
        [("RawMessageDelivery", "true"), ("FilterPolicyScope", "MessageBody"), ("FilterPolicy", r#"{"a":{"b":["c"]}}"#)]
    {
        world.bus.set_subscription_attribute(&arn, name, Some(value)).await.unwrap();
    }
    let plan = world.converge(USERS).await;
    assert_eq!(
        rows(&plan),
        [
            "change queue user_events_dlq: retention",
            "change queue user_events: visibility_timeout delay",
            "change subscription users → user_events: filter scope raw",
        ]
    );
    let delay = plan.changes[2].fields.iter().find(|field| field.field == "delay").unwrap();
    assert_eq!((delay.old.as_deref(), delay.new.as_deref()), (Some("9s"), Some("0s")));
    let (_, attributes) = world.subscription().await;
    assert_eq!(attributes["RawMessageDelivery"], "false");
}

#[tokio::test]
async fn a_subscription_is_brought_to_explicit_nothing() {
    let world = World::new().await;
    let full =
        USERS.replace("    filter:", "    raw: true\n    scope: body\n    dead_letter: user_events_dlq\n    filter:");
    world.converge(&full).await;
    let (_, before) = world.subscription().await;
    assert_eq!(before["RawMessageDelivery"], "true");
    let bare = &USERS[..USERS.find("    filter:").unwrap()];
    let plan = world.converge(bare).await;
    assert_eq!(
        rows(&plan)[1..],
        ["change subscription users → user_events: filter scope raw dead_letter"],
        "{:?}",
        rows(&plan)
    );
    let (_, after) = world.subscription().await;
    assert_eq!(after["RawMessageDelivery"], "false");
    assert!(after.get("FilterPolicy").is_none_or(|policy| policy == "{}"), "{after:?}");
    assert!(after.get("RedrivePolicy").is_none_or(String::is_empty), "{after:?}");
    world.converge(&full).await;
}

#[tokio::test]
async fn statements_of_others_survive_and_ours_is_one() {
    let world = World::new().await;
    world.converge(USERS).await;
    let theirs = json!({"Sid": "theirs", "Effect": "Allow", "Principal": {"AWS": "111122223333"},
        "Action": "sqs:ReceiveMessage", "Resource": "arn:aws:sqs:us-east-1:000000000000:user_events"});
    let mut policy: Value = serde_json::from_str(&world.queue("user_events").await["Policy"]).unwrap();
    policy["Statement"].as_array_mut().unwrap().insert(0, theirs.clone());
    world.set("user_events", "Policy", &policy.to_string()).await;
    assert!(world.plan(USERS).await.is_empty(), "a statement of others is no drift");

    let two = USERS.replace("  users: {}", "  users: {}\n  orders: {}") + "  - { topic: orders, queue: user_events }\n";
    let plan = world.converge(&two).await;
    assert!(rows(&plan).contains(&"change queue_policy user_events: topics".to_owned()), "{:?}", rows(&plan));
    let policy: Value = serde_json::from_str(&world.queue("user_events").await["Policy"]).unwrap();
    assert_eq!(policy["Statement"][0], theirs);
    assert_eq!(policy["Statement"].as_array().unwrap().len(), 2);
    let topics = &policy["Statement"][1]["Condition"]["ArnEquals"]["aws:SourceArn"];
    assert_eq!(topics.as_array().map(Vec::len), Some(2));
}

#[tokio::test]
async fn nothing_is_deleted_and_a_subscription_that_left_the_file_keeps_its_permission() {
    let world = World::new().await;
    let two = USERS.replace("  users: {}", "  users: {}\n  orders: {}") + "  - { topic: orders, queue: user_events }\n";
    world.converge(&two).await;
    let plan = world.converge(USERS).await; // neither `orders` nor its subscription is in the file any more
    assert!(plan.is_empty(), "{:?}", rows(&plan));
    world.bus.topic("orders").await.unwrap();
    let only_topic = USERS.replace("  users: {}", "  users: {}\n  orders: {}");
    let plan = world.plan(&only_topic).await;
    assert_eq!(plan.warnings.len(), 1, "{:?}", plan.warnings);
    assert!(plan.warnings[0].contains("`user_events` is subscribed to `orders`"), "{:?}", plan.warnings);
}

#[tokio::test]
async fn of_what_others_made_only_the_stated_fields_are_changed() {
    let world = World::new().await;
    let made = Texts::from([("DelaySeconds".into(), "9".into()), ("VisibilityTimeout".into(), "99".into())]);
    world.bus.create_queue("user_events", &made, &Texts::new()).await.unwrap();
    let plan = world.converge(USERS).await;
    let row = plan.changes.iter().find(|change| change.kind == Kind::Queue && change.name == "user_events").unwrap();
    assert_eq!(row.action, Action::Change);
    assert!(row.notes[0].contains("not made by a topology"), "{:?}", row.notes);
    let queue = world.queue("user_events").await;
    assert_eq!((queue["DelaySeconds"].as_str(), queue["VisibilityTimeout"].as_str()), ("9", "45"));
    let live = world.bus.describe_queue("user_events").await.unwrap().unwrap();
    assert_eq!(live.tags, Some(Texts::new()), "what others made is not claimed");
}

#[tokio::test]
async fn shortening_a_retention_is_said_loudly() {
    let world = World::new().await;
    world.converge(USERS).await;
    let plan = world.plan(&USERS.replace("retention: 14d", "retention: 5d")).await;
    assert_eq!(plan.warnings.len(), 1);
    assert!(plan.warnings[0].contains("from 14d to 5d DELETES"), "{:?}", plan.warnings);
    let plan = world.plan(&USERS.replace("visibility_timeout: 45s", "retention: 5d")).await;
    assert!(plan.warnings.is_empty(), "a longer one deletes nothing: {:?}", plan.warnings);
}

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

#[tokio::test]
async fn many_at_a_time_converge_too() {
    let world = World::new().await;
    let mut text = String::from("version: 1\nname: many\ntopics:\n");
    for n in 0..12 {
        text.push_str(&format!("  t{n}: {{}}\n"));
    }
    text.push_str("queues:\n");
    for n in 0..30 {
        text.push_str(&format!("  q{n}: {{}}\n"));
    }
    text.push_str("subscriptions:\n");
    for n in 0..60 {
        text.push_str(&format!("  - {{ topic: t{}, queue: q{} }}\n", n % 12, n % 30));
    }
    world.converge(&text).await;
}
