//! Tasks that move dead letters, as rows: each step is one transaction and says in the file how far it came, so any process
//! that has the file open can take the next.

use rusqlite::OptionalExtension as _;

use super::super::error::ApiResult;
use super::super::names::QueueName;
use super::catalogue::Queue;
use super::fifo;
use super::writer::Tx;
use crate::clock::random_id;

/// Messages that one step moves at most, so that others get their turn.
const STEP: i64 = 100;
/// A task that was held up makes good for so much of the time at most, in microseconds: the rate is a limit.
const ARREARS: i64 = 1_000_000;
/// How long a task goes on after it was asked to stop. AWS was seen to move for another six seconds.
const STOPPING: i64 = 5_000;

/// How long a task may take, in milliseconds: 36 hours
/// (<https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-configure-dead-letter-queue-redrive.html>).
const LONGEST: i64 = 36 * 3_600_000;

/// A task that is under way.
struct Task {
    id: i64,
    started: i64,
    source: String,
    destination: Option<String>,
    rate: Option<i64>,
    last: i64,
    next: i64,
    cancelled: Option<i64>,
}

/// Says how many tasks run. To be called whenever that changed.
pub(crate) fn recount(tx: &Tx<'_>) -> ApiResult<()> {
    tx.connection
        .prepare_cached(
            "UPDATE bus SET moving = (SELECT count(*) FROM move_tasks WHERE status IN ('RUNNING', 'CANCELLING'))",
        )?
        .execute([])?;
    Ok(())
}

/// Moves what is due at `now`. Returns when something is due again; `None` when no task is left.
pub(crate) fn step(tx: &mut Tx<'_>, now: i64) -> ApiResult<Option<i64>> {
    let tasks = tx
        .connection
        .prepare_cached(
            "SELECT id, source, destination, rate, last, next, cancelled, started FROM move_tasks
             WHERE status IN ('RUNNING', 'CANCELLING') ORDER BY id",
        )?
        .query_map([], |row| {
            Ok(Task {
                id: row.get(0)?,
                source: row.get(1)?,
                destination: row.get(2)?,
                rate: row.get(3)?,
                last: row.get(4)?,
                next: row.get(5)?,
                cancelled: row.get(6)?,
                started: row.get(7)?,
            })
        })?
        .collect::<rusqlite::Result<Vec<_>>>()?;
    let mut due = None;
    for task in tasks {
        if let Some(next) = advance(tx, &task, now)? {
            due = Some(due.map_or(next, |due: i64| due.min(next)));
        }
    }
    Ok(due)
}

/// One step of one task; when the next is due, in milliseconds.
fn advance(tx: &mut Tx<'_>, task: &Task, now: i64) -> ApiResult<Option<i64>> {
    const GONE: &str = "AWS.SimpleQueueService.NonExistentQueue";
    if task.cancelled.is_some_and(|asked| now >= asked + STOPPING) {
        return end(tx, task, "CANCELLED", None);
    }
    if now >= task.started + LONGEST {
        return end(tx, task, "FAILED", Some("TaskTimedOut"));
    }
    let source = match QueueName::from_arn(&task.source) {
        Some(name) => tx.catalogue.maybe_queue(tx.connection, &name)?,
        None => None,
    };
    let Some(source) = source else { return end(tx, task, "FAILED", Some(GONE)) };
    let pace = task.rate.map_or(0, |rate| 1_000_000 / rate.max(1));
    let mut next = task.next.max(now * 1_000 - ARREARS);
    let quota = if pace == 0 { STEP } else { ((now * 1_000 - next).div_euclid(pace) + 1).clamp(0, STEP) };
    let found = candidates(tx, &source, task, now, quota.max(1))?;
    if found.is_empty() {
        return end(tx, task, if task.cancelled.is_some() { "CANCELLED" } else { "COMPLETED" }, None);
    }
    let mut moved = 0;
    for letter in found.into_iter().take(usize::try_from(quota).unwrap_or_default()) {
        let Some(arn) = task.destination.as_ref().or(letter.dead_letter_of.as_ref()) else {
            count(tx, task, moved, next)?;
            return end(tx, task, "FAILED", Some("CouldNotDetermineMessageSource"));
        };
        let target = match QueueName::from_arn(arn) {
            Some(name) => tx.catalogue.maybe_queue(tx.connection, &name)?,
            None => None,
        };
        let Some(target) = target else {
            count(tx, task, moved, next)?;
            return end(tx, task, "FAILED", Some(GONE));
        };
        put_over(tx, &source, &target, &letter, now)?;
        moved += 1;
        next += pace;
    }
    count(tx, task, moved, next)?;
    let due = if pace == 0 { now } else { next.div_euclid(1_000) + 1 };
    Ok(Some(task.cancelled.map_or(due, |asked| due.min(asked + STOPPING))))
}

fn count(tx: &Tx<'_>, task: &Task, moved: i64, next: i64) -> ApiResult<()> {
    tx.connection
        .prepare_cached("UPDATE move_tasks SET moved = moved + ?2, next = ?3 WHERE id = ?1")?
        .execute((task.id, moved, next))?;
    Ok(())
}

fn end(tx: &Tx<'_>, task: &Task, status: &str, failure: Option<&str>) -> ApiResult<Option<i64>> {
    tx.connection
        .prepare_cached("UPDATE move_tasks SET status = ?2, failure = ?3 WHERE id = ?1")?
        .execute((task.id, status, failure))?;
    recount(tx)?;
    Ok(None)
}

/// A message that is next to be moved.
struct Letter {
    seq: i64,
    dead_letter_of: Option<String>,
    group_id: Option<String>,
}

/// What may be received of what was there when the task began; in FIFO queues, of groups that wait for nothing.
fn candidates(tx: &Tx<'_>, source: &Queue, task: &Task, now: i64, most: i64) -> ApiResult<Vec<Letter>> {
    let sql = if source.fifo() {
        "SELECT m.seq, m.dead_letter_of, m.group_id FROM messages m
         JOIN groups g ON g.queue = m.queue AND g.group_id = m.group_id AND g.ready <= ?3
         WHERE m.queue = ?1 AND m.seq <= ?2 AND m.visible <= ?3 AND m.sent > ?4 ORDER BY m.seq LIMIT ?5"
    } else {
        "SELECT m.seq, m.dead_letter_of, NULL FROM messages m
         WHERE m.queue = ?1 AND m.seq <= ?2 AND m.visible <= ?3 AND m.sent > ?4 ORDER BY m.seq LIMIT ?5"
    };
    Ok(tx
        .connection
        .prepare_cached(sql)?
        .query_map((source.id, task.last, now, source.expired_before(now), most), |row| {
            Ok(Letter { seq: row.get(0)?, dead_letter_of: row.get(1)?, group_id: row.get(2)? })
        })?
        .collect::<rusqlite::Result<Vec<_>>>()?)
}

/// Moves one message: a new id, sent now, never received; content, attributes and group stay.
fn put_over(tx: &mut Tx<'_>, from: &Queue, to: &Queue, letter: &Letter, now: i64) -> ApiResult<()> {
    let place = tx.next_seq();
    let sequence = if to.fifo() { Some(fifo::sequence(tx)) } else { None };
    let visible = now + to.number("DelaySeconds") * 1_000;
    tx.connection
        .prepare_cached(
            "INSERT INTO messages (queue, seq, content, id, subscription, sent, visible, receives, group_id, dedup_id,
                                   sequence, trace)
             SELECT ?3, ?4, content, ?5, subscription, ?6, ?7, 0, group_id, dedup_id, ?8, trace
             FROM messages WHERE queue = ?1 AND seq = ?2",
        )?
        .execute((from.id, letter.seq, to.id, place, random_id().into_bytes(), now, visible, &sequence))?;
    tx.connection
        .prepare_cached("DELETE FROM messages WHERE queue = ?1 AND seq = ?2")?
        .execute((from.id, letter.seq))?;
    if let Some(group) = &letter.group_id {
        fifo::refresh(tx, from.id, group, now)?;
        if sequence.is_some() {
            fifo::arrived(tx, to.id, group, place, if visible > now { visible } else { 0 })?;
        }
    }
    tx.wake(to.id);
    Ok(())
}

/// The place after which nothing in the file belongs to a task that begins now.
pub(crate) fn place_now(tx: &mut Tx<'_>) -> i64 {
    tx.next_seq()
}

/// Whether a task runs for this source.
pub(crate) fn runs(tx: &Tx<'_>, source: &str) -> ApiResult<bool> {
    Ok(tx
        .connection
        .prepare_cached("SELECT 1 FROM move_tasks WHERE source = ?1 AND status IN ('RUNNING', 'CANCELLING')")?
        .query_row([source], |_| Ok(()))
        .optional()?
        .is_some())
}

/// How many tasks run for the queues of an account.
pub(crate) fn running(tx: &Tx<'_>, account: &str) -> ApiResult<i64> {
    Ok(tx
        .connection
        .prepare_cached(
            "SELECT count(*) FROM move_tasks WHERE status IN ('RUNNING', 'CANCELLING') AND source LIKE '%:' || ?1 || ':%'",
        )?
        .query_row([account], |row| row.get(0))?)
}
