//! `provision` across accounts and regions: one bus serves them all, an access key of twelve digits is an account.

use serde_json::Value;

use crate::support::{Invocation, Output, Server, TestEnv};

/// Who has the topics, and who has the queue.
const PUBLISHER: (&str, &str) = ("111111111111", "eu-west-1");
const CONSUMER: (&str, &str) = ("222222222222", "us-east-1");

struct Places {
    env: TestEnv,
    server: Server,
    _served: TestEnv,
}

impl Places {
    fn new() -> Self {
        let (env, served) = (TestEnv::new(), TestEnv::new());
        let server = served.serve();
        env.write("eventbus.yaml", "publisher: UserService\ntopology: topics.yaml\n");
        env.write("payload.json", r#"{"id": "1"}"#);
        env.write(
            "topics.yaml",
            "version: 1\nname: topics\ntopics: { users: {}, orders: {} }\nevents: { UserRegistered: { topic: users }, OrderPlaced: { topic: orders } }\n",
        );
        let (account, region) = PUBLISHER;
        env.write(
            "queues.yaml",
            format!(
                "version: 1\nname: queues\ntopics: {{ users: {{ external: true, arn: \"arn:aws:sns:{region}:{account}:users\" }} }}\nqueues: {{ user_events: {{}} }}\nsubscriptions: [{{ topic: users, queue: user_events, filter: {{ eventName: [UserRegistered] }} }}]\n"
            ),
        );
        Self { env, server, _served: served }
    }

    /// `eventbus ARGS…` as this account, in this region.
    fn by(&self, (account, region): (&str, &str), args: &[&str]) -> Invocation<'_> {
        let place = ["--endpoint-url", &self.server.url, "--region", region];
        let made = self.env.command(&[args, &place[..]].concat());
        made.env("AWS_ACCESS_KEY_ID", account).env("AWS_SECRET_ACCESS_KEY", "any")
    }

    /// Applies the file, after which nothing is left to do.
    fn converge(&self, who: (&str, &str), file: &str, flags: &[&str]) -> Output {
        let done = self.by(who, &[&["provision", file, "--yes"], flags].concat()).run().success();
        let again = self.by(who, &[&["provision", file, "--check"], flags].concat()).run();
        assert_eq!(again.code(), Some(0), "{}\n{}", done.snapshot(), again.snapshot());
        done
    }

    fn publish(&self, event: &str) {
        let _sent = self.by(PUBLISHER, &["publish", event, "payload.json"]).run().success();
    }

    /// The events in the consumer's queue, with the topics that they came from.
    fn arrived(&self) -> Vec<(String, String)> {
        let seen = self.by(CONSUMER, &["tail", "user_events", "--idle", "300ms"]).run().success().ndjson();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        seen.iter()
            .map(|record| (text(&record["event"]["metadata"]["eventName"]), text(&record["message"]["topic"])))
            .collect()
    }
}

#[test]
fn a_queue_of_another_account_and_region_is_subscribed_and_gets_its_events() {
    let places = Places::new();
    // Before the topic is there, nothing is made of it.
    let missing = places.by(CONSUMER, &["provision", "queues.yaml", "--yes"]).run();
    assert_ne!(missing.code(), Some(0), "{}", missing.snapshot());
    let _done = places.converge(PUBLISHER, "topics.yaml", &[]);
    let _done = places.converge(CONSUMER, "queues.yaml", &[]);
    places.publish("UserRegistered");
    places.publish("OrderPlaced");
    let users = format!("arn:aws:sns:{}:{}:users", PUBLISHER.1, PUBLISHER.0);
    assert_eq!(places.arrived(), [("UserRegistered".to_owned(), users)]);

    // From the other side: the publisher's file subscribes a queue that is not its own.
    let (account, region) = CONSUMER;
    let pushes = format!(
        "{}queues: {{ theirs: {{ external: true, arn: \"arn:aws:sqs:{region}:{account}:user_events\" }} }}\nsubscriptions: [{{ topic: orders, queue: theirs, raw: true }}]\n",
        places.env.read("topics.yaml")
    );
    places.env.write("topics.yaml", pushes);
    let _done = places.converge(PUBLISHER, "topics.yaml", &["--prune"]);
    places.publish("OrderPlaced");
    assert_eq!(places.arrived().len(), 2);
    // Neither file knows the other's subscription for its own.
    for flags in [&[][..], &["--prune"]] {
        let _done = places.converge(PUBLISHER, "topics.yaml", flags);
        let _done = places.converge(CONSUMER, "queues.yaml", flags);
    }
    places.publish("UserRegistered");
    places.publish("OrderPlaced");
    assert_eq!(places.arrived().len(), 4);

    // Pulled, a queue's file names the topic by its ARN, or says that it cannot.
    let _pulled = places.by(CONSUMER, &["topology", "pull", "--out", "pulled.yaml"]).run().success();
    let _done = places.converge(CONSUMER, "pulled.yaml", &[]);

    // What left the file goes, and nothing but that.
    let without = places.env.read("queues.yaml").lines().take(4).map(|line| format!("{line}\n")).collect::<String>();
    places.env.write("queues.yaml", without);
    let done = places.converge(CONSUMER, "queues.yaml", &["--prune"]);
    assert!(done.stdout().contains("1 deleted"), "{}", done.snapshot());
    places.publish("UserRegistered");
    places.publish("OrderPlaced");
    assert_eq!(places.arrived().len(), 5, "only the subscription of the publisher's own file is left");
}

#[test]
fn namesakes_of_other_accounts_and_regions_are_left_alone() {
    let places = Places::new();
    let everywhere = [PUBLISHER, CONSUMER, (PUBLISHER.0, CONSUMER.1), (CONSUMER.0, PUBLISHER.1)];
    for who in everywhere {
        let _done = places.converge(who, "topics.yaml", &[]);
    }
    let gone = places.by(PUBLISHER, &["provision", "topics.yaml", "--destroy", "--confirm", "topics", "--yes"]).run();
    assert!(gone.success().stdout().contains("2 deleted"));
    for who in &everywhere[1..] {
        let _stands = places.by(*who, &["provision", "topics.yaml", "--check"]).run().success();
    }
    let _gone = places.by(PUBLISHER, &["provision", "topics.yaml", "--check"]).run().expect_code(6);
}
