//! `eventbus`: publish, provision, tail, consume and replay events on Amazon SNS and SQS, with an embedded bus.

pub mod bus;
pub mod clock;
pub mod commands;
pub mod config;
pub mod engine;
pub mod event;
pub mod filter;
pub mod local;
pub mod output;
pub mod schema;
pub mod topology;

use std::ffi::OsString;
use std::process::ExitCode;

/// Runs the program over `argv` and returns its exit code.
pub fn run(_argv: impl Iterator<Item = OsString>) -> ExitCode {
    ExitCode::SUCCESS
}
