//! Checks latency tables, and brings those of others into the one format.

use std::process::ExitCode;

use clap::Parser;
use mbn::cli::latency;

// musl's own allocator takes every block of 128 KiB or more from the system and gives it back
// at once, so that what is measured would be page faults.
#[cfg(target_env = "musl")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    latency::run(&latency::LatencyArgs::parse()).into()
}
