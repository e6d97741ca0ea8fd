//! How a network is trained: the numbers of a run.

use std::num::NonZeroUsize;

use schemars::JsonSchema;
use serde::Serialize;

use super::schedule::{Decay, Schedule};
use crate::data::Augment;
use crate::spec::NetworkSpec;

/// The update rule.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "lowercase")]
#[schemars(deny_unknown_fields)]
pub enum OptimizerKind {
    /// Stochastic gradient descent with momentum.
    Sgd {
        /// Share of the velocity that is kept.
        momentum: f64,
        /// Whether to look ahead along the new velocity; default false.
        #[serde(default)]
        nesterov: bool,
    },
    /// RMSProp as TensorFlow has it: epsilon inside the root, mean squares start at one.
    Rmsprop {
        /// Share of the mean square that is kept.
        decay: f64,
        /// Share of the velocity that is kept.
        momentum: f64,
        /// Added to the mean square.
        eps: f64,
    },
    /// Adam with decoupled weight decay (arXiv:1711.05101).
    Adamw {
        /// Share of the first moment that is kept.
        beta1: f64,
        /// Share of the second moment that is kept.
        beta2: f64,
        /// Added to the root of the second moment.
        eps: f64,
    },
}

/// Imitation of a teacher (Hinton et al. 2015, arXiv:1503.02531).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Distillation {
    /// Divides the logits of both networks.
    pub temperature: f64,
    /// Share of the teacher in the loss.
    pub weight: f64,
}

/// A training recipe. [`super::load`] reads one from a file and checks it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Recipe {
    /// Passes over the training images.
    pub epochs: u32,
    /// Images in a step.
    pub batch: NonZeroUsize,
    /// Decay of weights, L2 in the gradient or decoupled (AdamW); batch norm and biases are not decayed.
    pub weight_decay: f64,
    /// Share of the target that is spread over all classes.
    pub label_smoothing: f64,
    /// Dropout before the classifier, if not the network's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dropout: Option<f64>,
    /// Decay of the moving average of weights and batch-norm statistics that takes their place in the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ema: Option<f64>,
    /// Largest norm of the gradient of all weights together.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clip_norm: Option<f64>,
    /// Batches whose statistics replace the running ones of batch norm after training.
    pub recalibrate: u32,
    /// The update rule.
    pub optimizer: OptimizerKind,
    /// The learning rate.
    pub schedule: Schedule,
    /// Random changes of the training images.
    pub augment: Augment,
    /// Imitation of a teacher.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub distill: Option<Distillation>,
}

impl Recipe {
    /// A recipe for ranking candidates after a few epochs on small images:
    /// nothing that only pays in longer training.
    pub fn candidate(epochs: u32) -> Self {
        Self { label_smoothing: 0.0, augment: Augment::NONE, ..Self::small_images(epochs) }
    }

    /// A recipe for a few epochs of training on small images.
    pub fn small_images(epochs: u32) -> Self {
        Self {
            epochs,
            batch: const { NonZeroUsize::new(64).expect("above 0") },
            weight_decay: 0.02,
            label_smoothing: 0.1,
            dropout: None,
            ema: None,
            clip_norm: None,
            // After a short training the moving statistics still remember weights long gone.
            recalibrate: 20,
            optimizer: OptimizerKind::Adamw { beta1: 0.9, beta2: 0.999, eps: 1e-8 },
            schedule: Schedule {
                decay: Decay::Cosine { final_rate: 0.0 },
                learning_rate: 4e-3,
                warmup_epochs: 0.3,
            },
            augment: Augment { pad: 2, flip: true, ..Augment::NONE },
            distill: None,
        }
    }

    /// The network that this recipe trains: the same with the recipe's dropout, if it has one.
    #[must_use]
    pub fn with_dropout(&self, network: &NetworkSpec) -> NetworkSpec {
        NetworkSpec { dropout: self.dropout.unwrap_or(network.dropout), ..network.clone() }
    }

    /// Learning rate of a step, counted from 0.
    pub fn learning_rate_at(&self, step: u64, steps_per_epoch: u64) -> f64 {
        self.schedule.rate_at(step, steps_per_epoch, self.epochs)
    }
}
