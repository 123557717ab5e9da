//! The one gate through which every question goes: it never hangs where nobody can answer.

use dialoguer::Input;

use super::Ui;
use crate::engine::Confirmed;
use crate::error::CliError;

/// Asks `question` on stderr. `None` when the user declines.
///
/// # Errors
/// A usage error naming `--yes` where there is no terminal; a failure when the prompt was interrupted.
pub(super) fn confirm(ui: &Ui, question: &str, yes: bool) -> Result<Option<Confirmed>, CliError> {
    if yes {
        return Ok(Some(Confirmed::by_the_user()));
    }
    if !ui.can_prompt() {
        return Err(CliError::usage(format!(
            "a confirmation is needed (`{question}`) and there is no terminal to ask on"
        ))
        .hint("add `--yes` to go ahead without being asked, or `--dry-run` to only look"));
    }
    let typed = ask(format!("{question} [y/N]"))?;
    let agreed = ["y", "yes"].iter().any(|yes| typed.eq_ignore_ascii_case(yes));
    Ok(agreed.then(Confirmed::by_the_user))
}

/// One line from the terminal, without its blanks; nothing at the end of input. A whole line and not a key: a `y` in `maybe` is
/// no yes. The terminal stays as it is, so that Ctrl-C ends the program as it ends any other.
fn ask(question: String) -> Result<String, CliError> {
    match Input::<String>::new().with_prompt(question).allow_empty(true).report(false).interact() {
        Ok(typed) => Ok(typed.trim().to_owned()),
        Err(dialoguer::Error::IO(error)) => Err(CliError::failed("the prompt was interrupted").because(&error)),
    }
}

/// Asks `question` on stderr, to be answered with the `name` of what would be changed; `given` (`--confirm`) answers beforehand.
/// `None` when something else is typed. `--yes` has no say here.
///
/// # Errors
/// A usage error when `given` is another name, or naming `--confirm` where there is no terminal; a failure when the prompt was
/// interrupted.
pub(super) fn confirm_name(
    ui: &Ui,
    question: &str,
    name: &str,
    given: Option<&str>,
) -> Result<Option<Confirmed>, CliError> {
    match given {
        Some(given) if given == name => return Ok(Some(Confirmed::by_the_user())),
        Some(given) => {
            return Err(CliError::usage(format!("`--confirm {given}` does not name what would be changed, `{name}`"))
                .hint(format!("if that is what you want: `--confirm {name}`")));
        }
        None if !ui.can_prompt() => {
            return Err(CliError::usage(format!(
                "this bus is protected: `{name}` must be confirmed by its name (`{question}`) and there is no terminal to ask on"
            ))
            .hint(format!("add `--confirm {name}` (`--yes` does not stand for a name), or `--dry-run` to only look")));
        }
        None => {}
    }
    let prompt = format!("{question} This bus is protected: type `{name}` to go ahead");
    if ask(prompt)? == name {
        return Ok(Some(Confirmed::by_the_user()));
    }
    ui.warn(format!("that is not `{name}`: nothing was done"));
    Ok(None)
}
