//! Differences that break nobody: words for people, and properties that were named without saying anything of them.

use serde_json::Value;

use super::scalar::shown;
use super::{Change, Effect};
use crate::schema::flat::Flat;
use crate::schema::resolve::{Documents, Node, push};

/// What is compared: all that people read, and our own keywords.
fn is_note(keyword: &str) -> bool {
    matches!(keyword, "title" | "description" | "default" | "examples" | "deprecated" | "readOnly" | "writeOnly")
        || keyword.starts_with("x-")
}

/// Every such difference, in properties and elements all the way down.
pub(super) fn between(old: &Documents, new: &Documents) -> Vec<Change> {
    let mut found = Vec::new();
    walk(old, &old.root(), new, &new.root(), "", 0, &mut found);
    found
}

fn target<'a>(docs: &'a Documents, node: &Node<'a>) -> Node<'a> {
    let mut node = node.clone();
    for _ in 0..16 {
        let reference = node.value.as_object().filter(|map| map.len() == 1).and_then(|map| map.get("$ref")?.as_str());
        match reference.and_then(|reference| docs.resolve(node.doc, reference)) {
            Some(next) => node = next,
            None => break,
        }
    }
    node
}

fn walk<'a>(
    left: &'a Documents,
    old: &Node<'a>,
    right: &'a Documents,
    new: &Node<'a>,
    path: &str,
    depth: usize,
    found: &mut Vec<Change>,
) {
    let (old, new) = (target(left, old), target(right, new));
    let (Value::Object(before), Value::Object(after)) = (old.value, new.value) else { return };
    if depth > 16 {
        return;
    }
    let note = |pointer: String, keyword: &str, what: String, old: Option<&Value>, new_value: Option<&Value>| Change {
        place: format!("{}#{}", new.doc.name, new.pointer),
        pointer,
        keyword: keyword.to_owned(),
        what,
        old: old.map(shown),
        new: new_value.map(shown),
        backward: Effect::None,
        forward: Effect::None,
    };
    let keywords: std::collections::BTreeSet<&String> =
        before.keys().chain(after.keys()).filter(|k| is_note(k)).collect();
    for keyword in keywords {
        let (a, b) = (before.get(keyword), after.get(keyword));
        if a != b {
            let mut pointer = path.to_owned();
            push(&mut pointer, keyword);
            let verb = match (a, b) {
                (None, _) => "added",
                (_, None) => "removed",
                _ => "changed",
            };
            found.push(note(pointer, keyword, format!("`{keyword}` {verb}"), a, b));
        }
    }
    let (a, b) = (Flat::of(left, &old), Flat::of(right, &new));
    for name in a.names().into_iter().chain(b.names()) {
        let (was, is) = (a.names().contains(&name), b.names().contains(&name));
        let mut pointer = path.to_owned();
        push(&mut pointer, "properties");
        push(&mut pointer, name);
        if was != is {
            let verb = if is { "added" } else { "removed" };
            // Where it is more than a note, the comparison has told it with this very pointer.
            if !found.iter().any(|change| change.pointer == pointer) {
                found.push(note(pointer, "properties", format!("property `{name}` {verb}"), None, None));
            }
        }
    }
    for (name, a) in before.get("properties").and_then(Value::as_object).into_iter().flatten() {
        if let Some(b) = after.get("properties").and_then(|properties| properties.get(name)) {
            let mut pointer = path.to_owned();
            push(&mut pointer, "properties");
            push(&mut pointer, name);
            let (a, b) = (old.below(a, &["properties", name]), new.below(b, &["properties", name]));
            walk(left, &a, right, &b, &pointer, depth + 1, found);
        }
    }
    if let (Some(a @ Value::Object(_)), Some(b @ Value::Object(_))) = (before.get("items"), after.get("items")) {
        let (a, b) = (old.below(a, &["items"]), new.below(b, &["items"]));
        walk(left, &a, right, &b, &format!("{path}/items"), depth + 1, found);
    }
}
