//! Tags of topics.
//!
//! <https://docs.aws.amazon.com/sns/latest/api/API_TagResource.html>

use std::collections::BTreeMap;

use super::super::Cx;
use super::super::error::{ApiError, ApiResult};
use super::super::sqs::types::Nothing;
use super::super::store::catalogue::settings_text;
use super::types::{OfResource, Tag, Tags};
use super::{arns, nothing, topics};

/// Tags of a topic at most.
const MOST_TAGS: usize = 50;

/// The tags as a map; no key may come twice.
pub(super) fn map_of(tags: Vec<Tag>) -> ApiResult<BTreeMap<String, String>> {
    let given = tags.len();
    let map: BTreeMap<String, String> = tags.into_iter().map(|tag| (tag.key, tag.value)).collect();
    if map.len() < given {
        return Err(ApiError::parameter("Duplicated keys are not allowed."));
    }
    within_limit(map)
}

fn within_limit(tags: BTreeMap<String, String>) -> ApiResult<BTreeMap<String, String>> {
    if tags.len() > MOST_TAGS {
        return Err(ApiError::coded(
            "TagLimitExceededException",
            "TagLimitExceeded",
            "Could not complete request: tag quota of per resource exceeded",
        ));
    }
    Ok(tags)
}

fn no_resource() -> ApiError {
    ApiError::coded("ResourceNotFoundException", "ResourceNotFound", "Resource does not exist").status(404)
}

pub(crate) async fn tag(cx: &Cx<'_>, input: OfResource) -> ApiResult<Nothing> {
    let added = map_of(input.tags)?;
    change(cx, input.resource_arn, move |tags| tags.extend(added)).await
}

pub(crate) async fn untag(cx: &Cx<'_>, input: OfResource) -> ApiResult<Nothing> {
    change(cx, input.resource_arn, move |tags| tags.retain(|key, _| !input.tag_keys.contains(key))).await
}

async fn change(
    cx: &Cx<'_>,
    arn: Option<String>,
    change: impl FnOnce(&mut BTreeMap<String, String>) + Send + 'static,
) -> ApiResult<Nothing> {
    let arn = arn.ok_or_else(|| arns::absent("ResourceArn"))?;
    cx.write(move |tx| {
        let mut found = topics::find(tx.connection, &arn)?.ok_or_else(no_resource)?;
        change(&mut found.tags);
        let tags = within_limit(found.tags)?;
        tx.connection
            .prepare_cached("UPDATE topics SET tags = ?2 WHERE id = ?1")?
            .execute((found.id, settings_text(&tags)))?;
        Ok(nothing())
    })
    .await
}

pub(crate) async fn list(cx: &Cx<'_>, input: OfResource) -> ApiResult<Tags> {
    let arn = input.resource_arn.ok_or_else(|| arns::absent("ResourceArn"))?;
    let found = cx.read(move |connection| topics::find(connection, &arn)?.ok_or_else(no_resource)).await?;
    Ok(Tags { tags: found.tags.into_iter().map(|(key, value)| Tag { key, value }).collect() })
}
