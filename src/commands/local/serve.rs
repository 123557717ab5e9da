//! `local serve`: the listener.

use std::io::Write as _;
use std::path::PathBuf;

use clap::Args;
use tokio::net::TcpListener;

use super::{Cx, bus_file, embedded, open_local, outcome_of_signal, provision, written};
use crate::bus::Bus;
use crate::engine;
use crate::engine::shutdown::Shutdown;
use crate::error::CliError;
use crate::local::{self, LocalBus};
use crate::outcome::Outcome;
use crate::topology::Topology;
use crate::words;

/// Arguments of `local serve`.
#[derive(Debug, Args)]
pub struct ServeArgs {
    /// The port on 127.0.0.1; 0 takes any free one and prints it
    #[arg(long, value_name = "N", default_value_t = 4566)]
    pub port: u16,
    /// The bus file [default: the local context's, .eventbus/bus.db]
    #[arg(long, value_name = "FILE")]
    pub path: Option<PathBuf>,
    /// Make what this topology says before the URL is printed
    #[arg(long, value_name = "TOPOLOGY")]
    pub init: Option<PathBuf>,
}

pub(super) async fn run(cx: &mut Cx, args: ServeArgs) -> Result<Outcome, CliError> {
    let path = bus_file(cx, args.path.as_deref(), "serve")?;
    let topology = match &args.init {
        Some(file) => Some(cx.topology_at(&cx.path(file))?),
        None => None,
    };
    let bus = open_local(&path)?;
    let listener = TcpListener::bind(("127.0.0.1", args.port)).await.map_err(|error| {
        CliError::failed(format!("port {} on 127.0.0.1 cannot be listened on", args.port))
            .because(&error)
            .hint("take another one with `--port N`, or any free one with `--port 0`")
    })?;
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
    local::serve(listener, bus, stop).await.map_err(|error| CliError::failed("the server ended").because(&error))?;
    Ok(outcome_of_signal(shutdown.signal()).unwrap_or(Outcome::Done))
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
    // `--init` is the user's word: the bus is this very process's, and nothing is deleted.
    let Some(confirmed) = cx.ui.confirm("Apply the topology?", true)? else { return Ok(Some(Outcome::Failed)) };
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
