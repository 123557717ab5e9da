//! The load generator: wrk with eight connections and the script `load.lua`.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::http::Endpoint;

/// What `load.lua` reports.
#[derive(Clone, Copy)]
pub(crate) struct Load {
    /// Requests a second.
    pub(crate) requests: f64,
    /// Requests that were answered, in all.
    pub(crate) answered: u64,
    /// Messages deleted a second.
    pub(crate) deleted: f64,
    /// Receives that got nothing.
    pub(crate) empty: u64,
    /// Refused, broken or timed out.
    pub(crate) errors: u64,
    /// Latencies in milliseconds.
    pub(crate) p50: f64,
    pub(crate) p99: f64,
}

/// Where wrk is, or how to get it.
pub(crate) fn program() -> Result<PathBuf, String> {
    let places = ["/usr/local/bin/wrk", "/usr/bin/wrk", "/opt/homebrew/bin/wrk"];
    let found = places.iter().map(Path::new).find(|place| place.exists());
    found.map(Path::to_owned).ok_or_else(|| "wrk is missing: apt-get install wrk".to_owned())
}

/// Runs `load.lua` with these arguments for some seconds.
pub(crate) fn run(wrk: &Path, endpoint: Endpoint, seconds: u32, args: [&str; 2]) -> Load {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/bench/load.lua");
    let mut command = Command::new(wrk);
    command.args(["-t1", "-c8", "--timeout", "60s", "-s", script]).arg(format!("-d{seconds}s"));
    command.arg(format!("http://127.0.0.1:{}/", endpoint.0)).arg("--").args(args);
    let done = command.stdin(Stdio::null()).output().unwrap();
    let said = String::from_utf8_lossy(&done.stdout);
    let line = said.lines().find_map(|line| line.strip_prefix("RESULT "));
    let line = line.unwrap_or_else(|| panic!("{command:?}: {said}{}", String::from_utf8_lossy(&done.stderr)));
    let number = |name: &str| -> f64 {
        let value = line.split(' ').find_map(|part| part.strip_prefix(name)?.strip_prefix('='));
        value.unwrap_or_else(|| panic!("no {name} in {line}")).parse().unwrap()
    };
    let seconds = number("seconds");
    Load {
        requests: number("requests") / seconds,
        answered: number("requests") as u64,
        deleted: number("deleted") / seconds,
        empty: number("empty") as u64,
        errors: number("errors") as u64,
        p50: number("p50") / 1e3,
        p99: number("p99") / 1e3,
    }
}
