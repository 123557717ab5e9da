//! Nothing that comes from outside makes the program panic: payloads, schemas, attributes, tables, records, filters, topologies and
//! streams, broken in every way that chance finds.
//!
//! Each target is fed what `tests/fixtures/fuzz/TARGET/` holds, then inputs made of that: cut, doubled, spliced, with words of the
//! format put in, or random altogether. Some hundred cases by default, repeatable by `EVENTBUS_TEST_SEED=N`;
//! `EVENTBUS_TEST_FUZZ=3600` goes on for so many seconds. What breaks a target is written to its folder, and is a test from then on.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use eventbus::clock::Clock;
use eventbus::engine::publish::{self, CONCURRENCY, Format, Hooks, Progress, Request, Source, check_attribute};
use eventbus::engine::shutdown::Shutdown;
use eventbus::engine::{self, Event};
use eventbus::event::json::Document;
use eventbus::event::{Attribute, AttributeValue, Attributes, EnvelopeStyle, Record, read_body};
use eventbus::filter::{FilterPolicy, Scope};
use eventbus::schema::{Catalogue, Schema, diff, example, lint};
use eventbus::topology::{Form, Topology};
use sha2::{Digest as _, Sha256};
use tokio::time::Instant;

use crate::support::repository;
use crate::torture::{Random, seed, switch};

/// Cases of each target, without the switch.
const CASES: usize = 300;

/// A longer input says nothing that a shorter one does not.
const LONGEST: usize = 64 * 1024;

struct Target {
    name: &'static str,
    run: fn(&[u8]),
    /// What its format is made of.
    words: &'static [&'static str],
}

const JSON: &[&str] = &[
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "\"",
    "\\",
    "\\u0000",
    "\\ud800",
    "\\udc00",
    "null",
    "true",
    "-0.0",
    "1e999",
    "1E-400",
    "0x1",
    "123456789012345678901234567890",
    "\u{feff}",
    "\u{2028}",
    "\r\n",
    "\"id\"",
    "\"Id\"",
    "{\"id\":1}",
    "[[[[[[[[",
    "\u{0}",
    "é",
];

const TARGETS: &[Target] = &[
    Target { name: "payloads", run: payload, words: JSON },
    Target { name: "ndjson", run: ndjson, words: JSON },
    Target {
        name: "csv",
        run: table,
        words: &[
            "\"",
            "\"\"",
            ",",
            "\t",
            "\r",
            "\n",
            "\r\n",
            "\u{feff}",
            "id",
            "email",
            "[1,2]",
            "{\"a\":1}",
            "true",
            "1e9",
        ],
    },
    Target {
        name: "records",
        run: record,
        words: &[
            "\"version\":1",
            "\"event\":",
            "\"metadata\":",
            "\"payload\":",
            "\"eventName\":",
            "\"attributes\":",
            "\"body\":",
            "\"type\":\"Binary\"",
            "\"Number\"",
            "\"String.Array\"",
            "\"Message\":",
            "\"MessageAttributes\":",
            "null",
            "{}",
            "[]",
            "\\u0000",
            "\"containsPersonalData\":\"On\"",
            "\"traceparent\":\"00-",
            "zz",
            "{",
            "}",
        ],
    },
    Target {
        name: "attributes",
        run: attribute,
        words: &[
            "Number",
            "String",
            "String.Array",
            "Binary",
            ".",
            "..",
            "AWS.",
            "[",
            "]",
            "[[",
            "1e5",
            "-",
            "\u{0}",
            "\u{ffff}",
        ],
    },
    Target {
        name: "filters",
        run: filter,
        words: &[
            "\"$or\"",
            "{\"numeric\":[\">\",1]}",
            "{\"prefix\":\"a\"}",
            "{\"suffix\":\"\"}",
            "{\"wildcard\":\"a*b\"}",
            "{\"cidr\":\"10.0.0.0/8\"}",
            "{\"anything-but\":[]}",
            "{\"equals-ignore-case\":\"é\"}",
            "{\"exists\":false}",
            "[",
            "]",
            "{",
            "}",
            ",",
            "1e308",
            "-0",
            "null",
            "\\u0000",
        ],
    },
    Target {
        name: "schemas",
        run: schema,
        words: &[
            "\"$ref\":\"#\"",
            "\"$ref\":\"x.json\"",
            "\"$defs\":",
            "\"type\":",
            "\"object\"",
            "\"integer\"",
            "\"properties\":",
            "\"required\":",
            "\"pattern\":\"(\"",
            "\"pattern\":\"^[a-z]{2,5}$\"",
            "\"format\":\"email\"",
            "\"multipleOf\":0.1",
            "\"multipleOf\":0",
            "\"minimum\":1e308",
            "\"maxLength\":0",
            "\"allOf\":",
            "\"oneOf\":",
            "\"not\":{}",
            "\"enum\":[]",
            "\"const\":",
            "\"items\":",
            "\"minItems\":99999",
            "\"$schema\":\"http://json-schema.org/draft-04/schema#\"",
            "\"x-aliases\":[1]",
            "{",
            "}",
            "[",
            "]",
            ",",
            ":",
        ],
    },
    Target {
        name: "topologies",
        run: topology,
        words: &[
            "version: 1",
            "name:",
            "topics:",
            "queues:",
            "subscriptions:",
            "events:",
            "filter:",
            "scope: body",
            "topic:",
            "null",
            "[]",
            "{}",
            "${A:-1}",
            "${",
            "&a",
            "*a",
            "<<:",
            "- ",
            "  ",
            "\n",
            "\t",
            ":",
            "!!binary",
            "|",
            ">",
            "30s",
            "4d",
            "256KiB",
            "99999999999d",
            ".fifo",
            "\"",
            "'",
            "#",
            "external: true",
            "arn:aws:sns:x",
        ],
    },
];

/// The stack of the program's main thread; those of tests are smaller, and a topology may be 64 levels deep.
const STACK: usize = 8 * 1024 * 1024;

#[test]
fn what_comes_from_outside_makes_nothing_panic() {
    let fuzzing = std::thread::Builder::new().stack_size(STACK).spawn(fuzz).unwrap();
    if let Err(panic) = fuzzing.join() {
        std::panic::resume_unwind(panic);
    }
}

fn fuzz() {
    let folder = repository().join("tests/fixtures/fuzz");
    let long = switch("EVENTBUS_TEST_FUZZ").map(|seconds| Duration::from_secs(seconds.parse().expect("seconds")));
    let begun = Instant::now();
    let mut random = Random(seed());
    let mut found: Vec<PathBuf> = Vec::new();
    let mut corpora: Vec<Vec<Vec<u8>>> = Vec::new();
    for target in TARGETS {
        let mut corpus = Vec::new();
        let mut files: Vec<PathBuf> =
            fs::read_dir(folder.join(target.name)).unwrap().map(|e| e.unwrap().path()).collect();
        files.sort();
        for file in files {
            let input = fs::read(&file).unwrap();
            if !holds(target, &input) {
                found.push(file);
            }
            corpus.push(input);
        }
        assert!(!corpus.is_empty(), "`{}` has nothing to begin with", target.name);
        corpora.push(corpus);
    }
    let mut cases = 0usize;
    let goes_on = |cases: usize| match long {
        Some(long) => begun.elapsed() < long,
        None => cases < CASES * TARGETS.len(),
    };
    while goes_on(cases) {
        let at = cases % TARGETS.len();
        let (target, corpus) = (&TARGETS[at], &corpora[at]);
        let input = made(&mut random, corpus, target.words);
        cases += 1;
        if long.is_some() {
            // What ends the process at once, as a stack that is too deep does, is found here afterwards.
            fs::write(Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("fuzz-{}", target.name)), &input).unwrap();
        }
        if !holds(target, &input) {
            let name: String = Sha256::digest(&input).iter().take(6).map(|byte| format!("{byte:02x}")).collect();
            let file = folder.join(target.name).join(format!("broke-{name}"));
            fs::write(&file, smaller(target, input)).unwrap();
            found.push(file);
            if found.len() >= 20 {
                break;
            }
        }
    }
    assert!(found.is_empty(), "after {cases} cases these break: {found:?}");
    if long.is_some() {
        // For whoever asked for the long run, with `--nocapture`.
        fs::write(Path::new(env!("CARGO_TARGET_TMPDIR")).join("fuzz-cases"), format!("{cases} cases\n")).unwrap();
    }
}

fn holds(target: &Target, input: &[u8]) -> bool {
    catch_unwind(AssertUnwindSafe(|| (target.run)(input))).is_ok()
}

/// The same break with less around it: parts are left out as long as it still breaks.
fn smaller(target: &Target, mut input: Vec<u8>) -> Vec<u8> {
    let mut part = input.len() / 2;
    while part > 0 {
        let mut at = 0;
        while at + part <= input.len() {
            let less = [&input[..at], &input[at + part..]].concat();
            if holds(target, &less) {
                at += part;
            } else {
                input = less;
            }
        }
        part /= 2;
    }
    input
}

/// An input made of the corpus.
fn made(random: &mut Random, corpus: &[Vec<u8>], words: &[&str]) -> Vec<u8> {
    if random.below(20) == 0 {
        let length = random.below(200);
        return (0..length).map(|_| random.below(256) as u8).collect();
    }
    let mut input = corpus[random.below(corpus.len())].clone();
    for _ in 0..=random.below(6) {
        let at = random.below(input.len() + 1);
        let end = (at + random.below(32)).min(input.len());
        match random.below(8) {
            0 => drop(input.drain(at..end)),
            1 => input.truncate(at),
            2 => {
                let piece = input[at..end].to_vec();
                let times = 1 + random.below(40);
                input.splice(at..at, piece.repeat(times));
            }
            3 if at < input.len() => input[at] = random.below(256) as u8,
            4 if at < input.len() => input[at] ^= 1 << random.below(8),
            5 => {
                let other = &corpus[random.below(corpus.len())];
                let from = random.below(other.len() + 1);
                let to = (from + random.below(200)).min(other.len());
                input.splice(at..end, other[from..to].iter().copied());
            }
            _ => {
                let word = words[random.below(words.len())];
                let times = if random.below(30) == 0 { 200 } else { 1 };
                input.splice(at..at, word.repeat(times).into_bytes());
            }
        }
    }
    input.truncate(LONGEST);
    input
}

fn text(input: &[u8]) -> Option<&str> {
    std::str::from_utf8(input).ok()
}

fn payload(input: &[u8]) {
    published(input, "payload.json", None);
    if let Ok(document) = Document::parse(input)
        && let Ok(value) = document.to_value()
    {
        // Whatever is taken is JSON to others, too.
        let again: serde_json::Value = serde_json::from_str(document.to_raw().get()).unwrap();
        assert_eq!(value, again);
    }
}

fn ndjson(input: &[u8]) {
    published(input, "payloads.ndjson", None);
}

fn table(input: &[u8]) {
    published(input, "table.csv", None);
}

fn record(input: &[u8]) {
    published(input, "records", Some(Format::Records));
    let Some(text) = text(input) else { return };
    if let Ok(record) = Record::parse(text) {
        let line = record.to_line();
        let again = Record::parse(&line).unwrap();
        assert_eq!(again.to_line(), line, "what is written is read back");
    }
    let _reading = read_body(text, &Attributes::new());
}

/// A dry run over the input: whatever it holds, each input of it ends as planned, refused or skipped.
fn published(input: &[u8], name: &str, format: Option<Format>) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    fs::write(&path, input).unwrap();
    let catalogue = Catalogue::open(&repository().join("schemas/events")).unwrap();
    let records = format == Some(Format::Records);
    let request = Request {
        event: (!records).then(|| "UserRegistered".to_owned()),
        event_field: None,
        sources: vec![Source::path(name, path, format)],
        map: None,
        repeat: 1,
        catalogue: Arc::new(catalogue),
        schema_version: None,
        require_schema: false,
        topic: Some(if input.len().is_multiple_of(2) { "users" } else { "users.fifo" }.into()),
        topology: None,
        envelope: [EnvelopeStyle::Pascal, EnvelopeStyle::Camel, EnvelopeStyle::Snake][input.len() % 3],
        publisher: "Fuzz".into(),
        entity_id: None,
        entity_name: None,
        personal_data: false,
        trace: None,
        attributes: Attributes::new(),
        group_id: None,
        dedup_id: None,
        all_or_nothing: input.len().is_multiple_of(5),
        dry_run: true,
        rate: None,
        concurrency: CONCURRENCY,
        hooks: Hooks::default(),
        outbox: None,
        clock: Clock::manual(1_795_421_062_000),
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (emit, mut events) = engine::channel();
    let telling = std::thread::spawn(move || std::iter::from_fn(|| events.next_blocking()).collect::<Vec<_>>());
    let report = runtime.block_on(async move { publish::run(None, request, &emit, &Shutdown::never()).await });
    let report = report.unwrap();
    let told = telling.join().unwrap();
    assert!(report.broken.is_none(), "{:?}", report.broken);
    let told = told
        .iter()
        .filter(|event| matches!(event, Event::Publish(progress) if !matches!(progress, Progress::Reading { .. })));
    assert_eq!(told.count() as u64, report.planned + report.refused + report.skipped, "each input exactly once");
}

fn attribute(input: &[u8]) {
    let mut parts = input.splitn(3, |byte| *byte == b'\n').map(|part| String::from_utf8_lossy(part).into_owned());
    let (name, data_type) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let value = parts.next().unwrap_or_default();
    let binary = Attribute { data_type: data_type.clone(), value: AttributeValue::Binary(value.clone().into_bytes()) };
    let _checked = check_attribute(&name, &binary);
    let text = Attribute { data_type, value: AttributeValue::Text(value) };
    if check_attribute(&name, &text).is_ok() {
        let attributes = Attributes::from([(name, text)]);
        let _seen = FilterPolicy::parse(r#"{"a":[{"numeric":[">",1]}]}"#, Scope::MessageAttributes)
            .unwrap()
            .matches(&attributes, "{}");
    }
}

/// A policy, a line's end, and a body; the matcher and its explanation must agree.
fn filter(input: &[u8]) {
    let Some(text) = text(input) else { return };
    let (policy, body) = text.split_once('\n').unwrap_or((text, r#"{"a":"b","n":1.5}"#));
    let attributes = Attributes::from([
        ("a".to_owned(), Attribute::string("b")),
        ("n".to_owned(), Attribute::number("1.5")),
        ("l".to_owned(), Attribute::string_array(r#"["x",1,null]"#)),
    ]);
    for scope in [Scope::MessageAttributes, Scope::MessageBody] {
        let Ok(Some(parsed)) = FilterPolicy::parse_attribute(policy, scope) else { continue };
        let explained = parsed.explain(&attributes, body);
        assert_eq!(parsed.matches(&attributes, body), explained.failure.is_none(), "{policy} on {body}");
        assert!(FilterPolicy::parse(parsed.text(), scope).is_ok(), "its own text is one");
    }
}

fn schema(input: &[u8]) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("E.json");
    fs::write(&path, input).unwrap();
    let Ok(schema) = Schema::of_file(&path) else { return };
    let _lints = lint::lint(&schema);
    let _whole = schema.self_contained();
    for text in
        [r#"{"id":"44f33071-e444-494f-bcff-b5e3594f7628","email":"a@b.c"}"#, "{}", r#"{"id":1,"a":[1,{"b":null}]}"#]
    {
        let value = serde_json::from_str(text).unwrap();
        assert_eq!(schema.is_valid(&value), schema.check(&value, text).is_empty(), "{text}");
    }
    if let Ok(made) = example::example(&schema, 1, 0) {
        assert!(schema.is_valid(&made), "an example is one: {made}");
    }
    let _changes = diff::compare(&schema, &schema);
}

fn topology(input: &[u8]) {
    let Some(text) = text(input) else { return };
    let Ok(topology) = Topology::parse(text, "t.yaml") else { return };
    for form in [Form::Text, Form::Mermaid, Form::Dot, Form::Svg] {
        let _drawn = topology.draw(form);
    }
    for event in ["UserRegistered", "*", ""] {
        let _route = topology.route("Shop", event);
    }
}
