//! The ask/tell contract between a search strategy and whoever runs its trials.

use serde::{Deserialize, Serialize};

use super::error::SearchError;
use crate::space::Genotype;

/// One network that a strategy wants evaluated.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Trial {
    /// Position in the order of proposals, from 0.
    pub index: usize,
    /// The network's choices, in canonical form.
    pub genotype: Genotype,
    /// Identity of the network; unique among a search's trials.
    pub key: u64,
    /// What the network costs; never above the limit.
    pub cost: f64,
}

/// How a trial ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The network was trained and scored.
    Scored {
        /// Fraction of validation samples classified correctly.
        accuracy: f64,
    },
    /// The network has no score; it is never a parent and never stands on a front.
    Failed {
        /// Why, in a sentence for the reader of the journal.
        reason: String,
    },
}

impl Outcome {
    /// The outcome of a trial that ended with this accuracy; one that is not finite is a failure.
    pub fn from_accuracy(accuracy: f64) -> Self {
        if accuracy.is_finite() {
            Self::Scored { accuracy }
        } else {
            Self::Failed { reason: format!("the accuracy is {accuracy}, which is not a finite number") }
        }
    }

    /// The accuracy, if the trial has one; always finite.
    pub fn accuracy(&self) -> Option<f64> {
        match self {
            Self::Scored { accuracy } if accuracy.is_finite() => Some(*accuracy),
            Self::Scored { .. } | Self::Failed { .. } => None,
        }
    }
}

/// A search strategy: proposes networks and learns from their results; it runs nothing itself.
///
/// The caller asks for a generation of [`batch`](Self::batch) trials, evaluates them in any order
/// and on any number of workers, tells every result, then asks again. Results count from the next
/// `ask` on and are taken in the order of the trials, so completion order changes nothing.
/// A strategy built with the same arguments and taken through the same generations with the same
/// results proposes the same trials: replaying a journal restores a search.
pub trait Strategy {
    /// The next `n` trials; fewer, possibly none, when no further network can be found.
    ///
    /// Every trial meets the budget and differs from all trials before it.
    fn ask(&mut self, n: usize) -> Vec<Trial>;

    /// Takes the result of a trial.
    ///
    /// # Errors
    /// [`SearchError::UnknownTrial`] and [`SearchError::AlreadyTold`].
    fn tell(&mut self, index: usize, outcome: Outcome) -> Result<(), SearchError>;

    /// Number of trials to ask for at a time, independent of the number of workers.
    fn batch(&self) -> usize;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accuracy_that_is_not_finite_is_a_failure() {
        for accuracy in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            let outcome = Outcome::from_accuracy(accuracy);
            assert!(matches!(&outcome, Outcome::Failed { reason } if reason.contains("finite")));
            assert_eq!(outcome.accuracy(), None);
            assert_eq!(Outcome::Scored { accuracy }.accuracy(), None);
        }
        assert_eq!(Outcome::from_accuracy(0.5).accuracy(), Some(0.5));
    }

    #[test]
    fn outcomes_survive_a_journal() {
        for outcome in [Outcome::from_accuracy(0.1 + 0.2), Outcome::from_accuracy(f64::NAN)] {
            let line = serde_json::to_string(&outcome).unwrap();
            assert_eq!(serde_json::from_str::<Outcome>(&line).unwrap(), outcome);
        }
    }
}
