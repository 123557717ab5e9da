//! `eventbus explain`: who gets an event, and why not the others; offline from the topology.

use std::io::Read as _;
use std::path::PathBuf;

use clap::Args;

use super::topology::TopologyArgs;
use super::{Cx, attribute, written};
use crate::clock::{self, Clock};
use crate::engine::explain::{self as engine, ExplainError, Request};
use crate::error::CliError;
use crate::event::json::Document;
use crate::event::{Attribute, Attributes};
use crate::outcome::Outcome;
use crate::output::{Format, explain as output};
use crate::words;

/// Say who gets an event, and which clause of the filter stops it at the others
#[derive(Debug, Args)]
#[command(
    after_help = "Works from topology.yaml alone and reaches for no bus. Exits with 0 when somebody gets the event,\n\
    with 6 when nobody does.\n\n\
    Example: eventbus explain UserRegistered payload.json --attr tier:=2"
)]
pub struct ExplainArgs {
    /// The event's name
    #[arg(value_name = "EVENT")]
    pub event: String,
    /// The payload, which filters on the message body look at; `-` is stdin
    #[arg(value_name = "FILE")]
    pub file: Option<PathBuf>,
    /// The topic [default: where the topology routes the event]
    #[arg(long, value_name = "TOPIC")]
    pub topic: Option<String>,
    /// A message attribute more: `k=text`, `k:=5`, `k:='["a"]'` (can be repeated)
    #[arg(long = "attr", value_name = "K=V", value_parser = attribute::parse)]
    pub attributes: Vec<(String, Attribute)>,
    /// Who publishes it [default: `publisher` of eventbus.yaml]
    #[arg(long, value_name = "NAME")]
    pub publisher: Option<String>,
    /// How the answer is written
    #[arg(short = 'o', long = "output", value_name = "FORMAT", default_value = "table",
        value_parser = Format::one_of(&[Format::Table, Format::Json]))]
    pub output: Format,
    /// Variables and overlays of the topology
    #[command(flatten)]
    pub topology_args: TopologyArgs,
}

/// Runs the verb.
///
/// # Errors
/// No topology, an event without a topic, an unknown topic, or a payload that is no JSON object.
pub fn run(cx: &mut Cx, args: &ExplainArgs) -> Result<Outcome, CliError> {
    let topology = cx.topology(&args.topology_args)?.ok_or_else(|| {
        CliError::refused("there is no topology to explain from")
            .hint("write topology.yaml, or make a project to start from: `eventbus init`")
    })?;
    let publisher = args.publisher.clone().or_else(|| cx.config.publisher.as_ref().map(|found| found.value.clone()));
    if publisher.is_none() {
        cx.ui.note("no publisher is set, so the attribute `publisherName` is left out; `--publisher NAME` adds it");
    }
    let payload = args.file.as_deref().map(|file| read(cx, file)).transpose()?;
    let document = payload
        .as_ref()
        .map(|(name, bytes)| {
            Document::parse(bytes)
                .map_err(|error| CliError::refused(format!("the payload {name} is invalid")).because(&error))
        })
        .transpose()?;
    let attributes: Attributes = args.attributes.iter().cloned().collect();
    let report = engine::explain(&Request {
        topology: &topology,
        event: &args.event,
        publisher: publisher.as_deref(),
        topic: args.topic.as_deref(),
        attributes,
        payload: document.as_ref().map(Document::to_raw),
        envelope: cx.config.envelope.value,
        publish_date: Clock::system().now().strftime("%Y-%m-%dT%H:%M:%S+00:00").to_string(),
        random_entity_id: clock::random_id().to_string(),
    })
    .map_err(|error| refused(&error))?;
    written(output::write(&cx.ui, &report, args.output))?;
    Ok(if report.receivers().next().is_some() { Outcome::Done } else { Outcome::No })
}

/// A payload's name for messages, and its bytes.
fn read(cx: &Cx, file: &std::path::Path) -> Result<(String, Vec<u8>), CliError> {
    let mut bytes = Vec::new();
    let (name, result) = if file.as_os_str() == "-" {
        ("on stdin".to_owned(), std::io::stdin().lock().read_to_end(&mut bytes).map(|_| ()))
    } else {
        (file.display().to_string(), std::fs::read(cx.path(file)).map(|found| bytes = found))
    };
    result.map_err(|error| CliError::failed(format!("the payload {name} cannot be read")).because(&error))?;
    Ok((name, bytes))
}

fn refused(error: &ExplainError) -> CliError {
    let refused = CliError::refused(error.to_string());
    match error {
        ExplainError::NotRouted { event, nearest } => match words::did_you_mean_any(nearest) {
            Some(meant) => refused.hint(meant),
            None => refused.hint(format!(
                "route it in topology.yaml (`events: {{ {event}: {{ topic: … }} }}`), or name one: `--topic`"
            )),
        },
        ExplainError::UnknownTopic { nearest, .. } => match words::did_you_mean_any(nearest) {
            Some(meant) => refused.hint(meant),
            None => refused,
        },
        ExplainError::Filter { error, .. } => refused.because(error),
    }
}
