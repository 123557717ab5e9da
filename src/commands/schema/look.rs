//! `schema list`, `show`, `example` and `lint`.

use std::path::PathBuf;

use clap::Args;

use super::{Place, event_and_version, schema_of, unusable};
use crate::commands::{Cx, written};
use crate::error::CliError;
use crate::outcome::Outcome;
use crate::output::schema as output;
use crate::output::{Format, schema::Listed};
use crate::schema::example::example as make;
use crate::schema::{Meta, lint as rules};

/// List the events that have a schema
#[derive(Debug, Args)]
#[command(after_help = "Example: eventbus schema list")]
pub struct ListArgs {
    /// How the answer is written
    #[arg(short = 'o', long = "output", value_name = "FORMAT", default_value = "table",
        value_parser = Format::one_of(&[Format::Table, Format::Json]))]
    output: Format,
}

/// Show an event's schema: what it is about, its fields, its versions
#[derive(Debug, Args)]
#[command(
    after_help = "`-o json` and `-o yaml` print the schema itself, with what it refers to in other files taken in.\n\n\
    Example: eventbus schema show UserRegistered.v1 -o json"
)]
pub struct ShowArgs {
    /// The event, with `.vN` for another version than the highest
    #[arg(value_name = "EVENT")]
    event: String,
    /// How the answer is written
    #[arg(short = 'o', long = "output", value_name = "FORMAT", default_value = "table",
        value_parser = Format::one_of(&[Format::Table, Format::Json, Format::Yaml]))]
    output: Format,
}

/// Make payloads that are valid, and the same for the same seed
#[derive(Debug, Args)]
#[command(
    after_help = "The first one shows every property, the others vary. What cannot be made is refused with its place (exit 4).\n\n\
    Examples:\n  \
    eventbus schema example UserRegistered > payload.json\n  \
    eventbus schema example UserRegistered --count 100 | eventbus publish UserRegistered - --input ndjson"
)]
pub struct ExampleArgs {
    /// The event, with `.vN` for another version than the highest
    #[arg(value_name = "EVENT")]
    event: String,
    /// How many
    #[arg(long, value_name = "N", default_value_t = 1)]
    count: u64,
    /// Where to begin: another number makes others
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// How they are written [default: json for one, ndjson for several]
    #[arg(short = 'o', long = "output", value_name = "FORMAT",
        value_parser = Format::one_of(&[Format::Json, Format::Ndjson]))]
    output: Option<Format>,
}

/// Look for mistakes in the schemas that validators pass over in silence
#[derive(Debug, Args)]
#[command(after_help = "Exits with 4 when there is an error, or with `--deny-warnings` anything at all.\n\n\
    Example: eventbus schema lint --deny-warnings")]
pub struct LintArgs {
    /// Only these events [default: all]
    #[arg(value_name = "EVENT")]
    events: Vec<String>,
    /// Exit with 4 on warnings, too
    #[arg(long)]
    deny_warnings: bool,
    /// How the answer is written
    #[arg(short = 'o', long = "output", value_name = "FORMAT", default_value = "table",
        value_parser = Format::one_of(&[Format::Table, Format::Json]))]
    output: Format,
}

pub(super) fn list(cx: &Cx, place: &Place, args: &ListArgs) -> Result<Outcome, CliError> {
    let catalogue = place.catalogue()?;
    let mut events = Vec::new();
    for event in catalogue.events() {
        let versions: Vec<u32> = catalogue.versions(event).collect();
        let highest = versions.last().copied().unwrap_or(1);
        let file = catalogue.file(event, highest).map(|file| file.display().to_string()).unwrap_or_default();
        let (meta, problem) = match catalogue.schema(event, None) {
            Ok(found) => (found.map(|schema| Meta::of(schema.source())).unwrap_or_default(), None),
            Err(error) => (Meta::default(), Some(error.to_string())),
        };
        events.push(Listed { event: event.to_owned(), versions, file, meta, problem });
    }
    if events.is_empty() {
        cx.ui.note(format!("there are no schemas in {}", place.folder.display()));
    }
    written(output::list(&cx.ui, &events, args.output))?;
    Ok(Outcome::Done)
}

pub(super) fn show(cx: &Cx, place: &Place, args: &ShowArgs) -> Result<Outcome, CliError> {
    let catalogue = place.filled()?;
    let schema = schema_of(&catalogue, &args.event)?;
    let versions: Vec<u32> = catalogue.versions(schema.event()).collect();
    if args.output != Format::Table {
        for reference in schema.self_contained().1 {
            cx.ui.warn(format!("`{reference}` could not be taken in"));
        }
    }
    written(output::show(&cx.ui, &schema, &versions, args.output))?;
    Ok(Outcome::Done)
}

pub(super) fn example(cx: &Cx, place: &Place, args: &ExampleArgs) -> Result<Outcome, CliError> {
    let catalogue = place.filled()?;
    let schema = schema_of(&catalogue, &args.event)?;
    let several = args.count != 1;
    let lines = args.output.map_or(several, |format| format == Format::Ndjson);
    let mut writer = output::Examples::new(&cx.ui, lines);
    for index in 0..args.count {
        let value = make(&schema, args.seed, index).map_err(|error| {
            CliError::refused(format!("no example of `{}` can be made", schema.event()))
                .because(&error)
                .hint("give one yourself: `examples: [...]` in the schema, beside what cannot be made")
        })?;
        if let Err(error) = writer.write(&value) {
            written(Err(error))?;
            return Ok(Outcome::Done);
        }
    }
    written(writer.finish())?;
    Ok(Outcome::Done)
}

pub(super) fn lint(cx: &Cx, place: &Place, args: &LintArgs) -> Result<Outcome, CliError> {
    let catalogue = place.filled()?;
    let mut wanted: Vec<(String, u32)> = Vec::new();
    if args.events.is_empty() {
        for event in catalogue.events() {
            wanted.extend(catalogue.versions(event).map(|version| (event.to_owned(), version)));
        }
    }
    for named in &args.events {
        let (event, version) = event_and_version(named);
        let known: Vec<u32> =
            catalogue.versions(event).filter(|known| version.is_none_or(|wanted| wanted == *known)).collect();
        if known.is_empty() {
            schema_of(&catalogue, named)?;
        }
        wanted.extend(known.into_iter().map(|version| (event.to_owned(), version)));
    }
    let mut found: Vec<(PathBuf, rules::Lint)> = Vec::new();
    for (event, version) in &wanted {
        let file = catalogue.file(event, *version).unwrap_or(&place.folder).to_owned();
        match catalogue.schema(event, Some(*version)) {
            Ok(Some(schema)) => found.extend(rules::lint(&schema).into_iter().map(|lint| (file.clone(), lint))),
            Ok(None) => {}
            Err(error) => {
                let message = unusable(&error).message;
                let message = message.strip_prefix(&format!("{}: ", file.display())).unwrap_or(&message).to_owned();
                found.push((file, rules::Lint { error: true, rule: "schema", pointer: String::new(), message }));
            }
        }
    }
    written(output::lint(&cx.ui, wanted.len(), &found, args.output))?;
    let bad = found.iter().any(|(_, lint)| lint.error || args.deny_warnings);
    Ok(if bad { Outcome::Refused } else { Outcome::Done })
}
