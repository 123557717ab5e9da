//! The developer endpoints: what AWS does not have and a laptop wants.
//!
//! | endpoint | answer |
//! |---|---|
//! | `GET /_aws/sqs/messages?QueueUrl=URL`, `GET /_aws/sqs/messages/REGION/ACCOUNT/QUEUE` | the messages of a queue as ReceiveMessage shows them, changing nothing; in flight or delayed ones with `ShowInvisible=true`, `ShowDelayed=true`. XML, or JSON with `Accept: application/json`; also by POST, as a client of either protocol whose endpoint is this address asks. At most 10,000 of them and 32 MiB of bodies: then the header `x-eventbus-truncated: true` says so. As LocalStack: <https://docs.localstack.cloud/aws/services/sqs/> |
//! | `GET /_eventbus/messages` | see [`peek`] |
//! | `POST /_eventbus/move` | see [`relocate`] |
//! | `GET /_eventbus/health` | `{"status": "ok", "version": …}` |
//! | `POST /_eventbus/reset` | empties the bus: `{"removed": {"topics", "queues", "subscriptions", "messages"}}` |

use bytes::Bytes;
use http::{Method, Request, Response, header};
use serde_json::{Map, Value, json};

use super::Cx;
use super::error::{ApiError, ApiResult};
use super::names::{valid_account, valid_region};
use super::sqs::receive::{Wanted, render};
use super::sqs::types::{Message, Messages};
use super::store::catalogue::Queue;
use super::store::messages::{self, Bounds};
use super::store::whole::{self, State};
use super::wire::{self, Answer, Protocol, Service, form};
use super::{peek, relocate};

/// LocalStack's endpoint.
const MESSAGES: &str = "/_aws/sqs/messages";
/// Ours.
const OURS: &str = "/_eventbus/";
/// Where anybody may ask whether the bus is well.
pub(crate) const HEALTH: &str = "/_eventbus/health";
/// What one answer holds at most: enough for a test, and bounded for a queue of a million. There is no way to ask for the rest.
const MOST: Bounds = Bounds { messages: 10_000, bytes: 32 * 1024 * 1024 };
/// The header that says that there was more.
const CUT: &str = "x-eventbus-truncated";
/// What stands where a receipt handle would, as LocalStack writes it.
const NO_RECEIPT: &str = "SQS/BACKDOOR/ACCESS";

/// Answers `request` if it is for one of the endpoints; `in_region` says whether it names a region.
pub(crate) async fn answer(
    cx: &Cx<'_>,
    in_region: bool,
    request: &Request<Bytes>,
    request_id: &str,
) -> Option<Response<Bytes>> {
    let path = request.uri().path();
    if let Some(rest) = path.strip_prefix(MESSAGES)
        && (rest.is_empty() || rest.starts_with('/'))
    {
        return Some(received(cx, in_region, request, rest, request_id).await);
    }
    let name = path.strip_prefix(OURS)?;
    let reading = matches!(*request.method(), Method::GET | Method::HEAD);
    let outcome = match name {
        "messages" if reading => {
            let pairs = form::pairs(request.uri().query().unwrap_or_default().as_bytes());
            let peeked = peek::messages(cx, in_region, &pairs).await;
            let written = peeked.and_then(|peeked| serde_json::to_vec(&peeked).map_err(unwritten));
            match written {
                // Straight to text: a tree of it would be a second copy of every body.
                Ok(text) => return Some(wire::json_text(200, text, request_id)),
                Err(error) => Err(error),
            }
        }
        "move" if request.method() == Method::POST => {
            let moved = relocate::messages(cx, request.body()).await;
            moved.and_then(|moved| serde_json::to_value(&moved).map_err(unwritten))
        }
        "health" if reading => Ok(json!({ "status": "ok", "version": env!("CARGO_PKG_VERSION") })),
        "reset" if request.method() == Method::POST => reset(cx).await,
        "messages" | "health" | "reset" | "move" => {
            let allowed = if matches!(name, "reset" | "move") { "POST" } else { "GET" };
            let message = json!({ "message": format!("{path} is asked with {allowed}") });
            let mut refused = wire::plain_json(405, &message, request_id);
            refused.headers_mut().insert(header::ALLOW, header::HeaderValue::from_static(allowed));
            return Some(refused);
        }
        _ => return Some(wire::plain_json(404, &json!({ "message": "there is nothing here" }), request_id)),
    };
    Some(match outcome {
        Ok(body) => wire::plain_json(200, &body, request_id),
        Err(error) => {
            let status = if error.sender { 400 } else { 500 };
            let body = json!({ "__type": format!("com.amazonaws.sqs#{}", error.shape), "message": error.message });
            wire::plain_json(status, &body, request_id)
        }
    })
}

async fn reset(cx: &Cx<'_>) -> ApiResult<Value> {
    let removed = cx.write(whole::empty).await?;
    Ok(json!({ "removed": {
        "topics": removed.topics,
        "queues": removed.queues,
        "subscriptions": removed.subscriptions,
        "messages": removed.messages,
    } }))
}

/// LocalStack's endpoint; `rest` is the path behind its name.
async fn received(
    cx: &Cx<'_>,
    in_region: bool,
    request: &Request<Bytes>,
    rest: &str,
    request_id: &str,
) -> Response<Bytes> {
    if !matches!(*request.method(), Method::GET | Method::POST)
        && let Some(answer) = wire::other_method(request.method(), request_id)
    {
        return answer;
    }
    let header = |name| request.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let protocol = if header(header::CONTENT_TYPE).contains("x-amz-json") { Protocol::Json } else { Protocol::Query };
    let outcome = match parameters(request, protocol) {
        Ok(parameters) => look(cx, in_region, rest, &parameters).await,
        Err(error) => Err(error),
    };
    let cut = matches!(outcome, Ok((_, true)));
    let outcome = outcome.and_then(|(messages, _)| match protocol {
        Protocol::Json => serde_json::to_vec(&messages).map(Answer::Json).map_err(unwritten),
        Protocol::Query => serde_json::to_value(&messages).map(Answer::Tree).map_err(unwritten),
    });
    let mut answer = wire::write(Service::Sqs, protocol, "ReceiveMessage", outcome, request_id);
    if cut {
        answer.headers_mut().insert(CUT, header::HeaderValue::from_static("true"));
    }
    let accept = header(header::ACCEPT);
    if protocol == Protocol::Query && accept.contains("application/json") && !accept.contains("xml") {
        return wire::as_json(answer);
    }
    answer
}

/// The parameters of the query string and, by POST, of the body in its protocol.
fn parameters(request: &Request<Bytes>, protocol: Protocol) -> ApiResult<Map<String, Value>> {
    let other = || ApiError::new("InvalidRequest", "This endpoint only accepts ReceiveMessage calls");
    let mut pairs = form::pairs(request.uri().query().unwrap_or_default().as_bytes());
    let mut found = Map::new();
    if request.method() == Method::POST && !request.body().is_empty() {
        match protocol {
            Protocol::Query => pairs.extend(form::pairs(request.body())),
            Protocol::Json => {
                let target = request.headers().get("x-amz-target").and_then(|target| target.to_str().ok());
                if target.is_some_and(|target| target != "AmazonSQS.ReceiveMessage") {
                    return Err(other());
                }
                found = serde_json::from_slice(request.body()).map_err(|_| other())?;
            }
        }
    }
    found.extend(pairs.into_iter().map(|(name, value)| (name, Value::String(value))));
    if found.get("Action").is_some_and(|action| action != "ReceiveMessage") {
        return Err(other());
    }
    Ok(found)
}

#[expect(clippy::needless_pass_by_value, reason = "as `map_err` hands it over")]
fn unwritten(error: serde_json::Error) -> ApiError {
    ApiError::internal(format!("the answer cannot be written: {error}"))
}

/// The messages, and whether there are more.
async fn look(
    cx: &Cx<'_>,
    in_region: bool,
    rest: &str,
    parameters: &Map<String, Value>,
) -> ApiResult<(Messages, bool)> {
    let name = match rest.trim_matches('/') {
        "" => {
            let url = parameters.get("QueueUrl").and_then(Value::as_str).unwrap_or_default();
            if url.is_empty() {
                return Err(ApiError::no_queue());
            }
            peek::locate(cx, in_region, url).await?
        }
        path => match path.split('/').collect::<Vec<_>>()[..] {
            [region, account, name] if valid_region(region) && valid_account(account) => {
                cx.caller.queue_at(&format!("/queue/{region}/{account}/{name}"))?
            }
            _ => return Err(ApiError::no_queue()),
        },
    };
    let wanted = |flag: &str| match parameters.get(flag) {
        Some(Value::String(text)) => text.eq_ignore_ascii_case("true") || text == "1",
        Some(Value::Bool(flag)) => *flag,
        _ => false,
    };
    let (invisible, delayed) = (wanted("ShowInvisible"), wanted("ShowDelayed"));
    let now = cx.now();
    let (queue, mut found, more) = cx
        .read(move |connection| {
            let queue = Queue::find(connection, &name)?.ok_or_else(ApiError::no_queue)?;
            let (stored, more) = messages::peek(connection, &queue, 0, MOST, now)?;
            let last = stored.last().map_or(0, |message| message.seq);
            let states = whole::states(connection, queue.id, last, now)?;
            let state = |seq| states.binary_search_by_key(&seq, |(seq, _)| *seq).ok().map(|at| states[at].1);
            let found: Vec<_> = stored.into_iter().filter_map(|message| Some((state(message.seq)?, message))).collect();
            Ok((queue, found, more))
        })
        .await?;
    found.retain(|(state, _)| match state {
        State::Visible => true,
        State::InFlight => invisible,
        State::Delayed => delayed,
    });
    // In the order of the queue, whatever became of each: that is what LocalStack's own tests expect.
    let messages = found.into_iter().map(|(state, stored)| {
        let mut message: Message = render(cx, queue.id, &queue.name, &stored, &Wanted::all());
        NO_RECEIPT.clone_into(&mut message.receipt_handle);
        if invisible {
            message.attributes.insert("IsVisible", (state != State::InFlight).to_string());
        }
        if delayed {
            message.attributes.insert("IsDelayed", (state == State::Delayed).to_string());
        }
        message
    });
    Ok((Messages { messages: messages.collect() }, more))
}
