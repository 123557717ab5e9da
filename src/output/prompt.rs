//! The one gate through which every question goes: it never hangs where nobody can answer.

use std::io::{self, BufRead as _, Write as _};

use dialoguer::theme::{SimpleTheme, Theme as _};

use super::Ui;
use crate::engine::Confirmed;
use crate::error::CliError;

/// Asks `question` on stderr. `None` when the user declines. `look` says how to look without changing anything, for the hint
/// where nobody can be asked: not every verb has a way.
///
/// # Errors
/// A usage error naming `--yes` where there is no terminal; a failure when the prompt was interrupted.
pub(super) fn confirm(ui: &Ui, question: &str, yes: bool, look: Option<&str>) -> Result<Option<Confirmed>, CliError> {
    if yes {
        return Ok(Some(Confirmed::by_the_user()));
    }
    if !ui.can_prompt() {
        let look = look.map(|look| format!(", or {look}")).unwrap_or_default();
        return Err(CliError::usage(format!(
            "a confirmation is needed (`{question}`) and there is no terminal to ask on"
        ))
        .hint(format!("add `--yes` to go ahead without being asked{look}")));
    }
    let mut asked = String::new();
    let _ = SimpleTheme.format_confirm_prompt(&mut asked, question, Some(false));
    let typed = ask(asked.trim_end())?;
    let agreed = ["y", "yes"].iter().any(|yes| typed.eq_ignore_ascii_case(yes));
    Ok(agreed.then(Confirmed::by_the_user))
}

/// One line from the terminal, without its blanks; nothing at the end of input, which declines.
///
/// A whole line and not a key: a `y` in `maybe` is no yes. And a plain read instead of the prompt crate's own, which takes keys
/// in raw mode: that never ends when the input does, and hides the cursor while Ctrl-C ends the program.
fn ask(question: &str) -> Result<String, CliError> {
    let interrupted = |error: io::Error| CliError::failed("the prompt was interrupted").because(&error);
    let mut err = io::stderr().lock();
    write!(err, "{} ", super::escape_control(question)).and_then(|()| err.flush()).map_err(interrupted)?;
    let mut typed = Vec::new();
    io::stdin().lock().read_until(b'\n', &mut typed).map_err(interrupted)?;
    if !typed.ends_with(b"\n") {
        // The terminal has not moved to a new line by itself.
        let _ = writeln!(err);
    }
    Ok(String::from_utf8_lossy(&typed).trim().to_owned())
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
    let mut asked = String::new();
    let prompt = format!("{question} This bus is protected: type `{name}` to go ahead");
    let _ = SimpleTheme.format_input_prompt(&mut asked, &prompt, None);
    if ask(asked.trim_end())? == name {
        return Ok(Some(Confirmed::by_the_user()));
    }
    ui.warn(format!("that is not `{name}`: nothing was done"));
    Ok(None)
}

/// Something that is destroyed only by somebody who types its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// What is lost: a sentence fragment.
    pub why: String,
    /// The name to type, and what else is as good.
    pub names: Vec<String>,
}

/// Asks for one typed name after the other; `given` (`--confirm`, repeated) answers beforehand. `None` when something else is
/// typed. `--yes` has no say here.
///
/// # Errors
/// A usage error naming every `--confirm` that is missing where there is no terminal; a failure when the prompt was interrupted.
pub(super) fn confirm_names(ui: &Ui, asked: &[Asked], given: &[String]) -> Result<Option<Confirmed>, CliError> {
    let missing: Vec<&Asked> =
        asked.iter().filter(|asked| !asked.names.iter().any(|name| given.contains(name))).collect();
    let name = |asked: &Asked| asked.names.first().cloned().unwrap_or_default();
    if !ui.can_prompt()
        && let Some(first) = missing.first()
    {
        let flags: Vec<String> =
            missing.iter().map(|asked| format!("--confirm {}", super::quoted(&name(asked)))).collect();
        let message = format!(
            "{}: `{}` must be confirmed by its name, and there is no terminal to ask on",
            first.why,
            name(first)
        );
        let hint = format!("add `{}` (`--yes` does not stand for a name)", flags.join(" "));
        return Err(CliError::usage(message).hint(hint));
    }
    for asked_for in missing {
        let mut asked = String::new();
        let prompt = format!("{}. Type `{}` to go ahead", asked_for.why, name(asked_for));
        let _ = SimpleTheme.format_input_prompt(&mut asked, &prompt, None);
        let typed = ask(asked.trim_end())?;
        if !asked_for.names.contains(&typed) {
            ui.warn(format!("that is not `{}`: nothing was done", name(asked_for)));
            return Ok(None);
        }
    }
    Ok(Some(Confirmed::by_the_user()))
}
