//! Topologies that nobody thought of: each is applied to what another left, and then the bus is as its file says.

use std::collections::{BTreeMap, BTreeSet};

use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;

use super::*;

/// Standard ones, and FIFO ones.
const TOPICS: [&str; 4] = ["t0", "t1", "t2", "t3.fifo"];
const QUEUES: [&str; 7] = ["q0", "q1", "q2", "q3", "q4", "q5.fifo", "q6.fifo"];

#[derive(Clone, Debug)]
struct TopicSpec {
    display: Option<u8>,
    tag: Option<u8>,
    signature: bool,
    own: bool,
}

#[derive(Clone, Debug)]
struct QueueSpec {
    visibility: Option<u16>,
    retention: Option<u8>,
    delay: Option<u8>,
    wait: Option<u8>,
    size: Option<u8>,
    tag: Option<u8>,
    own: bool,
    /// How many queues further on dead letters go, and after how many receives.
    dead: Option<(usize, u8)>,
    allow: Option<bool>,
}

#[derive(Clone, Debug)]
struct SubscriptionSpec {
    filter: Option<u8>,
    raw: bool,
    dead: bool,
}

#[derive(Clone, Debug)]
struct Spec {
    topics: Vec<Option<TopicSpec>>,
    queues: Vec<Option<QueueSpec>>,
    subscriptions: BTreeMap<(usize, usize), SubscriptionSpec>,
}

fn spec() -> impl Strategy<Value = Spec> {
    let topic = (option::of(0..3u8), option::of(0..3u8), any::<bool>(), any::<bool>())
        .prop_map(|(display, tag, signature, own)| TopicSpec { display, tag, signature, own });
    let queue = (
        (option::of(10..40u16), option::of(1..4u8), option::of(0..3u8), option::of(0..3u8), option::of(1..4u8)),
        (option::of(0..3u8), any::<bool>(), option::of((1..4usize, 2..6u8)), option::of(any::<bool>())),
    )
        .prop_map(|((visibility, retention, delay, wait, size), (tag, own, dead, allow))| QueueSpec {
            visibility,
            retention,
            delay,
            wait,
            size,
            tag,
            own,
            dead,
            allow,
        });
    let subscription = (option::of(0..6u8), any::<bool>(), any::<bool>())
        .prop_map(|(filter, raw, dead)| SubscriptionSpec { filter, raw, dead });
    (
        vec(option::of(topic), TOPICS.len()),
        vec(option::weighted(0.7, queue), QUEUES.len()),
        btree_map((0..TOPICS.len(), 0..QUEUES.len()), subscription, 0..8),
    )
        .prop_map(|(topics, queues, subscriptions)| Spec { topics, queues, subscriptions })
}

fn fifo(name: &str) -> bool {
    name.ends_with(".fifo")
}

const FILTERS: [&str; 6] = [
    "{ eventName: [A] }",
    "{ eventName: [A, B], size: [{ numeric: ['>', 1, '<=', 5.5] }] }",
    "{ eventName: [{ prefix: Us }], gone: [{ exists: false }] }",
    "{ n: [1, 2.0, true, null] }",
    "{ a: { b: [x] } }",
    "{ a: { b: [{ anything-but: [y, z] }], c: [1] } }",
];

impl Spec {
    /// The dead-letter queue of a queue: of its own type, further on in the list, so that there are no circles.
    fn dead(&self, queue: usize) -> Option<(usize, u8)> {
        let (step, times) = self.queues[queue].as_ref()?.dead?;
        let target = queue + step;
        let there = QUEUES.get(target).is_some_and(|name| fifo(name) == fifo(QUEUES[queue]));
        (there && self.queues[target].is_some()).then_some((target, times))
    }

    /// The subscriptions whose ends are there and go together.
    fn pairs(&self) -> impl Iterator<Item = (usize, usize, &SubscriptionSpec)> {
        let there = |topic: usize, queue: usize| {
            let type_fits = fifo(TOPICS[topic]) == fifo(QUEUES[queue]);
            type_fits && self.topics[topic].is_some() && self.queues[queue].is_some()
        };
        let pairs = self.subscriptions.iter().filter(move |((topic, queue), _)| there(*topic, *queue));
        pairs.map(|((topic, queue), spec)| (*topic, *queue, spec))
    }

    /// The dead-letter queue of a subscription: the last of its queue's type.
    fn dead_of(&self, queue: usize, spec: &SubscriptionSpec) -> Option<usize> {
        let mut same = (0..QUEUES.len()).rev().filter(|n| fifo(QUEUES[*n]) == fifo(QUEUES[queue]));
        same.find(|n| *n > queue && self.queues[*n].is_some()).filter(|_| spec.dead)
    }

    /// The queues that get dead letters, of queues or of subscriptions.
    fn targets(&self) -> BTreeSet<usize> {
        let of_queues = (0..QUEUES.len()).filter_map(|queue| self.dead(queue).map(|(target, _)| target));
        of_queues.chain(self.pairs().filter_map(|(_, queue, spec)| self.dead_of(queue, spec))).collect()
    }

    fn file(&self) -> String {
        let (mut topics, mut queues, mut subscriptions) = (String::new(), String::new(), String::new());
        let own = |action: &str| {
            format!(
                "policy: [{{ Sid: own, Effect: Deny, Principal: '*', Action: ['{action}'], Resource: '*', Condition: {{ Bool: {{ 'aws:SecureTransport': 'false' }} }} }}]"
            )
        };
        for (name, spec) in TOPICS.iter().zip(&self.topics) {
            let Some(spec) = spec else { continue };
            let mut fields = Vec::new();
            fields.extend(spec.display.map(|n| format!("display_name: Name {n}")));
            fields.extend(spec.tag.map(|n| format!("tags: {{ team: t{n} }}")));
            fields.extend(spec.signature.then(|| "signature_version: 2".to_owned()));
            fields.extend(spec.own.then(|| own("sns:Publish")));
            topics.push_str(&format!("  {name}: {{ {} }}\n", fields.join(", ")));
        }
        let targets = self.targets();
        for (index, name) in QUEUES.iter().enumerate() {
            let Some(spec) = &self.queues[index] else { continue };
            let mut fields = Vec::new();
            fields.extend(spec.visibility.map(|n| format!("visibility_timeout: {n}s")));
            // Dead letters keep the age that they have.
            let retention = if targets.contains(&index) { Some(14) } else { spec.retention };
            fields.extend(retention.map(|n| format!("retention: {n}d")));
            fields.extend(spec.delay.map(|n| format!("delay: {n}s")));
            fields.extend(spec.wait.map(|n| format!("receive_wait: {n}s")));
            fields.extend(spec.size.map(|n| format!("maximum_message_size: {}KiB", u32::from(n) * 64)));
            fields.extend(spec.tag.map(|n| format!("tags: {{ team: t{n}, \"a:b\": x }}")));
            fields.extend(spec.own.then(|| own("sqs:*")));
            if let Some((target, times)) = self.dead(index) {
                fields.push(format!("dead_letter: {{ queue: {}, max_receives: {times} }}", QUEUES[target]));
            }
            let sources: Vec<&str> = (0..QUEUES.len())
                .filter(|n| self.dead(*n).is_some_and(|(target, _)| target == index))
                .map(|n| QUEUES[n])
                .collect();
            match spec.allow {
                Some(true) if !sources.is_empty() => fields.push(format!("redrive_allow: [{}]", sources.join(", "))),
                Some(false) if sources.is_empty() => fields.push("redrive_allow: none".into()),
                Some(_) => fields.push("redrive_allow: all".into()),
                None => {}
            }
            queues.push_str(&format!("  {name}: {{ {} }}\n", fields.join(", ")));
        }
        for (topic, queue, spec) in self.pairs() {
            let mut fields = vec![format!("topic: {}, queue: {}", TOPICS[topic], QUEUES[queue])];
            if let Some(filter) = spec.filter {
                fields.push(format!("filter: {}", FILTERS[usize::from(filter)]));
                fields.extend((filter >= 4).then(|| "scope: body".to_owned()));
            }
            fields.extend(spec.raw.then(|| "raw: true".to_owned()));
            fields.extend(self.dead_of(queue, spec).map(|dead| format!("dead_letter: {}", QUEUES[dead])));
            subscriptions.push_str(&format!("  - {{ {} }}\n", fields.join(", ")));
        }
        let sections = [("topics", topics), ("queues", queues), ("subscriptions", subscriptions)];
        let sections = sections.iter().filter(|(_, text)| !text.is_empty());
        let sections: String = sections.map(|(name, text)| format!("{name}:\n{text}")).collect();
        format!("version: 1\nname: random\n{sections}")
    }

    /// Looks at the bus, without the plan's own eyes.
    async fn holds(&self, world: &World) {
        let there = |names: &[&str], which: Vec<bool>| -> Vec<String> {
            names.iter().zip(which).filter(|(_, there)| *there).map(|(name, _)| (*name).to_owned()).collect()
        };
        let mut all = there(&QUEUES, self.queues.iter().map(Option::is_some).collect());
        let topics = there(&TOPICS, self.topics.iter().map(Option::is_some).collect());
        all.extend(topics.iter().map(|name| format!("topic {name}")));
        all.sort();
        assert_eq!(world.all().await, all);
        let targets = self.targets();
        for (index, name) in QUEUES.iter().enumerate() {
            let Some(spec) = &self.queues[index] else { continue };
            let live = world.queue(name).await;
            let days = if targets.contains(&index) { 14 } else { spec.retention.unwrap_or(4) };
            assert_eq!(live["VisibilityTimeout"], spec.visibility.unwrap_or(30).to_string(), "{name}");
            assert_eq!(live["MessageRetentionPeriod"], (u32::from(days) * 86_400).to_string(), "{name}");
            assert_eq!(live["DelaySeconds"], spec.delay.unwrap_or(0).to_string(), "{name}");
            let redrive: Option<Value> = live.get("RedrivePolicy").map(|text| serde_json::from_str(text).unwrap());
            let target = redrive.as_ref().map(|policy| policy["deadLetterTargetArn"].as_str().unwrap());
            assert_eq!(
                target.map(|arn| arn.rsplit(':').next().unwrap()),
                self.dead(index).map(|(target, _)| QUEUES[target]),
                "{name}"
            );
            let senders: BTreeSet<&str> = self
                .pairs()
                .filter(|(_, queue, spec)| *queue == index || self.dead_of(*queue, spec) == Some(index))
                .map(|(topic, ..)| TOPICS[topic])
                .collect();
            let policy = live.get("Policy").map_or("", String::as_str);
            let allowed = crate::topology::policy::topics_allowed(policy);
            let allowed: BTreeSet<&str> = allowed.iter().map(|arn| arn.rsplit(':').next().unwrap()).collect();
            assert_eq!(allowed, senders, "{name}");
            let statements: Value = serde_json::from_str(policy).unwrap_or_default();
            let ids: Vec<&str> = statements["Statement"]
                .as_array()
                .map(|all| all.iter().filter_map(|statement| statement["Sid"].as_str()).collect())
                .unwrap_or_default();
            // A statement and tags of the user's own leave with the file.
            assert_eq!(spec.own, ids.contains(&"own"), "{name}: {policy}");
            assert!(ids.len() <= 2, "{name}: {policy}");
            let tags = world.bus.describe_queue(name).await.unwrap().unwrap().tags.unwrap();
            assert_eq!(tags.get("team").cloned(), spec.tag.map(|n| format!("t{n}")), "{name}");
            assert_eq!(tags.contains_key("eventbus:sets"), spec.own || spec.tag.is_some(), "{name}: {tags:?}");
        }
        for (index, topic) in TOPICS.iter().enumerate().filter(|(index, _)| self.topics[*index].is_some()) {
            let wanted: BTreeMap<&str, &SubscriptionSpec> =
                self.pairs().filter(|(t, ..)| *t == index).map(|(_, queue, spec)| (QUEUES[queue], spec)).collect();
            let arn = world.bus.topic(topic).await.unwrap().arn;
            let described = world.bus.describe_topic(&arn).await.unwrap().unwrap();
            let spec = self.topics[index].as_ref().unwrap();
            let tags = described.tags.unwrap();
            assert_eq!(tags.get("team").cloned(), spec.tag.map(|n| format!("t{n}")), "{topic}");
            let ids = described.attributes["Policy"].matches("\"Sid\":\"own\"").count();
            assert_eq!(usize::from(spec.own), ids, "{topic}: {}", described.attributes["Policy"]);
            let live = world.bus.topic_subscriptions(&arn).await.unwrap().unwrap();
            assert_eq!(live.len(), wanted.len(), "{topic}");
            for found in live {
                let spec = wanted[found.queue_arn.rsplit(':').next().unwrap()];
                let attributes = world.bus.subscription_attributes(&found.arn).await.unwrap().unwrap();
                assert_eq!(attributes["RawMessageDelivery"], spec.raw.to_string());
                let filter = attributes.get("FilterPolicy").filter(|text| *text != "{}");
                assert_eq!(filter.is_some(), spec.filter.is_some(), "{attributes:?}");
                if let (Some(live), Some(number)) = (filter, spec.filter) {
                    let scope = attributes.get("FilterPolicyScope").map_or("MessageAttributes", String::as_str);
                    assert_eq!(scope, if number >= 4 { "MessageBody" } else { "MessageAttributes" });
                    let key = FILTERS[usize::from(number)].trim_start_matches("{ ").split(':').next().unwrap();
                    assert!(live.contains(&format!("\"{key}\"")), "{live}");
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, max_shrink_iters: 200, ..ProptestConfig::default() })]

    /// A, then B, then A: after each a second plan is empty, and the bus is as the file says.
    #[test]
    fn every_topology_converges_from_every_other(a in spec(), b in spec()) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        runtime.block_on(async {
            let world = World::new().await;
            for spec in [&a, &b, &a] {
                world.converge_with(&spec.file(), PRUNE).await;
                spec.holds(&world).await;
            }
            // Without the flag nothing goes.
            let plan = world.planned(&b.file(), Options::default()).await.plan;
            assert_eq!(plan.count(Action::Delete), 0);
        });
    }
}

/// Where the topologies stand that servers of others converge on, too.
const CORPUS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/topologies");

/// The topologies of the corpus, always the same as long as the specification is.
fn corpus() -> Vec<String> {
    use proptest::strategy::ValueTree as _;
    use proptest::test_runner::{RngAlgorithm, TestRng, TestRunner};
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let mut runner = TestRunner::new_with_rng(ProptestConfig::default(), rng);
    let mut made = move || {
        let mut made = spec().new_tree(&mut runner).unwrap().current();
        // moto's server forgets these two attributes.
        made.queues.iter_mut().flatten().for_each(|queue| queue.allow = None);
        made.topics.iter_mut().flatten().for_each(|topic| topic.signature = false);
        made.file()
    };
    (0..24).map(|_| made()).collect()
}

/// Each of the corpus after the one before it, from file to file, as `tests/clients` does on a server that is not ours.
#[tokio::test]
async fn the_corpus_converges() {
    #[expect(clippy::disallowed_methods, reason = "how all generated files are written anew")]
    let update = std::env::var_os("UPDATE_GENERATED").is_some();
    let world = World::new().await;
    for (number, file) in corpus().iter().enumerate() {
        let path = format!("{CORPUS}/{number:02}.yaml");
        if update {
            std::fs::write(&path, file).unwrap();
        }
        let written = std::fs::read_to_string(&path).unwrap();
        assert_eq!(written, *file, "{path} is out of date: UPDATE_GENERATED=1 cargo test the_corpus");
        world.converge_with(file, PRUNE).await;
    }
}
