//! The embedded bus behind a listener: the same answers as in process, for every other program.
//!
//! May use hyper. Adds what only strangers need: limits on headers and bodies, a time for slow ones, and no answers for web
//! pages, which could otherwise reach a listener on the loopback address from any site. Bodies may be compressed with gzip.

use std::io::{self, Read as _};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use flate2::read::MultiGzDecoder;
use http::{Request, Response, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::{Body as _, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::error::{ApiError, ApiResult};
use super::signature::{self, Credentials};
use super::{LocalBus, developer, wire};
use crate::clock::random_id;

/// Bytes of a body at most: ten messages of 1 MiB in all, every byte escaped, with room to spare.
const MOST_BYTES: usize = 8 << 20;
/// Bytes of a request's headers at most, names and values.
const MOST_HEADERS: usize = 64 << 10;
/// A request's head must be complete after this.
const HEAD_TIME: Duration = Duration::from_secs(30);
/// And its body after this.
const BODY_TIME: Duration = Duration::from_secs(60);
/// Who asks whether a bus is there waits this long.
const PROBE_TIME: Duration = Duration::from_secs(5);
/// What is under way when the server stops gets this long.
const GRACE: Duration = Duration::from_secs(2);

/// Serves `bus` on `listener` until `stop` resolves, then lets what is under way finish for two seconds.
///
/// With `credentials` every request must be signed with them, but those for the health of the bus. Without, only a listener on
/// the loopback address is safe.
///
/// # Errors
/// When the listener breaks. A connection that fails ends alone.
pub async fn serve(
    listener: TcpListener,
    bus: LocalBus,
    credentials: Option<Credentials>,
    stop: impl Future<Output = ()>,
) -> io::Result<()> {
    bus.drive_moves();
    let credentials = credentials.map(Arc::new);
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
        let (bus, credentials) = (bus.clone(), credentials.clone());
        let service = service_fn(move |request| answer(bus.clone(), credentials.clone(), request));
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD_TIME)
            .max_buf_size(MOST_HEADERS)
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

/// Whether an embedded bus answers on this loopback port.
pub async fn answers(port: u16) -> bool {
    let ask = async {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
        let request = format!("GET /_eventbus/health HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await?;
        let mut answer = Vec::new();
        stream.take(4_096).read_to_end(&mut answer).await?;
        io::Result::Ok(answer)
    };
    let answer = tokio::time::timeout(PROBE_TIME, ask).await.ok().and_then(Result::ok).unwrap_or_default();
    let (head, body) = answer.split_at(answer.windows(4).position(|part| part == b"\r\n\r\n").unwrap_or(0));
    head.starts_with(b"HTTP/1.1 200") && body.windows(13).any(|part| part == br#""status":"ok""#)
}

async fn answer(
    bus: LocalBus,
    credentials: Option<Arc<Credentials>>,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, std::convert::Infallible> {
    let protocol = wire::protocol_of(&request);
    let answer = match admit(request, credentials.as_deref(), bus.now_ms()).await {
        Ok(request) => bus.handle(request).await,
        Err(error) => wire::refuse(protocol, &error, &random_id().to_string()),
    };
    Ok(answer.map(Full::new))
}

/// The request with its whole body, or why it is turned away.
async fn admit(
    request: Request<Incoming>,
    credentials: Option<&Credentials>,
    now_ms: i64,
) -> ApiResult<Request<Bytes>> {
    // A name that is not this machine's is one that a signature vouches for.
    if let Some(reason) = page(&request).or_else(|| if credentials.is_none() { stranger(&request) } else { None }) {
        return Err(ApiError::new("AccessDenied", reason).status(403));
    }
    let (parts, body) = request.into_parts();
    // What came in one piece may be larger than the buffer that waits for the rest.
    if parts.headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum::<usize>() > MOST_HEADERS {
        let reason = format!("the headers are longer than {MOST_HEADERS} bytes");
        return Err(ApiError::new("RequestHeaderFieldsTooLarge", reason).status(431));
    }
    let too_large = || {
        let reason = format!("the body is incomplete or longer than {MOST_BYTES} bytes");
        ApiError::new("RequestEntityTooLarge", reason).status(413)
    };
    // Said before the client is asked to go on sending it.
    if body.size_hint().lower() > MOST_BYTES as u64 {
        return Err(too_large());
    }
    let body = match tokio::time::timeout(BODY_TIME, Limited::new(body, MOST_BYTES).collect()).await {
        Ok(Ok(body)) => body.to_bytes(),
        Ok(Err(_)) => return Err(too_large()),
        Err(_) => return Err(ApiError::new("RequestTimeout", "the body took too long").status(408)),
    };
    let signed = Request::from_parts(parts, body);
    if let Some(credentials) = credentials.filter(|_| signed.uri().path() != developer::HEALTH) {
        signature::verify(&signed, credentials, now_ms)?;
    }
    let (mut parts, body) = signed.into_parts();
    let encoding = parts.headers.remove(header::CONTENT_ENCODING);
    let body = match encoding.as_ref().map(|encoding| encoding.as_bytes().to_ascii_lowercase()).as_deref() {
        None | Some(b"" | b"identity") => body,
        Some(b"gzip" | b"x-gzip") => {
            let mut plain = Vec::with_capacity(body.len().saturating_mul(4).min(MOST_BYTES));
            // One byte more than allowed is enough to know: what a small body swells to is never held.
            let read = MultiGzDecoder::new(&*body).take(MOST_BYTES as u64 + 1).read_to_end(&mut plain);
            read.map_err(|e| ApiError::new("MalformedInput", format!("the body is not gzip: {e}")))?;
            if plain.len() > MOST_BYTES {
                return Err(too_large());
            }
            Bytes::from(plain)
        }
        Some(_) => {
            return Err(ApiError::new("UnsupportedMediaType", "a body may be compressed with gzip alone").status(415));
        }
    };
    Ok(Request::from_parts(parts, body))
}

/// Why a request is not answered: it comes from a web page.
fn page<B>(request: &Request<B>) -> Option<&'static str> {
    // An image or a form of any site can ask for an address of this machine, without an Origin; browsers say so. `none` is what
    // a person typed.
    let site = request.headers().get("sec-fetch-site");
    if request.headers().contains_key(header::ORIGIN) || site.is_some_and(|site| site != "none") {
        return Some("requests of web pages are refused");
    }
    None
}

/// Why a request is not answered: it was sent to a name that only looks like this machine.
fn stranger<B>(request: &Request<B>) -> Option<&'static str> {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(name: header::HeaderName, value: &str) -> bool {
        let request = Request::builder().header(name, value).body(()).unwrap();
        page(&request).or(stranger(&request)).is_none()
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
        let site = || header::HeaderName::from_static("sec-fetch-site");
        assert!(verdict(site(), "none") && !verdict(site(), "cross-site") && !verdict(site(), "same-site"));
    }
}
