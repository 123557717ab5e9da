//! How many connections there is room for: as many as the process may have files open.

use nix::sys::resource::{Resource, getrlimit, setrlimit};

/// Descriptors that are not for connections: the bus file, its log and its index for each reader, the runtime's own.
const RESERVED: u64 = 64;
/// More than this nobody needs, and some systems allow a thousand million.
const MOST: u64 = 65_536;

/// Raises the limit of open files as far as the system lets this process, and returns how many connections that leaves room for.
pub fn room_for_connections() -> usize {
    let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE) else { return usize::MAX };
    let wanted = hard.min(MOST);
    // A system may refuse what it has just said (macOS does): then it stays as it was.
    let limit = if soft < wanted && setrlimit(Resource::RLIMIT_NOFILE, wanted, hard).is_ok() { wanted } else { soft };
    usize::try_from(limit.saturating_sub(RESERVED).max(1)).unwrap_or(usize::MAX)
}
