//! `schema diff`, and `schema check --against`.

use std::path::Path;
use std::sync::Arc;

use clap::{Args, ValueEnum};

use super::{Place, event_and_version, git, schema_of, unusable};
use crate::commands::{Cx, written};
use crate::error::CliError;
use crate::outcome::Outcome;
use crate::output::Format;
use crate::output::schema::{Comparison, Judgement, compared};
use crate::schema::diff::{Mode, compare};
use crate::schema::{Catalogue, Schema};

/// How changes are judged.
#[derive(Debug, Args)]
#[command(next_help_heading = "Compatibility")]
pub(super) struct Compatibility {
    /// Whom a change must not break [default: full]
    #[arg(long, value_enum, value_name = "MODE")]
    mode: Option<Whom>,
    /// Take schemas at their word: payloads may hold what is not described, consumers refuse what they do not know, and what
    /// cannot be decided breaks
    #[arg(long)]
    strict: bool,
    /// Compare with every older version, not with the highest alone
    #[arg(long)]
    transitive: bool,
}

impl Compatibility {
    /// Whether anything of it was asked for.
    pub(super) fn is_given(&self) -> bool {
        self.mode.is_some() || self.strict || self.transitive
    }

    fn judgement(&self) -> Judgement {
        let mode = match self.mode {
            Some(Whom::Backward) => Mode::Backward,
            Some(Whom::Forward) => Mode::Forward,
            None | Some(Whom::Full) => Mode::Full,
        };
        Judgement { mode, strict: self.strict }
    }
}

/// The modes by their names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Whom {
    /// Payloads of the old schema pass the new one: stored events, and producers that still have the old one
    Backward,
    /// Payloads of the new schema pass the old one: consumers that still have the old one
    Forward,
    /// Both
    Full,
}

/// Say what changes between two schemas, and whom it breaks
#[derive(Debug, Args)]
#[command(
    after_help = "A and B are files, events (`UserRegistered`, `UserRegistered.v1`) or folders of schemas. One event alone\n\
    is compared with its version before. Exits with 6 when a change is breaking.\n\
    Unless `--strict`, payloads are taken to hold only what their schema describes, and consumers to ignore\n\
    properties that theirs does not know.\n\n\
    Examples:\n  \
    eventbus schema diff UserRegistered.v1 UserRegistered.v2\n  \
    eventbus schema diff old/UserRegistered.json new/UserRegistered.json --mode backward -o markdown"
)]
pub struct DiffArgs {
    /// The old one
    #[arg(value_name = "A")]
    old: String,
    /// The new one
    #[arg(value_name = "B")]
    new: Option<String>,
    #[command(flatten)]
    compatibility: Compatibility,
    /// How the answer is written
    #[arg(short = 'o', long = "output", value_name = "FORMAT", default_value = "table",
        value_parser = Format::one_of(&[Format::Table, Format::Json, Format::Markdown]))]
    output: Format,
}

pub(super) fn diff(cx: &Cx, place: &Place, args: &DiffArgs) -> Result<Outcome, CliError> {
    let is_folder = |text: &str| cx.path(Path::new(text)).is_dir();
    let judgement = args.compatibility.judgement();
    let comparisons = match &args.new {
        Some(new) if is_folder(&args.old) || is_folder(new) => {
            let open = |folder: &str| {
                if !is_folder(folder) {
                    return Err(CliError::usage(format!("{folder} is no folder, and the other one is")));
                }
                Catalogue::open(Path::new(folder)).map_err(|error| unusable(&error))
            };
            catalogues(&open(&args.old)?, &open(new)?, &[], args.compatibility.transitive, None)?
        }
        Some(new) => vec![pair(one(cx, place, &args.old)?, one(cx, place, new)?)],
        None => {
            let catalogue = place.filled()?;
            let new = schema_of(&catalogue, &args.old)?;
            let older: Vec<u32> = catalogue.versions(new.event()).filter(|version| *version < new.version()).collect();
            let from = if args.compatibility.transitive { 0 } else { older.len().saturating_sub(1) };
            if older.is_empty() {
                return Err(CliError::usage(format!(
                    "version {} of `{}` has none before it",
                    new.version(),
                    new.event()
                ))
                .hint("name another one to compare it with, or a commit: `eventbus schema check --against main`"));
            }
            let mut all = Vec::new();
            for version in &older[from..] {
                if let Some(old) = catalogue.schema(new.event(), Some(*version)).map_err(|error| unusable(&error))? {
                    all.push(pair(old, new.clone()));
                }
            }
            all
        }
    };
    finish(cx, &comparisons, judgement, args.output)
}

/// The schemas of `place` against those of a folder or of a commit.
pub(super) fn against(
    cx: &Cx,
    place: &Place,
    old: &str,
    events: &[String],
    compatibility: &Compatibility,
    format: Format,
) -> Result<Outcome, CliError> {
    let new = place.catalogue()?;
    let folder = cx.path(Path::new(old));
    // Held until the comparison is over: the files are in it.
    let checkout = if folder.is_dir() { None } else { Some(git::checkout(&cx.path(&place.folder), old)?) };
    let before = match &checkout {
        Some(checkout) => Catalogue::open(checkout.path()),
        None => Catalogue::open(Path::new(old)),
    };
    let before = before.map_err(|error| unusable(&error))?;
    let label = checkout.as_ref().map(|checkout| (format!("{}/", checkout.path().display()), checkout.label.clone()));
    let comparisons = catalogues(&before, &new, events, compatibility.transitive, label)?;
    finish(cx, &comparisons, compatibility.judgement(), format)
}

fn finish(cx: &Cx, comparisons: &[Comparison], judgement: Judgement, format: Format) -> Result<Outcome, CliError> {
    written(compared(&cx.ui, comparisons, judgement, format))?;
    let breaking = comparisons.iter().any(|comparison| comparison.is_breaking(judgement));
    Ok(if breaking { Outcome::No } else { Outcome::Done })
}

fn one(cx: &Cx, place: &Place, named: &str) -> Result<Arc<Schema>, CliError> {
    if cx.path(Path::new(named)).is_file() {
        return Schema::of_file(Path::new(named)).map(Arc::new).map_err(|error| unusable(&error));
    }
    if named.contains('/') || [".json", ".yaml", ".yml"].iter().any(|ending| named.ends_with(ending)) {
        return Err(CliError::failed(format!("the schema {named} cannot be read: there is no such file")));
    }
    schema_of(&place.filled()?, named)
}

fn pair(old: Arc<Schema>, new: Arc<Schema>) -> Comparison {
    let changes = compare(&old, &new);
    let shown = |schema: &Schema| schema.path().display().to_string();
    Comparison {
        event: new.event().to_owned(),
        old: Some((old.version(), shown(&old))),
        new: Some((new.version(), shown(&new))),
        changes,
    }
}

fn catalogues(
    old: &Catalogue,
    new: &Catalogue,
    only: &[String],
    transitive: bool,
    label: Option<(String, String)>,
) -> Result<Vec<Comparison>, CliError> {
    let mut events: Vec<&str> = old.events().chain(new.events()).collect();
    events.sort_unstable();
    events.dedup();
    if let Some(unknown) = only.iter().find(|name| !events.contains(&event_and_version(name).0)) {
        schema_of(new, unknown)?;
    }
    events.retain(|event| only.is_empty() || only.iter().any(|name| event_and_version(name).0 == *event));
    let relabelled = |text: String| match &label {
        Some((from, to)) => text.replace(from.as_str(), to),
        None => text,
    };
    let beside = |before: Arc<Schema>, now: Arc<Schema>| {
        let mut comparison = pair(before, now);
        comparison.old = comparison.old.map(|(version, file)| (version, relabelled(file)));
        comparison
    };
    let mut all = Vec::new();
    for event in events {
        let find = |catalogue: &Catalogue, version| catalogue.schema(event, version).map_err(|error| unusable(&error));
        let Some(current) = find(new, None)? else {
            if let Some(gone) = find(old, None)? {
                let file = relabelled(gone.path().display().to_string());
                all.push(Comparison {
                    event: event.to_owned(),
                    old: Some((gone.version(), file)),
                    new: None,
                    changes: Vec::new(),
                });
            }
            continue;
        };
        let versions: Vec<u32> = old.versions(event).collect();
        let from = if transitive { 0 } else { versions.len().saturating_sub(1) };
        if versions.is_empty() {
            let file = current.path().display().to_string();
            all.push(Comparison {
                event: event.to_owned(),
                old: None,
                new: Some((current.version(), file)),
                changes: Vec::new(),
            });
        }
        for version in &versions[from..] {
            let Some(before) = find(old, Some(*version))? else { continue };
            all.push(beside(before, current.clone()));
        }
        // A version that is out is not to change under those who use it, whatever came after it.
        for version in new.versions(event).filter(|version| versions.contains(version)) {
            if version == current.version() && versions[from..].contains(&version) {
                continue;
            }
            let (Some(before), Some(now)) = (find(old, Some(version))?, find(new, Some(version))?) else { continue };
            let comparison = beside(before, now);
            if !comparison.changes.is_empty() {
                all.push(comparison);
            }
        }
        if transitive {
            // Versions that came in between, too.
            for version in
                new.versions(event).filter(|version| *version < current.version() && !versions.contains(version))
            {
                if let Some(before) = find(new, Some(version))? {
                    all.push(pair(before, current.clone()));
                }
            }
        }
    }
    Ok(all)
}
