//! `topology`: pulled from a live bus and planned as no changes; drawn, described, exported.

use std::fs;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use crate::support::TestEnv;

const RICH: &str = r#"version: 1
name: shop
topics:
  orders: { display_name: "Orders: all", tags: { team: "core & co", "${odd}": "$${not-a-variable}" } }
  users:
    policy:
      - { Sid: partners, Effect: Allow, Principal: { AWS: "arn:aws:iam::111122223333:root" }, Action: "sns:Subscribe", Resource: "arn:aws:sns:us-east-1:000000000000:users" }
  ledger.fifo: { content_deduplication: true }
queues:
  order_events:
    visibility_timeout: 90s
    retention: 10d
    delay: 5s
    receive_wait: 20s
    dead_letter: { queue: order_events_dlq, max_receives: 3 }
    tags: { team: orders, "yes": "no", note: "a: b # c" }
    policy:
      - { Sid: readers, Effect: Allow, Principal: { AWS: "arn:aws:iam::111122223333:root" }, Action: ["sqs:ReceiveMessage"], Resource: "*", Condition: { StringLike: { "aws:PrincipalTag/team": "$${x}*" } } }
  order_events_dlq: { retention: 14d, redrive_allow: [order_events] }
  everything: {}
  closed: { redrive_allow: none }
  ledger.fifo: { content_deduplication: true }
  lost: {}
subscriptions:
  - topic: orders
    queue: order_events
    filter:
      eventName: [OrderPlaced, { prefix: Order }, "null", "12", "${"]
      amount: [{ numeric: [">", 10, "<=", 99.5] }]
      vip: [true, null, { exists: false }]
    dead_letter: lost
  - { topic: orders, queue: everything, raw: true }
  - { topic: users, queue: everything, scope: body, filter: { Payload: { Country: [DE, { anything-but: [FR] }] } } }
  - { topic: ledger.fifo, queue: ledger.fifo }
events:
  OrderPlaced: { topic: orders }
  "*": { topic: users }
"#;

fn rich() -> String {
    // `${` is only text here; the language wants it doubled.
    RICH.replace("\"${\"", "\"$${\"")
}

/// Provisions `text`, pulls it, and sees that the pulled file plans as no changes and pulls as itself again.
fn pulls_back(env: &TestEnv, text: &str) -> String {
    env.write("topology.yaml", text);
    let _made = env.run(&["provision", "--yes"]).success();
    let _pulled = env.run(&["topology", "pull", "--out", "pulled.yaml"]).success();
    let pulled = env.read("pulled.yaml");
    let checked = env.run(&["provision", "pulled.yaml", "--check"]);
    assert_eq!(checked.code(), Some(0), "{}\n{pulled}", checked.snapshot());
    pulled
}

#[test]
fn a_pulled_file_plans_as_no_changes() {
    let env = TestEnv::new();
    let pulled = pulls_back(&env, &rich());
    insta::assert_snapshot!(pulled);
    // Under another name nothing of it is ours, and still nothing would change.
    let _other = env.run(&["topology", "pull", "--name", "other", "--out", "other.yaml"]).success();
    let _none = env.run(&["provision", "other.yaml", "--check"]).success();
    // It makes the same things where nothing is.
    let fresh = TestEnv::new();
    fresh.write("topology.yaml", &pulled);
    let _made = fresh.run(&["provision", "--yes"]).success();
    let again = fresh.run(&["topology", "pull"]).success();
    assert_eq!(again.stdout(), pulled);
}

#[test]
fn what_does_not_match_is_left_out_and_referred_to_by_its_arn() {
    let env = TestEnv::new();
    let _all = pulls_back(&env, &rich());
    let args = ["topology", "pull", "--match", "order*", "--out", "orders.yaml"];
    let _pulled = env.run(&args).success();
    let pulled = env.read("orders.yaml");
    assert!(pulled.contains("everything: { external: true, arn: "), "{pulled}");
    assert!(!pulled.contains("users"), "{pulled}");
    let checked = env.run(&["provision", "orders.yaml", "--check"]);
    assert_eq!(checked.code(), Some(0), "{}\n{pulled}", checked.snapshot());
    let nothing = env.run(&["topology", "pull", "--match", "nope-*"]).expect_code(1);
    assert!(nothing.stderr().contains("no topics and no queues like `nope-*`"), "{}", nothing.snapshot());
}

#[test]
fn a_file_is_replaced_only_when_asked() {
    let env = TestEnv::new();
    let _first = pulls_back(&env, &rich());
    env.write("mine.yaml", "# by hand\n");
    let _refused = env.run(&["topology", "pull", "--out", "mine.yaml"]).expect_code(2);
    assert_eq!(env.read("mine.yaml"), "# by hand\n");
    let _yes = env.run(&["topology", "pull", "--out", "mine.yaml", "--yes"]).success();
    assert!(env.read("mine.yaml").starts_with("# What stood"));
}

/// Random topologies of everything that the language has a plain field for.
fn topologies() -> impl Strategy<Value = String> {
    let value = prop_oneof!["[a-zA-Z0-9 :#'\"{}\\[\\],.&*!|>%@`~-]{1,12}", Just("null".into()), Just("0x1f".into())];
    let queue =
        (0_u32..43_200, 60_u32..1_209_600, 0_u32..900, 0_u32..=20, proptest::option::of(value.clone()), 0_u8..4);
    let queues = prop::collection::vec(queue, 2..6);
    let link = (0_usize..3, 0_usize..6, 0_u8..6, value);
    (1_usize..4, queues, prop::collection::vec(link, 0..8)).prop_map(|(topics, queues, links)| {
        let text = |text: &str| serde_json::Value::from(text).to_string();
        let mut out = String::from("version: 1\nname: random\ntopics:\n");
        for n in 0..topics {
            out.push_str(&format!("  t{n}: {{}}\n"));
        }
        out.push_str("queues:\n");
        for (n, (visibility, retention, delay, wait, tag, dead)) in queues.iter().enumerate() {
            out.push_str(&format!("  q{n}:\n    visibility_timeout: {visibility}s\n    retention: {retention}s\n"));
            out.push_str(&format!("    delay: {delay}s\n    receive_wait: {wait}s\n"));
            if let Some(tag) = tag {
                out.push_str(&format!("    tags: {{ {}: {} }}\n", text(&format!("k{tag}")), text(tag)));
            }
            // Dead letters go to a lower number, so never in a circle.
            if *dead > 0 && n > 0 {
                out.push_str(&format!(
                    "    dead_letter: {{ queue: q{}, max_receives: {} }}\n",
                    n - 1,
                    u32::from(*dead) * 7
                ));
            }
        }
        let mut seen = Vec::new();
        out.push_str("subscriptions:\n");
        for (topic, queue, how, value) in &links {
            let pair = (topic % topics, queue % queues.len());
            if seen.contains(&pair) {
                continue;
            }
            seen.push(pair);
            let filter = match how {
                0 => String::new(),
                1 => format!(", filter: {{ k: [{}] }}", text(value)),
                2 => format!(", raw: true, filter: {{ k: [{{ prefix: {} }}, 5] }}", text(value)),
                3 => format!(", scope: body, filter: {{ a: {{ b: [{}, null] }} }}", text(value)),
                4 if pair.1 > 0 => ", dead_letter: q0".into(),
                _ => ", raw: true".into(),
            };
            out.push_str(&format!("  - {{ topic: t{}, queue: q{}{filter} }}\n", pair.0, pair.1));
        }
        out
    })
}

#[test]
fn any_topology_pulls_back() {
    let config = Config { cases: 12, failure_persistence: None, ..Config::default() };
    TestRunner::new(config)
        .run(&topologies(), |text| {
            let env = TestEnv::new();
            let pulled = pulls_back(&env, &text);
            // A file in a stable order pulls as itself.
            let again = env.run(&["topology", "pull"]).success();
            prop_assert_eq!(again.stdout(), pulled.as_str());
            Ok(())
        })
        .unwrap();
}

#[test]
fn the_catalogue_has_the_schemas_descriptions() {
    let env = TestEnv::new();
    let _project = env.run(&["init", "--yes"]).success();
    let docs = env.run(&["topology", "docs"]).success();
    assert!(docs.stdout().contains("## Events") && docs.stdout().contains("| `id` |"), "{}", docs.stdout());
    assert!(docs.stdout().contains("```mermaid\nflowchart LR"), "{}", docs.stdout());
    let _file = env.run(&["topology", "docs", "--out", "EVENTS.md"]).success();
    assert_eq!(env.read("EVENTS.md"), docs.stdout());
}

#[test]
fn every_form_is_written_and_nothing_needs_a_bus() {
    let env = TestEnv::new();
    env.write("topology.yaml", rich());
    for (form, begins) in
        [("text", "orders (topic)"), ("mermaid", "flowchart LR"), ("dot", "digraph"), ("svg", "<svg ")]
    {
        let drawn = env.run(&["topology", "graph", "-o", form]).success();
        assert!(drawn.stdout().starts_with(begins), "{}", drawn.snapshot());
    }
    for language in ["asyncapi", "cloudformation", "terraform"] {
        let written = env.run(&["topology", "export", language]).success();
        assert!(written.json().is_object());
    }
    assert!(!env.path(".eventbus").exists(), "nobody asked for a bus");
    let _none = env.run(&["topology", "graph", "nowhere.yaml"]).expect_code(1);
    let _usage = env.run(&["topology", "graph", "-o", "png"]).expect_code(2);
    let _usage = env.run(&["topology"]).expect_code(2);
}

#[test]
fn a_document_on_a_pipe_is_what_the_schemas_say() {
    let env = TestEnv::new();
    env.write("topology.yaml", rich());
    // A joiner that hides on a terminal, and is a part of some letters and faces.
    let said = "families \u{1f469}\u{200d}\u{1f467}";
    env.write("schemas/OrderPlaced.json", format!("{{\"type\": \"object\", \"description\": \"{said}\"}}"));
    let document = env.run(&["topology", "export", "asyncapi"]).success().json();
    assert_eq!(document["components"]["messages"]["OrderPlaced"]["description"], said);
    let docs = env.run(&["topology", "docs"]).success();
    assert!(docs.stdout().contains(said), "{}", docs.stdout());
}

/// The arguments of <https://registry.terraform.io/providers/hashicorp/aws/latest/docs>, resources `sns_topic`, `sqs_queue`,
/// `sns_topic_subscription`, `sqs_queue_policy`, `sns_topic_policy`, `sqs_queue_redrive_allow_policy`.
const TERRAFORM: &[(&str, &[&str])] = &[
    (
        "aws_sns_topic",
        &[
            "name",
            "display_name",
            "delivery_policy",
            "kms_master_key_id",
            "signature_version",
            "tracing_config",
            "sqs_success_feedback_role_arn",
            "sqs_success_feedback_sample_rate",
            "sqs_failure_feedback_role_arn",
            "fifo_topic",
            "archive_policy",
            "content_based_deduplication",
            "fifo_throughput_scope",
            "tags",
        ],
    ),
    (
        "aws_sqs_queue",
        &[
            "name",
            "visibility_timeout_seconds",
            "message_retention_seconds",
            "delay_seconds",
            "receive_wait_time_seconds",
            "max_message_size",
            "sqs_managed_sse_enabled",
            "kms_master_key_id",
            "kms_data_key_reuse_period_seconds",
            "fifo_queue",
            "content_based_deduplication",
            "deduplication_scope",
            "fifo_throughput_limit",
            "redrive_policy",
            "tags",
        ],
    ),
    (
        "aws_sns_topic_subscription",
        &[
            "topic_arn",
            "protocol",
            "endpoint",
            "raw_message_delivery",
            "filter_policy",
            "filter_policy_scope",
            "redrive_policy",
        ],
    ),
    ("aws_sqs_queue_policy", &["queue_url", "policy"]),
    ("aws_sns_topic_policy", &["arn", "policy"]),
    ("aws_sqs_queue_redrive_allow_policy", &["queue_url", "redrive_allow_policy"]),
];

#[test]
fn terraform_gets_arguments_that_it_knows_and_references_that_lead_somewhere() {
    let env = TestEnv::new();
    env.write("topology.yaml", rich());
    let document = env.run(&["topology", "export", "terraform"]).success().json();
    let resources = document["resource"].as_object().unwrap();
    assert_eq!(resources["aws_sqs_queue"].as_object().unwrap().len(), 6);
    for (kind, entries) in resources {
        let (_, known) = TERRAFORM.iter().find(|(name, _)| name == kind).unwrap_or_else(|| panic!("{kind}"));
        for (id, arguments) in entries.as_object().unwrap() {
            assert!(id.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-'), "{id}");
            for (argument, value) in arguments.as_object().unwrap() {
                assert!(known.contains(&argument.as_str()), "{kind} has no {argument}");
                // Every `${…}` that is not escaped is a reference to a resource that is there.
                let text = value.to_string().replace("$${", "");
                for reference in text.split("${").skip(1) {
                    let path: Vec<&str> = reference.split('}').next().unwrap().split('.').collect();
                    assert!(resources[path[0]].get(path[1]).is_some(), "{reference}");
                }
                if argument.ends_with("policy") {
                    let _json: serde_json::Value = serde_json::from_str(value.as_str().unwrap()).unwrap();
                }
            }
        }
    }
    let tags = &resources["aws_sns_topic"]["orders"]["tags"];
    assert_eq!(tags["$${odd}"], "$${not-a-variable}", "text of ours is no template");
}

#[test]
fn hostile_text_does_not_reach_a_terminal() {
    let env = TestEnv::new();
    env.write("topology.yaml", rich().replace("\"null\"", "\"\\e]0;owned\\a\\n└─ fake\""));
    let drawn = env.run(&["topology", "graph"]).success();
    assert!(!drawn.stdout().contains(['\u{1b}', '\u{7}']), "{:?}", drawn.stdout());
    assert!(!drawn.stdout().lines().any(|line| line.starts_with("└─ fake")), "{}", drawn.stdout());
    fs::remove_file(env.path("topology.yaml")).unwrap();
}

#[test]
fn names_of_a_file_do_nothing_to_the_terminal() {
    let env = TestEnv::new();
    env.write("t.yaml", "version: 1\nname: x\nqueues:\n  \"q\\e[31mx\\e]0;title\\a\\u202ey\": {}\n");
    let shown = env.command(&["provision", "t.yaml", "--check"]).on_terminal().run().expect_code(4);
    assert!(!shown.stdout().contains("\u{1b}[31m") && !shown.stdout().contains("\u{1b}]0"), "{:?}", shown.stdout());
    assert!(!shown.stdout().contains('\u{202e}') && shown.stdout().contains("\\u{1b}[31mx"), "{:?}", shown.stdout());
}
