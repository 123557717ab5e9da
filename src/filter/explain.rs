//! Why a message does not pass: the first clause that it fails, what that wanted, what it saw, and what was nearly right.

use super::body::Found;
use super::clause::{Clause, Scalar};
use super::json::Json;
use super::policy::{FilterPolicy, Leaf, Message, Node, Values, attribute_holds};
use super::{Scope, near};

/// What a policy says about one message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Whether the message passes.
    pub matched: bool,
    /// The first part of the policy, in its own order, that the message fails; `None` when it passes.
    pub failure: Option<Mismatch>,
}

/// A part of a policy that a message fails. All texts may quote the message: they are not safe for a terminal as they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mismatch {
    /// Where in the policy: a JSON pointer, empty for the whole.
    pub pointer: String,
    /// The attribute or property, nested ones joined with dots; `$or` for an alternative, empty for the message as a whole.
    pub key: String,
    /// What would have passed, to be read after "wanted".
    pub wanted: String,
    /// What was there, as JSON; `None` when nothing was.
    pub saw: Option<String>,
    /// The data type of the attribute that was there.
    pub saw_type: Option<String>,
    /// What was nearly right, each a fragment of its own.
    pub hints: Vec<String>,
    /// For `$or`: why each branch fails.
    pub branches: Vec<Mismatch>,
}

impl std::fmt::Display for Mismatch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if !self.branches.is_empty() {
            let reasons: Vec<String> = self.branches.iter().map(Self::to_string).collect();
            return write!(f, "no branch of `$or` holds: {}", reasons.join("; "));
        }
        let key = if self.key.is_empty() { "the message".to_owned() } else { format!("`{}`", self.key) };
        match (&self.saw, &self.saw_type) {
            (None, _) => write!(f, "{key} is absent, wanted {}", self.wanted),
            (Some(saw), Some(data_type)) => write!(f, "{key} is {saw} ({data_type}), wanted {}", self.wanted),
            (Some(saw), None) => write!(f, "{key} is {saw}, wanted {}", self.wanted),
        }
    }
}

/// Clauses that are written out before the rest is only counted.
const SHOWN_CLAUSES: usize = 6;
/// Values that are written out before the rest is only counted.
const SHOWN_VALUES: usize = 6;
/// Characters of a value that are shown.
const SHOWN_TEXT: usize = 200;

pub(super) fn explain(policy: &FilterPolicy, message: &Message<'_>) -> Verdict {
    let failure = match policy.scope {
        Scope::MessageAttributes => {
            let holds = |leaf: usize| attribute_holds(&policy.leaves[leaf], message.attributes);
            first_failure(policy, &policy.all, &holds, &|leaf| attribute_mismatch(leaf, message))
        }
        Scope::MessageBody => body_failure(policy, message),
    };
    Verdict { matched: failure.is_none(), failure }
}

fn first_failure(
    policy: &FilterPolicy,
    nodes: &[Node],
    holds: &dyn Fn(usize) -> bool,
    mismatch: &dyn Fn(&Leaf) -> Mismatch,
) -> Option<Mismatch> {
    nodes.iter().find_map(|node| match node {
        Node::Leaf(leaf) => (!holds(*leaf)).then(|| mismatch(&policy.leaves[*leaf])),
        Node::Or { pointer, branches } => {
            let failures: Vec<Option<Mismatch>> =
                branches.iter().map(|branch| first_failure(policy, branch, holds, mismatch)).collect();
            let branches: Vec<Mismatch> = failures.into_iter().collect::<Option<_>>()?;
            Some(Mismatch {
                pointer: pointer.clone(),
                key: "$or".into(),
                wanted: format!("one of {} branches to hold", branches.len()),
                saw: None,
                saw_type: None,
                hints: Vec::new(),
                branches,
            })
        }
    })
}

fn attribute_mismatch(leaf: &Leaf, message: &Message<'_>) -> Mismatch {
    let attribute = message.attributes.get(&leaf.name);
    let values = Values::of(attribute);
    let seen: &[Scalar<'_>] = match &values {
        Values::One(value) => std::slice::from_ref(value),
        Values::Many(values) => values,
        Values::Absent | Values::Malformed => &[],
    };
    let saw = match (&values, attribute) {
        (Values::One(value), _) => Some(shorten(&value.render())),
        (Values::Many(values), _) => Some(render_values(values)),
        (Values::Malformed, Some(attribute)) => {
            Some(format!("{}, which is no JSON array", shorten(attribute.text().unwrap_or_default())))
        }
        _ => None,
    };
    let saw_type = attribute.filter(|_| saw.is_some()).map(|attribute| attribute.data_type.clone());
    let mut hints = near::values(leaf, seen);
    if seen.is_empty() {
        hints.extend(near::missing_attribute(leaf, message));
    }
    Mismatch {
        pointer: leaf.pointer.clone(),
        key: leaf.name.clone(),
        wanted: wanted(leaf),
        saw,
        saw_type,
        hints,
        branches: vec![],
    }
}

fn body_failure(policy: &FilterPolicy, message: &Message<'_>) -> Option<Mismatch> {
    let whole = |wanted: String, saw: &str| Mismatch {
        pointer: String::new(),
        key: String::new(),
        wanted,
        saw: Some(saw.to_owned()),
        saw_type: None,
        hints: Vec::new(),
        branches: Vec::new(),
    };
    let members = match message.json() {
        Some(Json::Object(members)) => members,
        Some(other) => return Some(whole("a JSON object".into(), other.kind())),
        None => return Some(whole("a JSON object".into(), "no JSON")),
    };
    let found = Found::collect_shown(policy, members);
    if found.satisfies(policy) {
        return None;
    }
    let holds = |leaf: usize| found.holds(policy, leaf);
    let mismatch = |leaf: &Leaf| {
        let at = policy.leaves.iter().position(|other| std::ptr::eq(other, leaf)).unwrap_or_default();
        let seen = &found.leaf(at).shown;
        let saw = match seen.as_slice() {
            [] => None,
            [value] => Some(shorten(&value.render())),
            values => Some(render_values(values)),
        };
        let mut hints = near::values(leaf, seen);
        if seen.is_empty() {
            hints.extend(near::missing_property(leaf, message));
        }
        Mismatch {
            pointer: leaf.pointer.clone(),
            key: leaf.name.clone(),
            wanted: wanted(leaf),
            saw,
            saw_type: None,
            hints,
            branches: Vec::new(),
        }
    };
    Some(first_failure(policy, &policy.all, &holds, &mismatch).unwrap_or_else(|| {
        let keys: Vec<String> = policy.keys().map(|key| format!("`{key}`")).collect();
        whole(
            format!("{} to hold within one element of each array", keys.join(" and ")),
            "an object in which no single array element satisfies them all",
        )
    }))
}

fn wanted(leaf: &Leaf) -> String {
    let mut shown: Vec<String> = leaf.clauses.iter().take(SHOWN_CLAUSES).map(Clause::render).collect();
    if leaf.clauses.len() > SHOWN_CLAUSES {
        shown.push(format!("one of {} more", leaf.clauses.len() - SHOWN_CLAUSES));
    }
    shown.join(" or ")
}

fn render_values(values: &[Scalar<'_>]) -> String {
    let mut shown: Vec<String> = values.iter().take(SHOWN_VALUES).map(|value| shorten(&value.render())).collect();
    if values.len() > SHOWN_VALUES {
        shown.push(format!("… {} more", values.len() - SHOWN_VALUES));
    }
    format!("[{}]", shown.join(", "))
}

fn shorten(text: &str) -> String {
    match text.char_indices().nth(SHOWN_TEXT) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}
