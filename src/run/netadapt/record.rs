//! The lines of `iterations.jsonl`.

use serde::{Deserialize, Serialize};

use crate::netadapt::Phase;
use crate::outcome::Outcome;
use crate::spec::ArchId;

/// How a proposal ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum ProposalState {
    /// Trained for all its steps and scored on all held-out images.
    Scored,
    /// The parent as it is, trained as much as the others, for their changes of accuracy to be measured against.
    Pacer,
    /// Out of the race: worse than the winners with the stated confidence.
    Lost,
    /// Without a result.
    Failed {
        /// Why.
        reason: String,
    },
}

/// One proposal of an iteration.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct ProposalRecord {
    /// Number of the network that it was made from.
    pub parent: u64,
    /// The group that changes; none where several do.
    pub group: Option<String>,
    /// Its width before and after.
    pub from: Option<u32>,
    /// See `from`.
    pub to: Option<u32>,
    /// Widths of all groups.
    pub widths: Vec<u32>,
    /// Identity of the network whose cost counts.
    pub arch_id: ArchId,
    /// Its cost: milliseconds, multiply-adds or parameters.
    pub cost: f64,
    /// Accuracy on the held-out images that it was scored on, as a fraction; none if it failed.
    pub accuracy: Option<f64>,
    /// Number of these images.
    pub images: usize,
    /// Steps that it was trained for.
    pub steps: u64,
    /// Whether it goes on.
    pub chosen: bool,
    /// How it ended.
    #[serde(flatten)]
    pub state: ProposalState,
}

impl ProposalRecord {
    /// The outcome as the loop takes it.
    pub fn outcome(&self) -> Outcome {
        match (&self.state, self.accuracy) {
            (ProposalState::Scored | ProposalState::Pacer, Some(accuracy)) => {
                Outcome::from_accuracy(accuracy)
            }
            (ProposalState::Lost, _) => Outcome::Lost,
            (ProposalState::Failed { reason }, _) => Outcome::failed(reason),
            (ProposalState::Scored | ProposalState::Pacer, None) => Outcome::failed("it has no accuracy"),
        }
    }
}

/// An iteration of the loop.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct IterationRecord {
    /// From 1.
    pub iteration: u32,
    /// What it was for.
    pub phase: Phase,
    /// The cost that its proposals keep to.
    pub target: f64,
    /// Images that its proposals were trained on, all together.
    pub trained_images: u64,
    /// Its proposals.
    pub proposals: Vec<ProposalRecord>,
}

impl IterationRecord {
    /// The best of the proposals that go on.
    pub fn winner(&self) -> Option<&ProposalRecord> {
        let chosen = self.proposals.iter().filter(|proposal| proposal.chosen);
        chosen.max_by(|a, b| a.accuracy.unwrap_or(0.0).total_cmp(&b.accuracy.unwrap_or(0.0)))
    }
}

/// The network that an adaptation starts from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct SeedRecord {
    /// Identity of the network whose cost counts.
    pub arch_id: ArchId,
    /// Its cost.
    pub cost: f64,
    /// Accuracy on the held-out images, as a fraction.
    pub accuracy: f64,
    /// Number of these images.
    pub images: usize,
    /// Names of the groups.
    pub groups: Vec<String>,
    /// Their widths.
    pub widths: Vec<u32>,
}

/// A line of `iterations.jsonl`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Line {
    /// The first line.
    Seed(SeedRecord),
    /// All others.
    Iteration(IterationRecord),
}
