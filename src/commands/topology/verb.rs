//! `eventbus topology`: a topology drawn, described, exported, or written from a live bus.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};

use super::TopologyArgs;
use crate::commands::{Cx, written};
use crate::engine::pull;
use crate::error::CliError;
use crate::outcome::Outcome;
use crate::output::topology as output;
use crate::output::{Format, escape_control_keeping_lines};
use crate::schema::Catalogue;
use crate::topology::export::{self, Exported};
use crate::topology::{EventDocs, Form, Topology, glob, pulled};
use crate::words;

/// Look at a topology: draw it, describe it, export it, or write it from a live bus
#[derive(Debug, Args)]
pub struct TopologyVerb {
    /// What to do.
    #[command(subcommand)]
    pub action: Action,
}

/// What to do with a topology.
#[derive(Debug, Subcommand)]
pub enum Action {
    /// Write the topology file of what stands at the bus
    Pull(PullArgs),
    /// Draw topics, filters, queues and dead letters
    Graph(GraphArgs),
    /// Write a catalogue in Markdown: who gets which event, and where dead letters go
    Docs(DocsArgs),
    /// Write the topology in another tool's language
    Export(ExportArgs),
}

/// Write the topology file of what stands at the bus
#[derive(Debug, Args)]
#[command(
    after_help = "Nothing is changed. What is at AWS's default is left out; what the language cannot say is told, and stands in\n\
    comments. The file plans as no changes: `eventbus provision FILE --check`\n\n\
    Example: eventbus topology pull --match 'orders-*' --out topology.yaml"
)]
pub struct PullArgs {
    /// Take only topics and queues with such names; `*` is any text (can be repeated)
    #[arg(long = "match", value_name = "PATTERN")]
    pub patterns: Vec<String>,
    /// The topology's name [default: that of the topology which made it all, else `pulled`]
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
    /// Write here instead of to stdout
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
}

/// A topology to look at.
#[derive(Debug, Args)]
pub struct Which {
    /// The topology [default: `topology:` of eventbus.yaml, else topology.yaml]
    #[arg(value_name = "FILE")]
    pub file: Option<PathBuf>,
    /// Write here instead of to stdout
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Variables and overlays of the topology
    #[command(flatten)]
    pub topology: TopologyArgs,
}

/// Draw topics, filters, queues and dead letters
#[derive(Debug, Args)]
#[command(after_help = "Example: eventbus topology graph -o svg --out topology.svg")]
pub struct GraphArgs {
    /// The topology and where the drawing goes.
    #[command(flatten)]
    pub which: Which,
    /// How it is drawn: a tree, a Mermaid flowchart, Graphviz, or a picture
    #[arg(short = 'o', long = "output", value_name = "FORMAT", default_value = "text",
        value_parser = Format::one_of(&[Format::Text, Format::Mermaid, Format::Dot, Format::Svg]))]
    pub output: Format,
}

/// Write a catalogue in Markdown: who gets which event, and where dead letters go
#[derive(Debug, Args)]
#[command(after_help = "Descriptions, owners (`x-owner`) and fields come from the payload schemas.\n\n\
    Example: eventbus topology docs --out EVENTS.md")]
pub struct DocsArgs {
    /// The topology and where the catalogue goes.
    #[command(flatten)]
    pub which: Which,
}

/// Write the topology in another tool's language
#[derive(Debug, Args)]
#[command(after_help = "What the other language cannot say is told on stderr.\n\n\
    Example: eventbus topology export cloudformation --out template.json")]
pub struct ExportArgs {
    /// The language
    #[arg(value_name = "LANGUAGE", value_enum)]
    pub language: Language,
    /// The topology and where the document goes.
    #[command(flatten)]
    pub which: Which,
}

/// Another tool's language.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Language {
    /// AsyncAPI 3.0
    Asyncapi,
    /// A CloudFormation template
    #[value(name = "cloudformation")]
    CloudFormation,
    /// Terraform's JSON syntax, for the `aws` provider
    Terraform,
}

/// The picture that a format stands for; none for what is no picture.
pub(in crate::commands) fn form(format: Format) -> Option<Form> {
    match format {
        Format::Mermaid => Some(Form::Mermaid),
        Format::Dot => Some(Form::Dot),
        Format::Svg => Some(Form::Svg),
        _ => None,
    }
}

/// Runs the verb.
///
/// # Errors
/// The file is invalid, the bus cannot be read, or the answer cannot be written.
pub async fn run(cx: &mut Cx, verb: TopologyVerb) -> Result<Outcome, CliError> {
    match verb.action {
        Action::Pull(args) => return pull(cx, &args).await,
        Action::Graph(args) => {
            let form = form(args.output).unwrap_or(Form::Text);
            let topology = topology(cx, &args.which)?;
            let mut drawn = topology.draw(form);
            if drawn.is_empty() {
                cx.ui.note("the topology has no topics and no queues: there is nothing to draw");
            }
            if form == Form::Text {
                // A drawing for people's eyes: it reaches a terminal by way of a pager or `cat`, too.
                drawn = escape_control_keeping_lines(&drawn).into_owned();
            }
            answer(cx, &drawn, args.which.out.as_deref())?;
        }
        Action::Docs(args) => {
            let topology = topology(cx, &args.which)?;
            let schemas = schemas(cx, &topology)?;
            answer(cx, &topology.catalogue(&schemas), args.which.out.as_deref())?;
        }
        Action::Export(args) => {
            let topology = topology(cx, &args.which)?;
            let Exported { document, left_out } = match args.language {
                Language::Asyncapi => {
                    let schemas = schemas(cx, &topology)?;
                    export::asyncapi(&topology, &schemas, cx.config.envelope.value)
                }
                Language::CloudFormation => export::cloudformation(&topology),
                Language::Terraform => export::terraform(&topology),
            };
            for what in &left_out {
                cx.ui.warn(format!("left out: {what}"));
            }
            answer(cx, &format!("{document:#}\n"), args.which.out.as_deref())?;
        }
    }
    Ok(Outcome::Done)
}

async fn pull(cx: &mut Cx, args: &PullArgs) -> Result<Outcome, CliError> {
    let bus = cx.bus().await?;
    let arns = bus.arns().await?;
    let wanted = |name: &str| args.patterns.is_empty() || args.patterns.iter().any(|pattern| glob(pattern, name));
    let found = pull::pull(&bus, &arns, wanted).await?;
    if found.topics.is_empty() && found.queues.is_empty() {
        let which =
            if args.patterns.is_empty() { String::new() } else { format!(" like {}", words::list(&args.patterns)) };
        return Err(CliError::failed(format!("the bus has no topics and no queues{which}")));
    }
    let owner = found.owner().map(|(name, _)| name.to_owned());
    let name = args.name.clone().or(owner).unwrap_or_else(|| "pulled".into());
    let pulled::Written { text, left_out } = pulled::write(&found, &name, &arns);
    for what in &left_out {
        cx.ui.warn(format!("left out: {what}"));
    }
    // Live things may stand in ways that `provision` would not make: better told now than at the first plan.
    if let Err(problems) = Topology::parse(&text, "the pulled file") {
        for problem in problems.iter().filter(|problem| problem.is_error()) {
            cx.ui.warn(format!("`provision` will refuse this: {problem}"));
        }
    }
    answer(cx, &text, args.out.as_deref())?;
    let counts = [
        words::count(found.topics.len() as u64, "topic"),
        words::count(found.queues.len() as u64, "queue"),
        words::count(found.subscriptions.len() as u64, "subscription"),
    ];
    cx.ui.status(format!("Pulled {}", counts.join(", ")));
    Ok(Outcome::Done)
}

fn topology(cx: &Cx, which: &Which) -> Result<Topology, CliError> {
    let path = which.file.as_deref().map_or_else(|| cx.config.topology.value.clone(), |file| cx.path(file));
    // Its warnings are `provision`'s to tell.
    cx.topology_from(&path, &which.topology)
}

/// The payload schemas of the topology's events, as far as there are any. One that cannot be used is told, not fatal.
fn schemas(cx: &Cx, topology: &Topology) -> Result<EventDocs, CliError> {
    let folder = &cx.config.schemas.value;
    let catalogue = Catalogue::open(folder).map_err(|error| {
        CliError::failed(format!("the schemas in {} cannot be listed", folder.display())).because(&error)
    })?;
    let mut schemas = EventDocs::new();
    for route in &topology.events {
        let Some(name) = route.schema.as_deref().or_else(|| route.event_name()) else { continue };
        match catalogue.schema(name, None) {
            Ok(Some(schema)) => drop(schemas.insert(name.to_owned(), schema.source().clone())),
            Ok(None) => {}
            Err(error) => cx.ui.warn(format!("the schema of `{name}` is left out: {error}")),
        }
    }
    Ok(schemas)
}

/// Writes the answer to a file, asking before one is replaced, or to stdout.
fn answer(cx: &Cx, text: &str, file: Option<&Path>) -> Result<(), CliError> {
    let Some(file) = file else { return written(output::write(&cx.ui, text)) };
    let path = cx.path(file);
    let shown = cx.shown(&path.display().to_string());
    if std::fs::read(&path).is_ok_and(|there| there != text.as_bytes())
        && cx.ui.confirm(&format!("Replace {shown}?"), cx.yes, None)?.is_none()
    {
        return Err(CliError::failed(format!("{shown} is left as it is")));
    }
    std::fs::write(&path, text)
        .map_err(|error| CliError::failed(format!("{shown} cannot be written")).because(&error))?;
    cx.ui.status(format!("Wrote {shown}"));
    Ok(())
}
