//! `mbn-train` from resolved options to a finished run folder.

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use miette::Diagnostic;
use serde_json::{Value, json};

use super::options::TrainingOptions;
use super::progress::TrainingEvent;
use super::report::{TestReport, write_epochs};
use super::view::{DIVERGED, Divergence, NETWORK, TEST, TrainingView};
use crate::data::{DataError, Loader, Waits};
use crate::graph::{LayerGraph, Values};
use crate::nn::{Network, WeightsError, load_network, save_weights};
use crate::report::ReportError;
use crate::run::events::{Events, Observer, RunKind};
use crate::run::folder::{FolderError, RunFolder};
use crate::run::images::Images;
use crate::run::inputs::Inputs;
use crate::run::model_card::{MODEL_CARD, ModelCard};
use crate::run::threads;
use crate::run::words::plural;
use crate::spec::NetworkSpec;
use crate::train::{
    CheckpointError, Control, EpochRecord, History, StepReport, TrainError, Trainer, evaluate,
    load_checkpoint, save_checkpoint,
};

/// Files of a run folder.
pub(super) const CHECKPOINT: &str = "checkpoint.safetensors";
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
    #[error("interrupted after {}; the same command goes on from there", plural(*epochs_done as usize, "epoch"))]
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
    /// Takes its events.
    pub observer: &'a dyn Observer<TrainingEvent>,
}

impl TrainingRun<'_> {
    /// Trains in `folder`, going on where an earlier process stopped, tests once at the end, and returns what the folder
    /// then holds.
    ///
    /// Everything that can be wrong with the options is told before the folder is made.
    ///
    /// # Errors
    /// See [`TrainingRunError`].
    pub fn run(&self, folder: &Path) -> Result<TrainingView, TrainingRunError> {
        let pool = threads::pool(self.threads).map_err(TrainingRunError::Threads)?;
        pool.install(|| self.run_in_pool(folder))
    }

    fn run_in_pool(&self, path: &Path) -> Result<TrainingView, TrainingRunError> {
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
        let folder = RunFolder::open(path, RunKind::Training, self.options, self.inputs, self.command)?;
        folder.write(NETWORK, self.spec.to_toml().as_bytes())?;
        let identity = json!({ "options": self.options, "inputs": self.inputs });
        let waits = Waits::default();
        let events = Events::new(path, RunKind::Training, recipe.epochs.into(), self.observer);
        State { run: self, folder: &folder, images: &images, identity, trainer, waits, events }
            .train_and_test()
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
                plural(recipe.epochs as usize, "epoch"),
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
    events: Events<'a, TrainingEvent>,
}

impl State<'_> {
    fn train_and_test(mut self) -> Result<TrainingView, TrainingRunError> {
        let checkpoint = self.folder.file(CHECKPOINT);
        let mut history = match checkpoint.exists() {
            true => load_checkpoint(&mut self.trainer, &checkpoint, &self.identity)?,
            false => History::default(),
        };
        self.announce();
        let trained = self.train(&mut history);
        let tested = match trained {
            Ok(()) => self.test(&history),
            Err(error) => self.note_divergence(&error).and(Err(error)),
        };
        let epochs_done = self.trainer.epochs_done();
        let derived = match &tested {
            // It can be looked at once training has ended, be it that the user stopped it or that it diverged.
            Ok(()) | Err(TrainingRunError::Train(_)) => Some(self.derive()),
            Err(_) => None,
        };
        if let (Err(_), Some(Err(error))) = (&tested, &derived) {
            self.events.tell(TrainingEvent::Warning { message: error.to_string() });
        }
        tested.map_err(|error| ended(error, epochs_done, &checkpoint))?;
        let view = derived.expect("it is derived after a test")?;
        let folder = self.folder.path().display().to_string();
        self.events.tell(TrainingEvent::Finished { folder, waits: self.waits });
        Ok(view)
    }

    fn derive(&self) -> Result<TrainingView, TrainingRunError> {
        let view = TrainingView::read(self.folder)?;
        view.derive(self.folder)?;
        Ok(view)
    }

    /// Leaves word of a training that diverged.
    fn note_divergence(&self, error: &TrainingRunError) -> Result<(), TrainingRunError> {
        let TrainingRunError::Train(error) = error else { return Ok(()) };
        if let Some(epoch) = error.diverged_in() {
            self.folder.write_json(DIVERGED, &Divergence { epoch, reason: error.to_string() })?;
        }
        Ok(())
    }

    fn announce(&self) {
        let (run, done) = (self.run, self.trainer.epochs_done());
        let recipe = &run.options.recipe;
        let images = self.images.images().min(self.images.training_steps() * recipe.batch.get());
        self.events.set(done.into(), recipe.epochs.into());
        self.events.tell(TrainingEvent::Started {
            summary: run.summary(self.trainer.network()),
            epochs: recipe.epochs,
            images,
        });
        for message in run.warnings {
            self.events.tell(TrainingEvent::Warning { message: message.clone() });
        }
        if done > 0 {
            self.events
                .tell(TrainingEvent::Resumed { epochs: done, images: u64::from(done) * images as u64 });
        }
    }

    /// Trains the epochs that are left.
    fn train(&mut self, history: &mut History) -> Result<(), TrainingRunError> {
        let run = self.run;
        let recipe = &run.options.recipe;
        let events = &self.events;
        let on_step = |step: StepReport| {
            let percent = 100.0 * step.accuracy;
            let message = format!("epoch {}, loss {:.3}, {percent:.1} %", step.epoch, step.loss);
            events.glance(step.images as u64, message);
        };
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
                events.advance(TrainingEvent::Epoch { epochs: recipe.epochs, record, waits });
            }
        }
        Ok(())
    }

    /// Writes the epochs so far. The checkpoint comes last: what is written before it is written again, to the same
    /// bytes, by a run that was killed in between.
    fn save(&self, history: &History) -> Result<(), TrainingRunError> {
        write_epochs(&self.folder.file("epochs.csv"), history)?;
        save_checkpoint(&self.trainer, &self.folder.file(CHECKPOINT), &self.identity, history)?;
        Ok(())
    }

    /// Tests the final weights, unless an earlier run has done so.
    fn test(&self, history: &History) -> Result<(), TrainingRunError> {
        let report = match self.folder.json(TEST)? {
            Some(report) => report,
            None => self.see_test_images(history)?,
        };
        Ok(self.folder.write_json(MODEL_CARD, &self.card(history, &report))?)
    }

    fn card(&self, history: &History, report: &TestReport) -> ModelCard {
        let best = history.best().and_then(|record| record.validation);
        ModelCard {
            network: NETWORK.to_owned(),
            weights: report.weights.clone(),
            normalisation: self.run.images.normalisation().clone(),
            classes: report.classes.clone(),
            data: self.run.options.data.clone(),
            validation_accuracy: best.map(|validation| validation.accuracy),
            test_accuracy: report.accuracy,
            latency: None,
            proxy_of: None,
        }
    }

    fn see_test_images(&self, history: &History) -> Result<TestReport, TrainingRunError> {
        let (run, control) = (self.run, Control::new(self.run.stop));
        let recipe = &run.options.recipe;
        let (weights, epoch) = history.best().map_or((LAST, recipe.epochs), |best| (BEST, best.epoch));
        // The network that is tested is the one that was saved.
        let reloaded = load_network(LayerGraph::lower(run.spec), &self.folder.file(weights))?;
        let evaluation = evaluate(&reloaded, &run.images.test(recipe.batch)?, &control)?;
        let trained = u64::from(recipe.epochs) * run.images.counts().0 as u64;
        let report = TestReport {
            labels: run.images.test_labels().to_vec(),
            trained_images: trained,
            ..TestReport::new(weights, epoch, run.images.class_names(), &evaluation)
        };
        self.folder.write_json(TEST, &report)?;
        self.events.tell(TrainingEvent::Tested(report.clone()));
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
