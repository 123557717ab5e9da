//! `schema check`: payload files against their schemas; with `--against`, the schemas against older ones.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use clap::Args;

use super::compare::{Compatibility, against};
use super::{Place, schema_of};
use crate::commands::{Cx, written};
use crate::error::CliError;
use crate::event::json::{Document, JsonError};
use crate::event::{Attributes, read_body};
use crate::outcome::Outcome;
use crate::output::Format;
use crate::output::schema::{Checked, Findings, Found};
use crate::schema::{Catalogue, Schema};
use crate::words;

/// Check payload files against their schemas, or the schemas against older ones
#[derive(Debug, Args)]
#[command(
    after_help = "Without EVENT each file says which event it is: by an envelope around the payload, or by its own name\n\
    (`UserRegistered.json`, `UserRegistered-3.json`). Folders are searched for .json, .ndjson and .jsonl.\n\
    Exits with 4 when a payload is invalid; with `--against`, with 6 when a change is breaking.\n\n\
    Examples:\n  \
    eventbus schema check UserRegistered payload.json\n  \
    eventbus schema check --against main -o markdown"
)]
pub struct CheckArgs {
    /// The event (with `.vN` for a version), then payload files, folders, or `-` for stdin
    #[arg(value_name = "EVENT | FILE")]
    inputs: Vec<String>,
    /// A payload a line [default: by the file's ending]
    #[arg(long)]
    ndjson: bool,
    /// Tell no more than so many violations
    #[arg(long, value_name = "N", default_value_t = 20)]
    max_errors: usize,
    /// Compare the schemas with those of this folder, or of this commit, branch or tag of git
    #[arg(long, value_name = "FOLDER|REF", help_heading = "Compatibility")]
    against: Option<String>,
    #[command(flatten)]
    compatibility: Compatibility,
    /// How the answer is written; markdown with `--against`
    #[arg(short = 'o', long = "output", value_name = "FORMAT", default_value = "table",
        value_parser = Format::one_of(&[Format::Table, Format::Json, Format::Markdown]))]
    output: Format,
}

pub(super) fn run(cx: &Cx, place: &Place, args: &CheckArgs) -> Result<Outcome, CliError> {
    if let Some(old) = &args.against {
        return against(cx, place, old, &args.inputs, &args.compatibility, args.output);
    }
    if args.compatibility.is_given() {
        return Err(CliError::usage(
            "`--mode`, `--strict` and `--transitive` compare schemas, and there is nothing to compare with",
        )
        .hint("name it: `eventbus schema check --against main`"));
    }
    if args.output == Format::Markdown {
        return Err(CliError::usage("`-o markdown` is for `--against`").hint("`-o json` is for programs"));
    }
    let catalogue = place.filled()?;
    let (event, files) = split(cx, &catalogue, &args.inputs)?;
    let fixed = event.map(|event| schema_of(&catalogue, event)).transpose()?;
    let mut run = Run {
        cx,
        catalogue: &catalogue,
        fixed,
        ndjson: args.ndjson,
        left: args.max_errors,
        findings: Findings { schemas: catalogue.folder().to_owned(), ..Findings::default() },
    };
    for file in &files {
        run.input(file)?;
    }
    let findings = run.findings;
    written(crate::output::schema::checked(&cx.ui, &findings, args.output))?;
    let bad = findings.files.iter().any(|file| file.invalid > 0);
    Ok(if bad { Outcome::Refused } else { Outcome::Done })
}

/// The event, if the first input names one, and the files.
fn split<'a>(
    cx: &Cx,
    catalogue: &Catalogue,
    inputs: &'a [String],
) -> Result<(Option<&'a str>, Vec<&'a str>), CliError> {
    let Some((first, rest)) = inputs.split_first() else {
        return Err(
            CliError::usage("there is nothing to check").hint("`eventbus schema check UserRegistered payload.json`")
        );
    };
    let is_file = first == "-" || cx.path(Path::new(first)).exists();
    // Who names files alone does not name one that is not there; an event with a file of its name is the event.
    let known = schema_of(catalogue, first).is_ok();
    let event =
        (known && !(is_file && rest.is_empty()) || !is_file && !looks_like_a_file(first)).then_some(first.as_str());
    let files: Vec<&str> = if event.is_some() {
        rest.iter().map(String::as_str).collect()
    } else {
        inputs.iter().map(String::as_str).collect()
    };
    // Files in pipes without a name.
    let files = if files.is_empty() { vec!["-"] } else { files };
    Ok((event, files))
}

fn looks_like_a_file(text: &str) -> bool {
    text.contains('/') || [".json", ".ndjson", ".jsonl"].iter().any(|ending| text.ends_with(ending))
}

struct Run<'a> {
    cx: &'a Cx,
    catalogue: &'a Catalogue,
    fixed: Option<std::sync::Arc<Schema>>,
    ndjson: bool,
    /// Violations that may still be told.
    left: usize,
    findings: Findings,
}

impl Run<'_> {
    fn input(&mut self, name: &str) -> Result<(), CliError> {
        if name == "-" {
            let stdin = io::stdin().lock();
            return if self.ndjson { self.lines("-", stdin) } else { self.whole("-", stdin) };
        }
        let path = self.cx.path(Path::new(name));
        if path.is_dir() {
            let mut inside: Vec<PathBuf> = Vec::new();
            let entries = std::fs::read_dir(&path).map_err(|error| unread(name, &error))?;
            for entry in entries {
                inside.push(entry.map_err(|error| unread(name, &error))?.path());
            }
            inside.retain(|path| {
                path.is_file() && path.extension().is_some_and(|e| e == "json" || e == "ndjson" || e == "jsonl")
            });
            inside.sort();
            if inside.is_empty() {
                return Err(CliError::failed(format!("the folder {name} holds no payloads"))
                    .hint("payloads end in .json, .ndjson or .jsonl"));
            }
            for path in inside {
                let name = Path::new(name).join(path.file_name().unwrap_or_default());
                self.file(&name.display().to_string(), &path)?;
            }
            return Ok(());
        }
        self.file(name, &path)
    }

    fn file(&mut self, name: &str, path: &Path) -> Result<(), CliError> {
        let file = File::open(path).map_err(|error| unread(name, &error))?;
        let lines = self.ndjson || path.extension().is_some_and(|ending| ending == "ndjson" || ending == "jsonl");
        if lines { self.lines(name, BufReader::new(file)) } else { self.whole(name, file) }
    }

    fn whole(&mut self, name: &str, mut from: impl Read) -> Result<(), CliError> {
        let mut bytes = Vec::new();
        from.read_to_end(&mut bytes).map_err(|error| unread(name, &error))?;
        self.findings.files.push(Checked::new(name));
        self.payload(name, &bytes, 0)
    }

    fn lines(&mut self, name: &str, mut from: impl BufRead) -> Result<(), CliError> {
        self.findings.files.push(Checked::new(name));
        let mut line = Vec::new();
        for number in 1.. {
            line.clear();
            if from.read_until(b'\n', &mut line).map_err(|error| unread(name, &error))? == 0 {
                break;
            }
            if !line.iter().all(u8::is_ascii_whitespace) {
                self.payload(name, &line, number)?;
            }
        }
        Ok(())
    }

    /// One payload; `line` is where it stands in a file of many, or 0.
    fn payload(&mut self, name: &str, bytes: &[u8], line: usize) -> Result<(), CliError> {
        let document = match Document::parse(bytes) {
            Ok(document) => document,
            Err(error) => {
                self.no_json(&error, line);
                return Ok(());
            }
        };
        let (schema, inside) = match &self.fixed {
            Some(schema) => (schema.clone(), None),
            None => match self.recognise(name, document.text()) {
                Ok(found) => found,
                Err(reason) => {
                    self.bad(Found::refused(line, reason));
                    return Ok(());
                }
            },
        };
        let text = inside.as_deref().unwrap_or(document.text());
        let value = match Document::from_text(text).and_then(|document| document.to_value()) {
            Ok(value) => value,
            Err(error) => {
                self.no_json(&error, line);
                return Ok(());
            }
        };
        let (mut violations, count) = schema.check_at_most(&value, text, self.left);
        let file = self.findings.files.last_mut().expect("a file was begun");
        file.event.get_or_insert_with(|| schema.event().to_owned());
        file.payloads += 1;
        if count == 0 {
            return Ok(());
        }
        file.invalid += 1;
        file.violations += count as u64;
        self.left -= violations.len();
        for violation in &mut violations {
            if inside.is_some() {
                // Places in what was unwrapped are none in the file.
                violation.at = None;
            }
            if let Some(at) = violation.at.as_mut().filter(|_| line > 0) {
                at.line = line;
            }
        }
        if !violations.is_empty() {
            self.findings.found.push(Found::broken(self.findings.files.len() - 1, line, &schema, violations));
        }
        Ok(())
    }

    fn no_json(&mut self, error: &JsonError, line: usize) {
        let mut found = Found::refused(line, error.kind.to_string());
        found.at = error.at.map(|mut at| {
            if line > 0 {
                at.line = line;
            }
            at
        });
        self.bad(found);
    }

    fn bad(&mut self, mut found: Found) {
        let at = self.findings.files.len() - 1;
        let file = &mut self.findings.files[at];
        (file.payloads, file.invalid, file.violations) = (file.payloads + 1, file.invalid + 1, file.violations + 1);
        if self.left > 0 {
            self.left -= 1;
            found.file = at;
            self.findings.found.push(found);
        }
    }

    /// The schema that a payload of nobody's naming is held against, and the payload where it had to be unwrapped.
    fn recognise(&self, name: &str, text: &str) -> Result<(std::sync::Arc<Schema>, Option<String>), String> {
        let enveloped = read_body(text, &Attributes::default()).event.ok();
        if let Some(event) = enveloped {
            let named = event.metadata.event_name.clone();
            let schema = schema_of(self.catalogue, &named).map_err(|error| error.message)?;
            return Ok((schema, Some(event.payload.get().to_owned())));
        }
        let stem = Path::new(name).file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let stem = stem
            .strip_suffix(".json")
            .or_else(|| stem.strip_suffix(".ndjson"))
            .or_else(|| stem.strip_suffix(".jsonl"))
            .unwrap_or(stem);
        let cut = |at: char| stem.split(at).next().unwrap_or_default();
        for candidate in [stem, cut('.'), cut('-'), cut('_')] {
            if let Ok(schema) = schema_of(self.catalogue, candidate) {
                return Ok((schema, None));
            }
        }
        let meant = words::did_you_mean(cut('-'), self.catalogue.events())
            .map(|meant| format!("; {meant}"))
            .unwrap_or_default();
        Err(format!("is of no event that is known: it has no envelope, and no event has the file's name{meant}"))
    }
}

fn unread(name: &str, error: &io::Error) -> CliError {
    let what = if name == "-" { "stdin".to_owned() } else { name.to_owned() };
    CliError::failed(format!("{what} cannot be read")).because(error)
}
