//! Every form: what is drawn, that hostile text stays text, and that nothing stands upon anything else.

use proptest::prelude::*;

use super::svg::{Spot, place};
use super::*;

const SMALL: &str = "version: 1
name: users
topics: { users: {}, silent: {} }
queues:
  user_events: { dead_letter: { queue: user_events_dlq, max_receives: 5 } }
  everything: {}
  user_events_dlq: { retention: 14d }
  lonely: {}
subscriptions:
  - { topic: users, queue: user_events, filter: { eventName: [UserRegistered, UserDeleted], tier: [{ numeric: ['>', 1] }] }, dead_letter: user_events_dlq }
  - { topic: users, queue: everything, raw: true }
events: { UserRegistered: { topic: users } }
";

fn read(text: &str) -> Topology {
    Topology::parse(text, "t.yaml").unwrap_or_else(|problems| panic!("{problems:?}\n{text}"))
}

#[test]
fn the_tree() {
    insta::assert_snapshot!(read(SMALL).draw(Form::Text));
}

#[test]
fn the_flowchart() {
    insta::assert_snapshot!(read(SMALL).draw(Form::Mermaid));
}

#[test]
fn the_graph() {
    insta::assert_snapshot!(read(SMALL).draw(Form::Dot));
}

#[test]
fn the_picture_shows_every_name_and_cuts_none() {
    let svg = read(SMALL).draw(Form::Svg);
    for name in ["users", "silent", "user_events", "everything", "user_events_dlq", "lonely"] {
        assert!(svg.contains(&format!(">{name}</text>")), "{name}\n{svg}");
    }
    assert!(svg.contains("after 5 receives") && svg.contains("undeliverable"), "{svg}");
}

#[test]
fn a_long_filter_is_folded_and_its_rest_is_counted() {
    let names: Vec<String> = (0..40).map(|n| format!("EventNumber{n}")).collect();
    let lines = folded(&[format!("eventName = {}", names.join(" | "))]);
    assert_eq!(lines.len(), MOST_LINES);
    assert!(lines.iter().all(|line| line.chars().count() <= FOLD), "{lines:?}");
    assert!(lines[MOST_LINES - 1].contains("lines more"), "{lines:?}");
    // One word that has no blank is cut where the room ends, between characters.
    let lines = folded(&["é".repeat(80)]);
    assert_eq!(lines.iter().map(|line| line.trim().chars().count()).sum::<usize>(), 80);
}

#[test]
fn hostile_text_stays_text_in_every_form() {
    let evil = r#"</text><script>alert(1)</script>"]; %%{init: {}}%% `x` #quot; \" & \u001b[2J"#;
    let text = SMALL.replace("UserDeleted", &serde_json::to_string(&format!("{evil}\u{1b}]0;x\u{7}\u{2028}")).unwrap());
    let topology = read(&text);
    let svg = topology.draw(Form::Svg);
    assert!(!svg.contains("<script") && !svg.contains('\u{1b}') && !svg.contains('\u{7}'), "{svg}");
    let mut reader = quick_xml::Reader::from_str(&svg);
    loop {
        match reader.read_event().unwrap() {
            quick_xml::events::Event::Eof => break,
            quick_xml::events::Event::Start(tag) => {
                let name = tag.name().as_ref().to_owned();
                let known = ["svg", "title", "style", "defs", "marker", "text", "g", "path", "rect"];
                assert!(known.contains(&name.as_str()), "{name}");
            }
            _ => {}
        }
    }
    let mermaid = topology.draw(Form::Mermaid);
    assert!(!mermaid.contains("<script") && !mermaid.contains("%%") && !mermaid.contains('`'), "{mermaid}");
    assert!(mermaid.lines().all(|line| line.matches('"').count() % 2 == 0), "{mermaid}");
    let dot = topology.draw(Form::Dot);
    let outside = dot.replace("\\\\", "").replace("\\\"", "");
    assert!(outside.lines().all(|line| line.matches('"').count() % 2 == 0), "{dot}");
    assert_eq!(topology.draw(Form::Text).lines().count(), read(SMALL).draw(Form::Text).lines().count());
}

fn overlap(a: Spot, b: Spot) -> bool {
    let apart = |x: f64, y: f64, width: f64| (x - y).abs() >= width - 0.01;
    !(apart(a.x, b.x, (a.width + b.width) / 2.0) || apart(a.y, b.y, (a.height + b.height) / 2.0))
}

/// No box stands upon another, and none leaves the paper.
fn well_placed(graph: &Graph) -> Result<(), String> {
    let placed = place(graph);
    for (index, spot) in placed.nodes.iter().enumerate() {
        let (left, right) = (spot.x - spot.width / 2.0, spot.x + spot.width / 2.0);
        let (top, bottom) = (spot.y - spot.height / 2.0, spot.y + spot.height / 2.0);
        if left < 0.0 || top < 0.0 || right > placed.width || bottom > placed.height {
            return Err(format!("{:?} leaves the paper: {spot:?}", graph.nodes[index]));
        }
        for (other, second) in placed.nodes.iter().enumerate().skip(index + 1) {
            if overlap(*spot, *second) {
                return Err(format!("{:?} and {:?} overlap", graph.nodes[index], graph.nodes[other]));
            }
        }
    }
    for (points, _) in &placed.edges {
        if points.len() < 2 || points.iter().any(|(x, y)| !x.is_finite() || !y.is_finite()) {
            return Err(format!("an edge without a way: {points:?}"));
        }
    }
    Ok(())
}

/// A topology of so many topics and queues, in which `links` says who subscribes to whom, how, and where dead letters go.
fn some(topics: usize, queues: usize, links: &[(usize, usize, u8)]) -> String {
    let mut text = String::from("version: 1\nname: some\ntopics:\n");
    for n in 0..topics {
        text.push_str(&format!("  topic-{n}: {{}}\n"));
    }
    text.push_str("queues:\n");
    for n in 0..queues {
        // The first third takes dead letters of the others.
        let dead = if n * 3 >= queues && n % 2 == 0 && queues > 2 {
            format!("dead_letter: {{ queue: queue-{}, max_receives: 4 }}", n % (queues / 3).max(1))
        } else {
            String::new()
        };
        text.push_str(&format!("  queue-{n}: {{ {dead} }}\n"));
    }
    let mut seen = Vec::new();
    text.push_str("subscriptions:\n");
    for (topic, queue, how) in links {
        let pair = (topic % topics, queue % queues);
        if seen.contains(&pair) {
            continue;
        }
        seen.push(pair);
        let filter = match how % 3 {
            0 => String::new(),
            1 => ", filter: { eventName: [SomethingHappened] }".into(),
            _ => ", filter: { eventName: [A, B, C, D], tier: [{ numeric: ['>=', 2] }], country: [DE, AT, CH] }".into(),
        };
        let dead = if how % 5 == 0 && pair.1 > 0 { ", dead_letter: queue-0" } else { "" };
        text.push_str(&format!("  - {{ topic: topic-{}, queue: queue-{}{filter}{dead} }}\n", pair.0, pair.1));
    }
    text
}

#[test]
fn at_forty_queues_nothing_stands_upon_anything_else() {
    let links: Vec<(usize, usize, u8)> = (0..60).map(|n| (n * 7 % 8, n * 11 % 40, (n % 7) as u8)).collect();
    well_placed(&Graph::of(&read(&some(8, 40, &links)))).unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn any_topology_can_be_drawn(
        topics in 1_usize..6, queues in 1_usize..14, links in prop::collection::vec((0_usize..6, 0_usize..14, 0_u8..15), 0..24),
    ) {
        let topology = read(&some(topics, queues, &links));
        let placed = well_placed(&Graph::of(&topology));
        prop_assert!(placed.is_ok(), "{placed:?}");
        for form in [Form::Text, Form::Mermaid, Form::Dot, Form::Svg] {
            prop_assert!(topology.draw(form).ends_with('\n'));
        }
    }
}
