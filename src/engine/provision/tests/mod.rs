//! Over the embedded bus, through the same SDK clients as everywhere.

use std::time::Duration;

use serde_json::{Value, json};

mod calls;
mod deletes;
mod faults;
mod random;
mod wire;

use super::*;
use crate::bus::{ConnectOptions, Outgoing, Receive};
use crate::engine::shutdown::Shutdown;
use crate::engine::{Confirmed, channel};
use crate::event::Attribute;
use crate::local::{LocalBus, OpenOptions, connector};
use crate::topology::live::Texts;
use crate::topology::plan::{Action, Kind};
use wire::Wire;

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

/// A bus in a folder of its own, and the wire to it, which can be cut and counts.
struct World {
    bus: Bus,
    local: LocalBus,
    wire: Wire,
    _folder: tempfile::TempDir,
}

impl World {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let local = LocalBus::open(&folder.path().join("bus.db"), OpenOptions::default()).unwrap();
        let wire = Wire::around(connector(local.clone()));
        Self { bus: over(&wire).await, local, wire, _folder: folder }
    }

    /// The same bus over a new wire, as another process would have it.
    async fn again(&mut self) {
        self.wire = Wire::around(connector(self.local.clone()));
        self.bus = over(&self.wire).await;
    }

    async fn plan(&self, text: &str) -> Plan {
        self.planned(text, Options::default()).await.plan
    }

    async fn planned(&self, text: &str, options: Options) -> Planned {
        let topology = Topology::parse(text, "t.yaml").unwrap_or_else(|problems| panic!("{problems:#?}\n{text}"));
        let (emit, events) = channel();
        drop(events);
        plan_with(&self.bus, &topology, options, &emit, &Shutdown::never()).await.unwrap()
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
        self.converge_with(text, Options::default()).await
    }

    async fn converge_with(&self, text: &str, options: Options) -> Plan {
        let plan = self.planned(text, options).await.plan;
        assert_eq!(plan.faults, [] as [String; 0], "{text}");
        let report = self.apply(&plan).await;
        assert_eq!(report.failed() + report.not_tried(), 0, "{report:#?}\n{:#?}\n{text}", rows(&plan));
        let again = self.planned(text, options).await.plan;
        assert!(again.is_empty(), "the second plan is not empty: {:#?}\n{text}", again.changes);
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

    async fn send(&self, queue: &str) {
        let queue = self.bus.queue(queue).await.unwrap();
        let message = Outgoing { body: "x".into(), ..Outgoing::default() };
        for sent in self.bus.send_batch(&queue, &[message]).await {
            sent.unwrap();
        }
    }

    /// The queues and topics that there are, by name.
    async fn all(&self) -> Vec<String> {
        let mut all = self.bus.queue_names().await.unwrap();
        all.extend(self.bus.topic_names().await.unwrap().into_iter().map(|name| format!("topic {name}")));
        all.sort();
        all
    }

    async fn subscriptions(&self, topic: &str) -> Vec<String> {
        let arn = self.bus.topic(topic).await.unwrap().arn;
        let all = self.bus.topic_subscriptions(&arn).await.unwrap().unwrap();
        let mut names: Vec<String> = all.iter().map(|s| s.queue_arn.rsplit(':').next().unwrap().to_owned()).collect();
        names.sort();
        names
    }

    async fn subscription(&self) -> (String, Texts) {
        let arn = self.bus.topic("users").await.unwrap().arn;
        let mut all = self.bus.topic_subscriptions(&arn).await.unwrap().unwrap();
        all.retain(|found| found.protocol == "sqs");
        assert_eq!(all.len(), 1);
        (all[0].arn.clone(), self.bus.subscription_attributes(&all[0].arn).await.unwrap().unwrap())
    }
}

async fn over(wire: &Wire) -> Bus {
    let options = ConnectOptions {
        endpoint_url: Some("http://localhost".into()),
        region: Some("us-east-1".into()),
        account: Some("000000000000".into()),
        static_credentials: Some(("test".into(), "test".into())),
        http_client: Some(wire.client()),
        peek: true,
        ..ConnectOptions::default()
    };
    Bus::connect(options).await.unwrap()
}

const PRUNE: Options = Options { prune: true, destroy: false, adopt: false, allow_replace: false };

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
async fn tags_and_statements_of_ours_leave_with_the_file_and_those_of_others_stay() {
    let world = World::new().await;
    let statement = |sid: &str| {
        format!("{{ Sid: {sid}, Effect: Allow, Principal: {{ AWS: '111122223333' }}, Action: 'ACT', Resource: '*' }}")
    };
    let with = USERS
        .replace("  users: {}", &format!("  users: {{ tags: {{ team: a, cost: b }}, policy: [{}] }}", statement("p")))
        .replace("ACT", "sns:Publish")
        .replace(
            "    visibility_timeout: 45s",
            &format!(
                "    visibility_timeout: 45s\n    tags: {{ team: a }}\n    policy: [{}, {}]",
                statement("a"),
                statement("b")
            ),
        )
        .replace("ACT", "sqs:SendMessage");
    world.converge(&with).await;
    // Somebody else adds to both.
    let url = world.bus.queue("user_events").await.unwrap().url;
    world.bus.tag_queue(&url, &Texts::from([("theirs".into(), "x".into())])).await.unwrap();
    let mut policy: Value = serde_json::from_str(&world.queue("user_events").await["Policy"]).unwrap();
    policy["Statement"].as_array_mut().unwrap().push(json!({"Sid": "theirs", "Effect": "Deny", "Principal": "*",
        "Action": "sqs:*", "Resource": "*"}));
    world.set("user_events", "Policy", &policy.to_string()).await;
    assert!(world.plan(&with).await.is_empty());

    // One of each leaves.
    let fewer =
        with.replace(", cost: b", "").replace(&format!(", {}", statement("b").replace("ACT", "sqs:SendMessage")), "");
    let plan = world.converge(&fewer).await;
    assert_eq!(
        rows(&plan),
        [
            "change topic users: tags.cost",
            "change queue user_events: tags.eventbus:sets",
            "change queue_policy user_events: policy.b"
        ]
    );
    assert_eq!(plan.changes.iter().filter(|change| change.guard.is_some()).count(), 0);
    // All of it leaves.
    let plan = world.converge(USERS).await;
    assert_eq!(
        rows(&plan),
        [
            "change topic users: tags.team",
            "change queue user_events: tags.team",
            "change topic_policy users: policy.p",
            "change queue_policy user_events: policy.a"
        ]
    );
    let queue = world.bus.describe_queue("user_events").await.unwrap().unwrap();
    assert_eq!(queue.tags.unwrap().into_keys().collect::<Vec<_>>(), ["eventbus:topology", "theirs"]);
    let sids: Value = serde_json::from_str(&queue.attributes["Policy"]).unwrap();
    let sids: Vec<&str> =
        sids["Statement"].as_array().unwrap().iter().map(|one| one["Sid"].as_str().unwrap()).collect();
    assert_eq!(sids, ["eventbus-topics", "theirs"]);
}

#[tokio::test]
async fn a_topic_whose_last_statement_leaves_gets_that_of_aws_back() {
    for sid in ["__default_statement_ID", "own"] {
        let world = World::new().await;
        let own = format!("{{ Sid: {sid}, Effect: Allow, Principal: '*', Action: 'sns:Publish', Resource: '*' }}");
        let with = format!("version: 1\nname: users\ntopics:\n  users: {{ policy: [{own}] }}\n");
        world.converge(&with).await;
        let arn = world.bus.topic("users").await.unwrap().arn;
        let only = json!({ "Version": "2012-10-17", "Statement": [{ "Sid": sid, "Effect": "Allow", "Principal": "*",
            "Action": "sns:Publish", "Resource": "*" }] });
        world.bus.set_topic_attribute(&arn, "Policy", &only.to_string()).await.unwrap();
        world.converge("version: 1\nname: users\ntopics:\n  users: {}\n").await;
        let policy = world.bus.attributes_of_topic(&arn).await.unwrap()["Policy"].clone();
        let policy: Value = serde_json::from_str(&policy).unwrap();
        assert_eq!(policy["Statement"], json!([crate::topology::policy::default_topic_statement(&arn)]), "{sid}");
    }
}

#[tokio::test]
async fn of_what_is_not_ours_nothing_leaves_with_the_file() {
    let world = World::new().await;
    world.bus.create_queue("user_events", &Texts::new(), &Texts::new()).await.unwrap();
    let with = USERS.replace("    visibility_timeout: 45s", "    visibility_timeout: 45s\n    tags: { team: a }");
    world.converge(&with).await;
    let plan = world.converge(USERS).await;
    assert!(plan.is_empty(), "{:?}", rows(&plan));
    // Taken over, what the file states is noted, and leaves with it.
    world.converge_with(&with, Options { adopt: true, ..Options::default() }).await;
    let plan = world.converge(USERS).await;
    assert_eq!(rows(&plan), ["change queue user_events: tags.team"]);
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
