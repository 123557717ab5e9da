//! A small JSON reader for policies and bodies.
//!
//! Own code, because matching needs what `serde_json::Value` gives up: numbers as their author wrote them (a policy may name an
//! integer that no `f64` holds), strings borrowed from the message, and a nesting limit of our choosing. A property test holds
//! its idea of well-formed against `serde_json`'s.

use std::borrow::Cow;

/// Objects and arrays inside each other, at most. AWS names no limit; this one keeps hostile bodies from the stack.
pub(super) const MAX_DEPTH: usize = 256;

/// A JSON value, borrowing from its text. Numbers stay text. Objects keep order and repeated keys.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Json<'a> {
    Null,
    Bool(bool),
    Number(&'a str),
    String(Cow<'a, str>),
    Array(Vec<Json<'a>>),
    Object(Vec<(Cow<'a, str>, Json<'a>)>),
}

impl Json<'_> {
    /// What it is, with its article.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(true) => "true",
            Self::Bool(false) => "false",
            Self::Number(_) => "a number",
            Self::String(_) => "a string",
            Self::Array(_) => "an array",
            Self::Object(_) => "an object",
        }
    }
}

/// Where reading stopped (a byte offset) and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct JsonError {
    pub(super) offset: usize,
    pub(super) what: &'static str,
}

impl JsonError {
    /// Line and column, both from 1, the column in characters.
    pub(super) fn place(&self, text: &str) -> (usize, usize) {
        let mut end = self.offset.min(text.len());
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        let before = &text[..end];
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
    }

    /// The error as AWS's own JSON reader words it, for the two mistakes whose wording is recorded (localstack/localstack,
    /// tests/aws/services/sns, Apache-2.0, 2025-10-06 and 2025-12-17): a key without quotes, and a word that is no value.
    pub(super) fn in_aws_words(&self, text: &str) -> String {
        let start = self.offset.min(text.len());
        let rest = text.get(start..).unwrap_or_default();
        let word = rest.find(|c: char| !(c.is_alphanumeric() || c == '_' || c == '$')).map_or(rest, |end| &rest[..end]);
        let (what, offset) = match (self.what, rest.chars().next()) {
            (KEY_EXPECTED, Some(found)) => (
                format!(
                    "Unexpected character ('{found}' (code {})): was expecting double-quote to start field name",
                    u32::from(found)
                ),
                start,
            ),
            (VALUE_EXPECTED, Some(first)) if first.is_alphabetic() => (
                format!(
                    "Unrecognized token '{word}': was expecting (JSON String, Number, Array, Object or token 'null', 'true' or 'false')"
                ),
                start + word.len(),
            ),
            _ => return "failed to parse JSON.".into(),
        };
        let (line, column) = Self { offset, ..*self }.place(text);
        format!(
            "failed to parse JSON. {what}\n at [Source: REDACTED (`StreamReadFeature.INCLUDE_SOURCE_IN_LOCATION` disabled); line: {line}, column: {column}]"
        )
    }
}

const KEY_EXPECTED: &str = "a key in double quotes was expected";
const VALUE_EXPECTED: &str = "a value was expected";

/// Reads one JSON document and nothing after it.
pub(super) fn parse(text: &str) -> Result<Json<'_>, JsonError> {
    let mut reader = Reader { text, bytes: text.as_bytes(), at: 0 };
    reader.space();
    let value = reader.value(0)?;
    reader.space();
    if reader.at < reader.bytes.len() {
        return Err(reader.error("text after the end of the value"));
    }
    Ok(value)
}

struct Reader<'a> {
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn error(&self, what: &'static str) -> JsonError {
        JsonError { offset: self.at, what }
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn eat(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    fn value(&mut self, depth: usize) -> Result<Json<'a>, JsonError> {
        match self.peek() {
            Some(b'{') => self.object(depth),
            Some(b'[') => self.array(depth),
            Some(b'"') => Ok(Json::String(self.string()?)),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b't') => self.word("true", Json::Bool(true)),
            Some(b'f') => self.word("false", Json::Bool(false)),
            Some(b'n') => self.word("null", Json::Null),
            Some(_) => Err(self.error(VALUE_EXPECTED)),
            None => Err(self.error("the text ends where a value was expected")),
        }
    }

    fn word(&mut self, word: &str, value: Json<'a>) -> Result<Json<'a>, JsonError> {
        if !self.bytes[self.at..].starts_with(word.as_bytes()) {
            return Err(self.error(VALUE_EXPECTED));
        }
        self.at += word.len();
        Ok(value)
    }

    fn enter(&mut self, depth: usize) -> Result<(), JsonError> {
        if depth >= MAX_DEPTH {
            return Err(self.error("nested deeper than 256 levels"));
        }
        self.at += 1;
        self.space();
        Ok(())
    }

    fn array(&mut self, depth: usize) -> Result<Json<'a>, JsonError> {
        self.enter(depth)?;
        let mut elements = Vec::new();
        if self.eat(b']') {
            return Ok(Json::Array(elements));
        }
        loop {
            elements.push(self.value(depth + 1)?);
            self.space();
            if self.eat(b']') {
                return Ok(Json::Array(elements));
            }
            if !self.eat(b',') {
                return Err(self.error("`,` or `]` was expected"));
            }
            self.space();
        }
    }

    fn object(&mut self, depth: usize) -> Result<Json<'a>, JsonError> {
        self.enter(depth)?;
        let mut members = Vec::new();
        if self.eat(b'}') {
            return Ok(Json::Object(members));
        }
        loop {
            if self.peek() != Some(b'"') {
                return Err(self.error(KEY_EXPECTED));
            }
            let key = self.string()?;
            self.space();
            if !self.eat(b':') {
                return Err(self.error("`:` was expected"));
            }
            self.space();
            members.push((key, self.value(depth + 1)?));
            self.space();
            if self.eat(b'}') {
                return Ok(Json::Object(members));
            }
            if !self.eat(b',') {
                return Err(self.error("`,` or `}` was expected"));
            }
            self.space();
        }
    }

    fn digits(&mut self) -> Result<(), JsonError> {
        if !matches!(self.peek(), Some(b'0'..=b'9')) {
            return Err(self.error("a digit was expected"));
        }
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        Ok(())
    }

    fn number(&mut self) -> Result<Json<'a>, JsonError> {
        let start = self.at;
        self.eat(b'-');
        if !self.eat(b'0') {
            self.digits()?;
        }
        if self.eat(b'.') {
            self.digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digits()?;
        }
        Ok(Json::Number(&self.text[start..self.at]))
    }

    fn string(&mut self) -> Result<Cow<'a, str>, JsonError> {
        self.at += 1;
        let start = self.at;
        self.plain()?;
        if self.eat(b'"') {
            return Ok(Cow::Borrowed(&self.text[start..self.at - 1]));
        }
        let mut owned = self.text[start..self.at].to_owned();
        loop {
            // `plain` stopped at a quote or a backslash, both of which are character boundaries.
            if self.eat(b'"') {
                return Ok(Cow::Owned(owned));
            }
            owned.push(self.escape()?);
            let from = self.at;
            self.plain()?;
            owned.push_str(&self.text[from..self.at]);
        }
    }

    /// Moves to the next quote or backslash.
    fn plain(&mut self) -> Result<(), JsonError> {
        loop {
            match self.peek() {
                Some(b'"' | b'\\') => return Ok(()),
                Some(0..=0x1f) => return Err(self.error("a control character inside a string")),
                Some(_) => self.at += 1,
                None => return Err(self.error("the text ends inside a string")),
            }
        }
    }

    fn escape(&mut self) -> Result<char, JsonError> {
        self.at += 1;
        let Some(byte) = self.peek() else { return Err(self.error("the text ends inside a string")) };
        self.at += 1;
        Ok(match byte {
            b'"' => '"',
            b'\\' => '\\',
            b'/' => '/',
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                let first = self.hex()?;
                let code = match first {
                    0xd800..=0xdbff => {
                        if !(self.eat(b'\\') && self.eat(b'u')) {
                            return Err(self.error("half of a surrogate pair"));
                        }
                        let second = self.hex()?;
                        if !(0xdc00..=0xdfff).contains(&second) {
                            return Err(self.error("half of a surrogate pair"));
                        }
                        0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00)
                    }
                    other => other,
                };
                char::from_u32(code).ok_or_else(|| self.error("half of a surrogate pair"))?
            }
            _ => return Err(self.error("an unknown escape inside a string")),
        })
    }

    fn hex(&mut self) -> Result<u32, JsonError> {
        let mut code = 0;
        for _ in 0..4 {
            let digit = self.peek().and_then(|byte| char::from(byte).to_digit(16));
            let Some(digit) = digit else { return Err(self.error("four hexadecimal digits were expected")) };
            code = code * 16 + digit;
            self.at += 1;
        }
        Ok(code)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Our reading, in `serde_json`'s types.
    fn as_value(json: &Json<'_>) -> serde_json::Value {
        match json {
            Json::Null => serde_json::Value::Null,
            Json::Bool(b) => (*b).into(),
            Json::Number(text) => serde_json::from_str(text).expect("a JSON number"),
            Json::String(text) => text.as_ref().into(),
            Json::Array(elements) => elements.iter().map(as_value).collect(),
            Json::Object(members) => {
                serde_json::Value::Object(members.iter().map(|(k, v)| (k.to_string(), as_value(v))).collect())
            }
        }
    }

    #[test]
    fn reads_what_serde_json_reads() {
        for text in [
            r#" {"a" : [1, -0.5e+3, "x\"\\\/\b\f\n\r\té\ud83d\ude00", true, false, null, {}, []] } "#,
            "\"caf\u{e9} \u{1f600}\"",
            "0",
            "[[[[]]]]",
        ] {
            let ours = parse(text).expect("well formed");
            assert_eq!(as_value(&ours), serde_json::from_str::<serde_json::Value>(text).expect("well formed"));
        }
    }

    #[test]
    fn refuses_what_is_not_json() {
        for text in [
            "",
            " ",
            "{",
            "[",
            "[1,]",
            "{\"a\":1,}",
            "{a:1}",
            "01",
            "1.",
            ".5",
            "+1",
            "1e",
            "-",
            "tru",
            "nul",
            "'x'",
            "\"x",
            "\"\\x\"",
            "\"\\u12\"",
            "\"\\ud800\"",
            "\"\\udc00\"",
            "\"\\ud800\\u0041\"",
            "\"a\nb\"",
            "1 2",
            "{\"a\"}",
            "\u{feff}{}",
            "[1 2]",
            "{\"a\" 1}",
            "NaN",
            "\u{b}1",
        ] {
            assert!(parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn depth_is_bounded() {
        let nested = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        assert!(parse(&nested(MAX_DEPTH)).is_ok());
        assert!(parse(&nested(MAX_DEPTH + 1)).is_err());
        assert!(parse(&"[".repeat(1_000_000)).is_err());
        assert!(parse(&"{\"a\":".repeat(1_000_000)).is_err());
    }

    #[test]
    fn places_are_lines_and_columns() {
        let text = "{\n  \"é\": x}";
        let error = parse(text).expect_err("x is no value");
        assert_eq!(error.place(text), (2, 8));
    }

    proptest! {
        #[test]
        fn agrees_with_serde_json_on_arbitrary_text(text in r#"[\[\]{}:,"\\/ 0-9eE.+\-tfnulrsaé\n]{0,40}"#) {
            let theirs = serde_json::from_str::<serde_json::Value>(&text);
            // serde_json refuses numbers outside of f64; that is a limit of its types, not of JSON.
            let out_of_range = theirs.as_ref().is_err_and(|e| e.to_string().contains("out of range"));
            prop_assert_eq!(parse(&text).is_ok(), theirs.is_ok() || out_of_range, "{}", text);
        }

        #[test]
        fn agrees_with_serde_json_on_strings(text in any::<String>()) {
            let written = serde_json::to_string(&text).expect("strings can be written");
            let read = parse(&written);
            prop_assert_eq!(read, Ok(Json::String(text.into())));
        }
    }
}
