//! Whether every payload of one schema (`x`) passes the other (`y`), and where not.
//!
//! Each keyword of `y` must follow from something that `x` says. What cannot be shown is a finding; so no finding means that
//! it holds, while a finding may, rarely, be one that a cleverer proof would spare. What `x` says and is not understood only
//! makes `x` wider here; what `y` says and is not understood is "cannot be decided".

use std::cell::Cell;

use serde_json::Value;

use super::same::{Side, same, same_keyword};
use super::scalar::{self, shown};
use crate::schema::flat::{Flat, Part, types};
use crate::schema::resolve::{Documents, push};

/// How deep schemas are followed into each other.
const DEPTH: usize = 32;

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
    pub(super) x: &'d Documents,
    pub(super) y: &'d Documents,
    pub(super) found: Vec<Finding>,
    open: Vec<Open>,
    /// Steps that lead here in proofs around this one.
    above: usize,
    fuel: &'d Cell<u32>,
}

/// Cheapest first: known breaks, then what cannot be decided, then what may be let pass.
pub(super) fn cost(found: &[Finding]) -> (usize, usize, usize) {
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

    pub(super) fn probe(&mut self, x: &Flat<'d>, y: &Flat<'d>, mask: u8, path: &str) -> Vec<Finding> {
        let before = std::mem::take(&mut self.found);
        self.implies(x, y, mask, path);
        std::mem::replace(&mut self.found, before)
    }

    /// The same the other way round.
    pub(super) fn reversed(&self, y: &Flat<'d>, x: &Flat<'d>) -> bool {
        let mut prover = Prover::new(self.y, self.x, self.fuel);
        prover.above = self.above + self.open.len() + 1;
        prover.implies(y, x, types::ALL, "");
        prover.found.is_empty()
    }

    #[expect(clippy::too_many_arguments, reason = "a finding is made of these")]
    pub(super) fn tell(
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
                    "unevaluatedProperties"
                        if mask & types::OBJECT != 0 && !y.closes(part) && wanted != &Value::Bool(true) =>
                    {
                        self.whole(x, part, keyword, path);
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
