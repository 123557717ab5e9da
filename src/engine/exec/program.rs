//! Finds the program of a handler before the first event is received: a handler that cannot run must not cost a receive.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use nix::unistd::{AccessFlags, access};

/// What the user named as the handler.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HandlerCommand {
    /// `--exec 'line'`: through `sh -c`.
    Shell(String),
    /// `-- program args…`: started directly.
    Direct {
        /// A path, or a name to look up in `PATH`.
        program: OsString,
        /// Its arguments, as typed.
        args: Vec<OsString>,
    },
}

/// A handler that was found: how to start it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    pub(super) path: PathBuf,
    pub(super) name: OsString,
    pub(super) args: Vec<OsString>,
    /// Where it runs, and what a relative path of its own refers to.
    pub(super) folder: PathBuf,
    display: String,
}

impl Program {
    /// The process to start, its arguments and its folder set.
    pub(in crate::engine) fn command(&self) -> std::process::Command {
        use std::os::unix::process::CommandExt as _;
        let mut command = std::process::Command::new(&self.path);
        command.arg0(&self.name).args(&self.args).current_dir(&self.folder);
        command
    }
}

impl fmt::Display for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.display)
    }
}

/// Why a handler cannot be started, known before anything was received.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotRunnable {
    /// The command is empty.
    #[error("handler command is empty")]
    Empty,
    /// There is no such program.
    #[error("handler `{program}` does not exist{searched}", searched = if *.in_path { " in any folder of `PATH`" } else { "" })]
    NotFound {
        /// As the user wrote it.
        program: String,
        /// It is a name, not a path, so `PATH` was searched.
        in_path: bool,
    },
    /// There is one, which is a folder or has no execute permission for us.
    #[error("handler `{program}` is not an executable file")]
    NotExecutable {
        /// As the user wrote it.
        program: String,
        /// The file that was found.
        found: PathBuf,
    },
}

impl HandlerCommand {
    /// Finds the program; `path` is the value of `PATH`, `folder` the working directory.
    ///
    /// A direct command is looked up as `execvp` would. Of a shell line only a plain first word is judged, and only when the whole
    /// line is one simple command: the shell has a far richer language than we could check, and a valid line is never refused.
    pub async fn resolve(&self, path: Option<&OsStr>, folder: &Path) -> Result<Program, NotRunnable> {
        match self {
            Self::Direct { program, args } => {
                let found = find(program, path, folder)?;
                let display =
                    [program].into_iter().chain(args).map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ");
                Ok(Program {
                    path: found,
                    name: program.clone(),
                    args: args.clone(),
                    folder: folder.to_owned(),
                    display,
                })
            }
            Self::Shell(line) => {
                if line.trim().is_empty() {
                    return Err(NotRunnable::Empty);
                }
                // POSIX fixes `sh -c`, not where `sh` is; without a PATH it is where every Unix has it.
                let shell = find(OsStr::new("sh"), path, folder)
                    .or_else(|missing| find(OsStr::new("/bin/sh"), path, folder).map_err(|_| missing))?;
                if let Some(word) = judged_word(line)
                    && let Err(missing) = find(OsStr::new(word), path, folder)
                    && (word.contains('/') || !shell_knows(&shell, word).await)
                {
                    return Err(missing);
                }
                let args = ["-c", line].map(OsString::from).into();
                Ok(Program { path: shell, name: "sh".into(), args, folder: folder.to_owned(), display: line.clone() })
            }
        }
    }
}

/// The first word of a shell line, if its absence alone decides that the line cannot work.
fn judged_word(line: &str) -> Option<&str> {
    // In a list, a pipe or a substitution, a missing command is one of several, perhaps expected to be missing (`a || b`).
    if line.contains([';', '&', '|', '\n', '`', '(', ')', '{', '}']) {
        return None;
    }
    let word = line.split_ascii_whitespace().next()?;
    // Anything the shell would expand, quote, redirect or take for an assignment is left to the shell.
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-./+@%,:".contains(c);
    (word.chars().all(plain) && !word.starts_with(['-', '+'])).then_some(word)
}

/// Asks the shell itself whether it would find `word`: builtins, keywords and imported functions are its own affair.
async fn shell_knows(shell: &Path, word: &str) -> bool {
    let asked = tokio::process::Command::new(shell)
        .args(["-c", r#"command -v "$1""#, "sh", word])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .await;
    // A shell that cannot answer refuses nothing.
    asked.map_or(true, |status| status.success())
}

fn find(program: &OsStr, path: Option<&OsStr>, working: &Path) -> Result<PathBuf, NotRunnable> {
    if program.is_empty() {
        return Err(NotRunnable::Empty);
    }
    let shown = || program.to_string_lossy().into_owned();
    if program.as_bytes().contains(&b'/') {
        let found = working.join(program);
        return match is_executable(&found) {
            Some(true) => Ok(found),
            Some(false) => Err(NotRunnable::NotExecutable { program: shown(), found }),
            None => Err(NotRunnable::NotFound { program: shown(), in_path: false }),
        };
    }
    let mut seen = None;
    for folder in path.map(std::env::split_paths).into_iter().flatten() {
        // Relative entries, the empty one among them, count from the working directory.
        let candidate = working.join(folder).join(program);
        match is_executable(&candidate) {
            Some(true) => return Ok(candidate),
            Some(false) => seen = seen.or(Some(candidate)),
            None => {}
        }
    }
    Err(match seen {
        Some(found) => NotRunnable::NotExecutable { program: shown(), found },
        None => NotRunnable::NotFound { program: shown(), in_path: true },
    })
}

/// `None`: there is nothing. `Some(false)`: a folder, or a file that we may not execute.
fn is_executable(path: &Path) -> Option<bool> {
    let metadata = path.metadata().ok()?;
    Some(metadata.is_file() && access(path, AccessFlags::X_OK).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    fn folder_with(names: &[(&str, u32)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, mode) in names {
            let file = folder.path().join(name);
            std::fs::write(&file, "#!/bin/sh\n").unwrap();
            std::fs::set_permissions(&file, std::fs::Permissions::from_mode(*mode)).unwrap();
        }
        folder
    }

    fn direct(program: impl Into<OsString>) -> HandlerCommand {
        HandlerCommand::Direct { program: program.into(), args: vec!["-x".into()] }
    }

    fn shell(line: &str) -> HandlerCommand {
        HandlerCommand::Shell(line.into())
    }

    #[tokio::test]
    async fn a_direct_program_is_searched_in_the_given_path() {
        let folder = folder_with(&[("handle", 0o755), ("notes.txt", 0o644)]);
        let path = Some(folder.path().as_os_str());
        let found = direct("handle").resolve(path, Path::new("/")).await.unwrap();
        assert_eq!(found.path, folder.path().join("handle"));
        assert_eq!(found.to_string(), "handle -x");

        let missing = direct("handel").resolve(path, Path::new("/")).await.unwrap_err();
        assert_eq!(missing.to_string(), "handler `handel` does not exist in any folder of `PATH`");
        let plain = direct("notes.txt").resolve(path, Path::new("/")).await.unwrap_err();
        assert_eq!(plain.to_string(), "handler `notes.txt` is not an executable file");
        let absent = direct("./nowhere/handle").resolve(path, Path::new("/")).await.unwrap_err();
        assert_eq!(absent.to_string(), "handler `./nowhere/handle` does not exist");
        assert!(matches!(
            direct(folder.path()).resolve(path, Path::new("/")).await,
            Err(NotRunnable::NotExecutable { .. })
        ));
        assert!(matches!(direct("handle").resolve(None, Path::new("/")).await, Err(NotRunnable::NotFound { .. })));
        let relative = folder.path().file_name().unwrap().to_owned();
        let relative = Path::new(&relative).join("handle");
        let found = direct(relative).resolve(None, folder.path().parent().unwrap()).await.unwrap();
        assert_eq!(found.path, folder.path().join("handle"), "a relative path counts from the working directory");
        assert_eq!(direct("").resolve(path, Path::new("/")).await, Err(NotRunnable::Empty));
    }

    #[tokio::test]
    async fn a_shell_line_is_refused_only_when_it_is_certain_to_fail() {
        let folder = folder_with(&[("handle.sh", 0o755), ("forgot-chmod.sh", 0o644)]);
        let path = Some(folder.path().as_os_str());
        let at = |name: &str| folder.path().join(name).display().to_string();

        for line in [
            "handle.sh --fast",
            "cd /tmp",
            "read line",
            "if true; then :; fi",
            ": nothing",
            "exit 75",
            "missing || handle.sh",
            "missing; true",
            "NAME=value missing",
            "\"$HANDLER\" x",
            "$HANDLER",
            "~/bin/handler",
            "! missing",
            "exec missing",
            ". ./missing",
            "(missing)",
            "miss*ng",
            &at("handle.sh"),
        ] {
            assert!(shell(line).resolve(path, Path::new("/")).await.is_ok(), "refused: {line}");
        }
        for line in [
            "missing",
            "  missing arg",
            "missing 'quoted arg'",
            "missing > /dev/null",
            &at("missing.sh"),
            &at("forgot-chmod.sh"),
        ] {
            assert!(shell(line).resolve(path, Path::new("/")).await.is_err(), "not refused: {line}");
        }
        assert_eq!(shell(" \t").resolve(path, Path::new("/")).await, Err(NotRunnable::Empty));
    }
}
