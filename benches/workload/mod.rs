//! One step of training or inference: what is timed.

use std::cell::RefCell;

use candle_core::{CpuStorage, InplaceOp1, Layout, Result, Var, bail};
use mbn::graph::LayerGraph;
use mbn::kernels::cross_entropy;
use mbn::kernels::update::{self, Sgd};
use mbn::nn::{Engine, Mode, Network};

use crate::case::Case;

/// Small enough that random images never make a network diverge.
const SGD: Sgd = Sgd { learning_rate: 1e-3, momentum: 0.9, nesterov: false, weight_decay: 0.0 };

/// A network with its batch, ready for steps.
pub struct Workload {
    engine: Engine,
    classes: usize,
    images: Vec<f32>,
    labels: Vec<u32>,
    dlogits: Vec<f32>,
    trained: Vec<(Var, Vec<f32>)>,
    steps: u64,
}

impl Workload {
    /// Allocates what the steps need, as far as the engine does so beforehand.
    pub fn new(case: &Case, graph: LayerGraph) -> Result<Self> {
        let (images, labels) = (case.images(&graph), case.labels());
        let network = Network::new(graph, 0)?;
        let engine = Engine::new(&network, labels.len())?;
        let trained = network.parameters().iter().filter(|(_, info)| info.trained);
        let trained = trained.map(|(_, info)| (info.var.clone(), vec![0.0; info.var.elem_count()])).collect();
        let classes = case.classes as usize;
        let dlogits = vec![0.0; labels.len() * classes];
        Ok(Self { engine, classes, images, labels, dlogits, trained, steps: 0 })
    }

    /// Forward, cross-entropy, backward, SGD with momentum; the loss.
    pub fn train(&mut self) -> Result<f32> {
        let logits = self.engine.forward(&self.images, Mode::Train { seed: 0, step: self.steps })?;
        let (labels, classes) = (&self.labels, self.classes);
        let loss = cross_entropy::forward(logits, labels, classes, 0.0).map_err(candle_core::Error::wrap)?;
        cross_entropy::backward(logits, labels, classes, 0.0, 1.0, &mut self.dlogits)
            .map_err(candle_core::Error::wrap)?;
        self.engine.backward(&self.dlogits)?;
        for ((var, velocity), gradient) in self.trained.iter_mut().zip(self.engine.gradients()) {
            var.inplace_op1(&Update { gradient, velocity: RefCell::new(velocity) })?;
        }
        self.steps += 1;
        if loss.is_finite() { Ok(loss) } else { bail!("the loss of step {} is {loss}", self.steps) }
    }

    /// Forward in evaluation mode; the largest logit.
    pub fn infer(&mut self) -> Result<f32> {
        let logits = self.engine.forward(&self.images, Mode::Evaluate)?;
        let largest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        if largest.is_finite() { Ok(largest) } else { bail!("the largest logit is {largest}") }
    }
}

/// The optimizer's step on one parameter, in place.
struct Update<'a> {
    gradient: &'a [f32],
    velocity: RefCell<&'a mut Vec<f32>>,
}

impl InplaceOp1 for Update<'_> {
    fn name(&self) -> &'static str {
        "sgd"
    }

    fn cpu_fwd(&self, storage: &mut CpuStorage, layout: &Layout) -> Result<()> {
        match (storage, layout.contiguous_offsets()) {
            (CpuStorage::F32(values), Some((start, end))) => {
                update::sgd(&mut values[start..end], &mut self.velocity.borrow_mut(), self.gradient, SGD);
                Ok(())
            }
            _ => bail!("a parameter is not contiguous f32"),
        }
    }
}
