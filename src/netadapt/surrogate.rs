//! A model of accuracy over widths, fitted to everything evaluated so far.
//!
//! Gaussian-process regression over the logarithms of the relative widths,
//! with a linear trend, a smooth field, a deviation that each network keeps
//! through all its evaluations, and noise that each evaluation has of its own:
//!
//! ```text
//! accuracy(x) = mean + linear(x) + smooth(x) + own(x) + noise
//! k(x, x') = s^2 (exp(-|x - x'|^2 / (2 r^2)) + LINEAR x.x' + own [x = x']) + s^2 noise [same evaluation]
//! ```
//!
//! `r`, `own` and `noise` maximise the likelihood over a small grid, the scale
//! `s` follows in closed form (Rasmussen and Williams 2006, equation 2.30).

use crate::cholesky::{InverseCholesky, dot};

/// Weight of the linear trend against the smooth field.
const LINEAR: f64 = 0.1;

/// Ranges of the smooth field, for widths that all change by a factor of 2.
const RANGES: [f64; 3] = [0.45, 0.75, 1.3];
/// Variances of a network's own deviation, and of an evaluation's noise, against the smooth field's.
const OWN: [f64; 2] = [0.03, 0.1];
const NOISE: [f64; 3] = [0.03, 0.1, 0.3];

/// An evaluated network.
#[derive(Debug, Clone, PartialEq)]
pub struct Observation {
    /// Its widths.
    pub widths: Vec<u32>,
    /// How often it was trained on since the seed, where that counts.
    pub effort: f64,
    /// What was measured.
    pub accuracy: f64,
}

/// Hyper-parameters.
#[derive(Debug, Clone, Copy)]
struct Kernel {
    range: f64,
    own: f64,
    noise: f64,
}

impl Kernel {
    fn covariance(&self, a: &[f64], b: &[f64]) -> f64 {
        let distance: f64 = a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum();
        let own = if distance == 0.0 { self.own } else { 0.0 };
        (-distance / (2.0 * self.range * self.range)).exp() + LINEAR * a.len() as f64 * dot(a, b) + own
    }
}

/// The fitted model.
#[derive(Debug, Clone)]
pub struct Surrogate {
    full: Vec<u32>,
    kernel: Kernel,
    points: Vec<Vec<f64>>,
    factor: InverseCholesky,
    mean: f64,
    /// `K^-1 (y - mean)`.
    weights: Vec<f64>,
    variance: f64,
}

impl Surrogate {
    /// A model of the observations; `full` are the widths of the seed. None without observations.
    pub fn fit(observations: &[Observation], full: &[u32]) -> Option<Self> {
        let points: Vec<_> = observations.iter().map(|o| point(&o.widths, o.effort, full)).collect();
        let values: Vec<f64> = observations.iter().map(|o| o.accuracy).collect();
        if points.is_empty() {
            return None;
        }
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        let centred: Vec<f64> = values.iter().map(|value| value - mean).collect();
        let kernels = RANGES
            .iter()
            .flat_map(|&range| OWN.iter().map(move |&own| (range, own)))
            .flat_map(|(range, own)| NOISE.iter().map(move |&noise| Kernel { range, own, noise }));
        let fitted = kernels.map(|kernel| {
            let count = points.len();
            let entry = |row: usize, column: usize| {
                kernel.covariance(&points[row], &points[column])
                    + if row == column { kernel.noise } else { 0.0 }
            };
            let factor = InverseCholesky::of(count, kernel.noise, entry);
            let white = factor.whiten(&centred);
            let variance = (dot(&white, &white) / count as f64).max(1e-12);
            let likelihood = -0.5 * (count as f64 * variance.ln() + factor.log_determinant());
            (likelihood, kernel, factor, variance)
        });
        let (_, kernel, factor, variance) = fitted.max_by(|a, b| a.0.total_cmp(&b.0))?;
        let weights = factor.solve(&centred);
        Some(Self { full: full.to_vec(), kernel, points, factor, mean, weights, variance })
    }

    /// Expected accuracy of a network and the standard deviation of that, noise of its evaluation not included.
    pub fn predict(&self, widths: &[u32], effort: f64) -> (f64, f64) {
        let point = point(widths, effort, &self.full);
        let covariances: Vec<f64> = self.points.iter().map(|p| self.kernel.covariance(p, &point)).collect();
        let mean = self.mean + dot(&covariances, &self.weights);
        let white = self.factor.whiten(&covariances);
        let left = self.kernel.covariance(&point, &point) - dot(&white, &white);
        (mean, (self.variance * left.max(1e-9)).sqrt())
    }
}

/// Logarithms of the relative widths, scaled so that halving all of them is a distance of 1; then the effort.
fn point(widths: &[u32], effort: f64, full: &[u32]) -> Vec<f64> {
    let scale = (full.len().max(1) as f64).sqrt().recip();
    let width = |(&width, &full): (&u32, &u32)| scale * (f64::from(width) / f64::from(full)).log2();
    widths.iter().zip(full).map(width).chain([scale * effort.ln_1p()]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed;
    use rand::Rng;
    use rand_distr::{Distribution, Normal};

    const FULL: [u32; 5] = [64; 5];

    /// Smooth, with an interaction, between about 0.6 and 0.9.
    fn truth(widths: &[u32]) -> f64 {
        let x: Vec<f64> = widths.iter().map(|&w| (f64::from(w) / 64.0).log2()).collect();
        0.9 + 0.03 * x[0] + 0.01 * x[1] + 0.002 * x[2] + 0.004 * x[0] * x[3] - 0.004 * x[3].powi(2)
    }

    fn draw(index: u64) -> Vec<u32> {
        let mut rng = seed::rng(1, "widths", index);
        (0..5).map(|_| 8 * rng.random_range(1..=8)).collect()
    }

    fn observations(count: u64, noise: f64) -> Vec<Observation> {
        let normal = Normal::new(0.0, noise).expect("finite");
        (0..count)
            .map(|index| {
                let widths = draw(index);
                let accuracy = truth(&widths) + normal.sample(&mut seed::rng(2, "noise", index));
                Observation { widths, effort: 0.0, accuracy }
            })
            .collect()
    }

    #[test]
    fn it_predicts_networks_that_it_has_not_seen_and_knows_how_well() {
        let model = Surrogate::fit(&observations(80, 0.004), &FULL).expect("observations");
        let (mut squares, mut spread, mut inside) = (0.0, 0.0, 0);
        for index in 1000..1200 {
            let widths = draw(index);
            let (mean, deviation) = model.predict(&widths, 0.0);
            squares += (mean - truth(&widths)).powi(2) / 200.0;
            spread += (truth(&widths) - 0.82).powi(2) / 200.0;
            inside += u32::from((mean - truth(&widths)).abs() < 2.0 * deviation);
        }
        assert!(squares.sqrt() < 0.004, "error {} of spread {}", squares.sqrt(), spread.sqrt());
        assert!(inside > 170, "{inside} of 200 within two standard deviations");
    }

    #[test]
    fn evaluating_a_network_again_narrows_its_own_estimate() {
        let mut seen = observations(30, 0.004);
        let widths = seen[3].widths.clone();
        let before = Surrogate::fit(&seen, &FULL).expect("observations").predict(&widths, 0.0).1;
        for _ in 0..4 {
            seen.push(Observation { widths: widths.clone(), effort: 0.0, accuracy: truth(&widths) });
        }
        let after = Surrogate::fit(&seen, &FULL).expect("observations").predict(&widths, 0.0).1;
        assert!(after < before, "{after} {before}");
    }

    #[test]
    fn one_observation_and_equal_ones_give_finite_answers() {
        let one = Observation { widths: FULL.to_vec(), effort: 2.0, accuracy: 0.5 };
        for count in [1, 6] {
            let model = Surrogate::fit(&vec![one.clone(); count], &FULL).expect("observations");
            let (mean, deviation) = model.predict(&draw(1), 0.0);
            assert!((mean - 0.5).abs() < 1e-6 && deviation.is_finite());
        }
        assert!(Surrogate::fit(&[], &FULL).is_none());
    }
}
