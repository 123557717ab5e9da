//! Replays `tests/wire/*.json`: requests and answers out of AWS's documentation, never out of our own codec.
//!
//! Compared after three replacements that no two buses can agree on: account numbers, random ids, and `https` for `http`.
//! The order of XML elements and of JSON members is free; so are headers that the example does not show, request ids, and the
//! values of the members that a golden names as free (`free`; `numbers` for every long number). A setup may `capture` a part of
//! its answer, a receipt handle say, which `{{NAME}}` puts into later requests; `windows` opens the bus with AWS's sixty seconds.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use quick_xml::Reader;
use quick_xml::events::Event;
use serde::Deserialize;
use serde_json::Value;

use super::names::ACCOUNT;
use super::sqs::OPERATIONS;
use super::{LocalBus, OpenOptions};

#[derive(Deserialize)]
struct Golden {
    source: String,
    host: String,
    #[serde(default)]
    path: Option<String>,
    setup: Vec<Half>,
    /// Members that are compared by their names alone.
    #[serde(default)]
    free: Vec<String>,
    /// Whether numbers of ten digits and more are all alike.
    #[serde(default)]
    numbers: bool,
    #[serde(default)]
    windows: bool,
    request: Half,
    response: Half,
}

#[derive(Deserialize)]
struct Half {
    #[serde(default)]
    status: u16,
    headers: serde_json::Map<String, Value>,
    body: String,
    /// Names for parts of the answer, each by a JSON pointer.
    #[serde(default)]
    capture: BTreeMap<String, String>,
}

/// The accounts of AWS's examples and of the recordings.
const ACCOUNTS: [&str; 4] = ["123456789012", "111122223333", "177715257436", "111111111111"];

/// Our account in the place of theirs.
fn ours(text: &str) -> String {
    ACCOUNTS.iter().fold(text.to_owned(), |text, account| text.replace(account, ACCOUNT))
}

/// The replacements of the module's description.
fn plain(text: &str) -> String {
    let text = ours(&text.replace("https://", "http://"));
    let mut found = String::new();
    let mut rest = text.as_str();
    while let Some(head) = rest.chars().next() {
        match rest.get(..36).filter(|part| uuid::Uuid::try_parse(part).is_ok()) {
            Some(_) => {
                found.push_str("(id)");
                rest = &rest[36..];
            }
            None => {
                found.push(head);
                rest = &rest[head.len_utf8()..];
            }
        }
    }
    found
}

/// Long numbers made alike.
fn numberless(text: &str) -> String {
    let (mut found, mut digits) = (String::new(), String::new());
    for c in text.chars().chain(['\0']) {
        if c.is_ascii_digit() {
            digits.push(c);
            continue;
        }
        found.push_str(if digits.len() >= 10 { "(number)" } else { &digits });
        digits.clear();
        found.push(c);
    }
    found.pop();
    found
}

/// A document without the values of `free` members.
fn without(value: Value, free: &[String]) -> Value {
    match value {
        Value::Object(fields) => fields
            .into_iter()
            .map(|(name, field)| {
                let field = if free.contains(&name) { Value::Null } else { without(field, free) };
                (name, field)
            })
            .collect(),
        Value::Array(items) => items.into_iter().map(|item| without(item, free)).collect(),
        other => other,
    }
}

/// Every text of a document with the path that leads to it, sorted; without the values of `free` elements.
fn leaves(xml: &str, free: &[String]) -> Vec<String> {
    let mut reader = Reader::from_str(xml);
    let (mut path, mut found, mut text) = (Vec::<String>::new(), Vec::new(), String::new());
    loop {
        match reader.read_event().unwrap() {
            Event::Start(start) => {
                path.push(start.name().as_ref().to_owned());
                text.clear();
            }
            Event::Text(part) => text.push_str(&part),
            Event::GeneralRef(name) => text.push_str(&quick_xml::escape::unescape(&format!("&{};", &*name)).unwrap()),
            Event::End(_) => {
                let free = path.last().is_some_and(|name| name == "RequestId" || free.contains(name));
                if !text.trim().is_empty() {
                    found.push(format!("{}={}", path.join("/"), if free { "" } else { text.trim() }));
                }
                text.clear();
                path.pop();
            }
            Event::Eof => break,
            _ => {}
        }
    }
    found.sort();
    found
}

fn namespace(xml: &str) -> Option<&str> {
    xml.split_once("xmlns=\"").and_then(|(_, rest)| rest.split('"').next())
}

fn request(golden: &Golden, half: &Half, path: &str, captured: &BTreeMap<String, String>) -> Request<Bytes> {
    let mut request = Request::builder().method("POST").uri(path).header("host", &golden.host);
    for (name, value) in &half.headers {
        request = request.header(name, value.as_str().unwrap());
    }
    let form = half.headers["content-type"] == "application/x-www-form-urlencoded";
    let mut body = ours(&half.body);
    for (name, value) in captured {
        let value = if form { form_urlencoded::byte_serialize(value.as_bytes()).collect() } else { value.clone() };
        body = body.replace(&format!("{{{{{name}}}}}"), &value);
    }
    request.body(Bytes::from(body)).unwrap()
}

fn goldens() -> Vec<(String, Golden)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/wire");
    let read = |entry: std::io::Result<std::fs::DirEntry>| {
        let file = entry.unwrap().path();
        let golden: Golden = serde_json::from_slice(&std::fs::read(&file).unwrap())
            .unwrap_or_else(|e| panic!("{}: {e}", file.display()));
        (format!("{} ({})", file.display(), golden.source), golden)
    };
    std::fs::read_dir(folder).unwrap().map(read).collect()
}

#[tokio::test]
async fn answers_look_like_those_of_the_documentation() {
    for (name, golden) in goldens() {
        let dir = tempfile::tempdir().unwrap();
        let window = Duration::from_secs(if golden.windows { 60 } else { 0 });
        let options = OpenOptions { purge_window: window, recreate_window: window, ..OpenOptions::default() };
        let bus = LocalBus::open(&dir.path().join("bus.db"), options).unwrap();
        let mut captured = BTreeMap::new();
        for half in &golden.setup {
            let answer = bus.handle(request(&golden, half, "/", &captured)).await;
            let said = String::from_utf8_lossy(answer.body()).into_owned();
            assert_eq!(answer.status(), 200, "{name}: setup: {said}");
            for (what, pointer) in &half.capture {
                let said: Value = serde_json::from_str(&said).unwrap();
                captured.insert(what.clone(), said.pointer(pointer).unwrap().as_str().unwrap().to_owned());
            }
        }
        let path = ours(golden.path.as_deref().unwrap_or("/"));
        let answer = bus.handle(request(&golden, &golden.request, &path, &captured)).await;
        let body = std::str::from_utf8(answer.body()).unwrap();
        assert_eq!(answer.status().as_u16(), golden.response.status, "{name}: {body}");
        assert!(answer.headers().contains_key("x-amzn-requestid"), "{name}");
        for (header, value) in &golden.response.headers {
            assert_eq!(answer.headers()[header.as_str()].to_str().unwrap(), value, "{name}: {header}");
        }
        let plain = |text: &str| if golden.numbers { numberless(&plain(text)) } else { plain(text) };
        let (ours, theirs) = (plain(body), plain(&golden.response.body));
        if theirs.starts_with('<') {
            assert_eq!(leaves(&ours, &golden.free), leaves(&theirs, &golden.free), "{name}");
            if let Some(wanted) = namespace(&theirs) {
                assert_eq!(namespace(&ours), Some(wanted), "{name}");
            }
        } else {
            let json = |text: &str| without(serde_json::from_str::<Value>(text).unwrap(), &golden.free);
            assert_eq!(json(&ours), json(&theirs), "{name}");
        }
    }
}

#[test]
fn every_operation_of_sqs_has_a_golden() {
    let goldens = goldens();
    let asked = |operation: &str| {
        goldens.iter().any(|(_, golden)| {
            let request = &golden.request;
            golden.response.status == 200
                && (request
                    .headers
                    .get("x-amz-target")
                    .is_some_and(|target| *target == format!("AmazonSQS.{operation}"))
                    || (golden.host.contains("sqs") || golden.host.contains("queue"))
                        && request.body.starts_with(&format!("Action={operation}&")))
        })
    };
    let without: Vec<_> = OPERATIONS.into_iter().filter(|operation| !asked(operation)).collect();
    assert_eq!(without, [""; 0]);
}

#[test]
fn every_operation_of_sqs_has_a_row() {
    let table = include_str!("sqs/mod.rs");
    for operation in OPERATIONS {
        assert!(table.contains(&format!("//! | {operation} |")), "{operation} is not in the table of `sqs`");
    }
}
