//! Whether the path of the bus still leads to the file that was opened.
//!
//! A file that is deleted or replaced while it is open lives on without a name: SQLite goes on writing to it, and all of it is
//! gone with the last process that has it open. So nothing is acknowledged that went to such a file.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use super::super::error::{ApiError, ApiResult};

/// What tells one file from every other while it exists: its device and its number there.
type Identity = (u64, u64);

/// Where the bus is, and what lay there when it was opened.
#[derive(Debug)]
pub(crate) struct Place {
    path: PathBuf,
    file: Option<Identity>,
    /// The write-ahead log, which holds what is not in the file yet. It exists for as long as anybody has the file open.
    log: PathBuf,
    log_file: Option<Identity>,
}

impl Place {
    /// Of a bus file that was opened and read, so that its log is there.
    pub(super) fn of(path: &Path) -> Self {
        let mut log = path.as_os_str().to_owned();
        log.push("-wal");
        let log = PathBuf::from(log);
        Self { file: identity(path), log_file: identity(&log), path: path.to_owned(), log }
    }

    /// Whether the file is still the one that was opened.
    pub(crate) fn holds(&self) -> bool {
        // What could not be told apart at the beginning cannot be later.
        self.file.is_none() || identity(&self.path) == self.file
    }

    /// # Errors
    /// The file is no longer there, or another one is.
    pub(super) fn check_file(&self) -> ApiResult<()> {
        if self.holds() { Ok(()) } else { Err(self.gone(&self.path)) }
    }

    /// The same for the file and its log: what was written is where the next one to open the bus will look for it.
    pub(super) fn check(&self) -> ApiResult<()> {
        self.check_file()?;
        let same = self.log_file.is_none() || identity(&self.log) == self.log_file;
        if same { Ok(()) } else { Err(self.gone(&self.log)) }
    }

    fn gone(&self, what: &Path) -> ApiError {
        ApiError::unusable(self.sentence(what))
    }

    /// What is said when the bus file is gone.
    pub(crate) fn lost(&self) -> String {
        self.sentence(&self.path)
    }

    fn sentence(&self, what: &Path) -> String {
        let fate = if what.exists() { "replaced by another file" } else { "deleted" };
        format!("`{}` was {fate} while the bus had it open, so nothing more can be kept in it", what.display())
    }
}

fn identity(path: &Path) -> Option<Identity> {
    std::fs::metadata(path).ok().map(|found| (found.dev(), found.ino()))
}
