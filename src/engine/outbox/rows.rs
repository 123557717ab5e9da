//! Rows of an outbox, and what they say.

use rusqlite::Row;

use super::{Entry, UNDER_WAY, Unfinished, Waiting};
use crate::bus::Outgoing;
use crate::engine::publish::Item;
use crate::event::{Attributes, RECORD_VERSION, Record, SystemRecord};

/// A message as text: a record, which keeps attributes of every type.
pub(super) fn message(outgoing: &Outgoing) -> String {
    let system = SystemRecord {
        subject: outgoing.subject.clone(),
        group_id: outgoing.group_id.clone(),
        dedup_id: outgoing.dedup_id.clone(),
        ..SystemRecord::default()
    };
    let record = Record {
        version: RECORD_VERSION,
        event: None,
        unreadable: None,
        message: system,
        attributes: outgoing.attributes.clone(),
        outer_attributes: Attributes::new(),
        body: outgoing.body.clone(),
    };
    record.to_line()
}

/// The message that [`message`] wrote.
pub(super) fn outgoing(text: &str) -> Result<Outgoing, String> {
    let record = Record::parse(text).map_err(|error| error.to_string())?;
    Ok(Outgoing {
        body: record.body,
        attributes: record.attributes,
        subject: record.message.subject,
        group_id: record.message.group_id,
        dedup_id: record.message.dedup_id,
        trace_header: None,
    })
}

/// An event that waits, and its message's text.
pub(super) fn read(row: &Row<'_>) -> rusqlite::Result<(Waiting, String)> {
    let round: i64 = row.get("round")?;
    let topic: String = row.get("topic")?;
    let item = Item {
        input: row.get("input")?,
        source: row.get("source")?,
        round: u64::try_from(round).ok().filter(|round| *round > 1),
        event: row.get("event")?,
        topic: Some(topic.clone()),
        entity_id: row.get("entity_id")?,
        trace: None,
    };
    let waiting = Waiting {
        row: row.get("id")?,
        item,
        topic,
        outgoing: Outgoing::default(),
        digest: row.get("digest")?,
        in_doubt: row.get::<_, i64>("state")? == UNDER_WAY,
    };
    Ok((waiting, row.get("message")?))
}

pub(super) fn entry(row: &Row<'_>) -> rusqlite::Result<Entry> {
    Ok(Entry {
        row: row.get("id")?,
        input: row.get("input")?,
        event: row.get("event")?,
        topic: row.get("topic")?,
        entity_id: row.get("entity_id")?,
        tries: row.get("tries")?,
        in_doubt: row.get::<_, i64>("state")? == UNDER_WAY,
        error: row.get("error")?,
    })
}

pub(super) fn unfinished(row: &Row<'_>) -> rusqlite::Result<Unfinished> {
    let count = |at: usize| row.get::<_, i64>(at).map(|count| u64::try_from(count).unwrap_or(0));
    Ok(Unfinished {
        what: row.get(0)?,
        bus: row.get(1)?,
        began_ms: row.get(2)?,
        complete: row.get(3)?,
        sent: count(4)?,
        waiting: count(5)?,
    })
}
