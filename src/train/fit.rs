//! The training loop.

use std::sync::atomic::{AtomicBool, Ordering};

use candle_core::{Device, Result, Tensor};

use super::optimizer::Optimizer;
use super::recipe::Recipe;
use crate::data::{Batch, DataError, Loader};
use crate::nn::{Mode, Network, ops};

/// Batches whose statistics replace the running ones after training.
const CALIBRATION_BATCHES: usize = 20;

/// Training ended without a trained network.
#[derive(Debug, thiserror::Error)]
pub enum TrainError {
    /// The loss is no longer a number.
    #[error("training diverged: the loss was {loss} in epoch {epoch}, step {step}")]
    Diverged {
        /// The loss.
        loss: f32,
        /// Epoch, from 1.
        epoch: u32,
        /// Step in the epoch, from 1.
        step: u64,
    },
    /// It was told to stop.
    #[error("interrupted")]
    Interrupted,
    /// A batch could not be loaded.
    #[error(transparent)]
    Data(#[from] DataError),
    /// The network and the images do not fit, or memory ran out.
    #[error(transparent)]
    Compute(#[from] candle_core::Error),
}

/// What happened in one epoch.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct EpochReport {
    /// Epoch, from 1.
    pub epoch: u32,
    /// Number of epochs.
    pub epochs: u32,
    /// Mean training loss.
    pub loss: f64,
}

/// The outside world of a training run: a flag that stops it, an ear for its epochs.
pub struct Control<'a> {
    /// Training ends with [`TrainError::Interrupted`] soon after this is set.
    pub stop: &'a AtomicBool,
    /// Told after every epoch.
    pub on_epoch: &'a (dyn Fn(EpochReport) + Sync),
}

impl Control<'_> {
    /// # Errors
    /// [`TrainError::Interrupted`] once the flag is set.
    pub fn check(&self) -> std::result::Result<(), TrainError> {
        if self.stop.load(Ordering::Relaxed) { Err(TrainError::Interrupted) } else { Ok(()) }
    }
}

/// Trains a network, then replaces its running batch-norm statistics by those
/// of fixed weights: after a short training the moving average still
/// remembers weights long gone.
///
/// The result depends on the network, the images, the recipe and the seed,
/// and not on the number of threads.
///
/// # Errors
/// If the loss is no longer a number, if interrupted, or the images do not fit
/// the network.
pub fn fit(
    network: &Network,
    loader: &Loader,
    recipe: &Recipe,
    seed: u64,
    control: &Control<'_>,
) -> std::result::Result<(), TrainError> {
    let mut optimizer = Optimizer::new(network.parameters(), recipe)?;
    let steps_per_epoch = loader.training_steps() as u64;
    for epoch in 0..recipe.epochs {
        let mut loss_sum = 0.0;
        for (index, batch) in
            (0u64..).zip(loader.training(recipe.augment, seed, u64::from(epoch)).prefetch()?)
        {
            control.check()?;
            let step = u64::from(epoch) * steps_per_epoch + index;
            let (images, labels) = tensors(loader, batch)?;
            let logits = network.forward(&images, Mode::Train { seed, step })?;
            let loss = ops::cross_entropy(&logits, &labels, recipe.label_smoothing)?;
            let value = loss.to_scalar::<f32>()?;
            if !value.is_finite() {
                return Err(TrainError::Diverged { loss: value, epoch: epoch + 1, step: index + 1 });
            }
            optimizer.step(&loss.backward()?, recipe.learning_rate_at(step, steps_per_epoch))?;
            loss_sum += f64::from(value);
        }
        let loss = loss_sum / steps_per_epoch.max(1) as f64;
        (control.on_epoch)(EpochReport { epoch: epoch + 1, epochs: recipe.epochs, loss });
    }
    recalibrate(network, loader, recipe, seed, control)
}

fn recalibrate(
    network: &Network,
    loader: &Loader,
    recipe: &Recipe,
    seed: u64,
    control: &Control<'_>,
) -> std::result::Result<(), TrainError> {
    let one_more_epoch = loader.training(recipe.augment, seed, u64::from(recipe.epochs));
    for (batches, batch) in (0u64..).zip(one_more_epoch.take(CALIBRATION_BATCHES)) {
        control.check()?;
        let (images, _) = tensors(loader, batch)?;
        network.forward(&images, Mode::Calibrate { batches })?;
    }
    Ok(())
}

/// A batch as images `[n, h, w, c]` and labels `[n]`.
pub(super) fn tensors(loader: &Loader, batch: Batch) -> Result<(Tensor, Tensor)> {
    let data = loader.dataset();
    let shape = (batch.len(), data.height(), data.width(), data.channels());
    let count = batch.len();
    let images = Tensor::from_vec(batch.pixels, shape, &Device::Cpu)?;
    let labels = Tensor::from_vec(batch.labels, count, &Device::Cpu)?;
    Ok((images, labels))
}
