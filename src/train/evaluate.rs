//! Scoring a network on images it was not trained on.

use candle_core::{D, DType, Result};

use super::fit::{Control, TrainError, tensors};
use crate::data::{Batches, Loader};
use crate::nn::{Mode, Network};

/// How a network did on a set of images.
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

/// Top-1 accuracy of a network with its running statistics.
///
/// # Errors
/// If interrupted, or the images do not fit the network.
pub fn evaluate(
    network: &Network,
    loader: &Loader,
    control: &Control<'_>,
) -> std::result::Result<Score, TrainError> {
    let mut score = Score { correct: 0, total: 0 };
    let batches: Batches = loader.evaluation();
    for batch in batches {
        control.check()?;
        let (correct, total) = count_correct(network, loader, batch)?;
        score.correct += correct;
        score.total += total;
    }
    Ok(score)
}

fn count_correct(network: &Network, loader: &Loader, batch: crate::data::Batch) -> Result<(u64, u64)> {
    let (images, labels) = tensors(loader, batch)?;
    let logits = network.forward(&images, Mode::Evaluate)?;
    let predicted = logits.argmax(D::Minus1)?;
    let correct = predicted.eq(&labels)?.to_dtype(DType::U32)?.sum_all()?.to_scalar::<u32>()?;
    Ok((u64::from(correct), labels.elem_count() as u64))
}
