//! Opening the bus file: what it must be, what is refused and in which words, and how two processes that open a new one at
//! the same moment get along.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags, TransactionBehavior};

use super::filesystem::network_of;

/// "evbu": what `PRAGMA application_id` of a bus file says.
const APPLICATION: i64 = 0x6576_6275;
/// The layout this program writes.
const LAYOUT: i64 = 2;
/// How a file comes from each layout to the next: the first makes layout 1 out of nothing.
const STEPS: [&str; LAYOUT as usize] = [include_str!("schema.sql"), include_str!("layout2.sql")];

/// How long one lock is waited for before the caller is told that the file is busy.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long a lock is waited for without a word.
const SILENCE: Duration = Duration::from_millis(1_500);
/// How long the waiting sleeps at a time. SQLite's own back-off grows to 100 ms and starves whoever came second; short and
/// even naps give every process its turn.
const NAP: Duration = Duration::from_micros(200);

/// Hears, once for each wait, that a lock of another process has been waited for since one and a half seconds. Called on whatever thread
/// waits, which goes on waiting.
#[derive(Clone, Default)]
pub struct OnWait(Option<std::sync::Arc<dyn Fn() + Send + Sync>>);

impl OnWait {
    /// Calls `tell`.
    pub fn new(tell: impl Fn() + Send + Sync + 'static) -> Self {
        Self(Some(std::sync::Arc::new(tell)))
    }

    fn tell(&self) {
        if let Some(tell) = &self.0 {
            tell();
        }
    }
}

impl std::fmt::Debug for OnWait {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if self.0.is_some() { "OnWait(heard)" } else { "OnWait(unheard)" })
    }
}

/// Why a bus file cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The folder cannot be made.
    #[error("folder `{}` for the bus file cannot be created", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The path is a folder, a device, a socket.
    #[error("`{}` is not a regular file, so it cannot be a bus file", path.display())]
    NotAFile {
        /// The path.
        path: PathBuf,
    },
    /// The file or its folder must not be written.
    #[error("{what} `{}` is read-only, and the bus must be able to write there", path.display())]
    ReadOnly {
        /// `bus file` or `folder`.
        what: &'static str,
        /// Which.
        path: PathBuf,
    },
    /// The file is on a network file system.
    #[error("bus file `{}` is on a network file system ({kind}), where SQLite's shared memory does not work; it must be on a local disk", path.display())]
    Network {
        /// The file.
        path: PathBuf,
        /// `NFS`, `CIFS`, …
        kind: &'static str,
    },
    /// Not a database at all.
    #[error("`{}` is not a bus file: it is no SQLite database", path.display())]
    NotADatabase {
        /// The file.
        path: PathBuf,
    },
    /// A database of something else.
    #[error("`{}` is an SQLite database of another program, not a bus file", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// Written by a later version of this program.
    #[error("bus file `{}` has layout {found}, written by a newer eventbus; this one knows layouts up to {LAYOUT}", path.display())]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its layout.
        found: i64,
    },
    /// Damaged.
    #[error("bus file `{}` is damaged", path.display())]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// SQLite's words.
        source: rusqlite::Error,
    },
    /// Another process does not let go of it.
    #[error("bus file `{}` is locked by another process and was not free within {} s", path.display(), PATIENCE.as_secs())]
    Busy {
        /// The file.
        path: PathBuf,
    },
    /// The disk is full.
    #[error("the disk that holds bus file `{}` is full", path.display())]
    DiskFull {
        /// The file.
        path: PathBuf,
    },
    /// Anything else.
    #[error("bus file `{}` cannot be opened", path.display())]
    Other {
        /// The file.
        path: PathBuf,
        /// Why.
        source: rusqlite::Error,
    },
    /// The machine refuses a thread.
    #[error("the bus cannot start its threads")]
    Thread(#[source] std::io::Error),
}

impl OpenError {
    pub(super) fn of(path: &Path, source: rusqlite::Error) -> Self {
        let path = path.to_owned();
        match source.sqlite_error_code() {
            Some(ErrorCode::NotADatabase) => Self::NotADatabase { path },
            Some(ErrorCode::DatabaseCorrupt) => Self::Corrupt { path, source },
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Busy { path },
            Some(ErrorCode::ReadOnly) => Self::ReadOnly { what: "bus file", path },
            Some(ErrorCode::DiskFull) => Self::DiskFull { path },
            _ => Self::Other { path, source },
        }
    }
}

/// Checks the place, then opens, makes or refuses the file. Blocks, at worst for [`PATIENCE`].
pub(crate) fn prepare(path: &Path, on_wait: OnWait) -> Result<Connection, OpenError> {
    check_place(path)?;
    let new = make_private(path);
    let mut connection = connect_telling(path, on_wait.clone())?;
    initialise(&mut connection, path, &on_wait)?;
    if new {
        // A file whose name is lost with the power is lost whole. Where folders cannot be flushed nothing is gained or lost.
        let _ = std::fs::File::open(folder_of(path)).and_then(|folder| folder.sync_all());
    }
    Ok(connection)
}

/// One more connection to a file that [`prepare`] has accepted.
pub(crate) fn connect(path: &Path) -> Result<Connection, OpenError> {
    connect_telling(path, OnWait::default())
}

fn connect_telling(path: &Path, on_wait: OnWait) -> Result<Connection, OpenError> {
    // Never made here: a file that somebody has deleted must not come back empty.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let open = || -> rusqlite::Result<Connection> {
        let mut connection = Connection::open_with_flags(path, flags)?;
        let naps = |time: Duration| i32::try_from(time.as_micros() / NAP.as_micros()).unwrap_or(i32::MAX);
        let (most, silent) = (naps(PATIENCE), naps(SILENCE));
        connection.busy_handler(Some(move |attempt: i32| {
            if attempt == silent {
                on_wait.tell();
            }
            std::thread::sleep(NAP);
            attempt < most
        }))?;
        connection.set_prepared_statement_cache_capacity(128);
        connection.pragma_update(None, "synchronous", "FULL")?;
        connection.pragma_update(None, "foreign_keys", true)?;
        connection.pragma_update(None, "cache_size", -16_000)?;
        connection.pragma_update(None, "temp_store", "MEMORY")?;
        connection.pragma_update(None, "journal_size_limit", 64 << 20)?;
        // 16 MiB of log: pages that every transaction changes are brought home, and the disk is waited for, a quarter as often.
        connection.pragma_update(None, "wal_autocheckpoint", 4_000)?;
        // A plan never depends on what is bound: without this a statement whose LIMIT is bound is compiled anew at every use
        // (<https://sqlite.org/c3ref/c_dbconfig_defensive.html>), a tenth of the writing thread's time.
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
        Ok(connection)
    };
    let connection = open().map_err(|e| OpenError::of(path, e))?;
    if connection.is_readonly("main").unwrap_or(false) {
        return Err(OpenError::ReadOnly { what: "bus file", path: path.to_owned() });
    }
    Ok(connection)
}

/// Makes the folder if it is not there, for its owner's eyes only: payloads lie in it. The usual one keeps itself out of git.
fn make_folder(folder: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;
    if folder.is_dir() {
        return Ok(());
    }
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    if folder.file_name().is_some_and(|name| name == ".eventbus") {
        std::fs::write(folder.join(".gitignore"), "*\n")?;
    }
    Ok(())
}

/// Makes an empty file that only its owner may read, if there is none: SQLite gives its side files the same permissions.
/// Returns whether it did.
fn make_private(path: &Path) -> bool {
    use std::os::unix::fs::OpenOptionsExt as _;
    // Whatever fails here, SQLite meets next and says better.
    std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).is_ok()
}

fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

fn check_place(path: &Path) -> Result<(), OpenError> {
    let folder = folder_of(path);
    make_folder(folder).map_err(|source| OpenError::Folder { path: folder.to_owned(), source })?;
    if let Some(kind) = network_of(folder) {
        return Err(OpenError::Network { path: path.to_owned(), kind });
    }
    // The permission bits, not an attempt: root may write everywhere, and SQLite falls back to reading without a word.
    let locked = |place: &Path| std::fs::metadata(place).is_ok_and(|found| found.permissions().readonly());
    if locked(folder) {
        return Err(OpenError::ReadOnly { what: "folder", path: folder.to_owned() });
    }
    match std::fs::metadata(path) {
        Ok(found) if !found.is_file() => Err(OpenError::NotAFile { path: path.to_owned() }),
        Ok(_) if locked(path) => Err(OpenError::ReadOnly { what: "bus file", path: path.to_owned() }),
        _ => Ok(()),
    }
}

fn initialise(connection: &mut Connection, path: &Path, on_wait: &OnWait) -> Result<(), OpenError> {
    let failed = |e| OpenError::of(path, e);
    let pragma = |connection: &Connection, name: &str| -> rusqlite::Result<i64> {
        connection.pragma_query_value(None, name, |row| row.get(0))
    };
    let tables_of = |connection: &Connection| -> rusqlite::Result<i64> {
        connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))
    };
    // Before anything is written: what belongs to another program is left as it is, its journal mode included.
    let ours = pragma(connection, "application_id").map_err(failed)? == APPLICATION;
    if !ours && (tables_of(connection).map_err(failed)?, pragma(connection, "user_version").map_err(failed)?) != (0, 0)
    {
        // Another process may be making the file just now, or it is not ours: the transaction below tells them apart.
        let application = pragma(connection, "application_id").map_err(failed)?;
        if application != APPLICATION {
            return Err(OpenError::Foreign { path: path.to_owned() });
        }
    }
    enter_wal(connection, on_wait).map_err(failed)?;
    let layout = pragma(connection, "user_version").map_err(failed)?;
    let application = pragma(connection, "application_id").map_err(failed)?;
    if application == APPLICATION && layout == LAYOUT {
        return Ok(());
    }
    // Only one process at a time gets past here, and it looks again: another may have been quicker.
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed)?;
    let layout = pragma(&transaction, "user_version").map_err(failed)?;
    let application = pragma(&transaction, "application_id").map_err(failed)?;
    let tables = tables_of(&transaction).map_err(failed)?;
    match (application, layout, tables) {
        (APPLICATION, LAYOUT, _) => return Ok(()),
        (APPLICATION, newer, _) if newer > LAYOUT => {
            return Err(OpenError::Newer { path: path.to_owned(), found: newer });
        }
        (0, 0, 0) | (APPLICATION, 1.., _) => {}
        _ => return Err(OpenError::Foreign { path: path.to_owned() }),
    }
    // All steps in one transaction: a file is of one layout or of another, never between them.
    for step in STEPS.iter().skip(usize::try_from(layout).unwrap_or_default()) {
        transaction.execute_batch(step).map_err(failed)?;
    }
    transaction.pragma_update(None, "application_id", APPLICATION).map_err(failed)?;
    transaction.pragma_update(None, "user_version", LAYOUT).map_err(failed)?;
    transaction.commit().map_err(failed)
}

/// Switches to WAL. Changing the mode answers "locked" at once when another process is doing the same, whatever the busy
/// handler says, so it is asked again.
fn enter_wal(connection: &Connection, on_wait: &OnWait) -> rusqlite::Result<()> {
    let pause = Duration::from_millis(1);
    let times = |time: Duration| time.as_millis() / pause.as_millis();
    let mut left = times(PATIENCE);
    loop {
        if left == times(PATIENCE - SILENCE) {
            on_wait.tell();
        }
        let tried = connection.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get::<_, String>(0));
        match tried {
            Err(e) if matches!(e.sqlite_error_code(), Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked)) => {
                if left == 0 {
                    return Err(e);
                }
            }
            Err(e) => return Err(e),
            Ok(mode) if mode.eq_ignore_ascii_case("wal") => return Ok(()),
            // A memory database or a file system without shared memory stays in another mode and still works alone.
            Ok(_) => return Ok(()),
        }
        left -= 1;
        std::thread::sleep(pause);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prepare(path: &Path) -> Result<Connection, OpenError> {
        super::prepare(path, OnWait::default())
    }

    fn refusal(path: &Path) -> String {
        prepare(path).expect_err("must be refused").to_string()
    }

    #[test]
    fn a_new_file_in_a_new_folder_is_made_and_opened_again() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("deep/er/bus.db");
        drop(prepare(&path).unwrap());
        let again = prepare(&path).unwrap();
        let mode: String = again.pragma_query_value(None, "journal_mode", |r| r.get(0)).unwrap();
        let sync: i64 = again.pragma_query_value(None, "synchronous", |r| r.get(0)).unwrap();
        assert_eq!((mode.as_str(), sync), ("wal", 2));
    }

    #[test]
    fn only_its_owner_may_read_it_and_git_passes_it_over() {
        use std::os::unix::fs::PermissionsExt as _;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(".eventbus/bus.db");
        let open = prepare(&path).unwrap();
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(path.parent().unwrap()), mode(&path)), (0o700, 0o600));
        assert_eq!(mode(&path.with_extension("db-wal")), 0o600);
        assert_eq!(std::fs::read_to_string(path.with_file_name(".gitignore")).unwrap(), "*\n");
        drop(open);
    }

    #[test]
    fn what_is_no_bus_file_is_refused_with_a_sentence() {
        let dir = tempfile::tempdir().unwrap();
        let text = dir.path().join("text");
        std::fs::write(&text, "this is a text that is longer than a header of SQLite, which has 100 bytes ".repeat(20))
            .unwrap();
        assert!(refusal(&text).ends_with("is not a bus file: it is no SQLite database"));
        let foreign = dir.path().join("foreign");
        Connection::open(&foreign).unwrap().execute_batch("CREATE TABLE t (x)").unwrap();
        assert!(refusal(&foreign).contains("of another program"));
        let raw = Connection::open(&foreign).unwrap();
        let mode: String = raw.pragma_query_value(None, "journal_mode", |r| r.get(0)).unwrap();
        assert_eq!(mode, "delete", "what is another program's is left as it was");
        assert!(refusal(dir.path()).contains("not a regular file"));
    }

    #[test]
    fn a_newer_layout_is_refused_and_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("bus.db");
        prepare(&path).unwrap().pragma_update(None, "user_version", 99).unwrap();
        assert!(refusal(&path).contains("layout 99, written by a newer eventbus"));
        let raw = Connection::open(&path).unwrap();
        assert_eq!(raw.pragma_query_value(None, "user_version", |r| r.get::<_, i64>(0)).unwrap(), 99);
    }

    #[test]
    fn a_file_of_the_first_layout_is_brought_forward_with_what_it_holds() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("bus.db");
        let old = Connection::open(&path).unwrap();
        old.execute_batch(STEPS[0]).unwrap();
        old.execute_batch(
            "INSERT INTO queues VALUES (7, '000000000000', 'us-east-1', 'q', '{}', '{}', 1, 1, NULL);
             INSERT INTO contents VALUES (1, 1, 'kept', NULL, NULL);
             INSERT INTO messages (queue, seq, content, id, sent, visible, receives, group_id)
             VALUES (7, 2, 1, x'00', 1, 1, 0, 'tenant');
             UPDATE bus SET next_seq = 3;
             PRAGMA application_id = 0x65766275; PRAGMA user_version = 1;",
        )
        .unwrap();
        drop(old);
        let new = prepare(&path).unwrap();
        assert_eq!(new.pragma_query_value(None, "user_version", |r| r.get::<_, i64>(0)).unwrap(), LAYOUT);
        let kept: (String, i64) = new
            .query_row("SELECT body, next_seq FROM messages JOIN contents ON contents.id = content, bus", [], |r| {
                Ok((r.get(0)?, r.get(1)?))
            })
            .unwrap();
        assert_eq!(kept, ("kept".into(), 3));
        let groups: i64 = new.query_row("SELECT count(*) FROM groups", [], |r| r.get(0)).unwrap();
        assert_eq!(groups, 0, "a tenant of a standard queue is no group");
        let schema = |c: &Connection| -> Vec<String> {
            let mut statement = c.prepare("SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY name").unwrap();
            statement.query_map([], |r| r.get(0)).unwrap().map(Result::unwrap).collect()
        };
        let fresh = prepare(&dir.path().join("fresh.db")).unwrap();
        assert_eq!(schema(&new), schema(&fresh));
    }

    #[test]
    fn a_damaged_file_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("bus.db");
        drop(prepare(&path).unwrap());
        let mut bytes = std::fs::read(&path).unwrap();
        for byte in bytes.iter_mut().skip(100).take(3_900) {
            *byte = 0xA5;
        }
        std::fs::write(&path, bytes).unwrap();
        // The header is whole, so the version is read; the first look at a table meets the damage.
        let outcome = prepare(&path)
            .and_then(|c| c.query_row("SELECT count(*) FROM bus", [], |_| Ok(())).map_err(|e| OpenError::of(&path, e)));
        assert!(matches!(outcome, Err(OpenError::Corrupt { .. })), "{outcome:?}");
    }

    #[test]
    #[cfg(unix)]
    fn read_only_is_said_for_file_and_folder() {
        use std::os::unix::fs::PermissionsExt as _;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("bus.db");
        drop(prepare(&path).unwrap());
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o444)).unwrap();
        assert!(refusal(&path).starts_with("bus file"), "{}", refusal(&path));
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        std::fs::set_permissions(dir.path(), std::fs::Permissions::from_mode(0o555)).unwrap();
        let said = refusal(&path);
        std::fs::set_permissions(dir.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
        assert!(said.starts_with("folder") && said.contains("read-only"), "{said}");
    }
}
