//! What the epochs of a training brought.

use serde::{Deserialize, Serialize};

use super::{EpochReport, Evaluation};

/// Loss and accuracy on validation images.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Measured {
    /// Mean cross-entropy.
    pub loss: f64,
    /// Top-1 accuracy as a fraction.
    pub accuracy: f64,
}

/// One epoch.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EpochRecord {
    /// Epoch, from 1.
    pub epoch: u32,
    /// Learning rate of the last step.
    pub learning_rate: f64,
    /// Mean training loss.
    pub train_loss: f64,
    /// Share of the training images, as augmented, that were classified correctly at their step.
    pub train_accuracy: f64,
    /// On validation images, if some are held out, with what training would end with after this epoch.
    pub validation: Option<Measured>,
    /// The same with the weights themselves, where that is their average.
    pub without_average: Option<Measured>,
}

impl From<&Evaluation> for Measured {
    fn from(evaluation: &Evaluation) -> Self {
        Self { loss: evaluation.loss, accuracy: evaluation.score().accuracy() }
    }
}

impl EpochRecord {
    /// The record of an epoch and its validation.
    pub fn new(
        report: &EpochReport,
        validation: Option<&Evaluation>,
        without_average: Option<&Evaluation>,
    ) -> Self {
        Self {
            epoch: report.epoch,
            learning_rate: report.learning_rate,
            train_loss: report.loss,
            train_accuracy: report.accuracy,
            validation: validation.map(Measured::from),
            without_average: without_average.map(Measured::from),
        }
    }
}

/// All epochs so far, in order.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct History(pub Vec<EpochRecord>);

impl History {
    /// The epoch with the best validation accuracy; the first one of equals.
    pub fn best(&self) -> Option<&EpochRecord> {
        let mut best: Option<(&EpochRecord, f64)> = None;
        for record in &self.0 {
            let Some(Measured { accuracy, .. }) = record.validation else { continue };
            if best.is_none_or(|(_, before)| accuracy > before) {
                best = Some((record, accuracy));
            }
        }
        best.map(|(record, _)| record)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Waits;

    fn record(epoch: u32, accuracy: Option<f64>) -> EpochRecord {
        let waits = Waits::default();
        let report = EpochReport { epoch, epochs: 9, learning_rate: 0.1, loss: 1.0, accuracy: 0.5, waits };
        let validation = accuracy.map(|accuracy| Measured { loss: 1.0, accuracy });
        EpochRecord { validation, ..EpochRecord::new(&report, None, None) }
    }

    #[test]
    fn the_best_epoch_is_the_first_of_the_most_accurate_ones() {
        let best = |records: Vec<EpochRecord>| History(records).best().map(|record| record.epoch);
        assert_eq!(best(vec![record(1, None)]), None);
        let accuracies = [0.5, 0.7, 0.7, 0.6].map(Some);
        assert_eq!(best((1..).zip(accuracies).map(|(epoch, a)| record(epoch, a)).collect()), Some(2));
    }
}
