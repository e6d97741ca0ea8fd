//! One step of training or inference: what is timed.

use candle_core::{Result, Var, bail};
use mbn::graph::LayerGraph;
use mbn::kernels::cross_entropy::{Targets, loss_and_gradient};
use mbn::kernels::update::{self, Sgd};
use mbn::nn::{Engine, Mode, Network, ops};

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
    pub fn train(&mut self) -> Result<f64> {
        let logits = self.engine.forward(
            &self.images,
            self.engine.shape(self.labels.len()),
            Mode::Train { seed: 0, step: self.steps },
        )?;
        let (labels, classes) = (&self.labels, self.classes);
        let loss = loss_and_gradient(logits, Targets::hard(labels), classes, &mut self.dlogits)
            .map_err(candle_core::Error::wrap)?;
        self.engine.backward(&self.dlogits)?;
        for ((var, velocity), gradient) in self.trained.iter_mut().zip(self.engine.gradients()) {
            ops::update(var, |parameters| update::sgd(parameters, velocity, gradient, SGD))?;
        }
        self.steps += 1;
        if loss.is_finite() { Ok(loss) } else { bail!("the loss of step {} is {loss}", self.steps) }
    }

    /// Forward in evaluation mode; the largest logit.
    pub fn infer(&mut self) -> Result<f64> {
        let logits =
            self.engine.forward(&self.images, self.engine.shape(self.labels.len()), Mode::Evaluate)?;
        let largest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        if largest.is_finite() { Ok(f64::from(largest)) } else { bail!("the largest logit is {largest}") }
    }
}
