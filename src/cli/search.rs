//! `mbn-search`: evolutionary search under a latency budget.

use std::path::{Path, PathBuf};

use clap::{Parser, ValueEnum};
use miette::{IntoDiagnostic, Report, miette};

use super::exit::finish;
use super::interrupt::stop_on_ctrl_c;
use super::output::print;
use super::recipe_arg::read_recipe_without_teacher;
use super::{ConfidenceArg, Exit, RunArgs, report_error};
use crate::data::{self, DataSource, EMBEDDED};
use crate::latency::{self, AT_MOST, Bounds, Budget, LatencyTable};
use crate::report::{Align, Table};
use crate::run::search::{
    FinalRecord, SearchOptions, SearchProgress, SearchRun, SearchRunError, SearchView, run_job,
};
use crate::run::{Inputs, Threads, TrainingImages, cores, file_name, short_hash};
use crate::search::{Reward, SearchError, StrategyKind};
use crate::space::{self, SearchSpace};
use crate::text_file::{ReadError, read_text};

/// Share of the training images held out to score candidates.
const VALIDATION_SHARE: f64 = 0.2;

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
    #[arg(long, value_name = "TABLE", required_unless_present = "worker")]
    target: Option<String>,
    /// A search space file, or the name of one in search_spaces/
    #[arg(long, value_name = "FILE", default_value = "mobilenet_v3.toml")]
    space: String,
    /// The largest latency allowed, for example 15ms [default: none]
    #[arg(long, value_name = "LATENCY")]
    budget: Option<Budget>,
    #[command(flatten)]
    confidence: ConfidenceArg,
    /// A folder of images: IDX (MNIST), CIFAR-10 binary, or one folder a class
    /// [default: 12,000 images of Fashion-MNIST inside the program]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
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
    /// How each of them is trained: a recipe file, or the name of one in recipes/
    #[arg(long, value_name = "FILE", default_value = "search_candidate.toml")]
    recipe: String,
    /// Epochs each of them is trained [default: the recipe's]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    epochs: Option<u32>,
    /// How the best networks are trained in the end: a recipe file, or the name of one in recipes/
    #[arg(long, value_name = "FILE", default_value = "search_final.toml")]
    final_recipe: String,
    /// Epochs the best networks are trained in the end [default: the recipe's]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    final_epochs: Option<u32>,
    /// Networks of the front to train in the end
    #[arg(long, value_name = "N", default_value_t = 2)]
    finals: u32,
    /// Networks to train at once; the results are the same for any number
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1024))]
    jobs: Option<u32>,
    /// Run one trial of a search in this process and leave its result in the run folder
    ///
    /// The search writes the jobs of a generation to RUN/tasks when it comes to them,
    /// and takes a result that lies in RUN/results instead of training the network
    /// itself. The result is the same to the last bit.
    #[arg(long, num_args = 2, value_names = ["RUN", "TRIAL"], exclusive = true)]
    worker: Option<Vec<String>>,
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
    finish(match args.worker.as_deref() {
        Some([run, trial]) => work(run, trial),
        _ => search(args),
    })
}

fn search(args: &SearchArgs) -> Result<Exit, Report> {
    let target = args.target.as_deref().expect("clap requires it without --worker");
    let (table_file, table_text) = read_text(target, "latency table", latency::LATENCY_TABLES)?;
    let table = LatencyTable::parse(&table_file, &table_text).map_err(ReadError::from)?;
    let bounds = Bounds::of(&table, args.confidence.value)?;
    let (space_file, space_text) = read_text(&args.space, "search space", space::SEARCH_SPACES)?;
    let space = SearchSpace::from_toml(&space_file, &space_text).map_err(ReadError::from)?;
    let source = open_source(args.data.as_deref())?;
    let options = options(args, target, bounds, &source)?;
    let inputs = Inputs::new()
        .with_copy("latency table", file_name(&table_file), table_text.as_bytes())
        .with_copy("search space", file_name(&space_file), space_text.as_bytes())
        .with("images", source.fingerprint().as_bytes());
    let images = held_out_images(source, &options)?;
    let folder = args.run.out.clone().unwrap_or_else(|| default_folder(&options));
    let stop = stop_on_ctrl_c()?;
    let command: Vec<String> = std::env::args().collect();
    let observer = args.run.output.observer(SearchProgress::stderr);
    let run = SearchRun {
        options: &options,
        inputs: &inputs,
        command: &command,
        space: &space,
        table: &table,
        bounds,
        images: &images,
        executor: &Threads { jobs: args.jobs.map_or_else(cores, |jobs| jobs as usize) },
        stop: &stop,
        observer: observer.as_ref(),
    };
    match run.run(&folder) {
        Ok(view) => {
            if !args.run.output.json {
                print(result_text(&view, &folder));
            }
            Ok(Exit::Done)
        }
        Err(error) => {
            report_error(&error);
            Ok(exit_of(&error))
        }
    }
}

/// Runs one job of a search.
fn work(run: &str, trial: &str) -> Result<Exit, Report> {
    let stop = stop_on_ctrl_c()?;
    let run = Path::new(run);
    let trial: usize =
        trial.parse().map_err(|_| miette!(help = "give a number such as 3", "`{trial}` is not a trial"))?;
    let open = |options: &SearchOptions| {
        let folder = (options.data != EMBEDDED).then(|| Path::new(&options.data));
        let source = open_source(folder)?;
        let fingerprint = Inputs::new().with("images", source.fingerprint().as_bytes());
        let hash = fingerprint.hashes["images"].clone();
        Ok::<_, WorkerFailed>((held_out_images(source, options)?, hash))
    };
    match run_job(run, trial, &stop, open) {
        Ok(outcome) => {
            let shown = outcome.accuracy().map_or_else(
                || format!("failed: {}", outcome.failure().unwrap_or("no score")),
                |accuracy| format!("{:.1} %", 100.0 * accuracy),
            );
            print(format_args!("trial {trial}: {shown}\n"));
            Ok(Exit::Done)
        }
        Err(WorkerFailed::Run(error)) => {
            report_error(&*error);
            Ok(exit_of(&error))
        }
        Err(WorkerFailed::Images(report)) => Err(report),
    }
}

/// Why a job was not run: its run, or its images.
enum WorkerFailed {
    Run(Box<SearchRunError>),
    Images(Report),
}

impl From<SearchRunError> for WorkerFailed {
    fn from(error: SearchRunError) -> Self {
        Self::Run(Box::new(error))
    }
}

impl From<Report> for WorkerFailed {
    fn from(report: Report) -> Self {
        Self::Images(report)
    }
}

fn open_source(folder: Option<&Path>) -> Result<DataSource, Report> {
    match folder {
        Some(folder) => data::open(folder),
        None => data::embedded(),
    }
    .into_diagnostic()
}

fn held_out_images(source: DataSource, options: &SearchOptions) -> Result<TrainingImages, Report> {
    TrainingImages::new(source, Some(options.validation_share), options.seed).into_diagnostic()
}

fn exit_of(error: &SearchRunError) -> Exit {
    match error {
        SearchRunError::Search(SearchError::BudgetBelowFastest { .. })
        | SearchRunError::BudgetNotHeld { .. } => Exit::BudgetUnreachable,
        SearchRunError::Interrupted { .. } | SearchRunError::WorkerInterrupted { .. } => Exit::Interrupted,
        _ => Exit::Error,
    }
}

fn options(
    args: &SearchArgs,
    target: &str,
    bounds: Bounds,
    source: &DataSource,
) -> Result<SearchOptions, Report> {
    Ok(SearchOptions {
        space: args.space.clone(),
        target: target.to_owned(),
        budget: args.budget,
        confidence: args.confidence.value,
        data: args
            .data
            .as_ref()
            .map_or_else(|| source.train().name().to_owned(), |d| d.display().to_string()),
        strategy: args.strategy,
        reward: reward(args, bounds)?,
        trials: args.trials as usize,
        finals: args.finals as usize,
        validation_share: VALIDATION_SHARE,
        seed: args.run.seed,
        candidate_name: args.recipe.clone(),
        final_name: args.final_recipe.clone(),
        candidate: read_recipe_without_teacher(&args.recipe, args.epochs)?,
        final_recipe: read_recipe_without_teacher(&args.final_recipe, args.final_epochs)?,
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

/// What a search has found, for people.
pub(super) fn result_text(result: &SearchView, folder: &Path) -> String {
    let bounds = result.bounds;
    let failed = result.trials.iter().filter(|t| t.state.accuracy().is_none()).count();
    let mut text = format!(
        "The front of {} trained networks ({failed} failed), fastest first:\n\n{}\n",
        result.trials.len(),
        front_table(result)
    );
    text += &bounds.legend();
    text += "validation: the proxy after the search's short training; test: after the longer one\n";
    text += &format!("plots and tables: {}\n", folder.join("derived").display());
    if let Some(best) = result.finals.iter().rev().find(|f| f.failure.is_none()) {
        let network = folder.join("networks").join(best.arch_id.as_str()).join("network.toml");
        text += &format!("next: mbn-inspect {} --target {}\n", network.display(), result.options.target);
    }
    text
}

fn front_table(result: &SearchView) -> Table {
    let bounds = result.bounds;
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
    for index in result.front() {
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
