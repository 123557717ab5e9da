//! What `topology` and `iam-policy` answer: texts that are documents of their own.

use std::io::{self, Write};

use super::{Ui, escape_control_keeping_lines};

/// Writes a document to stdout. Control characters, which only a tree for terminals can hold, are escaped.
///
/// # Errors
/// What writing answered.
pub fn write(ui: &Ui, text: &str) -> io::Result<()> {
    let mut out = ui.out();
    out.write_all(escape_control_keeping_lines(text).as_bytes())?;
    out.flush()
}
