//! Every environment variable that `eventbus` itself reads, declared once. (The AWS SDK reads its own `AWS_*` besides.)

use std::ffi::OsString;

/// The environment at start-up, as plain values.
#[derive(Clone, Debug, Default)]
pub struct Env {
    /// `EVENTBUS_CONTEXT`: the context to use, as `--context`.
    pub context: Option<String>,
    /// `EVENTBUS_CONFIG`: the configuration file to use instead of searching for `eventbus.yaml` upwards.
    pub config: Option<String>,
    /// `EVENTBUS_PUBLISHER`: `metadata.publisherName`, as `publish --publisher`.
    pub publisher: Option<String>,
    /// `AWS_ENDPOINT_URL`: chooses the SNS/SQS endpoint, as `--endpoint-url`.
    pub aws_endpoint_url: Option<String>,
    /// `AWS_PROFILE`: the profile of an AWS bus; never chooses AWS by itself.
    pub aws_profile: Option<String>,
    /// `AWS_REGION`, else `AWS_DEFAULT_REGION`.
    pub aws_region: Option<String>,
    /// Whether the environment itself holds credentials or says where to get them.
    pub has_credentials: bool,
    /// `NO_COLOR` is set and not empty (<https://no-color.org>).
    pub no_color: bool,
    /// `COLUMNS`, where the terminal cannot be asked.
    pub columns: Option<u16>,
    /// `TRACEPARENT`: the span that started this program; continued by what it publishes.
    pub traceparent: Option<String>,
    /// `EVENTBUS_SERVE_ACCESS_KEY_ID`: the key id that requests to `local serve --bind` must be signed with.
    pub serve_access_key_id: Option<String>,
    /// `EVENTBUS_SERVE_SECRET_ACCESS_KEY`: its secret.
    pub serve_secret_access_key: Option<Secret>,
    /// Where spans go.
    pub otlp: Option<Otlp>,
    /// `PATH`, in which handlers are looked up.
    pub path: Option<OsString>,
}

/// Where spans go, by the variables of OpenTelemetry
/// (<https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/>).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Otlp {
    /// `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT`, else `OTEL_EXPORTER_OTLP_ENDPOINT` with `/v1/traces`; without one of them, and with
    /// `OTEL_SDK_DISABLED=true` or `OTEL_TRACES_EXPORTER=none`, no spans go anywhere.
    pub traces: String,
    /// `OTEL_EXPORTER_OTLP_TRACES_HEADERS`, else `OTEL_EXPORTER_OTLP_HEADERS`: `name=value,…`.
    pub headers: Secret,
    /// `OTEL_EXPORTER_OTLP_TRACES_PROTOCOL`, else `OTEL_EXPORTER_OTLP_PROTOCOL`.
    pub protocol: Option<String>,
    /// `OTEL_SERVICE_NAME`: `service.name` of spans.
    pub service_name: Option<String>,
    /// `OTEL_RESOURCE_ATTRIBUTES`: `name=value,…` of spans.
    pub resource: String,
}

impl Otlp {
    fn read() -> Option<Self> {
        let off = var("OTEL_SDK_DISABLED").is_some_and(|value| value.eq_ignore_ascii_case("true"));
        if off || var("OTEL_TRACES_EXPORTER").is_some_and(|value| value == "none") {
            return None;
        }
        let own = |name: &str| var(&format!("OTEL_EXPORTER_OTLP_TRACES_{name}"));
        let of_all = |name: &str| var(&format!("OTEL_EXPORTER_OTLP_{name}"));
        let traces = own("ENDPOINT")
            .or_else(|| of_all("ENDPOINT").map(|url| format!("{}/v1/traces", url.trim_end_matches('/'))))?;
        Some(Self {
            traces,
            headers: Secret(own("HEADERS").or_else(|| of_all("HEADERS")).unwrap_or_default()),
            protocol: own("PROTOCOL").or_else(|| of_all("PROTOCOL")),
            service_name: var("OTEL_SERVICE_NAME"),
            resource: var("OTEL_RESOURCE_ATTRIBUTES").unwrap_or_default(),
        })
    }
}

/// A value that is never shown.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Secret(pub String);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("(secret)")
    }
}

#[expect(clippy::disallowed_methods, reason = "this is the one file that may")]
fn var(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// A variable by whatever name a topology file has in `${NAME}`; `None` when it is not set, or is not UTF-8.
#[expect(clippy::disallowed_methods, reason = "this is the one file that may")]
pub fn environment_variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

impl Env {
    /// Reads the process's environment.
    pub fn read() -> Self {
        #[expect(clippy::disallowed_methods, reason = "this is the one file that may")]
        let path = std::env::var_os("PATH");
        Self {
            context: var("EVENTBUS_CONTEXT"),
            config: var("EVENTBUS_CONFIG"),
            publisher: var("EVENTBUS_PUBLISHER"),
            aws_endpoint_url: var("AWS_ENDPOINT_URL"),
            aws_profile: var("AWS_PROFILE"),
            aws_region: var("AWS_REGION").or_else(|| var("AWS_DEFAULT_REGION")),
            has_credentials: [
                "AWS_ACCESS_KEY_ID",
                "AWS_WEB_IDENTITY_TOKEN_FILE",
                "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
            ]
            .iter()
            .any(|name| var(name).is_some()),
            no_color: var("NO_COLOR").is_some(),
            columns: var("COLUMNS").and_then(|columns| columns.parse().ok()),
            traceparent: var("TRACEPARENT"),
            serve_access_key_id: var("EVENTBUS_SERVE_ACCESS_KEY_ID"),
            serve_secret_access_key: var("EVENTBUS_SERVE_SECRET_ACCESS_KEY").map(Secret),
            otlp: Otlp::read(),
            path,
        }
    }
}

/// The variables that choose a bus or a configuration file: taken out of the environment of a child that must not be led astray.
pub const CHOOSING_VARIABLES: [&str; 6] = [
    "EVENTBUS_CONTEXT",
    "EVENTBUS_CONFIG",
    "EVENTBUS_PUBLISHER",
    "AWS_ENDPOINT_URL",
    "AWS_ENDPOINT_URL_SNS",
    "AWS_ENDPOINT_URL_SQS",
];

/// The command line of this very run, without the program's name: what a journal keeps, to be resumed by.
pub fn arguments() -> Vec<String> {
    std::env::args_os().skip(1).map(|argument| argument.to_string_lossy().into_owned()).collect()
}

/// The file of this very program.
///
/// # Errors
/// The operating system does not say.
pub fn program() -> Result<std::path::PathBuf, crate::error::CliError> {
    std::env::current_exe()
        .map_err(|error| crate::error::CliError::failed("this program cannot find itself").because(&error))
}
