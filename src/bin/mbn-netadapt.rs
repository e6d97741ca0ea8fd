//! Narrows a network until it meets a budget.

use std::process::ExitCode;

use clap::Parser;
use mbn::cli::netadapt;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    // candle's own threads spin beside those of the kernels and halve the speed.
    // SAFETY: no other thread runs yet.
    unsafe { std::env::set_var("CANDLE_NUM_THREADS", "1") };
    netadapt::run(&netadapt::NetadaptArgs::parse()).into()
}
