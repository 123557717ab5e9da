//! `eventbus tap`: the temporary queues that looking leaves behind when it is killed.

use clap::{Args, Subcommand};

use super::{Cx, written};
use crate::clock::Clock;
use crate::engine::tap;
use crate::error::CliError;
use crate::outcome::Outcome;
use crate::output::{Table, topology as output};
use crate::words::count;

/// List the temporary queues of `tail`, `record` and `publish --wait-for`, and remove those left behind
#[derive(Debug, Args)]
pub struct TapArgs {
    #[command(subcommand)]
    command: TapCommand,
}

#[derive(Debug, Subcommand)]
enum TapCommand {
    /// List the taps of this bus
    List,
    /// Remove the taps whose process or lease has ended, and subscriptions that lead to none
    Sweep {
        /// Also those that somebody still looks through
        #[arg(long)]
        all: bool,
    },
}

/// Runs the verb.
///
/// # Errors
/// The bus fails, or nobody confirmed `--all`.
pub async fn run(cx: &mut Cx, args: TapArgs) -> Result<Outcome, CliError> {
    let bus = cx.bus().await?;
    let now = Clock::system().now();
    match args.command {
        TapCommand::List => {
            let taps = tap::find(&bus, now).await?;
            if taps.is_empty() {
                cx.ui.status("There are no taps");
                return Ok(Outcome::Done);
            }
            let mut table = Table::new(&cx.ui, &["Tap", "For", "Leased until", "State"]).unbroken(&[0, 2]);
            for tap in taps {
                let until = tap.expires.map_or_else(|| "-".to_owned(), |at| format!("{at:.0}"));
                let state = if tap.is_left { "left behind" } else { "in use" };
                table.row([tap.name, tap.target, until, state.to_owned()]);
            }
            written(output::write(&cx.ui, &format!("{table}\n")))?;
        }
        TapCommand::Sweep { all } => {
            if all && cx.ui.confirm("Remove every tap, also those in use?", cx.yes, None)?.is_none() {
                return Ok(Outcome::Failed);
            }
            let swept = tap::sweep(&bus, now, all).await?;
            let mut text = format!(
                "Removed {} and {}",
                count(swept.removed.len() as u64, "tap"),
                count(swept.subscriptions, "subscription")
            );
            if swept.in_use > 0 {
                text.push_str(&format!("; {} in use", swept.in_use));
            }
            cx.ui.status(text);
        }
    }
    Ok(Outcome::Done)
}
