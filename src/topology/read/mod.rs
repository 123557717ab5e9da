//! From the tree of the YAML file to the model. Complains about everything it can see in one place; what needs two places is
//! `check`'s.

mod resources;
mod scalar;
mod subscriptions;
mod table;

use super::model::Topology;
use super::problem::Problems;
use super::yaml::{Key, Node, Value, join};
use super::{VERSION, fields};
use scalar::text;
use table::{Table, entries};

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
    let prefix = prefix(&table, problems);
    let of_topic =
        |key: &_, node: &_, path: &str, problems: &mut _| resources::topic(key, node, (path, &prefix), problems);
    let topics = named(&table, "topics", problems, of_topic);
    let of_queue =
        |key: &_, node: &_, path: &str, problems: &mut _| resources::queue(key, node, (path, &prefix), problems);
    let queues = named(&table, "queues", problems, of_queue);
    let subscriptions = subscriptions::subscriptions(&table, problems);
    let events = named(&table, "events", problems, subscriptions::event);
    let events_place =
        table.entries.iter().find(|(key, _)| key.text == "events").map_or(root.place, |(key, _)| key.place);
    Some(Topology {
        version: version.unwrap_or(VERSION),
        name: name.map(|(name, _)| name).unwrap_or_default(),
        prefix,
        topics,
        queues,
        subscriptions,
        events,
        events_place,
        warnings: Vec::new(),
        files: Vec::new(),
    })
}

/// What is put before every name; empty text, which a variable may well be, is none.
fn prefix(table: &Table, problems: &mut Problems) -> String {
    let Some(node) = table.get("prefix", problems) else { return String::new() };
    if matches!(&node.value, Value::Text(text) if text.is_empty()) {
        return String::new();
    }
    let prefix = text(node, "prefix", problems).unwrap_or_default();
    let good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    if prefix.chars().all(good) {
        return prefix;
    }
    let message = format!("`prefix` is `{prefix}`; expected characters of `A-Za-z0-9_-`");
    let fixed: String = prefix.chars().map(|c| if good(c) { c } else { '-' }).collect();
    problems.error(node.place, "prefix", message, Some(format!("write `prefix: {fixed}`")));
    String::new()
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
    one: impl Fn(&Key, &Node, &str, &mut Problems) -> Option<T>,
) -> Vec<T> {
    let Some((_, node)) = table.entries.iter().find(|(key, _)| key.text == section) else { return Vec::new() };
    let Some(entries) = entries(node, section, problems) else { return Vec::new() };
    entries.iter().filter_map(|(key, node)| one(key, node, &join(section, &key.text), problems)).collect()
}
