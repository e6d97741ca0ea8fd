//! Every option of an adaptation as it was resolved.

use serde::{Deserialize, Serialize};

use crate::cost::Budget;
use crate::latency::Confidence;
use crate::netadapt::{Importance, Rule, Step};
use crate::pytorch::Origin;
use crate::run::one_or_many;
use crate::spec::ArchId;
use crate::train::Recipe;
use crate::word_list::word_list;

/// What happens to the narrowed network in the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum FinalTraining {
    /// It is trained on from its weights.
    #[default]
    Finetune,
    /// It is trained from fresh weights.
    Scratch,
}

word_list!(FinalTraining, "final training", [Finetune = "finetune", Scratch = "scratch"]);

/// The options that decide an adaptation's results; `run.toml`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NetadaptOptions {
    /// The network, as given.
    pub network: String,
    /// Identity of the network whose cost counts.
    pub arch_id: ArchId,
    /// Identity of the network that is trained on the images at hand.
    pub trained_arch_id: ArchId,
    /// The latency tables, as given.
    #[serde(with = "one_or_many")]
    pub target: Vec<String>,
    /// The most the result may cost.
    #[serde(with = "one_or_many")]
    pub budget: Vec<Budget>,
    /// How surely the measured latency is to be within it; none where the predicted cost has to be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confidence: Option<Confidence>,
    /// The folder of images, or the name of the embedded ones.
    pub data: String,
    /// Images of each part, where not all are used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit_images: Option<usize>,
    /// The weights to start from, as given; trained first where left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weights: Option<String>,
    /// Whose weights they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weights_of: Option<Origin>,
    /// Which proposal wins.
    pub rule: Rule,
    /// What an iteration saves.
    pub step: Step,
    /// Networks that go on after an iteration.
    pub beam: usize,
    /// Exchanges at the budget.
    pub regrow: usize,
    /// Which channels stay.
    pub importance: Importance,
    /// Training steps of a proposal.
    pub short_steps: u64,
    /// What is done with the result.
    #[serde(rename = "final")]
    pub final_training: FinalTraining,
    /// Whether it learns from the network that it was narrowed from.
    pub distill: bool,
    /// Whether other ways to the budget are tried for comparison.
    pub controls: bool,
    /// Share of the training images held out to score proposals.
    pub validation_share: f64,
    /// Seed of everything.
    pub seed: u64,
    /// The recipe's name, as given.
    pub recipe_name: String,
    /// How the network is trained before, where it has no weights.
    pub seed_recipe: Recipe,
    /// How proposals are trained.
    pub short_recipe: Recipe,
    /// How the result is trained.
    pub final_recipe: Recipe,
}
