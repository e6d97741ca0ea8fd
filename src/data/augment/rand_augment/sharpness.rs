//! Sharpness: the image against a smoothed one, as in Pillow's `ImageEnhance.Sharpness`.

use super::tone::nearest_byte;
use super::{Shape, Workspace};

/// The centre's weight against 1 for each of its eight neighbours.
const CENTRE: u32 = 5;

/// Multiplies the differences of each value from the smoothed image by `factor`; the border, which has no smoothed
/// values, stays.
pub(super) fn sharpness(factor: f32, shape: Shape, workspace: &mut Workspace) {
    let Shape { height, width, channels } = shape;
    let Workspace { image, next } = workspace;
    next.clear();
    next.extend_from_slice(image);
    let row = width * channels;
    for y in 1..height.saturating_sub(1) {
        for x in channels..row.saturating_sub(channels) {
            let at = y * row + x;
            let line = |at: usize| {
                u32::from(image[at - channels]) + u32::from(image[at]) + u32::from(image[at + channels])
            };
            let own = u32::from(image[at]);
            let sum = line(at - row) + line(at) + line(at + row) + (CENTRE - 1) * own;
            let smooth = sum as f32 / (CENTRE + 8) as f32;
            next[at] = nearest_byte(smooth + (own as f32 - smooth) * factor);
        }
    }
    std::mem::swap(image, next);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sharpened(image: &[u8], (height, width, channels): (usize, usize, usize), factor: f32) -> Vec<u8> {
        let mut workspace = Workspace { image: image.to_vec(), next: vec![9; 2] };
        sharpness(factor, Shape { height, width, channels }, &mut workspace);
        workspace.image
    }

    #[test]
    fn the_inside_moves_towards_or_away_from_its_neighbours() {
        // Smoothed centre: 5 * 130 / 13 = 50.
        let image = [0, 0, 0, 0, 130, 0, 0, 0, 0];
        assert_eq!(sharpened(&image, (3, 3, 1), 0.0)[4], 50);
        assert_eq!(sharpened(&image, (3, 3, 1), 0.5)[4], 90);
        assert_eq!(sharpened(&image, (3, 3, 1), 1.5)[4], 170);
        assert_eq!(sharpened(&image, (3, 3, 1), 1.0), image);
    }

    #[test]
    fn borders_stay_and_channels_are_apart() {
        let mut image = [0; 27];
        image[4 * 3 + 1] = 130;
        let mut expected = image;
        expected[4 * 3 + 1] = 50;
        assert_eq!(sharpened(&image, (3, 3, 3), 0.0), expected);
        let thin = [1, 200, 3, 4];
        assert_eq!(sharpened(&thin, (1, 4, 1), 0.1), thin);
        assert_eq!(sharpened(&thin, (4, 1, 1), 0.1), thin);
        assert_eq!(sharpened(&thin, (2, 2, 1), 0.1), thin);
    }
}
