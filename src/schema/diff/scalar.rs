//! Numbers, texts and lists of values: whether what one schema lets pass fits a keyword of the other.

use std::cmp::Ordering;

use serde_json::{Map, Number, Value, json};

use crate::event::json::shorten;
use crate::schema::flat::{Flat, Part, equal, types, whole};

/// How a keyword is not held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Miss {
    /// Whether it is known, or only not to be ruled out.
    pub(super) certain: bool,
    /// The other side's counterpart, as JSON.
    pub(super) has: Option<Value>,
    /// What payloads may be: `may be shorter`.
    pub(super) why: String,
}

fn certain(has: Option<Value>, why: impl Into<String>) -> Option<Miss> {
    Some(Miss { certain: true, has, why: why.into() })
}

fn undecided(has: Option<Value>, why: impl Into<String>) -> Option<Miss> {
    Some(Miss { certain: false, has, why: why.into() })
}

/// `value`, short enough for a sentence.
pub(super) fn shown(value: &Value) -> String {
    shorten(&value.to_string(), 60).into_owned()
}

/// Whether every one of `x`'s payloads of the types `mask` holds `keyword` of `part`. `None` when it does, and for keywords
/// that are no business of this module.
pub(super) fn miss(x: &Flat<'_>, mask: u8, part: &Part<'_>, keyword: &str, wanted: &Value) -> Option<Miss> {
    let applies = match keyword {
        "minimum" | "maximum" | "exclusiveMinimum" | "exclusiveMaximum" | "multipleOf" => types::NUMBER,
        "minLength" | "maxLength" | "pattern" | "format" => types::STRING,
        "minItems" | "maxItems" | "uniqueItems" => types::ARRAY,
        "minProperties" | "maxProperties" => types::OBJECT,
        "enum" | "const" => types::ALL,
        _ => return None,
    };
    let mask = mask & applies;
    if mask == 0 {
        return None;
    }
    if let Some(values) = x.values() {
        return listed(&values, part, keyword, wanted);
    }
    let own = |keyword: &str| x.parts.iter().find_map(|part| part.get(keyword).cloned());
    match keyword {
        "enum" | "const" => values(x, mask, keyword, wanted),
        "minimum" | "exclusiveMinimum" => {
            let (limit, exclusive) = bound(part, keyword)?;
            let reached = bounds(x, false).iter().any(|&(n, e)| holds(n, e, limit, exclusive, mask, false));
            if reached { None } else { certain(own("minimum").or_else(|| own("exclusiveMinimum")), "may be smaller") }
        }
        "maximum" | "exclusiveMaximum" => {
            let (limit, exclusive) = bound(part, keyword)?;
            let reached = bounds(x, true).iter().any(|&(n, e)| holds(n, e, limit, exclusive, mask, true));
            if reached { None } else { certain(own("maximum").or_else(|| own("exclusiveMaximum")), "may be greater") }
        }
        "multipleOf" => multiple(x, mask, wanted),
        "minLength" | "minItems" | "minProperties" => {
            let wanted = whole(wanted)?;
            let mut least = x.bound(keyword, true).unwrap_or(0);
            if keyword == "minProperties" {
                least = least.max(x.required().len() as u64);
            }
            let why = if keyword == "minLength" { "may be shorter" } else { "may have fewer" };
            if least >= wanted { None } else { certain(own(keyword), why) }
        }
        "maxLength" | "maxItems" | "maxProperties" => {
            let wanted = whole(wanted)?;
            let most = x.bound(keyword, false);
            let why = if keyword == "maxLength" { "may be longer" } else { "may have more" };
            if most.is_some_and(|most| most <= wanted) { None } else { certain(own(keyword), why) }
        }
        "uniqueItems" => {
            let unique = |value: &Value| value == &Value::Bool(true);
            let known = x.parts.iter().any(|part| part.get(keyword).is_some_and(unique))
                || x.bound("maxItems", false).is_some_and(|most| most < 2);
            if !unique(wanted) || known { None } else { certain(own(keyword), "may have an element twice") }
        }
        "pattern" => {
            if x.parts.iter().any(|part| part.get(keyword) == Some(wanted)) {
                return None;
            }
            match own(keyword) {
                None => certain(None, "may be any text"),
                other => undecided(other, "fit another pattern, and whether they fit this one cannot be decided"),
            }
        }
        "format" => format(x, wanted),
        _ => None,
    }
}

/// Every listed value against the keyword, by the validator itself.
fn listed(values: &[&Value], part: &Part<'_>, keyword: &str, wanted: &Value) -> Option<Miss> {
    let mut schema = Map::new();
    if part.doc.four {
        schema.insert("$schema".into(), "http://json-schema.org/draft-04/schema#".into());
    }
    schema.insert(keyword.into(), wanted.clone());
    for beside in ["minimum", "maximum"] {
        // In draft 4 the keyword means nothing without the other.
        if part.doc.four
            && keyword.starts_with("exclusive")
            && let Some(value) = part.get(beside)
        {
            schema.insert(beside.into(), value.clone());
        }
    }
    let validator = jsonschema::options().should_validate_formats(true).build(&Value::Object(schema));
    let Ok(validator) = validator else { return undecided(None, "may be values that cannot be checked") };
    let refused: Vec<String> =
        values.iter().filter(|value| !validator.is_valid(value)).take(5).map(|value| shown(value)).collect();
    let has = Value::Array(values.iter().map(|&value| value.clone()).collect());
    if refused.is_empty() { None } else { certain(Some(has), format!("may be {}", refused.join(", "))) }
}

/// `x` does not list its values: whether they are all among the wanted ones.
fn values(x: &Flat<'_>, mask: u8, keyword: &str, wanted: &Value) -> Option<Miss> {
    let single = [wanted.clone()];
    let wanted = if keyword == "const" { &single[..] } else { wanted.as_array()?.as_slice() };
    let known = [(types::NULL, vec![Value::Null]), (types::BOOL, vec![true.into(), false.into()])];
    let few = mask & !(types::NULL | types::BOOL) == 0;
    let all = known.iter().filter(|(bit, _)| mask & bit != 0).flat_map(|(_, values)| values);
    let refused: Vec<String> = all.filter(|value| !wanted.iter().any(|other| equal(value, other))).map(shown).collect();
    let _ = x;
    match (few, refused.is_empty()) {
        (true, true) => None,
        (true, false) => certain(None, format!("may be {}", refused.join(", "))),
        (false, _) => certain(None, "may be any other value"),
    }
}

/// The bound that `keyword` sets, and whether it is exclusive; `None` where draft 4 says it with the other keyword.
fn bound<'v>(part: &'v Part<'_>, keyword: &str) -> Option<(&'v Number, bool)> {
    let exclusive = keyword.starts_with("exclusive");
    let Value::Number(limit) = part.get(keyword)? else { return None };
    let switch = if keyword.ends_with("inimum") { "exclusiveMinimum" } else { "exclusiveMaximum" };
    Some((limit, exclusive || part.get(switch) == Some(&Value::Bool(true))))
}

fn bounds<'v>(x: &'v Flat<'_>, upper: bool) -> Vec<(&'v Number, bool)> {
    let keywords = if upper { ["maximum", "exclusiveMaximum"] } else { ["minimum", "exclusiveMinimum"] };
    x.parts.iter().flat_map(|part| keywords.iter().filter_map(move |keyword| bound(part, keyword))).collect()
}

fn compare(a: &Number, b: &Number) -> Option<Ordering> {
    match (a.as_i128(), b.as_i128()) {
        (Some(a), Some(b)) => Some(a.cmp(&b)),
        _ => a.as_f64()?.partial_cmp(&b.as_f64()?),
    }
}

/// Whether numbers beyond (`n`, `exclusive`) are beyond (`limit`, `strict`), too.
fn holds(n: &Number, exclusive: bool, limit: &Number, strict: bool, mask: u8, upper: bool) -> bool {
    if mask & types::FRACTION == 0
        && let (Some(n), Some(limit)) = (edge(n, exclusive, upper), edge(limit, strict, upper))
    {
        return if upper { n <= limit } else { n >= limit };
    }
    match compare(n, limit) {
        Some(Ordering::Equal) => exclusive || !strict,
        Some(Ordering::Greater) => !upper,
        Some(Ordering::Less) => upper,
        None => false,
    }
}

/// The first whole number that a bound lets pass.
fn edge(n: &Number, exclusive: bool, upper: bool) -> Option<i128> {
    let step = i128::from(exclusive);
    if let Some(n) = n.as_i128() {
        return Some(if upper { n - step } else { n + step });
    }
    let n = n.as_f64().filter(|n| n.abs() < 9e15)?;
    let whole = n.fract() == 0.0;
    let rounded = if upper { n.floor() } else { n.ceil() } as i128;
    Some(match (whole && exclusive, upper) {
        (false, _) => rounded,
        (true, true) => rounded - 1,
        (true, false) => rounded + 1,
    })
}

fn multiple(x: &Flat<'_>, mask: u8, wanted: &Value) -> Option<Miss> {
    let own: Vec<&Value> = x.parts.iter().filter_map(|part| part.get("multipleOf")).collect();
    if own.contains(&wanted) {
        return None;
    }
    let one = json!(1);
    let implied = (mask & types::FRACTION == 0).then_some(&one);
    let of = |value: &Value| value.as_i64().filter(|n| *n > 0);
    let whole = of(wanted);
    // Fractions are divided by validators in ways of their own.
    if let Some(whole) = whole
        && own.iter().copied().chain(implied).filter_map(of).any(|n| n % whole == 0)
    {
        return None;
    }
    let has = own.first().map(|&value| value.clone());
    if has.is_some() && (whole.is_none() || own.iter().any(|value| of(value).is_none())) {
        return undecided(has, "are multiples of something else, and whether of this one, too, cannot be decided");
    }
    certain(has, "may be no multiple of it")
}

/// Formats that are asserted. Any other name says something to people alone.
pub(in crate::schema) const FORMATS: [&str; 19] = [
    "date",
    "date-time",
    "duration",
    "email",
    "hostname",
    "idn-email",
    "idn-hostname",
    "ipv4",
    "ipv6",
    "iri",
    "iri-reference",
    "json-pointer",
    "regex",
    "relative-json-pointer",
    "time",
    "uri",
    "uri-reference",
    "uri-template",
    "uuid",
];

fn format(x: &Flat<'_>, wanted: &Value) -> Option<Miss> {
    let name = wanted.as_str().filter(|name| FORMATS.contains(name))?;
    let own: Vec<&str> = x.parts.iter().filter_map(|part| part.get("format")?.as_str()).collect();
    let covers = |own: &str| own == name || matches!((own, name), ("uri", "uri-reference"));
    if own.iter().any(|own| covers(own)) {
        return None;
    }
    let asserted = own.iter().find(|own| FORMATS.contains(own));
    certain(
        own.first().map(|&own| own.into()),
        match asserted {
            Some(own) => format!("are texts of the format `{own}`"),
            None => "may be any text".into(),
        },
    )
}
