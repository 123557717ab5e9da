//! `local serve`: the listener.

use std::io::Write as _;
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use tokio::net::TcpListener;

use super::{Cx, bus_file, credentials, embedded, open_local_with, outcome_of_signal, provision, written};
use crate::bus::Bus;
use crate::engine;
use crate::engine::shutdown::Shutdown;
use crate::error::CliError;
use crate::local::{self, Access, Listening, LocalBus, OpenOptions};
use crate::outcome::Outcome;
use crate::output::quoted;
use crate::topology::Topology;
use crate::words;

/// Connections that a bus should be able to hold; with room for fewer it says so.
const MANY: usize = 10_000;

/// Arguments of `local serve`.
#[derive(Debug, Args)]
pub struct ServeArgs {
    /// The port; 0 takes any free one and prints it
    #[arg(long, value_name = "N", default_value_t = 4566)]
    pub port: u16,
    /// Listen on this address instead of 127.0.0.1; every request must then be signed with
    /// the key of `--credentials-file`, or of EVENTBUS_SERVE_ACCESS_KEY_ID and
    /// EVENTBUS_SERVE_SECRET_ACCESS_KEY
    #[arg(long, value_name = "ADDRESS")]
    pub bind: Option<IpAddr>,
    /// Answer only what is signed with the key in this file, written as AWS writes its own
    #[arg(long, value_name = "FILE")]
    pub credentials_file: Option<PathBuf>,
    /// Answer requests to this name, too, besides localhost; may be given several times
    #[arg(long, value_name = "NAME", value_parser = host)]
    pub allow_host: Vec<String>,
    /// Answer web pages of this origin; may be given several times
    #[arg(long, value_name = "ORIGIN", value_parser = origin)]
    pub allow_origin: Vec<String>,
    /// The bus file [default: the local context's, .eventbus/bus.db]
    #[arg(long, value_name = "FILE")]
    pub path: Option<PathBuf>,
    /// Make what this topology says before the URL is printed
    #[arg(long, value_name = "TOPOLOGY")]
    pub init: Option<PathBuf>,
    /// Refuse to make a queue that was deleted again for so many seconds; AWS: 60
    #[arg(long, value_name = "SECONDS", default_value_t = 0)]
    pub recreate_window: u32,
    /// Refuse to purge a queue again for so many seconds; AWS: 60
    #[arg(long, value_name = "SECONDS", default_value_t = 0)]
    pub purge_window: u32,
}

pub(super) async fn run(cx: &mut Cx, args: ServeArgs) -> Result<Outcome, CliError> {
    let path = bus_file(cx, args.path.as_deref(), "serve")?;
    let access = Access {
        credentials: credentials::wanted(cx, args.bind, args.credentials_file.as_deref())?,
        hosts: args.allow_host,
        origins: args.allow_origin,
    };
    let address = args.bind.unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST));
    let topology = match &args.init {
        Some(file) => Some(cx.topology_at(&cx.path(file))?),
        None => None,
    };
    let room = local::room_for_connections();
    if room < MANY {
        let sentence = format!("only {room} connections fit at a time, because of the limit of open files");
        cx.ui.note(format!("{sentence}; raise it beforehand: `ulimit -n {}`", MANY + 100));
    }
    // First of all: when the port is taken nothing has been made.
    let listener = match TcpListener::bind((address, args.port)).await {
        Ok(listener) => listener,
        Err(error) => return Err(not_bound(address, args.port, &error).await),
    };
    let window = |seconds: u32| Duration::from_secs(seconds.into());
    let (recreate_window, purge_window) = (window(args.recreate_window), window(args.purge_window));
    let options = OpenOptions { recreate_window, purge_window, ..OpenOptions::default() };
    let bus = open_local_with(&cx.ui, &path, options)?;
    let url = format!("http://{}", listener.local_addr()?);
    let shutdown = Shutdown::from_signals()?;
    if let Some(topology) = topology
        && let Some(outcome) = make(cx, bus.clone(), &topology, &shutdown).await?
    {
        return Ok(outcome);
    }
    let mut out = cx.ui.out();
    // A program that starts this one waits for the line: stdout is the answer, and it is the URL.
    written(writeln!(out, "{url}").and_then(|()| out.flush()))?;
    cx.ui.status(format!("Serving {} at {url} until interrupted", cx.shown(&path.display().to_string())));
    let stop = {
        let shutdown = shutdown.clone();
        async move { shutdown.draining().await }
    };
    let lost = bus.clone();
    local::serve(listener, bus, access, room, stop).await.map_err(|error| {
        let ended = CliError::failed("the server ended").because(&error);
        match lost.lost() {
            Some(_) => {
                ended.hint("start it again; a bus is emptied with `eventbus local reset`, which needs no restart")
            }
            None => ended,
        }
    })?;
    Ok(outcome_of_signal(shutdown.signal()).unwrap_or(Outcome::Done))
}

/// Why there is no listener, and what to do about it.
async fn not_bound(address: IpAddr, port: u16, error: &std::io::Error) -> CliError {
    let failed = CliError::failed(format!("port {port} on {address} cannot be listened on")).because(error);
    let taken = error.kind() == std::io::ErrorKind::AddrInUse;
    if taken && address.is_loopback() && local::answers(port).await != Listening::NoBus {
        return failed.hint(format!(
            "an embedded bus is being served there already; use it: `eval \"$(eventbus local env --port {port})\"`, or take any free port: `--port 0`"
        ));
    }
    failed.hint("take another one with `--port N`, or any free one with `--port 0`")
}

/// The same origin as browsers write it: scheme, host and port, nothing behind.
fn origin(text: &str) -> Result<String, String> {
    let rest = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://")).unwrap_or_default();
    let rest = rest.strip_suffix('/').unwrap_or(rest);
    if rest.is_empty() || rest.contains(['/', '*', '?', '#', '@']) || rest.contains(char::is_whitespace) {
        return Err("an origin is a scheme, a host and a port, such as `http://localhost:3000`".into());
    }
    Ok(text.strip_suffix('/').unwrap_or(text).to_owned())
}

/// A host name without its port.
fn host(text: &str) -> Result<String, String> {
    if text.is_empty() || text.contains(['/', ':', '*', '@']) || text.contains(char::is_whitespace) {
        return Err("a host is a name alone, such as `bus` or `bus.example.com`".into());
    }
    Ok(text.to_owned())
}

/// Provisions `topology` on the bus, in process; the outcome when a signal ended it.
async fn make(cx: &Cx, bus: LocalBus, topology: &Topology, shutdown: &Shutdown) -> Result<Option<Outcome>, CliError> {
    let bus = Bus::connect(embedded(bus)).await?;
    let plan = engine::provision::plan(&bus, topology).await?;
    provision::check(cx, &plan)?;
    if plan.is_empty() {
        cx.ui.status(format!("Everything of `{}` is there", plan.topology));
        return Ok(None);
    }
    // A retention that is shortened deletes messages, and nobody was asked about them.
    if let Some(guard) = plan.guards().next() {
        let agree = format!("eventbus provision TOPOLOGY --confirm {}", quoted(&guard.name));
        return Err(CliError::refused(guard.why.clone()).hint(format!("look at it and agree to it first: `{agree}`")));
    }
    // `--init` is the user's word for the rest: the bus is this very process's, and nothing is lost.
    let Some(confirmed) = cx.ui.confirm("Apply the topology?", true, None)? else { return Ok(Some(Outcome::Failed)) };
    let Some(report) = provision::apply(cx, &bus, &plan, confirmed, shutdown).await? else {
        return Ok(Some(outcome_of_signal(shutdown.signal()).unwrap_or(Outcome::Failed)));
    };
    let missing = report.failed() + report.not_tried();
    if missing == 0 {
        return Ok(None);
    }
    match outcome_of_signal(shutdown.signal()) {
        Some(outcome) => Ok(Some(outcome)),
        None => Err(CliError::failed(format!(
            "the topology `{}` was not made: {} could not be created or changed",
            plan.topology,
            words::count(missing as u64, "resource")
        ))),
    }
}
