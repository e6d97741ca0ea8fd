//! `mbn-train`: trains one network by a recipe.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use clap::Parser;
use miette::{IntoDiagnostic, Report, miette};

use super::exit::finish;
use super::interrupt::stop_on_ctrl_c;
use super::output::print;
use super::recipe_arg::read_recipe;
use super::values::share;
use super::weights_args::{Start, read};
use super::{Exit, ImageArgs, NetworkArgs, RunArgs, WeightsArgs, report_error};
use crate::data::{DataSource, Normalisation};
use crate::report::ReportError;
use crate::run::training::{
    Teacher, TrainingOptions, TrainingProgress, TrainingRun, TrainingRunError, TrainingView,
};
use crate::run::{Images, Inputs, check_fit, cores, short_hash};
use crate::spec::{self, NetworkSpec};
use crate::text_file::file_stem;
use crate::train::Recipe;

/// Train a network by a recipe, and test it once at the end.
#[derive(Debug, Parser)]
#[command(
    name = "mbn-train",
    args_override_self = true,
    version,
    after_help = "Examples:
  mbn-train mobilenet_v3_small --resolution 28 --channels 1 --classes 10
  mbn-train net.toml --data images/ --validation 0.1 --epochs 60
  mbn-train mobilenet_v3_large --classes 10 --data images/ --weights mobilenet_v3_large-8738ca79.pth
  mbn-train small.toml --recipe small_images_distill --teacher large.toml --teacher-weights large.safetensors
The same command goes on where an interrupted run stopped.
Exit codes: 0 done, 1 error, 2 usage, 130 interrupted."
)]
pub struct TrainArgs {
    /// A network file, or a reference network: mobilenet_v1, mobilenet_v2,
    /// mobilenet_v3_large, mobilenet_v3_small, mnasnet_b1 ...
    network: String,
    #[command(flatten)]
    change: NetworkArgs,
    #[command(flatten)]
    images: ImageArgs,
    /// Normalise images as in another run, so that one of its networks can be trained again to the
    /// same bytes: its model.json, or a JSON file with `mean` and `std` of each channel
    /// [default: by the images that are trained on]
    #[arg(long, value_name = "FILE")]
    normalisation: Option<PathBuf>,
    /// Share of the training images held out to choose the best epoch by
    /// [default: none; the last epoch's weights are the result]
    #[arg(long, value_name = "SHARE", value_parser = share)]
    validation: Option<f64>,
    /// A recipe file, or the name of one in recipes/
    #[arg(long, value_name = "FILE", default_value = "small_images.toml")]
    recipe: String,
    /// Passes over the training images [default: the recipe's]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    epochs: Option<u32>,
    /// Images in a step [default: the recipe's]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=65_536))]
    batch: Option<u32>,
    #[command(flatten)]
    start: WeightsArgs,
    /// A network to learn from, for recipes with `distill`
    #[arg(long, value_name = "NETWORK", requires = "teacher_weights")]
    teacher: Option<String>,
    /// Its weights
    #[arg(long, value_name = "FILE", requires = "teacher")]
    teacher_weights: Option<PathBuf>,
    /// Threads to compute with; the results are the same for any number
    /// [default: one a core]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1024))]
    threads: Option<u32>,
    /// Go on with an interrupted run, and fail if there is none
    #[arg(long)]
    resume: bool,
    #[command(flatten)]
    run: RunArgs,
}

/// With more classes, their table is not printed.
const MOST_CLASSES_SHOWN: usize = 40;

/// Runs the command.
pub fn run(args: &TrainArgs) -> Exit {
    finish(train(args))
}

fn train(args: &TrainArgs) -> Result<Exit, Report> {
    let (recipe, recipe_text, warnings) = recipe(args)?;
    let spec = recipe.with_dropout(&args.change.load(&args.network)?);
    let start = args.start.load(&spec, args.run.seed)?;
    let spec = start.as_ref().map_or(spec, |start| start.imported.network.clone());
    let teacher = teacher(args, &recipe)?;
    let normalisation = args.normalisation.as_deref().map(normalisation).transpose()?;
    let source = args.images.open(args.run.seed)?;
    let side = source.side_for(spec.resolution);
    check_fit(&source, side, &spec, None)?;
    if let Some(teacher) = &teacher {
        check_fit(&source, side, &teacher.spec, Some("give a teacher that was trained on these images"))?;
    }
    let options = options(args, &spec, start.as_ref(), recipe, &source, normalisation.clone());
    let inputs = inputs(&spec, &recipe_text, &source, start.as_ref(), teacher.as_ref())?;
    let images =
        Images::new(source, side, options.validation, normalisation, options.seed).into_diagnostic()?;
    images.load().into_diagnostic()?;
    let folder = args.run.out.clone().unwrap_or_else(|| default_folder(&options));
    let stop = stop_on_ctrl_c()?;
    let command: Vec<String> = std::env::args().collect();
    let observer = args.run.output.observer(TrainingProgress::stderr);
    let run = TrainingRun {
        options: &options,
        inputs: &inputs,
        command: &command,
        warnings: &warnings,
        spec: &spec,
        images: &images,
        weights: start.as_ref().map(|start| &start.imported.values),
        notes: start.as_ref().map_or(&[], |start| &start.imported.notes),
        teacher: teacher.as_ref(),
        threads: args.threads.map_or_else(cores, |threads| threads as usize),
        must_resume: args.resume,
        stop: &stop,
        observer: observer.as_ref(),
    };
    match run.run(&folder) {
        Ok(view) => {
            if !args.run.output.json {
                print(result_text(&view, &folder).into_diagnostic()?);
            }
            Ok(Exit::Done)
        }
        Err(error) => {
            report_error(&error);
            Ok(match error {
                TrainingRunError::Interrupted { .. } => Exit::Interrupted,
                _ => Exit::Error,
            })
        }
    }
}

/// The recipe with the changes of the command line, its text, and what the user should know about the changes.
fn recipe(args: &TrainArgs) -> Result<(Recipe, String, Vec<String>), Report> {
    let (mut recipe, text) = read_recipe(&args.recipe, args.epochs)?;
    let mut warnings = Vec::new();
    let batch = args.batch.and_then(|batch| NonZeroUsize::new(batch as usize)).unwrap_or(recipe.batch);
    if batch != recipe.batch {
        warnings.push(format!(
            "the learning rate {} of {} is for batches of {}, not {batch}",
            recipe.schedule.learning_rate, args.recipe, recipe.batch
        ));
    }
    recipe.batch = batch;
    Ok((recipe, text, warnings))
}

/// The normalisation in a file: all of it, or what a model card says of it.
fn normalisation(file: &Path) -> Result<Normalisation, Report> {
    let failed = |reason: &dyn std::fmt::Display| {
        miette!(
            help = "give the model.json of a trained network, or a file such as {\"mean\": [0.5], \"std\": [0.25]}",
            "cannot read a normalisation from {}: {reason}",
            file.display()
        )
    };
    let text = std::fs::read_to_string(file).map_err(|error| failed(&error))?;
    let mut json: serde_json::Value = serde_json::from_str(&text).map_err(|error| failed(&error))?;
    let found = json.get_mut("normalisation").map(serde_json::Value::take).unwrap_or(json);
    serde_json::from_value(found).map_err(|error| failed(&error))
}

fn teacher(args: &TrainArgs, recipe: &Recipe) -> Result<Option<Teacher>, Report> {
    match (&args.teacher, &args.teacher_weights, recipe.distill) {
        (Some(network), Some(weights), Some(_)) => {
            Ok(Some(Teacher { spec: spec::load(network)?, weights: weights.clone() }))
        }
        (None, None, None) => Ok(None),
        (_, _, Some(_)) => Err(miette!(
            help = "add --teacher NETWORK --teacher-weights FILE",
            "{} learns from a teacher, and there is none",
            args.recipe
        )),
        (_, _, None) => Err(miette!(
            help = "use --recipe small_images_distill, or add `distill = {{ temperature = 4, weight = 0.7 }}` to a copy of the recipe",
            "{} does not learn from a teacher",
            args.recipe
        )),
    }
}

fn options(
    args: &TrainArgs,
    spec: &NetworkSpec,
    start: Option<&Start>,
    recipe: Recipe,
    source: &DataSource,
    normalisation: Option<Normalisation>,
) -> TrainingOptions {
    let shown = |path: &PathBuf| path.display().to_string();
    TrainingOptions {
        network: args.network.clone(),
        arch_id: spec.arch_id(),
        data: args.images.name(source),
        limit_images: args.images.limit(),
        validation: args.validation,
        seed: args.run.seed,
        weights: start.map(|start| start.file.clone()),
        weights_of: start.map(|start| start.imported.origin),
        teacher: args.teacher.clone(),
        teacher_weights: args.teacher_weights.as_ref().map(shown),
        recipe_name: args.recipe.clone(),
        normalisation,
        recipe,
    }
}

fn inputs(
    spec: &NetworkSpec,
    recipe_text: &str,
    source: &DataSource,
    start: Option<&Start>,
    teacher: Option<&Teacher>,
) -> Result<Inputs, Report> {
    let mut inputs = Inputs::new()
        .with("network", spec.to_toml().as_bytes())
        .with("recipe", recipe_text.as_bytes())
        .with("images", source.fingerprint().into_diagnostic()?.as_bytes());
    if let Some(start) = start {
        inputs = start.add_to(inputs);
    }
    if let Some(teacher) = teacher {
        inputs = inputs
            .with("teacher", teacher.spec.to_toml().as_bytes())
            .with("weights of the teacher", &read(&teacher.weights)?);
    }
    Ok(inputs)
}

/// `results/train-mobilenet_v3_small-small_images-s0-1a2b3c4d`: the same options give the same folder.
fn default_folder(options: &TrainingOptions) -> PathBuf {
    let hash = short_hash(options);
    let (network, recipe) = (file_stem(&options.network), file_stem(&options.recipe_name));
    PathBuf::from("results").join(format!("train-{network}-{recipe}-s{}-{hash}", options.seed))
}

/// What a training has come to, for people.
pub(super) fn result_text(view: &TrainingView, folder: &Path) -> Result<String, ReportError> {
    let name = &view.spec.name;
    let Some(report) = &view.test else {
        let (done, epochs) = (view.history.0.len(), view.options.recipe.epochs);
        let why =
            view.divergence.as_ref().map_or(String::new(), |divergence| format!("; {}", divergence.reason));
        return Ok(format!("{name}: {done} of {epochs} epochs are done, not tested yet{why}\n"));
    };
    let matrix = report.matrix()?;
    let classes = match matrix.classes().len() {
        0..=MOST_CLASSES_SHOWN => format!("\n{}\n", matrix.table()),
        _ => String::new(),
    };
    Ok(format!(
        "{}: test {:.1} % ({} of {} images) with the weights of epoch {}\n\
         {classes}\
         in {}:\n  \
           {:<61}weights and batch-norm statistics\n  \
           {:<61}the course of training\n  \
           {:<61}the test by class and prediction\n\
         next: mbn-inspect {}\n",
        name,
        100.0 * report.accuracy,
        report.correct,
        report.images,
        report.epoch,
        folder.display(),
        report.weights,
        "epochs.csv, derived/learning_curves.svg and .png",
        "derived/classes.csv, confusion.csv, confusion.svg and .png",
        folder.join("network.toml").display()
    ))
}
