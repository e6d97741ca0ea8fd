//! Numbers that no augmentation can have.

use super::mixup::ALPHAS;
use super::rand_augment::{MAGNITUDES, OPERATIONS};

/// Why an augmentation is refused.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum AugmentError {
    /// RandAugment draws no operation, or more than there are.
    #[error("rand_augment.operations is {found}, but must be from {} to {}", OPERATIONS.start(), OPERATIONS.end())]
    Operations {
        /// Operations per image.
        found: u8,
    },
    /// The magnitude of RandAugment is beyond its scale.
    #[error("rand_augment.magnitude is {found}, but must be from {} to {}", MAGNITUDES.start(), MAGNITUDES.end())]
    Magnitude {
        /// The magnitude.
        found: u8,
    },
    /// The parameter of mixup is out of range or not a number.
    #[error("mixup is {alpha}, but must be from {} to {}; leave it out for none", ALPHAS.start(), ALPHAS.end())]
    MixupAlpha {
        /// Both parameters of the Beta distribution.
        alpha: f64,
    },
    /// The areas of random crops are out of range.
    #[error(
        "resized_crop.area is {area:?}, but must be two shares of the picture, above 0, at most 1, from the smaller to the larger"
    )]
    CropArea {
        /// Smallest and largest share.
        area: [f64; 2],
    },
    /// The aspect ratios of random crops are out of range.
    #[error(
        "resized_crop.ratio is {ratio:?}, but must be two ratios of width to height from 0.01 to 100, from the smaller to the larger"
    )]
    CropRatio {
        /// Smallest and largest ratio.
        ratio: [f64; 2],
    },
}
