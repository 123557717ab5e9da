//! What `topology` and `iam-policy` answer: texts that are documents of their own.

use std::io::{self, Write};

use super::{Ui, escape_control_keeping_lines};

/// Writes a document to stdout. On a terminal control characters are escaped, since the names and descriptions in it may be
/// hostile; a pipe gets it as it is, since what is escaped would no longer be JSON, YAML or SVG of the same meaning.
///
/// # Errors
/// What writing answered.
pub fn write(ui: &Ui, text: &str) -> io::Result<()> {
    let text = if ui.stdout_is_terminal() { escape_control_keeping_lines(text) } else { text.into() };
    let mut out = ui.out();
    out.write_all(text.as_bytes())?;
    out.flush()
}
