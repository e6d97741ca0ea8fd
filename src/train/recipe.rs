//! How a network is trained: the numbers of a run.

use std::f64::consts::PI;
use std::num::NonZeroUsize;

use serde::{Deserialize, Serialize};

use crate::data::Augment;

/// The update rule.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OptimizerKind {
    /// Stochastic gradient descent with Nesterov momentum.
    Sgd {
        /// Share of the velocity that is kept.
        momentum: f64,
    },
    /// Adam with decoupled weight decay (Loshchilov and Hutter 2019).
    Adamw,
}

/// A training recipe.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Recipe {
    /// Passes over the training images.
    pub epochs: u32,
    /// Images in a step.
    pub batch: NonZeroUsize,
    /// The update rule.
    pub optimizer: OptimizerKind,
    /// Largest learning rate.
    pub learning_rate: f64,
    /// Epochs of linear warm-up; may be a fraction.
    pub warmup_epochs: f64,
    /// Decay of weights; batch norm and biases are not decayed.
    pub weight_decay: f64,
    /// Share of the target that is spread over all classes.
    pub label_smoothing: f32,
    /// Random changes of the training images.
    pub augment: Augment,
}

impl Recipe {
    /// A recipe for ranking candidates after a few epochs on small images:
    /// nothing that only pays in longer training.
    pub fn candidate(epochs: u32) -> Self {
        Self { label_smoothing: 0.0, augment: Augment::NONE, ..Self::small_images(epochs) }
    }

    /// A recipe for training on small images.
    pub fn small_images(epochs: u32) -> Self {
        Self {
            epochs,
            batch: NonZeroUsize::new(64).unwrap_or(NonZeroUsize::MIN),
            optimizer: OptimizerKind::Adamw,
            learning_rate: 4e-3,
            warmup_epochs: 0.3,
            weight_decay: 0.02,
            label_smoothing: 0.1,
            augment: Augment { pad: 2, flip: true, ..Augment::NONE },
        }
    }

    /// Learning rate of a step: linear warm-up, then half a cosine to zero
    /// (Loshchilov and Hutter 2017).
    pub fn learning_rate_at(&self, step: u64, steps_per_epoch: u64) -> f64 {
        let total = f64::from(self.epochs) * steps_per_epoch as f64;
        let warmup = (self.warmup_epochs * steps_per_epoch as f64).min(total / 2.0);
        let step = step as f64;
        if step < warmup {
            return self.learning_rate * (step + 1.0) / (warmup + 1.0);
        }
        let progress = ((step - warmup) / (total - warmup).max(1.0)).min(1.0);
        self.learning_rate * 0.5 * (1.0 + (PI * progress).cos())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_rises_then_falls_to_nearly_zero() {
        let recipe = Recipe { warmup_epochs: 1.0, ..Recipe::small_images(4) };
        let rates: Vec<f64> = (0..400).map(|step| recipe.learning_rate_at(step, 100)).collect();
        assert!(rates[..100].is_sorted());
        assert!(rates[100..].is_sorted_by(|a, b| a >= b));
        assert!((rates[100] - recipe.learning_rate).abs() < 1e-12);
        assert!(rates[399] < 1e-3 * recipe.learning_rate);
        assert!(rates[0] > 0.0);
    }
}
