//! A row of a table, and what a table says of a unit.

use crate::graph::LatencyUnit;
use crate::spec::Activation;

/// One measured or fitted latency.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Row {
    /// Latency of one image.
    pub latency_ms: f64,
    /// Standard deviation of one run, where the table states it.
    pub stddev_ms: Option<f64>,
    /// The activation it was measured with.
    pub activation: Option<Activation>,
}

/// Where the latency of a unit comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RowSource {
    /// A row of the table.
    Exact,
    /// A row that was measured with another activation, in a table that says
    /// it does not tell activations apart.
    OtherActivation,
    /// Estimated between rows that differ only in channels.
    Interpolated,
    /// Estimated from such rows, outside of their range by a factor of 2 at most.
    Extrapolated,
    /// The table says that other rows contain it.
    Folded,
}

impl RowSource {
    /// True where no row states the latency.
    pub fn is_estimate(self) -> bool {
        matches!(self, Self::Interpolated | Self::Extrapolated)
    }

    /// The word in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Exact => "row",
            Self::OtherActivation => "row, other activation",
            Self::Interpolated => "interpolated",
            Self::Extrapolated => "extrapolated",
            Self::Folded => "in other rows",
        }
    }
}

/// Latency of one unit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct UnitLatency {
    /// What was looked up.
    pub unit: LatencyUnit,
    /// Its latency.
    pub latency_ms: f64,
    /// Standard deviation, where the row or the estimate states one.
    pub stddev_ms: Option<f64>,
    /// Where it comes from.
    pub source: RowSource,
}

/// The coordinates that a family's rows differ in.
pub(super) fn channels(unit: &LatencyUnit) -> [u32; 3] {
    [unit.c_in, unit.expanded, unit.c_out]
}
