//! A tree for terminals: a topic, below it who subscribes and what passes, below that where dead letters go.
//!
//! Control characters are not taken out here: whoever prints does that for all text alike.

use crate::topology::model::{Queue, Topology};

/// Lines and what stands before them.
#[derive(Default)]
struct Tree(String);

impl Tree {
    fn line(&mut self, lead: &str, text: &str) {
        self.0.push_str(lead);
        // A name or a filter with a line's end in it must not look like a line of the tree.
        self.0.push_str(&text.replace(['\n', '\r'], " "));
        self.0.push('\n');
    }
}

pub(super) fn draw(topology: &Topology) -> String {
    let mut tree = Tree::default();
    for topic in &topology.topics {
        tree.line("", &format!("{} (topic)", topology.topic_shown(&topic.name)));
        let subscriptions: Vec<_> = topology.subscriptions_of(&topic.name).collect();
        if subscriptions.is_empty() {
            tree.line("└─ ", "(nobody subscribes)");
        }
        for (index, subscription) in subscriptions.iter().enumerate() {
            let last = index + 1 == subscriptions.len();
            let conditions = super::conditions(subscription).join(", ");
            let passes = if conditions.is_empty() { String::new() } else { format!("  [{conditions}]") };
            tree.line(
                if last { "└─ " } else { "├─ " },
                &format!("{}{passes}", topology.queue_shown(&subscription.queue)),
            );
            let lead = if last { "   " } else { "│  " };
            let mut below = Vec::new();
            if let Some((dead, _)) = &subscription.dead_letter {
                below.push(format!("undeliverable → {}", topology.queue_shown(dead)));
            }
            below.extend(topology.queue(&subscription.queue).and_then(|queue| dead_letters(topology, queue)));
            for (index, text) in below.iter().enumerate() {
                let mark = if index + 1 == below.len() { "└─ " } else { "├─ " };
                tree.line(&format!("{lead}{mark}"), text);
            }
        }
    }
    let subscribed = |name: &str| topology.subscriptions.iter().any(|s| s.queue == name);
    for queue in &topology.queues {
        if !subscribed(&queue.name) && !topology.is_dead_letter_target(&queue.name) {
            tree.line("", &format!("{} (queue, subscribed to nothing)", topology.queue_shown(&queue.name)));
            if let Some(text) = dead_letters(topology, queue) {
                tree.line("└─ ", &text);
            }
        }
    }
    tree.0
}

/// `after 5 receives → q_dlq`, and on from there.
fn dead_letters(topology: &Topology, queue: &Queue) -> Option<String> {
    let mut text = String::new();
    let (mut at, mut steps) = (queue, 0);
    while let Some(dead) = &at.dead_letter {
        if !text.is_empty() {
            text.push_str(", ");
        }
        text.push_str(&format!(
            "after {} → {}",
            crate::words::count(dead.max_receives, "receive"),
            topology.queue_shown(&dead.queue)
        ));
        steps += 1;
        match topology.queue(&dead.queue) {
            // The checks refuse circles; a drawing ends all the same.
            Some(next) if steps < topology.queues.len() => at = next,
            _ => break,
        }
    }
    (!text.is_empty()).then_some(text)
}
