//! Writes a trained network for other programs.

use std::process::ExitCode;

use clap::Parser;
use mbn::cli::export;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    // candle's own threads spin beside those of the kernels and halve the speed.
    // SAFETY: no other thread runs yet.
    unsafe { std::env::set_var("CANDLE_NUM_THREADS", "1") };
    export::run(&export::ExportArgs::parse()).into()
}
