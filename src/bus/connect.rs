//! From options to clients: credentials, region, endpoint, timeouts, retries, one HTTP client for all three services.

use std::sync::Arc;
use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::stalled_stream_protection::StalledStreamProtectionConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{AppName, BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_http_client::tls::{self, rustls_provider::CryptoMode};
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use aws_types::service_config::ServiceConfigKey;
use tokio::sync::OnceCell;

use super::{Bus, BusError, BusErrorKind, ConnectOptions, error};

/// One try of one call. A long poll takes up to 20 s and its answer up to 10 MiB, so this only ends a connection that hangs.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(75);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// The first try and four more, with the SDK's jittered backoff between them: a throttle is normal.
const ATTEMPTS: u32 = 5;

/// In process there is no throttle and no lost connection, and SQLite has waited for the file's lock before it says no.
const ATTEMPTS_IN_PROCESS: u32 = 1;

/// What the embedded bus is called when nobody says otherwise; it is never resolved, the connector answers in process.
const IN_PROCESS_ENDPOINT: &str = "http://localhost";

impl Bus {
    /// Builds the clients. Calls no service, except what the credential chain needs to find a region.
    ///
    /// # Errors
    /// `Invalid` for an endpoint that is no http(s) URL, or when no region is known.
    pub async fn connect(options: ConnectOptions) -> Result<Bus, BusError> {
        let endpoint_url = match (&options.endpoint_url, &options.http_client) {
            (Some(url), _) => Some(checked_endpoint(url)?),
            (None, Some(_)) => Some(IN_PROCESS_ENDPOINT.to_owned()),
            (None, None) => None,
        };
        let http = match &options.http_client {
            Some(client) => client.clone(),
            None => network_client(&options, endpoint_url.as_deref()),
        };
        let config = match (&options.static_credentials, &endpoint_url) {
            (Some((id, secret)), Some(url)) => stand_alone(&options, id, secret, url, &http),
            _ => default_chain(&options, endpoint_url.as_deref(), &http).await,
        };
        let Some(region) = config.region().map(ToString::to_string) else {
            return Err(BusError::new(
                BusErrorKind::Invalid,
                "connect",
                match &options.profile {
                    Some(profile) => format!("no region is known: profile `{profile}` names none"),
                    None => "no region is known: neither flag, environment, context nor profile names one".to_owned(),
                },
            ));
        };
        let endpoint_url = match endpoint_url {
            Some(url) => Some(url),
            None => configured_endpoint(&config)?,
        };
        let account = OnceCell::new_with(options.account.clone());
        Ok(Bus {
            sns: aws_sdk_sns::Client::new(&config),
            sqs: aws_sdk_sqs::Client::new(&config),
            sts: aws_sdk_sts::Client::new(&config),
            endpoint_url,
            region,
            account: Arc::new(account),
            peek: options.peek,
            in_process: options.http_client.is_some(),
            peek_whole: false,
        })
    }
}

/// The endpoint that the AWS configuration itself names (`AWS_ENDPOINT_URL`, its forms for a service, `endpoint_url` and
/// `services` of the profile), which the SDK uses where nobody chose one:
/// <https://docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html>.
///
/// # Errors
/// `Invalid` when topics and queues would be looked for in different places.
fn configured_endpoint(config: &SdkConfig) -> Result<Option<String>, BusError> {
    let of = |service: &str| {
        let key = ServiceConfigKey::builder().service_id(service).env("AWS_ENDPOINT_URL").profile("endpoint_url");
        let own = key.build().ok().and_then(|key| config.service_config()?.load_config(key));
        own.or_else(|| config.endpoint_url().map(str::to_owned))
    };
    let (topics, queues) = (of("SNS"), of("SQS"));
    if topics != queues {
        let shown =
            |url: Option<String>| url.map_or_else(|| "AWS".to_owned(), |url| format!("`{}`", error::redact(&url)));
        return Err(BusError::new(
            BusErrorKind::Invalid,
            "connect",
            format!(
                "the AWS configuration sends SNS to {} and SQS to {}, expected one place for both",
                shown(topics),
                shown(queues)
            ),
        ));
    }
    topics.map(|url| checked_endpoint(&url)).transpose()
}

fn checked_endpoint(url: &str) -> Result<String, BusError> {
    let trimmed = url.trim_end_matches('/');
    let parsed: Result<http::Uri, _> = trimmed.parse();
    match parsed {
        Ok(uri) if matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some_and(|h| !h.is_empty()) => {
            Ok(trimmed.to_owned())
        }
        _ => Err(BusError::new(
            BusErrorKind::Invalid,
            "connect",
            format!("endpoint `{}` is not a URL; expected something like `http://localhost:4566`", error::redact(url)),
        )),
    }
}

fn network_client(options: &ConnectOptions, endpoint_url: Option<&str>) -> SharedHttpClient {
    let plain = endpoint_url.is_some_and(|url| url.starts_with("http://")) && options.static_credentials.is_some();
    if plain {
        // No TLS can be needed, not even by the credential chain: reading the root certificates would only cost start-up time.
        return aws_smithy_http_client::Builder::new().build_http();
    }
    aws_smithy_http_client::Builder::new().tls_provider(tls::Provider::Rustls(CryptoMode::Ring)).build_https()
}

/// Only the embedded bus is both handed in and peeked into.
fn attempts(options: &ConnectOptions) -> u32 {
    if options.http_client.is_some() && options.peek { ATTEMPTS_IN_PROCESS } else { ATTEMPTS }
}

fn timeouts() -> TimeoutConfig {
    TimeoutConfig::builder().connect_timeout(CONNECT_TIMEOUT).operation_attempt_timeout(ATTEMPT_TIMEOUT).build()
}

/// The SDK gives up a call whose bytes do not flow for some seconds. In process none flow: a long poll that waits there, as it
/// should, would look stalled.
fn stalls(options: &ConnectOptions) -> StalledStreamProtectionConfig {
    if options.http_client.is_some() {
        StalledStreamProtectionConfig::disabled()
    } else {
        StalledStreamProtectionConfig::enabled().build()
    }
}

/// Everything is known, so neither environment nor AWS files are read: a stray `AWS_ENDPOINT_URL_SQS` cannot redirect it.
fn stand_alone(options: &ConnectOptions, id: &str, secret: &str, url: &str, http: &SharedHttpClient) -> SdkConfig {
    let region = options.region.clone().unwrap_or_else(|| "us-east-1".to_owned());
    let mut builder = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(region))
        .credentials_provider(SharedCredentialsProvider::new(Credentials::new(id, secret, None, None, "eventbus")))
        .endpoint_url(url)
        .http_client(http.clone())
        .retry_config(RetryConfig::standard().with_max_attempts(attempts(options)))
        .stalled_stream_protection(stalls(options))
        .timeout_config(timeouts());
    builder.set_app_name(AppName::new("eventbus").ok());
    builder.build()
}

async fn default_chain(options: &ConnectOptions, endpoint_url: Option<&str>, http: &SharedHttpClient) -> SdkConfig {
    let mut loader = aws_config::defaults(BehaviorVersion::latest())
        .http_client(http.clone())
        .retry_config(RetryConfig::standard().with_max_attempts(attempts(options)))
        .stalled_stream_protection(stalls(options))
        .timeout_config(timeouts());
    if let Ok(name) = AppName::new("eventbus") {
        loader = loader.app_name(name);
    }
    if let Some(profile) = &options.profile {
        loader = loader.profile_name(profile);
    }
    if let Some(region) = &options.region {
        loader = loader.region(Region::new(region.clone()));
    }
    if let Some(url) = endpoint_url {
        loader = loader.endpoint_url(url);
    }
    if let Some((id, secret)) = &options.static_credentials {
        loader = loader.credentials_provider(Credentials::new(id, secret, None, None, "eventbus"));
    }
    loader.load().await
}
