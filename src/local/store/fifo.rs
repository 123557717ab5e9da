//! FIFO queues as rows: groups that wait for each other, sequence numbers, duplicates, receives that are asked for again.
//!
//! A group is received from up to its first message that is in flight or delayed. Which groups have something to give, and
//! whose turn it is, stands in a table of its own: a receive costs the same whether there is one group or a million.

use rusqlite::{OptionalExtension as _, Row};

use super::super::error::{ApiError, ApiResult};
use super::catalogue::Queue;
use super::messages::{self, STORED, Stored};
use super::writer::Tx;

/// How long a duplicate is known, and a receive may be asked for again: five minutes.
const WINDOW: i64 = 300_000;
/// Groups whose time came that one receive opens at most.
const OPENED: i64 = 1_000;
/// Forgotten duplicates that one send clears away at most.
const PRUNED: i64 = 16;
/// Where the sequence numbers of queues and topics begin: twenty digits each, and not each other's.
const QUEUE_NUMBERS: (u128, u128) = (18_850_000_000_000_000_000, 256);
const TOPIC_NUMBERS: (u128, u128) = (10_000_000_000_000_000_000, 1_000);

fn number(tx: &mut Tx<'_>, (first, step): (u128, u128)) -> String {
    let place = u128::from(tx.next_seq().unsigned_abs());
    (first + place * step).to_string()
}

/// The next sequence number in a queue: larger than every earlier one of this file.
pub(crate) fn sequence(tx: &mut Tx<'_>) -> String {
    number(tx, QUEUE_NUMBERS)
}

/// The next sequence number of a topic.
pub(crate) fn topic_sequence(tx: &mut Tx<'_>) -> String {
    number(tx, TOPIC_NUMBERS)
}

/// What was sent before under the same id.
#[derive(Debug)]
pub(crate) struct Earlier {
    pub(crate) message: [u8; 16],
    pub(crate) sequence: String,
}

/// Whether `owner` (a queue, or minus a topic) was sent this in the last five minutes. `group` is empty where the scope is
/// wider than a group.
pub(crate) fn seen(tx: &Tx<'_>, owner: i64, group: &str, dedup_id: &str, now: i64) -> ApiResult<Option<Earlier>> {
    Ok(tx
        .connection
        .prepare_cached(
            "SELECT message, sequence FROM sent_ids WHERE owner = ?1 AND dedup_id = ?2 AND group_id = ?3 AND until > ?4",
        )?
        .query_row((owner, dedup_id, group, now), |row| Ok(Earlier { message: row.get(0)?, sequence: row.get(1)? }))
        .optional()?)
}

/// Keeps what [`seen`] finds.
pub(crate) fn remember(
    tx: &Tx<'_>,
    owner: i64,
    group: &str,
    dedup_id: &str,
    message: [u8; 16],
    sequence: &str,
    now: i64,
) -> ApiResult<()> {
    // Found first and removed one by one: in one statement SQLite would walk through everything this owner was sent.
    let old = tx
        .connection
        .prepare_cached("SELECT owner, dedup_id, group_id FROM sent_ids WHERE until <= ?1 ORDER BY until LIMIT ?2")?
        .query_map((now, PRUNED), |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?
        .collect::<rusqlite::Result<Vec<(i64, String, String)>>>()?;
    for key in old {
        tx.connection
            .prepare_cached("DELETE FROM sent_ids WHERE owner = ?1 AND dedup_id = ?2 AND group_id = ?3")?
            .execute(key)?;
    }
    tx.connection.prepare_cached("INSERT OR REPLACE INTO sent_ids VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?.execute((
        owner,
        dedup_id,
        group,
        message,
        sequence,
        now + WINDOW,
    ))?;
    Ok(())
}

/// Forgets everything that belongs to a queue that is deleted, or to a topic (minus its id).
pub(crate) fn forget(tx: &Tx<'_>, owner: i64) -> ApiResult<()> {
    tx.connection.prepare_cached("DELETE FROM sent_ids WHERE owner = ?1")?.execute([owner])?;
    Ok(())
}

/// A message was put at the end of its group. `ready` is when it may be received, zero for at once.
pub(super) fn arrived(tx: &Tx<'_>, queue: i64, group: &str, seq: i64, ready: i64) -> ApiResult<()> {
    tx.connection
        .prepare_cached(
            "INSERT INTO groups (queue, group_id, head, ready) VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING",
        )?
        .execute((queue, group, seq, ready))?;
    Ok(())
}

/// Something of a group changed: says anew from when on it may be received, which is when its first message may. What comes
/// after the first that may not waits with it (recorded AWS answers, localstack tests, Apache-2.0:
/// `test_fifo_group_visibility_extends_with_change_message_visibility`).
pub(super) fn refresh(tx: &mut Tx<'_>, queue: i64, group: &str, now: i64) -> ApiResult<()> {
    let first: Option<(i64, i64)> = tx
        .connection
        .prepare_cached(
            "SELECT seq, visible FROM messages INDEXED BY messages_group
             WHERE queue = ?1 AND group_id = ?2 AND sequence IS NOT NULL ORDER BY seq LIMIT 1",
        )?
        .query_row((queue, group), |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let Some((turn, visible)) = first else {
        tx.connection
            .prepare_cached("DELETE FROM groups WHERE queue = ?1 AND group_id = ?2")?
            .execute((queue, group))?;
        return Ok(());
    };
    let ready = Some(visible).filter(|ready| *ready > now).unwrap_or(0);
    tx.connection
        .prepare_cached(
            "INSERT INTO groups (queue, group_id, head, ready) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT DO UPDATE SET ready = excluded.ready",
        )?
        .execute((queue, group, turn, ready))?;
    if ready == 0 {
        tx.wake(queue);
    }
    Ok(())
}

/// As [`messages::take`], group by group: whose turn it is gives as many as it has and goes to the end of the line (recorded
/// AWS answers, localstack tests, Apache-2.0: `test_fifo_receive_message_with_zero_visibility_timeout`,
/// `test_fifo_message_group_visibility_after_terminate_visibility_timeout`).
pub(super) fn take(
    tx: &mut Tx<'_>,
    queue: &Queue,
    dead_letters: Option<(&Queue, i64)>,
    now: i64,
    hidden_until: i64,
    most: usize,
) -> ApiResult<Vec<Stored>> {
    // One by one, too.
    let opened = tx
        .connection
        .prepare_cached(
            "SELECT group_id FROM groups WHERE queue = ?1 AND ready > 0 AND ready <= ?2 ORDER BY ready LIMIT ?3",
        )?
        .query_map((queue.id, now, OPENED), |row| row.get(0))?
        .collect::<rusqlite::Result<Vec<String>>>()?;
    for group in opened {
        tx.connection
            .prepare_cached("UPDATE groups SET ready = 0 WHERE queue = ?1 AND group_id = ?2")?
            .execute((queue.id, group))?;
    }
    let mut taken = Vec::with_capacity(most);
    let mut done: Vec<String> = Vec::new();
    let mut after = 0;
    while taken.len() < most {
        // `head` is the group's turn: the place of its first message, or of the moment when it was last received from.
        let next: Option<(String, i64)> = tx
            .connection
            .prepare_cached(
                "SELECT group_id, head FROM groups WHERE queue = ?1 AND ready = 0 AND head > ?2 ORDER BY head LIMIT 1",
            )?
            .query_row((queue.id, after), |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        let Some((group, head)) = next else { break };
        after = head;
        // Taken for no time at all, or shortened by its dead letters, a group would be met again.
        if !done.contains(&group) {
            take_group(tx, queue, &group, dead_letters, now, hidden_until, most, &mut taken)?;
            done.push(group);
        }
    }
    Ok(taken)
}

#[expect(clippy::too_many_arguments, reason = "what a receive says, handed on once")]
fn take_group(
    tx: &mut Tx<'_>,
    queue: &Queue,
    group: &str,
    dead_letters: Option<(&Queue, i64)>,
    now: i64,
    hidden_until: i64,
    most: usize,
    taken: &mut Vec<Stored>,
) -> ApiResult<()> {
    let before = taken.len();
    let turn = tx.next_seq();
    tx.connection
        .prepare_cached("UPDATE groups SET head = ?3 WHERE queue = ?1 AND group_id = ?2")?
        .execute((queue.id, group, turn))?;
    while taken.len() == before {
        let found = tx
            .connection
            .prepare_cached(&format!(
                "SELECT {STORED} FROM messages m INDEXED BY messages_group JOIN contents c ON c.id = m.content
                 WHERE m.queue = ?1 AND m.group_id = ?2 AND m.sequence IS NOT NULL ORDER BY m.seq LIMIT ?3"
            ))?
            .query_map((queue.id, group, (most - before) as i64), Stored::read)?
            .collect::<rusqlite::Result<Vec<_>>>()?;
        let mut blocked = found.is_empty();
        for mut message in found {
            if message.sent <= queue.expired_before(now) {
                messages::erase(tx, queue.id, message.seq)?;
            } else if message.visible > now {
                blocked = true;
                break;
            } else {
                match dead_letters {
                    Some((target, limit)) if message.receives >= limit => {
                        messages::bury(tx, queue, target, &message, now)?;
                    }
                    _ => {
                        messages::mark_taken(tx, queue.id, &mut message, now, hidden_until)?;
                        taken.push(message);
                    }
                }
            }
        }
        if blocked {
            break;
        }
    }
    refresh(tx, queue.id, group, now)
}

/// Keeps what a receive took, for whoever asks again under the same id.
pub(crate) fn attempted(
    tx: &Tx<'_>,
    queue: i64,
    attempt: &str,
    taken: &[Stored],
    now: i64,
    hidden_until: i64,
) -> ApiResult<()> {
    tx.connection
        .prepare_cached("DELETE FROM attempts WHERE queue = ?1 AND at <= ?2")?
        .execute((queue, now - WINDOW))?;
    let pairs: Vec<(i64, i64)> = taken.iter().map(|message| (message.seq, message.receives)).collect();
    let text = serde_json::to_string(&pairs).map_err(|e| ApiError::internal(e.to_string()))?;
    tx.connection.prepare_cached("INSERT OR REPLACE INTO attempts VALUES (?1, ?2, ?3, ?4, ?5)")?.execute((
        queue,
        attempt,
        now,
        hidden_until,
        text,
    ))?;
    Ok(())
}

/// Forgets an attempt whose messages nobody got.
pub(super) fn unattempted(tx: &Tx<'_>, queue: i64, attempt: &str) -> ApiResult<()> {
    tx.connection
        .prepare_cached("DELETE FROM attempts WHERE queue = ?1 AND attempt = ?2")?
        .execute((queue, attempt))?;
    Ok(())
}

/// The messages that the receive `attempt` took, hidden anew; `None` when there was no such receive or they can be seen again.
/// Refused when one of them was deleted or its visibility changed: it is possible to retry "if none of the messages have been
/// modified" (<https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ReceiveMessage.html>).
pub(crate) fn again(
    tx: &mut Tx<'_>,
    queue: i64,
    attempt: &str,
    now: i64,
    hidden_until: i64,
) -> ApiResult<Option<Vec<Stored>>> {
    let read = |row: &Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?));
    let known: Option<(i64, i64, String)> = tx
        .connection
        .prepare_cached("SELECT at, hidden, messages FROM attempts WHERE queue = ?1 AND attempt = ?2 AND at > ?3")?
        .query_row((queue, attempt, now - WINDOW), read)
        .optional()?;
    let Some((at, hidden, pairs)) = known.filter(|(_, hidden, _)| *hidden > now) else { return Ok(None) };
    let pairs: Vec<(i64, i64)> = serde_json::from_str(&pairs).unwrap_or_default();
    let mut found = Vec::with_capacity(pairs.len());
    for (seq, receives) in pairs {
        let message = tx
            .connection
            .prepare_cached(&format!(
                "SELECT {STORED} FROM messages m JOIN contents c ON c.id = m.content
                 WHERE m.queue = ?1 AND m.seq = ?2 AND m.receives = ?3 AND m.visible = ?4"
            ))?
            .query_row((queue, seq, receives, hidden), Stored::read)
            .optional()?;
        match message {
            Some(mut message) => {
                message.taken_at = at;
                found.push(message);
            }
            None => {
                return Err(ApiError::invalid_value(format!(
                    "Value {attempt} for parameter ReceiveRequestAttemptId is invalid. Reason: The receiveRequestAttemptId is not valid anymore since the receive call is not retryable."
                )));
            }
        }
    }
    for message in &found {
        messages::set_visible(tx, queue, message.seq, hidden_until, now)?;
    }
    tx.connection.prepare_cached("UPDATE attempts SET hidden = ?3 WHERE queue = ?1 AND attempt = ?2")?.execute((
        queue,
        attempt,
        hidden_until,
    ))?;
    Ok(Some(found))
}
