//! The confidence that a latency budget is to hold with, for every command that takes a budget.

use clap::Args;

use crate::latency::Confidence;

/// How surely the budget is to hold.
#[derive(Debug, Clone, Args)]
pub struct ConfidenceArg {
    /// Keep the measured latency within the budget with this probability, such
    /// as 0.95, not only the predicted one
    ///
    /// The upper bound of a prediction, not the prediction, has to be within the
    /// budget. `mbn-latency validate` writes what bounds come from into a table:
    /// the errors of whole networks. These were drawn at random from a search
    /// space; a network that was searched for or narrowed is not drawn like them,
    /// so the probability is exact for them and approximate for it.
    #[arg(id = "confidence", long = "confidence", value_name = "C", requires = "budget")]
    pub value: Option<Confidence>,
}
