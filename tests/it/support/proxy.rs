//! A proxy between the program and a server, which sees every request before it is passed on.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;

/// What the proxy sees of a request.
pub(crate) struct Request {
    /// Its first line.
    pub(crate) line: String,
    /// The operation of an SQS call (`SendMessage`); empty for the Query protocol, whose body says it.
    pub(crate) target: String,
    pub(crate) body: Vec<u8>,
}

impl Request {
    /// The operation.
    pub(crate) fn operation(&self) -> String {
        if !self.target.is_empty() {
            return self.target.clone();
        }
        let text = String::from_utf8_lossy(&self.body);
        let action = text.split('&').find_map(|pair| pair.strip_prefix("Action="));
        action.unwrap_or_default().to_owned()
    }
}

/// What becomes of a request.
pub(crate) enum Fate {
    /// The server answers it.
    Answered,
    /// The server answers, and then this is done before anybody hears of it.
    Then(Box<dyn FnOnce() + Send>),
    /// The proxy answers with 404.
    Unknown,
    /// The proxy answers with this status and body, and the server hears nothing of it.
    Says(u16, String),
    /// The connection ends without an answer, and the server hears nothing of it.
    Reset,
    /// The server answers, and the connection ends in the middle of that.
    Cut,
    /// The proxy answers as AWS does when the permission is missing.
    Denied,
}

/// Starts a proxy in front of `upstream` and returns its URL.
pub(crate) fn before(upstream: &str, judge: impl Fn(&Request) -> Fate + Send + Sync + 'static) -> String {
    let upstream = upstream.trim_start_matches("http://").to_owned();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let judge = Arc::new(judge);
    thread::spawn(move || {
        for client in listener.incoming().flatten() {
            let (upstream, judge) = (upstream.clone(), Arc::clone(&judge));
            thread::spawn(move || pass(&client, &upstream, &*judge));
        }
    });
    url
}

/// Reads one request; returns its head, without the empty line behind it, and its body.
pub(crate) fn read_request(stream: impl Read) -> Option<(String, Vec<u8>)> {
    let mut reader = BufReader::new(stream);
    let (mut head, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        if line == "\r\n" {
            break;
        }
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
        head.push_str(&line);
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some((head, body))
}

/// One request, one answer, one connection.
fn pass(client: &TcpStream, upstream: &str, judge: &dyn Fn(&Request) -> Fate) -> Option<()> {
    let (sent, body) = read_request(client.try_clone().ok()?)?;
    let (mut head, mut target) = (String::new(), String::new());
    for line in sent.split_inclusive('\n') {
        let lower = line.to_ascii_lowercase();
        if lower.starts_with("x-amz-target:") {
            target = line.split('.').nth(1)?.trim().to_owned();
        }
        if !lower.starts_with("connection:") {
            head.push_str(line);
        }
    }
    let request = Request { line: head.lines().next().unwrap_or_default().to_owned(), target, body };
    let fate = judge(&request);
    let mut client = client;
    match &fate {
        Fate::Unknown => {
            return client.write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").ok();
        }
        Fate::Says(status, body) => {
            let length = body.len();
            let head = format!("HTTP/1.1 {status} Said\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n");
            return client.write_all(format!("{head}{body}").as_bytes()).ok();
        }
        Fate::Reset => return None,
        Fate::Answered | Fate::Then(_) | Fate::Cut => {}
        Fate::Denied => {
            let (kind, answer) = if request.target.is_empty() {
                (
                    "text/xml",
                    "<ErrorResponse><Error><Type>Sender</Type><Code>AuthorizationError</Code><Message>not authorized to perform this</Message></Error><RequestId>r</RequestId></ErrorResponse>",
                )
            } else {
                (
                    "application/x-amz-json-1.0",
                    r#"{"__type":"com.amazon.coral.service#AccessDeniedException","message":"not authorized to perform this"}"#,
                )
            };
            let head = format!(
                "HTTP/1.1 403 Forbidden\r\nContent-Type: {kind}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
                answer.len()
            );
            return client.write_all(format!("{head}{answer}").as_bytes()).ok();
        }
    }
    let mut server = TcpStream::connect(upstream).ok()?;
    server.write_all(format!("{head}connection: close\r\n\r\n").as_bytes()).ok()?;
    server.write_all(&request.body).ok()?;
    let mut answer = Vec::new();
    server.read_to_end(&mut answer).ok()?;
    match fate {
        Fate::Then(act) => act(),
        Fate::Cut => answer.truncate(answer.len() / 2),
        _ => {}
    }
    client.write_all(&answer).ok()
}
