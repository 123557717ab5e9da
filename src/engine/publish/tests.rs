//! Everything that happens before the first call: dry runs over files, without a bus.

use std::path::Path;
use std::sync::Arc;

use proptest::prelude::*;

use std::sync::atomic::{AtomicUsize, Ordering};

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;

use super::*;
use crate::bus::tests::fake::Fake;
use crate::bus::{Bus, ConnectOptions};
use crate::engine::Confirmed;
use crate::engine::outbox::Outbox;
use crate::engine::shutdown::{Shutdown, Signal, Trigger};
use crate::engine::{self, provision};
use crate::event::json::compact;
use crate::event::{Attribute, Record, SystemRecord, WhatPythonWouldDo, read_body, read_message, what_python_would_do};
use crate::local::{LocalBus, OpenOptions, connector};

const SCHEMA: &str = include_str!("../../../schemas/events/UserRegistered.json");
const TOPOLOGY: &str = "version: 1\nname: users\ntopics:\n  users: {}\n  orders.fifo: {}\nqueues: {}\nsubscriptions: []\n\
    events:\n  UserRegistered: { topic: users }\n  Loose: { topic: users }\n  OrderPlaced: { topic: orders.fifo, group_by: customer }\n";

struct Project(tempfile::TempDir);

impl Project {
    fn new(files: &[(&str, &[u8])]) -> Self {
        let project = Self(tempfile::tempdir().unwrap());
        project.write("schemas/UserRegistered.json", SCHEMA.as_bytes());
        project.write("schemas/Stray.json", b"{}");
        for (name, bytes) in files {
            project.write(name, bytes);
        }
        project
    }

    fn write(&self, name: &str, bytes: &[u8]) {
        let path = self.0.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }

    fn request(&self, event: &str, files: &[&str]) -> Request {
        Request {
            event: Some(event.into()),
            event_field: None,
            map: None,
            repeat: 1,
            rate: None,
            concurrency: CONCURRENCY,
            hooks: Hooks::default(),
            outbox: None,
            sources: files.iter().map(|file| Source::path(*file, self.0.path().join(file), None)).collect(),
            catalogue: Arc::new(Catalogue::open(&self.0.path().join("schemas")).unwrap()),
            schema_version: None,
            require_schema: false,
            topic: None,
            topology: Some(Topology::parse(TOPOLOGY, "topology.yaml").unwrap()),
            envelope: EnvelopeStyle::Pascal,
            publisher: "UserService".into(),
            entity_id: None,
            entity_name: None,
            personal_data: false,
            trace: None,
            attributes: Attributes::new(),
            group_id: None,
            dedup_id: None,
            all_or_nothing: false,
            dry_run: true,
            clock: Clock::manual(1_795_421_062_000),
        }
    }
}

fn dry(request: Request) -> (Result<Report, PublishError>, Vec<engine::Event>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (emitter, mut events) = engine::channel();
    let told = std::thread::spawn(move || std::iter::from_fn(|| events.next_blocking()).collect());
    let report = runtime.block_on(async move { run(None, request, &emitter, &Shutdown::never()).await });
    (report, told.join().unwrap())
}

/// What happened to each input, in words.
fn told(request: Request) -> Vec<String> {
    let (report, events) = dry(request);
    let report = report.unwrap();
    let lines: Vec<_> = events
        .iter()
        .filter_map(|event| match event {
            engine::Event::Publish(Progress::Planned { item, .. }) => Some(format!("{item} planned")),
            engine::Event::Publish(Progress::Refused { item, problem }) => Some(format!("{item} {problem}")),
            _ => None,
        })
        .collect();
    assert_eq!(lines.len() as u64, report.planned + report.refused, "every input exactly once");
    lines
}

fn planned(request: Request) -> (Item, String, Attributes, Option<String>) {
    let (report, events) = dry(request);
    report.unwrap();
    for event in events {
        match event {
            engine::Event::Publish(Progress::Planned { item, message, attributes, group_id, .. }) => {
                return (item, message, attributes, group_id);
            }
            engine::Event::Publish(Progress::Refused { problem, .. }) => panic!("{problem}"),
            _ => {}
        }
    }
    panic!("nothing was planned");
}

const GOOD: &[u8] = br#"{ "email": "a@b.c", "id": "44f33071-e444-494f-bcff-b5e3594f7628" }"#;

/// The embedded bus behind a client that answers its first `PublishBatch` only when a second one was asked.
#[derive(Clone, Debug)]
struct Overlapping {
    inner: SharedHttpClient,
    publishes: Arc<(AtomicUsize, tokio::sync::Notify)>,
}

#[derive(Debug)]
struct OverlappingConnector(SharedHttpConnector, Overlapping);

impl HttpConnector for OverlappingConnector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let body = request.body().bytes().unwrap_or_default();
        let publishes = body.windows(19).any(|part| part == b"Action=PublishBatch");
        let (answer, counter) = (self.0.call(request), self.1.publishes.clone());
        HttpConnectorFuture::new(async move {
            let before = if publishes { counter.0.fetch_add(1, Ordering::SeqCst) } else { usize::MAX };
            if before == 1 {
                counter.1.notify_one();
            }
            let answer = answer.await;
            if before == 0 {
                // Only a run that waits for each answer waits this long.
                tokio::time::timeout(std::time::Duration::from_secs(20), counter.1.notified())
                    .await
                    .map_err(|_| ConnectorError::user("nothing was sent before the first answer".into()))?;
            }
            answer
        })
    }
}

impl HttpClient for Overlapping {
    fn http_connector(&self, settings: &HttpConnectorSettings, parts: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(OverlappingConnector(self.inner.http_connector(settings, parts), self.clone()))
    }
}

#[tokio::test]
async fn batches_overlap_and_stay_in_order_on_the_embedded_bus() {
    const EVENTS: u64 = 500;
    let lines: String = (0..EVENTS).map(|id| format!("{{\"id\":{id}}}\n")).collect();
    let project = Project::new(&[("in.ndjson", lines.as_bytes())]);
    let local = LocalBus::open(&project.0.path().join("bus.db"), OpenOptions::default()).unwrap();
    let client = Overlapping { inner: connector(local), publishes: Arc::default() };
    let bus = Bus::connect(ConnectOptions {
        region: Some("us-east-1".into()),
        account: Some("000000000000".into()),
        static_credentials: Some(("test".into(), "test".into())),
        endpoint_url: Some("http://localhost".into()),
        http_client: Some(SharedHttpClient::new(client)),
        peek: true,
        ..ConnectOptions::default()
    });
    let bus = bus.await.unwrap();
    let (emit, mut events) = engine::channel();
    let telling = std::thread::spawn(move || std::iter::from_fn(|| events.next_blocking()).collect::<Vec<_>>());
    let text = "version: 1\nname: users\ntopics: { users: {} }\nqueues: { all: {} }\nsubscriptions: [{ topic: users, queue: all }]\n";
    let plan = provision::plan(&bus, &Topology::parse(text, "t.yaml").unwrap()).await.unwrap();
    let _made = provision::apply(&bus, &plan, Confirmed::by_the_user(), &emit, &Shutdown::never()).await;
    let request = Request { dry_run: false, ..project.request("Loose", &["in.ndjson"]) };
    let report = run(Some(&bus), request, &emit, &Shutdown::never()).await.unwrap();
    drop(emit);
    let told: Vec<String> = telling
        .join()
        .unwrap()
        .into_iter()
        .filter_map(|event| match event {
            engine::Event::Publish(Progress::Sent { item, .. }) => item.entity_id,
            _ => None,
        })
        .collect();
    let expected: Vec<String> = (0..EVENTS).map(|id| id.to_string()).collect();
    assert_eq!((report.sent, &told), (EVENTS, &expected));
    let queue = bus.queue("all").await.unwrap();
    let (mut found, mut cursor) = (Vec::new(), 0);
    loop {
        let peeked = bus.peek(&queue, cursor, 100, std::time::Duration::ZERO).await.unwrap();
        if peeked.messages.is_empty() {
            break;
        }
        cursor = peeked.cursor;
        for message in peeked.messages {
            let event = read_body(&message.body, &message.attributes).event.unwrap();
            found.push(event.metadata.entity_id.unwrap());
        }
    }
    assert_eq!(found, expected, "in the order of reading");
}

/// Publishes one event to what `answer` makes of each call.
async fn published_to(
    answer: impl FnMut(&str, &str) -> (u16, String) + Send + 'static,
    request: Request,
    shutdown: &Shutdown,
) -> (Report, Fake, Vec<Progress>) {
    let fake = Fake::new(&[]);
    fake.on_query(answer);
    let bus = fake.bus_with(|options| options.peek = true).await;
    let (emit, mut events) = engine::channel();
    let telling = std::thread::spawn(move || std::iter::from_fn(|| events.next_blocking()).collect::<Vec<_>>());
    let report = run(Some(&bus), Request { dry_run: false, ..request }, &emit, shutdown).await.unwrap();
    drop(emit);
    let told = telling.join().unwrap().into_iter().filter_map(|event| match event {
        engine::Event::Publish(progress) => Some(progress),
        _ => None,
    });
    (report, fake, told.collect())
}

const TOPIC: &str = "<GetTopicAttributesResponse><GetTopicAttributesResult/></GetTopicAttributesResponse>";

fn error_of(code: &str) -> String {
    format!("<ErrorResponse><Error><Code>{code}</Code><Message>m</Message></Error></ErrorResponse>")
}

#[tokio::test(start_paused = true)]
async fn what_the_bus_calls_final_is_tried_once_and_the_rest_a_few_times() {
    for (code, tries) in [("BusFileUnusable", 1), ("InternalFailure", 8)] {
        let project = Project::new(&[("p.json", GOOD)]);
        let answer = move |action: &str, _: &str| match action {
            "PublishBatch" => (500, error_of(code)),
            _ => (200, TOPIC.to_owned()),
        };
        let (report, fake, _) =
            published_to(answer, project.request("UserRegistered", &["p.json"]), &Shutdown::never()).await;
        assert_eq!((report.failed, fake.calls("PublishBatch")), (1, tries), "{code}");
    }
}

fn topic_of(bytes: u32) -> String {
    let entry = format!("<entry><key>MaximumMessageSize</key><value>{bytes}</value></entry>");
    TOPIC.replace("Result/>", &format!("Result><Attributes>{entry}</Attributes></GetTopicAttributesResult>"))
}

/// The answer that confirms each entry of the batch in the form `body`.
fn confirmed(body: &str) -> (u16, String) {
    let ids = body.matches(".Message=").count();
    let entries: String =
        (0..ids).map(|id| format!("<member><Id>{id}</Id><MessageId>m{id}</MessageId></member>")).collect();
    (
        200,
        format!(
            "<PublishBatchResponse><PublishBatchResult><Successful>{entries}</Successful></PublishBatchResult></PublishBatchResponse>"
        ),
    )
}

#[tokio::test(start_paused = true)]
async fn a_topics_own_size_decides_for_messages_and_batches() {
    let large = format!("{{\"id\":1,\"text\":\"{}\"}}", "x".repeat(300_000));
    let small = "{\"id\":2}\n".repeat(10);
    let project = Project::new(&[("large.json", large.as_bytes()), ("small.ndjson", small.as_bytes())]);
    for (limit, sent, batches) in [(1_048_576, 11, 2), (262_144, 10, 1), (1_500, 10, 3)] {
        let answer = move |action: &str, body: &str| match action {
            "PublishBatch" => confirmed(body),
            _ => (200, topic_of(limit)),
        };
        let request = project.request("Loose", &["small.ndjson", "large.json"]);
        let (report, fake, told) = published_to(answer, request, &Shutdown::never()).await;
        assert_eq!((report.sent, report.sent + report.refused), (sent, 11), "{limit}");
        assert_eq!(fake.calls("GetTopicAttributes"), 1);
        let refused = told.iter().find_map(|told| match told {
            Progress::Refused { problem: Problem::TooLarge { limit, .. }, .. } => Some(*limit),
            _ => None,
        });
        assert_eq!(refused, (limit < 300_000).then_some(limit as usize));
        assert!(fake.calls("PublishBatch") >= batches, "{limit}: {} batches", fake.calls("PublishBatch"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_look_up_that_failed_once_fails_no_later_batch() {
    let project = Project::new(&[("in.ndjson", "{\"id\":2}\n".repeat(200).as_bytes())]);
    let mut asked = 0;
    let answer = move |action: &str, body: &str| match action {
        "PublishBatch" => confirmed(body),
        _ => {
            asked += 1;
            if asked <= 2 { (503, error_of("ServiceUnavailable")) } else { (200, TOPIC.to_owned()) }
        }
    };
    let (report, fake, _) = published_to(answer, project.request("Loose", &["in.ndjson"]), &Shutdown::never()).await;
    assert_eq!((report.sent + report.failed, report.topic_errors.len()), (200, 1));
    assert!(report.failed <= 10, "{} failed", report.failed);
    assert_eq!(fake.calls("GetTopicAttributes"), 3);

    // One that is final is not asked again.
    let answer = |_: &str, _: &str| (404, error_of("NotFound"));
    let (report, fake, _) = published_to(answer, project.request("Loose", &["in.ndjson"]), &Shutdown::never()).await;
    assert_eq!((report.failed, fake.calls("GetTopicAttributes")), (200, 1));
}

/// A bus that refuses, breaks off, loses answers and gives them too late; what became of each call is known to it alone.
#[derive(Clone, Debug)]
struct Faulty(Fake, Arc<std::sync::Mutex<Fates>>);

#[derive(Debug, Default)]
struct Fates {
    calls: u64,
    /// How often each entity was taken in, and how often nobody heard of that.
    taken: std::collections::BTreeMap<String, (u32, u32)>,
}

impl Fates {
    fn take(&mut self, request: &HttpRequest, unheard: u32) {
        let fields = form_urlencoded::parse(request.body().bytes().unwrap_or_default());
        for (_, message) in fields.filter(|(name, _)| name.ends_with(".Message")) {
            let entity = read_message(&message, &Attributes::new()).unwrap().metadata.entity_id.unwrap();
            let fate = self.taken.entry(entity).or_default();
            *fate = (fate.0 + 1, fate.1 + unheard);
        }
    }
}

impl HttpConnector for Faulty {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let body = request.body().bytes().unwrap_or_default();
        if !body.windows(19).any(|part| part == b"Action=PublishBatch") {
            return HttpConnectorFuture::new(self.0.clone().answer(request));
        }
        let mut fates = self.1.lock().unwrap();
        fates.calls += 1;
        let fault = |code: &str, status: u16| {
            let fake = Fake::new(&[]);
            let body = error_of(code);
            fake.on_query(move |_, _| (status, body.clone()));
            HttpConnectorFuture::new(fake.answer(request.try_clone().unwrap()))
        };
        match fates.calls % 23 {
            3 => fault("ThrottledException", 400),
            5 => fault("InternalFailure", 500),
            // Taken in, and the connection goes before the answer.
            7 => {
                fates.take(&request, 1);
                HttpConnectorFuture::ready(Err(ConnectorError::io("reset".into())))
            }
            // Taken in, and answered when nobody waits any more.
            11 => {
                fates.take(&request, 1);
                let answer = self.0.clone().answer(request);
                HttpConnectorFuture::new(async move {
                    tokio::time::sleep(std::time::Duration::from_secs(600)).await;
                    answer.await
                })
            }
            _ => {
                fates.take(&request, 0);
                HttpConnectorFuture::new(self.0.clone().answer(request))
            }
        }
    }
}

impl HttpClient for Faulty {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

#[tokio::test(start_paused = true)]
async fn ten_thousand_events_are_accounted_for_whatever_the_bus_does() {
    const EVENTS: u64 = 10_000;
    let lines: String = (0..EVENTS).map(|id| format!("{{\"id\":{id}}}\n")).collect();
    let project = Project::new(&[("in.ndjson", lines.as_bytes())]);
    let fake = Fake::new(&[]);
    fake.on_query(|action, body| match action {
        "PublishBatch" => confirmed(body),
        _ => (200, TOPIC.to_owned()),
    });
    let fates = Arc::default();
    let faulty = Faulty(fake.clone(), Arc::clone(&fates));
    let bus = fake.bus_with(|options| options.http_client = Some(SharedHttpClient::new(faulty))).await;
    let (emit, mut events) = engine::channel();
    let telling = std::thread::spawn(move || std::iter::from_fn(|| events.next_blocking()).collect::<Vec<_>>());
    let request = Request { dry_run: false, ..project.request("Loose", &["in.ndjson"]) };
    let report = run(Some(&bus), request, &emit, &Shutdown::never()).await.unwrap();
    drop(emit);
    let told = telling.join().unwrap();
    let fates = fates.lock().unwrap();
    let mut ends = std::collections::BTreeMap::new();
    for event in told {
        let (item, sent) = match event {
            engine::Event::Publish(Progress::Sent { item, .. }) => (item, true),
            engine::Event::Publish(Progress::Failed { item, .. }) => (item, false),
            _ => continue,
        };
        assert!(ends.insert(item.entity_id.unwrap(), sent).is_none(), "{} is told twice", item.input);
    }
    assert_eq!((ends.len() as u64, report.sent + report.failed), (EVENTS, EVENTS));
    for (entity, sent) in &ends {
        let (taken, unheard) = fates.taken.get(entity).copied().unwrap_or_default();
        if *sent {
            assert_eq!(taken - unheard, 1, "{entity} is told as sent and was confirmed once");
        } else {
            assert_eq!(taken, unheard, "{entity} is told as failed and was never confirmed");
        }
    }
    let twice = ends.iter().filter(|(entity, sent)| **sent && fates.taken[*entity].0 > 1).count() as u64;
    // A batch whose answer does not come in time is not sent again: whoever waits has waited long enough.
    assert!(report.failed < EVENTS / 10 && twice > 0, "{} failed, {twice} twice", report.failed);
    // An error of the service's own is a doubt, too, so that there may be more of those.
    assert!(report.perhaps_twice >= twice, "{} of {twice} duplicates are counted", report.perhaps_twice);
}

/// A lost answer may be an event that arrived, whatever the tries after it say.
#[tokio::test(start_paused = true)]
async fn what_may_have_arrived_is_counted_whatever_comes_after() {
    for (then, sent, twice) in [("Throttling", 0, 0), ("", 1, 1)] {
        let project = Project::new(&[("p.json", GOOD)]);
        let outbox = outbox_in(project.0.path());
        let mut calls = 0;
        let answer = move |action: &str, _: &str| match action {
            "PublishBatch" => {
                calls += 1;
                match (calls, then) {
                    (1, _) => (500, error_of("InternalFailure")),
                    (_, "") => (200, SENT.to_owned()),
                    _ => (400, error_of(then)),
                }
            }
            _ => (200, TOPIC.to_owned()),
        };
        let request = Request { outbox: Some(outbox.clone()), ..project.request("UserRegistered", &["p.json"]) };
        let (report, ..) = published_to(answer, request, &Shutdown::never()).await;
        assert_eq!((report.sent, report.perhaps_twice), (sent, twice), "{then}");
        assert!(outbox.waiting(0).unwrap().iter().all(|event| event.in_doubt), "{then}");
        assert_eq!(outbox.waiting(0).unwrap().len() as u64, 1 - sent);
    }
}

const SENT: &str = "<PublishBatchResponse><PublishBatchResult><Successful><member><Id>0</Id><MessageId>m</MessageId></member>\
    </Successful><Failed/></PublishBatchResult></PublishBatchResponse>";

/// A bus that never answers a `PublishBatch`; asked for one, the user presses Ctrl-C twice.
#[derive(Clone, Debug)]
struct Stuck(Fake, Trigger);

impl HttpConnector for Stuck {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let body = request.body().bytes().unwrap_or_default();
        if body.windows(19).any(|part| part == b"Action=PublishBatch") {
            self.1.signal(Signal::Interrupt);
            self.1.signal(Signal::Interrupt);
            return HttpConnectorFuture::new(std::future::pending());
        }
        HttpConnectorFuture::new(self.0.clone().answer(request))
    }
}

impl HttpClient for Stuck {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

#[tokio::test(start_paused = true)]
async fn a_second_signal_ends_the_waiting_and_says_that_it_may_have_arrived() {
    let project = Project::new(&[("p.json", GOOD)]);
    let fake = Fake::new(&[]);
    fake.on_query(|_, _| (200, TOPIC.to_owned()));
    let (trigger, shutdown) = Shutdown::manual();
    let stuck = Stuck(fake.clone(), trigger);
    let bus = fake.bus_with(|options| options.http_client = Some(SharedHttpClient::new(stuck))).await;
    let (emit, mut events) = engine::channel();
    let telling = std::thread::spawn(move || std::iter::from_fn(|| events.next_blocking()).collect::<Vec<_>>());
    let request = Request { dry_run: false, ..project.request("UserRegistered", &["p.json"]) };
    let report = run(Some(&bus), request, &emit, &shutdown).await.unwrap();
    drop(emit);
    assert_eq!((report.sent, report.failed), (0, 1));
    let told = telling.join().unwrap();
    let said = told.iter().find_map(|event| match event {
        engine::Event::Publish(Progress::Failed { error, .. }) => Some(error.message.clone()),
        _ => None,
    });
    assert!(said.unwrap().ends_with("it may have arrived"));
}

#[test]
fn the_message_is_what_the_library_would_write_and_read() {
    let project = Project::new(&[("p.json", GOOD)]);
    let (item, message, attributes, _) = planned(project.request("UserRegistered", &["p.json"]));
    assert_eq!(
        message,
        "{\"Metadata\":{\"ContainsPersonalData\":false,\"Tracestate\":\"\",\
         \"Traceparent\":\"00-00000000000000000000000000000000-0000000000000000-01\",\"Authorization\":\"\",\
         \"PublishDate\":\"2026-11-23T08:04:22+00:00\",\"EntityId\":\"44f33071-e444-494f-bcff-b5e3594f7628\",\
         \"EntityName\":\"UserRegistered\",\"PublisherName\":\"UserService\",\"EventName\":\"UserRegistered\"},\
         \"Payload\":{\"email\":\"a@b.c\",\"id\":\"44f33071-e444-494f-bcff-b5e3594f7628\"}}"
    );
    let names: Vec<_> = attributes.iter().map(|(name, value)| (name.as_str(), value.text().unwrap())).collect();
    assert_eq!(
        names,
        [("entityName", "UserRegistered"), ("eventName", "UserRegistered"), ("publisherName", "UserService")]
    );
    assert_eq!(item.topic.as_deref(), Some("users"));
    let body = serde_json::json!({ "Message": message }).to_string();
    assert_eq!(what_python_would_do(&body), WhatPythonWouldDo::Deliver);
}

#[test]
fn flags_decide_over_the_payload_and_attributes_over_the_routing_ones() {
    let project = Project::new(&[("p.json", GOOD)]);
    let parent: TraceParent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".parse().unwrap();
    let request = Request {
        entity_id: Some("e".into()),
        entity_name: Some("User".into()),
        personal_data: true,
        trace: Some(parent),
        envelope: EnvelopeStyle::Camel,
        topic: Some("other".into()),
        attributes: Attributes::from([
            ("eventName".into(), Attribute::string("Alias")),
            ("tags".into(), Attribute::string_array("[\"a\", 1, true, null]")),
        ]),
        ..project.request("UserRegistered", &["p.json"])
    };
    let (item, message, attributes, _) = planned(request);
    let event = read_message(&message, &Attributes::new()).unwrap();
    assert_eq!(event.metadata.entity_id.as_deref(), Some("e"));
    assert_eq!(event.metadata.entity_name.as_deref(), Some("User"));
    assert!(event.metadata.contains_personal_data && message.contains("\"containsPersonalData\":true"));
    let trace = event.metadata.traceparent.unwrap();
    assert!(trace.starts_with("00-0af7651916cd43dd8448eb211c80319c-") && !trace.contains("b7ad6b7169203331"));
    assert_eq!(attributes["eventName"], Attribute::string("Alias"));
    assert_eq!(attributes.len(), 4);
    assert_eq!((item.topic.as_deref(), item.entity_id.as_deref()), (Some("other"), Some("e")));
}

#[test]
fn the_entity_is_the_payloads_id_as_the_library_finds_it() {
    for (payload, expected) in [
        (r#"{"id":5}"#, Some("5")),
        (r#"{"Id":"x","other":1}"#, Some("x")),
        (r#"{"id":1.50}"#, Some("1.50")),
        (r#"{"code":"C","data":{"id":"d"},"detail":"","origin":""}"#, Some("d")),
        (r#"{"Code":"C","Data":{"Id":"d"},"Detail":"","Origin":""}"#, Some("d")),
        (r#"{"data":{"id":"d"}}"#, None),
        (r#"{"id":null}"#, None),
        (r#"{"id":{}}"#, None),
        (r#"{"id":""}"#, None),
        ("{}", None),
    ] {
        let project = Project::new(&[("p.json", payload.as_bytes())]);
        let found = planned(project.request("Loose", &["p.json"])).0.entity_id.unwrap();
        match expected {
            Some(expected) => assert_eq!(found, expected, "{payload}"),
            None => assert_eq!(uuid::Uuid::parse_str(&found).unwrap().get_version_num(), 4, "{payload}"),
        }
    }
}

#[test]
fn bad_input_of_every_kind_is_refused_by_name_and_place() {
    let deep = format!("{{\"a\":{}{}}}", "[".repeat(500), "]".repeat(500));
    let big = format!(
        "{{\"email\":\"a@b.c\",\"id\":\"44f33071-e444-494f-bcff-b5e3594f7628\",\"name\":\"{}\"}}",
        "x".repeat(10 << 20)
    );
    let huge = vec![b' '; (16 << 20) + 1];
    let project = Project::new(&[
        ("empty.json", b""),
        ("array.json", b"[1]"),
        ("twice.json", b"{\"id\":1,\n \"id\":2}"),
        ("latin.json", b"{\"a\":\"\xe9\"}"),
        ("deep.json", deep.as_bytes()),
        ("big.json", big.as_bytes()),
        ("huge.json", &huge),
        ("bad.json", b"{\n  \"id\": \"44f33071-e444-494f-bcff-b5e3594f7628\",\n  \"emial\": \"a@b.c\"\n}"),
        ("lines.ndjson", b"\n{\"id\":1}\r\n  \nx\n"),
        ("none.ndjson", b"\n\n"),
        ("folder/readme.txt", b""),
    ]);
    let names = [
        "missing.json",
        "empty.json",
        "array.json",
        "twice.json",
        "latin.json",
        "deep.json",
        "big.json",
        "huge.json",
        "bad.json",
        "lines.ndjson",
        "none.ndjson",
        "folder",
    ];
    let schema = project.0.path().join("schemas/UserRegistered.json");
    let lines = told(project.request("UserRegistered", &names));
    let lines: Vec<_> = lines.iter().map(|line| line.replace(&schema.display().to_string(), "SCHEMA")).collect();
    assert_eq!(
        lines,
        [
            "missing.json the file does not exist",
            "empty.json the text is empty, expected a JSON object",
            "array.json line 1, column 1: found an array, expected an object",
            "twice.json line 2, column 2: key `id` stands twice in one object (`/id`, first at line 1, column 2)",
            "latin.json line 1, column 7: the text is not UTF-8 (byte 0xE9)",
            "deep.json line 1, column 132: the value is nested deeper than 127 levels",
            "big.json the message has 10486262 bytes with its attributes, topic `users` takes at most 262144",
            "huge.json the payload is longer than 16 MiB, more than any topic takes",
            "bad.json 2 violations of SCHEMA: line 1, column 1: the payload lacks the property `email`; did you mean `emial`? …",
            "lines.ndjson:2 2 violations of SCHEMA: line 2, column 1: the payload lacks the property `email` …",
            "lines.ndjson:4 line 4, column 1: expected a value, found `x`",
            "folder the folder holds no `.json`, `.ndjson`, `.jsonl`, `.csv` or `.tsv` file",
        ]
    );
}

#[test]
fn folders_and_lines_are_read_in_order_and_good_ones_pass_beside_bad_ones() {
    let project = Project::new(&[("in/b.json", GOOD), ("in/a.ndjson", b"{}\n[]\n{}"), ("in/c.txt", b"")]);
    let found = told(project.request("Loose", &["in/"]));
    assert_eq!(
        found,
        [
            "in/a.ndjson:1 planned",
            "in/a.ndjson:2 line 2, column 1: found an array, expected an object",
            "in/a.ndjson:3 planned",
            "in/b.json planned"
        ]
    );
}

#[test]
fn all_or_nothing_holds_the_good_ones_back() {
    let project = Project::new(&[("in.ndjson", b"{}\n[]\n{}")]);
    let request = Request { all_or_nothing: true, ..project.request("Loose", &["in.ndjson"]) };
    let found = told(request);
    assert_eq!(found[0], "in.ndjson:1 not sent, because 1 other was refused");
    assert!(found[2].starts_with("in.ndjson:3 not sent"));
    project.write("in.ndjson", b"{}\n{}");
    let request = Request { all_or_nothing: true, ..project.request("Loose", &["in.ndjson"]) };
    assert_eq!(told(request), ["in.ndjson:1 planned", "in.ndjson:2 planned"]);
}

fn refused(request: Request) -> String {
    dry(request).0.unwrap_err().to_string()
}

#[test]
fn unknown_events_are_refused_with_the_nearest_names_and_unchecked_ones_warned_about() {
    let project = Project::new(&[("p.json", b"{}")]);
    let request = |event: &str| project.request(event, &["p.json"]);
    assert_eq!(
        refused(request("UserRegisterd")),
        "event `UserRegisterd` is neither routed nor known; did you mean `UserRegistered`?"
    );
    assert!(refused(request("Userregisteredpayload")).ends_with("did you mean `UserRegistered`?"));
    assert_eq!(refused(request("Xyz")), "event `Xyz` is neither routed nor known");
    assert_eq!(refused(request("Stray")), "event `Stray` has a schema, but no topic to go to");
    assert!(refused(Request { require_schema: true, ..request("Loose") }).contains("the configuration requires one"));
    assert!(
        refused(Request { schema_version: Some(2), ..request("UserRegistered") })
            .contains("no schema of version 2, only of 1")
    );
    let (report, events) = dry(request("Loose"));
    assert_eq!(report.unwrap().planned, 1);
    let warnings: Vec<_> = events.iter().filter(|event| matches!(event, engine::Event::Warning(_))).collect();
    assert_eq!(warnings.len(), 1, "{warnings:?}");
}

#[test]
fn what_sns_refuses_is_refused_before_it() {
    let project =
        Project::new(&[("p.json", "{\"a\":\"\u{ffff}\"}".as_bytes()), ("q.json", b"{\"a\":\"\\uffff\\u0000\"}")]);
    let with = |name: &str, attribute: Attribute| Request {
        attributes: Attributes::from([(name.to_owned(), attribute)]),
        ..project.request("Loose", &["q.json"])
    };
    assert_eq!(
        told(project.request("Loose", &["p.json"])),
        ["p.json the message holds the character U+FFFF, which SNS refuses; write it as `\\uffff`"]
    );
    assert_eq!(told(project.request("Loose", &["q.json"])), ["q.json planned"]);
    for (name, attribute, reason) in [
        ("a b", Attribute::string("x"), "a character other than"),
        (".a", Attribute::string("x"), "period"),
        ("a..b", Attribute::string("x"), "period"),
        ("AWS.x", Attribute::string("x"), "reserved"),
        ("a", Attribute::string(""), "is empty"),
        ("a", Attribute::string("x\0"), "U+0000"),
        ("a", Attribute::number("five"), "is not a number"),
        ("a", Attribute::string_array("[[1]]"), "is not an array"),
        ("a", Attribute::string("x".repeat(262_144)), "takes at most 262144"),
    ] {
        let found = told(with(name, attribute)).remove(0);
        assert!(found.contains(reason), "{found}");
    }
    // A name with a control character goes into an attribute, too.
    let request = Request { entity_name: Some("a\0".into()), ..project.request("Loose", &["q.json"]) };
    assert!(told(request)[0].contains("attribute `entityName` holds the character U+0000"));
    // An id does not: it is escaped in the message, however odd or long.
    for id in ["a\0b".to_owned(), "x".repeat(200_000)] {
        let request = Request { entity_id: Some(id.clone()), ..project.request("Loose", &["q.json"]) };
        let (_, message, attributes, _) = planned(request);
        assert_eq!(read_message(&message, &attributes).unwrap().metadata.entity_id, Some(id));
    }
}

#[test]
fn fifo_topics_get_a_group_and_standard_ones_no_deduplication() {
    let project = Project::new(&[
        ("p.json", b"{\"id\":7,\"customer\":\"c 1\"}"),
        ("q.json", b"{\"id\":7}"),
        ("r.json", b"{\"customer\":\"c1\"}"),
    ]);
    let request = |file: &str| project.request("OrderPlaced", &[file]);
    assert_eq!(planned(request("r.json")).3.as_deref(), Some("c1"));
    assert_eq!(planned(request("q.json")).3.as_deref(), Some("7"), "the entity where the field is missing");
    assert_eq!(planned(Request { group_id: Some("g".into()), ..request("r.json") }).3.as_deref(), Some("g"));
    assert!(told(request("p.json"))[0].contains("`c 1` is no message group id"));
    let twice = Request { dedup_id: Some("d".into()), ..project.request("OrderPlaced", &["q.json", "r.json"]) };
    assert_eq!(told(twice), ["q.json planned", "r.json `--dedup-id` names one message, this is another"]);
    let standard = Request { dedup_id: Some("d".into()), ..project.request("Loose", &["q.json"]) };
    assert!(told(standard)[0].contains("is not FIFO"));
}

fn outbox_in(folder: &Path) -> Arc<Outbox> {
    let outbox = Outbox::open(&folder.join("o.db"), true).unwrap();
    let begin = crate::engine::outbox::Begin { key: "k", what: "w", again: true, bus: "b", now_ms: 1 };
    outbox.begin(&begin).unwrap();
    Arc::new(outbox)
}

/// The ids in the order in which the bus took them, and those of each batch that came.
type Seen = (Vec<String>, Vec<Vec<String>>);

/// What the bus saw, where it refuses that of `bad` for the moment, `times` times.
async fn order_at_the_bus(
    lines: &str,
    (bad, times): (&'static str, usize),
    outbox: Option<Arc<Outbox>>,
) -> (Seen, Report) {
    let project = Project::new(&[("in.ndjson", lines.as_bytes())]);
    let found: Arc<std::sync::Mutex<Seen>> = Arc::default();
    let seen = Arc::clone(&found);
    let mut left = times;
    let answer = move |action: &str, body: &str| {
        if action != "PublishBatch" {
            return (200, TOPIC.to_owned());
        }
        let fields = form_urlencoded::parse(body.as_bytes()).filter(|(name, _)| name.ends_with(".Message"));
        let ids: Vec<String> = fields
            .map(|(_, message)| read_message(&message, &Attributes::new()).unwrap().metadata.entity_id.unwrap())
            .collect();
        let mut seen = seen.lock().unwrap();
        seen.1.push(ids.clone());
        let (mut failed, mut sent) = (String::new(), String::new());
        for (place, id) in ids.into_iter().enumerate() {
            if id == bad && left > 0 {
                left -= 1;
                let fault = "<Code>InternalError</Code><SenderFault>false</SenderFault>";
                failed += &format!("<member><Id>{place}</Id>{fault}</member>");
            } else {
                sent += &format!("<member><Id>{place}</Id><MessageId>m</MessageId></member>");
                seen.0.push(id);
            }
        }
        let lists = format!("<Failed>{failed}</Failed><Successful>{sent}</Successful>");
        (200, format!("<PublishBatchResponse><PublishBatchResult>{lists}</PublishBatchResult></PublishBatchResponse>"))
    };
    let request = Request { outbox, ..project.request("OrderPlaced", &["in.ndjson"]) };
    let (report, ..) = published_to(answer, request, &Shutdown::never()).await;
    let seen = std::mem::take(&mut *found.lock().unwrap());
    (seen, report)
}

#[tokio::test(start_paused = true)]
async fn nothing_goes_before_an_earlier_event_of_its_group() {
    let lines = "{\"id\":1,\"customer\":\"a\"}\n{\"id\":2,\"customer\":\"b\"}\n{\"id\":3,\"customer\":\"a\"}\n\
                 {\"id\":4,\"customer\":\"b\"}\n{\"id\":5,\"customer\":\"a\"}\n";
    let of = |group: &str, taken: &[String]| {
        let ids = if group == "a" { ["1", "3", "5"].as_slice() } else { &["2", "4"] };
        taken.iter().filter(|id| ids.contains(&id.as_str())).cloned().collect::<Vec<_>>()
    };
    let ((taken, batches), report) = order_at_the_bus(lines, ("1", 2), None).await;
    assert_eq!((of("a", &taken).join(" "), of("b", &taken).join(" "), report.sent), ("1 3 5".into(), "2 4".into(), 5));
    assert!(batches.iter().all(|batch| of("a", batch).len() < 2 && of("b", batch).len() < 2), "{batches:?}");
    // The first never goes out: those of its group stay behind it, the others go.
    let ((taken, _), report) = order_at_the_bus(lines, ("1", usize::MAX), None).await;
    assert_eq!((taken.join(" ").as_str(), report.sent, report.failed), ("2 4", 2, 3));
    // An outbox keeps them, in their order.
    let folder = tempfile::tempdir().unwrap();
    let outbox = outbox_in(folder.path());
    let ((taken, _), report) = order_at_the_bus(lines, ("1", usize::MAX), Some(outbox.clone())).await;
    assert_eq!((taken.join(" ").as_str(), report.failed, report.kept), ("2 4", 3, 3));
    let waiting: Vec<_> = outbox.waiting(0).unwrap().into_iter().map(|event| event.item.input).collect();
    assert_eq!(waiting, ["in.ndjson:1", "in.ndjson:3", "in.ndjson:5"]);
}

#[test]
fn records_are_published_again_as_they_were() {
    let message = "{\"metadata\": {\"event_name\": \"UserRegistered\", \"publisher_name\": \"P\", \"entity_name\": \"U\"},\n \"payload\": {\"id\": \"44f33071-e444-494f-bcff-b5e3594f7628\", \"email\": \"a@b.c\"}}";
    let wrapper = serde_json::json!({"Type": "Notification", "MessageId": "m", "TopicArn": "arn:t", "Message": message,
        "MessageAttributes": {"n": {"Type": "Number", "Value": "5"}, "b": {"Type": "Binary", "Value": "AP8="}}});
    let good = Record::new(wrapper.to_string(), Attributes::new(), SystemRecord::default());
    let invalid = Record::new(message.replace("a@b.c", "no"), Attributes::new(), SystemRecord::default());
    let opaque = Record::new("hello", Attributes::new(), SystemRecord::default());
    let lines = [good.to_line(), invalid.to_line(), opaque.to_line(), "{\"version\":9}".into(), "x".into()].join("\n");
    let project = Project::new(&[("r.ndjson", lines.as_bytes())]);
    let request = || Request {
        event: None,
        publisher: String::new(),
        sources: vec![Source::path("r", project.0.path().join("r.ndjson"), Some(Format::Records))],
        ..project.request("UserRegistered", &[])
    };
    let (item, again, attributes, _) = planned(request());
    assert_eq!(again, message, "to the last byte");
    assert_eq!(attributes, good.attributes);
    assert_eq!(item.event.as_deref(), Some("UserRegistered"));
    let found = told(request());
    assert_eq!(found.len(), 5);
    assert!(found[1].contains("expected an email address"), "{}", found[1]);
    assert!(
        found[1].starts_with("r:2 ") && !found[1].contains(" column "),
        "a place in the payload is none: {}",
        found[1]
    );
    assert!(found[2].contains("there is no event in the record: the message is not JSON"), "{}", found[2]);
    assert!(found[3].contains("version 9"), "{}", found[3]);
    assert!(found[4].contains("no record"), "{}", found[4]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn payloads_reach_the_wire_byte_for_byte_but_for_blanks(
        members in prop::collection::vec(("[a-zA-Z_é\\u{1F600}]{1,8}", "(-?[1-9][0-9]{0,30}(\\.[0-9]{1,20})?|\"[ -!#-\\[\\]-~é]{0,20}\"|\\[ *\\]|null|true)"), 0..8),
        blank in "[ \\t\\n]{0,3}",
    ) {
        let mut seen = std::collections::HashSet::new();
        let members: Vec<_> = members.into_iter().filter(|(name, _)| seen.insert(name.clone())).collect();
        let spaced: Vec<_> = members.iter().map(|(name, value)| format!("{blank}\"{name}\"{blank}:{blank}{value}{blank}")).collect();
        let text = format!("{{{blank}{}}}", spaced.join(","));
        let project = Project::new(&[("p.json", text.as_bytes())]);
        let (_, message, _, _) = planned(project.request("Loose", &["p.json"]));
        let expected = format!("\"Payload\":{}}}", compact(&text));
        prop_assert!(message.ends_with(&expected), "{} {}", message, text);
    }
}
