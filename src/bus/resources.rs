//! Topics, queues and subscriptions as resources: read, made, changed. Nothing here deletes.
//!
//! Attribute names and values are AWS's own texts; what they mean is the topology's.

use std::collections::HashMap;

use aws_sdk_sns::types::Tag;
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

    /// A topic with its attributes and tags; `None` when it does not exist.
    ///
    /// # Errors
    /// What `GetTopicAttributes` or `ListTagsForResource` answers. Tags that may not be read are `None`, not an error.
    pub async fn describe_topic(&self, arn: &str) -> Result<Option<LiveTopic>, BusError> {
        let subject = topic_subject(arn);
        let answer = self.sns.get_topic_attributes().topic_arn(arn).send().await;
        let answer = answer.map_err(|e| BusError::from_sdk("GetTopicAttributes", &subject, &e));
        let Some(answer) = found(answer)? else { return Ok(None) };
        let attributes = answer.attributes.unwrap_or_default().into_iter().collect();
        let tags = self.sns.list_tags_for_resource().resource_arn(arn).send().await;
        let tags = tags.map_err(|e| BusError::from_sdk("ListTagsForResource", &subject, &e));
        let tags = readable(tags)?
            .map(|answer| answer.tags.unwrap_or_default().into_iter().map(|tag| (tag.key, tag.value)).collect());
        Ok(Some(LiveTopic { arn: arn.to_owned(), attributes, tags }))
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
        let tags = self.sqs.list_queue_tags().queue_url(&url).send().await;
        let tags = tags.map_err(|e| BusError::from_sdk("ListQueueTags", &subject, &e));
        let tags = readable(tags)?.map(|answer| answer.tags.unwrap_or_default().into_iter().collect());
        Ok(Some(LiveQueue { url, attributes, tags }))
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

    /// The queues' subscriptions to a topic, all pages, without their attributes; `None` when the topic does not exist.
    ///
    /// # Errors
    /// What `ListSubscriptionsByTopic` answers.
    pub async fn queue_subscriptions(&self, topic_arn: &str) -> Result<Option<Vec<LiveSubscription>>, BusError> {
        let mut all = Vec::new();
        let mut token = None;
        loop {
            let call = self.sns.list_subscriptions_by_topic().topic_arn(topic_arn).set_next_token(token);
            let answer = match self.elsewhere(topic_arn) {
                Some(there) => call.customize().config_override(there).send().await,
                None => call.send().await,
            };
            let answer =
                answer.map_err(|e| BusError::from_sdk("ListSubscriptionsByTopic", &topic_subject(topic_arn), &e));
            let Some(answer) = found(answer)? else { return Ok(None) };
            for subscription in answer.subscriptions.unwrap_or_default() {
                if subscription.protocol.as_deref() != Some("sqs") {
                    continue;
                }
                all.push(LiveSubscription {
                    // SNS writes `PendingConfirmation` where the ARN would be.
                    arn: subscription.subscription_arn.filter(|arn| arn.starts_with("arn:")).unwrap_or_default(),
                    topic_arn: topic_arn.to_owned(),
                    queue_arn: subscription.endpoint.unwrap_or_default(),
                    attributes: Texts::new(),
                });
            }
            token = answer.next_token.filter(|token| !token.is_empty());
            if token.is_none() {
                return Ok(Some(all));
            }
        }
    }

    /// The attributes of a subscription; `None` when it is gone.
    ///
    /// # Errors
    /// What `GetSubscriptionAttributes` answers.
    pub async fn subscription_attributes(&self, arn: &str) -> Result<Option<Texts>, BusError> {
        let call = self.sns.get_subscription_attributes().subscription_arn(arn);
        let answer = match self.elsewhere(arn) {
            Some(there) => call.customize().config_override(there).send().await,
            None => call.send().await,
        };
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
        let call = self.sns.subscribe().topic_arn(topic_arn).protocol("sqs").endpoint(queue_arn);
        let call = call.set_attributes(map(attributes)).return_subscription_arn(true);
        let answer = match self.elsewhere(topic_arn) {
            Some(there) => call.customize().config_override(there).send().await,
            None => call.send().await,
        };
        let answer = answer.map_err(|e| BusError::from_sdk("Subscribe", &subject, &e))?;
        Ok(answer.subscription_arn.unwrap_or_default())
    }

    /// Sets one attribute of a subscription; `None` sends no value, which removes a redrive policy.
    ///
    /// # Errors
    /// What `SetSubscriptionAttributes` answers.
    pub async fn set_subscription_attribute(&self, arn: &str, name: &str, value: Option<&str>) -> Result<(), BusError> {
        let call = self.sns.set_subscription_attributes().subscription_arn(arn).attribute_name(name);
        let call = call.set_attribute_value(value.map(str::to_owned));
        let answer = match self.elsewhere(arn) {
            Some(there) => call.customize().config_override(there).send().await,
            None => call.send().await,
        };
        answer.map_err(|e| BusError::from_sdk("SetSubscriptionAttributes", &subscription_subject(arn), &e))?;
        Ok(())
    }

    /// The queues' subscriptions to a topic that this account owns, found among all of its own: for topics of other accounts,
    /// which as a rule do not let others list their subscriptions.
    ///
    /// # Errors
    /// What `ListSubscriptions` answers.
    pub async fn own_subscriptions(&self, topic_arn: &str) -> Result<Vec<LiveSubscription>, BusError> {
        let mut all = Vec::new();
        let mut token = None;
        loop {
            let call = self.sns.list_subscriptions().set_next_token(token);
            let answer = match self.elsewhere(topic_arn) {
                Some(there) => call.customize().config_override(there).send().await,
                None => call.send().await,
            };
            let answer = answer.map_err(|e| BusError::from_sdk("ListSubscriptions", &topic_subject(topic_arn), &e))?;
            for subscription in answer.subscriptions.unwrap_or_default() {
                let ours = subscription.topic_arn.as_deref() == Some(topic_arn);
                if ours && subscription.protocol.as_deref() == Some("sqs") {
                    all.push(LiveSubscription {
                        arn: subscription.subscription_arn.filter(|arn| arn.starts_with("arn:")).unwrap_or_default(),
                        topic_arn: topic_arn.to_owned(),
                        queue_arn: subscription.endpoint.unwrap_or_default(),
                        attributes: Texts::new(),
                    });
                }
            }
            token = answer.next_token.filter(|token| !token.is_empty());
            if token.is_none() {
                return Ok(all);
            }
        }
    }

    /// The settings of a call about something of another region, which only that region answers. An endpoint that was chosen
    /// answers for all of them.
    fn elsewhere(&self, arn: &str) -> Option<aws_sdk_sns::config::Builder> {
        let region = arn.split(':').nth(3).filter(|region| !region.is_empty() && *region != self.region())?;
        if self.endpoint_url().is_some() {
            return None;
        }
        Some(aws_sdk_sns::config::Builder::new().region(aws_sdk_sns::config::Region::new(region.to_owned())))
    }
}

/// `NotFound` as nothing.
fn found<T>(answer: Result<T, BusError>) -> Result<Option<T>, BusError> {
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

fn topic_subject(arn: &str) -> String {
    format!("topic `{}`", last(arn))
}

fn queue_subject(url: &str) -> String {
    format!("queue `{}`", url.rsplit('/').next().unwrap_or(url))
}

/// A subscription's ARN is its topic's and an id.
fn subscription_subject(arn: &str) -> String {
    format!("subscription to `{}`", arn.rsplit(':').nth(1).unwrap_or(arn))
}
