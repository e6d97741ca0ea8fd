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
}
