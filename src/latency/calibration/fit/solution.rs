//! The solution of a regression as a calibration.

use std::collections::BTreeMap;

use crate::latency::calibration::{Calibration, Term};

/// Factors closer to the wider term's than this are left to it.
const SAME: f64 = 5e-4;

/// A calibration before it is known to be physical.
#[derive(Debug, Clone)]
pub(super) struct Solution {
    pub all: f64,
    pub constant_ms: f64,
    /// The smallest that it may be.
    pub least_constant_ms: f64,
    pub factors: BTreeMap<Term, f64>,
}

impl Solution {
    /// The calibration, without factors that say what a wider term says.
    pub fn calibration(self) -> Calibration {
        let Self { all, constant_ms, factors, .. } = self;
        let mut calibration = Calibration { constant_ms, all, ..Calibration::IDENTITY };
        // Kinds stand before their sides.
        for (term, factor) in factors {
            if (factor / calibration.factor_of(term) - 1.0).abs() > SAME {
                calibration.factors.insert(term, factor);
            }
        }
        calibration.rounded()
    }
}
