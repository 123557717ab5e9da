//! Which process a tap belongs to, in a form that another process of the same machine can check.

use std::fs;

use nix::errno::Errno;
use nix::sys::signal::kill;
use nix::unistd::Pid;

/// This process: boot, process namespace, pid and start, so that neither another machine, another container nor a later
/// process with the same pid is taken for it. None where the system does not tell.
pub(super) fn here() -> Option<String> {
    let pid = std::process::id();
    Some(format!("{}:{pid}:{}", machine()?, started(pid)?))
}

/// Whether the process that `owner` names has ended; `None` when that cannot be told from here.
pub(super) fn is_gone(owner: &str) -> Option<bool> {
    let rest = owner.strip_prefix(&machine()?)?.strip_prefix(':')?;
    let (pid, start) = rest.split_once(':')?;
    let pid: u32 = pid.parse().ok()?;
    match started(pid) {
        Some(other) => Some(other != start),
        // Somebody else's process may be hidden from us.
        None => match kill(Pid::from_raw(pid.try_into().ok()?), None) {
            Err(Errno::EPERM) => None,
            _ => Some(true),
        },
    }
}

/// The boot of the machine and the namespace of our pids.
fn machine() -> Option<String> {
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    let namespace = fs::read_link("/proc/self/ns/pid").ok()?;
    let namespace: String = namespace.to_string_lossy().chars().filter(char::is_ascii_digit).collect();
    Some(format!("{}:{namespace}", boot.trim()))
}

/// When a process started, in ticks since the boot; none when there is none, or when only its parent has not noticed its end.
fn started(pid: u32) -> Option<String> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The second field is the program's name in parentheses, which may itself hold anything.
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
    let state = fields.next()?;
    // The third field is the state; the start is the 22nd.
    (!matches!(state, "Z" | "X")).then(|| fields.nth(18).map(str::to_owned)).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_that_runs_is_known_and_one_that_ended_too() {
        let here = here().expect("Linux tells");
        assert_eq!(is_gone(&here), Some(false));
        let (before, start) = here.rsplit_once(':').unwrap();
        assert_eq!(is_gone(&format!("{before}:{start}0")), Some(true), "another process with our pid");
        let machine = before.rsplit_once(':').unwrap().0;
        assert_eq!(is_gone(&format!("{machine}:4194305:1")), Some(true), "beyond the largest pid");
        assert_eq!(is_gone("another:machine:1:1"), None);
        assert_eq!(is_gone(""), None);
        assert!(here.chars().all(|c| c.is_ascii_alphanumeric() || "-:".contains(c)), "a tag's value: {here}");
    }
}
