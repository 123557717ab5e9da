//! The room that the handlers have for the events of one queue, which is what bounds its prefetch.
//!
//! A receive reserves as much as is open; each event that came then takes a place with the handler that it goes to. Nobody knows
//! before the receive which handler that will be: an event for one that is busy waits beyond its room, and what the others have
//! stays open for theirs.
//!
//! A handler that is quick waits for receives more than it works, so it gets some events ahead, as many as a receive brings; one
//! that takes its time gets none: they would wait for it while another consumer is free. Nor does one that failed: what waits
//! for it may burn its receives in vain.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use crate::bus::MAX_BATCH;

/// A handler that takes no longer for an event is quick.
const QUICK: Duration = Duration::from_millis(100);

/// What is taken and what is open.
#[derive(Debug)]
pub(super) struct Room {
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Debug)]
struct State {
    /// One for each handler; the last one is of what has no handler.
    seats: Vec<Seats>,
    reserved: usize,
}

/// A handler's.
#[derive(Debug)]
struct Seats {
    /// How many events it takes at once.
    size: usize,
    /// How many are there.
    taken: usize,
    /// Whether it was quick the last time, and did its work.
    quick: bool,
}

impl Seats {
    fn new(size: usize) -> Self {
        Self { size, taken: 0, quick: false }
    }

    /// What may come now. One with events ahead is not filled up one by one: each receive costs.
    fn open(&self) -> usize {
        let ahead = if self.quick { self.size.max(MAX_BATCH) } else { 0 };
        let open = (self.size + ahead).saturating_sub(self.taken);
        if self.taken < self.size || open >= MAX_BATCH { open } else { 0 }
    }
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
        let seats = handlers.chain([0]).map(Seats::new).collect();
        Arc::new(Self { state: Mutex::new(State { seats, reserved: 0 }), changed: Notify::new() })
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
        self.lock().seats.iter().map(|seats| seats.taken.saturating_sub(seats.size)).sum()
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
        let last = state.seats.len() - 1;
        let at = handler.map_or(last, |handler| handler.min(last));
        state.seats[at].taken += 1;
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
        self.seats.iter().map(Seats::open).fold(0, usize::saturating_add).saturating_sub(self.reserved)
    }
}

impl Place {
    /// Gives it back: its event was handled in so long a time, well or not. One of what has no handler is only dropped.
    pub(super) fn used(self, took: Duration, well: bool) {
        self.room.lock().seats[self.at].quick = well && took <= QUICK;
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.room.lock().seats[self.at].taken -= 1;
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

    #[test]
    fn a_quick_handler_gets_as_many_ahead_as_a_receive_brings() {
        let room = Room::new([2].into_iter());
        room.take(Some(0)).used(QUICK, true);
        assert_eq!(room.open(), 12);
        let mut there: Vec<_> = (0..12).map(|_| room.take(Some(0))).collect();
        assert_eq!(room.open(), 0);
        there.truncate(3);
        assert_eq!(room.open(), 0, "it has one to go on with, and a receive brings ten");
        there.truncate(2);
        assert_eq!(room.open(), 10);
        there.pop().unwrap().used(QUICK + Duration::from_millis(1), true);
        assert_eq!(room.open(), 1, "it takes its time by now");
        there.pop().unwrap().used(QUICK, false);
        assert_eq!(room.open(), 2, "what fails gets none ahead");
    }
}
