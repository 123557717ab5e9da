//! The plan: desired × actual → changes, each with what has to be done before it.
//!
//! Additive unless asked otherwise: what is deleted carries this topology's tag and is not in the file, or is replaced. What this
//! topology made is brought to what the file says, and to AWS's default where the file says nothing; of what nobody's topology
//! made only the stated fields are changed; what another topology made is not changed at all; what is external has no row. Everything is compared by
//! meaning, so that a second plan after an apply is empty.

mod deletes;
mod fingerprint;
mod model;
mod outside;
mod owner;
mod policies;
mod queues;
mod resources;
mod scene;
mod subscriptions;
mod topics;
mod values;

use std::collections::HashMap;

pub use fingerprint::{of_live, of_plan};
pub use model::{Action, Change, FieldChange, Guard, Kind, Options, Plan, Work};
pub(crate) use owner::{OWN_TAGS, is_ours, owner, prefix, recorded_topics};
pub(crate) use policies::policy_limits;
pub(crate) use topics::twin;
pub use values::{differing, same_json};

use super::live::{Arns, Live};
use super::model::Topology;
use scene::Scene;

/// Compares what the file says with what stands at the bus; nothing is deleted, adopted or replaced.
pub fn plan(topology: &Topology, live: &Live, arns: &Arns) -> Plan {
    plan_with(topology, live, arns, Options::default())
}

/// The same as `options` say. To destroy is to prune as if the file were empty.
pub fn plan_with(topology: &Topology, live: &Live, arns: &Arns, options: Options) -> Plan {
    if !options.destroy {
        return compare(topology, live, arns, options);
    }
    let mut emptied = topology.clone();
    emptied.topics.clear();
    emptied.queues.clear();
    emptied.subscriptions.clear();
    let mut plan = compare(&emptied, live, arns, options);
    // What the file names and another made stays.
    let left = |kind: Kind, name: &str| {
        let mut row = scene::row(kind, name, Action::Foreign, Vec::new(), Work::Nothing);
        row.notes.push("not made by this topology: it stays".into());
        row
    };
    let owner = owner(topology);
    for topic in &topology.topics {
        if live.topics.get(&topic.name).is_some_and(|live| !is_ours(&owner, live.tags.as_ref())) {
            plan.changes.push(left(Kind::Topic, &topic.name));
        }
    }
    for queue in &topology.queues {
        if live.queues.get(&queue.name).is_some_and(|live| !is_ours(&owner, live.tags.as_ref())) {
            plan.changes.push(left(Kind::Queue, &queue.name));
        }
    }
    plan
}

fn compare(topology: &Topology, live: &Live, arns: &Arns, options: Options) -> Plan {
    let scene = Scene::new(topology, live, arns, options);
    let mut plan = Plan { topology: topology.name.clone(), options, ..Plan::default() };
    resources(&scene, &mut plan);
    let replaced = deletes::replaced(&scene, &mut plan.changes, &mut plan.faults);
    let strangers = subscriptions::strangers(&scene, &mut plan.warnings);
    policies(&scene, &mut plan);
    subscriptions_of(&scene, &mut plan);
    let first = plan.changes.len();
    plan.changes.extend(strangers);
    gone_before(&scene, &mut plan, first);
    let deleted = deletes::rows(&scene, &plan.changes, &replaced, &mut plan.warnings);
    plan.changes.extend(deleted);
    plan.warnings.extend(deletes::renames(&plan.changes));
    plan.faults.extend(outside::faults(topology, arns));
    plan
}

/// Topics and queues, dead-letter queues before the queues that name them.
fn resources(scene: &Scene<'_>, plan: &mut Plan) {
    let topology = scene.topology;
    for topic in topology.own_topics() {
        let change = topics::topic(scene, topic, &mut plan.faults);
        plan.changes.push(change);
    }
    let mut queues: Vec<_> = topology.own_queues().collect();
    queues.sort_by_cached_key(|queue| depth(topology, &queue.name));
    let mut index = HashMap::new();
    for queue in &queues {
        let mut change = queues::queue(scene, queue, &mut plan.warnings, &mut plan.faults);
        change.needs.extend(queue.dead_letter.as_ref().and_then(|dead| index.get(dead.queue.as_str()).copied()));
        index.insert(queue.name.as_str(), plan.changes.len());
        plan.changes.push(change);
    }
}

fn policies(scene: &Scene<'_>, plan: &mut Plan) {
    let index = by_name(plan);
    for topic in scene.topology.own_topics() {
        if let Some(row) = policies::topic_policy(scene, topic, &mut plan.faults) {
            beside(plan, row, index.get(&(Kind::Topic, topic.name.clone())).copied());
        }
    }
    for queue in scene.topology.own_queues() {
        if let Some(row) = policies::queue_policy(scene, &queue.name, Some(queue), &mut plan.faults) {
            beside(plan, row, index.get(&(Kind::Queue, queue.name.clone())).copied());
        }
    }
    if !scene.options.destroy {
        return;
    }
    // Our statement in queues that are not ours: of the file, since nothing else was read.
    for name in scene.live.queues.keys().filter(|name| !scene.is_ours(&scene.arns.queue(name))) {
        let change = policies::queue_policy(scene, name, None, &mut plan.faults);
        plan.changes.extend(change.map(|(change, _)| change).filter(|change| !change.action.is_rest()));
    }
}

/// The row of a policy beside that of the thing it belongs to. It comes after it, but where a statement of ours leaves: that it is
/// ours is noted at the thing, and a run that ends in between must not leave one that nobody knows for ours.
fn beside(plan: &mut Plan, (mut policy, leaves): (Change, bool), of: Option<usize>) {
    let at = plan.changes.len();
    match of {
        Some(thing) if leaves => plan.changes[thing].needs.push(at),
        thing => policy.needs.extend(thing),
    }
    plan.changes.push(policy);
}

fn subscriptions_of(scene: &Scene<'_>, plan: &mut Plan) {
    let index = by_name(plan);
    let find = |kind: Kind, name: &str| index.get(&(kind, name.to_owned())).copied();
    for subscription in &scene.topology.subscriptions {
        let mut change = subscriptions::subscription(scene, subscription, &mut plan.warnings);
        let dead = subscription.dead_letter.as_ref().map(|(name, _)| name.as_str());
        // The policy first: a subscription whose queue does not let it in loses what it gets.
        let needs = [
            find(Kind::Topic, &subscription.topic),
            find(Kind::Queue, &subscription.queue),
            find(Kind::QueuePolicy, &subscription.queue),
            dead.and_then(|name| find(Kind::Queue, name)),
            dead.and_then(|name| find(Kind::QueuePolicy, name)),
        ];
        change.needs = needs.into_iter().flatten().collect();
        plan.changes.push(change);
    }
}

/// Subscriptions go before the permission that they have and the tag that records them: a run that ends in between must not
/// leave one that nobody knows for ours.
fn gone_before(scene: &Scene<'_>, plan: &mut Plan, first: usize) {
    let index = by_name(plan);
    for at in first..plan.changes.len() {
        let Work::DeleteSubscription { arn } = &plan.changes[at].work else { continue };
        let Some(gone) = scene.live.subscriptions.iter().find(|s| s.arn == *arn) else { continue };
        let queue = scene::last(&gone.queue_arn).to_owned();
        for kind in [Kind::Queue, Kind::QueuePolicy] {
            if let Some(row) = index.get(&(kind, queue.clone())) {
                plan.changes[*row].needs.push(at);
            }
        }
    }
}

/// The rows of topics, queues and policies by what they are about.
fn by_name(plan: &Plan) -> HashMap<(Kind, String), usize> {
    let rows = plan.changes.iter().enumerate().filter(|(_, change)| change.kind != Kind::Subscription);
    rows.map(|(index, change)| ((change.kind, change.name.clone()), index)).collect()
}

/// How many dead-letter steps lie behind a queue. The checks refuse circles, so this ends; it is bounded all the same.
fn depth(topology: &Topology, queue: &str) -> usize {
    let next = |name: &String| {
        topology.queue(name).and_then(|queue| queue.dead_letter.as_ref()).map(|dead| dead.queue.clone())
    };
    std::iter::successors(Some(queue.to_owned()), next).take(topology.queues.len() + 1).count()
}
