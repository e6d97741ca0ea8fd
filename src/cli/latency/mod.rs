//! `mbn-latency`: work on latency tables.

mod check;
mod import;

use clap::{Parser, Subcommand};

use super::Exit;
use super::exit::finish;

/// Check latency tables, and bring those of others into the one format.
#[derive(Debug, Parser)]
#[command(
    name = "mbn-latency",
    version,
    after_help = "Examples:
  mbn-latency check pixel-latency.csv
  mbn-latency import --format ofa 160_lookup_table.yaml 224_lookup_table.yaml \\
      --device \"Galaxy Note 10, CPU\" --threads unknown --precision float32 --batch 1 \\
      --out note10.csv"
)]
pub struct LatencyArgs {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Check(check::CheckArgs),
    Import(Box<import::ImportArgs>),
}

/// Runs the command.
pub fn run(args: &LatencyArgs) -> Exit {
    finish(match &args.command {
        Command::Check(args) => check::run(args),
        Command::Import(args) => import::run(args),
    })
}
