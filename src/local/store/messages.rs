//! Messages and their contents as rows: putting in, taking, giving back, removing.
//!
//! The cost of every function here depends on how many messages it touches, never on how many wait.

use rusqlite::{Connection, OptionalExtension as _, Row};

use super::super::error::ApiResult;
use super::catalogue::Queue;
use super::fifo;
use super::writer::{Afterwards, Tx};

/// How many expired messages one receive clears away at most before it looks again.
const SWEEP: i64 = 1_000;

/// How many of those that became visible first a receive chooses from.
const NEXT: i64 = 32;

/// A message about to be put into a queue.
#[derive(Debug)]
pub(crate) struct Put<'a> {
    /// Its content's row.
    pub(crate) content: i64,
    /// The MessageId.
    pub(crate) id: [u8; 16],
    /// The end of the subscription's ARN, if the body is to be wrapped.
    pub(crate) subscription: Option<[u8; 16]>,
    /// When it was sent and from when on it may be received.
    pub(crate) sent: i64,
    pub(crate) visible: i64,
    /// The group of a FIFO queue, or the tenant of a fair queue.
    pub(crate) group_id: Option<&'a str>,
    /// In FIFO queues only.
    pub(crate) dedup_id: Option<&'a str>,
    /// In FIFO queues always, and nowhere else.
    pub(crate) sequence: Option<&'a str>,
    /// The trace header.
    pub(crate) trace: Option<&'a str>,
}

/// A message as it lies in the file, content included.
#[derive(Clone, Debug)]
pub(crate) struct Stored {
    pub(crate) seq: i64,
    pub(crate) id: [u8; 16],
    pub(crate) subscription: Option<[u8; 16]>,
    pub(crate) sent: i64,
    pub(crate) receives: i64,
    pub(crate) first_received: Option<i64>,
    pub(crate) dead_letter_of: Option<String>,
    pub(crate) group_id: Option<String>,
    pub(crate) dedup_id: Option<String>,
    pub(crate) sequence: Option<String>,
    pub(crate) trace: Option<String>,
    /// As sent, without any wrapper.
    pub(crate) body: String,
    /// JSON object, as the table says.
    pub(crate) attributes: Option<String>,
    /// JSON object, as the table says.
    pub(crate) sns: Option<String>,
    /// When it was received; zero when it was only looked at.
    pub(crate) taken_at: i64,
    /// From when on it could be received, before it was.
    pub(super) visible: i64,
    /// Whether this receive was its first.
    new: bool,
}

pub(super) const STORED: &str = "m.seq, m.id, m.subscription, m.sent, m.receives, m.first_received, m.dead_letter_of, \
                      m.group_id, m.dedup_id, m.sequence, m.trace, c.body, c.attributes, c.sns, m.visible";

impl Stored {
    pub(super) fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            seq: row.get(0)?,
            id: row.get(1)?,
            subscription: row.get(2)?,
            sent: row.get(3)?,
            receives: row.get(4)?,
            first_received: row.get(5)?,
            dead_letter_of: row.get(6)?,
            group_id: row.get(7)?,
            dedup_id: row.get(8)?,
            sequence: row.get(9)?,
            trace: row.get(10)?,
            body: row.get(11)?,
            attributes: row.get(12)?,
            sns: row.get(13)?,
            taken_at: 0,
            visible: row.get(14)?,
            new: false,
        })
    }
}

/// Stores a content that `refs` messages will share and returns its row.
pub(crate) fn put_content(
    tx: &mut Tx<'_>,
    refs: usize,
    body: &str,
    attributes: Option<&str>,
    sns: Option<&str>,
) -> ApiResult<i64> {
    // Any number never used before will do, and this one makes contents lie in the order of their messages.
    let id = tx.next_seq();
    tx.connection
        .prepare_cached("INSERT INTO contents (id, refs, body, attributes, sns) VALUES (?1, ?2, ?3, ?4, ?5)")?
        .execute((id, refs as i64, body, attributes, sns))?;
    Ok(id)
}

/// Puts a message at the end of `queue`.
pub(crate) fn put(tx: &mut Tx<'_>, queue: i64, message: &Put<'_>) -> ApiResult<()> {
    let seq = tx.next_seq();
    tx.connection
        .prepare_cached(
            "INSERT INTO messages (queue, seq, content, id, subscription, sent, visible, receives, group_id, trace,
                                   dedup_id, sequence)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 0, ?8, ?9, ?10, ?11)",
        )?
        .execute((
            queue,
            seq,
            message.content,
            message.id,
            message.subscription,
            message.sent,
            message.visible,
            message.group_id,
            message.trace,
            message.dedup_id,
            message.sequence,
        ))?;
    if let (Some(_), Some(group)) = (message.sequence, message.group_id) {
        let ready = if message.visible > message.sent { message.visible } else { 0 };
        fifo::arrived(tx, queue, group, seq, ready)?;
    }
    tx.wake(queue);
    Ok(())
}

/// Takes up to `most` messages that may be received at `now` and hides them until `hidden_until`. What was received too often
/// goes to `dead_letters` instead (a queue and how often is too often), what has expired is cleared away.
pub(crate) fn take(
    tx: &mut Tx<'_>,
    queue: &Queue,
    dead_letters: Option<(&Queue, i64)>,
    now: i64,
    hidden_until: i64,
    most: usize,
) -> ApiResult<Vec<Stored>> {
    if queue.fifo() {
        return fifo::take(tx, queue, dead_letters, now, hidden_until, most);
    }
    let mut taken: Vec<Stored> = Vec::with_capacity(most);
    while taken.len() < most {
        sweep(tx, queue, now)?;
        // Among the next few the oldest come first, so that what was given back is not overtaken by what came since
        // (recorded AWS answers, localstack tests, Apache-2.0: `test_inflight_message_requeue`).
        let mut found = tx
            .connection
            .prepare_cached(&format!(
                // The choice is made in the index; bodies are read of what is taken only.
                "SELECT {STORED} FROM (SELECT seq FROM (SELECT seq, sent FROM messages
                     WHERE queue = ?1 AND visible <= ?2 AND sent > ?3 ORDER BY visible, sent, seq LIMIT {NEXT})
                     ORDER BY sent, seq LIMIT ?4) n
                 CROSS JOIN messages m ON m.queue = ?1 AND m.seq = n.seq JOIN contents c ON c.id = m.content"
            ))?
            .query_map((queue.id, now, queue.expired_before(now), (most - taken.len()) as i64), Stored::read)?
            .collect::<rusqlite::Result<Vec<_>>>()?;
        // SQL promises no order to who joins with an ordered subquery.
        found.sort_by_key(|message| (message.sent, message.seq));
        if found.is_empty() {
            break;
        }
        for mut message in found {
            match dead_letters {
                Some((target, most_receives)) if message.receives >= most_receives => {
                    bury(tx, queue, target, &message, now)?;
                }
                _ => {
                    mark_taken(tx, queue.id, &mut message, now, hidden_until)?;
                    taken.push(message);
                }
            }
        }
        // A visibility timeout of zero leaves what was taken visible: without this it would be taken again and again. Where all
        // that was found was received too often, there may be others behind it.
        if dead_letters.is_none() || (hidden_until <= now && !taken.is_empty()) {
            break;
        }
    }
    Ok(taken)
}

/// Counts a receive and hides the message.
pub(super) fn mark_taken(tx: &Tx<'_>, queue: i64, message: &mut Stored, now: i64, hidden_until: i64) -> ApiResult<()> {
    message.receives += 1;
    message.taken_at = now;
    message.new = message.first_received.is_none();
    message.first_received.get_or_insert(now);
    tx.connection
        .prepare_cached(
            "UPDATE messages SET visible = ?3, receives = ?4, first_received = ?5 WHERE queue = ?1 AND seq = ?2",
        )?
        .execute((queue, message.seq, hidden_until, message.receives, message.first_received))?;
    Ok(())
}

/// Messages that were taken and not yet handed over. Dropped before that, they go back to where they were.
#[derive(Debug)]
pub(crate) struct Taken {
    queue: i64,
    hidden_until: i64,
    messages: Vec<Stored>,
    /// The id under which the receive may be asked for again.
    attempt: Option<String>,
    /// Absent: they were taken before and are only shown again, so nothing is to be undone.
    afterwards: Option<Afterwards>,
}

impl Taken {
    pub(crate) fn new(
        queue: i64,
        hidden_until: i64,
        messages: Vec<Stored>,
        attempt: Option<String>,
        afterwards: Option<Afterwards>,
    ) -> Self {
        Self { queue, hidden_until, messages, attempt, afterwards }
    }

    /// The messages, for good.
    pub(crate) fn hand_over(mut self) -> Vec<Stored> {
        std::mem::take(&mut self.messages)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.messages.is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        self.messages.len()
    }

    /// The queue's row.
    pub(crate) fn queue(&self) -> i64 {
        self.queue
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        let Some(afterwards) = self.afterwards.take().filter(|_| !self.messages.is_empty()) else { return };
        let (queue, hidden_until, messages) = (self.queue, self.hidden_until, std::mem::take(&mut self.messages));
        let attempt = self.attempt.take();
        afterwards.run(move |tx| {
            messages.iter().try_for_each(|message| untake(tx, queue, hidden_until, message))?;
            attempt.map_or(Ok(()), |attempt| fifo::unattempted(tx, queue, &attempt))
        });
    }
}

/// Makes a receive undone, unless the message has changed since.
fn untake(tx: &mut Tx<'_>, queue: i64, hidden_until: i64, message: &Stored) -> ApiResult<()> {
    tx.connection
        .prepare_cached(
            "UPDATE messages SET visible = ?5, receives = receives - 1, first_received = iif(?6, NULL, first_received)
             WHERE queue = ?1 AND seq = ?2 AND receives = ?3 AND visible = ?4",
        )?
        .execute((queue, message.seq, message.receives, hidden_until, message.visible, message.new))?;
    tx.wake(queue);
    refresh_of(tx, queue, message.sequence.as_ref().and(message.group_id.as_deref()), message.taken_at)
}

/// Looks at the group anew, where there is one.
fn refresh_of(tx: &mut Tx<'_>, queue: i64, group: Option<&str>, now: i64) -> ApiResult<()> {
    group.map_or(Ok(()), |group| fifo::refresh(tx, queue, group, now))
}

/// Moves a message to its dead-letter queue. Id, content, attributes and receive count stay; so does the time of sending, but
/// not in FIFO queues, where the message also gets a new sequence number and its own id for the deduplication id
/// (<https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/setting-up-dead-letter-queue-retention.html>).
/// The group it leaves is the caller's to refresh.
pub(super) fn bury(tx: &mut Tx<'_>, from: &Queue, to: &Queue, message: &Stored, now: i64) -> ApiResult<()> {
    let place = tx.next_seq();
    let (sequence, dedup_id, sent) = if to.fifo() {
        (Some(fifo::sequence(tx)), Some(uuid::Uuid::from_bytes(message.id).to_string()), now)
    } else {
        (None, None, message.sent)
    };
    tx.connection
        .prepare_cached(
            "INSERT INTO messages (queue, seq, content, id, subscription, sent, visible, receives, first_received,
                                   dead_letter_of, group_id, dedup_id, sequence, trace)
             SELECT ?3, ?4, content, id, subscription, ?7, ?5, receives, first_received,
                    ?6, group_id, ?8, ?9, trace FROM messages WHERE queue = ?1 AND seq = ?2",
        )?
        .execute((from.id, message.seq, to.id, place, now, from.name.arn(), sent, dedup_id, &sequence))?;
    tx.connection
        .prepare_cached("DELETE FROM messages WHERE queue = ?1 AND seq = ?2")?
        .execute((from.id, message.seq))?;
    if let (Some(_), Some(group)) = (sequence, &message.group_id) {
        fifo::arrived(tx, to.id, group, place, 0)?;
    }
    tx.wake(to.id);
    Ok(())
}

/// Removes expired messages that would be next to be received.
fn sweep(tx: &mut Tx<'_>, queue: &Queue, now: i64) -> ApiResult<()> {
    let deadline = queue.expired_before(now);
    loop {
        // Only the head of the queue is looked at: the oldest are there, give or take those in flight.
        let first: Option<i64> = tx
            .connection
            .prepare_cached(
                "SELECT sent FROM messages WHERE queue = ?1 AND visible <= ?2 ORDER BY visible, sent, seq LIMIT 1",
            )?
            .query_row((queue.id, now), |row| row.get(0))
            .optional()?;
        if first.is_none_or(|sent| sent > deadline) {
            return Ok(());
        }
        let expired = tx
            .connection
            .prepare_cached(
                "SELECT seq, sent FROM messages WHERE queue = ?1 AND visible <= ?2 ORDER BY visible, sent, seq LIMIT ?3",
            )?
            .query_map((queue.id, now, SWEEP), |row| Ok((row.get(0)?, row.get::<_, i64>(1)?)))?
            .collect::<rusqlite::Result<Vec<(i64, i64)>>>()?;
        for (seq, _) in expired.into_iter().filter(|(_, sent)| *sent <= deadline) {
            erase(tx, queue.id, seq)?;
        }
    }
}

/// Removes a message and looks at its group anew. Whether it was there.
pub(crate) fn remove(tx: &mut Tx<'_>, queue: i64, seq: i64, now: i64) -> ApiResult<bool> {
    let Some(group) = erase(tx, queue, seq)? else { return Ok(false) };
    refresh_of(tx, queue, group.as_deref(), now)?;
    Ok(true)
}

/// Removes a message, and its content with the last of those that share it. The group is the caller's to refresh; `None` if
/// the message was not there.
pub(super) fn erase(tx: &Tx<'_>, queue: i64, seq: i64) -> ApiResult<Option<Option<String>>> {
    let gone: Option<(i64, Option<String>)> = tx
        .connection
        .prepare_cached(
            "DELETE FROM messages WHERE queue = ?1 AND seq = ?2
             RETURNING content, iif(sequence IS NULL, NULL, group_id)",
        )?
        .query_row((queue, seq), |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let Some((content, group)) = gone else { return Ok(None) };
    let last = tx.connection.prepare_cached("DELETE FROM contents WHERE id = ?1 AND refs = 1")?.execute([content])?;
    if last == 0 {
        tx.connection.prepare_cached("UPDATE contents SET refs = refs - 1 WHERE id = ?1")?.execute([content])?;
    }
    Ok(Some(group))
}

/// Removes every message of a queue, whatever its state.
pub(crate) fn clear(tx: &Tx<'_>, queue: i64) -> ApiResult<()> {
    for sql in [
        "UPDATE contents SET refs = refs - n.times FROM (SELECT content, count(*) AS times FROM messages
         WHERE queue = ?1 GROUP BY content) n WHERE contents.id = n.content",
        "DELETE FROM contents WHERE id IN (SELECT content FROM messages WHERE queue = ?1) AND refs <= 0",
        "DELETE FROM messages WHERE queue = ?1",
        "DELETE FROM groups WHERE queue = ?1",
        "DELETE FROM attempts WHERE queue = ?1",
    ] {
        tx.connection.execute(sql, [queue])?;
    }
    Ok(())
}

/// A message's state, for those who hold a receipt: receives so far and when it becomes visible.
pub(crate) fn state(tx: &Tx<'_>, queue: i64, seq: i64) -> ApiResult<Option<(i64, i64)>> {
    Ok(tx
        .connection
        .prepare_cached("SELECT receives, visible FROM messages WHERE queue = ?1 AND seq = ?2")?
        .query_row((queue, seq), |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?)
}

/// Whether a message of a queue that is not FIFO could be received now: it lies there under this id, visible and not expired.
pub(crate) fn may_be_taken(tx: &Tx<'_>, queue: &Queue, seq: i64, id: &[u8; 16], now: i64) -> ApiResult<bool> {
    Ok(tx
        .connection
        .prepare_cached(
            "SELECT 1 FROM messages WHERE queue = ?1 AND seq = ?2 AND id = ?3 AND visible <= ?4 AND sent > ?5",
        )?
        .query_row((queue.id, seq, id, now, queue.expired_before(now)), |_| Ok(()))
        .optional()?
        .is_some())
}

/// Hides a message until another instant, or shows it.
pub(crate) fn set_visible(tx: &mut Tx<'_>, queue: i64, seq: i64, visible: i64, now: i64) -> ApiResult<()> {
    let group: Option<Option<String>> = tx
        .connection
        .prepare_cached(
            "UPDATE messages SET visible = ?3 WHERE queue = ?1 AND seq = ?2
             RETURNING iif(sequence IS NULL, NULL, group_id)",
        )?
        .query_row((queue, seq, visible), |row| row.get(0))
        .optional()?;
    tx.wake(queue);
    refresh_of(tx, queue, group.flatten().as_deref(), now)
}

/// When the next message of a queue becomes visible: at or before now means "there is one".
pub(crate) fn next_visible(connection: &Connection, queue: &Queue) -> ApiResult<Option<i64>> {
    let sql = if queue.fifo() {
        "SELECT min(ready) FROM groups WHERE queue = ?1"
    } else {
        "SELECT min(visible) FROM messages WHERE queue = ?1"
    };
    Ok(connection.prepare_cached(sql)?.query_row([queue.id], |row| row.get(0))?)
}

/// Messages that one receive takes at most.
const AT_ONCE: i64 = 10;

/// Whether a receive may take some more messages: fewer than `most` are in flight. What is counted lasts for as many receives
/// of this process as cannot use it up; what others take meanwhile is seen at the next count.
pub(crate) fn has_room(tx: &mut Tx<'_>, queue: &Queue, now: i64, most: i64) -> ApiResult<bool> {
    if let Some(left) = tx.room.get_mut(&queue.id).filter(|left| **left > 0) {
        *left -= 1;
        return Ok(true);
    }
    let room = most - hidden_or_in_flight(tx.connection, queue, now, most)?;
    // Less this one.
    tx.room.insert(queue.id, room / AT_ONCE - 1);
    Ok(room > 0)
}

/// How many messages are in flight, or, where there are fewer than `most` of both, in flight or delayed. Counted no further
/// than `most`.
fn hidden_or_in_flight(connection: &Connection, queue: &Queue, now: i64, most: i64) -> ApiResult<i64> {
    // The index tells hidden ones without their rows; nearly always there are too few of either kind.
    let hidden: i64 = connection
        .prepare_cached("SELECT count(*) FROM (SELECT 1 FROM messages WHERE queue = ?1 AND visible > ?2 LIMIT ?3)")?
        .query_row((queue.id, now, most), |row| row.get(0))?;
    if hidden < most {
        return Ok(hidden);
    }
    // Never those that are visible, of which there may be any number.
    Ok(connection
        .prepare_cached(
            "SELECT count(*) FROM (SELECT 1 FROM messages
             WHERE queue = ?1 AND visible > ?2 AND sent > ?3 AND receives > 0 LIMIT ?4)",
        )?
        .query_row((queue.id, now, queue.expired_before(now), most), |row| row.get(0))?)
}

/// How many messages may be received, are in flight, are delayed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) visible: i64,
    pub(crate) in_flight: i64,
    pub(crate) delayed: i64,
}

/// Counts a queue's messages, expired ones left out.
pub(crate) fn count(connection: &Connection, queue: &Queue, now: i64) -> ApiResult<Counts> {
    let deadline = queue.expired_before(now);
    // Answered from the index alone.
    let visible: i64 = connection
        .prepare_cached("SELECT count(*) FROM messages WHERE queue = ?1 AND visible <= ?2 AND sent > ?3")?
        .query_row((queue.id, now, deadline), |row| row.get(0))?;
    let (in_flight, delayed) = connection
        .prepare_cached(
            "SELECT coalesce(sum(receives > 0), 0), coalesce(sum(receives = 0), 0) FROM messages
             WHERE queue = ?1 AND visible > ?2 AND sent > ?3",
        )?
        .query_row((queue.id, now, deadline), |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(Counts { visible, in_flight, delayed })
}

/// How much a look at a queue brings at most.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    pub(crate) messages: usize,
    /// Of bodies and attributes together. The first message comes however large it is.
    pub(crate) bytes: usize,
}

/// The messages of a queue after `seq`, in order, whatever their state, expired ones left out; and whether there are more.
pub(crate) fn peek(
    connection: &Connection,
    queue: &Queue,
    after: i64,
    bounds: Bounds,
    now: i64,
) -> ApiResult<(Vec<Stored>, bool)> {
    let mut statement = connection.prepare_cached(&format!(
        "SELECT {STORED} FROM messages m JOIN contents c ON c.id = m.content
         WHERE m.queue = ?1 AND m.seq > ?2 AND m.sent > ?3 ORDER BY m.seq"
    ))?;
    let mut rows = statement.query((queue.id, after, queue.expired_before(now)))?;
    let (mut found, mut bytes) = (Vec::new(), 0);
    while let Some(row) = rows.next()? {
        if found.len() >= bounds.messages || bytes >= bounds.bytes {
            return Ok((found, true));
        }
        let stored = Stored::read(row)?;
        bytes += stored.body.len() + stored.attributes.as_ref().map_or(0, String::len);
        found.push(stored);
    }
    Ok((found, false))
}
