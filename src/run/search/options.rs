//! Every option of a search as it was resolved.

use serde::Serialize;

use crate::latency::{Budget, Confidence};
use crate::search::{Reward, StrategyKind};
use crate::train::Recipe;

/// The options that decide a search's results; `run.toml`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SearchOptions {
    /// The search space, as given.
    pub space: String,
    /// The latency table, as given.
    pub target: String,
    /// The largest latency allowed; none where left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub budget: Option<Budget>,
    /// How surely the measured latency is to be within it; none where the predicted one has to be.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub confidence: Option<Confidence>,
    /// The folder of images, or `embedded`.
    pub data: String,
    /// Images of each part, where not all are used.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit_images: Option<usize>,
    /// Side of the images that candidates are trained on, where it was given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub train_resolution: Option<u32>,
    /// The strategy.
    pub strategy: StrategyKind,
    /// What regularised evolution maximises.
    pub reward: Reward,
    /// Networks to train.
    pub trials: usize,
    /// Networks of the front to train longer.
    pub finals: usize,
    /// Share of the training images held out for validation.
    pub validation_share: f64,
    /// Seed of everything.
    pub seed: u64,
    /// How candidates are trained.
    pub candidate: Recipe,
    /// How networks of the front are trained.
    #[serde(rename = "final")]
    pub final_recipe: Recipe,
}
