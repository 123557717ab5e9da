//! The only file that reads a clock or draws a random id. Everything else is handed the value, or a [`Clock`].

use std::cell::RefCell;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use jiff::Timestamp;

/// Where "now" comes from: the machine, or a test's hand.
#[derive(Clone, Debug, Default)]
pub struct Clock(Option<Arc<AtomicI64>>);

impl Clock {
    /// The machine's wall clock.
    pub fn system() -> Self {
        Self(None)
    }

    /// A clock that stands still at `epoch_ms` until [`Clock::advance`] moves it.
    pub fn manual(epoch_ms: i64) -> Self {
        Self(Some(Arc::new(AtomicI64::new(epoch_ms))))
    }

    /// Moves a manual clock; does nothing to the machine's.
    pub fn advance(&self, by: std::time::Duration) {
        if let Some(manual) = &self.0 {
            manual.fetch_add(by.as_millis() as i64, Ordering::SeqCst);
        }
    }

    /// Moves a manual clock back, as a machine's is when it was wrong; does nothing to the machine's.
    pub fn turn_back(&self, by: std::time::Duration) {
        if let Some(manual) = &self.0 {
            manual.fetch_sub(by.as_millis() as i64, Ordering::SeqCst);
        }
    }

    /// Milliseconds since the epoch.
    pub fn now_ms(&self) -> i64 {
        match &self.0 {
            Some(manual) => manual.load(Ordering::SeqCst),
            #[expect(clippy::disallowed_methods, reason = "this is the one file that may")]
            None => Timestamp::now().as_millisecond(),
        }
    }

    /// The same instant as a timestamp.
    pub fn now(&self) -> Timestamp {
        Timestamp::from_millisecond(self.now_ms()).unwrap_or(Timestamp::UNIX_EPOCH)
    }
}

/// A fresh random UUID (version 4).
///
/// The embedded bus draws three for every message, so a thread asks the system for sixteen at a time.
pub fn random_id() -> uuid::Uuid {
    thread_local! {
        static DRAWN: RefCell<([u8; 256], usize)> = const { RefCell::new(([0; 256], 256)) };
    }
    DRAWN.with_borrow_mut(|(bytes, used)| {
        if *used == bytes.len() {
            if getrandom::fill(bytes).is_err() {
                return uuid::Uuid::new_v4();
            }
            *used = 0;
        }
        let mut id = [0; 16];
        id.copy_from_slice(&bytes[*used..*used + 16]);
        *used += 16;
        uuid::Builder::from_random_bytes(id).into_uuid()
    })
}
