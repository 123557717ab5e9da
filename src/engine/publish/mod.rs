//! Publishing: payloads in, checked and wrapped, published in batches; every input ends as sent, refused or failed.
//!
//! Reading, checking and wrapping happen on a thread of their own; a bounded channel leads to the batches, so memory does not
//! grow with the number of events. What is to be known before the first call is checked before it: nothing that SNS refuses
//! or drops in silence leaves.

mod attributes;
mod batch;
mod hooks;
mod identity;
mod input;
mod limits;
mod plan;
mod prepare;
mod produce;
mod rate;
mod send;
mod shape;
mod tape;
#[cfg(test)]
mod tests;

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

pub use attributes::{AttributeError, check_attribute};
pub use hooks::Hooks;
pub use input::{Format, Source};
pub use plan::targets;
pub use rate::{NoRate, Rate};
pub use send::run;

pub(in crate::engine) use identity::entity_id_of;
pub(in crate::engine) use plan::nearest_events;

use crate::bus::{BusError, ItemError};
use crate::clock::Clock;
use crate::engine::jq::Program;
use crate::engine::outbox::{Outbox, OutboxError};
use crate::event::json::JsonError;
use crate::event::{Attributes, EnvelopeStyle, TraceParent};
use crate::schema::{Catalogue, CatalogueError, Violation};
use crate::topology::Topology;

/// What to publish and how.
#[derive(Clone, Debug)]
pub struct Request {
    /// The event's name; none for records, which name theirs, and with [`Request::event_field`].
    pub event: Option<String>,
    /// The field of each input that names its event: a property's name, or a JSON pointer.
    pub event_field: Option<String>,
    /// The payloads.
    pub sources: Vec<Source>,
    /// Makes payloads of the inputs: each output of the program is one.
    pub map: Option<Arc<Program>>,
    /// How often the sources are gone through.
    pub repeat: u64,
    /// The payload schemas.
    pub catalogue: Arc<Catalogue>,
    /// The version of the schema; the highest by default.
    pub schema_version: Option<u32>,
    /// Refuse an event that has no schema.
    pub require_schema: bool,
    /// The topic, whatever the routing table says.
    pub topic: Option<String>,
    /// The routing table.
    pub topology: Option<Topology>,
    /// The envelope's casing.
    pub envelope: EnvelopeStyle,
    /// `metadata.publisherName`; records bring their own.
    pub publisher: String,
    /// `metadata.entityId` of every event, instead of the payload's `id`.
    pub entity_id: Option<String>,
    /// `metadata.entityName`, instead of the event's name.
    pub entity_name: Option<String>,
    /// `metadata.containsPersonalData`.
    pub personal_data: bool,
    /// The span that caused this; continued by every event.
    pub trace: Option<TraceParent>,
    /// Attributes beside, or instead of, the routing attributes.
    pub attributes: Attributes,
    /// The message group, instead of the topology's `group_by` or the entity's id.
    pub group_id: Option<String>,
    /// The deduplication id of the one message.
    pub dedup_id: Option<String>,
    /// Send nothing if anything is refused.
    pub all_or_nothing: bool,
    /// Send nothing; tell what would be sent.
    pub dry_run: bool,
    /// How fast the events go out at most.
    pub rate: Option<Rate>,
    /// Batches on their way at once.
    pub concurrency: usize,
    /// The commands around it.
    pub hooks: Hooks,
    /// Where each event is kept until the bus has confirmed it.
    pub outbox: Option<Arc<Outbox>>,
    /// Now.
    pub clock: Clock,
}

/// Batches on their way at once, where nobody says. Across a network that hides its latency; on the embedded bus one commit then
/// takes several batches.
pub const CONCURRENCY: usize = 8;

/// What happened to one input.
#[derive(Clone, Debug)]
pub enum Progress {
    /// How far the reading is, of files whose sizes are known; told now and then.
    Reading {
        /// Bytes that were read.
        read: u64,
        /// Bytes that there are.
        total: u64,
    },
    /// Nothing is sent of it, and nothing is wrong with it.
    Skipped {
        /// Which.
        item: Item,
        /// Why.
        why: Skip,
    },
    /// The bus confirmed it.
    Sent {
        /// Which.
        item: Item,
        /// SNS's id of the message.
        message_id: String,
        /// Its place on a FIFO topic.
        sequence_number: Option<String>,
    },
    /// A dry run: what would be sent.
    Planned {
        /// Which.
        item: Item,
        /// The message to the last byte.
        message: String,
        /// Its attributes.
        attributes: Attributes,
        /// The FIFO group.
        group_id: Option<String>,
        /// What SNS counts, attributes included.
        bytes: usize,
    },
    /// It was not sent, because of itself.
    Refused {
        /// Which.
        item: Item,
        /// Why.
        problem: Problem,
    },
    /// It was sent and not confirmed.
    Failed {
        /// Which.
        item: Item,
        /// What the bus answered.
        error: ItemError,
        /// Tries made.
        tries: u32,
    },
}

/// Why nothing was sent of an input.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Skip {
    /// `--map` gave nothing for it.
    #[error("`--map` has no output for it")]
    NoOutput,
    /// The outbox knows it from a run that was interrupted.
    #[error("the run that was interrupted has taken it")]
    TakenBefore,
    /// Its route has no topic.
    #[error("its route leads nowhere, on purpose")]
    NoTarget,
}

impl Skip {
    /// A word for machines.
    pub const fn code(self) -> &'static str {
        match self {
            Self::NoOutput => "no_output",
            Self::TakenBefore => "taken_before",
            Self::NoTarget => "no_target",
        }
    }
}

/// One input.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Item {
    /// The file as named on the command line, with the line in files of many: `in.ndjson:17`; `-` is stdin. Where one input
    /// gives several events they are numbered: `in.json#2`.
    pub input: String,
    /// Which of the sources, from 0: a file may be named twice.
    #[serde(skip)]
    pub source: u32,
    /// The round, from 1, where the sources are gone through more than once.
    pub round: Option<u64>,
    /// The event's name, as far as known.
    pub event: Option<String>,
    /// The topic, as far as known.
    pub topic: Option<String>,
    /// The entity's id, as far as known.
    pub entity_id: Option<String>,
    /// The trace it belongs to, as 32 hexadecimal digits.
    #[serde(skip)]
    pub trace: Option<String>,
}

/// Why an input is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// The file cannot be read.
    #[error("{0}")]
    Unreadable(String),
    /// No JSON object.
    #[error("{0}")]
    Json(JsonError),
    /// Not what the schema says.
    #[error("{}", violations_line(.violations, .schema))]
    Schema {
        /// The schema's file.
        schema: PathBuf,
        /// The folder that the files of the violations count from.
        folder: PathBuf,
        /// In the order of the text; places are those in the file.
        violations: Vec<Violation>,
    },
    /// The event has neither a route nor a schema.
    #[error("event `{event}` is neither routed nor known{}", near(.nearest))]
    UnknownEvent {
        /// The event.
        event: String,
        /// Names that come close.
        nearest: Vec<String>,
    },
    /// The event has a schema and no topic.
    #[error("event `{event}` has a schema, but no topic to go to")]
    NotRouted {
        /// The event.
        event: String,
    },
    /// A schema is required and there is none.
    #[error("event `{event}` has no schema, and the configuration requires one{}", near(.nearest))]
    NoSchema {
        /// The event.
        event: String,
        /// Names that come close.
        nearest: Vec<String>,
    },
    /// The event's schema cannot be used.
    #[error("{0}")]
    BrokenSchema(String),
    /// Larger than the topic takes.
    #[error("the message has {bytes} bytes with its attributes, topic `{topic}` takes at most {limit}")]
    TooLarge {
        /// What SNS would count.
        bytes: usize,
        /// What it takes.
        limit: usize,
        /// The topic.
        topic: String,
    },
    /// A character that SNS refuses.
    #[error("the message holds the character U+{0:04X}, which SNS refuses; write it as `\\u{0:04x}`")]
    Character(u32),
    /// An attribute that SNS refuses.
    #[error("{0}")]
    Attribute(AttributeError),
    /// A group or deduplication id that SNS refuses.
    #[error("{0}")]
    Fifo(String),
    /// A subscription with raw delivery would discard it.
    #[error("the message has {count} attributes, and queue `{queue}` has raw delivery, which discards more than 10")]
    TooManyAttributes {
        /// How many it has.
        count: usize,
        /// A queue that would not get it.
        queue: String,
    },
    /// A subject that SNS refuses.
    #[error("{0}")]
    Subject(String),
    /// The field that should name the event does not.
    #[error("{0}")]
    EventField(String),
    /// `--map` fails on it, or gives no payload.
    #[error("{0}")]
    Map(String),
    /// The hook refuses it.
    #[error("{0}")]
    HookRefused(String),
    /// The hook does not work, and nothing goes out unseen.
    #[error("{0}")]
    Hook(String),
    /// The line is no record, or there is no event in it.
    #[error("{0}")]
    Record(String),
    /// It is sound, but others are not and all was to be sent or nothing.
    #[error("not sent, because {others} refused")]
    Held {
        /// How many are not sound, in words with their verb: `2 others were`.
        others: String,
    },
}

fn violations_line(violations: &[Violation], schema: &std::path::Path) -> String {
    let count = crate::words::count(violations.len() as u64, "violation");
    let first = violations.first().map(|v| format!(": {v}")).unwrap_or_default();
    let more = if violations.len() > 1 { " …" } else { "" };
    format!("{count} of {}{first}{more}", schema.display())
}

fn near(nearest: &[String]) -> String {
    crate::words::did_you_mean_any(nearest).map(|meant| format!("; {meant}")).unwrap_or_default()
}

impl Problem {
    /// A word for machines.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Unreadable(_) => "unreadable",
            Self::Json(_) => "invalid_json",
            Self::Schema { .. } => "schema_violation",
            Self::UnknownEvent { .. } => "unknown_event",
            Self::NotRouted { .. } => "not_routed",
            Self::NoSchema { .. } => "no_schema",
            Self::BrokenSchema(_) => "broken_schema",
            Self::TooLarge { .. } => "too_large",
            Self::Character(_) => "invalid_character",
            Self::Attribute(_) => "invalid_attribute",
            Self::Fifo(_) => "invalid_fifo_id",
            Self::TooManyAttributes { .. } => "too_many_attributes",
            Self::Subject(_) => "invalid_subject",
            Self::EventField(_) => "no_event_name",
            Self::Map(_) => "map_failed",
            Self::HookRefused(_) => "hook_refused",
            Self::Hook(_) => "hook_failed",
            Self::Record(_) => "invalid_record",
            Self::Held { .. } => "held_back",
        }
    }
}

/// The sum of a run. Every input that was read is in exactly one of the first five; of an event that goes to several topics, every
/// one of its messages.
#[derive(Debug, Default)]
pub struct Report {
    /// Confirmed by the bus.
    pub sent: u64,
    /// Would have been sent.
    pub planned: u64,
    /// Not sent, because of themselves.
    pub refused: u64,
    /// Sent and not confirmed.
    pub failed: u64,
    /// Nothing was sent of them, and nothing is wrong with them.
    pub skipped: u64,
    /// Of the skipped: those whose route leads nowhere on purpose.
    pub nowhere: u64,
    /// Of the sent: those that had been sent before, by this run or another, without an answer whether they arrived.
    pub perhaps_twice: u64,
    /// Of the failed: those that are kept in the outbox.
    pub kept: u64,
    /// What ended the run before its time; what is counted here was done until then.
    pub broken: Option<PublishError>,
    /// Where a signal stopped the reading: the first input that was read and not sent. What follows was not read.
    pub stopped_at: Option<String>,
    /// A signal stopped the reading.
    pub stopped: bool,
    /// Topics that could not be had; their inputs are among the failed.
    pub topic_errors: Vec<BusError>,
    /// The first input that failed, for the exit code.
    pub first_failure: Option<ItemError>,
}

impl Report {
    /// Whether anything became of any input.
    pub fn is_begun(&self) -> bool {
        self.sent + self.planned + self.refused + self.failed + self.skipped > 0
    }
}

/// Why nothing could be done at all.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// The one event cannot be published, whatever the payloads are.
    #[error("{0}")]
    Event(Problem),
    /// Its schema cannot be used.
    #[error(transparent)]
    Schema(#[from] CatalogueError),
    /// stdin could not be kept aside.
    #[error("stdin cannot be kept in a temporary file")]
    Spool(#[source] std::io::Error),
    /// The outbox cannot be used.
    #[error("the outbox cannot be used")]
    Outbox(#[source] OutboxError),
    /// There is no payload.
    #[error("{0}")]
    Payload(String),
    /// A signal came before the bus had answered.
    #[error("ended by a signal before the bus answered, it may have arrived")]
    Ended,
    /// The reader ended without saying so, or could not be started.
    #[error("the reader of the inputs ended unexpectedly")]
    Reader,
}

impl fmt::Display for Item {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.input)
    }
}
