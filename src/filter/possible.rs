//! What a policy could ever let pass, given what is known beforehand about the messages: before there is any message.

use std::fmt;
use std::rc::Rc;

use serde_json::Value;

use super::clause::{Clause, Scalar};
use super::policy::{FilterPolicy, Leaf, Node};

/// What is known of the values that messages hold for one key.
#[derive(Clone, Debug)]
pub struct Domain<'a> {
    /// The values of messages that have the key.
    pub values: Values<'a>,
    /// Whether a message may be without it.
    pub may_be_absent: bool,
}

/// Values that a key may have.
#[derive(Clone)]
pub enum Values<'a> {
    /// Any; nothing is known.
    Any,
    /// None: no message has the key.
    None,
    /// These.
    Listed(Vec<Value>),
    /// Any of some types.
    Kinds {
        /// Text may be there.
        text: bool,
        /// Numbers may.
        number: bool,
        /// Truth values may.
        boolean: bool,
        /// `null` may.
        null: bool,
    },
    /// Texts for which this holds.
    Fitting(Rc<dyn Fn(&str) -> bool + 'a>),
}

impl fmt::Debug for Values<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("Any"),
            Self::None => f.write_str("None"),
            Self::Listed(values) => f.debug_tuple("Listed").field(values).finish(),
            Self::Kinds { .. } => f.write_str("Kinds"),
            Self::Fitting(_) => f.write_str("Fitting"),
        }
    }
}

impl Domain<'_> {
    /// Nothing is known.
    pub const ANYTHING: Self = Self { values: Values::Any, may_be_absent: true };
    /// No message has the key.
    pub const NOTHING: Self = Self { values: Values::None, may_be_absent: true };
}

/// One entry in a key's list of values.
#[derive(Clone, Copy, Debug)]
pub struct Part<'p> {
    /// Its place in the list.
    index: usize,
    leaf: &'p Leaf,
    clause: &'p Clause,
}

impl<'p> Part<'p> {
    /// The key, nested ones joined with dots.
    pub fn key(&self) -> &'p str {
        &self.leaf.name
    }

    /// The key's JSON pointer in the policy.
    pub fn key_pointer(&self) -> &'p str {
        &self.leaf.pointer
    }

    /// The entry's own JSON pointer.
    pub fn pointer(&self) -> String {
        format!("{}/{}", self.leaf.pointer, self.index)
    }

    /// The text, if it wants exactly that.
    pub fn text(&self) -> Option<&'p str> {
        match self.clause {
            Clause::Text(text) => Some(text),
            _ => None,
        }
    }

    /// What it wants, in a sentence.
    pub fn wanted(&self) -> String {
        self.clause.render()
    }

    /// Whether a message could satisfy it.
    pub fn is_possible(&self, domain: &Domain<'_>) -> bool {
        if *self.clause == Clause::Exists(false) {
            return domain.may_be_absent;
        }
        match &domain.values {
            Values::Any => true,
            Values::None => false,
            Values::Listed(values) => values.iter().any(|value| accepts(self.clause, value)),
            Values::Kinds { text, number, boolean, null } => match self.clause {
                Clause::Text(_)
                | Clause::Prefix(_)
                | Clause::Suffix(_)
                | Clause::Wildcard(_)
                | Clause::IgnoreCase(_)
                | Clause::Cidr(_) => *text,
                Clause::Number(_) | Clause::Numeric(_) => *number,
                Clause::Bool(_) => *boolean,
                Clause::Null => *null,
                Clause::Exists(_) => *text || *number || *boolean,
                Clause::AnythingBut(_) => *text || *number || *boolean || *null,
            },
            Values::Fitting(fits) => match self.clause {
                Clause::Text(text) => fits(text),
                Clause::Number(_) | Clause::Numeric(_) | Clause::Bool(_) | Clause::Null => false,
                // Which texts a pattern and another pattern share is not worked out: they may share one.
                _ => true,
            },
        }
    }
}

fn accepts(clause: &Clause, value: &Value) -> bool {
    let scalar = match value {
        Value::Null => Scalar::Null,
        Value::Bool(flag) => Scalar::Bool(*flag),
        Value::Number(number) => Scalar::Number(number.to_string().into()),
        Value::String(text) => Scalar::Text(text.into()),
        // A list is compared element by element.
        Value::Array(elements) => return elements.iter().any(|element| accepts(clause, element)),
        Value::Object(_) => return false,
    };
    clause.accepts(&scalar, scalar.decimal().as_ref())
}

impl FilterPolicy {
    /// Every entry of every key's list, in the order of the policy.
    pub fn parts(&self) -> impl Iterator<Item = Part<'_>> {
        self.leaves
            .iter()
            .flat_map(|leaf| leaf.clauses.iter().enumerate().map(move |(index, clause)| Part { index, leaf, clause }))
    }

    /// Whether some message could pass. The error is the JSON pointer of the first key that keeps all of them out.
    ///
    /// The answer is never a wrong no: values of several keys are taken to be independent of each other.
    ///
    /// # Errors
    /// None can.
    pub fn could_pass<'d>(&self, domain: &dyn Fn(&str) -> Domain<'d>) -> Result<(), String> {
        self.could_all(&self.all, domain)
    }

    fn could_all<'d>(&self, nodes: &[Node], domain: &dyn Fn(&str) -> Domain<'d>) -> Result<(), String> {
        for node in nodes {
            match node {
                Node::Leaf(at) => {
                    let leaf = &self.leaves[*at];
                    let known = domain(&leaf.name);
                    let part = |(index, clause)| Part { index, leaf, clause };
                    if !leaf.clauses.iter().enumerate().map(part).any(|part| part.is_possible(&known)) {
                        return Err(leaf.pointer.clone());
                    }
                }
                Node::Or { pointer, branches } => {
                    if !branches.iter().any(|branch| self.could_all(branch, domain).is_ok()) {
                        return Err(pointer.clone());
                    }
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::filter::Scope;

    fn possible(clause: Value, domain: &Domain<'_>) -> bool {
        let policy = FilterPolicy::parse(&json!({ "k": [clause] }).to_string(), Scope::MessageBody).unwrap();
        policy.parts().next().unwrap().is_possible(domain)
    }

    #[test]
    fn listed_values_and_kinds_decide() {
        let listed =
            Domain { values: Values::Listed(vec![json!("free"), json!(["team"]), json!(5)]), may_be_absent: false };
        for (clause, expected) in [
            (json!("free"), true),
            (json!("team"), true),
            (json!("gold"), false),
            (json!({"prefix": "fr"}), true),
            (json!({"anything-but": ["free", "team"]}), true), // the number
            (json!({"numeric": [">", 4]}), true),
            (json!({"numeric": [">", 5]}), false),
            (json!({"exists": false}), false),
            (json!(null), false),
        ] {
            assert_eq!(possible(clause.clone(), &listed), expected, "{clause}");
        }
        let kinds = Values::Kinds { text: true, number: false, boolean: false, null: false };
        let text = Domain { values: kinds, may_be_absent: true };
        assert!(possible(json!("x"), &text) && possible(json!({"exists": false}), &text));
        assert!(!possible(json!(1), &text) && !possible(json!(true), &text) && !possible(json!(null), &text));
        assert!(!possible(json!("x"), &Domain::NOTHING) && possible(json!({"exists": false}), &Domain::NOTHING));
        let fitting = Domain { values: Values::Fitting(Rc::new(|text| text.starts_with('U'))), may_be_absent: false };
        assert!(possible(json!("User"), &fitting) && !possible(json!("Order"), &fitting));
    }

    #[test]
    fn an_or_passes_by_either_branch_and_the_key_that_keeps_all_out_is_named() {
        let policy = |text: Value| FilterPolicy::parse(&text.to_string(), Scope::MessageBody).unwrap();
        let domain = |key: &str| match key {
            "a.b" => Domain { values: Values::Listed(vec![json!(1)]), may_be_absent: false },
            "no" => Domain::NOTHING,
            _ => Domain::ANYTHING,
        };
        assert_eq!(policy(json!({"$or": [{"no": ["x"]}, {"a": {"b": [1]}}]})).could_pass(&domain), Ok(()));
        assert_eq!(policy(json!({"x": [1], "a": {"b": [2]}})).could_pass(&domain), Err("/a/b".into()));
        assert_eq!(policy(json!({"$or": [{"no": ["x"]}, {"a": {"b": [2]}}]})).could_pass(&domain), Err("/$or".into()));
    }
}
