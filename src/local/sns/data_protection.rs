//! Data protection policies: kept and shown; nothing is masked or refused by them.
//!
//! <https://docs.aws.amazon.com/sns/latest/api/API_PutDataProtectionPolicy.html>

use super::super::Cx;
use super::super::error::{ApiError, ApiResult};
use super::super::sqs::types::Nothing;
use super::types::{DataProtectionPolicy, OfDataProtection};
use super::{arns, topics};

/// Where a topic keeps it. Not one of the attributes that are shown or set by that name.
pub(super) const SETTING: &str = "DataProtectionPolicy";

/// "Length Constraints: Maximum length of 30,720."
const LONGEST: usize = 30_720;

/// Refuses what is no policy.
pub(super) fn check(policy: &str) -> ApiResult<()> {
    if policy.len() > LONGEST {
        return Err(ApiError::parameter(format!("{SETTING} Reason: must be at most {LONGEST} characters long")));
    }
    if serde_json::from_str::<serde_json::Value>(policy).is_ok_and(|json| json.is_object()) {
        Ok(())
    } else {
        Err(ApiError::parameter(format!("{SETTING}: failed to parse JSON.")))
    }
}

pub(crate) async fn get(cx: &Cx<'_>, input: OfDataProtection) -> ApiResult<DataProtectionPolicy> {
    let arn = arns::topic(&cx.caller, input.resource_arn, "ResourceArn")?;
    let mut found =
        cx.read(move |connection| topics::find(connection, &arn)?.ok_or_else(|| ApiError::not_found("Topic"))).await?;
    Ok(DataProtectionPolicy { data_protection_policy: found.settings.remove(SETTING) })
}

/// An empty policy takes away the one there is, as in the example of the documentation.
pub(crate) async fn put(cx: &Cx<'_>, input: OfDataProtection) -> ApiResult<Nothing> {
    let arn = arns::topic(&cx.caller, input.resource_arn, "ResourceArn")?;
    let policy = input.data_protection_policy.ok_or_else(|| arns::absent(SETTING))?;
    topics::change(cx, arn, move |settings, _| {
        if policy.is_empty() {
            settings.remove(SETTING);
        } else {
            check(&policy)?;
            settings.insert(SETTING.into(), policy);
        }
        Ok(())
    })
    .await
}
