//! Networks that fit to no others count less or not at all: iteratively reweighted least squares with Tukey's biweight
//! (Beaton and Tukey, "The Fitting of Power Series", 1974; Holland and Welsch 1977), taken of leave-one-out errors,
//! since a network that stands alone bends the fit towards itself. Weights that only fall off as Huber's would let a
//! wild network raise the noise, and with it everything that the noise hides.

use super::data::Data;
use super::posterior::{Posterior, most_probable};
use super::scales::Scales;
use crate::robust::Robust;

/// Errors in standard deviations from which on a network does not count; wide enough to leave normal errors alone.
const BIWEIGHT: f64 = 6.0;

/// What does not count still has a logarithm.
const SMALLEST_WEIGHT: f64 = 1e-6;

/// Networks that it takes to tell a wild one.
const FEWEST: usize = 5;

/// Rounds before the weights are taken as they are, and the change that ends them.
const ROUNDS: usize = 30;
const SETTLED: f64 = 1e-3;

/// Rounds in which the scales are chosen anew.
const SCALE_ROUNDS: usize = 6;

/// The smallest spread, as a fraction of a latency, that the first weights take for one.
const SMALLEST_SPREAD: f64 = 0.01;

/// The posterior with the weights that its own errors lead to.
pub(super) fn robust_posterior(data: &Data) -> Posterior {
    let mut weights = first_weights(&data.targets);
    let mut posterior = most_probable(data, &weights, Scales::LIKELY);
    if weights.len() < FEWEST {
        return posterior;
    }
    for round in 0..ROUNDS {
        let next: Vec<f64> = posterior.left_out.iter().map(|error| weight(*error)).collect();
        let change = next.iter().zip(&weights).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
        if change < SETTLED {
            break;
        }
        weights = next;
        posterior = if round < SCALE_ROUNDS {
            most_probable(data, &weights, posterior.scales)
        } else {
            Posterior::new(data, posterior.scales, &weights)
        };
    }
    posterior
}

fn weight(error: f64) -> f64 {
    let inside = 1.0 - (error / BIWEIGHT).powi(2);
    inside.max(0.0).powi(2).max(SMALLEST_WEIGHT)
}

/// Weights of the distances from the median, before anything is fitted.
fn first_weights(targets: &[f64]) -> Vec<f64> {
    let robust = Robust::of(targets).filter(|_| targets.len() >= FEWEST);
    let distance =
        |robust: &Robust, target: f64| (target - robust.median) / robust.stddev().max(SMALLEST_SPREAD);
    targets
        .iter()
        .map(|&target| robust.as_ref().map_or(1.0, |robust| weight(distance(robust, target))))
        .collect()
}
