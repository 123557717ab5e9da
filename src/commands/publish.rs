//! `eventbus publish`: payloads from files, folders or stdin to their topic.

use std::num::{NonZeroU64, NonZeroUsize};
use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use clap::builder::PossibleValue;

use super::topology::TopologyArgs;
use super::wait::Noted;
use super::{Cx, outcome_of_signal, written};
use crate::bus::ItemError;
use crate::clock::Clock;
use crate::engine::exec::HandlerCommand;
use crate::engine::jq::Program;
use crate::engine::outbox::{Begin, Outbox};
use crate::engine::publish::{self, Problem, PublishError, Rate, Report, Request, Source};
use crate::engine::shutdown::Shutdown;
use crate::error::{CliError, ErrorKind};
use crate::event::{Attribute, Attributes};
use crate::outcome::Outcome;
use crate::output::{Format, publish as reporters};
use crate::schema::{Catalogue, CatalogueError};

/// Check payloads against the event's schema and publish them to its topic
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    eventbus publish UserRegistered payload.json\n  \
    eventbus publish UserRegistered payloads/ --attr tenant=acme --attr priority:=5\n  \
    producer | eventbus publish UserRegistered - --input ndjson -o ndjson\n  \
    eventbus publish --event-field type --map .data 'export/*.ndjson' --rate 500/s\n  \
    eventbus publish UserRegistered users.csv --outbox users.outbox\n  \
    eventbus publish --input records recording.ndjson\n  \
    eventbus publish OrderPlaced order.json --wait-for OrderShipped,OrderFailed --timeout 30s\n\n\
    Exit codes: 0 all sent, 3 some sent and some not, 4 all refused before sending, 7 no answer\n\
    came (`--wait-for`), 1 failed.")]
pub struct PublishArgs {
    /// The event's name; left out with `--input records`, which name theirs, and with `--event-field`
    #[arg(value_name = "EVENT")]
    event: Option<String>,
    /// Payload files, folders of them, patterns such as 'in/*.json', or `-` for stdin (can be repeated) [default: -]
    #[arg(value_name = "FILE")]
    files: Vec<String>,
    /// What the inputs hold [default: by the file's ending; stdin: json]
    #[arg(long, value_name = "FORMAT", value_enum, help_heading = "Input")]
    input: Option<InputFormat>,
    /// Take the event's name from this field of each input: a property's name, or a JSON pointer
    #[arg(long, value_name = "FIELD", help_heading = "Input")]
    event_field: Option<String>,
    /// Make payloads of the inputs with this jq program: each of its outputs is one, and none skips the input
    #[arg(long, value_name = "JQ", help_heading = "Input")]
    map: Option<String>,
    /// Go through the inputs so many times
    #[arg(long, value_name = "N", default_value = "1", hide_default_value = true, help_heading = "Input")]
    repeat: NonZeroU64,
    /// Check against this version of the schema [default: the highest]
    #[arg(long, value_name = "N", help_heading = "Input")]
    schema_version: Option<u32>,
    /// Send nothing if anything is refused
    #[arg(long, help_heading = "Input")]
    all_or_nothing: bool,
    /// Publish to this topic (name or ARN) [default: `events:` of the topology]
    #[arg(long, value_name = "TOPIC", help_heading = "Message")]
    topic: Option<String>,
    /// Add or replace a message attribute: `k=text`, `k:=5`, `k:='["a","b"]'` (can be repeated)
    #[arg(long = "attr", value_name = "K=V", value_parser = super::attribute::parse, help_heading = "Message")]
    attributes: Vec<(String, Attribute)>,
    /// Who publishes [default: `publisher:` of the configuration] [env: EVENTBUS_PUBLISHER]
    #[arg(long, value_name = "NAME", help_heading = "Message")]
    publisher: Option<String>,
    /// What the event is about [default: the payload's `id`, else random]
    #[arg(long, value_name = "ID", help_heading = "Message")]
    entity_id: Option<String>,
    /// The kind of thing it is about [default: the event's name]
    #[arg(long, value_name = "NAME", help_heading = "Message")]
    entity_name: Option<String>,
    /// Mark the event as containing personal data
    #[arg(long, help_heading = "Message")]
    personal_data: bool,
    /// The message group on a FIFO topic [default: `group_by:` of the topology, else the entity's id]
    #[arg(long, value_name = "ID", help_heading = "Message")]
    group_id: Option<String>,
    /// The deduplication id of the one message on a FIFO topic [default: random]
    #[arg(long, value_name = "ID", help_heading = "Message")]
    dedup_id: Option<String>,
    /// Send at most so many events in so much time, such as `500/s` or `30/m`
    #[arg(long, value_name = "RATE", help_heading = "Delivery")]
    rate: Option<Rate>,
    /// Batches that may be on their way at once
    #[arg(long, value_name = "N", default_value_t = NonZeroUsize::new(publish::CONCURRENCY).unwrap_or(NonZeroUsize::MIN),
        help_heading = "Delivery")]
    concurrency: NonZeroUsize,
    /// Keep each event in this file until the bus has confirmed it; the same command goes on where it was interrupted
    #[arg(long, value_name = "FILE", conflicts_with = "dry_run", help_heading = "Delivery")]
    outbox: Option<PathBuf>,
    /// Send nothing: print the exact message and attributes
    #[arg(long)]
    dry_run: bool,
    /// On a terminal, show payloads that contain personal data in a dry run
    #[arg(long, requires = "dry_run")]
    show_personal_data: bool,
    /// How to print the answer [default: table on a terminal, else ndjson]
    #[arg(short = 'o', long = "output", value_name = "FORMAT",
        value_parser = Format::one_of(&[Format::Table, Format::Ndjson]))]
    output: Option<Format>,
    #[command(flatten)]
    wait: super::wait::WaitArgs,
    #[command(flatten)]
    topology_args: TopologyArgs,
}

#[derive(Clone, Copy, Debug)]
enum InputFormat {
    Json,
    Ndjson,
    Records,
    Csv,
}

impl clap::ValueEnum for InputFormat {
    fn value_variants<'a>() -> &'a [Self] {
        &[Self::Json, Self::Ndjson, Self::Records, Self::Csv]
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(match self {
            Self::Json => PossibleValue::new("json").help("One payload"),
            Self::Ndjson => PossibleValue::new("ndjson").help("A payload a line"),
            Self::Records => PossibleValue::new("records").help("A record a line, as tail and recordings write them"),
            Self::Csv => PossibleValue::new("csv").help("A row of names, then a payload a row (`.tsv` with tabs)"),
        })
    }
}

/// Runs the verb.
///
/// # Errors
/// Wrong usage, an unknown event, a broken schema or topology, a bus that cannot be reached. What befalls single inputs is
/// told by the reporter and in the outcome.
pub async fn run(cx: &mut Cx, mut args: PublishArgs) -> Result<Outcome, CliError> {
    let wait = std::mem::take(&mut args.wait);
    let format = args.output.unwrap_or(if cx.ui.stdout_is_terminal() { Format::Table } else { Format::Ndjson });
    let again = !args.files.is_empty() && args.files.iter().all(|file| file != "-");
    let kept = args.outbox.clone().map(|file| (file, key(cx, &args), what(&args), again));
    let show_personal_data = args.show_personal_data;
    let mut request = resolve(cx, args)?;
    request.hooks = hooks(cx).await?;
    let bus = if request.dry_run { None } else { Some(cx.bus().await?) };
    if let Some((file, key, what, again)) = &kept {
        request.outbox = Some(Arc::new(begin(cx, file, (key, what), *again)?));
    }
    let outbox = request.outbox.clone();
    let shutdown = Shutdown::from_signals().map_err(|e| CliError::failed("signals cannot be handled").because(&e))?;
    let dry_run = request.dry_run;
    let waiting = wait.open(bus.as_ref(), request.topology.as_ref()).await?;
    let asked = waiting.as_ref().map(super::wait::Waiting::asked);
    let mut reporter = reporters::Reporter::new(cx.ui.clone(), format, dry_run);
    reporter.show_personal_data = show_personal_data;
    let reporter = Noted { inner: reporter, asked };
    let watched = &shutdown;
    let work = |emit| async move { publish::run(bus.as_ref(), request, &emit, watched).await };
    let (done, told) = cx.drive_until(&shutdown, reporter, work).await?;
    let told = told.map(|(reporter, wrote)| (reporter.inner, wrote));
    let published = finish(cx, done, told, outbox.as_deref(), &shutdown);
    match waiting {
        Some(waiting) => waiting.finish(cx, published, &shutdown).await,
        None => published,
    }
}

/// Says how it went, and how the run ends.
fn finish(
    cx: &Cx,
    done: Result<Report, PublishError>,
    told: Option<(reporters::Reporter, std::io::Result<()>)>,
    outbox: Option<&Outbox>,
    shutdown: &Shutdown,
) -> Result<Outcome, CliError> {
    let report = done.map_err(explain)?;
    for error in &report.topic_errors {
        cx.ui.error(&error.into());
    }
    let Some((reporter, wrote)) = told else {
        return Ok(outcome_of_signal(shutdown.signal()).unwrap_or(Outcome::Failed));
    };
    cx.ui.status(reporter.summary(&report));
    if let Some(outbox) = outbox {
        super::outbox::tell_rest(cx, outbox.path(), &report);
    } else {
        super::outbox::tell_twice(cx, &report);
    }
    if let Some(at) = &report.stopped_at {
        cx.ui.warn(format!("stopped before {at}; it and what follows was not sent"));
    }
    let ended = outcome(&report);
    if let Some(error) = report.broken {
        cx.ui.error(&explain(error));
    }
    // Last: what was sent is sent, and said, whether or not its lines could be written.
    written(wrote)?;
    Ok(outcome_of_signal(shutdown.signal()).filter(|_| report.stopped).unwrap_or(ended))
}

/// The commands of the settings, found before anything is read.
///
/// # Errors
/// One that cannot be run.
pub(super) async fn hooks(cx: &Cx) -> Result<publish::Hooks, CliError> {
    let mut found = [None, None];
    for (at, line) in [&cx.config.publish_before, &cx.config.publish_after].into_iter().enumerate() {
        let Some(line) = line else { continue };
        // Where the settings are, so is what they name.
        let folder = cx.config.file.as_deref().and_then(std::path::Path::parent).unwrap_or(&cx.cwd);
        let command = HandlerCommand::Shell(line.clone());
        let program = command.resolve(cx.config.path.as_deref(), folder).await;
        let name = ["publish.before", "publish.after"][at];
        found[at] = Some(program.map_err(|error| CliError::failed(format!("`{name}`: {error}")))?);
    }
    let [before, after] = found;
    Ok(publish::Hooks { before, after })
}

/// What makes a publish the same one when it is started again: all that decides which events come of which inputs.
fn key(cx: &Cx, args: &PublishArgs) -> String {
    let PublishArgs { event, files, input, event_field, map, repeat, topic, attributes, publisher, .. } = args;
    let (id, name, group) = (&args.entity_id, &args.entity_name, &args.group_id);
    // The same word means another file in another folder.
    let files: Vec<PathBuf> =
        files.iter().map(|file| if file == "-" { file.into() } else { cx.path(file.as_ref()) }).collect();
    format!("{:?}", (event, files, input, event_field, map, repeat, topic, attributes, publisher, id, name, group))
}

fn what(args: &PublishArgs) -> String {
    let words: Vec<&str> = args.event.iter().chain(&args.files).map(String::as_str).collect();
    if words.is_empty() { "-".into() } else { words.join(" ") }
}

/// Opens the outbox and says if it goes on with a publish that was interrupted.
fn begin(cx: &Cx, file: &std::path::Path, (key, what): (&str, &str), again: bool) -> Result<Outbox, CliError> {
    let outbox = Outbox::open(&cx.path(file), true).map_err(|error| super::outbox::unusable(&error))?;
    super::outbox::check_bus(cx, &outbox, false)?;
    let bus = cx.config.context.value.describe();
    let begin = Begin { key, what, again, bus: &bus, now_ms: Clock::system().now_ms() };
    if outbox.begin(&begin).map_err(|error| super::outbox::unusable(&error))? {
        cx.ui.note(format!("going on with the publish that was interrupted, of {}", file.display()));
    }
    Ok(outbox)
}

/// How a publish ended, by its items.
pub(super) fn outcome(report: &Report) -> Outcome {
    let denied = report.first_failure.as_ref().is_some_and(ItemError::is_denied);
    // What could not be read any more is not done.
    let failed = report.failed + u64::from(report.broken.is_some());
    match Outcome::of_items(report.sent + report.planned + report.skipped, report.refused, failed) {
        Outcome::Failed if denied => Outcome::Auth,
        outcome => outcome,
    }
}

/// From what was typed to what it means.
fn resolve(cx: &Cx, args: PublishArgs) -> Result<Request, CliError> {
    let records = matches!(args.input, Some(InputFormat::Records));
    if records && (args.event_field.is_some() || args.map.is_some()) {
        return Err(CliError::usage("records name their event and hold their payload: `--event-field` and `--map` are for other inputs")
            .hint("to publish what is in them as new events: `--input ndjson --map .event.payload --event-field /event/metadata/eventName`"));
    }
    let map = args.map.as_deref().map(Program::compile).transpose();
    let map = map.map_err(|error| CliError::usage(format!("`--map`: {error}")))?.map(Arc::new);
    if let (Some(first), Some(field)) = (&args.event, &args.event_field)
        && first != "-"
        && !first.contains(['*', '?', '[', '/', '.'])
        && !cx.path(first.as_ref()).exists()
    {
        return Err(CliError::usage(format!(
            "`{first}` is no file, and `--event-field {field}` says where the event's name stands"
        ))
        .hint(format!("leave out `{first}`, or `--event-field`")));
    }
    let (event, mut files) = match (args.event, records || args.event_field.is_some()) {
        (Some(first), true) => (None, [vec![first], args.files].concat()),
        (None, true) => (None, Vec::new()),
        (Some(event), false) => (Some(event), args.files),
        (None, false) => {
            return Err(CliError::usage("the event's name is missing").hint(
                "`eventbus publish UserRegistered payload.json`, or `--input records` or `--event-field FIELD` for what names its event",
            ));
        }
    };
    if files.is_empty() {
        if cx.ui.stdin_is_terminal() {
            return Err(CliError::usage("no payload is given, and stdin is a terminal")
                .hint("name a file, or `-` to type the payload and end it with Ctrl-D"));
        }
        files.push("-".into());
    }
    if let Some(empty) = event.as_ref().filter(|event| event.trim().is_empty()) {
        return Err(CliError::usage(format!("`{empty}` is no event name")));
    }
    let format = args.input.map(|input| match input {
        InputFormat::Json => publish::Format::Json,
        InputFormat::Ndjson => publish::Format::Ndjson,
        InputFormat::Records => publish::Format::Records,
        InputFormat::Csv => publish::Format::Csv,
    });
    let sources = files
        .iter()
        .map(|file| match file.as_str() {
            "-" => Source::stdin(format),
            pattern if pattern.contains(['*', '?', '[']) && !cx.path(pattern.as_ref()).exists() => {
                Source::pattern(pattern, &cx.cwd, format)
            }
            path => Source::path(path, cx.path(path.as_ref()), format),
        })
        .collect();
    if files.iter().filter(|file| *file == "-").count() > 1 {
        return Err(CliError::usage("stdin is named twice"));
    }
    let publisher = args.publisher.or_else(|| cx.config.publisher.as_ref().map(|publisher| publisher.value.clone()));
    let publisher = match publisher {
        Some(publisher) if !publisher.is_empty() => publisher,
        _ if records => String::new(),
        _ => {
            return Err(CliError::usage("the publisher is not known")
                .hint("add `publisher: UserService` to eventbus.yaml, or `--publisher UserService`"));
        }
    };
    let topology = cx.topology(&args.topology_args)?;
    let catalogue = catalogue(cx)?;
    Ok(Request {
        event,
        event_field: args.event_field,
        sources,
        map,
        repeat: args.repeat.get(),
        catalogue: Arc::new(catalogue),
        schema_version: args.schema_version,
        require_schema: cx.config.require_schema,
        topic: args.topic,
        topology,
        envelope: cx.config.envelope.value,
        publisher,
        entity_id: args.entity_id,
        entity_name: args.entity_name,
        personal_data: args.personal_data,
        trace: cx.config.trace,
        attributes: args.attributes.into_iter().collect::<Attributes>(),
        group_id: args.group_id,
        dedup_id: args.dedup_id,
        all_or_nothing: args.all_or_nothing,
        dry_run: args.dry_run,
        rate: args.rate,
        concurrency: args.concurrency.get(),
        hooks: publish::Hooks::default(),
        outbox: None,
        clock: Clock::system(),
    })
}

/// The payload schemas of the settings.
///
/// # Errors
/// The folder that the settings name is not there, or one of its names is no schema's.
pub(super) fn catalogue(cx: &Cx) -> Result<Catalogue, CliError> {
    // As the user would write it, since violations name the file.
    let folder = cx.config.schemas.value.strip_prefix(&cx.cwd).unwrap_or(&cx.config.schemas.value);
    // The default folder need not be there. One that the settings name must be, or a typo would publish unchecked.
    if cx.config.schemas.from != "default" && !cx.config.schemas.value.is_dir() {
        return Err(CliError::usage(format!(
            "{}: the folder of schemas {} does not exist",
            cx.config.schemas.from,
            folder.display()
        ))
        .hint("correct `schemas:`, or leave it out if there are none"));
    }
    Catalogue::open(folder).map_err(|e| schema_error(&e))
}

pub(super) fn explain(error: PublishError) -> CliError {
    match error {
        PublishError::Event(problem) => {
            let refused = CliError::refused(problem.to_string());
            match &problem {
                Problem::UnknownEvent { nearest, .. } => match nearest.first() {
                    Some(name) => refused.hint(format!("`eventbus publish {name} …`")),
                    None => refused.hint("add it to `events:` of the topology, or name its topic: `--topic NAME`"),
                },
                Problem::NotRouted { event } => refused
                    .hint(format!("add `{event}: {{ topic: NAME }}` to `events:` of the topology, or `--topic NAME`")),
                _ => refused,
            }
        }
        PublishError::Schema(error) => schema_error(&error),
        PublishError::Outbox(error) => super::outbox::unusable(&error),
        error @ PublishError::Spool(_) => {
            let cli = CliError::failed(error.to_string());
            std::error::Error::source(&error)
                .map_or_else(|| CliError::failed(error.to_string()), |cause| cli.because(cause))
        }
        error => CliError::failed(error.to_string()),
    }
}

fn schema_error(error: &CatalogueError) -> CliError {
    let kind = match error {
        CatalogueError::Unreadable { .. } => ErrorKind::Failed,
        _ => ErrorKind::Refused,
    };
    let cli = CliError::new(kind, error.to_string());
    match std::error::Error::source(error) {
        Some(cause) => cli.because(cause),
        None => cli,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lacks_permission_is_told_by_the_exit_code() {
        for (code, expected) in [
            ("Auth", Outcome::Auth),
            ("AccessDeniedException", Outcome::Auth),
            ("OptInRequired", Outcome::Auth),
            ("IncompleteSignature", Outcome::Auth),
            ("NotAuthorized", Outcome::Auth),
            ("InvalidParameter", Outcome::Failed),
            ("Network", Outcome::Failed),
        ] {
            let error = ItemError {
                code: code.into(),
                message: String::new(),
                sender_fault: true,
                retryable: false,
                request_id: None,
            };
            let report = Report { failed: 1, first_failure: Some(error), ..Report::default() };
            assert_eq!(outcome(&report), expected, "{code}");
        }
    }
}
