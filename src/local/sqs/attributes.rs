//! Queue attributes: which there are, what they may hold, what is answered for them.
//!
//! <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SetQueueAttributes.html>

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::rc::Rc;

use rusqlite::Connection;
use serde::Deserialize;
use serde_json::Value;

use super::super::error::{ApiError, ApiResult};
use super::super::names::{QueueName, split_arn};
use super::super::store::catalogue::{Queue, RedrivePolicy, SCOPE_BEFORE, Settings};
use super::super::store::messages;
use super::permissions;

/// Attributes that are whole numbers in a range.
fn range(name: &str) -> Option<RangeInclusive<i64>> {
    Some(match name {
        "VisibilityTimeout" => 0..=43_200,
        "MaximumMessageSize" => 1_024..=1_048_576,
        "MessageRetentionPeriod" => 60..=1_209_600,
        "DelaySeconds" => 0..=900,
        "ReceiveMessageWaitTimeSeconds" => 0..=20,
        "KmsDataKeyReusePeriodSeconds" => 60..=86_400,
        _ => return None,
    })
}

/// Attributes whose empty value takes them away.
const REMOVABLE: [&str; 4] = ["Policy", "RedrivePolicy", "RedriveAllowPolicy", "KmsMasterKeyId"];

/// Attributes every queue answers for `All`, whether set or not.
const ALWAYS: [&str; 6] = [
    "DelaySeconds",
    "MaximumMessageSize",
    "MessageRetentionPeriod",
    "ReceiveMessageWaitTimeSeconds",
    "SqsManagedSseEnabled",
    "VisibilityTimeout",
];

/// Attributes that are answered and cannot be set.
const COMPUTED: [&str; 6] = [
    "ApproximateNumberOfMessages",
    "ApproximateNumberOfMessagesDelayed",
    "ApproximateNumberOfMessagesNotVisible",
    "CreatedTimestamp",
    "LastModifiedTimestamp",
    "QueueArn",
];

const FIFO: [&str; 4] = ["FifoQueue", "ContentBasedDeduplication", "DeduplicationScope", "FifoThroughputLimit"];

/// Whose attributes are checked.
#[derive(Clone, Copy)]
pub(crate) struct Subject<'a> {
    pub(crate) queue: &'a QueueName,
}

/// Checks attributes that somebody wants to set, each by itself. `find` is asked for the target of a redrive policy.
pub(crate) fn check(
    settings: &Settings,
    subject: Subject<'_>,
    mut find: impl FnMut(&QueueName) -> ApiResult<Option<Rc<Queue>>>,
) -> ApiResult<()> {
    for (name, value) in settings {
        let invalid = || ApiError::new("InvalidAttributeValue", format!("Invalid value for the parameter {name}."));
        match name.as_str() {
            name if range(name).is_some() => {
                let allowed = range(name).unwrap_or(0..=0);
                if !value.parse::<i64>().is_ok_and(|number| allowed.contains(&number)) {
                    return Err(invalid());
                }
            }
            "RedrivePolicy" if !value.is_empty() => {
                let target = check_redrive(value)?;
                if target.fifo() != subject.queue.fifo() {
                    // Two full stops, as AWS has them.
                    return Err(redrive_error(value, "Dead-letter queue must be same type of queue as the source.."));
                }
                let Some(found) = find(&target)? else {
                    return Err(redrive_error(value, "Dead letter target does not exist."));
                };
                if !allows(&found, subject.queue) {
                    return Err(redrive_error(
                        value,
                        "The redrive allow policy of the dead-letter queue does not allow this source queue.",
                    ));
                }
            }
            "RedriveAllowPolicy" if !value.is_empty() => check_redrive_allow(value)?,
            "Policy" if !value.is_empty() => permissions::check(value)?,
            "SqsManagedSseEnabled" if !is_boolean(value) => return Err(invalid()),
            "Policy" | "RedrivePolicy" | "RedriveAllowPolicy" | "KmsMasterKeyId" | "SqsManagedSseEnabled" => {}
            // Recorded AWS answers, localstack tests, Apache-2.0: `test_create_standard_queue_with_fifo_attribute_raises_error`.
            throughput @ ("DeduplicationScope" | "FifoThroughputLimit") if !subject.queue.fifo() => {
                return Err(ApiError::new(
                    "InvalidAttributeName",
                    format!("You can specify the {throughput} only when FifoQueue is set to true."),
                ));
            }
            fifo if FIFO.contains(&fifo) && !subject.queue.fifo() => {
                return Err(ApiError::new("InvalidAttributeName", format!("Unknown Attribute {fifo}.")));
            }
            "FifoQueue" if !value.eq_ignore_ascii_case("true") => {
                return Err(ApiError::new(
                    "InvalidAttributeValue",
                    "Invalid value for the parameter FifoQueue. Reason: Modifying queue type is not supported.",
                ));
            }
            // Saying again what it is changes nothing.
            "FifoQueue" => {}
            "ContentBasedDeduplication" if !is_boolean(value) => return Err(invalid()),
            "DeduplicationScope" if !["messageGroup", "queue"].contains(&value.as_str()) => return Err(invalid()),
            "FifoThroughputLimit" if !["perQueue", "perMessageGroupId"].contains(&value.as_str()) => {
                return Err(invalid());
            }
            "ContentBasedDeduplication" | "DeduplicationScope" | "FifoThroughputLimit" => {}
            unknown => return Err(ApiError::new("InvalidAttributeName", format!("Unknown Attribute {unknown}."))),
        }
    }
    let is = |name: &str, value: &str| settings.get(name).is_some_and(|found| found.eq_ignore_ascii_case(value));
    if is("SqsManagedSseEnabled", "true") && settings.get("KmsMasterKeyId").is_some_and(|key| !key.is_empty()) {
        return Err(ApiError::new(
            "InvalidAttributeName",
            "You can use one type of server-side encryption (SSE) at one time. You can either enable KMS SSE or SQS SSE.",
        ));
    }
    Ok(())
}

/// AWS takes `True` as well.
fn is_boolean(value: &str) -> bool {
    value.eq_ignore_ascii_case("true") || value.eq_ignore_ascii_case("false")
}

/// Checks attributes that only go together: throughput by group needs duplicates looked for by group
/// (<https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SetQueueAttributes.html>).
pub(crate) fn check_together(settings: &Settings) -> ApiResult<()> {
    let is = |name: &str, value: &str| settings.get(name).is_some_and(|found| found == value);
    if is("FifoThroughputLimit", "perMessageGroupId") && !is("DeduplicationScope", "messageGroup") {
        return Err(ApiError::new(
            "InvalidAttributeValue",
            "Invalid value for the parameter FifoThroughputLimit. Reason: The perMessageGroupId value is allowed only when the value for DeduplicationScope is messageGroup.",
        ));
    }
    Ok(())
}

/// SQS's value of the redrive allow policy.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct RedriveAllowPolicy {
    redrive_permission: String,
    #[serde(default)]
    source_queue_arns: Option<Vec<String>>,
}

/// Source queues that a redrive allow policy may name.
const MOST_SOURCES: usize = 10;

fn check_redrive_allow(value: &str) -> ApiResult<()> {
    let malformed = || {
        ApiError::new(
            "InvalidAttributeValue",
            "Invalid value for the parameter RedriveAllowPolicy. Reason: Amazon SQS can't create the redrive allow policy, as it’s in an unsupported format.",
        )
    };
    let refused = |reason: &str| {
        Err(ApiError::invalid_value(format!(
            "Value {value} for parameter RedriveAllowPolicy is invalid. Reason: Amazon SQS can't create the redrive allow policy. {reason}"
        )))
    };
    let policy: RedriveAllowPolicy = serde_json::from_str(value).map_err(|_| malformed())?;
    match (policy.redrive_permission.as_str(), policy.source_queue_arns) {
        ("allowAll" | "denyAll", None) => Ok(()),
        ("allowAll" | "denyAll", Some(_)) => {
            refused("To specify one or more source queue ARNs, you must set redrivePermission to byQueue.")
        }
        ("byQueue", Some(arns)) if arns.len() > MOST_SOURCES => {
            refused(&format!("The maximum number of source queue ARNs you can specify is {MOST_SOURCES}."))
        }
        ("byQueue", Some(arns)) if !arns.is_empty() => {
            if arns.iter().all(|arn| QueueName::from_arn(arn).is_some()) {
                Ok(())
            } else {
                Err(malformed())
            }
        }
        ("byQueue", _) => refused(
            "When you specify the byQueue permission type, you must also specify one or more sourceQueueArns values.",
        ),
        _ => Err(malformed()),
    }
}

/// Whether `target` lets `source` use it as its dead-letter queue.
fn allows(target: &Queue, source: &QueueName) -> bool {
    let policy = target.settings.get("RedriveAllowPolicy").map(|text| serde_json::from_str::<RedriveAllowPolicy>(text));
    match policy {
        None => true,
        Some(Ok(policy)) => match policy.redrive_permission.as_str() {
            "allowAll" => true,
            "byQueue" => policy.source_queue_arns.is_some_and(|arns| arns.contains(&source.arn())),
            _ => false,
        },
        Some(Err(_)) => false,
    }
}

fn redrive_error(value: &str, reason: &str) -> ApiError {
    ApiError::invalid_value(format!("Value {value} for parameter RedrivePolicy is invalid. Reason: {reason}"))
}

fn check_redrive(value: &str) -> ApiResult<QueueName> {
    let policy: RedrivePolicy = serde_json::from_str(value).map_err(|_| {
        ApiError::new(
            "InvalidAttributeValue",
            "Invalid value for the parameter RedrivePolicy. Reason: Redrive policy is not a valid JSON map.",
        )
    })?;
    let missing = |what| redrive_error(value, &format!("Redrive policy does not contain mandatory attribute: {what}."));
    let raw = policy.max_receive_count.as_ref().ok_or_else(|| missing("maxReceiveCount"))?;
    let target = policy.dead_letter_target_arn.as_deref().ok_or_else(|| missing("deadLetterTargetArn"))?;
    let members = serde_json::from_str::<serde_json::Map<String, Value>>(value).map_or(0, |map| map.len());
    if members > 2 {
        let reason = "Only following attributes are supported: [maxReceiveCount, deadLetterTargetArn].";
        return Err(redrive_error(value, reason));
    }
    if !policy.count().is_some_and(|count| (1..=1_000).contains(&count)) {
        let raw = raw.as_str().map_or_else(|| raw.to_string(), str::to_owned);
        let reason =
            format!("Invalid value for maxReceiveCount: {raw}, valid values are from 1 to 1000 both inclusive.");
        return Err(redrive_error(value, &reason));
    }
    if split_arn(target).is_some_and(|arn| arn.service != "sqs") {
        return Err(redrive_error(value, "Only SQS queues are valid resources for deadLetterTargetArn."));
    }
    QueueName::from_arn(target).ok_or_else(|| redrive_error(value, "Invalid value for deadLetterTargetArn."))
}

/// A value as it is kept and shown: truth in small letters, a redrive policy in AWS's own form whatever the spelling it came in.
fn normal(name: &str, value: &str) -> String {
    match name {
        "FifoQueue" | "ContentBasedDeduplication" | "SqsManagedSseEnabled" => value.to_ascii_lowercase(),
        "RedrivePolicy" => serde_json::from_str::<RedrivePolicy>(value)
            .ok()
            .and_then(|policy| {
                let (target, count) = (policy.dead_letter_target_arn.as_ref()?, policy.count()?);
                Some(format!(r#"{{"deadLetterTargetArn":{},"maxReceiveCount":{count}}}"#, Value::from(target.as_str())))
            })
            .unwrap_or_else(|| value.to_owned()),
        _ => value.to_owned(),
    }
}

/// Puts `changes` over what was set; an empty value of a removable attribute takes it away. One kind of encryption ends the
/// other (recorded AWS answers, localstack tests, Apache-2.0: `test_set_queue_attributes_default_values`).
pub(crate) fn merge(settings: &mut Settings, changes: &Settings) {
    for (name, value) in changes {
        if value.is_empty() && REMOVABLE.contains(&name.as_str()) {
            settings.remove(name);
        } else {
            settings.insert(name.clone(), normal(name, value));
        }
    }
    if changes.get("KmsMasterKeyId").is_some_and(|key| !key.is_empty()) {
        settings.insert("SqsManagedSseEnabled".into(), "false".into());
    }
    if changes.get("SqsManagedSseEnabled").is_some_and(|value| value.eq_ignore_ascii_case("true")) {
        settings.remove("KmsMasterKeyId");
        settings.remove("KmsDataKeyReusePeriodSeconds");
    }
    if !settings.contains_key("KmsMasterKeyId")
        && settings.get("KmsDataKeyReusePeriodSeconds").is_some_and(|n| n == "300")
    {
        settings.remove("KmsDataKeyReusePeriodSeconds");
    }
}

/// As [`merge`] for a queue that is there: what a change of the deduplication scope replaces is kept, because it goes on
/// counting for a while.
pub(crate) fn change(queue: &Queue, changes: &Settings, now: i64) -> Settings {
    let scope = |settings: &Settings| settings.get("DeduplicationScope").cloned().unwrap_or_else(|| "queue".into());
    let (mut settings, before) = (queue.settings.clone(), scope(&queue.settings));
    merge(&mut settings, changes);
    if queue.fifo() && scope(&settings) != before {
        settings.insert(SCOPE_BEFORE.into(), format!("{now} {before}"));
    }
    settings
}

/// The first attribute of `wanted` that differs from what `queue` has.
pub(crate) fn difference(queue: &Queue, wanted: &Settings) -> Option<String> {
    wanted
        .iter()
        .find(|(name, value)| !same(&effective(queue, name).unwrap_or_default(), &normal(name, value)))
        .map(|(n, _)| n.clone())
}

/// Equal as text, or as JSON.
fn same(one: &str, other: &str) -> bool {
    one == other
        || matches!(
            (serde_json::from_str::<Value>(one), serde_json::from_str::<Value>(other)),
            (Ok(one), Ok(other)) if one == other
        )
}

fn effective(queue: &Queue, name: &str) -> Option<String> {
    match name {
        "SqsManagedSseEnabled" => Some(
            queue
                .settings
                .get(name)
                .cloned()
                .unwrap_or_else(|| (!queue.settings.contains_key("KmsMasterKeyId")).to_string()),
        ),
        "KmsDataKeyReusePeriodSeconds" if !queue.settings.contains_key("KmsMasterKeyId") => {
            queue.settings.get(name).cloned()
        }
        name if range(name).is_some() => Some(queue.number(name).to_string()),
        fifo if FIFO.contains(&fifo) && queue.fifo() => Some(queue.settings.get(fifo).cloned().unwrap_or_else(|| {
            match fifo {
                "FifoQueue" => "true",
                "DeduplicationScope" => "queue",
                "FifoThroughputLimit" => "perQueue",
                _ => "false",
            }
            .to_owned()
        })),
        name => queue.settings.get(name).cloned(),
    }
}

/// Refuses names of attributes that do not exist.
pub(crate) fn check_names(names: &[String]) -> ApiResult<()> {
    for name in names.iter().map(String::as_str) {
        let known = name == "All"
            || range(name).is_some()
            || [&ALWAYS[..], &COMPUTED, &REMOVABLE, &FIFO].iter().any(|group| group.contains(&name));
        if !known {
            return Err(ApiError::new("InvalidAttributeName", format!("Unknown Attribute {name}.")));
        }
    }
    Ok(())
}

/// The values of the named attributes; counts are taken only when asked for.
pub(crate) fn describe(
    connection: &Connection,
    queue: &Queue,
    names: &[String],
    now: i64,
) -> ApiResult<BTreeMap<String, String>> {
    let all = names.iter().any(|name| name == "All");
    let mut wanted: Vec<&str> = names.iter().map(String::as_str).filter(|name| *name != "All").collect();
    if all {
        wanted.extend(ALWAYS.iter().chain(&COMPUTED));
        if queue.fifo() {
            wanted.extend(FIFO);
        }
        wanted.extend(queue.settings.keys().map(String::as_str).filter(|name| *name != SCOPE_BEFORE));
        if queue.settings.contains_key("KmsMasterKeyId") {
            wanted.push("KmsDataKeyReusePeriodSeconds");
        }
    }
    let counts = if wanted.iter().any(|name| name.starts_with("Approximate")) {
        messages::count(connection, queue, now)?
    } else {
        messages::Counts::default()
    };
    let mut found = BTreeMap::new();
    for name in wanted {
        let value = match name {
            "ApproximateNumberOfMessages" => Some(counts.visible.to_string()),
            "ApproximateNumberOfMessagesNotVisible" => Some(counts.in_flight.to_string()),
            "ApproximateNumberOfMessagesDelayed" => Some(counts.delayed.to_string()),
            "CreatedTimestamp" => Some((queue.created / 1_000).to_string()),
            "LastModifiedTimestamp" => Some((queue.modified / 1_000).to_string()),
            "QueueArn" => Some(queue.name.arn()),
            other => effective(queue, other),
        };
        if let Some(value) = value {
            found.insert(name.to_owned(), value);
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(name: &str, value: &str) -> Result<(), String> {
        let queue = QueueName { region: "r".into(), account: "1".into(), name: "q".into() };
        let subject = Subject { queue: &queue };
        check(&Settings::from([(name.into(), value.into())]), subject, |_| Ok(None)).map_err(|e| e.code.to_owned())
    }

    #[test]
    fn ranges_are_kept() {
        for (name, good, bad) in [
            ("VisibilityTimeout", ["0", "43200"], ["-1", "43201"]),
            ("MessageRetentionPeriod", ["60", "1209600"], ["59", "1209601"]),
            ("DelaySeconds", ["0", "900"], ["901", "x"]),
            ("ReceiveMessageWaitTimeSeconds", ["0", "20"], ["21", ""]),
            ("MaximumMessageSize", ["1024", "1048576"], ["1023", "1048577"]),
        ] {
            good.iter().for_each(|value| assert_eq!(verdict(name, value), Ok(()), "{name}={value}"));
            bad.iter().for_each(|value| {
                assert_eq!(verdict(name, value), Err("InvalidAttributeValue".into()), "{name}={value}");
            });
        }
        assert_eq!(verdict("Colour", "red"), Err("InvalidAttributeName".into()));
        assert_eq!(verdict("QueueArn", "x"), Err("InvalidAttributeName".into()));
    }

    #[test]
    fn redrive_policies_are_read_closely() {
        let arn = "arn:aws:sqs:us-east-1:000000000000:dead";
        let say = |policy: &str| {
            let queue = QueueName { region: "r".into(), account: "1".into(), name: "q".into() };
            let subject = Subject { queue: &queue };
            let find = |name: &QueueName| {
                Ok(Some(Rc::new(Queue {
                    id: 1,
                    name: name.clone(),
                    settings: Settings::new(),
                    created: 0,
                    modified: 0,
                    purged: None,
                    redrive: None,
                })))
            };
            check(&Settings::from([("RedrivePolicy".into(), policy.into())]), subject, find).err().map(|e| e.message)
        };
        assert_eq!(say(&format!(r#"{{"deadLetterTargetArn":"{arn}","maxReceiveCount":"3"}}"#)), None);
        assert_eq!(say(&format!(r#"{{"deadLetterTargetArn":"{arn}","maxReceiveCount":1000}}"#)), None);
        assert_eq!(say(""), None);
        assert!(say("[]").unwrap().ends_with("not a valid JSON map."));
        assert!(say(r#"{"maxReceiveCount":3}"#).unwrap().ends_with("mandatory attribute: deadLetterTargetArn."));
        assert!(say(&format!(r#"{{"deadLetterTargetArn":"{arn}"}}"#)).unwrap().ends_with("maxReceiveCount."));
        assert!(
            say(&format!(r#"{{"deadLetterTargetArn":"{arn}","maxReceiveCount":0}}"#)).unwrap().contains("1 to 1000")
        );
        assert!(say(r#"{"deadLetterTargetArn":"dead","maxReceiveCount":1}"#).is_some());
    }
}
