//! Whether every payload of one schema (`x`) passes the other (`y`), and where not.
//!
//! Each keyword of `y` must follow from something that `x` says. What cannot be shown is a finding; so no finding means that
//! it holds, while a finding may, rarely, be one that a cleverer proof would spare. What `x` says and is not understood only
//! makes `x` wider here; what `y` says and is not understood is "cannot be decided".

use std::borrow::Cow;
use std::cell::Cell;

use serde_json::{Map, Value, json};

use super::same::{Side, same, same_keyword};
use super::scalar::{self, shown};
use crate::schema::flat::{Flat, Part, matches, types};
use crate::schema::resolve::{Documents, push};

/// How deep schemas are followed into each other.
const DEPTH: usize = 32;

/// Types that stand or fall together in alternatives.
const KINDS: [u8; 6] = [types::NULL, types::BOOL, types::OBJECT, types::ARRAY, types::STRING, types::NUMBER];

/// What a finding is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum About {
    /// A keyword.
    Keyword,
    /// A property that `y` describes and `x` does not.
    Described,
    /// A property that `x` describes and `y` refuses.
    Unknown,
}

/// Why people who know their payloads may let it pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Waiver {
    /// `x` leaves open what it does not describe.
    Undescribed,
    /// `y` refuses what it does not know.
    Closed,
}

/// A demand of `y` that `x` does not guarantee.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Finding {
    /// JSON pointer to the keyword, references taken for what they refer to.
    pub(super) path: String,
    /// The keyword.
    pub(super) keyword: String,
    /// The property's name, for `required` and the like.
    pub(super) subject: String,
    pub(super) about: About,
    pub(super) certain: bool,
    pub(super) waiver: Option<Waiver>,
    /// What `y` says.
    pub(super) wants: Option<Value>,
    /// What `x` says.
    pub(super) has: Option<Value>,
    /// What `x`'s payloads may be.
    pub(super) why: String,
    /// Where `y` says it.
    pub(super) place: String,
}

/// Which payloads of the types go where.
type Open = (Vec<(usize, bool)>, Vec<(usize, bool)>, u8);

/// The proof.
pub(super) struct Prover<'d> {
    x: &'d Documents,
    y: &'d Documents,
    found: Vec<Finding>,
    open: Vec<Open>,
    /// Steps that lead here in proofs around this one.
    above: usize,
    fuel: &'d Cell<u32>,
}

/// Cheapest first: known breaks, then what cannot be decided, then what may be let pass.
fn cost(found: &[Finding]) -> (usize, usize, usize) {
    let waived = found.iter().filter(|f| f.waiver.is_some()).count();
    let certain = found.iter().filter(|f| f.waiver.is_none() && f.certain).count();
    (certain, found.len() - certain - waived, waived)
}

impl<'d> Prover<'d> {
    /// A proof about schemas of `x` and of `y`, that takes no more than `fuel` steps.
    pub(super) fn new(x: &'d Documents, y: &'d Documents, fuel: &'d Cell<u32>) -> Self {
        Self { x, y, found: Vec::new(), open: Vec::new(), above: 0, fuel }
    }

    /// What does not follow.
    pub(super) fn findings(mut self) -> Vec<Finding> {
        let (x, y) = (Flat::of(self.x, &self.x.root()), Flat::of(self.y, &self.y.root()));
        self.implies(&x, &y, types::ALL, "");
        self.found
    }

    fn probe(&mut self, x: &Flat<'d>, y: &Flat<'d>, mask: u8, path: &str) -> Vec<Finding> {
        let before = std::mem::take(&mut self.found);
        self.implies(x, y, mask, path);
        std::mem::replace(&mut self.found, before)
    }

    /// The same the other way round.
    fn reversed(&self, y: &Flat<'d>, x: &Flat<'d>) -> bool {
        let mut prover = Prover::new(self.y, self.x, self.fuel);
        prover.above = self.above + self.open.len() + 1;
        prover.implies(y, x, types::ALL, "");
        prover.found.is_empty()
    }

    #[expect(clippy::too_many_arguments, reason = "a finding is made of these")]
    fn tell(
        &mut self,
        part: &Part<'_>,
        path: &str,
        keyword: &str,
        certain: bool,
        wants: Option<Value>,
        has: Option<Value>,
        why: impl Into<String>,
    ) -> &mut Finding {
        let mut full = path.to_owned();
        push(&mut full, keyword);
        self.found.push(Finding {
            path: full,
            keyword: keyword.to_owned(),
            subject: String::new(),
            about: About::Keyword,
            certain,
            waiver: None,
            wants,
            has,
            why: why.into(),
            place: format!("{}/{keyword}", part.place()),
        });
        let last = self.found.len() - 1;
        &mut self.found[last]
    }

    /// Adds findings for all that `y` demands of payloads of the types `mask` and `x` does not guarantee.
    fn implies(&mut self, x: &Flat<'d>, y: &Flat<'d>, mask: u8, path: &str) {
        let mask = x.types(self.x) & mask;
        let nothing = x
            .values()
            .is_some_and(|values| !values.iter().any(|value| crate::schema::flat::type_of(value) & mask != 0));
        if mask == 0 || nothing {
            return;
        }
        let origins = |flat: &Flat<'_>| {
            let mut origins: Vec<_> = flat.parts.iter().map(|part| part.origin).collect();
            origins.sort_unstable();
            origins
        };
        let key = (origins(x), origins(y), mask);
        if self.open.contains(&key) {
            return;
        }
        if self.fuel.get() == 0 || self.above + self.open.len() > DEPTH {
            self.bare(path, "schema", false, "are described in too many ways to compare them all");
            return;
        }
        self.fuel.set(self.fuel.get() - 1);
        if y.never {
            self.bare(path, "schema", true, "may stand here");
            return;
        }
        for reference in &y.lost {
            let same = x.lost.contains(reference);
            let why = format!("cannot be held against `{reference}`, which leads nowhere that can be followed");
            if !same {
                self.bare(path, "$ref", false, why);
            }
        }
        self.open.push(key);
        self.keywords(x, y, mask, path);
        self.open.pop();
    }

    fn bare(&mut self, path: &str, keyword: &str, certain: bool, why: impl Into<String>) {
        self.found.push(Finding {
            path: path.to_owned(),
            keyword: keyword.to_owned(),
            subject: String::new(),
            about: About::Keyword,
            certain,
            waiver: None,
            wants: None,
            has: None,
            why: why.into(),
            place: String::new(),
        });
    }

    fn keywords(&mut self, x: &Flat<'d>, y: &Flat<'d>, mut mask: u8, path: &str) {
        for part in &y.parts {
            let Some(wanted) = part.get("type") else { continue };
            let allowed = match wanted {
                Value::String(name) => types::named(name),
                Value::Array(names) => names.iter().filter_map(Value::as_str).map(types::named).fold(0, |a, b| a | b),
                _ => continue,
            };
            if mask & !allowed != 0 {
                let why = format!("may be {}", type_words(mask & !allowed));
                let has = x.parts.iter().find_map(|part| part.get("type").cloned());
                self.tell(part, path, "type", true, Some(wanted.clone()), has, why);
                mask &= allowed;
            }
        }
        if mask == 0 {
            return;
        }
        for part in &y.parts {
            let mut object = false;
            let mut array = false;
            for (keyword, wanted) in part.object.iter() {
                if let Some(miss) = scalar::miss(x, mask, part, keyword, wanted) {
                    self.tell(part, path, keyword, miss.certain, Some(wanted.clone()), miss.has, miss.why);
                    continue;
                }
                match keyword.as_str() {
                    "properties" | "patternProperties" | "additionalProperties" => object = true,
                    "items" | "prefixItems" | "additionalItems" => array = true,
                    "required" if mask & types::OBJECT != 0 => self.required(x, part, wanted, path),
                    "propertyNames" if mask & types::OBJECT != 0 => self.property_names(x, part, path),
                    "dependentRequired" | "dependentSchemas" | "dependencies" if mask & types::OBJECT != 0 => {
                        self.dependent(x, part, keyword, wanted, path);
                    }
                    "contains" if mask & types::ARRAY != 0 => self.contains(x, part, path),
                    "anyOf" => self.any_of(x, part, keyword, mask, path),
                    "oneOf" => self.one_of(x, part, mask, path),
                    "not" => self.not(x, part, mask, path),
                    "if" => self.conditional(x, part, mask, path),
                    "unevaluatedProperties" if mask & types::OBJECT != 0 => {
                        if !y.closes(part) && wanted != &Value::Bool(true) {
                            self.whole(x, part, keyword, path);
                        }
                    }
                    "unevaluatedItems" if mask & types::ARRAY != 0 && wanted != &Value::Bool(true) => {
                        self.whole(x, part, keyword, path);
                    }
                    "$dynamicRef" | "$recursiveRef" | "contentEncoding" | "contentMediaType" | "contentSchema"
                    | "extends" | "disallow" => self.unknown(x, part, keyword, wanted, path),
                    // Held by `scalar`, or for people.
                    _ => {}
                }
            }
            if object && mask & types::OBJECT != 0 {
                self.object(x, part, path);
            }
            if array && mask & types::ARRAY != 0 {
                self.array(x, part, path);
            }
        }
    }

    /// A keyword of which only sameness is understood, together with all that stands beside it.
    fn whole(&mut self, x: &Flat<'d>, part: &Part<'d>, keyword: &str, path: &str) {
        let right = Side { docs: self.y, doc: part.doc };
        let alike = x.parts.iter().filter(|own| !own.origin.1).any(|own| {
            let (a, b) =
                (Value::Object(own.object.clone().into_owned()), Value::Object(part.object.clone().into_owned()));
            same(&a, Side { docs: self.x, doc: own.doc }, &b, right, &mut Vec::new())
        });
        if !alike {
            let wants = part.get(keyword).cloned();
            self.tell(part, path, keyword, false, wants, None, "may have what other keywords have not looked at");
        }
    }

    fn unknown(&mut self, x: &Flat<'d>, part: &Part<'d>, keyword: &str, wanted: &Value, path: &str) {
        let right = Side { docs: self.y, doc: part.doc };
        let alike = |own: &Part<'d>| {
            let left = Side { docs: self.x, doc: own.doc };
            own.get(keyword).is_some_and(|a| same_keyword(keyword, a, left, wanted, right, &mut Vec::new()))
        };
        if !x.parts.iter().any(alike) {
            let why = "cannot be held against a keyword that only a validator can judge";
            self.tell(part, path, keyword, false, Some(wanted.clone()), None, why);
        }
    }

    fn required(&mut self, x: &Flat<'d>, part: &Part<'d>, wanted: &Value, path: &str) {
        let known = x.required().into_iter().map(str::to_owned).collect::<Vec<_>>();
        for name in wanted.as_array().into_iter().flatten().filter_map(Value::as_str) {
            if !known.iter().any(|known| known == name) {
                let found = self.tell(part, path, "required", true, None, None, format!("may lack `{name}`"));
                found.subject = name.to_owned();
            }
        }
    }

    /// `properties`, `patternProperties` and `additionalProperties` of one part of `y`.
    fn object(&mut self, x: &Flat<'d>, part: &Part<'d>, path: &str) {
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

    fn property_names(&mut self, x: &Flat<'d>, part: &Part<'d>, path: &str) {
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

    fn dependent(&mut self, x: &Flat<'d>, part: &Part<'d>, keyword: &str, wanted: &Value, path: &str) {
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

    fn array(&mut self, x: &Flat<'d>, part: &Part<'d>, path: &str) {
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

    fn contains(&mut self, x: &Flat<'d>, part: &Part<'d>, path: &str) {
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

    fn branches(&self, docs: &'d Documents, part: &Part<'d>, keyword: &str) -> Vec<Flat<'d>> {
        let many = part.get(keyword).and_then(Value::as_array).map_or(0, Vec::len);
        let node = |index: usize| part.node(&[keyword, &index.to_string()]);
        (0..many).filter_map(|index| Some(Flat::of(docs, &node(index)?))).collect()
    }

    fn any_of(&mut self, x: &Flat<'d>, part: &Part<'d>, keyword: &str, mask: u8, path: &str) {
        let branches = self.branches(self.y, part, keyword);
        let mut below = path.to_owned();
        push(&mut below, keyword);
        let found = self.best(x, part, keyword, &branches, mask, &below, &mut Vec::new());
        self.found.extend(found);
    }

    /// The least that stands between `x` and the alternatives.
    #[expect(clippy::too_many_arguments, reason = "the alternatives, their place, and what has been split")]
    fn best(
        &mut self,
        x: &Flat<'d>,
        part: &Part<'d>,
        keyword: &str,
        branches: &[Flat<'d>],
        mask: u8,
        path: &str,
        split: &mut Vec<(usize, bool)>,
    ) -> Vec<Finding> {
        let mut best = self.nearest(x, branches, mask, path);
        if best.is_empty() {
            return best;
        }
        let kinds = KINDS.iter().filter(|kind| *kind & mask & x.types(self.x) != 0).count();
        if kinds > 1 {
            let mut by_kind = Vec::new();
            for kind in KINDS {
                if kind & mask & x.types(self.x) != 0 {
                    by_kind.extend(self.nearest(x, branches, mask & kind, path));
                }
            }
            if cost(&by_kind) < cost(&best) {
                best = by_kind;
            }
        }
        // Every value by itself, where they are few.
        let values: Option<Vec<Value>> = x.values().map(|values| values.into_iter().cloned().collect());
        if let Some(values) = values.filter(|values| (2..=64).contains(&values.len()) && !best.is_empty()) {
            let mut by_value = Vec::new();
            for (at, value) in values.into_iter().enumerate() {
                let object = Map::from_iter([("const".to_owned(), value)]);
                let origin = (2 + at, true);
                let made = Part { object: Cow::Owned(object), doc: part.doc, pointer: String::new(), origin };
                let one = x.clone().and(&Flat { parts: vec![made], ..Flat::default() });
                by_value.extend(self.nearest(&one, branches, mask, path));
            }
            if cost(&by_value) < cost(&best) {
                best = by_value;
            }
        }
        // Every alternative of `x` by itself.
        let fork = x.parts.iter().find_map(|own| {
            let keyword =
                ["anyOf", "oneOf"].into_iter().find(|keyword| own.get(keyword).is_some_and(Value::is_array))?;
            (!split.contains(&own.origin)).then(|| (own.clone(), keyword))
        });
        if let Some((own, word)) = fork.filter(|_| !best.is_empty() && split.len() < 4) {
            split.push(own.origin);
            let forms = self.branches(self.x, &own, word);
            let mut by_form = Vec::new();
            for (at, form) in forms.iter().enumerate() {
                let one = x.clone().and(form);
                let found = self.best(&one, part, keyword, branches, mask, path, split);
                if cost(&found).0 > 0 && forms.len() != branches.len() {
                    let why = format!("may be of form {}, which has no counterpart", at + 1);
                    let has = own.node(&[word, &at.to_string()]).map(|node| node.value.clone());
                    by_form.push(Finding {
                        path: path.to_owned(),
                        keyword: keyword.to_owned(),
                        subject: format!("form {}", at + 1),
                        about: About::Unknown,
                        certain: true,
                        waiver: None,
                        wants: None,
                        has,
                        why,
                        place: part.place(),
                    });
                } else {
                    by_form.extend(found);
                }
            }
            split.pop();
            if cost(&by_form) <= cost(&best) {
                best = by_form;
            }
        } else if cost(&best).0 > 0 && branches.len() > 1 && split.is_empty() {
            // No alternatives there: which of these is nearest says little.
            let why = format!("may fit none of the {} forms", branches.len());
            let wants = part.get(keyword).cloned();
            best = vec![Finding {
                path: path.to_owned(),
                keyword: keyword.to_owned(),
                subject: String::new(),
                about: About::Keyword,
                certain: true,
                waiver: None,
                wants,
                has: None,
                why,
                place: part.place(),
            }];
        }
        best
    }

    /// The findings against the alternative that has the fewest.
    fn nearest(&mut self, x: &Flat<'d>, branches: &[Flat<'d>], mask: u8, path: &str) -> Vec<Finding> {
        let mut best: Option<Vec<Finding>> = None;
        for (at, branch) in branches.iter().enumerate() {
            let found = self.probe(x, branch, mask, &format!("{path}/{at}"));
            if best.as_ref().is_none_or(|best| cost(&found) < cost(best)) {
                best = Some(found);
            }
            if best.as_ref().is_some_and(Vec::is_empty) {
                break;
            }
        }
        best.unwrap_or_default()
    }

    fn one_of(&mut self, x: &Flat<'d>, part: &Part<'d>, mask: u8, path: &str) {
        let branches = self.branches(self.y, part, "oneOf");
        let apart = |docs: &'d Documents, forms: &[Flat<'d>]| {
            forms.iter().enumerate().all(|(at, a)| forms[at + 1..].iter().all(|b| disjoint(a, docs, b, docs, mask, 4)))
        };
        if branches.len() < 2 || apart(self.y, &branches) {
            self.any_of(x, part, "oneOf", mask, path);
            return;
        }
        // The same alternatives in the same order, each as wide as it was.
        let parts: Vec<Part<'d>> = x.parts.iter().filter(|own| own.get("oneOf").is_some()).cloned().collect();
        for own in &parts {
            let forms = self.branches(self.x, own, "oneOf");
            let equivalent = forms.len() == branches.len()
                && forms
                    .iter()
                    .zip(&branches)
                    .all(|(a, b)| self.probe(a, b, types::ALL, path).is_empty() && self.reversed(b, a));
            if equivalent {
                return;
            }
        }
        let just_one = (0..branches.len()).any(|at| {
            self.probe(x, &branches[at], mask, path).is_empty()
                && branches
                    .iter()
                    .enumerate()
                    .all(|(other, branch)| other == at || disjoint(x, self.x, branch, self.y, mask, 4))
        });
        if !just_one {
            let wants = part.get("oneOf").cloned();
            let has = parts.first().and_then(|own| own.get("oneOf").cloned());
            let why = "may fit none or several of the forms, which are not told apart: it cannot be decided";
            self.tell(part, path, "oneOf", false, wants, has, why);
        }
    }

    fn not(&mut self, x: &Flat<'d>, part: &Part<'d>, mask: u8, path: &str) {
        let Some(node) = part.node(&["not"]) else { return };
        let wanted = Flat::of(self.y, &node);
        let wanted_types = wanted.types(self.y);
        if wanted_types & mask == 0 || disjoint(x, self.x, &wanted, self.y, mask, 4) {
            return;
        }
        let own: Vec<Flat<'d>> =
            x.parts.iter().filter_map(|own| Some(Flat::of(self.x, &own.node(&["not"])?))).collect();
        if own.iter().any(|own| self.reversed(&wanted, own)) {
            return;
        }
        let has = x.parts.iter().find_map(|part| part.get("not").cloned());
        let why =
            if own.is_empty() { "may be what is ruled out" } else { "may be what is ruled out: it cannot be decided" };
        self.tell(part, path, "not", own.is_empty(), Some(node.value.clone()), has, why);
    }

    fn conditional(&mut self, x: &Flat<'d>, part: &Part<'d>, mask: u8, path: &str) {
        let right = Side { docs: self.y, doc: part.doc };
        let alike = |own: &Part<'d>| {
            let left = Side { docs: self.x, doc: own.doc };
            ["if", "then", "else"].iter().all(|keyword| match (own.get(keyword), part.get(keyword)) {
                (None, None) => true,
                (Some(a), Some(b)) => same(a, left, b, right, &mut Vec::new()),
                _ => false,
            })
        };
        if x.parts.iter().any(alike) {
            return;
        }
        let always = ["then", "else"].iter().all(|keyword| {
            part.node(&[keyword]).is_none_or(|node| {
                let wanted = Flat::of(self.y, &node);
                self.probe(x, &wanted, mask, path).is_empty()
            })
        });
        if !always {
            let has = x.parts.iter().find_map(|part| part.get("if").cloned());
            let why = "may go either way of `if`: it cannot be decided";
            self.tell(part, path, "if", false, part.get("if").cloned(), has, why);
        }
    }
}

/// Whether no payload of the types `mask` passes both, as far as types, listed values and required properties tell.
fn disjoint<'a>(a: &Flat<'a>, left: &'a Documents, b: &Flat<'a>, right: &'a Documents, mask: u8, depth: usize) -> bool {
    let both = a.types(left) & b.types(right) & mask;
    if both == 0 {
        return true;
    }
    if let (Some(a), Some(b)) = (a.values(), b.values())
        && !a.iter().any(|a| b.iter().any(|b| crate::schema::flat::equal(a, b)))
    {
        return true;
    }
    if both != types::OBJECT || depth == 0 {
        return false;
    }
    let names: Vec<&str> = a.required().into_iter().chain(b.required()).collect();
    names.into_iter().any(|name| {
        let (a, b) = (a.property(left, name).0, b.property(right, name).0);
        a.never || b.never || disjoint(&a, left, &b, right, types::ALL, depth - 1)
    })
}

/// `null or a whole number`.
fn type_words(mask: u8) -> String {
    let mut words = Vec::new();
    for (bit, word) in [
        (types::NULL, "null"),
        (types::BOOL, "true or false"),
        (types::OBJECT, "an object"),
        (types::ARRAY, "an array"),
        (types::STRING, "a string"),
    ] {
        if mask & bit != 0 {
            words.push(word);
        }
    }
    match mask & types::NUMBER {
        types::NUMBER => words.push("a number"),
        types::INTEGER => words.push("a whole number"),
        types::FRACTION => words.push("a number with a fraction"),
        _ => {}
    }
    if mask == types::ALL { "of any type".into() } else { words.join(", ") }
}

/// A value for a sentence.
pub(super) fn brief(value: &Value) -> String {
    shown(value)
}
