//! A mapping whose keys are checked against the language.

use crate::topology::problem::{Place, Problems};
use crate::topology::yaml::{Key, Node, Value, join};
use crate::words;

use super::scalar::text;

/// A mapping whose keys were checked against the language.
pub(super) struct Table<'n> {
    pub(super) path: String,
    pub(super) place: Place,
    pub(super) entries: &'n [(Key, Node)],
    keys: Vec<&'static str>,
}

impl<'n> Table<'n> {
    /// Opens a mapping (nothing at all counts as an empty one) and complains about keys that the language does not have.
    pub(super) fn open(node: &'n Node, path: &str, keys: Vec<&'static str>, problems: &mut Problems) -> Option<Self> {
        let entries = entries(node, path, problems)?;
        for (key, _) in entries {
            if keys.contains(&key.text.as_str()) {
                continue;
            }
            let here = join(path, &key.text);
            let fix = words::did_you_mean(&key.text, keys.iter().copied())
                .unwrap_or_else(|| format!("the keys here are {}", words::list(&keys)));
            problems.error(key.place, &here, format!("`{here}` is not a key of the language"), Some(fix));
        }
        Some(Self { path: path.to_owned(), place: node.place, entries, keys })
    }

    /// The value of a key; a key without a value is a problem.
    pub(super) fn get(&self, key: &str, problems: &mut Problems) -> Option<&'n Node> {
        debug_assert!(self.keys.contains(&key), "`{key}` is read but not in the list of keys");
        let (name, node) = self.entries.iter().find(|(name, _)| name.text == key)?;
        if matches!(node.value, Value::Null) {
            let here = join(&self.path, key);
            let fix = Some("give it a value, or remove the line".into());
            problems.error(name.place, &here, format!("`{here}` has no value"), fix);
            return None;
        }
        Some(node)
    }

    /// The same for a key that has to be there, and whose missing value means something.
    pub(super) fn need_or_null(&self, key: &str, example: &str, problems: &mut Problems) -> Option<&'n Node> {
        match self.entries.iter().find(|(name, _)| name.text == key) {
            Some((_, node)) if node.value == Value::Null => Some(node),
            _ => self.need(key, example, problems),
        }
    }

    /// The same, complaining when the key is not there.
    pub(super) fn need(&self, key: &str, example: &str, problems: &mut Problems) -> Option<&'n Node> {
        if !self.entries.iter().any(|(name, _)| name.text == key) {
            let whole = if self.path.is_empty() { "the file".to_owned() } else { format!("`{}`", self.path) };
            let fix = Some(format!("add `{key}: {example}`"));
            problems.error(self.place, &self.path, format!("{whole} has no `{key}`"), fix);
            return None;
        }
        self.get(key, problems)
    }

    pub(super) fn text(&self, key: &str, problems: &mut Problems) -> Option<String> {
        let node = self.get(key, problems)?;
        text(node, &join(&self.path, key), problems)
    }

    pub(super) fn need_text(&self, key: &str, example: &str, problems: &mut Problems) -> Option<(String, Place)> {
        let node = self.need(key, example, problems)?;
        Some((text(node, &join(&self.path, key), problems)?, node.place))
    }
}

pub(super) fn entries<'n>(node: &'n Node, path: &str, problems: &mut Problems) -> Option<&'n [(Key, Node)]> {
    match &node.value {
        Value::Map(entries) => Some(entries),
        Value::Null => Some(&[]),
        _ => {
            let whole = if path.is_empty() { "the file".to_owned() } else { format!("`{path}`") };
            problems.error(node.place, path, format!("{whole} is {}; expected a mapping", node.found()), None);
            None
        }
    }
}
