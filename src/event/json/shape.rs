//! Shallow looks at JSON text that is known to be JSON: its kind, its members, where a pointer leads, itself without blanks.

use std::borrow::Cow;

use super::scan::{Dialect, Token, scan, unescape};

/// What a JSON value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool,
    /// A number.
    Number,
    /// A string.
    String,
    /// An array.
    Array,
    /// An object.
    Object,
}

impl Kind {
    /// The kind of the value that `text` starts with (blanks before it are skipped).
    pub fn of(text: &str) -> Self {
        match text.trim_start().as_bytes().first() {
            Some(b'{') => Self::Object,
            Some(b'[') => Self::Array,
            Some(b'"') => Self::String,
            Some(b't' | b'f') => Self::Bool,
            Some(b'n') => Self::Null,
            _ => Self::Number,
        }
    }

    /// The kind with its article, for sentences: `an array`.
    pub fn words(self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool => "true or false",
            Self::Number => "a number",
            Self::String => "a string",
            Self::Array => "an array",
            Self::Object => "an object",
        }
    }
}

/// The text without the blanks between its tokens; strings, numbers and escapes stay byte for byte. `text` must be JSON.
pub fn compact(text: &str) -> Cow<'_, str> {
    let bytes = text.as_bytes();
    let blank = |b: u8| matches!(b, b' ' | b'\n' | b'\t' | b'\r');
    let mut in_string = false;
    let mut out: Option<String> = None;
    let mut copied = 0;
    let mut at = 0;
    while at < bytes.len() {
        match bytes[at] {
            b'"' => in_string = !in_string,
            b'\\' if in_string => at += 1,
            byte if !in_string && blank(byte) => {
                out.get_or_insert_with(|| String::with_capacity(text.len())).push_str(&text[copied..at]);
                while at < bytes.len() && blank(bytes[at]) {
                    at += 1;
                }
                copied = at;
                continue;
            }
            _ => {}
        }
        at += 1;
    }
    match out {
        None => Cow::Borrowed(text),
        Some(mut out) => {
            out.push_str(&text[copied..]);
            Cow::Owned(out)
        }
    }
}

/// The members of the object, or the elements of the array (with empty names), that `text` is, each with its own text.
///
/// In the order of the text, duplicates included; empty for a scalar and for what is not JSON in `serde_json`'s or Python's
/// eyes.
pub fn members(text: &str) -> Vec<(Cow<'_, str>, &str)> {
    let mut found: Vec<(Cow<'_, str>, &str)> = Vec::new();
    let (mut depth, mut start, mut name) = (0usize, 0usize, Cow::Borrowed(""));
    let dialect = Dialect { max_depth: usize::MAX, ..Dialect::PYTHON };
    let walked = scan(text, dialect, |token, range| {
        match token {
            Token::Key => {
                if depth == 1 {
                    name = unescape(&text[range]);
                }
                return true;
            }
            Token::ObjectStart | Token::ArrayStart => {
                if depth == 1 {
                    start = range.start;
                }
                depth += 1;
                return true;
            }
            Token::ObjectEnd | Token::ArrayEnd => depth -= 1,
            _ if depth == 1 => start = range.start,
            _ => {}
        }
        if depth == 1 {
            found.push((std::mem::take(&mut name), &text[start..range.end]));
        }
        true
    });
    if walked.is_err() {
        found.clear();
    }
    found
}

/// The text of the last member called `name`, as in every reader for which the last of several wins.
pub fn member<'a>(members: &[(Cow<'_, str>, &'a str)], name: &str) -> Option<&'a str> {
    members.iter().rev().find(|(found, _)| found == name).map(|&(_, text)| text)
}

/// The byte at which the value that a JSON pointer names starts; the pointer's parent where the value itself is not there.
///
/// For a member its key's place is answered, since that is where one looks for it.
pub fn offset_of(text: &str, pointer: &str) -> Option<usize> {
    if pointer.is_empty() {
        return Some(text.len() - text.trim_start().len());
    }
    let wanted: Vec<String> =
        pointer.split('/').skip(1).map(|part| part.replace("~1", "/").replace("~0", "~")).collect();
    // Per open container: the index of the next element, or None in an object; and whether it lies on the wanted path.
    let mut open: Vec<(Option<usize>, bool)> = Vec::new();
    let mut key_fits = false;
    let mut best = text.len() - text.trim_start().len();
    let dialect = Dialect { max_depth: usize::MAX, ..Dialect::WIRE };
    let mut done = false;
    let _ = scan(text, dialect, |token, range| {
        let depth = open.len();
        match token {
            Token::Key => {
                let on_path = open.last().is_some_and(|&(_, on)| on);
                key_fits = on_path && wanted.get(depth - 1).is_some_and(|part| *part == unescape(&text[range.clone()]));
                if key_fits {
                    best = range.start;
                    done = depth == wanted.len();
                }
                return !done;
            }
            Token::ObjectEnd | Token::ArrayEnd => {
                open.pop();
                return true;
            }
            _ => {}
        }
        let fits = match open.last_mut() {
            None => true,
            Some((None, _)) => std::mem::take(&mut key_fits),
            Some((Some(index), on)) => {
                let this = *index;
                *index += 1;
                let fits = *on && wanted.get(depth - 1).is_some_and(|part| *part == this.to_string());
                if fits {
                    best = range.start;
                    done = depth == wanted.len();
                }
                fits
            }
        };
        match token {
            Token::ObjectStart => open.push((None, fits)),
            Token::ArrayStart => open.push((Some(0), fits)),
            _ => {}
        }
        !done
    });
    Some(best)
}
