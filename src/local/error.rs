//! What an operation answers when it cannot do what was asked, independent of the protocol it is written in.
//!
//! Pure values; the codecs in `wire` decide how they look.

/// An answer that is an error: everything any of the three protocols needs to write it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ApiError {
    /// The shape's name in the service model, as JSON's `__type` names it.
    pub(crate) shape: &'static str,
    /// The code of the Query protocol, also in `x-amzn-query-error`.
    pub(crate) code: &'static str,
    /// The HTTP status.
    pub(crate) status: u16,
    /// The sentence.
    pub(crate) message: String,
    /// Whether the caller is to blame (`Sender`) or we are (`Receiver`).
    pub(crate) sender: bool,
}

/// The result of every operation.
pub(crate) type ApiResult<T> = Result<T, ApiError>;

impl ApiError {
    /// An error of the caller, status 400, whose shape and code are the same word.
    pub(crate) fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { shape: code, code, status: 400, message: message.into(), sender: true }
    }

    /// An error of the caller whose Query code differs from its shape, as for most of SQS's own
    /// (<https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-json-api-responses.html>).
    pub(crate) fn coded(shape: &'static str, code: &'static str, message: impl Into<String>) -> Self {
        Self { shape, code, status: 400, message: message.into(), sender: true }
    }

    /// The same error under another HTTP status.
    pub(crate) fn status(self, status: u16) -> Self {
        Self { status, ..self }
    }

    /// An error of ours: status 500, which SDKs retry.
    pub(crate) fn internal(message: impl Into<String>) -> Self {
        Self { shape: "InternalFailure", code: "InternalFailure", status: 500, message: message.into(), sender: false }
    }

    /// An error of ours that no later try will find otherwise; a code of its own says so to who knows it.
    pub(crate) fn unusable(message: impl Into<String>) -> Self {
        Self { shape: "BusFileUnusable", code: "BusFileUnusable", ..Self::internal(message) }
    }

    /// SQS's word for a value out of its range. No shape of the model, so JSON names the one of the framework below it
    /// (recorded AWS answers, localstack tests, Apache-2.0: `QueryErrorCode` is `InvalidParameterValueException`).
    pub(crate) fn invalid_value(message: impl Into<String>) -> Self {
        Self::coded("InvalidParameterValueException", "InvalidParameterValue", message)
    }

    /// SQS's word for a parameter that is not there; its shape as for [`Self::invalid_value`].
    pub(crate) fn missing(parameter: &str) -> Self {
        Self::coded(
            "MissingRequiredParameterException",
            "MissingParameter",
            format!("The request must contain the parameter {parameter}."),
        )
    }

    /// SQS: an operation that there is not, or not there.
    pub(crate) fn invalid_action(action: &str) -> Self {
        Self::coded(
            "UnknownOperationException",
            "InvalidAction",
            format!("The action {action} is not valid for this endpoint."),
        )
    }

    /// SQS: a limit is reached; `what` is the sentence.
    pub(crate) fn over_limit(what: impl Into<String>) -> Self {
        Self::new("OverLimit", what).status(403)
    }

    /// SNS's word for nearly everything.
    pub(crate) fn parameter(reason: impl AsRef<str>) -> Self {
        Self::new("InvalidParameter", format!("Invalid parameter: {}", reason.as_ref()))
    }

    /// SQS: no such queue. In these words in JSON; Query adds some of its own.
    pub(crate) fn no_queue() -> Self {
        Self::coded(
            "QueueDoesNotExist",
            "AWS.SimpleQueueService.NonExistentQueue",
            "The specified queue does not exist.",
        )
    }

    /// SNS: no such topic or subscription.
    pub(crate) fn not_found(what: &str) -> Self {
        Self::coded("NotFoundException", "NotFound", format!("{what} does not exist")).status(404)
    }

    /// Something real that the embedded bus does not do (yet); `what` begins the sentence.
    pub(crate) fn unsupported(what: impl AsRef<str>) -> Self {
        Self::coded(
            "UnsupportedOperation",
            "AWS.SimpleQueueService.UnsupportedOperation",
            format!("{} not supported by the embedded bus yet", what.as_ref()),
        )
    }
}

impl From<rusqlite::Error> for ApiError {
    fn from(error: rusqlite::Error) -> Self {
        use rusqlite::{ErrorCode as Code, ffi};
        let code = error.sqlite_error_code();
        let extended = error.sqlite_error().map_or(0, |e| e.extended_code);
        // A quota, a limit on file sizes and a dying disk are told apart by nothing that SQLite passes on.
        let unwritten =
            [ffi::SQLITE_IOERR_WRITE, ffi::SQLITE_IOERR_FSYNC, ffi::SQLITE_IOERR_TRUNCATE, ffi::SQLITE_IOERR_SHMSIZE]
                .contains(&extended);
        let sentence = match code {
            Some(Code::DiskFull) => "the disk that holds the bus file is full; free some space and try again",
            _ if unwritten => {
                "the bus file cannot be written: the disk is full or failing, or a quota or a limit on file sizes is reached"
            }
            Some(Code::DatabaseBusy | Code::DatabaseLocked) => "the bus file is locked by another process for too long",
            Some(Code::ReadOnly) => "the bus file is read-only",
            Some(Code::DatabaseCorrupt | Code::NotADatabase) => "the bus file is damaged",
            _ => "the bus file could not be read or written",
        };
        let message = format!("{sentence}: {error}");
        match code {
            Some(Code::DiskFull | Code::ReadOnly | Code::DatabaseCorrupt | Code::NotADatabase) => {
                Self::unusable(message)
            }
            _ if unwritten => Self::unusable(message),
            _ => Self::internal(message),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_waiting_does_not_mend_has_a_code_of_its_own() {
        use rusqlite::ffi;
        let of = |code| ApiError::from(rusqlite::Error::SqliteFailure(ffi::Error::new(code), None));
        for code in
            [ffi::SQLITE_FULL, ffi::SQLITE_READONLY, ffi::SQLITE_CORRUPT, ffi::SQLITE_NOTADB, ffi::SQLITE_IOERR_WRITE]
        {
            assert_eq!((of(code).code, of(code).status), ("BusFileUnusable", 500));
        }
        assert_eq!(of(ffi::SQLITE_BUSY).code, "InternalFailure");
        assert!(of(ffi::SQLITE_FULL).message.starts_with("the disk that holds the bus file is full"));
    }
}
