//! What stands at the bus, as far as the file is concerned. Nothing is listed but the subscriptions of topics: everything
//! else is asked for by name, so that the permission to list is not needed and the number of calls grows with the file.

use std::collections::BTreeSet;

use futures::stream::{self, StreamExt as _, TryStreamExt as _};

use crate::bus::{Bus, BusError, BusErrorKind};
use crate::topology::live::{Arns, Live};
use crate::topology::{Topology, policy};

/// Calls under way at a time. SNS answers about 30 list calls a second:
/// <https://docs.aws.amazon.com/general/latest/gr/sns.html>.
pub(super) const CONCURRENCY: usize = 8;

/// Reads the topics, queues and subscriptions that the file names.
///
/// # Errors
/// The first that cannot be read.
pub async fn read(bus: &Bus, topology: &Topology, arns: &Arns) -> Result<Live, BusError> {
    let topics = stream::iter(topology.own_topics()).map(|topic| async move {
        Ok::<_, BusError>((topic.name.clone(), bus.describe_topic(&arns.topic(&topic.name)).await?))
    });
    let topics: Vec<_> = topics.buffer_unordered(CONCURRENCY).try_collect().await?;
    let queues = stream::iter(topology.own_queues())
        .map(|queue| async move { Ok::<_, BusError>((queue.name.clone(), bus.describe_queue(&queue.name).await?)) });
    let queues: Vec<_> = queues.buffer_unordered(CONCURRENCY).try_collect().await?;
    let mut live = Live::default();
    live.topics.extend(topics.into_iter().filter_map(|(name, found)| Some((name, found?))));
    live.queues.extend(queues.into_iter().filter_map(|(name, found)| Some((name, found?))));

    // Topics that our policy statements still name may have subscriptions which would lose their permission.
    let ours: BTreeSet<String> = live.topics.values().map(|topic| topic.arn.clone()).collect();
    let named = live.queues.values().filter_map(|queue| queue.attributes.get("Policy"));
    let named: BTreeSet<String> = named.flat_map(|text| policy::topics_allowed(text)).collect();
    // Of topics that are external to the file only their subscriptions count.
    let external: BTreeSet<&String> =
        topology.topics.iter().filter(|topic| topic.external).map(|topic| &topic.name).collect();
    let others: BTreeSet<&String> = named
        .iter()
        .filter(|arn| !ours.contains(*arn) && !missing(arn, topology, arns))
        .chain(external.iter().copied())
        .collect();
    let listed = stream::iter(&ours).map(|arn| async move { bus.queue_subscriptions(arn).await });
    let listed: Vec<_> = listed.buffer_unordered(CONCURRENCY).try_collect().await?;
    live.subscriptions.extend(listed.into_iter().flatten().flatten());
    for arn in others {
        match bus.queue_subscriptions(arn).await {
            Ok(found) => live.subscriptions.extend(found.into_iter().flatten()),
            Err(error) if matches!(error.kind, BusErrorKind::Auth | BusErrorKind::Invalid) => {
                if external.contains(arn) {
                    // Their owner does not let everybody list them; our own account's are our own.
                    live.subscriptions.extend(bus.own_subscriptions(arn).await?);
                }
                live.unread_topics.push(arn.clone());
            }
            Err(error) => return Err(error),
        }
    }

    let in_file = |topic: &str, queue: &str| {
        topology.subscriptions.iter().any(|s| arns.topic(&s.topic) == topic && arns.queue(&s.queue) == queue)
    };
    let details = stream::iter(std::mem::take(&mut live.subscriptions)).map(|mut found| async move {
        if !found.arn.is_empty() && in_file(&found.topic_arn, &found.queue_arn) {
            match bus.subscription_attributes(&found.arn).await? {
                Some(attributes) => found.attributes = attributes,
                None => return Ok(None), // gone since it was listed
            }
        }
        Ok::<_, BusError>(Some(found))
    });
    let mut details: Vec<_> =
        details.buffer_unordered(CONCURRENCY).try_collect::<Vec<_>>().await?.into_iter().flatten().collect();
    details.sort_by(|a, b| (&a.topic_arn, &a.queue_arn, &a.arn).cmp(&(&b.topic_arn, &b.queue_arn, &b.arn)));
    live.subscriptions = details;
    Ok(live)
}

/// Whether the topic was asked for already, and is not there.
fn missing(arn: &str, topology: &Topology, arns: &Arns) -> bool {
    topology.own_topics().any(|topic| arns.topic(&topic.name) == arn)
}
