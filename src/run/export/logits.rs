//! Logits of normalised images, from the network itself or from a runtime.

use std::num::NonZeroUsize;

use super::error::ExportError;
use crate::data::Batch;
use crate::graph::{LayerGraph, Values};
use crate::nn::{Engine, Mode, Network};
use crate::runtime::{ImageShape, Runtime, Session};
use crate::spec::NetworkSpec;

/// Images in a batch where any number will do.
pub(super) const BATCH: NonZeroUsize = NonZeroUsize::MIN.saturating_add(31);

/// Something that has logits for images.
pub(super) trait Logits {
    /// Logits `[n, classes]` of a batch, which is no larger than what was announced.
    fn logits(&mut self, batch: &Batch) -> Result<Vec<f32>, ExportError>;
}

/// The network itself.
pub(super) struct OfNetwork(Engine);

impl OfNetwork {
    pub(super) fn new(spec: &NetworkSpec, values: &Values, batch: usize) -> Result<Self, ExportError> {
        let network = Network::with_values(LayerGraph::lower(spec), values)?;
        Self::of(&network, batch)
    }

    pub(super) fn of(network: &Network, batch: usize) -> Result<Self, ExportError> {
        Ok(Self(Engine::new(network, batch)?))
    }
}

impl Logits for OfNetwork {
    fn logits(&mut self, batch: &Batch) -> Result<Vec<f32>, ExportError> {
        Ok(self.0.forward(&batch.pixels, batch.shape, Mode::Evaluate)?.to_vec())
    }
}

/// A model in a runtime, which takes batches of one size.
pub(super) struct OfModel {
    session: Box<dyn Session>,
    shape: ImageShape,
}

impl OfModel {
    pub(super) fn load(
        runtime: &dyn Runtime,
        model: &[u8],
        spec: &NetworkSpec,
        batch: usize,
    ) -> Result<Self, ExportError> {
        let side = spec.resolution as usize;
        let shape = [batch, spec.input_channels as usize, side, side];
        Ok(Self { session: runtime.load(model, shape)?, shape })
    }

    /// All outputs of the model, one image after another in each, for a batch that is filled up with zeros.
    pub(super) fn outputs(&mut self, batch: &Batch) -> Result<Vec<Vec<f32>>, ExportError> {
        let mut images = channels_first(&batch.pixels, self.shape);
        images.resize(self.shape.iter().product(), 0.0);
        let mut outputs = self.session.run(&images)?;
        for output in &mut outputs {
            output.truncate(output.len() / self.shape[0] * batch.len());
        }
        Ok(outputs)
    }
}

impl Logits for OfModel {
    fn logits(&mut self, batch: &Batch) -> Result<Vec<f32>, ExportError> {
        Ok(self.outputs(batch)?.pop().expect("every model that is written here ends in logits"))
    }
}

/// Images `[n, h, w, c]` as `[n, c, h, w]`.
pub(super) fn channels_first(images: &[f32], [_, channels, height, width]: ImageShape) -> Vec<f32> {
    let mut planes = Vec::with_capacity(images.len());
    for image in images.chunks_exact(channels * height * width) {
        for channel in 0..channels {
            planes.extend(image.iter().skip(channel).step_by(channels));
        }
    }
    planes
}

#[cfg(test)]
mod tests {
    use super::channels_first;

    #[test]
    fn channels_come_first() {
        let images = [1.0, 10.0, 2.0, 20.0, 3.0, 30.0, 4.0, 40.0];
        let planes = channels_first(&images, [2, 2, 1, 2]);
        assert_eq!(planes, [1.0, 2.0, 10.0, 20.0, 3.0, 4.0, 30.0, 40.0]);
    }
}
