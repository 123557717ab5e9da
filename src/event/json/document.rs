//! The strict reader of what an author wrote: one JSON object, in UTF-8, with no key twice.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;

use serde_json::value::RawValue;

use super::scan::{Dialect, ScanErrorKind, Token, scan, unescape};
use super::shape::{Kind, compact};

/// A place in a text, as editors count: both from 1, columns in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Location {
    /// The line.
    pub line: usize,
    /// The column.
    pub column: usize,
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}", self.line, self.column)
    }
}

/// Where the byte `offset` of `text` stands.
pub fn locate(text: &str, offset: usize) -> Location {
    let before = text.get(..offset).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    Location { line: before.matches('\n').count() + 1, column: before[line_start..].chars().count() + 1 }
}

/// Why a text is refused, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JsonError {
    /// The reason.
    pub kind: JsonErrorKind,
    /// The place, where there is one.
    pub at: Option<Location>,
}

impl fmt::Display for JsonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.at {
            Some(at) => write!(f, "{at}: {}", self.kind),
            None => self.kind.fmt(f),
        }
    }
}

impl std::error::Error for JsonError {}

/// The reasons.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JsonErrorKind {
    /// Nothing, or blanks only.
    #[error("the text is empty, expected a JSON object")]
    Empty,
    /// Bytes that are no UTF-8.
    #[error("the text is not UTF-8 (byte 0x{0:02X})")]
    NotUtf8(u8),
    /// The mark of UTF-16 stands at the start.
    #[error("the text is UTF-16, expected UTF-8")]
    Utf16,
    /// Not JSON.
    #[error("{0}")]
    Syntax(ScanErrorKind),
    /// One key, two values: readers disagree about which counts.
    #[error("key `{}` stands twice in one object (`{pointer}`, first at {first})", shorten(.key, 60))]
    DuplicateKey {
        /// The key.
        key: String,
        /// The JSON pointer of the member.
        pointer: String,
        /// Where it stood first.
        first: Location,
    },
    /// JSON, but with a value that no validator can hold.
    #[error("the value cannot be checked: {0}")]
    Unreadable(String),
    /// JSON, but not an object.
    #[error("found {}, expected an object", .0.words())]
    NotAnObject(Kind),
}

/// `text`, cut to `limit` characters with an ellipsis where it is longer.
pub(crate) fn shorten(text: &str, limit: usize) -> Cow<'_, str> {
    match text.char_indices().nth(limit) {
        Some((at, _)) => Cow::Owned(format!("{}…", &text[..at])),
        None => Cow::Borrowed(text),
    }
}

/// An author's JSON object: the text as read, which is known to be sound.
#[derive(Clone, Debug)]
pub struct Document<'a> {
    text: &'a str,
}

impl<'a> Document<'a> {
    /// Reads one JSON object. A UTF-8 byte order mark is skipped: some editors write it and it says nothing.
    ///
    /// # Errors
    /// Anything but one JSON object in UTF-8 with unique keys and at most [`super::MAX_DEPTH`] levels.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, JsonError> {
        if bytes.starts_with(&[0xFF, 0xFE]) || bytes.starts_with(&[0xFE, 0xFF]) {
            return Err(JsonError { kind: JsonErrorKind::Utf16, at: None });
        }
        let bytes = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes);
        let text = std::str::from_utf8(bytes).map_err(|e| {
            let good = e.valid_up_to();
            let sound = std::str::from_utf8(&bytes[..good]).unwrap_or("");
            let kind = JsonErrorKind::NotUtf8(bytes.get(good).copied().unwrap_or(0));
            JsonError { kind, at: Some(locate(sound, good)) }
        })?;
        Self::from_text(text)
    }

    /// Reads one JSON object from text; see [`Document::parse`].
    ///
    /// # Errors
    /// As [`Document::parse`].
    pub fn from_text(text: &'a str) -> Result<Self, JsonError> {
        if text.trim().is_empty() {
            return Err(JsonError { kind: JsonErrorKind::Empty, at: None });
        }
        check(text)?;
        match Kind::of(text) {
            Kind::Object => Ok(Self { text }),
            other => {
                let at = text.len() - text.trim_start().len();
                Err(JsonError { kind: JsonErrorKind::NotAnObject(other), at: Some(locate(text, at)) })
            }
        }
    }

    /// The text as the author wrote it (without a byte order mark).
    pub fn text(&self) -> &'a str {
        self.text
    }

    /// The object without the blanks between its tokens; everything else byte for byte.
    pub fn to_raw(&self) -> Box<RawValue> {
        RawValue::from_string(compact(self.text).into_owned()).expect("checked to be JSON")
    }

    /// The value that a validator looks at. Numbers lose what a 64-bit float cannot hold; the text does not.
    ///
    /// # Errors
    /// A number beyond a 64-bit float's range (`1e999`).
    pub fn to_value(&self) -> Result<serde_json::Value, JsonError> {
        serde_json::from_str(self.text).map_err(|e| {
            let at = (e.line() > 0).then(|| Location { line: e.line(), column: e.column() });
            JsonError { kind: JsonErrorKind::Unreadable(e.to_string()), at }
        })
    }
}

/// One open container on the way to where the scanner stands.
enum Frame<'a> {
    Object { seen: HashMap<Cow<'a, str>, usize>, key: Cow<'a, str> },
    Array { index: usize },
}

fn check(text: &str) -> Result<(), JsonError> {
    let mut frames: Vec<Frame<'_>> = Vec::new();
    let mut twice: Option<JsonError> = None;
    let walked = scan(text, Dialect::STRICT, |token, range| {
        match token {
            Token::Key => {
                let at = range.start;
                let name = unescape(&text[range]);
                let Some(Frame::Object { seen, key }) = frames.last_mut() else { return true };
                key.clone_from(&name);
                if let Some(first) = seen.insert(name, at) {
                    let (key, pointer) = (key.clone().into_owned(), pointer(&frames));
                    let kind = JsonErrorKind::DuplicateKey { key, pointer, first: locate(text, first) };
                    twice = Some(JsonError { kind, at: Some(locate(text, at)) });
                    return false;
                }
                return true;
            }
            Token::ObjectStart => frames.push(Frame::Object { seen: HashMap::new(), key: Cow::Borrowed("") }),
            Token::ArrayStart => frames.push(Frame::Array { index: 0 }),
            Token::ObjectEnd | Token::ArrayEnd => {
                frames.pop();
                if let Some(Frame::Array { index }) = frames.last_mut() {
                    *index += 1;
                }
            }
            _ => {
                if let Some(Frame::Array { index }) = frames.last_mut() {
                    *index += 1;
                }
            }
        }
        true
    });
    match (twice, walked) {
        (Some(twice), _) => Err(twice),
        (None, Ok(())) => Ok(()),
        (None, Err(e)) => Err(JsonError { kind: JsonErrorKind::Syntax(e.kind), at: Some(locate(text, e.offset)) }),
    }
}

fn pointer(frames: &[Frame<'_>]) -> String {
    frames.iter().fold(String::new(), |mut path, frame| {
        path.push('/');
        match frame {
            Frame::Object { key, .. } => path.push_str(&key.replace('~', "~0").replace('/', "~1")),
            Frame::Array { index } => path.push_str(&index.to_string()),
        }
        path
    })
}
