//! The embedded bus as the HTTP client of AWS SDK clients: requests never leave the process.
//!
//! The only file here that may use the smithy runtime API.

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use bytes::Bytes;
use http_body_util::BodyExt as _;

use super::LocalBus;

/// An HTTP client for SDK configurations that is answered by `bus`, whatever the endpoint.
pub fn connector(bus: LocalBus) -> SharedHttpClient {
    SharedHttpClient::new(InProcess(bus))
}

#[derive(Clone, Debug)]
struct InProcess(LocalBus);

impl HttpClient for InProcess {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for InProcess {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let bus = self.0.clone();
        HttpConnectorFuture::new(async move {
            let failed = |error: Box<dyn std::error::Error + Send + Sync>| ConnectorError::other(error, None);
            let (parts, body) = request.try_into_http1x().map_err(|e| failed(e.into()))?.into_parts();
            let body = match body.bytes() {
                Some(bytes) => Bytes::copy_from_slice(bytes),
                None => body.collect().await.map_err(failed)?.to_bytes(),
            };
            let response = bus.handle(http::Request::from_parts(parts, body)).await.map(SdkBody::from);
            HttpResponse::try_from(response).map_err(|e| failed(e.into()))
        })
    }
}
