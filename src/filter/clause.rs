//! One clause of a policy (a value or an operator) against one value of a message.

use std::borrow::Cow;
use std::net::IpAddr;

use ipnet::IpNet;

use super::number::Decimal;

/// A single value of a message: what an attribute or a property holds, or one element of its array.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Scalar<'a> {
    Null,
    Bool(bool),
    /// The number as its author wrote it.
    Number(Cow<'a, str>),
    Text(Cow<'a, str>),
}

impl Scalar<'_> {
    /// The number it is; text that merely looks like one is none.
    pub(super) fn decimal(&self) -> Option<Decimal> {
        match self {
            Self::Number(text) => Decimal::parse(text),
            _ => None,
        }
    }

    /// As JSON would write it.
    pub(super) fn render(&self) -> String {
        match self {
            Self::Null => "null".into(),
            Self::Bool(value) => value.to_string(),
            Self::Number(text) => text.to_string(),
            Self::Text(text) => quoted(text),
        }
    }
}

/// A JSON string.
pub(super) fn quoted(text: &str) -> String {
    serde_json::to_string(text).unwrap_or_else(|_| format!("{text:?}"))
}

/// A number of the policy, with the text it was written as.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Number {
    pub(super) text: String,
    pub(super) value: Decimal,
}

/// One entry in a key's list.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Clause {
    Null,
    Bool(bool),
    Number(Number),
    Text(String),
    Prefix(String),
    Suffix(String),
    Wildcard(Wildcard),
    IgnoreCase(IgnoreCase),
    Cidr(IpNet),
    Numeric(Range),
    /// `true`: there, and neither null nor empty. `false` is about the absence of values, so no value satisfies it.
    Exists(bool),
    AnythingBut(Excluded),
}

/// The bounds of `numeric`; `=` is both bounds at once.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Range {
    pub(super) lower: Option<Bound>,
    pub(super) upper: Option<Bound>,
}

/// One end of a range.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Bound {
    pub(super) number: Number,
    pub(super) inclusive: bool,
}

/// What `anything-but` excludes.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Excluded {
    Texts(Vec<String>),
    Numbers(Vec<Number>),
    Prefixes(Vec<String>),
    Suffixes(Vec<String>),
    Wildcards(Vec<Wildcard>),
    IgnoringCase(Vec<IgnoreCase>),
}

impl Clause {
    /// Whether matching needs the value as a number.
    pub(super) fn needs_number(&self) -> bool {
        matches!(self, Self::Number(_) | Self::Numeric(_) | Self::AnythingBut(Excluded::Numbers(_)))
    }

    /// Whether `value` satisfies the clause. `number` is the value's number, if it is one.
    pub(super) fn accepts(&self, value: &Scalar<'_>, number: Option<&Decimal>) -> bool {
        let text = match value {
            Scalar::Text(text) => Some(text.as_ref()),
            _ => None,
        };
        match self {
            Self::Null => *value == Scalar::Null,
            Self::Bool(wanted) => *value == Scalar::Bool(*wanted),
            Self::Number(wanted) => number == Some(&wanted.value),
            Self::Text(wanted) => text == Some(wanted),
            Self::Prefix(prefix) => text.is_some_and(|text| text.starts_with(prefix)),
            Self::Suffix(suffix) => text.is_some_and(|text| text.ends_with(suffix)),
            Self::Wildcard(wildcard) => text.is_some_and(|text| wildcard.matches(text)),
            Self::IgnoreCase(wanted) => text.is_some_and(|text| wanted.matches(text)),
            Self::Cidr(network) => {
                text.and_then(|text| text.parse::<IpAddr>().ok()).is_some_and(|address| network.contains(&address))
            }
            Self::Numeric(range) => number.is_some_and(|number| range.contains(number)),
            Self::Exists(wanted) => *wanted && *value != Scalar::Null && text != Some(""),
            Self::AnythingBut(excluded) => !excluded.contains(text, number),
        }
    }

    /// How an operator's clause reads in a sentence.
    pub(super) fn render(&self) -> String {
        match self {
            Self::Null => "null".into(),
            Self::Bool(value) => value.to_string(),
            Self::Number(number) => number.text.clone(),
            Self::Text(text) => quoted(text),
            Self::Prefix(prefix) => format!("text starting with {}", quoted(prefix)),
            Self::Suffix(suffix) => format!("text ending with {}", quoted(suffix)),
            Self::Wildcard(wildcard) => format!("text like {}", quoted(&wildcard.pattern)),
            Self::IgnoreCase(wanted) => format!("{} in upper or lower case", quoted(&wanted.text)),
            Self::Cidr(network) => format!("an address in {network}"),
            Self::Numeric(range) => range.render(),
            Self::Exists(true) => "any value but null and empty text".into(),
            Self::Exists(false) => "no value at all".into(),
            Self::AnythingBut(excluded) => format!("anything but {}", excluded.render()),
        }
    }
}

impl Range {
    fn contains(&self, number: &Decimal) -> bool {
        let above = |bound: &Bound| *number > bound.number.value || (bound.inclusive && *number == bound.number.value);
        let below = |bound: &Bound| *number < bound.number.value || (bound.inclusive && *number == bound.number.value);
        self.lower.as_ref().is_none_or(above) && self.upper.as_ref().is_none_or(below)
    }

    fn render(&self) -> String {
        let lower = self.lower.as_ref().map(|b| format!("{} {}", if b.inclusive { ">=" } else { ">" }, b.number.text));
        let upper = self.upper.as_ref().map(|b| format!("{} {}", if b.inclusive { "<=" } else { "<" }, b.number.text));
        match (&self.lower, &self.upper, lower, upper) {
            (Some(a), Some(b), ..) if a.number.value == b.number.value => format!("a number = {}", a.number.text),
            (.., Some(lower), Some(upper)) => format!("a number {lower} and {upper}"),
            (.., lower, upper) => format!("a number {}", lower.or(upper).unwrap_or_default()),
        }
    }
}

impl Excluded {
    /// Values of another type are never excluded: `anything-but` the text `"a"` lets every number pass.
    fn contains(&self, text: Option<&str>, number: Option<&Decimal>) -> bool {
        let any = |test: &dyn Fn(&str) -> bool| text.is_some_and(test);
        match self {
            Self::Texts(texts) => any(&|text| texts.iter().any(|t| t == text)),
            Self::Numbers(numbers) => number.is_some_and(|number| numbers.iter().any(|n| n.value == *number)),
            Self::Prefixes(prefixes) => any(&|text| prefixes.iter().any(|p| text.starts_with(p.as_str()))),
            Self::Suffixes(suffixes) => any(&|text| suffixes.iter().any(|s| text.ends_with(s.as_str()))),
            Self::Wildcards(wildcards) => any(&|text| wildcards.iter().any(|w| w.matches(text))),
            Self::IgnoringCase(texts) => any(&|text| texts.iter().any(|t| t.matches(text))),
        }
    }

    fn render(&self) -> String {
        let list = |items: Vec<String>| items.join(" or ");
        match self {
            Self::Texts(texts) => list(texts.iter().map(|t| quoted(t)).collect()),
            Self::Numbers(numbers) => list(numbers.iter().map(|n| n.text.clone()).collect()),
            Self::Prefixes(texts) => format!("text starting with {}", list(texts.iter().map(|t| quoted(t)).collect())),
            Self::Suffixes(texts) => format!("text ending with {}", list(texts.iter().map(|t| quoted(t)).collect())),
            Self::Wildcards(patterns) => {
                format!("text like {}", list(patterns.iter().map(|w| quoted(&w.pattern)).collect()))
            }
            Self::IgnoringCase(texts) => {
                format!("{} in upper or lower case", list(texts.iter().map(|t| quoted(&t.text)).collect()))
            }
        }
    }
}

/// A `wildcard` pattern, cut at its stars.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Wildcard {
    /// As written.
    pub(super) pattern: String,
    /// The literal text between the stars, unescaped: always one more than there are stars.
    pieces: Vec<String>,
}

/// What is wrong with a pattern, and AWS's engine's words for it.
pub(super) struct BadWildcard {
    pub(super) sentence: String,
    pub(super) aws: String,
}

impl Wildcard {
    /// `*` stands for any run of characters, also none. `\*` and `\\` are the characters themselves; no other escape exists and
    /// two stars must not follow each other (<https://github.com/aws/event-ruler#wildcard-matching>).
    pub(super) fn parse(pattern: &str) -> Result<Self, BadWildcard> {
        let mut pieces = vec![String::new()];
        let mut characters = pattern.char_indices().peekable();
        while let Some((at, character)) = characters.next() {
            match character {
                '*' if characters.peek().is_some_and(|(_, next)| *next == '*') => {
                    return Err(BadWildcard {
                        sentence: format!("`wildcard` has two stars in a row in {}", quoted(pattern)),
                        // The engine counts from the opening quote.
                        aws: format!("Consecutive wildcard characters at pos {}", at + 1),
                    });
                }
                '*' => pieces.push(String::new()),
                '\\' => match characters.next_if(|(_, next)| matches!(next, '*' | '\\')) {
                    Some((_, escaped)) => pieces.iter_mut().last().into_iter().for_each(|piece| piece.push(escaped)),
                    None => {
                        return Err(BadWildcard {
                            sentence: format!(
                                "`wildcard` has a backslash before something other than `*` and `\\` in {}",
                                quoted(pattern)
                            ),
                            aws: format!("Invalid escape character at pos {}", at + 1),
                        });
                    }
                },
                other => pieces.iter_mut().last().into_iter().for_each(|piece| piece.push(other)),
            }
        }
        Ok(Self { pattern: pattern.to_owned(), pieces })
    }

    pub(super) fn stars(&self) -> usize {
        self.pieces.len() - 1
    }

    fn matches(&self, text: &str) -> bool {
        let [first, middle @ .., last] = self.pieces.as_slice() else {
            return self.pieces.first().is_some_and(|only| only == text);
        };
        let Some(mut rest) = text.strip_prefix(first.as_str()) else { return false };
        for piece in middle {
            // The leftmost place is always as good as any other: it leaves the most for what follows.
            let Some(at) = rest.find(piece.as_str()) else { return false };
            rest = &rest[at + piece.len()..];
        }
        rest.ends_with(last.as_str())
    }
}

/// Text compared without regard to case, character by character.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct IgnoreCase {
    pub(super) text: String,
    /// Lower and upper case of every character; `None` when the text is ASCII, where std compares faster.
    folded: Option<Vec<(String, String)>>,
}

impl IgnoreCase {
    pub(super) fn new(text: &str) -> Self {
        let fold = |c: char| (c.to_lowercase().collect(), c.to_uppercase().collect());
        Self { text: text.to_owned(), folded: (!text.is_ascii()).then(|| text.chars().map(fold).collect()) }
    }

    fn matches(&self, text: &str) -> bool {
        let Some(folded) = &self.folded else { return self.text.eq_ignore_ascii_case(text) };
        let rest = folded.iter().try_fold(text, |rest, (lower, upper)| {
            rest.strip_prefix(lower.as_str()).or_else(|| rest.strip_prefix(upper.as_str()))
        });
        rest == Some("")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn like(pattern: &str, text: &str) -> bool {
        Wildcard::parse(pattern).unwrap_or_else(|_| panic!("`{pattern}` is a pattern")).matches(text)
    }

    #[test]
    fn wildcards_are_anchored_at_both_ends() {
        for (pattern, yes, no) in [
            ("*ball", &["ball", "baseball"][..], &["balls", "bal", "Ball"][..]),
            ("b*l", &["bl", "ball"], &["ball2", "aball"]),
            ("b*", &["b", "ball"], &["ab", ""]),
            ("*", &["", "x"], &[]),
            ("*a*a*", &["aa", "xaxax"], &["a", "xax"]),
            ("ab*ba", &["abba", "ab-ba"], &["aba"]),
            ("a*b*b", &["abb", "axbxb"], &["ab"]),
            ("plain", &["plain"], &["plains", ""]),
            ("", &[""], &["x"]),
            (r"\*a\\*", &[r"*a\", r"*a\b"], &["xa", r"*a"]),
            ("é*", &["é", "été".trim_start_matches('x')], &["e"]),
        ] {
            yes.iter().for_each(|text| assert!(like(pattern, text), "{pattern} {text}"));
            no.iter().for_each(|text| assert!(!like(pattern, text), "{pattern} {text}"));
        }
    }

    #[test]
    fn bad_wildcards() {
        for pattern in ["**", "a**b", r"a\b", r"\", r"a\", r"*\"] {
            assert!(Wildcard::parse(pattern).is_err(), "{pattern}");
        }
        assert_eq!(
            Wildcard::parse("a**").err().map(|e| e.aws).as_deref(),
            Some("Consecutive wildcard characters at pos 2")
        );
        assert_eq!(Wildcard::parse(r"*\**").map(|w| w.stars()).ok(), Some(2));
    }

    #[test]
    fn ignoring_case_knows_more_than_ascii() {
        let same = |a: &str, b: &str| IgnoreCase::new(a).matches(b);
        assert!(same("TeNNis", "tennis"));
        assert!(!same("tennis", "tenni"));
        assert!(!same("k", "\u{212a}"), "the Kelvin sign is no spelling of k");
        assert!(same("ÉTÉ", "été"));
        assert!(same("straße", "STRASSE"));
        assert!(!same("été", "étéé"));
        assert!(same("", ""));
    }

    proptest! {
        #[test]
        fn wildcards_agree_with_a_plain_definition(pattern in "[ab*]{0,5}", text in "[ab]{0,6}") {
            fn slow(pattern: &[u8], text: &[u8]) -> bool {
                match (pattern.split_first(), text.split_first()) {
                    (None, _) => text.is_empty(),
                    (Some((b'*', rest)), _) => (0..=text.len()).any(|skip| slow(rest, &text[skip..])),
                    (Some((p, rest)), Some((t, after))) => p == t && slow(rest, after),
                    (Some(_), None) => false,
                }
            }
            prop_assume!(!pattern.contains("**"));
            prop_assert_eq!(like(&pattern, &text), slow(pattern.as_bytes(), text.as_bytes()));
        }
    }
}
