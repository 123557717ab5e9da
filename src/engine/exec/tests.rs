//! Real handlers under a real `/bin/sh`. What must not hang is bounded by the test runner, what must have happened is told by the
//! handler itself.

use std::future::{pending, ready};
use std::time::Duration;

use super::*;

const EVER: Duration = Duration::from_secs(600);

fn limits(timeout: Duration, grace: Duration) -> Limits {
    Limits { timeout, grace, linger: Duration::from_millis(200) }
}

async fn program(line: &str) -> Program {
    HandlerCommand::Shell(line.into()).resolve(Some("/usr/bin:/bin".as_ref()), "/".as_ref()).await.expect("sh exists")
}

async fn run_with(line: &str, stdin: &[u8], env: &HandlerEnv, limits: Limits) -> Finished {
    let program = program(line).await;
    let running = Running::start(&Job { program: &program, env }).expect("sh starts");
    running.finish(stdin, limits, pending()).await
}

async fn run(line: &str, stdin: &[u8]) -> Finished {
    run_with(line, stdin, &HandlerEnv::default(), limits(EVER, EVER)).await
}

fn text(captured: &Captured) -> String {
    let mut bytes = Vec::new();
    captured.copy_to(&mut bytes).expect("memory takes it");
    String::from_utf8(bytes).expect("UTF-8")
}

/// A folder with a named pipe: `path` is written to by handlers; opening it for reading returns once one has opened it.
fn fifo() -> (tempfile::TempDir, std::path::PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("fifo");
    nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRWXU).expect("a named pipe");
    (folder, path)
}

#[tokio::test]
async fn it_reads_the_event_and_both_streams_come_back_apart() {
    let finished = run("cat; echo oops >&2", b"{\"metadata\":{}}").await;
    assert_eq!(finished.outcome, Outcome::Ack);
    assert_eq!(text(&finished.stdout), "{\"metadata\":{}}");
    assert_eq!(text(&finished.stderr), "oops\n");
}

#[tokio::test]
async fn exit_codes_are_told_apart() {
    for (code, outcome) in
        [(0, Outcome::Ack), (75, Outcome::NotNow), (65, Outcome::Reject), (3, Outcome::Failed(Failure::Code(3)))]
    {
        assert_eq!(run(&format!("exit {code}"), b"").await.outcome, outcome);
    }
    assert!(matches!(run("true && /nowhere/at/all", b"").await.outcome, Outcome::CannotRun(_)));
    assert!(matches!(run("true && /", b"").await.outcome, Outcome::CannotRun(_)));
}

#[tokio::test]
async fn a_death_by_signal_is_a_failed_attempt() {
    assert_eq!(run("kill -KILL $$", b"").await.outcome, Outcome::Failed(Failure::Signal(9)));
    assert_eq!(run("kill -SEGV $$", b"").await.outcome, Outcome::Failed(Failure::Signal(11)));
}

#[tokio::test]
async fn a_handler_that_never_reads_a_large_event_neither_hangs_nor_fails() {
    let large = vec![b'x'; 4 << 20];
    assert_eq!(run("exec true", &large).await.outcome, Outcome::Ack);
    assert_eq!(run("exec 0<&-; echo closed", &large).await.outcome, Outcome::Ack);
    // Half of it, then nothing more.
    assert_eq!(run("head -c 100000 >/dev/null", &large).await.outcome, Outcome::Ack);
}

#[tokio::test]
async fn a_handler_that_answers_while_it_reads_does_not_deadlock() {
    let large = vec![b'x'; 4 << 20];
    let finished = run("cat", &large).await;
    assert_eq!((finished.outcome, finished.stdout.len()), (Outcome::Ack, 4 << 20));
}

#[tokio::test]
async fn a_hundred_megabytes_go_through_a_file_and_come_out_whole() {
    let finished = run("head -c 100000000 /dev/zero | tr '\\0' 'a'; printf end", b"").await;
    assert_eq!(finished.outcome, Outcome::Ack);
    assert_eq!(finished.stdout.len(), 100_000_003);
    assert!(finished.stdout.head().len() <= MEMORY_LIMIT, "the rest is not in memory");
    /// Counts instead of keeping.
    struct Tail(u64, [u8; 3]);
    impl std::io::Write for Tail {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0 += bytes.len() as u64;
            if let Some(end) = bytes.last_chunk::<3>() {
                self.1 = *end;
            }
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let mut tail = Tail(0, [0; 3]);
    finished.stdout.copy_to(&mut tail).expect("the file is readable");
    assert_eq!((tail.0, &tail.1), (100_000_003, b"end"));
}

/// Reads the pipe until nobody holds it any more; tells its first line as soon as it is there. While it runs, a paused clock stands
/// still.
fn follow(path: std::path::PathBuf) -> (tokio::sync::oneshot::Receiver<String>, tokio::task::JoinHandle<()>) {
    let (ready, told) = tokio::sync::oneshot::channel();
    let reader = tokio::task::spawn_blocking(move || {
        use std::io::{BufRead as _, Read as _};
        let mut pipe = std::io::BufReader::new(std::fs::File::open(path).expect("the pipe opens"));
        let mut line = String::new();
        pipe.read_line(&mut line).expect("the handler tells it is ready");
        let _ = ready.send(line);
        pipe.read_to_end(&mut Vec::new()).expect("everybody closes the pipe");
    });
    (told, reader)
}

#[tokio::test(start_paused = true)]
async fn too_long_means_term_first() {
    let (_folder, path) = fifo();
    let line = format!(
        "exec 3>'{}'; trap 'echo bye; exit 0' TERM; echo ready >&3; while :; do sleep 0.01; done",
        path.display()
    );
    let program = program(&line).await;
    let running = Running::start(&Job { program: &program, env: &HandlerEnv::default() }).expect("sh starts");
    let (told, reader) = follow(path);
    let minute = Duration::from_secs(60);
    let (finished, ()) = tokio::join!(running.finish(b"", limits(minute, EVER), pending()), async {
        assert_eq!(told.await.expect("it got ready"), "ready\n");
        tokio::time::advance(minute).await;
    });
    assert_eq!(finished.outcome, Outcome::Failed(Failure::Timeout(minute)), "its exit 0 does not count");
    assert_eq!(text(&finished.stdout), "bye\n");
    reader.await.expect("nobody is left");
}

#[tokio::test]
async fn what_ignores_term_is_killed_with_its_children() {
    // The child holds the named pipe open: reading it to its end proves that nobody of the group is left.
    let (_folder, path) = fifo();
    let line =
        format!("trap '' TERM; exec 3>'{}'; sleep 1000 & echo ready >&3; while :; do sleep 1000; done", path.display());
    let program = program(&line).await;
    let env = HandlerEnv::default();
    let running = Running::start(&Job { program: &program, env: &env }).expect("sh starts");
    let (told, reader) = follow(path);
    let abort = async {
        assert_eq!(told.await.expect("it got ready"), "ready\n");
    };
    let finished = running.finish(b"", limits(EVER, Duration::from_millis(100)), abort).await;
    assert_eq!(finished.outcome, Outcome::Failed(Failure::Aborted));
    reader.await.expect("nobody is left");
}

#[tokio::test]
async fn a_grandchild_that_holds_the_pipes_does_not_hold_us() {
    let finished = run("sleep 1000 & echo done", b"").await;
    assert_eq!(finished.outcome, Outcome::Ack);
    assert_eq!(text(&finished.stdout), "done\n");
}

#[tokio::test]
async fn a_daemon_outside_the_group_is_left_alone_and_not_waited_for() {
    let (_folder, path) = fifo();
    // setsid(1) leaves the group with our pipes open, until it is told to go on through the named pipe.
    let finished = run(&format!("setsid sh -c 'cat {0} >/dev/null' & echo done", path.display()), b"").await;
    assert_eq!((finished.outcome, text(&finished.stdout)), (Outcome::Ack, "done\n".into()));
    tokio::fs::write(&path, "go").await.expect("it is still there to read");
}

#[tokio::test]
async fn it_leads_a_group_of_its_own() {
    let finished = run("ps -o pgid= -p $$ | tr -d ' '; echo $$", b"").await;
    let shown = text(&finished.stdout);
    let (group, pid) = shown.trim().split_once('\n').expect("two lines");
    assert_eq!(group, pid);
}

#[tokio::test]
async fn dropping_it_kills_the_group() {
    let (_folder, path) = fifo();
    let program = program(&format!("exec 3>'{}'; sleep 1000 & sleep 1000", path.display())).await;
    let running = Running::start(&Job { program: &program, env: &HandlerEnv::default() }).expect("sh starts");
    let opened = path.clone();
    let pipe = tokio::task::spawn_blocking(move || std::fs::File::open(opened).expect("the handler opened it"))
        .await
        .expect("it opens");
    drop(running);
    let rest = tokio::task::spawn_blocking(move || std::io::read_to_string(pipe)).await.expect("it ends");
    assert_eq!(rest.expect("readable"), "", "the pipe ends because nobody holds it");
}

#[tokio::test]
async fn hostile_values_never_stop_the_start_nor_leak_from_outside() {
    let huge = "x".repeat(200 * 1024);
    let mut env = HandlerEnv::default();
    env.set("EVENTBUS_ENTITY_ID", Some(&huge))
        .set("EVENTBUS_ENTITY_NAME", Some("a\0b"))
        .set("EVENTBUS_EVENT_NAME", Some("$(touch pwned); `id` \"'"));
    env.set("HOME", None);
    let line = r#"printf '%s|%s|%s|%s' "${EVENTBUS_ENTITY_ID-unset}" "${EVENTBUS_ENTITY_NAME-unset}" "$EVENTBUS_EVENT_NAME" "${HOME-unset}""#;
    let finished = run_with(line, b"", &env, limits(EVER, EVER)).await;
    assert_eq!(text(&finished.stdout), "unset|unset|$(touch pwned); `id` \"'|unset");
}

#[tokio::test]
async fn what_vanished_since_it_was_found_cannot_run() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("handler");
    std::fs::write(&file, "#!/nowhere/interpreter\n").expect("writable");
    std::fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o755)).expect("ours");
    let command = HandlerCommand::Direct { program: file.clone().into(), args: Vec::new() };
    let program = command.resolve(None, "/".as_ref()).await.expect("it is there");
    let start = || Running::start(&Job { program: &program, env: &HandlerEnv::default() }).map(|_| ());
    assert!(matches!(start(), Err(Outcome::CannotRun(_))), "its interpreter does not exist");
    std::fs::remove_file(&file).expect("ours");
    assert!(matches!(start(), Err(Outcome::CannotRun(_))));
}

#[tokio::test]
async fn an_abort_that_was_there_first_still_ends_in_order() {
    let program = program("trap 'exit 3' TERM; while :; do sleep 0.01; done").await;
    let running = Running::start(&Job { program: &program, env: &HandlerEnv::default() }).expect("sh starts");
    let finished = running.finish(b"", limits(EVER, EVER), ready(())).await;
    assert_eq!(finished.outcome, Outcome::Failed(Failure::Aborted));
}

#[tokio::test]
async fn after_the_kill_nothing_is_waited_for_longer_than_the_linger() {
    let (_folder, begun) = fifo();
    let line =
        format!("trap '' TERM; setsid sleep 1000 & echo $!; echo begun > '{}'; wait; sleep 1000", begun.display());
    let program = program(&line).await;
    let env = HandlerEnv::default();
    let running = Running::start(&Job { program: &program, env: &env }).expect("sh starts");
    assert_eq!(tokio::fs::read_to_string(&begun).await.expect("it begins"), "begun\n");
    tokio::time::pause();
    let began = tokio::time::Instant::now();
    let limits = Limits::with_timeout(Duration::from_secs(30));
    let finished = running.finish(b"", limits, pending()).await;
    // A daemon outside the group holds the pipes for ever.
    let daemon = text(&finished.stdout).trim().parse().expect("it told its process id");
    let _ = nix::sys::signal::kill(nix::unistd::Pid::from_raw(daemon), nix::sys::signal::Signal::SIGKILL);
    assert_eq!(finished.outcome, Outcome::Failed(Failure::Timeout(Duration::from_secs(30))));
    let after = began.elapsed().saturating_sub(finished.took);
    assert!(after <= limits.linger, "{after:?} of paused time");
}
