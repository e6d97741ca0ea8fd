//! Gradients of a network that stays as it is.

use super::{Control, Recipe, TrainError};
use crate::data::Loader;
use crate::graph::Values;
use crate::kernels::cross_entropy::{Targets, loss_and_gradient};
use crate::nn::{Engine, Mode, Network};

/// The mean gradient of all trained tensors over the first `batches` batches, without augmentation and
/// smoothing.
///
/// # Errors
/// If interrupted, or the images do not fit the network.
pub fn mean_gradients(
    network: &Network,
    images: &Loader,
    recipe: &Recipe,
    batches: u64,
    control: &Control<'_>,
) -> Result<Values, TrainError> {
    // A pass in training mode moves the running statistics, which belong to the caller.
    let network = Network::with_values(network.graph().clone(), &network.parameters().values()?)?;
    let classes = images.dataset().classes();
    let mut engine = Engine::new(&network, recipe.batch.get())?;
    let trained: Vec<String> = network
        .parameters()
        .iter()
        .filter(|(_, info)| info.trained)
        .map(|(path, _)| path.to_owned())
        .collect();
    let mut sums = Values::new();
    let mut dlogits = Vec::new();
    let epoch = images.evaluation().take(usize::try_from(batches).unwrap_or(usize::MAX));
    for (step, batch) in (0u64..).zip(epoch) {
        control.check()?;
        let batch = batch?;
        let logits = engine.forward(&batch.pixels, batch.shape, Mode::Train { seed: 0, step })?;
        TrainError::check_classes(logits, batch.len(), classes)?;
        dlogits.resize(logits.len(), 0.0);
        loss_and_gradient(logits, Targets::hard(&batch.labels), classes, &mut dlogits)?;
        engine.backward(&dlogits)?;
        for (path, gradient) in trained.iter().zip(engine.gradients()) {
            let sum = sums.entry(path.clone()).or_insert_with(|| vec![0.0; gradient.len()]);
            sum.iter_mut().zip(gradient).for_each(|(sum, value)| *sum += value / batches as f32);
        }
    }
    Ok(sums)
}
