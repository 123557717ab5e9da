//! `iam-policy`: each verb is run through a recorder in front of the embedded bus. What it called has to be allowed on what it
//! called it on, and what is allowed has to have been called by some run, or stand in the list of exceptions with its reason.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use serde_json::Value;

use crate::support::proxy::{self, Fate};
use crate::support::{Output, TestEnv};

const ACCOUNT: &str = "000000000000";

const TOPOLOGY: &str = "version: 1
name: users
topics: { users: { tags: { a: b } } }
queues:
  user_events: { visibility_timeout: 30s, dead_letter: { queue: user_events_dlq, max_receives: 5 } }
  user_events_dlq: { retention: 14d }
subscriptions:
  - { topic: users, queue: user_events, filter: { eventName: [UserRegistered] } }
events:
  UserRegistered: { topic: users }
";

/// Allowed, and called by none of the runs below: of which policy, the action, and the reason.
const EXCEPTIONS: &[(&str, &str, &str)] = &[
    ("tail", "sqs:TagQueue", "making a queue with tags takes it, and a tap's lease is renewed every five minutes"),
    ("tail", "sns:GetTopicAttributes", "a topic that is named, which `--topic` alone asks for"),
    ("replay --native", "sqs:CancelMessageMoveTask", "the first Ctrl-C asks for it"),
    ("replay --native", "sqs:ChangeMessageVisibility", "SQS moves by itself"),
    ("replay --native", "sqs:ReceiveMessage", "SQS asks whether who starts the task might receive"),
    ("replay --native", "sqs:DeleteMessage", "and delete"),
    ("replay --native", "sqs:SendMessage", "and send"),
];

/// Called, and not allowed by the policy of the additive `provision`, which goes on without the answer: namesakes of the other
/// type, which only who may replace things has to know of.
const DISPENSABLE: &[(&str, &str)] = &[("sns:GetTopicAttributes", ".fifo"), ("sqs:GetQueueUrl", ".fifo")];

/// One call: the IAM action and the ARN that it is about.
type Call = (String, String);

/// Passes requests on to `upstream` and writes down what they ask for.
#[derive(Clone)]
struct Recorder {
    url: String,
    calls: Arc<Mutex<BTreeSet<Call>>>,
}

impl Recorder {
    fn before(upstream: &str) -> Self {
        Self::of("us-east-1", upstream, Arc::default())
    }

    /// One more way to the bus, for things of another region.
    fn of(region: &'static str, upstream: &str, calls: Arc<Mutex<BTreeSet<Call>>>) -> Self {
        let recorded = Arc::clone(&calls);
        let url = proxy::before(upstream, move |request| {
            // AWS has none of the ways that a bus of ours, or LocalStack, has to be looked into.
            if request.line.starts_with("GET /_") {
                return Fate::Unknown;
            }
            recorded.lock().unwrap().insert(call(region, &request.target, &request.body));
            Fate::Answered
        });
        Self { url, calls }
    }

    fn take(&self) -> BTreeSet<Call> {
        std::mem::take(&mut *self.calls.lock().unwrap())
    }
}

/// What a request asks for. <https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonsqs.html>: batches
/// need the permission of the single call.
fn call(region: &str, target: &str, body: &[u8]) -> Call {
    let text = String::from_utf8_lossy(body).into_owned();
    if !target.is_empty() {
        let json: Value = serde_json::from_str(&text).unwrap_or_default();
        let action = target.trim_end_matches("Batch");
        let named = ["QueueUrl", "QueueName", "SourceArn"].iter().find_map(|key| json[key].as_str());
        let name = named.and_then(|name| name.rsplit(['/', ':']).next()).unwrap_or("*");
        let arn = if name == "*" { "*".to_owned() } else { format!("arn:aws:sqs:{region}:{ACCOUNT}:{name}") };
        return (format!("sqs:{action}"), arn);
    }
    let field = |name: &str| {
        let pairs = text.split('&').filter_map(|pair| pair.split_once('='));
        pairs.clone().find(|(key, _)| *key == name).map(|(_, value)| value.replace("%3A", ":"))
    };
    let action = field("Action").unwrap_or_default();
    if action == "GetCallerIdentity" {
        return ("sts:GetCallerIdentity".into(), "*".into());
    }
    let created =
        field("Name").filter(|_| action == "CreateTopic").map(|name| format!("arn:aws:sns:{region}:{ACCOUNT}:{name}"));
    let arn = field("TopicArn").or_else(|| field("ResourceArn")).or(created).or_else(|| field("SubscriptionArn"));
    (format!("sns:{}", action.trim_end_matches("Batch")), arn.unwrap_or_else(|| "*".into()))
}

/// Actions and the resource of every grant.
fn grants_of(policy: &Value) -> Vec<(String, String)> {
    let texts = |value: &Value| -> Vec<String> {
        value.as_array().unwrap().iter().map(|text| text.as_str().unwrap().to_owned()).collect()
    };
    let mut grants = Vec::new();
    for statement in policy["Statement"].as_array().unwrap() {
        assert_eq!(statement["Effect"], "Allow");
        for resource in texts(&statement["Resource"]) {
            grants.extend(texts(&statement["Action"]).into_iter().map(|action| (action, resource.clone())));
        }
    }
    grants
}

fn is_allowed(grants: &[(String, String)], (action, arn): &Call) -> bool {
    // Everybody may ask who they are: https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html
    action == "sts:GetCallerIdentity"
        || DISPENSABLE.iter().any(|(a, end)| a == action && arn.ends_with(end))
        || grants.iter().any(|(a, resource)| a == action && covers(resource, arn))
}

/// Whether the resource of a grant means this ARN.
fn covers(resource: &str, arn: &str) -> bool {
    resource.strip_suffix('*').map_or(resource == arn, |start| arn.starts_with(start))
}

/// What was allowed for the verb and its flags, and what a run of it called.
type Run = (String, Vec<(String, String)>, BTreeSet<Call>);

/// Runs through a recorder, each held against the policy for it.
struct Runs<'a> {
    env: &'a TestEnv,
    recorder: Recorder,
    done: Vec<Run>,
}

impl Runs<'_> {
    fn run(&mut self, verbs: &[&str], args: &[&str]) {
        let flags = ["--endpoint-url", &self.recorder.url];
        let done = self.env.run(&[args, &flags[..]].concat()).success();
        self.judge(verbs, &done);
    }

    /// What was called has to be allowed.
    fn judge(&mut self, verbs: &[&str], done: &Output) {
        let place = ["--region", "us-east-1", "--account", ACCOUNT];
        let policy = self.env.run(&[&["iam-policy"], verbs, &place[..]].concat()).success().json();
        let grants = grants_of(&policy);
        let called = self.recorder.take();
        assert!(!called.is_empty(), "{}", done.snapshot());
        for call in &called {
            assert!(is_allowed(&grants, call), "{call:?} is not in {policy:#}\n{}", done.snapshot());
        }
        self.done.push((verbs.join(" "), grants, called));
    }

    /// What is allowed has to have been called. Of what the verb is allowed without its flags that is seen without them.
    fn all_was_needed(&self) {
        for (verbs, grants, _) in &self.done {
            let plain = match verbs.split_once(' ') {
                Some((verb @ ("consume" | "replay" | "tail"), _)) => {
                    let place = ["--region", "us-east-1", "--account", ACCOUNT];
                    grants_of(&self.env.run(&[&["iam-policy", verb], &place[..]].concat()).success().json())
                }
                _ => Vec::new(),
            };
            let called: BTreeSet<&Call> =
                self.done.iter().filter(|(of, ..)| of == verbs).flat_map(|(.., called)| called).collect();
            for grant @ (action, resource) in grants {
                if plain.contains(grant) {
                    continue;
                }
                let used = called.iter().any(|(a, _)| a == action);
                // Whoever prunes may do what `provision` does; that all of it is needed is seen without the flag.
                let elsewhere = verbs.as_str() == "provision --prune"
                    && self
                        .done
                        .iter()
                        .any(|(of, _, called)| of == "provision" && called.iter().any(|(a, _)| a == action));
                let excepted = EXCEPTIONS.iter().any(|(of, a, _)| verbs.starts_with(of) && a == action);
                assert!(
                    used || elsewhere || excepted,
                    "`{verbs}`: {action} on {resource} is allowed, and nothing called it"
                );
            }
        }
    }
}

#[test]
fn what_the_verbs_call_is_what_they_are_allowed() {
    let env = TestEnv::new();
    env.write("topology.yaml", TOPOLOGY);
    env.write("eventbus.yaml", "publisher: UserService\n");
    env.write("payload.json", r#"{"id": "1"}"#);
    let served = TestEnv::new();
    let server = served.serve();
    let mut runs = Runs { env: &env, recorder: Recorder::before(&server.url), done: Vec::new() };
    runs.run(&["provision"], &["provision", "--yes"]);
    runs.run(&["publish"], &["publish", "UserRegistered", "payload.json"]);
    runs.run(&["tail", "--mode", "receive"], &["tail", "user_events", "--count", "1", "--force"]);
    // One is tried again, which hides it for a while; one is rejected; one is handled.
    runs.run(&["consume"], &["consume", "user_events", "--count", "1", "--exec", "exit 65"]);
    // One that is not meant is given back.
    let dead = ["replay", "user_events_dlq", "--yes", "--confirm", "user_events_dlq"];
    runs.run(&["replay"], &[&dead[..], &["--event", "Other"]].concat());
    runs.run(&["replay"], &dead);
    runs.run(&["consume"], &["consume", "user_events", "--count", "1", "--exec", "exit 75"]);
    // What stands differently is changed, attribute by attribute.
    let other = TOPOLOGY.replace("30s", "45s").replace("[UserRegistered]", "[UserDeleted]").replace("a: b", "a: c");
    let other = other
        .replace("tags:", "display_name: Users, tags:")
        .replace("{ retention: 14d }", "{ retention: 14d, tags: { x: y } }");
    env.write("topology.yaml", other);
    runs.run(&["provision"], &["provision", "--yes"]);
    env.write("topology.yaml", TOPOLOGY.replace(" { tags: { a: b } }", " {}"));
    runs.run(&["provision"], &["provision", "--yes"]);
    // What the file does not have any more is found and deleted; what is recorded of a subscription to somebody else's topic, too.
    env.write("others.yaml", "version: 1\nname: others\ntopics: { news: {} }\n");
    let _made = env.run(&["provision", "others.yaml", "--yes", "--endpoint-url", &server.url]).success();
    let news = format!("arn:aws:sns:us-east-1:{ACCOUNT}:news");
    let more = TOPOLOGY
        .replace("topics: {", &format!("topics: {{ news: {{ external: true, arn: \"{news}\" }}, gone: {{}},"))
        .replace("queues:\n", "queues:\n  gone: {}\n")
        .replace(
            "subscriptions:\n",
            "subscriptions:\n  - { topic: news, queue: user_events }\n  - { topic: gone, queue: user_events }\n",
        );
    env.write("topology.yaml", more);
    runs.run(&["provision"], &["provision", "--yes"]);
    env.write("topology.yaml", TOPOLOGY);
    runs.run(&["provision", "--prune"], &["provision", "--prune", "--yes"]);
    // What cannot become another type is replaced, and in the end all of it goes.
    let fifo = TOPOLOGY
        .replace("user_events", "user_events.fifo")
        .replace("user_events.fifo_dlq", "user_events_dlq.fifo")
        .replace("users:", "users.fifo:")
        .replace("topic: users", "topic: users.fifo");
    env.write("topology.yaml", &fifo);
    let prune = ["provision", "--prune"];
    runs.run(&prune, &["provision", "--allow-replace", "--confirm", "user_events"]);
    runs.run(&prune, &["provision", "--destroy", "--yes"]);
    runs.all_was_needed();
}

#[test]
fn what_the_ways_of_a_verb_call_is_what_they_are_allowed() {
    let env = TestEnv::new();
    let served = TestEnv::new();
    let server = served.serve();
    let recorder = Recorder::before(&server.url);
    let elsewhere = Recorder::of("eu-west-1", &server.url, Arc::clone(&recorder.calls));
    env.write("topology.yaml", format!("{TOPOLOGY}  UserHandled: {{ topic: users }}\n"));
    env.write(
        "eventbus.yaml",
        format!(
            "publisher: UserService\ncontexts:\n  other: {{ kind: aws, endpoint_url: \"{}\", region: eu-west-1, account: \"{ACCOUNT}\" }}\n",
            elsewhere.url
        ),
    );
    env.write("payload.json", r#"{"id": "1"}"#);
    let at = ["--endpoint-url", &server.url];
    let there = |args: &[&str]| {
        let _ended = env.run(&[args, &at[..]].concat()).success();
    };
    let publish = || there(&["publish", "UserRegistered", "payload.json"]);
    // One dead letter more.
    let dead = || {
        publish();
        there(&["consume", "user_events", "--count", "1", "--exec", "exit 65"]);
    };
    there(&["provision", "--yes"]);
    let _elsewhere = env.run(&["provision", "--yes", "--context", "other"]).success();
    let _not_of_a_run = recorder.take();
    let mut runs = Runs { env: &env, recorder: recorder.clone(), done: Vec::new() };

    publish();
    let outcomes = ["consume", "--on-success", "UserHandled"];
    runs.run(&outcomes, &["consume", "user_events", "--count", "1", "--exec", "true", "--on-success", "UserHandled"]);
    publish();
    let outcomes = ["consume", "--on-failure", "UserHandled"];
    let rejects = ["consume", "user_events", "--count", "1", "--exec", "exit 65", "--on-failure", "UserHandled"];
    runs.run(&outcomes, &rejects);
    for to in ["topic:users", "file:dead.ndjson", "queue:user_events"] {
        dead();
        runs.run(
            &["replay", "--to", to],
            &["replay", "user_events_dlq", "--to", to, "--yes", "--confirm", "user_events_dlq"],
        );
    }
    // What `consume` rejected has no source that SQS would know: back to their origins goes nothing.
    let native = ["replay", "user_events_dlq", "--native", "--yes", "--confirm", "user_events_dlq"];
    runs.run(&["replay", "--native"], &native);
    dead();
    let to = ["--to", "queue:user_events"];
    runs.run(&[&["replay", "--native"], &to[..]].concat(), &[&native[..], &to].concat());
    for to in [&["--to-context", "other"][..], &["--to-context", "other", "--to", "topic:users"]] {
        dead();
        let replay = ["replay", "user_events_dlq", "--yes", "--confirm", "user_events_dlq"];
        runs.run(&[&["replay"], to].concat(), &[&replay[..], to].concat());
    }
    for (verbs, args) in [
        (&["tail", "--mode", "tap"][..], &["tail", "user_events", "--mode", "tap"][..]),
        (&["tail", "--mode", "tap", "--topic", "users"], &["tail", "--topic", "users"]),
        (&["tail"], &["tail", "user_events"]),
    ] {
        // An earlier tap was left behind.
        let mut left = env.command(&[&["tail", "user_events", "--mode", "tap"], &at[..]].concat()).spawn();
        let _open = left.wait_stderr("is open");
        let _killed = left.kill();
        let ended = ["--count", "1", "--endpoint-url", &recorder.url];
        let mut tail = env.command(&[args, &ended[..]].concat()).spawn();
        let _open = tail.wait_stderr("is open");
        publish();
        let done = tail.wait().success();
        runs.judge(verbs, &done);
    }
    // Where there is nothing to tap, it is received.
    dead();
    runs.run(&["tail", "--queue", "user_events_dlq"], &["tail", "user_events_dlq", "--idle", "200ms"]);
    runs.run(&["tail"], &["tail", "user_events", "--count", "1", "--force"]);
    let drain =
        ["tail", "user_events", "--mode", "drain", "--to", "drained.ndjson", "--yes", "--idle", "1s", "--force"];
    let drain = [&drain[..], &["--event", "UserRegistered"]].concat();
    runs.run(&["tail", "--mode", "drain"], &drain);
    runs.all_was_needed();
}

/// The queues and subscriptions of a bus.
fn resources(env: &TestEnv) -> (usize, usize) {
    let status = env.run(&["local", "status", "-o", "json"]).success().json();
    let count = |pointer: &str| status.pointer(pointer).and_then(Value::as_array).map_or(0, Vec::len);
    (count("/queues"), count("/subscriptions"))
}

#[test]
fn a_tap_that_is_denied_becomes_what_is_harmless_or_says_what_is_missing() {
    let env = TestEnv::new();
    let without =
        TOPOLOGY.replace("visibility_timeout: 30s, dead_letter: { queue: user_events_dlq, max_receives: 5 }", "");
    env.write("eventbus.yaml", "publisher: UserService\n");
    env.write("topology.yaml", without);
    env.write("payload.json", r#"{"id": "1"}"#);
    let _made = env.run(&["provision", "--yes"]).success();
    let _sent = env.run(&["publish", "UserRegistered", "payload.json"]).success();
    let server = env.serve();
    let before = resources(&env);
    let denying = |denied: &'static [&'static str]| {
        proxy::before(&server.url, move |request| match request.operation() {
            _ if request.line.starts_with("GET /_") => Fate::Unknown,
            operation if denied.contains(&operation.as_str()) => Fate::Denied,
            _ => Fate::Answered,
        })
    };
    let steps: [&'static [&'static str]; 5] = [
        &["CreateQueue"],
        &["SetQueueAttributes"],
        &["Subscribe"],
        &["ListSubscriptions"],
        &["GetSubscriptionAttributes"],
    ];
    for denied in steps {
        let url = denying(denied);
        let at = ["--endpoint-url", &url, "--count", "1"];
        // Nothing can go wrong with this queue: it is received from.
        let shown = env.run(&[&["tail", "user_events"], &at[..]].concat()).success();
        assert_eq!(shown.ndjson().len(), 1, "{}", shown.snapshot());
        for said in ["a tap is not permitted", denied[0], "received once", "gave back 1"] {
            assert!(shown.stderr().contains(said), "{said}: {}", shown.snapshot());
        }
        // Only a tap was asked for: it is not to be had.
        let mut only: Vec<Vec<&str>> = vec![vec!["tail", "user_events", "--mode", "tap"]];
        if !denied[0].contains("Subscription") {
            only.push(vec!["tail", "--topic", "users"]);
        }
        for args in only {
            let refused = env.run(&[&args[..], &at[..]].concat()).expect_code(5);
            for said in [denied[0], "iam-policy tail --mode tap"] {
                assert!(refused.stderr().contains(said), "{said}: {}", refused.snapshot());
            }
        }
        assert_eq!(resources(&env), before, "{denied:?}: nothing is left half-made");
    }
    // Where receiving could dead-letter a message, it is not done unasked.
    env.write("topology.yaml", TOPOLOGY);
    let _changed = env.run(&["provision", "--yes"]).success();
    for denied in steps {
        let url = denying(denied);
        let at = ["--endpoint-url", &url, "--count", "1"];
        let refused = env.run(&[&["tail", "user_events"], &at[..]].concat()).expect_code(5);
        for said in ["receiving instead is not harmless", "user_events_dlq", denied[0], "tail user_events --force"] {
            assert!(refused.stderr().contains(said), "{said}: {}", refused.snapshot());
        }
        assert_eq!(resources(&env), before, "{denied:?}");
    }
    // What cannot be taken away again is named.
    let url = denying(&["Subscribe", "DeleteQueue"]);
    let shown = env.run(&["tail", "user_events", "--mode", "tap", "--endpoint-url", &url]).expect_code(5);
    assert!(
        shown.stderr().contains("could not be removed") && shown.stderr().contains("eventbus-tap-"),
        "{}",
        shown.snapshot()
    );
    let _swept = env.run(&["tap", "sweep"]).success();
    assert_eq!(resources(&env), before);
}

#[test]
fn flags_belong_to_their_verbs() {
    let env = TestEnv::new();
    env.write("topology.yaml", TOPOLOGY);
    for (args, code) in [
        (&["publish", "--native"][..], 2),
        (&["publish", "--mode", "tap"], 2),
        (&["tail", "--to", "origin"], 2),
        (&["replay", "--on-success", "UserRegistered"], 2),
        (&["consume", "--prune"], 2),
        (&["replay", "--native", "--to", "topic:users"], 2),
        (&["replay", "--native", "--to-context", "x"], 2),
        (&["replay", "--to-context", "x"], 2),
        (&["tail", "--mode", "receive", "--topic", "users"], 2),
        (&["consume", "--on-success", "Nowhere"], 4),
        (&["replay", "--to", "queue:nowhere"], 4),
        (&["replay", "--to", "topic:nowhere"], 4),
        (&["tail", "--topic", "user"], 4),
        (&["publish", "tail", "--mode", "receive", "--topic", "users"], 0),
    ] {
        let ended = env.run(&[&["iam-policy"], args].concat());
        assert_eq!(ended.code(), Some(code), "{}", ended.snapshot());
    }
    let taps = env.run(&["iam-policy", "tail", "--mode", "tap"]).success().json().to_string();
    let only_taps = r#""Condition":{"StringLike":{"sns:Endpoint":"arn:aws:sqs:us-east-1:000000000000:eventbus-tap-*"},"StringEquals":{"sns:Protocol":"sqs"}}"#;
    assert!(taps.contains(only_taps), "{taps}");
    let receive = env.run(&["iam-policy", "tail", "--mode", "receive"]).success().json().to_string();
    assert!(!receive.contains("CreateQueue") && !receive.contains("sns:"), "{receive}");
}

#[test]
fn keys_are_granted_where_things_are_encrypted() {
    let env = TestEnv::new();
    let key = "arn:aws:kms:eu-west-1:123456789012:key/11111111-2222-3333-4444-555555555555";
    let text = TOPOLOGY
        .replace("tags: { a: b }", &format!("kms_key: \"{key}\""))
        .replace("30s,", "30s, kms_key: alias/events,");
    env.write("topology.yaml", text);
    let args = ["--region", "eu-west-1", "--account", "123456789012"];
    let policy = |verb| env.run(&[&["iam-policy", verb], &args[..]].concat()).success().json();
    insta::assert_snapshot!(serde_json::to_string_pretty(&policy("publish")).unwrap());
    let consume = policy("consume").to_string();
    assert!(
        consume.contains(r#""Condition":{"ForAnyValue:StringEquals":{"kms:ResourceAliases":["alias/events"]}}"#),
        "{consume}"
    );
}

#[test]
fn without_an_account_or_region_it_says_which_flag() {
    let env = TestEnv::new();
    env.write("topology.yaml", TOPOLOGY);
    let shown = env.run(&["iam-policy", "publish", "--region", "eu-west-1"]).expect_code(2);
    assert!(shown.stderr().contains("--account 123456789012"), "{}", shown.snapshot());
    let shown = env.run(&["iam-policy", "publish", "--profile", "p", "--account", "123456789012"]).expect_code(2);
    assert!(shown.stderr().contains("--region eu-west-1"), "{}", shown.snapshot());
    let shown = env.run(&["iam-policy", "consume", "--queue", "user_event"]).expect_code(4);
    assert!(shown.stderr().contains("did you mean `user_events`"), "{}", shown.snapshot());
    let _usage = env.run(&["iam-policy", "publish", "--account", "12"]).expect_code(2);
    let _usage = env.run(&["iam-policy"]).expect_code(2);
    let receive = ["iam-policy", "tail", "--mode", "receive"];
    let narrow = env.run(&[&receive[..], &["--queue", "user_events_dlq"]].concat()).success().json();
    assert_eq!(
        narrow["Statement"][0]["Resource"],
        serde_json::json!(["arn:aws:sqs:us-east-1:000000000000:user_events_dlq"])
    );
    let china =
        env.run(&["iam-policy", "tail", "--region", "cn-north-1", "--account", "123456789012"]).success().json();
    assert!(china.to_string().contains("arn:aws-cn:sqs:cn-north-1"), "{china}");
}
