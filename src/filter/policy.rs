//! A compiled policy and the message it is asked about.

use std::cell::OnceCell;

use super::clause::{Clause, Scalar};
use super::explain::{self, Verdict};
use super::json::{self, Json};
use super::{PolicyError, PolicyWarning, Scope, body, parse};
use crate::event::{Attribute, Attributes};

/// A policy, validated and compiled. Cheap to ask, cheap enough to clone.
#[derive(Clone, Debug)]
pub struct FilterPolicy {
    pub(super) scope: Scope,
    pub(super) text: String,
    /// The keys with their clauses. Nested keys are joined with dots, which is how AWS compares them.
    pub(super) leaves: Vec<Leaf>,
    /// What has to hold, all of it, in the order of the policy.
    pub(super) all: Vec<Node>,
    /// Body scope: the ways to satisfy `all` without `$or`, each a list of leaves sorted by name.
    pub(super) ways: Vec<Vec<usize>>,
    pub(super) warnings: Vec<PolicyWarning>,
}

/// One key: satisfied when any of its values satisfies any of its clauses.
#[derive(Clone, Debug)]
pub(super) struct Leaf {
    pub(super) name: String,
    pub(super) pointer: String,
    pub(super) clauses: Vec<Clause>,
    pub(super) needs_number: bool,
    /// Has `{"exists": false}` among its clauses.
    pub(super) may_be_absent: bool,
}

/// A part of a policy.
#[derive(Clone, Debug)]
pub(super) enum Node {
    /// An index into the leaves.
    Leaf(usize),
    /// `$or`: at least one branch, all of it.
    Or { pointer: String, branches: Vec<Vec<Node>> },
}

impl Leaf {
    pub(super) fn accepts(&self, value: &Scalar<'_>) -> bool {
        let number = if self.needs_number { value.decimal() } else { None };
        self.clauses.iter().any(|clause| clause.accepts(value, number.as_ref()))
    }
}

/// A message to be matched: its attributes and its body, which is read as JSON at most once, however many policies ask.
pub struct Message<'a> {
    pub(super) attributes: &'a Attributes,
    pub(super) body: &'a str,
    json: OnceCell<Option<Json<'a>>>,
}

impl<'a> Message<'a> {
    /// A message as it was published: not wrapped in a notification.
    pub fn new(attributes: &'a Attributes, body: &'a str) -> Self {
        Self { attributes, body, json: OnceCell::new() }
    }

    /// The body, if it is JSON.
    pub(super) fn json(&self) -> Option<&Json<'a>> {
        self.json.get_or_init(|| json::parse(self.body).ok()).as_ref()
    }
}

impl std::fmt::Debug for Message<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Message")
            .field("attributes", &self.attributes)
            .field("body", &self.body)
            .finish_non_exhaustive()
    }
}

impl FilterPolicy {
    /// Reads and validates a policy.
    ///
    /// # Errors
    /// What AWS refuses on `Subscribe` and `SetSubscriptionAttributes`: text that is no JSON object, unknown operators, wrong
    /// operands, empty lists and objects, nesting in the attribute scope, and the limits of
    /// <https://docs.aws.amazon.com/sns/latest/dg/subscription-filter-policy-constraints.html>.
    pub fn parse(json_text: &str, scope: Scope) -> Result<Self, PolicyError> {
        parse::parse(json_text, scope)
    }

    /// Reads the value of the subscription attribute `FilterPolicy`: an empty text or an empty object removes the policy
    /// (<https://docs.aws.amazon.com/sns/latest/dg/message-filtering-apply.html>), everything else is as in [`Self::parse`].
    ///
    /// # Errors
    /// As [`Self::parse`].
    pub fn parse_attribute(value: &str, scope: Scope) -> Result<Option<Self>, PolicyError> {
        let removes =
            value.trim().is_empty() || matches!(json::parse(value), Ok(Json::Object(members)) if members.is_empty());
        if removes { Ok(None) } else { Self::parse(value, scope).map(Some) }
    }

    /// What the policy looks at.
    pub fn scope(&self) -> Scope {
        self.scope
    }

    /// The policy as it was given.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// What AWS's sources disagree about in this policy, and what does not do what it seems to.
    pub fn warnings(&self) -> &[PolicyWarning] {
        &self.warnings
    }

    /// The keys that the policy names, nested ones joined with dots, each once, in its order.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        let seen = |upto: usize, name: &str| self.leaves[..upto].iter().any(|leaf| leaf.name == name);
        self.leaves
            .iter()
            .enumerate()
            .filter(move |(at, leaf)| !seen(*at, &leaf.name))
            .map(|(_, leaf)| leaf.name.as_str())
    }

    /// Whether a message passes. `body` is the message as published.
    pub fn matches(&self, attributes: &Attributes, body: &str) -> bool {
        self.accepts(&Message::new(attributes, body))
    }

    /// [`Self::matches`] for a message that several policies are asked about.
    pub fn accepts(&self, message: &Message<'_>) -> bool {
        match self.scope {
            Scope::MessageAttributes => self.all_hold(&self.all, &|leaf| attribute_holds(leaf, message.attributes)),
            Scope::MessageBody => match message.json() {
                Some(Json::Object(members)) => body::Found::collect(self, members).satisfies(self),
                _ => false,
            },
        }
    }

    /// Whether a message passes and, if not, the first clause that it fails.
    pub fn explain(&self, attributes: &Attributes, body: &str) -> Verdict {
        explain::explain(self, &Message::new(attributes, body))
    }

    /// Every node of `nodes`, given which leaves hold.
    pub(super) fn all_hold(&self, nodes: &[Node], holds: &dyn Fn(&Leaf) -> bool) -> bool {
        nodes.iter().all(|node| match node {
            Node::Leaf(at) => holds(&self.leaves[*at]),
            Node::Or { branches, .. } => branches.iter().any(|branch| self.all_hold(branch, holds)),
        })
    }
}

/// What a policy sees of an attribute.
pub(super) enum Values<'a> {
    /// No such attribute, an empty array, or a `Binary`, which SNS ignores.
    Absent,
    One(Scalar<'a>),
    Many(Vec<Scalar<'a>>),
    /// An array type whose value is no JSON array. CloudWatch calls such messages "filtered out: invalid attributes".
    Malformed,
}

impl<'a> Values<'a> {
    pub(super) fn of(attribute: Option<&'a Attribute>) -> Self {
        let Some(attribute) = attribute else { return Self::Absent };
        let Some(text) = attribute.text() else { return Self::Absent };
        match attribute.data_type.split_once('.').unwrap_or((&attribute.data_type, "")) {
            ("Binary", _) => Self::Absent,
            // `Number.Array` stands in AWS's examples and nowhere else.
            ("String" | "Number", "Array") => match json::parse(text) {
                Ok(Json::Array(elements)) => {
                    let mut values = Vec::with_capacity(elements.len());
                    scalars(elements, &mut values);
                    if values.is_empty() { Self::Absent } else { Self::Many(values) }
                }
                _ => Self::Malformed,
            },
            ("Number", _) => Self::One(Scalar::Number(text.into())),
            _ => Self::One(Scalar::Text(text.into())),
        }
    }
}

fn scalars<'a>(elements: Vec<Json<'a>>, into: &mut Vec<Scalar<'a>>) {
    for element in elements {
        match element {
            Json::Null => into.push(Scalar::Null),
            Json::Bool(value) => into.push(Scalar::Bool(value)),
            Json::Number(text) => into.push(Scalar::Number(text.into())),
            Json::String(text) => into.push(Scalar::Text(text)),
            Json::Array(inner) => scalars(inner, into),
            // SNS takes none in attributes.
            Json::Object(_) => {}
        }
    }
}

/// Whether the attribute that the leaf names satisfies it.
pub(super) fn attribute_holds(leaf: &Leaf, attributes: &Attributes) -> bool {
    match Values::of(attributes.get(&leaf.name)) {
        // "`exists: false` only matches if at least one attribute is present":
        // https://docs.aws.amazon.com/sns/latest/dg/attribute-key-matching.html
        Values::Absent => leaf.may_be_absent && !attributes.is_empty(),
        Values::One(value) => leaf.accepts(&value),
        Values::Many(values) => values.iter().any(|value| leaf.accepts(value)),
        Values::Malformed => false,
    }
}
