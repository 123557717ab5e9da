//! A message on its way: what is sent of it, under which deduplication id, and what it is known by.

use super::plan::Place;
use super::run::Run;
use super::send::size;
use super::types::Item;
use crate::bus::{Message, Outgoing};
use crate::engine::rejected::without_labels;
use crate::event::Record;

/// A message that was selected and has a destination.
pub(super) struct Parcel {
    /// What the journal knows it by.
    pub(super) key: String,
    pub(super) item: Item,
    pub(super) to: Place,
    pub(super) handle: String,
    /// Where it lies, if it was only looked at.
    pub(super) place: Option<u64>,
    /// By which it is known when it comes back.
    pub(super) hash: u64,
    pub(super) body: u64,
    pub(super) outgoing: Outgoing,
    /// Only where records are written.
    pub(super) record: Option<Record>,
}

impl Parcel {
    /// The message as it is to be sent, or why it cannot be.
    pub(super) fn new(
        run: &Run<'_>,
        key: String,
        item: Item,
        message: &Message,
        mut record: Record,
        to: Place,
    ) -> Result<Self, String> {
        if to.is_fifo() && message.system.group_id.is_none() {
            return Err(format!("it has no message group, and `{}` is FIFO", to.name()));
        }
        let outgoing = match &to {
            Place::File(..) => Outgoing::default(),
            Place::Queue(_) => {
                let attributes = without_labels(record.queue_attributes());
                Outgoing { body: std::mem::take(&mut record.body), attributes, ..Outgoing::default() }
            }
            Place::Topic(topic) => {
                // What was published, to be wrapped again: not the wrapper, which would be wrapped itself.
                let outgoing = Outgoing {
                    body: record.message_text(),
                    attributes: without_labels(&record.attributes),
                    subject: record.message.subject.clone(),
                    ..Outgoing::default()
                };
                let bytes = size(&outgoing);
                if bytes > topic.max_bytes {
                    return Err(format!(
                        "it has {bytes} bytes with its attributes, topic `{}` takes at most {}",
                        topic.name, topic.max_bytes
                    ));
                }
                outgoing
            }
        };
        let outgoing = Outgoing {
            group_id: message.system.group_id.clone(),
            dedup_id: to.is_fifo().then(|| dedup_id(run, &key, message)),
            trace_header: message.system.trace_header.clone(),
            ..outgoing
        };
        Ok(Self {
            hash: run.hash(&message.id),
            body: run.hash(&message.body),
            handle: message.receipt_handle.clone(),
            place: message.place,
            record: matches!(to, Place::File(..)).then_some(record),
            key,
            item,
            to,
            outgoing,
        })
    }
}

/// A dead-letter queue has replaced the deduplication id, and the origin would swallow its own old one for five minutes,
/// confirming a message that it drops. The id of the message in the source is fresh there, and the same at every try of it, by
/// a resumed run as well. What is copied or changed may be wanted again at once, so it carries the run's name besides.
fn dedup_id(run: &Run<'_>, key: &str, message: &Message) -> String {
    let again = run.request.is_copy() || run.request.edit.is_some();
    let id = match (run.plan.source.queue(), again) {
        (Some(_), false) => format!("replay-{}", message.id),
        (Some(_), true) => format!("replay-{}-{}", run.name, message.id),
        (None, _) => format!("replay-{}-{}", run.name, key),
    };
    // 1 to 128 letters, digits and punctuation marks, whatever a recording holds.
    id.chars().map(|c| if c.is_ascii_graphic() { c } else { '-' }).take(128).collect()
}
