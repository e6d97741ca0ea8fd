//! `mbn-search`: evolutionary search under budgets.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use clap::{Parser, ValueEnum};
use miette::{IntoDiagnostic, Report, miette};

use super::budget_args::read_tables;
use super::exit::finish;
use super::interrupt::stop_on_ctrl_c;
use super::output::print;
use super::recipe_arg::read_recipe_without_teacher;
use super::{BudgetArgs, Exit, ImageArgs, RunArgs, report_error};
use crate::cost::{Budget, BudgetError, Meter, Resource};
use crate::data::{DataSource, EMBEDDED, open_images};
use crate::latency::{AT_MOST, LatencyTable};
use crate::report::{Align, Table};
use crate::run::search::{
    FinalRecord, FinalResolution, SearchOptions, SearchProgress, SearchRun, SearchRunError, SearchView,
    run_job,
};
use crate::run::{Images, Inputs, Tables, Threads, cores, short_hash};
use crate::search::{Reward, StrategyKind};
use crate::space::{self, SearchSpace};
use crate::text_file::{ReadError, file_name, file_stem, read_text};

/// Share of the training images held out to score candidates.
const VALIDATION_SHARE: f64 = 0.2;

/// Search a space of networks under budgets of latency, size or memory, training
/// candidates for real, and draw the front of accuracy against the first of them.
#[derive(Debug, Parser)]
#[command(
    name = "mbn-search",
    args_override_self = true,
    version,
    after_help = "Examples:
  mbn-search --target pixel-latency.csv --budget 40ms
  mbn-search --target validated.csv --budget 40ms --confidence 0.95
  mbn-search --target phone.csv --space my_space.toml --data images/ --trials 200
  mbn-search --target phone.csv --target pc.csv --budget 15ms@phone.csv --budget 2ms@pc.csv
  mbn-search --space my_space.toml --budget 250k-weight-bytes-int8 --budget 256KiB-peak-memory-int8
The same command goes on where an interrupted run stopped.
Exit codes: 0 done, 1 error, 2 usage, 3 the budget can't be met, 130 interrupted."
)]
pub struct SearchArgs {
    /// A latency table file, or the name of one in latency_tables/; several for
    /// budgets on each of them. Needed where milliseconds are asked for
    #[arg(long, value_name = "TABLE")]
    target: Vec<String>,
    /// A search space file, or the name of one in search_spaces/
    #[arg(long, value_name = "FILE", default_value = "mobilenet_v3.toml")]
    space: String,
    #[command(flatten)]
    costs: BudgetArgs,
    #[command(flatten)]
    images: ImageArgs,
    /// Side in pixels of the images that candidates are trained on
    /// [default: the images' own, up to the largest resolution of the space]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=4096))]
    train_resolution: Option<u32>,
    /// Side in pixels of the images that the best networks are trained on in the end, or
    /// `timed`: the one that they are timed at [default: timed where the images are as
    /// large, else that of the candidates]
    #[arg(long, value_name = "N|timed")]
    final_resolution: Option<FinalResolution>,
    /// random, evolution (regularised) or nsga2
    #[arg(long, value_name = "S", default_value_t)]
    strategy: StrategyKind,
    /// What evolution maximises: accuracy, or accuracy traded against cost around
    /// the first budget [default: mnasnet with a budget, else accuracy]
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
    let budgets = args.costs.budgets()?;
    let (Tables { targets, others }, tables_read) = read_tables(&args.target, &budgets)?;
    let meters = meters(args, &budgets, &targets, &others)?;
    let (space_file, space_text) = read_text(&args.space, "search space", space::SEARCH_SPACES)?;
    let space = SearchSpace::from_toml(&space_file, &space_text).map_err(ReadError::from)?;
    let source = args.images.open(args.run.seed)?;
    let options = options(args, budgets, &meters, &space, &source)?;
    let inputs = tables_read
        .with_copy("search space", file_name(&space_file), space_text.as_bytes())
        .with("images", source.fingerprint().into_diagnostic()?.as_bytes());
    let images = held_out_images(source, &options)?;
    images.load().into_diagnostic()?;
    let folder = args.run.out.clone().unwrap_or_else(|| default_folder(&options));
    let stop = stop_on_ctrl_c()?;
    let command: Vec<String> = std::env::args().collect();
    let observer = args.run.output.observer(SearchProgress::stderr);
    let run = SearchRun {
        options: &options,
        inputs: &inputs,
        command: &command,
        space: &space,
        meters: &meters,
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
        let source = open_images(folder, options.limit_images, options.seed).into_diagnostic()?;
        let fingerprint = source.fingerprint().into_diagnostic()?;
        let inputs = Inputs::new().with("images", fingerprint.as_bytes());
        Ok::<_, WorkerFailed>((held_out_images(source, options)?, inputs))
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

fn held_out_images(source: DataSource, options: &SearchOptions) -> Result<Images, Report> {
    let share = Some(options.validation_share);
    Images::new(source, options.train_resolution, share, None, options.seed).into_diagnostic()
}

fn exit_of(error: &SearchRunError) -> Exit {
    match error {
        SearchRunError::Budget(error) => error.into(),
        SearchRunError::Interrupted { .. } | SearchRunError::WorkerInterrupted { .. } => Exit::Interrupted,
        _ => Exit::Error,
    }
}

/// What costs are measured by: the budgets, then the targets that have none.
fn meters<'a>(
    args: &SearchArgs,
    budgets: &[Budget],
    targets: &'a [LatencyTable],
    others: &'a [LatencyTable],
) -> Result<Vec<Meter<'a>>, BudgetError> {
    let meters = Meter::of_budgets(budgets, targets, others, args.costs.confidence, true)?;
    if meters.is_empty() {
        return Err(BudgetError::Arguments {
            message: "there is nothing to search networks for but their accuracy".to_owned(),
            remedy: "add --target TABLE for the front against latency, or a --budget such as 250k-weight-bytes-int8"
                .to_owned(),
        });
    }
    Ok(meters)
}

fn options(
    args: &SearchArgs,
    budget: Vec<Budget>,
    meters: &[Meter<'_>],
    space: &SearchSpace,
    source: &DataSource,
) -> Result<SearchOptions, Report> {
    // Nothing of the images is lost, and no network is trained on larger ones than it is timed at.
    let largest = space.resolutions().iter().copied().max().expect("a space has a resolution");
    let train_resolution = args.train_resolution.unwrap_or_else(|| source.side().min(largest));
    Ok(SearchOptions {
        space: args.space.clone(),
        target: args.target.clone(),
        budget,
        confidence: args.costs.confidence,
        data: args.images.name(source),
        limit_images: args.images.limit(),
        train_resolution,
        final_resolution: args.final_resolution,
        strategy: args.strategy,
        reward: reward(args, &meters[0])?,
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
fn reward(args: &SearchArgs, objective: &Meter<'_>) -> Result<Reward, Report> {
    match (args.reward, objective.budget().map(|_| objective.limit())) {
        (Some(RewardKind::Accuracy), _) | (None, None) => Ok(Reward::Accuracy),
        (Some(RewardKind::Mnasnet) | None, Some(limit)) => Ok(Reward::mnasnet(limit)),
        (Some(RewardKind::Tunas), Some(limit)) => Ok(Reward::absolute(limit)),
        (Some(_), None) => Err(miette!(
            help = "add --budget, for example --budget 40ms",
            "this reward needs a budget as its target"
        )),
    }
}

/// `results/search-pixel-latency-40ms-s0-1a2b3c4d`: the same options give the same folder.
fn default_folder(options: &SearchOptions) -> PathBuf {
    let targets: String = options.target.iter().map(|name| format!("-{}", file_stem(name))).collect();
    let budgets: String = options.budget.iter().map(|budget| format!("-{}", budget.file_name())).collect();
    let hash = short_hash(options);
    PathBuf::from("results").join(format!("search{targets}{budgets}-s{}-{hash}", options.seed))
}

/// What a search has found, for people.
pub(super) fn result_text(result: &SearchView, folder: &Path) -> String {
    let meters = result.meters();
    let failed = result.trials.iter().filter(|t| t.state.accuracy().is_none()).count();
    let mut text = format!(
        "The front of {} trained networks ({failed} failed), {} first:\n\n{}\n",
        result.trials.len(),
        if meters[0].table().is_some() { "fastest" } else { "smallest" },
        front_table(result, &meters)
    );
    let legends: BTreeSet<String> = meters.iter().map(|meter| meter.bounds().legend()).collect();
    text.extend(legends);
    text += "validation: the proxy after the search's short training; test: after the longer one\n";
    text += &format!("plots and tables: {}\n", folder.join("derived").display());
    if let Some(best) = result.finals.iter().rev().find(|f| f.failure.is_none()) {
        let network = folder.join("networks").join(best.arch_id.as_str()).join("network.toml");
        let target =
            result.options.target.first().map_or_else(String::new, |target| format!(" --target {target}"));
        text += &format!("next: mbn-inspect {}{target}\n", network.display());
    }
    text
}

fn front_table(result: &SearchView, meters: &[Meter<'_>]) -> Table {
    // Parameters and multiply-adds have their columns in any case.
    let shown = |meter: &&Meter<'_>| !matches!(meter.resource(), Resource::Madds | Resource::Params);
    let meters: Vec<&Meter<'_>> = meters.iter().filter(shown).collect();
    let heads = meters.iter().flat_map(|meter| {
        let bounded = meter.bounds().interval().map(|_| (AT_MOST, Align::Number));
        [(meter.resource().short_name(), Align::Number)].into_iter().chain(bounded)
    });
    let behind = [
        ("validation", Align::Number),
        ("test", Align::Number),
        ("params", Align::Number),
        ("MAdds", Align::Number),
    ];
    let mut table = Table::new([("network", Align::Left)].into_iter().chain(heads).chain(behind));
    let percent = |fraction: f64| format!("{:.1} %", 100.0 * fraction);
    let finals = |trial: usize| result.finals.iter().find(|f| f.trial == trial);
    for index in result.front() {
        let trial = &result.trials[index];
        let costs = meters.iter().flat_map(|meter| {
            let (resource, cost) = (meter.resource(), trial.cost(meter.column()));
            let upper = cost.and_then(|cost| meter.bounds().upper(cost));
            let amounts = [cost, upper].into_iter().flatten();
            amounts.map(move |amount| {
                let shown = resource.show(amount);
                let number = shown.split(' ').next().unwrap_or_default().to_owned();
                format!("{number} {}", resource.unit_symbol())
            })
        });
        let behind = [
            trial.state.accuracy().map_or_else(String::new, percent),
            finals(trial.trial).and_then(FinalRecord::test_accuracy).map_or_else(String::new, percent),
            format!("{:.2} M", trial.params as f64 / 1e6),
            format!("{:.1} M", trial.madds as f64 / 1e6),
        ];
        table.row([trial.arch_id.to_string()].into_iter().chain(costs).chain(behind));
    }
    table
}
