//! The ask/tell contract between a search strategy and whoever runs its trials.

use serde::{Deserialize, Serialize};

use super::error::SearchError;
use crate::outcome::Outcome;
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
