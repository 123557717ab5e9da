//! How large a policy may be.

use super::*;

fn values(count: usize) -> String {
    format!("[{}]", (0..count).map(|i| format!("\"v{i}\"")).collect::<Vec<_>>().join(","))
}

fn accepted(policy: &str, scope: Scope) -> bool {
    match FilterPolicy::parse(policy, scope) {
        Ok(_) => true,
        Err(error) => {
            assert!(error.pointer.is_empty() || error.sentence.contains("stars"), "{error}");
            false
        }
    }
}

#[test]
fn five_keys_at_the_top() {
    let keys = |count: usize| {
        format!("{{{}}}", (0..count).map(|i| format!("\"k{i}\": [\"v\"]")).collect::<Vec<_>>().join(","))
    };
    for scope in [Scope::MessageAttributes, Scope::MessageBody] {
        assert!(accepted(&keys(5), scope));
        assert!(!accepted(&keys(6), scope));
        assert_eq!(
            refused(&keys(6), scope).aws_message(false),
            "Invalid parameter: FilterPolicy: Filter policy can not have more than 5 keys"
        );
    }
}

#[test]
fn combinations_multiply_values_and_levels() {
    let body = |policy: String| accepted(&policy, Scope::MessageBody);
    assert!(body(format!(r#"{{"a": {}}}"#, values(150))));
    assert!(!body(format!(r#"{{"a": {}}}"#, values(151))));
    assert!(body(format!(r#"{{"a": {}, "b": {}}}"#, values(10), values(15))));
    assert!(!body(format!(r#"{{"a": {}, "b": {}}}"#, values(10), values(16))));
    // AWS's own example: 4 x 3 x 3 x 2 = 72; the same with 4 x 3 x 6 x 2 = 144 and 4 x 3 x 7 x 2 = 168.
    let example = |n: usize| format!(r#"{{"a": {{"b": {{"c": {}}}}}, "d": {{"e": {}}}}}"#, values(4), values(n));
    assert!(body(example(3)) && body(example(6)) && !body(example(7)));
    assert!(body(format!(r#"{{"a": {{"b": {{"c": {}}}}}}}"#, values(50))));
    assert!(!body(format!(r#"{{"a": {{"b": {{"c": {}}}}}}}"#, values(51))));
    let error = refused(&format!(r#"{{"a": {}}}"#, values(151)), Scope::MessageBody);
    assert_eq!(
        error.aws_message(true),
        "Invalid parameter: Attributes Reason: FilterPolicy: Filter policy is too complex"
    );
    assert!(error.sentence.contains("151 combinations"), "{error}");
}

#[test]
fn combinations_add_up_over_branches() {
    let or = |outer: usize, left: usize, inner: usize, i: usize, j: usize| {
        format!(
            r#"{{"s": {}, "$or": [{{"m": {}}}, {{"t": {}, "$or": [{{"i": {}}}, {{"j": {}}}]}}]}}"#,
            values(outer),
            values(left),
            values(inner),
            values(i),
            values(j)
        )
    };
    // 3 x (6 + 4 x (4 + 7)) = 150, 4 x (6 + 4 x (4 + 4)) = 152
    assert!(accepted(&or(3, 6, 4, 4, 7), Scope::MessageAttributes));
    assert!(!accepted(&or(4, 6, 4, 4, 4), Scope::MessageAttributes));
    // The level of a branch is that of `$or`: 2 x (3 + 72) = 150 and 2 x (4 + 72) = 152
    let nested = |n: usize| format!(r#"{{"d": {{"$or": [{{"a": {}}}, {{"b": {}}}]}}}}"#, values(n), values(72));
    assert!(accepted(&nested(3), Scope::MessageBody));
    assert!(!accepted(&nested(4), Scope::MessageBody));
}

#[test]
fn hostile_shapes_end_soon() {
    let deep = |levels: usize| format!("{}[\"x\"]{}", "{\"a\":".repeat(levels), "}".repeat(levels));
    assert!(accepted(&deep(150), Scope::MessageBody));
    assert!(!accepted(&deep(151), Scope::MessageBody), "the nesting level alone exceeds the combinations");
    assert!(!accepted(&deep(10_000), Scope::MessageBody));
    // 2^40 ways through forty `$or`, refused before anybody walks them.
    let mut ways = String::from(r#"{"a": ["x"]}"#);
    for _ in 0..40 {
        ways = ways.replacen('{', r#"{"$or": [{"b": ["x"]}, {"c": ["y"]}], "n": {"#, 1) + "}";
    }
    assert!(!accepted(&ways, Scope::MessageBody));
}

#[test]
fn two_hundred_and_fifty_six_kilobytes() {
    let sized = |bytes: usize| {
        let frame = r#"{"a": [""]}"#.len();
        format!(r#"{{"a": ["{}"]}}"#, "x".repeat(bytes - frame))
    };
    assert!(accepted(&sized(262_144), Scope::MessageAttributes));
    assert!(!accepted(&sized(262_145), Scope::MessageAttributes));
}

#[test]
fn wildcard_stars_and_points() {
    let patterns = |list: &[String]| format!(r#"{{"k": [{}]}}"#, list.join(","));
    let wild = |pattern: &str| format!(r#"{{"wildcard": "{pattern}"}}"#);
    let many = |pattern: &str, count: usize| {
        patterns(&(0..count).map(|i| wild(&pattern.replace('#', &i.to_string()))).collect::<Vec<_>>())
    };
    let body = |policy: &str| accepted(policy, Scope::MessageBody);
    assert!(body(&many("a*b*c*", 1)) && !body(&many("a*b*c*d*", 1)));
    assert!(body(&many(r"a*b*c*d\\*", 1)), "an escaped star is none");
    assert!(!body(r#"{"k": [{"anything-but": {"wildcard": "a*b*c*d*"}}]}"#));
    // One star: n x n points. More: 3n x n.
    assert!(body(&many("p#*", 10)) && !body(&many("p#*", 11)));
    assert!(body(&many("*p#*", 5)) && !body(&many("*p#*", 6)));
    // Points of all keys add up: 49 + 49, 49 + 64.
    let two = |a: usize, b: usize| {
        format!(
            r#"{{"k": {}, "l": {}}}"#,
            many("p#*", a).replace(r#"{"k": "#, "").trim_end_matches('}').to_owned() + "}]",
            many("p#*", b).replace(r#"{"k": "#, "").trim_end_matches('}').to_owned() + "}]"
        )
        .replace("]}]", "]")
    };
    assert!(body(&two(7, 7)), "{}", two(7, 7));
    assert!(!body(&two(7, 8)));
    // An `anything-but` beside a wildcard is a pattern of one point: (9 + 1) x 10 and (10 + 1) x 11.
    let beside = |count: usize| many("p#*", count).replace("]}", r#", {"anything-but": "x"}]}"#);
    assert!(body(&beside(9)) && !body(&beside(10)));
    // Without a star there is nothing to count.
    assert!(body(&patterns(&vec![r#"{"anything-but": {"prefix": "x"}}"#.to_owned(); 20])));
    assert!(body(&many("plain#", 20)));
}
