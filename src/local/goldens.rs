//! Replays `tests/wire/*.json`: requests and answers out of AWS's documentation, never out of our own codec.
//!
//! Compared after three replacements that no two buses can agree on: account numbers, random ids, and `https` for `http`.
//! The order of XML elements and of JSON members is free; so are headers that the example does not show, request ids, and the
//! values of the members that a golden names as free (`free`; `numbers` for every long number). A setup may `capture` a part of
//! its answer, a receipt handle say, which `{{NAME}}` puts into later requests; `windows` opens the bus with AWS's sixty seconds.
//!
//! `source` names the page or the recording; request and answer are what stands there, but for the line breaks of the pages and
//! what stands in for a signature, and for what `note` declares. A recording holds answers alone: the request is that of the
//! test it names, with queues and topics called as here. The examples of the Query protocol show no content type: ours is that
//! of recorded answers. What an operation did that says nothing is seen in `after`: further requests with their answers, which
//! are ours and no part of the source.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use quick_xml::Reader;
use quick_xml::events::Event;
use serde::Deserialize;
use serde_json::Value;

use super::names::ACCOUNT;
use super::sqs::OPERATIONS;
use super::{LocalBus, OpenOptions};
use crate::clock::Clock;

#[derive(Deserialize)]
struct Golden {
    source: String,
    /// What differs from the source, and why.
    #[serde(default)]
    note: String,
    /// Account numbers in the place of which ours are put.
    #[serde(default = "accounts")]
    accounts: Vec<String>,
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
    #[serde(default)]
    after: Vec<Exchange>,
}

#[derive(Deserialize)]
struct Exchange {
    /// Seconds that go by before.
    #[serde(default)]
    later: u64,
    request: Half,
    response: Half,
}

#[derive(Deserialize)]
struct Half {
    #[serde(default)]
    status: u16,
    #[serde(default)]
    headers: serde_json::Map<String, Value>,
    #[serde(default)]
    body: String,
    /// In the place of a body in `after`: what is to stand in the answer, and what is not.
    #[serde(default)]
    shows: Vec<String>,
    #[serde(default)]
    lacks: Vec<String>,
    /// Names for parts of the answer, each by a JSON pointer; in XML too, its root being the first step.
    #[serde(default)]
    capture: BTreeMap<String, String>,
}

/// The accounts of AWS's examples and of the recordings.
fn accounts() -> Vec<String> {
    ["123456789012", "111122223333", "177715257436", "698519295917", "111111111111"].map(str::to_owned).to_vec()
}

impl Golden {
    /// Our account in the place of theirs.
    fn ours(&self, text: &str) -> String {
        self.accounts.iter().fold(text.to_owned(), |text, account| text.replace(account, ACCOUNT))
    }

    /// Compares an answer of ours with the one that was to come.
    fn compare(&self, name: &str, answer: &Response<Bytes>, wanted: &Half) {
        let body = std::str::from_utf8(answer.body()).unwrap();
        assert_eq!(answer.status().as_u16(), wanted.status, "{name}: {body}");
        assert!(answer.headers().contains_key("x-amzn-requestid"), "{name}");
        for (header, value) in &wanted.headers {
            assert_eq!(answer.headers()[header.as_str()].to_str().unwrap(), value, "{name}: {header}");
        }
        let plain = |text: &str| {
            let text = plain(&self.ours(text));
            if self.numbers { numberless(&text) } else { text }
        };
        let (ours, theirs) = (plain(body), plain(&wanted.body));
        let stands = |part: &&String| ours.contains(&plain(part));
        assert_eq!(wanted.shows.iter().find(|part| !stands(part)), None, "{name}: {ours}");
        assert_eq!(wanted.lacks.iter().find(stands), None, "{name}: {ours}");
        if !(wanted.shows.is_empty() && wanted.lacks.is_empty()) {
            return;
        }
        if theirs.starts_with('<') {
            assert_eq!(leaves(&ours, &self.free), leaves(&theirs, &self.free), "{name}");
            if let Some(wanted) = namespace(&theirs) {
                assert_eq!(namespace(&ours), Some(wanted), "{name}");
            }
        } else {
            let json = |text: &str| without(serde_json::from_str::<Value>(text).unwrap(), &self.free);
            assert_eq!(json(&ours), json(&theirs), "{name}");
        }
    }
}

/// The replacements of the module's description that are alike for all.
fn plain(text: &str) -> String {
    let text = text.replace("https://", "http://");
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
    let mut body = golden.ours(&half.body);
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
        (format!("{} ({}; {})", file.display(), golden.source, golden.note), golden)
    };
    std::fs::read_dir(folder).unwrap().map(read).collect()
}

#[tokio::test]
async fn answers_look_like_those_of_the_documentation() {
    for (name, golden) in goldens() {
        let dir = tempfile::tempdir().unwrap();
        let window = Duration::from_secs(if golden.windows { 60 } else { 0 });
        let clock = Clock::manual(1_700_000_000_000);
        let options = OpenOptions {
            clock: clock.clone(),
            purge_window: window,
            recreate_window: window,
            ..OpenOptions::default()
        };
        let bus = LocalBus::open(&dir.path().join("bus.db"), options).unwrap();
        let mut captured = BTreeMap::new();
        for half in &golden.setup {
            let answer = bus.handle(request(&golden, half, "/", &captured)).await;
            let said = String::from_utf8_lossy(answer.body()).into_owned();
            assert_eq!(answer.status(), 200, "{name}: setup: {said}");
            for (what, pointer) in &half.capture {
                let part = if said.starts_with('<') {
                    let leaf = format!("{}=", &pointer[1..]);
                    leaves(&said, &[]).iter().find_map(|text| text.strip_prefix(&leaf).map(str::to_owned)).unwrap()
                } else {
                    let said: Value = serde_json::from_str(&said).unwrap();
                    said.pointer(pointer).unwrap().as_str().unwrap().to_owned()
                };
                captured.insert(what.clone(), part);
            }
        }
        let path = golden.ours(golden.path.as_deref().unwrap_or("/"));
        let answer = bus.handle(request(&golden, &golden.request, &path, &captured)).await;
        golden.compare(&name, &answer, &golden.response);
        for (place, exchange) in golden.after.iter().enumerate() {
            clock.advance(Duration::from_secs(exchange.later));
            let answer = bus.handle(request(&golden, &exchange.request, "/", &captured)).await;
            golden.compare(&format!("{name}: after[{place}]"), &answer, &exchange.response);
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
                        && request.body.split('&').next() == Some(&format!("Action={operation}")))
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
