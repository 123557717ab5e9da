//! A Mermaid flowchart: <https://mermaid.js.org/syntax/flowchart.html>.
//!
//! Text stands in quotes, and everything in it but letters, digits and a few harmless signs is written as an entity code, so
//! that no name can end the quotes, start a directive (`%%{`), be taken for Markdown, or put HTML into a page.

use super::{Flow, Graph, Node, Shape};

pub(super) fn draw(graph: &Graph) -> String {
    let mut out = String::from("flowchart LR\n");
    for node in &graph.nodes {
        let label = label(node);
        let (open, close) = match node.shape {
            Shape::Topic => ("([", "])"),
            Shape::Filter => ("{{", "}}"),
            Shape::Queue => ("[", "]"),
            Shape::DeadLetters => ("[(", ")]"),
        };
        out.push_str(&format!("  {}{open}\"{label}\"{close}\n", node.id));
    }
    for edge in &graph.edges {
        let (from, to) = (&graph.nodes[edge.from].id, &graph.nodes[edge.to].id);
        // A longer arrow keeps the queues in one column, whether or not a filter stands before them.
        let arrow = match edge.flow {
            Flow::Messages => format!("{}>", "-".repeat(edge.span + 1)),
            Flow::DeadLetters => format!("-{}->", ".".repeat(edge.span)),
        };
        let label = edge.label.as_deref().map(|text| format!("|\"{}\"|", escaped(text))).unwrap_or_default();
        out.push_str(&format!("  {from} {arrow}{label} {to}\n"));
    }
    out.push_str("  classDef topic fill:#dbeafe,stroke:#2563eb,color:#0f172a\n");
    out.push_str("  classDef filter fill:#fef9c3,stroke:#ca8a04,color:#0f172a\n");
    out.push_str("  classDef queue fill:#dcfce7,stroke:#16a34a,color:#0f172a\n");
    out.push_str("  classDef dead fill:#fee2e2,stroke:#dc2626,color:#0f172a\n");
    for (shape, class) in
        [(Shape::Topic, "topic"), (Shape::Filter, "filter"), (Shape::Queue, "queue"), (Shape::DeadLetters, "dead")]
    {
        let ids: Vec<&str> =
            graph.nodes.iter().filter(|node| node.shape == shape).map(|node| node.id.as_str()).collect();
        if !ids.is_empty() {
            out.push_str(&format!("  class {} {class}\n", ids.join(",")));
        }
    }
    out
}

fn label(node: &Node) -> String {
    let title = (!node.title.is_empty()).then_some(&node.title);
    title.into_iter().chain(&node.lines).map(|line| escaped(line)).collect::<Vec<_>>().join("<br/>")
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            c if c.is_alphanumeric() => out.push(c),
            ' ' | '_' | '-' | '.' | ',' | ':' | '=' | '|' | '…' | '·' | '≠' | '≈' => out.push(c),
            c if c.is_control() => out.push('\u{fffd}'),
            c => out.push_str(&format!("#{};", u32::from(c))),
        }
    }
    out
}
