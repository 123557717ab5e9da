//! `eventbus explain`: who gets an event, and why not the others; offline from the topology, or from the bus as it is.

use std::io::Read as _;
use std::path::PathBuf;

use clap::Args;

use super::topology::TopologyArgs;
use super::topology::verb::form;
use super::{Cx, attribute, written};
use crate::clock::{self, Clock};
use crate::engine::explain::{self as engine, ExplainError, Request};
use crate::error::CliError;
use crate::event::json::Document;
use crate::event::{Attribute, Attributes};
use crate::filter::camelize;
use crate::outcome::Outcome;
use crate::output::{Format, explain as output};
use crate::schema::Catalogue;
use crate::topology::{EventReach, Topology, draw_events};
use crate::words;

/// Say who gets an event, and which clause of the filter stops it at the others
#[derive(Debug, Args)]
#[command(
    after_help = "Works from topology.yaml alone and reaches for no bus, unless --live is given. Exits with 0 when somebody\n\
    gets the event (with --why-not: that queue; with --all-events: of each event somebody), with 6 when nobody does.\n\n\
    Examples:\n  eventbus explain UserRegistered payload.json --attr tier:=2\n  \
    eventbus explain UserRegistered --why-not billing_events --live\n  eventbus explain --all-events\n  eventbus explain --all-events -o svg > events.svg"
)]
pub struct ExplainArgs {
    /// The event's name
    #[arg(value_name = "EVENT", required_unless_present = "all_events", conflicts_with = "all_events")]
    pub event: Option<String>,
    /// Ask the bus who subscribes, instead of the topology
    #[arg(long, conflicts_with = "all_events")]
    pub live: bool,
    /// Only say whether this queue gets it, and why not
    #[arg(long, value_name = "QUEUE", conflicts_with = "all_events")]
    pub why_not: Option<String>,
    /// Every event of the routing table and of the schemas, and which queues get it
    #[arg(long, conflicts_with_all = ["file", "topic"])]
    pub all_events: bool,
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
    /// How the answer is written; mermaid, dot and svg draw --all-events
    #[arg(short = 'o', long = "output", value_name = "FORMAT", default_value = "table",
        value_parser = Format::one_of(&[Format::Table, Format::Json, Format::Mermaid, Format::Dot, Format::Svg]))]
    pub output: Format,
    /// Variables and overlays of the topology
    #[command(flatten)]
    pub topology_args: TopologyArgs,
}

/// Runs the verb.
///
/// # Errors
/// No topology, an event without a topic, an unknown topic, or a payload that is no JSON object; with `--live` what the bus
/// answers.
pub async fn run(cx: &mut Cx, args: &ExplainArgs) -> Result<Outcome, CliError> {
    if form(args.output).is_some() && !args.all_events {
        return Err(CliError::usage("mermaid, dot and svg draw which queue gets which event")
            .hint("add `--all-events`, or leave out `-o`"));
    }
    let topology = cx.topology(&args.topology_args)?;
    if topology.is_none() && !(args.live && args.topic.is_some()) {
        return Err(CliError::refused("there is no topology to explain from").hint(if args.live {
            "name the topic (`--topic NAME`), or write topology.yaml, which says where events go"
        } else {
            "write topology.yaml, or make a project to start from: `eventbus init`"
        }));
    }
    let publisher = args.publisher.clone().or_else(|| cx.config.publisher.as_ref().map(|found| found.value.clone()));
    if publisher.is_none() {
        cx.ui.note("no publisher is set, so the attribute `publisherName` is left out; `--publisher NAME` adds it");
    }
    let Some(event) = args.event.as_deref() else {
        return all_events(cx, args, topology.as_ref(), publisher.as_deref());
    };
    let payload = args.file.as_deref().map(|file| read(cx, file)).transpose()?;
    let document = payload
        .as_ref()
        .map(|(name, bytes)| {
            Document::parse(bytes)
                .map_err(|error| CliError::refused(format!("the payload {name} is invalid")).because(&error))
        })
        .transpose()?;
    let catalogue = super::publish::catalogue(cx)?;
    let live = if args.live {
        let topics = match &args.topic {
            Some(topic) => vec![topic.clone()],
            None => {
                let publisher = publisher.as_deref().unwrap_or_default();
                let routed = engine::route(topology.as_ref(), &catalogue, publisher, event);
                routed.map_err(|error| refused(&error))?.topics.clone()
            }
        };
        let mut live = Vec::with_capacity(topics.len());
        if !topics.is_empty() {
            let bus = cx.bus().await?;
            for topic in &topics {
                live.push(engine::live(&bus, topic).await?);
            }
        }
        Some(live)
    } else {
        None
    };
    let request = request(cx, args, event, (topology.as_ref(), &catalogue), publisher.as_deref());
    let request = Request { live: live.as_deref(), payload: document.as_ref().map(Document::to_raw), ..request };
    let mut report = engine::explain(&request).map_err(|error| refused(&error))?;
    if let Some(queue) = &args.why_not {
        let found = topology.as_ref().and_then(|topology| topology.queue(queue));
        let name = found.map_or(queue.as_str(), |queue| queue.name.as_str()).to_owned();
        if let (None, Some(topology), false) = (found, &topology, args.live) {
            let unknown = CliError::refused(format!("queue `{queue}` is not in the topology"));
            let meant = words::did_you_mean(queue, topology.queues.iter().map(|queue| queue.name.as_str()));
            return Err(match meant {
                Some(meant) => unknown.hint(meant),
                None => unknown,
            });
        }
        if !report.only(&name) {
            let elsewhere = elsewhere(topology.as_ref(), &name);
            cx.ui.warn(match report.topics.as_slice() {
                [] => format!("event `{event}` goes nowhere, on purpose"),
                [topic] => format!("queue `{name}` is not subscribed to topic `{topic}`{elsewhere}"),
                many => format!("queue `{name}` is not subscribed to any of {}{elsewhere}", words::list(many)),
            });
        }
    }
    written(output::write(&cx.ui, &report, args.output))?;
    Ok(if report.receivers().is_empty() { Outcome::No } else { Outcome::Done })
}

/// What a queue is subscribed to instead.
fn elsewhere(topology: Option<&Topology>, queue: &str) -> String {
    let subscriptions = topology.into_iter().flat_map(|topology| &topology.subscriptions);
    let topics: Vec<&str> =
        subscriptions.filter(|found| found.queue == queue).map(|found| found.topic.as_str()).collect();
    if topics.is_empty() { String::new() } else { format!(", only to {}", words::list(&topics)) }
}

/// Every event and every queue.
fn all_events(
    cx: &Cx,
    args: &ExplainArgs,
    topology: Option<&Topology>,
    publisher: Option<&str>,
) -> Result<Outcome, CliError> {
    let catalogue = super::publish::catalogue(cx)?;
    let routed = |event: &&str| engine::route(topology, &catalogue, publisher.unwrap_or_default(), event).is_ok();
    let named = topology.into_iter().flat_map(Topology::event_names);
    let mut events: Vec<&str> = named.chain(catalogue.events().filter(routed)).collect();
    let mut seen = std::collections::HashSet::new();
    events.retain(|event| seen.insert(*event));
    let mut reports = Vec::new();
    for event in events {
        // An entry of another publisher is asked about as that one's.
        let owner = topology.into_iter().flat_map(|topology| &topology.events).find_map(|route| {
            let (owner, name) = route.pattern.rsplit_once('.')?;
            (name == event && !route.is_pattern()).then_some(owner)
        });
        let publisher = if routed(&event) { publisher } else { owner };
        let request = request(cx, args, event, (topology, &catalogue), publisher);
        reports.push(engine::explain(&request).map_err(|error| refused(&error))?);
    }
    if reports.is_empty() {
        return Err(CliError::refused(
            "the topology routes no event by its name, and no schema names one that is routed",
        )
        .hint("add `UserRegistered: { topic: users }` to `events:` of the topology"));
    }
    let queues: Vec<&str> =
        topology.into_iter().flat_map(|topology| &topology.subscriptions).map(|found| found.queue.as_str()).collect();
    match form(args.output) {
        Some(form) => {
            let name = topology.map_or("events", |topology| topology.name.as_str());
            let events: Vec<EventReach<'_>> = reports.iter().map(reach).collect();
            written(crate::output::topology::write(&cx.ui, &draw_events(name, &events, &queues, form)))?;
        }
        None => written(output::matrix(&cx.ui, &reports, &queues, args.output))?,
    }
    // What goes nowhere on purpose is not lost.
    let lost = |report: &engine::Report| {
        report.receivers().is_empty() && !report.depends_on_payload() && !report.goes_nowhere()
    };
    Ok(if reports.iter().any(lost) { Outcome::No } else { Outcome::Done })
}

/// The queues that get an event, those that it depends on its payload for among them.
fn reach(report: &engine::Report) -> EventReach<'_> {
    let mut queues: Vec<(&str, bool)> = report.receivers().into_iter().map(|queue| (queue, false)).collect();
    for reach in &report.subscriptions {
        let depends = matches!(reach.verdict, engine::Verdict::DependsOnPayload(_));
        if depends && queues.iter().all(|(queue, _)| *queue != reach.queue) {
            queues.push((&reach.queue, true));
        }
    }
    EventReach { event: &report.event, topics: &report.topics, queues }
}

fn request<'a>(
    cx: &Cx,
    args: &'a ExplainArgs,
    event: &'a str,
    (topology, catalogue): (Option<&'a Topology>, &'a Catalogue),
    publisher: Option<&'a str>,
) -> Request<'a> {
    Request {
        topology,
        live: None,
        catalogue,
        event,
        publisher,
        topic: args.topic.as_deref(),
        attributes: args.attributes.iter().cloned().collect::<Attributes>(),
        payload: None,
        envelope: cx.config.envelope.value,
        publish_date: Clock::system().now().strftime("%Y-%m-%dT%H:%M:%S+00:00").to_string(),
        random_entity_id: clock::random_id().to_string(),
    }
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
            Some(meant) => match nearest.iter().find(|name| *event == camelize(&format!("{name}Payload"))) {
                Some(name) => refused.hint(meant).hint(format!(
                    "`{event}` is what the Python library's task callbacks make of `{name}Payload`; route it too if they publish it"
                )),
                None => refused.hint(meant),
            },
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
