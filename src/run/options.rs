//! Every option of a search as it was resolved, and what it read.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

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

/// Hashes of what a run reads, by name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Inputs(pub BTreeMap<String, String>);

impl Inputs {
    /// Adds an input by its content.
    #[must_use]
    pub fn with(mut self, name: &str, content: &[u8]) -> Self {
        let hex = Sha256::digest(content).iter().map(|byte| format!("{byte:02x}")).collect();
        self.0.insert(name.to_owned(), hex);
        self
    }

    /// No inputs.
    pub fn new() -> Self {
        Self(BTreeMap::new())
    }
}

/// Eight digits that tell options apart, for names of folders.
pub fn short_hash(options: &impl Serialize) -> String {
    let text = toml::to_string(options).unwrap_or_default();
    let mut hash = Inputs::new().with("options", text.as_bytes()).0.remove("options").unwrap_or_default();
    hash.truncate(8);
    hash
}

impl Default for Inputs {
    fn default() -> Self {
        Self::new()
    }
}
