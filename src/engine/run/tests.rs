//! What a command's end means.

use std::os::unix::process::ExitStatusExt as _;
use std::process::ExitStatus;

use super::*;

fn ended(raw: i32, cause: Option<Failure>) -> (u8, Option<String>) {
    let attempt = Attempt::of(ExitStatus::from_raw(raw), cause, Vec::new(), Vec::new());
    (attempt.code, attempt.failure)
}

#[test]
fn the_exit_code_is_the_commands_own() {
    assert_eq!(ended(0, None), (0, None));
    assert_eq!(ended(3 << 8, None), (3, Some("exit 3".into())));
    assert_eq!(ended(255 << 8, None), (255, Some("exit 255".into())));
    assert_eq!(ended(9, None), (137, Some("killed by SIGKILL".into())));
    assert_eq!(ended(15, None), (143, Some("killed by SIGTERM".into())));
}

#[test]
fn what_we_ended_has_failed_whatever_it_says() {
    let timeout = || Some(Failure::Timeout(Duration::from_secs(5)));
    assert_eq!(ended(15, timeout()), (143, Some("timed out after 5s".into())));
    assert_eq!(ended(0, timeout()), (124, Some("timed out after 5s".into())));
    assert_eq!(ended(3 << 8, timeout()), (3, Some("timed out after 5s".into())));
}

#[test]
fn a_command_that_is_not_there_has_the_shells_codes() {
    let missing = NotRunnable::NotFound { program: "x".into(), in_path: true };
    assert_eq!(Attempt::not_run(&missing).code, 127);
    let plain = NotRunnable::NotExecutable { program: "x".into(), found: "/x".into() };
    assert_eq!(Attempt::not_run(&plain).code, 126);
}
