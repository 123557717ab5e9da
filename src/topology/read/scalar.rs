//! Single values: texts, flags, numbers, and the plain fields with their units.

use crate::topology::fields::{Field, Kind};
use crate::topology::model::Settings;
use crate::topology::problem::Problems;
use crate::topology::units;
use crate::topology::yaml::{Node, Value, join};
use crate::words;

use super::table::Table;

pub(super) fn text(node: &Node, path: &str, problems: &mut Problems) -> Option<String> {
    match &node.value {
        Value::Text(text) if !text.is_empty() => return Some(text.clone()),
        Value::Text(_) => problems.error(node.place, path, format!("`{path}` is empty; expected text"), None),
        Value::Number(n) => {
            let fix = Some(format!("put it in quotes: `\"{n}\"`"));
            problems.error(node.place, path, format!("`{path}` is {}; expected text", node.found()), fix);
        }
        _ => problems.error(node.place, path, format!("`{path}` is {}; expected text", node.found()), None),
    }
    None
}

pub(super) fn flag(node: &Node, path: &str, problems: &mut Problems) -> Option<bool> {
    match &node.value {
        Value::Bool(flag) => return Some(*flag),
        Value::Text(word) if node.inserted => {
            if let Ok(flag) = word.parse() {
                return Some(flag);
            }
        }
        _ => {}
    }
    let fix = match &node.value {
        Value::Text(word) if matches!(word.to_lowercase().as_str(), "yes" | "on" | "true") => {
            Some("write `true`".into())
        }
        Value::Text(word) if matches!(word.to_lowercase().as_str(), "no" | "off" | "false") => {
            Some("write `false`".into())
        }
        _ => None,
    };
    problems.error(node.place, path, format!("`{path}` is {}; expected `true` or `false`", node.found()), fix);
    None
}

pub(super) fn number(node: &Node, path: &str, min: u64, max: u64, problems: &mut Problems) -> Option<u64> {
    let found = match &node.value {
        Value::Number(n) => n.as_u64(),
        Value::Text(text) if node.inserted => text.parse().ok(),
        _ => None,
    };
    if let Some(found) = found.filter(|n| (min..=max).contains(n)) {
        return Some(found);
    }
    let message = format!("`{path}` is {}; expected a whole number from {min} to {max}", node.found());
    problems.error(node.place, path, message, None);
    None
}

pub(super) fn settings(table: &Table, known: &'static [Field], problems: &mut Problems) -> Settings {
    let mut stated = Vec::new();
    for field in known {
        let Some(node) = table.get(field.key, problems) else { continue };
        if let Some(value) = plain(field, node, &join(&table.path, field.key), problems) {
            stated.push((field, value, node.place));
        }
    }
    Settings(stated)
}

/// A plain field's value as AWS writes it.
pub(super) fn plain(field: &Field, node: &Node, path: &str, problems: &mut Problems) -> Option<String> {
    let range = |found: Result<u64, (String, Option<String>)>, min, max, show: fn(u64) -> String| match found {
        Ok(n) if (min..=max).contains(&n) => Ok(n),
        Ok(n) => {
            let nearest = if n < min { min } else { max };
            let message = format!("is `{}`; AWS takes `{}` to `{}`", show(n), show(min), show(max));
            Err((message, Some(format!("write `{}`", show(nearest)))))
        }
        Err(problem) => Err(problem),
    };
    let found = match field.kind {
        Kind::Seconds { min, max } => range(units::seconds(node), min, max, units::show_seconds),
        Kind::Bytes { min, max } => range(units::bytes(node), min, max, units::show_bytes),
        Kind::Days { min, max } => range(units::seconds(node), min * 86_400, max * 86_400, units::show_seconds)
            .and_then(|seconds| {
                if seconds.is_multiple_of(86_400) {
                    Ok(seconds / 86_400)
                } else {
                    Err((format!("is `{}`; expected whole days", units::show_seconds(seconds)), None))
                }
            }),
        Kind::Number { min, max } => return number(node, path, min, max, problems).map(|n| n.to_string()),
        Kind::Flag => return flag(node, path, problems).map(|flag| flag.to_string()),
        Kind::Text { max } => {
            let text = text(node, path, problems)?;
            let length = text.chars().count();
            if text.chars().any(char::is_control) {
                // They have no place in AWS's XML answers.
                Err(("holds control characters; expected plain text".into(), None))
            } else if length <= max {
                return Some(text);
            } else {
                Err((format!("has {length} characters; AWS takes up to {max}"), None))
            }
        }
        Kind::Choice(words) => {
            let known: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
            let given = match &node.value {
                Value::Text(text) => text.as_str(),
                _ => "",
            };
            if let Some((_, aws)) = words.iter().find(|(word, _)| *word == given) {
                return Some((*aws).to_owned());
            }
            let fix = words::did_you_mean(given, known.iter().copied());
            Err((format!("is {}; expected one of {}", node.found(), words::list(&known)), fix))
        }
        Kind::Json => match &node.value {
            Value::Map(_) => return Some(node.to_json().to_string()),
            _ => Err((format!("is {}; expected a mapping", node.found()), None)),
        },
    };
    match found {
        Ok(n) => Some(n.to_string()),
        Err((message, fix)) => {
            problems.error(node.place, path, format!("`{path}` {message}"), fix);
            None
        }
    }
}
