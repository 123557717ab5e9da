//! Taps that were left behind: found by name and tags, and removed when their process has ended or their lease has.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::{EXPIRES_TAG, OWNER_TAG, PREFIX, TAP_TAG, last, owner};
use crate::bus::{Bus, BusError};

/// A tap's queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Its name.
    pub name: String,
    /// Its URL.
    pub url: String,
    /// What it is for.
    pub target: String,
    /// Until when it is leased, RFC 3339; none when the tag is missing or no date.
    pub expires: Option<Timestamp>,
    /// Nobody uses it any more: its process has ended, or its lease.
    pub is_left: bool,
}

/// What a sweep did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// The names of the queues that were deleted.
    pub removed: Vec<String>,
    /// Subscriptions that were removed.
    pub subscriptions: u64,
    /// Taps that are in use.
    pub in_use: u64,
}

/// Every tap of this bus.
///
/// # Errors
/// What listing the queues or reading their tags answers.
pub async fn find(bus: &Bus, now: Timestamp) -> Result<Vec<Found>, BusError> {
    let mut found = Vec::new();
    for url in bus.queue_urls(PREFIX, usize::MAX).await? {
        // Without our tag, or without the right to see it, it is not known to be ours: then it is left alone.
        let Some(tags) = bus.queue_tags(&url).await? else { continue };
        let Some(target) = tags.get(TAP_TAG) else { continue };
        let expires: Option<Timestamp> = tags.get(EXPIRES_TAG).and_then(|text| text.parse().ok());
        let gone = tags.get(OWNER_TAG).and_then(|owner| owner::is_gone(owner));
        let is_left = gone == Some(true) || expires.is_none_or(|expires| expires <= now);
        let name = url.trim_end_matches('/').rsplit('/').next().unwrap_or_default().to_owned();
        found.push(Found { name, target: target.clone(), expires, is_left, url });
    }
    Ok(found)
}

/// Removes the taps that were left behind; with `all` those in use as well. Subscriptions that lead to a tap whose queue is gone
/// go, too.
///
/// # Errors
/// What a call answers; what was removed until then is removed.
pub async fn sweep(bus: &Bus, now: Timestamp, all: bool) -> Result<Swept, BusError> {
    let (left, in_use): (Vec<_>, Vec<_>) = find(bus, now).await?.into_iter().partition(|tap| tap.is_left || all);
    let mut swept = Swept { in_use: in_use.len() as u64, ..Swept::default() };
    let here = bus.arns().await?;
    let kept: BTreeSet<&str> = in_use.iter().map(|tap| tap.name.as_str()).collect();
    let ours = here.queue(PREFIX);
    for subscription in bus.account_subscriptions(&ours).await? {
        let of_tap = subscription.protocol == "sqs" && subscription.queue_arn.starts_with(&ours);
        if !of_tap || subscription.arn.is_empty() || kept.contains(last(&subscription.queue_arn)) {
            continue;
        }
        // A queue of that name that is not ours, or that somebody has just made, is not touched.
        let known = left.iter().any(|tap| tap.name == last(&subscription.queue_arn));
        if known || bus.describe_queue(last(&subscription.queue_arn)).await?.is_none() {
            bus.unsubscribe(&subscription.arn).await?;
            swept.subscriptions += 1;
        }
    }
    for tap in left {
        bus.delete_queue(&tap.url).await?;
        swept.removed.push(tap.name);
    }
    Ok(swept)
}

/// [`sweep`] at the start of a run that makes a tap itself: only what was left behind, and only where there is something.
///
/// # Errors
/// As [`sweep`].
pub(crate) async fn tidy(bus: &Bus, now: Timestamp) -> Result<Swept, BusError> {
    if find(bus, now).await?.iter().any(|tap| tap.is_left) {
        sweep(bus, now, false).await
    } else {
        Ok(Swept::default())
    }
}
