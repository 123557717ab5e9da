//! The room that the handlers have for the events of one queue, which is what bounds its prefetch.
//!
//! A receive reserves as much as is open; each event that came then takes a place with the handler that it goes to. Nobody knows
//! before the receive which handler that will be: an event for one that is busy waits beyond its room, and what the others have
//! stays open for theirs.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

/// What is taken and what is open.
#[derive(Debug)]
pub(super) struct Room {
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Debug)]
struct State {
    /// For each handler how many it takes at once, and how many are there; the last one is of what has no handler.
    places: Vec<(usize, usize)>,
    reserved: usize,
}

/// A place with a handler, given back when dropped.
#[derive(Debug)]
pub(super) struct Place {
    room: Arc<Room>,
    at: usize,
}

/// Room for what a receive under way may bring, given back when dropped.
#[derive(Debug)]
pub(super) struct Reservation {
    room: Arc<Room>,
    /// For so many events.
    pub(super) size: usize,
}

impl Room {
    /// Of handlers that take so many events at once.
    pub(super) fn new(handlers: impl Iterator<Item = usize>) -> Arc<Self> {
        let places = handlers.chain([0]).map(|size| (size, 0)).collect();
        Arc::new(Self { state: Mutex::new(State { places, reserved: 0 }), changed: Notify::new() })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many more events may be received.
    pub(super) fn open(&self) -> usize {
        self.lock().open()
    }

    /// How many events are here for which there is no room yet.
    pub(super) fn beyond(&self) -> usize {
        self.lock().places.iter().map(|(size, taken)| taken.saturating_sub(*size)).sum()
    }

    /// Reserves what is open, at most `most`.
    pub(super) fn reserve(self: &Arc<Self>, most: usize) -> Reservation {
        let mut state = self.lock();
        let size = state.open().min(most);
        state.reserved += size;
        drop(state);
        Reservation { room: self.clone(), size }
    }

    /// A place with this handler, or outside all of them.
    pub(super) fn take(self: &Arc<Self>, handler: Option<usize>) -> Place {
        let mut state = self.lock();
        let last = state.places.len() - 1;
        let at = handler.map_or(last, |handler| handler.min(last));
        state.places[at].1 += 1;
        drop(state);
        Place { room: self.clone(), at }
    }

    /// Returns when something was given back since it last did. For one who waits.
    pub(super) async fn changed(&self) {
        self.changed.notified().await;
    }
}

impl State {
    fn open(&self) -> usize {
        let free = self.places.iter().map(|(size, taken)| size.saturating_sub(*taken));
        free.fold(0, usize::saturating_add).saturating_sub(self.reserved)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.room.lock().places[self.at].1 -= 1;
        self.room.changed.notify_one();
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.room.lock().reserved -= self.size;
        self.room.changed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_waits_for_a_busy_handler_leaves_the_others_room() {
        let room = Room::new([1, 2].into_iter());
        assert_eq!((room.open(), room.beyond()), (3, 0));
        let reserved = room.reserve(10);
        assert_eq!((reserved.size, room.open()), (3, 0));
        drop(reserved);
        let first: Vec<_> = (0..5).map(|_| room.take(Some(0))).collect();
        assert_eq!((room.open(), room.beyond()), (2, 4));
        let without = room.take(None);
        assert_eq!((room.open(), room.beyond()), (2, 5));
        let second: Vec<_> = (0..2).map(|_| room.take(Some(1))).collect();
        assert_eq!((room.open(), room.reserve(1).size), (0, 0));
        drop((first, without, second));
        assert_eq!((room.open(), room.beyond()), (3, 0));
    }
}
