//! Augmentation of small training images: what may be asked for, and one epoch of it.
//!
//! A random part of the original may be shown instead of the whole ([`ResizedCrop`]). An image passes through
//! [`RandAugment`] as bytes, is cropped and flipped while it is normalised (He et al. 2016,
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
mod resized_crop;
mod stream;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use error::AugmentError;
pub use mixup::{Mixed, Mixup};
pub use rand_augment::RandAugment;
pub use resized_crop::ResizedCrop;

pub(super) use mixup::Mixer;
pub(super) use rand_augment::Workspace;

use super::dataset::Window;
use super::resize::ImageSize;
use crop::Crops;
use cutout::Cutouts;
use rand_augment::Policies;
use stream::Stream;

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
    // The last fields are tables: TOML writes them after values.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rand_augment: Option<RandAugment>,
    /// Random parts of the original pictures, brought to the size of the images.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resized_crop: Option<ResizedCrop>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(pixels: &u16) -> bool {
    *pixels == 0
}

impl Augment {
    /// No augmentation: images as they are.
    pub const NONE: Self =
        Self { pad: 0, flip: false, cutout: 0, mixup: None, rand_augment: None, resized_crop: None };
}

/// The augmentation of the images of one epoch; mixing, which needs a batch, is left to [`Mixer`].
#[derive(Debug, Clone)]
pub(super) struct Augmenter {
    crops: Crops,
    cutouts: Option<Cutouts>,
    policies: Option<Policies>,
    windows: Option<(ResizedCrop, Stream)>,
}

impl Augmenter {
    /// Epoch `epoch` of `augment`, for images that `table` (`[c][256]`) normalises.
    pub(super) fn new(augment: &Augment, table: &[[f32; 256]], seed: u64, epoch: u64) -> Self {
        Self {
            crops: Crops::new(augment.pad, augment.flip, seed, epoch),
            cutouts: Cutouts::new(augment.cutout, seed, epoch),
            policies: augment.rand_augment.map(|policy| Policies::new(policy, table, seed, epoch)),
            windows: augment.resized_crop.map(|crop| (crop, Stream::new("resized_crop", seed, epoch))),
        }
    }

    /// Whether images are parts of their originals.
    pub(super) fn shows_windows(&self) -> bool {
        self.windows.is_some()
    }

    /// The part of the original that image `index` shows; none where it shows the whole.
    pub(super) fn window(&self, index: usize, original: ImageSize) -> Option<Window> {
        let (crop, stream) = self.windows.as_ref()?;
        Some(crop.window(original, &mut stream.rng(index)))
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
            resized_crop: Some(ResizedCrop::new([0.2, 0.9], [0.5, 2.0]).unwrap()),
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
    fn seeds_epochs_and_images_have_windows_of_their_own() {
        let size = ImageSize::new(300, 400).unwrap();
        let of = |seed, epoch, index| {
            Augmenter::new(&everything(), &[[0.0; 256]], seed, epoch).window(index, size).unwrap()
        };
        assert_eq!(of(1, 2, 3), of(1, 2, 3));
        for other in [of(2, 2, 3), of(1, 3, 3), of(1, 2, 4)] {
            assert_ne!(other, of(1, 2, 3));
        }
        assert_eq!(Augmenter::new(&Augment::NONE, &[[0.0; 256]], 1, 2).window(3, size), None);
    }

    #[test]
    fn inline_tables_take_defaults_and_whole_numbers() {
        let text = "mixup = 1\nrand_augment = { magnitude = 12 }";
        let augment: Augment = toml::from_str(text).unwrap();
        assert_eq!(augment.mixup, Some(Mixup::new(1.0).unwrap()));
        assert_eq!(augment.rand_augment, Some(RandAugment::new(2, 12).unwrap()));
        let augment: Augment = toml::from_str("rand_augment = {}").unwrap();
        assert_eq!(augment.rand_augment, Some(RandAugment::default()));
        let augment: Augment = toml::from_str("resized_crop = { area = [0.25, 1] }").unwrap();
        assert_eq!(augment.resized_crop, ResizedCrop::new([0.25, 1.0], [0.75, 4.0 / 3.0]).ok());
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
            ("resized_crop = { area = [0.0, 1.0] }", "above 0"),
            ("resized_crop = { area = [0.5, 1.1] }", "at most 1"),
            ("resized_crop = { ratio = [2.0, 1.0] }", "from the smaller to the larger"),
            ("resized_crop = { scale = 3 }", "unknown field `scale`"),
        ] {
            let error = toml::from_str::<Augment>(text).unwrap_err().to_string();
            assert!(error.contains(part), "{text}: {error}");
        }
    }
}
