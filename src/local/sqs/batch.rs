//! What all batches have in common.

use super::super::error::{ApiError, ApiResult};
use super::super::names::valid_entry_id;
use super::types::Failed;

/// Entries of a batch at most.
const MOST: usize = 10;

/// The ids of a batch's entries, after the checks that refuse the whole call; `entry` is the model's name of an entry.
pub(crate) fn ids<'a>(ids: impl ExactSizeIterator<Item = Option<&'a str>>, entry: &str) -> ApiResult<Vec<String>> {
    if ids.len() == 0 {
        return Err(ApiError::coded(
            "EmptyBatchRequest",
            "AWS.SimpleQueueService.EmptyBatchRequest",
            format!("There should be at least one {entry} in the request."),
        ));
    }
    if ids.len() > MOST {
        return Err(ApiError::coded(
            "TooManyEntriesInBatchRequest",
            "AWS.SimpleQueueService.TooManyEntriesInBatchRequest",
            format!("Maximum number of entries per request are {MOST}. You have sent {}.", ids.len()),
        ));
    }
    let mut seen: Vec<String> = Vec::with_capacity(ids.len());
    for id in ids {
        let id = id.ok_or_else(|| ApiError::missing(&format!("{entry}.{}.Id", seen.len() + 1)))?;
        if !valid_entry_id(id) {
            return Err(ApiError::coded(
                "InvalidBatchEntryId",
                "AWS.SimpleQueueService.InvalidBatchEntryId",
                "A batch entry id can only contain alphanumeric characters, hyphens and underscores. It can be at most 80 letters long.",
            ));
        }
        if seen.iter().any(|earlier| earlier == id) {
            return Err(ApiError::coded(
                "BatchEntryIdsNotDistinct",
                "AWS.SimpleQueueService.BatchEntryIdsNotDistinct",
                format!("Id {id} repeated."),
            ));
        }
        seen.push(id.to_owned());
    }
    Ok(seen)
}

impl Failed {
    /// The entry `id` failed for this reason.
    pub(crate) fn of(id: String, error: ApiError) -> Self {
        Self { id, sender_fault: error.sender, code: error.code.to_owned(), message: error.message }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(list: &[&str]) -> Option<&'static str> {
        ids(list.iter().map(|id| Some(*id)), "X").err().map(|e| e.shape)
    }

    #[test]
    fn whole_batches_are_refused_for_their_ids() {
        let long = "a".repeat(81);
        assert_eq!(code(&["a", "b-_9"]), None);
        assert_eq!(code(&[]), Some("EmptyBatchRequest"));
        assert_eq!(code(&["a"; 11]), Some("TooManyEntriesInBatchRequest"));
        assert_eq!(code(&["a", "a"]), Some("BatchEntryIdsNotDistinct"));
        assert_eq!(code(&["a.b"]), Some("InvalidBatchEntryId"));
        assert_eq!(code(&[&long]), Some("InvalidBatchEntryId"));
        assert_eq!(code(&[""]), Some("InvalidBatchEntryId"));
    }
}
