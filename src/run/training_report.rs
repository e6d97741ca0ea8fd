//! What a training leaves for people and plots: `epochs.csv`, and `report/` of the test.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::folder::{FolderError, RunFolder};
use crate::report::{ReportError, write_csv};
use crate::train::{Confusion, EpochRecord, Evaluation, History};
use crate::whole_file::write_whole_file;

/// How the network that a training ended with does on the test images; `report/test.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
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
    /// The same for each class.
    pub classes: Vec<ClassReport>,
    /// Images by class and prediction.
    pub confusion: Confusion,
}

/// One class of the test images.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClassReport {
    /// Its name.
    pub class: String,
    /// Its images.
    pub images: u64,
    /// Those classified correctly.
    pub correct: u64,
    /// Their share; none for a class without test images.
    pub accuracy: Option<f64>,
}

impl TestReport {
    /// The report of a test.
    pub fn new(weights: &str, epoch: u32, class_names: &[String], evaluation: &Evaluation) -> Self {
        let score = evaluation.score();
        let of_class = |(class, row): (usize, &Vec<u64>)| {
            let (images, correct) = (row.iter().sum(), row[class]);
            let accuracy = (images > 0).then(|| correct as f64 / images as f64);
            ClassReport { class: class_names[class].clone(), images, correct, accuracy }
        };
        Self {
            weights: weights.to_owned(),
            epoch,
            loss: evaluation.loss,
            correct: score.correct,
            images: score.total,
            accuracy: score.accuracy(),
            classes: evaluation.confusion.rows().iter().enumerate().map(of_class).collect(),
            confusion: evaluation.confusion.clone(),
        }
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

/// A line of `report/confusion.csv`.
#[derive(Serialize)]
struct ConfusionRow<'a> {
    class: &'a str,
    predicted: &'a str,
    images: u64,
}

/// Where the report lies; it is written last.
const TEST_JSON: &str = "report/test.json";

/// Writes the report of the test, tables first.
pub(super) fn write_test(folder: &RunFolder, report: &TestReport) -> Result<(), ReportError> {
    write_csv(&folder.file("report/classes.csv"), &report.classes)?;
    let name = |class: usize| report.classes[class].class.as_str();
    let rows = report.confusion.rows().iter().enumerate().flat_map(|(class, row)| {
        let cells = row.iter().enumerate();
        cells.map(move |(predicted, &images)| ConfusionRow {
            class: name(class),
            predicted: name(predicted),
            images,
        })
    });
    write_csv(&folder.file("report/confusion.csv"), rows)?;
    let mut text = serde_json::to_string_pretty(report).unwrap_or_default();
    text.push('\n');
    let path = folder.file(TEST_JSON);
    write_whole_file(&path, text.as_bytes()).map_err(|source| ReportError::Write { path, source })
}

/// The report of a training that is done already, if there is one.
pub(super) fn read_test(folder: &RunFolder) -> Result<Option<TestReport>, FolderError> {
    let path = folder.file(TEST_JSON);
    let failed = |source| FolderError::Io { action: "read", path: path.clone(), source };
    match std::fs::read(&path) {
        Ok(bytes) => serde_json::from_slice(&bytes).map(Some).map_err(|e| failed(e.into())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(failed(error)),
    }
}
