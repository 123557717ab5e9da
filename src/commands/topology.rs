//! Reading the topology for a verb: the file, its overlays and its variables.

pub mod verb;

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use clap::Args;

use super::Cx;
use crate::config;
use crate::error::CliError;
use crate::topology::{Problem, Source, Topology, Variables, is_variable_name, read_variables};

/// What changes the topology that a file says.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Variables and overlays")]
pub struct TopologyArgs {
    /// Lay this file over the topology: mappings are merged, everything else is replaced, a key without a value removes
    /// (can be repeated)
    #[arg(short = 'f', long = "overlay", value_name = "FILE")]
    pub overlays: Vec<PathBuf>,
    /// The value of `${NAME}` in the topology; without it the environment's (can be repeated)
    #[arg(long = "var", value_name = "NAME=VALUE", value_parser = variable)]
    pub variables: Vec<(String, String)>,
    /// Take variables from this YAML file of `NAME: value` lines; `--var` goes before it (can be repeated)
    #[arg(long = "vars", value_name = "FILE")]
    pub variable_files: Vec<PathBuf>,
}

fn variable(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if is_variable_name(name) => Ok((name.to_owned(), value.to_owned())),
        Some((name, _)) => Err(format!("`{name}` is no name of a variable; expected letters, digits and `_`")),
        None => Err("expected `NAME=VALUE`".into()),
    }
}

impl Cx {
    /// The topology at `path` with what `args` lay over it and put into it. Its warnings are in it, and not told.
    ///
    /// # Errors
    /// A file cannot be read (exit 1), or is invalid: every problem is told with its place and fix (exit 4).
    pub fn topology_from(&self, path: &Path, args: &TopologyArgs) -> Result<Topology, CliError> {
        let base = self.text_of(path, "topology")?;
        let overlays = args
            .overlays
            .iter()
            .map(|file| self.text_of(&self.path(file), "overlay"))
            .collect::<Result<Vec<_>, _>>()?;
        let mut filed = BTreeMap::new();
        for file in &args.variable_files {
            let (name, text) = self.text_of(&self.path(file), "file of variables")?;
            filed.extend(read_variables(&text, &name).map_err(|problems| self.refuse(problems))?);
        }
        let given: BTreeMap<String, String> = args.variables.iter().cloned().collect();
        let variables =
            Variables { given: Some(&given), filed: Some(&filed), environment: Some(&config::environment_variable) };
        let sources: Vec<Source<'_>> = overlays.iter().map(|(name, text)| Source { name, text }).collect();
        Topology::load(Source { name: &base.0, text: &base.1 }, &sources, &variables)
            .map_err(|problems| self.refuse(problems))
    }

    /// The topology at `path`, its warnings told on stderr.
    ///
    /// # Errors
    /// As [`Cx::topology_from`].
    pub fn topology_at(&self, path: &Path) -> Result<Topology, CliError> {
        let topology = self.topology_from(path, &TopologyArgs::default())?;
        self.tell(&topology.warnings);
        Ok(topology)
    }

    /// The topology of the settings; `None` when the default one is not there. Its warnings are `provision`'s to tell.
    ///
    /// # Errors
    /// As [`Cx::topology_from`]; a topology that the configuration names must be there.
    pub fn topology(&self, args: &TopologyArgs) -> Result<Option<Topology>, CliError> {
        let found = &self.config.topology;
        if found.from == "default" && !found.value.exists() {
            return Ok(None);
        }
        self.topology_from(&found.value, args).map(Some)
    }

    /// Tells warnings on stderr, each with its fix.
    pub fn tell(&self, warnings: &[Problem]) {
        for warning in warnings {
            self.ui.warn(warning);
            if let Some(fix) = &warning.fix {
                self.ui.hint(fix);
            }
        }
    }

    /// Tells all problems on stderr, the warnings first, and answers the last error, which is the run's.
    pub fn refuse(&self, problems: Vec<Problem>) -> CliError {
        let (errors, warnings): (Vec<Problem>, Vec<Problem>) = problems.into_iter().partition(Problem::is_error);
        self.tell(&warnings);
        let Some((last, before)) = errors.split_last() else { return CliError::refused("the topology is invalid") };
        for problem in before {
            self.ui.error(&invalid(problem));
        }
        invalid(last)
    }

    /// A file's name for messages, and its text.
    fn text_of(&self, path: &Path, what: &str) -> Result<(String, String), CliError> {
        let shown = self.shown(&path.display().to_string());
        let bytes = std::fs::read(path).map_err(|error| {
            let unread = CliError::failed(format!("the {what} {shown} cannot be read")).because(&error);
            if error.kind() == io::ErrorKind::NotFound && what == "topology" {
                unread.hint("name another file, or make a project to start from: `eventbus init`")
            } else {
                unread
            }
        })?;
        let text = String::from_utf8(bytes).map_err(|error| {
            CliError::refused(format!("the {what} {shown} is not UTF-8 text")).because(&error.utf8_error())
        })?;
        Ok((shown, text))
    }
}

fn invalid(problem: &Problem) -> CliError {
    let error = CliError::refused(problem.to_string());
    match &problem.fix {
        Some(fix) => error.hint(fix),
        None => error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_named_and_may_hold_anything() {
        assert_eq!(variable("STAGE=a=b c"), Ok(("STAGE".into(), "a=b c".into())));
        assert_eq!(variable("EMPTY="), Ok(("EMPTY".into(), String::new())));
        for wrong in ["STAGE", "=x", "1A=x", "A-B=x", "A B=x"] {
            assert!(variable(wrong).is_err(), "{wrong}");
        }
    }
}
