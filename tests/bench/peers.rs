//! The servers that are measured side by side, each started on a loopback port of its own and ended when dropped.

use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::http::Endpoint;
use crate::support::{binary, hermetic};

/// A running server.
pub(crate) struct Server {
    process: Child,
    /// Where it listens.
    pub(crate) endpoint: Endpoint,
}

impl Server {
    /// Runs what `command` makes for a free port, and waits until that is open.
    fn start(home: &Path, command: impl FnOnce(&str) -> Command) -> Server {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut command = command(&port.to_string());
        command.current_dir(home).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut process = command.spawn().unwrap();
        let began = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            let ended = process.try_wait().unwrap();
            assert!(ended.is_none() && began.elapsed() < Duration::from_secs(60), "{command:?}: {ended:?}");
            std::thread::sleep(Duration::from_millis(50));
        }
        Server { process, endpoint: Endpoint(port) }
    }

    /// `eventbus local serve` on a bus file.
    pub(crate) fn eventbus(home: &Path, bus: &Path) -> Server {
        Server::start(home, |port| {
            let mut command = Command::new(binary());
            hermetic(&mut command, home);
            command.args(["local", "serve", "--port", port, "--path"]).arg(bus);
            command
        })
    }

    /// A field of `/proc/PID/status` in KiB.
    pub(crate) fn memory_kib(&self, field: &str) -> Option<u64> {
        memory_kib(self.process.id(), field)
    }

    /// Processor time it has taken so far; the kernel counts in hundredths of a second.
    pub(crate) fn processor_time(&self) -> Option<Duration> {
        processor_time(self.process.id())
    }
}

/// A field of `/proc/PID/status` in KiB.
pub(crate) fn memory_kib(pid: u32, field: &str) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'))?;
    line.trim().strip_suffix(" kB")?.parse().ok()
}

/// Processor time that a process has taken so far; the kernel counts in hundredths of a second.
pub(crate) fn processor_time(pid: u32) -> Option<Duration> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name may hold anything and ends with the last parenthesis; user and system time are the 12th and 13th after it.
    let fields: Vec<&str> = stat.rsplit_once(") ")?.1.split(' ').collect();
    let hundredths = fields.get(11)?.parse::<u64>().ok()? + fields.get(12)?.parse::<u64>().ok()?;
    Some(Duration::from_millis(hundredths * 10))
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The other servers.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Peer {
    FauxqsDurable,
    FauxqsMemory,
    Ministack,
    Moto,
}

impl Peer {
    /// All of them.
    pub(crate) const ALL: [Peer; 4] = [Peer::FauxqsDurable, Peer::FauxqsMemory, Peer::Ministack, Peer::Moto];

    /// What it is called.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Peer::FauxqsDurable => "fauxqs on SQLite",
            Peer::FauxqsMemory => "fauxqs in memory",
            Peer::Ministack => "ministack",
            Peer::Moto => "moto",
        }
    }

    /// Whether what it confirmed survives its end.
    pub(crate) fn durable(self) -> bool {
        self == Peer::FauxqsDurable
    }

    /// How to install it where [`Peer::start`] looks for it.
    fn install(self) -> &'static str {
        match self {
            Peer::FauxqsDurable | Peer::FauxqsMemory => "npm install --prefix target/bench-peers fauxqs@2.4.1 node@22",
            Peer::Ministack | Peer::Moto => {
                "python3 -m venv target/bench-peers/venv && \
                 target/bench-peers/venv/bin/pip install 'moto[server]==5.2.1' ministack==1.5.33"
            }
        }
    }

    /// Starts it with `home` for its files, or says how to install it.
    pub(crate) fn start(self, home: &Path) -> Result<Server, String> {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap().join("bench-peers");
        let needs = |path: &str| -> Result<PathBuf, String> {
            let path = folder.join(path);
            if path.exists() { Ok(path) } else { Err(format!("{} is missing: {}", self.name(), self.install())) }
        };
        let data = home.join("fauxqs-data");
        let fauxqs = |data: Option<&Path>| -> Result<Server, String> {
            let node = needs("node_modules/node/bin/node")?;
            let module = needs("node_modules/fauxqs/dist/app.js")?;
            let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/bench/fauxqs.mjs");
            Ok(Server::start(home, |port| {
                let mut command = Command::new(node);
                hermetic(&mut command, home);
                command.arg(script).arg(module).arg(port).args(data);
                command
            }))
        };
        match self {
            Peer::FauxqsDurable => fauxqs(Some(&data)),
            Peer::FauxqsMemory => fauxqs(None),
            Peer::Ministack => {
                let program = needs("venv/bin/ministack")?;
                Ok(Server::start(home, |port| {
                    let mut command = Command::new(program);
                    hermetic(&mut command, home);
                    // Without the first two it listens on all interfaces.
                    command.env("BIND_HOST", "127.0.0.1").env("MINISTACK_HOST", "127.0.0.1");
                    command.env("GATEWAY_PORT", port).env("SERVICES", "sns,sqs");
                    command
                }))
            }
            Peer::Moto => {
                let program = needs("venv/bin/moto_server")?;
                Ok(Server::start(home, |port| {
                    let mut command = Command::new(program);
                    hermetic(&mut command, home);
                    command.args(["-H", "127.0.0.1", "-p", port]);
                    command
                }))
            }
        }
    }
}
