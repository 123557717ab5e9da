//! Deleting messages for good, by their receipt handles: what stays for a reason of the moment is tried again.

use std::time::Duration;

use crate::bus::{Bus, ItemError, Queue};

/// Tries of a delete.
const TRIES: u32 = 4;

/// The pause before the second try; it doubles.
const PAUSE: Duration = Duration::from_millis(250);

/// Deletes, and tries again whatever may still work: deleting twice does no harm.
pub(crate) async fn delete(bus: &Bus, source: &Queue, handles: &[String]) -> Vec<Result<(), ItemError>> {
    let mut outcomes = bus.delete_batch(source, handles).await;
    for attempt in 1..TRIES {
        let again: Vec<usize> = outcomes
            .iter()
            .enumerate()
            .filter(|(_, outcome)| outcome.as_ref().is_err_and(|error| error.retryable))
            .map(|(index, _)| index)
            .collect();
        if again.is_empty() {
            break;
        }
        tokio::time::sleep(PAUSE * 2u32.pow(attempt - 1)).await;
        let batch: Vec<String> = again.iter().map(|index| handles[*index].clone()).collect();
        for (index, outcome) in again.into_iter().zip(bus.delete_batch(source, &batch).await) {
            outcomes[index] = outcome;
        }
    }
    outcomes
}
