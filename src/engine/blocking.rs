//! Work that waits for the disk, away from what else the runtime has to do.

use tokio::runtime::{Handle, RuntimeFlavor};

/// Does `work`, which may wait for the disk. The thread's other tasks go on on another one meanwhile.
pub(crate) fn blocking<T>(work: impl FnOnce() -> T) -> T {
    match Handle::try_current().map(|runtime| runtime.runtime_flavor()) {
        Ok(RuntimeFlavor::MultiThread) => tokio::task::block_in_place(work),
        // Where there is but one thread there is nowhere to go on.
        _ => work(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(flavor = "multi_thread", worker_threads = 1)]
    async fn others_go_on_meanwhile() {
        let (done, waits) = std::sync::mpsc::channel();
        let busy = tokio::spawn(async move { blocking(|| waits.recv().unwrap()) });
        // The only worker is taken, and this still runs.
        tokio::spawn(async move { done.send(7).unwrap() }).await.unwrap();
        assert_eq!(busy.await.unwrap(), 7);
        assert_eq!(blocking(|| 1), 1);
    }

    #[tokio::test]
    async fn one_thread_is_enough() {
        assert_eq!(blocking(|| 1), 1);
    }
}
