//! Searches a space of networks under a latency budget.

use std::process::ExitCode;

use clap::Parser;
use mbn::cli::search;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    search::run(&search::SearchArgs::parse()).into()
}
