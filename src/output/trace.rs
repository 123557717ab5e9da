//! What `trace` answers: a tree with times, or one JSON document (`schemas/output/trace.schema.json`).

use std::io::{self, Write as _};

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{Format, Tone, Ui, escape_control};
use crate::engine::trace::{Copy, Link, Parent, Path, Step};
use crate::words::count;

/// Writes the path of `id` to stdout.
///
/// # Errors
/// What writing answered.
pub fn write(ui: &Ui, id: &str, path: &Path, format: Format) -> io::Result<()> {
    let mut out = ui.out();
    if format == Format::Json {
        let document = json!({
            "version": 1,
            "id": id,
            "traces": path.traces,
            "entities": path.entities,
            "events": path.steps.iter().map(document).collect::<Vec<_>>(),
        });
        serde_json::to_writer_pretty(&mut out, &document)?;
        writeln!(out)?;
        return out.flush();
    }
    writeln!(out, "{}", ui.paint(Tone::Strong, safe(id)))?;
    let tree = Tree { ui, path, begin: path.steps.iter().find_map(|step| step.at) };
    let roots: Vec<Node> = tree.events(|step| step.parent.is_none());
    tree.write(&mut out, &roots, "")?;
    out.flush()
}

/// A line of the tree.
enum Node<'a> {
    Event(usize),
    Copy(usize, &'a Copy),
}

struct Tree<'a> {
    ui: &'a Ui,
    path: &'a Path,
    begin: Option<Timestamp>,
}

impl<'a> Tree<'a> {
    fn events(&self, wanted: impl Fn(&Step) -> bool) -> Vec<Node<'a>> {
        let steps = self.path.steps.iter().enumerate();
        steps.filter(|(_, step)| wanted(step)).map(|(at, _)| Node::Event(at)).collect()
    }

    /// What stands below: an event's queues and what came of it, a queue's what came of its handling there.
    fn below(&self, node: &Node<'a>) -> Vec<Node<'a>> {
        match *node {
            Node::Copy(event, copy) => self.events(|step| {
                step.parent
                    .as_ref()
                    .is_some_and(|parent| parent.event == event && parent.queue.is_some() && parent.queue == copy.queue)
            }),
            Node::Event(event) => {
                let copies = &self.path.steps[event].copies;
                let mut below: Vec<Node> = copies.iter().map(|copy| Node::Copy(event, copy)).collect();
                below.extend(self.events(|step| {
                    step.parent.as_ref().is_some_and(|parent| {
                        let shown = |copy: &Copy| copy.queue.is_some() && copy.queue == parent.queue;
                        parent.event == event && !copies.iter().any(shown)
                    })
                }));
                below
            }
        }
    }

    fn write(&self, out: &mut impl io::Write, nodes: &[Node<'a>], before: &str) -> io::Result<()> {
        for (at, node) in nodes.iter().enumerate() {
            let (branch, under) = if at + 1 == nodes.len() { ("└─ ", "   ") } else { ("├─ ", "│  ") };
            let text = match *node {
                Node::Event(event_at) => event(self.ui, &self.path.steps[event_at], self.begin),
                Node::Copy(event, copy) => place(self.ui, copy, self.path.steps[event].at),
            };
            writeln!(out, "{before}{branch}{text}")?;
            self.write(out, &self.below(node), &format!("{before}{under}"))?;
        }
        Ok(())
    }
}

fn event(ui: &Ui, step: &Step, begin: Option<Timestamp>) -> String {
    let mut parts = vec![time(step.at), ui.paint(Tone::Name, safe(&step.event))];
    if let (Some(at), Some(begin)) = (step.at, begin)
        && at > begin
    {
        parts.push(ui.paint(Tone::Dim, after(begin, at)));
    }
    if let Some(entity) = &step.entity_id {
        parts.push(safe(entity));
    }
    if let Some(publisher) = &step.publisher {
        parts.push(format!("from {}", safe(publisher)));
    }
    if let Some(topic) = &step.topic {
        parts.push(format!("to topic {}", safe(topic)));
    }
    if let Some(Parent { by, attempt, .. }) = &step.parent {
        parts.push(ui.paint(
            Tone::Dim,
            match (by, attempt) {
                (Link::Span, None) => "came of its handling".to_owned(),
                (Link::Span, Some(attempt)) => format!("came of its failed attempt {attempt}"),
                (Link::Trace, _) => "by the trace".to_owned(),
                (Link::Entity, _) => "by the entity and the time".to_owned(),
            },
        ));
    }
    parts.join("  ")
}

fn place(ui: &Ui, copy: &Copy, published: Option<Timestamp>) -> String {
    let mut parts = vec![
        copy.queue.as_deref().map_or_else(|| "seen on the topic".to_owned(), |queue| format!("queue {}", safe(queue))),
    ];
    if let Some(sent) = copy.sent {
        parts.push(match published {
            Some(published) if sent >= published => after(published, sent),
            _ => time(Some(sent)),
        });
    }
    match (copy.first_received, copy.receives) {
        (Some(at), Some(times)) => parts.push(match copy.sent {
            Some(sent) if at >= sent => format!("taken {}, received {}", after(sent, at), count(times.into(), "time")),
            _ => format!("received {}", count(times.into(), "time")),
        }),
        (None, Some(0)) => parts.push("not taken yet".to_owned()),
        (_, Some(times)) => parts.push(format!("received {}", count(times.into(), "time"))),
        (_, None) => {}
    }
    if let Some(source) = &copy.dead_letter_of {
        parts.push(ui.paint(Tone::Warn, format!("dead letter of {}", safe(source))));
    }
    if let Some(reason) = &copy.reason {
        parts.push(ui.paint(Tone::Warn, format!("rejected: {}", safe(reason))));
    }
    parts.join("  ")
}

fn document(step: &Step) -> Value {
    let text = |at: Option<Timestamp>| at.map(|at| format!("{at:.3}"));
    json!({
        "event": step.event,
        "entity_id": step.entity_id,
        "publisher": step.publisher,
        "at": text(step.at),
        "trace": step.trace,
        "sns_message_id": step.sns_message_id,
        "topic": step.topic,
        "parent": step.parent.as_ref().map(|parent| json!({
            "event": parent.event,
            "queue": parent.queue,
            "by": match parent.by { Link::Span => "span", Link::Trace => "trace", Link::Entity => "entity" },
            "attempt": parent.attempt,
        })),
        "copies": step.copies.iter().map(|copy| json!({
            "queue": copy.queue,
            "message_id": copy.message_id,
            "sent": text(copy.sent),
            "first_received": text(copy.first_received),
            "receives": copy.receives,
            "dead_letter_of": copy.dead_letter_of,
            "reason": copy.reason,
        })).collect::<Vec<_>>(),
    })
}

/// How long after `from` it was: `+1.250s`.
fn after(from: Timestamp, at: Timestamp) -> String {
    format!("+{:.3}s", at.duration_since(from).as_secs_f64())
}

fn time(at: Option<Timestamp>) -> String {
    at.map_or_else(|| "-".to_owned(), |at| format!("{at:.3}"))
}

/// Names and reasons may be hostile wherever they are read.
fn safe(text: &str) -> String {
    escape_control(text).into_owned()
}
