//! A web service: each event as a CloudEvents request, the status as the outcome.
//!
//! The binary mode of CloudEvents 1.0 over HTTP: the payload is the body, the metadata are `ce-*` headers
//! (<https://github.com/cloudevents/spec/blob/main/cloudevents/bindings/http-protocol-binding.md>).
//!
//! | status | outcome |
//! |---|---|
//! | 2xx | acknowledged |
//! | 429, 503 | not now, after `Retry-After` where there is one |
//! | 400, 413, 422 | rejected: the service says that it is this event that will never do |
//! | any other, and no answer | a failed attempt: it may be the service's fault, and retries are bounded by the queue |
//!
//! Redirects are not followed: a `POST` that becomes a `GET` would be acknowledged by a login page.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use tokio::time::error::Elapsed;
use tokio::time::{Instant, timeout_at};

use super::{Answer, Job, deadline};
use crate::engine::consume::work::Shared;
use crate::engine::consume::{Stdin, handler};
use crate::engine::exec::{Failure, Outcome};

/// What CloudEvents says to encode in a header's value: blanks, `"`, `%` and whatever is not printable ASCII.
const ENCODED: &AsciiSet = &CONTROLS.add(b' ').add(b'"').add(b'%');

/// Bytes of an answer that are read.
const MAX_ANSWER: usize = 1 << 20;

/// Characters of an answer that are shown.
const SHOWN: usize = 200;

/// Where the requests go.
#[derive(Clone)]
pub struct Target(Arc<Inner>);

struct Inner {
    uri: ::http::Uri,
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Target").field(&self.to_string()).finish()
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Without what may be a secret: user, password and query.
        let host = self.0.uri.host().unwrap_or_default();
        let port = self.0.uri.port().map(|port| format!(":{port}")).unwrap_or_default();
        write!(f, "{}://{host}{port}{}", self.0.uri.scheme_str().unwrap_or("http"), self.0.uri.path())
    }
}

impl Target {
    /// A target of the command line.
    ///
    /// # Errors
    /// It is no `http` or `https` URL with a host, or the system's certificates cannot be read for `https`.
    pub fn parse(url: &str) -> Result<Self, String> {
        let no_url = "it is no http(s) URL; expected something like `http://localhost:8000/hook`";
        let uri: ::http::Uri = url.parse().map_err(|_| no_url.to_owned())?;
        if uri.host().is_none() || !matches!(uri.scheme_str(), Some("http" | "https")) {
            return Err(no_url.to_owned());
        }
        if uri.authority().is_some_and(|authority| authority.as_str().contains('@')) {
            return Err("a user and a password in a URL are not supported".into());
        }
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_connect_timeout(Some(Duration::from_secs(10)));
        let builder = HttpsConnectorBuilder::new();
        let connector = if uri.scheme_str() == Some("https") {
            let builder = builder
                .with_provider_and_native_roots(rustls::crypto::ring::default_provider())
                .map_err(|error| format!("the system's certificates cannot be read: {error}"))?;
            builder.https_or_http().enable_http1().wrap_connector(tcp)
        } else {
            let provider = Arc::new(rustls::crypto::ring::default_provider());
            let config = rustls::ClientConfig::builder_with_provider(provider)
                .with_safe_default_protocol_versions()
                .map_err(|error| error.to_string())?
                .with_root_certificates(rustls::RootCertStore::empty())
                .with_no_client_auth();
            builder.with_tls_config(config).https_or_http().enable_http1().wrap_connector(tcp)
        };
        let client = Client::builder(TokioExecutor::new()).build(connector);
        Ok(Self(Arc::new(Inner { uri, client })))
    }

    /// Posts JSON and returns the status.
    ///
    /// # Errors
    /// Why there is no answer.
    pub(in crate::engine::consume) async fn post_json(
        &self,
        headers: &[(String, String)],
        body: String,
    ) -> Result<u16, String> {
        let mut request = ::http::Request::post(self.0.uri.clone())
            .header("content-type", "application/json")
            .header("user-agent", USER_AGENT);
        for (name, value) in headers {
            request = request.header(name, value);
        }
        let request = request.body(Full::new(Bytes::from(body))).map_err(|error| error.to_string())?;
        let response = self.0.client.request(request).await.map_err(|error| cause(&error))?;
        let status = response.status().as_u16();
        // Read, so that the connection can be used again.
        let _ = Limited::new(response.into_body(), MAX_ANSWER).collect().await;
        Ok(status)
    }
}

const USER_AGENT: &str = concat!("eventbus/", env!("CARGO_PKG_VERSION"));

pub(super) struct Http(Target);

impl Http {
    pub(super) fn new(target: &Target) -> Self {
        Self(target.clone())
    }

    pub(super) async fn handle(&self, shared: &Shared, job: Job<'_>) -> Answer {
        let begun = Instant::now();
        let request = match request(&self.0.0.uri, shared, &job) {
            Ok(request) => request,
            Err(error) => return Answer::of(Outcome::Failed(Failure::Request(error.to_string())), begun.elapsed()),
        };
        (job.begun)();
        let over = begun + job.timeout;
        let ask = async {
            let asked = timeout_at(over, self.0.0.client.request(request)).await?;
            let response = match asked {
                Ok(response) => response,
                Err(error) => return Ok(Err(cause(&error))),
            };
            let (parts, body) = response.into_parts();
            // The outcome is in the status; an answer that is too long, breaks off or does not end says no less.
            let body = timeout_at(over, Limited::new(body, MAX_ANSWER).collect()).await;
            let body = body.ok().and_then(Result::ok).map(|body| body.to_bytes()).unwrap_or_default();
            Ok::<_, Elapsed>(Ok((parts, body)))
        };
        let answer = tokio::select! {
            answer = ask => answer,
            () = shared.aborting() => return Answer::of(Outcome::Failed(Failure::Aborted), begun.elapsed()),
        };
        match answer {
            Err(_) => Answer::of(Outcome::Failed(Failure::Timeout(job.timeout)), begun.elapsed()),
            Ok(Err(why)) => Answer::of(Outcome::Failed(Failure::Request(why)), begun.elapsed()),
            Ok(Ok((parts, body))) => {
                let now_ms = shared.request.clock.now_ms();
                Answer {
                    retry_after: retry_after(parts.headers.get("retry-after"), now_ms),
                    reason: reason(parts.status, &body),
                    payload: std::str::from_utf8(&body).ok().map(str::to_owned),
                    ..Answer::of(outcome(parts.status), begun.elapsed())
                }
            }
        }
    }
}

fn outcome(status: ::http::StatusCode) -> Outcome {
    match status.as_u16() {
        200..=299 => Outcome::Ack,
        429 | 503 => Outcome::NotNow,
        400 | 413 | 422 => Outcome::Reject,
        code => Outcome::Failed(Failure::Status(code)),
    }
}

fn reason(status: ::http::StatusCode, body: &[u8]) -> Option<String> {
    if status.is_success() {
        return None;
    }
    let text = String::from_utf8_lossy(body);
    let shown: String = text.trim().chars().take(SHOWN).collect();
    Some(if shown.is_empty() {
        format!("status {}", status.as_u16())
    } else {
        format!("status {}: {shown}", status.as_u16())
    })
}

/// `Retry-After` in seconds or as a date (RFC 9110); a date that is over is a wait of none.
fn retry_after(header: Option<&::http::HeaderValue>, now_ms: i64) -> Option<Duration> {
    let text = header?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse::<u64>() {
        return Some(Duration::from_secs(seconds));
    }
    let at = jiff::fmt::rfc2822::parse(text).ok()?.timestamp().as_millisecond();
    Some(Duration::from_millis(u64::try_from(at - now_ms).unwrap_or(0)))
}

fn request(uri: &::http::Uri, shared: &Shared, job: &Job<'_>) -> Result<::http::Request<Full<Bytes>>, ::http::Error> {
    let metadata = &job.event.metadata;
    let form = shared.request.stdin;
    // Unless asked otherwise the body is the payload, since the metadata have headers of their own.
    let body = match form {
        Stdin::Event | Stdin::Payload => job.event.payload.get().as_bytes().to_vec(),
        Stdin::Record | Stdin::Body => handler::stdin(form, job.event, job.received, job.queue),
    };
    let attempt = job.name.attempt.to_string();
    let deadline = deadline(&shared.request.clock, job.timeout);
    let id = job.received.sns_message_id.as_ref().unwrap_or(&job.received.message.id);
    let content_type = if form == Stdin::Body { "text/plain; charset=utf-8" } else { "application/json" };
    let mut builder = ::http::Request::post(uri.clone())
        .header("content-type", content_type)
        .header("user-agent", USER_AGENT)
        .header("ce-specversion", "1.0");
    for (name, value) in [
        ("ce-id", Some(id.as_str())),
        ("ce-type", Some(metadata.event_name.as_str())),
        ("ce-source", Some(metadata.publisher_name.as_deref().filter(|name| !name.is_empty()).unwrap_or("/"))),
        ("ce-subject", metadata.entity_id.as_deref()),
        ("ce-time", metadata.publish_date.as_deref()),
        ("ce-entityname", metadata.entity_name.as_deref()),
        ("ce-messageid", Some(job.received.message.id.as_str())),
        ("ce-queue", Some(job.queue)),
        ("ce-attempt", Some(attempt.as_str())),
        ("ce-deadline", deadline.as_deref()),
        ("ce-traceparent", metadata.traceparent.as_deref()),
        ("ce-tracestate", metadata.tracestate.as_deref()),
        ("traceparent", job.traceparent.as_deref().or(metadata.traceparent.as_deref())),
        ("tracestate", metadata.tracestate.as_deref()),
    ] {
        // As in the environment of a process: an event must not be able to make every request fail.
        if let Some(value) = value.filter(|value| !value.is_empty() && value.len() <= crate::engine::exec::VALUE_LIMIT)
        {
            builder = builder.header(name, utf8_percent_encode(value, ENCODED).to_string());
        }
    }
    builder.body(Full::new(Bytes::from(body)))
}

/// The error with its innermost cause, which is the one that says something.
fn cause(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut below = error.source();
    while let Some(cause) = below {
        text = cause.to_string();
        below = cause.source();
    }
    format!("the request failed: {text}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_status_is_the_outcome() {
        let of = |code: u16| outcome(::http::StatusCode::from_u16(code).unwrap());
        for code in [200, 202, 204] {
            assert_eq!(of(code), Outcome::Ack);
        }
        for code in [429, 503] {
            assert_eq!(of(code), Outcome::NotNow);
        }
        for code in [400, 413, 422] {
            assert_eq!(of(code), Outcome::Reject);
        }
        for code in [301, 401, 403, 404, 408, 500, 502, 504] {
            assert_eq!(of(code), Outcome::Failed(Failure::Status(code)), "{code}");
        }
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let of = |text: &str| retry_after(Some(&text.parse().unwrap()), 784_111_777_000);
        assert_eq!(of("120"), Some(Duration::from_secs(120)));
        assert_eq!(of("Sun, 06 Nov 1994 08:50:37 GMT"), Some(Duration::from_secs(60)));
        assert_eq!(of("Sun, 06 Nov 1994 08:40:37 GMT"), Some(Duration::ZERO));
        assert_eq!(of("soon"), None);
        assert_eq!(retry_after(None, 0), None);
    }

    #[test]
    fn targets_that_hold_and_that_do_not() {
        assert_eq!(
            Target::parse("http://localhost:8000/hook?token=x").unwrap().to_string(),
            "http://localhost:8000/hook"
        );
        for url in ["localhost:8000", "ftp://x/", "http://", "/hook", "http://user:password@host/", ""] {
            assert!(Target::parse(url).is_err(), "{url}");
        }
    }
}
