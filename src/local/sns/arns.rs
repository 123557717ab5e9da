//! What a request may name: topics and subscriptions, by their ARNs.
//!
//! The sentences are those of AWS's recorded answers (localstack/localstack, tests/aws/services/sns, Apache-2.0, recorded
//! 2024-03 to 2025-12).

use super::super::error::{ApiError, ApiResult};
use super::super::names::{Caller, split_arn};

/// The error for a parameter that has to be there and is not.
pub(super) fn absent(parameter: &str) -> ApiError {
    ApiError::parameter(format!("{parameter} Reason: no value for required parameter"))
}

/// The value of `parameter`, if it has the six elements that every ARN has at least.
fn long_enough(arn: Option<String>, parameter: &str) -> ApiResult<String> {
    let arn = arn.ok_or_else(|| absent(parameter))?;
    match arn.split(':').count() {
        few @ ..6 => {
            Err(ApiError::parameter(format!("{parameter} Reason: An ARN must have at least 6 elements, not {few}")))
        }
        _ => Ok(arn),
    }
}

/// The ARN of a topic in the region of the caller. Whether there is such a topic is another question.
pub(super) fn topic(caller: &Caller, arn: Option<String>, parameter: &str) -> ApiResult<String> {
    let arn = long_enough(arn, parameter)?;
    let reachable = split_arn(&arn)
        .is_some_and(|parts| parts.service == "sns" && !parts.resource.contains([':', '/']) && caller.reaches(&parts));
    if reachable { Ok(arn) } else { Err(ApiError::parameter(parameter)) }
}

/// The ARN of a subscription in the region of the caller: the one of a topic and an id.
pub(super) fn subscription(caller: &Caller, arn: Option<String>) -> ApiResult<String> {
    let arn = long_enough(arn, "SubscriptionArn")?;
    match split_arn(&arn) {
        Some(parts) if parts.service == "sns" && !caller.reaches(&parts) => Err(ApiError::parameter("SubscriptionArn")),
        Some(parts) if parts.service == "sns" && parts.resource.contains(':') => Ok(arn),
        Some(parts) if parts.service == "sns" => Err(ApiError::parameter("SubscriptionId")),
        _ => Err(ApiError::parameter("SubscriptionArn")),
    }
}

/// Whether SMS could be sent to `number`: digits after an optional plus, with single marks between them.
pub(super) fn valid_phone_number(number: &str) -> bool {
    let digits = number.strip_prefix('+').unwrap_or(number);
    digits.split(['-', '.', '/', ' ']).all(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phone_numbers() {
        // As AWS took and refused them in 2023 and 2025.
        for good in ["+1234567890", "+12/34-567.890", "+15551234567"] {
            assert!(valid_phone_number(good), "{good}");
        }
        for bad in ["+15--551234567", "NAA+15551234567", "+15551234567.", "/+15551234567", "+1a234", "", "+"] {
            assert!(!valid_phone_number(bad), "{bad}");
        }
    }
}
