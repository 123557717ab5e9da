//! What the writing thread remembers of topics and queues between transactions: filter policies compiled, numbers parsed.
//!
//! Judged by the catalogue version of the `bus` table, which every process that changes a topic, a subscription or a queue
//! raises; a remembered value is therefore always what the running transaction would read.

use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;

use rusqlite::{Connection, OptionalExtension as _};
use serde::Deserialize;

use super::super::error::{ApiError, ApiResult};
use super::super::names::QueueName;
use crate::filter::{FilterPolicy, Scope};

/// Where the settings of a FIFO queue keep the deduplication scope that it had before its last change, and since when it has
/// not: no attribute of AWS, and shown to nobody.
pub(crate) const SCOPE_BEFORE: &str = "(DeduplicationScope)";
/// How long a changed deduplication scope does not count yet, in milliseconds: "it can take up to 60 seconds for the
/// attributes to propagate"
/// (<https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SetQueueAttributes.html>), and on AWS it was
/// seen to take its time (recorded answers, localstack tests, Apache-2.0: `test_fifo_change_to_*_throughput_after_creation`).
const SCOPE_CHANGES: i64 = 60_000;

/// Attributes as they were set: name to text.
pub(crate) type Settings = BTreeMap<String, String>;

/// A queue with its numbers parsed.
#[derive(Clone, Debug)]
pub(crate) struct Queue {
    /// Its row; never used again after a deletion.
    pub(crate) id: i64,
    /// Region, account and name.
    pub(crate) name: QueueName,
    /// What was set.
    pub(crate) settings: Settings,
    /// Created, last modified, last purged, in milliseconds.
    pub(crate) created: i64,
    pub(crate) modified: i64,
    pub(crate) purged: Option<i64>,
    /// Where messages go that were received too often, and how often that is.
    pub(crate) redrive: Option<(QueueName, i64)>,
}

/// SQS's value of the redrive policy.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RedrivePolicy {
    /// The dead-letter queue.
    pub(crate) dead_letter_target_arn: Option<String>,
    /// A number, or a string of one.
    pub(crate) max_receive_count: Option<serde_json::Value>,
}

impl RedrivePolicy {
    /// The count, if it is a whole number in either spelling.
    pub(crate) fn count(&self) -> Option<i64> {
        match self.max_receive_count.as_ref()? {
            serde_json::Value::Number(number) => number.as_i64(),
            serde_json::Value::String(text) => text.parse().ok(),
            _ => None,
        }
    }
}

impl Queue {
    /// Reads the queue called `name`.
    pub(crate) fn find(connection: &Connection, name: &QueueName) -> ApiResult<Option<Self>> {
        let row = connection
            .prepare_cached(
                "SELECT id, attributes, created, modified, purged FROM queues WHERE account = ?1 AND region = ?2 AND name = ?3",
            )?
            .query_row((&name.account, &name.region, &name.name), |row| {
                Ok((row.get(0)?, row.get::<_, String>(1)?, row.get(2)?, row.get(3)?, row.get(4)?))
            })
            .optional()?;
        let Some((id, settings, created, modified, purged)) = row else { return Ok(None) };
        let settings = settings_from(&settings)?;
        let redrive = settings.get("RedrivePolicy").and_then(|text| {
            let policy: RedrivePolicy = serde_json::from_str(text).ok()?;
            Some((QueueName::from_arn(policy.dead_letter_target_arn.as_deref()?)?, policy.count()?))
        });
        Ok(Some(Self { id, name: name.clone(), settings, created, modified, purged, redrive }))
    }

    /// The value of a numeric attribute, or what AWS assumes
    /// (<https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SetQueueAttributes.html>).
    pub(crate) fn number(&self, attribute: &str) -> i64 {
        self.settings.get(attribute).and_then(|text| text.parse().ok()).unwrap_or(match attribute {
            "VisibilityTimeout" => 30,
            "MessageRetentionPeriod" => 345_600,
            "MaximumMessageSize" => 1_048_576,
            "KmsDataKeyReusePeriodSeconds" => 300,
            _ => 0,
        })
    }

    /// Whether it is a FIFO queue: its name says so, for good.
    pub(crate) fn fifo(&self) -> bool {
        self.name.fifo()
    }

    /// Whether messages that name no deduplication id get one of their body.
    pub(crate) fn content_based(&self) -> bool {
        self.settings.get("ContentBasedDeduplication").is_some_and(|value| value == "true")
    }

    /// Where duplicates of a message of `group` are looked for at `now`: the group, or empty for the whole queue. A change
    /// of the scope takes [`SCOPE_CHANGES`] to count.
    pub(crate) fn scope<'a>(&self, group: &'a str, now: i64) -> &'a str {
        let before = self.settings.get(SCOPE_BEFORE).and_then(|text| text.split_once(' '));
        let before = before.filter(|(since, _)| since.parse::<i64>().is_ok_and(|since| now < since + SCOPE_CHANGES));
        match before.map(|(_, scope)| scope).or(self.settings.get("DeduplicationScope").map(String::as_str)) {
            Some("messageGroup") => group,
            _ => "",
        }
    }

    /// What was sent at or before this instant has expired.
    pub(crate) fn expired_before(&self, now: i64) -> i64 {
        now - self.number("MessageRetentionPeriod") * 1_000
    }
}

/// A topic as publishing needs it.
#[derive(Debug)]
pub(crate) struct Topic {
    /// Its row.
    pub(crate) id: i64,
    /// Whether messages that name no deduplication id get one of their body.
    pub(crate) content_based: bool,
    /// Whether duplicates are looked for in one group only.
    pub(crate) dedup_per_group: bool,
    /// Bytes of a message at most.
    pub(crate) max_size: usize,
    /// `1` or `2`.
    pub(crate) signature_version: String,
    /// Who gets what is published.
    pub(crate) deliveries: Vec<Delivery>,
}

/// One subscription of a queue.
#[derive(Debug)]
pub(crate) struct Delivery {
    /// The end of the subscription's ARN.
    pub(crate) token: [u8; 16],
    /// Whether the message goes without its wrapper.
    pub(crate) raw: bool,
    /// The queue, whether or not it exists.
    pub(crate) queue: QueueName,
    /// Where what cannot be delivered goes.
    pub(crate) dead_letter: Option<QueueName>,
    /// What the message must look like.
    pub(crate) filter: Option<FilterPolicy>,
}

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Catalogue {
    version: i64,
    topics: HashMap<String, Option<Rc<Topic>>>,
    queues: HashMap<QueueName, Option<Rc<Queue>>>,
}

impl Catalogue {
    /// Keeps what is remembered if it is of this version.
    pub(super) fn renew(&mut self, version: i64) {
        if self.version != version {
            self.forget();
            self.version = version;
        }
    }

    /// Keeps nothing.
    pub(super) fn forget(&mut self) {
        self.version = 0;
        self.topics.clear();
        self.queues.clear();
    }

    /// The queue called `name`, or the error that there is none.
    pub(crate) fn queue(&mut self, connection: &Connection, name: &QueueName) -> ApiResult<Rc<Queue>> {
        self.maybe_queue(connection, name)?.ok_or_else(ApiError::no_queue)
    }

    /// The queue called `name`.
    pub(crate) fn maybe_queue(&mut self, connection: &Connection, name: &QueueName) -> ApiResult<Option<Rc<Queue>>> {
        if let Some(known) = self.queues.get(name) {
            return Ok(known.clone());
        }
        let found = Queue::find(connection, name)?.map(Rc::new);
        self.queues.insert(name.clone(), found.clone());
        Ok(found)
    }

    /// The topic with this ARN.
    pub(crate) fn topic(&mut self, connection: &Connection, arn: &str) -> ApiResult<Option<Rc<Topic>>> {
        if let Some(known) = self.topics.get(arn) {
            return Ok(known.clone());
        }
        let found = load_topic(connection, arn)?.map(Rc::new);
        self.topics.insert(arn.to_owned(), found.clone());
        Ok(found)
    }
}

/// Reads a column of settings.
pub(crate) fn settings_from(text: &str) -> ApiResult<Settings> {
    serde_json::from_str(text)
        .map_err(|e| ApiError::internal(format!("the bus file is damaged: settings are no JSON: {e}")))
}

/// Writes a column of settings.
pub(crate) fn settings_text(settings: &Settings) -> String {
    serde_json::to_string(settings).unwrap_or_else(|_| "{}".into())
}

fn load_topic(connection: &Connection, arn: &str) -> ApiResult<Option<Topic>> {
    let Some((id, attributes)) = connection
        .prepare_cached("SELECT id, attributes FROM topics WHERE arn = ?1")?
        .query_row([arn], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?)))
        .optional()?
    else {
        return Ok(None);
    };
    let mut settings = settings_from(&attributes)?;
    let content_based = settings.get("ContentBasedDeduplication").is_some_and(|value| value == "true");
    let dedup_per_group = settings.get("FifoThroughputScope").is_some_and(|value| value == "MessageGroup");
    let max_size = settings.get("MaximumMessageSize").and_then(|n| n.parse().ok()).unwrap_or(262_144);
    let signature_version = settings.remove("SignatureVersion").unwrap_or_else(|| "1".into());
    let mut statement = connection.prepare_cached(
        "SELECT arn, endpoint, attributes FROM subscriptions WHERE topic = ?1 AND protocol = 'sqs' ORDER BY id",
    )?;
    let mut rows = statement.query([id])?;
    let mut deliveries = Vec::new();
    while let Some(row) = rows.next()? {
        let (arn, endpoint, attributes): (String, String, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let settings = settings_from(&attributes)?;
        let Some(queue) = QueueName::from_arn(&endpoint) else { continue };
        let token = arn.rsplit(':').next().and_then(|end| uuid::Uuid::parse_str(end).ok()).unwrap_or_default();
        let filter = match settings.get("FilterPolicy").filter(|text| !filters_nothing(text)) {
            None => None,
            Some(text) => Some(FilterPolicy::parse(text, scope_of(&settings)).map_err(|e| {
                ApiError::internal(format!("the bus file holds a filter policy that cannot be read: {e}"))
            })?),
        };
        let dead_letter = settings
            .get("RedrivePolicy")
            .and_then(|text| serde_json::from_str::<RedrivePolicy>(text).ok())
            .and_then(|policy| QueueName::from_arn(policy.dead_letter_target_arn.as_deref()?));
        let raw = settings.get("RawMessageDelivery").is_some_and(|value| value.eq_ignore_ascii_case("true"));
        deliveries.push(Delivery { token: token.into_bytes(), raw, queue, dead_letter, filter });
    }
    Ok(Some(Topic { id, content_based, dedup_per_group, max_size, signature_version, deliveries }))
}

/// Whether a filter policy lets everything through: there is none, or it names no key.
pub(crate) fn filters_nothing(policy: &str) -> bool {
    let bare: String = policy.chars().filter(|c| !c.is_whitespace()).collect();
    bare.is_empty() || bare == "{}"
}

/// The scope in which a subscription's filter policy is read.
pub(crate) fn scope_of(settings: &Settings) -> Scope {
    match settings.get("FilterPolicyScope").map(String::as_str) {
        Some("MessageBody") => Scope::MessageBody,
        _ => Scope::MessageAttributes,
    }
}
