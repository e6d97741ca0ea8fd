//! Batch-norm statistics of fixed weights (arXiv:1803.05407, section 3.1): moving ones remember weights long gone, and
//! averages of weights have never had statistics of their own.

use super::{Control, Recipe, TrainError};
use crate::data::{Augment, Loader};
use crate::nn::{Engine, Mode};

/// Replaces the running statistics of batch norm by those of the recipe's number of training batches.
///
/// Their images are not mixed: mixtures vary less than the images that the network will see.
///
/// # Errors
/// If interrupted, or the images do not fit the network.
pub(super) fn recalibrate(
    engine: &mut Engine,
    loader: &Loader,
    recipe: &Recipe,
    seed: u64,
    control: &Control<'_>,
) -> Result<(), TrainError> {
    if recipe.recalibrate == 0 {
        return Ok(());
    }
    let unmixed = Augment { mixup: None, ..recipe.augment };
    let one_more_epoch = loader.training(unmixed, seed, u64::from(recipe.epochs));
    for (batches, batch) in (0u64..).zip(one_more_epoch.take(recipe.recalibrate as usize)) {
        control.check()?;
        let batch = batch?;
        engine.forward(&batch.pixels, batch.shape, Mode::Calibrate { batches })?;
    }
    Ok(())
}
