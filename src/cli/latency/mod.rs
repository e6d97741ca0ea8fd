//! `mbn-latency`: work on latency tables.

mod check;
mod header_args;
mod import;
mod measure;
mod plan;
mod remote_args;
mod runtime_args;
mod transfer;
mod validate;

use clap::{Parser, Subcommand};
use miette::Report;

use super::exit::finish;
use super::{Exit, report_error};
use crate::run::measurement::MeasurementError;
use crate::terminal::say;

/// Plan, measure, validate and check latency tables, bring those of others into the
/// one format, and transfer them to other devices.
#[derive(Debug, Parser)]
#[command(
    name = "mbn-latency",
    version,
    after_help = "Examples:
  mbn-latency plan --space mobilenet_v3 --out plan.toml
  mbn-latency measure --plan plan.toml --out my-cpu.csv
  mbn-latency validate --target my-cpu.csv --space mobilenet_v3
  mbn-latency check pixel-latency.csv
  mbn-latency import --format ofa 160_lookup_table.yaml 224_lookup_table.yaml \\
      --device \"Galaxy Note 10, CPU\" --threads unknown --precision float32 --batch 1 \\
      --out note10.csv
  mbn-latency transfer --from pixel-latency.csv --measurements my-phone.csv \\
      --device \"My phone, one big core\" --threads 1 --precision float32 --batch 1 \\
      --out my-phone-table.csv"
)]
pub struct LatencyArgs {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Plan(plan::PlanArgs),
    Measure(Box<measure::MeasureArgs>),
    Validate(Box<validate::ValidateArgs>),
    Check(check::CheckArgs),
    Import(Box<import::ImportArgs>),
    Transfer(Box<transfer::TransferArgs>),
}

/// Runs the command.
pub fn run(args: &LatencyArgs) -> Exit {
    finish(match &args.command {
        Command::Plan(args) => plan::run(args),
        Command::Measure(args) => measure::run(args),
        Command::Validate(args) => validate::run(args),
        Command::Check(args) => check::run(args),
        Command::Import(args) => import::run(args),
        Command::Transfer(args) => transfer::run(args),
    })
}

/// Tells that the arguments do not say enough.
fn usage(message: &str) -> Result<Exit, Report> {
    say(format_args!("error: {message}; see --help"));
    Ok(Exit::Usage)
}

/// Tells the report of a measurement, if it was not interrupted.
fn unless_interrupted<R>(done: Result<R, MeasurementError>, tell: impl FnOnce(&R)) -> Result<Exit, Report> {
    match done {
        Ok(report) => {
            tell(&report);
            Ok(Exit::Done)
        }
        Err(error @ MeasurementError::Interrupted { .. }) => {
            report_error(&error);
            Ok(Exit::Interrupted)
        }
        Err(error) => Err(error.into()),
    }
}
