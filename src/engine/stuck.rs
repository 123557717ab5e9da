//! Message groups of FIFO topics and queues of which a message was not sent: what comes after it must not overtake it.

use std::collections::HashSet;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Such groups of one run, each with the topic or queue that it goes to. Clones share them.
///
/// Only hashes are kept: a run may have as many groups as messages, and its memory stays flat. Two that hash alike hold each
/// other back, which loses nothing.
#[derive(Clone, Debug, Default)]
pub(crate) struct Stuck {
    groups: Arc<Mutex<HashSet<u64>>>,
    hasher: RandomState,
}

impl Stuck {
    fn groups(&self) -> MutexGuard<'_, HashSet<u64>> {
        self.groups.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A message of `group` was not sent to `place`.
    pub(crate) fn add(&self, place: &str, group: &str) {
        self.groups().insert(self.hasher.hash_one((place, group)));
    }

    /// Whether that happened before.
    pub(crate) fn has(&self, place: &str, group: &str) -> bool {
        self.groups().contains(&self.hasher.hash_one((place, group)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_is_one_of_its_place() {
        let stuck = Stuck::default();
        stuck.clone().add("orders.fifo", "a");
        assert!(stuck.has("orders.fifo", "a"), "clones share what they know");
        assert!(!stuck.has("orders.fifo", "b") && !stuck.has("users.fifo", "a") && !stuck.has("orders.fif", "oa"));
    }
}
