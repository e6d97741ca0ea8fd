//! Update rules over the trained tensors of a network.

use candle_core::backprop::GradStore;
use candle_core::{Result, Var};

use super::recipe::{OptimizerKind, Recipe};
use crate::kernels::update::{AdamW, Sgd};
use crate::nn::{Parameters, ops};

/// An optimizer with its state.
pub struct Optimizer {
    kind: OptimizerKind,
    weight_decay: f64,
    slots: Vec<Slot>,
    steps: u32,
}

/// A trained tensor and its moments.
struct Slot {
    var: Var,
    decayed: bool,
    moments: Vec<Var>,
}

impl Optimizer {
    /// An optimizer for the trained tensors of a network.
    ///
    /// # Errors
    /// If candle cannot make the moments.
    pub fn new(parameters: &Parameters, recipe: &Recipe) -> Result<Self> {
        let moments = match recipe.optimizer {
            OptimizerKind::Sgd { .. } => 1,
            OptimizerKind::Adamw => 2,
        };
        let mut slots = Vec::new();
        for (_, info) in parameters.iter().filter(|(_, info)| info.trained) {
            let zeros = || Var::from_tensor(&info.var.as_tensor().zeros_like()?);
            let moments = (0..moments).map(|_| zeros()).collect::<Result<_>>()?;
            slots.push(Slot { var: info.var.clone(), decayed: info.decayed, moments });
        }
        Ok(Self { kind: recipe.optimizer, weight_decay: recipe.weight_decay, slots, steps: 0 })
    }

    /// One update with these gradients.
    ///
    /// # Errors
    /// If a gradient does not have its tensor's shape.
    pub fn step(&mut self, gradients: &GradStore, learning_rate: f64) -> Result<()> {
        self.steps += 1;
        for slot in &self.slots {
            let Some(gradient) = gradients.get(&slot.var) else { continue };
            let decay = if slot.decayed { self.weight_decay } else { 0.0 };
            match (self.kind, slot.moments.as_slice()) {
                (OptimizerKind::Sgd { momentum }, [velocity]) => {
                    let step = Sgd {
                        learning_rate: learning_rate as f32,
                        momentum: momentum as f32,
                        nesterov: true,
                        weight_decay: decay as f32,
                    };
                    ops::sgd_step(&slot.var, gradient, velocity, step)?;
                }
                (OptimizerKind::Adamw, [first, second]) => {
                    let step = AdamW {
                        learning_rate,
                        beta1: 0.9,
                        beta2: 0.999,
                        eps: 1e-8,
                        weight_decay: decay,
                        step: self.steps,
                    };
                    ops::adamw_step(&slot.var, gradient, [first, second], step)?;
                }
                _ => candle_core::bail!("an optimizer lost its moments"),
            }
        }
        Ok(())
    }
}
