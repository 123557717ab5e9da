//! `schema infer` and `schema import`.

use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::Value;

use super::{Place, answer, write_file};
use crate::commands::Cx;
use crate::error::CliError;
use crate::outcome::Outcome;
use crate::schema::import;
use crate::schema::infer::Samples;
use crate::words;

/// Write a schema that fits samples of payloads
#[derive(Debug, Args)]
#[command(
    after_help = "Samples are JSON objects, one after the other or a list of them. What is in all of them is required; formats are\n\
    recognised; texts that are few and come often become an enum.\n\n\
    Example: eventbus schema infer samples.ndjson --event OrderPlaced --out schemas/OrderPlaced.json"
)]
pub struct InferArgs {
    /// Files of samples, or `-` for stdin
    #[arg(value_name = "FILE", required = true)]
    files: Vec<String>,
    /// The event's name, for the title [default: that of the file]
    #[arg(long, value_name = "EVENT")]
    event: Option<String>,
    /// Write here instead of to stdout
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// Write the schemas of the registry that the Python library prints
#[derive(Debug, Args)]
#[command(
    after_help = "One file per event, under its real name; the name that the library writes stands in `x-aliases`.\n\n\
    Example: eventbus schema import registry.json"
)]
pub struct ImportArgs {
    /// The registry, or `-` for stdin
    #[arg(value_name = "REGISTRY")]
    registry: String,
}

fn bytes(cx: &Cx, name: &str) -> Result<Box<dyn Read>, CliError> {
    if name == "-" {
        return Ok(Box::new(std::io::stdin().lock()));
    }
    let file = std::fs::File::open(cx.path(Path::new(name)))
        .map_err(|error| CliError::failed(format!("{name} cannot be read")).because(&error))?;
    Ok(Box::new(file))
}

pub(super) fn infer(cx: &Cx, args: &InferArgs) -> Result<Outcome, CliError> {
    let mut samples = Samples::default();
    for name in &args.files {
        let reader = BufReader::new(bytes(cx, name)?);
        for value in serde_json::Deserializer::from_reader(reader).into_iter::<Value>() {
            let value = value.map_err(|error| {
                if error.is_io() {
                    CliError::failed(format!("{name} cannot be read")).because(&error)
                } else {
                    CliError::refused(format!("{name} holds something else than JSON")).because(&error)
                }
            })?;
            let all = match value {
                Value::Array(list) => list,
                one => vec![one],
            };
            for sample in &all {
                if !sample.is_object() {
                    return Err(CliError::refused(format!(
                        "{name}: every payload is an object, and sample {} is none",
                        samples.count() + 1
                    )));
                }
                samples.add(sample);
            }
        }
    }
    if samples.count() == 0 {
        return Err(CliError::refused("there are no samples"));
    }
    let stem = args
        .out
        .as_deref()
        .or(args.files.first().map(Path::new))
        .and_then(Path::file_stem)
        .and_then(|stem| stem.to_str());
    let event = args.event.as_deref().or(stem).filter(|name| *name != "-").unwrap_or("Event");
    answer(cx, &format!("{:#}\n", samples.schema(event)), args.out.as_deref())?;
    cx.ui.status(format!("Looked at {}", words::count(samples.count(), "sample")));
    Ok(Outcome::Done)
}

pub(super) fn import(cx: &Cx, place: &Place, args: &ImportArgs) -> Result<Outcome, CliError> {
    let name = &args.registry;
    let mut text = String::new();
    bytes(cx, name)?
        .read_to_string(&mut text)
        .map_err(|error| CliError::failed(format!("{name} cannot be read")).because(&error))?;
    let registry: Value = serde_json::from_str(text.trim_start_matches('\u{feff}'))
        .map_err(|error| CliError::refused(format!("{name} is not JSON")).because(&error))?;
    let (events, left_out) = import::import(&registry)
        .map_err(|error| CliError::refused(format!("{name} is no registry")).because(&error))?;
    for what in &left_out {
        cx.ui.warn(format!("left out: {what}"));
    }
    let mut wrote = 0;
    for event in &events {
        let file = place.folder.join(format!("{}.json", event.event));
        wrote += u64::from(write_file(cx, &file, &format!("{:#}\n", event.schema))?);
    }
    cx.ui.status(format!(
        "Imported {}, wrote {}",
        words::count(events.len() as u64, "event"),
        words::count(wrote, "file")
    ));
    Ok(Outcome::Done)
}
