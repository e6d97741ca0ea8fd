//! Padding, random cropping and horizontal flips.
//!
//! He et al. 2016, "Deep Residual Learning for Image Recognition", section 4.2: each side is padded
//! by `pad` pixels, and a crop of the original size is taken from the padded image or its mirror
//! image. Padding is zero after normalisation, that is the mean colour before it.
//!
//! The placement of an image is a function of (seed, epoch, image index) alone: it does not depend
//! on the threads, on the batch that the image is in, or on what was drawn for other images.

use rand::Rng;

use super::stream::Stream;
use crate::data::resize::ImageSize;

/// Where the crop of one image lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Placement {
    /// Row of the padded image at which the crop starts, in `0..=2 * pad`.
    top: usize,
    /// Column of the padded image at which the crop starts, in `0..=2 * pad`.
    left: usize,
    /// Whether the crop is mirrored left to right.
    mirrored: bool,
}

/// The crops of one epoch.
#[derive(Debug, Clone)]
pub(super) struct Crops {
    pad: u16,
    flip: bool,
    stream: Stream,
}

impl Crops {
    pub(super) fn new(pad: u16, flip: bool, seed: u64, epoch: u64) -> Self {
        Self { pad, flip, stream: Stream::new("augment", seed, epoch) }
    }

    /// Writes the crop of image `index`, `[h, w, c]` bytes, normalised by `table` (`[c][256]`), to `output`
    /// (`[h, w, c]`).
    pub(super) fn write(
        &self,
        image: &[u8],
        size: ImageSize,
        index: usize,
        table: &[[f32; 256]],
        output: &mut [f32],
    ) {
        write_crop(image, size, self.pad.into(), self.placement(index), table, output);
    }

    /// The placement of image `index`.
    fn placement(&self, index: usize) -> Placement {
        if self.pad == 0 && !self.flip {
            return Placement { top: 0, left: 0, mirrored: false };
        }
        let mut rng = self.stream.rng(index);
        let last = 2 * u32::from(self.pad);
        // All three are always drawn, so that turning flips on does not move the crops.
        let (top, left) = (rng.random_range(0..=last), rng.random_range(0..=last));
        let heads = rng.random::<bool>();
        Placement { top: top as usize, left: left as usize, mirrored: heads && self.flip }
    }
}

/// Writes the crop of `image` (`[h, w, c]` bytes) at `placement`, normalised by `table` (`[c][256]`),
/// to `output` (`[h, w, c]`).
fn write_crop(
    image: &[u8],
    size: ImageSize,
    pad: usize,
    placement: Placement,
    table: &[[f32; 256]],
    output: &mut [f32],
) {
    let channels = table.len();
    let row_len = size.width() * channels;
    let columns = overlap(placement.left, pad, size.width());
    for (y, row) in output.chunks_exact_mut(row_len).enumerate() {
        let Some(source_y) =
            (placement.top + y).checked_sub(pad).filter(|&source_y| source_y < size.height())
        else {
            row.fill(0.0);
            continue;
        };
        row[..columns.target * channels].fill(0.0);
        row[(columns.target + columns.len) * channels..].fill(0.0);
        let source = &image[source_y * row_len..][columns.source * channels..];
        let target = &mut row[columns.target * channels..][..columns.len * channels];
        for (values, pixel) in target.chunks_exact_mut(channels).zip(source.chunks_exact(channels)) {
            for ((value, &byte), table) in values.iter_mut().zip(pixel).zip(table) {
                *value = table[usize::from(byte)];
            }
        }
        if placement.mirrored {
            mirror(row, channels);
        }
    }
}

/// The part of a line of the crop that lies on the image.
struct Overlap {
    source: usize,
    target: usize,
    len: usize,
}

/// Overlap of the image, `0..len`, with the crop that starts at `start - pad`.
fn overlap(start: usize, pad: usize, len: usize) -> Overlap {
    let source = start.saturating_sub(pad).min(len);
    let target = pad.saturating_sub(start).min(len);
    Overlap { source, target, len: len - source.max(target) }
}

/// Reverses the order of the pixels of a row.
fn mirror(row: &mut [f32], channels: usize) {
    let pixels = row.len() / channels;
    for left in 0..pixels / 2 {
        let right = pixels - 1 - left;
        for channel in 0..channels {
            row.swap(left * channels + channel, right * channels + channel);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rand::Rng;

    /// `table[c][byte] = byte`, so that a crop shows the bytes it copied; bytes start at 1 and
    /// padding is 0.
    fn crop(h: usize, w: usize, c: usize, pad: usize, placement: Placement) -> Vec<f32> {
        let image: Vec<u8> = (0..h * w * c).map(|i| (i % 255 + 1) as u8).collect();
        let table = vec![std::array::from_fn(|byte| byte as f32); c];
        let mut output = vec![f32::NAN; image.len()];
        write_crop(&image, ImageSize::new(h, w).unwrap(), pad, placement, &table, &mut output);
        output
    }

    fn at(top: usize, left: usize, mirrored: bool) -> Placement {
        Placement { top, left, mirrored }
    }

    #[test]
    fn crops_move_and_mirror() {
        assert_eq!(crop(2, 3, 1, 0, at(0, 0, false)), [1., 2., 3., 4., 5., 6.]);
        assert_eq!(crop(2, 3, 1, 0, at(0, 0, true)), [3., 2., 1., 6., 5., 4.]);
        assert_eq!(crop(2, 3, 1, 1, at(0, 0, false)), [0., 0., 0., 0., 1., 2.]);
        assert_eq!(crop(2, 3, 1, 1, at(2, 2, false)), [5., 6., 0., 0., 0., 0.]);
        assert_eq!(crop(2, 3, 1, 1, at(1, 2, true)), [0., 3., 2., 0., 6., 5.]);
        assert_eq!(crop(1, 2, 2, 1, at(1, 0, false)), [0., 0., 1., 2.]);
        assert_eq!(crop(1, 2, 2, 0, at(0, 0, true)), [3., 4., 1., 2.]);
    }

    proptest! {
        #[test]
        fn a_crop_is_the_padded_image_shifted(
            (h, w, c) in (1usize..6, 1usize..6, 1usize..4),
            pad in 0usize..9,
            (top, left, mirrored) in (0usize..17, 0usize..17, any::<bool>()),
        ) {
            let (top, left) = (top.min(2 * pad), left.min(2 * pad));
            let output = crop(h, w, c, pad, at(top, left, mirrored));
            for y in 0..h {
                for x in 0..w {
                    let column = left + if mirrored { w - 1 - x } else { x };
                    for channel in 0..c {
                        let inside = (pad..pad + h).contains(&(top + y)) && (pad..pad + w).contains(&column);
                        let expected = if inside {
                            (((top + y - pad) * w + column - pad) * c + channel + 1) as f32
                        } else {
                            0.0
                        };
                        prop_assert_eq!(output[(y * w + x) * c + channel], expected);
                    }
                }
            }
        }
    }

    #[test]
    fn placements_cover_their_range_and_depend_on_seed_epoch_and_image() {
        let placements = |seed, epoch| -> Vec<Placement> {
            let crops = Crops::new(2, true, seed, epoch);
            (0..400).map(|index| crops.placement(index)).collect()
        };
        let drawn = placements(1, 1);
        for value in 0..=4 {
            assert!(drawn.iter().any(|p| p.top == value) && drawn.iter().any(|p| p.left == value));
        }
        assert!(drawn.iter().all(|p| p.top <= 4 && p.left <= 4));
        let mirrored = drawn.iter().filter(|p| p.mirrored).count();
        assert!((150..250).contains(&mirrored), "{mirrored}");
        assert_eq!(placements(1, 1), drawn);
        assert_ne!(placements(2, 1), drawn);
        assert_ne!(placements(1, 2), drawn);
        let without = Crops::new(2, false, 1, 1);
        for (index, with) in drawn.iter().enumerate() {
            assert_eq!(without.placement(index), Placement { mirrored: false, ..*with });
        }
    }

    #[test]
    fn placements_are_drawn_as_ever_so_that_old_runs_go_on_alike() {
        for index in 0..20 {
            let mut rng = crate::seed::rng(7, "data/augment/3", index);
            let (top, left): (u32, u32) = (rng.random_range(0..=4), rng.random_range(0..=4));
            let expected = at(top as usize, left as usize, rng.random());
            assert_eq!(Crops::new(2, true, 7, 3).placement(index as usize), expected);
        }
    }

    #[test]
    fn none_leaves_images_in_place() {
        assert_eq!(Crops::new(0, false, 1, 2).placement(3), at(0, 0, false));
    }
}
