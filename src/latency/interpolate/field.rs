//! Covariance of the relative deviations from the trend: three independent random fields over log channels.
//!
//! See [`super`] for the model. The exponential covariance is that of a Brownian-like path: rough enough to follow a
//! table's steps, and close to linear between two rows.

use super::cost_terms::{Channels, CostTrend};
use super::{Geometry, Structure};

/// Distance in log channels at which the deviations' correlation falls to `1 / e`.
const RANGE: f64 = 2.0;

/// Variance of the deviations' noise, relative to that of the fields.
pub(super) const NOISE: f64 = 0.0005;

/// Extra noise of blocks without expansion: with `expanded = c_in` they are the corner of every family, and runtimes
/// fuse them differently.
const UNEXPANDED_NOISE: f64 = 0.02;

/// Variance of the shortcut's field, relative to that of the others.
const SHORTCUT_VARIANCE: f64 = 0.3;

/// A layer as the random fields see it.
#[derive(Debug, Clone)]
pub(super) struct Point {
    structure: Structure,
    /// Logarithms of the channel counts in units of [`RANGE`].
    place: [f64; 3],
    /// Trend of the family here, in ms.
    pub(super) trend_ms: f64,
    /// Shares of the halves of a block.
    halves: [f64; 2],
    /// Share of what the shortcut's addition can change, 0 without a shortcut.
    shortcut: f64,
    /// Variance of the noise, in units of the family's variance.
    pub(super) noise: f64,
}

impl Point {
    /// Places a layer of a family.
    pub(super) fn new(geometry: Geometry, trend: &CostTrend, channels: Channels) -> Self {
        let structure = geometry.structure;
        let trend_ms = trend.latency_ms(channels);
        let mut point = Self {
            structure,
            place: channels.map(|count| count.max(1.0).ln() / RANGE),
            trend_ms,
            halves: [1.0; 2],
            shortcut: 0.0,
            noise: NOISE,
        };
        if structure == Structure::InvertedResidual {
            let [c_in, expanded, c_out] = channels;
            point.halves = trend.halves(channels);
            if c_in == c_out && geometry.in_positions == geometry.out_positions {
                point.shortcut = trend.unexpanded_latency_ms(channels) / trend_ms;
            }
            if c_in == expanded {
                point.noise += UNEXPANDED_NOISE;
            }
        }
        point
    }

    /// Covariance of the deviations of two layers, in units of the family's variance.
    pub(super) fn covariance(&self, other: &Self) -> f64 {
        let [c_in, expanded, c_out] = std::array::from_fn(|i| self.place[i] - other.place[i]);
        match self.structure {
            Structure::PerChannel => (-c_in.abs()).exp(),
            Structure::Dense => (-c_in.hypot(c_out)).exp(),
            Structure::InvertedResidual => {
                let product = |half: usize| self.halves[half] * other.halves[half];
                let distance = |a: f64, b: f64| (a * a + b * b).sqrt();
                let mut sum = product(0) * (-distance(c_in, expanded)).exp()
                    + product(1) * (-distance(expanded, c_out)).exp();
                if self.shortcut * other.shortcut > 0.0 {
                    sum += SHORTCUT_VARIANCE * self.shortcut * other.shortcut * (-c_in.abs()).exp();
                }
                sum
            }
        }
    }
}
