//! `eventbus local`: the embedded bus as an endpoint for other programs, what is in it, and a clean slate.

mod credentials;
mod env;
mod serve;
mod status;

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};

use super::{Cx, embedded, open_local, open_local_with, outcome_of_signal, provision, written};
use crate::config::{Context, DEFAULT_BUS, Target};
use crate::error::CliError;
use crate::outcome::Outcome;

/// The embedded bus: serve it to other programs, look into it, empty it
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
    #[command(after_help = "Who signs with a twelve-digit access key id acts for that account, everybody else for\n\
        000000000000; the region is the one of the signature. Web pages are refused, and names\n\
        that are not this machine's, unless allowed.\n\
        Also there: GET /_aws/sqs/messages?QueueUrl=URL (looks, and receives nothing),\n\
        GET /_eventbus/health, POST /_eventbus/reset.\n\
        Example: eventbus local serve --port 4566 &\n         \
        aws --endpoint-url http://127.0.0.1:4566 sqs list-queues")]
    Serve(serve::ServeArgs),
    /// Show topics, queues with their messages, and subscriptions
    #[command(after_help = "Example: eventbus local status -o json | jq '.queues[].waiting'")]
    Status(status::StatusArgs),
    /// Remove everything from the bus file: topics, queues, subscriptions and messages
    #[command(
        after_help = "Whoever has the bus open finds it empty from then on.\nExample: eventbus local reset --yes"
    )]
    Reset(status::ResetArgs),
    /// Print the shell variables with which SDKs and the aws CLI find a bus that is being served
    #[command(after_help = "Example: eval \"$(eventbus local env --port 4566)\"")]
    Env(env::EnvArgs),
}

/// Runs the verb.
///
/// # Errors
/// The bus file cannot be used, the port is taken or not answered, or nobody could be asked.
pub async fn run(cx: &mut Cx, args: LocalArgs) -> Result<Outcome, CliError> {
    match args.command {
        LocalCommand::Serve(args) => serve::run(cx, args).await,
        LocalCommand::Status(args) => status::run(cx, &args).await,
        LocalCommand::Reset(args) => status::reset(cx, &args).await,
        LocalCommand::Env(args) => env::run(cx, &args).await,
    }
}

/// The bus file that `verb` is about: the one that `--path` names, else the local context's. In a shell whose variables lead to a
/// bus that is served on this machine it is still the file.
fn bus_file(cx: &Cx, path: Option<&Path>, verb: &str) -> Result<PathBuf, CliError> {
    match (path, local_context(cx).map(|context| &context.target)) {
        (Some(path), _) => Ok(cx.path(path)),
        (None, Some(Target::Local { path })) => Ok(path.clone()),
        (None, _) => Err(CliError::usage(format!(
            "`local {verb}` is about the embedded bus, but an AWS bus is chosen"
        ))
        .hint(format!("leave out the flag or variable that chooses it (`env -u AWS_ENDPOINT_URL eventbus local {verb}`), or name the file: `--path {DEFAULT_BUS}`"))),
    }
}

/// The context of the embedded bus.
fn local_context(cx: &Cx) -> Option<&Context> {
    let chosen = &cx.config.context.value;
    matches!(chosen.target, Target::Local { .. }).then_some(chosen).or(cx.config.beside.as_ref())
}
