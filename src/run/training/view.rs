//! A training as its folder tells it, at any time.

use serde::{Deserialize, Serialize};

use super::figures::{draw_confusion, draw_curves};
use super::options::TrainingOptions;
use super::report::{TestReport, write_tables};
use super::run::{CHECKPOINT, TrainingRunError};
use crate::run::folder::RunReader;
use crate::spec::NetworkSpec;
use crate::train::{History, checkpoint_history};

/// The test of a training; tables and plots are made from it.
pub const TEST: &str = "test.json";
/// The network that is trained.
pub(super) const NETWORK: &str = "network.toml";
/// There where training diverged.
pub(super) const DIVERGED: &str = "diverged.json";

/// How a training came to no end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Divergence {
    /// The epoch in which it diverged, from 1.
    pub epoch: u32,
    /// What happened.
    pub reason: String,
}

/// Everything that a training has come to so far.
#[derive(Debug)]
pub struct TrainingView {
    /// Resolved options.
    pub options: TrainingOptions,
    /// The network that is trained.
    pub spec: NetworkSpec,
    /// The whole epochs so far.
    pub history: History,
    /// The test, once it was made.
    pub test: Option<TestReport>,
    /// Where training diverged.
    pub divergence: Option<Divergence>,
}

impl TrainingView {
    /// Reads the folder of a training, which may be running.
    ///
    /// # Errors
    /// If a file of it cannot be read.
    pub fn read(run: &RunReader) -> Result<Self, TrainingRunError> {
        let spec = NetworkSpec::from_toml(NETWORK, &run.text(NETWORK)?)
            .map_err(|error| run.unreadable(NETWORK, error))?;
        let checkpoint = run.file(CHECKPOINT);
        let history = if checkpoint.exists() { checkpoint_history(&checkpoint)? } else { History::default() };
        let (test, divergence) = (run.json(TEST)?, run.json(DIVERGED)?);
        Ok(Self { options: run.options()?, spec, history, test, divergence })
    }

    /// Writes `derived/`: a function of the folder alone. Drawing takes longer than an epoch of a small training.
    ///
    /// # Errors
    /// If a file cannot be written.
    pub fn derive(&self, run: &RunReader) -> Result<(), TrainingRunError> {
        if !self.history.0.is_empty() {
            draw_curves(run, self)?;
        }
        if let Some(report) = &self.test {
            let matrix = report.matrix()?;
            write_tables(run, &matrix)?;
            draw_confusion(run, self, report, matrix)?;
        }
        Ok(())
    }
}
