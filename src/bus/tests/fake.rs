//! A small SQS in memory behind the SDK's HTTP interface, with faults on demand. SNS and STS answer what a test hands in.
//!
//! It exists to fail in ways that the embedded bus never should; what must work in earnest is tested against that one.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_runtime_api::http::StatusCode;
use aws_smithy_types::body::SdkBody;
use md5::{Digest as _, Md5};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::bus::{Bus, ConnectOptions};

pub(crate) const ACCOUNT: &str = "000000000000";

/// What is to go wrong with a call.
#[derive(Clone, Debug)]
pub(crate) enum Fault {
    /// The whole call is refused before anything is done.
    Refuse(u16, &'static str, &'static str),
    /// The connection breaks before anything is done.
    Reset,
    /// Everything is done, then the connection breaks.
    LoseAnswer,
    /// These entries of a batch fail inside an HTTP 200: indexes, code, sender's fault.
    FailEntries(Vec<usize>, &'static str, bool),
    /// These entries are done, but the answer does not mention them.
    OmitEntries(Vec<usize>),
    /// The answer's digests are wrong.
    Damage,
    /// Nothing is answered any more: after everything was done, or before anything was.
    Silence(bool),
}

type Hook = Box<dyn FnMut(&str, usize, &Value) -> Option<Fault> + Send>;
type Query = Box<dyn FnMut(&str, &str) -> (u16, String) + Send>;

#[derive(Default)]
struct State {
    queues: BTreeMap<String, FakeQueue>,
    calls: Vec<(String, Value)>,
    hook: Option<Hook>,
    query: Option<Query>,
    next: u64,
}

#[derive(Default)]
struct FakeQueue {
    attributes: BTreeMap<String, String>,
    messages: Vec<FakeMessage>,
    /// FIFO: what was sent with which deduplication id, and when.
    sent: BTreeMap<String, (String, Instant)>,
}

#[derive(Clone, Debug)]
pub(crate) struct FakeMessage {
    pub(crate) id: String,
    pub(crate) body: String,
    pub(crate) attributes: Value,
    pub(crate) system: BTreeMap<String, String>,
    pub(crate) receives: u32,
    pub(crate) visible_at: Instant,
    handle: String,
}

impl FakeMessage {
    pub(crate) fn is_visible(&self) -> bool {
        self.visible_at <= Instant::now()
    }
}

#[derive(Clone)]
pub(crate) struct Fake(Arc<Mutex<State>>);

impl std::fmt::Debug for Fake {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Fake")
    }
}

impl Fake {
    pub(crate) fn new(queues: &[&str]) -> Self {
        let queues = queues.iter().map(|name| ((*name).to_owned(), FakeQueue::default())).collect();
        Self(Arc::new(Mutex::new(State { queues, ..State::default() })))
    }

    /// Asked before every SQS call: operation, how often it was called before, request.
    pub(crate) fn on_call(&self, hook: impl FnMut(&str, usize, &Value) -> Option<Fault> + Send + 'static) {
        self.0.lock().unwrap().hook = Some(Box::new(hook));
    }

    /// Answers SNS and STS: action and form body to status and XML.
    pub(crate) fn on_query(&self, query: impl FnMut(&str, &str) -> (u16, String) + Send + 'static) {
        self.0.lock().unwrap().query = Some(Box::new(query));
    }

    pub(crate) fn set(&self, queue: &str, attribute: &str, value: &str) {
        let mut state = self.0.lock().unwrap();
        state.queues.get_mut(queue).unwrap().attributes.insert(attribute.into(), value.into());
    }

    /// Makes `dead_letters` the dead-letter queue of `queue`.
    pub(crate) fn redrive(&self, queue: &str, dead_letters: &str) {
        let policy = json!({"deadLetterTargetArn": arn(dead_letters), "maxReceiveCount": 5}).to_string();
        self.set(queue, "RedrivePolicy", &policy);
    }

    pub(crate) fn put(&self, queue: &str, body: &str, attributes: Value, system: &[(&str, &str)]) -> String {
        let mut state = self.0.lock().unwrap();
        state.put(queue, body, attributes, system.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect())
    }

    pub(crate) fn messages(&self, queue: &str) -> Vec<FakeMessage> {
        self.0.lock().unwrap().queues[queue].messages.clone()
    }

    pub(crate) fn bodies(&self, queue: &str) -> Vec<String> {
        let mut bodies: Vec<String> = self.messages(queue).into_iter().map(|message| message.body).collect();
        bodies.sort();
        bodies
    }

    pub(crate) fn calls(&self, operation: &str) -> usize {
        self.0.lock().unwrap().calls.iter().filter(|(name, _)| name == operation).count()
    }

    pub(crate) fn operations(&self) -> Vec<String> {
        self.0.lock().unwrap().calls.iter().map(|(name, _)| name.clone()).collect()
    }

    pub(crate) async fn bus(&self) -> Bus {
        self.bus_with(|_| ()).await
    }

    pub(crate) async fn bus_with(&self, change: impl FnOnce(&mut ConnectOptions)) -> Bus {
        let mut options = ConnectOptions {
            endpoint_url: Some("http://fake.test".into()),
            region: Some("eu-west-1".into()),
            account: Some(ACCOUNT.into()),
            static_credentials: Some(("test".into(), "test".into())),
            http_client: Some(SharedHttpClient::new(self.clone())),
            ..ConnectOptions::default()
        };
        change(&mut options);
        Bus::connect(options).await.unwrap()
    }

    pub(crate) async fn answer(self, request: HttpRequest) -> Result<HttpResponse, ConnectorError> {
        let body = request.body().bytes().unwrap_or_default().to_vec();
        let Some(target) = request.headers().get("x-amz-target").map(str::to_owned) else {
            return Ok(self.answer_query(&String::from_utf8_lossy(&body)));
        };
        let operation = target.rsplit('.').next().unwrap_or_default().to_owned();
        let request: Value = serde_json::from_slice(&body).unwrap_or_default();
        let fault = {
            let mut state = self.0.lock().unwrap();
            let before = state.calls.iter().filter(|(name, _)| *name == operation).count();
            state.calls.push((operation.clone(), request.clone()));
            let mut hook = state.hook.take();
            let fault = hook.as_mut().and_then(|hook| hook(&operation, before, &request));
            state.hook = hook;
            fault
        };
        match &fault {
            Some(Fault::Refuse(status, code, message)) => return Ok(failure(*status, code, message)),
            Some(Fault::Reset) => return Err(ConnectorError::io("connection reset by peer".into())),
            Some(Fault::Silence(false)) => std::future::pending::<()>().await,
            _ => {}
        }
        let deadline = Instant::now() + Duration::from_secs(request["WaitTimeSeconds"].as_u64().unwrap_or(0));
        let answer = loop {
            let answer = self.0.lock().unwrap().call(&operation, &request, fault.as_ref());
            let empty = matches!(&answer, Ok(answer) if operation == "ReceiveMessage" && answer["Messages"].is_null());
            if !empty || Instant::now() >= deadline {
                break answer;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        };
        match (answer, fault) {
            (_, Some(Fault::Silence(_))) => std::future::pending().await,
            (_, Some(Fault::LoseAnswer)) => Err(ConnectorError::io("connection reset by peer".into())),
            (Ok(answer), _) => Ok(json_response(200, &answer)),
            (Err((code, message)), _) => Ok(failure(400, code, message)),
        }
    }

    fn answer_query(&self, body: &str) -> HttpResponse {
        let action =
            form_urlencoded::parse(body.as_bytes()).find(|(key, _)| key == "Action").map(|(_, v)| v.into_owned());
        let action = action.unwrap_or_default();
        let mut state = self.0.lock().unwrap();
        state.calls.push((action.clone(), Value::String(body.to_owned())));
        let (status, xml) = match state.query.as_mut() {
            Some(query) => query(&action, body),
            None => (500, String::new()),
        };
        let mut response = HttpResponse::new(StatusCode::try_from(status).unwrap(), SdkBody::from(xml));
        response.headers_mut().insert("x-amzn-requestid", "req-3");
        response
    }
}

pub(crate) fn arn(queue: &str) -> String {
    format!("arn:aws:sqs:eu-west-1:{ACCOUNT}:{queue}")
}

pub(crate) fn digest(text: &str) -> String {
    Md5::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn json_response(status: u16, body: &Value) -> HttpResponse {
    let mut response = HttpResponse::new(StatusCode::try_from(status).unwrap(), SdkBody::from(body.to_string()));
    response.headers_mut().insert("content-type", "application/x-amz-json-1.0");
    response.headers_mut().insert("x-amzn-requestid", "req-1");
    response
}

fn failure(status: u16, code: &str, message: &str) -> HttpResponse {
    let mut response =
        json_response(status, &json!({"__type": format!("com.amazonaws.sqs#{code}"), "message": message}));
    response.headers_mut().insert("x-amzn-query-error", format!("{code};Sender"));
    response
}

impl State {
    fn put(&mut self, queue: &str, body: &str, attributes: Value, system: BTreeMap<String, String>) -> String {
        self.next += 1;
        let id = format!("m{}", self.next);
        let message = FakeMessage {
            id: id.clone(),
            body: body.to_owned(),
            attributes,
            system,
            receives: 0,
            visible_at: Instant::now(),
            handle: String::new(),
        };
        self.queues.get_mut(queue).unwrap().messages.push(message);
        id
    }

    /// As a FIFO queue does: what has a deduplication id of the last five minutes is confirmed and dropped.
    fn put_once(&mut self, queue: &str, body: &str, attributes: Value, system: BTreeMap<String, String>) -> String {
        const WINDOW: Duration = Duration::from_secs(300);
        let now = Instant::now();
        let dedup = system.get("MessageDeduplicationId").cloned().filter(|_| queue.ends_with(".fifo"));
        let known = dedup.as_ref().and_then(|dedup| self.queues[queue].sent.get(dedup));
        if let Some((id, _)) = known.filter(|(_, at)| now < *at + WINDOW) {
            return id.clone();
        }
        let id = self.put(queue, body, attributes, system);
        if let Some(dedup) = dedup {
            self.queues.get_mut(queue).unwrap().sent.insert(dedup, (id.clone(), now));
        }
        id
    }

    fn call(
        &mut self,
        operation: &str,
        request: &Value,
        fault: Option<&Fault>,
    ) -> Result<Value, (&'static str, &'static str)> {
        const MISSING: (&str, &str) = ("QueueDoesNotExist", "The specified queue does not exist.");
        let url = request["QueueUrl"].as_str().unwrap_or_default();
        let name =
            request["QueueName"].as_str().unwrap_or_else(|| url.rsplit('/').next().unwrap_or_default()).to_owned();
        if operation == "ListQueues" {
            return Ok(json!({"QueueUrls": self.queues.keys().map(|name| queue_url(name)).collect::<Vec<_>>()}));
        }
        if !self.queues.contains_key(&name) {
            return Err(MISSING);
        }
        match operation {
            "GetQueueUrl" => Ok(json!({"QueueUrl": queue_url(&name)})),
            "GetQueueAttributes" => {
                let mut attributes = self.queues[&name].attributes.clone();
                attributes.insert("QueueArn".into(), arn(&name));
                attributes.insert("ApproximateNumberOfMessages".into(), self.queues[&name].messages.len().to_string());
                Ok(json!({"Attributes": attributes}))
            }
            "ListDeadLetterSourceQueues" => {
                let names = self.queues.iter().filter(|(_, queue)| {
                    queue.attributes.get("RedrivePolicy").is_some_and(|policy| policy.contains(&format!(":{name}\"")))
                });
                Ok(json!({"queueUrls": names.map(|(name, _)| queue_url(name)).collect::<Vec<_>>()}))
            }
            "ReceiveMessage" => Ok(self.receive(&name, request, fault)),
            "SendMessageBatch" => Ok(self.batch(request, fault, |state, entry| {
                let body = entry["MessageBody"].as_str().unwrap_or_default();
                let mut system = BTreeMap::new();
                for (from, to) in
                    [("MessageGroupId", "MessageGroupId"), ("MessageDeduplicationId", "MessageDeduplicationId")]
                {
                    if let Some(value) = entry[from].as_str() {
                        system.insert(to.to_owned(), value.to_owned());
                    }
                }
                if let Some(trace) = entry["MessageSystemAttributes"]["AWSTraceHeader"]["StringValue"].as_str() {
                    system.insert("AWSTraceHeader".to_owned(), trace.to_owned());
                }
                let id = state.put_once(&name, body, entry["MessageAttributes"].clone(), system);
                let md5 = if matches!(fault, Some(Fault::Damage)) { digest("something else") } else { digest(body) };
                Ok(json!({"Id": entry["Id"], "MessageId": id, "MD5OfMessageBody": md5}))
            })),
            "DeleteMessageBatch" => Ok(self.batch(request, fault, |state, entry| {
                let messages = &mut state.queues.get_mut(&name).unwrap().messages;
                let before = messages.len();
                messages
                    .retain(|message| message.handle.is_empty() || entry["ReceiptHandle"] != message.handle.as_str());
                if messages.len() == before {
                    return Err("ReceiptHandleIsInvalid");
                }
                Ok(json!({"Id": entry["Id"]}))
            })),
            "ChangeMessageVisibilityBatch" => Ok(self.batch(request, fault, |state, entry| {
                let messages = &mut state.queues.get_mut(&name).unwrap().messages;
                let seconds = entry["VisibilityTimeout"].as_u64().unwrap_or(0);
                match messages.iter_mut().find(|message| entry["ReceiptHandle"] == message.handle.as_str()) {
                    Some(message) if message.visible_at > Instant::now() => {
                        message.visible_at = Instant::now() + Duration::from_secs(seconds);
                        Ok(json!({"Id": entry["Id"]}))
                    }
                    Some(_) => Err("MessageNotInflight"),
                    None => Err("ReceiptHandleIsInvalid"),
                }
            })),
            other => panic!("the fake does not know {other}"),
        }
    }

    fn receive(&mut self, name: &str, request: &Value, fault: Option<&Fault>) -> Value {
        let max = request["MaxNumberOfMessages"].as_u64().unwrap_or(1) as usize;
        let next = &mut self.next;
        let queue = self.queues.get_mut(name).unwrap();
        let own: u64 = queue.attributes.get("VisibilityTimeout").and_then(|v| v.parse().ok()).unwrap_or(30);
        let visibility = Duration::from_secs(request["VisibilityTimeout"].as_u64().unwrap_or(own));
        let mut out = Vec::new();
        // A FIFO queue hands out nothing of a group of which something is in flight.
        let group = |message: &FakeMessage| message.system.get("MessageGroupId").cloned();
        let busy: Vec<Option<String>> = match name.ends_with(".fifo") {
            true => queue.messages.iter().filter(|message| !message.is_visible()).map(group).collect(),
            false => Vec::new(),
        };
        let due = queue.messages.iter_mut().filter(|message| message.is_visible() && !busy.contains(&group(message)));
        for message in due.take(max) {
            *next += 1;
            message.handle = format!("h{next}");
            message.receives += 1;
            message.visible_at = Instant::now() + visibility;
            let mut system = message.system.clone();
            system.insert("ApproximateReceiveCount".into(), message.receives.to_string());
            let md5 = if matches!(fault, Some(Fault::Damage)) { digest("else") } else { digest(&message.body) };
            let mut shown = json!({
                "MessageId": message.id, "ReceiptHandle": message.handle, "Body": message.body, "MD5OfBody": md5,
                "Attributes": system,
            });
            if message.attributes.is_object() {
                shown["MessageAttributes"] = message.attributes.clone();
            }
            out.push(shown);
        }
        if out.is_empty() { json!({}) } else { json!({"Messages": out}) }
    }

    fn batch(
        &mut self,
        request: &Value,
        fault: Option<&Fault>,
        mut work: impl FnMut(&mut Self, &Value) -> Result<Value, &'static str>,
    ) -> Value {
        let (mut successful, mut failed) = (Vec::new(), Vec::new());
        for (index, entry) in request["Entries"].as_array().cloned().unwrap_or_default().iter().enumerate() {
            let refused = match fault {
                Some(Fault::FailEntries(which, code, sender)) if which.contains(&index) => Some((*code, *sender)),
                _ => None,
            };
            let outcome = match refused {
                Some(refused) => Err(refused),
                None => work(self, entry).map_err(|code| (code, true)),
            };
            if matches!(fault, Some(Fault::OmitEntries(which)) if which.contains(&index)) {
                continue;
            }
            match outcome {
                Ok(done) => successful.push(done),
                Err((code, sender)) => {
                    failed
                        .push(json!({"Id": entry["Id"], "Code": code, "SenderFault": sender, "Message": "on demand"}));
                }
            }
        }
        json!({"Successful": successful, "Failed": failed})
    }
}

fn queue_url(name: &str) -> String {
    format!("http://fake.test/{ACCOUNT}/{name}")
}

#[derive(Clone, Debug)]
struct Connector(Fake);

impl HttpConnector for Connector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        HttpConnectorFuture::new(self.0.clone().answer(request))
    }
}

impl HttpClient for Fake {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(Connector(self.clone()))
    }
}
