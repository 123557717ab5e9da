//! Alternatives and conditions: `anyOf`, `oneOf`, `not`, `if`.

use std::borrow::Cow;

use serde_json::{Map, Value};

use super::prove::{About, Finding, Prover, cost};
use super::same::{Side, same};
use crate::schema::flat::{Flat, Part, types};
use crate::schema::resolve::{Documents, push};

/// Types that stand or fall together in alternatives.
const KINDS: [u8; 6] = [types::NULL, types::BOOL, types::OBJECT, types::ARRAY, types::STRING, types::NUMBER];

impl<'d> Prover<'d> {
    fn branches(&self, docs: &'d Documents, part: &Part<'d>, keyword: &str) -> Vec<Flat<'d>> {
        let many = part.get(keyword).and_then(Value::as_array).map_or(0, Vec::len);
        let node = |index: usize| part.node(&[keyword, &index.to_string()]);
        (0..many).filter_map(|index| Some(Flat::of(docs, &node(index)?))).collect()
    }

    pub(super) fn any_of(&mut self, x: &Flat<'d>, part: &Part<'d>, keyword: &str, mask: u8, path: &str) {
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

    pub(super) fn one_of(&mut self, x: &Flat<'d>, part: &Part<'d>, mask: u8, path: &str) {
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

    pub(super) fn not(&mut self, x: &Flat<'d>, part: &Part<'d>, mask: u8, path: &str) {
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

    pub(super) fn conditional(&mut self, x: &Flat<'d>, part: &Part<'d>, mask: u8, path: &str) {
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
