//! Every option of a training as it was resolved.

use serde::{Deserialize, Serialize};

use crate::data::Normalisation;
use crate::pytorch::Origin;
use crate::spec::ArchId;
use crate::train::Recipe;

/// The options that decide a training's results; `run.toml`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TrainingOptions {
    /// The network, as given.
    pub network: String,
    /// Its identity, with all changes that the command line and the recipe make to it.
    pub arch_id: ArchId,
    /// The folder of images, or the name of the embedded ones.
    pub data: String,
    /// Images of each part, where not all are used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit_images: Option<usize>,
    /// Share of the training images held out to choose the best epoch by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validation: Option<f64>,
    /// Seed of everything.
    pub seed: u64,
    /// The weights that training starts from, as given; fresh ones where left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weights: Option<String>,
    /// Whose weights they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weights_of: Option<Origin>,
    /// The teacher's network, as given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub teacher: Option<String>,
    /// The teacher's weights, as given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub teacher_weights: Option<String>,
    /// The recipe's name, as given.
    pub recipe_name: String,
    /// How images are normalised, where it was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub normalisation: Option<Normalisation>,
    /// How the network is trained.
    pub recipe: Recipe,
}
