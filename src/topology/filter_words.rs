//! A filter policy in words: short conditions for drawings, sentences for catalogues.
//!
//! For people only. What a policy lets pass is decided by `crate::filter`, never by these texts; an operator that is not known
//! here is shown as its JSON.

use serde_json::Value;

/// One condition a line, all of which have to hold: `eventName = UserRegistered | UserDeleted`, `tier > 1`.
pub(crate) fn conditions(policy: &Value) -> Vec<String> {
    let mut lines = Vec::new();
    walk(policy, "", &mut |key, alternatives| {
        let texts: Vec<String> = alternatives.iter().map(|one| sign(one, |text| text.to_owned())).collect();
        lines.push(joined(key, &texts, " | "));
    });
    if let Some(branches) = policy.get("$or").and_then(Value::as_array) {
        lines.extend(branches.iter().enumerate().map(|(index, branch)| {
            let lead = if index == 0 { "either" } else { "or" };
            format!("{lead} {}", conditions(branch).join(", "))
        }));
    }
    lines
}

/// The whole policy as one sentence's end in Markdown, with `code` around names and values:
/// `` `eventName` is `A` or `B`, and `tier` is over `1` ``.
pub(crate) fn sentence(policy: &Value, code: &dyn Fn(&str) -> String) -> String {
    let mut parts = Vec::new();
    walk(policy, "", &mut |key, alternatives| {
        let texts: Vec<String> = alternatives.iter().map(|one| said(one, code)).collect();
        parts.push(format!("{} {}", code(key), texts.join(" or ")));
    });
    if let Some(branches) = policy.get("$or").and_then(Value::as_array) {
        let branches: Vec<String> = branches.iter().map(|branch| sentence(branch, code)).collect();
        parts.push(format!("either {}", branches.join(", or ")));
    }
    parts.join(", and ")
}

/// Every key with its list of alternatives; nested keys with dots. `$or` is the caller's.
fn walk(policy: &Value, path: &str, each: &mut dyn FnMut(&str, &[Value])) {
    let Value::Object(keys) = policy else { return };
    for (key, value) in keys {
        let here = super::yaml::join(path, key);
        match value {
            Value::Array(_) if key == "$or" && path.is_empty() => {}
            Value::Array(alternatives) => each(&here, alternatives),
            Value::Object(_) => walk(value, &here, each),
            one => each(&here, std::slice::from_ref(one)),
        }
    }
}

fn joined(key: &str, texts: &[String], between: &str) -> String {
    // `= A | = B` reads worse than `= A | B`.
    let equal: Option<Vec<&str>> = texts.iter().map(|text| text.strip_prefix("= ")).collect();
    match equal {
        Some(values) if !values.is_empty() => format!("{key} = {}", values.join(between)),
        _ => format!("{key} {}", texts.join(between)),
    }
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn plains(value: &Value, show: &dyn Fn(&str) -> String, between: &str) -> String {
    match value {
        Value::Array(many) => many.iter().map(|one| show(&plain(one))).collect::<Vec<_>>().join(between),
        one => show(&plain(one)),
    }
}

/// An alternative with signs.
fn sign(alternative: &Value, show: impl Fn(&str) -> String) -> String {
    let Some((operator, operand)) = operator(alternative) else { return format!("= {}", show(&plain(alternative))) };
    match (operator, operand) {
        ("prefix", Value::String(text)) => format!("= {}…", show(text)),
        ("suffix", Value::String(text)) => format!("= …{}", show(text)),
        ("wildcard", Value::String(text)) => format!("= {}", show(text)),
        ("equals-ignore-case", Value::String(text)) => format!("≈ {}", show(text)),
        ("exists", Value::Bool(true)) => "is there".into(),
        ("exists", Value::Bool(false)) => "is not there".into(),
        ("cidr", Value::String(text)) => format!("in {}", show(text)),
        ("numeric", Value::Array(parts)) => parts.iter().map(plain).collect::<Vec<_>>().join(" "),
        ("anything-but", Value::Object(inner)) => {
            let inner: Vec<String> = inner.iter().map(|(name, value)| format!("{name} {}", plain(value))).collect();
            format!("not {}", inner.join(", "))
        }
        ("anything-but", value) => format!("≠ {}", plains(value, &show, ", ")),
        _ => show(&alternative.to_string()),
    }
}

/// An alternative as a predicate.
fn said(alternative: &Value, code: &dyn Fn(&str) -> String) -> String {
    let Some((operator, operand)) = operator(alternative) else { return format!("is {}", code(&plain(alternative))) };
    match (operator, operand) {
        ("prefix", Value::String(text)) => format!("starts with {}", code(text)),
        ("suffix", Value::String(text)) => format!("ends with {}", code(text)),
        ("wildcard", Value::String(text)) => format!("looks like {}", code(text)),
        ("equals-ignore-case", Value::String(text)) => format!("is {} in any case", code(text)),
        ("exists", Value::Bool(true)) => "is there".into(),
        ("exists", Value::Bool(false)) => "is not there".into(),
        ("cidr", Value::String(text)) => format!("is an address in {}", code(text)),
        ("numeric", Value::Array(parts)) => {
            let pairs: Vec<String> = parts
                .chunks(2)
                .map(|pair| {
                    let value = pair.get(1).map(plain).unwrap_or_default();
                    let relation = match plain(&pair[0]).as_str() {
                        ">" => "over",
                        ">=" => "at least",
                        "<" => "under",
                        "<=" => "at most",
                        _ => "equal to",
                    };
                    format!("{relation} {}", code(&value))
                })
                .collect();
            format!("is {}", pairs.join(" and "))
        }
        ("anything-but", Value::Object(inner)) => {
            let inner: Vec<String> = inner
                .iter()
                .map(|(name, value)| {
                    let verb = match name.as_str() {
                        "prefix" => "start with",
                        "suffix" => "end with",
                        "wildcard" => "look like",
                        _ => "match",
                    };
                    format!("does not {verb} {}", plains(value, code, " or "))
                })
                .collect();
            inner.join(" and ")
        }
        ("anything-but", value) => format!("is not {}", plains(value, code, " or ")),
        _ => format!("matches {}", code(&alternative.to_string())),
    }
}

/// The operator and its operand, of an alternative that is not a plain value.
fn operator(alternative: &Value) -> Option<(&str, &Value)> {
    let Value::Object(map) = alternative else { return None };
    map.iter().next().map(|(name, operand)| (name.as_str(), operand))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_operator_has_words_and_signs() {
        let policy = json!({
            "eventName": ["A", "B"], "tier": [{"numeric": [">", 1, "<=", 5]}], "country": [{"anything-but": ["DE", "AT"]}],
            "path": [{"prefix": "/api"}, {"suffix": ".json"}], "name": [{"equals-ignore-case": "bob"}],
            "gone": [{"exists": false}], "ip": [{"cidr": "10.0.0.0/8"}], "x": [{"anything-but": {"prefix": "t"}}],
            "a": {"b": [true, null]}, "new": [{"unheard-of": 1}],
        });
        assert_eq!(
            conditions(&policy),
            [
                "eventName = A | B",
                "tier > 1 <= 5",
                "country ≠ DE, AT",
                "path = /api… | …json".replace("…json", "….json").as_str(),
                "name ≈ bob",
                "gone is not there",
                "ip in 10.0.0.0/8",
                "x not prefix t",
                "a.b = true | null",
                "new {\"unheard-of\":1}",
            ]
        );
        let code = |text: &str| format!("`{text}`");
        assert_eq!(
            sentence(&policy, &code),
            "`eventName` is `A` or is `B`, and `tier` is over `1` and at most `5`, and `country` is not `DE` or `AT`, and \
             `path` starts with `/api` or ends with `.json`, and `name` is `bob` in any case, and `gone` is not there, and `ip` \
             is an address in `10.0.0.0/8`, and `x` does not start with `t`, and `a.b` is `true` or is `null`, and `new` matches \
             `{\"unheard-of\":1}`"
        );
    }

    #[test]
    fn branches_are_alternatives() {
        let policy = json!({"s": ["x"], "$or": [{"a": [1]}, {"b": [2], "c": [3]}]});
        assert_eq!(conditions(&policy), ["s = x", "either a = 1", "or b = 2, c = 3"]);
        assert_eq!(sentence(&policy, &|t| t.to_owned()), "s is x, and either a is 1, or b is 2, and c is 3");
    }
}
