//! The program `mbn-report`.

use std::process::ExitCode;

use clap::Parser;
use mbn::cli::report::{ReportArgs, run};

fn main() -> ExitCode {
    run(&ReportArgs::parse()).into()
}
