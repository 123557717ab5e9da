//! What there is, found by listing. Only verbs that are about all of it list.

use super::{Bus, BusError};
use crate::topology::live::{LiveSubscription, Texts};

impl Bus {
    /// Every subscription to a topic, whatever its protocol (the first of each pair), all pages, without attributes. None for
    /// a topic that is gone.
    ///
    /// # Errors
    /// What `ListSubscriptionsByTopic` answers.
    pub async fn subscriptions_of_all_protocols(
        &self,
        topic_arn: &str,
    ) -> Result<Vec<(String, LiveSubscription)>, BusError> {
        let mut all = Vec::new();
        let mut token = None;
        let subject = format!("topic `{}`", topic_arn.rsplit(':').next().unwrap_or(topic_arn));
        loop {
            let answer = self.sns.list_subscriptions_by_topic().topic_arn(topic_arn).set_next_token(token).send().await;
            let answer = match answer.map_err(|e| BusError::from_sdk("ListSubscriptionsByTopic", &subject, &e)) {
                Err(error) if error.kind == super::BusErrorKind::NotFound => return Ok(Vec::new()),
                other => other?,
            };
            for found in answer.subscriptions.unwrap_or_default() {
                let subscription = LiveSubscription {
                    // SNS writes `PendingConfirmation` where the ARN would be.
                    arn: found.subscription_arn.filter(|arn| arn.starts_with("arn:")).unwrap_or_default(),
                    topic_arn: topic_arn.to_owned(),
                    queue_arn: found.endpoint.unwrap_or_default(),
                    attributes: Texts::new(),
                };
                all.push((found.protocol.unwrap_or_default(), subscription));
            }
            token = answer.next_token.filter(|token| !token.is_empty());
            if token.is_none() {
                return Ok(all);
            }
        }
    }
}
