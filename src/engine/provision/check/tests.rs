use std::fs;

use super::*;

const USER: &str = r##"{
  "type": "object",
  "required": ["id"],
  "properties": {
    "id": { "type": "string" },
    "plan": { "enum": ["free", "team"] },
    "age": { "type": ["integer", "null"] },
    "address": { "$ref": "#/$defs/address" },
    "tags": { "type": "array", "items": { "enum": ["a", "b"] } },
    "contact": { "oneOf": [{ "properties": { "mail": { "type": "string" } } }, { "properties": { "phone": { "const": "none" } } }] }
  },
  "$defs": { "address": { "type": "object", "additionalProperties": false, "properties": { "city": { "type": "string" } } } }
}"##;

/// What is found in `topology`, in a project whose schemas are those.
fn found(topology: &str, schemas: &[(&str, &str)], publisher: Option<&str>) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in schemas {
        fs::write(folder.path().join(name), text).unwrap();
    }
    let catalogue = Catalogue::open(folder.path()).unwrap();
    let topology = Topology::parse(&format!("version: 1\nname: t\n{topology}"), "t.yaml").unwrap();
    let around = Surroundings {
        catalogue: &catalogue,
        envelope: EnvelopeStyle::Pascal,
        publisher,
        consumes: (None, Some(Duration::from_secs(60))),
        routes_here: true,
    };
    let shown = |p: &Problem| format!("{p} | {}", p.fix.as_deref().unwrap_or("no fix"));
    let folder = folder.path().display().to_string();
    check(&topology, &around).iter().map(|problem| shown(problem).replace(&folder, "schemas")).collect()
}

/// What is found for one filter on the topic that `UserRegistered` goes to.
fn of_filter(scope: &str, filter: &str) -> Vec<String> {
    let topology = format!(
        "topics: {{ users: , orders: }}\nqueues: {{ q: {{ visibility_timeout: 1m }} }}\nsubscriptions:\n  - {{ topic: users, queue: q, scope: {scope}, filter: {filter} }}\nevents:\n  UserRegistered: {{ topic: users }}\n  Shop.OrderPlaced: {{ topic: orders }}\n"
    );
    found(&topology, &[("UserRegistered.json", USER), ("OrderPlaced.json", "{}")], None)
}

#[test]
fn filters_that_something_can_pass_are_not_complained_about() {
    for (scope, filter) in [
        ("attributes", "{ eventName: [UserRegistered] }"),
        ("attributes", "{ eventName: [UserRegistered, Userregisteredpayload], tier: [{ numeric: [\">\", 1] }] }"),
        ("attributes", "{ eventName: [{ prefix: User }] }"),
        ("attributes", "{ eventName: [{ anything-but: OrderPlaced }] }"),
        ("attributes", "{ publisherName: [Userservice] }"),
        ("attributes", "{ publisherName: [UserService, Userservice] }"),
        ("body", "{ Payload: { plan: [team] }, Metadata: { EventName: [UserRegistered] } }"),
        ("body", "{ Payload: { age: [{ numeric: [\">\", 17] }, null] } }"),
        ("body", "{ Payload: { address: { city: [Berlin] } } }"),
        ("body", "{ Payload: { tags: [b] } }"),
        ("body", "{ Payload: { contact: { mail: [{ suffix: \".org\" }] } } }"),
        ("body", "{ Payload: { plan: [{ exists: false }] } }"),
        ("body", "{ Metadata: { ContainsPersonalData: [true] } }"),
        ("body", "{ $or: [{ Payload: { plan: [team] } }, { Payload: { age: [18] } }] }"),
    ] {
        assert_eq!(of_filter(scope, filter), Vec::<String>::new(), "{filter}");
    }
}

#[test]
fn what_no_event_has_is_told_with_what_there_is() {
    for (scope, filter, wanted) in [
        (
            "attributes",
            "{ eventName: [UserRegistred] }",
            "is \"UserRegistred\", and no event of that name goes to `users` | did you mean `UserRegistered`?",
        ),
        (
            "attributes",
            "{ eventName: [UserRegistered, OrderPlaced] }",
            "which goes to the topic `orders` and not to `users` | subscribe to `orders`",
        ),
        (
            "attributes",
            "{ event_name: [UserRegistered] }",
            "every publisher sets that attribute in another spelling | did you mean `eventName`?",
        ),
        ("attributes", "{ eventName: [5] }", "is 5, and no event of that name goes to `users`"),
        (
            "body",
            "{ Payload: { plan: [free, gold] } }",
            "`subscriptions.0.filter.Payload.plan.1` wants \"gold\", which no schema of the events that go to `users` allows | what it can be is `free` and `team`",
        ),
        (
            "body",
            "{ Payload: { pln: [free] } }",
            "no schema of the events that go to `users` has `pln` | did you mean `plan`?",
        ),
        ("body", "{ Payload: { Plan: [free] } }", "| did you mean `plan`?"),
        ("body", "{ Payload: { address: { street: [x] } } }", "has `address.street` | "),
        ("body", "{ Payload: { age: [\"18\"] } }", "wants \"18\", which no schema"),
        ("body", "{ Payload: { tags: [c] } }", "wants \"c\", which no schema"),
        ("body", "{ Payload: { id: [{ exists: false }] } }", "wants no value at all, which no schema"),
        (
            "body",
            "{ Metadata: { eventName: [UserRegistered] } }",
            "the envelope has no such key | write `Metadata: { EventName: […] }`",
        ),
        (
            "body",
            "{ metadata: { EventName: [UserRegistered] } }",
            "the envelope has no such key | write `Metadata: { EventName: […] }`",
        ),
        ("body", "{ plan: [free] }", "the envelope has no such key | write `Payload: { plan: […] }`"),
        ("body", "{ Metadata: { ContainsPersonalData: [\"true\"] } }", "wants \"true\", which"),
    ] {
        let found = of_filter(scope, filter);
        assert!(found.iter().any(|problem| problem.contains(wanted)), "{filter}: {found:#?}");
        assert!(found.iter().all(|problem| problem.starts_with("t.yaml:6:")), "{filter}: {found:#?}");
    }
}

#[test]
fn a_subscription_that_nothing_can_reach_is_told_once_more() {
    let unreachable = |found: &[String]| found.iter().any(|p| p.contains("so `q` gets nothing from it"));
    for (filter, expected) in [
        ("{ eventName: [UserRegistred] }", true),
        ("{ eventName: [UserRegistred, UserRegistered] }", false),
        ("{ eventName: [UserRegistered], entityName: [Whatever] }", false),
    ] {
        assert_eq!(unreachable(&of_filter("attributes", filter)), expected, "{filter}");
    }
    assert!(unreachable(&of_filter("body", "{ Payload: { plan: [gold] } }")));
    assert!(!unreachable(&of_filter("body", "{ Payload: { plan: [gold, free] } }")));
    let nothing = found(
        "topics: { users: , lonely: }\nqueues: { q: { visibility_timeout: 1m } }\nsubscriptions: [{ topic: lonely, queue: q }]\nevents: { A: { topic: users } }\n",
        &[],
        None,
    );
    assert_eq!(
        nothing,
        [
            "t.yaml:5:17: `q` is subscribed to `lonely`, and `events:` sends nothing there | add `EVENT: { topic: lonely }` under `events:`"
        ]
    );
}

#[test]
fn patterns_carry_what_nobody_else_takes() {
    let with = |filter: &str| {
        let topology = format!(
            "topics: {{ shop: , rest: }}\nqueues: {{ q: {{ visibility_timeout: 1m }} }}\nsubscriptions:\n  - {{ topic: shop, queue: q, filter: {filter} }}\nevents:\n  Shop.Order*: {{ topic: shop }}\n  Shop.OrderLost: {{ topic: rest }}\n"
        );
        found(&topology, &[], None)
    };
    assert_eq!(with("{ eventName: [OrderPlaced], publisherName: [Shop] }"), Vec::<String>::new());
    assert!(
        with("{ eventName: [UserRegistered] }")
            .iter()
            .any(|problem| problem.contains("no event of that name goes to `shop`"))
    );
    assert!(
        with("{ eventName: [OrderLost] }").iter().any(|problem| problem.contains("which goes to the topic `rest`"))
    );
    let undotted = "topics: { shop: }\nqueues: { q: { visibility_timeout: 1m } }\nsubscriptions:\n  - { topic: shop, queue: q, filter: { eventName: [OrderPlaced] } }\nevents:\n  Shop*: { topic: shop }\n";
    assert_eq!(found(undotted, &[], None), Vec::<String>::new(), "`Shop.OrderPlaced` fits `Shop*`");
    assert!(
        with("{ publisherName: [Stop] }")
            .iter()
            .any(|problem| problem.contains("nothing that goes to `shop` is published by \"Stop\""))
    );
}

#[test]
fn the_camelizers_traps() {
    let with = |filter: &str, publisher| {
        let topology = format!(
            "topics: {{ users: }}\nqueues: {{ q: {{ visibility_timeout: 1m }} }}\nsubscriptions:\n  - {{ topic: users, queue: q, filter: {filter} }}\nevents:\n  UserRegistered: {{ topic: users }}\n"
        );
        found(&topology, &[], publisher)
    };
    let trap = with("{ publisherName: [UserService] }", None);
    assert_eq!(
        trap,
        [
            "t.yaml:6:57: `subscriptions.0.filter.publisherName.0` is `UserService`: the Python library sends it as `Userservice`, which does not pass | list both: `publisherName: [UserService, Userservice]`"
        ]
    );
    assert_eq!(with("{ publisherName: [{ equals-ignore-case: userservice }] }", None), Vec::<String>::new());
    let own = with("{ publisherName: [Userservice] }", Some("UserService"));
    assert!(own[0].contains("`eventbus publish` sends `UserService`"), "{own:?}");
    let callback = with("{ eventName: [Userregisteredpayload] }", None);
    assert_eq!(callback.len(), 1, "{callback:?}");
    assert!(callback[0].contains("task callbacks make of `UserRegistered`"), "{callback:?}");
    assert!(callback[0].ends_with("| list both: `eventName: [Userregisteredpayload, UserRegistered]`"), "{callback:?}");
}

#[test]
fn events_without_a_route_and_routes_without_a_schema() {
    let topology = "topics: { users: }\nevents:\n  UserRegistered: { topic: users, schema: UserRegistred }\n  Broken: { topic: users }\n";
    let schemas = [("UserRegistered.json", "{}"), ("UserMoved.json", "{}"), ("Broken.json", "{")];
    let found = found(topology, &schemas, None);
    assert_eq!(found.len(), 3, "{found:#?}");
    assert!(found[0].contains("event `UserMoved` has a schema in schemas and no route"), "{found:#?}");
    assert!(found[0].contains("| add `UserMoved: { topic: users }` under `events:`"), "{found:#?}");
    assert!(found[1].contains("`events.UserRegistered.schema` is `UserRegistred`"), "{found:#?}");
    assert!(
        found[1].ends_with("| did you mean `UserRegistered`?") || found[1].contains("`UserRegistered`"),
        "{found:#?}"
    );
    assert!(found[2].contains("the schema of `Broken` cannot be used"), "{found:#?}");
}

#[test]
fn a_queue_hides_messages_as_long_as_a_handler_may_take() {
    let short = found(
        "queues:\n  q: { visibility_timeout: 59s, dead_letter: { queue: d } }\n  d: { retention: 14d }\n",
        &[],
        None,
    );
    assert_eq!(
        short,
        [
            "t.yaml:4:28: `queues.q.visibility_timeout` is 59s, and a handler may take 1m (`consume.timeout` in eventbus.yaml): messages come back while they are handled | write `visibility_timeout: 1m`"
        ]
    );
    assert_eq!(found("queues: { q: { visibility_timeout: 1m } }\n", &[], None), Vec::<String>::new());
}
