//! Reads a received message: which event it is, which handler it goes to, what it must stay in order with.

use std::sync::{Arc, PoisonError};

use tokio::time::Instant;

use super::work::{Context, Item, Work};
use super::{EventRef, Left, OrderBy, Received, Unclaimed};
use crate::bus::Message;
use crate::event::json::Document;
use crate::event::{Event, Unreadable, read_body};
use crate::schema::Catalogue;

/// So many names of events without a handler are remembered.
const MOST_NAMES: usize = 200;

/// A message that was read.
pub(super) struct Taken {
    pub(super) received: Received,
    pub(super) name: Arc<EventRef>,
    event: Result<Event, Unreadable>,
}

pub(super) fn take(context: &Context, message: Message, at: Instant) -> Taken {
    let reading = read_body(&message.body, &message.attributes);
    let sns_message_id = reading.notification.as_ref().map(|n| n.message_id.clone()).filter(|id| !id.is_empty());
    let metadata = reading.event.as_ref().ok().map(|event| &event.metadata);
    let trace = metadata.and_then(|metadata| metadata.trace()).map(|trace| trace.to_string());
    let name = Arc::new(EventRef {
        queue: context.queue.name.clone(),
        message_id: message.id.clone(),
        sns_message_id: sns_message_id.clone(),
        event_name: metadata.map(|metadata| metadata.event_name.clone()),
        entity_id: metadata.and_then(|metadata| metadata.entity_id.clone()),
        // `00-<trace>-<span>-<flags>`
        trace_id: trace.and_then(|trace| trace.split('-').nth(1).map(str::to_owned)),
        attempt: message.system.receive_count,
    });
    let size = message.body.len();
    Taken { received: Received { message, sns_message_id, at, size }, name, event: reading.event }
}

impl Taken {
    pub(super) fn into_item(self, context: &Context) -> Item {
        let Self { received, name, event } = self;
        let request = &context.shared.request;
        // FIFO queues only, since a fair queue's group is a tenant.
        let mut group = received.message.system.group_id.clone().filter(|_| context.queue.is_fifo());
        let work = match event {
            Err(unreadable) => {
                Work::Unclaimed(request.invalid, format!("no event: {}", unreadable.reason), Left::Asked)
            }
            Ok(event) => {
                if !context.queue.is_fifo() {
                    group = request.order_by.as_ref().and_then(|by| by.value_of(&event));
                }
                match request.validate.as_ref().and_then(|catalogue| violation(catalogue, &event)) {
                    Some(Violation::OfPayload(why)) => {
                        Work::Unclaimed(request.invalid, format!("invalid payload: {why}"), Left::Asked)
                    }
                    // Whether the payload is sound is not known, so nothing is decided about it.
                    Some(Violation::OfSchema(why)) => Work::Unclaimed(Unclaimed::Leave, why, Left::Asked),
                    None => match request.table.handler_of(&event.metadata) {
                        Some(handler) => Work::Handle(event, handler),
                        None => unhandled(context, &event.metadata.event_name),
                    },
                }
            }
        };
        Item { received, name, work, group, waits: 0 }
    }
}

fn unhandled(context: &Context, event: &str) -> Work {
    let mut told = context.shared.unhandled.lock().unwrap_or_else(PoisonError::into_inner);
    // Names come from outside: of more than so many no more is told.
    let first = told.len() < MOST_NAMES && told.insert(event.to_owned());
    drop(told);
    let receives = context.dead_letter.as_ref().map(|(_, max)| *max);
    let left = Left::Unhandled { first, receives };
    Work::Unclaimed(context.shared.request.unhandled, format!("no handler for event `{event}`"), left)
}

enum Violation {
    OfPayload(String),
    OfSchema(String),
}

/// The first way in which the payload breaks its event's schema. An event without a schema breaks none.
fn violation(catalogue: &Catalogue, event: &Event) -> Option<Violation> {
    let schema = match catalogue.schema(&event.metadata.event_name, None) {
        Ok(schema) => schema?,
        Err(error) => return Some(Violation::OfSchema(format!("its schema cannot be used: {error}"))),
    };
    let document = match Document::from_text(event.payload.get()) {
        Ok(document) => document,
        Err(error) => return Some(Violation::OfPayload(error.to_string())),
    };
    let value = match document.to_value() {
        Ok(value) => value,
        Err(error) => return Some(Violation::OfPayload(error.to_string())),
    };
    let violations = schema.check(&value, document.text());
    violations.first().map(|violation| Violation::OfPayload(violation.to_string()))
}

impl OrderBy {
    fn value_of(&self, event: &Event) -> Option<String> {
        match self {
            Self::EntityId => event.metadata.entity_id.clone(),
            Self::Payload(pointer) => {
                let payload: serde_json::Value = serde_json::from_str(event.payload.get()).ok()?;
                match payload.pointer(pointer)? {
                    serde_json::Value::Null => None,
                    serde_json::Value::String(text) => Some(text.clone()),
                    other => Some(other.to_string()),
                }
            }
        }
    }
}
