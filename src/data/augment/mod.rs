//! Augmentation of small training images: what may be asked for, and one epoch of it.
//!
//! An image passes through [`RandAugment`] as bytes, is cropped and flipped while it is normalised (He et al. 2016,
//! section 4.2), loses a square to cutout, and is at last mixed with another image of its batch ([`Mixup`]): the order of
//! the published CIFAR pipelines.
//!
//! What happens to an image is a function of (seed, epoch, image index) alone, and each kind of augmentation draws from a
//! stream of its own: turning one on moves none of the others. Only mixing depends on the batch.

mod crop;
mod cutout;
mod error;
mod mixup;
mod rand_augment;
mod stream;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use error::AugmentError;
pub use mixup::{Mixed, Mixup};
pub use rand_augment::RandAugment;

pub(super) use mixup::Mixer;
pub(super) use rand_augment::Workspace;

use super::resize::ImageSize;
use crop::Crops;
use cutout::Cutouts;
use rand_augment::Policies;

/// Which augmentations are applied to training images; the default is none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Augment {
    /// Pixels of padding on each side, so the image moves by up to `pad` either way; 0 for none.
    pub pad: u16,
    /// Whether half of the images, at random, are mirrored left to right.
    pub flip: bool,
    /// Side in pixels of a square that is set to the mean colour; 0 for none. Its centre lies anywhere on the image, so
    /// part of it may lie outside (DeVries and Taylor 2017, arXiv:1708.04552).
    #[serde(skip_serializing_if = "is_zero")]
    pub cutout: u16,
    /// Mixing of images and labels within a batch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mixup: Option<Mixup>,
    /// Random distortions of shape and colour.
    // The last field: TOML writes tables after values.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rand_augment: Option<RandAugment>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(pixels: &u16) -> bool {
    *pixels == 0
}

impl Augment {
    /// No augmentation: images as they are.
    pub const NONE: Self = Self { pad: 0, flip: false, cutout: 0, mixup: None, rand_augment: None };
}

/// The augmentation of the images of one epoch; mixing, which needs a batch, is left to [`Mixer`].
#[derive(Debug, Clone)]
pub(super) struct Augmenter {
    crops: Crops,
    cutouts: Option<Cutouts>,
    policies: Option<Policies>,
}

impl Augmenter {
    /// Epoch `epoch` of `augment`, for images that `table` (`[c][256]`) normalises.
    pub(super) fn new(augment: &Augment, table: &[[f32; 256]], seed: u64, epoch: u64) -> Self {
        Self {
            crops: Crops::new(augment.pad, augment.flip, seed, epoch),
            cutouts: Cutouts::new(augment.cutout, seed, epoch),
            policies: augment.rand_augment.map(|policy| Policies::new(policy, table, seed, epoch)),
        }
    }

    /// Writes image `index`, `[h, w, c]` bytes, augmented and normalised by `table` to `output`, `[h, w, c]`.
    pub(super) fn write(
        &self,
        image: &[u8],
        size: ImageSize,
        index: usize,
        table: &[[f32; 256]],
        workspace: &mut Workspace,
        output: &mut [f32],
    ) {
        let image = match &self.policies {
            Some(policies) => policies.apply(image, size, index, workspace),
            None => image,
        };
        self.crops.write(image, size, index, table, output);
        if let Some(cutouts) = &self.cutouts {
            cutouts.apply(size, index, output);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn everything() -> Augment {
        Augment {
            pad: 4,
            flip: true,
            cutout: 8,
            mixup: Some(Mixup::new(0.2).unwrap()),
            rand_augment: Some(RandAugment::new(3, 12).unwrap()),
        }
    }

    #[test]
    fn files_without_the_newer_augmentations_parse_and_are_written_as_before() {
        let text = "pad = 2\nflip = true\n";
        let augment: Augment = toml::from_str(text).unwrap();
        assert_eq!(augment, Augment { pad: 2, flip: true, ..Augment::NONE });
        assert_eq!(toml::to_string(&augment).unwrap(), text);
        assert_eq!(toml::from_str::<Augment>("").unwrap(), Augment::NONE);
        assert_eq!(Augment::default(), Augment::NONE);
    }

    #[test]
    fn everything_survives_toml_and_json_also_inside_of_a_recipe() {
        #[derive(Debug, PartialEq, Serialize, Deserialize)]
        struct Recipe {
            epochs: u32,
            augment: Augment,
        }
        let recipe = Recipe { epochs: 3, augment: everything() };
        let text = toml::to_string(&recipe).unwrap();
        assert_eq!(toml::from_str::<Recipe>(&text).unwrap(), recipe, "{text}");
        let text = serde_json::to_string(&recipe).unwrap();
        assert_eq!(serde_json::from_str::<Recipe>(&text).unwrap(), recipe, "{text}");
    }

    #[test]
    fn inline_tables_take_defaults_and_whole_numbers() {
        let text = "mixup = 1\nrand_augment = { magnitude = 12 }";
        let augment: Augment = toml::from_str(text).unwrap();
        assert_eq!(augment.mixup, Some(Mixup::new(1.0).unwrap()));
        assert_eq!(augment.rand_augment, Some(RandAugment::new(2, 12).unwrap()));
        let augment: Augment = toml::from_str("rand_augment = {}").unwrap();
        assert_eq!(augment.rand_augment, Some(RandAugment::default()));
    }

    #[test]
    fn what_cannot_be_meant_is_refused_with_the_remedy() {
        for (text, part) in [
            ("erase = 3", "unknown field `erase`"),
            ("cutout = -1", "cutout"),
            ("mixup = 0", "leave it out"),
            ("rand_augment = { operations = 0 }", "1 to 13"),
            ("rand_augment = { magnitude = 31 }", "0 to 30"),
            ("rand_augment = { strength = 3 }", "unknown field `strength`"),
        ] {
            let error = toml::from_str::<Augment>(text).unwrap_err().to_string();
            assert!(error.contains(part), "{text}: {error}");
        }
    }
}
