//! The schemas of another commit, put into a folder of their own.

use std::path::Path;
use std::process::{Command, Output};

use crate::error::CliError;

/// The schemas of a commit; the folder goes when this is dropped.
pub(super) struct Checkout {
    place: tempfile::TempDir,
    /// What git calls the folder of the schemas, up to the file: `main:schemas/`.
    pub(super) label: String,
}

impl Checkout {
    pub(super) fn path(&self) -> &Path {
        self.place.path()
    }
}

/// Writes what `folder` held in the commit `named` into a temporary folder.
pub(super) fn checkout(folder: &Path, named: &str) -> Result<Checkout, CliError> {
    let failed = |what: String| CliError::failed(what);
    let git = |args: &[&str]| -> Result<Output, CliError> {
        Command::new("git")
            .arg("-C")
            .arg(folder)
            .args(args)
            .output()
            .map_err(|error| failed("git cannot be run".into()).because(&error))
    };
    let commit = format!("{named}^{{commit}}");
    // What begins with a dash is a name all the same.
    let found = git(&["rev-parse", "--verify", "--quiet", "--end-of-options", &commit])?;
    if !found.status.success() {
        let inside = git(&["rev-parse", "--git-dir"])?.status.success();
        let why =
            if inside { "nor a commit, branch or tag of git" } else { "and the schemas are in no git repository" };
        return Err(CliError::usage(format!("`{named}` is no folder, {why}")));
    }
    let commit = String::from_utf8_lossy(&found.stdout).trim().to_owned();
    let listed = git(&["ls-tree", "-r", "-z", &commit, "--", "."])?;
    if !listed.status.success() {
        let said = String::from_utf8_lossy(&listed.stderr).trim().to_owned();
        return Err(failed(format!("git cannot list the schemas of `{named}`: {said}")));
    }
    let cannot = |error: std::io::Error| failed("the older schemas cannot be put aside".into()).because(&error);
    let place = tempfile::Builder::new().prefix("eventbus-schemas-").tempdir().map_err(cannot)?;
    for entry in listed.stdout.split(|byte| *byte == 0) {
        // `100644 blob ID<tab>PATH`, and nothing but plain files.
        let Ok(entry) = std::str::from_utf8(entry) else { continue };
        let Some((head, path)) = entry.split_once('\t') else { continue };
        let mut head = head.split(' ');
        let (mode, id) = (head.next().unwrap_or_default(), head.nth(1).unwrap_or_default());
        let is_schema = [".json", ".yaml", ".yml"].iter().any(|ending| path.ends_with(ending));
        let inside = !path.split('/').any(|part| part == "..") && !path.starts_with('/');
        if !mode.starts_with("100") || !is_schema || !inside {
            continue;
        }
        let blob = git(&["cat-file", "blob", id])?;
        if !blob.status.success() {
            let said = String::from_utf8_lossy(&blob.stderr).trim().to_owned();
            return Err(failed(format!("git cannot read {path} of `{named}`: {said}")));
        }
        let file = place.path().join(path);
        std::fs::create_dir_all(file.parent().unwrap_or(place.path())).map_err(cannot)?;
        std::fs::write(&file, blob.stdout).map_err(cannot)?;
    }
    let prefix = git(&["rev-parse", "--show-prefix"])?;
    let label = format!("{named}:{}", String::from_utf8_lossy(&prefix.stdout).trim());
    Ok(Checkout { place, label })
}
