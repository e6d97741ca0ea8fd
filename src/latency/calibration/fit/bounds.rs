//! What keeps a calibration physical: factors above 0, and no network that takes less than nothing.

use std::collections::BTreeSet;

use super::solution::Solution;
use crate::latency::calibration::Term;

/// The smallest factor of a term, as a share of the global one.
pub(super) const SMALLEST: f64 = 0.1;

/// Bounds that an unbounded fit would break, and that hold with equality instead: an active set that only grows.
#[derive(Debug, Clone, Default)]
pub(super) struct Bounds {
    /// Terms whose factor is [`SMALLEST`] times the global one.
    pub smallest: BTreeSet<Term>,
    /// Whether the constant takes as much as it may.
    pub least_constant: bool,
}

impl Bounds {
    /// Adds the bounds that a solution breaks; false if there are none.
    pub fn tighten(&mut self, solution: &Solution) -> bool {
        let broken: Vec<Term> = solution
            .factors
            .iter()
            .filter(|(term, factor)| term.side.is_some() && **factor < SMALLEST * solution.all)
            .map(|(term, _)| *term)
            .filter(|term| !self.smallest.contains(term))
            .collect();
        let too_low = !self.least_constant && solution.constant_ms < solution.least_constant_ms;
        self.least_constant |= too_low;
        let changed = too_low || !broken.is_empty();
        self.smallest.extend(broken);
        changed
    }
}
