//! The loop on a network that is trained.

use std::path::{Path, PathBuf};

use miette::{IntoDiagnostic, Report, miette};

use super::texts::{result_text, summary, warnings};
use super::{Controls, NetadaptArgs};
use crate::cli::interrupt::stop_on_ctrl_c;
use crate::cli::output::print;
use crate::cli::recipe_arg::read_recipe;
use crate::cli::weights_args::Start;
use crate::cli::{Exit, report_error};
use crate::data::{Augment, DataSource};
use crate::latency::{self, Bounds, LatencyTable};
use crate::netadapt::{Limit, Meter, NetworkProblem, Problem, Resource, smallest_reachable};
use crate::run::netadapt::{
    NETWORK, NetadaptOptions, NetadaptProgress, NetadaptRun, NetadaptRunError, TABLE, TRAINED_NETWORK,
};
use crate::run::{Inputs, TrainingImages, cores, file_name, open_images, proxy_network, short_hash};
use crate::spec::NetworkSpec;
use crate::text_file::{ReadError, read_text};
use crate::train::{Decay, Distillation, Recipe, Schedule};

/// Share of the recipe's learning rate at which proposals are trained.
const SHORT_RATE: f64 = 0.25;

/// How a result learns from its original, where the recipe does not say.
const DISTILLATION: Distillation = Distillation { temperature: 4.0, weight: 0.7 };

/// A network that is narrowed, and how its cost is known.
pub(super) struct Costed<'a> {
    pub(super) problem: NetworkProblem<'a>,
    pub(super) bounds: Bounds,
}

pub(super) fn run(args: &NetadaptArgs) -> Result<Exit, Report> {
    let budget: Limit = args.budget.parse().into_diagnostic()?;
    if args.confidence.value.is_some() && budget.resource != Resource::Latency {
        let error = miette!(
            help =
                "leave out --confidence, or give a budget in ms: only latencies are predicted with an error",
            "--confidence can't be used with a budget of {budget}"
        );
        report_error(error.as_ref());
        return Ok(Exit::Usage);
    }
    let (table_file, table_text) = read_text(&args.target, "latency table", latency::LATENCY_TABLES)?;
    let table = LatencyTable::parse(&table_file, &table_text).map_err(ReadError::from)?;
    let (meter, bounds) = match budget.resource {
        Resource::Latency => (Meter::Latency(&table), Bounds::of(&table, args.confidence.value)?),
        Resource::Madds => (Meter::Madds, Bounds::Unknown),
        Resource::Params => (Meter::Params, Bounds::Unknown),
    };
    let costed = args.change.load(&args.network)?;
    let source = open_images(args.data.as_deref(), costed.resolution).into_diagnostic()?;
    let trained = trained_form(&costed, &source);
    let start = args.start.load(&trained, args.run.seed)?;
    let (costed, trained) = match &start {
        Some(start) => in_their_conventions(costed, start)?,
        None => (costed, trained),
    };
    let problem = NetworkProblem::new(costed, trained, meter)?;
    let costed = Costed { problem, bounds };
    if let Some(exit) = ended_by_budget(&costed, budget) {
        return Ok(exit);
    }
    let options = options(args, budget, &costed.problem, start.as_ref(), &source)?;
    let inputs = inputs((&table_file, &table_text), &costed.problem, start.as_ref(), &source);
    let images =
        TrainingImages::new(source, Some(options.validation_share), options.seed).into_diagnostic()?;
    images.check_fit(costed.problem.trained(), None)?;
    adapt(args, &options, &inputs, &costed, start.as_ref(), &images)
}

/// A budget that leaves nothing to do, or that can't be met: told, with how the command ends.
fn ended_by_budget(Costed { problem, bounds, .. }: &Costed<'_>, budget: Limit) -> Option<Exit> {
    let name = &problem.costed().name;
    let limit = bounds.limit(budget.amount);
    let shown = |cost: f64| format!("{}{}", budget.resource.show(cost), bounds.beside_prediction(cost));
    let seed_cost = problem.cost(&problem.seed()).unwrap_or(f64::NAN);
    if seed_cost <= limit {
        let cost = shown(seed_cost);
        print(format!("{name} costs {cost}, which is within the budget of {budget}: nothing to do\n"));
        return Some(Exit::Done);
    }
    let (_, smallest) = smallest_reachable(problem).filter(|(_, cost)| *cost > limit)?;
    let error = miette!(
        help = "use a larger budget, a network with fewer layers, or a smaller --resolution",
        "{name} can't be narrowed to {budget}{}: the smallest reachable is {}",
        bounds.beside_budget(budget.amount),
        shown(smallest)
    );
    report_error(error.as_ref());
    Some(Exit::BudgetUnreachable)
}

fn adapt(
    args: &NetadaptArgs,
    options: &NetadaptOptions,
    inputs: &Inputs,
    costed: &Costed<'_>,
    start: Option<&Start>,
    images: &TrainingImages,
) -> Result<Exit, Report> {
    let folder = args.run.out.clone().unwrap_or_else(|| default_folder(options));
    let stop = stop_on_ctrl_c()?;
    let command: Vec<String> = std::env::args().collect();
    let observer = args.run.output.observer(NetadaptProgress::stderr);
    let run = NetadaptRun {
        options,
        inputs,
        command: &command,
        warnings: &warnings(costed, options),
        summary: &summary(options, costed, start, images),
        problem: &costed.problem,
        bounds: costed.bounds,
        images,
        weights: start.map(|start| &start.imported.values),
        jobs: args.jobs.map_or_else(cores, |jobs| jobs as usize),
        stop: &stop,
        observer: observer.as_ref(),
    };
    match run.run(&folder) {
        Ok(result) => {
            if !args.run.output.json {
                print(result_text(&result, &folder));
            }
            Ok(Exit::Done)
        }
        Err(error) => {
            report_error(&error);
            Ok(match error {
                NetadaptRunError::Interrupted => Exit::Interrupted,
                _ => Exit::Error,
            })
        }
    }
}

/// The network that is costed and the one that is trained, with the conventions that the weights were trained with.
fn in_their_conventions(costed: NetworkSpec, start: &Start) -> Result<(NetworkSpec, NetworkSpec), Report> {
    if start.imported.has_new_classifier {
        let file = &start.file;
        let help = format!(
            "train the network with them first: mbn-train NETWORK --weights {file}; then give the weights that it writes"
        );
        return Err(miette!(
            help = help,
            "the classifier of {file} has other outputs than these images have classes, and narrowing starts from a trained network"
        ));
    }
    Ok((start.imported.origin.conventions(&costed), start.imported.network.clone()))
}

/// The network of the same blocks that takes the images at hand.
fn trained_form(costed: &NetworkSpec, source: &DataSource) -> NetworkSpec {
    let data = source.train();
    let side = data.height().max(data.width()) as u32;
    let (channels, classes) = (data.channels() as u32, data.classes() as u32);
    if (costed.resolution, costed.input_channels, costed.classes) == (side, channels, classes) {
        return costed.clone();
    }
    proxy_network(costed, side, channels, classes)
}

fn options(
    args: &NetadaptArgs,
    budget: Limit,
    problem: &NetworkProblem<'_>,
    start: Option<&Start>,
    source: &DataSource,
) -> Result<NetadaptOptions, Report> {
    let (recipe, _) = read_recipe(&args.recipe, None)?;
    let shown = |path: &PathBuf| path.display().to_string();
    let distill = args.distill.then(|| recipe.distill.unwrap_or(DISTILLATION));
    Ok(NetadaptOptions {
        network: args.network.clone(),
        arch_id: problem.costed().arch_id(),
        trained_arch_id: problem.trained().arch_id(),
        target: args.target.clone(),
        budget,
        confidence: args.confidence.value,
        data: args.data.as_ref().map_or_else(|| source.train().name().to_owned(), shown),
        weights: start.map(|start| start.file.clone()),
        weights_of: start.map(|start| start.imported.origin),
        rule: args.rule.into(),
        step: args.step,
        beam: args.beam as usize,
        regrow: args.regrow as usize,
        importance: args.importance.into(),
        short_steps: u64::from(args.short_steps),
        final_training: args.final_training.into(),
        distill: args.distill,
        controls: args.controls == Controls::All,
        validation_share: args.validation,
        seed: args.run.seed,
        recipe_name: args.recipe.clone(),
        seed_recipe: Recipe { epochs: args.train_epochs, distill: None, ..recipe.clone() },
        short_recipe: short_recipe(&recipe),
        final_recipe: Recipe { epochs: args.final_epochs, distill, ..recipe },
    })
}

/// A recipe for a few steps from trained weights: its rate is steady, and nothing in it only pays in longer training.
fn short_recipe(recipe: &Recipe) -> Recipe {
    let learning_rate = SHORT_RATE * recipe.schedule.learning_rate;
    Recipe {
        epochs: 1,
        ema: None,
        distill: None,
        recalibrate: recipe.recalibrate.max(10),
        schedule: Schedule {
            decay: Decay::Cosine { final_rate: learning_rate },
            learning_rate,
            warmup_epochs: 0.0,
        },
        augment: Augment { mixup: None, rand_augment: None, ..recipe.augment },
        ..recipe.clone()
    }
}

fn inputs(
    (table_file, table): (&str, &str),
    problem: &NetworkProblem<'_>,
    start: Option<&Start>,
    source: &DataSource,
) -> Inputs {
    let inputs = Inputs::new()
        .with_copy(NETWORK, "network.toml", problem.costed().to_toml().as_bytes())
        .with_copy(TRAINED_NETWORK, "trained.toml", problem.trained().to_toml().as_bytes())
        .with_copy(TABLE, file_name(table_file), table.as_bytes())
        .with("images", source.fingerprint().as_bytes());
    match start {
        Some(start) => start.add_to(inputs),
        None => inputs,
    }
}

/// `results/netadapt-mobilenet_v3_small-15ms-s0-1a2b3c4d`: the same options give the same folder.
fn default_folder(options: &NetadaptOptions) -> PathBuf {
    let network = Path::new(&options.network)
        .file_stem()
        .map_or_else(|| options.network.clone(), |stem| stem.to_string_lossy().into_owned());
    let hash = short_hash(options);
    PathBuf::from("results").join(format!("netadapt-{network}-{}-s{}-{hash}", options.budget, options.seed))
}
