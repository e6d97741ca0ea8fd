//! Random search: every trial is drawn uniformly from the networks that meet the budget.
//!
//! The control that every other strategy has to beat (Li and Talwalkar 2019).

use rand_chacha::ChaCha8Rng;

use super::engine::{Policy, Scored};
use crate::space::Genotype;

/// Learns nothing and breeds nothing, so that every trial is a fresh sample.
pub(super) struct Random;

impl Policy for Random {
    fn learn(&mut self, _scored: Vec<Scored>) {}

    fn breed(&self, _arity: &[usize], _rng: &mut ChaCha8Rng) -> Option<Genotype> {
        None
    }
}
