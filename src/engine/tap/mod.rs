//! Taps: a temporary queue, subscribed unfiltered to the topics that feed a queue, through which what passes is seen without
//! touching the queue itself.
//!
//! Unfiltered, because a new filter policy may take SNS 15 minutes to act; the real subscription's filter is applied here. The
//! queue is the last thing to be deleted, and carries in its tags what it is for, until when it is leased, and whose it is, so
//! that one which was left behind is found and removed: see [`sweep`].

mod owner;
mod sweep;
#[cfg(test)]
mod tests;

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::task::JoinHandle;

use crate::bus::{Bus, BusError, MAX_BATCH, Message, Queue, Receive, Topic};
use crate::clock::{Clock, random_id};
use crate::engine::record::record_of;
use crate::event::{Notification, Record, SystemRecord};
use crate::filter::{self, FilterPolicy, Scope};
use crate::topology::live::Texts;
use crate::topology::policy::queue_statement;

pub(crate) use sweep::tidy;
pub use sweep::{Found, Swept, find, sweep};

/// How the names of taps begin.
pub const PREFIX: &str = crate::topology::TAP_PREFIX;

/// What a tap's queue is for: the queue or topic that is looked at.
pub const TAP_TAG: &str = "eventbus:tap";
/// Until when it is leased.
const EXPIRES_TAG: &str = "eventbus:tap-expires";
/// Which process made it.
const OWNER_TAG: &str = "eventbus:tap-owner";

/// How long a tap is left alone that nobody renews.
const LEASE: Duration = Duration::from_secs(15 * 60);
const RENEWAL: Duration = Duration::from_secs(5 * 60);

/// How long its queue keeps what nobody fetches, and hides what somebody does, in seconds.
const RETENTION: &str = "3600";
const VISIBILITY: &str = "60";

/// What feeds a queue, or the topic that is looked at itself.
#[derive(Clone, Debug)]
pub struct Feed {
    /// The topic's ARN.
    pub topic: String,
    /// What the real subscription lets pass; none: everything.
    pub filter: Option<FilterPolicy>,
    /// Whether the real subscription delivers without SNS's wrapper.
    pub raw: bool,
}

/// Where a tap is put.
#[derive(Clone, Debug)]
pub struct Spot {
    /// The name of the queue that is looked at; none for a topic.
    pub queue: Option<String>,
    /// What it is for, as the tag says it.
    pub target: String,
    /// What feeds it.
    pub feeds: Vec<Feed>,
    /// What cannot be seen as it really is: a filter that this program does not know.
    pub doubts: Vec<String>,
}

impl Spot {
    /// Everything that is published to topics.
    pub fn topics<'a>(topics: impl IntoIterator<Item = &'a Topic>) -> Self {
        let topics: Vec<&Topic> = topics.into_iter().collect();
        let feeds = topics.iter().map(|topic| Feed { topic: topic.arn.clone(), filter: None, raw: false });
        let names: Vec<&str> = topics.iter().map(|topic| topic.name.as_str()).collect();
        Self { queue: None, target: names.join(" "), feeds: feeds.collect(), doubts: Vec::new() }
    }

    /// What a queue gets from the topics of its region. Without feeds when nothing is subscribed.
    ///
    /// # Errors
    /// What listing the subscriptions, or reading one, answers.
    pub async fn queue(bus: &Bus, queue: &Queue) -> Result<Self, BusError> {
        let mut spot =
            Self { queue: Some(queue.name.clone()), target: queue.name.clone(), feeds: Vec::new(), doubts: Vec::new() };
        for subscription in bus.account_subscriptions(&queue.arn).await? {
            if subscription.protocol != "sqs" || subscription.queue_arn != queue.arn || subscription.arn.is_empty() {
                continue;
            }
            let Some(attributes) = bus.subscription_attributes(&subscription.arn).await? else { continue };
            let text = |name: &str| attributes.get(name).map(String::as_str).unwrap_or_default();
            let scope =
                if text("FilterPolicyScope") == "MessageBody" { Scope::MessageBody } else { Scope::MessageAttributes };
            let filter = FilterPolicy::parse_attribute(text("FilterPolicy"), scope).unwrap_or_else(|error| {
                let topic = last(&subscription.topic_arn);
                spot.doubts.push(format!(
                    "the filter between topic `{topic}` and queue `{}` is none that this program knows, so everything of \
                     that topic is shown: {error}",
                    queue.name
                ));
                None
            });
            spot.feeds.push(Feed { topic: subscription.topic_arn, filter, raw: text("RawMessageDelivery") == "true" });
        }
        Ok(spot)
    }

    /// The names of the topics.
    pub fn topic_names(&self) -> Vec<&str> {
        self.feeds.iter().map(|feed| last(&feed.topic)).collect()
    }

    /// The record of a message that came through the tap, as the queue that is looked at would have got it; none when the
    /// real filter stops it.
    fn record(&self, tap: &str, message: Message) -> Option<Record> {
        let Some(notification) = Notification::parse(&message.body) else {
            // Sent to the tap by somebody else than SNS. It is shown, and shows whence it is.
            return Some(record_of(tap, message));
        };
        let feed = self.feeds.iter().find(|feed| feed.topic == notification.topic_arn)?;
        let attributes = notification.attributes();
        let asked = filter::Message::new(&attributes, &notification.message);
        if feed.filter.as_ref().is_some_and(|policy| !policy.accepts(&asked)) {
            return None;
        }
        // The id, counts and sender are the tap's own and would be taken for the queue's.
        let record = record_of(tap, message);
        let system = SystemRecord {
            id: record.message.id,
            queue: self.queue.clone(),
            sent_at: record.message.sent_at,
            sns_message_id: record.message.sns_message_id,
            topic: record.message.topic,
            subject: record.message.subject,
            group_id: record.message.group_id,
            ..SystemRecord::default()
        };
        Some(if feed.raw {
            Record::new(notification.message, attributes, system)
        } else {
            Record { message: system, ..Record::new(record.body, record.outer_attributes, SystemRecord::default()) }
        })
    }
}

/// A tap that is open. It must be closed: a value that is dropped leaves its queue to the next [`sweep`].
#[derive(Debug)]
pub struct Tap {
    bus: Bus,
    spot: Spot,
    queue: Queue,
    subscriptions: Vec<String>,
    renewal: JoinHandle<()>,
    stopped: AtomicU64,
}

impl Tap {
    /// Makes the queue and subscribes it. What was made is taken away again when something fails.
    ///
    /// # Errors
    /// What making the queue or subscribing it answers.
    pub async fn open(bus: &Bus, spot: Spot, clock: &Clock) -> Result<Self, BusError> {
        let id = random_id().simple().to_string();
        let name = format!("{PREFIX}{}", &id[..12]);
        let attributes: Texts = [("MessageRetentionPeriod", RETENTION), ("VisibilityTimeout", VISIBILITY)]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into();
        let mut tags: Texts =
            [(TAP_TAG.to_owned(), tag_value(&spot.target)), (EXPIRES_TAG.to_owned(), lease_from(clock.now()))].into();
        if let Some(owner) = owner::here() {
            tags.insert(OWNER_TAG.to_owned(), owner);
        }
        let url = bus.create_queue(&name, &attributes, &tags).await?;
        let mut subscriptions = Vec::new();
        match subscribe(bus, &url, &spot, &mut subscriptions).await {
            Ok(queue) => {
                let renewal = tokio::spawn(renew(bus.clone(), queue.url.clone(), clock.clone()));
                Ok(Self { bus: bus.clone(), spot, queue, subscriptions, renewal, stopped: AtomicU64::new(0) })
            }
            Err(mut error) => {
                let mut left = Ok(());
                for arn in &subscriptions {
                    left = left.and(bus.unsubscribe(arn).await);
                }
                // A subscription that may have been made and is not known is found as long as the queue is there.
                if left.is_ok() && !error.may_have_been_done() {
                    left = bus.delete_queue(&url).await;
                }
                if let Err(why) = left {
                    // The next sweep has it, of who may sweep.
                    let more = format!("; what was made of the tap `{name}` could not be removed: {why}");
                    error.message.push_str(&more);
                }
                Err(error)
            }
        }
    }

    /// The name of the tap's own queue.
    pub fn name(&self) -> &str {
        &self.queue.name
    }

    /// How many messages the real filters have stopped.
    pub fn stopped(&self) -> u64 {
        self.stopped.load(Ordering::Relaxed)
    }

    /// What came, waiting up to `wait` for the first; each once.
    ///
    /// # Errors
    /// What receiving answers.
    pub async fn receive(&self, wait: Duration) -> Result<Vec<Record>, BusError> {
        let receive = Receive { max: MAX_BATCH as u32, wait, visibility: None };
        let messages = self.bus.receive(&self.queue, receive).await?;
        let handles: Vec<String> = messages.iter().map(|message| message.receipt_handle.clone()).collect();
        if !handles.is_empty() {
            // The queue is ours alone and only a window: what cannot be deleted would at worst be shown twice.
            let (bus, queue) = (self.bus.clone(), self.queue.clone());
            tokio::spawn(async move { bus.delete_batch(&queue, &handles).await });
        }
        let all = messages.len();
        let records: Vec<Record> =
            messages.into_iter().filter_map(|message| self.spot.record(&self.queue.name, message)).collect();
        self.stopped.fetch_add((all - records.len()) as u64, Ordering::Relaxed);
        Ok(records)
    }

    /// Removes subscriptions and queue.
    ///
    /// # Errors
    /// The first call that failed; the others were made all the same.
    pub async fn close(self) -> Result<(), BusError> {
        self.renewal.abort();
        let mut failed = Ok(());
        for arn in &self.subscriptions {
            failed = failed.and(self.bus.unsubscribe(arn).await);
        }
        // Last: as long as the queue is there, a sweep finds what is left.
        if failed.is_ok() {
            failed = self.bus.delete_queue(&self.queue.url).await;
        }
        failed
    }
}

async fn subscribe(bus: &Bus, url: &str, spot: &Spot, made: &mut Vec<String>) -> Result<Queue, BusError> {
    let queue = bus.queue(url).await?;
    let mut topics: Vec<String> = spot.feeds.iter().map(|feed| feed.topic.clone()).collect();
    topics.sort_unstable();
    topics.dedup();
    let policy =
        serde_json::json!({ "Version": "2012-10-17", "Statement": [queue_statement(&queue.arn, &topics)] }).to_string();
    bus.set_queue_attributes(url, &[("Policy".to_owned(), policy)].into()).await?;
    for topic in &topics {
        made.push(bus.subscribe(topic, &queue.arn, &Texts::new()).await?);
    }
    Ok(queue)
}

async fn renew(bus: Bus, url: String, clock: Clock) {
    loop {
        tokio::time::sleep(RENEWAL).await;
        // Missed once, there are two more before the lease ends.
        let _ = bus.tag_queue(&url, &[(EXPIRES_TAG.to_owned(), lease_from(clock.now()))].into()).await;
    }
}

fn lease_from(now: Timestamp) -> String {
    let lease = SignedDuration::try_from(LEASE).unwrap_or_default();
    format!("{:.0}", now.checked_add(lease).unwrap_or(now))
}

/// What a tag's value may hold: letters, digits, blanks and `_.:/=+-@`, 256 of them.
fn tag_value(text: &str) -> String {
    let fine = |c: char| c.is_ascii_alphanumeric() || " _.:/=+-@".contains(c);
    text.chars().map(|c| if fine(c) { c } else { '-' }).take(200).collect()
}

fn last(arn: &str) -> &str {
    arn.rsplit(':').next().unwrap_or(arn)
}
