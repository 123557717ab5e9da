//! Adding up what became of events.

use super::{Counts, Settlement};

impl Counts {
    pub(super) fn add(&mut self, settlement: &Settlement, handled: bool) {
        self.handled += u64::from(handled);
        let count = match settlement {
            Settlement::Acked => &mut self.acked,
            Settlement::Unconfirmed { .. } => &mut self.unconfirmed,
            Settlement::Retrying { .. } | Settlement::RejectFailed { .. } => &mut self.failed,
            Settlement::NotNow { .. } => &mut self.not_now,
            Settlement::Rejected { .. } => &mut self.rejected,
            Settlement::Left { .. } => &mut self.left,
            Settlement::Dismissed { .. } => &mut self.dismissed,
            Settlement::Duplicate { .. } => &mut self.duplicates,
            Settlement::Released { .. } => &mut self.released,
        };
        *count += 1;
    }

    pub(super) fn plus(mut self, other: &Self) -> Self {
        for (sum, one) in [
            (&mut self.received, other.received),
            (&mut self.handled, other.handled),
            (&mut self.acked, other.acked),
            (&mut self.unconfirmed, other.unconfirmed),
            (&mut self.failed, other.failed),
            (&mut self.not_now, other.not_now),
            (&mut self.rejected, other.rejected),
            (&mut self.left, other.left),
            (&mut self.dismissed, other.dismissed),
            (&mut self.duplicates, other.duplicates),
            (&mut self.released, other.released),
        ] {
            *sum += one;
        }
        self
    }
}
