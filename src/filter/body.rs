//! The body scope: which values a message body holds for the keys of a policy, and whether they fit together.
//!
//! Keys and properties are compared as dotted paths, so a dot in either equals nesting. Arrays are descended into. Values that
//! satisfy several keys have to come from the same element of every array that they share ("array consistency",
//! <https://github.com/aws/event-ruler#and-and-or-relationship-among-fields-with-ruler>). As there, keys are taken in the order
//! of their names, and a key is absent when the elements chosen so far do not hold it.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap, HashSet};

use super::clause::Scalar;
use super::json::Json;
use super::policy::{FilterPolicy, Leaf, Node};

/// The array elements that a value lies in, from the outermost: which array, which element.
type Chain = Vec<(u32, u32)>;

/// What a body holds for each leaf of a policy.
pub(super) struct Found<'b> {
    /// By leaf.
    values: Vec<LeafValues<'b>>,
}

/// What a body holds for one leaf.
#[derive(Default)]
pub(super) struct LeafValues<'b> {
    /// Where there are values.
    present: Vec<Chain>,
    /// Where there are values that satisfy the leaf.
    accepted: Vec<Chain>,
    /// The values themselves, when they are to be shown.
    pub(super) shown: Vec<Scalar<'b>>,
}

impl<'b> Found<'b> {
    /// Walks the body once, along the policy's keys.
    pub(super) fn collect(policy: &FilterPolicy, members: &'b [(Cow<'b, str>, Json<'b>)]) -> Self {
        Self::walk(policy, members, false)
    }

    /// [`Self::collect`], keeping the values.
    pub(super) fn collect_shown(policy: &FilterPolicy, members: &'b [(Cow<'b, str>, Json<'b>)]) -> Self {
        Self::walk(policy, members, true)
    }

    fn walk(policy: &FilterPolicy, members: &'b [(Cow<'b, str>, Json<'b>)], show: bool) -> Self {
        let values = policy.leaves.iter().map(|_| LeafValues::default()).collect();
        let mut walk = Walk { leaves: &policy.leaves, show, found: Found { values }, chain: Vec::new(), arrays: 0 };
        let all: Vec<(usize, &str)> =
            policy.leaves.iter().enumerate().map(|(at, leaf)| (at, leaf.name.as_str())).collect();
        walk.object(members, &all);
        walk.found
    }

    /// Whether one way of satisfying the policy fits this body.
    pub(super) fn satisfies(&self, policy: &FilterPolicy) -> bool {
        policy.ways.iter().any(|way| self.fits(policy, way))
    }

    /// Whether a leaf holds when looked at alone.
    pub(super) fn holds(&self, policy: &FilterPolicy, leaf: usize) -> bool {
        let found = &self.values[leaf];
        !found.accepted.is_empty() || (policy.leaves[leaf].may_be_absent && found.present.is_empty())
    }

    pub(super) fn leaf(&self, leaf: usize) -> &LeafValues<'b> {
        &self.values[leaf]
    }

    fn fits(&self, policy: &FilterPolicy, way: &[usize]) -> bool {
        let possible = |&leaf: &usize| !self.values[leaf].accepted.is_empty() || policy.leaves[leaf].may_be_absent;
        if !way.iter().all(possible) {
            return false;
        }
        // Only values inside arrays can be at odds with each other.
        let (inside, outside): (Vec<usize>, Vec<usize>) =
            way.iter().copied().partition(|&leaf| self.values[leaf].present.iter().any(|chain| !chain.is_empty()));
        outside.iter().all(|&leaf| self.holds(policy, leaf)) && self.consistent(policy, &inside)
    }

    /// Looks for one value for each leaf such that no array gives two elements. Walks the reachable choices once each: a choice
    /// is remembered only as far as a later leaf still depends on it, which keeps bodies with many elements affordable.
    fn consistent(&self, policy: &FilterPolicy, leaves: &[usize]) -> bool {
        if let [only] = leaves {
            return self.holds(policy, *only);
        }
        let mut last_use: HashMap<u32, usize> = HashMap::new();
        for (position, &leaf) in leaves.iter().enumerate() {
            for &(array, _) in self.values[leaf].present.iter().flatten() {
                last_use.insert(array, position);
            }
        }
        let steps: Vec<Step> = leaves
            .iter()
            .map(|&leaf| Step {
                accepted: Tree::of(&self.values[leaf].accepted),
                present: policy.leaves[leaf].may_be_absent.then(|| Tree::of(&self.values[leaf].present)),
            })
            .collect();
        let mut seen: HashSet<(usize, Chosen)> = HashSet::new();
        let mut open = vec![(0, Chosen::new())];
        while let Some((position, chosen)) = open.pop() {
            let Some(step) = steps.get(position) else { return true };
            let mut reachable = Vec::new();
            step.accepted.consistent(&chosen, &mut Vec::new(), &mut reachable);
            if step.present.as_ref().is_some_and(|present| !present.any_consistent(&chosen)) {
                reachable.push(Chain::new());
            }
            for chain in reachable {
                let mut next = chosen.clone();
                next.extend(chain);
                next.retain(|array, _| last_use.get(array).is_some_and(|&last| last > position));
                if seen.insert((position + 1, next.clone())) {
                    open.push((position + 1, next));
                }
            }
        }
        false
    }
}

/// Which element was chosen, by array.
type Chosen = BTreeMap<u32, u32>;

struct Step {
    accepted: Tree,
    /// Set when the leaf may be absent.
    present: Option<Tree>,
}

/// Chains that share their beginnings, so that those that fit a choice are found without looking at the others.
#[derive(Default)]
struct Tree {
    ends: bool,
    arrays: BTreeMap<u32, BTreeMap<u32, Tree>>,
}

impl Tree {
    fn of(chains: &[Chain]) -> Self {
        let mut root = Self::default();
        for chain in chains {
            let mut at = &mut root;
            for (array, element) in chain {
                at = at.arrays.entry(*array).or_default().entry(*element).or_default();
            }
            at.ends = true;
        }
        root
    }

    fn consistent(&self, chosen: &Chosen, path: &mut Chain, into: &mut Vec<Chain>) {
        if self.ends {
            into.push(path.clone());
        }
        for (array, elements) in &self.arrays {
            let mut descend = |element: u32, tree: &Self| {
                path.push((*array, element));
                tree.consistent(chosen, path, into);
                path.pop();
            };
            match chosen.get(array) {
                Some(element) => elements.get(element).into_iter().for_each(|tree| descend(*element, tree)),
                None => elements.iter().for_each(|(element, tree)| descend(*element, tree)),
            }
        }
    }

    fn any_consistent(&self, chosen: &Chosen) -> bool {
        self.ends
            || self.arrays.iter().any(|(array, elements)| match chosen.get(array) {
                Some(element) => elements.get(element).is_some_and(|tree| tree.any_consistent(chosen)),
                None => elements.values().any(|tree| tree.any_consistent(chosen)),
            })
    }
}

struct Walk<'p, 'b> {
    leaves: &'p [Leaf],
    show: bool,
    found: Found<'b>,
    chain: Chain,
    arrays: u32,
}

impl<'b> Walk<'_, 'b> {
    /// `rest`: the leaves that may lie below, each with what remains of its path.
    fn object(&mut self, members: &'b [(Cow<'b, str>, Json<'b>)], rest: &[(usize, &str)]) {
        if rest.is_empty() {
            return;
        }
        for (key, value) in members {
            let mut here = Vec::new();
            let mut below = Vec::new();
            for &(leaf, path) in rest {
                match path.strip_prefix(key.as_ref()) {
                    Some("") => here.push(leaf),
                    Some(after) => below.extend(after.strip_prefix('.').map(|after| (leaf, after))),
                    None => {}
                }
            }
            if !here.is_empty() || !below.is_empty() {
                self.value(value, &here, &below);
            }
        }
    }

    fn value(&mut self, value: &'b Json<'b>, here: &[usize], below: &[(usize, &str)]) {
        let scalar = match value {
            // What has properties is no value itself: `exists` and the others look at leaves only.
            Json::Object(members) => return self.object(members, below),
            Json::Array(elements) => return self.array(elements, here, below),
            Json::Null => Scalar::Null,
            Json::Bool(value) => Scalar::Bool(*value),
            Json::Number(text) => Scalar::Number(Cow::Borrowed(text)),
            Json::String(text) => Scalar::Text(Cow::Borrowed(text)),
        };
        for &leaf in here {
            let accepts = self.leaves[leaf].accepts(&scalar);
            let found = &mut self.found.values[leaf];
            if found.present.last() != Some(&self.chain) {
                found.present.push(self.chain.clone());
            }
            if accepts && found.accepted.last() != Some(&self.chain) {
                found.accepted.push(self.chain.clone());
            }
            if self.show {
                found.shown.push(scalar.clone());
            }
        }
    }

    fn array(&mut self, elements: &'b [Json<'b>], here: &[usize], below: &[(usize, &str)]) {
        let array = self.arrays;
        self.arrays += 1;
        for (element, value) in (0..).zip(elements) {
            // A plain value in an array is one of the property's values, not a thing of its own.
            let nested = matches!(value, Json::Array(_) | Json::Object(_));
            if nested {
                self.chain.push((array, element));
            }
            self.value(value, here, below);
            if nested {
                self.chain.pop();
            }
        }
    }
}

/// All ways to satisfy `nodes`: each names the leaves that have to hold together, sorted by name.
/// There are never more of them than combinations, which are limited.
pub(super) fn ways(leaves: &[Leaf], nodes: &[Node]) -> Vec<Vec<usize>> {
    fn expand(nodes: &[Node], mut ways: Vec<Vec<usize>>) -> Vec<Vec<usize>> {
        for node in nodes {
            match node {
                Node::Leaf(leaf) => ways.iter_mut().for_each(|way| way.push(*leaf)),
                Node::Or { branches, .. } => {
                    ways = branches.iter().flat_map(|branch| expand(branch, ways.clone())).collect();
                }
            }
        }
        ways
    }
    let mut ways = expand(nodes, vec![Vec::new()]);
    for way in &mut ways {
        way.sort_by(|a, b| leaves[*a].name.cmp(&leaves[*b].name));
    }
    ways
}
