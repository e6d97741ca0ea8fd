//! Checks latency tables, and brings those of others into the one format.

use std::process::ExitCode;

use clap::Parser;
use mbn::cli::latency;

fn main() -> ExitCode {
    latency::run(&latency::LatencyArgs::parse()).into()
}
