//! `eventbus init`: a project to start from.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use clap::Args;

use super::Cx;
use crate::error::CliError;
use crate::outcome::Outcome;
use crate::words;

/// Write a small project to start from: configuration, topology, a schema, a payload and a handler
#[derive(Debug, Args)]
#[command(after_help = "Example: eventbus init --yes && eventbus provision topology.yaml --yes")]
pub struct InitArgs {
    /// The folder to write into
    #[arg(value_name = "DIR", default_value = ".")]
    pub dir: PathBuf,
}

/// What is written, by path within the project; the handler is executable.
const FILES: [(&str, &str, bool); 5] = [
    ("eventbus.yaml", include_str!("eventbus.yaml"), false),
    ("topology.yaml", include_str!("topology.yaml"), false),
    ("schemas/UserRegistered.json", include_str!("../../../schemas/events/UserRegistered.json"), false),
    ("payload.json", include_str!("payload.json"), false),
    ("handler.sh", include_str!("handler.sh"), true),
];

/// Runs the verb.
///
/// # Errors
/// A file is already there (nothing is written then), or the folder cannot be written.
pub fn run(cx: &mut Cx, args: &InitArgs) -> Result<Outcome, CliError> {
    // Through its components, so that `.` is not shown.
    let dir: PathBuf = cx.path(&args.dir).components().collect();
    let taken: Vec<&str> = FILES.iter().map(|(name, ..)| *name).filter(|name| dir.join(name).exists()).collect();
    if !taken.is_empty() {
        let verb = if taken.len() == 1 { "exists" } else { "exist" };
        return Err(CliError::failed(format!(
            "{} already {verb} in {}; nothing was written",
            words::list(&taken),
            dir.display()
        ))
        .hint("choose an empty folder: `eventbus init my-project --yes`"));
    }
    let question = format!("Write {} files into {}?", FILES.len(), dir.display());
    if cx.ui.confirm(&question, cx.yes, None)?.is_none() {
        return Ok(Outcome::Failed);
    }
    for (name, text, executable) in FILES {
        write(&dir.join(name), text, executable).map_err(|error| {
            CliError::failed(format!("{} cannot be written", dir.join(name).display())).because(&error)
        })?;
        cx.ui.status(format!("Wrote {name}"));
    }
    cx.ui.status("Next: `eventbus provision topology.yaml`, then `eventbus publish UserRegistered payload.json`");
    Ok(Outcome::Done)
}

/// Writes a file that must not exist yet, with the folders above it.
fn write(path: &Path, text: &str, executable: bool) -> io::Result<()> {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    if executable {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o755);
    }
    options.open(path)?.write_all(text.as_bytes())
}
