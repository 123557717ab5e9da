//! Variables, prefix, overlays, and what is external.

use std::collections::BTreeMap;

use super::*;

fn variables(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// Reads `text` with these variables in the environment.
fn with(text: &str, pairs: &[(&str, &str)]) -> Result<Topology, Vec<String>> {
    let known = variables(pairs);
    let look = |name: &str| known.get(name).cloned();
    let variables = Variables { environment: Some(&look), ..Variables::default() };
    Topology::load(Source { name: "t.yaml", text }, &[], &variables).map_err(shown)
}

fn shown(problems: Vec<Problem>) -> Vec<String> {
    let one = |p: &Problem| match &p.fix {
        Some(fix) => format!("{p} | {fix}"),
        None => p.to_string(),
    };
    problems.iter().map(one).collect()
}

/// Reads `base` with overlays called `1.yaml`, `2.yaml`, ….
fn laid(base: &str, overlays: &[&str]) -> Result<Topology, Vec<String>> {
    let names: Vec<String> = (1..=overlays.len()).map(|n| format!("{n}.yaml")).collect();
    let sources: Vec<Source<'_>> = names.iter().zip(overlays).map(|(name, text)| Source { name, text }).collect();
    Topology::load(Source { name: "t.yaml", text: base }, &sources, &Variables::default()).map_err(shown)
}

#[test]
fn variables_are_put_into_values_of_every_kind() {
    let text = file(
        "queues:\n  q:\n    visibility_timeout: ${V}\n    sse: ${SSE}\n    dead_letter: { queue: '${D}', max_receives: \"${N:-7}\" }\n    tags: { build: \"${BUILD}\", cost: $$5, path: \"a$b\" }\n  d: { retention: 14d }\n",
    );
    let topology = with(&text, &[("V", "45s"), ("SSE", "true"), ("D", "d"), ("BUILD", "42"), ("UNUSED", "x")]).unwrap();
    let queue = topology.queue("q").unwrap();
    assert_eq!(queue.visibility_timeout(), 45);
    assert_eq!(queue.settings.get("SqsManagedSseEnabled"), Some("true"));
    let dead = queue.dead_letter.as_ref().unwrap();
    assert_eq!((dead.queue.as_str(), dead.max_receives), ("d", 7));
    let tags: Vec<(&str, &str)> = queue.tags.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
    assert_eq!(tags, [("build", "42"), ("cost", "$5"), ("path", "a$b")]);
}

#[test]
fn in_free_json_quotes_decide_between_text_and_number() {
    let text = file(
        "topics: { t: }\nqueues: { q: }\nsubscriptions:\n  - topic: t\n    queue: q\n    filter:\n      plain:\n        - ${N}\n        - ${WORD}\n      quoted: [\"${N}\"]\n",
    );
    let topology = with(&text, &[("N", "5"), ("WORD", "[x]")]).unwrap();
    assert_eq!(
        topology.subscriptions[0].filter.as_ref().unwrap().text(),
        r#"{"plain":[5,"[x]"],"quoted":["5"]}"#,
        "what is put in adds no structure"
    );
}

#[test]
fn a_variable_that_is_not_there_is_told_with_its_place() {
    let text = file("queues:\n  q: { visibility_timeout: \"${V}\" }\n  ${Q}: {}\n");
    assert_eq!(
        with(&text, &[]).unwrap_err(),
        [
            "t.yaml:4:28: `queues.q.visibility_timeout` needs the variable `V`, which is not set | add `--var V=VALUE`, set V, or write a default: `${V:-VALUE}`",
            "t.yaml:4:28: `queues.q.visibility_timeout` is ``; expected a duration such as `30s`, `5m`, `12h` or `4d`",
            "t.yaml:5:3: the queue name `${Q}` has other characters than `A-Za-z0-9_-` (and `.fifo` at its end) | did you mean `__Q_`?",
        ]
    );
    for (value, wanted) in [
        ("${V", "`queues.q.kms_key` has a `${` that no `}` closes"),
        ("${V-x}", "has `${V-x}`; expected `${NAME}` or `${NAME:-default}`"),
        ("${aws:username}", "for the characters themselves write `$${aws:username}`"),
        ("${A:-${B}}", "expected `${NAME}` or `${NAME:-default}`"),
        ("${}", "expected `${NAME}`"),
    ] {
        let found = with(&file(&format!("queues:\n  q: {{ kms_key: \"{value}\" }}\n")), &[]).unwrap_err();
        assert!(found.iter().any(|problem| problem.contains(wanted)), "{value}: {found:#?}");
    }
    let flow = with(&file("queues: { q: { kms_key: ${K} } }\n"), &[("K", "x")]).unwrap_err();
    assert!(flow[0].ends_with("| inside `{ }` and `[ ]` put the variable in quotes: `\"${NAME}\"`"), "{flow:?}");
    let literal = with(&file("queues:\n  q: { tags: { a: \"$${aws:username}\" } }\n"), &[]).unwrap();
    assert_eq!(literal.queues[0].tags["a"], "${aws:username}");
}

#[test]
fn what_was_given_goes_before_files_and_those_before_the_environment() {
    let text = "version: 1\nname: ${A}-${B}-${C}-${D:-none}\n";
    let (given, filed) = (variables(&[("A", "given")]), variables(&[("A", "file"), ("B", "file"), ("E", "unused")]));
    let environment = |name: &str| Some(if name == "D" { String::new() } else { "env".to_owned() });
    let variables = Variables { given: Some(&given), filed: Some(&filed), environment: Some(&environment) };
    let topology = Topology::load(Source { name: "t", text }, &[], &variables).unwrap();
    assert_eq!(topology.name, "given-file-env-none");
    let typo = self::variables(&[("STAGEE", "prod")]);
    let variables = Variables { given: Some(&typo), filed: None, environment: None };
    let text = "version: 1\nname: x\nprefix: ${STAGE:-dev}-\n";
    let problems = Topology::load(Source { name: "t", text }, &[], &variables).unwrap_err();
    assert_eq!(shown(problems), ["--var: no file uses the variable `STAGEE` | did you mean `STAGE`?"]);
}

#[test]
fn files_of_variables_hold_names_and_plain_values() {
    let read = read_variables("A: text\nB: 5\nC: true\nD: \"012\"\n", "v.yaml").unwrap();
    assert_eq!(read, variables(&[("A", "text"), ("B", "5"), ("C", "true"), ("D", "012")]));
    assert_eq!(read_variables("# nothing\n", "v.yaml").unwrap(), BTreeMap::new());
    assert_eq!(
        shown(read_variables("A: [1]\nB-C: x\nD:\n", "v.yaml").unwrap_err()),
        [
            "v.yaml:1:4: `A` is a list; expected text | write `A: \"value\"`",
            "v.yaml:2:1: `B-C` is no name of a variable; expected letters, digits and `_`",
            "v.yaml:3:2: `D` is nothing; expected text | write `D: \"value\"`",
        ]
    );
    assert_eq!(shown(read_variables("- a\n", "v.yaml").unwrap_err()).len(), 1);
}

#[test]
fn a_byte_order_mark_is_no_part_of_any_file() {
    let marked = |text: &str| format!("\u{feff}{text}");
    let filed = read_variables(&marked("A: text\n"), "v.yaml").unwrap();
    assert_eq!(filed, variables(&[("A", "text")]));
    assert_eq!(read_variables(&marked("# nothing\n"), "v.yaml").unwrap(), BTreeMap::new());
    let topology = laid(&marked(PRODUCT), &[&marked("name: prod\n"), &marked("# nothing yet\n")]).unwrap();
    assert_eq!(topology.name, "prod");
    assert!(laid(&marked(""), &[]).unwrap_err()[0].contains("the file is empty"));
}

#[test]
fn the_prefix_is_before_every_name_that_the_file_makes_and_in_no_reference() {
    let text = PRODUCT.replace("topics:\n", "prefix: dev-\ntopics:\n");
    let topology = Topology::parse(&text, "t").unwrap();
    assert_eq!(topology.owner(), "users:dev-");
    assert_eq!(topology.topics[0].name, "dev-users");
    let queues: Vec<&str> = topology.queues.iter().map(|queue| queue.name.as_str()).collect();
    assert_eq!(queues, ["dev-user_events", "dev-user_events_dlq"]);
    assert_eq!(topology.queues[0].dead_letter.as_ref().unwrap().queue, "dev-user_events_dlq");
    let subscription = &topology.subscriptions[0];
    assert_eq!((subscription.topic.as_str(), subscription.queue.as_str()), ("dev-users", "dev-user_events"));
    assert_eq!(topology.route("Shop", "UserRegistered").unwrap().topics, ["dev-users"]);
    assert_eq!(topology.default_queue().unwrap().name, "dev-user_events");
    for name in ["users", "dev-users", "arn:aws:sns:eu-west-1:123456789012:dev-users"] {
        assert_eq!(topology.topic(name).map(|topic| topic.key.as_str()), Some("users"), "{name}");
    }
    assert_eq!(topology.subscriptions_of("dev-users").count(), 1);
    let wrong = text.replace("queue: user_events\n", "queue: dev-user_events\n");
    assert!(
        problems(&wrong)[0].ends_with("| write `user_events`: within the file names have no prefix"),
        "{:?}",
        problems(&wrong)
    );
}

#[test]
fn the_prefix_counts_and_may_be_empty() {
    let name = "q".repeat(78);
    let text = |prefix: &str| file(&format!("prefix: \"{prefix}\"\nqueues:\n  {name}: {{}}\n"));
    assert_eq!(Topology::parse(&text(""), "t").unwrap().queues[0].name, name);
    let found = problems(&text("dev-"));
    assert!(
        found[0].ends_with("has 82 characters with the prefix `dev-`; AWS takes up to 80 | shorten it by 2 characters"),
        "{found:?}"
    );
    assert!(problems(&text("a.b"))[0].contains("| write `prefix: a-b`"));
}

const OUTSIDE: &str = "topics:
  ours: {}
  theirs: { external: true, arn: \"arn:aws:sns:eu-west-1:111122223333:orders\" }
queues:
  q: { dead_letter: { queue: grave } }
  grave: { external: true, arn: \"arn:aws:sqs:eu-west-1:123456789012:grave\" }
subscriptions:
  - { topic: theirs, queue: q, filter: { eventName: [OrderPlaced] } }
events:
  OrderPlaced: { topic: theirs }
";

#[test]
fn what_is_external_is_known_by_its_arn_and_has_no_prefix() {
    let topology = Topology::parse(&file(&format!("prefix: dev-\n{OUTSIDE}")), "t").unwrap();
    assert!(topology.warnings.is_empty(), "{:?}", topology.warnings);
    let arn = "arn:aws:sns:eu-west-1:111122223333:orders";
    let theirs = topology.topic("theirs").unwrap();
    assert_eq!((theirs.name.as_str(), theirs.external), (arn, true));
    assert_eq!(topology.topic(arn).unwrap().key, "theirs");
    assert!(topology.topic("orders").is_none(), "another account may have one of that name");
    assert_eq!((topology.subscriptions[0].topic.as_str(), topology.subscriptions[0].queue.as_str()), (arn, "dev-q"));
    assert_eq!(topology.route("Shop", "OrderPlaced").unwrap().topics, [arn]);
    assert_eq!(topology.default_queue().unwrap().key, "q");
    assert_eq!((topology.own_topics().count(), topology.own_queues().count()), (1, 1));
    let arns = live::Arns { partition: "aws".into(), region: "eu-west-1".into(), account: "123456789012".into() };
    let plan = plan::plan(&topology, &live::Live::default(), &arns);
    let rows: Vec<String> =
        plan.changes.iter().map(|change| format!("{} {}", change.kind.noun(), change.name)).collect();
    assert_eq!(
        rows,
        ["topic dev-ours", "queue dev-q", "queue policy dev-q", &format!("subscription {arn} → dev-q")],
        "what is external has no row"
    );
    assert_eq!(plan.faults, Vec::<String>::new());
    let elsewhere = live::Arns { region: "us-east-1".into(), ..arns };
    let plan = plan::plan(&topology, &live::Live::default(), &elsewhere);
    assert_eq!(plan.faults.len(), 1, "{:?}", plan.faults);
    assert!(plan.faults[0].contains("it has to be in the account and region of its source, 123456789012 in us-east-1"));
}

#[test]
fn what_is_external_is_checked() {
    for (topic, wanted) in [
        ("{ external: true }", "`topics.t` has no `arn` | add `arn: arn:aws:sns:REGION:ACCOUNT:NAME`"),
        ("{ arn: \"arn:aws:sns:eu-west-1:111122223333:t\" }", "only an external topic has it | add `external: true`"),
        ("{ external: true, arn: orders }", "`topics.t.arn` is `orders`; expected the ARN of a topic"),
        ("{ external: true, arn: \"arn:aws:sqs:eu-west-1:111122223333:t\" }", "expected the ARN of a topic"),
        (
            "{ external: true, arn: \"arn:aws:sns:eu-west-1:111122223333:t\", tags: { a: b } }",
            "`topics.t.tags` is set, and `topics.t` is external",
        ),
    ] {
        let found = problems(&file(&format!("topics:\n  t: {topic}\n")));
        assert!(found.iter().any(|problem| problem.contains(wanted)), "{topic}: {found:#?}");
    }
    let direct = file(
        "queues: { q: }\nsubscriptions:\n  - { topic: \"arn:aws:sns:eu-west-1:111122223333:orders\", queue: q }\n",
    );
    assert!(problems(&direct)[0].contains("`topics: { orders: { external: true, arn: "), "{:?}", problems(&direct));
    let queue = file(
        "topics: { t: }\nqueues: { q: { external: true, arn: \"arn:aws:sqs:eu-west-1:111122223333:q\" } }\nsubscriptions: [{ topic: t, queue: q, filter: { a: [b] } }]\n",
    );
    let warnings = Topology::parse(&queue, "t").unwrap().warnings;
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(warnings[0].message.contains("its policy is not written here"), "{warnings:?}");
}

#[test]
fn overlays_merge_mappings_replace_the_rest_and_remove_by_null() {
    let topology = laid(
        PRODUCT,
        &[
            "name: prod\nqueues:\n  user_events: { retention: 10d, visibility_timeout: null, tags: { stage: prod } }\n  extra: {}\n",
            "queues:\n  user_events: { dead_letter: { max_receives: 3 } }\n  extra:\nsubscriptions:\n  - { topic: users, queue: user_events, filter: { eventName: [UserRegistered], tier: [gold] } }\n  - { topic: users, queue: user_events_dlq, raw: true }\nevents:\n  UserRegistrationFailed: null\n",
            "# nothing yet\n",
        ],
    )
    .unwrap();
    assert_eq!(topology.name, "prod");
    let queue = topology.queue("user_events").unwrap();
    assert_eq!((queue.retention(), queue.visibility_timeout()), (864_000, 30));
    let dead = queue.dead_letter.as_ref().unwrap();
    assert_eq!((dead.queue.as_str(), dead.max_receives), ("user_events_dlq", 3));
    assert_eq!(topology.queues.len(), 2, "added by one, removed by the next");
    let filters: Vec<_> = topology.subscriptions.iter().map(|s| s.filter.as_ref().map(Filter::text)).collect();
    assert_eq!(filters, [Some(r#"{"eventName":["UserRegistered"],"tier":["gold"]}"#.to_owned()), None]);
    assert_eq!(topology.event_names().collect::<Vec<_>>(), ["UserRegistered"]);
    assert_eq!(topology.files, ["t.yaml", "1.yaml", "2.yaml", "3.yaml"]);
}

#[test]
fn an_overlay_removes_a_subscription_when_it_says_so() {
    let without = laid(PRODUCT, &["subscriptions:\n  - { topic: users, queue: user_events, remove: true }\n"]).unwrap();
    assert!(without.subscriptions.is_empty());
    let with = laid(PRODUCT, &["subscriptions:\n  - { topic: users, queue: user_events, remove: false }\n"]).unwrap();
    assert_eq!(with.subscriptions.len(), 1);
    let wrong = laid(PRODUCT, &["subscriptions:\n  - { topic: users, queue: other, remove: true }\n"]).unwrap();
    assert!(
        wrong.warnings[0].to_string().starts_with("1.yaml:2:5: `other` is not subscribed to `users`"),
        "{:?}",
        wrong.warnings
    );
    // The key alone, too, is a list to lay over.
    let valueless = "version: 1\nname: t\ntopics: { users: }\nqueues: { user_events: }\nsubscriptions:\n";
    let none = laid(valueless, &["subscriptions:\n  - { topic: users, queue: user_events, remove: true }\n"]).unwrap();
    assert!(
        none.warnings[0].to_string().starts_with("1.yaml:2:5: `user_events` is not subscribed to `users`"),
        "{:?}",
        none.warnings
    );
    let in_base = PRODUCT.replace("    queue: user_events\n", "    queue: user_events\n    remove: true\n");
    assert!(problems(&in_base)[0].contains("is for overlays"));
}

#[test]
fn problems_name_the_file_they_are_in() {
    let found = laid(
        &PRODUCT.replace("retention: 14d", "retention: 20d"),
        &[
            "queues:\n  user_events: { retention: 30d }\n",
            "topics: { orders: }\nevents: { A: { topic: user } }\nqueues: [a\n",
            "- 1\n",
        ],
    )
    .unwrap_err();
    let places: Vec<&str> = found.iter().map(|problem| problem.split(": ").next().unwrap()).collect();
    assert_eq!(places, ["t.yaml:10:33", "1.yaml:2:29", "2.yaml:3:9", "3.yaml:1:1"], "{found:#?}");
    let base = "version: 1\nname: t\n";
    let found = laid(base, &["events: { A: { topic: user } }\nqueues: { nothing: }\n"]).unwrap_err();
    assert_eq!(
        found,
        [
            "1.yaml:1:23: `events.A.topic` is `user`, and the file has no topic of that name | add `user: {}` under `topics:`",
        ],
    );
}

#[test]
fn the_topology_of_the_readme_is_sound() {
    let readme = include_str!("../../../README.md");
    let block = readme.split("```yaml\n").find(|block| block.starts_with("# topology.yaml")).unwrap();
    let (text, _) = block.split_once("```").unwrap();
    let topology = with(text, &[]).unwrap();
    assert_eq!(topology.warnings, []);
    assert_eq!((topology.owner().as_str(), topology.queues[0].name.as_str()), ("users:dev-", "dev-user_events"));
}
