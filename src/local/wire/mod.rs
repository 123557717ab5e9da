//! Bytes to requests and answers to bytes, for the three protocols: AWS JSON 1.0 (SQS), and Query with XML answers (SNS, SQS,
//! STS), by POST or GET.
//!
//! Operations never see any of it: they get an [`Input`] to parse into their request type and turn their answer type into an
//! [`Answer`].

pub(crate) mod form;
pub(crate) mod lenient;
mod xml;

use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::error::{ApiError, ApiResult};
use super::names::{self, ACCOUNT, REGION};

/// The services that are answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Service {
    Sns,
    Sqs,
    Sts,
}

/// How a request is written, and therefore its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    Json,
    Query,
}

/// A request, told apart but not yet read.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) service: Service,
    pub(crate) protocol: Protocol,
    pub(crate) operation: String,
    pub(crate) input: Input,
}

/// The parameters of a request.
#[derive(Debug)]
pub(crate) struct Input {
    parameters: Parameters,
    /// The trace header that came with it.
    trace: Option<String>,
}

#[derive(Debug)]
enum Parameters {
    Json(Bytes),
    /// Taken out by [`Input::parse`].
    Query(Mutex<Value>),
}

/// The answer of an operation, still without its envelope.
#[derive(Debug)]
pub(crate) enum Answer {
    Json(Vec<u8>),
    Tree(Value),
}

impl Input {
    /// The parameters as the type that the operation wants.
    pub(crate) fn parse<T: DeserializeOwned>(&self) -> ApiResult<T> {
        match &self.parameters {
            Parameters::Json(bytes) if bytes.is_empty() => serde_json::from_slice(b"{}").map_err(|e| malformed(&e)),
            // Nearly every request is of the right types; only the others are looked at twice.
            Parameters::Json(bytes) => serde_json::from_slice(bytes).or_else(|wrong| {
                let Ok(Value::Object(tree)) = serde_json::from_slice(bytes) else { return Err(malformed(&wrong)) };
                serde_json::from_value(lenient::as_text(Value::Object(tree))).map_err(|wrong| malformed(&wrong))
            }),
            Parameters::Query(tree) => {
                let tree = std::mem::take(&mut *tree.lock().unwrap_or_else(PoisonError::into_inner));
                serde_json::from_value(tree).map_err(|e| malformed(&e))
            }
        }
    }

    /// The value of the `X-Amzn-Trace-Id` header: SQS makes it the message's `AWSTraceHeader`.
    pub(crate) fn trace(&self) -> Option<String> {
        self.trace.clone()
    }

    /// The answer in the protocol of the request.
    pub(crate) fn answer<T: Serialize>(&self, answer: T) -> ApiResult<Answer> {
        let failed = |e: serde_json::Error| ApiError::internal(format!("the answer cannot be written: {e}"));
        match &self.parameters {
            Parameters::Json(_) => {
                let written = serde_json::to_vec(&answer).map_err(failed)?;
                // Operations without members answer with `Content-Length: 0`, as the examples of
                // <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_DeleteMessage.html> show.
                Ok(Answer::Json(if written == b"null" { Vec::new() } else { written }))
            }
            Parameters::Query(_) => serde_json::to_value(&answer).map(Answer::Tree).map_err(failed),
        }
    }
}

/// A request whose types are wrong, in the words of AWS's own reader where they are known.
fn malformed(error: &serde_json::Error) -> ApiError {
    let said = error.to_string();
    let message = if said.starts_with("invalid type: map") {
        "Start of structure or map found where not expected.".to_owned()
    } else if said.starts_with("invalid type: sequence") {
        "Start of list found where not expected".to_owned()
    } else if said.contains("is not a whole number") {
        "STRING_VALUE can not be converted to an Integer".to_owned()
    } else {
        format!("the request cannot be read: {said}")
    };
    ApiError::coded("SerializationException", "MalformedInput", message)
}

/// Finds out what is asked; `Err` holds in whose name, and in which protocol, to say that it cannot be told.
pub(crate) fn read(request: &Request<Bytes>) -> Result<Call, (Service, Protocol, ApiError)> {
    let trace = || Some(request.headers().get("x-amzn-trace-id")?.to_str().ok()?.to_owned());
    if let Some(target) = request.headers().get("x-amz-target") {
        let target = target.to_str().unwrap_or_default();
        let Some(operation) = target.strip_prefix("AmazonSQS.") else {
            let message = format!("the target {target} is not one of AmazonSQS");
            let error = ApiError::coded("UnknownOperationException", "InvalidAction", message);
            return Err((Service::Sqs, Protocol::Json, error));
        };
        return Ok(Call {
            service: Service::Sqs,
            protocol: Protocol::Json,
            operation: operation.to_owned(),
            input: Input { parameters: Parameters::Json(request.body().clone()), trace: trace() },
        });
    }
    let scope = Scope::of(request).service;
    let signed_for = match scope.as_deref() {
        Some("sns") => Service::Sns,
        Some("sts") => Service::Sts,
        _ => Service::Sqs,
    };
    let mut pairs: Vec<_> = form::borrowed(request.uri().query().unwrap_or_default().as_bytes()).collect();
    if request.method() == Method::POST {
        pairs.extend(form::borrowed(request.body()));
    }
    let value = |name: &str| pairs.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone().into_owned());
    let Some(operation) = value("Action").filter(|action| !action.is_empty()) else {
        let error = if scope.is_none_or(|service| service == "sqs") {
            ApiError::new(NO_ACTION, "the request names no action").status(404)
        } else {
            ApiError::new("MissingAction", "The request must contain the parameter Action.")
        };
        return Err((signed_for, Protocol::Query, error));
    };
    let service = match (value("Version").as_deref(), scope.as_deref()) {
        (Some("2010-03-31"), _) | (None, Some("sns")) => Service::Sns,
        (Some("2011-06-15"), _) | (None, Some("sts")) => Service::Sts,
        (Some("2012-11-05"), _) | (_, Some("sqs")) => Service::Sqs,
        // Links in notifications carry neither.
        (None, None) if operation == "Unsubscribe" || operation == "ConfirmSubscription" => Service::Sns,
        (Some(version), _) => {
            let message = format!("The requested version ( {version} ) is not valid.");
            return Err((signed_for, Protocol::Query, ApiError::new("NoSuchVersion", message)));
        }
        (None, _) => Service::Sqs,
    };
    let mut tree = form::tree(&mut pairs, service).map_err(|error| (service, Protocol::Query, error))?;
    let path = request.uri().path();
    // Before JSON, the queue's own URL was the address of the request. What is no queue's business is refused there
    // (recorded AWS answers, localstack tests, Apache-2.0: `test_get_create_queue_fails`, `test_get_list_queues_fails`).
    if service == Service::Sqs
        && path.trim_matches('/').contains('/')
        && let Value::Object(fields) = &mut tree
    {
        if matches!(operation.as_str(), "CreateQueue" | "ListQueues") {
            return Err((service, Protocol::Query, ApiError::invalid_action(&operation)));
        }
        fields.entry("QueueUrl").or_insert_with(|| Value::String(format!("http://path{path}")));
    }
    let input = Input { parameters: Parameters::Query(Mutex::new(tree)), trace: trace() };
    Ok(Call { service, protocol: Protocol::Query, operation, input })
}

/// Who a request says it comes from. Nothing of it is verified.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Origin {
    /// The access key id where that is an account, else the one account for everybody.
    pub(crate) account: String,
    /// The region of the credential scope, else the one that the host of the request names.
    pub(crate) region: Option<String>,
}

impl Origin {
    /// Reads the credential scope and the host of `request`.
    pub(crate) fn of(request: &Request<Bytes>) -> Self {
        let scope = Scope::of(request);
        let account = scope.key.filter(|key| names::valid_account(key)).unwrap_or_else(|| ACCOUNT.to_owned());
        let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok());
        let host = host.or(request.uri().host()).unwrap_or_default();
        Self { account, region: scope.region.or_else(|| names::region_of_host(host).map(str::to_owned)) }
    }

    /// The region, or the one of those who name none.
    pub(crate) fn region(&self) -> String {
        self.region.clone().unwrap_or_else(|| REGION.to_owned())
    }
}

/// What the credential scope says: `AKID/20260101/eu-west-1/sqs/aws4_request`, in the header or in a presigned URL.
#[derive(Default)]
struct Scope {
    key: Option<String>,
    region: Option<String>,
    service: Option<String>,
}

impl Scope {
    fn of(request: &Request<Bytes>) -> Self {
        let header = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let presigned = || {
            let query = request.uri().query()?;
            form::pairs(query.as_bytes()).into_iter().find(|(key, _)| key == "X-Amz-Credential").map(|(_, value)| value)
        };
        let credential = header
            .and_then(|value| value.split_once("Credential="))
            .map(|(_, rest)| rest.split([',', ' ']).next().unwrap_or_default().to_owned())
            .or_else(presigned)
            .unwrap_or_default();
        // From the back: an access key may hold slashes, the rest never does.
        let mut parts = credential.rsplitn(5, '/');
        let mut part = || parts.next().filter(|part| !part.is_empty()).map(str::to_owned);
        if part().as_deref() != Some("aws4_request") {
            return Self::default();
        }
        let (service, region, _day) = (part(), part(), part());
        Self { key: part(), region, service }
    }
}

/// The protocol of a request that is not even read.
pub(crate) fn protocol_of<B>(request: &Request<B>) -> Protocol {
    if request.headers().contains_key("x-amz-target") { Protocol::Json } else { Protocol::Query }
}

/// Turns a request away before any service sees it; unlike the services' own errors, with its status in both protocols.
pub(crate) fn refuse(protocol: Protocol, error: &ApiError, request_id: &str) -> Response<Bytes> {
    let mut response = write_error(Service::Sqs, protocol, error, request_id);
    *response.status_mut() = StatusCode::from_u16(error.status).unwrap_or(StatusCode::BAD_REQUEST);
    response
}

/// The answer to a method that no operation is called by: nothing but GET and POST may do anything.
pub(crate) fn other_method(method: &Method, request_id: &str) -> Option<Response<Bytes>> {
    let status = match *method {
        Method::GET | Method::POST => return None,
        Method::HEAD => 200,
        Method::OPTIONS => 204,
        _ => 405,
    };
    let mut response = respond(status, XML, Vec::new(), request_id);
    response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET, HEAD, OPTIONS, POST"));
    if status == 204 {
        response.headers_mut().remove(header::CONTENT_LENGTH);
    }
    Some(response)
}

/// An answer of our own endpoints, which is no service's.
pub(crate) fn plain_json(status: u16, body: &Value, request_id: &str) -> Response<Bytes> {
    json_text(status, body.to_string().into_bytes(), request_id)
}

/// The same of JSON that is written already.
pub(crate) fn json_text(status: u16, body: Vec<u8>, request_id: &str) -> Response<Bytes> {
    respond(status, "application/json", body, request_id)
}

/// An XML answer as JSON, in the form that LocalStack's developer endpoints have: an element of text is a string, an empty one
/// null, one that comes several times an array.
pub(crate) fn as_json(response: Response<Bytes>) -> Response<Bytes> {
    let (mut parts, body) = response.into_parts();
    let Some(body) = std::str::from_utf8(&body).ok().and_then(xml::to_json) else {
        return Response::from_parts(parts, body);
    };
    let body = body.to_string();
    parts.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    parts.headers.insert(header::CONTENT_LENGTH, HeaderValue::from(body.len()));
    Response::from_parts(parts, Bytes::from(body))
}

/// Whether the answer to a Query request is wanted as JSON: AWS looks at `Accept` there (recorded AWS answers, localstack tests,
/// Apache-2.0: `test_get_list_queues_with_query_auth`).
pub(crate) fn wants_json(request: &Request<Bytes>) -> bool {
    let accept = request.headers().get(header::ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or_default();
    accept.trim().eq_ignore_ascii_case("application/json") && protocol_of(request) == Protocol::Query
}

/// The answer to such a request. Where the members need no other names than in XML, lists and maps are what they are; a page
/// that is the last says so.
pub(crate) fn write_as_json(
    service: Service,
    operation: &str,
    outcome: ApiResult<Answer>,
    request_id: &str,
) -> Response<Bytes> {
    let mut result = match outcome {
        Ok(Answer::Tree(result)) if service != Service::Sqs => result,
        other => return negotiated(write(service, Protocol::Query, operation, other, request_id)),
    };
    if let Some(members) = result.as_object_mut()
        && ["Topics", "Subscriptions"].iter().any(|list| members.contains_key(*list))
    {
        members.entry("NextToken").or_insert(Value::Null);
    }
    let mut answer = json!({ "ResponseMetadata": { "RequestId": request_id } });
    if !result.is_null() {
        answer[format!("{operation}Result")] = result;
    }
    plain_json(200, &json!({ format!("{operation}Response"): answer }), request_id)
}

/// An XML answer as JSON. AWS writes lists under the names of the whole, LocalStack under those of their
/// elements; both are there. Answers that are no XML of a service stay.
pub(crate) fn negotiated(response: Response<Bytes>) -> Response<Bytes> {
    let envelope = response.body().starts_with(b"<") && !response.body().starts_with(b"<UnknownOperation");
    if !envelope {
        return response;
    }
    let (mut parts, body) = as_json(response).into_parts();
    let Ok(mut tree) = serde_json::from_slice::<Value>(&body) else { return Response::from_parts(parts, body) };
    if let Some(error) = tree.get_mut("ErrorResponse") {
        tree = error.take();
    }
    let results = tree.as_object_mut().into_iter().flat_map(|root| root.values_mut());
    for result in results.filter_map(Value::as_object_mut).flat_map(|answer| answer.values_mut()) {
        let Some(result) = result.as_object_mut() else { continue };
        for (one, all) in [("Message", "messages"), ("Attribute", "Attributes"), ("QueueUrl", "queueUrls")] {
            if let Some(found) = result.get(one) {
                let found = if found.is_array() { found.clone() } else { json!([found]) };
                result.insert(all.to_owned(), found);
            }
        }
    }
    let body = tree.to_string();
    parts.headers.insert(header::CONTENT_LENGTH, HeaderValue::from(body.len()));
    Response::from_parts(parts, Bytes::from(body))
}

/// Writes an answer.
pub(crate) fn write(
    service: Service,
    protocol: Protocol,
    operation: &str,
    outcome: ApiResult<Answer>,
    request_id: &str,
) -> Response<Bytes> {
    match (outcome, protocol) {
        (Ok(Answer::Json(body)), _) => respond(200, JSON, body, request_id),
        (Ok(Answer::Tree(tree)), _) => match xml::answer(service, operation, &tree, request_id) {
            Ok(body) => respond(200, XML, body, request_id),
            Err(error) => write_error(service, protocol, &error, request_id),
        },
        (Err(error), _) => write_error(service, protocol, &error, request_id),
    }
}

/// Writes an error.
pub(crate) fn write_error(service: Service, protocol: Protocol, error: &ApiError, request_id: &str) -> Response<Bytes> {
    let fault = if error.sender { "Sender" } else { "Receiver" };
    match protocol {
        // The one answer of AWS's front that has no envelope (recorded, `test_get_without_query_returns_unknown_operation`).
        Protocol::Query if error.code == NO_ACTION => {
            respond(error.status, XML, b"<UnknownOperationException/>\n".to_vec(), request_id)
        }
        Protocol::Query => {
            let body = xml::error(service, error, request_id).unwrap_or_default();
            respond(error.status, XML, body, request_id)
        }
        Protocol::Json => {
            let space = if MODELLED.contains(&error.shape) { "com.amazonaws.sqs" } else { "com.amazon.coral.service" };
            let body = json!({ "__type": format!("{space}#{}", error.shape), "message": error.message });
            // The status is the one of Query (recorded for purging twice, 403, and bad receipt handles, 404).
            let mut response = respond(error.status, JSON, body.to_string().into_bytes(), request_id);
            if let Ok(value) = HeaderValue::from_str(&format!("{};{fault}", error.code)) {
                response.headers_mut().insert("x-amzn-query-error", value);
            }
            response
        }
    }
}

/// How a request without an action is told apart; never shown.
const NO_ACTION: &str = "UnknownOperationException";

/// The errors of SQS's model: all others come from the framework below it, and JSON says so
/// (<https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-json-api-responses.html>).
const MODELLED: [&str; 21] = [
    "BatchEntryIdsNotDistinct",
    "BatchRequestTooLong",
    "EmptyBatchRequest",
    "InvalidAddress",
    "InvalidAttributeName",
    "InvalidAttributeValue",
    "InvalidBatchEntryId",
    "InvalidIdFormat",
    "InvalidMessageContents",
    "InvalidSecurity",
    "MessageNotInflight",
    "OverLimit",
    "PurgeQueueInProgress",
    "QueueDeletedRecently",
    "QueueDoesNotExist",
    "QueueNameExists",
    "ReceiptHandleIsInvalid",
    "RequestThrottled",
    "ResourceNotFoundException",
    "TooManyEntriesInBatchRequest",
    "UnsupportedOperation",
];

const JSON: &str = "application/x-amz-json-1.0";
const XML: &str = "text/xml";

fn respond(status: u16, content_type: &'static str, body: Vec<u8>, request_id: &str) -> Response<Bytes> {
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(body.len()));
    if let Ok(id) = HeaderValue::from_str(request_id) {
        headers.insert("x-amzn-requestid", id);
    }
    let mut response = Response::new(Bytes::from(body));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    *response.headers_mut() = headers;
    response
}
