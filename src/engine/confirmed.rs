//! The proof that somebody agreed. It lies here, where those who need it and the one who gives it can both see it.

/// Proof that somebody agreed: at the prompt, with `--yes`, or with `--confirm NAME`. Calls that change what others rely on take
/// it, so that none can forget to ask.
///
/// Only output's prompt makes one (`tests/it/architecture.rs` holds that), and each is good for one call.
#[derive(Debug)]
pub struct Confirmed(());

impl Confirmed {
    /// For the prompt alone.
    pub(crate) fn by_the_user() -> Self {
        Self(())
    }
}
