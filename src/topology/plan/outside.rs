//! What the file refers to and does not make: AWS ties dead letters to an account and a region.

use crate::topology::live::Arns;
use crate::topology::model::Topology;

/// What AWS would refuse, or take and then lose.
pub(super) fn faults(topology: &Topology, arns: &Arns) -> Vec<String> {
    let mut faults = Vec::new();
    // "The dead-letter queue … must reside in the same AWS account and Region":
    // https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-dead-letter-queues.html
    for queue in topology.own_queues() {
        let Some(dead) = &queue.dead_letter else { continue };
        let (source, target) = (arns.queue(&queue.name), arns.queue(&dead.queue));
        if home(&source) != home(&target) {
            faults.push(format!(
                "the dead-letter queue of `{}` is `{target}`; it has to be in the account and region of its source, {}",
                queue.name,
                shown(&source)
            ));
        }
    }
    // https://docs.aws.amazon.com/sns/latest/dg/sns-dead-letter-queues.html: those of a subscription are bound to its region.
    for subscription in &topology.subscriptions {
        let Some((name, _)) = &subscription.dead_letter else { continue };
        let (topic, target) = (arns.topic(&subscription.topic), arns.queue(name));
        if home(&topic).0 != home(&target).0 {
            faults.push(format!(
                "the dead-letter queue of the subscription of `{}` to `{}` is `{target}`; it has to be in the topic's region, {}",
                subscription.queue,
                subscription.topic,
                home(&topic).0
            ));
        }
    }
    faults
}

/// Region and account of an ARN.
fn home(arn: &str) -> (&str, &str) {
    let part = |at: usize| arn.split(':').nth(at).unwrap_or_default();
    (part(3), part(4))
}

fn shown(arn: &str) -> String {
    let (region, account) = home(arn);
    format!("{account} in {region}")
}
