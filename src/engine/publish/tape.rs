//! What the hook answered, kept: with `--all-or-nothing` every input is looked at twice, and the hook is asked once.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, BufWriter, Seek as _, Write as _};

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{Item, Problem};
use crate::event::{Event, Metadata};

/// One question and its answer.
#[derive(Serialize, Deserialize)]
struct Kept {
    input: String,
    /// The event as it was asked about: its ids are those that the hook has seen.
    event: Box<RawValue>,
    answer: Answered,
}

/// What came of a question.
#[derive(Serialize, Deserialize)]
pub(super) enum Answered {
    /// The line.
    Line(String),
    /// The event is refused.
    Refused(String),
    /// The hook does not work.
    Broken(String),
}

/// The answers in their order, in a temporary file: first written, then read.
#[derive(Debug)]
pub(super) enum Tape {
    Writing(BufWriter<File>),
    Reading(BufReader<File>),
}

impl Tape {
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self::Writing(BufWriter::new(tempfile::tempfile()?)))
    }

    /// From its beginning.
    pub(super) fn rewound(self) -> io::Result<Self> {
        let mut file = match self {
            Self::Writing(file) => file.into_inner().map_err(io::IntoInnerError::into_error)?,
            Self::Reading(file) => file.into_inner(),
        };
        file.rewind()?;
        Ok(Self::Reading(BufReader::new(file)))
    }

    /// Keeps an answer; one that is being read has it already.
    pub(super) fn keep(&mut self, item: &Item, event: &Event, answer: Answered) -> Result<(), Problem> {
        let Self::Writing(file) = self else { return Ok(()) };
        let lost = |error: &dyn std::fmt::Display| Problem::Hook(format!("what the hook says cannot be kept: {error}"));
        let event = RawValue::from_string(event.normalised_json()).map_err(|error| lost(&error))?;
        let mut line =
            serde_json::to_vec(&Kept { input: item.input.clone(), event, answer }).map_err(|error| lost(&error))?;
        line.push(b'\n');
        file.write_all(&line).map_err(|error| lost(&error))
    }

    /// The next answer, and the metadata that it was given for; none while it is being written.
    pub(super) fn next(&mut self, item: &Item) -> Option<Result<(Metadata, Answered), Problem>> {
        let Self::Reading(file) = self else { return None };
        let changed = || Problem::Hook("the inputs have changed since the hook saw them".into());
        let mut line = String::new();
        let kept = match file.read_line(&mut line) {
            Ok(1..) => serde_json::from_str::<Kept>(&line).ok().filter(|kept| kept.input == item.input),
            _ => None,
        };
        let event = kept.as_ref().and_then(|kept| serde_json::from_str::<Event>(kept.event.get()).ok());
        Some(kept.zip(event).map(|(kept, event)| (event.metadata, kept.answer)).ok_or_else(changed))
    }
}
