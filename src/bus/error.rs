//! What went wrong at the bus: kind, sentence, and the service's own code and request id as the cause.

use aws_credential_types::provider::error::CredentialsError;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

/// What an error means for the one who called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BusErrorKind {
    /// The topic, queue or account does not exist.
    NotFound,
    /// No credentials, wrong ones, or no permission.
    Auth,
    /// Too many requests, still after the SDK's retries.
    Throttled,
    /// The service does not accept what was asked.
    Invalid,
    /// It stands against something that exists or goes on.
    Conflict,
    /// No answer: connection, name resolution, timeout.
    Network,
    /// The endpoint does not know the operation or the feature.
    Unsupported,
    /// Anything else, server faults included.
    Other,
}

/// A call that failed as a whole. Displays as one sentence fragment; the service's code and request id are its `source`.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct BusError {
    /// What it means.
    pub kind: BusErrorKind,
    /// The API operation, such as `ReceiveMessage`.
    pub operation: &'static str,
    /// The service's error code, if it answered.
    pub code: Option<String>,
    /// The sentence: subject first, no credentials.
    pub message: String,
    /// The service's request id, if it answered.
    pub request_id: Option<String>,
    /// Whether the same call may succeed later.
    pub retryable: bool,
    /// For `NotFound`: existing names that come close, nearest first; may be empty.
    pub nearest: Vec<String>,
    /// What the service answered, for the cause chain.
    #[source]
    pub answer: Option<Answer>,
}

/// The service's own words; the cause of a [`BusError`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text}")]
pub struct Answer {
    text: String,
}

/// The embedded bus's code for a bus file that is full, read-only or damaged, which no other try mends.
const BUS_FILE_UNUSABLE: &str = "BusFileUnusable";

/// One entry of a batch that failed while others may have succeeded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}")]
pub struct ItemError {
    /// The service's code; `NoAnswer` when the answer did not mention the entry, `DigestMismatch` when what was confirmed is
    /// not what was sent, else the code of the failed call.
    pub code: String,
    /// The service's sentence.
    pub message: String,
    /// The entry is at fault, not the service: sending it again unchanged is pointless.
    pub sender_fault: bool,
    /// Whether the same entry may succeed later.
    pub retryable: bool,
    /// The request id, if the service answered.
    pub request_id: Option<String>,
}

impl BusError {
    /// An error of our own making, without an answer from the service.
    pub fn new(kind: BusErrorKind, operation: &'static str, message: impl Into<String>) -> Self {
        Self {
            kind,
            operation,
            code: None,
            message: message.into(),
            request_id: None,
            retryable: false,
            nearest: Vec::new(),
            answer: None,
        }
    }

    /// Translates an SDK error. `subject` is what the sentence is about: ``queue `orders` ``.
    pub(crate) fn from_sdk<E>(operation: &'static str, subject: &str, error: &SdkError<E, HttpResponse>) -> Self
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
    {
        let request_id = request_id(error);
        match error {
            SdkError::ServiceError(context) => {
                let meta = context.err().meta();
                let status = context.raw().status().as_u16();
                let code = meta.code().map(short_code).unwrap_or_else(|| format!("HTTP {status}"));
                let kind = kind_of(&code, status);
                let said = meta.message().map(redact).unwrap_or_default();
                let message = sentence(kind, operation, subject, &code, &said);
                let answer = Answer { text: words(&code, &said, request_id.as_deref(), &message) };
                Self {
                    kind,
                    operation,
                    message,
                    request_id,
                    retryable: kind == BusErrorKind::Throttled || (status >= 500 && code != BUS_FILE_UNUSABLE),
                    code: Some(code),
                    nearest: Vec::new(),
                    answer: Some(answer),
                }
            }
            SdkError::ResponseError(context) => {
                let status = context.raw().status().as_u16();
                Self {
                    request_id,
                    retryable: status >= 500 || status == 200,
                    answer: Some(Answer { text: format!("HTTP status {status}: {}", chain(error)) }),
                    ..Self::new(
                        BusErrorKind::Other,
                        operation,
                        format!("{subject}: the answer to `{operation}` could not be read"),
                    )
                }
            }
            _ if find::<CredentialsError>(error) => Self {
                answer: Some(Answer { text: chain(error) }),
                ..Self::new(
                    BusErrorKind::Auth,
                    operation,
                    format!("{subject}: no usable credentials for `{operation}`"),
                )
            },
            SdkError::ConstructionFailure(_) => Self {
                answer: Some(Answer { text: chain(error) }),
                ..Self::new(BusErrorKind::Invalid, operation, format!("{subject}: `{operation}` could not be asked"))
            },
            _ => {
                let timed_out = matches!(error, SdkError::TimeoutError(_))
                    || matches!(error, SdkError::DispatchFailure(failure) if failure.is_timeout());
                let what = if timed_out { "got no answer in time" } else { "could not reach the bus" };
                Self {
                    retryable: true,
                    answer: Some(Answer { text: chain(error) }),
                    ..Self::new(BusErrorKind::Network, operation, format!("{subject}: `{operation}` {what}"))
                }
            }
        }
    }

    /// Whether the call can have been carried out all the same: the answer was lost, could not be read, or was a fault of the
    /// service's.
    pub fn may_have_been_done(&self) -> bool {
        matches!(self.kind, BusErrorKind::Network | BusErrorKind::Other)
    }

    /// The same failure as the outcome of one entry.
    pub(crate) fn to_item(&self) -> ItemError {
        ItemError {
            code: self.code.clone().unwrap_or_else(|| format!("{:?}", self.kind)),
            message: self.message.clone(),
            sender_fault: matches!(self.kind, BusErrorKind::Invalid | BusErrorKind::Auth | BusErrorKind::NotFound),
            retryable: self.retryable,
            request_id: self.request_id.clone(),
        }
    }
}

impl Answer {
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self { text: text.into() }
    }
}

impl ItemError {
    /// An entry that the service refused inside a successful batch answer.
    pub(crate) fn refused(code: &str, message: Option<&str>, sender_fault: bool, request_id: Option<String>) -> Self {
        let code = short_code(code);
        let throttled = kind_of(&code, 400) == BusErrorKind::Throttled;
        Self {
            message: message.map(redact).unwrap_or_else(|| "the service gave no reason".to_owned()),
            sender_fault: sender_fault && !throttled,
            retryable: !sender_fault || throttled,
            code,
            request_id,
        }
    }

    /// Whether credentials or a permission were missing.
    pub fn is_denied(&self) -> bool {
        // Without a code of the service, the code is the kind's own name: see `BusError::to_item`.
        self.code == format!("{:?}", BusErrorKind::Auth) || kind_of(&self.code, 0) == BusErrorKind::Auth
    }

    /// Whether the service had no room for it at that time, so that it has certainly not arrived.
    pub fn is_throttled(&self) -> bool {
        kind_of(&self.code, 400) == BusErrorKind::Throttled
    }

    /// An entry that the answer mentions neither as successful nor as failed.
    pub(crate) fn unmentioned(request_id: Option<String>) -> Self {
        Self {
            code: "NoAnswer".into(),
            message: "the answer says nothing about this entry".into(),
            sender_fault: false,
            retryable: true,
            request_id,
        }
    }
}

/// The request id, from the error's metadata or from the answer's header.
pub(crate) fn request_id<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>) -> Option<String> {
    let from_meta = match error {
        SdkError::ServiceError(context) => context.err().meta().extra("aws_request_id").map(str::to_owned),
        _ => None,
    };
    from_meta.or_else(|| {
        let headers = error.raw_response()?.headers();
        headers.get("x-amzn-requestid").or_else(|| headers.get("x-amz-request-id")).map(str::to_owned)
    })
}

/// Codes as SQS and SNS spell them in their two protocols, without a JSON namespace.
fn short_code(code: &str) -> String {
    code.rsplit('#').next().unwrap_or(code).to_owned()
}

/// What a code means. Codes: the `errors` of <https://docs.aws.amazon.com/sns/latest/api/CommonErrors.html>,
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/CommonErrors.html> and of each operation used here.
fn kind_of(code: &str, status: u16) -> BusErrorKind {
    let bare = code.rsplit('.').next().unwrap_or(code);
    let bare = bare.strip_suffix("Exception").unwrap_or(bare);
    match bare {
        "NonExistentQueue" | "QueueDoesNotExist" | "NotFound" | "ResourceNotFound" => BusErrorKind::NotFound,
        "AccessDenied"
        | "AuthorizationError"
        | "AuthFailure"
        | "InvalidClientTokenId"
        | "UnrecognizedClient"
        | "ExpiredToken"
        | "SignatureDoesNotMatch"
        | "MissingAuthenticationToken"
        | "IncompleteSignature"
        | "InvalidSecurity"
        | "InvalidAccessKeyId"
        | "OptInRequired"
        | "KmsAccessDenied"
        | "KMSAccessDenied"
        | "NotAuthorized"
        | "RequestExpired" => BusErrorKind::Auth,
        "Throttling"
        | "Throttled"
        | "RequestThrottled"
        | "TooManyRequests"
        | "OverLimit"
        | "KmsThrottled"
        | "KMSThrottling"
        | "SlowDown"
        | "RequestLimitExceeded"
        | "BandwidthLimitExceeded" => BusErrorKind::Throttled,
        "QueueNameExists"
        | "QueueAlreadyExists"
        | "QueueDeletedRecently"
        | "ConcurrentAccess"
        | "PurgeQueueInProgress"
        | "StaleTag" => BusErrorKind::Conflict,
        "UnsupportedOperation" | "InvalidAction" | "NotImplemented" | "UnknownOperation" | "UnsupportedFeature" => {
            BusErrorKind::Unsupported
        }
        _ if status == 429 => BusErrorKind::Throttled,
        _ if status == 401 || status == 403 => BusErrorKind::Auth,
        _ if (400..500).contains(&status) => BusErrorKind::Invalid,
        _ => BusErrorKind::Other,
    }
}

fn sentence(kind: BusErrorKind, operation: &str, subject: &str, code: &str, said: &str) -> String {
    match kind {
        BusErrorKind::NotFound => format!("{subject} does not exist"),
        BusErrorKind::Auth => format!("{subject}: `{operation}` is not permitted"),
        BusErrorKind::Throttled => format!("{subject}: `{operation}` was throttled"),
        _ if said.is_empty() => format!("{subject}: `{operation}` was refused with `{code}`"),
        _ => format!("{subject}: `{operation}` was refused: {}", said.trim_end_matches('.')),
    }
}

fn words(code: &str, said: &str, request_id: Option<&str>, sentence: &str) -> String {
    let mut text = code.to_owned();
    if !said.is_empty() && !sentence.contains(said.trim_end_matches('.')) {
        text.push_str(": ");
        text.push_str(said.trim_end_matches('.'));
    }
    if let Some(id) = request_id {
        text.push_str(&format!(" (request id {id})"));
    }
    text
}

fn find<T: std::error::Error + 'static>(error: &(dyn std::error::Error + 'static)) -> bool {
    let mut at = Some(error);
    while let Some(error) = at {
        if error.is::<T>() {
            return true;
        }
        at = error.source();
    }
    false
}

/// The chain of causes as one line, each said once.
fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = String::new();
    let mut at = error.source().or(Some(error));
    while let Some(error) = at {
        let said = error.to_string();
        if !said.is_empty() && !text.contains(&said) {
            if !text.is_empty() {
                text.push_str(": ");
            }
            text.push_str(&said);
        }
        at = error.source();
    }
    redact(&text)
}

/// Takes out of a text what must not be shown: the canonical string that a signature error quotes (it holds the session
/// token), access key ids, passwords in URLs; and cuts what is too long for a sentence.
pub(crate) fn redact(text: &str) -> String {
    const QUOTED: [&str; 4] = ["The Canonical String", "The String-to-Sign", "The canonical string", "Authorization="];
    const LONGEST: usize = 600;
    let mut end = text.len();
    for marker in QUOTED {
        end = end.min(text.find(marker).unwrap_or(end));
    }
    let mut out = String::with_capacity(end.min(LONGEST));
    for (index, word) in text[..end].split_whitespace().enumerate() {
        if index > 0 {
            out.push(' ');
        }
        out.push_str(&redact_word(word));
        if out.len() > LONGEST {
            let mut cut = LONGEST;
            while !out.is_char_boundary(cut) {
                cut -= 1;
            }
            out.truncate(cut);
            out.push('…');
            break;
        }
    }
    out
}

fn redact_word(word: &str) -> String {
    let mut word = word.to_owned();
    if let Some(scheme) = word.find("://")
        && let Some(at) = word[scheme..].find('@')
        && !word[scheme + 3..scheme + at].contains('/')
    {
        word.replace_range(scheme + 3..scheme + at, "…");
    }
    for prefix in ["AKIA", "ASIA"] {
        if let Some(start) = word.find(prefix) {
            let length = word[start..].bytes().take_while(|b| b.is_ascii_uppercase() || b.is_ascii_digit()).count();
            if length >= 16 {
                word.replace_range(start + 4..start + length, "…");
            }
        }
    }
    word
}
