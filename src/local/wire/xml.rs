//! The answers of the Query protocol.

use std::borrow::Cow;
use std::io;

use quick_xml::events::{BytesDecl, BytesEnd, BytesStart, BytesText, Event};
use quick_xml::{Reader, Writer};
use serde_json::{Map, Value};

use super::super::error::{ApiError, ApiResult};
use super::super::names::{valid_char, valid_text};
use super::Service;

impl Service {
    fn namespace(self) -> &'static str {
        match self {
            Self::Sns => "http://sns.amazonaws.com/doc/2010-03-31/",
            Self::Sqs => "http://queue.amazonaws.com/doc/2012-11-05/",
            Self::Sts => "https://sts.amazonaws.com/doc/2011-06-15/",
        }
    }
}

type Xml = Writer<Vec<u8>>;

/// An element; in the short form `<Name/>` when nothing is inside, as AWS writes it.
fn element(xml: &mut Xml, name: &str, inside: impl FnOnce(&mut Xml) -> io::Result<()>) -> io::Result<()> {
    let before = xml.get_ref().len();
    xml.write_event(Event::Start(BytesStart::new(name)))?;
    let opened = xml.get_ref().len();
    inside(xml)?;
    if xml.get_ref().len() == opened {
        xml.get_mut().truncate(before);
        return xml.write_event(Event::Empty(BytesStart::new(name)));
    }
    xml.write_event(Event::End(BytesEnd::new(name)))
}

fn text(xml: &mut Xml, name: &str, content: &str) -> io::Result<()> {
    // Tags and attributes may hold what no document can, and one such character would make all of the answer unreadable.
    let content = if valid_text(content) {
        Cow::Borrowed(content)
    } else {
        Cow::Owned(content.chars().map(|c| if valid_char(c) { c } else { char::REPLACEMENT_CHARACTER }).collect())
    };
    element(xml, name, |xml| {
        // A bare carriage return would reach the reader as a line feed.
        let mut parts = content.split('\r');
        xml.write_event(Event::Text(BytesText::new(parts.next().unwrap_or_default())))?;
        for part in parts {
            xml.write_event(Event::Text(BytesText::from_escaped("&#13;")))?;
            xml.write_event(Event::Text(BytesText::new(part)))?;
        }
        Ok(())
    })
}

fn document(root: &str, service: Service, inside: impl FnOnce(&mut Xml) -> io::Result<()>) -> ApiResult<Vec<u8>> {
    let mut xml = Writer::new(Vec::with_capacity(1_024));
    let namespace = service.namespace();
    let write = |xml: &mut Xml| {
        // SQS alone begins with a declaration.
        if service == Service::Sqs {
            xml.write_event(Event::Decl(BytesDecl::new("1.0", None, None)))?;
        }
        xml.write_event(Event::Start(BytesStart::new(root).with_attributes([("xmlns", namespace)])))?;
        inside(xml)?;
        xml.write_event(Event::End(BytesEnd::new(root)))
    };
    write(&mut xml).map_err(|e: io::Error| ApiError::internal(format!("the answer cannot be written: {e}")))?;
    Ok(xml.into_inner())
}

/// `<XResponse><XResult>…</XResult><ResponseMetadata>…`; operations that answer nothing have no result element.
pub(super) fn answer(service: Service, operation: &str, tree: &Value, request_id: &str) -> ApiResult<Vec<u8>> {
    document(&format!("{operation}Response"), service, |xml| {
        let empty = tree.as_object().is_none_or(Map::is_empty);
        // The tag operations of SNS answer a structure without members, the others nothing at all.
        if !empty
            || matches!((service, operation), (Service::Sns, "TagResource" | "UntagResource"))
            || has_members(operation)
        {
            element(xml, &format!("{operation}Result"), |xml| fields(xml, service, operation, tree))?;
        }
        element(xml, "ResponseMetadata", |xml| text(xml, "RequestId", request_id))
    })
}

/// Operations whose answer has members that may all be absent.
fn has_members(operation: &str) -> bool {
    ["Receive", "List", "Get"].iter().any(|verb| operation.starts_with(verb)) || operation.ends_with("Batch")
}

fn fields(xml: &mut Xml, service: Service, operation: &str, tree: &Value) -> io::Result<()> {
    let Some(members) = tree.as_object() else { return Ok(()) };
    members.iter().try_for_each(|(name, value)| match service {
        Service::Sqs => flattened(xml, operation, name, value),
        _ => member(xml, service, operation, name, value),
    })
}

/// SNS: lists of `member`, maps of `entry`.
fn member(xml: &mut Xml, service: Service, operation: &str, name: &str, value: &Value) -> io::Result<()> {
    match value {
        Value::Array(items) => element(xml, name, |xml| {
            items.iter().try_for_each(|item| match item {
                Value::Object(_) => element(xml, "member", |xml| fields(xml, service, operation, item)),
                scalar => text(xml, "member", &plain(scalar)),
            })
        }),
        Value::Object(map) if name == "Attributes" => element(xml, name, |xml| {
            map.iter().try_for_each(|(key, value)| {
                element(xml, "entry", |xml| {
                    text(xml, "key", key)?;
                    text(xml, "value", &plain(value))
                })
            })
        }),
        Value::Object(_) => element(xml, name, |xml| fields(xml, service, operation, value)),
        scalar => text(xml, name, &plain(scalar)),
    }
}

/// SQS: every element of a list or map by itself, under a name of its own.
fn flattened(xml: &mut Xml, operation: &str, name: &str, value: &Value) -> io::Result<()> {
    match value {
        Value::Array(items) => {
            let one = match name {
                "QueueUrls" | "queueUrls" => "QueueUrl".to_owned(),
                "Messages" => "Message".to_owned(),
                "Results" | "Successful" => format!("{operation}ResultEntry"),
                "Failed" => "BatchResultErrorEntry".to_owned(),
                other => other.to_owned(),
            };
            items.iter().try_for_each(|item| match item {
                Value::Object(_) => element(xml, &one, |xml| fields(xml, Service::Sqs, operation, item)),
                scalar => text(xml, &one, &plain(scalar)),
            })
        }
        Value::Object(map) => {
            let (one, key) = match name {
                "Attributes" => ("Attribute", "Name"),
                "MessageAttributes" => ("MessageAttribute", "Name"),
                "Tags" => ("Tag", "Key"),
                _ => return element(xml, name, |xml| fields(xml, Service::Sqs, operation, value)),
            };
            map.iter().try_for_each(|(entry, value)| {
                element(xml, one, |xml| {
                    text(xml, key, entry)?;
                    match value {
                        Value::Object(_) => element(xml, "Value", |xml| fields(xml, Service::Sqs, operation, value)),
                        scalar => text(xml, "Value", &plain(scalar)),
                    }
                })
            })
        }
        scalar => text(xml, name, &plain(scalar)),
    }
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

/// What Query says of a queue that is not there; JSON leaves the last words out (recorded AWS answers, localstack tests,
/// Apache-2.0: `test_non_existent_queue`).
const NO_QUEUE: &str = "The specified queue does not exist for this wsdl version.";

/// `<ErrorResponse><Error>…`.
pub(super) fn error(service: Service, error: &ApiError, request_id: &str) -> ApiResult<Vec<u8>> {
    document("ErrorResponse", service, |xml| {
        element(xml, "Error", |xml| {
            text(xml, "Type", if error.sender { "Sender" } else { "Receiver" })?;
            text(xml, "Code", error.code)?;
            let no_queue = service == Service::Sqs && error.shape == "QueueDoesNotExist";
            text(xml, "Message", if no_queue { NO_QUEUE } else { &error.message })?;
            if service == Service::Sqs { element(xml, "Detail", |_| Ok(())) } else { Ok(()) }
        })?;
        text(xml, "RequestId", request_id)
    })
}

/// An element on the way to JSON.
#[derive(Default)]
struct Element {
    name: String,
    text: String,
    children: Map<String, Value>,
}

impl Element {
    fn value(self) -> Value {
        match (self.children.is_empty(), self.text.is_empty()) {
            (false, _) => Value::Object(self.children),
            (true, true) => Value::Null,
            (true, false) => Value::String(self.text),
        }
    }

    fn adopt(&mut self, name: String, value: Value) {
        match self.children.get_mut(&name) {
            None => drop(self.children.insert(name, value)),
            Some(Value::Array(several)) => several.push(value),
            Some(first) => *first = Value::Array(vec![first.take(), value]),
        }
    }
}

/// A document of ours as JSON, attributes left out; `None` when it is no XML.
pub(super) fn to_json(xml: &str) -> Option<Value> {
    let mut reader = Reader::from_str(xml);
    let mut open = vec![Element::default()];
    loop {
        match reader.read_event().ok()? {
            Event::Start(start) => {
                open.push(Element { name: start.name().as_ref().to_owned(), ..Element::default() });
            }
            Event::End(_) => {
                let mut done = open.pop()?;
                let name = std::mem::take(&mut done.name);
                open.last_mut()?.adopt(name, done.value());
            }
            Event::Text(text) => open.last_mut()?.text.push_str(&text),
            Event::GeneralRef(name) => open.last_mut()?.text.push_str(&resolved(&name)?),
            Event::Eof => return open.pop().map(Element::value),
            _ => {}
        }
    }
}

/// What a reference (`amp`, `#13`) stands for.
fn resolved(name: &str) -> Option<String> {
    quick_xml::escape::unescape(&format!("&{name};")).ok().map(std::borrow::Cow::into_owned)
}
