//! `consume --dry-run`: which handler would get which of the waiting messages. Nothing is handled, acknowledged or moved.
//!
//! Where the bus can show messages, looking changes nothing. Elsewhere each message that is looked at is received once, which
//! raises its receive count, and given back at the end: that wants to be asked for.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use super::{Table, Unclaimed};
use crate::bus::{Bus, BusError, MAX_BATCH, Message, Receive};
use crate::engine::hold::{FIRST, Holds, Released};
use crate::event::read_body;

/// How many messages one look brings at most.
const LOOK: u32 = 100;

/// What to look at.
#[derive(Clone, Debug)]
pub struct Request {
    /// The queues.
    pub queues: Vec<String>,
    /// Which handler an event goes to.
    pub table: Table,
    /// What becomes of events without a handler.
    pub unhandled: Unclaimed,
    /// What becomes of what is no event.
    pub invalid: Unclaimed,
    /// Look at no more than so many.
    pub count: Option<u64>,
    /// Look even where looking is a receive.
    pub force: bool,
}

/// One message, and where it would go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Planned {
    /// The queue's name.
    pub queue: String,
    /// SQS's id.
    pub message_id: String,
    /// The event's name.
    pub event_name: Option<String>,
    /// Which entity it is about.
    pub entity_id: Option<String>,
    /// The number of its handler, or what would become of it without one, and why.
    pub goes_to: Result<usize, (Unclaimed, String)>,
}

/// Why there was no look.
#[derive(Debug, thiserror::Error)]
pub enum PreviewError {
    /// A queue cannot be found or asked.
    #[error(transparent)]
    Bus(#[from] BusError),
    /// It would cost something.
    #[error(
        "looking into queue `{queue}` means receiving: each message's receive count goes up by one{}",
        .max.map(|max| format!(", and at {max} it is a dead letter")).unwrap_or_default()
    )]
    Costs {
        /// The queue's name.
        queue: String,
        /// After how many receives SQS dead-letters a message.
        max: Option<u32>,
    },
}

/// Looks at what waits. Returns it, and what was given back where looking was receiving.
///
/// # Errors
/// As [`PreviewError`] says.
pub async fn preview(bus: &Bus, request: &Request) -> Result<(Vec<Planned>, Option<Released>), PreviewError> {
    let (mut planned, mut released) = (Vec::new(), None);
    for name in &request.queues {
        let queue = bus.queue(name).await?;
        let left = |planned: &Vec<Planned>| {
            request.count.map_or(usize::MAX, |count| (count as usize).saturating_sub(planned.len()))
        };
        if bus.can_peek() {
            let mut after = 0;
            loop {
                let peeked = bus.peek(&queue, after, LOOK, Duration::ZERO).await?;
                if peeked.messages.is_empty() || left(&planned) == 0 {
                    break;
                }
                after = peeked.cursor;
                for message in peeked.messages.into_iter().take(left(&planned)) {
                    planned.push(plan(request, &queue.name, &message));
                }
            }
            continue;
        }
        if !request.force {
            let max = bus.queue_attributes(&queue).await?.redrive.map(|policy| policy.max_receives);
            return Err(PreviewError::Costs { queue: queue.name, max });
        }
        let holds = Arc::new(Holds::start(bus, &queue));
        let mut seen = HashSet::new();
        let looked = async {
            while left(&planned) > 0 {
                let max = left(&planned).min(MAX_BATCH) as u32;
                let receive = Receive { max, wait: Duration::from_secs(2), visibility: Some(FIRST) };
                let messages = bus.receive(&queue, receive).await?;
                if messages.is_empty() {
                    break;
                }
                for message in messages {
                    holds.add(&message.receipt_handle);
                    if seen.insert(message.id.clone()) {
                        planned.push(plan(request, &queue.name, &message));
                    }
                }
            }
            Ok::<_, BusError>(())
        };
        let looked = looked.await;
        // Whatever came in between: what was received is given back.
        if let Some(holds) = Arc::into_inner(holds) {
            let given = holds.release_all(std::future::pending()).await;
            released = Some(released.map_or(given, |sum: Released| sum + given));
        }
        looked?;
    }
    Ok((planned, released))
}

fn plan(request: &Request, queue: &str, message: &Message) -> Planned {
    let event = read_body(&message.body, &message.attributes).event;
    let metadata = event.as_ref().ok().map(|event| event.metadata.clone());
    let goes_to = match &event {
        Err(unreadable) => Err((request.invalid, format!("no event: {}", unreadable.reason))),
        Ok(event) => request
            .table
            .handler_of(&event.metadata)
            .ok_or_else(|| (request.unhandled, format!("no handler for event `{}`", event.metadata.event_name))),
    };
    Planned {
        queue: queue.to_owned(),
        message_id: message.id.clone(),
        event_name: metadata.as_ref().map(|metadata| metadata.event_name.clone()),
        entity_id: metadata.and_then(|metadata| metadata.entity_id),
        goes_to,
    }
}
