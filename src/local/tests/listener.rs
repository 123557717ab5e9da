//! The listener, byte by byte: what a library of HTTP would hide.

use std::io::Write as _;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::super::*;

struct Bench {
    address: std::net::SocketAddr,
    server: tokio::task::JoinHandle<std::io::Result<()>>,
    _dir: tempfile::TempDir,
}

impl Drop for Bench {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Bench {
    async fn new() -> Self {
        Self::with(None).await
    }

    async fn with(credentials: Option<Credentials>) -> Self {
        Self::open_to(Access { credentials, ..Access::default() }).await
    }

    async fn open_to(access: Access) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let bus = LocalBus::open(&dir.path().join("bus.db"), OpenOptions::default()).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = tokio::spawn(serve(listener, bus, access, 1_000, std::future::pending()));
        Self { address, server, _dir: dir }
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// Sends `bytes` on a connection of their own and returns the one answer.
    async fn ask(&self, bytes: &[u8]) -> Answer {
        let mut stream = self.connect().await;
        // A server that has heard enough may close before all is written.
        let _ = stream.write_all(bytes).await;
        Answer::read(&mut stream).await
    }
}

#[derive(Debug)]
struct Answer {
    status: u16,
    head: String,
    body: String,
}

impl Answer {
    /// Reads one answer and no byte more.
    async fn read(stream: &mut TcpStream) -> Self {
        let (status, head) = Self::head(stream).await;
        let length =
            head.lines().find_map(|line| line.strip_prefix("content-length: ")).map_or(0, |n| n.parse().unwrap());
        let mut body = vec![0; length];
        stream.read_exact(&mut body).await.unwrap();
        Self { status, head, body: String::from_utf8(body).unwrap() }
    }

    /// Status and headers, in lower case.
    async fn head(stream: &mut TcpStream) -> (u16, String) {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.unwrap());
        }
        let head = String::from_utf8(head).unwrap().to_ascii_lowercase();
        (head[9..12].parse().unwrap(), head)
    }
}

fn create(name: &str) -> String {
    format!("Action=CreateQueue&Version=2012-11-05&QueueName={name}")
}

fn post(more: &str, body: &[u8]) -> Vec<u8> {
    let mut bytes = format!("POST / HTTP/1.1\r\nHost: localhost\r\n{more}\r\n").into_bytes();
    bytes.extend(body);
    bytes
}

fn sized(more: &str, body: &[u8]) -> Vec<u8> {
    post(&format!("Content-Length: {}\r\n{more}", body.len()), body)
}

fn gzip(plain: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(plain).unwrap();
    encoder.finish().unwrap()
}

#[tokio::test]
async fn one_connection_carries_many_requests_plain_chunked_and_compressed() {
    let bench = Bench::new().await;
    let mut stream = bench.connect().await;
    let (first, rest) = ("Action=CreateQueue&Vers", "ion=2012-11-05&QueueName=chunked");
    let chunks = format!("{:x}\r\n{first}\r\n{:x}\r\n{rest}\r\n0\r\n\r\n", first.len(), rest.len());
    let json = br#"{"QueueName":"json"}"#;
    for (bytes, name) in [
        (sized("", create("plain").as_bytes()), "plain"),
        (post("Transfer-Encoding: chunked\r\n", chunks.as_bytes()), "chunked"),
        (sized("Content-Encoding: gzip\r\n", &gzip(create("zipped").as_bytes())), "zipped"),
        (sized("Content-Encoding: gzip\r\nX-Amz-Target: AmazonSQS.CreateQueue\r\n", &gzip(json)), "json"),
        (format!("GET /?{} HTTP/1.1\r\nHost: localhost\r\n\r\n", create("got")).into_bytes(), "got"),
    ] {
        stream.write_all(&bytes).await.unwrap();
        let answer = Answer::read(&mut stream).await;
        assert_eq!(answer.status, 200, "{name}: {answer:?}");
        assert!(answer.body.contains(&format!("http://localhost/000000000000/{name}")), "{name}: {answer:?}");
        assert!(answer.head.contains("x-amzn-requestid: "), "{name}: {answer:?}");
    }
    // What is asked before the answer to the first is read is answered in order.
    let list = b"GET /?Action=ListQueues&Version=2012-11-05 HTTP/1.1\r\nHost: localhost\r\n\r\n";
    stream.write_all(&list.repeat(3)).await.unwrap();
    for _ in 0..3 {
        assert!(Answer::read(&mut stream).await.body.contains("/zipped</QueueUrl>"));
    }
}

#[tokio::test]
async fn what_is_turned_away_is_said_in_the_protocol_of_the_request() {
    let bench = Bench::new().await;
    let bomb = gzip(&vec![b'a'; 9 << 20]);
    assert!(bomb.len() < 100_000);
    let body = create("q").into_bytes();
    for (bytes, status, code) in [
        (sized("Origin: https://evil.example\r\n", &body), 403, "AccessDenied"),
        (post("Content-Length: 9000000\r\nExpect: 100-continue\r\n", b""), 413, "RequestEntityTooLarge"),
        (sized("Content-Encoding: gzip\r\n", &bomb), 413, "RequestEntityTooLarge"),
        (sized("Content-Encoding: gzip\r\n", &body), 400, "MalformedInput"),
        (sized("Content-Encoding: br\r\n", &body), 415, "UnsupportedMediaType"),
    ] {
        let answer = bench.ask(&bytes).await;
        assert_eq!(answer.status, status, "{answer:?}");
        assert!(answer.body.contains(&format!("<Code>{code}</Code>")), "{answer:?}");
        assert!(answer.head.contains("x-amzn-requestid: "), "{answer:?}");
    }
    let json = bench.ask(&sized("Origin: null\r\nX-Amz-Target: AmazonSQS.ListQueues\r\n", b"{}")).await;
    assert_eq!((json.status, json.body.contains("com.amazon.coral.service#AccessDenied")), (403, true), "{json:?}");
    assert!(json.head.contains("x-amzn-query-error: accessdenied;sender"), "{json:?}");
    let foreign = bench.ask(b"GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n").await;
    assert_eq!(foreign.status, 403);
    let head = format!("GET / HTTP/1.1\r\nHost: localhost\r\nX-Long: {}\r\n\r\n", "x".repeat(100_000));
    assert_eq!(bench.ask(head.as_bytes()).await.status, 431);
    let many = format!("GET / HTTP/1.1\r\nHost: localhost\r\n{}\r\n", "X-More: x\r\n".repeat(200));
    assert_eq!(bench.ask(many.as_bytes()).await.status, 431);
    // None of it made the queue, and the server is well.
    let list = bench.ask(b"GET /?Action=ListQueues&Version=2012-11-05 HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
    assert_eq!((list.status, list.body.contains("QueueUrl")), (200, false), "{list:?}");
}

#[tokio::test]
async fn requests_without_a_body_for_head_and_options() {
    let bench = Bench::new().await;
    for (method, status) in [("HEAD", 200), ("OPTIONS", 204), ("PATCH", 405)] {
        let mut stream = bench.connect().await;
        let request = format!("{method} / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut all = String::new();
        stream.read_to_string(&mut all).await.unwrap();
        assert!(all.starts_with(&format!("HTTP/1.1 {status} ")) && all.ends_with("\r\n\r\n"), "{all}");
    }
    assert_eq!(answers(bench.address.port()).await, Listening::Bus);
}

/// In virtual time: when nothing else can happen, the server's patience is over.
#[tokio::test(start_paused = true)]
async fn slow_clients_are_not_waited_for() {
    let bench = Bench::new().await;
    let started = tokio::time::Instant::now();
    let mut slow = bench.connect().await;
    slow.write_all(b"POST / HTTP/1.1\r\nHost: loc").await.unwrap();
    let mut rest = Vec::new();
    slow.read_to_end(&mut rest).await.unwrap();
    assert!(started.elapsed() >= std::time::Duration::from_secs(30));
    let answer = bench.ask(&post("Content-Length: 100\r\n", b"Action=")).await;
    assert_eq!((answer.status, answer.body.contains("RequestTimeout")), (408, true), "{answer:?}");
}

/// In virtual time: silence between requests is not slowness.
#[tokio::test(start_paused = true)]
async fn a_connection_may_be_idle_for_long_but_not_for_ever() {
    let bench = Bench::new().await;
    let head = b"HEAD / HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let mut stream = bench.connect().await;
    let mut silent = bench.connect().await;
    for _ in 0..2 {
        stream.write_all(head).await.unwrap();
        assert_eq!(Answer::head(&mut stream).await.0, 200);
        tokio::time::advance(std::time::Duration::from_secs(5 * 60)).await;
    }
    // A head that has begun is another matter.
    let begun = tokio::time::Instant::now();
    stream.write_all(&head[..10]).await.unwrap();
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).await.unwrap();
    let waited = begun.elapsed().as_secs();
    assert!((29..60).contains(&waited), "{waited} s");
    silent.read_to_end(&mut rest).await.unwrap();
    assert!(rest.is_empty(), "{rest:?}");
}

#[tokio::test]
async fn odd_requests_have_answers() {
    let bench = Bench::new().await;
    let list = "/?Action=ListQueues&Version=2012-11-05";
    for (bytes, status, part) in [
        // HTTP/1.0 needs no Host, and the connection ends with the answer.
        (format!("GET {list} HTTP/1.0\r\n\r\n"), 200, "<ListQueuesResult/>"),
        (format!("GET http://localhost{list} HTTP/1.1\r\nHost: localhost\r\n\r\n"), 200, "<ListQueuesResult/>"),
        (format!("GET http://evil.example{list} HTTP/1.1\r\nHost: localhost\r\n\r\n"), 403, "AccessDenied"),
        (format!("GET {list} HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n"), 400, "more than one Host"),
        (format!("GET {list} HTTP/1.1\r\nHost: localhost\r\nReferer: http://a/\r\n\r\n"), 403, "web pages"),
        (format!("get {list} HTTP/1.1\r\nHost: localhost\r\n\r\n"), 405, ""),
        ("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n".into(), 404, "UnknownOperationException"),
        ("GET /_eventbus/ HTTP/1.1\r\nHost: localhost\r\n\r\n".into(), 404, "nothing here"),
        ("\u{1}\u{2}\u{3} garbage\r\n\r\n".into(), 400, ""),
        ("GET / HTTP/9.9\r\n\r\n".into(), 400, ""),
        ("GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: x\r\n\r\n".into(), 400, ""),
        ("POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab".into(), 400, ""),
        (format!("GET /{} HTTP/1.1\r\nHost: localhost\r\n\r\n", "x".repeat(70_000)), 414, ""),
    ] {
        let answer = bench.ask(bytes.as_bytes()).await;
        assert_eq!(answer.status, status, "{bytes:.60}: {answer:?}");
        assert!(answer.body.contains(part), "{bytes:.60}: {answer:?}");
    }
    // A client that asks first is told to go on.
    let mut stream = bench.connect().await;
    let body = create("expected");
    let head =
        format!("POST / HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: {}\r\n\r\n", body.len());
    stream.write_all(head.as_bytes()).await.unwrap();
    assert_eq!(Answer::head(&mut stream).await.0, 100);
    stream.write_all(body.as_bytes()).await.unwrap();
    let answer = Answer::read(&mut stream).await;
    assert_eq!((answer.status, answer.body.contains("/expected</QueueUrl>")), (200, true), "{answer:?}");
    // A proxy that speaks TLS to the world does not lose its clients.
    let behind = bench.ask(&sized("X-Forwarded-Proto: https\r\n", create("expected").as_bytes())).await;
    assert!(behind.body.contains("<QueueUrl>https://localhost/000000000000/expected<"), "{behind:?}");
    assert_eq!(answers(bench.address.port()).await, Listening::Bus);
}

#[tokio::test]
async fn clients_that_leave_in_the_middle_harm_nobody() {
    let bench = Bench::new().await;
    let whole = sized("", create("q").as_bytes());
    for cut in (0..whole.len()).step_by(7) {
        let mut stream = bench.connect().await;
        stream.write_all(&whole[..cut]).await.unwrap();
    }
    let list = bench.ask(b"GET /?Action=ListQueues&Version=2012-11-05 HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
    assert_eq!((list.status, list.body.contains("QueueUrl")), (200, false), "{list:?}");
}

#[tokio::test]
async fn pages_of_an_allowed_origin_are_answered() {
    let access = Access { origins: vec!["http://localhost:3000".into()], ..Access::default() };
    let bench = Bench::open_to(access).await;
    let asked = b"OPTIONS / HTTP/1.1\r\nHost: localhost\r\nOrigin: http://localhost:3000\r\n\
        Access-Control-Request-Method: POST\r\nAccess-Control-Request-Headers: x-amz-target\r\n\r\n";
    let mut stream = bench.connect().await;
    stream.write_all(asked).await.unwrap();
    let (status, head) = Answer::head(&mut stream).await;
    assert!(status == 204 && head.contains("access-control-allow-headers: x-amz-target"), "{head}");
    let made = bench.ask(&sized("Origin: http://localhost:3000\r\n", create("q").as_bytes())).await;
    assert_eq!(made.status, 200, "{made:?}");
    assert!(made.head.contains("access-control-allow-origin: http://localhost:3000"), "{made:?}");
    let other = bench.ask(&sized("Origin: http://localhost:3001\r\n", create("q").as_bytes())).await;
    assert_eq!((other.status, other.head.contains("access-control-allow")), (403, false), "{other:?}");
}

#[tokio::test]
async fn with_credentials_only_what_is_signed_with_them_is_answered() {
    use aws_sdk_sqs::config::{BehaviorVersion, Credentials as SdkCredentials, Region};
    let credentials = Credentials { access_key_id: "123456789012".into(), secret_access_key: "right".into() };
    let bench = Bench::with(Some(credentials)).await;
    let client = |key: &str, secret: &str| {
        let config = aws_sdk_sqs::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("eu-west-1"))
            .credentials_provider(SdkCredentials::new(key, secret, None, None, "test"))
            .endpoint_url(format!("http://{}", bench.address))
            .retry_config(aws_sdk_sqs::config::retry::RetryConfig::disabled())
            .http_client(aws_smithy_http_client::Builder::new().build_http())
            .build();
        aws_sdk_sqs::Client::from_conf(config)
    };
    let made = client("123456789012", "right").create_queue().queue_name("q").send().await.unwrap();
    assert_eq!(made.queue_url(), Some(format!("http://{}/123456789012/q", bench.address).as_str()));
    for (key, secret, code) in
        [("123456789012", "wrong", "SignatureDoesNotMatch"), ("test", "right", "InvalidClientTokenId")]
    {
        let refused = client(key, secret).list_queues().send().await.unwrap_err();
        assert_eq!(aws_sdk_sqs::error::ProvideErrorMetadata::code(&refused), Some(code));
    }
    let reset = bench.ask(b"POST /_eventbus/reset HTTP/1.1\r\nHost: 10.0.0.1\r\nContent-Length: 0\r\n\r\n").await;
    assert_eq!((reset.status, reset.body.contains("MissingAuthenticationToken")), (403, true), "{reset:?}");
    let look = bench.ask(b"GET /_aws/sqs/messages/eu-west-1/123456789012/q HTTP/1.1\r\nHost: x\r\n\r\n").await;
    assert_eq!(look.status, 403);
    let list = client("123456789012", "right").list_queues().send().await.unwrap();
    assert_eq!(list.queue_urls().len(), 1);
    assert_eq!(answers(bench.address.port()).await, Listening::SignedBus);
}
