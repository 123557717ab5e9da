mod checks;
mod language;
mod schema;

use super::*;

const PRODUCT: &str = r#"version: 1
name: users                   # ownership: what this file made carries the tag eventbus:topology=users
topics:
  users: {}
queues:
  user_events:
    visibility_timeout: 30s
    retention: 4d
    dead_letter: { queue: user_events_dlq, max_receives: 5 }
  user_events_dlq: { retention: 14d }
subscriptions:
  - topic: users
    queue: user_events
    filter: { eventName: [UserRegistered, UserRegistrationFailed] }   # scope: attributes (default) | body
events:                       # event -> topic (and schema)
  UserRegistered: { topic: users }
  UserRegistrationFailed: { topic: users }
"#;

fn problems(text: &str) -> Vec<String> {
    Topology::parse(text, "t.yaml")
        .expect_err("a bad file")
        .iter()
        .map(|p| match &p.fix {
            Some(fix) => format!("{p} | {fix}"),
            None => p.to_string(),
        })
        .collect()
}

#[test]
fn the_documented_example_is_read() {
    let topology = Topology::parse(PRODUCT, "topology.yaml").unwrap();
    assert_eq!((topology.version, topology.name.as_str()), (1, "users"));
    let queue = topology.queue("user_events").unwrap();
    assert_eq!((queue.visibility_timeout(), queue.retention()), (30, 345_600));
    assert_eq!(queue.dead_letter.as_ref().unwrap().max_receives, 5);
    assert_eq!(topology.default_queue().unwrap().name, "user_events");
    let subscription = topology.subscriptions_of("arn:aws:sns:eu-west-1:123456789012:users").next().unwrap();
    assert_eq!(
        subscription.filter.as_ref().unwrap().text(),
        r#"{"eventName":["UserRegistered","UserRegistrationFailed"]}"#
    );
    assert_eq!(topology.route("Userservice", "UserRegistered").unwrap().topics, ["users"]);
    assert!(topology.route("Userservice", "Userregisteredpayload").is_none());
    assert!(topology.warnings.is_empty(), "{:?}", topology.warnings);
}

#[test]
fn what_is_external_is_not_taken_for_its_namesake() {
    let (topic, queue) = ("arn:aws:sns:eu-west-1:999999999999:users", "arn:aws:sqs:eu-west-1:999999999999:dlq");
    let topology = Topology::parse(
        &file(&format!(
            "topics: {{ users: {{}}, theirs: {{ external: true, arn: \"{topic}\" }} }}\nqueues:\n  mine: {{}}\n  other: {{}}\n  dlq: {{}}\n  \
             their_dlq: {{ external: true, arn: \"{queue}\" }}\nsubscriptions:\n  - {{ topic: users, queue: mine }}\n  - {{ topic: theirs, queue: other }}\n"
        )),
        "t.yaml",
    )
    .unwrap();
    let subscribers = |topic: &str| -> Vec<String> {
        topology.subscriptions_of(topic).map(|subscription| subscription.queue.clone()).collect()
    };
    assert_eq!(topology.topic(topic).unwrap().key, "theirs");
    assert_eq!(topology.queue(queue).unwrap().key, "their_dlq");
    assert_eq!(subscribers(topic), ["other"]);
    assert_eq!(subscribers("theirs"), ["other"], "by the name that the file has for it");
    for ours in ["users", "arn:aws:sns:eu-west-1:123456789012:users"] {
        assert_eq!(topology.topic(ours).unwrap().key, "users");
        assert_eq!(subscribers(ours), ["mine"]);
    }
}

/// A file around `queues:`, `subscriptions:` or whatever is under test.
fn file(rest: &str) -> String {
    format!("version: 1\nname: t\n{rest}")
}

#[test]
fn every_problem_is_told_at_once_with_its_place_and_fix() {
    let text = PRODUCT
        .replace("retention: 4d", "retenton: 4d")
        .replace("30s", "30")
        .replace("topic: users\n    queue: user_events", "topic: usres\n    queue: user_events");
    assert_eq!(
        problems(&text),
        [
            "t.yaml:7:25: `queues.user_events.visibility_timeout` is the number `30` without a unit; expected a duration such as `30s` or `4d` | write `30s`",
            "t.yaml:8:5: `queues.user_events.retenton` is not a key of the language | did you mean `retention`?",
            "t.yaml:12:12: `subscriptions.0.topic` is `usres`, and the file has no topic of that name | did you mean `users`?",
        ]
    );
}

#[test]
fn broken_yaml_has_a_line_and_a_column() {
    for (text, wanted) in [
        ("", "t.yaml:1:1: the file is empty; expected a topology | start with `version: 1` and `name: NAME`"),
        (
            "# only words\n\n",
            "t.yaml:1:1: the file is empty; expected a topology | start with `version: 1` and `name: NAME`",
        ),
        ("a: b: c", "t.yaml:1:5: not valid YAML: mapping values are not allowed in this context"),
        ("- 1\n", "t.yaml:1:1: the file is a list; expected a mapping"),
        (
            "version: 1\nversion: 1\nname: x\n",
            "t.yaml:2:1: `version` stands here a second time; the first is on line 1 | keep one of them",
        ),
        ("version: 1\n---\nversion: 2", "t.yaml:3:1: not valid YAML: a second document starts here; expected one"),
        ("version: *x", "t.yaml:1:10: not valid YAML: alias references unknown anchor"),
    ] {
        assert_eq!(problems(text)[0], wanted, "{text:?}");
    }
}

#[test]
fn a_deep_or_exploding_document_is_refused_and_not_run_into() {
    let deep = format!("a: {}{}", "[".repeat(100_000), "]".repeat(100_000));
    assert!(problems(&deep)[0].contains("not valid YAML"), "{:?}", problems(&deep)[0]);
    let mut bomb = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for n in 1..10 {
        let alias = format!("*a{}, ", n - 1).repeat(10);
        bomb.push_str(&format!("a{n}: &a{n} [{}]\n", alias.trim_end_matches(", ")));
    }
    assert!(problems(&bomb)[0].contains("not valid YAML"), "{:?}", problems(&bomb)[0]);
}

#[test]
fn the_head_is_checked() {
    assert_eq!(
        problems("version: 2\nname: x\n"),
        ["t.yaml:1:10: `version` is the number `2`; this `eventbus` reads version 1 | use a newer `eventbus`"]
    );
    assert_eq!(
        problems("version: \"1\"\nname: x\n"),
        ["t.yaml:1:10: `version` is the text `1`; this `eventbus` reads version 1 | write `version: 1`"]
    );
    assert_eq!(problems("topics: {}\n").len(), 2);
    assert!(problems("version: 1\nname: a b\n")[0].contains("expected up to 128 of"));
}

#[test]
fn units_names_and_ranges() {
    for (queue, wanted) in [
        ("{ retention: 20d }", "`queues.q.retention` is `20d`; AWS takes `1m` to `14d` | write `14d`"),
        ("{ retention: 30s }", "`queues.q.retention` is `30s`; AWS takes `1m` to `14d` | write `1m`"),
        ("{ retention: 345600 }", "without a unit; expected a duration such as `30s` or `4d` | write `4d`"),
        ("{ delay: 500ms }", "`queues.q.delay` is `500ms`; expected whole seconds | write `1s`"),
        ("{ delay: soon }", "`queues.q.delay` is `soon`; expected a duration"),
        (
            "{ maximum_message_size: 262144 }",
            "without a unit; expected a size such as `256KiB` or `1MiB` | write `256KiB`",
        ),
        (
            "{ maximum_message_size: 2MiB }",
            "`queues.q.maximum_message_size` is `2MiB`; AWS takes `1KiB` to `1MiB` | write `1MiB`",
        ),
        ("{ sse: yes }", "`queues.q.sse` is the text `yes`; expected `true` or `false` | write `true`"),
        ("{ retention: }", "`queues.q.retention` has no value | give it a value, or remove the line"),
        ("{ sse: true, kms_key: alias/x }", "SQS takes one kind of encryption | remove `sse`"),
        ("{ dead_letter: d }", "expected a mapping | write `dead_letter: { queue: d, max_receives: 5 }`"),
        (
            "{ dead_letter: { queue: q, max_receives: 0 } }",
            "`queues.q.dead_letter.max_receives` is the number `0`; expected a whole number from 1 to 1000",
        ),
        ("{ tags: { \"eventbus:topology\": x } }", "the tag `eventbus:topology` is this tool's own | remove it"),
        ("{ redrive_allow: some }", "expected `all`, `none` or a list of one to ten queues"),
        (
            "{ policy: [{ Effect: Allow }] }",
            "`queues.q.policy.0` has no `Sid`; a statement is found again by it | add `Sid: NAME`",
        ),
        (
            "{ fifo: true }",
            "`queues.q.fifo` is `true`, and the name of a FIFO queue ends in `.fifo` | name it `q.fifo`",
        ),
        (
            "{ content_deduplication: true }",
            "`queues.q.content_deduplication` is set, and only a FIFO queue has it | remove it",
        ),
    ] {
        let found = problems(&file(&format!("queues:\n  q: {queue}\n")));
        assert!(found.iter().any(|problem| problem.contains(wanted)), "{queue}: {found:#?}");
    }
    for good in [
        "{ delay: 0 }",
        "{ delay: 0s }",
        "{ retention: 1h 30m }",
        "{ maximum_message_size: 1KiB }",
        "",
        "{}",
        "{ redrive_allow: [q] }",
    ] {
        Topology::parse(&file(&format!("queues:\n  q: {good}\n")), "t").unwrap();
    }
    let long = "q".repeat(81);
    assert!(
        problems(&file(&format!("queues:\n  {long}: {{}}\n")))[0].contains("has 81 characters; AWS takes up to 80")
    );
    assert!(problems(&file("topics:\n  a b: {}\n"))[0].contains("did you mean `a_b`?"));
}

#[test]
fn dead_letters_may_not_go_in_circles() {
    let text = file(
        "queues:\n  a: { dead_letter: { queue: b } }\n  b: { dead_letter: { queue: c } }\n  c: { dead_letter: { queue: a } }\n  d: { dead_letter: { queue: a } }\n  e: { dead_letter: { queue: e } }\n",
    );
    let found: Vec<String> = problems(&text).into_iter().filter(|problem| problem.contains("circle")).collect();
    assert_eq!(found.len(), 2, "each circle once: {found:#?}");
    assert!(found[0].contains("`a` → `b` → `c` → `a` | remove `dead_letter` from `c`"), "{found:?}");
    assert!(found[1].contains("`e` → `e`"), "{found:?}");
}

#[test]
fn what_does_not_fit_together_is_told() {
    let text = file(
        "topics:\n  t: {}\n  f.fifo: {}\nqueues:\n  q: { dead_letter: { queue: d.fifo } }\n  d.fifo: {}\n  s.fifo: {}\nsubscriptions:\n  - { topic: t, queue: s.fifo }\n  - { topic: t, queue: q }\n  - { topic: t, queue: q }\n  - { topic: f.fifo, queue: q }\n",
    );
    let found = problems(&text);
    for wanted in [
        "a standard queue has to be of the same type",
        "`s.fifo` is a FIFO queue and `t` a standard topic; SNS refuses that",
        "`q` is subscribed to `t` a second time; the first is on line 12",
    ] {
        assert_eq!(found.iter().filter(|problem| problem.contains(wanted)).count(), 1, "{wanted}: {found:#?}");
    }
    assert_eq!(found.len(), 3, "a standard queue may listen to a FIFO topic: {found:#?}");
}

#[test]
fn filters_are_checked_where_they_stand() {
    let text = file(
        "topics: { t: }\nqueues: { q: }\nsubscriptions:\n  - topic: t\n    queue: q\n    filter:\n      good: [a]\n      bad: [{ prefx: a }]\n",
    );
    let found = problems(&text);
    assert_eq!(found.len(), 1);
    assert!(found[0].starts_with("t.yaml:10:"), "{found:?}");
    assert!(found[0].contains("is not a filter policy that SNS takes"), "{found:?}");
    let nested = text.replace("bad: [{ prefx: a }]", "bad: { worse: [a] }");
    assert!(problems(&nested)[0].contains("is not a filter policy"), "nesting needs the body's scope");
    Topology::parse(&nested.replace("    filter:", "    scope: body\n    filter:"), "t").unwrap();
}

#[test]
fn warnings_do_not_stop_the_work() {
    let text = file(
        "topics: { t: }\nqueues:\n  q: { retention: 14d, dead_letter: { queue: d, max_receives: 1 } }\n  d: {}\nsubscriptions:\n  - { topic: t, queue: q, raw: true }\nevents:\n  User*: { topic: t }\n",
    );
    let topology = Topology::parse(&text, "t.yaml").unwrap();
    let found: Vec<String> = topology.warnings.iter().map(ToString::to_string).collect();
    for wanted in
        ["max_receives` is 1", "live shorter in `d` (4d)", "gets raw messages", "its beginning is the publisher's name"]
    {
        assert!(found.iter().any(|problem| problem.contains(wanted)), "{wanted}: {found:#?}");
    }
    assert_eq!(found.len(), 4, "{found:#?}");
}

#[test]
fn routes_have_the_python_routers_precedence() {
    let topology = Topology::parse(
        &file("topics: { a: , b: , c: , d: , e: , f: }\nevents:\n  \"*\": { topic: a }\n  \"*.User*\": { topic: b }\n  \"Shop.*\": { topic: c }\n  UserMoved: { topic: d }\n  Shop.UserMoved: { topic: e }\n  \"Shop.User[M]*\": { topic: f }\n"),
        "t",
    )
    .unwrap();
    for (publisher, event, topic) in [
        ("Shop", "UserMoved", "e"),  // Publisher.Event literally
        ("Other", "UserMoved", "d"), // Event literally
        ("Other", "UserLeft", "b"),
        ("Shop", "UserLeft", "b"), // of two patterns the longer
        ("Shop", "Sold", "c"),
        ("Other", "Sold", "a"),
        ("shop", "Sold", "a"),        // case counts
        ("Shop", "User[M]oved", "f"), // only `*` is special
    ] {
        assert_eq!(
            topology.route(publisher, event).map(|route| route.topics[0].as_str()),
            Some(topic),
            "{publisher}.{event}"
        );
    }
    assert_eq!(topology.event_names().collect::<Vec<_>>(), ["UserMoved", "UserMoved"]);
}

#[test]
fn the_default_queue_is_the_only_one_that_takes_no_dead_letters() {
    let parse = |text: &str| Topology::parse(&file(text), "t").unwrap();
    let one = parse("queues:\n  q: { dead_letter: { queue: d } }\n  d: { retention: 14d }\n");
    assert_eq!(one.default_queue().map(|queue| queue.name.as_str()), Some("q"));
    assert!(parse("queues: { a: , b: }\n").default_queue().is_none());
    assert!(parse("queues: {}\n").default_queue().is_none());
    let with = parse("topics: { t: }\nqueues: { q: , d: }\nsubscriptions: [{ topic: t, queue: q, dead_letter: d }]\n");
    assert_eq!(with.default_queue().map(|queue| queue.name.as_str()), Some("q"));
}
