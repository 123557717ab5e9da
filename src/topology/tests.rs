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
    assert_eq!(topology.route("Userservice", "UserRegistered").unwrap().topic, "users");
    assert!(topology.route("Userservice", "Userregisteredpayload").is_none());
    assert!(topology.warnings.is_empty(), "{:?}", topology.warnings);
}

#[test]
fn probe() {
    let text = PRODUCT
        .replace("retention: 4d", "retenton: 4d")
        .replace("30s", "30")
        .replace("topic: users }", "topic: user }");
    for p in problems(&text) {
        eprintln!("{p}");
    }
    for p in problems("a: b: c") {
        eprintln!("{p}");
    }
    for p in problems("a: [b\nc: d") {
        eprintln!("{p}");
    }
    for p in problems("version: 1\nversion: 1\nname: x\n") {
        eprintln!("{p}");
    }
    for p in problems("- 1\n") {
        eprintln!("{p}");
    }
    for p in problems("version: 1\n---\nversion: 2") {
        eprintln!("{p}");
    }
    for p in problems("version: 1\n\tname: x") {
        eprintln!("{p}");
    }
    for p in problems("version: *x") {
        eprintln!("{p}");
    }
    panic!();
}
