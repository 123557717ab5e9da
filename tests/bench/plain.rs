//! The measure of the store: what SQLite by itself takes to insert the very rows that the bus has stored.

use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::types::Value;
use rusqlite::{Connection, OpenFlags, params_from_iter};

/// A table of the bus that holds rows for each event.
struct Table {
    name: String,
    definition: String,
    rows: Vec<Vec<Value>>,
}

/// Rows of a bus file.
pub(crate) struct Rows {
    events: usize,
    tables: Vec<Table>,
}

impl Rows {
    /// The rows of `events` events out of a file that holds `total` and nothing else. Whatever tables the bus keeps its messages
    /// in are found by their number of rows, so that this does not name its schema.
    pub(crate) fn of(bus: &Path, total: usize, events: usize) -> Rows {
        let events = events.min(total);
        let connection = Connection::open_with_flags(bus, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
        let sql =
            "SELECT name, sql FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY rowid";
        let mut named = connection.prepare(sql).unwrap();
        let all = named.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
        let mut tables = Vec::new();
        for found in all {
            let (name, definition): (String, String) = found.unwrap();
            let count = |row: &rusqlite::Row<'_>| row.get::<_, i64>(0);
            let held = connection.query_row(&format!("SELECT count(*) FROM \"{name}\""), [], count).unwrap() as usize;
            if held < total {
                continue;
            }
            let wanted = held / total * events;
            let mut select = connection.prepare(&format!("SELECT * FROM \"{name}\" LIMIT {wanted}")).unwrap();
            let columns = select.column_count();
            let read = |row: &rusqlite::Row<'_>| (0..columns).map(|column| row.get(column)).collect();
            let rows: Vec<Vec<Value>> = select.query_map([], read).unwrap().collect::<Result<_, _>>().unwrap();
            tables.push(Table { name, definition, rows });
        }
        assert!(!tables.is_empty(), "no table of {} holds {total} rows", bus.display());
        Rows { events, tables }
    }

    /// In words.
    pub(crate) fn shape(&self) -> String {
        let parts = self.tables.iter().map(|table| format!("{} {}", table.rows.len() / self.events, table.name));
        parts.collect::<Vec<_>>().join(" and ")
    }

    /// Inserts event by event into the empty file `plain`, so many events to a transaction, each on disk before the next begins,
    /// and returns the events a second.
    pub(crate) fn insert(&self, plain: &Path, per_transaction: usize) -> f64 {
        let mut connection = Connection::open(plain).unwrap();
        connection.pragma_update(None, "journal_mode", "WAL").unwrap();
        connection.pragma_update(None, "synchronous", "FULL").unwrap();
        let mut inserts = Vec::new();
        for Table { name, definition, rows } in &self.tables {
            connection.execute_batch(definition).unwrap();
            let values = vec!["?"; rows[0].len()].join(",");
            inserts.push((rows, rows.len() / self.events, format!("INSERT INTO \"{name}\" VALUES ({values})")));
        }
        let began = Instant::now();
        for first in (0..self.events).step_by(per_transaction) {
            let last = self.events.min(first + per_transaction);
            let transaction = connection.transaction().unwrap();
            for (rows, each, sql) in &inserts {
                let mut statement = transaction.prepare_cached(sql).unwrap();
                for row in &rows[first * each..last * each] {
                    statement.execute(params_from_iter(row)).unwrap();
                }
            }
            transaction.commit().unwrap();
        }
        rate(self.events, began.elapsed())
    }

    /// Moves every row from one table to another of the same shape, so many events to a transaction, and returns the events a
    /// second: the row is read, inserted there and deleted here.
    pub(crate) fn relocate(&self, plain: &Path, per_transaction: usize) -> f64 {
        // One transaction: how they come to lie there is not measured.
        self.insert(plain, self.events);
        let mut connection = Connection::open(plain).unwrap();
        connection.pragma_update(None, "journal_mode", "WAL").unwrap();
        connection.pragma_update(None, "synchronous", "FULL").unwrap();
        let mut moves = Vec::new();
        for Table { name, definition, rows } in &self.tables {
            let there = format!("{name}_there");
            connection.execute_batch(&definition.replacen(name, &there, 1)).unwrap();
            let key: Vec<(usize, String)> = connection
                .prepare("SELECT cid, name FROM pragma_table_info(?1) WHERE pk > 0")
                .unwrap()
                .query_map([name], |row| Ok((row.get::<_, i64>(0)? as usize, row.get(1)?)))
                .unwrap()
                .collect::<Result<_, _>>()
                .unwrap();
            let is = key.iter().map(|(_, column)| format!("\"{column}\" = ?")).collect::<Vec<_>>().join(" AND ");
            let columns: Vec<usize> = key.into_iter().map(|(column, _)| column).collect();
            let copy = format!("INSERT INTO \"{there}\" SELECT * FROM \"{name}\" WHERE {is}");
            let delete = format!("DELETE FROM \"{name}\" WHERE {is}");
            moves.push((rows, rows.len() / self.events, columns, [copy, delete]));
        }
        let began = Instant::now();
        for first in (0..self.events).step_by(per_transaction) {
            let last = self.events.min(first + per_transaction);
            let transaction = connection.transaction().unwrap();
            for (rows, each, columns, sqls) in &moves {
                for row in &rows[first * each..last * each] {
                    for sql in sqls {
                        let key = columns.iter().map(|column| &row[*column]);
                        let done = transaction.prepare_cached(sql).unwrap().execute(params_from_iter(key)).unwrap();
                        assert_eq!(done, 1);
                    }
                }
            }
            transaction.commit().unwrap();
        }
        rate(self.events, began.elapsed())
    }
}

/// So many in that time, by the second.
pub(crate) fn rate(count: usize, took: Duration) -> f64 {
    count as f64 / took.as_secs_f64()
}
