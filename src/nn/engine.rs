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

    /// The shape `[n, h, w, c]` of `images` images that the network takes.
    pub fn shape(&self, images: usize) -> [usize; 4] {
        let image = self.network.graph().image();
        [images, image.height as usize, image.width as usize, image.channels as usize]
    }

    /// Logits `[n, classes]` of images of `shape`, `[n, h, w, c]`.
    ///
    /// # Errors
    /// If the images do not have the network's shape, are more than the batch or none, or are not as many values as
    /// their shape says.
    pub fn forward(&mut self, images: &[f32], shape: [usize; 4], mode: Mode) -> Result<&[f32]> {
        self.check(images, shape)?;
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
            plan.forward(images, shape[0], parameters, normalise, dropout);
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

    fn check(&self, images: &[f32], shape: [usize; 4]) -> Result<()> {
        let [count, height, width, channels] = shape;
        if shape != self.shape(count) || !(1..=self.batch).contains(&count) {
            candle_core::bail!(
                "the network takes images of {}, 1 to {} at a time, but was given {count} of {height}x{width}x{channels}",
                self.network.graph().image(),
                self.batch
            )
        }
        if images.len() != shape.iter().product::<usize>() {
            candle_core::bail!(
                "{} values are not {count} images of {height}x{width}x{channels}",
                images.len()
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
