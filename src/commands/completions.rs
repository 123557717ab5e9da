//! `eventbus completions SHELL`: the script that a shell sources.

use std::io::Write as _;

use clap::{Args, CommandFactory as _};
use clap_complete::Shell;

use crate::cli::App;
use crate::error::CliError;
use crate::outcome::Outcome;
use crate::output::Ui;

/// Print the completion script of a shell
#[derive(Debug, Args)]
#[command(after_help = "Example: eventbus completions bash > ~/.local/share/bash-completion/completions/eventbus")]
pub struct CompletionsArgs {
    /// The shell
    #[arg(value_enum)]
    pub shell: Shell,
}

/// The script for `shell`.
pub fn script(shell: Shell) -> Vec<u8> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut App::command(), "eventbus", &mut script);
    script
}

/// Prints the script.
///
/// # Errors
/// stdout cannot be written.
pub fn run(ui: &Ui, args: &CompletionsArgs) -> Result<Outcome, CliError> {
    let mut out = ui.out();
    super::written(out.write_all(&script(args.shell)).and_then(|()| out.flush()))?;
    Ok(Outcome::Done)
}
