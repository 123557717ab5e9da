//! A JSON scanner that tells where every token lies and reads without recursion.
//!
//! `serde_json` says neither where a value stood nor that a key came twice, and Python's `json` accepts what it refuses;
//! the tools in this room need all three. Values themselves are left to `serde_json`.

use std::borrow::Cow;
use std::ops::Range;

/// What a reader accepts beyond RFC 8259.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Dialect {
    /// `NaN`, `Infinity` and `-Infinity` are numbers, as in Python's `json`.
    pub(crate) nan: bool,
    /// `\ud800` without its other half passes, as in Python's `json` and in `serde_json`'s raw values.
    pub(crate) lone_surrogates: bool,
    /// Whole numbers of more digits are refused. Python 3.11 refuses above 4,300
    /// (<https://docs.python.org/3/library/stdtypes.html#int-max-str-digits>).
    pub(crate) integer_digits: usize,
    /// Containers within containers.
    pub(crate) max_depth: usize,
}

impl Dialect {
    /// What a publisher's payload has to be.
    pub(crate) const STRICT: Self =
        Self { nan: false, lone_surrogates: false, integer_digits: usize::MAX, max_depth: super::MAX_DEPTH };
    /// What may arrive in a queue.
    pub(crate) const WIRE: Self =
        Self { nan: false, lone_surrogates: true, integer_digits: usize::MAX, max_depth: usize::MAX };
    /// What Python's `json.loads` takes. Its recursion ends at about 990 levels.
    pub(crate) const PYTHON: Self = Self { nan: true, lone_surrogates: true, integer_digits: 4300, max_depth: 990 };
}

/// What stands at a place in the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Token {
    ObjectStart,
    ObjectEnd,
    ArrayStart,
    ArrayEnd,
    /// A member's name, quotes included.
    Key,
    /// A string value, quotes included.
    String,
    Number,
    True,
    False,
    Null,
}

/// Why a text is not JSON, and at which byte that shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ScanError {
    pub(crate) offset: usize,
    pub(crate) kind: ScanErrorKind,
}

/// The reasons.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ScanErrorKind {
    /// The text ended where `.0` was expected.
    #[error("the text ends where {0} was expected")]
    End(&'static str),
    /// Something else stood where `.0` was expected.
    #[error("expected {wanted}, found {found}")]
    Unexpected {
        /// What could have stood here.
        wanted: &'static str,
        /// What stands here.
        found: String,
    },
    /// A comma before a closing bracket.
    #[error("a comma stands before `{0}`")]
    TrailingComma(char),
    /// More text after the value.
    #[error("more text follows after the end of the JSON value: {0}")]
    Trailing(String),
    /// A control character inside a string.
    #[error("an unescaped control character (U+{0:04X}) stands in a string")]
    Control(u32),
    /// `\x` and the like.
    #[error("`\\{0}` is not an escape that JSON knows")]
    Escape(String),
    /// Half of a surrogate pair.
    #[error("`{0}` is half of a surrogate pair and stands alone")]
    LoneSurrogate(String),
    /// `01`, `1.`, `.5`, `1e`.
    #[error("`{0}` is not a number that JSON knows")]
    Number(String),
    /// More digits than the reader takes.
    #[error("a whole number has more than {0} digits")]
    Digits(usize),
    /// Nested deeper than the reader goes.
    #[error("the value is nested deeper than {0} levels")]
    Depth(usize),
    /// The listener had enough.
    #[error("stopped")]
    Stopped,
}

/// Walks over `text` and hands every token with its byte range to `sink`; `sink` ends the walk by answering `false`.
///
/// Neither commas nor colons are handed over. A walk that `sink` ended is `Err(Stopped)`.
pub(crate) fn scan(
    text: &str,
    dialect: Dialect,
    mut sink: impl FnMut(Token, Range<usize>) -> bool,
) -> Result<(), ScanError> {
    let mut reader = Reader { text, bytes: text.as_bytes(), at: 0, dialect };
    // One entry per open container: is it an object?
    let mut open: Vec<bool> = Vec::new();
    let stopped = |offset| ScanError { offset, kind: ScanErrorKind::Stopped };
    loop {
        // A value is expected here.
        reader.skip_blank();
        let start = reader.at;
        let mut closed_at_once = false;
        let token = match reader.peek() {
            Some(b'{') => {
                reader.at += 1;
                Token::ObjectStart
            }
            Some(b'[') => {
                reader.at += 1;
                Token::ArrayStart
            }
            _ => reader.scalar()?,
        };
        if !sink(token, start..reader.at) {
            return Err(stopped(start));
        }
        if matches!(token, Token::ObjectStart | Token::ArrayStart) {
            let object = token == Token::ObjectStart;
            open.push(object);
            if open.len() > dialect.max_depth {
                return Err(ScanError { offset: start, kind: ScanErrorKind::Depth(dialect.max_depth) });
            }
            reader.skip_blank();
            match reader.peek() {
                Some(b'}') if object => closed_at_once = true,
                Some(b']') if !object => closed_at_once = true,
                _ if object => {
                    if !reader.key(&mut sink)? {
                        return Err(stopped(reader.at));
                    }
                    continue;
                }
                _ => continue,
            }
        }
        // A value has ended (or an empty container is about to).
        loop {
            reader.skip_blank();
            let Some(&object) = open.last() else {
                return if reader.at == text.len() {
                    Ok(())
                } else {
                    Err(reader.error(ScanErrorKind::Trailing(reader.found())))
                };
            };
            match reader.peek() {
                Some(b',') if !closed_at_once => {
                    reader.at += 1;
                    reader.skip_blank();
                    match reader.peek() {
                        Some(b'}') => return Err(reader.error(ScanErrorKind::TrailingComma('}'))),
                        Some(b']') => return Err(reader.error(ScanErrorKind::TrailingComma(']'))),
                        _ => {}
                    }
                    if object && !reader.key(&mut sink)? {
                        return Err(stopped(reader.at));
                    }
                    break;
                }
                Some(b'}') if object => {
                    if !reader.close(Token::ObjectEnd, &mut sink) {
                        return Err(stopped(reader.at));
                    }
                    open.pop();
                }
                Some(b']') if !object => {
                    if !reader.close(Token::ArrayEnd, &mut sink) {
                        return Err(stopped(reader.at));
                    }
                    open.pop();
                }
                _ => return Err(reader.expected(if object { "`,` or `}`" } else { "`,` or `]`" })),
            }
            closed_at_once = false;
        }
    }
}

struct Reader<'a> {
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
    dialect: Dialect,
}

impl Reader<'_> {
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn skip_blank(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\n' | b'\t' | b'\r')) {
            self.at += 1;
        }
    }

    fn error(&self, kind: ScanErrorKind) -> ScanError {
        ScanError { offset: self.at, kind }
    }

    fn found(&self) -> String {
        match self.text[self.at..].chars().next() {
            Some(c) if c.is_control() || c == '\u{feff}' => format!("U+{:04X}", u32::from(c)),
            Some(c) => format!("`{c}`"),
            None => "the end".into(),
        }
    }

    fn expected(&self, wanted: &'static str) -> ScanError {
        if self.at >= self.bytes.len() {
            return self.error(ScanErrorKind::End(wanted));
        }
        self.error(ScanErrorKind::Unexpected { wanted, found: self.found() })
    }

    fn close(&mut self, token: Token, sink: &mut impl FnMut(Token, Range<usize>) -> bool) -> bool {
        let at = self.at;
        self.at += 1;
        sink(token, at..at + 1)
    }

    fn key(&mut self, sink: &mut impl FnMut(Token, Range<usize>) -> bool) -> Result<bool, ScanError> {
        if self.peek() != Some(b'"') {
            return Err(self.expected("a key in double quotes"));
        }
        let start = self.at;
        self.string()?;
        let go_on = sink(Token::Key, start..self.at);
        self.skip_blank();
        if self.peek() != Some(b':') {
            return Err(self.expected("`:`"));
        }
        self.at += 1;
        Ok(go_on)
    }

    fn scalar(&mut self) -> Result<Token, ScanError> {
        let rest = &self.bytes[self.at..];
        let word = |word: &str| rest.starts_with(word.as_bytes());
        let (token, length) = match rest.first() {
            Some(b'"') => {
                self.string()?;
                return Ok(Token::String);
            }
            Some(b't') if word("true") => (Token::True, 4),
            Some(b'f') if word("false") => (Token::False, 5),
            Some(b'n') if word("null") => (Token::Null, 4),
            Some(b'N') if self.dialect.nan && word("NaN") => (Token::Number, 3),
            Some(b'I') if self.dialect.nan && word("Infinity") => (Token::Number, 8),
            Some(b'-') if self.dialect.nan && word("-Infinity") => (Token::Number, 9),
            Some(b'-' | b'0'..=b'9') => {
                self.number()?;
                return Ok(Token::Number);
            }
            _ => return Err(self.expected("a value")),
        };
        self.at += length;
        Ok(token)
    }

    fn digits(&mut self) -> usize {
        let start = self.at;
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        self.at - start
    }

    fn number(&mut self) -> Result<(), ScanError> {
        let start = self.at;
        let mut whole = true;
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        let leading_zero = self.peek() == Some(b'0');
        let digits = self.digits();
        let mut good = digits > 0 && !(leading_zero && digits > 1);
        if self.peek() == Some(b'.') {
            self.at += 1;
            whole = false;
            good &= self.digits() > 0;
        }
        if good && matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            whole = false;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            good &= self.digits() > 0;
        }
        if !good {
            let shown = self.text[start..self.at].chars().take(20).collect();
            return Err(ScanError { offset: start, kind: ScanErrorKind::Number(shown) });
        }
        if whole && digits > self.dialect.integer_digits {
            return Err(ScanError { offset: start, kind: ScanErrorKind::Digits(self.dialect.integer_digits) });
        }
        Ok(())
    }

    fn string(&mut self) -> Result<(), ScanError> {
        self.at += 1;
        loop {
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(());
                }
                Some(b'\\') => self.escape()?,
                Some(control @ 0..0x20) => return Err(self.error(ScanErrorKind::Control(u32::from(control)))),
                Some(_) => self.at += 1,
                None => return Err(self.error(ScanErrorKind::End("the closing `\"` of a string"))),
            }
        }
    }

    fn escape(&mut self) -> Result<(), ScanError> {
        let start = self.at;
        match self.bytes.get(self.at + 1) {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => {
                self.at += 2;
                Ok(())
            }
            Some(b'u') => {
                let unit = self.unit(start)?;
                self.at = start + 6;
                let lone = match unit {
                    0xD800..=0xDBFF => match self.unit(start + 6) {
                        Ok(0xDC00..=0xDFFF) => {
                            self.at = start + 12;
                            false
                        }
                        _ => true,
                    },
                    0xDC00..=0xDFFF => true,
                    _ => false,
                };
                if lone && !self.dialect.lone_surrogates {
                    let shown = self.text[start..start + 6].into();
                    return Err(ScanError { offset: start, kind: ScanErrorKind::LoneSurrogate(shown) });
                }
                Ok(())
            }
            Some(_) => {
                let shown = self.text[start + 1..].chars().take(1).collect();
                Err(self.error(ScanErrorKind::Escape(shown)))
            }
            None => Err(self.error(ScanErrorKind::End("the rest of an escape"))),
        }
    }

    /// The code unit of the `\uXXXX` that starts at `start`.
    fn unit(&self, start: usize) -> Result<u32, ScanError> {
        let wrong = || {
            let shown = self.text[start.min(self.text.len())..].chars().skip(1).take(5).collect();
            ScanError { offset: start, kind: ScanErrorKind::Escape(shown) }
        };
        let digits = self.bytes.get(start..start + 6).filter(|d| d.starts_with(b"\\u")).ok_or_else(wrong)?;
        digits[2..]
            .iter()
            .try_fold(0, |unit, &digit| char::from(digit).to_digit(16).map(|value| unit * 16 + value).ok_or_else(wrong))
    }
}

/// The text of a string token (quotes included in `raw`). Half of a surrogate pair becomes U+FFFD.
///
/// `raw` has passed [`scan`]; anything else yields some text, never a panic.
pub(crate) fn unescape(raw: &str) -> Cow<'_, str> {
    let inner = raw.strip_prefix('"').and_then(|r| r.strip_suffix('"')).unwrap_or(raw);
    if !inner.contains('\\') {
        return Cow::Borrowed(inner);
    }
    let mut text = String::with_capacity(inner.len());
    let mut rest = inner;
    let unit = |at: &str| {
        at.strip_prefix("\\u").and_then(|hex| hex.get(..4)).and_then(|hex| u32::from_str_radix(hex, 16).ok())
    };
    while let Some(at) = rest.find('\\') {
        text.push_str(&rest[..at]);
        rest = &rest[at..];
        let mut length = 2;
        match rest.as_bytes().get(1) {
            Some(b'b') => text.push('\u{8}'),
            Some(b'f') => text.push('\u{c}'),
            Some(b'n') => text.push('\n'),
            Some(b'r') => text.push('\r'),
            Some(b't') => text.push('\t'),
            Some(b'u') => {
                length = 6;
                let mut code = unit(rest).unwrap_or(0xFFFD);
                if (0xD800..0xDC00).contains(&code)
                    && let Some(low @ 0xDC00..0xE000) = rest.get(6..).and_then(unit)
                {
                    code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
                    length = 12;
                }
                text.push(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER));
            }
            Some(&other) if other.is_ascii() => text.push(char::from(other)),
            _ => length = 1,
        }
        rest = rest.get(length..).unwrap_or("");
    }
    text.push_str(rest);
    Cow::Owned(text)
}
