//! What a layer's latency is made of: the terms whose non-negative sum is the trend of a family of table rows.
//!
//! All rows of a family share kernel size and feature-map sizes, so a term is a product of channel counts:
//! a constant (starting the operator), memory traffic (one channel count) and multiply-adds (a pair of them).
//! An inverted residual is three operators one after the other: expansion `(c_in, expanded)`, depthwise `(expanded)`,
//! projection `(expanded, c_out)`; there is no expansion where `expanded = c_in`.

use super::nonnegative::least_squares;
use super::{Geometry, Structure};

/// Number of cost terms of the richest structure; simpler structures leave the rest 0.
const TERMS: usize = 6;

// Places of an inverted residual's terms.
const INPUT: usize = 1;
const HIDDEN: usize = 2;
const OUTPUT: usize = 3;
const EXPAND: usize = 4;
const PROJECT: usize = 5;

/// How strongly the two 1x1 convolutions of a block are held to the same cost per multiply-add, against a weight of 1
/// for the rows together: weakly, unless `c_in = c_out` in every row. Then only the rows without expansion separate
/// the two, and they alone would put a block's whole cost into its projection.
const EQUAL_RATE: f64 = 0.1;
const EQUAL_RATE_ON_DIAGONAL: f64 = 1.0;

/// Cost of a depthwise multiply-add in 1x1 multiply-adds, for the prior split of a block's latency.
const DEPTHWISE_PENALTY: f64 = 3.0;

/// Weight of that prior split against the fitted one, and a floor that keeps each half of a block adjustable.
const PRIOR_SPLIT: f64 = 0.2;
const SPLIT_FLOOR: f64 = 0.003;

/// Channel counts as real numbers: `[c_in, expanded, c_out]`.
pub(super) type Channels = [f64; 3];

/// The fitted sum of cost terms of one family: latency in ms as a function of the channel counts.
#[derive(Debug, Clone)]
pub(super) struct CostTrend {
    geometry: Geometry,
    coefficients: [f64; TERMS],
    floor_ms: f64,
}

impl CostTrend {
    /// Fits the terms to the rows so that the sum of squared relative errors is smallest.
    pub(super) fn fit(geometry: Geometry, channels: &[Channels], latencies_ms: &[f64]) -> Self {
        let mut rows: Vec<[f64; TERMS]> = channels
            .iter()
            .zip(latencies_ms)
            .map(|(&channels, latency)| terms(geometry.structure, channels).map(|term| term / latency))
            .collect();
        let mut targets = vec![1.0; rows.len()];
        if geometry.structure == Structure::InvertedResidual {
            let on_diagonal = channels.iter().all(|[c_in, _, c_out]| c_in == c_out);
            let strength = if on_diagonal { EQUAL_RATE_ON_DIAGONAL } else { EQUAL_RATE };
            rows.push(equal_rate_row(geometry, strength, &rows));
            targets.push(0.0);
        }
        let smallest = latencies_ms.iter().copied().fold(f64::INFINITY, f64::min);
        Self { geometry, coefficients: least_squares(&rows, &targets), floor_ms: 0.05 * smallest }
    }

    /// Trend in ms, always positive.
    pub(super) fn latency_ms(&self, channels: Channels) -> f64 {
        self.contributions(channels).iter().sum::<f64>().max(self.floor_ms)
    }

    /// Trend in ms of the same block without its expansion: the part that depends on the outer channels only.
    pub(super) fn unexpanded_latency_ms(&self, [c_in, _, c_out]: Channels) -> f64 {
        self.latency_ms([c_in, c_in, c_out])
    }

    /// Shares of the latency that the two halves of a block can deviate by: expansion and depthwise, which depend on
    /// `(c_in, expanded)`, and projection, which depends on `(expanded, c_out)`. They needn't add up to 1.
    pub(super) fn halves(&self, channels: Channels) -> [f64; 2] {
        let total = self.latency_ms(channels);
        let ms = self.contributions(channels);
        let shared = 0.5 * ms[HIDDEN];
        let fitted = [(ms[INPUT] + ms[EXPAND] + shared) / total, (ms[OUTPUT] + ms[PROJECT] + shared) / total];
        let prior = self.prior_halves(channels);
        [0, 1].map(|half| SPLIT_FLOOR + fitted[half] + PRIOR_SPLIT * prior[half])
    }

    fn contributions(&self, channels: Channels) -> [f64; TERMS] {
        let terms = terms(self.geometry.structure, channels);
        std::array::from_fn(|term| self.coefficients[term] * terms[term])
    }

    /// The halves' shares by multiply-adds alone.
    fn prior_halves(&self, channels: Channels) -> [f64; 2] {
        let Geometry { kernel, .. } = self.geometry;
        let (in_positions, out_positions) = positions(self.geometry);
        let terms = terms(self.geometry.structure, channels);
        let depthwise = f64::from(kernel * kernel) * channels[1] * out_positions;
        let first = terms[EXPAND] * in_positions + DEPTHWISE_PENALTY * depthwise;
        let second = terms[PROJECT] * out_positions;
        [first / (first + second), second / (first + second)]
    }
}

/// The cost terms of one layer, up to the constant factors that a family shares.
fn terms(structure: Structure, [c_in, expanded, c_out]: Channels) -> [f64; TERMS] {
    match structure {
        Structure::PerChannel => [1.0, c_in, 0.0, 0.0, 0.0, 0.0],
        Structure::Dense => [1.0, c_in, c_out, c_in * c_out, 0.0, 0.0],
        Structure::InvertedResidual => {
            let expansion = if expanded == c_in { 0.0 } else { c_in * expanded };
            [1.0, c_in, expanded, c_out, expansion, expanded * c_out]
        }
    }
}

/// A row of the least-squares problem that asks for equal costs per multiply-add of expansion and projection.
fn equal_rate_row(geometry: Geometry, strength: f64, relative_rows: &[[f64; TERMS]]) -> [f64; TERMS] {
    let (in_positions, out_positions) = positions(geometry);
    let count = relative_rows.len() as f64;
    let typical_madds = relative_rows
        .iter()
        .map(|row| 0.5 * (row[EXPAND] * in_positions + row[PROJECT] * out_positions))
        .sum::<f64>()
        / count;
    let weight = strength * count.sqrt() * typical_madds;
    let mut row = [0.0; TERMS];
    row[EXPAND] = weight / in_positions;
    row[PROJECT] = -weight / out_positions;
    row
}

fn positions(geometry: Geometry) -> (f64, f64) {
    (f64::from(geometry.in_positions), f64::from(geometry.out_positions))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(in_side: u32, stride: u32) -> Geometry {
        Geometry {
            structure: Structure::InvertedResidual,
            in_positions: in_side * in_side,
            out_positions: (in_side / stride).pow(2),
            kernel: 3,
        }
    }

    #[test]
    fn a_trend_made_of_the_terms_is_found_again() {
        let truth = |[c_in, hidden, c_out]: Channels| {
            0.2 + 2e-3 * hidden + 4e-5 * c_in * hidden + 1e-5 * hidden * c_out
        };
        let mut channels = Vec::new();
        for c_in in [16.0, 24.0, 40.0] {
            for ratio in [2.0, 3.0, 6.0] {
                for c_out in [32.0, 48.0, 96.0] {
                    channels.push([c_in, ratio * c_in, c_out]);
                }
            }
        }
        let latencies: Vec<f64> = channels.iter().map(|&c| truth(c)).collect();
        let trend = CostTrend::fit(block(28, 2), &channels, &latencies);
        let unseen = [80.0, 320.0, 128.0];
        assert!((trend.latency_ms(unseen) / truth(unseen) - 1.0).abs() < 1e-3);
    }

    /// With `c_in = c_out` and a fixed ratio, nothing in the rows separates expansion from projection.
    #[test]
    fn rows_on_the_diagonal_give_both_convolutions_the_same_rate() {
        let channels: Vec<Channels> = [32.0, 64.0, 96.0, 128.0].iter().map(|&c| [c, 6.0 * c, c]).collect();
        let latencies: Vec<f64> = channels.iter().map(|c| 1e-4 * c[0] * c[1]).collect();
        let trend = CostTrend::fit(block(14, 1), &channels, &latencies);
        let (wide, narrow) = ([64.0, 384.0, 128.0], [64.0, 384.0, 64.0]);
        let ratio = trend.latency_ms(wide) / trend.latency_ms(narrow);
        assert!((ratio - 1.5).abs() < 0.01, "{ratio}");
    }

    #[test]
    fn a_wider_output_shifts_latency_to_the_projection() {
        let channels = [[16.0, 96.0, 16.0], [16.0, 96.0, 64.0], [32.0, 96.0, 16.0]];
        let trend = CostTrend::fit(block(28, 1), &channels, &[1.0, 1.5, 1.3]);
        let narrow = trend.halves([16.0, 96.0, 16.0]);
        let wide = trend.halves([16.0, 96.0, 128.0]);
        assert!(wide[1] > narrow[1] && wide[0] < narrow[0], "{narrow:?} {wide:?}");
    }
}
