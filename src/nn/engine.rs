//! A network at work: forward on a batch, backward from the gradient of its logits, as planned executions.

use candle_core::{Result, Var};

use super::network::{Mode, Network};
use super::ops::tensors;
use crate::plan::{BatchStatistics, Normalise, Plan, Purpose, Recompute};

/// Computes logits and gradients of one network, batch after batch, in buffers that are made once.
pub struct Engine {
    network: Network,
    batch: usize,
    recompute: Recompute,
    /// All tensors, in the order of the graph.
    tensors: Vec<Var>,
    /// Positions in `tensors` of the trained ones, in the order of their paths.
    trained: Vec<usize>,
    /// Made when they are first needed.
    training: Option<Plan>,
    inference: Option<Plan>,
    /// Of the last forward pass in training.
    images: Vec<f32>,
}

impl Engine {
    /// An engine for batches of up to `batch` images. It shares the network's parameters: what an optimizer writes
    /// to them is what the next forward pass reads.
    ///
    /// # Errors
    /// If a tensor of the graph is not among the parameters.
    pub fn new(network: &Network, batch: usize) -> Result<Self> {
        let parameters = network.parameters();
        let names: Vec<String> = network.graph().parameters().map(|(name, _)| name).collect();
        let tensors = names.iter().map(|name| parameters.get(name).cloned()).collect::<Result<_>>()?;
        let position = |path: &str| names.iter().position(|name| name == path);
        let trained = parameters.iter().filter(|(_, t)| t.trained).filter_map(|(path, _)| position(path));
        let trained = trained.collect();
        Ok(Self {
            network: network.clone(),
            batch,
            recompute: Recompute::default(),
            tensors,
            trained,
            training: None,
            inference: None,
            images: Vec::new(),
        })
    }

    /// The same engine with another rule for what is computed anew rather than stored; before its first pass.
    #[must_use]
    pub fn recompute(self, recompute: Recompute) -> Self {
        Self { recompute, ..self }
    }

    /// Logits `[n, classes]` of images `[n, h, w, c]`.
    ///
    /// # Errors
    /// If the images are not a whole number of images of the network's shape, or more than the batch.
    pub fn forward(&mut self, images: &[f32], mode: Mode) -> Result<&[f32]> {
        self.check(images)?;
        let (purpose, normalise, dropout) = match mode {
            Mode::Train { seed, step } => (Purpose::Train, Normalise::Batch, Some((seed, step))),
            Mode::Calibrate { .. } => (Purpose::Infer, Normalise::Batch, None),
            Mode::Evaluate => (Purpose::Infer, Normalise::Running, None),
        };
        if purpose == Purpose::Train {
            self.images.clear();
            self.images.extend_from_slice(images);
        }
        let plan = match purpose {
            Purpose::Train => &mut self.training,
            Purpose::Infer => &mut self.inference,
        };
        let plan = match plan {
            Some(plan) => plan,
            None => {
                let made = Plan::compile(self.network.graph(), self.batch, purpose, self.recompute);
                plan.insert(made.map_err(candle_core::Error::wrap)?)
            }
        };
        tensors::with_all_values(&self.tensors, |parameters| {
            plan.forward(images, parameters, normalise, dropout);
            Ok(())
        })?;
        for statistics in plan.batch_statistics() {
            let share = match mode {
                Mode::Calibrate { batches } => 1.0 / (batches as f64 + 1.0),
                _ => statistics.momentum,
            };
            move_running(&self.tensors, statistics, share)?;
        }
        Ok(plan.logits())
    }

    /// Gradients of all trained tensors from that of the logits, `dlogits: [n, classes]`, of the last forward pass,
    /// which was in [`Mode::Train`]. See [`Self::gradients`].
    ///
    /// # Errors
    /// If there was no such pass, or the sizes differ.
    pub fn backward(&mut self, dlogits: &[f32]) -> Result<()> {
        let Some(plan) = &mut self.training else { candle_core::bail!("backward without a forward pass") };
        if dlogits.len() != plan.logits().len() {
            candle_core::bail!("{} gradients for {} logits", dlogits.len(), plan.logits().len())
        }
        tensors::with_all_values(&self.tensors, |parameters| {
            plan.backward(dlogits, &self.images, parameters);
            Ok(())
        })
    }

    /// The gradients of the last backward pass: of the trained tensors, in the order of their paths.
    pub fn gradients(&self) -> impl Iterator<Item = &[f32]> {
        self.training.iter().flat_map(|plan| self.trained.iter().map(|&index| plan.gradient(index)))
    }

    /// Calls `change` with the gradient of every trained tensor, in the order of their paths, as gradient clipping
    /// does.
    pub fn for_each_gradient(&mut self, mut change: impl FnMut(&mut [f32])) {
        if let Some(plan) = &mut self.training {
            self.trained.iter().for_each(|&index| change(plan.gradient_mut(index)));
        }
    }

    /// Bytes of the buffers that steps compute in.
    pub fn bytes(&self) -> usize {
        [&self.training, &self.inference].into_iter().flatten().map(Plan::bytes).sum()
    }

    fn check(&self, images: &[f32]) -> Result<()> {
        let shape = self.network.graph().image();
        let image = shape.pixels() as usize * shape.channels as usize;
        let count = images.len() / image.max(1);
        if images.len() != count * image || count == 0 || count > self.batch {
            candle_core::bail!(
                "{} values are not one to {} images of {shape}: the network takes no others",
                images.len(),
                self.batch
            )
        }
        Ok(())
    }
}

/// `running = (1 - share) * running + share * batch`, with the unbiased variance.
fn move_running(tensors: &[Var], statistics: BatchStatistics<'_>, share: f64) -> Result<()> {
    let unbiased = statistics.rows as f64 / (statistics.rows as f64 - 1.0).max(1.0);
    let moved = [
        (statistics.running_mean, statistics.mean, 1.0),
        (statistics.running_var, statistics.variance, unbiased),
    ];
    for (index, batch, factor) in moved {
        tensors::with_values_mut("running statistics", &tensors[index], |running| {
            for (running, value) in running.iter_mut().zip(batch) {
                *running = ((1.0 - share) * f64::from(*running) + share * factor * value) as f32;
            }
            Ok(())
        })?;
    }
    Ok(())
}
