//! `mbn-latency validate`: what a table's predictions are worth on whole networks.

use std::path::PathBuf;

use clap::Args;
use miette::Report;

use super::runtime_args::RuntimeArgs;
use crate::cli::interrupt::stop_on_ctrl_c;
use crate::cli::output::print;
use crate::cli::{Exit, OutputArgs};
use crate::measure::WholeSettings;
use crate::run::measurement::{TaskProgress, ValidationRun};
use crate::space;

/// Measure whole random networks of a space, fit what a table's sums get wrong on
/// some of them, and tell the error of the predictions on the others.
///
/// The corrections and the errors are written into the table's header, where search
/// and NetAdapt find them (--confidence).
#[derive(Debug, Args)]
pub(super) struct ValidateArgs {
    /// A latency table of this machine and runtime; of several, the better one is told
    #[arg(long, value_name = "TABLE", required = true)]
    target: Vec<PathBuf>,
    /// The search space that networks are drawn from, a file or the name of a shipped one
    #[arg(long, value_name = "FILE")]
    space: String,
    /// Networks to measure
    #[arg(long, value_name = "N", default_value_t = 160, value_parser = clap::value_parser!(u32).range(4..=100_000))]
    networks: u32,
    /// Networks among them that the corrections are fitted to
    #[arg(long, value_name = "N", default_value_t = 60)]
    fit: u32,
    #[command(flatten)]
    runtime: RuntimeArgs,
    /// Write figures, all networks and a scatter plot into this folder
    #[arg(long, value_name = "FOLDER")]
    report: Option<PathBuf>,
    /// Leave the table as it is
    #[arg(long)]
    dry_run: bool,
    /// Visits of each network, at different moments
    #[arg(long, value_name = "N", default_value_t = 12, value_parser = clap::value_parser!(u16).range(1..=1000))]
    rounds: u16,
    /// Timed passes of a visit
    #[arg(long, value_name = "N", default_value_t = 15, value_parser = clap::value_parser!(u16).range(1..=10_000))]
    passes: u16,
    /// Decides which networks are drawn
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    #[command(flatten)]
    output: OutputArgs,
}

pub(super) fn run(args: &ValidateArgs) -> Result<Exit, Report> {
    let settings =
        WholeSettings { rounds: usize::from(args.rounds), passes: usize::from(args.passes), seed: args.seed };
    let space = space::load(&args.space)?;
    let counts = [args.networks, args.fit].map(|count| count as usize);
    let mut validation = ValidationRun::new(&args.target, &space, counts, settings)?;
    (validation.report, validation.dry_run) = (args.report.as_deref(), args.dry_run);
    let runtime = args.runtime.start()?;
    let observer = args.output.observer(|| TaskProgress::stderr("measuring whole networks"));
    let machine = args.runtime.machine(runtime.as_ref());
    let stop = stop_on_ctrl_c()?;
    let validated = validation.run(&machine, observer.as_ref(), &stop);
    super::unless_interrupted(validated, |validation| {
        if !args.output.json {
            print(validation.text());
        }
    })
}
