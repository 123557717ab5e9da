//! Graphviz: <https://graphviz.org/doc/info/lang.html>.
//!
//! Text stands in quotes with `"` and `\` escaped; HTML-like labels are not used.

use super::{Flow, Graph, Node, Shape};

pub(super) fn draw(graph: &Graph) -> String {
    let mut out = format!("digraph \"{}\" {{\n", escaped(&graph.name));
    out.push_str("  rankdir=LR; nodesep=0.18; ranksep=0.7;\n");
    out.push_str("  node [fontname=\"monospace\", fontsize=11, style=\"filled,rounded\", shape=box];\n");
    out.push_str("  edge [fontname=\"monospace\", fontsize=9, color=\"#64748b\"];\n");
    for node in &graph.nodes {
        let (fill, line) = match node.shape {
            Shape::Topic => ("#dbeafe", "#2563eb"),
            Shape::Filter => ("#fef9c3", "#ca8a04"),
            Shape::Queue => ("#dcfce7", "#16a34a"),
            Shape::DeadLetters => ("#fee2e2", "#dc2626"),
        };
        let size = if node.shape == Shape::Filter { ", fontsize=9, margin=\"0.08,0.03\", height=0" } else { "" };
        out.push_str(&format!(
            "  {} [label=\"{}\", fillcolor=\"{fill}\", color=\"{line}\"{size}];\n",
            node.id,
            label(node)
        ));
    }
    for edge in &graph.edges {
        let mut attributes = Vec::new();
        if let Some(label) = &edge.label {
            attributes.push(format!("label=\"{}\"", escaped(label)));
        }
        if edge.flow == Flow::DeadLetters {
            attributes.push("style=dashed, color=\"#dc2626\"".into());
        }
        if edge.span > 1 {
            attributes.push(format!("minlen={}", edge.span));
        }
        let attributes = if attributes.is_empty() { String::new() } else { format!(" [{}]", attributes.join(", ")) };
        out.push_str(&format!("  {} -> {}{attributes};\n", graph.nodes[edge.from].id, graph.nodes[edge.to].id));
    }
    out.push_str("}\n");
    out
}

/// The lines of a node. `\l` sets a filter's lines to the left.
fn label(node: &Node) -> String {
    if node.shape == Shape::Filter {
        return node.lines.iter().map(|line| format!("{}\\l", escaped(line))).collect();
    }
    std::iter::once(&node.title).chain(&node.lines).map(|line| escaped(line)).collect::<Vec<_>>().join("\\n")
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            // Graphviz reads character references in labels.
            '&' => out.push_str("&amp;"),
            c if c.is_control() => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}
