//! Tasks of our own, and what became of them.

use tokio::task::JoinError;

/// What a task that nobody cancels came to; if it panicked, the panic goes on here.
pub(crate) fn result_of<T>(joined: Result<T, JoinError>) -> T {
    joined.unwrap_or_else(|error| match error.try_into_panic() {
        Ok(panic) => std::panic::resume_unwind(panic),
        Err(error) => unreachable!("a task of this run was cancelled: {error}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    #[should_panic(expected = "in the task")]
    async fn a_panic_goes_on() {
        assert_eq!(result_of(tokio::spawn(async { 7 }).await), 7);
        result_of(tokio::spawn(async { panic!("in the task") }).await);
    }
}
