//! Bytes to requests and answers to bytes, for the three protocols: AWS JSON 1.0 (SQS), and Query with XML answers (SNS, SQS,
//! STS), by POST or GET.
//!
//! Operations never see any of it: they get an [`Input`] to parse into their request type and turn their answer type into an
//! [`Answer`].

mod form;
pub(crate) mod lenient;
mod xml;

use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::error::{ApiError, ApiResult};
use super::names::REGION;

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
    pub(crate) region: String,
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
    let scope = Scope::of(request);
    let region = scope.region.clone().unwrap_or_else(|| REGION.to_owned());
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
            region,
            input: Input(Parameters::Json(request.body().clone())),
        });
    }
    let query = |error| (Protocol::Query, error);
    let mut pairs = form::pairs(request.uri().query().unwrap_or_default().as_bytes());
    if request.method() == Method::POST {
        pairs.extend(form::pairs(request.body()));
    }
    let value = |name: &str| pairs.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone());
    let Some(operation) = value("Action") else {
        return Err(query(ApiError::new("MissingAction", "The request must contain the parameter Action.")));
    };
    let service = match (value("Version").as_deref(), scope.service.as_deref()) {
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
    let mut tree = form::tree(&pairs, service).map_err(query)?;
    let path = request.uri().path();
    // Before JSON, the queue's own URL was the address of the request.
    if service == Service::Sqs
        && path.trim_matches('/').contains('/')
        && let Value::Object(fields) = &mut tree
    {
        fields.entry("QueueUrl").or_insert_with(|| Value::String(format!("http://path{path}")));
    }
    Ok(Call {
        service,
        protocol: Protocol::Query,
        operation,
        region,
        input: Input(Parameters::Query(Mutex::new(tree))),
    })
}

/// The region that a request's credentials name.
pub(crate) fn region_of(request: &Request<Bytes>) -> Option<String> {
    Scope::of(request).region
}

/// What the credential scope says: `AKID/20260101/eu-west-1/sqs/aws4_request`, in the header or in a presigned URL.
struct Scope {
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
        let mut parts = credential.rsplit('/');
        let mut part = || parts.next().filter(|part| !part.is_empty()).map(str::to_owned);
        let terminator = part();
        let (service, region) = (part(), part());
        if terminator.as_deref() == Some("aws4_request") {
            Self { region, service }
        } else {
            Self { region: None, service: None }
        }
    }
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
