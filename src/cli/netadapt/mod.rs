//! `mbn-netadapt`: a network narrowed until it meets a budget.

mod network;
mod tabular;
mod texts;

use std::path::PathBuf;
use std::str::FromStr;

use clap::{Parser, ValueEnum};
use miette::Report;

pub(super) use texts::result_text;

use super::exit::finish;
use super::values::share;
use super::words::one_of;
use super::{BudgetArgs, Exit, ImageArgs, NetworkArgs, RunArgs, WeightsArgs};
use crate::cost::BudgetError;
use crate::netadapt::{Importance, Rule, Step};
use crate::run::netadapt::FinalTraining;

/// Narrow a trained network layer by layer until it meets a budget, keeping as
/// much accuracy as possible, and compare the result with simpler ways to the
/// same budget.
#[derive(Debug, Parser)]
#[command(
    name = "mbn-netadapt",
    args_override_self = true,
    version,
    after_help = "Examples:
  mbn-netadapt --budget 15ms
  mbn-netadapt --target validated.csv --budget 15ms --confidence 0.95
  mbn-netadapt net.toml --weights best.safetensors --target phone.csv --data images/ --budget 12ms
  mbn-netadapt --budget 1MB-weight-bytes-int8 --budget 256KiB-peak-memory-int8
  mbn-netadapt mobilenet_v2 --budget 200M-madds --rule accuracy --step 2.5%*0.96
  mbn-netadapt --tabular trained.csv --groups digits:widths --score acc0,acc1,acc2 --cost flops --budget 50%
The same command goes on where an interrupted run stopped.
Exit codes: 0 done, 1 error, 2 usage, 3 the budget can't be met, 130 interrupted."
)]
pub struct NetadaptArgs {
    /// A network file, or a reference network
    #[arg(default_value = "mobilenet_v3_small")]
    network: String,
    #[command(flatten)]
    change: NetworkArgs,
    #[command(flatten)]
    costs: BudgetArgs,
    /// A latency table file, or the name of one in latency_tables/; several for
    /// budgets on each of them
    #[arg(long, value_name = "TABLE", default_value = "pixel-latency.csv")]
    target: Vec<String>,
    #[command(flatten)]
    start: WeightsArgs,
    #[command(flatten)]
    images: ImageArgs,
    /// Which proposal wins an iteration
    #[arg(long, value_name = "R", default_value = "slope", value_parser = one_of([
        (Rule::Accuracy, "Highest accuracy after the short training (Yang et al. 2018)"),
        (Rule::Slope, "Largest change of accuracy per cost saved (Howard et al. 2019)"),
    ]))]
    rule: Rule,
    /// What an iteration saves of the network's cost: fixed (1%), or falling from
    /// iteration to iteration (2.5%*0.96)
    #[arg(long, value_name = "STEP", default_value = "1%", value_parser = Step::from_str)]
    step: Step,
    /// Training steps of a proposal
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    short_steps: u32,
    /// Networks that go on after an iteration
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=64))]
    beam: u32,
    /// Exchanges to try at the budget: some groups grow back, others shrink
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u32).range(0..=100_000))]
    regrow: u32,
    /// Which channels of a layer stay
    #[arg(long, value_name = "I", default_value = "l2", value_parser = one_of([
        (Importance::L2, "Euclidean norm of filters"),
        (Importance::L1, "Sum of absolute weights"),
        (Importance::BnScale, "Scale of batch norm"),
        (Importance::Taylor, "First-order Taylor estimate of the loss"),
    ]))]
    importance: Importance,
    /// What is done with the result in the end
    #[arg(long = "final", value_name = "M", default_value = "finetune", value_parser = one_of([
        (FinalTraining::Finetune, "Train on from its weights"),
        (FinalTraining::Scratch, "Train again from fresh weights"),
    ]))]
    final_training: FinalTraining,
    /// Epochs of that
    #[arg(long, value_name = "N", default_value_t = 16, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    final_epochs: u32,
    /// Epochs that the network is trained first, where there are no weights
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    train_epochs: u32,
    /// Let the result learn from the network that it was narrowed from
    #[arg(long)]
    distill: bool,
    /// Other ways to the budget that the result is compared with
    #[arg(long, value_name = "C", default_value = "all")]
    controls: Controls,
    /// A recipe file, or the name of one in recipes/
    #[arg(long, value_name = "FILE", default_value = "small_images.toml")]
    recipe: String,
    /// Share of the training images held out to score proposals
    #[arg(long, value_name = "SHARE", default_value_t = 0.2, value_parser = share)]
    validation: f64,
    /// Proposals to train at once; the results are the same for any number
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1024))]
    jobs: Option<u32>,
    #[command(flatten)]
    run: RunArgs,
    /// Run the loop on a table of trained networks instead of training; --budget is
    /// a share such as 50%, or a number in the cost column's unit
    #[arg(long, value_name = "FILE", requires_all = ["groups", "score", "cost"], conflicts_with = "confidence", help_heading = "Tables of trained networks")]
    tabular: Option<PathBuf>,
    /// Columns with the widths: a,b,c or digits:COLUMN for one column with a digit a group
    #[arg(long, value_name = "COLUMNS", requires = "tabular", help_heading = "Tables of trained networks")]
    groups: Option<String>,
    /// Columns with scores, one for each training of a network
    #[arg(long, value_name = "COLUMNS", requires = "tabular", help_heading = "Tables of trained networks")]
    score: Option<String>,
    /// Column with the cost
    #[arg(long, value_name = "COLUMN", requires = "tabular", help_heading = "Tables of trained networks")]
    cost: Option<String>,
    /// Evaluations in all: what narrowing leaves of them goes into exchanges [default: no exchanges]
    #[arg(long, value_name = "N", requires = "tabular", help_heading = "Tables of trained networks",
          value_parser = clap::value_parser!(u32).range(1..=100_000))]
    evaluations: Option<u32>,
    /// Runs, each with a seed of its own
    #[arg(long, value_name = "N", requires = "tabular", default_value_t = 100, help_heading = "Tables of trained networks",
          value_parser = clap::value_parser!(u32).range(1..=100_000))]
    runs: u32,
}

/// Which controls are run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Controls {
    /// Uniform shrinking, width multiplier, random widths
    All,
    /// None
    None,
}

/// The mistake of a command without a budget.
fn no_budget(message: &str, example: &str) -> Report {
    let remedy = format!("add --budget, for example --budget {example}");
    BudgetError::Arguments { message: message.to_owned(), remedy }.into()
}

/// Runs the command.
pub fn run(args: &NetadaptArgs) -> Exit {
    finish(match &args.tabular {
        Some(table) => tabular::run(args, table),
        None => network::run(args),
    })
}
