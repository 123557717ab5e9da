//! Where the messages come from and where they go: one place for all, or each back to its origin.

use std::collections::HashMap;
use std::path::PathBuf;

use super::ReplayError;
use crate::bus::{Bus, BusError, BusErrorKind, Message, Queue, QueueAttributes, Topic};
use crate::engine::rejected::origin_of;

/// Where from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum From {
    /// A queue (name, ARN or URL).
    Queue(String),
    /// A recording: its name for people, and its file; none is stdin.
    Recording(String, Option<PathBuf>),
}

/// Where to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum To {
    /// Each message to the queue that dead-lettered it, or that it was recorded in.
    Origin,
    /// All to this queue (name, ARN or URL).
    Queue(String),
    /// All to this topic (name or ARN).
    Topic(String),
    /// All to this file, as records: its name for people, and its path.
    File(String, PathBuf),
}

/// A destination that is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// A queue.
    Queue(Queue),
    /// A topic.
    Topic(Topic),
    /// A file: its name for people, and its path.
    File(String, PathBuf),
}

impl Place {
    /// Its name.
    pub fn name(&self) -> &str {
        match self {
            Self::Queue(queue) => &queue.name,
            Self::Topic(topic) => &topic.name,
            Self::File(name, _) => name,
        }
    }

    /// Whether it takes messages in order, of groups.
    pub fn is_fifo(&self) -> bool {
        match self {
            Self::Queue(queue) => queue.is_fifo(),
            Self::Topic(topic) => topic.is_fifo(),
            Self::File(..) => false,
        }
    }
}

/// The source of a plan.
#[derive(Clone, Debug)]
pub enum Source {
    /// A queue.
    Queue {
        /// The queue that is emptied.
        queue: Queue,
        /// Its settings; the counts are approximate.
        attributes: Box<QueueAttributes>,
        /// The queues that dead-letter into it.
        sources: Vec<Queue>,
    },
    /// A recording: its name for people, and its file; none is stdin.
    Recording(String, Option<PathBuf>),
}

impl Source {
    /// Its name.
    pub fn name(&self) -> &str {
        match self {
            Self::Queue { queue, .. } => &queue.name,
            Self::Recording(name, _) => name,
        }
    }

    /// The queue, if it is one.
    pub fn queue(&self) -> Option<&Queue> {
        match self {
            Self::Queue { queue, .. } => Some(queue),
            Self::Recording(..) => None,
        }
    }

    /// The queues that dead-letter into it.
    pub fn sources(&self) -> &[Queue] {
        match self {
            Self::Queue { sources, .. } => sources,
            Self::Recording(..) => &[],
        }
    }
}

/// A replay whose queues and topics are known to exist.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Where from.
    pub source: Source,
    /// The one destination, or none when each message goes to its own origin.
    pub to: Option<Place>,
    /// The bus of the destinations, where it is another than the source's.
    pub other_bus: Option<Bus>,
}

impl Plan {
    /// The destination in words: `` `orders` ``, or that each goes to its own.
    pub fn destination(&self) -> String {
        match (&self.to, self.source.sources()) {
            (Some(Place::Topic(topic)), _) => format!("topic `{}`", topic.name),
            (Some(to), _) => format!("`{}`", to.name()),
            (None, [only]) => format!("`{}`", only.name),
            (None, _) => "each message's own origin".into(),
        }
    }

    /// What looking could do to the messages that are to stay: where they go once they were received so often; none where it does
    /// nothing, or where all are to go.
    pub fn dead_letters(&self, bus: &Bus, dry_run: bool, some_stay: bool) -> Option<(&str, u32)> {
        let Source::Queue { attributes, .. } = &self.source else { return None };
        let receives = !(dry_run && bus.can_peek());
        let redrive = attributes.redrive.as_ref().filter(|_| receives && (dry_run || some_stay))?;
        let name = redrive.dead_letter_arn.rsplit(':').next().unwrap_or_default();
        Some((name, redrive.max_receives))
    }

    /// Whether the bus can move each message in one step, so that none has to be received.
    pub fn is_one_step(&self, bus: &Bus) -> bool {
        bus.can_relocate()
            && self.other_bus.is_none()
            && matches!(self.source, Source::Queue { .. })
            && matches!(self.to, None | Some(Place::Queue(_)))
            && !self.is_ordered()
    }

    /// Whether messages have to be sent one after the other.
    pub fn is_ordered(&self) -> bool {
        let fifo = |queue: &Queue| queue.is_fifo();
        self.source.queue().is_some_and(fifo)
            || self.source.sources().iter().any(fifo)
            || self.to.as_ref().is_some_and(Place::is_fifo)
    }
}

/// Looks everything up. Changes nothing. `other` is the bus of the destination where it is not the source's.
///
/// # Errors
/// A queue that does not exist, a destination that is the source, or a FIFO queue that could not take the messages.
pub async fn plan(bus: &Bus, from: &From, to: &To, other: Option<&Bus>) -> Result<Plan, ReplayError> {
    let source = match from {
        From::Recording(name, path) => Source::Recording(name.clone(), path.clone()),
        From::Queue(name) => {
            let queue = bus.queue(name).await?;
            let attributes = Box::new(bus.queue_attributes(&queue).await?);
            // None is no error yet: a message may name the queue that dead-lettered it yesterday.
            let sources = if *to == To::Origin { bus.dead_letter_sources(&queue).await? } else { Vec::new() };
            Source::Queue { queue, attributes, sources }
        }
    };
    let there = other.unwrap_or(bus);
    let to = match to {
        To::Origin => None,
        To::File(name, path) => Some(Place::File(name.clone(), path.clone())),
        To::Topic(name) => Some(Place::Topic(there.topic(name).await?)),
        To::Queue(name) => {
            let to = there.queue(name).await?;
            if let Some(queue) = source.queue() {
                // Two embedded buses are two files, whose queues bear the same ARNs and URLs.
                let embedded = bus.is_in_process() || there.is_in_process();
                if to.arn == queue.arn && (other.is_none() || (!embedded && to.url == queue.url)) {
                    return Err(ReplayError::SameQueue(queue.name.clone()));
                }
                if to.is_fifo() && !queue.is_fifo() {
                    return Err(ReplayError::FifoMismatch { from: queue.name.clone(), to: to.name });
                }
            }
            Some(Place::Queue(to))
        }
    };
    Ok(Plan { source, to, other_bus: other.cloned() })
}

/// Finds each message's destination, each queue looked up once.
pub(super) struct Origins<'a> {
    /// Where the messages come from.
    bus: &'a Bus,
    plan: &'a Plan,
    known: HashMap<String, Result<Place, String>>,
    /// Of a recording: the queues that dead-letter into the one that was recorded, by its name.
    recorded: HashMap<String, Vec<Queue>>,
}

impl<'a> Origins<'a> {
    pub(super) fn new(bus: &'a Bus, plan: &'a Plan) -> Self {
        let mut known = HashMap::new();
        if plan.other_bus.is_none() {
            known = plan.source.sources().iter().map(|q| (q.arn.clone(), Ok(Place::Queue(q.clone())))).collect();
        }
        Self { bus, plan, known, recorded: HashMap::new() }
    }

    /// Whether none of these messages can have an origin: none names it, and the redrive policies do not settle it.
    pub(super) fn are_unknown(&self, messages: &[Message]) -> bool {
        let sources = self.plan.source.sources();
        self.plan.to.is_none()
            && sources.len() != 1
            && messages.iter().all(|message| origin_of(message, sources).is_none())
    }

    /// The destination, or why there is none. `recorded` is the queue that a recording says it was found in.
    pub(super) async fn of(
        &mut self,
        message: &Message,
        recorded: Option<&str>,
    ) -> Result<Result<Place, String>, BusError> {
        if let Some(to) = &self.plan.to {
            return Ok(Ok(to.clone()));
        }
        let sources = match (&self.plan.source, recorded) {
            (Source::Queue { sources, .. }, _) => sources.clone(),
            (Source::Recording(..), Some(name)) => self.sources_of(name).await?,
            (Source::Recording(..), None) => Vec::new(),
        };
        let arn = match (origin_of(message, &sources), sources.as_slice(), recorded) {
            (Some(arn), ..) => arn.to_owned(),
            (None, [only], _) => only.arn.clone(),
            // Recorded in a queue that holds no dead letters: that is where it belongs.
            (None, [], Some(name)) if self.plan.source.queue().is_none() => name.to_owned(),
            _ => return Ok(Err("it does not say where it came from; name a queue with `--to queue:NAME`".into())),
        };
        if let Some(known) = self.known.get(&arn) {
            return Ok(known.clone());
        }
        let name = arn.rsplit(':').next().unwrap_or(&arn).to_owned();
        let found = match &self.plan.other_bus {
            // Accounts and regions are others there; the names are what the two have in common.
            Some(other) => other.queue(&name).await,
            None => self.bus.queue(&arn).await,
        };
        let here = self.plan.other_bus.is_none();
        let found = match found {
            Ok(queue) if here && self.plan.source.queue().is_some_and(|source| source.arn == queue.arn) => {
                Err("its origin is this very queue".into())
            }
            Ok(queue) => Ok(Place::Queue(queue)),
            Err(error) if error.kind == BusErrorKind::NotFound => {
                let there = if here { "does not exist any more" } else { "does not exist there" };
                Err(format!("its origin `{name}` {there}; name another with `--to queue:NAME`"))
            }
            // Another region's or account's, or no queue's ARN at all: this one message cannot go back, others can.
            Err(error) if error.kind == BusErrorKind::Invalid => {
                Err(format!("its origin cannot be had here: {error}; name another with `--to queue:NAME`"))
            }
            Err(error) => return Err(error),
        };
        self.known.insert(arn, found.clone());
        Ok(found)
    }

    /// The queues that dead-letter into the queue of this name; none where it does not exist.
    async fn sources_of(&mut self, name: &str) -> Result<Vec<Queue>, BusError> {
        if let Some(known) = self.recorded.get(name) {
            return Ok(known.clone());
        }
        let found = match self.bus.queue(name).await {
            Ok(queue) => self.bus.dead_letter_sources(&queue).await?,
            Err(error) if matches!(error.kind, BusErrorKind::NotFound | BusErrorKind::Invalid) => Vec::new(),
            Err(error) => return Err(error),
        };
        self.recorded.insert(name.to_owned(), found.clone());
        Ok(found)
    }
}
