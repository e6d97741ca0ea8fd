//! Scoring a network on images it was not trained on.

use super::{Control, TrainError};
use crate::confusion::{Confusion, most_likely};
use crate::data::{Batch, Loader};
use crate::kernels::cross_entropy::{Targets, loss};
use crate::nn::{Engine, Mode, Network};

/// How many images of a set a network gets right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Score {
    /// Images whose most likely class was right (top-1).
    pub correct: u64,
    /// Images.
    pub total: u64,
}

impl Score {
    /// Top-1 accuracy as a fraction.
    pub fn accuracy(self) -> f64 {
        self.correct as f64 / self.total.max(1) as f64
    }
}

/// How a network did on a set of images.
#[derive(Debug, Clone, PartialEq)]
pub struct Evaluation {
    /// Mean cross-entropy, without smoothing.
    pub loss: f64,
    /// Images by class and prediction.
    pub confusion: Confusion,
    /// The predicted class of every image, in order.
    pub predictions: Vec<u32>,
}

impl Evaluation {
    /// Top-1.
    pub fn score(&self) -> Score {
        Score { correct: self.confusion.correct(), total: self.confusion.total() }
    }
}

/// Scores a network with its running statistics.
///
/// # Errors
/// If interrupted, or the images do not fit the network.
pub fn evaluate(network: &Network, loader: &Loader, control: &Control<'_>) -> Result<Evaluation, TrainError> {
    evaluate_with(&mut Engine::new(network, loader.largest_batch())?, loader, control)
}

/// As [`evaluate`], with an engine that takes the loader's batches.
pub(super) fn evaluate_with(
    engine: &mut Engine,
    loader: &Loader,
    control: &Control<'_>,
) -> Result<Evaluation, TrainError> {
    let classes = loader.dataset().classes();
    let mut confusion = Confusion::new(classes);
    let mut predictions = Vec::with_capacity(loader.images());
    let mut loss_sum = 0.0;
    let (mut batches, mut batch) = (loader.evaluation(), Batch::default());
    while batches.next_into(&mut batch)? {
        control.check()?;
        let logits = engine.forward(&batch.pixels, batch.shape, Mode::Evaluate)?;
        TrainError::check_classes(logits, batch.len(), classes)?;
        loss_sum += batch.len() as f64 * loss(logits, Targets::hard(&batch.labels), classes)?;
        for (logits, &label) in logits.chunks_exact(classes).zip(&batch.labels) {
            let predicted = most_likely(logits);
            confusion.count(label as usize, predicted, 1);
            predictions.push(predicted as u32);
        }
    }
    Ok(Evaluation { loss: loss_sum / confusion.total().max(1) as f64, confusion, predictions })
}
