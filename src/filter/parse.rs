//! From JSON text to a compiled policy, with AWS's validation.
//!
//! AWS's words in the errors are those of its recorded answers and of its open matching engine.

use std::borrow::Cow;

use super::clause::{Clause, Number};
use super::json::{self, Json};
use super::number::Decimal;
use super::place::At;
use super::policy::{FilterPolicy, Leaf, Node};
use super::{PolicyError, PolicyWarning, Scope, body, limits};

pub(super) type Members<'a> = [(Cow<'a, str>, Json<'a>)];

/// Names that make `$or` an ordinary key when they stand in one of its objects: the operators, and what AWS's engine keeps for
/// operators to come (<https://docs.aws.amazon.com/sns/latest/dg/and-or-logic.html#or-operator>).
const RESERVED: [&str; 24] = [
    "exactly",
    "equals-ignore-case",
    "prefix",
    "suffix",
    "anything-but",
    "exists",
    "wildcard",
    "numeric",
    "cidr",
    "=",
    "<",
    "<=",
    ">",
    ">=",
    "regex",
    "not-wildcard",
    "not-equals-ignore-case",
    "date-after",
    "date-on-or-after",
    "date-before",
    "date-on-or-before",
    "in-date-range",
    "ip-address-in-range",
    "ip-address-not-in-range",
];

pub(super) fn parse(text: &str, scope: Scope) -> Result<FilterPolicy, PolicyError> {
    limits::size(text)?;
    let document = json::parse(text).map_err(|error| {
        let (line, column) = error.place(text);
        PolicyError::new("", format!("not JSON: {} at line {line}, column {column}", error.what))
            .aws(error.in_aws_words(text))
    })?;
    let Json::Object(members) = &document else {
        return Err(PolicyError::new("", format!("a policy is a JSON object, found {}", document.kind()))
            .aws("Filter is not an object"));
    };
    let mut compiler = Compiler { leaves: Vec::new(), depths: Vec::new(), warnings: Vec::new(), nested_at: None };
    let mut all = Vec::new();
    compiler.object(members, "", "", 1, &mut all).map_err(|error| error.in_policy(text))?;
    if scope == Scope::MessageAttributes
        && let Some(pointer) = compiler.nested_at
    {
        return Err(PolicyError::new(
            pointer,
            "message attributes have no nested keys: this needs the scope `body`, or a list of values",
        )
        .aws_whole("Filter policy scope MessageAttributes does not support nested filter policy"));
    }
    let Compiler { leaves, depths, mut warnings, .. } = compiler;
    warnings.extend(limits::keys(distinct(members), &leaves)?);
    limits::combinations(&leaves, &depths, &all)?;
    limits::wildcards(&leaves)?;
    let ways = if scope == Scope::MessageBody { body::ways(&leaves, &all) } else { Vec::new() };
    Ok(FilterPolicy { scope, text: text.to_owned(), leaves, all, ways, warnings })
}

/// Keys of an object, counting repeated ones once.
fn distinct(members: &Members<'_>) -> usize {
    last_of_each(members).count()
}

/// The members of an object; of a repeated key the last, as JSON readers commonly have it.
fn last_of_each<'m, 'a>(members: &'m Members<'a>) -> impl Iterator<Item = &'m (Cow<'a, str>, Json<'a>)> {
    let mut last = std::collections::HashMap::with_capacity(members.len());
    for (at, (key, _)) in members.iter().enumerate() {
        last.insert(key.as_ref(), at);
    }
    members
        .iter()
        .enumerate()
        .filter(move |(at, (key, _))| last.get(key.as_ref()) == Some(at))
        .map(|(_, member)| member)
}

/// Adds a step to a JSON pointer.
pub(super) fn step(pointer: &str, name: &str) -> String {
    format!("{pointer}/{}", name.replace('~', "~0").replace('/', "~1"))
}

pub(super) struct Compiler {
    leaves: Vec<Leaf>,
    depths: Vec<u64>,
    warnings: Vec<PolicyWarning>,
    /// The first key that holds an object.
    nested_at: Option<String>,
}

impl Compiler {
    pub(super) fn warn(&mut self, pointer: &str, sentence: impl Into<String>) {
        self.warnings.push(PolicyWarning { pointer: pointer.to_owned(), sentence: sentence.into() });
    }

    /// `path` is the dotted name so far, empty or with its last dot.
    fn object(
        &mut self,
        members: &Members<'_>,
        path: &str,
        pointer: &str,
        depth: u64,
        into: &mut Vec<Node>,
    ) -> Result<(), PolicyError> {
        if members.is_empty() {
            return Err(
                PolicyError::new(pointer, "an empty object filters nothing").aws("Empty objects are not allowed")
            );
        }
        if distinct(members) < members.len() {
            self.warn(pointer, "a key stands here more than once: the last one counts");
        }
        for (key, value) in last_of_each(members) {
            let at = step(pointer, key);
            match value {
                Json::Array(elements) if key == "$or" && is_or(elements) => {
                    let mut branches = Vec::with_capacity(elements.len());
                    for (index, element) in elements.iter().enumerate() {
                        let Json::Object(members) = element else { continue };
                        let mut branch = Vec::new();
                        self.object(members, path, &step(&at, &index.to_string()), depth, &mut branch)?;
                        branches.push(branch);
                    }
                    into.push(Node::Or { pointer: at, branches });
                }
                Json::Array(elements) => {
                    let clauses = self.clauses(elements, &at)?;
                    let needs_number = clauses.iter().any(Clause::needs_number);
                    let may_be_absent = clauses.contains(&Clause::Exists(false));
                    into.push(Node::Leaf(self.leaves.len()));
                    self.leaves.push(Leaf {
                        name: format!("{path}{key}"),
                        pointer: at,
                        clauses,
                        needs_number,
                        may_be_absent,
                    });
                    self.depths.push(depth);
                }
                Json::Object(members) => {
                    self.nested_at.get_or_insert_with(|| at.clone());
                    self.object(members, &format!("{path}{key}."), &at, depth + 1, into)?;
                }
                other => {
                    return Err(PolicyError::new(
                        &at,
                        format!("a key holds a list of values, found {}: write `[…]`", other.kind()),
                    )
                    .aws(format!("\"{key}\" must be an object or an array"))
                    .at(At::Value));
                }
            }
        }
        Ok(())
    }

    fn clauses(&mut self, elements: &[Json<'_>], pointer: &str) -> Result<Vec<Clause>, PolicyError> {
        if elements.is_empty() {
            return Err(PolicyError::new(pointer, "an empty list matches nothing").aws("Empty arrays are not allowed"));
        }
        let mut clauses = Vec::with_capacity(elements.len());
        for (index, element) in elements.iter().enumerate() {
            let at = step(pointer, &index.to_string());
            clauses.push(match element {
                Json::Null => Clause::Null,
                Json::Bool(value) => Clause::Bool(*value),
                Json::String(text) => Clause::Text(text.to_string()),
                Json::Number(text) => Clause::Number(self.number(text, &at)),
                Json::Object(members) => self.operator(members, &at)?,
                Json::Array(_) => {
                    return Err(PolicyError::new(&at, "a list of values holds no further list")
                        .aws("Match value must be String, number, true, false, or null")
                        .at(At::Value));
                }
            });
        }
        let exclusions = clauses.iter().filter(|clause| matches!(clause, Clause::AnythingBut(_))).count();
        if exclusions > 1 {
            self.warn(
                pointer,
                format!(
                    "{exclusions} `anything-but` in one list are alternatives: a value passes unless all of them exclude it; \
                     put the values into one `anything-but`"
                ),
            );
        }
        Ok(clauses)
    }

    pub(super) fn number(&mut self, text: &str, pointer: &str) -> Number {
        // JSON numbers are a part of what `Decimal` reads.
        let value = Decimal::parse(text).unwrap_or_else(|| Decimal::parse("0").expect("zero is a number"));
        if !value.is_documented() {
            self.warn(
                pointer,
                format!(
                    "`{text}` is outside what SNS documents: -1000000000 to 1000000000 with five digits after the point"
                ),
            );
        }
        Number { text: text.to_owned(), value }
    }
}

/// Whether `$or` is the operator here: two objects or more, nothing else, and no reserved name in any.
fn is_or(elements: &[Json<'_>]) -> bool {
    let is_branch = |element: &Json<'_>| match element {
        Json::Object(members) => members.iter().all(|(name, _)| !RESERVED.contains(&name.as_ref())),
        _ => false,
    };
    elements.len() >= 2 && elements.iter().all(is_branch)
}
