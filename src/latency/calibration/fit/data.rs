//! What a regression is made of.

use super::scales::Scales;

/// Standard deviation of the global scale's prior, in relative units: wide enough to count as free.
const FREE: f64 = 1.0;

/// What columns with the same prior have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Group {
    /// The global scale.
    All,
    /// The constant of every network.
    Constant,
    /// The deviation of a kind from the global scale.
    Kind,
    /// The deviation of a side from its kind.
    Side,
}

impl Group {
    pub fn variance(self, scales: &Scales) -> f64 {
        let stddev = match self {
            Self::All => FREE,
            Self::Constant => scales.constant,
            Self::Kind => scales.kind,
            Self::Side => scales.side,
        };
        stddev * stddev
    }

    pub fn prior_mean(self) -> f64 {
        if self == Self::All { 1.0 } else { 0.0 }
    }
}

/// A network as a row: its place in every column, and what no column stands for.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Row {
    pub features: Vec<f64>,
    /// Squared shares of kinds and of sides that no measured network has.
    pub unseen: [f64; 2],
}

/// What a regression is made of.
#[derive(Debug, Clone)]
pub(super) struct Data {
    pub rows: Vec<Row>,
    /// The prior of each column.
    pub groups: Vec<Group>,
    /// Measured over expected latency.
    pub targets: Vec<f64>,
    /// Relative variance of the measurements.
    pub noise: Vec<f64>,
}
