//! A ledger: a small SQLite file in which a run notes what it has done before it goes on, so that another run can resume it
//! after a crash. Opening is the same for all of them and stands here; each keeps its own tables.
//!
//! May use SQLite and the file system. Must never hold what has to be shared between machines.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, TransactionBehavior};

/// How long another process's lock is waited for.
const PATIENCE: Duration = Duration::from_secs(30);

/// What a ledger is for.
#[derive(Clone, Copy, Debug)]
pub struct Kind {
    /// In words, for sentences: `outbox`.
    pub name: &'static str,
    /// What `PRAGMA application_id` says: another program's file is never written to.
    pub application: i32,
    /// The statements that bring the file from each version to the next, the first from nothing.
    pub steps: &'static [&'static str],
}

/// Why a ledger cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LedgerError {
    /// It has to be there, and is not.
    #[error("there is no {kind} `{}`", path.display())]
    Missing {
        /// What kind.
        kind: &'static str,
        /// The file.
        path: PathBuf,
    },
    /// The file is of another program, or of another kind.
    #[error("`{}` is no {kind}", path.display())]
    Foreign {
        /// What kind was expected.
        kind: &'static str,
        /// The file.
        path: PathBuf,
    },
    /// A later version of this program has written it.
    #[error("{kind} `{}` was written by a later version (layout {found}, known up to {known})", path.display())]
    Newer {
        /// What kind.
        kind: &'static str,
        /// The file.
        path: PathBuf,
        /// Its layout.
        found: i64,
        /// The last that this program knows.
        known: usize,
    },
    /// The file cannot be made or opened.
    #[error("{kind} `{}` cannot be opened", path.display())]
    Open {
        /// What kind.
        kind: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// SQLite refused.
    #[error("{kind} `{}` cannot be used", path.display())]
    Unusable {
        /// What kind.
        kind: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        source: rusqlite::Error,
    },
}

/// Opens a ledger, and makes it (mode 0600) when `create` says so. What is committed in it survives a power failure.
///
/// # Errors
/// It is not there, is another program's, is of a later version, or cannot be read and written.
pub fn open(kind: Kind, path: &Path, create: bool) -> Result<Connection, LedgerError> {
    let unusable = |source| LedgerError::Unusable { kind: kind.name, path: path.to_owned(), source };
    if create {
        // SQLite would make it readable for everybody, and what is in it are people's messages.
        make(path).map_err(|source| LedgerError::Open { kind: kind.name, path: path.to_owned(), source })?;
    } else if !path.exists() {
        return Err(LedgerError::Missing { kind: kind.name, path: path.to_owned() });
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(path, flags).map_err(unusable)?;
    connection.busy_timeout(PATIENCE).map_err(unusable)?;
    let application: i32 = match connection.query_row("PRAGMA application_id", [], |row| row.get(0)) {
        Ok(application) => application,
        Err(rusqlite::Error::SqliteFailure(error, _)) if error.code == rusqlite::ErrorCode::NotADatabase => {
            return Err(LedgerError::Foreign { kind: kind.name, path: path.to_owned() });
        }
        Err(error) => return Err(unusable(error)),
    };
    let tables: i64 =
        connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0)).map_err(unusable)?;
    if application != kind.application && (application != 0 || tables > 0) {
        return Err(LedgerError::Foreign { kind: kind.name, path: path.to_owned() });
    }
    let _: String = connection.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0)).map_err(unusable)?;
    connection.execute_batch("PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON").map_err(unusable)?;
    let change = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(unusable)?;
    let version: i64 = change.query_row("PRAGMA user_version", [], |row| row.get(0)).map_err(unusable)?;
    let done = usize::try_from(version).unwrap_or(usize::MAX);
    let Some(steps) = kind.steps.get(done..) else {
        let known = kind.steps.len();
        return Err(LedgerError::Newer { kind: kind.name, path: path.to_owned(), found: version, known });
    };
    if !steps.is_empty() {
        for step in steps {
            change.execute_batch(step).map_err(unusable)?;
        }
        change
            .execute_batch(&format!(
                "PRAGMA application_id = {}; PRAGMA user_version = {}",
                kind.application,
                kind.steps.len()
            ))
            .map_err(unusable)?;
    }
    change.commit().map_err(unusable)?;
    Ok(connection)
}

fn make(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::OpenOptionsExt;
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder)?;
    }
    std::fs::OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(path).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: Kind = Kind { name: "outbox", application: 77, steps: &["CREATE TABLE a (x INTEGER)"] };
    const TWO: Kind =
        Kind { name: "outbox", application: 77, steps: &["CREATE TABLE a (x INTEGER)", "ALTER TABLE a ADD COLUMN y"] };

    #[test]
    fn a_ledger_is_made_kept_and_brought_forward() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("deep/outbox.db");
        assert_eq!(
            open(ONE, &path, false).unwrap_err().to_string(),
            format!("there is no outbox `{}`", path.display())
        );
        open(ONE, &path, true).unwrap().execute("INSERT INTO a VALUES (1)", []).unwrap();
        let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&path).unwrap().permissions());
        assert_eq!(mode & 0o777, 0o600);
        let two = open(TWO, &path, false).unwrap();
        assert_eq!(two.query_row("SELECT count(*) FROM a WHERE y IS NULL", [], |row| row.get::<_, i64>(0)), Ok(1));
        drop(two);
        assert!(matches!(open(ONE, &path, true), Err(LedgerError::Newer { found: 2, known: 1, .. })));
    }

    #[test]
    fn another_programs_file_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("other.db");
        Connection::open(&path).unwrap().execute_batch("CREATE TABLE theirs (x)").unwrap();
        assert!(matches!(open(ONE, &path, true), Err(LedgerError::Foreign { .. })));
        let text = dir.path().join("notes.txt");
        std::fs::write(&text, "these are notes, and long enough to have a header of a database".repeat(20)).unwrap();
        assert!(matches!(open(ONE, &text, true), Err(LedgerError::Foreign { .. })));
        assert!(std::fs::read_to_string(&text).unwrap().starts_with("these are notes"));
    }
}
