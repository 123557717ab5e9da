//! The embedded bus (its room is being built on its own branch).

use std::path::Path;

use aws_smithy_runtime_api::client::http::SharedHttpClient;

/// Placeholder of the branch that builds the room.
#[derive(Clone, Debug)]
pub struct LocalBus;
/// Placeholder.
#[derive(Clone, Debug, Default)]
pub struct OpenOptions {}
impl LocalBus {
    /// Placeholder.
    pub fn open(_: &Path, _: OpenOptions) -> Result<Self, std::io::Error> {
        Err(std::io::ErrorKind::Unsupported.into())
    }
}
/// Placeholder.
pub fn connector(_: LocalBus) -> SharedHttpClient {
    aws_smithy_http_client::Builder::new().build_http()
}
/// Placeholder.
pub async fn serve(
    _: tokio::net::TcpListener,
    _: LocalBus,
    _: impl std::future::Future<Output = ()>,
) -> Result<(), std::io::Error> {
    Ok(())
}
