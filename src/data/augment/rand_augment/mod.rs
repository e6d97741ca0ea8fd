//! RandAugment (Cubuk et al. 2020, arXiv:1909.13719): for each image a few operations, drawn evenly from a fixed list and
//! done one after the other at one magnitude.
//!
//! The list is [`Operation::ALL`]: that of the paper without `color`, which only images of three channels have. Operations
//! that can go either way, such as rotations, take a random sign.

mod equalise;
mod geometry;
mod operation;
mod sharpness;
mod tone;

use std::ops::RangeInclusive;

use rand::Rng;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::error::AugmentError;
use super::stream::Stream;
use crate::data::resize::ImageSize;
use operation::Operation;

/// How many operations an image may pass through.
pub(super) const OPERATIONS: RangeInclusive<u8> = 1..=13;
/// The scale of magnitudes, as in the paper.
pub(super) const MAGNITUDES: RangeInclusive<u8> = 0..=30;

/// How strongly images are distorted: number of operations and their magnitude, by default 2 and 9.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "Raw")]
pub struct RandAugment {
    operations: u8,
    magnitude: u8,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct Raw {
    /// Operations per image.
    #[schemars(range(min = *OPERATIONS.start(), max = *OPERATIONS.end()))]
    operations: u8,
    /// Magnitude of every operation.
    #[schemars(range(min = *MAGNITUDES.start(), max = *MAGNITUDES.end()))]
    magnitude: u8,
}

impl Default for Raw {
    fn default() -> Self {
        let RandAugment { operations, magnitude } = RandAugment::default();
        Self { operations, magnitude }
    }
}

impl TryFrom<Raw> for RandAugment {
    type Error = AugmentError;

    fn try_from(Raw { operations, magnitude }: Raw) -> Result<Self, AugmentError> {
        Self::new(operations, magnitude)
    }
}

impl Default for RandAugment {
    fn default() -> Self {
        Self { operations: 2, magnitude: 9 }
    }
}

impl RandAugment {
    /// `operations` (N of the paper, 1 to 13) per image at `magnitude` (M of the paper, 0 to 30).
    ///
    /// # Errors
    /// [`AugmentError::Operations`] and [`AugmentError::Magnitude`] for numbers out of range.
    pub fn new(operations: u8, magnitude: u8) -> Result<Self, AugmentError> {
        if !OPERATIONS.contains(&operations) {
            return Err(AugmentError::Operations { found: operations });
        }
        if !MAGNITUDES.contains(&magnitude) {
            return Err(AugmentError::Magnitude { found: magnitude });
        }
        Ok(Self { operations, magnitude })
    }

    /// Operations per image.
    #[must_use]
    pub fn operations(&self) -> u8 {
        self.operations
    }

    /// Magnitude of every operation, in `0..=30`.
    #[must_use]
    pub fn magnitude(&self) -> u8 {
        self.magnitude
    }

    /// The magnitude as a share of the scale, in `0..=1`.
    fn strength(self) -> f32 {
        f32::from(self.magnitude) / f32::from(*MAGNITUDES.end())
    }
}

/// Rows, columns and channels of an image in NHWC order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Shape {
    height: usize,
    width: usize,
    channels: usize,
}

/// The image that is worked on and the one that the next operation writes: buffers to be used for one image after the
/// other.
#[derive(Debug, Clone, Default)]
pub(in crate::data) struct Workspace {
    image: Vec<u8>,
    next: Vec<u8>,
}

/// The distortions of one epoch.
#[derive(Debug, Clone)]
pub(super) struct Policies {
    policy: RandAugment,
    stream: Stream,
    /// What comes into view from outside of the image, `[c]`: the mean colour, as in crops.
    fill: Box<[u8]>,
}

impl Policies {
    /// The distortions of epoch `epoch`, for images that `table` (`[c][256]`) normalises.
    pub(super) fn new(policy: RandAugment, table: &[[f32; 256]], seed: u64, epoch: u64) -> Self {
        let fill = table.iter().map(mean_byte).collect();
        Self { policy, stream: Stream::new("rand_augment", seed, epoch), fill }
    }

    /// Image `index`, `[h, w, c]`, distorted; it lies in `workspace`.
    pub(super) fn apply<'a>(
        &self,
        image: &[u8],
        size: ImageSize,
        index: usize,
        workspace: &'a mut Workspace,
    ) -> &'a [u8] {
        let shape = Shape { height: size.height(), width: size.width(), channels: self.fill.len() };
        workspace.image.clear();
        workspace.image.extend_from_slice(image);
        let mut rng = self.stream.rng(index);
        for _ in 0..self.policy.operations {
            let operation = Operation::ALL[rng.random_range(0..Operation::ALL.len())];
            let sign = if rng.random::<bool>() { 1.0 } else { -1.0 };
            operation.apply(sign * self.policy.strength(), shape, &self.fill, workspace);
        }
        &workspace.image
    }
}

/// The byte whose normalised value is nearest to zero.
#[expect(clippy::cast_possible_truncation, reason = "the table has 256 entries")]
fn mean_byte(table: &[f32; 256]) -> u8 {
    let nearest = table.iter().enumerate().min_by(|a, b| a.1.abs().total_cmp(&b.1.abs()));
    nearest.map_or(0, |(byte, _)| byte as u8)
}

#[cfg(test)]
mod tests;
