//! The rows of a network, summed by what a calibration can correct.

use super::{Term, TermSums};
use crate::graph::LayerGraph;
use crate::latency::{LatencyTable, MissingRows};

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
