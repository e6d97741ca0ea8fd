//! The Gaussian posterior of a linear regression, in closed form, with its evidence and leave-one-out errors.

use super::data::{Data, Row};
use super::scales::{GRID, Scales};
use crate::cholesky::{InverseCholesky, dot};

/// Sweeps over the scales before the search ends, whether or not it has settled.
const SWEEPS: usize = 6;

/// What is known of the coefficients after the networks were seen.
#[derive(Debug, Clone)]
pub(super) struct Posterior {
    /// Expected value of each column's coefficient.
    pub mean: Vec<f64>,
    pub scales: Scales,
    /// Logarithm of the probability of the networks, up to a constant.
    pub evidence: f64,
    /// Errors of the networks where each is predicted from the others, in units of their standard deviation at full
    /// weight.
    pub left_out: Vec<f64>,
    /// Of `Λ = prior precision + Xᵀ N⁻¹ X`.
    precision: InverseCholesky,
}

impl Posterior {
    /// Each network counts as if the variance of its noise were divided by its weight.
    pub fn new(data: &Data, scales: Scales, weights: &[f64]) -> Self {
        let noise: Vec<f64> = data.noise.iter().map(|noise| scales.noise.powi(2) + noise).collect();
        let weighted: Vec<f64> = weights.iter().zip(&noise).map(|(weight, noise)| weight / noise).collect();
        let prior: Vec<f64> = data.groups.iter().map(|group| group.variance(&scales)).collect();
        let means: Vec<f64> = data.groups.iter().map(|group| group.prior_mean()).collect();
        let residuals = residuals(data, &means);
        let precision = precision(data, &prior, &weighted);

        let mut right_side = vec![0.0; prior.len()];
        for ((row, residual), weight) in data.rows.iter().zip(&residuals).zip(&weighted) {
            for (sum, feature) in right_side.iter_mut().zip(&row.features) {
                *sum += feature * residual * weight;
            }
        }
        let change = precision.solve(&right_side);
        let fit: f64 = residuals.iter().zip(&weighted).map(|(r, w)| r * r * w).sum();
        let determinant = precision.log_determinant()
            + prior.iter().map(|variance| variance.ln()).sum::<f64>()
            - weighted.iter().map(|weight| weight.ln()).sum::<f64>();
        let evidence = -0.5 * (fit - dot(&right_side, &change) + determinant) + scales.log_prior();
        let mean: Vec<f64> = means.iter().zip(&change).map(|(mean, change)| mean + change).collect();
        let left_out = left_out(data, &mean, &precision, &noise, &weighted);
        Self { mean, scales, evidence, left_out, precision }
    }

    /// Standard deviation of the target of a network that was not seen.
    pub fn stddev(&self, row: &Row) -> f64 {
        let white = self.precision.whiten(&row.features);
        let [kinds, sides] = row.unseen;
        let unseen = kinds * self.scales.kind.powi(2) + sides * self.scales.side.powi(2);
        (dot(&white, &white) + unseen + self.scales.noise.powi(2)).sqrt()
    }
}

fn residuals(data: &Data, mean: &[f64]) -> Vec<f64> {
    data.rows.iter().zip(&data.targets).map(|(row, target)| target - dot(&row.features, mean)).collect()
}

fn precision(data: &Data, prior: &[f64], weighted: &[f64]) -> InverseCholesky {
    let smallest = prior.iter().copied().fold(f64::INFINITY, |least, variance| least.min(1.0 / variance));
    InverseCholesky::of(prior.len(), smallest, |i, j| {
        let sum: f64 =
            data.rows.iter().zip(weighted).map(|(row, w)| row.features[i] * row.features[j] * w).sum();
        if i == j { sum + 1.0 / prior[i] } else { sum }
    })
}

/// With the leverage `h = w xᵀ Λ⁻¹ x` of a network, its error when left out is `r / (1 - h)`, and the variance of what
/// the others predict for it `xᵀ Λ⁻¹ x / (1 - h)`.
fn left_out(
    data: &Data,
    mean: &[f64],
    precision: &InverseCholesky,
    noise: &[f64],
    weighted: &[f64],
) -> Vec<f64> {
    let standardised = |index: usize, residual: f64| {
        let white = precision.whiten(&data.rows[index].features);
        let variance = dot(&white, &white);
        let others = 1.0 - weighted[index] * variance;
        (residual / others) / (variance / others + noise[index]).sqrt()
    };
    residuals(data, mean)
        .into_iter()
        .enumerate()
        .map(|(index, residual)| standardised(index, residual))
        .collect()
}

/// The posterior of the most probable scales, found one scale after the other from `start`.
pub(super) fn most_probable(data: &Data, weights: &[f64], start: Scales) -> Posterior {
    let mut best = Posterior::new(data, start, weights);
    for _ in 0..SWEEPS {
        let before = best.scales;
        for (get, values) in GRID {
            for &value in values {
                let mut scales = best.scales;
                *get(&mut scales) = value;
                let other = Posterior::new(data, scales, weights);
                if other.evidence > best.evidence {
                    best = other;
                }
            }
        }
        if best.scales == before {
            break;
        }
    }
    best
}
