//! Mixup (Zhang et al. 2018, arXiv:1710.09412, equation 1): images and labels of a batch are mixed in pairs.
//!
//! Image `i` becomes `share * x[i] + (1 - share) * x[p(i)]` with a random permutation `p` of the batch, and its loss is
//! mixed from those of both labels by the same shares. As in the authors' code, a batch has one share, drawn from
//! `Beta(alpha, alpha)`.
//!
//! Share and permutation are a function of (seed, epoch, number of the batch in its epoch).

use std::ops::RangeInclusive;

use rand::seq::SliceRandom;
use rand_distr::{Beta, Distribution};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::error::AugmentError;
use super::stream::Stream;

/// What `alpha` may be: below, nothing is ever mixed; above, everything is mixed half and half.
pub(super) const ALPHAS: RangeInclusive<f64> = 0.01..=100.0;

/// How strongly batches are mixed: the `alpha` of the Beta distribution, in a file a bare number.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "f64", into = "f64")]
#[schemars(extend("minimum" = ALPHAS.start(), "maximum" = ALPHAS.end()))]
pub struct Mixup {
    alpha: f64,
    shares: Beta<f64>,
}

impl Mixup {
    /// Mixing with shares from `Beta(alpha, alpha)`: the smaller `alpha`, the less is mixed. Usual values are 0.1 to 1.
    ///
    /// # Errors
    /// [`AugmentError::MixupAlpha`] unless `alpha` is from 0.01 to 100.
    pub fn new(alpha: f64) -> Result<Self, AugmentError> {
        let refused = AugmentError::MixupAlpha { alpha };
        if !ALPHAS.contains(&alpha) {
            return Err(refused);
        }
        let shares = Beta::new(alpha, alpha).map_err(|_| refused)?;
        Ok(Self { alpha, shares })
    }

    /// Both parameters of the Beta distribution.
    #[must_use]
    pub fn alpha(&self) -> f64 {
        self.alpha
    }
}

impl TryFrom<f64> for Mixup {
    type Error = AugmentError;

    fn try_from(alpha: f64) -> Result<Self, AugmentError> {
        Self::new(alpha)
    }
}

impl From<Mixup> for f64 {
    fn from(mixup: Mixup) -> Self {
        mixup.alpha
    }
}

/// What was mixed into the images of a batch.
///
/// The loss of image `i` is `share * loss(own label) + (1 - share) * loss(labels[i])`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Mixed {
    /// Classes of the partners, `[n]`.
    pub labels: Vec<u32>,
    /// The own image's part in the mixture, in `0..=1`.
    pub share: f32,
}

/// Mixes the batches of one epoch; its buffers are reused from batch to batch.
#[derive(Debug, Clone)]
pub(in crate::data) struct Mixer {
    mixup: Mixup,
    stream: Stream,
    partners: Vec<usize>,
    unmixed: Vec<f32>,
}

impl Mixer {
    pub(in crate::data) fn new(mixup: Mixup, seed: u64, epoch: u64) -> Self {
        let stream = Stream::new("mixup", seed, epoch);
        Self { mixup, stream, partners: Vec::new(), unmixed: Vec::new() }
    }

    /// Mixes batch `number` of the epoch: `pixels` (`[n, h, w, c]`) in place, and says in `mixed` what was mixed in.
    pub(in crate::data) fn mix(
        &mut self,
        number: usize,
        pixels: &mut [f32],
        labels: &[u32],
        mixed: &mut Mixed,
    ) {
        mixed.share = self.draw(number, labels.len());
        mixed.labels.clear();
        mixed.labels.extend(self.partners.iter().map(|&partner| labels[partner]));
        self.unmixed.clear();
        self.unmixed.extend_from_slice(pixels);
        let image_len = pixels.len() / labels.len();
        let (own, others) = (mixed.share, 1.0 - mixed.share);
        for (image, &partner) in pixels.chunks_exact_mut(image_len).zip(&self.partners) {
            let partner = &self.unmixed[partner * image_len..][..image_len];
            for (value, &other) in image.iter_mut().zip(partner) {
                *value = own * *value + others * other;
            }
        }
    }

    /// Draws the partners of `images` images, and returns the share.
    #[expect(clippy::cast_possible_truncation, reason = "the share is meant as f32")]
    fn draw(&mut self, number: usize, images: usize) -> f32 {
        let mut rng = self.stream.rng(number);
        let share = self.mixup.shares.sample(&mut rng) as f32;
        self.partners.clear();
        self.partners.extend(0..images);
        self.partners.shuffle(&mut rng);
        share
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mixer(alpha: f64) -> Mixer {
        Mixer::new(Mixup::new(alpha).unwrap(), 3, 1)
    }

    #[test]
    fn pixels_and_labels_come_from_the_same_partner_in_the_same_shares() {
        let mut mixer = mixer(1.0);
        let unmixed: Vec<f32> = (0..10).flat_map(|image| [100.0 * image as f32, image as f32]).collect();
        let labels: Vec<u32> = (0..10).collect();
        let mut moved = 0;
        for number in 0..20 {
            let (mut pixels, mut mixed) = (unmixed.clone(), Mixed::default());
            mixer.mix(number, &mut pixels, &labels, &mut mixed);
            let mut partners = mixed.labels.clone();
            for (image, &partner) in partners.iter().enumerate() {
                let expected = mixed.share * image as f32 + (1.0 - mixed.share) * partner as f32;
                assert!((pixels[2 * image] - 100.0 * expected).abs() < 1e-3);
                assert!((pixels[2 * image + 1] - expected).abs() < 1e-5);
                moved += usize::from(partner as usize != image);
            }
            partners.sort_unstable();
            assert_eq!(partners, labels, "every image is a partner once");
        }
        assert!(moved > 150, "{moved} of 200 have another image as partner");
    }

    #[test]
    fn shares_lie_in_range_and_spread_as_alpha_says() {
        let shares = |alpha| -> Vec<f32> {
            let mut mixer = mixer(alpha);
            (0..4000).map(|number| mixer.draw(number, 1)).collect()
        };
        for alpha in [0.01, 0.2, 1.0, 8.0, 100.0] {
            let shares = shares(alpha);
            assert!(shares.iter().all(|share| (0.0..=1.0).contains(share)), "{alpha}");
            let mean = shares.iter().map(|&share| f64::from(share)).sum::<f64>() / 4000.0;
            let variance = shares.iter().map(|&share| (f64::from(share) - 0.5).powi(2)).sum::<f64>() / 4000.0;
            let expected = 0.25 / (2.0 * alpha + 1.0);
            assert!((mean - 0.5).abs() < 0.04, "{alpha}: mean {mean}");
            assert!((variance / expected - 1.0).abs() < 0.1, "{alpha}: {variance} for {expected}");
        }
    }

    #[test]
    fn batches_epochs_and_seeds_draw_their_own_and_buffers_do_not_remember() {
        let mut first = mixer(1.0);
        let draw = |mixer: &mut Mixer, number| (mixer.draw(number, 8), mixer.partners.clone());
        let of_zero = draw(&mut first, 0);
        assert_ne!(draw(&mut first, 1), of_zero);
        assert_eq!(draw(&mut first, 0), of_zero);
        for (seed, epoch) in [(4, 1), (3, 2)] {
            assert_ne!(draw(&mut Mixer::new(first.mixup, seed, epoch), 0), of_zero);
        }
    }

    #[test]
    fn alphas_out_of_range_are_refused() {
        for alpha in [0.0, -1.0, 0.001, 101.0, f64::NAN, f64::INFINITY] {
            assert!(Mixup::new(alpha).is_err(), "{alpha}");
        }
        assert_eq!(Mixup::new(0.4).unwrap().alpha(), 0.4);
    }
}
