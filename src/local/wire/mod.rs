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
pub(crate) struct Input(Parameters);

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
        let wrong = |e: serde_json::Error| {
            ApiError::coded("SerializationException", "MalformedInput", format!("the request cannot be read: {e}"))
        };
        match &self.0 {
            Parameters::Json(bytes) if bytes.is_empty() => serde_json::from_slice(b"{}").map_err(wrong),
            Parameters::Json(bytes) => serde_json::from_slice(bytes).map_err(wrong),
            Parameters::Query(tree) => {
                let tree = std::mem::take(&mut *tree.lock().unwrap_or_else(PoisonError::into_inner));
                serde_json::from_value(tree).map_err(wrong)
            }
        }
    }

    /// The answer in the protocol of the request.
    pub(crate) fn answer<T: Serialize>(&self, answer: T) -> ApiResult<Answer> {
        let failed = |e: serde_json::Error| ApiError::internal(format!("the answer cannot be written: {e}"));
        match &self.0 {
            Parameters::Json(_) => serde_json::to_vec(&answer).map(Answer::Json).map_err(failed),
            Parameters::Query(_) => serde_json::to_value(&answer).map(Answer::Tree).map_err(failed),
        }
    }
}

/// Finds out what is asked; `Err` holds the protocol in which to say that it cannot be told.
pub(crate) fn read(request: &Request<Bytes>) -> Result<Call, (Protocol, ApiError)> {
    if let Some(target) = request.headers().get("x-amz-target") {
        let target = target.to_str().unwrap_or_default();
        let Some(operation) = target.strip_prefix("AmazonSQS.") else {
            let message = format!("the target {target} is not one of AmazonSQS");
            return Err((Protocol::Json, ApiError::coded("UnknownOperationException", "InvalidAction", message)));
        };
        return Ok(Call {
            service: Service::Sqs,
            protocol: Protocol::Json,
            operation: operation.to_owned(),
            input: Input(Parameters::Json(request.body().clone())),
        });
    }
    let query = |error| (Protocol::Query, error);
    let mut pairs: Vec<_> = form::borrowed(request.uri().query().unwrap_or_default().as_bytes()).collect();
    if request.method() == Method::POST {
        pairs.extend(form::borrowed(request.body()));
    }
    let value = |name: &str| pairs.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone().into_owned());
    let Some(operation) = value("Action") else {
        return Err(query(ApiError::new("MissingAction", "The request must contain the parameter Action.")));
    };
    let service = match (value("Version").as_deref(), Scope::of(request).service.as_deref()) {
        (Some("2010-03-31"), _) | (None, Some("sns")) => Service::Sns,
        (Some("2011-06-15"), _) | (None, Some("sts")) => Service::Sts,
        (Some("2012-11-05"), _) | (_, Some("sqs")) => Service::Sqs,
        // Links in notifications carry neither.
        (None, None) if operation == "Unsubscribe" || operation == "ConfirmSubscription" => Service::Sns,
        (Some(version), _) => {
            let message = format!("The requested version ( {version} ) is not valid.");
            return Err(query(ApiError::new("NoSuchVersion", message)));
        }
        (None, _) => Service::Sqs,
    };
    let mut tree = form::tree(&mut pairs, service).map_err(query)?;
    let path = request.uri().path();
    // Before JSON, the queue's own URL was the address of the request.
    if service == Service::Sqs
        && path.trim_matches('/').contains('/')
        && let Value::Object(fields) = &mut tree
    {
        fields.entry("QueueUrl").or_insert_with(|| Value::String(format!("http://path{path}")));
    }
    Ok(Call { service, protocol: Protocol::Query, operation, input: Input(Parameters::Query(Mutex::new(tree))) })
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
    respond(status, "application/json", body.to_string().into_bytes(), request_id)
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
        Protocol::Query => {
            let body = xml::error(service, error, request_id).unwrap_or_default();
            respond(error.status, XML, body, request_id)
        }
        Protocol::Json => {
            let body = json!({ "__type": format!("com.amazonaws.sqs#{}", error.shape), "message": error.message });
            // JSON knows two statuses for all errors of the model, whatever Query answers.
            let status = if error.sender { 400 } else { 500 };
            let mut response = respond(status, JSON, body.to_string().into_bytes(), request_id);
            if let Ok(value) = HeaderValue::from_str(&format!("{};{fault}", error.code)) {
                response.headers_mut().insert("x-amzn-query-error", value);
            }
            response
        }
    }
}

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
