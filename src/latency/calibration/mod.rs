//! From the sum of its units to a network: what running whole networks teaches about a table.
//!
//! Units that were measured alone miss what they do to one another: caches, the runtime's planning, the clock of a
//! device that gets warm. A calibration corrects a table by few numbers that whole networks can tell:
//!
//! ```text
//! latency(network) = base + constant + units,    units = Σ factor(unit) row(unit)
//! ```
//!
//! A constant below zero says that small networks take less than the sum of their parts, since they stay in caches. It
//! is not carried on below the networks that it was learned from: where the units take less than the `least` of those
//! networks, it is `constant units / least`.
//!
//! The factor depends on the kind of a unit and on the side of its input map, so that it is the same for all rows
//! that interpolate between one another. It is applied once, when a table is read; everything that uses the table
//! stays a sum of rows. The file keeps the rows as they were measured and states the calibration in its header.
//!
//! [`Interval`] says how far predictions lie from networks that the calibration has not seen.

mod fit;
mod interval;
mod terms;
mod text;

use std::collections::BTreeMap;

pub use fit::{CalibrationError, Fitted, MeasuredNetwork, leave_one_out};
pub use interval::{Confidence, Interval, IntervalError};
pub use text::held_out_text;
pub(super) use text::parse_held_out;

use super::Row;
use crate::graph::{LatencyUnit, UnitKind};

/// What a constant that takes all may be beyond it, because a table keeps so many digits.
const ROUNDING_MS: f64 = 1e-6;

/// What shares a factor: the units of a kind, or those of them whose input map has a certain side.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Term {
    /// What the units compute.
    pub kind: UnitKind,
    /// Height of their input map; `None` for every height.
    pub side: Option<u32>,
}

impl Term {
    /// The narrowest term of a unit.
    pub fn of(unit: &LatencyUnit) -> Self {
        Self { kind: unit.family.kind, side: Some(unit.family.height) }
    }

    /// The term of all sides.
    #[must_use]
    pub fn of_kind(self) -> Self {
        Self { side: None, ..self }
    }
}

/// What corrects a table, learned from whole networks.
#[derive(Debug, Clone, PartialEq)]
pub struct Calibration {
    /// What every network takes beside its units and the base row, in ms; may be negative.
    pub constant_ms: f64,
    /// Corrected units of the smallest network that the constant was learned from, in ms.
    pub least_ms: f64,
    /// Factor of units without one of their own; above 0.
    pub all: f64,
    /// Factors by term; above 0.
    pub factors: BTreeMap<Term, f64>,
}

impl Calibration {
    /// Changes nothing.
    pub const IDENTITY: Self = Self { constant_ms: 0.0, least_ms: 0.0, all: 1.0, factors: BTreeMap::new() };

    /// What the row of a unit is multiplied with: the factor of its kind at its side, else that of its kind, else that
    /// of all units.
    pub fn factor(&self, unit: &LatencyUnit) -> f64 {
        self.factor_of(Term::of(unit))
    }

    /// The factor of a term, see [`Self::factor`].
    pub fn factor_of(&self, term: Term) -> f64 {
        let known = self.factors.get(&term).or_else(|| self.factors.get(&term.of_kind()));
        known.copied().unwrap_or(self.all)
    }

    /// The row of a unit, corrected.
    pub fn row(&self, unit: &LatencyUnit, measured: Row) -> Row {
        let factor = self.factor(unit);
        Row {
            latency_ms: factor * measured.latency_ms,
            stddev_ms: measured.stddev_ms.map(|stddev| factor * stddev),
            ..measured
        }
    }

    /// What a network takes beside its corrected units and the base row, in ms.
    pub fn constant_of(&self, units_ms: f64) -> f64 {
        if self.constant_ms < 0.0 && units_ms < self.least_ms {
            self.constant_ms * units_ms / self.least_ms
        } else {
            self.constant_ms
        }
    }

    /// Whether no network can come out below zero.
    ///
    /// # Errors
    /// If the constant takes more than the base row and the units of the smallest network have.
    pub fn check_constant(&self, base: Option<Row>) -> Result<(), String> {
        let (constant_ms, least_ms) = (self.constant_ms, self.least_ms);
        let base_ms = base.map_or(0.0, |row| row.latency_ms);
        if base_ms + least_ms + constant_ms < -ROUNDING_MS {
            return Err(format!(
                "a constant of {constant_ms} ms takes more than the base row of {base_ms} ms has, with `least_ms` {least_ms}"
            ));
        }
        Ok(())
    }

    /// Both corrections of rows in one, `first` before this one: what corrects the rows of a table whose corrected
    /// rows this calibration was fitted to. The constant is that of this one.
    #[must_use]
    pub fn after(&self, first: &Self) -> Self {
        let terms = self.factors.keys().chain(first.factors.keys());
        let both = |term: &Term| (*term, self.factor_of(*term) * first.factor_of(*term));
        Self {
            constant_ms: self.constant_ms,
            least_ms: self.least_ms,
            all: self.all * first.all,
            factors: terms.map(both).collect(),
        }
        .rounded()
    }

    /// Latency in ms of a network with these sums of measured rows.
    pub fn predict_ms(&self, sums: &TermSums) -> f64 {
        let units_ms = self.units_ms(sums);
        sums.base_ms + self.constant_of(units_ms) + units_ms
    }

    fn units_ms(&self, sums: &TermSums) -> f64 {
        sums.by_term.iter().map(|(term, ms)| self.factor_of(*term) * ms).sum()
    }
}

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

#[cfg(test)]
mod tests;
