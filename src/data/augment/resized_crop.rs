//! Random resized crops: a part of the original picture, of random area and aspect ratio, brought to the size of the
//! images (Szegedy et al. 2015, arXiv:1409.4842, section 6; what MobileNets are trained with on ImageNet).
//!
//! Evaluation sees whole pictures.

use rand::Rng;
use schemars::JsonSchema;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

use super::error::AugmentError;
use crate::data::dataset::Window;
use crate::data::resize::ImageSize;

/// How often a window is drawn until one lies within the picture, as in torchvision: one draw in a hundred of the default
/// ranges does not fit a picture of 4:3.
const ATTEMPTS: usize = 10;

/// Shares of the picture's area, and aspect ratios (width to height), that a crop is drawn from; by default those of
/// the paper, 8 to 100 % and 3:4 to 4:3.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ResizedCrop {
    /// Smallest and largest share of the picture's area.
    #[serde(deserialize_with = "areas")]
    area: [f64; 2],
    /// Smallest and largest ratio of width to height.
    #[serde(deserialize_with = "ratios")]
    ratio: [f64; 2],
}

fn areas<'de, D: Deserializer<'de>>(file: D) -> Result<[f64; 2], D::Error> {
    let area = <[f64; 2]>::deserialize(file)?;
    ResizedCrop { area, ..ResizedCrop::default() }.checked().map(|crop| crop.area).map_err(D::Error::custom)
}

fn ratios<'de, D: Deserializer<'de>>(file: D) -> Result<[f64; 2], D::Error> {
    let ratio = <[f64; 2]>::deserialize(file)?;
    ResizedCrop { ratio, ..ResizedCrop::default() }.checked().map(|crop| crop.ratio).map_err(D::Error::custom)
}

impl Default for ResizedCrop {
    fn default() -> Self {
        Self { area: [0.08, 1.0], ratio: [0.75, 4.0 / 3.0] }
    }
}

impl ResizedCrop {
    /// Crops of a share of the picture's area within `area` and a ratio of width to height within `ratio`.
    ///
    /// # Errors
    /// [`AugmentError::CropArea`] and [`AugmentError::CropRatio`] for ranges that are none.
    pub fn new(area: [f64; 2], ratio: [f64; 2]) -> Result<Self, AugmentError> {
        Self { area, ratio }.checked()
    }

    fn checked(self) -> Result<Self, AugmentError> {
        let Self { area, ratio } = self;
        if !(area[0] > 0.0 && area[0] <= area[1] && area[1] <= 1.0) {
            return Err(AugmentError::CropArea { area });
        }
        if !(ratio[0] >= 0.01 && ratio[0] <= ratio[1] && ratio[1] <= 100.0) {
            return Err(AugmentError::CropRatio { ratio });
        }
        Ok(self)
    }

    /// A window of an original of this size: drawn until one fits, else the largest one in the middle whose ratio is
    /// allowed.
    pub(super) fn window(&self, original: ImageSize, rng: &mut impl Rng) -> Window {
        let Self { area: [least, most], ratio: [tall, wide] } = *self;
        for _ in 0..ATTEMPTS {
            let area = original.pixels() as f64 * rng.random_range(least..=most);
            let ratio = rng.random_range(tall.ln()..=wide.ln()).exp();
            let size = (rounded((area / ratio).sqrt()), rounded((area * ratio).sqrt()));
            if let Some((top, left)) = margins(original, size) {
                let (top, left) = (rng.random_range(0..=top), rng.random_range(0..=left));
                if let Ok(size) = ImageSize::new(size.0, size.1) {
                    return Window { top, left, size };
                }
            }
        }
        let (height, width) = (original.height(), original.width());
        let own = width as f64 / height as f64;
        let size = match own {
            _ if own < tall => (rounded(width as f64 / tall).clamp(1, height), width),
            _ if own > wide => (height, rounded(height as f64 * wide).clamp(1, width)),
            _ => (height, width),
        };
        let size = ImageSize::new(size.0, size.1).expect("not larger than the original and not empty");
        Window { top: (height - size.height()) / 2, left: (width - size.width()) / 2, size }
    }
}

/// The largest top and left of a part of this size, if it lies within the original and is not empty.
fn margins(original: ImageSize, (height, width): (usize, usize)) -> Option<(usize, usize)> {
    let margin = |side: usize, part: usize| (part > 0).then(|| side.checked_sub(part)).flatten();
    Some((margin(original.height(), height)?, margin(original.width(), width)?))
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "sides are positive and below 2^22"
)]
fn rounded(side: f64) -> usize {
    side.round() as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn window(range: ResizedCrop, index: usize, height: usize, width: usize) -> Window {
        range.window(ImageSize::new(height, width).unwrap(), &mut crate::seed::rng(7, "window", index as u64))
    }

    proptest! {
        #[test]
        fn windows_lie_within_the_picture(
            (height, width) in (1usize..400, 1usize..400),
            least in 0.001f64..1.0,
            index in 0usize..1000,
        ) {
            let range = ResizedCrop::new([least, 1.0], [0.75, 4.0 / 3.0]).unwrap();
            let Window { top, left, size } = window(range, index, height, width);
            prop_assert!(top + size.height() <= height && left + size.width() <= width);
        }
    }

    #[test]
    fn areas_and_ratios_fill_their_ranges() {
        let windows: Vec<Window> =
            (0..2000).map(|index| window(ResizedCrop::default(), index, 480, 640)).collect();
        let areas = || windows.iter().map(|w| w.size.pixels() as f64 / (480.0 * 640.0));
        let ratios = || windows.iter().map(|w| w.size.width() as f64 / w.size.height() as f64);
        assert!(areas().all(|area| (0.079..=1.001).contains(&area)));
        assert!(ratios().all(|ratio| (0.74..=1.35).contains(&ratio)));
        let mean = areas().sum::<f64>() / 2000.0;
        // Shares up to u = 3/4 of the ratio fit this picture. Over ratios, u is log-uniform in 9/16..1, so that the mean is
        // (E[u^2] - 0.08^2) / 2 / (E[u] - 0.08) = 0.432.
        assert!((mean - 0.432).abs() < 0.02, "{mean}");
        assert!(areas().any(|area| area < 0.1) && areas().any(|area| area > 0.9));
        assert!(ratios().any(|ratio| ratio < 0.78) && ratios().any(|ratio| ratio > 1.28));
        let corners = |at: fn(&Window) -> usize| windows.iter().map(at).max().unwrap();
        assert!(corners(|w| w.top) > 250 && corners(|w| w.left) > 350);
    }

    #[test]
    fn a_picture_that_no_window_fits_is_cropped_in_the_middle() {
        let all = ResizedCrop::new([1.0, 1.0], [0.75, 4.0 / 3.0]).unwrap();
        let expected = Window { top: 0, left: 433, size: ImageSize::new(100, 133).unwrap() };
        assert_eq!(window(all, 0, 100, 1000), expected);
        let expected = Window { top: 433, left: 0, size: ImageSize::new(133, 100).unwrap() };
        assert_eq!(window(all, 0, 1000, 100), expected);
        assert_eq!(window(ResizedCrop::default(), 0, 1, 1).size, ImageSize::new(1, 1).unwrap());
    }
}
