//! The loop on a network that is trained.

use std::path::PathBuf;

use miette::{IntoDiagnostic, Report, miette};

use super::texts::{result_text, summary, warnings};
use super::{Controls, NetadaptArgs, no_budget};
use crate::cli::budget_args::read_tables;
use crate::cli::interrupt::stop_on_ctrl_c;
use crate::cli::output::print;
use crate::cli::recipe_arg::read_recipe;
use crate::cli::weights_args::Start;
use crate::cli::{Exit, report_error};
use crate::cost::{Budget, BudgetError, Meter};
use crate::data::{Augment, DataSource};
use crate::netadapt::{NetworkProblem, Problem};
use crate::run::netadapt::{
    NETWORK, NetadaptOptions, NetadaptProgress, NetadaptRun, NetadaptRunError, TRAINED_NETWORK,
};
use crate::run::{Images, Inputs, Tables, check_fit, cores, proxy_network, short_hash};
use crate::spec::NetworkSpec;
use crate::text_file::file_stem;
use crate::train::{Decay, Distillation, Recipe, Schedule};

/// Share of the recipe's learning rate at which proposals are trained.
const SHORT_RATE: f64 = 0.25;

/// How a result learns from its original, where the recipe does not say.
const DISTILLATION: Distillation = Distillation { temperature: 4.0, weight: 0.7 };

/// What narrowing leads to, for messages, and what to do if that is not enough.
const NETWORKS: &str = "narrower form";
const REMEDY: &str = "use a larger budget, a network with fewer layers, or a smaller --resolution";

pub(super) fn run(args: &NetadaptArgs) -> Result<Exit, Report> {
    let budgets = args.costs.budgets()?;
    if budgets.is_empty() {
        return Err(no_budget("there is nothing to narrow the network to", "15ms"));
    }
    let (Tables { targets, others }, tables_read) = read_tables(&args.target, &budgets)?;
    let meters = Meter::of_budgets(&budgets, &targets, &others, args.costs.confidence, false)?;
    let costed = args.change.load(&args.network)?;
    let source = args.images.open(args.run.seed)?;
    let side = source.side_for(costed.resolution);
    let trained = trained_form(&costed, &source, side);
    let start = args.start.load(&trained, args.run.seed)?;
    let (costed, trained) = match &start {
        Some(start) => in_their_conventions(costed, start)?,
        None => (costed, trained),
    };
    let problem = NetworkProblem::new(costed, trained, meters)?;
    if is_met(&problem)? {
        return Ok(Exit::Done);
    }
    let options = options(args, budgets, &problem, start.as_ref(), &source)?;
    check_fit(&source, side, problem.trained(), None)?;
    let inputs = inputs(tables_read, &problem, start.as_ref(), &source)?;
    let images =
        Images::new(source, side, Some(options.validation_share), None, options.seed).into_diagnostic()?;
    images.load().into_diagnostic()?;
    adapt(args, &options, &inputs, &problem, start.as_ref(), &images)
}

/// Whether the budgets leave nothing to do, which is told; an error if they can't be met.
fn is_met(problem: &NetworkProblem<'_>) -> Result<bool, BudgetError> {
    let (name, meters) = (&problem.costed().name, problem.meters());
    let networks = format!("{NETWORKS} of {name}");
    let seed_costs = problem.costs(&problem.seed()).unwrap_or_default();
    if !seed_costs.is_empty() && seed_costs.iter().zip(meters).all(|(cost, meter)| *cost <= meter.limit()) {
        let shown = |(cost, meter): (&f64, &Meter<'_>)| {
            format!("{}{}", meter.resource().show(*cost), meter.bounds().beside_prediction(*cost))
        };
        let costs: Vec<String> = seed_costs.iter().zip(meters).map(shown).collect();
        let budgets: Vec<String> = meters.iter().filter_map(Meter::budget).map(Budget::to_string).collect();
        print(format!(
            "{name} costs {}, which is within the budget of {}: nothing to do\n",
            costs.join(" and "),
            budgets.join(" and ")
        ));
        return Ok(true);
    }
    for meter in meters {
        if let Some((_, smallest)) = problem.smallest_by(meter).filter(|(_, cost)| *cost > meter.limit()) {
            return Err(meter.unreachable(&networks, smallest, REMEDY));
        }
    }
    let pairs = (0..meters.len()).flat_map(|second| (0..second).map(move |first| vec![first, second]));
    for which in pairs.chain([(0..meters.len()).collect()]) {
        let together: Vec<Meter<'_>> = which.iter().map(|&at| meters[at].clone()).collect();
        let closest = problem.closest_to(&together).filter(|(_, load)| *load > 1.0);
        if let (true, Some((widths, _))) = (which.len() > 1, closest) {
            let costs = problem.costs(&widths).unwrap_or_default();
            let costs: Vec<f64> = which.iter().filter_map(|&at| costs.get(at).copied()).collect();
            let together: Vec<&Meter<'_>> = together.iter().collect();
            return Err(BudgetError::together(&together, &costs, &networks, false, REMEDY));
        }
    }
    Ok(false)
}

fn adapt(
    args: &NetadaptArgs,
    options: &NetadaptOptions,
    inputs: &Inputs,
    problem: &NetworkProblem<'_>,
    start: Option<&Start>,
    images: &Images,
) -> Result<Exit, Report> {
    let folder = args.run.out.clone().unwrap_or_else(|| default_folder(options));
    let stop = stop_on_ctrl_c()?;
    let command: Vec<String> = std::env::args().collect();
    let observer = args.run.output.observer(NetadaptProgress::stderr);
    let run = NetadaptRun {
        options,
        inputs,
        command: &command,
        warnings: &warnings(problem, options),
        summary: &summary(options, problem, start, images),
        problem,
        images,
        weights: start.map(|start| &start.imported.values),
        jobs: args.jobs.map_or_else(cores, |jobs| jobs as usize),
        stop: &stop,
        observer: observer.as_ref(),
    };
    match run.run(&folder) {
        Ok(result) => {
            if !args.run.output.json {
                print(result_text(&result, &folder)?);
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
fn trained_form(costed: &NetworkSpec, source: &DataSource, side: u32) -> NetworkSpec {
    let data = source.train();
    let (channels, classes) = (data.channels() as u32, data.classes() as u32);
    if (costed.resolution, costed.input_channels, costed.classes) == (side, channels, classes) {
        return costed.clone();
    }
    proxy_network(costed, side, channels, classes)
}

fn options(
    args: &NetadaptArgs,
    budget: Vec<Budget>,
    problem: &NetworkProblem<'_>,
    start: Option<&Start>,
    source: &DataSource,
) -> Result<NetadaptOptions, Report> {
    let (recipe, _) = read_recipe(&args.recipe, None)?;
    let distill = args.distill.then(|| recipe.distill.unwrap_or(DISTILLATION));
    Ok(NetadaptOptions {
        network: args.network.clone(),
        arch_id: problem.costed().arch_id(),
        trained_arch_id: problem.trained().arch_id(),
        target: args.target.clone(),
        budget,
        confidence: args.costs.confidence,
        data: args.images.name(source),
        limit_images: args.images.limit(),
        weights: start.map(|start| start.file.clone()),
        weights_of: start.map(|start| start.imported.origin),
        rule: args.rule,
        step: args.step,
        beam: args.beam as usize,
        regrow: args.regrow as usize,
        importance: args.importance,
        short_steps: u64::from(args.short_steps),
        final_training: args.final_training,
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
        augment: Augment { mixup: None, rand_augment: None, resized_crop: None, ..recipe.augment },
        ..recipe.clone()
    }
}

fn inputs(
    tables: Inputs,
    problem: &NetworkProblem<'_>,
    start: Option<&Start>,
    source: &DataSource,
) -> Result<Inputs, Report> {
    let fingerprint = source.fingerprint().into_diagnostic()?;
    let inputs = tables
        .with_copy(NETWORK, "network.toml", problem.costed().to_toml().as_bytes())
        .with_copy(TRAINED_NETWORK, "trained.toml", problem.trained().to_toml().as_bytes())
        .with("images", fingerprint.as_bytes());
    Ok(match start {
        Some(start) => start.add_to(inputs),
        None => inputs,
    })
}

/// `results/netadapt-mobilenet_v3_small-15ms-s0-1a2b3c4d`: the same options give the same folder.
fn default_folder(options: &NetadaptOptions) -> PathBuf {
    let network = file_stem(&options.network);
    let hash = short_hash(options);
    let budgets: Vec<String> = options.budget.iter().map(Budget::file_name).collect();
    PathBuf::from("results").join(format!(
        "netadapt-{network}-{}-s{}-{hash}",
        budgets.join("-"),
        options.seed
    ))
}
