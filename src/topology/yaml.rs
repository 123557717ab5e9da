//! YAML text as a tree in which every key and value knows its place.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::Spanned;
use serde_saphyr::options::DuplicateKeyPolicy;

use super::problem::{Place, Problems};

/// A value and its place.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Node {
    pub(crate) place: Place,
    /// Where it is written, which is elsewhere for an alias.
    pub(super) written: Place,
    /// Text that stands without quotes: where a variable was put into it, it may be a number or a truth value.
    pub(crate) plain: bool,
    /// Text into which a variable was put.
    pub(crate) inserted: bool,
    pub(crate) value: Value,
}

/// A value. Mappings keep the order of the file and, until [`parse`] has complained, duplicates.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    Null,
    Bool(bool),
    Number(serde_json::Number),
    Text(String),
    List(Vec<Node>),
    Map(Vec<(Key, Node)>),
}

/// A mapping's key and its place.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Key {
    pub(crate) place: Place,
    pub(crate) text: String,
}

/// Reads one YAML document, the file of that number. Syntax errors and duplicate keys go to `problems`; `None` when there is no
/// tree at all. A file without content is `None` too, and no problem of this function's.
pub(crate) fn parse(text: &str, file: u16, problems: &mut Problems) -> Option<Node> {
    let text = without_mark(text);
    if is_empty(text) {
        return None;
    }
    let options = serde_saphyr::options! {
        duplicate_keys: DuplicateKeyPolicy::PassThrough,
        strict_booleans: true,
        with_snippet: false,
    };
    match serde_saphyr::from_str_with_options::<Node>(text, options) {
        Ok(mut node) => {
            let lines: Vec<&str> = if text.contains('$') { text.lines().collect() } else { Vec::new() };
            settle(&mut node, file, &lines);
            duplicates(&node, "", problems);
            Some(node)
        }
        Err(error) => {
            let place = error.location().map_or(Place::default(), |at| Place {
                line: at.line(),
                column: at.column(),
                ..Place::default()
            });
            let line = usize::try_from(place.line).ok().and_then(|line| text.lines().nth(line.checked_sub(1)?));
            let variable = line.is_some_and(|line| line.contains("${"));
            let fix = variable.then(|| "inside `{ }` and `[ ]` put the variable in quotes: `\"${NAME}\"`".to_owned());
            problems.error(Place { file, ..place }, "", format!("not valid YAML: {}", sentence(&error)), fix);
            None
        }
    }
}

/// Whether there is nothing but blank lines and comments.
pub(crate) fn is_empty(text: &str) -> bool {
    without_mark(text).lines().all(|line| matches!(line.trim_start().chars().next(), None | Some('#')))
}

/// The text without the byte order mark that some editors put in front: it is no part of it.
fn without_mark(text: &str) -> &str {
    text.strip_prefix('\u{feff}').unwrap_or(text)
}

/// Gives every place its file, and looks up which texts that hold a `$` stand in quotes.
fn settle(node: &mut Node, file: u16, lines: &[&str]) {
    node.place.file = file;
    match &mut node.value {
        Value::Text(text) if text.contains('$') => {
            let line = usize::try_from(node.written.line).ok().and_then(|n| lines.get(n.checked_sub(1)?));
            let column = usize::try_from(node.written.column).unwrap_or_default().saturating_sub(1);
            let rest: String = line.map(|line| line.chars().skip(column).collect()).unwrap_or_default();
            // An anchor or a tag may stand before the text itself.
            let scalar = rest.split_whitespace().find(|word| !word.starts_with(['&', '!'])).unwrap_or_default();
            node.plain = !scalar.starts_with(['"', '\'', '|', '>']);
        }
        Value::List(items) => items.iter_mut().for_each(|item| settle(item, file, lines)),
        Value::Map(entries) => {
            for (key, value) in entries {
                key.place.file = file;
                settle(value, file, lines);
            }
        }
        _ => {}
    }
}

/// The library's message without its own position, which the problem already carries.
fn sentence(error: &serde_saphyr::Error) -> String {
    let text = error.without_snippet().to_string();
    let first = text.lines().next().unwrap_or_default();
    let end = [" at line ", ": line "].iter().filter_map(|mark| first.find(mark)).min().unwrap_or(first.len());
    match first[..end].trim().trim_end_matches('.') {
        // The library names its own functions here.
        text if text.starts_with("multiple YAML documents") => "a second document starts here; expected one".into(),
        text => text.to_owned(),
    }
}

fn duplicates(node: &Node, path: &str, problems: &mut Problems) {
    match &node.value {
        Value::List(items) => {
            for (index, item) in items.iter().enumerate() {
                duplicates(item, &join(path, &index.to_string()), problems);
            }
        }
        Value::Map(entries) => {
            for (index, (key, value)) in entries.iter().enumerate() {
                let here = join(path, &key.text);
                if let Some((first, _)) = entries[..index].iter().find(|(k, _)| k.text == key.text) {
                    problems.error(
                        key.place,
                        &here,
                        format!("`{here}` stands here a second time; the first is on line {}", first.place.line),
                        Some("keep one of them".into()),
                    );
                }
                duplicates(value, &here, problems);
            }
        }
        _ => {}
    }
}

/// `path.key`.
pub(crate) fn join(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

impl Node {
    /// The value of a key in a mapping.
    pub(crate) fn at(&self, key: &str) -> Option<&Node> {
        match &self.value {
            Value::Map(entries) => entries.iter().find(|(name, _)| name.text == key).map(|(_, node)| node),
            _ => None,
        }
    }

    /// The place and the dotted path of the deepest part of a JSON pointer that is in the tree.
    pub(crate) fn locate(&self, pointer: &str) -> (Place, String) {
        let (mut at, mut place, mut path) = (self, self.place, String::new());
        for step in pointer.split('/').skip(1).map(|step| step.replace("~1", "/").replace("~0", "~")) {
            let next = match &at.value {
                Value::Map(entries) => {
                    entries.iter().find(|(key, _)| key.text == step).map(|(key, node)| (key.place, node))
                }
                Value::List(items) => {
                    step.parse().ok().and_then(|i: usize| items.get(i)).map(|node| (node.place, node))
                }
                _ => None,
            };
            let Some((found, node)) = next else { break };
            (at, place, path) = (node, found, join(&path, &step));
        }
        (place, path)
    }

    /// The value as JSON (mappings keep their order; of duplicates the last stands).
    pub(crate) fn to_json(&self) -> serde_json::Value {
        match &self.value {
            Value::Null => serde_json::Value::Null,
            Value::Bool(b) => (*b).into(),
            Value::Number(n) => serde_json::Value::Number(n.clone()),
            Value::Text(s) if self.plain && self.inserted => retyped(s),
            Value::Text(s) => s.clone().into(),
            Value::List(items) => items.iter().map(Node::to_json).collect(),
            Value::Map(entries) => {
                serde_json::Value::Object(entries.iter().map(|(k, v)| (k.text.clone(), v.to_json())).collect())
            }
        }
    }

    /// What stands here, in words: ``the number `30` ``, `a list`.
    pub(crate) fn found(&self) -> String {
        match &self.value {
            Value::Null => "nothing".into(),
            Value::Bool(b) => format!("`{b}`"),
            Value::Number(n) => format!("the number `{n}`"),
            Value::Text(s) => format!("the text `{s}`"),
            Value::List(_) => "a list".into(),
            Value::Map(_) => "a mapping".into(),
        }
    }
}

/// What a plain scalar would have been had its text stood in the file: a number, a truth value, or the text.
fn retyped(text: &str) -> serde_json::Value {
    match serde_json::from_str(text) {
        Ok(found @ (serde_json::Value::Number(_) | serde_json::Value::Bool(_))) => found,
        _ => text.into(),
    }
}

fn place(at: serde_saphyr::Location) -> Place {
    Place { line: at.line(), column: at.column(), ..Place::default() }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let spanned = Spanned::<Value>::deserialize(deserializer)?;
        let (at, written) = (place(spanned.referenced), place(spanned.defined));
        Ok(Self { place: at, written, plain: false, inserted: false, value: spanned.value })
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ValueVisitor)
    }
}

struct ValueVisitor;

impl<'de> Visitor<'de> for ValueVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a YAML value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_none<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(serde_json::Number::from_f64(value).map_or_else(|| Value::Text(value.to_string()), Value::Number))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::Text(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::Text(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element::<Node>()? {
            list.push(item);
        }
        Ok(Value::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut map = Vec::new();
        while let Some(key) = entries.next_key::<Spanned<String>>()? {
            let value = entries.next_value::<Node>()?;
            map.push((Key { place: place(key.referenced), text: key.value }, value));
        }
        Ok(Value::Map(map))
    }
}
