//! A network at work: forward on a batch, backward from the gradient of its logits.

use candle_core::{Device, Result, Tensor, Var};

use super::network::{Mode, Network};

/// Computes logits and gradients of one network, batch after batch.
pub struct Engine {
    network: Network,
    /// The trained tensors, in the order of their paths.
    trained: Vec<Var>,
    logits: Option<Tensor>,
    values: Vec<f32>,
    gradients: Vec<Vec<f32>>,
}

impl Engine {
    /// An engine for batches of up to `batch` images. It shares the network's parameters: what an optimizer writes
    /// to them is what the next forward pass reads.
    ///
    /// # Errors
    /// If candle cannot make a tensor.
    pub fn new(network: &Network, _batch: usize) -> Result<Self> {
        let trained: Vec<Var> =
            network.parameters().iter().filter(|(_, t)| t.trained).map(|(_, t)| t.var.clone()).collect();
        let gradients = trained.iter().map(|var| vec![0.0; var.elem_count()]).collect();
        Ok(Self { network: network.clone(), trained, logits: None, values: Vec::new(), gradients })
    }

    /// Logits `[n, classes]` of images `[n, h, w, c]`.
    ///
    /// # Errors
    /// If the images are not a whole number of images of the network's shape, or more than the batch.
    pub fn forward(&mut self, images: &[f32], mode: Mode) -> Result<&[f32]> {
        let shape = self.network.graph().image();
        let [h, w, c] = [shape.height, shape.width, shape.channels].map(|d| d as usize);
        let images = Tensor::from_slice(images, (images.len() / (h * w * c), h, w, c), &Device::Cpu)?;
        let logits = self.network.forward(&images, mode)?;
        self.values = logits.flatten_all()?.to_vec1()?;
        self.logits = Some(logits);
        Ok(&self.values)
    }

    /// Gradients of all trained tensors from that of the logits, `dlogits: [n, classes]`, of the last forward pass,
    /// which was in [`Mode::Train`]. See [`Self::gradients`].
    ///
    /// # Errors
    /// If there was no such pass, or the sizes differ.
    pub fn backward(&mut self, dlogits: &[f32]) -> Result<()> {
        let Some(logits) = self.logits.take() else { candle_core::bail!("backward without a forward pass") };
        let dlogits = Tensor::from_slice(dlogits, logits.shape(), &Device::Cpu)?;
        let store = (logits * dlogits)?.sum_all()?.backward()?;
        for (var, gradient) in self.trained.iter().zip(&mut self.gradients) {
            *gradient = match store.get(var) {
                Some(tensor) => tensor.flatten_all()?.to_vec1()?,
                None => vec![0.0; var.elem_count()],
            };
        }
        Ok(())
    }

    /// The gradients of the last backward pass: of the trained tensors, in the order of their paths.
    pub fn gradients(&self) -> impl Iterator<Item = &[f32]> {
        self.gradients.iter().map(Vec::as_slice)
    }

    /// As [`Self::gradients`], to change them, as gradient clipping does.
    pub fn gradients_mut(&mut self) -> impl Iterator<Item = &mut [f32]> {
        self.gradients.iter_mut().map(Vec::as_mut_slice)
    }
}
