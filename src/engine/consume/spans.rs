//! OpenTelemetry: a span for each attempt, sent as OTLP over HTTP in its JSON form
//! (<https://opentelemetry.io/docs/specs/otlp/#otlphttp>), which needs nothing but an HTTP client.
//!
//! The attributes are those of the semantic conventions for messaging
//! (<https://opentelemetry.io/docs/specs/semconv/messaging/messaging-spans/>): the span belongs to the event's trace and is linked
//! to the span that published it. An event whose publisher chose not to sample its trace has none.
//!
//! Nothing here holds up an event: spans that nobody takes are dropped, and that is said.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout, timeout_at};

use super::{EventRef, Received, Target};
use crate::clock::random_id;
use crate::engine::backoff::{Backoff, random};
use crate::engine::exec::{Failure, Outcome};
use crate::engine::{Emitter, Event as Told};
use crate::event::{Metadata, TraceParent};

/// Spans that may wait.
const WAITING: usize = 2048;
/// Spans of one request, and how long the first of them waits for others.
const MOST: usize = 512;
const COMPANY: Duration = Duration::from_secs(1);
/// A collector gets so long to answer, and so often another chance.
const PATIENCE: Duration = Duration::from_secs(10);
const TRIES: u32 = 3;
const RETRY: Backoff = Backoff { base: Duration::from_millis(500), cap: Duration::from_secs(5) };
/// How long the last ones may take when the run is over.
const LAST: Duration = Duration::from_secs(5);

/// Where spans go, and what they say of this process.
#[derive(Clone, Debug)]
pub struct SpanExport {
    /// The collector's address for traces.
    pub to: Target,
    /// Headers of the requests, credentials among them.
    pub headers: Headers,
    /// `service.name` and whatever else was asked for.
    pub resource: Vec<(String, String)>,
}

/// Headers that are never shown.
#[derive(Clone, Default)]
pub struct Headers(pub Vec<(String, String)>);

impl std::fmt::Debug for Headers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "({} headers)", self.0.len())
    }
}

/// Takes spans and sends them.
pub(super) struct Spans {
    waiting: mpsc::Sender<Value>,
    dropped: AtomicU64,
}

/// An attempt that is under way.
pub(super) struct Span {
    trace: TraceParent,
    from: Option<TraceParent>,
    began_ms: i64,
}

impl Span {
    /// The span of an attempt at this event; none if its trace is not sampled.
    pub(super) fn begin(metadata: &Metadata, now_ms: i64) -> Option<Self> {
        let from = metadata.trace();
        let mut span = [0; 8];
        span.copy_from_slice(&random_id().as_bytes()[..8]);
        let trace = match from {
            Some(from) if from.is_sampled() => from.continued(span),
            Some(_) => return None,
            None => TraceParent::new(*random_id().as_bytes(), span, true),
        };
        Some(Self { trace, from, began_ms: now_ms })
    }

    /// What a handler continues.
    pub(super) fn traceparent(&self) -> String {
        self.trace.to_string()
    }

    /// The span as OTLP writes it.
    pub(super) fn end(
        self,
        event: &EventRef,
        received: &Received,
        queue_url: &str,
        outcome: &Outcome,
        took: Duration,
    ) -> Value {
        let text = |key: &str, value: &str| json!({"key": key, "value": {"stringValue": value}});
        let number = |key: &str, value: u64| json!({"key": key, "value": {"intValue": value.to_string()}});
        let (word, failure) = match outcome {
            Outcome::Ack => ("ack", None),
            Outcome::NotNow => ("not_now", None),
            Outcome::Reject => ("reject", Some(("reject".to_owned(), "rejected by the handler".to_owned()))),
            Outcome::CannotRun(why) => ("cannot_run", Some(("cannot_run".to_owned(), why.clone()))),
            Outcome::Failed(Failure::Aborted) => ("released", None),
            Outcome::Failed(failure) => ("retry", Some((failure.label(), failure.to_string()))),
        };
        let mut attributes = vec![
            text("messaging.system", "aws_sqs"),
            text("messaging.operation.name", "process"),
            text("messaging.operation.type", "process"),
            text("messaging.destination.name", &event.queue),
            text("messaging.message.id", &event.message_id),
            number("messaging.message.body.size", received.message.body.len() as u64),
            text("aws.sqs.queue.url", queue_url),
            text("eventbus.event.name", event.event_name.as_deref().unwrap_or_default()),
            number("eventbus.attempt", u64::from(event.attempt)),
            text("eventbus.outcome", word),
        ];
        if let Some(id) = &event.sns_message_id {
            attributes.push(text("eventbus.sns_message_id", id));
        }
        let mut whole = json!({
            "traceId": self.trace.trace_id(), "spanId": self.trace.span_id(), "name": format!("process {}", event.queue), "kind": CONSUMER,
            "startTimeUnixNano": nanoseconds(self.began_ms, Duration::ZERO),
            "endTimeUnixNano": nanoseconds(self.began_ms, took),
        });
        if let Some(from) = self.from {
            whole["parentSpanId"] = from.span_id().into();
            whole["links"] = json!([{"traceId": from.trace_id(), "spanId": from.span_id()}]);
        }
        if let Some((kind, why)) = failure {
            attributes.push(text("error.type", &kind));
            whole["status"] = json!({"code": ERROR, "message": why});
        }
        whole["attributes"] = attributes.into();
        whole
    }
}

/// `SPAN_KIND_CONSUMER` and `STATUS_CODE_ERROR` of the protocol.
const CONSUMER: u8 = 5;
const ERROR: u8 = 2;

fn nanoseconds(epoch_ms: i64, after: Duration) -> String {
    (u128::try_from(epoch_ms).unwrap_or(0) * 1_000_000 + after.as_nanos()).to_string()
}

impl Spans {
    /// Starts sending. The handle ends after the last span once this is dropped.
    pub(super) fn start(export: SpanExport, emit: Emitter) -> (Self, JoinHandle<()>) {
        let (waiting, taken) = mpsc::channel(WAITING);
        let task = tokio::spawn(Sending { export, emit, failing: false }.run(taken));
        (Self { waiting, dropped: AtomicU64::new(0) }, task)
    }

    /// Hands one over; dropped where too many wait.
    pub(super) fn take(&self, span: Value) {
        if self.waiting.try_send(span).is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// How many were dropped.
    pub(super) fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }
}

/// Waits for the last spans, but not for long.
pub(super) async fn ended(sending: JoinHandle<()>, over: impl Future<Output = ()>) {
    tokio::select! {
        _ = timeout(LAST, sending) => {}
        () = over => {}
    }
}

struct Sending {
    export: SpanExport,
    emit: Emitter,
    failing: bool,
}

impl Sending {
    async fn run(mut self, mut taken: mpsc::Receiver<Value>) {
        while let Some(first) = taken.recv().await {
            let mut spans = vec![first];
            let leave = Instant::now() + COMPANY;
            while spans.len() < MOST {
                match timeout_at(leave, taken.recv()).await {
                    Ok(Some(span)) => spans.push(span),
                    // None: that was the last.
                    _ => break,
                }
            }
            self.send(spans).await;
        }
    }

    async fn send(&mut self, spans: Vec<Value>) {
        let attributes: Vec<Value> = self
            .export
            .resource
            .iter()
            .map(|(key, value)| json!({"key": key, "value": {"stringValue": value}}))
            .collect();
        let count = spans.len();
        let scope = json!({"name": "eventbus", "version": env!("CARGO_PKG_VERSION")});
        let scoped = json!([{"scope": scope, "spans": spans}]);
        let body = json!({"resourceSpans": [{"resource": {"attributes": attributes}, "scopeSpans": scoped}]});
        let body = body.to_string();
        let mut attempt = 1;
        let failed = loop {
            let posted = timeout(PATIENCE, self.export.to.post_json(&self.export.headers.0, body.clone())).await;
            // The protocol says which statuses are worth another try.
            let (why, passing) = match posted {
                Ok(Ok(status)) if (200..300).contains(&status) => break None,
                Ok(Ok(status)) => (format!("status {status}"), matches!(status, 429 | 502 | 503 | 504)),
                Ok(Err(why)) => (why, true),
                Err(_) => ("no answer in time".to_owned(), true),
            };
            if !passing || attempt == TRIES {
                break Some(why);
            }
            sleep(RETRY.after(attempt, random())).await;
            attempt += 1;
        };
        let was_failing = std::mem::replace(&mut self.failing, failed.is_some());
        if let Some(why) = failed.filter(|_| !was_failing) {
            let told =
                format!("{count} spans were not taken by {}: {why}; events are handled all the same", self.export.to);
            let _ = self.emit.emit(Told::Warning(told)).await;
        }
    }
}
