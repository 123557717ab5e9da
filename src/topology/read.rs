//! From the tree of the YAML file to the model. Complains about everything it can see in one place; what needs two places is
//! `check`'s.

use std::collections::BTreeMap;

use super::fields::{self, Field, Kind};
use super::model::{DeadLetter, Filter, Queue, RedriveAllow, Route, Settings, Subscription, Topic, Topology};
use super::problem::{Place, Problems};
use super::yaml::{Key, Node, Value, join};
use super::{OWNER_TAG, VERSION, units};
use crate::filter::{FilterPolicy, Scope};
use crate::words;

/// A mapping whose keys were checked against the language.
struct Table<'n> {
    path: String,
    place: Place,
    entries: &'n [(Key, Node)],
    keys: Vec<&'static str>,
}

impl<'n> Table<'n> {
    /// Opens a mapping (nothing at all counts as an empty one) and complains about keys that the language does not have.
    fn open(node: &'n Node, path: &str, keys: Vec<&'static str>, problems: &mut Problems) -> Option<Self> {
        let entries = entries(node, path, problems)?;
        for (key, _) in entries {
            if keys.contains(&key.text.as_str()) {
                continue;
            }
            let here = join(path, &key.text);
            let fix = words::did_you_mean(&key.text, keys.iter().copied())
                .unwrap_or_else(|| format!("the keys here are {}", words::list(&keys)));
            problems.error(key.place, &here, format!("`{here}` is not a key of the language"), Some(fix));
        }
        Some(Self { path: path.to_owned(), place: node.place, entries, keys })
    }

    /// The value of a key; a key without a value is a problem.
    fn get(&self, key: &str, problems: &mut Problems) -> Option<&'n Node> {
        debug_assert!(self.keys.contains(&key), "`{key}` is read but not in the list of keys");
        let (name, node) = self.entries.iter().find(|(name, _)| name.text == key)?;
        if matches!(node.value, Value::Null) {
            let here = join(&self.path, key);
            let fix = Some("give it a value, or remove the line".into());
            problems.error(name.place, &here, format!("`{here}` has no value"), fix);
            return None;
        }
        Some(node)
    }

    /// The same, complaining when the key is not there.
    fn need(&self, key: &str, example: &str, problems: &mut Problems) -> Option<&'n Node> {
        if !self.entries.iter().any(|(name, _)| name.text == key) {
            let whole = if self.path.is_empty() { "the file".to_owned() } else { format!("`{}`", self.path) };
            let fix = Some(format!("add `{key}: {example}`"));
            problems.error(self.place, &self.path, format!("{whole} has no `{key}`"), fix);
            return None;
        }
        self.get(key, problems)
    }

    fn text(&self, key: &str, problems: &mut Problems) -> Option<String> {
        let node = self.get(key, problems)?;
        text(node, &join(&self.path, key), problems)
    }

    fn need_text(&self, key: &str, example: &str, problems: &mut Problems) -> Option<(String, Place)> {
        let node = self.need(key, example, problems)?;
        Some((text(node, &join(&self.path, key), problems)?, node.place))
    }
}

fn entries<'n>(node: &'n Node, path: &str, problems: &mut Problems) -> Option<&'n [(Key, Node)]> {
    match &node.value {
        Value::Map(entries) => Some(entries),
        Value::Null => Some(&[]),
        _ => {
            let whole = if path.is_empty() { "the file".to_owned() } else { format!("`{path}`") };
            problems.error(node.place, path, format!("{whole} is {}; expected a mapping", node.found()), None);
            None
        }
    }
}

fn text(node: &Node, path: &str, problems: &mut Problems) -> Option<String> {
    match &node.value {
        Value::Text(text) if !text.is_empty() => return Some(text.clone()),
        Value::Text(_) => problems.error(node.place, path, format!("`{path}` is empty; expected text"), None),
        Value::Number(n) => {
            let fix = Some(format!("put it in quotes: `\"{n}\"`"));
            problems.error(node.place, path, format!("`{path}` is {}; expected text", node.found()), fix);
        }
        _ => problems.error(node.place, path, format!("`{path}` is {}; expected text", node.found()), None),
    }
    None
}

fn flag(node: &Node, path: &str, problems: &mut Problems) -> Option<bool> {
    if let Value::Bool(flag) = node.value {
        return Some(flag);
    }
    let fix = match &node.value {
        Value::Text(word) if matches!(word.to_lowercase().as_str(), "yes" | "on" | "true") => {
            Some("write `true`".into())
        }
        Value::Text(word) if matches!(word.to_lowercase().as_str(), "no" | "off" | "false") => {
            Some("write `false`".into())
        }
        _ => None,
    };
    problems.error(node.place, path, format!("`{path}` is {}; expected `true` or `false`", node.found()), fix);
    None
}

fn number(node: &Node, path: &str, min: u64, max: u64, problems: &mut Problems) -> Option<u64> {
    let found = match &node.value {
        Value::Number(n) => n.as_u64(),
        _ => None,
    };
    if let Some(found) = found.filter(|n| (min..=max).contains(n)) {
        return Some(found);
    }
    let message = format!("`{path}` is {}; expected a whole number from {min} to {max}", node.found());
    problems.error(node.place, path, message, None);
    None
}

/// The whole file.
pub(super) fn topology(root: &Node, problems: &mut Problems) -> Option<Topology> {
    let table = Table::open(root, "", fields::TOP_KEYS.to_vec(), problems)?;
    let version = version(&table, problems);
    let name = table.need_text("name", "NAME", problems).inspect(|(name, place)| {
        let good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
        if name.len() > 128 || !name.chars().all(good) {
            let message = format!("`name` is `{name}`; expected up to 128 of `A-Za-z0-9_.-`");
            problems.error(*place, "name", message, None);
        }
    });
    let topics = named(&table, "topics", problems, topic);
    let queues = named(&table, "queues", problems, queue);
    let subscriptions = subscriptions(&table, problems);
    let events = named(&table, "events", problems, event);
    Some(Topology {
        version: version.unwrap_or(VERSION),
        name: name.map(|(name, _)| name).unwrap_or_default(),
        topics,
        queues,
        subscriptions,
        events,
        warnings: Vec::new(),
    })
}

fn version(table: &Table, problems: &mut Problems) -> Option<u64> {
    let node = table.need("version", "1", problems)?;
    if matches!(&node.value, Value::Number(n) if n.as_u64() == Some(VERSION)) {
        return Some(VERSION);
    }
    let message = format!("`version` is {}; this `eventbus` reads version {VERSION}", node.found());
    let newer = matches!(&node.value, Value::Number(n) if n.as_u64().is_some_and(|n| n > VERSION));
    let fix = if newer { "use a newer `eventbus`".into() } else { format!("write `version: {VERSION}`") };
    problems.error(node.place, "version", message, Some(fix));
    None
}

/// The entries of a mapping from names to things. A section without a value is an empty one.
fn named<T>(
    table: &Table,
    section: &str,
    problems: &mut Problems,
    one: fn(&Key, &Node, &str, &mut Problems) -> Option<T>,
) -> Vec<T> {
    let Some((_, node)) = table.entries.iter().find(|(key, _)| key.text == section) else { return Vec::new() };
    let Some(entries) = entries(node, section, problems) else { return Vec::new() };
    entries.iter().filter_map(|(key, node)| one(key, node, &join(section, &key.text), problems)).collect()
}

/// <https://docs.aws.amazon.com/sns/latest/api/API_CreateTopic.html>,
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_CreateQueue.html>
fn check_name(key: &Key, path: &str, what: &str, max: usize, problems: &mut Problems) {
    let stem = key.text.strip_suffix(".fifo").unwrap_or(&key.text);
    let good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    let length = key.text.chars().count();
    if stem.is_empty() || !stem.chars().all(good) {
        let message =
            format!("the {what} name `{}` has other characters than `A-Za-z0-9_-` (and `.fifo` at its end)", key.text);
        let fixed: String = stem.chars().map(|c| if good(c) { c } else { '_' }).collect();
        let fix = (!fixed.is_empty() && !key.text.contains(':')).then(|| format!("did you mean `{fixed}`?"));
        problems.error(key.place, path, message, fix);
    } else if length > max {
        let message = format!("the {what} name `{}` has {length} characters; AWS takes up to {max}", key.text);
        problems.error(key.place, path, message, None);
    }
}

fn topic(key: &Key, node: &Node, path: &str, problems: &mut Problems) -> Option<Topic> {
    check_name(key, path, "topic", 256, problems);
    let table = Table::open(node, path, keys_of(fields::TOPIC, fields::TOPIC_KEYS), problems)?;
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
        name: key.text.clone(),
        place: key.place,
        settings: settings(&table, fields::TOPIC, problems),
        archive_days,
        policy: policy(&table, problems),
        tags: tags(&table, problems),
    })
}

fn queue(key: &Key, node: &Node, path: &str, problems: &mut Problems) -> Option<Queue> {
    check_name(key, path, "queue", 80, problems);
    let table = Table::open(node, path, keys_of(fields::QUEUE, fields::QUEUE_KEYS), problems)?;
    Some(Queue {
        name: key.text.clone(),
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

fn settings(table: &Table, known: &'static [Field], problems: &mut Problems) -> Settings {
    let mut stated = Vec::new();
    for field in known {
        let Some(node) = table.get(field.key, problems) else { continue };
        if let Some(value) = plain(field, node, &join(&table.path, field.key), problems) {
            stated.push((field, value, node.place));
        }
    }
    Settings(stated)
}

/// A plain field's value as AWS writes it.
fn plain(field: &Field, node: &Node, path: &str, problems: &mut Problems) -> Option<String> {
    let range = |found: Result<u64, (String, Option<String>)>, min, max, show: fn(u64) -> String| match found {
        Ok(n) if (min..=max).contains(&n) => Ok(n),
        Ok(n) => {
            let nearest = if n < min { min } else { max };
            let message = format!("is `{}`; AWS takes `{}` to `{}`", show(n), show(min), show(max));
            Err((message, Some(format!("write `{}`", show(nearest)))))
        }
        Err(problem) => Err(problem),
    };
    let found = match field.kind {
        Kind::Seconds { min, max } => range(units::seconds(node), min, max, units::show_seconds),
        Kind::Bytes { min, max } => range(units::bytes(node), min, max, units::show_bytes),
        Kind::Days { min, max } => range(units::seconds(node), min * 86_400, max * 86_400, units::show_seconds)
            .and_then(|seconds| {
                if seconds.is_multiple_of(86_400) {
                    Ok(seconds / 86_400)
                } else {
                    Err((format!("is `{}`; expected whole days", units::show_seconds(seconds)), None))
                }
            }),
        Kind::Number { min, max } => return number(node, path, min, max, problems).map(|n| n.to_string()),
        Kind::Flag => return flag(node, path, problems).map(|flag| flag.to_string()),
        Kind::Text { max } => {
            let text = text(node, path, problems)?;
            let length = text.chars().count();
            if length <= max {
                return Some(text);
            }
            Err((format!("has {length} characters; AWS takes up to {max}"), None))
        }
        Kind::Choice(words) => {
            let known: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
            let given = match &node.value {
                Value::Text(text) => text.as_str(),
                _ => "",
            };
            if let Some((_, aws)) = words.iter().find(|(word, _)| *word == given) {
                return Some((*aws).to_owned());
            }
            let fix = words::did_you_mean(given, known.iter().copied());
            Err((format!("is {}; expected one of {}", node.found(), words::list(&known)), fix))
        }
        Kind::Json => match &node.value {
            Value::Map(_) => return Some(node.to_json().to_string()),
            _ => Err((format!("is {}; expected a mapping", node.found()), None)),
        },
    };
    match found {
        Ok(n) => Some(n.to_string()),
        Err((message, fix)) => {
            problems.error(node.place, path, format!("`{path}` {message}"), fix);
            None
        }
    }
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
        tags.insert(key.text.clone(), value);
    }
    tags
}

fn subscriptions(table: &Table, problems: &mut Problems) -> Vec<Subscription> {
    let Some((_, node)) = table.entries.iter().find(|(key, _)| key.text == "subscriptions") else { return Vec::new() };
    match &node.value {
        Value::Null => Vec::new(),
        Value::List(items) => items
            .iter()
            .enumerate()
            .filter_map(|(index, item)| subscription(item, &format!("subscriptions.{index}"), problems))
            .collect(),
        _ => {
            let fix = Some("start each with `- topic: TOPIC`".into());
            let message = format!("`subscriptions` is {}; expected a list", node.found());
            problems.error(node.place, "subscriptions", message, fix);
            Vec::new()
        }
    }
}

fn subscription(node: &Node, path: &str, problems: &mut Problems) -> Option<Subscription> {
    let table = Table::open(node, path, fields::SUBSCRIPTION_KEYS.to_vec(), problems)?;
    let topic = table.need_text("topic", "TOPIC", problems);
    let queue = table.need_text("queue", "QUEUE", problems);
    let scope = match table.get("scope", problems) {
        None => Some(Scope::MessageAttributes),
        Some(node) => scope(node, &join(path, "scope"), problems),
    };
    let filter = match (table.get("filter", problems), scope) {
        (Some(node), Some(scope)) => filter(node, scope, &join(path, "filter"), problems),
        _ => None,
    };
    let raw = table.get("raw", problems).and_then(|node| flag(node, &join(path, "raw"), problems)).unwrap_or(false);
    let dead_letter = table
        .get("dead_letter", problems)
        .and_then(|node| text(node, &join(path, "dead_letter"), problems).map(|name| (name, node.place)));
    let ((topic, topic_place), (queue, queue_place)) = (topic?, queue?);
    Some(Subscription {
        topic,
        queue,
        place: node.place,
        places: (topic_place, queue_place),
        filter,
        scope: scope.unwrap_or_default(),
        raw,
        dead_letter,
    })
}

fn scope(node: &Node, path: &str, problems: &mut Problems) -> Option<Scope> {
    let given = match &node.value {
        Value::Text(text) => text.as_str(),
        _ => "",
    };
    match given {
        "attributes" => Some(Scope::MessageAttributes),
        "body" => Some(Scope::MessageBody),
        _ => {
            let fix = match given {
                "MessageAttributes" => Some("write `attributes`".into()),
                "MessageBody" => Some("write `body`".into()),
                _ => words::did_you_mean(given, ["attributes", "body"]),
            };
            let message = format!("`{path}` is {}; expected `attributes` or `body`", node.found());
            problems.error(node.place, path, message, fix);
            None
        }
    }
}

fn filter(node: &Node, scope: Scope, path: &str, problems: &mut Problems) -> Option<Filter> {
    let entries = entries(node, path, problems)?;
    if entries.is_empty() {
        return None; // to SNS an empty policy is none
    }
    let filter = Filter { json: node.to_json(), place: node.place };
    if let Err(error) = FilterPolicy::parse(&filter.text(), scope) {
        let (place, inner) = locate(node, &error.pointer);
        let here = if inner.is_empty() { path.to_owned() } else { join(path, &inner) };
        problems.error(
            place,
            &here,
            format!("`{here}` is not a filter policy that SNS takes: {}", error.sentence),
            None,
        );
    }
    Some(filter)
}

/// The place and the dotted path of the deepest part of `pointer` that is in the tree.
fn locate(node: &Node, pointer: &str) -> (Place, String) {
    let (mut at, mut place, mut path) = (node, node.place, String::new());
    for step in pointer.split('/').skip(1).map(|step| step.replace("~1", "/").replace("~0", "~")) {
        let next = match &at.value {
            Value::Map(entries) => {
                entries.iter().find(|(key, _)| key.text == step).map(|(key, node)| (key.place, node))
            }
            Value::List(items) => step.parse().ok().and_then(|i: usize| items.get(i)).map(|node| (node.place, node)),
            _ => None,
        };
        let Some((found, node)) = next else { break };
        (at, place, path) = (node, found, join(&path, &step));
    }
    (place, path)
}

fn event(key: &Key, node: &Node, path: &str, problems: &mut Problems) -> Option<Route> {
    if let Value::Text(topic) = &node.value {
        let fix = Some(format!("write `{}: {{ topic: {topic} }}`", key.text));
        problems.error(node.place, path, format!("`{path}` is {}; expected a mapping", node.found()), fix);
        return None;
    }
    let table = Table::open(node, path, fields::EVENT_KEYS.to_vec(), problems)?;
    if key.text.trim().is_empty() || key.text.contains(char::is_whitespace) {
        let message = format!("the event name `{}` is empty or has white space", key.text);
        problems.error(key.place, path, message, None);
    }
    let (topic, topic_place) = table.need_text("topic", "TOPIC", problems)?;
    Some(Route {
        pattern: key.text.clone(),
        place: key.place,
        topic,
        topic_place,
        schema: table.text("schema", problems),
        group_by: table.text("group_by", problems),
    })
}
