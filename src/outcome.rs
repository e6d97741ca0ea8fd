//! How the evaluation of a network ended, wherever it was evaluated.

use serde::{Deserialize, Serialize};

/// How an evaluation ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum Outcome {
    /// The network was trained and scored.
    Scored {
        /// Share of the held-out images classified correctly (top-1), as a fraction.
        accuracy: f64,
    },
    /// The network left a race early: it was certainly not among the best.
    Lost,
    /// The network has no score; it is never a parent and never stands on a front.
    Failed {
        /// Why, in a sentence for the reader of the journal.
        reason: String,
    },
}

impl Outcome {
    /// The outcome of an evaluation with this accuracy; one that is not finite is a failure.
    pub fn from_accuracy(accuracy: f64) -> Self {
        if accuracy.is_finite() {
            Self::Scored { accuracy }
        } else {
            Self::failed(format!("the accuracy is {accuracy}, which is not a finite number"))
        }
    }

    /// A failure for this reason.
    pub fn failed(reason: impl Into<String>) -> Self {
        Self::Failed { reason: reason.into() }
    }

    /// The accuracy, if there is one; always finite.
    pub fn accuracy(&self) -> Option<f64> {
        match self {
            Self::Scored { accuracy } if accuracy.is_finite() => Some(*accuracy),
            Self::Scored { .. } | Self::Lost | Self::Failed { .. } => None,
        }
    }

    /// Why there is no score, if the evaluation failed.
    pub fn failure(&self) -> Option<&str> {
        match self {
            Self::Failed { reason } => Some(reason),
            Self::Scored { .. } | Self::Lost => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accuracy_that_is_not_finite_is_a_failure() {
        for accuracy in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            let outcome = Outcome::from_accuracy(accuracy);
            assert!(outcome.failure().is_some_and(|reason| reason.contains("finite")));
            assert_eq!(outcome.accuracy(), None);
            assert_eq!(Outcome::Scored { accuracy }.accuracy(), None);
        }
        assert_eq!(Outcome::from_accuracy(0.5).accuracy(), Some(0.5));
    }

    #[test]
    fn outcomes_survive_a_journal() {
        for outcome in [Outcome::from_accuracy(0.1 + 0.2), Outcome::Lost, Outcome::from_accuracy(f64::NAN)] {
            let line = serde_json::to_string(&outcome).unwrap();
            assert_eq!(serde_json::from_str::<Outcome>(&line).unwrap(), outcome);
        }
    }
}
