//! `mbn-search`: evolutionary search under a latency budget.

use std::path::{Path, PathBuf};

use clap::{Parser, ValueEnum};
use miette::{IntoDiagnostic, Report, miette};

use super::exit::finish;
use super::interrupt::stop_on_ctrl_c;
use super::output::print;
use super::{ConfidenceArg, Exit, ImageArgs, RunArgs, report_error};
use crate::data::DataSource;
use crate::latency::{self, AT_MOST, Bounds, Budget, LatencyTable};
use crate::report::{Align, Table};
use crate::run::search::{FinalRecord, Progress, SearchOptions, SearchResult, SearchRun, SearchRunError};
use crate::run::{Images, Inputs, cores, short_hash};
use crate::search::{Reward, SearchError, StrategyKind};
use crate::space::{self, SearchSpace};
use crate::spec;
use crate::text_file::{ReadError, read_text};
use crate::train::Recipe;

/// Share of the training images held out to score candidates.
const VALIDATION_SHARE: f64 = 0.2;

/// Reference networks shown beside the front.
const REFERENCES: [&str; 2] = ["mobilenet_v3_small", "mobilenet_v3_large"];

/// Search a space of networks under a latency budget, training candidates for
/// real, and draw the front of accuracy against latency.
#[derive(Debug, Parser)]
#[command(
    name = "mbn-search",
    args_override_self = true,
    version,
    after_help = "Examples:
  mbn-search --target pixel-latency.csv --budget 40ms
  mbn-search --target validated.csv --budget 40ms --confidence 0.95
  mbn-search --target phone.csv --space my_space.toml --data images/ --trials 200
The same command goes on where an interrupted run stopped.
Exit codes: 0 done, 1 error, 2 usage, 3 the budget can't be met, 130 interrupted."
)]
pub struct SearchArgs {
    /// A latency table file, or the name of one in latency_tables/
    #[arg(long, value_name = "TABLE")]
    target: String,
    /// A search space file, or the name of one in search_spaces/
    #[arg(long, value_name = "FILE", default_value = "mobilenet_v3.toml")]
    space: String,
    /// The largest latency allowed, for example 15ms [default: none]
    #[arg(long, value_name = "LATENCY")]
    budget: Option<Budget>,
    #[command(flatten)]
    confidence: ConfidenceArg,
    #[command(flatten)]
    images: ImageArgs,
    /// Side in pixels of the images that candidates are trained on
    /// [default: the images' own, up to the largest resolution of the space]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=4096))]
    train_resolution: Option<u32>,
    /// random, evolution (regularised) or nsga2
    #[arg(long, value_name = "S", default_value_t)]
    strategy: StrategyKind,
    /// What evolution maximises: accuracy, or accuracy traded against latency
    /// around the budget [default: mnasnet with a budget, else accuracy]
    #[arg(long, value_name = "R")]
    reward: Option<RewardKind>,
    /// Networks to train in the search
    #[arg(long, value_name = "N", default_value_t = 16, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    trials: u32,
    /// Epochs each of them is trained
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    epochs: u32,
    /// Epochs the best networks are trained in the end
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    final_epochs: u32,
    /// Networks of the front to train in the end
    #[arg(long, value_name = "N", default_value_t = 2)]
    finals: u32,
    /// Networks to train at once; the results are the same for any number
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1024))]
    jobs: Option<u32>,
    #[command(flatten)]
    run: RunArgs,
}

/// Rewards by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum RewardKind {
    Accuracy,
    Mnasnet,
    Tunas,
}

/// Runs the command.
pub fn run(args: &SearchArgs) -> Exit {
    finish(search(args))
}

fn search(args: &SearchArgs) -> Result<Exit, Report> {
    let (table_file, table_text) = read_text(&args.target, "latency table", latency::LATENCY_TABLES)?;
    let table = LatencyTable::parse(&table_file, &table_text).map_err(ReadError::from)?;
    let bounds = Bounds::of(&table, args.confidence.value)?;
    let (space_file, space_text) = read_text(&args.space, "search space", space::SEARCH_SPACES)?;
    let space = SearchSpace::from_toml(&space_file, &space_text).map_err(ReadError::from)?;
    let references = REFERENCES.iter().map(|name| spec::load(name)).collect::<Result<Vec<_>, _>>()?;
    let source = args.images.open(args.run.seed)?;
    let options = options(args, bounds, &source)?;
    let inputs = Inputs::new()
        .with("latency table", table_text.as_bytes())
        .with("search space", space_text.as_bytes())
        .with("images", source.fingerprint().into_diagnostic()?.as_bytes());
    let side = args.train_resolution.unwrap_or_else(|| default_side(&source, &space));
    let images =
        Images::new(source, side, Some(options.validation_share), None, options.seed).into_diagnostic()?;
    images.load().into_diagnostic()?;
    let folder = args.run.out.clone().unwrap_or_else(|| default_folder(&options));
    let stop = stop_on_ctrl_c()?;
    let command: Vec<String> = std::env::args().collect();
    let observer = args.run.observer(Progress::stderr);
    let run = SearchRun {
        options: &options,
        inputs: &inputs,
        command: &command,
        space: &space,
        table: &table,
        bounds,
        images: &images,
        references: &references,
        jobs: args.jobs.map_or_else(cores, |jobs| jobs as usize),
        stop: &stop,
        observer: observer.as_ref(),
    };
    match run.run(&folder) {
        Ok(result) => {
            if !args.run.json {
                print(result_text(&result, bounds, &folder, args));
            }
            Ok(Exit::Done)
        }
        Err(error) => {
            report_error(&error);
            Ok(exit_of(&error))
        }
    }
}

/// The side of the images at which nothing of them is lost, up to the largest that a network of the space is timed at.
fn default_side(source: &DataSource, space: &SearchSpace) -> u32 {
    let largest = space.resolutions().iter().copied().max();
    largest.map_or(source.side(), |largest| source.side().min(largest))
}

fn exit_of(error: &SearchRunError) -> Exit {
    match error {
        SearchRunError::Search(SearchError::BudgetBelowFastest { .. })
        | SearchRunError::BudgetNotHeld { .. } => Exit::BudgetUnreachable,
        SearchRunError::Interrupted { .. } => Exit::Interrupted,
        _ => Exit::Error,
    }
}

fn options(args: &SearchArgs, bounds: Bounds, source: &DataSource) -> Result<SearchOptions, Report> {
    Ok(SearchOptions {
        space: args.space.clone(),
        target: args.target.clone(),
        budget: args.budget,
        confidence: args.confidence.value,
        data: args.images.name(source),
        limit_images: args.images.limit(),
        train_resolution: args.train_resolution,
        strategy: args.strategy,
        reward: reward(args, bounds)?,
        trials: args.trials as usize,
        finals: args.finals as usize,
        validation_share: VALIDATION_SHARE,
        seed: args.run.seed,
        candidate: Recipe::candidate(args.epochs),
        final_recipe: Recipe::small_images(args.final_epochs),
    })
}

/// Rewards weigh predictions, so what they aim at is a prediction, too.
fn reward(args: &SearchArgs, bounds: Bounds) -> Result<Reward, Report> {
    match (args.reward, args.budget.map(|budget| bounds.limit(budget.ms()))) {
        (Some(RewardKind::Accuracy), _) | (None, None) => Ok(Reward::Accuracy),
        (Some(RewardKind::Mnasnet) | None, Some(limit_ms)) => Ok(Reward::mnasnet(limit_ms)),
        (Some(RewardKind::Tunas), Some(limit_ms)) => Ok(Reward::absolute(limit_ms)),
        (Some(_), None) => Err(miette!(
            help = "add --budget, for example --budget 40ms",
            "this reward needs a budget as its target"
        )),
    }
}

/// `results/search-pixel-latency-40ms-s0-1a2b3c4d`: the same options give the same folder.
fn default_folder(options: &SearchOptions) -> PathBuf {
    let stem = Path::new(&options.target).file_stem().map_or_else(|| "table".into(), |s| s.to_string_lossy());
    let budget = options.budget.map(|b| format!("-{b}")).unwrap_or_default();
    let hash = short_hash(options);
    PathBuf::from("results").join(format!("search-{stem}{budget}-s{}-{hash}", options.seed))
}

fn result_text(result: &SearchResult, bounds: Bounds, folder: &Path, args: &SearchArgs) -> String {
    let failed = result.trials.iter().filter(|t| t.state.accuracy().is_none()).count();
    let mut text = format!(
        "The front of {} trained networks ({failed} failed), fastest first:\n\n{}\n",
        result.trials.len(),
        front_table(result, bounds)
    );
    text += &bounds.legend();
    text += "validation: the proxy after the search's short training; test: after the longer one\n";
    text += &format!("plots and tables: {}\n", folder.join("derived").display());
    if let Some(best) = result.finals.iter().rev().find(|f| f.failure.is_none()) {
        let network = folder.join("networks").join(best.arch_id.as_str()).join("network.toml");
        text += &format!("next: mbn-inspect {} --target {}\n", network.display(), args.target);
    }
    text
}

fn front_table(result: &SearchResult, bounds: Bounds) -> Table {
    let bounded = bounds.interval().map(|_| (AT_MOST, Align::Number));
    let before = [("network", Align::Left), ("latency", Align::Number)];
    let behind = [
        ("validation", Align::Number),
        ("test", Align::Number),
        ("params", Align::Number),
        ("MAdds", Align::Number),
    ];
    let mut table = Table::new(before.into_iter().chain(bounded).chain(behind));
    let percent = |fraction: f64| format!("{:.1} %", 100.0 * fraction);
    let finals = |trial: usize| result.finals.iter().find(|f| f.trial == trial);
    for &index in &result.front {
        let trial = &result.trials[index];
        let latencies = [Some(trial.latency_ms), bounds.upper(trial.latency_ms)];
        let latencies = latencies.into_iter().flatten().map(|ms| format!("{ms:.2} ms"));
        let behind = [
            trial.state.accuracy().map_or_else(String::new, percent),
            finals(trial.trial).and_then(FinalRecord::test_accuracy).map_or_else(String::new, percent),
            format!("{:.2} M", trial.params as f64 / 1e6),
            format!("{:.1} M", trial.madds as f64 / 1e6),
        ];
        table.row([trial.arch_id.to_string()].into_iter().chain(latencies).chain(behind));
    }
    table
}
