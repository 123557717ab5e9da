//! What may be deleted, by whom, and what is asked for first.

use super::*;

const DESTROY: Options = Options { prune: false, destroy: true, adopt: false, allow_replace: false };
const ADOPT: Options = Options { prune: false, destroy: false, adopt: true, allow_replace: false };
const REPLACE: Options = Options { prune: false, destroy: false, adopt: false, allow_replace: true };

const EMPTY: &str = "version: 1\nname: users\n";

fn guards(plan: &Plan) -> Vec<String> {
    plan.guards().map(|guard| guard.name.clone()).collect()
}

#[tokio::test]
async fn prune_deletes_what_is_ours_and_not_in_the_file_and_nothing_else() {
    let world = World::new().await;
    world.converge(&USERS.replace("name: users", "name: others").replace("user", "their")).await;
    world.bus.create_queue("by_hand", &Texts::new(), &Texts::new()).await.unwrap();
    world.converge(USERS).await;
    let all = world.all().await;
    let plan = world.converge_with(&USERS[..USERS.find("    dead_letter").unwrap()], PRUNE).await;
    assert_eq!(
        rows(&plan),
        [
            "change queue user_events: dead_letter",
            "change queue_policy user_events: topics",
            "delete subscription users → user_events: ",
            "delete queue user_events_dlq: ",
        ]
    );
    let left: Vec<String> = all.into_iter().filter(|name| name != "user_events_dlq").collect();
    assert_eq!(world.all().await, left);
    assert!(!world.queue("user_events").await.contains_key("Policy"), "nobody is let in any more");
}

#[tokio::test]
async fn destroy_deletes_all_that_is_ours_in_the_file_or_not() {
    let world = World::new().await;
    world.bus.create_queue("by_hand", &Texts::new(), &Texts::new()).await.unwrap();
    world.converge(&USERS.replace("queues:\n", "queues:\n  left_over: {}\n")).await;
    let with_theirs = USERS.replace("queues:\n", "queues:\n  by_hand: {}\n") + "  - { topic: users, queue: by_hand }\n";
    world.converge(&with_theirs).await;
    let plan = world.converge_with(&with_theirs, DESTROY).await;
    assert_eq!(
        rows(&plan),
        [
            "change queue_policy by_hand: topics",
            "foreign subscription users → by_hand: ",
            "delete topic users: ",
            "delete queue user_events: ",
            "delete queue left_over: ",
            "delete queue user_events_dlq: ",
            "foreign queue by_hand: ",
        ]
    );
    assert_eq!(guards(&plan), ["users"], "the subscription of a queue that is not ours goes with its topic");
    assert_eq!(world.all().await, ["by_hand"]);
    assert!(!world.queue("by_hand").await.contains_key("Policy"), "what we wrote into it is gone");
}

#[tokio::test]
async fn a_queue_with_messages_and_a_topic_with_foreign_subscriptions_are_guarded() {
    let world = World::new().await;
    world.converge(USERS).await;
    let plan = world.planned(EMPTY, PRUNE).await.plan;
    assert_eq!(guards(&plan), [] as [&str; 0]);
    world.send("user_events").await;
    world.bus.create_queue("by_hand", &Texts::new(), &Texts::new()).await.unwrap();
    let (topic, theirs) = ("arn:aws:sns:us-east-1:000000000000:users", "arn:aws:sqs:us-east-1:000000000000:by_hand");
    world.bus.subscribe(topic, theirs, &Texts::new()).await.unwrap();
    // The plan from before knows nothing of either, and deletes neither.
    let report = world.apply(&plan).await;
    let failed: Vec<&str> = report
        .rows
        .iter()
        .filter_map(|row| match row {
            RowOutcome::Failed { error, .. } => Some(error[0].as_str()),
            _ => None,
        })
        .collect();
    assert_eq!(failed.len(), 1, "{failed:?}");
    assert!(failed[0].contains("subscribed to by `arn:aws:sqs:us-east-1:000000000000:by_hand` since"), "{failed:?}");
    assert_eq!(report.not_tried(), 2, "the queue whose subscription stays, and its dead letters: {report:?}");
    assert!(world.all().await.contains(&"user_events".to_owned()));

    let plan = world.planned(EMPTY, PRUNE).await.plan;
    assert_eq!(guards(&plan), ["users", "user_events"]);
    assert!(plan.warnings[0].contains("deletes 1 subscription of others: `arn:aws:sqs"), "{:?}", plan.warnings);
    assert!(plan.warnings[1].contains("deletes about 1 message"), "{:?}", plan.warnings);
    world.converge_with(EMPTY, PRUNE).await;
    assert_eq!(world.all().await, ["by_hand"]);
}

#[tokio::test]
async fn messages_that_came_since_the_plan_keep_their_queue() {
    let world = World::new().await;
    world.converge("version: 1\nname: users\nqueues: { q: }\n").await;
    let plan = world.planned(EMPTY, PRUNE).await.plan;
    world.send("q").await;
    let report = world.apply(&plan).await;
    assert!(
        matches!(&report.rows[0], RowOutcome::Failed { error, .. } if error[0].contains("holds about 1 message now"))
    );
    assert_eq!(world.all().await, ["q"]);
}

#[tokio::test]
async fn what_lost_its_tag_since_the_plan_is_kept() {
    let world = World::new().await;
    world.converge("version: 1\nname: users\nqueues: { q: }\ntopics: { t: }\n").await;
    let plan = world.planned(EMPTY, PRUNE).await.plan;
    let url = world.bus.queue("q").await.unwrap().url;
    world.bus.untag_queue(&url, &[crate::topology::OWNER_TAG.to_owned()]).await.unwrap();
    let theirs = Texts::from([(crate::topology::OWNER_TAG.to_owned(), "theirs".to_owned())]);
    world.bus.tag_topic("arn:aws:sns:us-east-1:000000000000:t", &theirs).await.unwrap();
    let report = world.apply(&plan).await;
    assert_eq!((report.done(), report.failed()), (0, 2), "{report:?}");
    assert_eq!(world.all().await, ["q", "topic t"]);
}

#[tokio::test]
async fn shortening_a_retention_is_guarded_and_lengthening_is_not() {
    let world = World::new().await;
    world.converge(USERS).await;
    let shorter = world.plan(&USERS.replace("retention: 14d", "retention: 5d")).await;
    assert_eq!(guards(&shorter), ["user_events_dlq"]);
    let longer = world.plan(&USERS.replace("visibility_timeout: 45s", "retention: 5d")).await;
    assert_eq!(guards(&longer), [] as [&str; 0]);
}

#[tokio::test]
async fn adoption_takes_what_is_nobodys_and_converges_in_one_run() {
    let world = World::new().await;
    let made = Texts::from([("DelaySeconds".into(), "9".into()), ("MessageRetentionPeriod".into(), "1209600".into())]);
    world.bus.create_queue("user_events", &made, &Texts::new()).await.unwrap();
    let plan = world.converge_with(USERS, ADOPT).await;
    let row = plan.changes.iter().find(|change| change.kind == Kind::Queue && change.name == "user_events").unwrap();
    let fields: Vec<&str> = row.fields.iter().map(|field| field.field.as_str()).collect();
    assert_eq!(fields, ["visibility_timeout", "retention", "delay", "dead_letter", "tags.eventbus:topology"]);
    assert_eq!(guards(&plan), ["user_events"], "AWS's default of the retention is shorter than what stood");
    let live = world.bus.describe_queue("user_events").await.unwrap().unwrap();
    assert_eq!(live.tags.unwrap()[crate::topology::OWNER_TAG], "users");
    assert!(world.plan(USERS).await.is_empty());
}

#[tokio::test]
async fn what_another_topology_made_is_neither_adopted_nor_changed_nor_pruned() {
    let world = World::new().await;
    world.converge(USERS).await;
    let theirs = "version: 1\nname: theirs\ntopics:\n  users: {}\nqueues:\n  mine: {}\nsubscriptions:\n  - { topic: users, queue: mine }\n";
    let plan = world.converge(theirs).await;
    assert_eq!(rows(&plan)[0], "foreign topic users: ");
    let adopted = world.planned(theirs, ADOPT).await.plan;
    assert!(adopted.faults[0].contains("topic `users` belongs to the topology `users`"), "{:?}", adopted.faults);
    let other = world.plan(&theirs.replace("users: {}", "users: { display_name: Ours }")).await;
    assert!(other.faults[0].contains("says something else about its `display_name`"), "{:?}", other.faults);

    // The subscription is theirs: the tag of their queue says so. Pruning with our file leaves it, with theirs it goes.
    let plan = world.converge_with(USERS, PRUNE).await;
    assert_eq!(rows(&plan), ["foreign subscription users → mine: "]);
    assert_eq!(world.subscriptions("users").await, ["mine", "user_events"]);
    let without = &theirs[..theirs.find("subscriptions:").unwrap()];
    assert!(world.converge(without).await.is_empty());
    let plan = world.converge_with(without, PRUNE).await;
    assert!(rows(&plan).contains(&"delete subscription users → mine: ".to_owned()), "{:?}", rows(&plan));
    assert_eq!(world.subscriptions("users").await, ["user_events"]);
    let tags = world.bus.describe_queue("mine").await.unwrap().unwrap().tags.unwrap();
    assert_eq!(tags.len(), 1, "the record is gone with the subscription: {tags:?}");
}

#[tokio::test]
async fn a_change_of_type_is_a_replacement_and_needs_to_be_allowed() {
    let world = World::new().await;
    world.converge(USERS).await;
    let fifo = USERS
        .replace("  users: {}", "  users.fifo: {}")
        .replace("topic: users", "topic: users.fifo")
        .replace("queue: user_events\n", "queue: user_events.fifo\n")
        .replace("  user_events:", "  user_events.fifo:")
        .replace("user_events_dlq", "user_events_dlq.fifo");
    let refused = world.plan(&fifo).await;
    assert_eq!(refused.faults.len(), 3, "{:?}", refused.faults);
    assert!(refused.faults[0].contains("the topic `users` is standard and cannot become FIFO"), "{:?}", refused.faults);
    assert!(refused.faults[0].contains("--allow-replace"), "{:?}", refused.faults);
    let plan = world.converge_with(&fifo, REPLACE).await;
    assert_eq!((plan.count(Action::Replace), plan.count(Action::Delete)), (3, 3), "{:?}", rows(&plan));
    assert_eq!(world.all().await, ["topic users.fifo", "user_events.fifo", "user_events_dlq.fifo"]);
    // The topic stays and its queues change: nothing is left that would send to a queue that is gone.
    let standard = fifo
        .replace("queue: user_events.fifo\n", "queue: user_events\n")
        .replace("  user_events.fifo:", "  user_events:")
        .replace("user_events_dlq.fifo", "user_events_dlq");
    let plan = world.converge_with(&standard, REPLACE).await;
    assert!(
        rows(&plan).contains(&"delete subscription users.fifo → user_events.fifo: ".to_owned()),
        "{:?}",
        rows(&plan)
    );
    assert_eq!(world.all().await, ["topic users.fifo", "user_events", "user_events_dlq"]);
    world.converge_with(&fifo, REPLACE).await;
    // Beside the old one it is no replacement.
    let both = fifo.replace("topics:\n", "topics:\n  users: {}\n");
    world.converge(&both).await;
}

#[tokio::test]
async fn a_rename_is_suggested() {
    let world = World::new().await;
    world.converge("version: 1\nname: users\nqueues: { user_events: }\n").await;
    let plan = world.planned("version: 1\nname: users\nqueues: { user_events_v2: }\n", PRUNE).await.plan;
    assert!(plan.warnings.iter().any(|text| text.contains("if that is a rename")), "{:?}", plan.warnings);
}

#[tokio::test]
async fn a_saved_plan_holds_while_nothing_has_moved() {
    let world = World::new().await;
    world.converge(USERS).await;
    let file = USERS.replace("45s", "50s");
    let planned = world.planned(&file, PRUNE).await;
    let text = serde_json::to_string(&saved::SavedPlan::of(&planned, ("t.yaml".into(), vec![]), Value::Null)).unwrap();
    let saved = saved::SavedPlan::parse(&text).unwrap();
    assert_eq!(saved.options, PRUNE);
    world.send("user_events").await; // messages come and go
    saved.verify(&world.planned(&file, PRUNE).await).unwrap();
    let other = world.planned(&file.replace("50s", "51s"), PRUNE).await;
    assert_eq!(saved.verify(&other), Err(saved::Moved::Topology));
    world.set("user_events", "DelaySeconds", "3").await;
    let moved = saved.verify(&world.planned(&file, PRUNE).await).unwrap_err();
    assert_eq!(moved.to_string(), "the bus has moved since: queue user_events was changed");
    for bad in ["", "{}", "[]", &text.replace("\"version\":1", "\"version\":2")] {
        assert!(matches!(saved::SavedPlan::parse(bad), Err(saved::Moved::Unreadable(_))), "{bad}");
    }
}
