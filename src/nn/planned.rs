//! A planned execution as one operation on candle's tape, for losses that are written with candle.

use std::sync::{Arc, Mutex, MutexGuard};

use candle_core::{CpuStorage, CustomOp1, Layout, Result, Shape, Tensor, bail};

use super::engine::Engine;
use super::network::{Mode, Network};
use super::ops::tensors;

/// A network whose forward and backward passes are one operation each.
#[derive(Clone)]
pub struct PlannedNetwork {
    engine: Arc<Mutex<Work>>,
    network: Network,
}

struct Work {
    engine: Engine,
    /// Number of the last pass in training.
    pass: u64,
}

impl PlannedNetwork {
    /// A planned execution of `network` for batches of up to `batch` images; the parameters are shared.
    ///
    /// # Errors
    /// If the network can't be planned.
    pub fn new(network: &Network, batch: usize) -> Result<Self> {
        let engine = Engine::new(network, batch)?;
        Ok(Self { engine: Arc::new(Mutex::new(Work { engine, pass: 0 })), network: network.clone() })
    }

    /// Logits `[n, classes]` of images `[n, h, w, c]`. Gradients flow to the trained parameters, not to the images,
    /// and only from the logits of the last pass: its buffers are those of the next.
    ///
    /// # Errors
    /// If the images do not have the network's shape.
    pub fn forward(&self, images: &Tensor, mode: Mode) -> Result<Tensor> {
        let parameters = self.network.parameters().iter().filter(|(_, info)| info.trained);
        let flat = parameters.map(|(_, info)| info.var.flatten_all()).collect::<Result<Vec<_>>>()?;
        let images = tensors::operand(NAME, images)?;
        let pass = {
            let mut work = lock(&self.engine)?;
            work.pass += 1;
            work.pass
        };
        Tensor::cat(&flat, 0)?.apply_op1(Op { engine: Arc::clone(&self.engine), images, mode, pass })
    }
}

const NAME: &str = "planned network";

fn lock(work: &Mutex<Work>) -> Result<MutexGuard<'_, Work>> {
    work.lock().map_err(|_| candle_core::Error::Msg(format!("{NAME}: an earlier pass panicked")))
}

/// One pass; its argument is all trained parameters in one row, for the tape.
struct Op {
    engine: Arc<Mutex<Work>>,
    images: Tensor,
    mode: Mode,
    pass: u64,
}

impl CustomOp1 for Op {
    fn name(&self) -> &'static str {
        NAME
    }

    fn cpu_fwd(&self, _: &CpuStorage, _: &Layout) -> Result<(CpuStorage, Shape)> {
        let mut work = lock(&self.engine)?;
        let (images, height, width, channels) = self.images.dims4()?;
        let shape = [images, height, width, channels];
        let logits = tensors::with_values(&self.images, |images| {
            work.engine.forward(images, shape, self.mode).map(<[f32]>::to_vec)
        })?;
        let classes = logits.len() / images;
        tensors::output(logits, (images, classes))
    }

    fn bwd(&self, parameters: &Tensor, _: &Tensor, dlogits: &Tensor) -> Result<Option<Tensor>> {
        let mut work = lock(&self.engine)?;
        if work.pass != self.pass || !matches!(self.mode, Mode::Train { .. }) {
            bail!("{NAME}: gradients flow from the last pass in training only")
        }
        tensors::with_values(dlogits, |dlogits| work.engine.backward(dlogits))?;
        let gradients: Vec<f32> = work.engine.gradients().flatten().copied().collect();
        Ok(Some(tensors::tensor(gradients, parameters.shape())?))
    }
}
