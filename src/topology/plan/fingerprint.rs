//! Short names for what was read and what was planned, to see later whether either has moved.

use std::collections::BTreeMap;

use sha2::{Digest as _, Sha256};

use super::{Action, Change, Plan};
use crate::topology::live::{Live, Texts};
use crate::words;

/// Attributes that move by themselves.
fn moves(name: &str) -> bool {
    name.starts_with("ApproximateNumberOf")
        || name == "LastModifiedTimestamp"
        || matches!(name, "SubscriptionsConfirmed" | "SubscriptionsPending" | "SubscriptionsDeleted")
}

fn settled(attributes: &Texts) -> Texts {
    let kept = attributes.iter().filter(|(name, _)| !moves(name));
    kept.map(|(name, value)| (name.clone(), value.clone())).collect()
}

fn hex(text: &str) -> String {
    words::hex(&Sha256::digest(text.as_bytes())[..16])
}

/// What was read, resource by resource: its name for people, and a digest of what there is to know of it.
pub fn of_live(live: &Live) -> BTreeMap<String, String> {
    let mut all = BTreeMap::new();
    for (name, topic) in &live.topics {
        let text = format!("{:?} {:?}", settled(&topic.attributes), topic.tags);
        all.insert(format!("topic {name}"), hex(&text));
    }
    for (name, queue) in &live.queues {
        let text = format!("{:?} {:?}", settled(&queue.attributes), queue.tags);
        all.insert(format!("queue {name}"), hex(&text));
    }
    for subscription in &live.subscriptions {
        let name = format!("subscription {} → {}", subscription.topic_arn, subscription.queue_arn);
        all.insert(name, hex(&format!("{} {:?}", subscription.arn, settled(&subscription.attributes))));
    }
    all
}

/// What is to be done, whatever the order of the file. How many messages a queue holds is not in it: that is looked at, and
/// asked about, when the plan is carried out.
pub fn of_plan(plan: &Plan) -> String {
    let name = |index: &usize| format!("{:?} {}", plan.changes[*index].kind, plan.changes[*index].name);
    let line = |change: &Change| {
        let needs: Vec<String> = change.needs.iter().map(name).collect();
        let work = match &change.work {
            super::Work::DeleteQueue { url, owner, .. } => format!("DeleteQueue {url} {owner}"),
            other => format!("{other:?}"),
        };
        format!("{:?} {} {:?} {:?} {work} {needs:?}", change.kind, change.name, change.action, change.fields)
    };
    let mut lines: Vec<String> =
        plan.changes.iter().filter(|change| change.action != Action::Foreign).map(line).collect();
    lines.sort();
    hex(&format!("{:?} {lines:?}", plan.options))
}
