//! What the epochs of a training brought.

use serde::{Deserialize, Serialize};

use super::{EpochReport, Validation};

/// Loss and accuracy on validation images.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Measured {
    /// Mean cross-entropy.
    pub loss: f64,
    /// Top-1 accuracy as a fraction.
    pub accuracy: f64,
}

/// One epoch.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
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
    /// On validation images, if some are held out.
    pub validation: Option<Measured>,
    /// The same with the average of the weights, if one is kept.
    pub averaged: Option<Measured>,
}

impl EpochRecord {
    /// The record of an epoch and its validation.
    pub fn new(report: &EpochReport, validation: Option<&Validation>) -> Self {
        let measured = |evaluation: &super::Evaluation| Measured {
            loss: evaluation.loss,
            accuracy: evaluation.score().accuracy(),
        };
        Self {
            epoch: report.epoch,
            learning_rate: report.learning_rate,
            train_loss: report.loss,
            train_accuracy: report.accuracy,
            validation: validation.map(|v| measured(&v.plain)),
            averaged: validation.and_then(|v| v.averaged.as_ref()).map(measured),
        }
    }

    /// Validation accuracy of the weights that training would end with after this epoch.
    pub fn final_accuracy(&self) -> Option<f64> {
        self.averaged.or(self.validation).map(|measured| measured.accuracy)
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
            let Some(accuracy) = record.final_accuracy() else { continue };
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

    fn record(epoch: u32, validation: Option<f64>, averaged: Option<f64>) -> EpochRecord {
        let measured = |accuracy| Measured { loss: 1.0, accuracy };
        EpochRecord {
            epoch,
            learning_rate: 0.1,
            train_loss: 1.0,
            train_accuracy: 0.5,
            validation: validation.map(measured),
            averaged: averaged.map(measured),
        }
    }

    #[test]
    fn the_best_epoch_is_the_first_of_the_most_accurate_ones() {
        let best = |records: Vec<EpochRecord>| History(records).best().map(|record| record.epoch);
        assert_eq!(best(vec![record(1, None, None)]), None);
        let plain = [0.5, 0.7, 0.7, 0.6].map(Some);
        assert_eq!(best((1..).zip(plain).map(|(e, a)| record(e, a, None)).collect()), Some(2));
        // What the training ends with decides: the average.
        assert_eq!(best(vec![record(1, Some(0.9), Some(0.1)), record(2, Some(0.2), Some(0.3))]), Some(2));
    }
}
