//! The rows of a network, summed by what a calibration can correct.

use std::collections::BTreeMap;

use super::Term;
use crate::graph::LayerGraph;
use crate::latency::{LatencyTable, MissingRows};

/// Summed rows of a network in ms, by kind and side of the units.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct TermSums {
    /// The base row.
    pub base_ms: f64,
    /// Sums by the narrowest term of each unit.
    pub by_term: BTreeMap<Term, f64>,
}

impl TermSums {
    /// Base and all units, in ms.
    pub fn total_ms(&self) -> f64 {
        self.base_ms + self.by_term.values().sum::<f64>()
    }
}

impl LatencyTable {
    /// Rows of a network, summed by term. What a calibration is fitted to are the sums in a table without one, see
    /// [`LatencyTable::parse_measured`].
    ///
    /// # Errors
    /// If rows are missing that cannot be estimated.
    pub fn term_sums(&self, graph: &LayerGraph) -> Result<TermSums, MissingRows> {
        let base_ms = self.base.map_or(0.0, |row| row.latency_ms);
        let mut sums = TermSums { base_ms, ..TermSums::default() };
        for span in self.explain(graph)?.1 {
            for unit in span.units {
                *sums.by_term.entry(Term::of(&unit.unit)).or_default() += unit.latency_ms;
            }
        }
        Ok(sums)
    }
}
