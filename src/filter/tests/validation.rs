//! What is refused, where it points, and in whose words.

use super::*;

/// Policy, pointer, AWS's words.
const REFUSED: &[(&str, &str, &str)] = &[
    ("\"x\"", "", "Filter is not an object"),
    ("[]", "", "Filter is not an object"),
    ("null", "", "Filter is not an object"),
    ("{}", "", "Empty objects are not allowed"),
    (r#"{"a": {}}"#, "/a", "Empty objects are not allowed"),
    (r#"{"a": []}"#, "/a", "Empty arrays are not allowed"),
    (r#"{"key_a": "value_one"}"#, "/key_a", "\"key_a\" must be an object or an array"),
    (r#"{"a": 5}"#, "/a", "\"a\" must be an object or an array"),
    (r#"{"a": null}"#, "/a", "\"a\" must be an object or an array"),
    (r#"{"key": {"suffix": "value"}}"#, "/key/suffix", "\"suffix\" must be an object or an array"),
    (r#"{"a": [["x"]]}"#, "/a/0", "Match value must be String, number, true, false, or null"),
    (r#"{"a": ["x", {}]}"#, "/a/1", "Match expression name not found"),
    (r#"{"a": [{"wrong": true}]}"#, "/a/0/wrong", "Unrecognized match type wrong"),
    (r#"{"a": [{"suffix": "v", "prefix": "w"}]}"#, "/a/0", "Only one key allowed in match expression"),
    (r#"{"a": [{"suffix": 100}]}"#, "/a/0/suffix", "suffix match pattern must be a string"),
    (r#"{"a": [{"prefix": null}]}"#, "/a/0/prefix", "prefix match pattern must be a string"),
    (r#"{"a": [{"prefix": ["x"]}]}"#, "/a/0/prefix", "prefix match pattern must be a string"),
    (
        r#"{"a": [{"equals-ignore-case": 1}]}"#,
        "/a/0/equals-ignore-case",
        "equals-ignore-case match pattern must be a string",
    ),
    (r#"{"a": [{"wildcard": {}}]}"#, "/a/0/wildcard", "wildcard match pattern must be a string"),
    (r#"{"a": [{"wildcard": "a**"}]}"#, "/a/0/wildcard", "Consecutive wildcard characters at pos 2"),
    (r#"{"a": [{"wildcard": "a\\b"}]}"#, "/a/0/wildcard", "Invalid escape character at pos 2"),
    (r#"{"a": [{"exists": null}]}"#, "/a/0/exists", "exists match pattern must be either true or false."),
    (r#"{"a": [{"exists": "no"}]}"#, "/a/0/exists", "exists match pattern must be either true or false."),
    (r#"{"a": [{"cidr": 10}]}"#, "/a/0/cidr", "prefix match pattern must be a string"),
    (r#"{"a": [{"cidr": "10.0.0.0"}]}"#, "/a/0/cidr", "Malformed CIDR, one '/' required"),
    (r#"{"a": [{"cidr": "10.0.0.0/8/8"}]}"#, "/a/0/cidr", "Malformed CIDR, one '/' required"),
    (r#"{"a": [{"cidr": "10.0.0.0/x"}]}"#, "/a/0/cidr", "Malformed CIDR, mask bits must be an integer"),
    (r#"{"a": [{"cidr": "10.0.0.0/-1"}]}"#, "/a/0/cidr", "Malformed CIDR, mask bits must not be negative"),
    (r#"{"a": [{"cidr": "10.0.0.0/32"}]}"#, "/a/0/cidr", "IPv4 mask bits must be < 32"),
    (r#"{"a": [{"cidr": "10.0.0.0/999"}]}"#, "/a/0/cidr", "IPv4 mask bits must be < 32"),
    (r#"{"a": [{"cidr": "2001:db8::/128"}]}"#, "/a/0/cidr", "IPv6 mask bits must be < 128"),
    (r#"{"a": [{"cidr": "10.0.0.256/8"}]}"#, "/a/0/cidr", "Nonstandard IP address: 10.0.0.256"),
    (r#"{"a": [{"cidr": "xx.11.xx/8"}]}"#, "/a/0/cidr", "Nonstandard IP address: xx.11.xx"),
    (
        r#"{"a": [{"anything-but": true}]}"#,
        "/a/0/anything-but",
        "Value of anything-but must be an array or single string/number value.",
    ),
    (
        r#"{"a": [{"anything-but": null}]}"#,
        "/a/0/anything-but",
        "Value of anything-but must be an array or single string/number value.",
    ),
    (
        r#"{"a": [{"anything-but": []}]}"#,
        "/a/0/anything-but",
        "Inside anything but list, either all values are number or string, mixed type is not supported",
    ),
    (
        r#"{"a": [{"anything-but": ["x", 1]}]}"#,
        "/a/0/anything-but",
        "Inside anything but list, either all values are number or string, mixed type is not supported",
    ),
    (
        r#"{"a": [{"anything-but": ["x", null]}]}"#,
        "/a/0/anything-but/1",
        "Inside anything but list, start|null|boolean is not supported.",
    ),
    (
        r#"{"a": [{"anything-but": {"exists": false}}]}"#,
        "/a/0/anything-but/exists",
        "Unsupported anything-but pattern: exists",
    ),
    (
        r#"{"a": [{"anything-but": {"numeric": ["=", 1]}}]}"#,
        "/a/0/anything-but/numeric",
        "Unsupported anything-but pattern: numeric",
    ),
    (
        r#"{"a": [{"anything-but": {"prefix": false}}]}"#,
        "/a/0/anything-but/prefix",
        "prefix match pattern must be a string",
    ),
    (r#"{"a": [{"anything-but": {"prefix": ""}}]}"#, "/a/0/anything-but/prefix", "Null prefix/suffix not allowed"),
    (r#"{"a": [{"anything-but": {"suffix": ""}}]}"#, "/a/0/anything-but/suffix", "Null prefix/suffix not allowed"),
    (
        r#"{"a": [{"anything-but": {"prefix": "x", "suffix": "y"}}]}"#,
        "/a/0/anything-but",
        "Only one key allowed in match expression",
    ),
    (r#"{"a": [{"anything-but": {}}]}"#, "/a/0/anything-but", "Only one key allowed in match expression"),
    (r#"{"a": [{"numeric": []}]}"#, "/a/0/numeric", "Invalid member in numeric match: ]"),
    (r#"{"a": [{"numeric": ">"}]}"#, "/a/0/numeric", "Value of numeric must be an array."),
    (r#"{"a": [{"numeric": ["operator"]}]}"#, "/a/0/numeric", "Unrecognized numeric range operator: operator"),
    (r#"{"a": [{"numeric": [1, "<="]}]}"#, "/a/0/numeric", "Invalid member in numeric match: 1"),
    (r#"{"a": [{"numeric": ["=", "000"]}]}"#, "/a/0/numeric", "Value of equals must be numeric"),
    (r#"{"a": [{"numeric": [">="]}]}"#, "/a/0/numeric", "Value of >= must be numeric"),
    (r#"{"a": [{"numeric": ["<", 100, ">", 10]}]}"#, "/a/0/numeric", "Too many elements in numeric expression"),
    (r#"{"a": [{"numeric": ["=", 1, "<", 2]}]}"#, "/a/0/numeric", "Too many elements in numeric expression"),
    (r#"{"a": [{"numeric": [">=", 1, ">", 2]}]}"#, "/a/0/numeric", "Bad numeric range operator: >"),
    (r#"{"a": [{"numeric": [">", 3, "<", 1]}]}"#, "/a/0/numeric", "Bottom must be less than top"),
    (r#"{"a": [{"numeric": [">=", 1, "<=", 1.0]}]}"#, "/a/0/numeric", "Bottom must be less than top"),
    (r#"{"a": [{"numeric": [">", 20, "<="]}]}"#, "/a/0/numeric", "Value of <= must be numeric"),
    (r#"{"a": [{"numeric": [">", 20, 30]}]}"#, "/a/0/numeric", "Bad value in numeric range: 30"),
    (r#"{"a": [{"numeric": [">", 20, "test"]}]}"#, "/a/0/numeric", "Bad numeric range operator: test"),
    (r#"{"a": [{"numeric": [">", "20", "<", "30"]}]}"#, "/a/0/numeric", "Value of > must be numeric"),
    (r#"{"a": [{"numeric": [">", 20, "<", "30"]}]}"#, "/a/0/numeric", "Value of < must be numeric"),
    (
        r#"{"a": [{"numeric": [">", 20, "<", 30, "<", 50]}]}"#,
        "/a/0/numeric",
        "Too many terms in numeric range expression",
    ),
    (r#"{"$or": [{"a": ["x"]}]}"#, "/$or/0/a", "Unrecognized match type a"),
    (r#"{"$or": [{"a": ["x"]}, "y"]}"#, "/$or/0/a", "Unrecognized match type a"),
    (r#"{"$or": []}"#, "/$or", "Empty arrays are not allowed"),
    (r#"{"$or": [{}, {"a": ["x"]}]}"#, "/$or/0", "Empty objects are not allowed"),
    (r#"{"$or": [{"a": []}, {"b": ["x"]}]}"#, "/$or/0/a", "Empty arrays are not allowed"),
    (r#"{"$or": [{"numeric": 123}, {"prefix": "abc"}]}"#, "/$or/0/numeric", "Value of numeric must be an array."),
    (r#"{"a~/b": 1}"#, "/a~0~1b", "\"a~/b\" must be an object or an array"),
];

#[test]
fn refusals_point_at_the_place_and_speak_as_aws_does() {
    for (policy, pointer, aws) in REFUSED {
        for scope in [Scope::MessageAttributes, Scope::MessageBody] {
            let error = refused(policy, scope);
            assert_eq!(error.pointer, *pointer, "{policy}: {error}");
            let said = |on_subscribe| {
                let message = error.aws_message(on_subscribe);
                message.split("\n at [").next().unwrap_or_default().to_owned()
            };
            assert_eq!(said(true), format!("Invalid parameter: Attributes Reason: FilterPolicy: {aws}"), "{policy}");
            assert_eq!(said(false), format!("Invalid parameter: FilterPolicy: {aws}"), "{policy}");
            let sentence = error.to_string();
            assert!(!sentence.ends_with('.') && sentence.starts_with("filter policy"), "{sentence}");
        }
    }
}

/// Policies and the columns of AWS's recorded answers: localstack/localstack,
/// tests/aws/services/sns/test_sns_filter_policy.snapshot.json, Apache-2.0, recorded on 2024-05-14 and 15.
const RECORDED: &[(&str, usize)] = &[
    (r#"{"key":[["value"]]}"#, 10),
    (r#"{"key":[{"wrong-operator":true}]}"#, 31),
    (r#"{"key":[{"suffix":"value","prefix":"value2"}]}"#, 37),
    (r#"{"key":[{"suffix":100}]}"#, 22),
    (r#"{"key":[{"suffix":null}]}"#, 23),
    (r#"{"key":{"suffix":"value"}}"#, 19),
    (r#"{"key":[{"suffix":[]}]}"#, 20),
    (r#"{"key":[{"suffix":["test","test2"]}]}"#, 20),
    (r#"{"key":{"suffix":"value","prefix":"value"}}"#, 19),
    (r#"{"key":{"not-an-operator":"value"}}"#, 28),
    (r#"{"key":[{"numeric":[]}]}"#, 22),
    (r#"{"key":[{"numeric":["operator"]}]}"#, 32),
    (r#"{"key":[{"numeric":[1,"<="]}]}"#, 22),
    (r#"{"key":[{"numeric":["=","000"]}]}"#, 26),
    (r#"{"key":[{"numeric":[">="]}]}"#, 26),
    (r#"{"key":[{"numeric":["<",100,">",10]}]}"#, 30),
    (r#"{"key":[{"numeric":[">=",1,">",2]}]}"#, 31),
    (r#"{"key":[{"numeric":[">",3,"<",1]}]}"#, 33),
    (r#"{"key":[{"numeric":[">",20,"<="]}]}"#, 33),
    (r#"{"key":[{"numeric":[">",20,30]}]}"#, 30),
    (r#"{"key":[{"numeric":[">",20,"test"]}]}"#, 34),
    (r#"{"key":[{"numeric":[">","20","<","30"]}]}"#, 26),
    (r#"{"key":[{"numeric":[">",20,"<","30"]}]}"#, 33),
    (r#"{"key":[{"numeric":[">",20,"<",30,"<",50]}]}"#, 36),
    (r#"{"key":[{"exists":null}]}"#, 23),
    (r#"{"key":[{"exists":"no"}]}"#, 20),
    (r#"{"key_a":"value_one"}"#, 11),
    (r#"{"key":[{"anything-but":{"wrong-operator":null}}]}"#, 47),
    (r#"{"key":[{"anything-but":{"exists":false}}]}"#, 40),
    (r#"{"key":[{"anything-but":{"prefix":false}}]}"#, 40),
];

#[test]
fn the_second_line_is_that_of_the_recorded_answers() {
    for (policy, column) in RECORDED {
        let message = refused(policy, Scope::MessageBody).aws_message(true);
        let second = format!("\n at [Source: (String)\"{policy}\"; line: 1, column: {column}]");
        assert!(message.ends_with(&second), "{message}\nis not as{second}");
    }
    // Not recorded with one.
    for policy in [r#"{"a": []}"#, "[]", "{}"] {
        assert!(!refused(policy, Scope::MessageBody).aws_message(true).contains('\n'), "{policy}");
    }
    let lines = "{\n \"a~/\\\"ä\": {\"b\":\n  7}}";
    assert!(refused(lines, Scope::MessageBody).aws_message(false).ends_with("; line: 3, column: 4]"));
    let long = format!(r#"{{"a":["{}"],"b":5}}"#, "x".repeat(600));
    let message = refused(&long, Scope::MessageBody).aws_message(false);
    assert!(message.ends_with("xxx\"[truncated 116 chars]; line: 1, column: 616]"), "{message}");
}

#[test]
fn our_own_sentences() {
    let say = |policy: &str| refused(policy, Scope::MessageBody).to_string();
    assert_eq!(
        say(r#"{"a": [{"prefxi": "x"}]}"#),
        "filter policy at `/a/0/prefxi`: unknown operator \"prefxi\": did you mean `prefix`?"
    );
    assert_eq!(
        say(r#"{"a": [{"suffix": 100}]}"#),
        "filter policy at `/a/0/suffix`: `suffix` takes text, found a number"
    );
    assert_eq!(say("{\"a\":\n [x]}"), "filter policy: not JSON: a value was expected at line 2, column 3");
    assert_eq!(
        say(r#"{"a": "x"}"#),
        "filter policy at `/a`: a key holds a list of values, found a string: write `[…]`"
    );
}

#[test]
fn nesting_needs_the_body_scope() {
    for policy in [r#"{"a": {"b": ["x"]}}"#, r#"{"$or": [{"a": {"b": ["x"]}}, {"c": ["y"]}]}"#] {
        let error = refused(policy, Scope::MessageAttributes);
        assert_eq!(
            error.aws_message(true),
            "Invalid parameter: Attributes Reason: Filter policy scope MessageAttributes does not support nested filter policy"
        );
        body_policy(policy);
    }
}

#[test]
fn an_empty_policy_removes() {
    for text in ["", "{}", " { } ", "  "] {
        assert!(FilterPolicy::parse_attribute(text, Scope::MessageBody).expect("removes").is_none(), "{text:?}");
    }
    assert!(FilterPolicy::parse_attribute(r#"{"a": ["x"]}"#, Scope::MessageBody).expect("a policy").is_some());
    assert!(FilterPolicy::parse_attribute("[]", Scope::MessageBody).is_err());
}

#[test]
fn what_sources_disagree_about_is_accepted_with_a_warning() {
    for (policy, pointer) in [
        (r#"{"a": [{"anything-but": {"suffix": "x"}}]}"#, "/a/0/anything-but/suffix"),
        (r#"{"a": [{"anything-but": {"equals-ignore-case": "x"}}]}"#, "/a/0/anything-but/equals-ignore-case"),
        (r#"{"a": [{"anything-but": {"prefix": ["x", "y"]}}]}"#, "/a/0/anything-but/prefix"),
        (r#"{"a": [{"anything-but": {"prefix": "x"}}, {"anything-but": {"prefix": "y"}}]}"#, "/a"),
        (r#"{"a": [10000000001]}"#, "/a/0"),
        (r#"{"a": [{"numeric": [">", 0.000001]}]}"#, "/a/0/numeric/1"),
        (r#"{"a": ["x"], "a": ["y"]}"#, ""),
        (r#"{"a": {"b": ["1"], "c": ["1"], "d": ["1"]}, "e": ["1"], "f": ["1"], "g": ["1"]}"#, ""),
    ] {
        let policy_compiled = body_policy(policy);
        let warnings: Vec<&str> = policy_compiled.warnings().iter().map(|warning| warning.pointer.as_str()).collect();
        assert_eq!(warnings, [pointer], "{policy}");
    }
    assert_eq!(attribute_policy(r#"{"a": ["x", 1, {"prefix": "y"}], "b": [{"anything-but": ["z"]}]}"#).warnings(), []);
}

#[test]
fn the_last_of_repeated_keys_counts() {
    assert!(body(r#"{"a": ["x"], "a": ["y"]}"#, r#"{"a": "y"}"#));
    assert!(!body(r#"{"a": ["x"], "a": ["y"]}"#, r#"{"a": "x"}"#));
}

#[test]
fn keys_text_and_scope_are_kept() {
    let text = r#"{"a": {"b": ["x"]}, "$or": [{"c": ["y"]}, {"c": ["z"]}]}"#;
    let policy = body_policy(text);
    assert_eq!(policy.keys().collect::<Vec<_>>(), ["a.b", "c"]);
    assert_eq!((policy.text(), policy.scope()), (text, Scope::MessageBody));
    assert_eq!(Scope::from_aws(policy.scope().as_aws()), Some(Scope::MessageBody));
    assert_eq!(Scope::from_aws("body"), None);
}
