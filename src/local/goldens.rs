//! Replays `tests/wire/*.json`: requests and answers out of AWS's documentation, never out of our own codec.
//!
//! Compared after three replacements that no two buses can agree on: account numbers, random ids, and `https` for `http`.
//! The order of XML elements and of JSON members is free; so are headers that the example does not show.

use std::path::Path;

use bytes::Bytes;
use http::Request;
use quick_xml::Reader;
use quick_xml::events::Event;
use serde::Deserialize;
use serde_json::Value;

use super::names::ACCOUNT;
use super::{LocalBus, OpenOptions};

#[derive(Deserialize)]
struct Golden {
    source: String,
    host: String,
    #[serde(default)]
    path: Option<String>,
    setup: Vec<Half>,
    request: Half,
    response: Half,
}

#[derive(Deserialize)]
struct Half {
    #[serde(default)]
    status: u16,
    headers: serde_json::Map<String, Value>,
    body: String,
}

/// The replacements of the module's description.
fn plain(text: &str) -> String {
    let text = text.replace("https://", "http://").replace("123456789012", ACCOUNT).replace("111122223333", ACCOUNT);
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

/// Every text of a document with the path that leads to it, sorted.
fn leaves(xml: &str) -> Vec<String> {
    let mut reader = Reader::from_str(xml);
    let (mut path, mut found) = (Vec::<String>::new(), Vec::new());
    loop {
        match reader.read_event().unwrap() {
            Event::Start(start) => path.push(start.name().as_ref().to_owned()),
            Event::End(_) => drop(path.pop()),
            Event::Text(text) => {
                let text = text.trim().to_owned();
                if !text.is_empty() {
                    found.push(format!("{}={text}", path.join("/")));
                }
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

fn request(golden: &Golden, half: &Half, path: &str) -> Request<Bytes> {
    let mut request = Request::builder().method("POST").uri(path).header("host", &golden.host);
    for (name, value) in &half.headers {
        request = request.header(name, value.as_str().unwrap());
    }
    request.body(Bytes::from(half.body.replace("123456789012", ACCOUNT).replace("111122223333", ACCOUNT))).unwrap()
}

#[tokio::test]
async fn answers_look_like_those_of_the_documentation() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/wire");
    let mut replayed = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let file = entry.unwrap().path();
        let golden: Golden = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
        let name = format!("{} ({})", file.display(), golden.source);
        let dir = tempfile::tempdir().unwrap();
        let bus = LocalBus::open(&dir.path().join("bus.db"), OpenOptions::default()).unwrap();
        for half in &golden.setup {
            assert_eq!(bus.handle(request(&golden, half, "/")).await.status(), 200, "{name}: setup");
        }
        let path = golden.path.as_deref().unwrap_or("/").replace("123456789012", ACCOUNT);
        let answer = bus.handle(request(&golden, &golden.request, &path)).await;
        assert_eq!(answer.status().as_u16(), golden.response.status, "{name}");
        assert!(answer.headers().contains_key("x-amzn-requestid"), "{name}");
        for (header, value) in &golden.response.headers {
            assert_eq!(answer.headers()[header.as_str()].to_str().unwrap(), value, "{name}: {header}");
        }
        let (ours, theirs) = (plain(std::str::from_utf8(answer.body()).unwrap()), plain(&golden.response.body));
        if theirs.starts_with('<') {
            assert_eq!(leaves(&ours), leaves(&theirs), "{name}");
            if let Some(wanted) = namespace(&theirs) {
                assert_eq!(namespace(&ours), Some(wanted), "{name}");
            }
        } else {
            let json = |text: &str| serde_json::from_str::<Value>(text).unwrap();
            assert_eq!(json(&ours), json(&theirs), "{name}");
        }
        replayed += 1;
    }
    assert!(replayed >= 7, "only {replayed} goldens were found");
}
