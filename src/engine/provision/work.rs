//! The calls of one row. Each can be repeated after a run that was cut off anywhere in it.

use std::collections::HashMap;

use tokio::sync::Mutex;

use super::patience::{Told, once_forgotten, patient, steady};
use crate::bus::{Bus, BusError, BusErrorKind};
use crate::topology::OWNER_TAG;
use crate::topology::live::{LiveSubscription, Texts};
use crate::topology::plan::{Action, Change, Kind, Plan, Work, policy_limits};
use crate::topology::policy;

/// Queues by name, with their URLs.
type Urls = Mutex<HashMap<String, String>>;

/// Attributes of a topic that `CreateTopic` does not take; `SetTopicAttributes` does:
/// <https://docs.aws.amazon.com/sns/latest/api/API_CreateTopic.html>.
fn is_set_later(attribute: &str) -> bool {
    attribute.ends_with("FeedbackRoleArn")
        || attribute.ends_with("FeedbackSampleRate")
        || attribute == "MaximumMessageSize"
}

pub(super) struct Worker<'a> {
    bus: &'a Bus,
    plan: &'a Plan,
    told: Told<'a>,
    urls: Urls,
}

impl<'a> Worker<'a> {
    pub(super) fn new(bus: &'a Bus, plan: &'a Plan, told: Told<'a>) -> Self {
        Self { bus, plan, told, urls: Urls::default() }
    }

    /// The work of one row.
    pub(super) async fn one(&self, change: &Change) -> Result<(), BusError> {
        let (bus, name) = (self.bus, &change.name);
        let made = self.just_made(change);
        let made = made.as_deref();
        match &change.work {
            Work::Nothing => Ok(()),
            Work::CreateTopic { attributes, tags } => self.create_topic(name, attributes, tags).await,
            Work::ChangeTopic { arn, attributes, tags, untag } => {
                for (attribute, value) in attributes {
                    steady(self.told, || bus.set_topic_attribute(arn, attribute, value)).await?;
                }
                // What goes is noted in the tags that are written: until it has gone the note has to stay.
                if !untag.is_empty() {
                    steady(self.told, || bus.untag_topic(arn, untag)).await?;
                }
                if tags.is_empty() { Ok(()) } else { steady(self.told, || bus.tag_topic(arn, tags)).await }
            }
            Work::CreateQueue { attributes, tags } => {
                let create = || bus.create_queue(name, attributes, tags);
                let url = once_forgotten(self.told, name, || patient(self.told, made, create)).await?;
                self.urls.lock().await.insert(name.clone(), url);
                Ok(())
            }
            Work::ChangeQueue { url, attributes, tags, untag } => {
                if !attributes.is_empty() {
                    let attributes = self.with_policy(url, attributes).await?;
                    patient(self.told, made, || bus.set_queue_attributes(url, &attributes)).await?;
                }
                if !untag.is_empty() {
                    steady(self.told, || bus.untag_queue(url, untag)).await?;
                }
                if tags.is_empty() { Ok(()) } else { steady(self.told, || bus.tag_queue(url, tags)).await }
            }
            Work::MergePolicy { arn, statements, gone } => {
                let url = match change.kind {
                    Kind::QueuePolicy => Some(self.url_of(name, made).await?),
                    _ => None,
                };
                let gone: Vec<&str> = gone.iter().map(String::as_str).collect();
                patient(self.told, made, || self.merge_policy((arn, url.as_deref()), statements, &gone)).await
            }
            Work::Subscribe { topic_arn, queue_arn, attributes } => {
                self.subscribe((topic_arn, queue_arn), attributes, made).await
            }
            Work::ChangeSubscription { arn, attributes } => {
                for (attribute, value) in attributes {
                    let set = || bus.set_subscription_attribute(arn, attribute, value.as_deref());
                    patient(self.told, made, set).await?;
                }
                Ok(())
            }
            Work::DeleteSubscription { arn } => steady(self.told, || bus.unsubscribe(arn)).await,
            Work::DeleteTopic { arn, owner, known } => self.delete_topic(arn, owner, known).await,
            Work::DeleteQueue { url, owner, with_messages } => {
                self.delete_queue(name, url, owner, *with_messages).await
            }
        }
    }

    /// Something that the row needs and that was made in this run, for people.
    fn just_made(&self, change: &Change) -> Option<String> {
        let needed = change.needs.iter().map(|need| &self.plan.changes[*need]);
        let mut made = needed.filter(|need| matches!(need.action, Action::Create | Action::Replace));
        made.next().map(|need| format!("the {} `{}`", need.kind.noun(), need.name))
    }

    async fn create_topic(&self, name: &str, attributes: &Texts, tags: &Texts) -> Result<(), BusError> {
        let at_once = attributes.iter().filter(|(attribute, _)| !is_set_later(attribute));
        let at_once: Texts = at_once.map(|(attribute, value)| (attribute.clone(), value.clone())).collect();
        let arn = steady(self.told, || self.bus.create_topic(name, &at_once, tags)).await?;
        let made = format!("the topic `{name}`");
        for (attribute, value) in attributes.iter().filter(|(attribute, _)| is_set_later(attribute)) {
            let set = || self.bus.set_topic_attribute(&arn, attribute, value);
            patient(self.told, Some(&made), set).await?;
        }
        Ok(())
    }

    /// `attributes`, and on an endpoint that is not AWS's own the policy that stands: moto's server forgets the policy whenever
    /// it is not set along (`Queue._set_attributes` in <https://github.com/getmoto/moto/blob/5.2.1/moto/sqs/models.py>). On AWS
    /// it is left out, where sending it could undo what somebody else is writing.
    async fn with_policy(&self, url: &str, attributes: &Texts) -> Result<Texts, BusError> {
        let mut attributes = attributes.clone();
        if self.bus.endpoint_url().is_some()
            && !self.bus.can_peek()
            && let Some(policy) = self.bus.attributes_of_queue(url).await?.remove("Policy")
        {
            attributes.insert("Policy".into(), policy);
        }
        Ok(attributes)
    }

    async fn url_of(&self, name: &str, made: Option<&str>) -> Result<String, BusError> {
        if let Some(url) = self.urls.lock().await.get(name) {
            return Ok(url.clone());
        }
        Ok(patient(self.told, made, || self.bus.queue(name)).await?.url)
    }

    /// Reads the policy once more right before writing it, so that a statement added since the plan is kept.
    async fn merge_policy(
        &self,
        (arn, url): (&str, Option<&str>),
        statements: &[serde_json::Value],
        gone: &[&str],
    ) -> Result<(), BusError> {
        let bus = self.bus;
        let attributes = match url {
            Some(url) => bus.attributes_of_queue(url).await?,
            // One that was made in this run may not be there yet: then it is asked again, not taken for one without a policy.
            None => bus.attributes_of_topic(arn).await?,
        };
        let standing = attributes.get("Policy").map_or("", String::as_str);
        let operation = if url.is_some() { "SetQueueAttributes" } else { "SetTopicAttributes" };
        let merged = policy::merge(standing, statements, gone, policy_limits(arn))
            .map_err(|fault| BusError::new(BusErrorKind::Conflict, operation, fault.to_string()))?;
        match (merged, url) {
            (None, _) => Ok(()),
            (Some(text), Some(url)) => bus.set_queue_attributes(url, &Texts::from([("Policy".to_owned(), text)])).await,
            (Some(text), None) => bus.set_topic_attribute(arn, "Policy", &text).await,
        }
    }

    /// Subscribes. Should the pair stand by now with other attributes, which SNS refuses to change this way, they are set one by
    /// one: <https://docs.aws.amazon.com/sns/latest/api/API_Subscribe.html>.
    async fn subscribe(
        &self,
        (topic_arn, queue_arn): (&str, &str),
        attributes: &Texts,
        made: Option<&str>,
    ) -> Result<(), BusError> {
        let answer = patient(self.told, made, || self.bus.subscribe(topic_arn, queue_arn, attributes)).await;
        match answer {
            Err(error) if error.message.contains("already exists with different attributes") => {}
            other => return other.map(drop),
        }
        let all = steady(self.told, || self.bus.topic_subscriptions(topic_arn)).await?.unwrap_or_default();
        let Some(standing) = all
            .into_iter()
            .find(|found| found.protocol == "sqs" && found.queue_arn == queue_arn && !found.arn.is_empty())
        else {
            return Err(BusError::new(
                BusErrorKind::Conflict,
                "Subscribe",
                "the subscription exists with other attributes and waits for a confirmation",
            ));
        };
        let arn = &standing.arn;
        // The scope before the filter: only the body's takes a nested one.
        let explicit = [
            ("FilterPolicyScope", Some("MessageAttributes")),
            ("FilterPolicy", Some("{}")),
            ("RawMessageDelivery", Some("false")),
            ("RedrivePolicy", None),
        ];
        for (name, nothing) in explicit {
            let value = attributes.get(name).map(String::as_str).or(nothing);
            if name == "FilterPolicyScope" && value == nothing {
                // A nested filter that stands has to go before the scope does.
                steady(self.told, || self.bus.set_subscription_attribute(arn, "FilterPolicy", Some("{}"))).await?;
            }
            steady(self.told, || self.bus.set_subscription_attribute(arn, name, value)).await?;
        }
        Ok(())
    }

    /// Looks once more: what is deleted is still ours, and nothing goes with it that nobody was asked about.
    async fn delete_topic(&self, arn: &str, owner: &str, known: &[(String, String)]) -> Result<(), BusError> {
        let bus = self.bus;
        let Some(topic) = steady(self.told, || bus.describe_topic(arn)).await? else { return Ok(()) };
        let name = arn.rsplit(':').next().unwrap_or(arn);
        still_ours(&format!("topic `{name}`"), owner, topic.tags.as_ref())?;
        let found = steady(self.told, || bus.topic_subscriptions(arn)).await?;
        let is_known = |s: &LiveSubscription| {
            known.iter().any(|(protocol, endpoint)| (protocol, endpoint) == (&s.protocol, &s.queue_arn))
        };
        if let Some(fresh) = found.unwrap_or_default().iter().find(|found| !is_known(found)) {
            let message = format!(
                "topic `{name}` was subscribed to by `{}` since the plan was made; plan again",
                fresh.queue_arn
            );
            return Err(BusError::new(BusErrorKind::Conflict, "DeleteTopic", message));
        }
        if topic.attributes.get("ArchivePolicy").is_some_and(|policy| !matches!(policy.trim(), "" | "{}")) {
            // A topic with an archive is only deleted without it:
            // https://docs.aws.amazon.com/sns/latest/dg/message-archiving-and-replay-topic-owner.html
            steady(self.told, || bus.set_topic_attribute(arn, "ArchivePolicy", "{}")).await?;
        }
        steady(self.told, || bus.delete_topic(arn)).await
    }

    /// Likewise.
    async fn delete_queue(&self, name: &str, url: &str, owner: &str, with_messages: bool) -> Result<(), BusError> {
        let bus = self.bus;
        let Some(queue) = steady(self.told, || bus.describe_queue(name)).await? else { return Ok(()) };
        still_ours(&format!("queue `{name}`"), owner, queue.tags.as_ref())?;
        if !with_messages && queue.messages() > 0 {
            let message = format!(
                "queue `{name}` was empty when the plan was made and holds about {} now; plan again",
                crate::words::count(queue.messages(), "message")
            );
            return Err(BusError::new(BusErrorKind::Conflict, "DeleteQueue", message));
        }
        steady(self.told, || bus.delete_queue(url)).await
    }
}

fn still_ours(subject: &str, owner: &str, tags: Option<&Texts>) -> Result<(), BusError> {
    if tags.and_then(|tags| tags.get(OWNER_TAG)).is_some_and(|tag| tag == owner) {
        return Ok(());
    }
    let message = format!("{subject} does not carry the tag `{OWNER_TAG}={owner}` any more; it is not deleted");
    Err(BusError::new(BusErrorKind::Conflict, "delete", message))
}
