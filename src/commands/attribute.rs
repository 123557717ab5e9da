//! Message attributes as they are typed: `k=v`, `k:=5`, `k:='["a"]'`.

use crate::event::{Attribute, json};

/// Reads one `--attr`: `name=text` is a `String`, `name:=5` a `Number`, `name:='["a", 1]'` a `String.Array`.
///
/// Names and types: <https://docs.aws.amazon.com/sns/latest/dg/sns-message-attributes.html>. The number and the array stay as
/// they were typed.
///
/// # Errors
/// A sentence for clap: no `=`, a name that SNS refuses, an empty value, or a JSON value that no attribute can hold.
pub fn parse(typed: &str) -> Result<(String, Attribute), String> {
    let (name, value) = typed.split_once('=').ok_or("expected `name=text`, `name:=number` or `name:=[…]`")?;
    let (name, is_json) = name.strip_suffix(':').map_or((name, false), |name| (name, true));
    check_name(name)?;
    if value.is_empty() {
        return Err(format!("`{name}` has an empty value, which SNS refuses"));
    }
    if !is_json {
        return Ok((name.to_owned(), Attribute::string(value)));
    }
    let not = |found: &str| format!("`{name}` is {found}; after `:=` comes a number or a list (text: `{name}=text`)");
    let parsed: serde_json::Value = serde_json::from_str(value).map_err(|_| not("no JSON"))?;
    match parsed {
        serde_json::Value::Number(_) => Ok((name.to_owned(), Attribute::number(value.trim()))),
        serde_json::Value::Array(elements) if elements.iter().any(|e| e.is_array() || e.is_object()) => {
            Err(format!("`{name}` is a list that holds more than text, numbers, true, false and null"))
        }
        serde_json::Value::Array(_) => Ok((name.to_owned(), Attribute::string_array(value.trim()))),
        _ => Err(not(json::Kind::of(value).words())),
    }
}

fn check_name(name: &str) -> Result<(), String> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    let reserved = ["aws.", "amazon."].iter().any(|prefix| name.to_ascii_lowercase().starts_with(prefix));
    let fine = !name.is_empty()
        && name.len() <= 256
        && name.chars().all(allowed)
        && !name.starts_with('.')
        && !name.ends_with('.')
        && !name.contains("..")
        && !reserved;
    if fine {
        return Ok(());
    }
    Err(format!(
        "`{name}` is no attribute name: 1 to 256 letters, digits, `_`, `-` and single `.` inside, not starting with `AWS.` or `Amazon.`"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_types() {
        let read = |typed: &str| parse(typed).expect(typed);
        assert_eq!(read("k=v"), ("k".into(), Attribute::string("v")));
        assert_eq!(read("k=a=b:=c"), ("k".into(), Attribute::string("a=b:=c")));
        assert_eq!(read("k:=5"), ("k".into(), Attribute::number("5")));
        assert_eq!(read("k:=1.50e2"), ("k".into(), Attribute::number("1.50e2")));
        assert_eq!(
            read(r#"a.b-c_1:=["x", 1, true, null]"#),
            ("a.b-c_1".into(), Attribute::string_array(r#"["x", 1, true, null]"#))
        );
    }

    #[test]
    fn refusals() {
        for typed in [
            "", "k", "=v", "k=", "k:=", "k:=x", "k:=\"x\"", "k:=true", "k:={}", "k:=[[1]]", "k:=[", "a b=1", ".a=1",
            "a..b=1", "AWS.x=1", "é=1",
        ] {
            assert!(parse(typed).is_err(), "{typed}");
        }
        assert!(parse("k:=true").is_err_and(|why| why.contains("true or false")));
    }
}
