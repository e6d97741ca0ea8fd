//! `mbn-train` from resolved options to a finished run folder.

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use miette::Diagnostic;
use serde_json::{Value, json};

use super::figures::{draw_confusion, draw_curves};
use super::options::TrainingOptions;
use super::progress::TrainingEvent;
use super::report::{self, TestReport};
use crate::data::{DataError, Loader, Waits};
use crate::graph::{LayerGraph, Values};
use crate::nn::{Network, WeightsError, load_network, save_weights};
use crate::report::ReportError;
use crate::run::events::Observer;
use crate::run::folder::{FolderError, RunFolder};
use crate::run::images::Images;
use crate::run::inputs::Inputs;
use crate::run::model_card::{MODEL_CARD, ModelCard};
use crate::run::threads;
use crate::run::words::epochs;
use crate::spec::NetworkSpec;
use crate::train::{
    CheckpointError, Control, EpochRecord, History, TrainError, Trainer, evaluate, load_checkpoint,
    save_checkpoint,
};

/// Files of a run folder.
const CHECKPOINT: &str = "checkpoint.safetensors";
const LAST: &str = "last.safetensors";
const BEST: &str = "best.safetensors";

/// A training ended without a result.
#[derive(Debug, thiserror::Error, Diagnostic)]
#[expect(missing_docs, reason = "the sources say it")]
pub enum TrainingRunError {
    #[error(transparent)]
    Folder(#[from] FolderError),
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    #[error(transparent)]
    Weights(#[from] WeightsError),
    #[error(transparent)]
    Report(#[from] ReportError),
    #[error(transparent)]
    Data(#[from] DataError),
    #[error(transparent)]
    Train(#[from] TrainError),
    #[error("cannot start threads: {0}")]
    Threads(std::io::Error),
    #[error("{} holds no checkpoint", path.display())]
    #[diagnostic(help("leave out --resume to train from the start"))]
    NothingToResume { path: PathBuf },
    /// The loss or a weight is no longer a number.
    #[error("{reason}; {kept}")]
    #[diagnostic(help(
        "lower the learning rate, warm up longer, or set clip_norm in a copy of the recipe, and give it with --recipe"
    ))]
    Diverged { reason: String, kept: String },
    /// Told to stop; everything up to the last whole epoch is in the folder.
    #[error("interrupted after {}; the same command goes on from there", epochs(*epochs_done))]
    Interrupted { epochs_done: u32 },
}

/// A network to imitate.
#[derive(Debug, Clone)]
pub struct Teacher {
    /// The network.
    pub spec: NetworkSpec,
    /// The file of its weights.
    pub weights: PathBuf,
}

/// A training with everything it needs.
pub struct TrainingRun<'a> {
    /// Resolved options.
    pub options: &'a TrainingOptions,
    /// Hashes of what they name.
    pub inputs: &'a Inputs,
    /// The command line, for the manifest.
    pub command: &'a [String],
    /// What the user should know before it begins.
    pub warnings: &'a [String],
    /// The network, with the recipe's dropout.
    pub spec: &'a NetworkSpec,
    /// The images, which fit the network.
    pub images: &'a Images,
    /// Values to start from instead of fresh ones.
    pub weights: Option<&'a Values>,
    /// What the summary says of them, one fact a line.
    pub notes: &'a [String],
    /// The network to imitate, where the recipe says so.
    pub teacher: Option<&'a Teacher>,
    /// Threads to compute with.
    pub threads: usize,
    /// Whether a run without a checkpoint is an error.
    pub must_resume: bool,
    /// Ends the run soon after it is set.
    pub stop: &'a AtomicBool,
    /// Listens.
    pub observer: &'a dyn Observer<TrainingEvent>,
}

impl TrainingRun<'_> {
    /// Trains in `folder`, going on where an earlier process stopped, and tests once at the end.
    ///
    /// Everything that can be wrong with the options is told before the folder is made.
    ///
    /// # Errors
    /// See [`TrainingRunError`].
    pub fn run(&self, folder: &Path) -> Result<TestReport, TrainingRunError> {
        let pool = threads::pool(self.threads).map_err(TrainingRunError::Threads)?;
        pool.install(|| self.run_in_pool(folder))
    }

    fn run_in_pool(&self, path: &Path) -> Result<TestReport, TrainingRunError> {
        let recipe = &self.options.recipe;
        let graph = LayerGraph::lower(self.spec);
        let network = match self.weights {
            Some(values) => Network::with_values(graph, values),
            None => Network::new(graph, self.options.seed),
        };
        let network = network.map_err(TrainError::from)?;
        let teacher = self.teacher.map(|t| load_network(LayerGraph::lower(&t.spec), &t.weights));
        let (teacher, images) = (teacher.transpose()?, self.images.training(recipe.batch)?);
        let trainer = Trainer::new(&network, &images, recipe, self.options.seed, teacher.as_ref())?;
        if self.must_resume && !path.join(CHECKPOINT).exists() {
            return Err(TrainingRunError::NothingToResume { path: path.to_owned() });
        }
        let run_toml = toml::to_string_pretty(self.options).unwrap_or_default();
        let folder = RunFolder::open(path, &run_toml, self.inputs, self.command)?;
        folder.write("network.toml", self.spec.to_toml().as_bytes())?;
        let identity = json!({ "options": self.options, "inputs": self.inputs });
        let waits = Waits::default();
        State { run: self, folder: &folder, images: &images, identity, trainer, waits }.train_and_test()
    }

    fn summary(&self, network: &Network) -> Vec<String> {
        let (options, recipe, spec) = (self.options, &self.options.recipe, self.spec);
        let cost = network.graph().cost();
        let mut lines = vec![
            format!(
                "{} {}: {:.2} M parameters, {:.1} M multiply-adds at {r}x{r}x{}, {} classes",
                spec.name,
                options.arch_id,
                cost.params as f64 / 1e6,
                cost.madds as f64 / 1e6,
                spec.input_channels,
                spec.classes,
                r = spec.resolution
            ),
            self.images.describe(),
            format!(
                "recipe {}: {} in batches of {}; seed {}",
                options.recipe_name,
                epochs(recipe.epochs),
                recipe.batch,
                options.seed
            ),
        ];
        lines.extend(self.notes.iter().cloned());
        lines.extend(self.teacher.map(|teacher| format!("teacher {}", teacher.spec.name)));
        lines
    }
}

/// A training at work.
struct State<'a> {
    run: &'a TrainingRun<'a>,
    folder: &'a RunFolder,
    images: &'a Loader,
    identity: Value,
    trainer: Trainer<'a>,
    waits: Waits,
}

impl State<'_> {
    fn train_and_test(mut self) -> Result<TestReport, TrainingRunError> {
        let checkpoint = self.folder.file(CHECKPOINT);
        let mut history = match checkpoint.exists() {
            true => load_checkpoint(&mut self.trainer, &checkpoint, &self.identity)?,
            false => History::default(),
        };
        self.announce();
        let trained = self.train(&mut history);
        let drawn = self.draw_curves(&history, &trained);
        let epochs_done = self.trainer.epochs_done();
        if let (Err(_), Err(error)) = (&trained, &drawn) {
            self.run.observer.notify(&TrainingEvent::Warning { message: error.to_string() });
        }
        let tested = trained.and_then(|()| Ok(drawn?)).and_then(|()| self.test(&history));
        let report = tested.map_err(|error| ended(error, epochs_done, &checkpoint))?;
        let folder = self.folder.path().display().to_string();
        self.run.observer.notify(&TrainingEvent::Finished { folder, waits: self.waits });
        Ok(report)
    }

    /// Draws what can be looked at once training has ended, be it that the user stopped it or that it diverged.
    fn draw_curves(
        &self,
        history: &History,
        trained: &Result<(), TrainingRunError>,
    ) -> Result<(), ReportError> {
        let diverged = match trained {
            Ok(()) | Err(TrainingRunError::Train(TrainError::Interrupted)) => false,
            Err(TrainingRunError::Train(error)) if error.diverged_in().is_some() => true,
            Err(_) => return Ok(()),
        };
        if history.0.is_empty() {
            return Ok(());
        }
        draw_curves(self.folder, &self.run.spec.name, self.run.options, history, diverged)
    }

    fn announce(&self) {
        let (run, done) = (self.run, self.trainer.epochs_done());
        let recipe = &run.options.recipe;
        let images = self.images.images().min(self.images.training_steps() * recipe.batch.get());
        let tell = |event: &TrainingEvent| run.observer.notify(event);
        tell(&TrainingEvent::Started {
            summary: run.summary(self.trainer.network()),
            epochs: recipe.epochs,
            images,
        });
        for message in run.warnings {
            tell(&TrainingEvent::Warning { message: message.clone() });
        }
        if done > 0 {
            tell(&TrainingEvent::Resumed { epochs: done, images: u64::from(done) * images as u64 });
        }
    }

    /// Trains the epochs that are left.
    fn train(&mut self, history: &mut History) -> Result<(), TrainingRunError> {
        let run = self.run;
        let recipe = &run.options.recipe;
        let on_step = |step| run.observer.notify(&TrainingEvent::Step(step));
        let control = Control { on_step: &on_step, ..Control::new(run.stop) };
        let validation = run.images.validation(recipe.batch)?;
        while self.trainer.epochs_done() < recipe.epochs {
            let report = self.trainer.train_epoch(&control)?;
            self.waits += report.waits;
            let without_average = match &validation {
                Some(images) => self.trainer.evaluate_without_average(images, &control)?,
                None => None,
            };
            let folder = self.folder;
            self.trainer.with_final_weights(&control, |trainer| -> Result<(), TrainingRunError> {
                let images = validation.as_ref();
                let validated = images.map(|images| trainer.evaluate(images, &control)).transpose()?;
                history.0.push(EpochRecord::new(&report, validated.as_ref(), without_average.as_ref()));
                save_final_weights(folder, trainer.network(), history)
            })??;
            self.save(history)?;
            if let Some(&record) = history.0.last() {
                let waits = report.waits;
                run.observer.notify(&TrainingEvent::Epoch { epochs: recipe.epochs, record, waits });
            }
        }
        Ok(())
    }

    /// Writes the epochs so far. The checkpoint comes last: what is written before it is written again, to the same
    /// bytes, by a run that was killed in between.
    fn save(&self, history: &History) -> Result<(), TrainingRunError> {
        report::write_epochs(&self.folder.file("epochs.csv"), history)?;
        save_checkpoint(&self.trainer, &self.folder.file(CHECKPOINT), &self.identity, history)?;
        Ok(())
    }

    /// Tests the final weights, unless an earlier run has done so, and makes tables and plots of the test.
    fn test(&self, history: &History) -> Result<TestReport, TrainingRunError> {
        let report = match report::read_test(self.folder)? {
            Some(report) => report,
            None => self.see_test_images(history)?,
        };
        let matrix = report.matrix()?;
        report::write_tables(self.folder, &matrix)?;
        draw_confusion(self.folder, &self.run.spec.name, self.run.options, &report, matrix)?;
        self.folder.write_json(MODEL_CARD, &self.card(history, &report))?;
        Ok(report)
    }

    fn card(&self, history: &History, report: &TestReport) -> ModelCard {
        let best = history.best().and_then(|record| record.validation);
        ModelCard {
            network: "network.toml".to_owned(),
            weights: report.weights.clone(),
            normalisation: self.run.images.normalisation().clone(),
            classes: report.classes.clone(),
            data: self.run.options.data.clone(),
            validation_accuracy: best.map(|validation| validation.accuracy),
            test_accuracy: report.accuracy,
            latency: None,
        }
    }

    fn see_test_images(&self, history: &History) -> Result<TestReport, TrainingRunError> {
        let (run, control) = (self.run, Control::new(self.run.stop));
        let recipe = &run.options.recipe;
        let (weights, epoch) = history.best().map_or((LAST, recipe.epochs), |best| (BEST, best.epoch));
        // The network that is tested is the one that was saved.
        let reloaded = load_network(LayerGraph::lower(run.spec), &self.folder.file(weights))?;
        let evaluation = evaluate(&reloaded, &run.images.test(recipe.batch)?, &control)?;
        let report = TestReport::new(weights, epoch, run.images.class_names(), &evaluation);
        report::write_test(self.folder, &report)?;
        run.observer.notify(&TrainingEvent::Tested(report.clone()));
        Ok(report)
    }
}

/// Writes a network that holds the final weights of an epoch, the last of `history`.
fn save_final_weights(
    folder: &RunFolder,
    network: &Network,
    history: &History,
) -> Result<(), TrainingRunError> {
    save_weights(network.parameters(), &folder.file(LAST))?;
    if history.best().is_some_and(|best| Some(best) == history.0.last()) {
        save_weights(network.parameters(), &folder.file(BEST))?;
    }
    Ok(())
}

/// An end of training with what is left of it.
fn ended(error: TrainingRunError, epochs_done: u32, checkpoint: &Path) -> TrainingRunError {
    match error {
        TrainingRunError::Train(TrainError::Interrupted) => TrainingRunError::Interrupted { epochs_done },
        TrainingRunError::Train(error) if error.diverged_in().is_some() => TrainingRunError::Diverged {
            reason: error.to_string(),
            kept: match epochs_done {
                0 => "no epoch was finished".to_owned(),
                _ => format!("the checkpoint of epoch {epochs_done} is kept in {}", checkpoint.display()),
            },
        },
        other => other,
    }
}
