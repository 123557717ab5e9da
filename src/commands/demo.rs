//! `eventbus demo`: the whole road in a throw-away folder, each command shown as a user would type it.
//!
//! Each step runs this very program; nothing is canned. A step that does not end as it should ends the demo as failed.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use clap::Args;
use tokio::process::Command;

use super::Cx;
use crate::config;
use crate::engine::shutdown::Shutdown;
use crate::error::CliError;
use crate::outcome::Outcome;
use crate::output::{Tone, quoted};

/// Show the whole road on the embedded bus: provision, publish, explain, tail, consume, replay
#[derive(Debug, Args)]
#[command(after_help = "Example: eventbus demo --dir my-first-bus")]
pub struct DemoArgs {
    /// Work in this new folder and keep it [default: a temporary one that is removed]
    #[arg(long, value_name = "DIR")]
    pub dir: Option<PathBuf>,
}

/// A command of the tour, what is said before it, and how it must end.
struct Step {
    say: &'static str,
    args: &'static [&'static str],
    ends: Outcome,
}

const STEPS: [Step; 11] = [
    Step { say: "A project to start from", args: &["init", "--yes"], ends: Outcome::Done },
    Step {
        say: "Topics, queues, dead letters and filters from one file",
        args: &["provision", "topology.yaml", "--yes"],
        ends: Outcome::Done,
    },
    Step {
        say: "Three events: validated, wrapped, routed, in one batch",
        args: &["publish", "UserRegistered", "payload.json", "grace.json", "alan.json"],
        ends: Outcome::Done,
    },
    Step {
        say: "A payload that breaks its schema never leaves the shell",
        args: &["publish", "UserRegistered", "broken.json"],
        ends: Outcome::Refused,
    },
    Step {
        say: "Who gets this event, and why",
        args: &["explain", "UserRegistered", "payload.json"],
        ends: Outcome::Done,
    },
    Step {
        say: "Look without touching: no receive count, no visibility changes",
        args: &["tail", "user_events", "--count", "3", "-o", "pretty"],
        ends: Outcome::Done,
    },
    Step {
        say: "A shell handler takes two of them; exit 0 acknowledges",
        args: &["consume", "--exec", "./handler.sh", "--count", "2"],
        ends: Outcome::Done,
    },
    Step {
        say: "This handler fails: exit 65 rejects the third to the dead-letter queue",
        args: &["consume", "--exec", "./reject.sh", "--drain"],
        ends: Outcome::Done,
    },
    Step {
        say: "There it lies, with everything it had",
        args: &["tail", "user_events_dlq", "--count", "1", "-o", "pretty"],
        ends: Outcome::Done,
    },
    Step { say: "Back to where it came from", args: &["replay", "user_events_dlq", "--yes"], ends: Outcome::Done },
    Step { say: "And handled after all", args: &["consume", "--exec", "./handler.sh", "--drain"], ends: Outcome::Done },
];

/// What the tour needs besides the project that `init` writes.
const EXTRAS: [(&str, &str); 4] = [
    (
        "grace.json",
        "{\"id\": \"0b0e0c1a-7c5e-4f57-9a51-9d1c5b1f5a02\", \"email\": \"grace@example.com\", \"name\": \"Grace Hopper\"}\n",
    ),
    (
        "alan.json",
        "{\"id\": \"b6a1c2de-0f4b-4a3f-8d57-1f7be3c1a003\", \"email\": \"alan@example.com\", \"plan\": \"free\"}\n",
    ),
    ("broken.json", "{\"id\": \"not-a-uuid\", \"emial\": \"typo@example.com\", \"plan\": \"gold\"}\n"),
    (
        "reject.sh",
        "#!/bin/sh\n# A handler that cannot use what it got: EX_DATAERR.\necho \"cannot use $EVENTBUS_ENTITY_ID\" >&2\nexit 65\n",
    ),
];

/// Runs the verb.
///
/// # Errors
/// The folder cannot be made, or a step did not end as it should.
pub async fn run(cx: &mut Cx, args: &DemoArgs) -> Result<Outcome, CliError> {
    let program = config::program()?;
    let throw_away;
    let dir = match &args.dir {
        Some(dir) => {
            let dir = cx.path(dir);
            fs::create_dir(&dir).map_err(|error| {
                CliError::failed(format!("the folder {} cannot be made", dir.display()))
                    .because(&error)
                    .hint("name a folder that does not exist yet: `eventbus demo --dir my-first-bus`")
            })?;
            dir
        }
        None => {
            throw_away = tempfile::Builder::new().prefix("eventbus-demo-").tempdir().map_err(|error| {
                CliError::failed("a throw-away folder cannot be made")
                    .because(&error)
                    .hint("name a folder to work in and keep: `eventbus demo --dir my-first-bus`")
            })?;
            throw_away.path().to_owned()
        }
    };
    for (name, text) in EXTRAS {
        write(&dir.join(name), text)?;
    }
    let shutdown = Shutdown::from_signals()?;
    for step in &STEPS {
        tokio::select! {
            done = run_step(cx, &program, &dir, step) => done?,
            // The step is ended with us, and the folder goes.
            () = shutdown.draining() => {
                return Ok(super::outcome_of_signal(shutdown.signal()).unwrap_or(Outcome::Interrupted));
            }
        }
    }
    let mut out = cx.ui.out();
    let end = match &args.dir {
        Some(_) => format!("The project is in {}: try `eventbus --help` there.", dir.display()),
        None => "The folder is gone again; `eventbus demo --dir my-first-bus` keeps it.".to_owned(),
    };
    super::written(writeln!(out, "\n{}", cx.ui.paint(Tone::Dim, format!("# {end}"))).and_then(|()| out.flush()))?;
    Ok(Outcome::Done)
}

async fn run_step(cx: &Cx, program: &Path, dir: &Path, step: &Step) -> Result<(), CliError> {
    let typed = step.args.iter().copied().map(quoted).collect::<Vec<_>>().join(" ");
    let mut out = cx.ui.out();
    let heading = cx.ui.paint(Tone::Dim, format!("# {}", step.say));
    let command = cx.ui.paint(Tone::Strong, format!("$ eventbus {typed}"));
    super::written(writeln!(out, "\n{heading}\n{command}").and_then(|()| out.flush()))?;
    let mut child = Command::new(program);
    child
        .args(step.args)
        .args(cx.ui.quiet().then_some("--quiet"))
        .current_dir(dir)
        .stdin(Stdio::null())
        .kill_on_drop(true);
    // The tour is about this folder's own bus, whatever the caller's shell has chosen.
    for name in config::CHOOSING_VARIABLES {
        child.env_remove(name);
    }
    let status =
        child.status().await.map_err(|error| CliError::failed("a step of the demo cannot start").because(&error))?;
    if status.code() == Some(i32::from(step.ends.code())) {
        return Ok(());
    }
    Err(CliError::failed(format!("`eventbus {typed}` ended with {status} where {} was expected", step.ends.code())))
}

fn write(path: &Path, text: &str) -> Result<(), CliError> {
    fs::write(path, text)?;
    #[cfg(unix)]
    if path.extension().is_some_and(|extension| extension == "sh") {
        use std::os::unix::fs::PermissionsExt as _;
        fs::set_permissions(path, fs::Permissions::from_mode(0o755))?;
    }
    Ok(())
}
