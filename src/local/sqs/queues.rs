//! Queues: making, finding, describing, tagging, emptying, removing.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rusqlite::OptionalExtension as _;

use super::super::Cx;
use super::super::error::{ApiError, ApiResult};
use super::super::names::{QueueName, valid_queue_name};
use super::super::store::catalogue::{Queue, Settings, settings_from, settings_text};
use super::super::store::{Tx, fifo, messages};
use super::attributes;
use super::types::{
    Attributes, CreateQueue, GetQueueAttributes, GetQueueUrl, ListDeadLetterSourceQueues, ListQueues, Nothing, OfQueue,
    QueueUrl, QueueUrls, SetQueueAttributes, SourceQueueUrls, TagQueue, Tags, UntagQueue,
};

const MOST_TAGS: usize = 50;

/// The queue that a request's `QueueUrl` names. A bare name is the caller's own queue, and none at all is one that does not
/// exist (recorded AWS answers, localstack tests, Apache-2.0: `test_posting_to_queue_via_queue_name`).
pub(crate) fn named(cx: &Cx<'_>, url: Option<&String>) -> ApiResult<QueueName> {
    let url = url.filter(|url| !url.is_empty()).ok_or_else(ApiError::no_queue)?;
    if valid_queue_name(url) {
        let (region, account) = (cx.caller.region.clone(), cx.caller.account.clone());
        return Ok(QueueName { region, account, name: url.clone() });
    }
    cx.caller.queue_at(url)
}

/// The name that a request gives for a queue.
fn name_of(name: Option<String>) -> ApiResult<String> {
    name.ok_or_else(|| {
        ApiError::invalid_value("Value for parameter QueueName is invalid. Reason: Must specify a queue name.")
    })
}

pub(crate) async fn create(cx: &Cx<'_>, input: CreateQueue) -> ApiResult<QueueUrl> {
    let name = name_of(input.queue_name)?;
    if name.is_empty() {
        return Err(ApiError::invalid_value("Queue name cannot be empty"));
    }
    let wants_fifo = input.attributes.get("FifoQueue").is_some_and(|value| value.eq_ignore_ascii_case("true"));
    if wants_fifo && !name.ends_with(".fifo") {
        return Err(ApiError::invalid_value(
            "The name of a FIFO queue can only include alphanumeric characters, hyphens, or underscores, must end with .fifo suffix and be 1 to 80 in length.",
        ));
    }
    if !valid_queue_name(&name) || (name.ends_with(".fifo") && !wants_fifo) {
        return Err(ApiError::invalid_value(
            "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length",
        ));
    }
    check_tags(&name, &input.tags)?;
    let queue = QueueName { region: cx.caller.region.clone(), account: cx.caller.account.clone(), name };
    let url = cx.caller.queue_url(&queue.account, &queue.name);
    let (now, window) = (cx.now(), cx.bus.options.recreate_window.as_millis() as i64);
    cx.write(move |tx| {
        if let Some(found) = tx.catalogue.maybe_queue(tx.connection, &queue)? {
            return match attributes::difference(&found, &input.attributes) {
                None => Ok(QueueUrl { queue_url: url }),
                Some(attribute) => Err(ApiError::coded(
                    "QueueNameExists",
                    "QueueAlreadyExists",
                    format!(
                        "A queue already exists with the same name and a different value for attribute {attribute}"
                    ),
                )),
            };
        }
        let place = (&queue.account, &queue.region, &queue.name);
        let deleted: Option<i64> = tx
            .connection
            .prepare_cached("SELECT deleted FROM deleted_queues WHERE account = ?1 AND region = ?2 AND name = ?3")?
            .query_row(place, |row| row.get(0))
            .optional()?;
        if deleted.is_some_and(|deleted| now < deleted + window) {
            return Err(ApiError::coded(
                "QueueDeletedRecently",
                "AWS.SimpleQueueService.QueueDeletedRecently",
                "You must wait 60 seconds after deleting a queue before you can create another with the same name.",
            ));
        }
        let subject = attributes::Subject { queue: &queue };
        attributes::check(&input.attributes, subject, |target| tx.catalogue.maybe_queue(tx.connection, target))?;
        let mut settings = Settings::new();
        attributes::merge(&mut settings, &input.attributes);
        attributes::check_together(&settings)?;
        tx.connection
            .prepare_cached(
                "INSERT INTO queues (account, region, name, attributes, tags, created, modified)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?6)",
            )?
            .execute((
                &queue.account,
                &queue.region,
                &queue.name,
                settings_text(&settings),
                settings_text(&input.tags),
                now,
            ))?;
        tx.connection
            .prepare_cached("DELETE FROM deleted_queues WHERE account = ?1 AND region = ?2 AND name = ?3")?
            .execute(place)?;
        tx.catalogue_changed();
        Ok(QueueUrl { queue_url: url })
    })
    .await
}

pub(crate) async fn delete(cx: &Cx<'_>, input: OfQueue) -> ApiResult<Nothing> {
    let name = named(cx, input.queue_url.as_ref())?;
    let now = cx.now();
    cx.write(move |tx| {
        let queue = tx.catalogue.queue(tx.connection, &name)?;
        messages::clear(tx, queue.id)?;
        fifo::forget(tx, queue.id)?;
        tx.connection.prepare_cached("DELETE FROM queues WHERE id = ?1")?.execute([queue.id])?;
        tx.connection
            .prepare_cached(
                "INSERT OR REPLACE INTO deleted_queues (account, region, name, deleted) VALUES (?1, ?2, ?3, ?4)",
            )?
            .execute((&name.account, &name.region, &name.name, now))?;
        tx.catalogue_changed();
        // Whoever waits there learns that it is gone.
        tx.wake(queue.id);
        Ok(Nothing {})
    })
    .await
}

pub(crate) async fn url(cx: &Cx<'_>, input: GetQueueUrl) -> ApiResult<QueueUrl> {
    let name = name_of(input.queue_name.filter(|name| !name.is_empty()))?;
    let account = input.owner.unwrap_or_else(|| cx.caller.account.clone());
    let url = cx.caller.queue_url(&account, &name);
    let queue = QueueName { region: cx.caller.region.clone(), account, name };
    cx.read(move |connection| Queue::find(connection, &queue)?.ok_or_else(ApiError::no_queue)).await?;
    Ok(QueueUrl { queue_url: url })
}

pub(crate) async fn list(cx: &Cx<'_>, input: ListQueues) -> ApiResult<QueueUrls> {
    let (most, after) = page(input.max_results, input.next_token.as_deref())?;
    let (account, region) = (cx.caller.account.clone(), cx.caller.region.clone());
    let prefix = input.queue_name_prefix.unwrap_or_default();
    let mut names = cx
        .read(move |connection| {
            let names = connection
                .prepare_cached(
                    "SELECT name FROM queues WHERE account = ?1 AND region = ?2 AND name > ?3
                     AND substr(name, 1, length(?4)) = ?4 ORDER BY name LIMIT ?5",
                )?
                .query_map((account, region, after, prefix, most + 1), |row| row.get(0))?
                .collect::<rusqlite::Result<Vec<String>>>()?;
            Ok(names)
        })
        .await?;
    let next_token = cut(&mut names, most, input.max_results.is_some());
    let queue_urls = names.iter().map(|name| cx.caller.queue_url(&cx.caller.account, name)).collect();
    Ok(QueueUrls { queue_urls, next_token })
}

pub(crate) async fn dead_letter_sources(cx: &Cx<'_>, input: ListDeadLetterSourceQueues) -> ApiResult<SourceQueueUrls> {
    let target = named(cx, input.queue_url.as_ref())?;
    let (most, after) = page(input.max_results, input.next_token.as_deref())?;
    // Only queues of the owner have it as theirs, whoever asks.
    let account = target.account.clone();
    let mut names = cx
        .read(move |connection| {
            Queue::find(connection, &target)?.ok_or_else(ApiError::no_queue)?;
            let names = connection
                .prepare_cached(
                    "SELECT name FROM queues WHERE account = ?1 AND region = ?2 AND name > ?3
                     AND json_extract(json_extract(attributes, '$.RedrivePolicy'), '$.deadLetterTargetArn') = ?4
                     ORDER BY name LIMIT ?5",
                )?
                .query_map((&target.account, &target.region, after, target.arn(), most + 1), |row| row.get(0))?
                .collect::<rusqlite::Result<Vec<String>>>()?;
            Ok(names)
        })
        .await?;
    let next_token = cut(&mut names, most, input.max_results.is_some());
    let queue_urls = names.iter().map(|name| cx.caller.queue_url(&account, name)).collect();
    Ok(SourceQueueUrls { queue_urls, next_token })
}

/// How many a page holds, and the name after which it begins.
fn page(most: Option<i64>, token: Option<&str>) -> ApiResult<(i64, String)> {
    if let Some(most) = most.filter(|most| !(1..=1_000).contains(most)) {
        return Err(ApiError::invalid_value(format!(
            "Value {most} for parameter MaxResults is invalid. Reason: MaxResults must be an integer between 1 and 1000."
        )));
    }
    let after = match token {
        None => String::new(),
        Some(token) => STANDARD
            .decode(token)
            .ok()
            .and_then(|bytes| String::from_utf8(bytes).ok())
            .ok_or_else(|| ApiError::invalid_value("Invalid or expired next token."))?,
    };
    Ok((most.unwrap_or(1_000), after))
}

/// Cuts `names` to a page and returns the token of the next; AWS gives one only to those who asked for pages.
fn cut(names: &mut Vec<String>, most: i64, paged: bool) -> Option<String> {
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    let more = names.len() > most;
    names.truncate(most);
    (more && paged).then(|| STANDARD.encode(names.last().map_or("", String::as_str)))
}

pub(crate) async fn get_attributes(cx: &Cx<'_>, input: GetQueueAttributes) -> ApiResult<Attributes> {
    let name = named(cx, input.queue_url.as_ref())?;
    let now = cx.now();
    let attributes = cx
        .read(move |connection| {
            let queue = Queue::find(connection, &name)?.ok_or_else(ApiError::no_queue)?;
            attributes::check_names(&input.attribute_names)?;
            attributes::describe(connection, &queue, &input.attribute_names, now)
        })
        .await?;
    Ok(Attributes { attributes })
}

pub(crate) async fn set_attributes(cx: &Cx<'_>, input: SetQueueAttributes) -> ApiResult<Nothing> {
    let name = named(cx, input.queue_url.as_ref())?;
    let now = cx.now();
    cx.write(move |tx| {
        let queue = tx.catalogue.queue(tx.connection, &name)?;
        if input.attributes.is_empty() {
            // As AWS was seen to answer, in both protocols (pulumi-aws issue 5677).
            return Err(ApiError::missing("Attribute.Name"));
        }
        let subject = attributes::Subject { queue: &name };
        attributes::check(&input.attributes, subject, |target| tx.catalogue.maybe_queue(tx.connection, target))?;
        let settings = attributes::change(&queue, &input.attributes, now);
        attributes::check_together(&settings)?;
        keep(tx, queue.id, &settings, now)
    })
    .await
}

/// Keeps the settings of a queue that were changed at `now`.
pub(super) fn keep(tx: &mut Tx<'_>, queue: i64, settings: &Settings, now: i64) -> ApiResult<Nothing> {
    tx.connection.prepare_cached("UPDATE queues SET attributes = ?2, modified = ?3 WHERE id = ?1")?.execute((
        queue,
        settings_text(settings),
        now,
    ))?;
    tx.catalogue_changed();
    Ok(Nothing {})
}

pub(crate) async fn purge(cx: &Cx<'_>, input: OfQueue) -> ApiResult<Nothing> {
    let name = named(cx, input.queue_url.as_ref())?;
    let (now, window) = (cx.now(), cx.bus.options.purge_window.as_millis() as i64);
    cx.write(move |tx| {
        let queue = tx.catalogue.queue(tx.connection, &name)?;
        if queue.purged.is_some_and(|purged| now < purged + window) {
            return Err(ApiError::coded(
                "PurgeQueueInProgress",
                "AWS.SimpleQueueService.PurgeQueueInProgress",
                format!("Only one PurgeQueue operation on {} is allowed every 60 seconds.", name.name),
            )
            .status(403));
        }
        messages::clear(tx, queue.id)?;
        // What was purged may be sent again (recorded AWS answers, localstack tests, Apache-2.0:
        // `test_purge_queue_clears_fifo_deduplication_cache`).
        fifo::forget(tx, queue.id)?;
        tx.connection.prepare_cached("UPDATE queues SET purged = ?2 WHERE id = ?1")?.execute((queue.id, now))?;
        tx.catalogue_changed();
        Ok(Nothing {})
    })
    .await
}

/// Refuses more tags than a queue has room for
/// (<https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-queues.html>).
fn check_tags(queue: &str, tags: &BTreeMap<String, String>) -> ApiResult<()> {
    let refused = |message: String| Err(ApiError::invalid_value(message));
    if tags.len() > MOST_TAGS {
        return refused(format!("Too many tags added for queue {queue}."));
    }
    if tags.keys().any(|key| !(1..=128).contains(&key.chars().count())) {
        return refused("Tag keys must be between 1 and 128 characters in length.".into());
    }
    if tags.values().any(|value| value.chars().count() > 256) {
        return refused("Tag values must be between 0 and 256 characters in length.".into());
    }
    Ok(())
}

pub(crate) async fn tag(cx: &Cx<'_>, input: TagQueue) -> ApiResult<Nothing> {
    if input.tags.is_empty() {
        return Err(ApiError::missing("Tags"));
    }
    change_tags(cx, input.queue_url.as_ref(), move |tags| tags.extend(input.tags)).await
}

pub(crate) async fn untag(cx: &Cx<'_>, input: UntagQueue) -> ApiResult<Nothing> {
    if input.tag_keys.is_empty() {
        return Err(ApiError::invalid_value("Tag keys must be between 1 and 128 characters in length."));
    }
    change_tags(cx, input.queue_url.as_ref(), move |tags| tags.retain(|key, _| !input.tag_keys.contains(key))).await
}

async fn change_tags(
    cx: &Cx<'_>,
    url: Option<&String>,
    change: impl FnOnce(&mut BTreeMap<String, String>) + Send + 'static,
) -> ApiResult<Nothing> {
    let name = named(cx, url)?;
    cx.write(move |tx| {
        let queue = tx.catalogue.queue(tx.connection, &name)?;
        let text: String = tx
            .connection
            .prepare_cached("SELECT tags FROM queues WHERE id = ?1")?
            .query_row([queue.id], |row| row.get(0))?;
        let mut tags = settings_from(&text)?;
        change(&mut tags);
        check_tags(&name.name, &tags)?;
        tx.connection
            .prepare_cached("UPDATE queues SET tags = ?2 WHERE id = ?1")?
            .execute((queue.id, settings_text(&tags)))?;
        Ok(Nothing {})
    })
    .await
}

pub(crate) async fn tags(cx: &Cx<'_>, input: OfQueue) -> ApiResult<Tags> {
    let name = named(cx, input.queue_url.as_ref())?;
    let tags = cx
        .read(move |connection| {
            let text: Option<String> = connection
                .prepare_cached("SELECT tags FROM queues WHERE account = ?1 AND region = ?2 AND name = ?3")?
                .query_row((&name.account, &name.region, &name.name), |row| row.get(0))
                .optional()?;
            settings_from(&text.ok_or_else(ApiError::no_queue)?)
        })
        .await?;
    Ok(Tags { tags })
}
