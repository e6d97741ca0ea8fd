//! Trainings within another run: of its start network, of its results, and of what these are compared with.
//!
//! Each is a training run with a folder of its own inside the other's, and goes on like one after it was killed.

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use super::options::TrainingOptions;
use super::progress::TrainingEvent;
use super::report::TestReport;
use super::run::{Teacher, TrainingRun, TrainingRunError};
use crate::graph::LayerGraph;
use crate::nn::load_values;
use crate::pytorch::Origin;
use crate::run::events::Observer;
use crate::run::images::Images;
use crate::run::inputs::Inputs;
use crate::run::threads;
use crate::spec::NetworkSpec;
use crate::train::Recipe;

/// What all trainings within a run share.
pub struct Trainings<'a> {
    pub(crate) data: &'a str,
    pub(crate) limit_images: Option<usize>,
    pub(crate) seed: u64,
    pub(crate) inputs: &'a Inputs,
    pub(crate) command: &'a [String],
    pub(crate) stop: &'a AtomicBool,
}

/// One training within a run.
pub struct Training<'a> {
    pub(crate) folder: PathBuf,
    pub(crate) spec: &'a NetworkSpec,
    pub(crate) images: &'a Images,
    pub(crate) recipe: &'a Recipe,
    pub(crate) recipe_name: &'a str,
    /// Weights to start from instead of fresh ones.
    pub(crate) weights: Option<&'a Path>,
    pub(crate) teacher: Option<&'a Teacher>,
}

impl Training<'_> {
    /// The weights that it ended with.
    pub(crate) fn trained_weights(&self, report: &TestReport) -> PathBuf {
        self.folder.join(&report.weights)
    }
}

impl Trainings<'_> {
    /// Trains, or goes on; tests once.
    pub(crate) fn run(
        &self,
        training: &Training<'_>,
        observer: &dyn Observer<TrainingEvent>,
    ) -> Result<TestReport, TrainingRunError> {
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
        let run = TrainingRun {
            options: &options,
            inputs: &self.inputs.without_copies(),
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
            observer,
        };
        let view = run.run(&training.folder)?;
        Ok(view.test.expect("a training that ended was tested"))
    }
}
