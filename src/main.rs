//! argv in, exit code out; everything else is the library's.

use std::process::ExitCode;

/// The embedded bus makes and drops many small texts on several threads; the system's allocator takes a tenth of its time.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    eventbus::run(std::env::args_os())
}
