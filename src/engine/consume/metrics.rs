//! What a run counts for whoever looks from outside: Prometheus metrics, health and readiness over HTTP.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};
use tokio::net::TcpListener;

use super::{EventRef, Received, Settlement};
use crate::engine::exec::Outcome;

/// How long a client may take to say what it wants.
const PATIENCE: Duration = Duration::from_secs(10);

/// Event names come from outside: of more than so many the rest is counted as `other`.
const MOST_EVENTS: usize = 200;

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct OfEvent {
    queue: String,
    event: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct OfResult {
    queue: String,
    event: String,
    result: String,
}

/// The counts of a run. Cheap to clone; every clone counts the same.
#[derive(Clone, Default)]
pub struct Metrics(Arc<Inner>);

struct Inner {
    registry: Registry,
    received: Family<OfEvent, Counter>,
    started: Family<OfEvent, Counter>,
    handled: Family<OfResult, Counter>,
    settled: Family<OfResult, Counter>,
    duration: Family<OfEvent, Histogram>,
    age: Family<OfEvent, Histogram>,
    in_flight: Gauge<i64, AtomicI64>,
    heartbeat_failures: Counter,
    paused: Gauge<i64, AtomicI64>,
    ready: AtomicBool,
    receiving: AtomicBool,
    names: std::sync::Mutex<std::collections::HashSet<String>>,
    /// Of the oldest event that was started lately, in milliseconds.
    oldest: AtomicU64,
    done: AtomicU64,
    failed: AtomicU64,
}

/// A look at a run that goes on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// Events whose way is over.
    pub done: u64,
    /// Failed attempts.
    pub failed: u64,
    /// Events in the handlers' hands.
    pub in_flight: i64,
    /// How old the event that was started last was then.
    pub age: Duration,
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics").finish_non_exhaustive()
    }
}

impl Default for Inner {
    fn default() -> Self {
        let seconds = || Histogram::new(exponential_buckets(0.001, 4.0, 12));
        let ages = || Histogram::new(exponential_buckets(0.01, 4.0, 13));
        let inner = Self {
            registry: Registry::default(),
            received: Family::default(),
            started: Family::default(),
            handled: Family::default(),
            settled: Family::default(),
            duration: Family::new_with_constructor(seconds),
            age: Family::new_with_constructor(ages),
            in_flight: Gauge::default(),
            heartbeat_failures: Counter::default(),
            paused: Gauge::default(),
            ready: AtomicBool::new(false),
            receiving: AtomicBool::new(true),
            names: std::sync::Mutex::default(),
            oldest: AtomicU64::new(0),
            done: AtomicU64::new(0),
            failed: AtomicU64::new(0),
        };
        let mut registry = Registry::with_prefix("eventbus_consume");
        registry.register("received", "Messages received", inner.received.clone());
        registry.register("started", "Attempts that were begun", inner.started.clone());
        registry.register(
            "handled",
            "Attempts that came to a verdict, by how the handler ended (exit_N, signal, timeout, status_N, ...)",
            inner.handled.clone(),
        );
        registry.register("settled", "Events whose way is over, by what became of them", inner.settled.clone());
        registry.register_with_unit("duration", "What an attempt took", Unit::Seconds, inner.duration.clone());
        registry.register_with_unit(
            "queue_age",
            "From an event's sending to its queue to its attempt",
            Unit::Seconds,
            inner.age.clone(),
        );
        registry.register("in_flight", "Events in the handlers' hands", inner.in_flight.clone());
        registry.register(
            "heartbeat_failures",
            "Messages that could not be kept from others while they were handled",
            inner.heartbeat_failures.clone(),
        );
        registry.register("paused", "1 while the circuit breaker is open", inner.paused.clone());
        Self { registry, ..inner }
    }
}

impl Metrics {
    fn of_event(&self, event: &EventRef) -> OfEvent {
        let name = event.event_name.as_deref().unwrap_or("none");
        let mut names = self.0.names.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if !names.contains(name) && names.len() < MOST_EVENTS {
            names.insert(name.to_owned());
        }
        let name = if names.contains(name) { name } else { "other" };
        OfEvent { queue: event.queue.clone(), event: name.to_owned() }
    }

    fn of_result(&self, event: &EventRef, result: impl Into<String>) -> OfResult {
        let OfEvent { queue, event } = self.of_event(event);
        OfResult { queue, event, result: result.into() }
    }

    pub(super) fn received(&self, event: &EventRef) {
        self.0.received.get_or_create(&self.of_event(event)).inc();
    }

    pub(super) fn started(&self, event: &EventRef, received: &Received, now_ms: i64) {
        let of = self.of_event(event);
        self.0.started.get_or_create(&of).inc();
        if let Some(sent) = received.message.system.sent_at_ms {
            let age = u64::try_from(now_ms - sent).unwrap_or(0);
            self.0.oldest.store(age, Ordering::Relaxed);
            self.0.age.get_or_create(&of).observe(age as f64 / 1000.0);
        }
        self.0.in_flight.inc();
    }

    pub(super) fn ended(&self, event: &EventRef, outcome: &Outcome, took: Duration) {
        self.0.in_flight.dec();
        self.0.duration.get_or_create(&self.of_event(event)).observe(took.as_secs_f64());
        let result = match outcome {
            Outcome::Ack => "ack".to_owned(),
            Outcome::NotNow => "not_now".to_owned(),
            Outcome::Reject => "reject".to_owned(),
            Outcome::CannotRun(_) => "cannot_run".to_owned(),
            Outcome::Failed(failure) => failure.label(),
        };
        self.0.handled.get_or_create(&self.of_result(event, result)).inc();
    }

    pub(super) fn settled(&self, event: &EventRef, settlement: &Settlement) {
        self.0.settled.get_or_create(&self.of_result(event, settlement.word())).inc();
        self.0.done.fetch_add(1, Ordering::Relaxed);
        if matches!(
            settlement,
            Settlement::Retrying { .. } | Settlement::RejectFailed { .. } | Settlement::Rejected { .. }
        ) {
            self.0.failed.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(super) fn heartbeat_lost(&self, _event: &EventRef) {
        self.0.heartbeat_failures.inc();
    }

    pub(super) fn paused(&self, paused: bool) {
        self.0.paused.set(i64::from(paused));
    }

    pub(super) fn ready(&self, ready: bool) {
        self.0.ready.store(ready, Ordering::Relaxed);
    }

    pub(super) fn receiving(&self, works: bool) {
        self.0.receiving.store(works, Ordering::Relaxed);
    }

    /// How the run goes just now.
    pub fn snapshot(&self) -> Snapshot {
        Snapshot {
            done: self.0.done.load(Ordering::Relaxed),
            failed: self.0.failed.load(Ordering::Relaxed),
            in_flight: self.0.in_flight.get(),
            age: Duration::from_millis(self.0.oldest.load(Ordering::Relaxed)),
        }
    }

    /// Answers `/metrics`, `/healthz` and `/readyz` at `address` until the returned server is dropped.
    ///
    /// # Errors
    /// The address cannot be listened at.
    pub async fn serve(&self, address: SocketAddr) -> io::Result<Server> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let metrics = self.clone();
        let task = tokio::spawn(async move {
            loop {
                let Ok((stream, _)) = listener.accept().await else {
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    continue;
                };
                let metrics = metrics.clone();
                tokio::spawn(async move {
                    let service = service_fn(move |request| {
                        let answer = metrics.answer(&request);
                        async move { Ok::<_, std::convert::Infallible>(answer) }
                    });
                    let connection = http1::Builder::new()
                        .timer(TokioTimer::new())
                        .header_read_timeout(PATIENCE)
                        .serve_connection(TokioIo::new(stream), service);
                    // A connection that breaks is its client's affair.
                    let _ = connection.await;
                });
            }
        });
        Ok(Server { address, task })
    }

    fn answer(&self, request: &Request<Incoming>) -> Response<Full<Bytes>> {
        let (status, kind, text) = match request.uri().path() {
            "/metrics" => {
                let mut text = String::new();
                match encode(&mut text, &self.0.registry) {
                    Ok(()) => (StatusCode::OK, "application/openmetrics-text; version=1.0.0; charset=utf-8", text),
                    Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, "text/plain", format!("{error}\n")),
                }
            }
            // The process lives and answers.
            "/healthz" => (StatusCode::OK, "text/plain", "ok\n".into()),
            "/readyz" => {
                let (ready, receiving) =
                    (self.0.ready.load(Ordering::Relaxed), self.0.receiving.load(Ordering::Relaxed));
                let (status, text) = match (ready, receiving) {
                    (true, true) => (StatusCode::OK, "ready\n"),
                    (true, false) => (StatusCode::SERVICE_UNAVAILABLE, "receiving fails\n"),
                    (false, _) => (StatusCode::SERVICE_UNAVAILABLE, "not receiving\n"),
                };
                (status, "text/plain", text.into())
            }
            _ => (StatusCode::NOT_FOUND, "text/plain", "/metrics, /healthz, /readyz\n".into()),
        };
        let mut answer = Response::new(Full::new(Bytes::from(text)));
        *answer.status_mut() = status;
        answer.headers_mut().insert("content-type", http::HeaderValue::from_static(kind));
        answer
    }
}

/// A listening server, which ends when it is dropped.
#[derive(Debug)]
pub struct Server {
    /// Where it listens.
    pub address: SocketAddr,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}
