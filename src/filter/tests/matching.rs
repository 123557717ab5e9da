//! What passes and what does not.

use super::*;
use proptest::prelude::*;

#[test]
fn keys_are_and_values_are_or() {
    let policy = r#"{"a": ["x", "y"], "b": [1]}"#;
    assert!(body(policy, r#"{"a": "y", "b": 1, "c": "ignored"}"#));
    assert!(!body(policy, r#"{"a": "y", "b": 2}"#));
    assert!(!body(policy, r#"{"a": "y"}"#));
    assert!(!body(policy, r#"{"b": 1}"#));
    assert!(attribute(policy, &[("a", "String", "x"), ("b", "Number", "1"), ("c", "String", "?")]));
    assert!(!attribute(policy, &[("a", "String", "x")]));
}

#[test]
fn types_are_distinct() {
    assert!(!body(r#"{"a": ["100"]}"#, r#"{"a": 100}"#));
    assert!(!body(r#"{"a": [100]}"#, r#"{"a": "100"}"#));
    assert!(!body(r#"{"a": ["true"]}"#, r#"{"a": true}"#));
    assert!(!body(r#"{"a": [true]}"#, r#"{"a": "true"}"#));
    assert!(!body(r#"{"a": [null]}"#, r#"{"a": "null"}"#));
    assert!(!body(r#"{"a": [false]}"#, r#"{"a": 0}"#));
    assert!(body(r#"{"a": [null]}"#, r#"{"a": null}"#));
    assert!(body(r#"{"a": [false]}"#, r#"{"a": false}"#));
    assert!(!attribute(r#"{"a": ["100"]}"#, &[("a", "Number", "100")]));
    assert!(!attribute(r#"{"a": [100]}"#, &[("a", "String", "100")]));
    assert!(!attribute(r#"{"a": [true]}"#, &[("a", "String", "true")]));
    assert!(!attribute(r#"{"a": [{"numeric": ["=", 100]}]}"#, &[("a", "String", "100")]));
    assert!(!body(r#"{"a": ["X"]}"#, r#"{"a": "x"}"#));
    assert!(!body(r#"{"A": ["x"]}"#, r#"{"a": "x"}"#), "keys are case-sensitive, too");
}

#[test]
fn numbers_are_values_not_spellings() {
    for spelling in ["1", "1.0", "1e0", "10e-1", "0.1E+1"] {
        assert!(body(r#"{"a": [1]}"#, &format!(r#"{{"a": {spelling}}}"#)), "{spelling}");
        assert!(body(&format!(r#"{{"a": [{spelling}]}}"#), r#"{"a": 1}"#), "{spelling}");
        assert!(attribute(r#"{"a": [1]}"#, &[("a", "Number", spelling)]), "{spelling}");
        assert!(attribute(r#"{"a": [1]}"#, &[("a", "Number.int", spelling)]), "{spelling}");
    }
    assert!(body(r#"{"a": [9007199254740993]}"#, r#"{"a": 9007199254740993}"#));
    assert!(!body(r#"{"a": [9007199254740993]}"#, r#"{"a": 9007199254740992}"#));
    assert!(body(r#"{"a": [123456789012345678901234567890]}"#, r#"{"a": 123456789012345678901234567890}"#));
    assert!(body(r#"{"a": [0]}"#, r#"{"a": -0.0}"#));
    assert!(body(r#"{"a": [{"numeric": [">", 1e308]}]}"#, r#"{"a": 1e999}"#), "a number no float holds");
}

#[test]
fn numeric_ranges() {
    let range = r#"{"n": [{"numeric": [">", 0, "<=", 150]}]}"#;
    for (value, passes) in [
        ("0", false),
        ("0.00001", true),
        ("150", true),
        ("150.0", true),
        ("150.1", false),
        ("-3", false),
        ("1e2", true),
    ] {
        assert_eq!(body(range, &format!(r#"{{"n": {value}}}"#)), passes, "{value}");
        assert_eq!(attribute(range, &[("n", "Number", value)]), passes, "{value}");
    }
    for (policy, value, passes) in [
        (r#"["<", 0]"#, "-0.1", true),
        (r#"["<", 0]"#, "0", false),
        (r#"["<=", 0]"#, "0", true),
        (r#"[">=", 0]"#, "0", true),
        (r#"[">=", 0, "<", 1]"#, "1", false),
        (r#"["=", 301.5]"#, "3.015e2", true),
        (r#"["=", -1]"#, "-1.0", true),
        (r#"["=", 1]"#, "1.1", false),
    ] {
        let policy = format!(r#"{{"n": [{{"numeric": {policy}}}]}}"#);
        assert_eq!(body(&policy, &format!(r#"{{"n": {value}}}"#)), passes, "{policy} {value}");
    }
    assert!(!body(range, r#"{"n": "5"}"#));
    assert!(!body(range, r#"{"n": null}"#));
    assert!(body(range, r#"{"n": [200, 5]}"#), "any element");
    assert!(!attribute(range, &[("n", "Number", "abc")]));
}

#[test]
fn arrays_pass_with_any_element() {
    assert!(body(r#"{"a": ["x"]}"#, r#"{"a": ["y", "x"]}"#));
    assert!(!body(r#"{"a": ["x"]}"#, r#"{"a": ["y"]}"#));
    assert!(body(r#"{"a": ["x"]}"#, r#"{"a": [["y"], [["x"]]]}"#), "arrays of arrays");
    assert!(!body(r#"{"a": ["x"]}"#, r#"{"a": []}"#));
    assert!(body(r#"{"a": [2]}"#, r#"{"a": ["y", null, 2]}"#));
    assert!(attribute(r#"{"a": [null]}"#, &[("a", "String.Array", r#"["x", null]"#)]));
    assert!(attribute(r#"{"a": [true]}"#, &[("a", "String.Array", "[true]")]));
    assert!(attribute(r#"{"a": [5]}"#, &[("a", "String.Array", "[5.0]")]));
    assert!(attribute(r#"{"a": [{"prefix": "ba"}]}"#, &[("a", "String.Array", r#"["x", "ball"]"#)]));
    assert!(!attribute(r#"{"a": ["[\"x\"]"]}"#, &[("a", "String.Array", r#"["x"]"#)]));
    assert!(attribute(r#"{"a": ["[\"x\"]"]}"#, &[("a", "String", r#"["x"]"#)]), "String is never split");
}

#[test]
fn an_empty_array_is_absent() {
    assert!(!body(r#"{"a": [{"exists": true}]}"#, r#"{"a": []}"#));
    assert!(body(r#"{"a": [{"exists": false}]}"#, r#"{"a": []}"#));
    assert!(body(r#"{"a": [{"exists": false}]}"#, r#"{"a": [[], [[]]]}"#));
    assert!(!body(r#"{"a": [{"anything-but": "x"}]}"#, r#"{"a": []}"#));
    assert!(!attribute(r#"{"a": [{"exists": true}]}"#, &[("a", "String.Array", "[]")]));
    assert!(attribute(r#"{"a": [{"exists": false}]}"#, &[("a", "String.Array", "[]")]));
    assert!(!attribute(r#"{"a": [{"anything-but": "x"}]}"#, &[("a", "String.Array", "[]")]));
}

#[test]
fn a_malformed_array_attribute_passes_nothing() {
    for text in ["", "[", "x", "{}", "\"x\"", "[1,]"] {
        for policy in [
            r#"{"a": ["x"]}"#,
            r#"{"a": [{"exists": true}]}"#,
            r#"{"a": [{"exists": false}]}"#,
            r#"{"a": [{"anything-but": "y"}]}"#,
        ] {
            assert!(!attribute(policy, &[("a", "String.Array", text), ("b", "String", "x")]), "{policy} {text}");
        }
    }
    assert!(
        attribute(r#"{"b": ["x"]}"#, &[("a", "String.Array", "["), ("b", "String", "x")]),
        "only named attributes are read"
    );
}

#[test]
fn anything_but() {
    for (operand, value, passes) in [
        (r#""x""#, r#""y""#, true),
        (r#""x""#, r#""x""#, false),
        (r#"["x", "y"]"#, r#""y""#, false),
        (r#"["x", "y"]"#, r#"["y", "z"]"#, true),
        (r#"["x", "y"]"#, r#"["y", "x"]"#, false),
        (r#""x""#, "5", true),
        (r#""5""#, "5", true),
        ("5", r#""5""#, true),
        ("5", "5.0", false),
        ("[5, 6]", "6", false),
        ("[5, 6]", "7", true),
        (r#""x""#, "null", true),
        (r#""x""#, "true", true),
        (r#"{"prefix": "or"}"#, r#""order""#, false),
        (r#"{"prefix": "or"}"#, r#""data""#, true),
        (r#"{"prefix": "or"}"#, "5", true),
        (r#"{"suffix": "er"}"#, r#""order""#, false),
        (r#"{"suffix": "er"}"#, r#""data""#, true),
        (r#"{"wildcard": "o*r"}"#, r#""order""#, false),
        (r#"{"wildcard": "o*r"}"#, r#""orders""#, true),
        (r#"{"wildcard": "o*r"}"#, r#"["order", "orders"]"#, true),
        (r#"{"equals-ignore-case": "ORDER"}"#, r#""order""#, false),
        (r#"{"equals-ignore-case": ["A", "b"]}"#, r#""B""#, false),
        (r#"{"prefix": ["a", "b"]}"#, r#""bx""#, false),
        (r#"{"prefix": ["a", "b"]}"#, r#""cx""#, true),
    ] {
        let policy = format!(r#"{{"a": [{{"anything-but": {operand}}}]}}"#);
        assert_eq!(body(&policy, &format!(r#"{{"a": {value}}}"#)), passes, "{policy} {value}");
        assert!(!body(&policy, r#"{"b": 1}"#), "absent: {policy}");
    }
    let or_absent = r#"{"a": [{"anything-but": "x"}, {"exists": false}]}"#;
    assert!(body(or_absent, r#"{"b": 1}"#));
    assert!(body(or_absent, r#"{"a": "y"}"#));
    assert!(!body(or_absent, r#"{"a": "x"}"#));
    let two = r#"{"a": [{"anything-but": {"prefix": "a"}}, {"anything-but": {"prefix": "b"}}]}"#;
    assert!(body(two, r#"{"a": "ax"}"#) && body(two, r#"{"a": "bx"}"#), "alternatives, not both");
}

#[test]
fn text_operators_look_at_text_only() {
    for operator in [
        r#"{"prefix": ""}"#,
        r#"{"suffix": ""}"#,
        r#"{"wildcard": "*"}"#,
        r#"{"prefix": "1"}"#,
        r#"{"equals-ignore-case": "1"}"#,
    ] {
        let policy = format!(r#"{{"a": [{operator}]}}"#);
        for value in ["1", "true", "null"] {
            assert!(!body(&policy, &format!(r#"{{"a": {value}}}"#)), "{policy} {value}");
        }
        assert!(!attribute(&policy, &[("a", "Number", "1")]), "{policy}");
        assert!(body(&policy, r#"{"a": "1"}"#), "{policy}");
    }
    assert!(body(r#"{"a": [{"equals-ignore-case": "tennis"}]}"#, r#"{"a": "TeNNis"}"#));
    assert!(body(r#"{"a": ["\u00e9\n"]}"#, r#"{"a": "é\n"}"#), "escapes are read on both sides");
    assert!(body(r#"{"a": [{"wildcard": "\\*\\\\*"}]}"#, r#"{"a": "*\\x"}"#));
}

#[test]
fn addresses() {
    let v4 = r#"{"ip": [{"cidr": "10.0.0.0/24"}]}"#;
    for (address, passes) in [
        ("10.0.0.0", true),
        ("10.0.0.255", true),
        ("10.0.1.0", false),
        ("10.0.0.256", false),
        ("::1", false),
        ("10.0.0", false),
        ("x", false),
    ] {
        assert_eq!(body(v4, &format!(r#"{{"ip": "{address}"}}"#)), passes, "{address}");
    }
    assert!(body(r#"{"ip": [{"cidr": "10.0.0.77/24"}]}"#, r#"{"ip": "10.0.0.1"}"#), "the host part does not count");
    assert!(body(r#"{"ip": [{"cidr": "0.0.0.0/0"}]}"#, r#"{"ip": "255.1.2.3"}"#));
    assert!(body(r#"{"ip": [{"cidr": "10.0.0.2/31"}]}"#, r#"{"ip": "10.0.0.3"}"#));
    let v6 = r#"{"ip": [{"cidr": "2001:db8:1234:1a00::/64"}]}"#;
    assert!(body(v6, r#"{"ip": "2001:db8:1234:1a00::1"}"#));
    assert!(body(v6, r#"{"ip": "2001:0DB8:1234:1A00:FFFF:0:0:1"}"#));
    assert!(!body(v6, r#"{"ip": "2001:db8:1234:1a01::1"}"#));
    assert!(!body(v4, r#"{"ip": 10}"#));
    assert!(attribute(v4, &[("ip", "String.Array", r#"["x", "10.0.0.9"]"#)]));
}

#[test]
fn existence() {
    let there = r#"{"a": [{"exists": true}]}"#;
    let gone = r#"{"a": [{"exists": false}]}"#;
    for value in ["0", "false", "\"x\"", "[null, 1]", "[\"\", \"x\"]"] {
        assert!(body(there, &format!(r#"{{"a": {value}}}"#)), "{value}");
        assert!(!body(gone, &format!(r#"{{"a": {value}}}"#)), "{value}");
    }
    for value in ["null", "\"\""] {
        assert!(!body(there, &format!(r#"{{"a": {value}}}"#)), "{value}: the page wants non-null and non-empty");
        assert!(!body(gone, &format!(r#"{{"a": {value}}}"#)), "{value}: the key is there");
    }
    assert!(body(gone, "{}") && body(gone, r#"{"b": 1}"#));
    assert!(!body(there, r#"{"a": {"b": 1}}"#), "leaves only");
    assert!(body(gone, r#"{"a": {"b": 1}}"#), "leaves only");
    assert!(attribute(gone, &[("b", "String", "x")]));
    assert!(!attribute(gone, &[]), "no attributes at all");
    assert!(!attribute(r#"{"$or": [{"a": [{"exists": false}]}, {"b": ["x"]}]}"#, &[]));
    assert!(attribute(gone, &[("a", "Binary", "x"), ("b", "String", "x")]), "Binary is ignored");
    assert!(!attribute(there, &[("a", "Binary", "x")]));
    assert!(!attribute(gone, &[("a", "String", "x")]));
}

#[test]
fn or() {
    let policy = r#"{"s": ["c"], "$or": [{"m": ["x"]}, {"t": ["y"], "$or": [{"i": [1]}, {"j": [2]}]}]}"#;
    for (message, passes) in [
        (r#"{"s": "c", "m": "x"}"#, true),
        (r#"{"s": "c", "t": "y", "i": 1}"#, true),
        (r#"{"s": "c", "t": "y", "j": 2}"#, true),
        (r#"{"s": "c", "t": "y"}"#, false),
        (r#"{"s": "c", "i": 1}"#, false),
        (r#"{"m": "x"}"#, false),
        (r#"{"s": "c"}"#, false),
    ] {
        assert_eq!(body(policy, message), passes, "{message}");
    }
    assert!(attribute(policy, &[("s", "String", "c"), ("t", "String", "y"), ("j", "Number", "2")]));
    assert!(!attribute(policy, &[("s", "String", "c"), ("t", "String", "y"), ("j", "Number", "3")]));
    let nested = r#"{"d": {"$or": [{"a": ["x"]}, {"b": {"c": ["y"]}}]}}"#;
    assert!(body(nested, r#"{"d": {"a": "x"}}"#) && body(nested, r#"{"d": {"b": {"c": "y"}}}"#));
    assert!(!body(nested, r#"{"a": "x"}"#));
    let two = r#"{"$or": [{"a": ["1"]}, {"a": ["2"]}], "b": {"$or": [{"c": ["3"]}, {"d": ["4"]}]}}"#;
    assert!(body(two, r#"{"a": "2", "b": {"d": "4"}}"#) && !body(two, r#"{"a": "2", "b": {"d": "3"}}"#));
}

#[test]
fn or_as_an_ordinary_key() {
    assert!(body(r#"{"$or": ["x", "y"]}"#, r#"{"$or": "y"}"#));
    assert!(body(r#"{"$or": [{"prefix": "x"}]}"#, r#"{"$or": "xy"}"#));
    assert!(body(r#"{"$or": [{"prefix": "x"}, {"suffix": "z"}]}"#, r#"{"$or": "yz"}"#));
    assert!(body(r#"{"$or": {"a": ["x"]}}"#, r#"{"$or": {"a": "x"}}"#));
    assert!(attribute(r#"{"$or": [{"exists": true}, "x"]}"#, &[("$or", "String", "x")]));
}

#[test]
fn bodies_that_are_no_objects_never_pass() {
    for message in
        ["", "text", "\"a\"", "[{\"a\": \"x\"}]", "null", "1", "{\"a\": \"x\"", "{\"a\": \"x\"} x", "{'a': 'x'}"]
    {
        assert!(!body(r#"{"a": ["x"]}"#, message), "{message}");
        assert!(!body(r#"{"b": [{"exists": false}]}"#, message), "{message}");
    }
    assert!(body(r#"{"a": ["x"]}"#, " {\"a\": \"x\"}\n"));
}

#[test]
fn nesting_and_dots() {
    for policy in
        [r#"{"a": {"b": {"c": ["x"]}}}"#, r#"{"a.b.c": ["x"]}"#, r#"{"a.b": {"c": ["x"]}}"#, r#"{"a": {"b.c": ["x"]}}"#]
    {
        for message in
            [r#"{"a": {"b": {"c": "x"}}}"#, r#"{"a.b.c": "x"}"#, r#"{"a.b": {"c": "x"}}"#, r#"{"a": {"b.c": "x"}}"#]
        {
            assert!(body(policy, message), "{policy} {message}");
        }
        for message in [
            r#"{"a": {"b": "x"}}"#,
            r#"{"a.b.c": "y"}"#,
            r#"{"b": {"c": "x"}}"#,
            r#"{"a": {"b": {"c": {"d": "x"}}}}"#,
            r#"{"ab": {"c": "x"}}"#,
        ] {
            assert!(!body(policy, message), "{policy} {message}");
        }
    }
    assert!(attribute(r#"{"a.b": ["x"]}"#, &[("a.b", "String", "x")]));
    assert!(body(r#"{"": ["x"]}"#, r#"{"": "x"}"#));
    assert!(body(r#"{"a": {"": ["x"]}}"#, r#"{"a": {"": "x"}}"#));
}

#[test]
fn fields_of_one_object_come_from_one_array_element() {
    let policy = r#"{"r": {"k": ["a"], "n": ["b"]}}"#;
    assert!(body(policy, r#"{"r": [{"k": "x"}, {"k": "a", "n": "b"}]}"#));
    assert!(!body(policy, r#"{"r": [{"k": "a", "n": "x"}, {"k": "x", "n": "b"}]}"#));
    assert!(body(policy, r#"{"r": [[{"k": "a", "n": "b"}]]}"#));
    assert!(!body(policy, r#"{"r": [[{"k": "a"}], [{"n": "b"}]]}"#));
    assert!(body(policy, r#"{"r": [{"k": ["x", "a"], "n": ["b"]}]}"#), "values in lists belong to their object");
    let deep = r#"{"r": {"k": ["a"], "s": {"t": ["b"]}}}"#;
    assert!(body(deep, r#"{"r": [{"k": "a", "s": [{"t": "x"}, {"t": "b"}]}]}"#));
    assert!(!body(deep, r#"{"r": [{"k": "a", "s": [{"t": "x"}]}, {"k": "x", "s": [{"t": "b"}]}]}"#));
    let unrelated = r#"{"a": {"k": ["1"]}, "b": {"k": ["2"]}}"#;
    assert!(
        body(unrelated, r#"{"a": [{"k": "0"}, {"k": "1"}], "b": [{"k": "2"}, {"k": "0"}]}"#),
        "two arrays, two choices"
    );
    let absent = r#"{"r": {"k": ["a"], "z": [{"exists": false}]}}"#;
    assert!(body(absent, r#"{"r": [{"k": "a"}, {"k": "x", "z": 1}]}"#));
    assert!(!body(absent, r#"{"r": [{"k": "a", "z": 1}, {"k": "x"}]}"#));
    let or = r#"{"r": {"$or": [{"k": ["a"], "n": ["b"]}, {"m": ["c"]}]}}"#;
    assert!(!body(or, r#"{"r": [{"k": "a"}, {"n": "b"}]}"#));
    assert!(body(or, r#"{"r": [{"k": "a"}, {"m": "c"}]}"#));
}

#[test]
fn many_elements_are_affordable() {
    // Three sibling lists whose every element passes, and one property that never does in the right element: a search through
    // all combinations would take 10^9 steps.
    let list = |key: &str| format!(r#""{key}": [{}]"#, vec![r#"{"x": "y"}"#; 1_000].join(","));
    let message = format!(r#"{{"r": [{{{}, {}, {}}}, {{"z": "no"}}]}}"#, list("a"), list("b"), list("c"));
    let policy = body_policy(r#"{"r.a.x": ["y"], "r.b.x": ["y"], "r.c.x": ["y"], "r.z": ["no"]}"#);
    assert!(!policy.matches(&Attributes::new(), &message));
    let rows = (0..20_000).map(|i| format!(r#"{{"k": "a{i}", "n": "b{}"}}"#, i + 1)).collect::<Vec<_>>().join(",");
    let pairs = body_policy(r#"{"r": {"k": [{"prefix": "a"}], "n": ["b20000"]}}"#);
    assert!(pairs.matches(&Attributes::new(), &format!(r#"{{"r": [{rows}]}}"#)));
}

#[test]
fn one_message_many_policies() {
    let attributes = attributes(&[("a", "String", "x")]);
    let message = Message::new(&attributes, r#"{"b": 1}"#);
    assert!(attribute_policy(r#"{"a": ["x"]}"#).accepts(&message));
    assert!(body_policy(r#"{"b": [1]}"#).accepts(&message));
    assert!(!body_policy(r#"{"a": ["x"]}"#).accepts(&message));
}

/// A slow reading of the rules for flat bodies, to compare with.
fn expected(clause: &serde_json::Value, value: &serde_json::Value) -> bool {
    match value {
        serde_json::Value::Array(elements) => elements.iter().any(|element| expected(clause, element)),
        _ => match clause.as_object().and_then(|operator| operator.iter().next()) {
            None => clause == value,
            Some((name, operand)) => match (name.as_str(), value.as_str(), operand.as_str()) {
                ("prefix", Some(text), Some(operand)) => text.starts_with(operand),
                ("suffix", Some(text), Some(operand)) => text.ends_with(operand),
                ("anything-but", ..) => operand != value,
                ("exists", ..) => operand == true && !value.is_null() && value != "",
                _ => false,
            },
        },
    }
}

fn scalar() -> impl Strategy<Value = serde_json::Value> {
    prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        (-3i64..3).prop_map(Into::into),
        "[ab]{0,2}".prop_map(Into::into),
    ]
}

fn json() -> impl Strategy<Value = serde_json::Value> {
    scalar().prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Into::into),
            prop::collection::vec(("[abk.]{0,3}", inner), 0..4)
                .prop_map(|members| serde_json::Value::Object(members.into_iter().collect())),
        ]
    })
}

fn operator() -> impl Strategy<Value = serde_json::Value> {
    let name = prop::sample::select(vec![
        "prefix",
        "suffix",
        "equals-ignore-case",
        "wildcard",
        "anything-but",
        "numeric",
        "exists",
        "cidr",
        "$or",
        "x",
    ]);
    let operand = prop_oneof![
        json(),
        r"[ab*\\]{0,6}".prop_map(Into::into),
        Just(serde_json::json!([">", 0, "<", 2])),
        Just("10.0.0.0/8".into()),
        prop::collection::vec("[ab]{0,2}", 0..3).prop_map(Into::into),
    ];
    (name, operand).prop_map(|(name, operand)| serde_json::json!({ name: operand }))
}

fn policy_json() -> impl Strategy<Value = serde_json::Value> {
    let list = prop::collection::vec(prop_oneof![scalar(), operator(), json()], 0..4).prop_map(serde_json::Value::from);
    list.prop_recursive(4, 16, 3, |inner| {
        let object = prop::collection::vec(("[abk.]{0,2}|\\$or", inner.clone()), 0..3)
            .prop_map(|members| serde_json::Value::Object(members.into_iter().collect()));
        prop_oneof![object.clone(), prop::collection::vec(object, 0..3).prop_map(serde_json::Value::from), inner]
    })
}

proptest! {
    #[test]
    fn nothing_panics_and_explain_agrees(
        policy in policy_json(),
        message in json(),
        array in "\\PC{0,12}",
        number in "[0-9eE.+-]{0,8}",
    ) {
        let attributes = attributes(&[
            ("a", "String.Array", &message.to_string()), ("b", "String.Array", &array), ("k", "Number", &number), ("ab", "Binary", "x"),
        ]);
        for scope in [Scope::MessageAttributes, Scope::MessageBody] {
            for text in [policy.to_string(), serde_json::json!({"a": policy}).to_string(), serde_json::json!({"a": [policy]}).to_string()] {
                if let Ok(policy) = FilterPolicy::parse(&text, scope) {
                    let matched = policy.matches(&attributes, &message.to_string());
                    let verdict = policy.explain(&attributes, &message.to_string());
                    prop_assert_eq!(verdict.matched, matched);
                    prop_assert_eq!(verdict.failure.is_none(), matched);
                }
            }
        }
    }

    #[test]
    fn arbitrary_text_never_panics(policy in "\\PC*", message in "\\PC*") {
        for scope in [Scope::MessageAttributes, Scope::MessageBody] {
            if let Ok(policy) = FilterPolicy::parse(&policy, scope) {
                let _ = policy.explain(&Attributes::new(), &message);
            }
        }
        let _ = body_policy(r#"{"a": ["x"]}"#).explain(&Attributes::new(), &message);
    }

    #[test]
    fn flat_bodies_follow_the_rules(
        clauses in prop::collection::vec(prop_oneof![
            scalar(),
            "[ab]{1,2}".prop_map(|text| serde_json::json!({"prefix": text})),
            "[ab]{1,2}".prop_map(|text| serde_json::json!({"suffix": text})),
            "[ab]{0,2}".prop_map(|text| serde_json::json!({"anything-but": text})),
            Just(serde_json::json!({"exists": true})),
        ], 1..4),
        value in prop_oneof![scalar(), prop::collection::vec(scalar(), 0..4).prop_map(Into::into)],
    ) {
        let policy = serde_json::json!({"a": clauses}).to_string();
        let wanted = clauses.iter().any(|clause| expected(clause, &value));
        prop_assert_eq!(body(&policy, &serde_json::json!({"a": value}).to_string()), wanted, "{} {}", policy, value);
    }

    #[test]
    fn an_array_of_objects_passes_when_one_of_them_does(
        elements in prop::collection::vec((0..3u8, 0..3u8, 0..3u8), 0..5),
        wanted in (0..3u8, 0..3u8, 0..3u8),
    ) {
        let policy = serde_json::json!({"r": {"a": [wanted.0], "b": [wanted.1], "c": [wanted.2]}}).to_string();
        let rows: Vec<_> = elements.iter().map(|(a, b, c)| serde_json::json!({"a": a, "b": b, "c": c})).collect();
        prop_assert_eq!(body(&policy, &serde_json::json!({"r": rows}).to_string()), elements.contains(&wanted));
    }
}
