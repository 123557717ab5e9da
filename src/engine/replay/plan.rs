//! Where the messages of a queue go: one queue for all, or each back to its origin.

use std::collections::HashMap;

use super::ReplayError;
use crate::bus::{Bus, BusError, BusErrorKind, Message, Queue, QueueAttributes};
use crate::engine::rejected::origin_of;

/// Where to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum To {
    /// Each message to the queue that dead-lettered it.
    Origin,
    /// All to this queue (name, ARN or URL).
    Queue(String),
}

/// A replay whose queues are known to exist.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The queue that is emptied.
    pub source: Queue,
    /// Its settings; the counts are approximate.
    pub attributes: QueueAttributes,
    /// The one destination, or none when each message goes to its own origin.
    pub to: Option<Queue>,
    /// The queues that dead-letter into the source; empty when `to` is given.
    pub sources: Vec<Queue>,
}

impl Plan {
    /// The destination in words: `` `orders` ``, or that each goes to its own.
    pub fn destination(&self) -> String {
        match (&self.to, self.sources.as_slice()) {
            (Some(to), _) => format!("`{}`", to.name),
            (None, [only]) => format!("`{}`", only.name),
            (None, _) => "each message's own origin".into(),
        }
    }
}

/// Looks everything up. Changes nothing.
///
/// # Errors
/// A queue that does not exist, a destination that is the source, or a FIFO queue that could not take the messages.
pub async fn plan(bus: &Bus, source: &str, to: &To) -> Result<Plan, ReplayError> {
    let source = bus.queue(source).await?;
    let attributes = bus.queue_attributes(&source).await?;
    let (to, sources) = match to {
        To::Queue(name) => {
            let to = bus.queue(name).await?;
            if to.arn == source.arn {
                return Err(ReplayError::SameQueue(source.name));
            }
            if to.is_fifo() && !source.is_fifo() {
                return Err(ReplayError::FifoMismatch { from: source.name, to: to.name });
            }
            (Some(to), Vec::new())
        }
        To::Origin => {
            // None is no error yet: a message may name the queue that dead-lettered it yesterday.
            let sources = bus.dead_letter_sources(&source).await?;
            (None, sources)
        }
    };
    Ok(Plan { source, attributes, to, sources })
}

/// Finds each message's destination, each queue looked up once.
pub(super) struct Origins<'a> {
    bus: &'a Bus,
    plan: &'a Plan,
    known: HashMap<String, Result<Queue, String>>,
}

impl<'a> Origins<'a> {
    pub(super) fn new(bus: &'a Bus, plan: &'a Plan) -> Self {
        let known = plan.sources.iter().map(|queue| (queue.arn.clone(), Ok(queue.clone()))).collect();
        Self { bus, plan, known }
    }

    /// Whether none of these messages can have an origin: none names it, and the redrive policies do not settle it.
    pub(super) fn are_unknown(&self, messages: &[Message]) -> bool {
        self.plan.to.is_none()
            && self.plan.sources.len() != 1
            && messages.iter().all(|message| origin_of(message, &self.plan.sources).is_none())
    }

    /// The destination, or why there is none.
    pub(super) async fn of(&mut self, message: &Message) -> Result<Result<Queue, String>, BusError> {
        if let Some(to) = &self.plan.to {
            return Ok(Ok(to.clone()));
        }
        let Some(arn) = origin_of(message, &self.plan.sources) else {
            return Ok(match self.plan.sources.as_slice() {
                [only] => Ok(only.clone()),
                _ => Err("it does not say where it came from; name a queue with `--to queue:NAME`".into()),
            });
        };
        if let Some(known) = self.known.get(arn) {
            return Ok(known.clone());
        }
        let found = match self.bus.queue(arn).await {
            Ok(queue) if queue.arn == self.plan.source.arn => Err("its origin is this very queue".into()),
            Ok(queue) => Ok(queue),
            Err(error) if error.kind == BusErrorKind::NotFound => {
                let name = arn.rsplit(':').next().unwrap_or(arn);
                Err(format!("its origin `{name}` does not exist any more; name another with `--to queue:NAME`"))
            }
            Err(error) => return Err(error),
        };
        self.known.insert(arn.to_owned(), found.clone());
        Ok(found)
    }
}
