//! The arguments that say which messages are meant, the same for every verb that takes some and leaves others.

use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use clap::{Args, ValueEnum};
use jiff::{SignedDuration, Timestamp};

use super::Cx;
use crate::clock::Clock;
use crate::engine::jq::{BadProgram, Program};
use crate::engine::select::Selection;
use crate::error::CliError;
use crate::filter::{FilterPolicy, Scope};

/// Which messages.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Which messages")]
pub struct SelectArgs {
    /// Events of this name: `UserRegistered`, `User*`, `UserService.*` (can be repeated: any of them)
    #[arg(long = "event", value_name = "EVENT", value_parser = not_empty)]
    pub events: Vec<String>,
    /// Events about the entity with this id (can be repeated: any of them)
    #[arg(long = "entity", value_name = "ID", value_parser = not_empty)]
    pub entities: Vec<String>,
    /// Messages whose attribute K is V, or a list that holds V (can be repeated: all of them)
    #[arg(long = "attr", value_name = "K=V", value_parser = key_and_value)]
    pub attributes: Vec<(String, String)>,
    /// Messages for whose record this jq program says yes: `.event.payload.plan == "pro"` (can be repeated: all of them)
    #[arg(long = "where", value_name = "JQ", value_parser = program)]
    pub programs: Vec<Arc<Program>>,
    /// Messages that pass the SNS filter policy in this file
    #[arg(long, value_name = "FILE")]
    pub filter: Option<PathBuf>,
    /// What that policy looks at
    #[arg(long, value_enum, value_name = "WHAT", default_value = "attributes", requires = "filter")]
    pub filter_scope: FilterScope,
    /// Messages with this text in the body or an attribute; a text without capitals is found in any case
    #[arg(long, value_name = "TEXT", value_parser = not_empty)]
    pub grep: Option<String>,
    /// Sent at this time or later: `10m` (ago), `2026-11-23`, `2026-11-23T08:00:00Z`
    #[arg(long, value_name = "TIME")]
    pub since: Option<When>,
    /// Sent before this time, written the same way
    #[arg(long, value_name = "TIME")]
    pub until: Option<When>,
}

/// What a filter policy looks at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum FilterScope {
    /// The message attributes
    #[default]
    Attributes,
    /// The message body
    Body,
}

/// A moment, as it is typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// So long ago.
    Ago(Duration),
    /// Then.
    At(Timestamp),
}

impl When {
    /// The moment, seen from `now`.
    pub fn seen_from(self, now: Timestamp) -> Timestamp {
        match self {
            Self::At(at) => at,
            Self::Ago(ago) => {
                let ago = SignedDuration::try_from(ago).unwrap_or(SignedDuration::MAX);
                now.checked_sub(ago).unwrap_or(Timestamp::MIN)
            }
        }
    }
}

impl FromStr for When {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Ok(at) = text.parse::<Timestamp>() {
            return Ok(Self::At(at));
        }
        if let Ok(ago) = humantime::parse_duration(text) {
            return Ok(Self::Ago(ago));
        }
        // A date is its first moment in UTC, as are all dates of records.
        if let Ok(at) = format!("{text}T00:00:00Z").parse::<Timestamp>() {
            return Ok(Self::At(at));
        }
        Err("expected how long ago (`10m`), a date (`2026-11-23`) or a time with its zone (`2026-11-23T08:00:00Z`)"
            .into())
    }
}

impl SelectArgs {
    /// Whether nothing was asked.
    pub fn is_everything(&self) -> bool {
        self.filter.is_none()
            && self.events.is_empty()
            && self.entities.is_empty()
            && self.attributes.is_empty()
            && self.programs.is_empty()
            && self.grep.is_none()
            && self.since.is_none()
            && self.until.is_none()
    }

    /// The selection.
    ///
    /// # Errors
    /// The policy's file cannot be read (exit 1), or is no filter policy (exit 4).
    pub fn selection(&self, cx: &Cx) -> Result<Selection, CliError> {
        let now = Clock::system().now();
        let scope = match self.filter_scope {
            FilterScope::Attributes => Scope::MessageAttributes,
            FilterScope::Body => Scope::MessageBody,
        };
        let filter = self.filter.as_ref().map(|file| {
            let shown = file.display();
            let text = std::fs::read_to_string(cx.path(file)).map_err(|error| {
                CliError::failed(format!("the filter policy {shown} cannot be read")).because(&error)
            })?;
            FilterPolicy::parse(&text, scope).map_err(|error| {
                CliError::refused(format!("{shown} is no filter policy that SNS would take")).because(&error)
            })
        });
        Ok(Selection {
            events: self.events.clone(),
            entities: self.entities.clone(),
            attributes: self.attributes.clone(),
            programs: self.programs.clone(),
            filter: filter.transpose()?,
            grep: self.grep.clone(),
            since: self.since.map(|when| when.seen_from(now)),
            until: self.until.map(|when| when.seen_from(now)),
        })
    }
}

fn not_empty(text: &str) -> Result<String, String> {
    if text.is_empty() { Err("it must not be empty".into()) } else { Ok(text.to_owned()) }
}

fn key_and_value(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("expected `name=value`".into()),
    }
}

/// Reads a jq program of the command line.
///
/// # Errors
/// It is no jq; with the column.
pub fn program(text: &str) -> Result<Arc<Program>, BadProgram> {
    Program::compile(text).map(Arc::new)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_typed_as_ages_dates_and_times() {
        let now: Timestamp = "2026-11-23T08:10:00Z".parse().unwrap();
        let seen = |text: &str| text.parse::<When>().unwrap().seen_from(now).to_string();
        assert_eq!(seen("10m"), "2026-11-23T08:00:00Z");
        assert_eq!(seen("2026-11-23"), "2026-11-23T00:00:00Z");
        assert_eq!(seen("2026-11-23T09:00:00+01:00"), "2026-11-23T08:00:00Z");
        assert_eq!("900000y".parse::<When>().unwrap().seen_from(now), Timestamp::MIN);
        for wrong in ["", "yesterday", "2026-13-01", "2026-11-23T08:00:00", "10"] {
            assert!(wrong.parse::<When>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn keys_have_values() {
        assert_eq!(key_and_value("a=b=c").unwrap(), ("a".to_owned(), "b=c".to_owned()));
        assert_eq!(key_and_value("a=").unwrap(), ("a".to_owned(), String::new()));
        assert!(key_and_value("a").is_err() && key_and_value("=a").is_err());
    }
}
