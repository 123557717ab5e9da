//! What the Python library `communicate-utils-eventbus` would do with a queue's body: it loses what it cannot read, and
//! whoever publishes to its subscribers wants to know beforehand.
//!
//! Restates the observed behaviour of its reader (pydantic 1.10 over `json.loads`), conversions included.

use std::borrow::Cow;

use super::json::scan::{Dialect, scan, unescape};
use super::json::{Kind, member, members};
use super::metadata::{
    AUTHORIZATION, CONTAINS_PERSONAL_DATA, ENTITY_ID, ENTITY_NAME, EVENT_NAME, Key, METADATA, PUBLISH_DATE,
    PUBLISHER_NAME, TRACEPARENT, TRACESTATE,
};

/// The three things that can happen to a body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WhatPythonWouldDo {
    /// The hook is called, then the message acknowledged.
    Deliver,
    /// The hook is not called and the message is acknowledged all the same: it is lost.
    Drop(String),
    /// An exception ends the subscriber and strands what it had received.
    Raise(String),
}

enum Stop {
    Drop(String),
    Raise(String),
}

type Members<'a> = Vec<(Cow<'a, str>, &'a str)>;

/// Says which of the three happens to `body`, as it lies in the queue.
pub fn what_python_would_do(body: &str) -> WhatPythonWouldDo {
    match read(body) {
        Ok(()) => WhatPythonWouldDo::Deliver,
        Err(Stop::Drop(why)) => WhatPythonWouldDo::Drop(why),
        Err(Stop::Raise(why)) => WhatPythonWouldDo::Raise(why),
    }
}

fn read(body: &str) -> Result<(), Stop> {
    scan(body, Dialect::PYTHON, |_, _| true).map_err(|e| Stop::Raise(format!("the body is not JSON: {}", e.kind)))?;
    if Kind::of(body) != Kind::Object {
        return Err(Stop::Raise(format!("the body is {}, not a JSON object", Kind::of(body).words())));
    }
    let wrapper = members(body);
    let Some(message) = member(&wrapper, "Message") else {
        return Err(Stop::Drop("the body has no `Message` key: raw delivery, or no SNS notification".into()));
    };
    if Kind::of(message) != Kind::String {
        return Err(Stop::Drop("`Message` is not a string".into()));
    }
    let message = unescape(message);
    scan(&message, Dialect::PYTHON, |_, _| true).map_err(|e| match e.kind {
        // A RecursionError passes the library's `except ValueError`.
        super::json::ScanErrorKind::Depth(_) => Stop::Raise(format!("the message: {}", e.kind)),
        kind => Stop::Drop(format!("`Message` is not JSON: {kind}")),
    })?;
    let envelope = as_dict(&message).ok_or_else(|| Stop::Drop("the message is not an object".into()))?;
    let metadata = pick(&envelope, METADATA)
        .ok_or_else(|| Stop::Drop("the message has neither `Metadata` nor `metadata`".into()))?;
    let metadata = as_dict(metadata).ok_or_else(|| Stop::Drop("the metadata is not an object".into()))?;
    if let Some((reserved, _)) = metadata.iter().find(|(key, _)| key == "self" || key == "__pydantic_self__") {
        return Err(Stop::Drop(format!("the metadata has the key `{reserved}`, which Python reserves")));
    }
    for (key, required, convert) in FIELDS {
        match pick(&metadata, key) {
            None if required => {
                let camel = member(&metadata, key.camel).is_some();
                let but = if camel { format!(" (it does not read `{}`)", key.camel) } else { String::new() };
                return Err(Stop::Drop(format!("the metadata has neither `{}` nor `{}`{but}", key.pascal, key.snake)));
            }
            None => {}
            Some(value) if Kind::of(value) == Kind::Null && key.snake == AUTHORIZATION.snake => {}
            Some(value) if Kind::of(value) == Kind::Null => {
                return Err(Stop::Drop(format!("the metadata's `{}` is null", key.pascal)));
            }
            Some(value) if convert(value) => {}
            Some(_) => {
                return Err(Stop::Drop(format!("the metadata's `{}` has a value it cannot convert", key.pascal)));
            }
        }
    }
    Ok(())
}

/// Key, whether it is required, and whether a value that is not null converts.
type Field = (Key, bool, fn(&str) -> bool);

const FIELDS: [Field; 9] = [
    (CONTAINS_PERSONAL_DATA, false, |value| as_bool(value).is_some()),
    (TRACESTATE, false, is_text),
    (TRACEPARENT, false, is_text),
    (AUTHORIZATION, false, is_text),
    (PUBLISH_DATE, false, is_date),
    (ENTITY_ID, false, is_text),
    (ENTITY_NAME, true, is_text),
    (PUBLISHER_NAME, true, is_text),
    (EVENT_NAME, true, is_text),
];

/// The PascalCase key wins over the snake_case one even where its value is null.
fn pick<'a>(members: &Members<'a>, key: Key) -> Option<&'a str> {
    member(members, key.pascal).or_else(|| member(members, key.snake))
}

/// `dict(value)`: an object, or an array of pairs, where a pair may also be two characters or an object of two keys.
fn as_dict(value: &str) -> Option<Members<'_>> {
    match Kind::of(value) {
        Kind::Object => Some(members(value)),
        Kind::Array => members(value).into_iter().map(|(_, element)| as_pair(element)).collect(),
        // dict("") is {}.
        Kind::String if unescape(value.trim()).is_empty() => Some(Vec::new()),
        _ => None,
    }
}

fn as_pair(element: &str) -> Option<(Cow<'_, str>, &str)> {
    match Kind::of(element) {
        Kind::Array => match members(element).as_slice() {
            [(_, key), (_, value)] => match Kind::of(key) {
                Kind::String => Some((unescape(key), value)),
                // Hashable, so a key, but none that is asked for.
                Kind::Null | Kind::Bool | Kind::Number => Some((Cow::Borrowed("\0"), value)),
                Kind::Array | Kind::Object => None,
            },
            _ => None,
        },
        // The second character or key as value: no string that short is a key that is asked for, so it does not matter.
        Kind::String => (unescape(element).chars().count() == 2).then_some((Cow::Borrowed("\0"), "null")),
        Kind::Object => {
            let mut keys: Vec<_> = members(element).into_iter().map(|(key, _)| key).collect();
            keys.dedup();
            match keys.as_slice() {
                // The value is the second key's text, which converts for a name and for nothing that has a form.
                [_, _] => Some((keys.swap_remove(0), "\"\"")),
                _ => None,
            }
        }
        _ => None,
    }
}

/// `str`, or a number or flag that becomes one.
pub(super) fn is_text(value: &str) -> bool {
    matches!(Kind::of(value), Kind::String | Kind::Number | Kind::Bool)
}

/// pydantic 1's `bool`: <https://docs.pydantic.dev/1.10/usage/types/#booleans>
pub(super) fn as_bool(value: &str) -> Option<bool> {
    match Kind::of(value) {
        Kind::Bool => Some(value.trim() == "true"),
        Kind::Number => match value.trim().parse::<f64>().ok()? {
            1.0 => Some(true),
            0.0 => Some(false),
            _ => None,
        },
        Kind::String => match unescape(value.trim()).to_lowercase().as_str() {
            "1" | "on" | "t" | "true" | "y" | "yes" => Some(true),
            "0" | "off" | "f" | "false" | "n" | "no" => Some(false),
            _ => None,
        },
        _ => None,
    }
}

/// pydantic 1's `datetime`: seconds or milliseconds since 1970 as number or text, or a date and a time.
fn is_date(value: &str) -> bool {
    match Kind::of(value) {
        Kind::Bool => true,
        Kind::Number => value.trim() != "NaN",
        Kind::String => {
            let text = unescape(value.trim());
            match python_float(&text) {
                Some(number) => !number.is_nan(),
                None => is_date_and_time(&text),
            }
        }
        _ => false,
    }
}

/// Python's `float(text)`.
fn python_float(text: &str) -> Option<f64> {
    let text = text.trim();
    let lower = text.trim_start_matches(['+', '-']).to_ascii_lowercase();
    if text.len() - lower.len() > 1 {
        return None;
    }
    match lower.as_str() {
        "inf" | "infinity" => return Some(f64::INFINITY),
        "nan" => return Some(f64::NAN),
        _ if !lower.starts_with(|c: char| c.is_ascii_digit() || c == '.') => return None,
        _ => {}
    }
    let bytes = text.as_bytes();
    let between_digits = |at: usize| {
        let digit = |at: Option<usize>| at.and_then(|at| bytes.get(at)).is_some_and(u8::is_ascii_digit);
        digit(at.checked_sub(1)) && digit(Some(at + 1))
    };
    if text.match_indices('_').any(|(at, _)| !between_digits(at)) {
        return None;
    }
    text.replace('_', "").parse().ok()
}

/// `YYYY-M-D[T ]H:M[:S[.ffffff…]][Z|±HH[[:]MM]]`, with the ranges of Python's `datetime`.
fn is_date_and_time(text: &str) -> bool {
    // `$` in Python matches before a last line feed too.
    let text = text.strip_suffix('\n').unwrap_or(text);
    let mut rest = text;
    let digits = |rest: &mut &str, least: usize, most: usize| -> Option<u32> {
        let count = rest.bytes().take(most).take_while(u8::is_ascii_digit).count();
        let number = (count >= least).then(|| rest[..count].parse().ok()).flatten();
        *rest = &rest[count..];
        number
    };
    let eat = |rest: &mut &str, any: &[char]| match rest.strip_prefix(any) {
        Some(after) => {
            *rest = after;
            Some(())
        }
        None => None,
    };
    let mut parse = || -> Option<bool> {
        let year = digits(&mut rest, 4, 4)?;
        eat(&mut rest, &['-'])?;
        let month = digits(&mut rest, 1, 2)?;
        eat(&mut rest, &['-'])?;
        let day = digits(&mut rest, 1, 2)?;
        eat(&mut rest, &['T', ' '])?;
        let hour = digits(&mut rest, 1, 2)?;
        eat(&mut rest, &[':'])?;
        let minute = digits(&mut rest, 1, 2)?;
        let mut second = 0;
        if eat(&mut rest, &[':']).is_some() {
            second = digits(&mut rest, 1, 2)?;
            if eat(&mut rest, &['.']).is_some() {
                digits(&mut rest, 1, 6)?;
                let more = rest.bytes().take(6).take_while(u8::is_ascii_digit).count();
                rest = &rest[more..];
            }
        }
        let mut zone = 0;
        if eat(&mut rest, &['Z']).is_none() && eat(&mut rest, &['+', '-']).is_some() {
            zone = digits(&mut rest, 2, 2)? * 60;
            let colon = eat(&mut rest, &[':']).is_some();
            match digits(&mut rest, 2, 2) {
                Some(minutes) => zone += minutes,
                None if colon => return None,
                None => {}
            }
        }
        let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        let days = match month {
            1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
            4 | 6 | 9 | 11 => 30,
            2 => 28 + u32::from(leap),
            _ => 0,
        };
        let in_range = year >= 1 && (1..=days).contains(&day) && hour < 24 && minute < 60 && second < 60 && zone < 1440;
        Some(in_range && rest.is_empty())
    };
    parse() == Some(true)
}
