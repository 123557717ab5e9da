//! Receipt handles: what they say about the receive they came from, and what of it is trusted.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::super::error::{ApiError, ApiResult};

/// One receive of one message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Receipt {
    /// The queue's row.
    pub(crate) queue: i64,
    /// The message's place in it.
    pub(crate) seq: i64,
    /// The how-manieth receive.
    pub(crate) receives: i64,
    /// When, in milliseconds.
    pub(crate) at: i64,
}

const MARK: &str = "eventbus";

impl Receipt {
    /// The handle that callers carry around.
    pub(crate) fn handle(self) -> String {
        STANDARD.encode(format!("{MARK} {} {} {} {}", self.queue, self.seq, self.receives, self.at))
    }

    /// Reads a handle back.
    pub(crate) fn parse(handle: &str) -> ApiResult<Self> {
        let read = || -> Option<Self> {
            let text = String::from_utf8(STANDARD.decode(handle).ok()?).ok()?;
            let mut parts = text.split(' ');
            (parts.next()? == MARK).then_some(())?;
            let mut number = || parts.next()?.parse::<i64>().ok();
            let found = Self { queue: number()?, seq: number()?, receives: number()?, at: number()? };
            // Handles are not signed. What this bus cannot have written must not be counted with.
            let written =
                [found.queue, found.seq, found.receives, found.at].iter().all(|n| (0..=i64::MAX / 2).contains(n));
            (written && parts.next().is_none()).then_some(found)
        };
        read().ok_or_else(|| invalid(handle))
    }
}

/// The error for a handle that is none.
fn invalid(handle: &str) -> ApiError {
    refused(format!("The input receipt handle \"{handle}\" is not a valid receipt handle."))
}

/// The error for another queue's handle (aws/aws-sdk-java-v2 issue 3101).
pub(crate) fn foreign(handle: &str) -> ApiError {
    refused(format!("The receipt handle \"{handle}\" is not valid for this queue."))
}

/// The error, in a batch, for a handle whose time is over. Alone it is called an invalid value.
pub(crate) fn expired() -> ApiError {
    refused("The receipt handle has expired".into())
}

fn refused(message: String) -> ApiError {
    ApiError::new("ReceiptHandleIsInvalid", message).status(404)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn handles_go_there_and_back_and_nothing_else_passes() {
        let receipt = Receipt { queue: 3, seq: 99, receives: 2, at: 1_700_000_000_000 };
        assert_eq!(Receipt::parse(&receipt.handle()), Ok(receipt));
        for bad in [
            "",
            "garbage",
            &STANDARD.encode("eventbus 1 2 3"),
            &STANDARD.encode("eventbus 1 2 3 4 5"),
            &STANDARD.encode("eventbus 1 5 1 9223372036854775807"),
            &STANDARD.encode("eventbus 1 -5 1 7"),
        ] {
            assert_eq!(Receipt::parse(bad).unwrap_err().code, "ReceiptHandleIsInvalid", "{bad}");
        }
    }
}
