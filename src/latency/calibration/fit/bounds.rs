//! What keeps a calibration physical: factors above 0, and no negative base row.

use std::collections::BTreeSet;

use super::SMALLEST;
use super::frame::Solution;
use crate::latency::calibration::Term;

/// Bounds that an unbounded fit would break, and that hold with equality instead: an active set that only grows.
#[derive(Debug, Clone, Default)]
pub(super) struct Bounds {
    /// Terms whose factor is [`SMALLEST`] times the global one.
    pub smallest: BTreeSet<Term>,
    /// Whether the constant takes all of the base row.
    pub no_base: bool,
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
        let negative = !self.no_base && solution.base_ms + solution.constant_ms < 0.0;
        self.no_base |= negative;
        let changed = negative || !broken.is_empty();
        self.smallest.extend(broken);
        changed
    }
}
