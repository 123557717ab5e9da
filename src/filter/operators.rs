//! The operators of the policy language, with AWS's validation of their operands.

use std::net::IpAddr;

use ipnet::IpNet;

use super::PolicyError;
use super::clause::{Bound, Clause, Excluded, IgnoreCase, Range, Wildcard, quoted};
use super::json::Json;
use super::parse::{Compiler, Members, step};
use super::place::At;

const OPERATORS: [&str; 8] =
    ["prefix", "suffix", "equals-ignore-case", "wildcard", "anything-but", "numeric", "exists", "cidr"];

impl Compiler {
    /// An object in a key's list: one operator and its operand.
    pub(super) fn operator(&mut self, members: &Members<'_>, pointer: &str) -> Result<Clause, PolicyError> {
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
                .aws("Only one key allowed in match expression")
                .at(At::SecondMember),
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
                        .aws("exists match pattern must be either true or false.")
                        .at(At::Value));
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
                    .aws(format!("Unrecognized match type {unknown}"))
                    .at(At::Value));
            }
        })
    }

    /// `["=", 1]`, one comparison, or a lower bound followed by an upper one:
    /// <https://docs.aws.amazon.com/sns/latest/dg/numeric-value-matching.html>.
    fn numeric(&mut self, operand: &Json<'_>, pointer: &str) -> Result<Clause, PolicyError> {
        let fail = |at: At, sentence: String, aws: String| Err(PolicyError::new(pointer, sentence).aws(aws).at(at));
        let Json::Array(terms) = operand else {
            return fail(
                At::Value,
                format!("`numeric` takes a list such as `[\">\", 0, \"<=\", 150]`, found {}", operand.kind()),
                "Value of numeric must be an array.".into(),
            );
        };
        let operator = match terms.first() {
            Some(Json::String(operator)) => operator.as_ref(),
            Some(other) => {
                return fail(
                    At::Element(0),
                    format!("`numeric` starts with a comparison, found {}", other.kind()),
                    format!("Invalid member in numeric match: {}", plain(other)),
                );
            }
            None => {
                let aws = "Invalid member in numeric match: ]".into();
                return fail(At::Element(0), "`numeric` has an empty list".into(), aws);
            }
        };
        if !["=", "<", "<=", ">", ">="].contains(&operator) {
            return fail(
                At::Element(1),
                format!("`numeric` knows `=`, `<`, `<=`, `>` and `>=`, found {}", quoted(operator)),
                format!("Unrecognized numeric range operator: {operator}"),
            );
        }
        let Some(Json::Number(first)) = terms.get(1) else {
            let found = terms.get(1).map_or("the end of the list", Json::kind);
            let name = if operator == "=" { "equals" } else { operator };
            return fail(
                At::Element(1),
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
                    At::Element(2),
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
                    At::Element(2),
                    format!("`numeric` needs `<` or `<=` for the upper end of the range, found {}", other.kind()),
                    format!("Bad value in numeric range: {}", plain(other)),
                );
            }
        };
        if !["<", "<="].contains(&second_operator) {
            return fail(
                At::ElementRead(2),
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
                At::Element(3),
                format!("`numeric` needs a number after `{second_operator}`, found {found}"),
                format!("Value of {second_operator} must be numeric"),
            );
        };
        let second = self.number(second, &step(pointer, "3"));
        if terms.len() > 4 {
            return fail(
                At::Element(4),
                format!("`numeric` takes two comparisons at most, found {} terms", terms.len()),
                "Too many terms in numeric range expression".into(),
            );
        }
        if bound.number.value >= second.value {
            return fail(
                At::Element(4),
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
            .aws(format!("Unsupported anything-but pattern: {name}"))
            .at(At::Value));
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
                "suffix" => error.aws("prefix/suffix match pattern must be a string"),
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
            .aws(format!("{operator} match pattern must be a string"))
            .at(At::Value)),
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
