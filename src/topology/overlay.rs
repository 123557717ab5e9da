//! Overlays: files that are laid over a topology, each over what came before.
//!
//! Mappings are merged key by key, everything else is replaced: texts, numbers, lists. A key without a value (`null`) removes
//! what stands there, except an event's `topic`, of which it says that there is none. Subscriptions are merged one by one: an entry with the topic and the queue of one that stands changes it,
//! `remove: true` in it removes it, any other is added. Every part keeps the place, and with it the file, it came from.

use super::problem::Problems;
use super::yaml::{Key, Node, Value, join};
use crate::words;

/// Lays `over` over `base`.
pub(super) fn lay(base: &mut Node, over: Node, path: &str, problems: &mut Problems) {
    if path == "subscriptions" && base.value == Value::Null {
        // The key alone says "none", to which those of the overlay are added.
        base.value = Value::List(Vec::new());
    }
    match (&mut base.value, over.value) {
        (Value::Map(entries), Value::Map(changes)) => {
            for (key, change) in changes {
                entry(entries, key, change, path, problems);
            }
        }
        (Value::List(standing), Value::List(changes)) if path == "subscriptions" => {
            for change in changes {
                subscription(standing, change, problems);
            }
        }
        // In an overlay alone `remove` would be read as a key of the language.
        (_, value) => *base = Node { value, ..over },
    }
}

fn entry(entries: &mut Vec<(Key, Node)>, key: Key, change: Node, path: &str, problems: &mut Problems) {
    let here = join(path, &key.text);
    let at = entries.iter().position(|(standing, _)| standing.text == key.text);
    match (at, &change.value) {
        // The route that leads nowhere is said so: without the key there would be none.
        (Some(at), Value::Null) if path.starts_with("events.") && key.text == "topic" => entries[at].1 = change,
        (Some(at), Value::Null) => {
            entries.remove(at);
        }
        (Some(at), _) => lay(&mut entries[at].1, change, &here, problems),
        (None, Value::Null) => {
            let near = words::did_you_mean(&key.text, entries.iter().map(|(key, _)| key.text.as_str()));
            let fix = near.unwrap_or_else(|| format!("to add it write `{}: {{}}`", key.text));
            let message = format!("`{here}` has no value, which removes it, and there is none");
            problems.warn(key.place, &here, message, Some(fix));
        }
        (None, _) if path.is_empty() && key.text == "subscriptions" => {
            let mut fresh = Node { value: Value::Null, ..change.clone() };
            lay(&mut fresh, change, "subscriptions", problems);
            entries.push((key, fresh));
        }
        (None, _) => entries.push((key, change)),
    }
}

fn subscription(standing: &mut Vec<Node>, mut change: Node, problems: &mut Problems) {
    let pair = |node: &Node| -> Option<(String, String)> {
        let text = |key: &str| match &node.at(key)?.value {
            Value::Text(text) => Some(text.clone()),
            _ => None,
        };
        Some((text("topic")?, text("queue")?))
    };
    let wanted = pair(&change);
    let at = wanted.as_ref().and_then(|wanted| standing.iter().position(|node| pair(node).as_ref() == Some(wanted)));
    if matches!(change.at("remove").map(|node| &node.value), Some(Value::Bool(true))) {
        match (at, wanted) {
            (Some(at), _) => {
                standing.remove(at);
            }
            (None, wanted) => {
                let message = match wanted {
                    Some((topic, queue)) => format!("`{queue}` is not subscribed to `{topic}`, so nothing is removed"),
                    None => "what to remove is not said; expected `topic` and `queue`".into(),
                };
                problems.warn(change.place, "subscriptions", message, Some("remove the entry".into()));
            }
        }
        return;
    }
    if let Value::Map(entries) = &mut change.value {
        entries.retain(|(key, node)| key.text != "remove" || node.value != Value::Bool(false));
    }
    match at {
        Some(at) => lay(&mut standing[at], change, &format!("subscriptions.{at}"), problems),
        None => standing.push(change),
    }
}
