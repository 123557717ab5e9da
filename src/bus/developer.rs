//! The embedded bus's own endpoints, beside those of AWS.

use std::sync::{Arc, Mutex, PoisonError};

use aws_sdk_sqs::config::interceptors::AfterDeserializationInterceptorContextRef;
use aws_sdk_sqs::config::retry::RetryConfig;
use aws_sdk_sqs::config::{Config, ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_sqs::error::BoxError;
use aws_smithy_types::body::SdkBody;
use serde::de::DeserializeOwned;

use super::{Bus, BusError, BusErrorKind};

impl Bus {
    /// Reads `uri`, or posts `body` to it.
    ///
    /// # Errors
    /// What the endpoint answers, and `Other` for an answer that is not the JSON that is expected.
    pub(super) async fn ask_developer<T: DeserializeOwned>(
        &self,
        operation: &'static str,
        subject: &str,
        uri: String,
        body: Option<Vec<u8>>,
    ) -> Result<T, BusError> {
        // A smithy HTTP client cannot be called without a client's runtime around it. So the call rides on one of SQS's reading
        // operations, whose request is replaced: retries, timeouts and error parsing are the SDK's, as for every other call.
        let answer = Captured::default();
        let mut call = self.sqs.list_queues().customize().interceptor(answer.clone());
        // What changes something is repeated by the caller, who knows what that means.
        if body.is_some() {
            call = call.config_override(Config::builder().retry_config(RetryConfig::disabled()));
        }
        let call = call.mutate_request(move |request| {
            // The endpoint was parsed when the bus was connected, so this cannot fail; if it did, the endpoint would answer
            // `ListQueues`, and what is missing from that would say so.
            let method = if body.is_some() { "POST" } else { "GET" };
            let _ = request.set_method(method).and_then(|()| request.set_uri(uri.as_str()));
            request.headers_mut().remove("content-length");
            *request.body_mut() = body.clone().map_or_else(SdkBody::empty, SdkBody::from);
        });
        call.send().await.map_err(|error| BusError::from_sdk(operation, subject, &error))?;
        let bytes = std::mem::take(&mut *answer.0.lock().unwrap_or_else(PoisonError::into_inner));
        serde_json::from_slice(&bytes).map_err(|error| {
            let says = format!("{subject}: the answer to the {operation} is not as expected: {error}");
            BusError::new(BusErrorKind::Other, operation, says)
        })
    }
}

/// Keeps the bytes of the answer, which the borrowed operation's parser would drop.
#[derive(Clone, Debug, Default)]
struct Captured(Arc<Mutex<Vec<u8>>>);

#[aws_smithy_runtime_api::client::interceptors::dyn_dispatch_hint]
impl Intercept for Captured {
    fn name(&self) -> &'static str {
        "developer answer"
    }

    // Only now has the body been fetched, where it comes over a connection.
    fn read_after_deserialization(
        &self,
        context: &AfterDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if let Some(bytes) = context.response().body().bytes() {
            *self.0.lock().unwrap_or_else(PoisonError::into_inner) = bytes.to_vec();
        }
        Ok(())
    }
}
