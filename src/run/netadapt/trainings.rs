//! The longer trainings of an adaptation: of the seed, of the result, and of what it is compared with.
//!
//! Each is a training run with a folder of its own inside the adaptation's, and goes on like one after it was killed.

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use super::progress::NetadaptEvent;
use crate::graph::LayerGraph;
use crate::nn::load_values;
use crate::pytorch::Origin;
use crate::run::events::Observer;
use crate::run::images::Images;
use crate::run::inputs::Inputs;
use crate::run::threads;
use crate::run::training::TestReport;
use crate::run::training::TrainingEvent;
use crate::run::training::TrainingOptions;
use crate::run::training::{Teacher, TrainingRun, TrainingRunError};
use crate::spec::NetworkSpec;
use crate::train::Recipe;

/// What all longer trainings of an adaptation share.
pub(super) struct Trainings<'a> {
    pub(super) data: &'a str,
    pub(super) limit_images: Option<usize>,
    pub(super) seed: u64,
    pub(super) inputs: &'a Inputs,
    pub(super) command: &'a [String],
    pub(super) stop: &'a AtomicBool,
    pub(super) observer: &'a dyn Observer<NetadaptEvent>,
}

/// One longer training.
pub(super) struct Training<'a> {
    /// What people call it.
    pub(super) name: &'a str,
    pub(super) folder: PathBuf,
    pub(super) spec: &'a NetworkSpec,
    pub(super) images: &'a Images,
    pub(super) recipe: &'a Recipe,
    pub(super) recipe_name: &'a str,
    /// Weights to start from instead of fresh ones.
    pub(super) weights: Option<&'a Path>,
    pub(super) teacher: Option<&'a Teacher>,
}

/// The weights that a training ended with.
pub(super) fn trained_weights(folder: &Path, report: &TestReport) -> PathBuf {
    folder.join(&report.weights)
}

impl Trainings<'_> {
    /// Trains, or goes on; tests once.
    pub(super) fn run(&self, training: &Training<'_>) -> Result<TestReport, TrainingRunError> {
        let spec = training.recipe.with_dropout(training.spec);
        // Only what lies in the run folder is named: the same run elsewhere gives the same bytes.
        let name = |path: &Path| path.file_name().map(|name| name.to_string_lossy().into_owned());
        let options = TrainingOptions {
            network: spec.name.clone(),
            arch_id: spec.arch_id(),
            data: self.data.to_owned(),
            limit_images: self.limit_images,
            validation: None,
            seed: self.seed,
            weights: training.weights.and_then(name),
            weights_of: training.weights.map(|_| Origin::Own),
            teacher: training.teacher.map(|teacher| teacher.spec.name.clone()),
            teacher_weights: training.teacher.and_then(|teacher| name(&teacher.weights)),
            recipe_name: training.recipe_name.to_owned(),
            normalisation: None,
            recipe: training.recipe.clone(),
        };
        let start =
            training.weights.map(|weights| load_values(LayerGraph::lower(&spec), weights)).transpose()?;
        let observer = Forward { name: training.name, observer: self.observer };
        let run = TrainingRun {
            options: &options,
            inputs: self.inputs,
            command: self.command,
            warnings: &[],
            spec: &spec,
            images: training.images,
            weights: start.as_ref(),
            notes: &[],
            teacher: training.teacher,
            threads: threads::cores(),
            must_resume: false,
            stop: self.stop,
            observer: &observer,
        };
        run.run(&training.folder)
    }
}

/// Passes a training's events on as the adaptation's.
struct Forward<'a> {
    name: &'a str,
    observer: &'a dyn Observer<NetadaptEvent>,
}

impl Observer<TrainingEvent> for Forward<'_> {
    fn notify(&self, event: &TrainingEvent) {
        let name = self.name.to_owned();
        match event {
            TrainingEvent::Epoch { epochs, record, .. } => self.observer.notify(&NetadaptEvent::Epoch {
                name,
                epoch: record.epoch,
                epochs: *epochs,
                loss: record.train_loss,
                accuracy: record.train_accuracy,
            }),
            TrainingEvent::Tested(report) => {
                self.observer.notify(&NetadaptEvent::Tested { name, accuracy: report.accuracy });
            }
            TrainingEvent::Warning { message } => {
                self.observer.notify(&NetadaptEvent::Warning { message: message.clone() });
            }
            _ => {}
        }
    }
}
