//! `topology pull`: reads everything that a topology file could say of a live bus. Changes nothing.
//!
//! Lists topics and queues, then asks for each by name, a few at a time.

use std::sync::atomic::AtomicBool;

use futures::stream::{self, StreamExt as _, TryStreamExt as _};

use super::provision::patience::{Told, steady};
use super::provision::read::{CONCURRENCY, LISTS};
use crate::bus::{Bus, BusError};
use crate::topology::live::Arns;
use crate::topology::pulled::Pulled;

/// Reads the topics and queues whose names `wanted` takes, and the subscriptions of those topics.
///
/// # Errors
/// The first that cannot be read. What vanishes while it is read is left out.
pub async fn pull(bus: &Bus, arns: &Arns, wanted: impl Fn(&str) -> bool) -> Result<Pulled, BusError> {
    let throttled = AtomicBool::new(false);
    let told = Told::new(None, &throttled);
    let (topics, queues) = tokio::try_join!(steady(told, || bus.topic_names()), steady(told, || bus.queue_names()))?;
    let topics: Vec<String> = topics.into_iter().filter(|name| wanted(name)).collect();
    let queues: Vec<String> = queues.into_iter().filter(|name| wanted(name)).collect();
    let topics = stream::iter(topics).map(|name| async move {
        let arn = arns.topic(&name);
        let found = steady(told, || bus.describe_topic(&arn)).await?;
        Ok::<_, BusError>(found.map(|topic| (name, topic)))
    });
    let queues = stream::iter(queues).map(|name| async move {
        let found = steady(told, || bus.describe_queue(&name)).await?;
        Ok::<_, BusError>(found.map(|queue| (name, queue)))
    });
    let topics: Vec<_> = topics.buffer_unordered(CONCURRENCY).try_collect().await?;
    let queues: Vec<_> = queues.buffer_unordered(CONCURRENCY).try_collect().await?;
    let mut pulled = Pulled {
        topics: topics.into_iter().flatten().collect(),
        queues: queues.into_iter().flatten().collect(),
        ..Pulled::default()
    };
    let arns: Vec<String> = pulled.topics.iter().map(|(_, topic)| topic.arn.clone()).collect();
    let listed = stream::iter(arns).map(|arn| async move { steady(told, || bus.topic_subscriptions(&arn)).await });
    let listed: Vec<_> = listed.buffer_unordered(LISTS).try_collect().await?;
    let listed = listed.into_iter().flatten().flatten();
    let (of_queues, others): (Vec<_>, Vec<_>) = listed.partition(|found| found.protocol == "sqs");
    pulled.others = others.into_iter().map(|found| (found.topic_arn, found.protocol, found.queue_arn)).collect();
    let details = stream::iter(of_queues).map(|mut found| async move {
        if found.arn.is_empty() {
            return Ok(Some(found));
        }
        let attributes = steady(told, || bus.subscription_attributes(&found.arn)).await?;
        Ok::<_, BusError>(attributes.map(|attributes| {
            found.attributes = attributes;
            found
        }))
    });
    let details: Vec<_> = details.buffer_unordered(CONCURRENCY).try_collect().await?;
    pulled.subscriptions = details.into_iter().flatten().collect();
    Ok(pulled)
}
