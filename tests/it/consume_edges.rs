//! `consume` at its edges: https, terminals, spans, a second end, an idle bus, a bus that says no, and what is left when it is killed.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use eventbus::bus::{Bus, ConnectOptions, Receive};
use eventbus::local::{LocalBus, OpenOptions, connector};
use nix::sys::signal::Signal;
use nix::sys::stat::Mode;
use nix::unistd::mkfifo;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::{Value, json};

use crate::support::proxy::read_request;
use crate::support::{TestEnv, repository};

const OK: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}";

/// A web service of `https://localhost`, known to those who trust the tests' own CA; returns its port.
fn secure_service() -> (u16, mpsc::Receiver<String>) {
    let file = |name: &str| repository().join("tests/fixtures/tls").join(name);
    let certificate = CertificateDer::from_pem_file(file("localhost.pem")).unwrap();
    let key = PrivateKeyDer::from_pem_file(file("localhost-key.pem")).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    let config = Arc::new(config);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let (told, requests) = mpsc::channel();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let connection = rustls::ServerConnection::new(config.clone()).unwrap();
            let mut stream = rustls::StreamOwned::new(connection, stream);
            if let Some((head, _)) = read_request(&mut stream) {
                let _ = told.send(head);
                let _ = stream.write_all(OK);
                stream.conn.send_close_notify();
                let _ = stream.flush();
            }
        }
    });
    (port, requests)
}

#[test]
fn an_https_service_is_trusted_by_its_ca_alone() {
    let env = TestEnv::with_three_events();
    let (port, requests) = secure_service();
    let url = format!("https://localhost:{port}/hook");
    let line = ["consume", "user_events", "--drain", "--forward", &url];
    let refused = env.run(&line).success();
    assert!(refused.stderr().contains("attempt 1 failed: the request failed: "), "{}", refused.snapshot());
    assert!(requests.try_recv().is_err(), "nothing was said to a stranger");

    let env = TestEnv::with_three_events().with_env("SSL_CERT_FILE", repository().join("tests/fixtures/tls/ca.pem"));
    let done = env.run(&line).success();
    assert!(done.stderr().contains("3 acknowledged"), "{}", done.snapshot());
    let heads: Vec<String> = requests.try_iter().collect();
    assert_eq!(heads.len(), 3);
    assert!(
        heads.iter().all(|head| head.starts_with("POST /hook") && head.contains("ce-type: UserRegistered")),
        "{heads:?}"
    );
}

#[test]
fn a_terminal_shows_how_it_goes() {
    let env = TestEnv::with_three_events();
    for pipe in ["begun", "go"] {
        mkfifo(&env.path(pipe), Mode::S_IRWXU).unwrap();
    }
    let handler = "echo begun > begun; cat go; exit 3";
    let running = env.command(&["consume", "user_events", "--count", "1", "--exec", handler]).on_terminal();
    // Nothing is drawn on a terminal that nobody knows.
    let mut running = running.env("TERM", "xterm").spawn();
    assert_eq!(fs::read_to_string(env.path("begun")).unwrap(), "begun\n");
    running.wait_prompt("1 in hand, 0 failed");
    fs::write(env.path("go"), "said\n").unwrap();
    let ended = running.wait().success();
    let shown = ended.stdout();
    assert!(shown.contains("0 events (0/s)") && shown.contains("attempt 1 failed: exit 3"), "{shown}");
    assert!(shown.contains("said\r\n"), "the handler's words are not torn: {shown}");

    // Where nobody looks there is no such line.
    let done = env.run(&["consume", "user_events", "--drain", "--exec", "true"]).success();
    assert!(!done.stderr().contains("in hand"), "{}", done.snapshot());
}

#[test]
fn a_drain_that_takes_too_long_gives_back_at_once() {
    let env = TestEnv::with_three_events();
    mkfifo(&env.path("begun"), Mode::S_IRWXU).unwrap();
    let handler = "echo begun > begun; sleep 1000";
    let line = ["consume", "user_events", "--drain-timeout", "50ms", "--exec", handler];
    let running = env.command(&line).spawn();
    assert_eq!(fs::read_to_string(env.path("begun")).unwrap(), "begun\n");
    running.signal(Signal::SIGTERM);
    let ended = running.wait().expect_code(143);
    assert!(ended.stderr().contains("given back, its handler was ended"), "{}", ended.snapshot());
    let done = env.run(&["consume", "user_events", "--drain", "--exec", "true"]).success();
    assert!(done.stderr().contains("3 acknowledged"), "it can be seen again at once: {}", done.snapshot());
}

#[test]
fn no_handler_survives_a_consumer_that_was_killed() {
    for protocol in ["spawn", "batch", "stream"] {
        let env = TestEnv::with_three_events();
        mkfifo(&env.path("begun"), Mode::S_IRWXU).unwrap();
        // Neither ends by itself, and both hold the pipe. What reads its event is known to the guard.
        let handler = "read -r line; exec 3> begun; sleep 1000 & echo begun >&3; wait";
        let line = ["consume", "user_events", "--protocol", protocol, "--exec", handler];
        let running = env.command(&line).spawn();
        let mut begun = BufReader::new(fs::File::open(env.path("begun")).unwrap());
        let mut line = String::new();
        begun.read_line(&mut line).unwrap();
        let _ended = running.kill();
        let (told, ended) = mpsc::channel();
        thread::spawn(move || told.send(begun.read_to_end(&mut Vec::new())));
        let ended = ended.recv_timeout(crate::support::PATIENCE);
        assert!(ended.is_ok(), "{protocol}: somebody holds the handler's pipe");
    }
}

#[test]
fn an_idle_embedded_bus_is_waited_for_without_a_failure() {
    let env = TestEnv::provisioned();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let bus = LocalBus::open(&env.path(".eventbus/bus.db"), OpenOptions::default()).unwrap();
        let options = ConnectOptions {
            region: Some("us-east-1".into()),
            static_credentials: Some(("test".into(), "test".into())),
            http_client: Some(connector(bus)),
            ..ConnectOptions::default()
        };
        let bus = Bus::connect(options).await.unwrap();
        let queue = bus.queue("user_events").await.unwrap();
        // Longer than the SDK waits for an upload that does not move.
        let receive = Receive { max: 1, wait: Duration::from_secs(8), visibility: None };
        assert!(bus.receive(&queue, receive).await.unwrap().is_empty());
    });
}

#[test]
fn a_success_event_that_nobody_takes_does_not_undo_the_success() {
    let env = TestEnv::with_three_events();
    let topology = env.read("topology.yaml");
    let event = "  UserRegistered: { topic: users }\n";
    assert!(topology.contains(event), "{topology}");
    env.write("topology.yaml", topology.replace(event, &format!("{event}  Welcomed: {{ topic: users }}\n")));
    // More than any topic takes.
    let handler = r#"printf '{"a":"'; head -c 1040000 /dev/zero | tr '\0' x; printf '"}'"#;
    let line = ["consume", "user_events", "--drain", "-o", "json", "--on-success", "Welcomed", "--exec", handler];
    let done = env.run(&line).success();
    let summary = done.json();
    assert_eq!((&summary["acked"], &summary["failed"]), (&json!(3), &json!(0)), "{summary}");
    let told = String::from_utf8_lossy(&done.stderr_bytes).matches("its outcome event was not published").count();
    assert_eq!(told, 3);
}

/// The heads and bodies of requests.
type Taken = Arc<Mutex<Vec<(String, Value)>>>;

/// A collector that answers with this status; returns its URL and what it was sent.
fn collector(status: u16) -> (String, Taken) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let taken = Taken::default();
    let put = taken.clone();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let mut stream: TcpStream = stream;
            if let Some((head, body)) = read_request(&mut stream) {
                put.lock().unwrap().push((head, serde_json::from_slice(&body).unwrap()));
                let answer = String::from_utf8_lossy(OK).replace("200 OK", &format!("{status} Said"));
                let _ = stream.write_all(answer.as_bytes());
            }
        }
    });
    (url, taken)
}

const SPAN: (&str, &str) = ("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7");

#[test]
fn each_attempt_is_a_span_of_the_events_trace() {
    let env = TestEnv::provisioned();
    env.write("p.json", r#"{"id": "00000000-0000-4000-8000-000000000001", "email": "a@example.com"}"#);
    let publish = env.command(&["publish", "UserRegistered", "p.json"]);
    let _sent = publish.env("TRACEPARENT", format!("00-{}-{}-01", SPAN.0, SPAN.1)).run().success();
    let (url, taken) = collector(200);
    let line = ["consume", "user_events", "--count", "1", "--exec", "echo $TRACEPARENT; exit 3"];
    let consume = env.command(&line).env("OTEL_EXPORTER_OTLP_ENDPOINT", &url).env("OTEL_SERVICE_NAME", "users");
    let done = consume.env("OTEL_EXPORTER_OTLP_HEADERS", "api-key=s%20e").run().success();

    let taken = taken.lock().unwrap();
    let [(head, body)] = &taken[..] else { panic!("{taken:?}") };
    assert!(head.starts_with("POST /v1/traces ") && head.contains("api-key: s e"), "{head}");
    let resource = &body["resourceSpans"][0];
    assert_eq!(resource["resource"]["attributes"], json!([{"key": "service.name", "value": {"stringValue": "users"}}]));
    let span = &resource["scopeSpans"][0]["spans"][0];
    assert_eq!(
        (&span["traceId"], &span["kind"], &span["name"]),
        (&json!(SPAN.0), &json!(5), &json!("process user_events"))
    );
    // Publishing made a span of its own out of ours, and that is the one it comes from.
    let from = &span["links"][0];
    assert_eq!((&from["traceId"], &from["spanId"]), (&span["traceId"], &span["parentSpanId"]));
    assert_eq!(
        done.stdout().trim(),
        format!("00-{}-{}-01", SPAN.0, span["spanId"].as_str().unwrap()),
        "handlers go on from it"
    );
    let attribute = |name: &str| {
        let all = span["attributes"].as_array().unwrap();
        let found = all.iter().find(|attribute| attribute["key"] == name).unwrap_or_else(|| panic!("{name}: {span}"));
        found["value"].as_object().unwrap().values().next().unwrap().as_str().unwrap().to_owned()
    };
    for (name, value) in [
        ("messaging.system", "aws_sqs"),
        ("messaging.operation.type", "process"),
        ("messaging.destination.name", "user_events"),
        ("eventbus.event.name", "UserRegistered"),
        ("eventbus.attempt", "1"),
        ("eventbus.outcome", "retry"),
        ("error.type", "exit_3"),
    ] {
        assert_eq!(attribute(name), value, "{name}");
    }
    assert_eq!(span["status"]["code"], 2);
    let time = |name: &str| span[name].as_str().unwrap().parse::<u128>().unwrap();
    assert!(time("startTimeUnixNano") <= time("endTimeUnixNano"));
}

#[test]
fn a_collector_that_refuses_is_told_once_and_holds_nothing_up() {
    let env = TestEnv::with_three_events();
    let (url, taken) = collector(400);
    let consume = env.command(&["consume", "user_events", "--drain", "--exec", "true"]);
    let done = consume.env("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", format!("{url}/here")).run().success();
    assert!(done.stderr().contains("3 acknowledged"), "{}", done.snapshot());
    assert_eq!(done.stderr().matches("spans were not taken by").count(), 1, "{}", done.snapshot());
    assert!(taken.lock().unwrap()[0].0.starts_with("POST /here "));

    let none = env.command(&["consume", "user_events", "--drain", "--exec", "true"]).env("OTEL_SDK_DISABLED", "true");
    let _done = none.env("OTEL_EXPORTER_OTLP_ENDPOINT", "no url").run().success();
    let wrong = env.command(&["consume", "user_events", "--drain", "--exec", "true"]);
    let wrong = wrong.env("OTEL_EXPORTER_OTLP_ENDPOINT", "no url").run().expect_code(2);
    assert!(wrong.stderr().contains("OTEL_EXPORTER_OTLP_ENDPOINT"), "{}", wrong.snapshot());
}
