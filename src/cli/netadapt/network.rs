//! The loop on a network that is trained.

use std::path::{Path, PathBuf};

use miette::{IntoDiagnostic, Report, miette};

use super::{Controls, NetadaptArgs};
use crate::cli::interrupt::stop_on_ctrl_c;
use crate::cli::output::print;
use crate::cli::weights_args::Start;
use crate::cli::{Exit, report_error};
use crate::data::{Augment, DataSource};
use crate::graph::LayerGraph;
use crate::latency::{self, LatencyTable};
use crate::netadapt::{CONFIDENCE, Limit, Meter, NetworkProblem, Problem, Resource, smallest_reachable};
use crate::run::netadapt::{NetadaptResult, NetadaptRun, NetadaptRunError};
use crate::run::{
    Inputs, NetadaptOptions, NetadaptProgress, TrainingImages, cores, describe_proxy, open_images,
    proxy_network, short_hash,
};
use crate::spec::NetworkSpec;
use crate::text_file::{ReadError, read_text};
use crate::train::{Decay, Distillation, RECIPES, Recipe, Schedule};

/// Share of the recipe's learning rate at which proposals are trained.
const SHORT_RATE: f64 = 0.25;

/// How a result learns from its original, where the recipe does not say.
const DISTILLATION: Distillation = Distillation { temperature: 4.0, weight: 0.7 };

pub(super) fn run(args: &NetadaptArgs) -> Result<Exit, Report> {
    let budget: Limit = args.budget.parse().into_diagnostic()?;
    let (table_file, table_text) = read_text(&args.target, "latency table", latency::LATENCY_TABLES)?;
    let table = LatencyTable::parse(&table_file, &table_text).map_err(ReadError::from)?;
    let meter = match budget.resource {
        Resource::Latency => Meter::Latency(&table),
        Resource::Madds => Meter::Madds,
        Resource::Params => Meter::Params,
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
    let seed_cost = problem.cost(&problem.seed()).unwrap_or(f64::NAN);
    if seed_cost <= budget.amount {
        let (name, cost) = (&problem.costed().name, budget.resource.show(seed_cost));
        print(format!("{name} costs {cost}, which is within the budget of {budget}: nothing to do\n"));
        return Ok(Exit::Done);
    }
    if let Some((_, smallest)) = smallest_reachable(&problem).filter(|(_, cost)| *cost > budget.amount) {
        let smallest = budget.resource.show(smallest);
        let error = miette!(
            help = "use a larger budget, a network with fewer layers, or a smaller --resolution",
            "{} can't be narrowed to {budget}: the smallest reachable is {smallest}",
            problem.costed().name
        );
        report_error(error.as_ref());
        return Ok(Exit::BudgetUnreachable);
    }
    let options = options(args, budget, &problem, start.as_ref(), &source)?;
    let inputs = inputs(&table_text, &problem, start.as_ref(), &source);
    let images =
        TrainingImages::new(source, Some(options.validation_share), options.seed).into_diagnostic()?;
    images.check_fit(problem.trained(), None)?;
    adapt(args, &options, &inputs, &problem, start.as_ref(), &images, &table)
}

fn adapt(
    args: &NetadaptArgs,
    options: &NetadaptOptions,
    inputs: &Inputs,
    problem: &NetworkProblem<'_>,
    start: Option<&Start>,
    images: &TrainingImages,
    table: &LatencyTable,
) -> Result<Exit, Report> {
    let folder = args.run.out.clone().unwrap_or_else(|| default_folder(options));
    let stop = stop_on_ctrl_c()?;
    let command: Vec<String> = std::env::args().collect();
    let observer = args.run.observer(NetadaptProgress::stderr);
    let cost_label = match options.budget.resource {
        Resource::Latency => format!("predicted latency on {}, ms", table.header.device()),
        Resource::Madds => "million multiply-adds".to_owned(),
        Resource::Params => "million parameters".to_owned(),
    };
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
        cost_label: &cost_label,
        stop: &stop,
        observer: observer.as_ref(),
    };
    match run.run(&folder) {
        Ok(result) => {
            if !args.run.json {
                print(result_text(&result, options, &folder, args));
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
    let (file, text) = read_text(&args.recipe, "recipe", RECIPES)?;
    let recipe = Recipe::from_toml(&file, &text).map_err(ReadError::from)?;
    let shown = |path: &PathBuf| path.display().to_string();
    let distill = args.distill.then(|| recipe.distill.unwrap_or(DISTILLATION));
    Ok(NetadaptOptions {
        network: args.network.clone(),
        arch_id: problem.costed().arch_id(),
        trained_arch_id: problem.trained().arch_id(),
        target: args.target.clone(),
        budget,
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

fn inputs(table: &str, problem: &NetworkProblem<'_>, start: Option<&Start>, source: &DataSource) -> Inputs {
    let inputs = Inputs::new()
        .with("network", problem.costed().to_toml().as_bytes())
        .with("latency table", table.as_bytes())
        .with("images", source.fingerprint().as_bytes());
    match start {
        Some(start) => start.add_to(inputs),
        None => inputs,
    }
}

fn warnings(problem: &NetworkProblem<'_>, options: &NetadaptOptions) -> Vec<String> {
    let unmeasured = problem.unmeasured_levels();
    let mut warnings = Vec::new();
    if unmeasured > 0 {
        warnings.push(format!(
            "{unmeasured} widths are left out: {} has no rows to estimate them from",
            options.target
        ));
    }
    if options.weights.is_some() {
        warnings.push(
            "if the weights were trained on the held-out images too, the accuracies of the iterations are too high; those on test images are not"
                .to_owned(),
        );
    }
    warnings
}

fn summary(
    options: &NetadaptOptions,
    problem: &NetworkProblem<'_>,
    start: Option<&Start>,
    images: &TrainingImages,
) -> Vec<String> {
    let (trained_on, held_out, tested) = images.counts();
    let cost = LayerGraph::lower(problem.costed()).cost();
    let from = match start {
        Some(start) => [vec![format!("weights {}", start.file)], start.imported.notes.clone()].concat(),
        None => {
            let epochs = options.seed_recipe.epochs;
            vec![format!("no weights were given: it is trained first, for {epochs} epochs")]
        }
    };
    let network = vec![
        format!(
            "{}: {}, {:.2} M parameters, {:.1} M multiply-adds; budget {}; {} groups of channels",
            problem.costed().name,
            options.budget.resource.show(problem.cost(&problem.seed()).unwrap_or(f64::NAN)),
            cost.params as f64 / 1e6,
            cost.madds as f64 / 1e6,
            options.budget,
            problem.groups().len()
        ),
        format!("it is {}", describe_proxy(problem.costed(), problem.trained())),
    ];
    let run = vec![
        format!(
            "rule {}, step {}, {} steps for a proposal on {trained_on} images, scored on {held_out} held out; out of the race at {:.0} % confidence; seed {}",
            format!("{:?}", options.rule).to_lowercase(),
            options.step,
            options.short_steps,
            100.0 * CONFIDENCE,
            options.seed
        ),
        format!(
            "{} test images are seen once by each network that is trained to the end{}",
            tested,
            if options.controls {
                ": the result and three controls with as many training images"
            } else {
                ""
            }
        ),
    ];
    [network, from, run].concat()
}

/// `results/netadapt-mobilenet_v3_small-15ms-s0-1a2b3c4d`: the same options give the same folder.
fn default_folder(options: &NetadaptOptions) -> PathBuf {
    let network = Path::new(&options.network)
        .file_stem()
        .map_or_else(|| options.network.clone(), |stem| stem.to_string_lossy().into_owned());
    let hash = short_hash(options);
    PathBuf::from("results").join(format!("netadapt-{network}-{}-s{}-{hash}", options.budget, options.seed))
}

fn result_text(
    result: &NetadaptResult,
    options: &NetadaptOptions,
    folder: &Path,
    args: &NetadaptArgs,
) -> String {
    let network = folder.join("network.toml");
    format!(
        "{}\nin {}:\n  \
           {:<54}the network, and the form of it that was trained\n  \
           {:<54}weights of the latter\n  \
           {:<54}every proposal\n  \
           {:<54}plots and tables\n\
         next: mbn-inspect {} --target {}\n",
        result.summary.text(&options.budget.to_string()),
        folder.display(),
        "network.toml, trained.toml",
        "weights.safetensors",
        "iterations.jsonl, derived/proposals.csv",
        "derived/adaptation.svg, widths.svg, summary.json ...",
        network.display(),
        args.target
    )
}
