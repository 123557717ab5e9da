//! `eventbus local`: the embedded bus as an endpoint for other programs.

use std::io::Write as _;
use std::path::PathBuf;

use clap::{Args, Subcommand};
use tokio::net::TcpListener;

use super::Cx;
use crate::config::{DEFAULT_BUS, Target};
use crate::engine::shutdown::Shutdown;
use crate::error::CliError;
use crate::local as embedded;
use crate::outcome::Outcome;

/// The embedded bus as an endpoint for other programs
#[derive(Debug, Args)]
pub struct LocalArgs {
    /// What to do with it
    #[command(subcommand)]
    pub command: LocalCommand,
}

/// What to do with the embedded bus.
#[derive(Debug, Subcommand)]
pub enum LocalCommand {
    /// Answer SNS and SQS requests on a loopback port until interrupted
    #[command(after_help = "Example: eventbus local serve --port 4566 &\n         \
        aws --endpoint-url http://127.0.0.1:4566 sqs list-queues")]
    Serve(ServeArgs),
}

/// Arguments of `local serve`.
#[derive(Debug, Args)]
pub struct ServeArgs {
    /// The port on 127.0.0.1; 0 takes any free one and prints it
    #[arg(long, value_name = "N", default_value_t = 4566)]
    pub port: u16,
    /// The bus file [default: the local context's, .eventbus/bus.db]
    #[arg(long, value_name = "FILE")]
    pub path: Option<PathBuf>,
}

/// Runs the verb.
///
/// # Errors
/// The bus file cannot be used, or the port is taken.
pub async fn run(cx: &mut Cx, args: LocalArgs) -> Result<Outcome, CliError> {
    match args.command {
        LocalCommand::Serve(args) => serve(cx, args).await,
    }
}

async fn serve(cx: &mut Cx, args: ServeArgs) -> Result<Outcome, CliError> {
    let path = match (&args.path, &cx.config.context.value.target) {
        (Some(path), _) => cx.path(path),
        (None, Target::Local { path }) => path.clone(),
        (None, Target::Aws(_)) => {
            return Err(CliError::usage("`local serve` serves the embedded bus, but an AWS bus is chosen").hint(
                format!("leave out the flag or variable that chooses it, or name the file: `--path {DEFAULT_BUS}`"),
            ));
        }
    };
    let bus = super::open_local(&path)?;
    let listener = TcpListener::bind(("127.0.0.1", args.port)).await.map_err(|error| {
        CliError::failed(format!("port {} on 127.0.0.1 cannot be listened on", args.port))
            .because(&error)
            .hint("take another one with `--port N`, or any free one with `--port 0`")
    })?;
    let url = format!("http://{}", listener.local_addr()?);
    let shutdown = Shutdown::from_signals()?;
    let mut out = cx.ui.out();
    // A program that starts this one waits for the line: stdout is the answer, and it is the URL.
    super::written(writeln!(out, "{url}").and_then(|()| out.flush()))?;
    cx.ui.status(format!("Serving {} at {url} until interrupted", cx.shown(&path.display().to_string())));
    let stop = {
        let shutdown = shutdown.clone();
        async move { shutdown.draining().await }
    };
    embedded::serve(listener, bus, stop).await.map_err(|error| CliError::failed("the server ended").because(&error))?;
    Ok(super::outcome_of_signal(shutdown.signal()).unwrap_or(Outcome::Done))
}
