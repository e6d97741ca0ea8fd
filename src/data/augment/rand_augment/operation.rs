//! The operations of RandAugment, and how strong each is at full magnitude.
//!
//! Every operation takes a signed strength in `-1..=1` (the magnitude as a share of its scale), leaves the image as it is
//! at zero, and works on any number of channels. [`Operation::AutoContrast`] and [`Operation::Equalise`] know no strength.
//! The reaches are those of the RandAugment paper's scale (as in torchvision), where it has them in pixels as a share of
//! its 32x32 images.

use super::{Shape, Workspace, equalise, geometry, sharpness, tone};

/// Degrees of the largest rotation.
const DEGREES: f32 = 30.0;
/// Columns per row, or rows per column, of the largest shear.
const SHEAR: f32 = 0.3;
/// The longest way of a translation as a share of the side: 10 of 32 pixels.
const TRANSLATION: f32 = 10.0 / 32.0;
/// The largest change of the factors of brightness, contrast and sharpness, which are 1 for the image as it is.
const ENHANCEMENT: f32 = 0.9;

/// A distortion of an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operation {
    /// The image as it is.
    Identity,
    /// The darkest value of each channel becomes 0, the brightest 255.
    AutoContrast,
    /// Each channel's histogram becomes as even as can be.
    Equalise,
    /// Up to 30 degrees around the centre, either way.
    Rotate,
    /// Rows slide by up to 0.3 columns per row off the centre, either way.
    ShearX,
    /// Columns slide by up to 0.3 rows per column off the centre, either way.
    ShearY,
    /// Up to 10/32 of the width, either way, in whole pixels.
    TranslateX,
    /// Up to 10/32 of the height, either way, in whole pixels.
    TranslateY,
    /// Values times 0.1 to 1.9.
    Brightness,
    /// Distances from the image's mean value times 0.1 to 1.9.
    Contrast,
    /// Differences from the smoothed image times 0.1 to 1.9.
    Sharpness,
    /// Up to 4 of the 8 bits of each value are cleared, from the lowest.
    Posterise,
    /// Values from a threshold on are inverted; at full strength, all.
    Solarise,
}

impl Operation {
    /// All operations; the order is part of what a seed means.
    pub(super) const ALL: [Self; 13] = [
        Self::Identity,
        Self::AutoContrast,
        Self::Equalise,
        Self::Rotate,
        Self::ShearX,
        Self::ShearY,
        Self::TranslateX,
        Self::TranslateY,
        Self::Brightness,
        Self::Contrast,
        Self::Sharpness,
        Self::Posterise,
        Self::Solarise,
    ];

    /// Changes the image of `workspace`; `fill` (`[c]`) is the colour outside of it.
    pub(super) fn apply(self, strength: f32, shape: Shape, fill: &[u8], workspace: &mut Workspace) {
        let factor = 1.0 + ENHANCEMENT * strength;
        match self {
            Self::Identity => {}
            Self::AutoContrast => tone::auto_contrast(&mut workspace.image, shape.channels),
            Self::Equalise => equalise::equalise(&mut workspace.image, shape.channels),
            Self::Rotate => geometry::rotate(strength * DEGREES, shape, fill, workspace),
            Self::ShearX => geometry::shear_x(strength * SHEAR, shape, fill, workspace),
            Self::ShearY => geometry::shear_y(strength * SHEAR, shape, fill, workspace),
            Self::TranslateX => geometry::translate_x(strength * TRANSLATION, shape, fill, workspace),
            Self::TranslateY => geometry::translate_y(strength * TRANSLATION, shape, fill, workspace),
            Self::Brightness => tone::brightness(&mut workspace.image, factor),
            Self::Contrast => tone::contrast(&mut workspace.image, factor),
            Self::Sharpness => sharpness::sharpness(factor, shape, workspace),
            Self::Posterise => tone::posterise(&mut workspace.image, strength.abs()),
            Self::Solarise => tone::solarise(&mut workspace.image, strength.abs()),
        }
    }
}
