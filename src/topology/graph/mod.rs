//! A topology as a drawing: topics → filters → queues → dead letters.
//!
//! [`Graph::of`] says what is drawn; one file a form says how: `text` (a tree for terminals), `mermaid`, `dot` and `svg`. Every
//! name and value may be hostile: each form escapes all text that it is handed, and none of them cuts a name.

mod dot;
mod mermaid;
mod svg;
#[cfg(test)]
mod tests;
mod text;

use std::collections::HashMap;

use super::filter_words;
use super::model::{Subscription, Topology};
use super::units::show_seconds;
use crate::filter::Scope;

/// How wide a line of a filter gets before it is folded, in characters.
const FOLD: usize = 34;
/// How many lines of a filter are drawn; the rest is counted.
const MOST_LINES: usize = 6;

/// What a node stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    Topic,
    /// What one subscription lets through.
    Filter,
    Queue,
    /// A queue that takes dead letters.
    DeadLetters,
}

/// One node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Node {
    /// `t0`, `f3`, `q7`: letters and digits, so that no form has to escape it.
    pub(crate) id: String,
    pub(crate) shape: Shape,
    /// The name; empty for a filter.
    pub(crate) title: String,
    /// What else there is to say, a line each.
    pub(crate) lines: Vec<String>,
    /// All of it, where `lines` was shortened.
    pub(crate) whole: String,
}

/// What runs along an edge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flow {
    /// Messages that pass.
    Messages,
    /// Messages that were received too often, or could not be delivered.
    DeadLetters,
}

/// One edge, between positions in [`Graph::nodes`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Edge {
    pub(crate) from: usize,
    pub(crate) to: usize,
    pub(crate) flow: Flow,
    /// `after 5 receives`.
    pub(crate) label: Option<String>,
    /// How many columns it spans, so that queues and dead letters stand in columns of their own.
    pub(crate) span: usize,
}

/// What is drawn.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Graph {
    pub(crate) name: String,
    /// What the columns hold, in words.
    pub(crate) columns: &'static str,
    pub(crate) nodes: Vec<Node>,
    pub(crate) edges: Vec<Edge>,
}

/// How a drawing is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// A tree for terminals.
    Text,
    /// A Mermaid flowchart: <https://mermaid.js.org/syntax/flowchart.html>.
    Mermaid,
    /// Graphviz: <https://graphviz.org/doc/info/lang.html>.
    Dot,
    /// A picture, for light and dark backgrounds.
    Svg,
}

impl Topology {
    /// The topology drawn in `form`, with a line's end at its end.
    pub fn draw(&self, form: Form) -> String {
        match form {
            Form::Text => text::draw(self),
            Form::Mermaid => mermaid::draw(&Graph::of(self)),
            Form::Dot => dot::draw(&Graph::of(self)),
            Form::Svg => svg::draw(&Graph::of(self)),
        }
    }
}

/// An event and who gets it, for [`draw_events`].
#[derive(Clone, Debug)]
pub struct EventReach<'a> {
    /// Its name.
    pub event: &'a str,
    /// Where it goes.
    pub topics: &'a [String],
    /// The queues that get it, and whether that depends on its payload.
    pub queues: Vec<(&'a str, bool)>,
}

/// Events and the queues that get them, drawn in `form`; in that of a tree, which this is none of, as Mermaid. Queues that get
/// nothing stand there, too.
pub fn draw_events(name: &str, events: &[EventReach<'_>], queues: &[&str], form: Form) -> String {
    let mut graph = Graph { name: name.to_owned(), columns: "events → queues", ..Graph::default() };
    let mut places = HashMap::new();
    for queue in queues {
        let nothing = !events.iter().any(|reach| reach.queues.iter().any(|(found, _)| found == queue));
        let lines = if nothing { vec!["gets nothing".to_owned()] } else { Vec::new() };
        places.entry(*queue).or_insert_with(|| graph.add(Shape::Queue, 'q', queue, lines));
    }
    for reach in events {
        let goes = match reach.topics {
            [] => "goes nowhere, on purpose".to_owned(),
            topics => format!("to {}", topics.join(", ")),
        };
        let lost = (reach.queues.is_empty() && !reach.topics.is_empty()).then(|| "reaches nobody".to_owned());
        let lines = std::iter::once(goes).chain(lost).collect();
        let from = graph.add(Shape::Topic, 'e', reach.event, lines);
        for (queue, depends) in &reach.queues {
            let Some(&to) = places.get(queue) else { continue };
            graph.edge((from, to), Flow::Messages, depends.then(|| "depends on the payload".to_owned()), 1);
        }
    }
    match form {
        Form::Text | Form::Mermaid => mermaid::draw(&graph),
        Form::Dot => dot::draw(&graph),
        Form::Svg => svg::draw(&graph),
    }
}

impl Graph {
    /// What is drawn of a topology.
    pub(crate) fn of(topology: &Topology) -> Self {
        let columns = "topics → filters → queues → dead letters";
        let mut graph = Self { name: topology.name.clone(), columns, ..Self::default() };
        let mut topics = HashMap::new();
        for topic in &topology.topics {
            let events = topology.events.iter().filter(|route| route.topics.contains(&topic.name)).count() as u64;
            let lines = [
                topic.external.then(|| "external".to_owned()),
                topic.is_fifo().then(|| "FIFO".to_owned()),
                (events > 0).then(|| crate::words::count(events, "event")),
                (topology.subscriptions_of(&topic.name).next().is_none()).then(|| "nobody subscribes".to_owned()),
            ];
            let at = graph.add(Shape::Topic, 't', topology.topic_shown(&topic.name), joined(lines));
            topics.insert(topic.name.as_str(), at);
        }
        let mut queues = HashMap::new();
        for queue in &topology.queues {
            let dead = topology.is_dead_letter_target(&queue.name);
            let shape = if dead { Shape::DeadLetters } else { Shape::Queue };
            let lines = [
                queue.external.then(|| "external".to_owned()),
                queue.is_fifo().then(|| "FIFO".to_owned()),
                (!dead && !queue.external).then(|| format!("hidden {}", show_seconds(queue.visibility_timeout()))),
                (!queue.external).then(|| format!("kept {}", show_seconds(queue.retention()))),
            ];
            let at = graph.add(shape, 'q', topology.queue_shown(&queue.name), joined(lines));
            queues.insert(queue.name.as_str(), at);
        }
        for subscription in &topology.subscriptions {
            let ends = (topics.get(subscription.topic.as_str()), queues.get(subscription.queue.as_str()));
            let (Some(&topic), Some(&queue)) = ends else { continue };
            let whole = conditions(subscription);
            let mut from = topic;
            if whole.is_empty() {
                graph.edge((topic, queue), Flow::Messages, None, 2);
            } else {
                let at = graph.add(Shape::Filter, 'f', "", folded(&whole));
                graph.nodes[at].whole = whole.join("\n");
                graph.edge((topic, at), Flow::Messages, None, 1);
                graph.edge((at, queue), Flow::Messages, None, 1);
                from = at;
            }
            if let Some(&dead) = subscription.dead_letter.as_ref().and_then(|(name, _)| queues.get(name.as_str())) {
                let span = if from == topic { 3 } else { 2 };
                graph.edge((from, dead), Flow::DeadLetters, Some("undeliverable".into()), span);
            }
        }
        for queue in &topology.queues {
            let Some(dead) = &queue.dead_letter else { continue };
            if let (Some(&from), Some(&to)) = (queues.get(queue.name.as_str()), queues.get(dead.queue.as_str())) {
                let label = format!("after {}", crate::words::count(dead.max_receives, "receive"));
                graph.edge((from, to), Flow::DeadLetters, Some(label), 1);
            }
        }
        graph
    }

    fn add(&mut self, shape: Shape, letter: char, title: &str, lines: Vec<String>) -> usize {
        let id = format!("{letter}{}", self.nodes.len());
        let whole = lines.join("\n");
        self.nodes.push(Node { id, shape, title: title.to_owned(), lines, whole });
        self.nodes.len() - 1
    }

    fn edge(&mut self, (from, to): (usize, usize), flow: Flow, label: Option<String>, span: usize) {
        let edge = Edge { from, to, flow, label, span };
        if !self.edges.contains(&edge) {
            self.edges.push(edge);
        }
    }
}

/// The words that are there, on one line.
fn joined<const N: usize>(words: [Option<String>; N]) -> Vec<String> {
    let words: Vec<String> = words.into_iter().flatten().collect();
    if words.is_empty() { words } else { vec![words.join(" · ")] }
}

/// What a subscription lets through and how, a condition a line; nothing for all of it, wrapped.
pub(crate) fn conditions(subscription: &Subscription) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(filter) = &subscription.filter {
        if subscription.scope == Scope::MessageBody {
            lines.push("in the body:".to_owned());
        }
        lines.extend(filter_words::conditions(&filter.json));
    }
    if subscription.raw {
        lines.push("raw".to_owned());
    }
    lines
}

/// Lines folded at blanks (else anywhere) and, when there are very many, cut with the count of the rest.
fn folded(lines: &[String]) -> Vec<String> {
    let mut out = Vec::new();
    for line in lines {
        let (mut rest, mut indent) = (line.as_str(), "");
        loop {
            let room = FOLD - indent.len();
            let Some((cut, _)) = rest.char_indices().nth(room) else { break };
            let at = rest[..cut].rfind(' ').filter(|at| *at > room / 3).map_or(cut, |at| at + 1);
            out.push(format!("{indent}{}", rest[..at].trim_end()));
            rest = &rest[at..];
            indent = "  ";
        }
        out.push(format!("{indent}{rest}"));
    }
    if out.len() > MOST_LINES {
        let more = (out.len() - MOST_LINES + 1) as u64;
        out.truncate(MOST_LINES - 1);
        out.push(format!("… {} more", crate::words::count(more, "line")));
    }
    out
}
