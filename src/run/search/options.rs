//! Every option of a search as it was resolved.

use serde::{Deserialize, Serialize};

use crate::cost::Budget;
use crate::latency::Confidence;
use crate::run::one_or_many;
use crate::search::{Reward, StrategyKind};
use crate::train::Recipe;

/// The options that decide a search's results; `run.toml`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SearchOptions {
    /// The search space, as given.
    pub space: String,
    /// The latency tables, as given.
    #[serde(default, with = "one_or_many", skip_serializing_if = "Vec::is_empty")]
    pub target: Vec<String>,
    /// The most that a network may cost. The front is one of the first one's resource.
    #[serde(default, with = "one_or_many", skip_serializing_if = "Vec::is_empty")]
    pub budget: Vec<Budget>,
    /// How surely the measured latency is to be within it; none where the predicted one has to be.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub confidence: Option<Confidence>,
    /// The folder of images, or `embedded`.
    pub data: String,
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
    /// The recipe of candidates, as given.
    pub candidate_name: String,
    /// The recipe of networks of the front, as given.
    pub final_name: String,
    /// How candidates are trained.
    pub candidate: Recipe,
    /// How networks of the front are trained.
    #[serde(rename = "final")]
    pub final_recipe: Recipe,
}
