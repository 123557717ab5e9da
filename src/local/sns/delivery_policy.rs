//! How a topic's delivery policy is shown. It is about HTTP endpoints and has no effect here.
//!
//! <https://docs.aws.amazon.com/sns/latest/dg/sns-message-delivery-retries.html#creating-delivery-policy>; what AWS adds and
//! leaves out is recorded (localstack/localstack, tests/aws/services/sns, Apache-2.0, 2024-10-03).

use serde_json::{Map, Value, json};

const HEALTHY: &str = "defaultHealthyRetryPolicy";
const OVERRIDES: &str = "disableSubscriptionOverrides";
const THROTTLE: &str = "defaultThrottlePolicy";
const REQUEST: &str = "defaultRequestPolicy";

/// The `http` part of a policy, absent and null being the same.
fn http(policy: &str) -> Option<Map<String, Value>> {
    let mut policy: Value = serde_json::from_str(policy).ok()?;
    let Value::Object(http) = policy.get_mut("http")?.take() else { return None };
    Some(http.into_iter().filter(|(_, value)| !value.is_null()).collect())
}

/// `DeliveryPolicy` as it is shown for what was set.
pub(super) fn shown(policy: &str) -> String {
    let Some(mut http) = http(policy) else { return policy.to_owned() };
    let mut ordered = Map::new();
    if let Some(healthy) = http.shift_remove(HEALTHY) {
        ordered.insert(HEALTHY.into(), healthy);
    }
    ordered.insert(OVERRIDES.into(), http.shift_remove(OVERRIDES).unwrap_or(Value::Bool(false)));
    ordered.extend(http);
    json!({ "http": ordered }).to_string()
}

/// `EffectiveDeliveryPolicy`: what was set over what is assumed.
pub(super) fn effective(policy: Option<&str>) -> String {
    let mut set = policy.and_then(http).unwrap_or_default();
    let mut over = |name: &str, mut assumed: Value| {
        if let (Some(Value::Object(set)), Value::Object(assumed)) = (set.shift_remove(name), &mut assumed) {
            assumed.extend(set.into_iter().filter(|(_, value)| !value.is_null()));
        }
        assumed
    };
    let healthy = over(
        HEALTHY,
        json!({
            "minDelayTarget": 20, "maxDelayTarget": 20, "numRetries": 3, "numMaxDelayRetries": 0, "numNoDelayRetries": 0,
            "numMinDelayRetries": 0, "backoffFunction": "linear"
        }),
    );
    let request = over(REQUEST, json!({ "headerContentType": "text/plain; charset=UTF-8" }));
    let mut http = Map::new();
    http.insert(HEALTHY.into(), healthy);
    http.insert(OVERRIDES.into(), set.shift_remove(OVERRIDES).unwrap_or(Value::Bool(false)));
    if let Some(throttle) = set.shift_remove(THROTTLE) {
        http.insert(THROTTLE.into(), throttle);
    }
    http.insert(REQUEST.into(), request);
    json!({ "http": http }).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ASSUMED: &str = r#"{"http":{"defaultHealthyRetryPolicy":{"minDelayTarget":20,"maxDelayTarget":20,"numRetries":3,"numMaxDelayRetries":0,"numNoDelayRetries":0,"numMinDelayRetries":0,"backoffFunction":"linear"},"disableSubscriptionOverrides":false,"defaultRequestPolicy":{"headerContentType":"text/plain; charset=UTF-8"}}}"#;

    #[test]
    fn what_was_set_stands_over_what_is_assumed() {
        assert_eq!(effective(None), ASSUMED);
        let json = r#"{"http":{"defaultRequestPolicy":{"headerContentType":"application/json"}}}"#;
        assert_eq!(
            shown(json),
            r#"{"http":{"disableSubscriptionOverrides":false,"defaultRequestPolicy":{"headerContentType":"application/json"}}}"#
        );
        assert_eq!(effective(Some(json)), ASSUMED.replace("text/plain; charset=UTF-8", "application/json"));
        let retries =
            r#"{"http": {"defaultHealthyRetryPolicy": {"minDelayTarget": 5, "maxDelayTarget": 6, "numRetries": 1}}}"#;
        assert_eq!(
            shown(retries),
            r#"{"http":{"defaultHealthyRetryPolicy":{"minDelayTarget":5,"maxDelayTarget":6,"numRetries":1},"disableSubscriptionOverrides":false}}"#
        );
        assert_eq!(
            effective(Some(retries)),
            ASSUMED.replace(
                r#""minDelayTarget":20,"maxDelayTarget":20,"numRetries":3"#,
                r#""minDelayTarget":5,"maxDelayTarget":6,"numRetries":1"#
            )
        );
    }

    #[test]
    fn null_is_nothing() {
        let none = r#"{"http":{"defaultHealthyRetryPolicy":null}}"#;
        assert_eq!(shown(none), r#"{"http":{"disableSubscriptionOverrides":false}}"#);
        assert_eq!(effective(Some(none)), ASSUMED);
    }
}
