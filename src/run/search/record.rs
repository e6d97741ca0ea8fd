//! The lines of a journal.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::outcome::Outcome;
use crate::space::Genotype;
use crate::spec::ArchId;

/// One candidate network.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct TrialRecord {
    /// Position in the order of proposals, from 0.
    pub trial: usize,
    /// Generation it was proposed in, from 0.
    pub generation: usize,
    /// Its choices.
    pub genotype: Genotype,
    /// Identity of the timed network.
    pub arch_id: ArchId,
    /// Predicted latency on the first target; none in a run without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latency_ms: Option<f64>,
    /// Standard deviation of the prediction.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latency_stddev_ms: Option<f64>,
    /// What the measured latency does not exceed, with the confidence of the run; none where the table can't tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latency_upper_ms: Option<f64>,
    /// Units of it without a row of their own in the table.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latency_interpolated_rows: Option<usize>,
    /// Parameters of the timed network.
    pub params: u64,
    /// Multiply-adds of the timed network.
    pub madds: u64,
    /// Costs by the other meters of the run: bytes, or milliseconds on further targets.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub costs: BTreeMap<String, f64>,
    /// How it ended.
    #[serde(flatten)]
    pub state: Outcome,
}

impl TrialRecord {
    /// Its cost in the column of a meter of the run.
    pub fn cost(&self, column: &str) -> Option<f64> {
        match column {
            "latency_ms" => self.latency_ms,
            "madds" => Some(self.madds as f64),
            "params" => Some(self.params as f64),
            other => self.costs.get(other).copied(),
        }
    }
}

/// A network of the front, trained longer on all training images.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct FinalRecord {
    /// The trial it comes from.
    pub trial: usize,
    /// Identity of the timed network.
    pub arch_id: ArchId,
    /// Images of the test split that were classified correctly.
    pub test_correct: u64,
    /// Images of the test split.
    pub test_images: u64,
    /// Why there is no score, if training failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
}

impl FinalRecord {
    /// The record of a trial's longer training before it has a score.
    pub(super) fn of(trial: &TrialRecord) -> Self {
        let arch_id = trial.arch_id.clone();
        Self { trial: trial.trial, arch_id, test_correct: 0, test_images: 0, failure: None }
    }

    /// The record of one that failed.
    pub(super) fn failed(trial: &TrialRecord, reason: String) -> Self {
        Self { failure: Some(reason), ..Self::of(trial) }
    }

    /// Top-1 accuracy on the test split, as a fraction.
    pub fn test_accuracy(&self) -> Option<f64> {
        (self.failure.is_none() && self.test_images > 0)
            .then(|| self.test_correct as f64 / self.test_images as f64)
    }
}

/// A line of `trials.jsonl`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Record {
    /// A trial of the search.
    Trial(TrialRecord),
    /// A network trained longer after the search.
    Final(FinalRecord),
}

impl Record {
    /// Trials and longer trainings of a journal, each in order.
    pub(super) fn partition(records: Vec<Self>) -> (Vec<TrialRecord>, Vec<FinalRecord>) {
        let (mut trials, mut finals) = (Vec::new(), Vec::new());
        for record in records {
            match record {
                Self::Trial(trial) => trials.push(trial),
                Self::Final(record) => finals.push(record),
            }
        }
        (trials, finals)
    }
}
