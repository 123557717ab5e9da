//! How a run ended, and the exit code that says so: one truth table for all verbs.
//!
//! May be used by everybody above the engine; knows nothing of any verb.

use std::process::ExitCode;

/// The end of a run.
///
/// | outcome | code | meaning |
/// |---|--:|---|
/// | [`Done`](Outcome::Done) | 0 | all of it was done, or there was nothing to do |
/// | [`Failed`](Outcome::Failed) | 1 | failed; the user declined |
/// | [`Usage`](Outcome::Usage) | 2 | usage; a prompt was needed and there is no terminal |
/// | [`Partial`](Outcome::Partial) | 3 | some items done, some not |
/// | [`Refused`](Outcome::Refused) | 4 | refused before sending, all of it |
/// | [`Auth`](Outcome::Auth) | 5 | credentials or permission |
/// | [`No`](Outcome::No) | 6 | asked, and the answer is no |
/// | [`TimedOut`](Outcome::TimedOut) | 7 | waited in vain |
/// | [`Interrupted`](Outcome::Interrupted) | 130 | ended by SIGINT after draining |
/// | [`Terminated`](Outcome::Terminated) | 143 | ended by SIGTERM after draining |
/// | [`Bug`](Outcome::Bug) | 255 | a bug in `eventbus` |
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// All of it was done, or there was nothing to do.
    Done,
    /// Failed; the user declined.
    Failed,
    /// Wrong usage; a prompt was needed and there is no terminal.
    Usage,
    /// Some items done, some not.
    Partial,
    /// Refused before sending, all of it.
    Refused,
    /// Credentials or permission.
    Auth,
    /// Asked, and the answer is no.
    No,
    /// Waited in vain.
    TimedOut,
    /// Ended by SIGINT after draining.
    Interrupted,
    /// Ended by SIGTERM after draining.
    Terminated,
    /// A bug in `eventbus`.
    Bug,
    /// The code of the command that `run` ran: the listed exception.
    Command(u8),
}

impl Outcome {
    /// The exit code of the table above.
    pub const fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::Partial => 3,
            Self::Refused => 4,
            Self::Auth => 5,
            Self::No => 6,
            Self::TimedOut => 7,
            Self::Interrupted => 130,
            Self::Terminated => 143,
            Self::Bug => 255,
            Self::Command(code) => code,
        }
    }

    /// The outcome of many items, each of which was done, refused before sending, or failed.
    ///
    /// | done | refused | failed | outcome |
    /// |---|---|---|---|
    /// | any | 0 | 0 | `Done` |
    /// | >0 | any other | | `Partial` |
    /// | 0 | >0 | 0 | `Refused` |
    /// | 0 | any | >0 | `Failed` |
    pub const fn of_items(done: u64, refused: u64, failed: u64) -> Self {
        match (done, refused, failed) {
            (_, 0, 0) => Self::Done,
            (0, _, 0) => Self::Refused,
            (0, _, _) => Self::Failed,
            _ => Self::Partial,
        }
    }
}

impl From<Outcome> for ExitCode {
    fn from(outcome: Outcome) -> Self {
        Self::from(outcome.code())
    }
}

#[cfg(test)]
mod tests {
    use super::Outcome;

    #[test]
    fn the_table_is_the_documented_one() {
        let table = [
            (Outcome::Done, 0),
            (Outcome::Failed, 1),
            (Outcome::Usage, 2),
            (Outcome::Partial, 3),
            (Outcome::Refused, 4),
            (Outcome::Auth, 5),
            (Outcome::No, 6),
            (Outcome::TimedOut, 7),
            (Outcome::Interrupted, 130),
            (Outcome::Terminated, 143),
            (Outcome::Bug, 255),
        ];
        for (outcome, code) in table {
            assert_eq!(outcome.code(), code, "{outcome:?}");
        }
    }

    #[test]
    fn items_add_up() {
        assert_eq!(Outcome::of_items(3, 0, 0), Outcome::Done);
        assert_eq!(Outcome::of_items(0, 0, 0), Outcome::Done);
        assert_eq!(Outcome::of_items(2, 1, 0), Outcome::Partial);
        assert_eq!(Outcome::of_items(2, 0, 1), Outcome::Partial);
        assert_eq!(Outcome::of_items(0, 2, 0), Outcome::Refused);
        assert_eq!(Outcome::of_items(0, 1, 1), Outcome::Failed);
    }
}
