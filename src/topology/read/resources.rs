//! Topics and queues: those that the file makes, and those it refers to.

use std::collections::BTreeMap;

use crate::topology::OWNER_TAG;
use crate::topology::fields::{self, Field, Kind};
use crate::topology::model::{DeadLetter, Queue, RedriveAllow, Settings, Topic};
use crate::topology::problem::Problems;
use crate::topology::yaml::{Key, Node, Value, join};

use super::scalar::{flag, number, plain, settings, text};
use super::table::{Table, entries};

/// A kind of resource: its noun, AWS's service, and how long a name may be.
struct Nature {
    noun: &'static str,
    service: &'static str,
    /// <https://docs.aws.amazon.com/sns/latest/api/API_CreateTopic.html>,
    /// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_CreateQueue.html>
    longest: usize,
}

const TOPIC: Nature = Nature { noun: "topic", service: "sns", longest: 256 };
const QUEUE: Nature = Nature { noun: "queue", service: "sqs", longest: 80 };

/// The characters of a name; `.fifo` at its end besides.
fn is_name(name: &str) -> bool {
    let stem = name.strip_suffix(".fifo").unwrap_or(name);
    !stem.is_empty() && stem.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'))
}

fn check_key(key: &Key, path: &str, nature: &Nature, problems: &mut Problems) {
    if is_name(&key.text) {
        return;
    }
    let noun = nature.noun;
    let message =
        format!("the {noun} name `{}` has other characters than `A-Za-z0-9_-` (and `.fifo` at its end)", key.text);
    let stem = key.text.strip_suffix(".fifo").unwrap_or(&key.text);
    let good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    let fixed: String = stem.chars().map(|c| if good(c) { c } else { '_' }).collect();
    let fix = if key.text.starts_with("arn:") {
        Some(format!("write `NAME: {{ external: true, arn: \"{}\" }}`", key.text))
    } else {
        (!fixed.is_empty() && !key.text.contains(':')).then(|| format!("did you mean `{fixed}`?"))
    };
    problems.error(key.place, path, message, fix);
}

/// The name at the bus of what the file makes.
fn prefixed(key: &Key, (path, prefix): (&str, &str), nature: &Nature, problems: &mut Problems) -> String {
    let name = format!("{prefix}{}", key.text);
    let length = name.chars().count();
    if length > nature.longest {
        let with = if prefix.is_empty() { String::new() } else { format!(" with the prefix `{prefix}`") };
        let message = format!(
            "the {} name `{}` has {length} characters{with}; AWS takes up to {}",
            nature.noun, key.text, nature.longest
        );
        let fix = format!("shorten it by {}", crate::words::count((length - nature.longest) as u64, "character"));
        problems.error(key.place, path, message, Some(fix));
    }
    name
}

/// The ARN of what is `external: true`; `None` for what the file makes. What is external has no other keys.
fn external(table: &Table, nature: &Nature, problems: &mut Problems) -> Option<String> {
    let path = &table.path;
    let stated = table.get("external", problems);
    let external = stated.and_then(|node| flag(node, &join(path, "external"), problems)).unwrap_or(false);
    if !external {
        if let Some(node) = table.get("arn", problems) {
            let message = format!("`{path}.arn` is set, and only an external {} has it", nature.noun);
            problems.error(node.place, &join(path, "arn"), message, Some("add `external: true`".into()));
        }
        return None;
    }
    for (key, _) in table.entries.iter().filter(|(key, _)| !matches!(key.text.as_str(), "external" | "arn")) {
        let here = join(path, &key.text);
        let message = format!("`{here}` is set, and `{path}` is external: nothing of it is created or changed");
        problems.error(key.place, &here, message, Some("remove the line".into()));
    }
    let example = format!("arn:aws:{}:REGION:ACCOUNT:NAME", nature.service);
    let Some((arn, place)) = table.need_text("arn", &example, problems) else { return Some(example) };
    let parts: Vec<&str> = arn.split(':').collect();
    let sound = match parts.as_slice() {
        ["arn", partition, service, region, account, name] => {
            partition.starts_with("aws")
                && *service == nature.service
                && !region.is_empty()
                && account.len() == 12
                && account.bytes().all(|b| b.is_ascii_digit())
                && is_name(name)
        }
        _ => false,
    };
    if !sound {
        let message = format!("`{path}.arn` is `{arn}`; expected the ARN of a {}", nature.noun);
        problems.error(place, &join(path, "arn"), message, Some(format!("write `arn: {example}`")));
    }
    Some(arn)
}

/// `prefix` goes before the name of what the file makes.
pub(super) fn topic(key: &Key, node: &Node, (path, prefix): (&str, &str), problems: &mut Problems) -> Option<Topic> {
    check_key(key, path, &TOPIC, problems);
    let table = Table::open(node, path, keys_of(fields::TOPIC, fields::TOPIC_KEYS), problems)?;
    if let Some(arn) = external(&table, &TOPIC, problems) {
        return Some(Topic {
            key: key.text.clone(),
            name: arn,
            external: true,
            place: key.place,
            settings: Settings::default(),
            archive_days: None,
            policy: Vec::new(),
            tags: BTreeMap::new(),
        });
    }
    let archive_days = table.get("archive", problems).and_then(|node| {
        let field = Field {
            key: "archive",
            attribute: "ArchivePolicy",
            kind: Kind::Days { min: 1, max: 365 },
            default: None,
            immutable: false,
        };
        plain(&field, node, &join(path, "archive"), problems)?.parse().ok()
    });
    Some(Topic {
        key: key.text.clone(),
        name: prefixed(key, (path, prefix), &TOPIC, problems),
        external: false,
        place: key.place,
        settings: settings(&table, fields::TOPIC, problems),
        archive_days,
        policy: policy(&table, problems),
        tags: tags(&table, problems),
    })
}

/// `prefix` goes before the name of what the file makes.
pub(super) fn queue(key: &Key, node: &Node, (path, prefix): (&str, &str), problems: &mut Problems) -> Option<Queue> {
    check_key(key, path, &QUEUE, problems);
    let table = Table::open(node, path, keys_of(fields::QUEUE, fields::QUEUE_KEYS), problems)?;
    if let Some(arn) = external(&table, &QUEUE, problems) {
        return Some(Queue {
            key: key.text.clone(),
            name: arn,
            external: true,
            place: key.place,
            settings: Settings::default(),
            dead_letter: None,
            redrive_allow: None,
            policy: Vec::new(),
            tags: BTreeMap::new(),
        });
    }
    Some(Queue {
        key: key.text.clone(),
        name: prefixed(key, (path, prefix), &QUEUE, problems),
        external: false,
        place: key.place,
        settings: settings(&table, fields::QUEUE, problems),
        dead_letter: table.get("dead_letter", problems).and_then(|node| {
            let path = join(path, "dead_letter");
            if let Value::Text(name) = &node.value {
                let fix = Some(format!("write `dead_letter: {{ queue: {name}, max_receives: 5 }}`"));
                problems.error(node.place, &path, format!("`{path}` is {}; expected a mapping", node.found()), fix);
                return None;
            }
            let table = Table::open(node, &path, fields::DEAD_LETTER_KEYS.to_vec(), problems)?;
            let queue = table.need_text("queue", "QUEUE", problems);
            let max_receives = match table.get("max_receives", problems) {
                Some(node) => number(node, &join(&path, "max_receives"), 1, 1_000, problems)?,
                None => 10,
            };
            queue.map(|(queue, place)| DeadLetter { queue, max_receives, place })
        }),
        redrive_allow: table.get("redrive_allow", problems).and_then(|node| redrive_allow(node, path, problems)),
        policy: policy(&table, problems),
        tags: tags(&table, problems),
    })
}

fn redrive_allow(node: &Node, path: &str, problems: &mut Problems) -> Option<RedriveAllow> {
    let path = join(path, "redrive_allow");
    match &node.value {
        Value::Text(word) if word == "all" => Some(RedriveAllow::All),
        Value::Text(word) if word == "none" => Some(RedriveAllow::None),
        Value::List(items) if (1..=10).contains(&items.len()) => {
            let names = items.iter().enumerate().filter_map(|(index, item)| {
                text(item, &join(&path, &index.to_string()), problems).map(|name| (name, item.place))
            });
            Some(RedriveAllow::Queues(names.collect()))
        }
        _ => {
            let message =
                format!("`{path}` is {}; expected `all`, `none` or a list of one to ten queues", node.found());
            problems.error(node.place, &path, message, None);
            None
        }
    }
}

fn keys_of(plain: &'static [Field], others: &[&'static str]) -> Vec<&'static str> {
    plain.iter().map(|field| field.key).chain(others.iter().copied()).collect()
}

/// Statements of the user's own: each an object with a `Sid`, by which it is found again.
fn policy(table: &Table, problems: &mut Problems) -> Vec<serde_json::Value> {
    let path = join(&table.path, "policy");
    let Some(node) = table.get("policy", problems) else { return Vec::new() };
    let Value::List(items) = &node.value else {
        let message = format!("`{path}` is {}; expected a list of statements", node.found());
        problems.error(node.place, &path, message, None);
        return Vec::new();
    };
    let mut statements = Vec::new();
    let mut seen: Vec<String> = Vec::new();
    for (index, item) in items.iter().enumerate() {
        let path = join(&path, &index.to_string());
        let statement = item.to_json();
        match statement.get("Sid").and_then(serde_json::Value::as_str) {
            Some(sid) if sid.starts_with("eventbus-") => {
                let message = format!("`{path}.Sid` is `{sid}`; names that start with `eventbus-` are this tool's");
                problems.error(item.place, &path, message, Some("choose another `Sid`".into()));
            }
            Some(sid) if seen.iter().any(|s| s == sid) => {
                problems.error(item.place, &path, format!("`{path}.Sid` is `{sid}` a second time"), None);
            }
            Some(sid) => {
                seen.push(sid.to_owned());
                statements.push(statement);
            }
            None => {
                let message = format!("`{path}` has no `Sid`; a statement is found again by it");
                problems.error(item.place, &path, message, Some("add `Sid: NAME`".into()));
            }
        }
    }
    statements
}

/// <https://docs.aws.amazon.com/tag-editor/latest/userguide/best-practices-and-strats.html#id_tags_naming_best_practices>
fn tags(table: &Table, problems: &mut Problems) -> BTreeMap<String, String> {
    let path = join(&table.path, "tags");
    let mut tags = BTreeMap::new();
    let Some(node) = table.get("tags", problems) else { return tags };
    let Some(entries) = entries(node, &path, problems) else { return tags };
    if entries.len() > 49 {
        let message = format!("`{path}` has {} tags; AWS takes 50, and one is this tool's", entries.len());
        problems.error(node.place, &path, message, None);
    }
    for (key, node) in entries {
        let path = join(&path, &key.text);
        if key.text == OWNER_TAG || key.text.to_lowercase().starts_with("aws:") {
            let whose = if key.text == OWNER_TAG { "this tool's" } else { "AWS's" };
            problems.error(
                key.place,
                &path,
                format!("the tag `{}` is {whose} own", key.text),
                Some("remove it".into()),
            );
            continue;
        }
        if key.text.is_empty() || key.text.chars().count() > 128 {
            problems.error(key.place, &path, "a tag's key has 1 to 128 characters".into(), None);
        }
        let value = match &node.value {
            Value::Text(text) => text.clone(),
            Value::Null => String::new(),
            _ => match text(node, &path, problems) {
                Some(text) => text,
                None => continue,
            },
        };
        if value.chars().count() > 256 {
            problems.error(node.place, &path, format!("`{path}` is longer than 256 characters"), None);
        }
        // AWS refuses them, and they have no place in its XML answers.
        if key.text.chars().chain(value.chars()).any(char::is_control) {
            let message = "a tag holds no control characters".to_owned();
            problems.error(node.place, &path, message, Some("write plain text".into()));
        }
        tags.insert(key.text.clone(), value);
    }
    tags
}
