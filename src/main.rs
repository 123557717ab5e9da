//! argv in, exit code out; everything else is the library's.

use std::process::ExitCode;

fn main() -> ExitCode {
    eventbus::run(std::env::args_os())
}
