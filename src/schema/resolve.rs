//! A schema together with every file that it refers to, so that references can be followed without a compiler's help.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::Value;

use super::source::{self, FolderRetriever};

/// Keywords whose values are data, in which nothing is a schema.
const DATA: [&str; 4] = ["const", "default", "enum", "examples"];

/// One schema and what it refers to.
#[derive(Debug)]
pub(super) struct Documents {
    main: String,
    docs: BTreeMap<String, Doc>,
}

/// One file.
#[derive(Debug)]
pub(super) struct Doc {
    value: Value,
    /// What its references are resolved against.
    base: String,
    /// How it is called in messages.
    pub(super) name: String,
    /// Up to draft 7, where what stands beside a `$ref` is ignored.
    pub(super) legacy: bool,
    /// Draft 4, where `exclusiveMinimum` is true or false.
    pub(super) four: bool,
    /// Parts with an `$id` of their own: what their references mean depends on it, which is not followed here.
    embedded: bool,
    /// Pointers by `$anchor`.
    anchors: BTreeMap<String, String>,
}

/// A schema within a document.
#[derive(Clone, Debug)]
pub(super) struct Node<'a> {
    pub(super) value: &'a Value,
    pub(super) doc: &'a Doc,
    /// JSON pointer within the document.
    pub(super) pointer: String,
}

impl<'a> Node<'a> {
    /// The schema below it at `parts`.
    pub(super) fn below(&self, value: &'a Value, parts: &[&str]) -> Self {
        let mut pointer = self.pointer.clone();
        for part in parts {
            push(&mut pointer, part);
        }
        Node { value, doc: self.doc, pointer }
    }
}

/// Adds a part to a JSON pointer.
pub(super) fn push(pointer: &mut String, part: &str) {
    pointer.push('/');
    pointer.push_str(&part.replace('~', "~0").replace('/', "~1"));
}

impl Documents {
    /// Reads what `value`, the schema in the file `path` of `folder`, refers to. What cannot be found is left out: who follows
    /// such a reference is told then.
    pub(super) fn load(folder: &Path, path: &Path, value: &Value) -> Self {
        let retriever = FolderRetriever { folder: folder.to_owned() };
        let main = source::uri_of(folder, path);
        let mut docs = BTreeMap::new();
        let first = Doc::new(&main, value.clone());
        let mut wanted = references(&first);
        docs.insert(main.clone(), first);
        while let Some(uri) = wanted.pop_first() {
            if docs.contains_key(&uri) || docs.values().any(|doc: &Doc| doc.base == uri) {
                continue;
            }
            if let Ok(found) = retriever.find(&uri) {
                let doc = Doc::new(&uri, found);
                wanted.extend(references(&doc));
                docs.insert(uri, doc);
            }
        }
        Self { main, docs }
    }

    /// The schema itself.
    pub(super) fn root(&self) -> Node<'_> {
        let doc = &self.docs[&self.main];
        Node { value: &doc.value, doc, pointer: String::new() }
    }

    /// The document that is called `name`, or has that address.
    pub(super) fn named(&self, name: &str) -> Option<&Value> {
        let known = |doc: &&Doc| doc.name == name || doc.base == name;
        self.docs.values().find(known).map(|doc| &doc.value)
    }

    /// Where `reference` in `doc` leads; `None` for what is not there, or cannot be followed here.
    pub(super) fn resolve<'a>(&'a self, doc: &'a Doc, reference: &str) -> Option<Node<'a>> {
        let (target, fragment) = self.target(doc, reference)?;
        let fragment = percent_encoding::percent_decode_str(fragment).decode_utf8().ok()?;
        let pointer = match fragment.as_ref() {
            "" => String::new(),
            pointer if pointer.starts_with('/') => pointer.to_owned(),
            anchor => target.anchors.get(anchor)?.clone(),
        };
        let value = target.value.pointer(&pointer)?;
        Some(Node { value, doc: target, pointer })
    }

    fn target<'a, 'r>(&'a self, doc: &'a Doc, reference: &'r str) -> Option<(&'a Doc, &'r str)> {
        if doc.embedded {
            return None;
        }
        let (address, fragment) = reference.split_once('#').unwrap_or((reference, ""));
        if address.is_empty() {
            return Some((doc, fragment));
        }
        let wanted = join(&doc.base, address);
        let target = self.docs.get(&wanted).or_else(|| self.docs.values().find(|doc| doc.base == wanted))?;
        (!target.embedded).then_some((target, fragment))
    }

    /// The schema as one document: what it refers to in other files stands under `$defs`. The second value names references
    /// that could not be taken in.
    pub(super) fn self_contained(&self) -> (Value, Vec<String>) {
        let mut left = Vec::new();
        let main = &self.docs[&self.main];
        let names: BTreeMap<&str, String> = {
            let mut taken: BTreeSet<String> = main
                .value
                .get("$defs")
                .and_then(Value::as_object)
                .map(|defs| defs.keys().cloned().collect())
                .unwrap_or_default();
            let mut name_of = |doc: &Doc| {
                let stem = doc.name.rsplit('/').next().unwrap_or(&doc.name).split('.').next().unwrap_or_default();
                let mut name = stem.trim_start_matches('_').to_owned();
                while name.is_empty() || !taken.insert(name.clone()) {
                    name.push('_');
                }
                name
            };
            self.docs
                .iter()
                .filter(|(uri, _)| **uri != self.main)
                .map(|(uri, doc)| (uri.as_str(), name_of(doc)))
                .collect()
        };
        let mut whole = self.rewritten(main, &names, &mut left);
        if !names.is_empty()
            && let Value::Object(map) = &mut whole
        {
            let defs = map.entry("$defs").or_insert_with(|| Value::Object(serde_json::Map::new()));
            for (uri, name) in &names {
                let mut part = self.rewritten(&self.docs[*uri], &names, &mut left);
                if let Value::Object(part) = &mut part {
                    part.retain(|key, _| !matches!(key.as_str(), "$schema" | "$id"));
                }
                if let Value::Object(defs) = defs {
                    defs.insert(name.clone(), part);
                }
            }
        }
        left.sort();
        left.dedup();
        (whole, left)
    }

    fn rewritten(&self, doc: &Doc, names: &BTreeMap<&str, String>, left: &mut Vec<String>) -> Value {
        let moved = |reference: &str, left: &mut Vec<String>| {
            let Some((target, _)) = self.target(doc, reference) else {
                left.push(reference.to_owned());
                return reference.to_owned();
            };
            let Some(node) = self.resolve(doc, reference) else {
                left.push(reference.to_owned());
                return reference.to_owned();
            };
            let uri =
                self.docs.iter().find(|(_, known)| std::ptr::eq(*known, target)).map_or("", |(uri, _)| uri.as_str());
            match names.get(uri) {
                Some(name) => format!("#/$defs/{name}{}", node.pointer),
                None => format!("#{}", node.pointer),
            }
        };
        fn walk(value: &Value, moved: &mut impl FnMut(&str) -> String) -> Value {
            match value {
                Value::Object(map) => Value::Object(
                    map.iter()
                        .map(|(key, value)| match value {
                            Value::String(reference) if key == "$ref" => (key.clone(), moved(reference).into()),
                            value if DATA.contains(&key.as_str()) => (key.clone(), value.clone()),
                            value => (key.clone(), walk(value, moved)),
                        })
                        .collect(),
                ),
                Value::Array(list) => Value::Array(list.iter().map(|value| walk(value, moved)).collect()),
                other => other.clone(),
            }
        }
        walk(&doc.value, &mut |reference| moved(reference, left))
    }
}

impl Doc {
    fn new(uri: &str, value: Value) -> Self {
        let dialect = value.get("$schema").and_then(Value::as_str).unwrap_or_default();
        let four = dialect.contains("draft-04");
        let legacy = four || dialect.contains("draft-06") || dialect.contains("draft-07");
        let id = value.get(if four { "id" } else { "$id" }).and_then(Value::as_str).unwrap_or_default();
        let id = id.trim_end_matches('#');
        let base = if id.is_empty() { uri.to_owned() } else { join(uri, id) };
        let (mut anchors, mut embedded) = (BTreeMap::new(), false);
        survey(&value, "", four, &mut anchors, &mut embedded);
        let name = uri.strip_prefix(source::BASE).unwrap_or(uri);
        let name = percent_encoding::percent_decode_str(name).decode_utf8_lossy().into_owned();
        Self { value, base, name, legacy, four, embedded, anchors }
    }
}

/// Finds anchors, and parts with an identity of their own.
fn survey(value: &Value, pointer: &str, four: bool, anchors: &mut BTreeMap<String, String>, embedded: &mut bool) {
    match value {
        Value::Object(map) => {
            for keyword in ["$anchor", "$dynamicAnchor"] {
                if let Some(anchor) = map.get(keyword).and_then(Value::as_str) {
                    anchors.insert(anchor.to_owned(), pointer.to_owned());
                }
            }
            if let Some(id) = map.get(if four { "id" } else { "$id" }).and_then(Value::as_str) {
                match id.strip_prefix('#') {
                    Some(anchor) => drop(anchors.insert(anchor.to_owned(), pointer.to_owned())),
                    None => *embedded |= !pointer.is_empty(),
                }
            }
            for (key, value) in map.iter().filter(|(key, _)| !DATA.contains(&key.as_str())) {
                let mut below = pointer.to_owned();
                push(&mut below, key);
                survey(value, &below, four, anchors, embedded);
            }
        }
        Value::Array(list) => {
            for (index, value) in list.iter().enumerate() {
                survey(value, &format!("{pointer}/{index}"), four, anchors, embedded);
            }
        }
        _ => {}
    }
}

/// The addresses, without fragments, of other documents that `doc` refers to.
fn references(doc: &Doc) -> BTreeSet<String> {
    fn walk(value: &Value, base: &str, found: &mut BTreeSet<String>) {
        match value {
            Value::Object(map) => {
                if let Some(reference) = map.get("$ref").and_then(Value::as_str) {
                    let address = reference.split('#').next().unwrap_or_default();
                    if !address.is_empty() {
                        found.insert(join(base, address));
                    }
                }
                for (_, value) in map.iter().filter(|(key, _)| !DATA.contains(&key.as_str())) {
                    walk(value, base, found);
                }
            }
            Value::Array(list) => list.iter().for_each(|value| walk(value, base, found)),
            _ => {}
        }
    }
    let mut found = BTreeSet::new();
    walk(&doc.value, &doc.base, &mut found);
    found
}

/// `address`, seen from `base`: RFC 3986 as far as files of a folder need it.
fn join(base: &str, address: &str) -> String {
    let scheme = address.split_once(':').map_or("", |(scheme, _)| scheme);
    let is_scheme = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'));
    if is_scheme {
        return address.to_owned();
    }
    let Some((scheme, rest)) = base.split_once("://") else { return address.to_owned() };
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    let mut parts: Vec<&str> = if address.starts_with('/') { Vec::new() } else { path.split('/').collect() };
    parts.pop();
    for part in address.trim_start_matches('/').split('/') {
        match part {
            "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    format!("{scheme}://{authority}/{}", parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_joined_as_in_a_browser() {
        let base = "eventbus://schemas/folder/a/E.json";
        for (address, expected) in [
            ("b.json", "eventbus://schemas/folder/a/b.json"),
            ("./b.json", "eventbus://schemas/folder/a/b.json"),
            ("../b.json", "eventbus://schemas/folder/b.json"),
            ("/b.json", "eventbus://schemas/b.json"),
            ("https://x.y/z", "https://x.y/z"),
            ("urn:x:y", "urn:x:y"),
        ] {
            assert_eq!(join(base, address), expected, "{address}");
        }
    }
}
