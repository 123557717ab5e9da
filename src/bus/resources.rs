//! Topics, queues and subscriptions as resources: read, made, changed. Nothing here deletes: that is `removals`.
//!
//! Attribute names and values are AWS's own texts; what they mean is the topology's. A topic is spoken to in the region that its
//! ARN names: a queue may be subscribed to one elsewhere.

use std::borrow::Cow;
use std::collections::HashMap;

use aws_sdk_sns::config::Region;
use aws_sdk_sns::types::{Subscription, Tag};
use aws_sdk_sqs::types::QueueAttributeName;

use super::{Bus, BusError, BusErrorKind};
use crate::topology::live::{Arns, LiveQueue, LiveSubscription, LiveTopic, Texts};

impl Bus {
    /// Where this bus is.
    ///
    /// # Errors
    /// The account cannot be learned.
    pub async fn arns(&self) -> Result<Arns, BusError> {
        let account = self.account().await?;
        let partition = super::names::partition(self.region()).to_owned();
        Ok(Arns { partition, region: self.region().to_owned(), account })
    }

    /// Makes sure that the credentials are of the account that the topics and queues are taken to belong to.
    ///
    /// The embedded bus has nobody to mistake; an emulator without STS cannot tell.
    ///
    /// # Errors
    /// `Auth` when they are another account's; what `GetCallerIdentity` answers on AWS.
    pub async fn verify_account(&self) -> Result<(), BusError> {
        if self.peek {
            return Ok(());
        }
        let expected = self.account().await?;
        let answer = self.sts.get_caller_identity().send().await;
        let found = match answer.map_err(|e| BusError::from_sdk("GetCallerIdentity", "the account", &e)) {
            Ok(answer) => answer.account.unwrap_or_default(),
            Err(error) if self.endpoint_url.is_some() && error.kind != BusErrorKind::Auth => return Ok(()),
            Err(error) => return Err(error),
        };
        if found == expected {
            return Ok(());
        }
        let message = format!("the credentials are of account `{found}`, and the context is account `{expected}`");
        Err(BusError::new(BusErrorKind::Auth, "GetCallerIdentity", message))
    }

    /// A topic with its attributes and tags; `None` when it does not exist.
    ///
    /// # Errors
    /// What `GetTopicAttributes` or `ListTagsForResource` answers. Tags that may not be read are `None`, not an error.
    pub async fn describe_topic(&self, arn: &str) -> Result<Option<LiveTopic>, BusError> {
        let Some(attributes) = found(self.attributes_of_topic(arn).await)? else { return Ok(None) };
        Ok(Some(LiveTopic { arn: arn.to_owned(), attributes, tags: self.topic_tags(arn).await? }))
    }

    /// Every attribute of a topic.
    ///
    /// # Errors
    /// What `GetTopicAttributes` answers.
    pub async fn attributes_of_topic(&self, arn: &str) -> Result<Texts, BusError> {
        let answer = self.sns_of(arn).get_topic_attributes().topic_arn(arn).send().await;
        let answer = answer.map_err(|e| BusError::from_sdk("GetTopicAttributes", &topic_subject(arn), &e))?;
        Ok(answer.attributes.unwrap_or_default().into_iter().collect())
    }

    /// A topic's tags; `None` when they may not be read.
    ///
    /// # Errors
    /// What `ListTagsForResource` answers but for that.
    pub async fn topic_tags(&self, arn: &str) -> Result<Option<Texts>, BusError> {
        let tags = self.sns_of(arn).list_tags_for_resource().resource_arn(arn).send().await;
        let tags = tags.map_err(|e| BusError::from_sdk("ListTagsForResource", &topic_subject(arn), &e));
        Ok(readable(tags)?
            .map(|answer| answer.tags.unwrap_or_default().into_iter().map(|tag| (tag.key, tag.value)).collect()))
    }

    /// The SNS of the region that `arn` names, which alone answers for it. An endpoint that was chosen stays, and is told the
    /// region by the signature.
    pub(super) fn sns_of(&self, arn: &str) -> Cow<'_, aws_sdk_sns::Client> {
        match arn.split(':').nth(3) {
            Some(region) if !region.is_empty() && region != self.region => {
                let config = self.sns.config().to_builder().region(Region::new(region.to_owned())).build();
                Cow::Owned(aws_sdk_sns::Client::from_conf(config))
            }
            _ => Cow::Borrowed(&self.sns),
        }
    }

    /// A queue with its attributes and tags; `None` when it does not exist.
    ///
    /// # Errors
    /// What `GetQueueUrl`, `GetQueueAttributes` or `ListQueueTags` answers. Tags that may not be read are `None`.
    pub async fn describe_queue(&self, name: &str) -> Result<Option<LiveQueue>, BusError> {
        let subject = format!("queue `{name}`");
        let answer = self.sqs.get_queue_url().queue_name(name).send().await;
        let answer = answer.map_err(|e| BusError::from_sdk("GetQueueUrl", &subject, &e));
        let Some(url) = found(answer)?.and_then(|answer| answer.queue_url) else { return Ok(None) };
        // A queue that is being deleted may still have a URL.
        let Some(attributes) = found(self.attributes_of_queue(&url).await)? else { return Ok(None) };
        let tags = self.queue_tags(&url).await?;
        Ok(Some(LiveQueue { url, attributes, tags }))
    }

    /// A queue's tags; `None` when they may not be read.
    ///
    /// # Errors
    /// What `ListQueueTags` answers but for that.
    pub async fn queue_tags(&self, url: &str) -> Result<Option<Texts>, BusError> {
        let tags = self.sqs.list_queue_tags().queue_url(url).send().await;
        let tags = tags.map_err(|e| BusError::from_sdk("ListQueueTags", &queue_subject(url), &e));
        Ok(readable(tags)?.map(|answer| answer.tags.unwrap_or_default().into_iter().collect()))
    }

    /// Every attribute of a queue.
    ///
    /// # Errors
    /// What `GetQueueAttributes` answers.
    pub async fn attributes_of_queue(&self, url: &str) -> Result<Texts, BusError> {
        let answer =
            self.sqs.get_queue_attributes().queue_url(url).attribute_names(QueueAttributeName::All).send().await;
        let answer = answer.map_err(|e| BusError::from_sdk("GetQueueAttributes", &queue_subject(url), &e))?;
        let attributes = answer.attributes.unwrap_or_default();
        Ok(attributes.into_iter().map(|(name, value)| (name.as_str().to_owned(), value)).collect())
    }

    /// All subscriptions to a topic, all pages, without their attributes; `None` when the topic does not exist.
    ///
    /// # Errors
    /// What `ListSubscriptionsByTopic` answers.
    pub async fn topic_subscriptions(&self, topic_arn: &str) -> Result<Option<Vec<LiveSubscription>>, BusError> {
        let sns = self.sns_of(topic_arn);
        let mut all = Vec::new();
        let mut token = None;
        loop {
            let answer = sns.list_subscriptions_by_topic().topic_arn(topic_arn).set_next_token(token).send().await;
            let answer =
                answer.map_err(|e| BusError::from_sdk("ListSubscriptionsByTopic", &topic_subject(topic_arn), &e));
            let Some(answer) = found(answer)? else { return Ok(None) };
            all.extend(answer.subscriptions.unwrap_or_default().into_iter().map(live));
            token = answer.next_token.filter(|token| !token.is_empty());
            if token.is_none() {
                return Ok(Some(all));
            }
        }
    }

    /// All subscriptions of this account in the region of `arn`, to whomever the topics belong, without their attributes.
    ///
    /// # Errors
    /// What `ListSubscriptions` answers.
    pub async fn account_subscriptions(&self, arn: &str) -> Result<Vec<LiveSubscription>, BusError> {
        let sns = self.sns_of(arn);
        let mut all = Vec::new();
        let mut token = None;
        loop {
            let answer = sns.list_subscriptions().set_next_token(token).send().await;
            let answer = answer.map_err(|e| BusError::from_sdk("ListSubscriptions", "the subscriptions", &e))?;
            all.extend(answer.subscriptions.unwrap_or_default().into_iter().map(live));
            token = answer.next_token.filter(|token| !token.is_empty());
            if token.is_none() {
                return Ok(all);
            }
        }
    }

    /// The attributes of a subscription; `None` when it is gone.
    ///
    /// # Errors
    /// What `GetSubscriptionAttributes` answers.
    pub async fn subscription_attributes(&self, arn: &str) -> Result<Option<Texts>, BusError> {
        let answer = self.sns_of(arn).get_subscription_attributes().subscription_arn(arn).send().await;
        let answer =
            answer.map_err(|e| BusError::from_sdk("GetSubscriptionAttributes", &subscription_subject(arn), &e));
        Ok(found(answer)?.map(|answer| answer.attributes.unwrap_or_default().into_iter().collect()))
    }

    /// Makes a topic and returns its ARN.
    ///
    /// # Errors
    /// What `CreateTopic` answers: `Invalid` when a topic of that name has other attributes or tags.
    pub async fn create_topic(&self, name: &str, attributes: &Texts, tags: &Texts) -> Result<String, BusError> {
        let subject = format!("topic `{name}`");
        let call = self.sns.create_topic().name(name).set_attributes(map(attributes)).set_tags(Some(sns_tags(tags)));
        let answer = call.send().await.map_err(|e| BusError::from_sdk("CreateTopic", &subject, &e))?;
        answer.topic_arn.ok_or_else(|| {
            BusError::new(
                BusErrorKind::Other,
                "CreateTopic",
                format!("{subject}: the answer of `CreateTopic` has no ARN"),
            )
        })
    }

    /// Sets one attribute of a topic; SNS takes one a call.
    ///
    /// # Errors
    /// What `SetTopicAttributes` answers.
    pub async fn set_topic_attribute(&self, arn: &str, name: &str, value: &str) -> Result<(), BusError> {
        let call = self.sns.set_topic_attributes().topic_arn(arn).attribute_name(name).attribute_value(value);
        call.send().await.map_err(|e| BusError::from_sdk("SetTopicAttributes", &topic_subject(arn), &e))?;
        Ok(())
    }

    /// Adds tags to a topic, or changes their values.
    ///
    /// # Errors
    /// What `TagResource` answers.
    pub async fn tag_topic(&self, arn: &str, tags: &Texts) -> Result<(), BusError> {
        let call = self.sns.tag_resource().resource_arn(arn).set_tags(Some(sns_tags(tags)));
        call.send().await.map_err(|e| BusError::from_sdk("TagResource", &topic_subject(arn), &e))?;
        Ok(())
    }

    /// Makes a queue and returns its URL.
    ///
    /// # Errors
    /// What `CreateQueue` answers: `Conflict` when a queue of that name has other attributes, or was deleted within the last
    /// minute (code `QueueDeletedRecently`).
    pub async fn create_queue(&self, name: &str, attributes: &Texts, tags: &Texts) -> Result<String, BusError> {
        let subject = format!("queue `{name}`");
        let mut call = self.sqs.create_queue().queue_name(name).set_tags(map(tags));
        for (attribute, value) in attributes {
            call = call.attributes(QueueAttributeName::from(attribute.as_str()), value);
        }
        let answer = call.send().await.map_err(|e| BusError::from_sdk("CreateQueue", &subject, &e))?;
        answer.queue_url.ok_or_else(|| {
            BusError::new(
                BusErrorKind::Other,
                "CreateQueue",
                format!("{subject}: the answer of `CreateQueue` has no URL"),
            )
        })
    }

    /// Sets attributes of a queue, all in one call.
    ///
    /// # Errors
    /// What `SetQueueAttributes` answers.
    pub async fn set_queue_attributes(&self, url: &str, attributes: &Texts) -> Result<(), BusError> {
        let mut call = self.sqs.set_queue_attributes().queue_url(url);
        for (attribute, value) in attributes {
            call = call.attributes(QueueAttributeName::from(attribute.as_str()), value);
        }
        call.send().await.map_err(|e| BusError::from_sdk("SetQueueAttributes", &queue_subject(url), &e))?;
        Ok(())
    }

    /// Adds tags to a queue, or changes their values.
    ///
    /// # Errors
    /// What `TagQueue` answers.
    pub async fn tag_queue(&self, url: &str, tags: &Texts) -> Result<(), BusError> {
        let call = self.sqs.tag_queue().queue_url(url).set_tags(map(tags));
        call.send().await.map_err(|e| BusError::from_sdk("TagQueue", &queue_subject(url), &e))?;
        Ok(())
    }

    /// Subscribes a queue (ARN) to a topic (ARN) and returns the subscription's ARN.
    ///
    /// To SNS a second `Subscribe` of the same pair is no change: it answers the standing subscription when the attributes
    /// agree with it and refuses when they do not. So this is for pairs that do not stand; others are changed with
    /// [`Bus::set_subscription_attribute`].
    ///
    /// # Errors
    /// What `Subscribe` answers.
    pub async fn subscribe(&self, topic_arn: &str, queue_arn: &str, attributes: &Texts) -> Result<String, BusError> {
        let subject = format!("subscription of `{}` to `{}`", last(queue_arn), last(topic_arn));
        let call = self.sns_of(topic_arn).subscribe().topic_arn(topic_arn).protocol("sqs").endpoint(queue_arn);
        let call = call.set_attributes(map(attributes)).return_subscription_arn(true);
        let answer = call.send().await.map_err(|e| BusError::from_sdk("Subscribe", &subject, &e))?;
        Ok(answer.subscription_arn.unwrap_or_default())
    }

    /// Sets one attribute of a subscription; `None` sends no value, which removes a redrive policy.
    ///
    /// # Errors
    /// What `SetSubscriptionAttributes` answers.
    pub async fn set_subscription_attribute(&self, arn: &str, name: &str, value: Option<&str>) -> Result<(), BusError> {
        let call = self.sns_of(arn).set_subscription_attributes().subscription_arn(arn).attribute_name(name);
        let call = call.set_attribute_value(value.map(str::to_owned));
        call.send()
            .await
            .map_err(|e| BusError::from_sdk("SetSubscriptionAttributes", &subscription_subject(arn), &e))?;
        Ok(())
    }
}

fn live(found: Subscription) -> LiveSubscription {
    LiveSubscription {
        // SNS writes `PendingConfirmation` where the ARN would be.
        arn: found.subscription_arn.filter(|arn| arn.starts_with("arn:")).unwrap_or_default(),
        topic_arn: found.topic_arn.unwrap_or_default(),
        protocol: found.protocol.unwrap_or_default(),
        queue_arn: found.endpoint.unwrap_or_default(),
        attributes: Texts::new(),
    }
}

/// `NotFound` as nothing.
pub(super) fn found<T>(answer: Result<T, BusError>) -> Result<Option<T>, BusError> {
    match answer {
        Ok(answer) => Ok(Some(answer)),
        Err(error) if error.kind == BusErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// What is denied, or not known to the endpoint, as nothing: tags tell who made a thing, and a plan can do without.
fn readable<T>(answer: Result<T, BusError>) -> Result<Option<T>, BusError> {
    match answer {
        Ok(answer) => Ok(Some(answer)),
        Err(error) if matches!(error.kind, BusErrorKind::Auth | BusErrorKind::Unsupported | BusErrorKind::NotFound) => {
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

fn map(texts: &Texts) -> Option<HashMap<String, String>> {
    (!texts.is_empty()).then(|| texts.iter().map(|(name, value)| (name.clone(), value.clone())).collect())
}

fn sns_tags(tags: &Texts) -> Vec<Tag> {
    tags.iter()
        .map(|(key, value)| Tag::builder().key(key).value(value).build().expect("key and value are given"))
        .collect()
}

fn last(arn: &str) -> &str {
    arn.rsplit(':').next().unwrap_or(arn)
}

pub(super) fn topic_subject(arn: &str) -> String {
    format!("topic `{}`", last(arn))
}

pub(super) fn queue_subject(url: &str) -> String {
    format!("queue `{}`", url.rsplit('/').next().unwrap_or(url))
}

/// A subscription's ARN is its topic's and an id.
pub(super) fn subscription_subject(arn: &str) -> String {
    format!("subscription to `{}`", arn.rsplit(':').nth(1).unwrap_or(arn))
}
