//! What a training leaves as numbers: `epochs.csv`, `test.json`, and the tables of the test in `derived/`.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::report::{ConfusionMatrix, ReportError, write_csv};
use crate::run::folder::RunReader;
use crate::train::{Confusion, EpochRecord, Evaluation, History};

/// How the network that a training ended with does on the test images; `test.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TestReport {
    /// The file of the weights that were tested.
    pub weights: String,
    /// The epoch they are of.
    pub epoch: u32,
    /// Mean cross-entropy.
    pub loss: f64,
    /// Images classified correctly.
    pub correct: u64,
    /// Images.
    pub images: u64,
    /// Top-1 accuracy as a fraction.
    pub accuracy: f64,
    /// Names of the classes.
    pub classes: Vec<String>,
    /// Images by class and prediction: `confusion[class][predicted]`.
    pub confusion: Confusion,
    /// The predicted class of every test image, in order.
    #[serde(default)]
    pub predictions: Vec<u32>,
    /// Its class, of every test image, in the same order.
    #[serde(default)]
    pub labels: Vec<u32>,
    /// Images that the weights were trained on in this training, counted once each time.
    #[serde(default)]
    pub trained_images: u64,
}

impl TestReport {
    /// The report of a test.
    pub fn new(weights: &str, epoch: u32, class_names: &[String], evaluation: &Evaluation) -> Self {
        let score = evaluation.score();
        Self {
            weights: weights.to_owned(),
            epoch,
            loss: evaluation.loss,
            correct: score.correct,
            images: score.total,
            accuracy: score.accuracy(),
            classes: class_names.to_vec(),
            confusion: evaluation.confusion.clone(),
            predictions: evaluation.predictions.clone(),
            labels: Vec::new(),
            trained_images: 0,
        }
    }

    /// Images by class and prediction under the classes' names, for tables and plots.
    ///
    /// # Errors
    /// [`ReportError::Classes`] if a report that was read names other classes than it counts.
    pub fn matrix(&self) -> Result<ConfusionMatrix, ReportError> {
        ConfusionMatrix::of(&self.classes, self.confusion.clone())
    }
}

/// A line of `epochs.csv`.
#[derive(Serialize)]
struct EpochRow {
    epoch: u32,
    learning_rate: f64,
    train_loss: f64,
    train_accuracy: f64,
    validation_loss: Option<f64>,
    validation_accuracy: Option<f64>,
    validation_loss_without_ema: Option<f64>,
    validation_accuracy_without_ema: Option<f64>,
}

impl From<&EpochRecord> for EpochRow {
    fn from(record: &EpochRecord) -> Self {
        Self {
            epoch: record.epoch,
            learning_rate: record.learning_rate,
            train_loss: record.train_loss,
            train_accuracy: record.train_accuracy,
            validation_loss: record.validation.map(|v| v.loss),
            validation_accuracy: record.validation.map(|v| v.accuracy),
            validation_loss_without_ema: record.without_average.map(|v| v.loss),
            validation_accuracy_without_ema: record.without_average.map(|v| v.accuracy),
        }
    }
}

/// Writes the epochs so far.
pub(super) fn write_epochs(path: &Path, history: &History) -> Result<(), ReportError> {
    write_csv(path, history.0.iter().map(EpochRow::from))
}

/// Writes the tables of the test.
pub(super) fn write_tables(run: &RunReader, matrix: &ConfusionMatrix) -> Result<(), ReportError> {
    matrix.write_classes_csv(&run.derived("classes.csv"))?;
    matrix.write_pairs_csv(&run.derived("confusion.csv"))
}
