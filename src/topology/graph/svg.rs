//! A picture. Where things stand is laid out by `dagre`; what they look like is written here.
//!
//! Everything is sized for a monospaced font, whose characters are as wide as any viewer's, so that no text leaves its box. The
//! colours suit a light page, and a dark one where the viewer asks for it. All text goes through [`escaped`].

use dagre::graph::{Graph as Layout, GraphOptions};
use dagre::{EdgeLabel, LayoutOptions, NodeLabel, RankDir};

use super::{Edge, Flow, Graph, Node, Shape};

/// The width of a character of the monospaced fonts in use, as a part of its size (DejaVu Sans Mono and Menlo: 0.602).
const CHARACTER: f64 = 0.605;
const TITLE: f64 = 13.0;
const LINE: f64 = 10.5;
const LEADING: f64 = 14.0;
const MARGIN: f64 = 24.0;
const HEADER: f64 = 52.0;
/// How far a label stands from where its last stretch begins.
const CHIP: f64 = 5.0;

const STYLE: &str = "\
text{font-family:ui-monospace,Menlo,'DejaVu Sans Mono',Consolas,monospace;font-size:10.5px;fill:#334155}\
.paper{fill:#ffffff}.name{font-size:13px;font-weight:600;fill:#0f172a}.head{font-size:15px;font-weight:600;fill:#0f172a}\
.box{stroke-width:1.3}.topic{fill:#dbeafe;stroke:#2563eb}.filter{fill:#fefce8;stroke:#ca8a04;stroke-width:.8}\
.queue{fill:#dcfce7;stroke:#16a34a}.dead{fill:#fee2e2;stroke:#dc2626;stroke-dasharray:5 3}\
.flow{fill:none;stroke:#64748b;stroke-width:1.2}.lost{fill:none;stroke:#dc2626;stroke-width:1.2;stroke-dasharray:5 3}\
.tip{fill:#64748b}.losttip{fill:#dc2626}.chip{fill:#ffffff;fill-opacity:.94}.what{fill:#b91c1c}\
@media(prefers-color-scheme:dark){text{fill:#cbd5e1}.paper{fill:#0f172a}.name,.head{fill:#f8fafc}\
.topic{fill:#1e3a8a;stroke:#60a5fa}.filter{fill:#422006;stroke:#facc15}.queue{fill:#14532d;stroke:#4ade80}\
.dead{fill:#7f1d1d;stroke:#f87171}.flow{stroke:#94a3b8}.lost{stroke:#f87171}.tip{fill:#94a3b8}.losttip{fill:#f87171}\
.chip{fill:#0f172a}.what{fill:#fca5a5}}";

/// From the left, and from the top.
pub(super) type Point = (f64, f64);

/// A node or a label where it stands: its middle and its size.
#[derive(Clone, Copy, Debug)]
pub(super) struct Spot {
    pub(super) x: f64,
    pub(super) y: f64,
    pub(super) width: f64,
    pub(super) height: f64,
}

/// Where everything stands.
#[derive(Debug, Default)]
pub(super) struct Placed {
    pub(super) nodes: Vec<Spot>,
    /// The ways of the edges, see [`Placed::ways`], and where their labels stand.
    pub(super) edges: Vec<(Vec<Point>, Option<Spot>)>,
    pub(super) width: f64,
    pub(super) height: f64,
}

pub(super) fn draw(graph: &Graph) -> String {
    let placed = place(graph);
    let (width, height) = (placed.width, placed.height);
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width:.0}\" height=\"{height:.0}\" \
         viewBox=\"0 0 {width:.0} {height:.0}\" role=\"img\">\n<title>{}</title>\n<style>{STYLE}</style>\n<defs>\n",
        escaped(&format!("Topology {}", graph.name))
    );
    for (id, class) in [("tip", "tip"), ("losttip", "losttip")] {
        out.push_str(&format!(
            "<marker id=\"{id}\" viewBox=\"0 0 8 8\" refX=\"7\" refY=\"4\" markerWidth=\"7\" markerHeight=\"7\" \
             orient=\"auto\"><path class=\"{class}\" d=\"M0 .5 8 4 0 7.5z\"/></marker>\n"
        ));
    }
    out.push_str(&format!("</defs>\n<rect class=\"paper\" width=\"{width:.0}\" height=\"{height:.0}\"/>\n"));
    out.push_str(&format!("<text class=\"head\" x=\"{MARGIN}\" y=\"24\">{}</text>\n", escaped(&graph.name)));
    out.push_str(&format!("<text x=\"{MARGIN}\" y=\"40\">{}</text>\n", escaped(graph.columns)));
    for (edge, (way, label)) in graph.edges.iter().zip(&placed.edges) {
        let (class, tip) = match edge.flow {
            Flow::Messages => ("flow", "tip"),
            Flow::DeadLetters => ("lost", "losttip"),
        };
        let lead = label.map_or(0.0, |spot| spot.width + 2.0 * CHIP);
        out.push_str(&format!("<path class=\"{class}\" marker-end=\"url(#{tip})\" d=\"{}\"/>\n", curve(way, lead)));
    }
    for (edge, (_, label)) in graph.edges.iter().zip(&placed.edges) {
        if let (Some(text), Some(spot)) = (&edge.label, label) {
            out.push_str(&chip(text, *spot));
        }
    }
    for (node, spot) in graph.nodes.iter().zip(&placed.nodes) {
        out.push_str(&box_of(node, *spot));
    }
    out.push_str("</svg>\n");
    out
}

/// The label of an edge, on a patch of paper that keeps it readable above lines.
fn chip(text: &str, Spot { x, y, width, height }: Spot) -> String {
    format!(
        "<rect class=\"chip\" x=\"{:.1}\" y=\"{:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" rx=\"3\"/>\
         <text class=\"what\" text-anchor=\"middle\" x=\"{x:.1}\" y=\"{:.1}\">{}</text>\n",
        x - width / 2.0,
        y - height / 2.0,
        y + LINE * 0.35,
        escaped(text)
    )
}

fn box_of(node: &Node, Spot { x, y, width, height }: Spot) -> String {
    let (class, round) = match node.shape {
        Shape::Topic => ("topic", height / 2.0),
        Shape::Filter => ("filter", 4.0),
        Shape::Queue => ("queue", 6.0),
        Shape::DeadLetters => ("dead", 6.0),
    };
    let (left, top) = (x - width / 2.0, y - height / 2.0);
    let whole = [node.title.as_str(), node.whole.as_str()].join("\n");
    let mut out = format!(
        "<g><title>{}</title><rect class=\"box {class}\" x=\"{left:.1}\" y=\"{top:.1}\" width=\"{width:.1}\" \
         height=\"{height:.1}\" rx=\"{round:.1}\"/>",
        escaped(whole.trim())
    );
    let mut line = top + padding(node) / 2.0;
    if !node.title.is_empty() {
        line += LEADING + 1.0;
        out.push_str(&format!(
            "<text class=\"name\" text-anchor=\"middle\" x=\"{x:.1}\" y=\"{:.1}\">{}</text>",
            line - 3.0,
            escaped(&node.title)
        ));
    }
    for text in &node.lines {
        line += LEADING;
        let (anchor, at) = if node.shape == Shape::Filter { ("start", left + 9.0) } else { ("middle", x) };
        out.push_str(&format!(
            "<text text-anchor=\"{anchor}\" xml:space=\"preserve\" x=\"{at:.1}\" y=\"{:.1}\">{}</text>",
            line - 3.5,
            escaped(text)
        ));
    }
    out.push_str("</g>\n");
    out
}

fn padding(node: &Node) -> f64 {
    if node.shape == Shape::Filter { 7.0 } else { 12.0 }
}

fn size(node: &Node) -> (f64, f64) {
    let title = characters(&node.title) * TITLE * CHARACTER;
    let lines = node.lines.iter().map(|line| characters(line) * LINE * CHARACTER).fold(0.0, f64::max);
    let side = match node.shape {
        Shape::Topic => 36.0,
        Shape::Filter => 18.0,
        Shape::Queue | Shape::DeadLetters => 24.0,
    };
    let title_height = if node.title.is_empty() { 0.0 } else { LEADING + 1.0 };
    (title.max(lines) + side, title_height + node.lines.len() as f64 * LEADING + padding(node))
}

/// Characters, counting those twice that terminals and fonts draw over two columns.
fn characters(text: &str) -> f64 {
    text.chars().map(|c| if u32::from(c) >= 0x1100 && !('\u{2000}'..'\u{2e80}').contains(&c) { 2.0 } else { 1.0 }).sum()
}

/// Lays the drawing out.
pub(super) fn place(graph: &Graph) -> Placed {
    let mut layout: Layout<NodeLabel, EdgeLabel> =
        Layout::with_options(GraphOptions { directed: true, multigraph: true, compound: false });
    for node in &graph.nodes {
        let (width, height) = size(node);
        layout.set_node(node.id.as_str(), Some(NodeLabel { width, height, ..NodeLabel::default() }));
    }
    for (index, edge) in graph.edges.iter().enumerate() {
        let (width, height) = label_size(edge);
        let label = EdgeLabel {
            minlen: edge.span as i32,
            // What passes is drawn straighter than what fails.
            weight: if edge.flow == Flow::Messages { 3 } else { 1 },
            width,
            height,
            labelpos: dagre::layout::types::LabelPos::Center,
            ..EdgeLabel::default()
        };
        let (from, to) = (graph.nodes[edge.from].id.as_str(), graph.nodes[edge.to].id.as_str());
        layout.set_edge(from, to, Some(label), Some(index.to_string().as_str()));
    }
    hold_columns(graph, &mut layout);
    let options = LayoutOptions {
        rankdir: RankDir::LR,
        nodesep: 14.0,
        edgesep: 10.0,
        // The more lines there are between two columns, the more room they need to be told apart.
        ranksep: 44.0 + graph.edges.len().min(60) as f64 * 1.5,
        ..LayoutOptions::default()
    };
    dagre::layout(&mut layout, Some(options));
    let mut placed = Placed::default();
    for node in &graph.nodes {
        let (width, height) = size(node);
        let found = layout.node(&node.id);
        let at = |value: Option<f64>| value.unwrap_or_default();
        let (x, y) = (at(found.and_then(|label| label.x)), at(found.and_then(|label| label.y)));
        placed.nodes.push(Spot { x, y, width, height });
    }
    let between: Vec<Vec<Point>> = graph
        .edges
        .iter()
        .enumerate()
        .map(|(index, edge)| {
            let (from, to) = (graph.nodes[edge.from].id.as_str(), graph.nodes[edge.to].id.as_str());
            let found = layout.edge(from, to, Some(index.to_string().as_str()));
            found.map(|label| label.points.iter().map(|point| (point.x, point.y)).collect()).unwrap_or_default()
        })
        .collect();
    placed.ways(graph, &between);
    placed.settle();
    placed
}

fn label_size(edge: &Edge) -> (f64, f64) {
    edge.label.as_ref().map_or((0.0, 0.0), |text| (characters(text) * LINE * CHARACTER + 6.0, LEADING))
}

/// Queues that nothing leads to would stand among the topics: unseen nodes hold them in their own column.
fn hold_columns(graph: &Graph, layout: &mut Layout<NodeLabel, EdgeLabel>) {
    let lonely: Vec<&Node> = (0..graph.nodes.len())
        .filter(|at| !graph.edges.iter().any(|edge| edge.to == *at))
        .map(|at| &graph.nodes[at])
        .filter(|node| matches!(node.shape, Shape::Queue))
        .collect();
    if lonely.is_empty() || !graph.nodes.iter().any(|node| node.shape == Shape::Topic) {
        return;
    }
    let unseen = || NodeLabel { width: 1.0, height: 1.0, ..NodeLabel::default() };
    for node in lonely {
        let id = format!("unseen-{}", node.id);
        layout.set_node(id.as_str(), Some(unseen()));
        layout.set_edge(id.as_str(), node.id.as_str(), Some(EdgeLabel { minlen: 2, ..EdgeLabel::default() }), None);
    }
}

/// The height at which a line along `points` passes `x`.
fn height_at(points: &[Point], x: f64) -> Option<f64> {
    let pair = points.windows(2).find(|pair| pair[0].0 <= x && x <= pair[1].0)?;
    let ((x0, y0), (x1, y1)) = (pair[0], pair[1]);
    Some(if x1 > x0 { y0 + (y1 - y0) * (x - x0) / (x1 - x0) } else { y1 })
}

impl Placed {
    /// The way of each edge: out of the right side of a box, level through the columns between, into the left side of a box. All
    /// bends lie in the gaps between columns, so that no line crosses a box. `between` is where the layout leads the edges.
    fn ways(&mut self, graph: &Graph, between: &[Vec<Point>]) {
        // The boxes of one column have their middles above one another.
        let mut columns: Vec<(f64, f64, f64)> = Vec::new();
        for spot in &self.nodes {
            let (left, right) = (spot.x - spot.width / 2.0, spot.x + spot.width / 2.0);
            match columns.iter_mut().find(|(x, ..)| (*x - spot.x).abs() < 1.0) {
                Some((_, least, most)) => (*least, *most) = (least.min(left), most.max(right)),
                None => columns.push((spot.x, left, right)),
            }
        }
        columns.sort_by(|a, b| a.0.total_cmp(&b.0));
        for (edge, points) in graph.edges.iter().zip(between) {
            let (from, to) = (self.nodes[edge.from], self.nodes[edge.to]);
            // What fails leaves a filter or a topic below what passes.
            let shape = graph.nodes[edge.from].shape;
            let aside = edge.flow == Flow::DeadLetters && matches!(shape, Shape::Topic | Shape::Filter);
            let mut way = vec![(from.x + from.width / 2.0, from.y + if aside { from.height / 4.0 } else { 0.0 })];
            for (x, left, right) in columns.iter().filter(|(x, ..)| *x > from.x + 1.0 && *x < to.x - 1.0) {
                let y = height_at(points, *x).unwrap_or(to.y);
                way.extend([(*left, y), (*right, y)]);
            }
            let last = way[way.len() - 1];
            way.push((to.x - to.width / 2.0, to.y));
            let label = edge.label.as_ref().map(|_| {
                let (width, height) = label_size(edge);
                Spot { x: last.0 + CHIP + width / 2.0, y: last.1, width, height }
            });
            self.edges.push((way, label));
        }
    }

    /// Moves everything so that it begins at the margin, and learns how large the whole is.
    fn settle(&mut self) {
        let spots = self.nodes.iter().chain(self.edges.iter().filter_map(|(_, spot)| spot.as_ref()));
        let points = self.edges.iter().flat_map(|(points, _)| points).copied();
        let corners = spots
            .flat_map(|s| [(s.x - s.width / 2.0, s.y - s.height / 2.0), (s.x + s.width / 2.0, s.y + s.height / 2.0)])
            .chain(points)
            .collect::<Vec<_>>();
        let least = |pick: fn(&(f64, f64)) -> f64| corners.iter().map(pick).fold(f64::INFINITY, f64::min);
        let most = |pick: fn(&(f64, f64)) -> f64| corners.iter().map(pick).fold(f64::NEG_INFINITY, f64::max);
        let (left, top, right, bottom) = if corners.is_empty() {
            (0.0, 0.0, 260.0, 0.0)
        } else {
            (least(|c| c.0), least(|c| c.1), most(|c| c.0), most(|c| c.1))
        };
        let (dx, dy) = (MARGIN - left, HEADER + MARGIN / 2.0 - top);
        let shift = |spot: &mut Spot| (spot.x, spot.y) = (spot.x + dx, spot.y + dy);
        self.nodes.iter_mut().for_each(shift);
        for (points, spot) in &mut self.edges {
            points.iter_mut().for_each(|point| *point = (point.0 + dx, point.1 + dy));
            spot.iter_mut().for_each(shift);
        }
        // The heading needs its room, however small the drawing.
        self.width = (right + dx + MARGIN).max(340.0);
        self.height = bottom + dy + MARGIN;
    }
}

/// The line along a way: level through columns, bent between them. The last stretch begins level for `lead`, which is where a
/// label stands.
fn curve(way: &[Point], lead: f64) -> String {
    let Some(&(mut x, mut y)) = way.first() else { return String::new() };
    let mut out = format!("M{x:.1} {y:.1}");
    for (index, &(next_x, next_y)) in way.iter().enumerate().skip(1) {
        if index.is_multiple_of(2) {
            out.push_str(&format!("H{next_x:.1}"));
        } else {
            if index + 1 == way.len() && lead > 0.0 {
                x += lead;
                out.push_str(&format!("H{x:.1}"));
            }
            let half = (next_x - x) / 2.0;
            out.push_str(&format!("C{:.1} {y:.1} {:.1} {next_y:.1} {next_x:.1} {next_y:.1}", x + half, next_x - half));
        }
        (x, y) = (next_x, next_y);
    }
    out
}

/// Text for XML 1.0, which has no place for most control characters, not even as references:
/// <https://www.w3.org/TR/xml/#charsets>.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\n' => out.push('\n'),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}
