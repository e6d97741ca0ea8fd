//! Which proposal wins an iteration.

use serde::{Deserialize, Serialize};

/// A rule of choice between proposals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Rule {
    /// The highest accuracy after the short fine-tuning (Yang et al. 2018, algorithm 1).
    Accuracy,
    /// The largest (signed) change of accuracy per cost saved (Howard et al. 2019, section 4.2).
    #[default]
    Slope,
}

/// A score as a line over accuracy: `(accuracy - reference) * weight`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Line {
    /// The accuracy that counts as no change; none for absolute accuracy.
    pub reference: Option<f64>,
    /// Worth of a unit of accuracy.
    pub weight: f64,
}

impl Line {
    /// The accuracy itself.
    pub const ACCURACY: Self = Self { reference: None, weight: 1.0 };

    /// The score of an accuracy.
    pub fn score(&self, accuracy: f64) -> f64 {
        (accuracy - self.reference.unwrap_or(0.0)) * self.weight
    }
}

impl Rule {
    /// How a proposal is scored that saves `saved` against a network of accuracy `reference`.
    pub fn line(self, reference: f64, saved: f64) -> Line {
        match self {
            Self::Accuracy => Line::ACCURACY,
            Self::Slope => Line { reference: Some(reference), weight: saved.recip() },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_slope_rule_prefers_the_larger_saving_at_equal_loss_and_keeps_the_sign() {
        let (small, large) = (Rule::Slope.line(0.9, 1.0), Rule::Slope.line(0.9, 2.0));
        assert!(large.score(0.88) > small.score(0.88));
        // Accuracy that rises is worth more when little was saved for it, as published.
        assert!(small.score(0.92) > large.score(0.92));
        assert_eq!(Rule::Accuracy.line(0.9, 2.0).score(0.88), 0.88);
    }
}
