//! Cutout (DeVries and Taylor 2017, arXiv:1708.04552): a square of the normalised image becomes zero, its mean colour.
//!
//! The centre is drawn evenly over all pixels and the square is clipped at the border (section 3.2 of the paper), so that
//! some images keep most of what they show.

use std::ops::Range;

use rand::Rng;

use super::stream::Stream;
use crate::data::resize::ImageSize;

/// The squares of one epoch.
#[derive(Debug, Clone)]
pub(super) struct Cutouts {
    side: usize,
    stream: Stream,
}

impl Cutouts {
    /// Squares of `side` pixels; `None` where there is nothing to cut.
    pub(super) fn new(side: u16, seed: u64, epoch: u64) -> Option<Self> {
        (side > 0).then(|| Self { side: side.into(), stream: Stream::new("cutout", seed, epoch) })
    }

    /// Sets the square of image `index` in `pixels`, `[h, w, c]`, to zero.
    pub(super) fn apply(&self, size: ImageSize, index: usize, pixels: &mut [f32]) {
        let mut rng = self.stream.rng(index);
        let row = rng.random_range(0..size.height());
        let column = rng.random_range(0..size.width());
        clear(pixels, size, span(row, self.side, size.height()), span(column, self.side, size.width()));
    }
}

/// The part of a line `0..len` that a square of `side` pixels around `centre` covers.
fn span(centre: usize, side: usize, len: usize) -> Range<usize> {
    let start = centre.saturating_sub(side / 2);
    let end = (centre + side - side / 2).min(len);
    start..end
}

/// Sets a rectangle of `pixels`, `[h, w, c]`, to zero.
fn clear(pixels: &mut [f32], size: ImageSize, rows: Range<usize>, columns: Range<usize>) {
    let row_len = pixels.len() / size.height();
    let channels = row_len / size.width();
    for row in pixels.chunks_exact_mut(row_len).take(rows.end).skip(rows.start) {
        row[columns.start * channels..columns.end * channels].fill(0.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn squares_are_whole_inside_and_clipped_at_the_border() {
        assert_eq!(span(5, 4, 10), 3..7);
        assert_eq!(span(5, 3, 10), 4..7);
        assert_eq!(span(0, 4, 10), 0..2);
        assert_eq!(span(9, 4, 10), 7..10);
        assert_eq!(span(9, 1, 10), 9..10);
        assert_eq!(span(1, 99, 3), 0..3);
    }

    #[test]
    fn all_channels_of_the_rectangle_become_zero_and_nothing_else() {
        let mut pixels = vec![1.0; 2 * 3 * 2];
        clear(&mut pixels, ImageSize::new(2, 3).unwrap(), 1..2, 1..3);
        assert_eq!(pixels, [1., 1., 1., 1., 1., 1., 1., 1., 0., 0., 0., 0.]);
    }

    /// The zeros of image `index`, row by row, in an image of ones.
    fn holes(cutouts: &Cutouts, (h, w, c): (usize, usize, usize), index: usize) -> Vec<Vec<usize>> {
        let mut pixels = vec![1.0; h * w * c];
        cutouts.apply(ImageSize::new(h, w).unwrap(), index, &mut pixels);
        let hole = |row: &[f32]| {
            let pixels = row.chunks_exact(c).enumerate();
            pixels.filter(|(_, pixel)| pixel.iter().all(|&value| value == 0.0)).map(|(x, _)| x).collect()
        };
        let zeros = pixels.iter().filter(|&&value| value == 0.0).count();
        let rows: Vec<Vec<usize>> = pixels.chunks_exact(w * c).map(hole).collect();
        assert_eq!(zeros, rows.iter().map(Vec::len).sum::<usize>() * c, "channels differ");
        rows
    }

    proptest! {
        #[test]
        fn a_hole_is_one_rectangle_of_at_least_a_quarter_and_at_most_the_whole_square(
            (h, w, c) in (1usize..12, 1usize..12, 1usize..4),
            side in 1u16..16,
            index in 0usize..1000,
        ) {
            let rows = holes(&Cutouts::new(side, 5, 2).unwrap(), (h, w, c), index);
            let cut: Vec<(usize, &Vec<usize>)> =
                rows.iter().enumerate().filter(|(_, row)| !row.is_empty()).collect();
            let side = usize::from(side);
            prop_assert!(cut.windows(2).all(|pair| pair[0].0 + 1 == pair[1].0 && pair[0].1 == pair[1].1));
            prop_assert!(cut[0].1.windows(2).all(|pair| pair[0] + 1 == pair[1]));
            for (found, len) in [(cut.len(), h), (cut[0].1.len(), w)] {
                prop_assert!((side.div_ceil(2).min(len)..=side.min(len)).contains(&found), "{found} of {len}");
            }
        }
    }

    #[test]
    fn centres_reach_every_pixel_and_follow_seed_epoch_and_image() {
        let drawn = |seed, epoch| -> Vec<Vec<Vec<usize>>> {
            let cutouts = Cutouts::new(1, seed, epoch).unwrap();
            (0..200).map(|index| holes(&cutouts, (3, 4, 1), index)).collect()
        };
        let first = drawn(1, 1);
        let mut centres = first.clone();
        centres.sort();
        centres.dedup();
        assert_eq!(centres.len(), 12);
        assert_eq!(drawn(1, 1), first);
        assert_ne!(drawn(2, 1), first);
        assert_ne!(drawn(1, 2), first);
        assert!(Cutouts::new(0, 1, 1).is_none());
    }
}
