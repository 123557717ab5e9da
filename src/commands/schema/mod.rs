//! `eventbus schema`: the catalogue of payload schemas: look, check, make examples, compare, infer, import, export.

mod author;
mod check;
mod compare;
mod export;
mod git;
mod intake;
mod look;

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};

use super::Cx;
use crate::error::{CliError, ErrorKind};
use crate::outcome::Outcome;
use crate::output::quoted;
use crate::schema::{Catalogue, CatalogueError, Schema};
use crate::words;

/// Look at payload schemas, check payloads against them, make examples, and compare versions
#[derive(Debug, Args)]
pub struct SchemaArgs {
    /// The folder of schemas [default: `schemas:` of eventbus.yaml, else schemas/]
    #[arg(long, value_name = "FOLDER", global = true)]
    pub schemas: Option<PathBuf>,
    /// What to do.
    #[command(subcommand)]
    pub action: Action,
}

/// What to do with schemas.
#[derive(Debug, Subcommand)]
pub enum Action {
    /// List the events that have a schema
    List(look::ListArgs),
    /// Show an event's schema: what it is about, its fields, its versions
    Show(look::ShowArgs),
    /// Check payload files against their schemas, or the schemas against older ones
    Check(check::CheckArgs),
    /// Make payloads that are valid, and the same for the same seed
    Example(look::ExampleArgs),
    /// Write the schema of a new event to start from
    New(author::NewArgs),
    /// Look for mistakes in the schemas that validators pass over in silence
    Lint(look::LintArgs),
    /// Say what changes between two schemas, and whom it breaks
    Diff(compare::DiffArgs),
    /// Write a schema that fits samples of payloads
    Infer(intake::InferArgs),
    /// Write the schemas of the registry that the Python library prints
    Import(intake::ImportArgs),
    /// Write all schemas as one bundle, as AsyncAPI, or as a page for people
    Export(export::ExportArgs),
}

/// Runs the verb.
///
/// # Errors
/// Wrong usage, a schema that cannot be used, files that cannot be read or written.
pub fn run(cx: &mut Cx, args: SchemaArgs) -> Result<Outcome, CliError> {
    let place = Place::new(cx, args.schemas.as_deref());
    match args.action {
        Action::List(args) => look::list(cx, &place, &args),
        Action::Show(args) => look::show(cx, &place, &args),
        Action::Check(args) => check::run(cx, &place, &args),
        Action::Example(args) => look::example(cx, &place, &args),
        Action::New(args) => author::new(cx, &place, &args),
        Action::Lint(args) => look::lint(cx, &place, &args),
        Action::Diff(args) => compare::diff(cx, &place, &args),
        Action::Infer(args) => intake::infer(cx, &args),
        Action::Import(args) => intake::import(cx, &place, &args),
        Action::Export(args) => export::run(cx, &place, &args),
    }
}

/// The folder of schemas.
struct Place {
    /// As the user would write it.
    folder: PathBuf,
    /// Whether anybody named it.
    named: bool,
}

impl Place {
    fn new(cx: &Cx, given: Option<&Path>) -> Self {
        let found = &cx.config.schemas;
        match given {
            Some(folder) => Self { folder: folder.to_owned(), named: true },
            None => {
                let folder = found.value.strip_prefix(&cx.cwd).unwrap_or(&found.value).to_owned();
                Self { folder, named: found.from != "default" }
            }
        }
    }

    fn catalogue(&self) -> Result<Catalogue, CliError> {
        if self.named && !self.folder.is_dir() {
            return Err(CliError::usage(format!("the folder of schemas {} does not exist", self.folder.display())));
        }
        Catalogue::open(&self.folder).map_err(|error| unusable(&error))
    }

    /// The catalogue, which must have something in it.
    fn filled(&self) -> Result<Catalogue, CliError> {
        let catalogue = self.catalogue()?;
        if catalogue.events().next().is_none() {
            return Err(CliError::refused(format!("there are no schemas in {}", self.folder.display()))
                .hint("make one: `eventbus schema new UserRegistered`"));
        }
        Ok(catalogue)
    }
}

/// `UserRegistered`, `UserRegistered.v2` or `UserRegistered@2`.
fn event_and_version(text: &str) -> (&str, Option<u32>) {
    let cut = text.rsplit_once(".v").or_else(|| text.rsplit_once('@'));
    match cut.and_then(|(event, version)| Some((event, version.parse().ok()?))) {
        Some((event, version)) => (event, Some(version)),
        None => (text, None),
    }
}

/// The schema of an event that is named as [`event_and_version`] reads it, or by one of its other names.
fn schema_of(catalogue: &Catalogue, named: &str) -> Result<std::sync::Arc<Schema>, CliError> {
    let (event, version) = event_and_version(named);
    if let Some(schema) = catalogue.schema(event, version).map_err(|error| unusable(&error))? {
        return Ok(schema);
    }
    if let Some(known) = catalogue.known_as(event)
        && let Some(schema) = catalogue.schema(known, version).map_err(|error| unusable(&error))?
    {
        return Ok(schema);
    }
    let unknown = CliError::refused(format!("event `{event}` has no schema in {}", catalogue.folder().display()));
    Err(match words::did_you_mean(event, catalogue.events()) {
        Some(meant) => unknown.hint(meant),
        None => unknown.hint(format!("make one: `eventbus schema new {}`", quoted(event))),
    })
}

fn unusable(error: &CatalogueError) -> CliError {
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

/// Writes the answer to a file, asking before one is replaced, or to stdout.
fn answer(cx: &Cx, text: &str, file: Option<&Path>) -> Result<(), CliError> {
    match file {
        None => super::written(crate::output::topology::write(&cx.ui, text)),
        Some(file) => write_file(cx, file, text).map(drop),
    }
}

/// Writes a file, asking before another is replaced; whether it was not there like that already.
fn write_file(cx: &Cx, file: &Path, text: &str) -> Result<bool, CliError> {
    let path = cx.path(file);
    let shown = cx.shown(&path.display().to_string());
    match std::fs::read(&path) {
        Ok(there) if there == text.as_bytes() => {
            cx.ui.status(format!("{shown} is as it should be"));
            return Ok(false);
        }
        Ok(_) if cx.ui.confirm(&format!("Replace {shown}?"), cx.yes, None)?.is_none() => {
            return Err(CliError::failed(format!("{shown} is left as it is")));
        }
        _ => {}
    }
    let cannot = |error: &std::io::Error| CliError::failed(format!("{shown} cannot be written")).because(error);
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent).map_err(|error| cannot(&error))?;
    }
    std::fs::write(&path, text).map_err(|error| cannot(&error))?;
    cx.ui.status(format!("Wrote {shown}"));
    Ok(true)
}
