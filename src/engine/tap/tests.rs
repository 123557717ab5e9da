//! Taps on the embedded bus.

use std::time::Duration;

use super::*;
use crate::bus::{ConnectOptions, Outgoing};
use crate::event::{Attribute, Attributes};
use crate::local::{LocalBus, OpenOptions};

struct World {
    bus: Bus,
    queue: Queue,
    topic: Topic,
    clock: Clock,
    _folder: tempfile::TempDir,
}

async fn world(filter: &str, raw: bool) -> World {
    let folder = tempfile::tempdir().unwrap();
    let local = LocalBus::open(&folder.path().join("bus.db"), OpenOptions::default()).unwrap();
    let bus = Bus::connect(ConnectOptions {
        region: Some("us-east-1".into()),
        account: Some("000000000000".into()),
        static_credentials: Some(("test".into(), "test".into())),
        http_client: Some(crate::local::connector(local)),
        peek: true,
        ..ConnectOptions::default()
    })
    .await
    .unwrap();
    let none = Texts::new();
    bus.create_topic("users", &none, &none).await.unwrap();
    bus.create_queue("user_events", &none, &none).await.unwrap();
    let (queue, topic) = (bus.queue("user_events").await.unwrap(), bus.topic("users").await.unwrap());
    let mut attributes = Texts::new();
    if !filter.is_empty() {
        attributes.insert("FilterPolicy".into(), filter.into());
    }
    attributes.insert("RawMessageDelivery".into(), raw.to_string());
    bus.subscribe(&topic.arn, &queue.arn, &attributes).await.unwrap();
    World { bus, queue, topic, clock: Clock::manual(1_700_000_000_000), _folder: folder }
}

impl World {
    async fn publish(&self, name: &str) {
        let body = format!(
            r#"{{"Metadata":{{"EventName":"{name}","EntityName":"User","PublisherName":"Users"}},"Payload":{{}}}}"#
        );
        let attributes: Attributes = [("eventName".to_owned(), Attribute::string(name))].into();
        let message = Outgoing { body, attributes, ..Outgoing::default() };
        assert!(self.bus.publish_batch(&self.topic, &[message]).await.iter().all(Result::is_ok));
    }

    async fn open(&self) -> Tap {
        let spot = Spot::queue(&self.bus, &self.queue).await.unwrap();
        Tap::open(&self.bus, spot, &self.clock).await.unwrap()
    }

    /// Queues and subscriptions of the whole bus.
    async fn there(&self) -> (usize, usize) {
        let queues = self.bus.queue_urls("", usize::MAX).await.unwrap().len();
        (queues, self.bus.account_subscriptions(&self.queue.arn).await.unwrap().len())
    }
}

#[tokio::test]
async fn the_real_filter_is_applied_and_the_queue_is_left_alone() {
    for raw in [false, true] {
        let world = world(r#"{"eventName":["UserRegistered"]}"#, raw).await;
        let tap = world.open().await;
        world.publish("UserRegistered").await;
        world.publish("UserDeleted").await;
        let mut seen = Vec::new();
        while seen.len() + (tap.stopped() as usize) < 2 {
            seen.extend(tap.receive(Duration::from_secs(5)).await.unwrap());
        }
        assert_eq!((seen.len(), tap.stopped()), (1, 1));
        let record = &seen[0];
        assert_eq!(record.event.as_ref().unwrap().metadata.event_name, "UserRegistered");
        assert_eq!(record.message.queue.as_deref(), Some("user_events"));
        assert_eq!(record.attributes["eventName"], Attribute::string("UserRegistered"));
        assert!(record.message.sns_message_id.is_some() && record.message.receive_count.is_none());
        // As the queue itself got it.
        let there = world.bus.peek(&world.queue, 0, 10, Duration::ZERO).await.unwrap().messages;
        assert_eq!(there.len(), 1);
        assert_eq!(there[0].system.receive_count, 0);
        assert_eq!((Notification::parse(&record.body).is_some(), there[0].body == record.body), (!raw, raw));
        tap.close().await.unwrap();
        assert_eq!(world.there().await, (1, 1));
    }
}

#[tokio::test]
async fn a_tap_that_was_left_is_swept_when_its_lease_or_its_process_has_ended() {
    let world = world("", false).await;
    let left = world.open().await;
    left.renewal.abort();
    assert_eq!(world.there().await, (2, 2));
    let now = world.clock.now();
    let swept = sweep(&world.bus, now, false).await.unwrap();
    assert_eq!((swept.removed.len(), swept.in_use), (0, 1), "this process lives, and so does its lease");
    let later = now + SignedDuration::from_secs(16 * 60);
    let swept = tidy(&world.bus, later).await.unwrap();
    assert_eq!((swept.removed.len(), swept.subscriptions), (1, 1));
    assert_eq!(world.there().await, (1, 1));

    let left = world.open().await;
    left.renewal.abort();
    let here = owner::here().unwrap();
    let dead = format!("{}:4194305:1", here.rsplitn(3, ':').last().unwrap());
    world.bus.tag_queue(&left.queue.url, &[(OWNER_TAG.to_owned(), dead)].into()).await.unwrap();
    assert_eq!(tidy(&world.bus, now).await.unwrap().removed, std::slice::from_ref(&left.queue.name));
    assert_eq!(world.there().await, (1, 1));
}

#[tokio::test]
async fn what_only_looks_like_a_tap_is_not_touched_and_lost_subscriptions_are() {
    let world = world("", false).await;
    world.bus.create_queue("eventbus-tap-of-somebody", &Texts::new(), &Texts::new()).await.unwrap();
    let theirs = world.bus.queue("eventbus-tap-of-somebody").await.unwrap();
    world.bus.subscribe(&world.topic.arn, &theirs.arn, &Texts::new()).await.unwrap();
    let tap = world.open().await;
    // Somebody deleted the queue by hand.
    world.bus.delete_queue(&tap.queue.url).await.unwrap();
    assert_eq!(world.there().await, (2, 3));
    let swept = sweep(&world.bus, world.clock.now(), true).await.unwrap();
    assert_eq!((swept.removed.len(), swept.subscriptions), (0, 1));
    assert_eq!(world.there().await, (2, 2));
    tap.renewal.abort();
}

#[tokio::test]
async fn a_tap_that_cannot_be_subscribed_leaves_nothing() {
    let world = world("", false).await;
    let mut spot = Spot::queue(&world.bus, &world.queue).await.unwrap();
    let feed = Feed { topic: format!("{}-that-is-not", world.topic.arn), ..spot.feeds[0].clone() };
    spot.feeds.push(feed);
    assert!(Tap::open(&world.bus, spot, &world.clock).await.is_err());
    assert_eq!(world.there().await, (1, 1));
}

#[test]
fn tags_hold_what_tags_may_hold() {
    assert_eq!(tag_value("a b\u{1}ü{"), "a b---");
    assert_eq!(lease_from("2026-11-23T08:00:00.5Z".parse().unwrap()), "2026-11-23T08:15:00Z");
}
