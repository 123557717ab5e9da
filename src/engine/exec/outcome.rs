//! What a handler's end means for its event.

use std::fmt;
use std::process::ExitStatus;
use std::time::Duration;

use std::os::unix::process::ExitStatusExt as _;

/// `EX_TEMPFAIL` of sysexits: not now.
const NOT_NOW: i32 = 75;
/// `EX_DATAERR` of sysexits: this event will never do.
const REJECT: i32 = 65;
/// What shells answer for a command that was found but cannot be executed.
const NOT_EXECUTABLE: i32 = 126;
/// What shells answer for a command that was not found.
const NOT_FOUND: i32 = 127;

/// The verdict of one handler run, by its exit status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Exit 0: handled, acknowledge.
    Ack,
    /// Exit 75: not now. Back off; not a failure.
    NotNow,
    /// Exit 65: to the dead-letter queue now.
    Reject,
    /// Exit 126 or 127, or the process could not be started for a reason that holds for every event: the sentence says which.
    CannotRun(String),
    /// Anything else: a failed attempt.
    Failed(Failure),
}

/// How an attempt failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// Any exit code without a meaning of its own.
    Code(i32),
    /// Ended by a signal that we did not send.
    Signal(i32),
    /// Still running after this long, then ended by us.
    Timeout(Duration),
    /// Ended by us, because we were told to end at once.
    Aborted,
    /// The process could not be started this time (no more processes, no memory); another time it may.
    Start(String),
    /// The handler said so in its result, with its reason.
    Said(String),
    /// There is no result for this event, because of this.
    NoResult(String),
    /// The web service answered with this status.
    Status(u16),
    /// The web service could not be asked, or did not answer.
    Request(String),
    /// It was handled, but the event that tells so could not be published.
    Unannounced(String),
}

impl Outcome {
    /// The verdict of a handler that ended by itself.
    pub fn of(status: ExitStatus) -> Self {
        match (status.code(), status.signal()) {
            (Some(0), _) => Self::Ack,
            (Some(NOT_NOW), _) => Self::NotNow,
            (Some(REJECT), _) => Self::Reject,
            (Some(NOT_EXECUTABLE), _) => Self::CannotRun("it exited with 126 (found, but cannot be executed)".into()),
            (Some(NOT_FOUND), _) => Self::CannotRun("it exited with 127 (command not found)".into()),
            (Some(code), _) => Self::Failed(Failure::Code(code)),
            (None, Some(signal)) => Self::Failed(Failure::Signal(signal)),
            // A status of `wait` is one or the other; stopped children are not reported to us.
            (None, None) => Self::Failed(Failure::Code(-1)),
        }
    }
}

impl Failure {
    /// A word for metrics and machine records; exit codes are `exit_N`.
    pub fn label(&self) -> String {
        match self {
            Self::Code(code) => format!("exit_{code}"),
            Self::Signal(_) => "signal".into(),
            Self::Timeout(_) => "timeout".into(),
            Self::Aborted => "aborted".into(),
            Self::Start(_) => "not_started".into(),
            Self::Said(_) => "retry".into(),
            Self::NoResult(_) => "no_result".into(),
            Self::Status(code) => format!("status_{code}"),
            Self::Request(_) => "request".into(),
            Self::Unannounced(_) => "not_announced".into(),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Code(code) => write!(f, "exit {code}"),
            Self::Signal(number) => match nix::sys::signal::Signal::try_from(*number) {
                Ok(signal) => write!(f, "killed by {}", signal.as_str()),
                Err(_) => write!(f, "killed by signal {number}"),
            },
            Self::Timeout(after) => write!(f, "timed out after {}", humantime::format_duration(*after)),
            Self::Aborted => f.write_str("ended before it was done"),
            Self::Start(why) => write!(f, "could not be started: {why}"),
            Self::Said(why) => f.write_str(why),
            Self::NoResult(why) => write!(f, "no result: {why}"),
            Self::Status(code) => write!(f, "status {code}"),
            Self::Request(why) => f.write_str(why),
            Self::Unannounced(why) => write!(f, "handled, but its success event was not published: {why}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_status_has_its_meaning() {
        let exited = |code: i32| Outcome::of(ExitStatus::from_raw(code << 8));
        assert_eq!(exited(0), Outcome::Ack);
        assert_eq!(exited(75), Outcome::NotNow);
        assert_eq!(exited(65), Outcome::Reject);
        assert!(matches!(exited(126), Outcome::CannotRun(_)));
        assert!(matches!(exited(127), Outcome::CannotRun(_)));
        for code in [1, 2, 64, 66, 74, 76, 125, 128, 130, 255] {
            assert_eq!(exited(code), Outcome::Failed(Failure::Code(code)));
        }
        assert_eq!(Outcome::of(ExitStatus::from_raw(9)), Outcome::Failed(Failure::Signal(9)));
        assert_eq!(Failure::Signal(9).to_string(), "killed by SIGKILL");
        assert_eq!(Failure::Timeout(Duration::from_secs(90)).to_string(), "timed out after 1m 30s");
    }
}
