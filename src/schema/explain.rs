//! Violations in plain words, each with its places in the payload's text and in the schema.

use std::path::Path;

use jsonschema::error::{TypeKind, ValidationErrorKind};
use jsonschema::{JsonType, ValidationError, Validator};
use serde_json::Value;

use super::resolve::Documents;
use super::source::BASE;
use crate::event::json::{Location, locate, offset_of, shorten};
use crate::words;

/// Characters of a value that a message shows.
const SHOWN: usize = 80;

/// What a payload was held against.
pub(super) struct Sources<'a> {
    pub(super) validator: &'a Validator,
    pub(super) documents: &'a Documents,
}

/// One way in which a payload breaks its schema.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// JSON pointer into the payload; empty for the payload itself. A missing property is reported at the object that lacks
    /// it, an unexpected one at itself.
    pub pointer: String,
    /// The file that says so, as seen from the folder of schemas; its `$id` where it has one.
    pub schema_file: String,
    /// JSON pointer into that file, to the keyword that says so.
    pub schema_pointer: String,
    /// A fragment with the value as its silent subject: `is "x", expected an email address`.
    pub message: String,
    /// The value's JSON text, cut to size; absent where the message is about what is missing.
    pub value: Option<String>,
    /// A property that may have been meant.
    pub meant: Option<String>,
    /// Where in the payload's text.
    pub at: Option<Location>,
}

impl Violation {
    /// The file that says so; in `folder`, from which it counts, unless it has an address of another kind.
    pub fn schema_in(&self, folder: &Path) -> String {
        if self.schema_file.contains("://") {
            return self.schema_file.clone();
        }
        folder.join(&self.schema_file).display().to_string()
    }

    /// The same with the pointer: `schemas/UserRegistered.json#/properties/id`.
    pub fn place_in(&self, folder: &Path) -> String {
        format!("{}#{}", self.schema_in(folder), self.schema_pointer)
    }
}

impl std::fmt::Display for Violation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if let Some(at) = self.at {
            write!(f, "{at}: ")?;
        }
        match self.pointer.as_str() {
            "" => f.write_str("the payload")?,
            pointer => write!(f, "`{pointer}`")?,
        }
        write!(f, " {}", self.message)?;
        match &self.meant {
            Some(meant) => write!(f, "; did you mean `{meant}`?"),
            None => Ok(()),
        }
    }
}

/// The first `most` violations, in the order of the text, and how many there are.
pub(super) fn explain(sources: Sources<'_>, value: &Value, text: &str, most: usize) -> (Vec<Violation>, usize) {
    let mut found: Vec<(usize, Violation)> = Vec::new();
    let mut count = 0;
    for error in sources.validator.iter_errors(value) {
        if found.len() >= most {
            // Counted one by one, but not made into words: there may be a million.
            count += match error.kind() {
                ValidationErrorKind::AdditionalProperties { unexpected }
                | ValidationErrorKind::UnevaluatedProperties { unexpected } => unexpected.len(),
                _ => 1,
            };
            continue;
        }
        for mut violation in violations(&error, sources.documents) {
            count += 1;
            if found.len() < most {
                let offset = offset_of(text, &violation.pointer);
                violation.at = offset.map(|offset| locate(text, offset));
                found.push((offset.unwrap_or(usize::MAX), violation));
            }
        }
    }
    let told = found.len();
    found.sort_by_key(|(offset, _)| *offset);
    let mut found: Vec<_> = found.into_iter().map(|(_, violation)| violation).collect();
    found.dedup();
    let count = count - (told - found.len());
    (found, count)
}

/// The file and the pointer of the keyword that was broken.
fn place(error: &ValidationError<'_>, documents: &Documents) -> (String, String) {
    let decoded = |text: &str| percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned();
    match error.absolute_keyword_location().map(|uri| uri.as_str().split_once('#').unwrap_or((uri.as_str(), ""))) {
        Some((address, pointer)) => (decoded(address.strip_prefix(BASE).unwrap_or(address)), decoded(pointer)),
        None => (documents.root().doc.name.clone(), error.schema_path().as_str().to_owned()),
    }
}

fn violations(error: &ValidationError<'_>, documents: &Documents) -> Vec<Violation> {
    let pointer = error.instance_path().as_str().to_owned();
    let (schema_file, schema_pointer) = place(error, documents);
    let schema = documents.named(&schema_file);
    let one = |pointer: String, message: String, value: Option<String>, meant: Option<String>| Violation {
        pointer,
        schema_file: schema_file.clone(),
        schema_pointer: schema_pointer.clone(),
        message,
        value,
        meant,
        at: None,
    };
    match error.kind() {
        ValidationErrorKind::AdditionalProperties { unexpected }
        | ValidationErrorKind::UnevaluatedProperties { unexpected } => {
            let known = properties_beside(schema, &schema_pointer);
            unexpected
                .iter()
                .map(|name| {
                    let path = format!("{pointer}/{}", name.replace('~', "~0").replace('/', "~1"));
                    let value = error.instance().get(name).map(shown);
                    let meant = words::nearest(name, known.iter().map(String::as_str)).first().map(|&n| n.to_owned());
                    one(path, "is not a property that the schema allows".into(), value, meant)
                })
                .collect()
        }
        ValidationErrorKind::Required { property } => {
            let name = property.as_str().unwrap_or_default();
            let known = properties_beside(schema, &schema_pointer);
            let strangers = error.instance().as_object().into_iter().flat_map(|o| o.keys()).map(String::as_str);
            let meant = words::nearest(name, strangers.filter(|key| !known.iter().any(|known| known == key)));
            let meant = meant.first().map(|&key| key.to_owned());
            vec![one(pointer, format!("lacks the property `{}`", shorten(name, SHOWN)), None, meant)]
        }
        _ => {
            let value = shown(error.instance());
            vec![one(pointer, words_for(error, &value), Some(value), None)]
        }
    }
}

/// The properties that the object schema which holds the keyword at `pointer` describes.
fn properties_beside(schema: Option<&Value>, pointer: &str) -> Vec<String> {
    let parent = pointer.rsplit_once('/').map_or("", |(parent, _)| parent);
    let properties = schema.and_then(|schema| schema.pointer(parent)).and_then(|schema| schema.get("properties"));
    properties.and_then(Value::as_object).map(|known| known.keys().cloned().collect()).unwrap_or_default()
}

/// A value for a sentence.
pub(super) fn cut(value: &Value) -> String {
    shown(value)
}

/// The value's JSON text, cut to size without writing the rest of it.
fn shown(value: &Value) -> String {
    /// Takes no more than it shows.
    struct Start(Vec<u8>);
    impl std::io::Write for Start {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            // Four bytes are the longest character, and one more character tells that there was more.
            let room = (SHOWN + 1) * 4 - self.0.len();
            if room == 0 {
                return Err(std::io::ErrorKind::WriteZero.into());
            }
            let taken = bytes.len().min(room);
            self.0.extend_from_slice(&bytes[..taken]);
            Ok(taken)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let mut start = Start(Vec::new());
    // An error means that it is full.
    let _ = serde_json::to_writer(&mut start, value);
    let text = match std::str::from_utf8(&start.0) {
        Ok(text) => text,
        Err(error) => std::str::from_utf8(&start.0[..error.valid_up_to()]).unwrap_or_default(),
    };
    shorten(text, SHOWN).into_owned()
}

fn words_for(error: &ValidationError<'_>, value: &str) -> String {
    use ValidationErrorKind as Kind;
    let length = || error.instance().as_str().map_or(0, |text| text.chars().count()) as u64;
    let items = || error.instance().as_array().map_or(0, Vec::len) as u64;
    let members = || error.instance().as_object().map_or(0, serde_json::Map::len) as u64;
    let rather = |n: u64| if n == 1 { "1 character".to_owned() } else { format!("{n} characters") };
    let count = |n: u64, one: &str, many: &str| format!("{n} {}", if n == 1 { one } else { many });
    match error.kind() {
        Kind::Type { kind } => format!("is {}, expected {}", what(error.instance(), value), types(kind)),
        Kind::Format { format } => format!("is {value}, expected {}", format_words(format)),
        Kind::Enum { options } => format!("is {value}, expected one of {}", alternatives(options)),
        Kind::Constant { expected_value } => format!("is {value}, expected {}", shown(expected_value)),
        Kind::Pattern { pattern } => {
            format!("is {value}, expected text that fits the pattern `{}`", shorten(pattern, SHOWN))
        }
        Kind::Minimum { limit } => format!("is {value}, expected at least {limit}"),
        Kind::Maximum { limit } => format!("is {value}, expected at most {limit}"),
        Kind::ExclusiveMinimum { limit } => format!("is {value}, expected more than {limit}"),
        Kind::ExclusiveMaximum { limit } => format!("is {value}, expected less than {limit}"),
        Kind::MultipleOf { multiple_of } => format!("is {value}, expected a multiple of {multiple_of}"),
        Kind::MinLength { limit } => format!("has {}, expected at least {limit}", rather(length())),
        Kind::MaxLength { limit } => format!("has {}, expected at most {limit}", rather(length())),
        Kind::MinItems { limit } => format!("has {}, expected at least {limit}", count(items(), "element", "elements")),
        Kind::MaxItems { limit } => format!("has {}, expected at most {limit}", count(items(), "element", "elements")),
        Kind::MinProperties { limit } => {
            format!("has {}, expected at least {limit}", count(members(), "property", "properties"))
        }
        Kind::MaxProperties { limit } => {
            format!("has {}, expected at most {limit}", count(members(), "property", "properties"))
        }
        Kind::UniqueItems => "has an element twice, expected each once".into(),
        Kind::Contains => "has no element of the kind that the schema asks for".into(),
        Kind::FalseSchema => "is not allowed here".into(),
        Kind::Not { .. } => format!("is {value}, which the schema rules out"),
        Kind::PropertyNames { error } => format!("has a property name that is not allowed: {error}"),
        Kind::AnyOf { context } | Kind::OneOfNotValid { context } => {
            let closest = context.iter().min_by_key(|errors| errors.len()).and_then(|errors| errors.first());
            let closest = closest.map(|error| {
                let path = error.instance_path().as_str();
                let place = if path.is_empty() { "it".to_owned() } else { format!("`{path}`") };
                format!("; closest: {place} {}", single(error))
            });
            format!("fits none of {}{}", count(context.len() as u64, "form", "forms"), closest.unwrap_or_default())
        }
        Kind::OneOfMultipleValid { .. } => "fits several of the forms of which it must fit one".into(),
        _ => lower_first(&error.to_string()),
    }
}

/// The words for an error inside an alternative.
fn single(error: &ValidationError<'_>) -> String {
    match error.kind() {
        ValidationErrorKind::Required { property } => {
            format!("lacks the property `{}`", property.as_str().unwrap_or_default())
        }
        ValidationErrorKind::AdditionalProperties { unexpected } => format!("has {} too many", words::list(unexpected)),
        _ => words_for(error, &shown(error.instance())),
    }
}

/// `the number 5`, `the string "x"`, `an object`, `null`.
fn what(instance: &Value, value: &str) -> String {
    match instance {
        Value::Null => "null".into(),
        Value::Bool(_) => value.to_owned(),
        Value::Number(_) => format!("the number {value}"),
        Value::String(_) => format!("the string {value}"),
        Value::Array(_) => "an array".into(),
        Value::Object(_) => "an object".into(),
    }
}

fn types(kind: &TypeKind) -> String {
    let word = |kind: JsonType| match kind {
        JsonType::Array => "an array",
        JsonType::Boolean => "true or false",
        JsonType::Integer => "a whole number",
        JsonType::Null => "null",
        JsonType::Number => "a number",
        JsonType::Object => "an object",
        JsonType::String => "a string",
    };
    match kind {
        TypeKind::Single(kind) => word(*kind).into(),
        TypeKind::Multiple(kinds) => kinds.iter().map(word).collect::<Vec<_>>().join(" or "),
    }
}

fn format_words(format: &str) -> String {
    match format {
        "email" | "idn-email" => "an email address".into(),
        "uuid" => "a UUID".into(),
        "date-time" => "a date and time as in `2026-11-23T08:04:22Z`".into(),
        "date" => "a date as in `2026-11-23`".into(),
        "time" => "a time as in `08:04:22Z`".into(),
        "duration" => "a duration as in `P3DT12H`".into(),
        "uri" | "iri" => "a URI with its scheme".into(),
        "hostname" | "idn-hostname" => "a host name".into(),
        "ipv4" => "an IPv4 address".into(),
        "ipv6" => "an IPv6 address".into(),
        "regex" => "a regular expression".into(),
        other => format!("text of the format `{other}`"),
    }
}

fn alternatives(options: &Value) -> String {
    let texts: Vec<String> = options.as_array().into_iter().flatten().map(shown).collect();
    let more = texts.len().saturating_sub(10);
    let mut list = texts.into_iter().take(10).collect::<Vec<_>>().join(", ");
    if more > 0 {
        list.push_str(&format!(" and {more} more"));
    }
    list
}

fn lower_first(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map(|first| first.to_lowercase().chain(chars).collect()).unwrap_or_default()
}
