//! A wire around the embedded bus that counts the calls on it and can be cut at any of them.

use std::sync::{Arc, Mutex};

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_runtime_api::http::StatusCode;
use aws_smithy_types::body::SdkBody;
use tokio::sync::Notify;

/// What happens to a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// It goes through.
    Pass,
    /// The process ends before it is sent.
    KillBefore,
    /// The process ends after it was done and before the answer came.
    KillAfter,
    /// It is done, and the answer is lost.
    LoseAnswer,
    /// It is refused: status and code.
    Refuse(u16, &'static str),
}

type Hook = Box<dyn FnMut(usize, &str) -> Fate + Send>;

#[derive(Default)]
struct State {
    calls: Vec<String>,
    hook: Option<Hook>,
}

/// The wire. Clones are one.
#[derive(Clone)]
pub(super) struct Wire {
    inner: SharedHttpClient,
    state: Arc<Mutex<State>>,
    killed: Arc<Notify>,
}

impl std::fmt::Debug for Wire {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Wire")
    }
}

impl Wire {
    pub(super) fn around(inner: SharedHttpClient) -> Self {
        Self { inner, state: Arc::default(), killed: Arc::default() }
    }

    pub(super) fn client(&self) -> SharedHttpClient {
        SharedHttpClient::new(self.clone())
    }

    /// Asked before every call: how many there were, and the operation.
    pub(super) fn on_call(&self, hook: impl FnMut(usize, &str) -> Fate + Send + 'static) {
        let mut state = self.state.lock().unwrap();
        state.hook = Some(Box::new(hook));
        state.calls.clear();
    }

    pub(super) fn calls(&self) -> Vec<String> {
        self.state.lock().unwrap().calls.clone()
    }

    pub(super) fn count(&self, operation: &str) -> usize {
        self.calls().iter().filter(|call| *call == operation).count()
    }

    /// Returns when a call was to end the process.
    pub(super) async fn killed(&self) {
        self.killed.notified().await;
    }
}

impl HttpClient for Wire {
    fn http_connector(&self, settings: &HttpConnectorSettings, components: &RuntimeComponents) -> SharedHttpConnector {
        let inner = self.inner.http_connector(settings, components);
        SharedHttpConnector::new(Connector { inner, wire: self.clone() })
    }
}

#[derive(Clone, Debug)]
struct Connector {
    inner: SharedHttpConnector,
    wire: Wire,
}

impl HttpConnector for Connector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let (inner, wire) = (self.inner.clone(), self.wire.clone());
        HttpConnectorFuture::new(async move {
            let operation = operation(&request);
            let fate = {
                let mut state = wire.state.lock().unwrap();
                let before = state.calls.len();
                state.calls.push(operation.clone());
                state.hook.as_mut().map_or(Fate::Pass, |hook| hook(before, &operation))
            };
            let lost = || ConnectorError::io("connection reset by peer".into());
            match fate {
                Fate::Pass => inner.call(request).await,
                Fate::Refuse(status, code) => {
                    Ok(refusal(request.headers().get("x-amz-target").is_some(), status, code))
                }
                Fate::LoseAnswer => {
                    let _ = inner.call(request).await;
                    Err(lost())
                }
                Fate::KillBefore | Fate::KillAfter => {
                    if fate == Fate::KillAfter {
                        let _ = inner.call(request).await;
                    }
                    wire.killed.notify_one();
                    std::future::pending().await
                }
            }
        })
    }
}

pub(super) fn operation(request: &HttpRequest) -> String {
    if let Some(target) = request.headers().get("x-amz-target") {
        return target.rsplit('.').next().unwrap_or_default().to_owned();
    }
    field(request, "Action")
}

/// A field of a Query request.
pub(super) fn field(request: &HttpRequest, name: &str) -> String {
    let body = request.body().bytes().unwrap_or_default();
    let mut fields = form_urlencoded::parse(body);
    fields.find(|(key, _)| key == name).map(|(_, value)| value.into_owned()).unwrap_or_default()
}

fn refusal(json: bool, status: u16, code: &str) -> HttpResponse {
    let body = if json {
        serde_json::json!({ "__type": format!("com.amazonaws.sqs#{code}"), "message": "on demand" }).to_string()
    } else {
        format!(
            "<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>on demand</Message></Error><RequestId>r</RequestId></ErrorResponse>"
        )
    };
    HttpResponse::new(StatusCode::try_from(status).unwrap(), SdkBody::from(body))
}
