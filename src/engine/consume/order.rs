//! Groups of events that are handled one after another.

use std::collections::{HashMap, VecDeque};

use tokio::time::Instant;

use super::work::Item;

/// The groups one of whose events is being handled, or waits for its next attempt here. Those behind it take no room with their
/// handlers, so that other groups go on.
#[derive(Default)]
pub(super) struct Order {
    groups: HashMap<String, VecDeque<Item>>,
    put_off: Vec<(Box<Item>, Instant)>,
}

impl Order {
    /// How many events wait.
    pub(super) fn len(&self) -> usize {
        self.put_off.len() + self.groups.values().map(VecDeque::len).sum::<usize>()
    }

    /// Gives the event back when it may be handled now; else it waits behind the one of its group.
    pub(super) fn admit(&mut self, item: Item) -> Option<Item> {
        let Some(group) = &item.group else { return Some(item) };
        match self.groups.get_mut(group) {
            Some(waiting) => {
                waiting.push_back(item);
                None
            }
            None => {
                self.groups.insert(group.clone(), VecDeque::new());
                Some(item)
            }
        }
    }

    /// The first of its group is tried again then. It and those behind it keep their places.
    pub(super) fn put_off(&mut self, item: Box<Item>, at: Instant) {
        self.put_off.push((item, at));
    }

    /// When the next of those is due.
    pub(super) fn next_due(&self) -> Option<Instant> {
        self.put_off.iter().map(|(_, at)| *at).min()
    }

    /// Those that are.
    pub(super) fn due(&mut self, now: Instant) -> Vec<Item> {
        let due = self.put_off.extract_if(.., |(_, at)| *at <= now);
        due.map(|(item, _)| *item).collect()
    }

    /// The next of a group whose first is out of the queue; the group is gone when there is none.
    pub(super) fn next_of(&mut self, group: &str) -> Option<Item> {
        let next = self.groups.get_mut(group)?.pop_front();
        if next.is_none() {
            self.groups.remove(group);
        }
        next
    }

    /// The group is gone: those behind its first.
    pub(super) fn disband(&mut self, group: &str) -> Vec<Item> {
        self.groups.remove(group).into_iter().flatten().collect()
    }

    /// The groups whose first is tried again later.
    pub(super) fn put_off_groups(&self) -> Vec<String> {
        self.put_off.iter().filter_map(|(item, _)| item.group.clone()).collect()
    }

    /// Takes those behind the first of a group out; it stays.
    pub(super) fn followers(&mut self, group: &str) -> Vec<Item> {
        self.groups.get_mut(group).map(std::mem::take).into_iter().flatten().collect()
    }

    /// The same of all groups.
    pub(super) fn all_followers(&mut self) -> Vec<Item> {
        self.groups.values_mut().flat_map(std::mem::take).collect()
    }

    /// Takes out what would have been tried again.
    pub(super) fn leave(&mut self) -> Vec<(Box<Item>, Instant)> {
        std::mem::take(&mut self.put_off)
    }
}
