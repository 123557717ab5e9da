//! `iam-policy`: each verb is run through a recorder in front of the embedded bus. What it called has to be allowed on what it
//! called it on, and what is allowed has to have been called by some run, or stand in the list of exceptions with its reason.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use serde_json::Value;

use crate::support::TestEnv;
use crate::support::proxy::{self, Fate};

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

/// Allowed, and called by none of the runs below: each with its reason.
const EXCEPTIONS: &[(&str, &str)] = &[];

/// Called, and not allowed by the policy of the additive `provision`, which goes on without the answer: namesakes of the other
/// type, which only who may replace things has to know of.
const DISPENSABLE: &[(&str, &str)] = &[("sns:GetTopicAttributes", ".fifo"), ("sqs:GetQueueUrl", ".fifo")];

/// One call: the IAM action and the ARN that it is about.
type Call = (String, String);

/// Passes requests on to `upstream` and writes down what they ask for.
struct Recorder {
    url: String,
    calls: Arc<Mutex<BTreeSet<Call>>>,
}

impl Recorder {
    fn before(upstream: &str) -> Self {
        let calls = Arc::new(Mutex::new(BTreeSet::new()));
        let recorded = Arc::clone(&calls);
        let url = proxy::before(upstream, move |request| {
            // AWS has none of the ways that a bus of ours, or LocalStack, has to be looked into.
            if request.line.starts_with("GET /_") {
                return Fate::Unknown;
            }
            recorded.lock().unwrap().insert(call(&request.target, &request.body));
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
fn call(target: &str, body: &[u8]) -> Call {
    let text = String::from_utf8_lossy(body).into_owned();
    if !target.is_empty() {
        let json: Value = serde_json::from_str(&text).unwrap_or_default();
        let url = json["QueueUrl"].as_str().or_else(|| json["QueueName"].as_str()).unwrap_or("*");
        let name = url.rsplit('/').next().unwrap_or_default();
        let action = target.trim_end_matches("Batch");
        return (format!("sqs:{action}"), format!("arn:aws:sqs:us-east-1:{ACCOUNT}:{name}"));
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
        field("Name").filter(|_| action == "CreateTopic").map(|name| format!("arn:aws:sns:us-east-1:{ACCOUNT}:{name}"));
    let arn = field("TopicArn").or_else(|| field("ResourceArn")).or(created).or_else(|| field("SubscriptionArn"));
    (format!("sns:{}", action.trim_end_matches("Batch")), arn.unwrap_or_else(|| "*".into()))
}

/// Actions and the resource of every grant.
fn grants(policy: &Value) -> Vec<(String, String)> {
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
        || grants.iter().any(|(a, resource)| {
            a == action && resource.strip_suffix('*').map_or(resource == arn, |start| arn.starts_with(start))
        })
}

#[test]
fn what_the_verbs_call_is_what_they_are_allowed() {
    let env = TestEnv::new();
    env.write("topology.yaml", TOPOLOGY);
    env.write("eventbus.yaml", "publisher: UserService\n");
    env.write("payload.json", r#"{"id": "1"}"#);
    let served = TestEnv::new();
    let server = served.serve();
    let recorder = Recorder::before(&server.url);
    let run_as = |verbs: &[&str], args: &[&str]| {
        let flags = ["--endpoint-url", &recorder.url];
        let place = ["--region", "us-east-1", "--account", ACCOUNT];
        let policy = env.run(&[&["iam-policy"], verbs, &place[..]].concat()).success().json();
        let grants = grants(&policy);
        let done = env.run(&[args, &flags[..]].concat()).success();
        let called = recorder.take();
        assert!(!called.is_empty(), "{}", done.snapshot());
        for call in &called {
            assert!(is_allowed(&grants, call), "`{}` called {call:?}, which is not in {policy:#}", args.join(" "));
        }
        (verbs.join(" "), grants, called)
    };
    let run = |verb: &str, args: &[&str]| run_as(&[verb], args);
    let mut runs = vec![
        run("provision", &["provision", "--yes"]),
        run("publish", &["publish", "UserRegistered", "payload.json"]),
        run("tail", &["tail", "user_events", "--count", "1", "--force"]),
        // One is tried again, which hides it for a while; one is rejected; one is handled.
        run("consume", &["consume", "user_events", "--count", "1", "--exec", "exit 65"]),
        // One that is not meant is given back.
        run("replay", &["replay", "user_events_dlq", "--event", "Other", "--yes", "--confirm", "user_events_dlq"]),
        run("replay", &["replay", "user_events_dlq", "--yes", "--confirm", "user_events_dlq"]),
        run("consume", &["consume", "user_events", "--count", "1", "--exec", "exit 75"]),
    ];
    // What stands differently is changed, attribute by attribute.
    let other = TOPOLOGY.replace("30s", "45s").replace("[UserRegistered]", "[UserDeleted]").replace("a: b", "a: c");
    let other = other
        .replace("tags:", "display_name: Users, tags:")
        .replace("{ retention: 14d }", "{ retention: 14d, tags: { x: y } }");
    env.write("topology.yaml", other);
    runs.push(run("provision", &["provision", "--yes"]));
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
    runs.push(run("provision", &["provision", "--yes"]));
    env.write("topology.yaml", TOPOLOGY);
    runs.push(run_as(&["provision", "--prune"], &["provision", "--prune", "--yes"]));
    // What cannot become another type is replaced, and in the end all of it goes.
    let fifo = TOPOLOGY
        .replace("user_events", "user_events.fifo")
        .replace("user_events.fifo_dlq", "user_events_dlq.fifo")
        .replace("users:", "users.fifo:")
        .replace("topic: users", "topic: users.fifo");
    env.write("topology.yaml", &fifo);
    let prune = ["provision", "--prune"];
    runs.push(run_as(&prune, &["provision", "--allow-replace", "--confirm", "user_events"]));
    runs.push(run_as(&prune, &["provision", "--destroy", "--yes"]));
    for (verbs, grants, _) in &runs {
        let called: BTreeSet<&Call> =
            runs.iter().filter(|(of, ..)| of == verbs).flat_map(|(.., called)| called).collect();
        for (action, resource) in grants {
            let used = called.iter().any(|(a, _)| a == action);
            // Whoever prunes may do what `provision` does; that all of it is needed is seen without the flag.
            let elsewhere = verbs.as_str() == "provision --prune"
                && runs.iter().any(|(of, _, called)| of == "provision" && called.iter().any(|(a, _)| a == action));
            let excepted = EXCEPTIONS.iter().any(|(a, _)| a == action);
            assert!(
                used || elsewhere || excepted,
                "`{verbs}`: {action} on {resource} is allowed, and nothing called it"
            );
        }
    }
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
    let narrow = env.run(&["iam-policy", "tail", "--queue", "user_events_dlq"]).success().json();
    assert_eq!(
        narrow["Statement"][0]["Resource"],
        serde_json::json!(["arn:aws:sqs:us-east-1:000000000000:user_events_dlq"])
    );
    let china =
        env.run(&["iam-policy", "tail", "--region", "cn-north-1", "--account", "123456789012"]).success().json();
    assert!(china.to_string().contains("arn:aws-cn:sqs:cn-north-1"), "{china}");
}
