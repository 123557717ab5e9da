//! The one gate through which every question goes: it never hangs where nobody can answer.

use dialoguer::Confirm;

use super::Ui;
use crate::error::CliError;

/// Proof that somebody agreed: at the prompt, or with `--yes`. Calls that change what others rely on take it.
#[derive(Clone, Copy, Debug)]
pub struct Confirmed(());

/// Asks `question` on stderr. `None` when the user declines.
///
/// # Errors
/// A usage error naming `--yes` where there is no terminal; a failure when the prompt was interrupted.
pub(super) fn confirm(ui: &Ui, question: &str, yes: bool) -> Result<Option<Confirmed>, CliError> {
    if yes {
        return Ok(Some(Confirmed(())));
    }
    if !ui.can_prompt() {
        return Err(CliError::usage(format!(
            "a confirmation is needed (`{question}`) and there is no terminal to ask on"
        ))
        .hint("add `--yes` to go ahead without being asked, or `--dry-run` to only look"));
    }
    let agreed = Confirm::new().with_prompt(question).default(false).interact_opt();
    match agreed {
        Ok(Some(true)) => Ok(Some(Confirmed(()))),
        Ok(Some(false) | None) => Ok(None),
        Err(dialoguer::Error::IO(error)) => Err(CliError::failed("the prompt was interrupted").because(&error)),
    }
}
