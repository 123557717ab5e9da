//! The JSON text tools: what is refused and where, and that nothing but blanks is lost.

use proptest::prelude::*;

use super::scan::{Dialect, scan, unescape};
use super::*;

fn refused(text: &str) -> String {
    Document::parse(text.as_bytes()).unwrap_err().to_string()
}

#[test]
fn errors_name_line_and_column_and_what_was_expected() {
    for (text, expected) in [
        ("", "the text is empty, expected a JSON object"),
        (" \n\t", "the text is empty, expected a JSON object"),
        ("[1]", "line 1, column 1: found an array, expected an object"),
        ("\n  \"x\"", "line 2, column 3: found a string, expected an object"),
        ("{\n  \"é\": x}", "line 2, column 8: expected a value, found `x`"),
        ("{\"a\":1", "line 1, column 7: the text ends where `,` or `}` was expected"),
        ("{\"a\":1,}", "line 1, column 8: a comma stands before `}`"),
        ("{\"a\":[1,]}", "line 1, column 9: a comma stands before `]`"),
        ("{a:1}", "line 1, column 2: expected a key in double quotes, found `a`"),
        ("{\"a\" 1}", "line 1, column 6: expected `:`, found `1`"),
        ("{\"a\":01}", "line 1, column 6: `01` is not a number that JSON knows"),
        ("{\"a\":NaN}", "line 1, column 6: expected a value, found `N`"),
        ("{} {}", "line 1, column 4: more text follows after the end of the JSON value: `{`"),
        ("{\"a\":\"\\x\"}", "line 1, column 7: `\\x` is not an escape that JSON knows"),
        ("{\"a\":\"\\ud800!\"}", "line 1, column 7: `\\ud800` is half of a surrogate pair and stands alone"),
        ("{\"a\":\"b\nc\"}", "line 1, column 8: an unescaped control character (U+000A) stands in a string"),
        ("{\"a\":\"b", "line 1, column 8: the text ends where the closing `\"` of a string was expected"),
    ] {
        assert_eq!(refused(text), expected, "{text:?}");
    }
}

#[test]
fn a_key_that_stands_twice_is_named_with_its_pointer_and_both_places() {
    assert_eq!(
        refused("{\"a\": {\n \"x\": [0, {\"k/~\": 1,\n \"k\\u002f~\": 2}]}}"),
        "line 3, column 2: key `k/~` stands twice in one object (`/a/x/1/k~1~0`, first at line 2, column 12)"
    );
    assert!(Document::parse(br#"{"a":{"k":1},"b":{"k":1},"c":[{"k":1},{"k":2}]}"#).is_ok());
}

#[test]
fn other_encodings_are_named_and_a_mark_of_utf8_is_skipped() {
    assert_eq!(Document::parse(b"\xff\xfe{\0}\0").unwrap_err().to_string(), "the text is UTF-16, expected UTF-8");
    let latin = Document::parse(b"{\n\"a\":\"\xe9\"}").unwrap_err().to_string();
    assert_eq!(latin, "line 2, column 6: the text is not UTF-8 (byte 0xE9)");
    assert_eq!(Document::parse("\u{feff}{}".as_bytes()).unwrap().text(), "{}");
}

#[test]
fn depth_is_bounded_and_never_overflows_the_stack() {
    let nested = |levels: usize| format!("{{\"a\":{}{}}}", "[".repeat(levels), "]".repeat(levels));
    assert!(Document::parse(nested(MAX_DEPTH - 1).as_bytes()).unwrap().to_value().is_ok());
    assert!(refused(&nested(MAX_DEPTH)).ends_with("nested deeper than 127 levels"));
    assert!(refused(&nested(1_000_000)).ends_with("nested deeper than 127 levels"));
    assert!(refused(&"[".repeat(1_000_000)).ends_with("nested deeper than 127 levels"));
}

#[test]
fn numbers_that_no_float_holds_pass_as_text_or_are_refused_for_checking() {
    let big = Document::parse(br#"{"n": 123456789012345678901234567890.10}"#).unwrap();
    assert!(big.to_value().is_ok());
    assert_eq!(big.to_raw().get(), r#"{"n":123456789012345678901234567890.10}"#);
    assert!(Document::parse(br#"{"n": 1e999}"#).unwrap().to_value().unwrap_err().to_string().contains("out of range"));
}

#[test]
fn compacting_keeps_every_byte_of_every_token() {
    let text = "{ \"b\" :\t[ 1.0 , 1E+2,-0 ],\r\n \"a \\\" b\" : \"x  y\\n \\u00e9\\\\\" }";
    assert_eq!(compact(text), "{\"b\":[1.0,1E+2,-0],\"a \\\" b\":\"x  y\\n \\u00e9\\\\\"}");
    assert!(matches!(compact("{\"a\":1}"), std::borrow::Cow::Borrowed(_)));
}

#[test]
fn pointers_lead_to_keys_elements_or_as_far_as_they_go() {
    let text = "{\n  \"a\": [1, {\"x/y\": 2}],\n  \"b\": {\"c\": null}\n}";
    for (pointer, line, column) in [
        ("", 1, 1),
        ("/a", 2, 3),
        ("/a/0", 2, 9),
        ("/a/1", 2, 12),
        ("/a/1/x~1y", 2, 13),
        ("/b/c", 3, 9),
        ("/b/missing", 3, 3),
        ("/a/7", 2, 3),
        ("/nothing", 1, 1),
    ] {
        let at = locate(text, offset_of(text, pointer).unwrap());
        assert_eq!((at.line, at.column), (line, column), "{pointer}");
    }
}

#[test]
fn members_are_shallow_and_in_order() {
    let found = members(r#" {"a": {"a": [1]}, "b\u0021": "x", "a": 2 } "#);
    let shown: Vec<_> = found.iter().map(|(name, text)| (name.as_ref(), *text)).collect();
    assert_eq!(shown, [("a", r#"{"a": [1]}"#), ("b!", "\"x\""), ("a", "2")]);
    assert_eq!(member(&found, "a"), Some("2"));
    assert_eq!(members("[[1], 2]").len(), 2);
    assert!(members("{}").is_empty() && members("7").is_empty() && members("{").is_empty());
}

fn json() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        any::<f64>().prop_filter("JSON holds finite numbers", |n| n.is_finite()).prop_map(Into::into),
        any::<String>().prop_map(Into::into),
    ];
    leaf.prop_recursive(6, 64, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Into::into),
            prop::collection::vec((any::<String>(), inner), 0..6)
                .prop_map(|members| serde_json::Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn what_serde_writes_is_accepted_and_compacts_to_its_own_compact_form(value in json()) {
        let pretty = serde_json::to_string_pretty(&value).unwrap();
        prop_assert!(scan(&pretty, Dialect::STRICT, |_, _| true).is_ok());
        prop_assert_eq!(compact(&pretty), value.to_string());
    }

    #[test]
    fn the_scanner_and_serde_accept_the_same_texts(text in r#"[\[\]{}",:0-9.eE+\-\\untrfalse \n]{0,24}"#) {
        let ours = scan(&text, Dialect::STRICT, |_, _| true);
        let theirs = serde_json::from_str::<serde_json::Value>(&text);
        let out_of_range = theirs.as_ref().is_err_and(|e| e.to_string().contains("out of range"));
        prop_assert!(ours.is_ok() == theirs.is_ok() || out_of_range, "{:?}: {:?} {:?}", text, ours, theirs);
    }

    #[test]
    fn any_text_survives_quoting_and_unescaping(text: String) {
        let quoted = serde_json::Value::from(text.as_str()).to_string();
        prop_assert_eq!(unescape(&quoted), text);
    }

    #[test]
    fn nothing_panics(bytes: Vec<u8>, pointer: String) {
        let _ = Document::parse(&bytes);
        let text = String::from_utf8_lossy(&bytes);
        let _ = (offset_of(&text, &pointer), members(&text), unescape(&text), compact(&text).len());
    }
}
