//! What stands at the bus, as far as the file is concerned. Unless something may be deleted, nothing is listed but the
//! subscriptions of topics: everything else is asked for by name, so that the permission to list is not needed and the number of
//! calls grows with the file.
//!
//! Calls of a plan where everything stands: two for each topic (attributes, tags) and one for each 100 of its subscriptions, three
//! for each queue (URL, attributes, tags), one for each subscription of the file. What does not stand costs one call by its name
//! and one by the name of its other type. Where the bus is listed, one for each page, and one (tags) for each topic and queue
//! that begins with the prefix and is not in the file.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use futures::stream::{self, StreamExt as _, TryStreamExt as _};

use super::Progress;
use super::patience::{Told, steady};
use crate::bus::{Bus, BusError, BusErrorKind};
use crate::topology::live::{Arns, Live, LiveQueue, LiveSubscription, LiveTopic};
use crate::topology::plan::{self, Options};
use crate::topology::{Topology, policy};

/// Calls under way at a time.
pub(in crate::engine) const CONCURRENCY: usize = 8;

/// Lists of subscriptions under way at a time. SNS answers about 30 of them a second:
/// <https://docs.aws.amazon.com/general/latest/gr/sns.html>.
pub(in crate::engine) const LISTS: usize = 3;

/// Where things are read from, and for whom.
#[derive(Clone, Copy)]
pub(super) struct Reader<'a> {
    pub(super) bus: &'a Bus,
    pub(super) topology: &'a Topology,
    pub(super) arns: &'a Arns,
    pub(super) options: Options,
    pub(super) told: Told<'a>,
}

impl Reader<'_> {
    /// Reads the topics, queues and subscriptions that the file names, and what else carries its tag where it was asked for.
    ///
    /// # Errors
    /// The first that cannot be read.
    pub(super) async fn read(self) -> Result<Live, BusError> {
        let mut live = Live {
            topics: self
                .topics(self.topology.own_topics().map(|topic| topic.name.clone()).collect(), Guessed::No)
                .await?,
            queues: self
                .queues(self.topology.own_queues().map(|queue| queue.name.clone()).collect(), Guessed::No)
                .await?,
            ..Live::default()
        };
        if self.options.lists() {
            self.list(&mut live).await?;
        }
        self.twins(&mut live).await?;
        self.subscriptions(&mut live).await?;
        Ok(live)
    }

    async fn topics(self, names: Vec<String>, guessed: Guessed) -> Result<BTreeMap<String, LiveTopic>, BusError> {
        let found = stream::iter(names).map(|name| async move {
            let arn = self.arns.topic(&name);
            let found = guessed.or_nothing(steady(self.told, || self.bus.describe_topic(&arn)).await)?;
            self.told.tell(Progress::Read).await;
            Ok::<_, BusError>((name, found))
        });
        let found: Vec<_> = found.buffer_unordered(CONCURRENCY).try_collect().await?;
        Ok(found.into_iter().filter_map(|(name, found)| Some((name, found?))).collect())
    }

    async fn queues(self, names: Vec<String>, guessed: Guessed) -> Result<BTreeMap<String, LiveQueue>, BusError> {
        let found = stream::iter(names).map(|name| async move {
            let found = guessed.or_nothing(steady(self.told, || self.bus.describe_queue(&name)).await)?;
            self.told.tell(Progress::Read).await;
            Ok::<_, BusError>((name, found))
        });
        let found: Vec<_> = found.buffer_unordered(CONCURRENCY).try_collect().await?;
        Ok(found.into_iter().filter_map(|(name, found)| Some((name, found?))).collect())
    }

    /// Adds what carries this topology's tag and is not in the file.
    async fn list(self, live: &mut Live) -> Result<(), BusError> {
        let owner = plan::owner(self.topology);
        let prefix = plan::prefix(self.topology);
        let owner = owner.as_str();
        let arns = steady(self.told, || self.bus.topic_arns(usize::MAX)).await?;
        let name = |arn: &str| arn.rsplit(':').next().unwrap_or_default().to_owned();
        let others = arns.into_iter().filter(|arn| {
            let name = name(arn);
            name.starts_with(prefix) && *arn == self.arns.topic(&name) && !live.topics.contains_key(&name)
        });
        let ours = stream::iter(others.collect::<Vec<_>>()).map(|arn| async move {
            let tags = steady(self.told, || self.bus.topic_tags(&arn)).await?;
            self.told.tell(Progress::Read).await;
            Ok::<_, BusError>(plan::is_ours(owner, tags.as_ref()).then(|| name(&arn)))
        });
        let ours: Vec<Option<String>> = ours.buffer_unordered(CONCURRENCY).try_collect().await?;
        live.topics.extend(self.topics(ours.into_iter().flatten().collect(), Guessed::No).await?);

        let urls = steady(self.told, || self.bus.queue_urls(prefix, usize::MAX)).await?;
        let name = |url: &str| url.trim_end_matches('/').rsplit('/').next().unwrap_or_default().to_owned();
        let others = urls.into_iter().filter(|url| !live.queues.contains_key(&name(url)));
        let ours = stream::iter(others.collect::<Vec<_>>()).map(|url| async move {
            let tags = steady(self.told, || self.bus.queue_tags(&url)).await;
            self.told.tell(Progress::Read).await;
            match tags {
                Ok(tags) => Ok(plan::is_ours(owner, tags.as_ref()).then(|| name(&url))),
                Err(error) if error.kind == BusErrorKind::NotFound => Ok(None), // gone since it was listed
                Err(error) => Err(error),
            }
        });
        let ours: Vec<Option<String>> = ours.buffer_unordered(CONCURRENCY).try_collect().await?;
        live.queues.extend(self.queues(ours.into_iter().flatten().collect(), Guessed::No).await?);
        Ok(())
    }

    /// Adds what the file's new things may replace: the same name, of the other type.
    async fn twins(self, live: &mut Live) -> Result<(), BusError> {
        if self.options.destroy {
            return Ok(());
        }
        let named: BTreeSet<&str> = self.topology.own_topics().map(|topic| topic.name.as_str()).collect();
        let found = self.topics(unread_twins(&named, &live.topics, 256), Guessed::Yes).await?;
        live.topics.extend(found);
        let named: BTreeSet<&str> = self.topology.own_queues().map(|queue| queue.name.as_str()).collect();
        let found = self.queues(unread_twins(&named, &live.queues, 80), Guessed::Yes).await?;
        live.queues.extend(found);
        Ok(())
    }

    async fn subscriptions(self, live: &mut Live) -> Result<(), BusError> {
        let mut ours: BTreeSet<String> = live.topics.values().map(|topic| topic.arn.clone()).collect();
        let named: HashSet<String> = self.topology.own_topics().map(|topic| self.arns.topic(&topic.name)).collect();
        let missing = |arn: &String| named.contains(arn);
        // Topics of others that a queue may be subscribed to: those of the file, those that our policy statements still name
        // (such a subscription would lose its permission), and those that our tags record.
        let mut others: BTreeSet<String> =
            self.topology.topics.iter().filter(|topic| topic.external).map(|topic| topic.name.clone()).collect();
        let policies = live.queues.values().filter_map(|queue| queue.attributes.get("Policy"));
        others.extend(policies.flat_map(|text| policy::topics_allowed(text)).filter(|arn| !missing(arn)));
        let tags = live.queues.values().filter_map(|queue| queue.tags.as_ref());
        others.extend(tags.flat_map(plan::recorded_topics).filter(|arn| !missing(arn)).cloned());
        others.retain(|arn| !ours.contains(arn));
        let others: HashSet<String> = others.into_iter().collect();
        ours.extend(others.iter().cloned());

        let others = &others;
        let listed = stream::iter(&ours).map(|arn| async move {
            let found = steady(self.told, || self.bus.topic_subscriptions(arn)).await;
            self.told.tell(Progress::Read).await;
            match found {
                // Of a topic that is gone nothing is left that could be lost.
                Ok(found) => Ok((arn.clone(), Some(found.unwrap_or_default()))),
                Err(error) if others.contains(arn) && is_denied(&error) => Ok((arn.clone(), None)),
                Err(error) => Err(error),
            }
        });
        let listed: Vec<(String, Option<Vec<LiveSubscription>>)> = listed.buffer_unordered(LISTS).try_collect().await?;
        for (arn, found) in listed {
            match found {
                Some(found) => live.subscriptions.extend(found),
                None => live.unread_topics.push(arn),
            }
        }
        self.subscriptions_of_ours(live).await?;
        live.unread_topics.sort();
        self.details(live).await
    }

    /// A topic of another account may not let us list its subscriptions. Those that are ours are known to our own account.
    async fn subscriptions_of_ours(self, live: &mut Live) -> Result<(), BusError> {
        let region = |arn: &str| arn.split(':').nth(3).unwrap_or_default().to_owned();
        let regions: BTreeMap<String, String> =
            live.unread_topics.iter().map(|arn| (region(arn), arn.clone())).collect();
        for (place, arn) in regions {
            match steady(self.told, || self.bus.account_subscriptions(&arn)).await {
                Ok(found) => {
                    let unread = std::mem::take(&mut live.unread_topics);
                    live.subscriptions.extend(found.into_iter().filter(|found| unread.contains(&found.topic_arn)));
                    live.unread_topics = unread.into_iter().filter(|arn| region(arn) != place).collect();
                }
                Err(error) if is_denied(&error) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// The attributes of the subscriptions that the file has.
    async fn details(self, live: &mut Live) -> Result<(), BusError> {
        let ends = |s: &crate::topology::Subscription| (self.arns.topic(&s.topic), self.arns.queue(&s.queue));
        let wanted: HashSet<(String, String)> = self.topology.subscriptions.iter().map(ends).collect();
        let wanted = &wanted;
        let details = stream::iter(std::mem::take(&mut live.subscriptions)).map(|mut found| async move {
            let ends = (found.topic_arn.clone(), found.queue_arn.clone());
            if !found.arn.is_empty() && found.protocol == "sqs" && wanted.contains(&ends) && !self.options.destroy {
                match steady(self.told, || self.bus.subscription_attributes(&found.arn)).await? {
                    Some(attributes) => found.attributes = attributes,
                    None => return Ok(None), // gone since it was listed
                }
                self.told.tell(Progress::Read).await;
            }
            Ok::<_, BusError>(Some(found))
        });
        let details: Vec<_> = details.buffer_unordered(CONCURRENCY).try_collect().await?;
        live.subscriptions = details.into_iter().flatten().collect();
        live.subscriptions
            .sort_by(|a, b| (&a.topic_arn, &a.queue_arn, &a.arn).cmp(&(&b.topic_arn, &b.queue_arn, &b.arn)));
        Ok(())
    }
}

/// Whether a name is not the file's but a guess, which the caller may not be allowed to look at: then there is nothing.
#[derive(Clone, Copy)]
enum Guessed {
    No,
    Yes,
}

impl Guessed {
    fn or_nothing<T>(self, answer: Result<Option<T>, BusError>) -> Result<Option<T>, BusError> {
        match (self, answer) {
            (Self::Yes, Err(error)) if error.kind == BusErrorKind::Auth => Ok(None),
            (_, answer) => answer,
        }
    }
}

/// The names of the other type of what does not stand yet, as far as nothing is known of them and AWS takes names so long.
fn unread_twins<T>(named: &BTreeSet<&str>, live: &BTreeMap<String, T>, longest: usize) -> Vec<String> {
    let fresh = named.iter().filter(|name| !live.contains_key(**name));
    let twins = fresh.map(|name| plan::twin(name));
    twins.filter(|twin| twin.len() <= longest && !live.contains_key(twin) && !named.contains(twin.as_str())).collect()
}

fn is_denied(error: &BusError) -> bool {
    matches!(error.kind, BusErrorKind::Auth | BusErrorKind::Invalid)
}
