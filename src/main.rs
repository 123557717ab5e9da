//! argv in, exit code out; everything else is the library's.

use std::process::ExitCode;

/// The embedded bus makes and drops many small texts on several threads. With this one a served PublishBatch of ten cost 490 to
/// 550 us of processor time, with glibc's 570 to 640 (four runs each, interleaved, wrk with 8 connections, 2026-11-23).
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    eventbus::run(std::env::args_os())
}
