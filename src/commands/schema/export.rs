//! `schema export`.

use std::path::PathBuf;

use clap::Args;

use super::{Place, answer, unusable};
use crate::commands::Cx;
use crate::commands::topology::TopologyArgs;
use crate::error::CliError;
use crate::outcome::Outcome;
use crate::schema::export::{Page, bundle, markdown};
use crate::schema::{Meta, example};
use crate::topology::export::{Exported, asyncapi};
use crate::topology::{EventDocs, Topology};

/// Write all schemas as one bundle, as AsyncAPI, or as a page for people
#[derive(Debug, Args)]
#[command(group(clap::ArgGroup::new("form").required(true)),
    after_help = "Topics come from the topology; without one, from `x-topic` of the schemas.\n\n\
    Example: eventbus schema export --markdown --out EVENTS.md")]
pub struct ExportArgs {
    /// One JSON Schema with every event under `$defs`
    #[arg(long, group = "form")]
    bundle: bool,
    /// AsyncAPI 3.0
    #[arg(long, group = "form")]
    asyncapi: bool,
    /// A page in Markdown, with an example of each event
    #[arg(long, group = "form")]
    markdown: bool,
    /// Write here instead of to stdout
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

pub(super) fn run(cx: &Cx, place: &Place, args: &ExportArgs) -> Result<Outcome, CliError> {
    let catalogue = place.filled()?;
    let mut schemas = Vec::new();
    for event in catalogue.events() {
        let versions: Vec<u32> = catalogue.versions(event).collect();
        let highest = versions.last().copied().unwrap_or(1);
        for &version in versions.iter().filter(|version| args.bundle || **version == highest) {
            if let Some(schema) = catalogue.schema(event, Some(version)).map_err(|error| unusable(&error))? {
                let name = if version == highest { event.to_owned() } else { format!("{event}.v{version}") };
                schemas.push((name, schema));
            }
        }
    }
    let text = if args.bundle {
        let (document, left_out) = bundle(schemas.iter().map(|(name, schema)| (name.clone(), schema.as_ref())));
        left_out.iter().for_each(|what| cx.ui.warn(format!("left out: {what}")));
        format!("{document:#}\n")
    } else {
        let topology = cx.topology(&TopologyArgs::default())?;
        if args.asyncapi {
            let mut docs = EventDocs::new();
            for (name, schema) in &schemas {
                docs.insert(name.clone(), schema.self_contained().0);
            }
            let topology = match topology {
                Some(topology) => topology,
                None => of_schemas(cx, &docs)?,
            };
            let Exported { document, left_out } = asyncapi(&topology, &docs, cx.config.envelope.value);
            left_out.iter().for_each(|what| cx.ui.warn(format!("left out: {what}")));
            format!("{document:#}\n")
        } else {
            let topics = |event: &str| {
                let topology = topology.as_ref()?;
                topology.events.iter().find(|route| route.event_name() == Some(event)).map(|route| route.topics.clone())
            };
            let pages: Vec<Page<'_>> = schemas
                .iter()
                .map(|(name, schema)| Page {
                    event: name,
                    versions: catalogue.versions(name).collect(),
                    schema,
                    topics: topics(name),
                    example: example::example(schema, 1, 0).ok(),
                })
                .collect();
            markdown(&pages)
        }
    };
    answer(cx, &text, args.out.as_deref())?;
    Ok(Outcome::Done)
}

/// A topology of nothing but the events, as far as their schemas name topics.
fn of_schemas(cx: &Cx, docs: &EventDocs) -> Result<Topology, CliError> {
    let mut topics = serde_json::Map::new();
    let mut events = serde_json::Map::new();
    for (event, schema) in docs {
        match Meta::of(schema).topic {
            Some(topic) => {
                topics.insert(topic.clone(), serde_json::json!({}));
                events.insert(event.clone(), serde_json::json!({ "topic": topic }));
            }
            None => cx.ui.warn(format!(
                "left out: `{event}` has no topic: there is no topology, and its schema has no `x-topic`"
            )),
        }
    }
    // JSON is YAML.
    let text = serde_json::json!({ "version": 1, "name": "events", "topics": topics, "events": events }).to_string();
    Topology::parse(&text, "the schemas' topics").map_err(|problems| cx.refuse(problems))
}
