//! The hermetic harness: the real binary, in a throw-away project, with an environment that holds nothing of the machine's.
//!
//! Every test starts from [`TestEnv::new`]: a temporary root with `project/` (the working directory), `home/` and `tmp/`; no variable
//! of the caller's is passed on, the credential chain ends nowhere (no keys, config files that do not exist, no instance
//! metadata), and width, colour, time zone and locale are fixed. So no test can reach AWS, and none sees another.
//!
//! Nothing here sleeps or asserts on time: a wait is for a line or an exit, and [`PATIENCE`] only turns a hang into a failure that
//! shows what was printed until then.

mod http;
mod output;
mod process;
pub(crate) mod proxy;
mod schema;
mod veiled;

pub(crate) use http::Client;
pub(crate) use output::Output;
pub(crate) use process::{Running, Server};
pub(crate) use schema::{assert_lines_match, assert_matches, violations};
pub(crate) use veiled::{Veil, veiled};

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// How long anything may take before the test fails as hung. Generous: on a loaded machine nothing else depends on it.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

/// The program under test, as cargo built it for this test run.
pub(crate) fn binary() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_eventbus"))
}

/// The repository's root.
pub(crate) fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A command that runs Python: `EVENTBUS_TEST_PYTHON`, else `python3`. Only for tests that are `#[ignore]`d with a reason:
/// `cargo test` is complete without Python.
pub(crate) fn python() -> Command {
    #[expect(clippy::disallowed_methods, reason = "the switch is read by the test, never by the program")]
    let chosen = std::env::var_os("EVENTBUS_TEST_PYTHON");
    Command::new(chosen.unwrap_or_else(|| "python3".into()))
}

/// One throw-away project with its own home and environment; removed when dropped.
pub(crate) struct TestEnv {
    root: tempfile::TempDir,
    env: BTreeMap<OsString, OsString>,
    filters: Vec<(String, String)>,
}

impl TestEnv {
    /// An empty project folder.
    pub(crate) fn new() -> TestEnv {
        let root = tempfile::Builder::new().prefix("eventbus-it-").tempdir().unwrap();
        // The path as the program will print it, where the temporary folder is behind a link.
        let real = root.path().canonicalize().unwrap();
        for folder in ["project", "home", "tmp"] {
            fs::create_dir(real.join(folder)).unwrap();
        }
        let env = [
            ("PATH", "/usr/local/bin:/usr/bin:/bin".into()),
            ("HOME", real.join("home").into_os_string()),
            ("TMPDIR", real.join("tmp").into_os_string()),
            ("AWS_CONFIG_FILE", real.join("home/no-aws-config").into_os_string()),
            ("AWS_SHARED_CREDENTIALS_FILE", real.join("home/no-aws-credentials").into_os_string()),
            ("AWS_EC2_METADATA_DISABLED", "true".into()),
            ("COLUMNS", "100".into()),
            ("NO_COLOR", "1".into()),
            ("TZ", "UTC".into()),
            ("LC_ALL", "C".into()),
        ];
        let env = env.into_iter().map(|(name, value): (&str, OsString)| (name.into(), value)).collect();
        TestEnv { root, env, filters: Vec::new() }
    }

    /// The project that `init` writes, provisioned on its embedded bus.
    pub(crate) fn provisioned() -> TestEnv {
        let env = TestEnv::new();
        let _made = env.run(&["init", "--yes"]).success();
        let _made = env.run(&["provision", "topology.yaml", "--yes"]).success();
        env
    }

    /// The same with three `UserRegistered` waiting in `user_events`; their entity ids end in 1, 2 and 3.
    pub(crate) fn with_three_events() -> TestEnv {
        let env = TestEnv::provisioned();
        for n in 1..=3 {
            let id = format!("00000000-0000-4000-8000-00000000000{n}");
            env.write(format!("p{n}.json"), format!("{{\"id\": \"{id}\", \"email\": \"a{n}@example.com\"}}"));
        }
        let _sent = env.run(&["publish", "UserRegistered", "p1.json", "p2.json", "p3.json"]).success();
        env
    }

    /// A named pipe `name` with a reader that is there and never reads, so full that the next byte blocks. It ends with the
    /// file that is returned.
    pub(crate) fn stalled_pipe(&self, name: &str) -> fs::File {
        use std::io::Write as _;
        use std::os::unix::fs::OpenOptionsExt as _;
        let path = self.path(name);
        nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRWXU).expect("a named pipe can be made");
        let nonblocking = nix::fcntl::OFlag::O_NONBLOCK.bits();
        let mut pipe =
            fs::File::options().read(true).write(true).custom_flags(nonblocking).open(path).expect("it opens");
        while pipe.write(&[b'x'; 4096]).is_ok() {}
        while pipe.write(b"x").is_ok() {}
        pipe
    }

    /// The same, with one more variable for every command of this environment.
    pub(crate) fn with_env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> TestEnv {
        self.env.insert(name.as_ref().into(), value.as_ref().into());
        self
    }

    /// The same, with one more snapshot filter: what matches the regular expression is shown as `shown`.
    pub(crate) fn with_filter(mut self, regex: &str, shown: &str) -> TestEnv {
        self.filters.push((regex.into(), shown.into()));
        self
    }

    /// The working directory of the commands.
    pub(crate) fn project(&self) -> PathBuf {
        self.root.path().canonicalize().unwrap().join("project")
    }

    /// `relative` in the project folder, as an absolute path.
    pub(crate) fn path(&self, relative: impl AsRef<Path>) -> PathBuf {
        self.project().join(relative)
    }

    /// Writes a file of the project, its folders made as needed; returns its path.
    pub(crate) fn write(&self, relative: impl AsRef<Path>, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(relative);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        path
    }

    /// Writes an executable shell script (`#!/bin/sh` and `set -eu` are put in front); returns its path.
    pub(crate) fn write_script(&self, relative: impl AsRef<Path>, body: &str) -> PathBuf {
        use std::os::unix::fs::PermissionsExt;
        let path = self.write(relative, format!("#!/bin/sh\nset -eu\n{body}\n"));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        path
    }

    /// A text file of the project.
    pub(crate) fn read(&self, relative: impl AsRef<Path>) -> String {
        let path = self.path(relative);
        fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    /// Runs `eventbus ARGS…` in the project folder with an empty stdin, to its end.
    pub(crate) fn run<S: AsRef<OsStr>>(&self, args: &[S]) -> Output {
        self.command(args).run()
    }

    /// `eventbus ARGS…`, still to be given a stdin, a folder or variables, then run or spawned.
    pub(crate) fn command<S: AsRef<OsStr>>(&self, args: &[S]) -> Invocation<'_> {
        let args = args.iter().map(|arg| arg.as_ref().to_owned()).collect();
        Invocation {
            env: self,
            program: binary(),
            args,
            stdin: Vec::new(),
            folder: PathBuf::new(),
            variables: BTreeMap::new(),
            terminal: false,
        }
    }

    /// `sh -c SCRIPT` in the very same environment: what a user's own commands around the program are, and how the harness
    /// itself is tested.
    pub(crate) fn script(&self, script: &str) -> Invocation<'_> {
        let mut invocation = self.command(&["-c", script]);
        invocation.program = Path::new("/bin/sh");
        invocation
    }

    /// Starts `eventbus local serve --port 0` on the project's bus and waits for the URL it prints.
    pub(crate) fn serve(&self) -> Server {
        Server::start(self)
    }

    /// Shows `text` as a snapshot may hold it: paths, ids, times and ports replaced.
    pub(crate) fn filtered(&self, text: &str) -> String {
        output::filtered(text, &self.root.path().canonicalize().unwrap(), &self.filters)
    }
}

/// One call of the program, being put together.
pub(crate) struct Invocation<'a> {
    env: &'a TestEnv,
    program: &'static Path,
    args: Vec<OsString>,
    stdin: Vec<u8>,
    folder: PathBuf,
    variables: BTreeMap<OsString, OsString>,
    terminal: bool,
}

impl<'a> Invocation<'a> {
    /// What the program reads on stdin (`run` only; of a spawned one the test holds the pipe).
    pub(crate) fn stdin(mut self, bytes: impl AsRef<[u8]>) -> Self {
        self.stdin = bytes.as_ref().to_vec();
        self
    }

    /// The working directory, below the project folder; made if it is not there.
    pub(crate) fn dir(mut self, below_project: impl AsRef<Path>) -> Self {
        self.folder = below_project.as_ref().to_owned();
        self
    }

    /// One more variable, for this call only.
    pub(crate) fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.variables.insert(name.as_ref().into(), value.as_ref().into());
        self
    }

    /// On a terminal of 100 columns: the three streams are one device, and all that appears on it is the output's `stdout`. What
    /// is given as stdin is typed: end it with `\u{4}` (^D) where the program reads to the end.
    pub(crate) fn on_terminal(mut self) -> Self {
        self.terminal = true;
        self
    }

    /// Runs it to its end.
    pub(crate) fn run(self) -> Output {
        let stdin = self.stdin.clone();
        let mut running = self.spawn();
        running.feed(stdin);
        running.wait()
    }

    /// Starts it with its three streams as pipes. It is killed, by its pid, when the value is dropped.
    pub(crate) fn spawn(self) -> Running {
        let folder = self.env.path(&self.folder);
        fs::create_dir_all(&folder).unwrap();
        let mut command = Command::new(self.program);
        command.args(&self.args).env_clear().envs(&self.env.env).envs(&self.variables).current_dir(folder);
        let name = self.program.file_name().unwrap_or_default();
        let shown = std::iter::once(name)
            .chain(self.args.iter().map(OsString::as_os_str))
            .map(|arg| arg.to_string_lossy())
            .collect::<Vec<_>>()
            .join(" ");
        let root = self.env.root.path().canonicalize().unwrap();
        Running::start(command, self.terminal, shown, root, self.env.filters.clone())
    }
}

// What the suite may call, whether or not a test does so today: nothing of it is dead code.
const _: fn(&TestEnv) -> Server = TestEnv::serve;
const _: fn(&Server) -> (&Running, &str) = |server| (&server.process, &server.url);
const _: fn(&str, &serde_json::Value) = assert_matches;
const _: fn(&str, &[serde_json::Value]) = assert_lines_match;
