//! From JSON text to a compiled policy, with AWS's validation.
//!
//! AWS's words in the errors are those of its recorded answers and of its open matching engine.

use std::borrow::Cow;
use std::net::IpAddr;

use ipnet::IpNet;

use super::clause::{Bound, Clause, Excluded, IgnoreCase, Number, Range, Wildcard, quoted};
use super::json::{self, Json};
use super::number::Decimal;
use super::policy::{FilterPolicy, Leaf, Node};
use super::{PolicyError, PolicyWarning, Scope, body, limits};

type Members<'a> = [(Cow<'a, str>, Json<'a>)];

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
const OPERATORS: [&str; 8] =
    ["prefix", "suffix", "equals-ignore-case", "wildcard", "anything-but", "numeric", "exists", "cidr"];

pub(super) fn parse(text: &str, scope: Scope) -> Result<FilterPolicy, PolicyError> {
    limits::size(text)?;
    let document = json::parse(text).map_err(|error| {
        let (line, column) = error.place(text);
        PolicyError::new("", format!("not JSON: {} at line {line}, column {column}", error.what))
            .aws("failed to parse JSON")
    })?;
    let Json::Object(members) = &document else {
        return Err(PolicyError::new("", format!("a policy is a JSON object, found {}", document.kind()))
            .aws("Filter is not an object"));
    };
    let mut compiler = Compiler { leaves: Vec::new(), depths: Vec::new(), warnings: Vec::new(), nested_at: None };
    let mut all = Vec::new();
    compiler.object(members, "", "", 1, &mut all)?;
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
fn step(pointer: &str, name: &str) -> String {
    format!("{pointer}/{}", name.replace('~', "~0").replace('/', "~1"))
}

struct Compiler {
    leaves: Vec<Leaf>,
    depths: Vec<u64>,
    warnings: Vec<PolicyWarning>,
    /// The first key that holds an object.
    nested_at: Option<String>,
}

impl Compiler {
    fn warn(&mut self, pointer: &str, sentence: impl Into<String>) {
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
                    .aws(format!("\"{key}\" must be an object or an array")));
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
                        .aws("Match value must be String, number, true, false, or null"));
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

    fn number(&mut self, text: &str, pointer: &str) -> Number {
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

    fn operator(&mut self, members: &Members<'_>, pointer: &str) -> Result<Clause, PolicyError> {
        let [(name, operand)] = members else {
            return Err(match members.first() {
                None => PolicyError::new(pointer, "an operator was expected, found an empty object")
                    .aws("Match expression name not found"),
                Some(_) => PolicyError::new(
                    pointer,
                    format!(
                        "one operator was expected, found {}: each needs its own object in the list",
                        members.len()
                    ),
                )
                .aws("Only one key allowed in match expression"),
            });
        };
        let at = step(pointer, name);
        Ok(match name.as_ref() {
            "prefix" => Clause::Prefix(string("prefix", operand, &at)?.to_owned()),
            "suffix" => Clause::Suffix(string("suffix", operand, &at)?.to_owned()),
            "equals-ignore-case" => Clause::IgnoreCase(IgnoreCase::new(string("equals-ignore-case", operand, &at)?)),
            "wildcard" => Clause::Wildcard(wildcard(string("wildcard", operand, &at)?, &at)?),
            "cidr" => Clause::Cidr(cidr(operand, &at)?),
            "exists" => match operand {
                Json::Bool(value) => Clause::Exists(*value),
                other => {
                    return Err(PolicyError::new(&at, format!("`exists` takes true or false, found {}", other.kind()))
                        .aws("exists match pattern must be either true or false."));
                }
            },
            "numeric" => self.numeric(operand, &at)?,
            "anything-but" => self.anything_but(operand, &at)?,
            unknown => {
                let near = OPERATORS
                    .into_iter()
                    .filter(|known| strsim::damerau_levenshtein(known, unknown) <= 2)
                    .min_by_key(|known| strsim::damerau_levenshtein(known, unknown));
                let hint = match near {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("the operators are {}", OPERATORS.map(|known| format!("`{known}`")).join(", ")),
                };
                return Err(PolicyError::new(&at, format!("unknown operator {}: {hint}", quoted(unknown)))
                    .aws(format!("Unrecognized match type {unknown}")));
            }
        })
    }

    /// `["=", 1]`, one comparison, or a lower bound followed by an upper one:
    /// <https://docs.aws.amazon.com/sns/latest/dg/numeric-value-matching.html>.
    fn numeric(&mut self, operand: &Json<'_>, pointer: &str) -> Result<Clause, PolicyError> {
        let fail = |sentence: String, aws: String| Err(PolicyError::new(pointer, sentence).aws(aws));
        let Json::Array(terms) = operand else {
            return fail(
                format!("`numeric` takes a list such as `[\">\", 0, \"<=\", 150]`, found {}", operand.kind()),
                "Value of numeric must be an array.".into(),
            );
        };
        let operator = match terms.first() {
            Some(Json::String(operator)) => operator.as_ref(),
            Some(other) => {
                return fail(
                    format!("`numeric` starts with a comparison, found {}", other.kind()),
                    format!("Invalid member in numeric match: {}", plain(other)),
                );
            }
            None => return fail("`numeric` has an empty list".into(), "Invalid member in numeric match: ]".into()),
        };
        if !["=", "<", "<=", ">", ">="].contains(&operator) {
            return fail(
                format!("`numeric` knows `=`, `<`, `<=`, `>` and `>=`, found {}", quoted(operator)),
                format!("Unrecognized numeric range operator: {operator}"),
            );
        }
        let Some(Json::Number(first)) = terms.get(1) else {
            let found = terms.get(1).map_or("the end of the list", Json::kind);
            let name = if operator == "=" { "equals" } else { operator };
            return fail(
                format!("`numeric` needs a number after `{operator}`, found {found}"),
                format!("Value of {name} must be numeric"),
            );
        };
        let first = self.number(first, &step(pointer, "1"));
        let inclusive = operator.ends_with('=');
        let bound = Bound { number: first, inclusive };
        if !operator.starts_with('>') {
            if terms.len() > 2 {
                return fail(
                    format!(
                        "`numeric` takes nothing after `{operator}` and its number; a range starts with `>` or `>=`"
                    ),
                    "Too many elements in numeric expression".into(),
                );
            }
            let lower = (operator == "=").then(|| bound.clone());
            return Ok(Clause::Numeric(Range { lower, upper: Some(bound) }));
        }
        let second_operator = match terms.get(2) {
            None => return Ok(Clause::Numeric(Range { lower: Some(bound), upper: None })),
            Some(Json::String(operator)) => operator.as_ref(),
            Some(other) => {
                return fail(
                    format!("`numeric` needs `<` or `<=` for the upper end of the range, found {}", other.kind()),
                    format!("Bad value in numeric range: {}", plain(other)),
                );
            }
        };
        if !["<", "<="].contains(&second_operator) {
            return fail(
                format!(
                    "`numeric` needs `<` or `<=` for the upper end of the range, found {}",
                    quoted(second_operator)
                ),
                format!("Bad numeric range operator: {second_operator}"),
            );
        }
        let Some(Json::Number(second)) = terms.get(3) else {
            let found = terms.get(3).map_or("the end of the list", Json::kind);
            return fail(
                format!("`numeric` needs a number after `{second_operator}`, found {found}"),
                format!("Value of {second_operator} must be numeric"),
            );
        };
        let second = self.number(second, &step(pointer, "3"));
        if terms.len() > 4 {
            return fail(
                format!("`numeric` takes two comparisons at most, found {} terms", terms.len()),
                "Too many terms in numeric range expression".into(),
            );
        }
        if bound.number.value >= second.value {
            return fail(
                format!("`numeric` has a range from {} to {}, which holds nothing", bound.number.text, second.text),
                "Bottom must be less than top".into(),
            );
        }
        let upper = Bound { number: second, inclusive: second_operator == "<=" };
        Ok(Clause::Numeric(Range { lower: Some(bound), upper: Some(upper) }))
    }

    fn anything_but(&mut self, operand: &Json<'_>, pointer: &str) -> Result<Clause, PolicyError> {
        Ok(Clause::AnythingBut(match operand {
            Json::String(text) => Excluded::Texts(vec![text.to_string()]),
            Json::Number(text) => Excluded::Numbers(vec![self.number(text, pointer)]),
            Json::Array(elements) => self.excluded_list(elements, pointer)?,
            Json::Object(members) => self.excluded_pattern(members, pointer)?,
            other => {
                return Err(PolicyError::new(
                    pointer,
                    format!(
                        "`anything-but` takes text, a number, a list of either, or one pattern, found {}",
                        other.kind()
                    ),
                )
                .aws("Value of anything-but must be an array or single string/number value."));
            }
        }))
    }

    fn excluded_list(&mut self, elements: &[Json<'_>], pointer: &str) -> Result<Excluded, PolicyError> {
        let mut texts = Vec::new();
        let mut numbers = Vec::new();
        for (index, element) in elements.iter().enumerate() {
            match element {
                Json::String(text) => texts.push(text.to_string()),
                Json::Number(text) => numbers.push(self.number(text, &step(pointer, &index.to_string()))),
                other => {
                    return Err(PolicyError::new(
                        step(pointer, &index.to_string()),
                        format!("`anything-but` lists text or numbers, found {}", other.kind()),
                    )
                    .aws("Inside anything but list, start|null|boolean is not supported."));
                }
            }
        }
        match (texts.is_empty(), numbers.is_empty()) {
            (false, true) => Ok(Excluded::Texts(texts)),
            (true, false) => Ok(Excluded::Numbers(numbers)),
            (empty, _) => Err(PolicyError::new(
                pointer,
                if empty {
                    "`anything-but` has an empty list"
                } else {
                    "`anything-but` lists either text or numbers, found both"
                },
            )
            .aws("Inside anything but list, either all values are number or string, mixed type is not supported")),
        }
    }

    fn excluded_pattern(&mut self, members: &Members<'_>, pointer: &str) -> Result<Excluded, PolicyError> {
        let [(name, operand)] = members else {
            return Err(PolicyError::new(
                pointer,
                format!("`anything-but` takes one pattern, found {}", members.len()),
            )
            .aws("Only one key allowed in match expression"));
        };
        let at = step(pointer, name);
        let known = ["prefix", "suffix", "wildcard", "equals-ignore-case"].into_iter().find(|known| known == name);
        let Some(name) = known else {
            return Err(PolicyError::new(
                &at,
                format!("`anything-but` takes `prefix`, `suffix` or `wildcard`, found {}", quoted(name)),
            )
            .aws(format!("Unsupported anything-but pattern: {name}")));
        };
        let single = [operand.clone()];
        let operands = match operand {
            Json::Array(list) => {
                self.warn(
                    &at,
                    "a list here is known to AWS's matching engine, but not documented for SNS, which may refuse it",
                );
                list.as_slice()
            }
            _ => &single,
        };
        let mut texts = Vec::with_capacity(operands.len());
        for operand in operands {
            let text = string(name, operand, &at).map_err(|error| match name {
                "prefix" | "suffix" => error.aws("prefix/suffix match pattern must be a string"),
                _ => error,
            })?;
            if text.is_empty() && matches!(name, "prefix" | "suffix") {
                return Err(PolicyError::new(&at, format!("`anything-but` with an empty `{name}` matches nothing"))
                    .aws("Null prefix/suffix not allowed"));
            }
            texts.push(text.to_owned());
        }
        if texts.is_empty() {
            return Err(
                PolicyError::new(&at, format!("`{name}` has an empty list")).aws("Empty arrays are not allowed")
            );
        }
        Ok(match name {
            "prefix" => Excluded::Prefixes(texts),
            "suffix" => {
                self.warn(&at, "`anything-but` with `suffix` is documented, but AWS was seen to refuse it in 2024");
                Excluded::Suffixes(texts)
            }
            "wildcard" => Excluded::Wildcards(
                texts.iter().map(|text| wildcard(text, &at)).collect::<Result<Vec<_>, PolicyError>>()?,
            ),
            _ => {
                self.warn(
                    &at,
                    "`anything-but` with `equals-ignore-case` is known to AWS's matching engine, but not documented for SNS, \
                     which may refuse it",
                );
                Excluded::IgnoringCase(texts.iter().map(|text| IgnoreCase::new(text)).collect())
            }
        })
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

/// A value as AWS quotes it back.
fn plain(value: &Json<'_>) -> String {
    match value {
        Json::Null => "null".into(),
        Json::Bool(value) => value.to_string(),
        Json::Number(text) => (*text).to_owned(),
        Json::String(text) => text.to_string(),
        Json::Array(_) => "[".into(),
        Json::Object(_) => "{".into(),
    }
}

fn string<'j>(operator: &str, operand: &'j Json<'_>, pointer: &str) -> Result<&'j str, PolicyError> {
    match operand {
        Json::String(text) => Ok(text),
        other => Err(PolicyError::new(pointer, format!("`{operator}` takes text, found {}", other.kind()))
            .aws(format!("{operator} match pattern must be a string"))),
    }
}

fn wildcard(pattern: &str, pointer: &str) -> Result<Wildcard, PolicyError> {
    Wildcard::parse(pattern).map_err(|bad| PolicyError::new(pointer, bad.sentence).aws(bad.aws))
}

fn cidr(operand: &Json<'_>, pointer: &str) -> Result<IpNet, PolicyError> {
    let Json::String(text) = operand else {
        // AWS says "prefix" here.
        return Err(PolicyError::new(
            pointer,
            format!("`cidr` takes text such as `\"10.0.0.0/24\"`, found {}", operand.kind()),
        )
        .aws("prefix match pattern must be a string"));
    };
    let fail = |sentence: String, aws: String| PolicyError::new(pointer, sentence).aws(aws);
    let (address, mask) = match text.split_once('/') {
        Some((address, mask)) if !mask.contains('/') => (address, mask),
        _ => {
            return Err(fail(
                format!("`cidr` takes an address, one slash and a mask, found {}", quoted(text)),
                "Malformed CIDR, one '/' required".into(),
            ));
        }
    };
    let bits: i64 = mask.parse().map_err(|_| {
        fail(
            format!("`cidr` has a mask that is no whole number in {}", quoted(text)),
            "Malformed CIDR, mask bits must be an integer".into(),
        )
    })?;
    if bits < 0 {
        return Err(fail(
            format!("`cidr` has a negative mask in {}", quoted(text)),
            "Malformed CIDR, mask bits must not be negative".into(),
        ));
    }
    let address: IpAddr = address.parse().map_err(|_| {
        fail(
            format!("`cidr` takes an IPv4 or IPv6 address, found {}", quoted(address)),
            format!("Nonstandard IP address: {address}"),
        )
    })?;
    let (version, limit) = if address.is_ipv4() { ("IPv4", 32) } else { ("IPv6", 128) };
    u8::try_from(bits)
        .ok()
        .filter(|bits| *bits < limit)
        .and_then(|bits| IpNet::new(address, bits).ok())
        .map(|network| network.trunc())
        .ok_or_else(|| {
            fail(
                format!("`cidr` takes a mask of at most {} for {version}, found `{bits}`: a single address goes without `cidr`", limit - 1),
                format!("{version} mask bits must be < {limit}"),
            )
        })
}
