//! Which clause failed, on what, and what was nearly right.

use super::super::Mismatch;
use super::*;

fn attribute_failure(policy: &str, list: &[(&str, &str, &str)]) -> Mismatch {
    attribute_policy(policy).explain(&attributes(list), "{}").failure.expect("the policy fails")
}

fn body_failure(policy: &str, body: &str) -> Mismatch {
    body_policy(policy).explain(&Attributes::new(), body).failure.expect("the policy fails")
}

fn hint(mismatch: &Mismatch) -> &str {
    assert_eq!(mismatch.hints.len(), 1, "{:?}", mismatch.hints);
    &mismatch.hints[0]
}

#[test]
fn the_first_failing_clause_in_the_order_of_the_policy() {
    let failure = attribute_failure(
        r#"{"z": ["ok"], "b": [{"numeric": [">", 0, "<=", 5]}], "a": ["x"]}"#,
        &[("z", "String", "ok"), ("b", "Number", "7"), ("a", "String", "y")],
    );
    assert_eq!((failure.pointer.as_str(), failure.key.as_str()), ("/b", "b"));
    assert_eq!(failure.to_string(), "`b` is 7 (Number), wanted a number > 0 and <= 5");
    let verdict = attribute_policy(r#"{"z": ["ok"]}"#).explain(&attributes(&[("z", "String", "ok")]), "");
    assert!(verdict.matched && verdict.failure.is_none());
}

#[test]
fn clauses_are_readable() {
    for (clause, wanted) in [
        (r#""x", 5, true, null"#, "\"x\" or 5 or true or null"),
        (r#"{"prefix": "a"}, {"suffix": "b"}"#, "text starting with \"a\" or text ending with \"b\""),
        (r#"{"wildcard": "a*b"}"#, "text like \"a*b\""),
        (r#"{"equals-ignore-case": "a"}"#, "\"a\" in upper or lower case"),
        (r#"{"cidr": "10.0.0.7/24"}"#, "an address in 10.0.0.0/24"),
        (r#"{"numeric": ["=", 1.50]}"#, "a number = 1.50"),
        (r#"{"numeric": ["<", 1]}"#, "a number < 1"),
        (r#"{"exists": true}"#, "any value but null and empty text"),
        (r#"{"anything-but": "q"}"#, "anything but \"q\""),
        (r#"{"anything-but": [1, 2]}"#, "anything but 1 or 2"),
        (r#"{"anything-but": {"prefix": "a"}}"#, "anything but text starting with \"a\""),
        (
            r#""1", "2", "3", "4", "5", "6", "7", "8""#,
            "\"1\" or \"2\" or \"3\" or \"4\" or \"5\" or \"6\" or one of 2 more",
        ),
    ] {
        let failure = body_failure(&format!(r#"{{"k": [{clause}]}}"#), "{}");
        assert_eq!(failure.to_string(), format!("`k` is absent, wanted {wanted}"));
    }
    assert_eq!(
        body_failure(r#"{"k": [{"exists": false}]}"#, r#"{"k": 1}"#).to_string(),
        "`k` is 1, wanted no value at all"
    );
}

#[test]
fn values_that_are_shown() {
    assert_eq!(
        body_failure(r#"{"k": ["x"]}"#, r#"{"k": ["a", 1, null]}"#).to_string(),
        r#"`k` is ["a", 1, null], wanted "x""#
    );
    assert_eq!(
        body_failure(r#"{"a": {"k": ["x"]}}"#, r#"{"a": [{"k": "y"}, {"k": "z"}]}"#).to_string(),
        r#"`a.k` is ["y", "z"], wanted "x""#
    );
    let long = body_failure(r#"{"k": ["x"]}"#, &format!(r#"{{"k": "{}"}}"#, "é".repeat(1_000)));
    assert!(long.saw.is_some_and(|saw| saw.chars().count() < 210));
    let failure = attribute_failure(r#"{"k": ["x"]}"#, &[("k", "String.Array", r#"["y"]"#)]);
    assert_eq!(failure.to_string(), r#"`k` is ["y"] (String.Array), wanted "x""#);
    let failure = attribute_failure(r#"{"k": ["x"]}"#, &[("k", "String.Array", "[")]);
    assert_eq!(failure.to_string(), r#"`k` is [, which is no JSON array (String.Array), wanted "x""#);
}

#[test]
fn a_body_that_is_no_object() {
    assert_eq!(body_failure(r#"{"k": ["x"]}"#, "text").to_string(), "the message is no JSON, wanted a JSON object");
    assert_eq!(body_failure(r#"{"k": ["x"]}"#, "[]").to_string(), "the message is an array, wanted a JSON object");
}

#[test]
fn or_tells_why_each_branch_fails() {
    let failure = body_failure(r#"{"$or": [{"a": ["x"]}, {"b": ["y"], "c": ["z"]}]}"#, r#"{"a": "q", "b": "y"}"#);
    assert_eq!((failure.pointer.as_str(), failure.key.as_str()), ("/$or", "$or"));
    assert_eq!(
        failure.to_string(),
        "no branch of `$or` holds: `a` is \"q\", wanted \"x\"; `c` is absent, wanted \"z\""
    );
    assert_eq!(failure.branches[1].pointer, "/$or/1/c");
}

#[test]
fn values_from_different_elements() {
    let failure = body_failure(r#"{"r": {"a": [1], "b": [2]}}"#, r#"{"r": [{"a": 1}, {"b": 2}]}"#);
    assert_eq!(
        failure.to_string(),
        "the message is an object in which no single array element satisfies them all, wanted `r.a` and `r.b` to hold within one \
         element of each array"
    );
}

#[test]
fn case_and_the_python_spellings() {
    let seen = |policy: &str, value: &str| attribute_failure(policy, &[("eventName", "String", value)]);
    let failure = seen(r#"{"eventName": ["UserRegistered"]}"#, "userRegistered");
    assert_eq!(hint(&failure), "\"userRegistered\" differs from \"UserRegistered\" in upper and lower case only");
    let failure = seen(r#"{"eventName": ["UserRegistered"]}"#, "Userregisteredpayload");
    assert!(
        hint(&failure)
            .starts_with("\"Userregisteredpayload\" is what the Python library makes of `UserRegisteredPayload`")
    );
    let failure = seen(r#"{"eventName": ["UserRegistered"]}"#, "Userregistered");
    assert!(hint(&failure).starts_with("\"Userregistered\" is what the Python library makes of `UserRegistered`"));
    let failure = seen(r#"{"eventName": ["Userservice"]}"#, "UserService");
    assert!(
        hint(&failure)
            .starts_with("the policy holds \"Userservice\", the spelling that the Python library's publisher")
    );
    let failure = seen(r#"{"eventName": ["Userregisteredpayload"]}"#, "UserRegistered");
    assert!(hint(&failure).starts_with("the policy holds \"Userregisteredpayload\""));
    let failure = seen(r#"{"eventName": ["UserRegistered"]}"#, "UserRegistred");
    assert_eq!(hint(&failure), "\"UserRegistred\" is close to \"UserRegistered\"");
    let failure = seen(r#"{"eventName": ["UserRegistered"]}"#, "user_registered");
    assert_eq!(hint(&failure), "\"user_registered\" and \"UserRegistered\" differ in their separators");
    let failure = seen(r#"{"eventName": ["UserRegistered"]}"#, " UserRegistered");
    assert_eq!(hint(&failure), "\" UserRegistered\" and \"UserRegistered\" differ in white space");
    assert_eq!(seen(r#"{"eventName": ["UserRegistered"]}"#, "OrderPlaced").hints, Vec::<String>::new());
    let failure = seen(r#"{"eventName": [{"prefix": "User"}]}"#, "userRegistered");
    assert!(hint(&failure).contains("upper and lower case only"));
}

#[test]
fn types_that_were_mixed_up() {
    let failure = attribute_failure(r#"{"n": [5]}"#, &[("n", "String", "5")]);
    assert_eq!(failure.to_string(), "`n` is \"5\" (String), wanted 5");
    assert_eq!(hint(&failure), "\"5\" was sent as text: a numeric clause compares the type Number only");
    let failure = attribute_failure(r#"{"n": [{"numeric": [">", 1]}]}"#, &[("n", "String", "5")]);
    assert!(hint(&failure).contains("the type Number only"));
    assert_eq!(
        attribute_failure(r#"{"n": [{"numeric": [">", 9]}]}"#, &[("n", "String", "5")]).hints,
        Vec::<String>::new()
    );
    assert!(hint(&attribute_failure(r#"{"n": ["5"]}"#, &[("n", "Number", "5")])).contains("types are never converted"));
    assert!(hint(&body_failure(r#"{"n": [true]}"#, r#"{"n": "true"}"#)).contains("truth value"));
    assert!(hint(&body_failure(r#"{"n": ["true"]}"#, r#"{"n": true}"#)).contains("truth value"));
    assert!(hint(&attribute_failure(r#"{"n": ["a"]}"#, &[("n", "String", "[\"a\"]")])).contains("String.Array"));
}

#[test]
fn names_that_are_nearly_right() {
    let failure = attribute_failure(r#"{"eventName": ["X"]}"#, &[("EventName", "String", "X")]);
    assert_eq!(hint(&failure), "the message has the attribute `EventName`: names are compared letter by letter");
    let failure = attribute_failure(r#"{"eventName": ["X"]}"#, &[("event_name", "String", "X")]);
    assert!(hint(&failure).contains("`event_name`"));
    let failure = attribute_failure(r#"{"eventName": ["X"]}"#, &[("evntName", "String", "X")]);
    assert_eq!(hint(&failure), "the message has the attribute `evntName`");
    let failure = body_failure(r#"{"metadata": {"eventName": ["X"]}}"#, r#"{"Metadata": {"EventName": "X"}}"#);
    assert_eq!(hint(&failure), "the body has `Metadata.EventName`: names are compared letter by letter");
    let failure = body_failure(r#"{"eventName": ["X"]}"#, r#"{"Metadata": {"EventName": "X"}}"#);
    assert_eq!(hint(&failure), "the body has `Metadata.EventName`");
    let failure = body_failure(r#"{"Payload": ["X"]}"#, r#"{"Payload": {"Id": "X"}}"#);
    assert_eq!(hint(&failure), "`Payload` is an object: policies compare the values inside it");
}

#[test]
fn looking_in_the_wrong_place() {
    let policy = attribute_policy(r#"{"country": ["X"]}"#);
    let failure = policy
        .explain(&attributes(&[("q", "String", "z")]), r#"{"Payload": {"Country": "X"}}"#)
        .failure
        .expect("absent");
    assert_eq!(
        hint(&failure),
        "the body has `Payload.Country`, but this policy looks at attributes (scope `attributes`)"
    );
    let policy = body_policy(r#"{"eventName": ["X"]}"#);
    let failure = policy.explain(&attributes(&[("eventName", "String", "X")]), "{}").failure.expect("absent");
    assert_eq!(
        hint(&failure),
        "the message has the attribute `eventName`, but this policy looks at the body (scope `body`)"
    );
    assert_eq!(
        hint(&attribute_failure(r#"{"k": ["x"]}"#, &[("k", "Binary", "x")])),
        "`k` is there as Binary, which filter policies ignore"
    );
    assert!(hint(&attribute_failure(r#"{"k": ["x"]}"#, &[("k", "String.Array", "[]")])).contains("empty array"));
    assert_eq!(hint(&attribute_failure(r#"{"k": ["x"]}"#, &[])), "the message has no attributes at all");
    assert!(hint(&attribute_failure(r#"{"k": [{"exists": false}]}"#, &[])).contains("at least one other attribute"));
}
