//! Objects and arrays: what holds of the things within them.

use std::borrow::Cow;

use serde_json::{Value, json};

use super::prove::{About, Finding, Prover, Waiver};
use crate::schema::flat::{Flat, Part, matches, types};
use crate::schema::resolve::push;

impl<'d> Prover<'d> {
    /// `properties`, `patternProperties` and `additionalProperties` of one part of `y`.
    pub(super) fn object(&mut self, x: &Flat<'d>, part: &Part<'d>, path: &str) {
        let names: Vec<String> = x.names().into_iter().map(str::to_owned).collect();
        let own = |keyword: &str| {
            part.get(keyword)
                .and_then(Value::as_object)
                .map(|map| map.keys().cloned().collect::<Vec<_>>())
                .unwrap_or_default()
        };
        let (described, patterns) = (own("properties"), own("patternProperties"));
        let in_path = |parts: [&str; 2]| {
            let mut path = path.to_owned();
            parts.iter().for_each(|part| push(&mut path, part));
            path
        };
        for name in described.iter().filter(|_| !part.origin.1) {
            if let Some(node) = part.node(&["properties", name]) {
                let wanted = Flat::of(self.y, &node);
                let (has, known) = x.property(self.x, name);
                // What must be there is no stranger, even if nothing is said of it.
                let known = known || x.required().contains(&name.as_str());
                self.property(&has, known, &wanted, name, part, &in_path(["properties", name]));
            }
        }
        for pattern in patterns.iter().filter(|_| !part.origin.1) {
            let Some(node) = part.node(&["patternProperties", pattern]) else { continue };
            let wanted = Flat::of(self.y, &node);
            let below = in_path(["patternProperties", pattern]);
            for name in names.iter().filter(|name| matches(pattern, name) != Some(false)) {
                let (has, known) = x.property(self.x, name);
                self.property(&has, known, &wanted, name, part, &below);
            }
            // Names that `x` does not have, and of which some fit the pattern.
            let mut has = Flat::default();
            let mut known = false;
            for own in &x.parts {
                if let Some(node) = own.node(&["patternProperties", pattern]) {
                    has.add(self.x, &node);
                    known = true;
                } else if own.get("patternProperties").is_none_or(|p| p == &json!({})) {
                    own.rest(self.x, &mut has);
                }
            }
            known |= has.never || !has.parts.is_empty();
            self.property(&has, known, &wanted, pattern, part, &below);
        }
        let Some(rest) = part.get("additionalProperties") else { return };
        if rest == &Value::Bool(true) {
            return;
        }
        let closed = rest == &Value::Bool(false);
        let wanted = match part.node(&["additionalProperties"]) {
            Some(node) => Flat::of(self.y, &node),
            None => Flat { never: closed, ..Flat::default() },
        };
        let beyond = |name: &str| {
            !described.iter().any(|known| known == name)
                && !patterns.iter().any(|pattern| matches(pattern, name) == Some(true))
        };
        for name in names.iter().filter(|name| beyond(name)) {
            let (has, known) = x.property(self.x, name);
            if has.never {
                continue;
            }
            let below = in_path(["properties", name]);
            if closed {
                let found =
                    self.tell(part, path, "additionalProperties", true, None, None, format!("may carry `{name}`"));
                (found.path, found.about, found.subject) = (below, About::Unknown, name.clone());
                found.keyword = "properties".into();
                found.waiver = Some(Waiver::Closed);
            } else {
                self.property(&has, known, &wanted, name, part, &below);
            }
        }
        for pattern in x.patterns().into_iter().map(str::to_owned).collect::<Vec<_>>() {
            if patterns.contains(&pattern) {
                continue;
            }
            let mut has = Flat::default();
            x.parts
                .iter()
                .filter_map(|own| own.node(&["patternProperties", &pattern]))
                .for_each(|n| has.add(self.x, &n));
            if has.never {
                continue;
            }
            if closed {
                let why = format!("may carry properties that fit `{pattern}`");
                let found = self.tell(part, path, "additionalProperties", true, None, None, why);
                (found.path, found.about, found.subject) =
                    (in_path(["patternProperties", &pattern]), About::Unknown, pattern);
                found.waiver = Some(Waiver::Closed);
            } else {
                self.property(&has, true, &wanted, &pattern, part, &in_path(["patternProperties", &pattern]));
            }
        }
        let has = x.rest(self.x);
        if has.never {
            return;
        }
        let mut below = path.to_owned();
        push(&mut below, "additionalProperties");
        if closed {
            let open = has.parts.is_empty();
            let why = if open { "may carry properties that are not described" } else { "may carry any property" };
            let own = x.parts.iter().find_map(|part| part.get("additionalProperties").cloned());
            let found = self.tell(part, path, "additionalProperties", true, Some(false.into()), own, why);
            found.waiver = Some(if open { Waiver::Undescribed } else { Waiver::Closed });
        } else {
            let known = !has.parts.is_empty();
            self.property(&has, known, &wanted, "", part, &below);
        }
    }

    /// One property: where `x` does not describe it, all that can be found is that.
    fn property(&mut self, has: &Flat<'d>, known: bool, wanted: &Flat<'d>, name: &str, part: &Part<'d>, path: &str) {
        let findings = self.probe(has, wanted, types::ALL, path);
        if known || findings.is_empty() {
            self.found.extend(findings);
            return;
        }
        let keyword = path.rsplit('/').nth(1).filter(|_| !name.is_empty()).unwrap_or("additionalProperties").to_owned();
        let certain = findings.iter().all(|finding| finding.certain);
        let why = match name {
            "" => "may carry anything in properties that are not described".to_owned(),
            name => format!("may carry anything in `{name}`"),
        };
        let place = part.place();
        self.found.push(Finding {
            path: path.to_owned(),
            keyword,
            subject: name.to_owned(),
            about: About::Described,
            certain,
            waiver: Some(Waiver::Undescribed),
            wants: None,
            has: None,
            why,
            place,
        });
    }

    pub(super) fn property_names(&mut self, x: &Flat<'d>, part: &Part<'d>, path: &str) {
        let Some(node) = part.node(&["propertyNames"]) else { return };
        let wanted = Flat::of(self.y, &node);
        let mut has = Flat::default();
        x.parts.iter().filter_map(|own| own.node(&["propertyNames"])).for_each(|node| has.add(self.x, &node));
        let mut below = path.to_owned();
        push(&mut below, "propertyNames");
        if self.probe(&has, &wanted, types::STRING, &below).is_empty() {
            return;
        }
        if has.parts.is_empty() && x.rest(self.x).never && x.patterns().is_empty() {
            // Only the names that are described can be there.
            let names: Vec<Value> = x.names().into_iter().map(Value::from).collect();
            let listed = json!({ "enum": names });
            if let Value::Object(object) = listed {
                let made =
                    Part { object: Cow::Owned(object), doc: part.doc, pointer: String::new(), origin: (1, false) };
                let names = Flat { parts: vec![made], ..Flat::default() };
                let found = self.probe(&names, &wanted, types::STRING, &below);
                self.found.extend(found);
                return;
            }
        }
        let found = self.probe(&has, &wanted, types::STRING, &below);
        self.found.extend(found);
    }

    pub(super) fn dependent(&mut self, x: &Flat<'d>, part: &Part<'d>, keyword: &str, wanted: &Value, path: &str) {
        let required: Vec<String> = x.required().into_iter().map(str::to_owned).collect();
        for (name, demand) in wanted.as_object().into_iter().flatten() {
            if x.property(self.x, name).0.never {
                continue;
            }
            let below = {
                let mut below = path.to_owned();
                push(&mut below, keyword);
                push(&mut below, name);
                below
            };
            match demand {
                Value::Array(names) => {
                    for other in names.iter().filter_map(Value::as_str) {
                        let listed = |own: &Part<'d>| {
                            ["dependentRequired", "dependencies"].iter().any(|keyword| {
                                let names = own.get(keyword).and_then(|own| own.get(name)).and_then(Value::as_array);
                                names.is_some_and(|names| names.iter().any(|known| known == other))
                            })
                        };
                        if !required.iter().any(|known| known == other) && !x.parts.iter().any(listed) {
                            let why = format!("may carry `{name}` without `{other}`");
                            let found = self.tell(part, path, keyword, true, Some(demand.clone()), None, why);
                            (found.path, found.subject) = (below.clone(), other.to_owned());
                        }
                    }
                }
                _ => {
                    let Some(node) = part.node(&[keyword, name]) else { continue };
                    let then = Flat::of(self.y, &node);
                    let mut has = x.clone();
                    for own in &x.parts {
                        for keyword in ["dependentSchemas", "dependencies"] {
                            if let Some(node) = own.node(&[keyword, name]).filter(|node| !node.value.is_array()) {
                                has.add(self.x, &node);
                            }
                        }
                    }
                    if !self.probe(&has, &then, types::OBJECT, &below).is_empty() {
                        let why = format!("may carry `{name}` beside something else than this");
                        let found = self.tell(part, path, keyword, false, Some(demand.clone()), None, why);
                        found.path = below;
                    }
                }
            }
        }
    }

    pub(super) fn array(&mut self, x: &Flat<'d>, part: &Part<'d>, path: &str) {
        let (prefix, rest) = part.item_keywords();
        let most = x.bound("maxItems", false).unwrap_or(u64::MAX);
        let own = part.prefix();
        // An index past all prefixes stands for all that follow.
        for index in 0..=own.max(x.prefix()) {
            if index as u64 >= most {
                break;
            }
            let below = |parts: &[&str]| {
                let mut below = path.to_owned();
                parts.iter().for_each(|part| push(&mut below, part));
                below
            };
            let number = index.to_string();
            let (node, below) = if index < own {
                let keyword = prefix.unwrap_or_default();
                (part.node(&[keyword, &number]), below(&[keyword, &number]))
            } else {
                let keyword = rest.unwrap_or_default();
                (part.node(&[keyword]), below(&[keyword]))
            };
            let Some(node) = node else { continue };
            let found = self.probe(&x.element(self.x, index), &Flat::of(self.y, &node), types::ALL, &below);
            self.found.extend(found);
        }
    }

    pub(super) fn contains(&mut self, x: &Flat<'d>, part: &Part<'d>, path: &str) {
        let Some(node) = part.node(&["contains"]) else { return };
        let wanted = Flat::of(self.y, &node);
        let count = |part: &Part<'_>, keyword: &str| part.get(keyword).and_then(crate::schema::flat::whole);
        let (least, most) = (count(part, "minContains").unwrap_or(1), count(part, "maxContains"));
        let (mut at_least, mut at_most, mut any) = (least == 0, most.is_none(), false);
        for own in &x.parts {
            let Some(node) = own.node(&["contains"]) else { continue };
            any = true;
            let has = Flat::of(self.x, &node);
            at_least |= count(own, "minContains").unwrap_or(1) >= least
                && self.probe(&has, &wanted, types::ALL, path).is_empty();
            if let (Some(own), Some(most)) = (count(own, "maxContains"), most) {
                at_most |= own <= most && self.reversed(&wanted, &has);
            }
        }
        if !at_least || !at_most {
            let why = if at_least { "may have more of such elements" } else { "may have no such element" };
            self.tell(part, path, "contains", !any, Some(node.value.clone()), None, why);
        }
    }
}
