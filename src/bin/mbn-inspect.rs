//! Shows what a network or a search space consists of and costs.

use std::process::ExitCode;

use clap::Parser;
use mbn::cli::inspect;

fn main() -> ExitCode {
    inspect::run(&inspect::InspectArgs::parse()).into()
}
