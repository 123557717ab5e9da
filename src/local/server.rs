//! The embedded bus behind a listener: the same answers as in process, for every other program.
//!
//! May use hyper. Adds what only strangers need: limits on headers and bodies, a time for slow ones, and no answers for web
//! pages, which could otherwise reach a listener on the loopback address from any site.

use std::io;
use std::net::IpAddr;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::LocalBus;

/// Bytes of a body at most: ten messages of 1 MiB in all, every byte escaped, with room to spare.
const MOST_BYTES: usize = 8 << 20;
/// A request's head must be complete after this.
const HEAD_TIME: Duration = Duration::from_secs(30);
/// And its body after this.
const BODY_TIME: Duration = Duration::from_secs(60);
/// What is under way when the server stops gets this long.
const GRACE: Duration = Duration::from_secs(2);

/// Serves `bus` on `listener` until `stop` resolves, then lets what is under way finish for two seconds.
///
/// # Errors
/// When the listener breaks. A connection that fails ends alone.
pub async fn serve(listener: TcpListener, bus: LocalBus, stop: impl Future<Output = ()>) -> io::Result<()> {
    bus.drive_moves();
    let mut connections = JoinSet::new();
    let (ending, ended) = watch::channel(());
    tokio::pin!(stop);
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            // Those that ended are forgotten as they do.
            Some(_) = connections.join_next() => continue,
            () = &mut stop => break,
        };
        let (stream, _) = match accepted {
            Ok(accepted) => accepted,
            // Out of descriptors, or a client that left at once: others go on.
            Err(error) if error.kind() == io::ErrorKind::InvalidInput => return Err(error),
            Err(_) => {
                tokio::time::sleep(Duration::from_millis(10)).await;
                continue;
            }
        };
        // Small answers must not wait for the next.
        let _ = stream.set_nodelay(true);
        let bus = bus.clone();
        let service = service_fn(move |request| answer(bus.clone(), request));
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD_TIME)
            .max_buf_size(64 << 10)
            .serve_connection(TokioIo::new(stream), service);
        let mut ended = ended.clone();
        connections.spawn(async move {
            tokio::pin!(connection);
            // A connection that breaks is its client's affair.
            tokio::select! {
                _ = &mut connection => return,
                _ = ended.changed() => connection.as_mut().graceful_shutdown(),
            }
            let _ = connection.await;
        });
    }
    drop(ending);
    let _ = tokio::time::timeout(GRACE, async { while connections.join_next().await.is_some() {} }).await;
    Ok(())
}

async fn answer(bus: LocalBus, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, std::convert::Infallible> {
    if let Some(reason) = stranger(&request) {
        return Ok(refuse(StatusCode::FORBIDDEN, reason));
    }
    let (parts, body) = request.into_parts();
    let body = match tokio::time::timeout(BODY_TIME, Limited::new(body, MOST_BYTES).collect()).await {
        Ok(Ok(body)) => body.to_bytes(),
        Ok(Err(_)) => return Ok(refuse(StatusCode::PAYLOAD_TOO_LARGE, "the body is too large or incomplete")),
        Err(_) => return Ok(refuse(StatusCode::REQUEST_TIMEOUT, "the body took too long")),
    };
    Ok(bus.handle(Request::from_parts(parts, body)).await.map(Full::new))
}

/// Why a request is not answered: it comes from a web page, or was sent to a name that only looks like this machine.
fn stranger<B>(request: &Request<B>) -> Option<&'static str> {
    if request.headers().contains_key(header::ORIGIN) {
        return Some("requests of web pages are refused");
    }
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => host,
    };
    let address = name.trim_start_matches('[').trim_end_matches(']');
    let known = address.is_empty()
        || address.parse::<IpAddr>().is_ok()
        || address == "localhost"
        || address.ends_with(".localhost")
        || address.ends_with(".amazonaws.com");
    (!known).then_some("the Host of the request is not this machine")
}

fn refuse(status: StatusCode, reason: &'static str) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from_static(reason.as_bytes())));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(name: header::HeaderName, value: &str) -> bool {
        stranger(&Request::builder().header(name, value).body(()).unwrap()).is_none()
    }

    #[test]
    fn web_pages_and_foreign_names_are_refused() {
        for good in
            ["127.0.0.1:4100", "localhost", "localhost:1", "[::1]:80", "sqs.us-east-1.amazonaws.com", "a.localhost:3"]
        {
            assert!(verdict(header::HOST, good), "{good}");
        }
        for bad in ["evil.example", "evil.example:80", "localhost.evil.example", "xlocalhost"] {
            assert!(!verdict(header::HOST, bad), "{bad}");
        }
        assert!(!verdict(header::ORIGIN, "https://evil.example"));
    }
}
