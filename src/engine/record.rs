//! From the bus's message to the record that verbs hand each other.

use crate::bus::Message;
use crate::event::{Record, SystemRecord};

/// The record of a message found in the queue of this name. Peeked messages that nobody received have a receive count of 0.
pub(crate) fn record_of(queue: &str, message: Message) -> Record {
    let Message { id, receipt_handle: _, place: _, body, attributes, system } = message;
    let system = SystemRecord {
        id,
        queue: Some(queue.to_owned()),
        sent_at: system.sent_at_ms.and_then(date),
        first_received_at: system.first_received_ms.and_then(date),
        receive_count: Some(system.receive_count),
        group_id: system.group_id,
        dedup_id: system.dedup_id,
        sequence_number: system.sequence_number,
        dead_letter_source: system.dead_letter_source,
        sender_id: system.sender_id,
        trace_header: system.trace_header,
        ..SystemRecord::default()
    };
    Record::new(body, attributes, system)
}

/// Milliseconds since the epoch as RFC 3339 in UTC with milliseconds; none beyond year 9999.
fn date(ms: i64) -> Option<String> {
    jiff::Timestamp::from_millisecond(ms).ok().map(|at| format!("{at:.3}"))
}
