//! Update rules over the trained tensors of a network.

use candle_core::{Result, Var, bail};

use super::recipe::{OptimizerKind, Recipe};
use crate::kernels::update::{self, AdamW, RmsProp, Sgd};
use crate::nn::{Parameters, ops};

/// An optimizer with its state.
pub(super) struct Optimizer {
    kind: OptimizerKind,
    weight_decay: f64,
    slots: Vec<Slot>,
}

/// A trained tensor and its moments, each as long as the tensor.
struct Slot {
    path: String,
    var: Var,
    decayed: bool,
    moments: Vec<Vec<f32>>,
}

/// Names and start values of the moments of an update rule.
fn moments_of(kind: OptimizerKind) -> &'static [(&'static str, f32)] {
    match kind {
        OptimizerKind::Sgd { .. } => &[("velocity", 0.0)],
        // As in TensorFlow: with a start at zero the first steps would be far too long.
        OptimizerKind::Rmsprop { .. } => &[("mean_square", 1.0), ("velocity", 0.0)],
        OptimizerKind::Adamw { .. } => &[("first_moment", 0.0), ("second_moment", 0.0)],
    }
}

impl Optimizer {
    /// An optimizer for the trained tensors of a network.
    pub(super) fn new(parameters: &Parameters, recipe: &Recipe) -> Self {
        let trained = parameters.iter().filter(|(_, info)| info.trained);
        let slots = trained.map(|(path, info)| Slot {
            path: path.to_owned(),
            var: info.var.clone(),
            decayed: info.decayed,
            moments: moments_of(recipe.optimizer)
                .iter()
                .map(|&(_, start)| vec![start; info.var.elem_count()])
                .collect(),
        });
        Self { kind: recipe.optimizer, weight_decay: recipe.weight_decay, slots: slots.collect() }
    }

    /// Update `number`, counted from 1, with the gradients of all trained tensors in the order of their paths.
    ///
    /// # Errors
    /// If they are not those of the network.
    pub(super) fn step<'a>(
        &mut self,
        gradients: impl Iterator<Item = &'a [f32]>,
        learning_rate: f64,
        number: u64,
    ) -> Result<()> {
        let mut gradients = gradients;
        for slot in &mut self.slots {
            let gradient = gradients.next().filter(|gradient| gradient.len() == slot.var.elem_count());
            let Some(gradient) = gradient else { bail!("{} has no gradient of its size", slot.path) };
            let decay = if slot.decayed { self.weight_decay } else { 0.0 };
            let rule = Rule { kind: self.kind, learning_rate, weight_decay: decay, number };
            let moments = &mut slot.moments;
            ops::update(&slot.var, |parameter| rule.apply(parameter, moments, gradient))?;
        }
        Ok(())
    }

    /// The moments: their name (`velocity`), the path of their tensor, and the values.
    pub(super) fn moments(&self) -> impl Iterator<Item = (&'static str, &str, &Vec<f32>)> {
        let names = moments_of(self.kind);
        self.slots.iter().flat_map(move |slot| {
            let named = names.iter().zip(&slot.moments);
            named.map(|(&(name, _), values)| (name, slot.path.as_str(), values))
        })
    }

    /// [`Self::moments`], to change their values.
    pub(super) fn moments_mut(&mut self) -> impl Iterator<Item = (&'static str, &str, &mut Vec<f32>)> {
        let names = moments_of(self.kind);
        self.slots.iter_mut().flat_map(move |slot| {
            let (path, named) = (slot.path.as_str(), names.iter().zip(&mut slot.moments));
            named.map(move |(&(name, _), values)| (name, path, values))
        })
    }
}

/// One step on one tensor.
#[derive(Clone, Copy)]
struct Rule {
    kind: OptimizerKind,
    learning_rate: f64,
    weight_decay: f64,
    number: u64,
}

impl Rule {
    fn apply(self, parameter: &mut [f32], moments: &mut [Vec<f32>], gradient: &[f32]) {
        let (rate, decay) = (self.learning_rate, self.weight_decay);
        match (self.kind, moments) {
            (OptimizerKind::Sgd { momentum, nesterov }, [velocity]) => {
                let step = Sgd {
                    learning_rate: rate as f32,
                    momentum: momentum as f32,
                    nesterov,
                    weight_decay: decay as f32,
                };
                update::sgd(parameter, velocity, gradient, step);
            }
            (OptimizerKind::Rmsprop { decay: kept, momentum, eps }, [square, velocity]) => {
                let step = RmsProp {
                    learning_rate: rate as f32,
                    decay: kept as f32,
                    momentum: momentum as f32,
                    eps: eps as f32,
                    weight_decay: decay as f32,
                };
                update::rmsprop(parameter, square, velocity, gradient, step);
            }
            (OptimizerKind::Adamw { beta1, beta2, eps }, [first, second]) => {
                // Far before that many steps the bias of both moments is gone.
                let step = u32::try_from(self.number).unwrap_or(u32::MAX);
                let step = AdamW { learning_rate: rate, beta1, beta2, eps, weight_decay: decay, step };
                update::adamw(parameter, first, second, gradient, step);
            }
            // `moments_of` gives every rule the moments that are matched here.
            _ => unreachable!("an update rule without its moments"),
        }
    }
}
