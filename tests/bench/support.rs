//! What every benchmark shares: a throw-away project on the embedded bus, medians, and lines on stdout.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

/// Whether a bound holds.
pub(crate) enum Verdict {
    /// It does.
    Holds,
    /// It does not: what was seen and what was wanted.
    Broken(String),
    /// Something is missing on this machine.
    NotMeasured(String),
}

/// One line on stdout.
pub(crate) fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    // Whoever reads may leave: a benchmark is no reason to fail for that.
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}

/// A figure with its name, aligned with the others.
pub(crate) fn figure(name: &str, value: &str) {
    say(&format!("  {name:<58}{value:>16}"));
}

/// Milliseconds with two decimals.
pub(crate) fn ms(duration: Duration) -> String {
    format!("{:.2} ms", duration.as_secs_f64() * 1e3)
}

/// The middle one; of an even number the lower of the two.
pub(crate) fn median<T: Copy + PartialOrd>(samples: &[T]) -> T {
    let mut sorted = samples.to_vec();
    sorted.sort_by(|a, b| a.partial_cmp(b).unwrap());
    sorted[(sorted.len() - 1) / 2]
}

/// Runs a command to its successful end with its output thrown away, and returns how long it took.
pub(crate) fn timed(mut command: Command) -> Duration {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    let began = Instant::now();
    let done = command.output().unwrap();
    let took = began.elapsed();
    assert!(done.status.success(), "{command:?}: {}", String::from_utf8_lossy(&done.stderr));
    took
}

/// The program under measurement: the one built with the benchmarks, or the one that `EVENTBUS_BENCH_BINARY` names.
pub(crate) fn binary() -> &'static Path {
    static CHOSEN: std::sync::LazyLock<PathBuf> = std::sync::LazyLock::new(|| {
        std::env::var_os("EVENTBUS_BENCH_BINARY").map_or_else(|| env!("CARGO_BIN_EXE_eventbus").into(), PathBuf::from)
    });
    &CHOSEN
}

/// A project made by `init` and provisioned, on an embedded bus of its own, on the disk that the build is on.
pub(crate) struct Project {
    root: tempfile::TempDir,
}

impl Project {
    /// Ready to publish `UserRegistered`, which arrives in `user_events`.
    pub(crate) fn new() -> Project {
        let root = tempfile::Builder::new().prefix("bench-").tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let project = Project { root };
        project.run(&["init", "--yes"]);
        project.run(&["provision", "topology.yaml", "--yes"]);
        project
    }

    /// A file of the project.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    /// `eventbus ARGS…` in the project, with nothing of the caller's environment.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(binary());
        command.args(args).current_dir(self.root.path());
        hermetic(&mut command, self.root.path());
        command
    }

    /// The same, run to its successful end.
    pub(crate) fn run(&self, args: &[&str]) -> Output {
        let done = self.command(args).stdin(Stdio::null()).output().unwrap();
        assert!(done.status.success(), "{args:?}: {}", String::from_utf8_lossy(&done.stderr));
        done
    }

    /// Writes `count` payloads of about a kibibyte each as NDJSON, as the schema that `init` wrote wants them; returns the file's
    /// name.
    pub(crate) fn write_events(&self, count: usize) -> String {
        let name = format!("{count}.ndjson");
        let mut text = String::with_capacity(count * 1100);
        for n in 0..count {
            let padding = "x".repeat(900);
            let id = format!("00000000-0000-4000-8000-{n:012}");
            writeln!(text, r#"{{"id":"{id}","email":"{n}@example.org","name":"{padding}"}}"#).unwrap();
        }
        std::fs::write(self.path(&name), text).unwrap();
        name
    }
}

/// Clears the environment: no credential, config or proxy of the machine can be found.
pub(crate) fn hermetic(command: &mut Command, home: &Path) {
    command
        .env_clear()
        .env("PATH", "/usr/local/bin:/usr/bin:/bin")
        .env("HOME", home)
        .env("AWS_CONFIG_FILE", home.join("no-aws-config"))
        .env("AWS_SHARED_CREDENTIALS_FILE", home.join("no-aws-credentials"))
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .env("NO_COLOR", "1")
        .env("LC_ALL", "C.UTF-8");
}

/// A program of the clients' venv: that of `EVENTBUS_TEST_PYTHON`, else `target/clients-venv`.
pub(crate) fn venv_tool(name: &str) -> Result<PathBuf, Verdict> {
    let bin = match std::env::var_os("EVENTBUS_TEST_PYTHON") {
        Some(python) => Path::new(&python).parent().unwrap().to_owned(),
        None => Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap().join("clients-venv/bin"),
    };
    let path = bin.join(name);
    if path.exists() {
        return Ok(path);
    }
    Err(Verdict::NotMeasured(format!("{} is missing; `bash .ci/run tools clients` installs it", path.display())))
}
