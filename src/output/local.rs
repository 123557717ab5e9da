//! What `local status` shows: the bus file as three tables, or one machine record.

use std::io::{self, Write as _};

use serde_json::{Value, json};

use super::{Table, Tone, Ui};

/// What is in a bus file.
#[derive(Clone, Debug)]
pub struct Status {
    /// The file.
    pub path: String,
    /// Whether there is a file at all.
    pub exists: bool,
    /// The topics.
    pub topics: Vec<Topic>,
    /// The queues.
    pub queues: Vec<Queue>,
    /// The subscriptions.
    pub subscriptions: Vec<Subscription>,
}

/// A topic.
#[derive(Clone, Debug)]
pub struct Topic {
    /// Its ARN.
    pub arn: String,
    /// How many subscribe to it.
    pub subscriptions: u64,
}

/// A queue.
#[derive(Clone, Debug)]
pub struct Queue {
    /// Its ARN.
    pub arn: String,
    /// Messages that may be received.
    pub waiting: u64,
    /// Messages received and not settled.
    pub in_flight: u64,
    /// Messages that are delayed.
    pub delayed: u64,
    /// ARN of its dead-letter queue.
    pub dead_letter: Option<String>,
}

/// A subscription.
#[derive(Clone, Debug)]
pub struct Subscription {
    /// Its ARN.
    pub arn: String,
    /// ARN of its topic.
    pub topic: String,
    /// `sqs`.
    pub protocol: String,
    /// ARN of the queue.
    pub endpoint: String,
    /// Whether messages go without their wrapper.
    pub raw: bool,
    /// The filter policy, JSON text.
    pub filter: Option<String>,
    /// `MessageAttributes` or `MessageBody`.
    pub filter_scope: String,
}

/// Where nearly everything local is: what is there goes by its name alone, everything else by its ARN.
const USUAL: [&str; 2] = ["arn:aws:sns:us-east-1:000000000000:", "arn:aws:sqs:us-east-1:000000000000:"];

fn short(arn: &str) -> &str {
    USUAL.iter().find_map(|usual| arn.strip_prefix(usual)).unwrap_or(arn)
}

/// Prints the tables of what there is, and one line of counts.
///
/// # Errors
/// What writing to stdout answered.
pub fn print_status(ui: &Ui, status: &Status) -> io::Result<()> {
    let mut out = ui.out();
    let mut topics = Table::new(ui, &["topic", "subscriptions"]);
    for topic in &status.topics {
        topics.row([short(&topic.arn), &topic.subscriptions.to_string()]);
    }
    let mut queues = Table::new(ui, &["queue", "waiting", "in flight", "delayed", "dead letters to"]);
    for queue in &status.queues {
        queues.row([
            short(&queue.arn),
            &queue.waiting.to_string(),
            &queue.in_flight.to_string(),
            &queue.delayed.to_string(),
            queue.dead_letter.as_deref().map_or("", short),
        ]);
    }
    let mut subscriptions = Table::new(ui, &["from topic", "to queue", "raw", "filter"]);
    for found in &status.subscriptions {
        let filter = match (&found.filter, found.filter_scope.as_str()) {
            (None, _) => String::new(),
            (Some(filter), "MessageBody") => format!("body: {filter}"),
            (Some(filter), _) => filter.clone(),
        };
        let raw = if found.raw { "yes" } else { "no" };
        subscriptions.row([short(&found.topic), short(&found.endpoint), raw, &filter]);
    }
    for table in [topics, queues, subscriptions].iter().filter(|table| !table.is_empty()) {
        writeln!(out, "{table}\n")?;
    }
    writeln!(out, "{}", ui.paint(Tone::Strong, summary(status)))?;
    out.flush()
}

/// ``1 topic, 2 queues with 3 messages, 2 subscriptions``.
fn summary(status: &Status) -> String {
    use crate::words::count;
    if !status.exists {
        return format!("{} does not exist yet: the bus is empty", status.path);
    }
    let messages = status.queues.iter().map(|queue| queue.waiting + queue.in_flight + queue.delayed).sum();
    format!(
        "{}, {} with {}, {}",
        count(status.topics.len() as u64, "topic"),
        count(status.queues.len() as u64, "queue"),
        count(messages, "message"),
        count(status.subscriptions.len() as u64, "subscription")
    )
}

/// Prints the machine record; its form is `schemas/output/local-status.schema.json`.
///
/// # Errors
/// What writing to stdout answered.
pub fn print_json(ui: &Ui, status: &Status) -> io::Result<()> {
    let mut out = ui.out();
    writeln!(out, "{:#}", record(status))?;
    out.flush()
}

/// The name at the end of an ARN.
fn name(arn: &str) -> &str {
    arn.rsplit(':').next().unwrap_or(arn)
}

fn record(status: &Status) -> Value {
    let topics = status
        .topics
        .iter()
        .map(|topic| json!({ "name": name(&topic.arn), "arn": topic.arn, "subscriptions": topic.subscriptions }));
    let queues = status.queues.iter().map(|queue| {
        json!({
            "name": name(&queue.arn),
            "arn": queue.arn,
            "waiting": queue.waiting,
            "in_flight": queue.in_flight,
            "delayed": queue.delayed,
            "dead_letter": queue.dead_letter,
        })
    });
    let subscriptions = status.subscriptions.iter().map(|found| {
        // What was set is shown as it was set, if somebody managed to set what is no JSON.
        let filter = found
            .filter
            .as_ref()
            .map(|text| serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.clone())));
        json!({
            "arn": found.arn,
            "topic": found.topic,
            "protocol": found.protocol,
            "endpoint": found.endpoint,
            "raw": found.raw,
            "filter": filter,
            "scope": if found.filter_scope == "MessageBody" { "body" } else { "attributes" },
        })
    });
    json!({
        "version": 1,
        "path": status.path,
        "exists": status.exists,
        "topics": topics.collect::<Vec<_>>(),
        "queues": queues.collect::<Vec<_>>(),
        "subscriptions": subscriptions.collect::<Vec<_>>(),
    })
}
