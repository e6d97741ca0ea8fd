//! Batch normalisation (arXiv:1502.03167) fused with the activation that follows it.
//!
//! `y = activation(gamma * (x - mean) / sqrt(variance + eps) + beta)`, per channel over all pixels of a batch.
//! Mean and variance are found in `f64` from shifted sums, and `x - mean` is formed before it is scaled, so
//! that a mean far larger than the deviation costs no accuracy.

mod backward;
mod forward;
mod statistics;

pub use backward::backward;
pub(crate) use backward::slopes;
pub use forward::{forward, scale_shift_activation};
pub(crate) use statistics::PartMoments;
pub use statistics::{Statistics, statistics};

use super::rows::Affine;

/// The per-channel constants of a normalisation.
#[derive(Clone, Debug)]
pub struct Normalisation {
    /// The mean, rounded.
    centre: Vec<f32>,
    /// What rounding the mean left out.
    residue: Vec<f64>,
    /// `1 / sqrt(variance + eps)`
    inverse_deviation: Vec<f64>,
    /// `gamma * inverse_deviation`
    scale: Vec<f32>,
    /// `beta`, with the residue of the mean.
    offset: Vec<f32>,
}

impl Normalisation {
    /// The normalisation by `statistics` with `gamma: [c]` and `beta: [c]`.
    ///
    /// # Panics
    /// When the numbers of channels differ.
    #[must_use]
    pub fn new(statistics: &Statistics, gamma: &[f32], beta: &[f32], eps: f64) -> Self {
        let channels = statistics.mean.len();
        assert_eq!(gamma.len(), channels, "batch normalisation gamma");
        assert_eq!(beta.len(), channels, "batch normalisation beta");
        let centre: Vec<f32> = statistics.mean.iter().map(|&mean| mean as f32).collect();
        let residue: Vec<f64> =
            statistics.mean.iter().zip(&centre).map(|(mean, &c)| mean - f64::from(c)).collect();
        let inverse_deviation: Vec<f64> =
            statistics.variance.iter().map(|variance| (variance + eps).sqrt().recip()).collect();
        let scale = gamma.iter().zip(&inverse_deviation).map(|(&g, i)| f64::from(g) * i);
        let scale: Vec<f64> = scale.collect();
        let offset = beta.iter().zip(&scale).zip(&residue);
        let offset = offset.map(|((&b, s), r)| (f64::from(b) - s * r) as f32).collect();
        let scale = scale.iter().map(|&s| s as f32).collect();
        Self { centre, residue, inverse_deviation, scale, offset }
    }

    /// Number of channels.
    #[must_use]
    pub fn channels(&self) -> usize {
        self.centre.len()
    }

    /// The constants of `(x - centre) * scale + offset`.
    pub(crate) fn affine(&self) -> Affine<'_> {
        Affine { centre: &self.centre, scale: &self.scale, offset: &self.offset }
    }
}

#[cfg(test)]
mod tests;
