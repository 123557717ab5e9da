//! Where the spans of `consume` go: the variables of OpenTelemetry, made into values.

use percent_encoding::percent_decode_str;

use super::handlers::without_secrets;
use crate::commands::Cx;
use crate::engine::consume::{Headers, SpanExport, Target};
use crate::error::CliError;

/// Where they go, if anywhere.
///
/// # Errors
/// The address is none.
pub(super) fn export(cx: &Cx) -> Result<Option<SpanExport>, CliError> {
    let Some(otlp) = &cx.config.otlp else { return Ok(None) };
    let to = Target::parse(&otlp.traces).map_err(|error| {
        CliError::usage(format!("`OTEL_EXPORTER_OTLP_ENDPOINT`: `{}`: {error}", without_secrets(&otlp.traces)))
            .hint("send no spans: `OTEL_SDK_DISABLED=true`")
    })?;
    if otlp.protocol.as_deref().is_some_and(|protocol| protocol == "grpc") {
        cx.ui.warn("spans are sent as http/json, not as grpc: collectors take that at another port (4318)");
    }
    let mut resource = pairs(&otlp.resource);
    let named = resource.iter().any(|(name, _)| name == "service.name");
    if let Some(service) = &otlp.service_name {
        resource.retain(|(name, _)| name != "service.name");
        resource.push(("service.name".into(), service.clone()));
    } else if !named {
        resource.push(("service.name".into(), "eventbus".into()));
    }
    Ok(Some(SpanExport { to, headers: Headers(pairs(&otlp.headers.0)), resource }))
}

/// `name=value,…`, percent-encoded as the headers of W3C Baggage.
fn pairs(text: &str) -> Vec<(String, String)> {
    let decoded = |text: &str| percent_decode_str(text.trim()).decode_utf8_lossy().into_owned();
    text.split(',')
        .filter_map(|pair| pair.split_once('='))
        .map(|(name, value)| (decoded(name), decoded(value)))
        .filter(|(name, _)| !name.is_empty())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_decoded_and_what_is_none_is_left_out() {
        let expected = [("api-key", "a=b"), ("x", "1, 2")].map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(pairs("api-key=a=b, x=1%2C%202,none,=y"), expected);
        assert!(pairs("").is_empty());
    }
}
