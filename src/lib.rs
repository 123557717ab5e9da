//! `eventbus`: publish, provision, tail, consume and replay events on Amazon SNS and SQS, with an embedded bus.
//!
//! ```text
//! argv ─► cli ─► commands ─► engine ─► bus ─► AWS … or the embedded bus (local), through the same SDK clients
//!                   │           │
//!                   │           └─ Event ─► output (human | json | progress) ─► stdout / stderr
//!                   └─ report ─► Outcome ─► exit code
//! payload.json ─► schema ─► event ─► bus (SNS) ─► [filter] ─► queue ─► bus (SQS) ─► event ─► handler
//! ```
//!
//! Requests flow right, events flow down, nothing flows back. Who may use whom is kept by `tests/it/architecture.rs`.

pub mod bus;
pub mod cli;
pub mod clock;
pub mod commands;
pub mod config;
pub mod engine;
pub mod error;
pub mod event;
pub mod filter;
pub mod local;
pub mod outcome;
pub mod output;
pub mod schema;
pub mod topology;
pub mod words;

use std::ffi::OsString;
use std::io::Write as _;
use std::panic::{self, AssertUnwindSafe};
use std::process::ExitCode;

use clap::Parser as _;

use crate::cli::{App, Command};
use crate::commands::Cx;
use crate::config::{Config, Env};
use crate::error::CliError;
use crate::outcome::Outcome;
use crate::output::{Ui, UiOptions};

/// Runs the program over `argv` (its own name first) and returns its exit code.
pub fn run(argv: impl IntoIterator<Item = OsString>) -> ExitCode {
    let app = match App::try_parse_from(argv) {
        Ok(app) => app,
        Err(error) => {
            // Help and version are answers; a closed pipe is no reason to complain about either.
            let _ = error.print();
            let _ = std::io::stdout().flush();
            return if error.use_stderr() { Outcome::Usage.into() } else { Outcome::Done.into() };
        }
    };
    let env = Env::read();
    let ui = Ui::new(UiOptions {
        quiet: app.global.quiet,
        verbose: app.global.verbose,
        color: app.global.color,
        no_color: env.no_color,
        columns: env.columns,
    })
    .with_flags(&app.global.choosing());
    let outcome = panic::catch_unwind(AssertUnwindSafe(|| start(app, &env, ui.clone()))).unwrap_or_else(|_| {
        ui.error(&CliError::failed("this is a bug in eventbus").hint("please report it with the lines above"));
        Ok(Outcome::Bug)
    });
    match outcome {
        Ok(outcome) => outcome.into(),
        Err(error) => {
            ui.error(&error);
            error.kind.outcome().into()
        }
    }
}

fn start(app: App, env: &Env, ui: Ui) -> Result<Outcome, CliError> {
    let cwd = std::env::current_dir()
        .map_err(|error| CliError::failed("the working directory cannot be read").because(&error))?;
    if let Command::Completions(args) = &app.command {
        return commands::completions::run(&ui, args);
    }
    let config = Config::resolve(&app.global.overrides(), env, &cwd)?;
    if app.global.show_settings {
        let mut out = ui.out();
        return commands::written(writeln!(out, "{}", config.show()).and_then(|()| out.flush()))
            .map(|()| Outcome::Done);
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| CliError::failed("the async runtime cannot start").because(&error))?;
    let mut cx = Cx::new(ui, config, cwd, app.global.yes);
    let outcome = runtime.block_on(commands::run(&mut cx, app.command));
    // A reader blocked on stdin must not keep a finished run alive.
    runtime.shutdown_background();
    outcome
}
