//! Which proposal wins an iteration.

use crate::word_list::word_list;

/// A rule of choice between proposals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Rule {
    /// The highest accuracy after the short fine-tuning (Yang et al. 2018, algorithm 1).
    Accuracy,
    /// The largest (signed) change of accuracy per cost saved (Howard et al. 2019, section 4.2).
    #[default]
    Slope,
}

word_list!(Rule, "rule", [Accuracy = "accuracy", Slope = "slope"]);

impl Rule {
    /// Worth of a unit of accuracy for a proposal that saves `saved`.
    pub fn weight(self, saved: f64) -> f64 {
        match self {
            Self::Accuracy => 1.0,
            Self::Slope => saved.recip(),
        }
    }

    /// Whether changes of accuracy are compared, and not accuracies.
    pub fn is_relative(self) -> bool {
        self == Self::Slope
    }
}
