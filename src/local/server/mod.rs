//! The embedded bus behind a listener: the same answers as in process, for every other program.
//!
//! May use hyper. Adds what only strangers need: limits on headers and bodies, a time for slow ones, and no answers for web
//! pages, which could otherwise reach a listener on the loopback address from any site. Bodies may be compressed with gzip.
//!
//! | asked | answered |
//! |---|---|
//! | more bytes than a body may have, before or after it is unpacked | 413 `RequestEntityTooLarge` |
//! | more headers than 64 KiB or a hundred | 431 |
//! | a head that is not complete 30 s after its first byte, an answer that is not fetched for 60 s | the connection is closed |
//! | a body that is not complete after 60 s | 408 `RequestTimeout` |
//! | nothing, on a connection that is kept | the connection is closed after 15 minutes |
//! | by a web page of an origin that is not allowed, or under a name that is not this machine's | 403 `AccessDenied` |
//! | without the right signature, where one is wanted | 403, see [`signature`](super::signature) |
//!
//! More connections than the process may have files open wait in the system's queue until others end.

mod admission;
mod patience;
mod room;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::{LocalBus, wire};
use crate::clock::random_id;
use patience::{Patient, Turn};

pub use admission::Access;
pub use room::room_for_connections;

/// Who asks whether a bus is there waits this long.
const PROBE_TIME: Duration = Duration::from_secs(5);
/// How often it is looked whether the bus file is still there.
const LOOK: Duration = Duration::from_secs(1);
/// What is under way when the server stops gets this long.
const GRACE: Duration = Duration::from_secs(2);

/// Serves `bus` on `listener` to those whom `access` lets in until `stop` resolves, then lets what is under way finish for two
/// seconds.
///
/// Without credentials only a listener on the loopback address is safe. No more connections than `room` are held at a time.
///
/// # Errors
/// When the listener breaks, or the bus file is deleted or replaced: then nothing more can be kept. A connection that fails ends
/// alone.
pub async fn serve(
    listener: TcpListener,
    bus: LocalBus,
    access: Access,
    room: usize,
    stop: impl Future<Output = ()>,
) -> io::Result<()> {
    let access = Arc::new(access);
    let mut connections = JoinSet::new();
    let (ending, ended) = watch::channel(());
    let mut look = tokio::time::interval(LOOK);
    look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    tokio::pin!(stop);
    let outcome = loop {
        let accepted = tokio::select! {
            accepted = listener.accept(), if connections.len() < room => accepted,
            // Those that ended are forgotten as they do.
            Some(_) = connections.join_next() => continue,
            _ = look.tick() => match bus.lost() {
                Some(sentence) => break Err(io::Error::other(sentence)),
                None => {
                    let bus = bus.clone();
                    tokio::spawn(async move { bus.take_over_moves().await });
                    continue;
                }
            },
            () = &mut stop => break Ok(()),
        };
        let (stream, _) = match accepted {
            Ok(accepted) => accepted,
            // Out of descriptors, or a client that left at once: others go on.
            Err(error) if error.kind() == io::ErrorKind::InvalidInput => break Err(error),
            Err(_) => {
                tokio::time::sleep(Duration::from_millis(10)).await;
                continue;
            }
        };
        // Small answers must not wait for the next.
        let _ = stream.set_nodelay(true);
        connections.spawn(converse(stream, bus.clone(), Arc::clone(&access), ended.clone()));
    };
    drop(ending);
    bus.end_waiting();
    let _ = tokio::time::timeout(GRACE, async { while connections.join_next().await.is_some() {} }).await;
    outcome
}

/// One connection, until its client leaves, is too slow, or the server ends.
async fn converse(stream: TcpStream, bus: LocalBus, access: Arc<Access>, mut ended: watch::Receiver<()>) {
    let (stream, turn) = Patient::new(stream);
    // Boxed: a connection on which nothing is asked must not have room for an answer in the making.
    let service = service_fn(move |request| Box::pin(answer(bus.clone(), Arc::clone(&access), turn.clone(), request)));
    let connection = http1::Builder::new()
        .header_read_timeout(None)
        .max_buf_size(admission::MOST_HEADERS)
        .serve_connection(TokioIo::new(stream), service);
    tokio::pin!(connection);
    // A connection that breaks is its client's affair.
    tokio::select! {
        _ = &mut connection => return,
        _ = ended.changed() => connection.as_mut().graceful_shutdown(),
    }
    let _ = connection.await;
}

/// Who listens on a loopback port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Listening {
    /// An embedded bus, which answers everybody.
    Bus,
    /// An embedded bus, which answers what is signed with its key.
    SignedBus,
    /// Another program, or none.
    NoBus,
}

/// Whether an embedded bus answers on this loopback port.
pub async fn answers(port: u16) -> Listening {
    let (head, body) = ask(port, "/_eventbus/health").await;
    if !head.starts_with("HTTP/1.1 200") || !body.contains(r#""status":"ok""#) {
        return Listening::NoBus;
    }
    // Any other question is answered to those who may ask.
    if ask(port, "/").await.0.starts_with("HTTP/1.1 403") { Listening::SignedBus } else { Listening::Bus }
}

/// Whether LocalStack, or what answers as it does, answers on this loopback port.
pub async fn is_localstack(port: u16) -> bool {
    let (head, body) = ask(port, "/_localstack/health").await;
    // Only the beginning of a long answer is read.
    head.starts_with("HTTP/1.1 200") && body.contains(r#""services""#) && body.contains(r#""sqs""#)
}

/// Head and body of the answer to a request; empty when there is none.
async fn ask(port: u16, path: &str) -> (String, String) {
    let ask = async {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
        let request = format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await?;
        let mut answer = Vec::new();
        stream.take(4_096).read_to_end(&mut answer).await?;
        io::Result::Ok(answer)
    };
    let answer = tokio::time::timeout(PROBE_TIME, ask).await.ok().and_then(Result::ok).unwrap_or_default();
    let answer = String::from_utf8_lossy(&answer).into_owned();
    match answer.split_once("\r\n\r\n") {
        Some((head, body)) => (head.to_owned(), body.to_owned()),
        None => (answer, String::new()),
    }
}

async fn answer(
    bus: LocalBus,
    access: Arc<Access>,
    turn: Turn,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, std::convert::Infallible> {
    let _answering = turn.begin();
    let protocol = wire::protocol_of(&request);
    let shown = access.shown_to(&request);
    let mut answer = match access.preflight(&request) {
        Some(answer) => answer,
        None => match admission::admit(request, &access, bus.now_ms()).await {
            Ok(request) => bus.handle(request).await,
            Err(error) => wire::refuse(protocol, &error, &random_id().to_string()),
        },
    };
    answer.headers_mut().extend(shown);
    Ok(answer.map(Full::new))
}
