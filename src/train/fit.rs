//! Training from the first epoch to the last.

use super::{Control, Recipe, TrainError, Trainer};
use crate::data::Loader;
use crate::nn::Network;

/// Trains a network in place.
///
/// The result depends on the network, the images, the recipe and the seed,
/// and not on the number of threads.
///
/// # Errors
/// If training diverges or is interrupted, the recipe needs a teacher, or the images do not fit the network.
pub fn fit(
    network: &Network,
    loader: &Loader,
    recipe: &Recipe,
    seed: u64,
    control: &Control<'_>,
) -> Result<(), TrainError> {
    let mut trainer = Trainer::new(network, loader, recipe, seed, None)?;
    while trainer.epochs_done() < recipe.epochs {
        (control.on_epoch)(trainer.train_epoch(control)?);
    }
    trainer.finish(control)
}
