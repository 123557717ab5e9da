//! What concerns the whole file: a look at everything in it, and emptying it.

use rusqlite::Connection;

use super::super::error::ApiResult;
use super::super::names::QueueName;
use super::Tx;
use super::catalogue::{Queue, Settings, settings_from};
use super::messages::{self, Counts};
use super::moves;

/// Everything that is in the bus, sorted by name.
#[derive(Debug)]
pub(crate) struct Whole {
    pub(crate) topics: Vec<TopicSeen>,
    pub(crate) queues: Vec<(Queue, Counts)>,
    pub(crate) subscriptions: Vec<SubscriptionSeen>,
}

/// A topic.
#[derive(Debug)]
pub(crate) struct TopicSeen {
    pub(crate) arn: String,
    pub(crate) subscriptions: i64,
}

/// A subscription.
#[derive(Debug)]
pub(crate) struct SubscriptionSeen {
    pub(crate) arn: String,
    pub(crate) topic: String,
    pub(crate) protocol: String,
    pub(crate) endpoint: String,
    pub(crate) settings: Settings,
}

/// How much there was before it was emptied.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Removed {
    pub(crate) topics: i64,
    pub(crate) queues: i64,
    pub(crate) subscriptions: i64,
    pub(crate) messages: i64,
}

/// Reads topics, queues and subscriptions, and counts the messages of every queue.
pub(crate) fn overview(connection: &Connection, now: i64) -> ApiResult<Whole> {
    let topics = connection
        .prepare_cached(
            "SELECT t.arn, count(s.id) FROM topics t LEFT JOIN subscriptions s ON s.topic = t.id GROUP BY t.id ORDER BY t.arn",
        )?
        .query_map([], |row| Ok(TopicSeen { arn: row.get(0)?, subscriptions: row.get(1)? }))?
        .collect::<rusqlite::Result<Vec<_>>>()?;
    let names = connection
        .prepare_cached("SELECT region, account, name FROM queues ORDER BY account, region, name")?
        .query_map([], |row| Ok(QueueName { region: row.get(0)?, account: row.get(1)?, name: row.get(2)? }))?
        .collect::<rusqlite::Result<Vec<_>>>()?;
    let mut queues = Vec::with_capacity(names.len());
    for name in names {
        if let Some(queue) = Queue::find(connection, &name)? {
            let counts = messages::count(connection, &queue, now)?;
            queues.push((queue, counts));
        }
    }
    let rows = connection
        .prepare_cached(
            "SELECT s.arn, t.arn, s.protocol, s.endpoint, s.attributes FROM subscriptions s JOIN topics t ON t.id = s.topic
             ORDER BY t.arn, s.endpoint, s.id",
        )?
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get::<_, String>(4)?)))?
        .collect::<rusqlite::Result<Vec<_>>>()?;
    let subscriptions = rows
        .into_iter()
        .map(|(arn, topic, protocol, endpoint, settings)| {
            let settings = settings_from(&settings)?;
            Ok(SubscriptionSeen { arn, topic, protocol, endpoint, settings })
        })
        .collect::<ApiResult<Vec<_>>>()?;
    Ok(Whole { topics, queues, subscriptions })
}

/// Removes everything; who waits for messages learns that the queue is gone. Places in queues are not given out again.
pub(crate) fn empty(tx: &mut Tx<'_>) -> ApiResult<Removed> {
    let count = |table: &str| -> rusqlite::Result<i64> {
        tx.connection.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0))
    };
    let removed = Removed {
        topics: count("topics")?,
        queues: count("queues")?,
        subscriptions: count("subscriptions")?,
        messages: count("messages")?,
    };
    let texts = |sql: &str| -> rusqlite::Result<Vec<String>> {
        tx.connection.prepare(sql)?.query_map([], |row| row.get(0))?.collect()
    };
    // Whatever tables the layout has: only the one row of counters stays, so that no place and no handle comes back.
    let tables = texts(
        "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' AND name <> 'bus'",
    )?;
    let queues: Vec<i64> =
        tx.connection.prepare("SELECT id FROM queues")?.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
    // Tables refer to each other in an order that is not known here; all of them are empty in the end.
    tx.connection.pragma_update(None, "defer_foreign_keys", true)?;
    for table in tables {
        tx.connection.execute(&format!("DELETE FROM \"{}\"", table.replace('"', "\"\"")), [])?;
    }
    // The tasks went with the tables, but not how many they were: who trusted that would look for them for ever.
    moves::recount(tx)?;
    tx.catalogue_changed();
    for queue in queues {
        tx.wake(queue);
    }
    Ok(removed)
}

/// Whether a message waits, is in flight or is delayed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum State {
    Visible,
    InFlight,
    Delayed,
}

/// The state of the messages of `queue` up to the place `last`, by their places.
pub(crate) fn states(connection: &Connection, queue: i64, last: i64, now: i64) -> ApiResult<Vec<(i64, State)>> {
    Ok(connection
        .prepare_cached("SELECT seq, visible, receives FROM messages WHERE queue = ?1 AND seq <= ?2 ORDER BY seq")?
        .query_map((queue, last), |row| {
            let (visible, receives): (i64, i64) = (row.get(1)?, row.get(2)?);
            let state = match (visible > now, receives > 0) {
                (false, _) => State::Visible,
                (true, true) => State::InFlight,
                (true, false) => State::Delayed,
            };
            Ok((row.get(0)?, state))
        })?
        .collect::<rusqlite::Result<_>>()?)
}
