//! Networks as rows of a regression, and what its solution means.

use std::collections::BTreeMap;

use super::bounds::{Bounds, SMALLEST};
use super::data::{Data, Group, Row};
use super::network::MeasuredNetwork;
use super::posterior::Posterior;
use super::solution::Solution;
use crate::latency::calibration::{Term, TermSums};
use crate::robust::median;

/// The share of the smallest network's units that a constant may take: a network half as large still takes time.
const LEAST_LEFT: f64 = 0.5;

/// What all rows of a fit are relative to, and what its columns mean.
#[derive(Debug, Clone)]
pub(super) struct Frame {
    /// Median of measured over summed latency.
    scale: f64,
    /// What the constant is a multiple of, in ms.
    reference_ms: f64,
    base_ms: f64,
    /// Summed units of the smallest network.
    least_ms: f64,
    /// The columns of kinds and of sides; those of `all` and of the constant stand before them.
    columns: BTreeMap<Term, usize>,
    bounds: Bounds,
}

/// Columns before those of terms.
const ALL: usize = 0;
const CONSTANT: usize = 1;
const FIRST_TERM: usize = 2;

impl Frame {
    pub fn new(networks: &[MeasuredNetwork], bounds: &Bounds) -> Self {
        let ratios: Vec<f64> = networks.iter().map(|n| n.measured_ms / n.sums.total_ms()).collect();
        let measured: Vec<f64> = networks.iter().map(|n| n.measured_ms).collect();
        let base_ms = networks.first().expect("a fit refuses to begin without networks").sums.base_ms;
        let units = networks.iter().map(|n| n.sums.total_ms() - base_ms);
        let terms = networks.iter().flat_map(|n| n.sums.by_term.keys());
        let mut columns: BTreeMap<Term, usize> = BTreeMap::new();
        for term in terms.filter(|term| !bounds.smallest.contains(term)) {
            columns.insert(*term, 0);
            columns.insert(term.of_kind(), 0);
        }
        for (index, column) in columns.values_mut().enumerate() {
            *column = FIRST_TERM + index;
        }
        Self {
            scale: median(&ratios).expect("as many as networks"),
            reference_ms: median(&measured).expect("as many as networks"),
            base_ms,
            least_ms: units.fold(f64::INFINITY, f64::min),
            columns,
            bounds: bounds.clone(),
        }
    }

    /// Latency by the global scale alone.
    pub fn expected_ms(&self, sums: &TermSums) -> f64 {
        self.scale * sums.total_ms()
    }

    pub fn data(&self, networks: &[MeasuredNetwork]) -> Data {
        let mut groups = vec![Group::All, Group::Constant];
        // Columns of terms are numbered in the order of the map.
        groups.extend(
            self.columns.keys().map(|term| if term.side.is_some() { Group::Side } else { Group::Kind }),
        );
        let relative = |network: &MeasuredNetwork| network.measured_ms / self.expected_ms(&network.sums);
        Data {
            rows: networks.iter().map(|network| self.row(&network.sums)).collect(),
            groups,
            targets: networks.iter().map(relative).collect(),
            noise: networks.iter().map(|n| (n.relative_noise * relative(n)).powi(2)).collect(),
        }
    }

    pub fn row(&self, sums: &TermSums) -> Row {
        let total_ms = sums.total_ms();
        let mut row = Row { features: vec![0.0; FIRST_TERM + self.columns.len()], unseen: [0.0; 2] };
        row.features[ALL] = 1.0;
        if self.bounds.least_constant {
            row.features[ALL] -= (sums.base_ms + LEAST_LEFT * self.least_ms) / total_ms;
        } else {
            row.features[CONSTANT] = self.reference_ms / self.expected_ms(sums);
        }
        let mut unseen_kinds: BTreeMap<Term, f64> = BTreeMap::new();
        for (term, ms) in &sums.by_term {
            let share = ms / total_ms;
            if self.bounds.smallest.contains(term) {
                row.features[ALL] -= (1.0 - SMALLEST) * share;
                continue;
            }
            match self.columns.get(term) {
                Some(&column) => row.features[column] += share,
                None => row.unseen[1] += share * share,
            }
            match self.columns.get(&term.of_kind()) {
                Some(&column) => row.features[column] += share,
                None => *unseen_kinds.entry(term.of_kind()).or_default() += share,
            }
        }
        row.unseen[0] = unseen_kinds.values().map(|share| share * share).sum();
        row
    }

    pub fn solution(&self, posterior: &Posterior) -> Solution {
        let value = |column: usize| self.scale * posterior.mean[column];
        let all = value(ALL);
        let deviation = |term: Term| self.columns.get(&term).map_or(0.0, |&column| value(column));
        let mut factors: BTreeMap<Term, f64> = BTreeMap::new();
        for term in self.columns.keys().chain(&self.bounds.smallest) {
            let factor = match term.side {
                _ if self.bounds.smallest.contains(term) => SMALLEST * all,
                Some(_) => all + deviation(term.of_kind()) + deviation(*term),
                None => (all + deviation(*term)).max(SMALLEST * all),
            };
            factors.insert(*term, factor);
        }
        let least_constant_ms = -self.base_ms - LEAST_LEFT * all * self.least_ms;
        let constant_ms = if self.bounds.least_constant {
            least_constant_ms
        } else {
            posterior.mean[CONSTANT] * self.reference_ms + (all - 1.0) * self.base_ms
        };
        Solution { all, constant_ms, least_constant_ms, factors }
    }
}
