//! The guard: ends the handlers' groups when we were killed before we could.
//!
//! It is a shell that reads from a pipe which groups there are and which are over. The pipe ends with us, however we end; whatever
//! group is not over by then is killed. So nothing that we started outlives us, but for a process that is started in the very
//! instant in which we are killed, or one that has left its group.

use std::io::Write as _;
use std::os::unix::process::CommandExt as _;
use std::process::{ChildStdin, Command, Stdio};
use std::sync::{LazyLock, Mutex, PoisonError};

use nix::unistd::Pid;

/// Ends with its input. Signals that are meant for us reach it where somebody signals all there is (systemd's `control-group`): it
/// is needed longer than that.
const SCRIPT: &str = r#"
trap '' HUP INT QUIT TERM
live=' '
while read -r what id; do
    case $what in
        +) live="$live$id " ;;
        -) live="${live%% $id *} ${live#* $id }" ;;
    esac
done
for id in $live; do kill -s KILL -- "-$id"; done
"#;

/// Its input; `None` where there is no shell, or none any more.
static GUARD: LazyLock<Mutex<Option<ChildStdin>>> = LazyLock::new(|| Mutex::new(start()));

fn start() -> Option<ChildStdin> {
    let mut command = Command::new("/bin/sh");
    command.args(["-c", SCRIPT, "eventbus-guard"]).env_clear().current_dir("/").process_group(0);
    let child = command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
    // Nobody waits for it: it ends when we are gone.
    child.ok()?.stdin
}

fn tell(line: &str) {
    let mut guard = GUARD.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(input) = guard.as_mut()
        && input.write_all(line.as_bytes()).is_err()
    {
        // Somebody has killed it.
        *guard = None;
    }
}

/// Starts it, if it is not there: before the first handler, which could otherwise be seen before it is known.
pub(super) fn ready() {
    LazyLock::force(&GUARD);
}

/// This group is there.
pub(super) fn began(group: Pid) {
    tell(&format!("+ {group}\n"));
}

/// This group is over, or left to itself: its number may become another's.
pub(super) fn over(group: Pid) {
    tell(&format!("- {group}\n"));
}
