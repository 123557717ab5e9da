//! The harness itself: a test suite is worth what its harness notices.

use nix::sys::signal::Signal;
use serde_json::json;

use crate::support::{self, TestEnv};

#[test]
fn no_variable_of_the_machine_reaches_the_program_and_no_credential_can_be_found() {
    let env = TestEnv::new().with_env("EXTRA", "1");
    let seen =
        env.script("env | cut -d= -f1 | sort | grep -vE '^(_|PWD|OLDPWD|SHLVL)$' | tr '\\n' ' '").run().success();
    assert_eq!(
        seen.stdout(),
        "AWS_CONFIG_FILE AWS_EC2_METADATA_DISABLED AWS_SHARED_CREDENTIALS_FILE COLUMNS EXTRA HOME LC_ALL NO_COLOR PATH TMPDIR TZ "
    );
    let seen = env.script("test ! -e \"$AWS_CONFIG_FILE\" && test ! -e \"$AWS_SHARED_CREDENTIALS_FILE\"").run();
    assert_eq!(seen.code(), Some(0));
}

#[test]
fn a_snapshot_shows_exit_code_both_streams_and_nothing_that_changes() {
    let env = TestEnv::new().with_filter("secret-[0-9]+", "[SECRET]");
    let seen = env.script(
        "echo \"in $PWD, home $HOME\"
         echo 6f1c1d1e-0000-4000-8000-000000000001 6F1C1D1E-0000-4000-8000-000000000002 6f1c1d1e-0000-4000-8000-000000000001
         echo 2026-11-23T10:11:12.345Z took 12 ms at http://127.0.0.1:4321/ secret-12, visibility 30s
         printf half >&2
         exit 3",
    );
    insta::assert_snapshot!(seen.run().snapshot(), @"
    exit 3
    --- stdout
    in [PROJECT], home [HOME]
    [ID-1] [ID-2] [ID-1]
    [TIME] took [DURATION] at http://127.0.0.1:[PORT]/ [SECRET], visibility 30s
    --- stderr (no newline at its end)
    half
    ");
    assert_eq!(env.filtered(env.project().to_str().unwrap()), "[PROJECT]");
}

#[test]
fn stdin_folder_and_variables_arrive() {
    let env = TestEnv::new();
    let seen = env.script("cat; pwd; echo $MORE").stdin("fed\n").dir("a/b").env("MORE", "more").run().success();
    assert_eq!(seen.stdout(), format!("fed\n{}\nmore\n", env.path("a/b").display()));
    env.write("c/file.txt", "text");
    assert_eq!(env.read("c/file.txt"), "text");
}

#[test]
fn a_program_that_ignores_a_large_stdin_and_prints_more_than_a_pipe_holds_blocks_nobody() {
    let env = TestEnv::new();
    let script = env.write_script("loud", "head -c 1000000 /dev/zero; head -c 1000000 /dev/zero >&2");
    let seen = env.script(script.to_str().unwrap()).stdin(vec![b'x'; 1_000_000]).run().success();
    assert_eq!((seen.stdout_bytes.len(), seen.stderr_bytes.len()), (1_000_000, 1_000_000));
    assert!(seen.stdout().starts_with('\0') && seen.stderr().ends_with('\0'));
}

#[test]
fn a_running_program_is_talked_to_line_by_line_and_ended_by_its_pid() {
    let env = TestEnv::new();
    let mut running = env.script("echo ready >&2; read line; echo \"got $line\"; echo $$; exec sleep 1000").spawn();
    running.wait_stderr("ready");
    running.write_line("a line");
    assert_eq!(running.wait_stdout("got"), "got a line");
    assert_eq!(running.wait_stdout(""), running.pid().to_string());
    let seen = running.kill();
    assert_eq!(seen.code(), None);
    insta::assert_snapshot!(env.filtered(&seen.snapshot().replace(&seen.stdout().lines().nth(1).unwrap().to_owned(), "[PID]")), @"
    signal: 9 (SIGKILL)
    --- stdout
    got a line
    [PID]
    --- stderr
    ready
    ");
    let running = env.script("exec sleep 1000").spawn();
    running.signal(Signal::SIGTERM);
    assert!(running.wait().status.to_string().contains("SIGTERM"));
}

#[test]
#[should_panic(expected = "`never` did not come on stdout: the stream ended")]
fn a_marker_that_never_comes_is_a_failure_that_says_so() {
    let env = TestEnv::new();
    let mut running = env.script("echo something else").spawn();
    running.wait_stdout("never");
}

#[test]
fn json_and_ndjson_are_read_and_held_against_a_schema() {
    let env = TestEnv::new();
    let seen = env.script("echo '{\"a\": 1}'; echo '{\"a\": \"x\"}'").run().success();
    let schema = json!({"properties": {"a": {"type": "integer"}}});
    let lines = seen.ndjson();
    assert_eq!(support::violations(&schema, &lines[0]), Vec::<String>::new());
    assert_eq!(support::violations(&schema, &lines[1]), ["/a: \"x\" is not of type \"integer\""]);
    assert_eq!(env.script("echo '[1]'").run().success().json(), json!([1]));
}

#[test]
fn the_program_itself_is_what_runs() {
    let seen = TestEnv::new().run(&["--version"]).success();
    assert_eq!(seen.shown, "eventbus --version");
}

#[test]
fn a_terminal_is_one_device_that_is_typed_at() {
    let env = TestEnv::new();
    let script =
        "test -t 0 && test -t 1 && test -t 2 && stty size; printf 'sure? ' >&2; read answer; echo \"got $answer\"";
    let seen = env.script(script).on_terminal().stdin("yes\n").run();
    // What is typed early is echoed early: the order of the two is the terminal's.
    let seen = seen.snapshot();
    assert!(seen.contains("40 100\n") && seen.contains("sure? ") && seen.contains("got yes"), "{seen}");
    assert!(seen.starts_with("exit 0") && seen.ends_with("--- stderr: nothing"), "{seen}");
}
