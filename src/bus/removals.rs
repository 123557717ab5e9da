//! What takes resources away: topics, queues, subscriptions, tags.
//!
//! None of this asks anybody: who calls it holds the proof that somebody agreed. What is gone already is no error, so that a run
//! that was cut off can be repeated.

use super::resources::{found, queue_subject, subscription_subject, topic_subject};
use super::{Bus, BusError, Queue};

impl Bus {
    /// Deletes a topic, and with it every subscription to it, whoever made them.
    ///
    /// # Errors
    /// What `DeleteTopic` answers.
    pub async fn delete_topic(&self, arn: &str) -> Result<(), BusError> {
        let answer = self.sns_of(arn).delete_topic().topic_arn(arn).send().await;
        found(answer.map_err(|e| BusError::from_sdk("DeleteTopic", &topic_subject(arn), &e)))?;
        Ok(())
    }

    /// Deletes a queue with every message in it. SQS may take up to 60 seconds for it.
    ///
    /// # Errors
    /// What `DeleteQueue` answers.
    pub async fn delete_queue(&self, url: &str) -> Result<(), BusError> {
        let answer = self.sqs.delete_queue().queue_url(url).send().await;
        found(answer.map_err(|e| BusError::from_sdk("DeleteQueue", &queue_subject(url), &e)))?;
        Ok(())
    }

    /// Deletes every message in a queue, in flight or not. SQS takes up to 60 seconds for it, in which messages that were
    /// there may still be received and new ones may be deleted, and refuses a second purge within 60 seconds.
    ///
    /// # Errors
    /// What `PurgeQueue` answers: `Conflict` or `Other` with the code `PurgeQueueInProgress` for a second purge.
    pub async fn purge_queue(&self, queue: &Queue) -> Result<(), BusError> {
        let answer = self.sqs.purge_queue().queue_url(&queue.url).send().await;
        answer.map_err(|e| BusError::from_sdk("PurgeQueue", &queue_subject(&queue.url), &e))?;
        Ok(())
    }

    /// Deletes a subscription.
    ///
    /// # Errors
    /// What `Unsubscribe` answers.
    pub async fn unsubscribe(&self, arn: &str) -> Result<(), BusError> {
        let answer = self.sns_of(arn).unsubscribe().subscription_arn(arn).send().await;
        found(answer.map_err(|e| BusError::from_sdk("Unsubscribe", &subscription_subject(arn), &e)))?;
        Ok(())
    }

    /// Takes tags off a topic.
    ///
    /// # Errors
    /// What `UntagResource` answers.
    pub async fn untag_topic(&self, arn: &str, keys: &[String]) -> Result<(), BusError> {
        let call = self.sns_of(arn).untag_resource().resource_arn(arn).set_tag_keys(Some(keys.to_vec()));
        call.send().await.map_err(|e| BusError::from_sdk("UntagResource", &topic_subject(arn), &e))?;
        Ok(())
    }

    /// Takes tags off a queue.
    ///
    /// # Errors
    /// What `UntagQueue` answers.
    pub async fn untag_queue(&self, url: &str, keys: &[String]) -> Result<(), BusError> {
        let call = self.sqs.untag_queue().queue_url(url).set_tag_keys(Some(keys.to_vec()));
        call.send().await.map_err(|e| BusError::from_sdk("UntagQueue", &queue_subject(url), &e))?;
        Ok(())
    }
}
