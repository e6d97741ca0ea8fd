//! Rotations, shears and translations: each pixel takes the nearest one of where it comes from.
//!
//! Rotations and shears keep the centre of the image in place, and with it most of what a small image shows.

use super::{Shape, Workspace};

/// Turns the image by `degrees` around its centre, clockwise on a page whose rows count downwards.
pub(super) fn rotate(degrees: f32, shape: Shape, fill: &[u8], workspace: &mut Workspace) {
    let (sin, cos) = degrees.to_radians().sin_cos();
    warp(Origin { matrix: [[cos, sin], [-sin, cos]], shift: [0.0; 2] }, shape, fill, workspace);
}

/// Moves each row left by `slope` columns for each row that it lies below the centre.
pub(super) fn shear_x(slope: f32, shape: Shape, fill: &[u8], workspace: &mut Workspace) {
    warp(Origin { matrix: [[1.0, slope], [0.0, 1.0]], shift: [0.0; 2] }, shape, fill, workspace);
}

/// Moves each column up by `slope` rows for each column that it lies right of the centre.
pub(super) fn shear_y(slope: f32, shape: Shape, fill: &[u8], workspace: &mut Workspace) {
    warp(Origin { matrix: [[1.0, 0.0], [slope, 1.0]], shift: [0.0; 2] }, shape, fill, workspace);
}

/// Moves the image left by `share` of its width, in whole pixels.
pub(super) fn translate_x(share: f32, shape: Shape, fill: &[u8], workspace: &mut Workspace) {
    let shift = [(share * shape.width as f32).round(), 0.0];
    warp(Origin { shift, ..Origin::SAME }, shape, fill, workspace);
}

/// Moves the image up by `share` of its height, in whole pixels.
pub(super) fn translate_y(share: f32, shape: Shape, fill: &[u8], workspace: &mut Workspace) {
    let shift = [0.0, (share * shape.height as f32).round()];
    warp(Origin { shift, ..Origin::SAME }, shape, fill, workspace);
}

/// Where pixels come from: `matrix * (x, y) + shift`, with x to the right and y downwards from the centre.
struct Origin {
    matrix: [[f32; 2]; 2],
    shift: [f32; 2],
}

impl Origin {
    const SAME: Self = Self { matrix: [[1.0, 0.0], [0.0, 1.0]], shift: [0.0; 2] };
}

/// Replaces each pixel by the nearest one to its `origin`, or by `fill` (`[c]`) when that lies outside.
fn warp(origin: Origin, shape: Shape, fill: &[u8], workspace: &mut Workspace) {
    let Shape { height, width, channels } = shape;
    let Workspace { image, next } = workspace;
    let [[xx, xy], [yx, yy]] = origin.matrix;
    let (centre_x, centre_y) = ((width - 1) as f32 / 2.0, (height - 1) as f32 / 2.0);
    next.clear();
    for row in 0..height {
        let y = row as f32 - centre_y;
        let (row_x, row_y) = (xy * y + origin.shift[0] + centre_x, yy * y + origin.shift[1] + centre_y);
        for column in 0..width {
            let x = column as f32 - centre_x;
            let from = nearest(xx * x + row_x, width).zip(nearest(yx * x + row_y, height));
            next.extend_from_slice(match from {
                Some((column, row)) => &image[(row * width + column) * channels..][..channels],
                None => fill,
            });
        }
    }
    std::mem::swap(image, next);
}

/// The pixel of a line of `len` that `at` lies on.
fn nearest(at: f32, len: usize) -> Option<usize> {
    let shifted = at + 0.5;
    (shifted >= 0.0 && shifted < len as f32).then_some(shifted as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILL: u8 = 0;

    fn shown((height, width): (usize, usize), change: impl Fn(Shape, &[u8], &mut Workspace)) -> Vec<Vec<u8>> {
        let image: Vec<u8> = (1..=(height * width) as u8).collect();
        let mut workspace = Workspace { image, next: vec![99; 3] };
        change(Shape { height, width, channels: 1 }, &[FILL], &mut workspace);
        workspace.image.chunks(width).map(<[u8]>::to_vec).collect()
    }

    #[test]
    fn quarter_turns_are_exact() {
        let turned = |degrees: f32| shown((3, 3), |shape, fill, work| rotate(degrees, shape, fill, work));
        assert_eq!(turned(90.0), [[7, 4, 1], [8, 5, 2], [9, 6, 3]]);
        assert_eq!(turned(-90.0), [[3, 6, 9], [2, 5, 8], [1, 4, 7]]);
        let wide = shown((1, 4), |shape, fill, work| rotate(180.0, shape, fill, work));
        assert_eq!(wide, [[4, 3, 2, 1]]);
    }

    #[test]
    fn small_turns_move_the_corners_along_the_border() {
        let turned = shown((3, 3), |shape, fill, work| rotate(25.0, shape, fill, work));
        assert_eq!(turned, [[4, 2, 2], [4, 5, 6], [8, 8, 6]]);
        let turned = shown((5, 5), |shape, fill, work| rotate(30.0, shape, fill, work));
        assert_eq!(turned[2][2], 13);
        assert!(turned.concat().contains(&FILL));
    }

    #[test]
    fn shears_slide_lines_around_the_centre() {
        let sheared = shown((3, 4), |shape, fill, work| shear_x(1.0, shape, fill, work));
        assert_eq!(sheared, [[0, 1, 2, 3], [5, 6, 7, 8], [10, 11, 12, 0]]);
        let sheared = shown((2, 3), |shape, fill, work| shear_y(-1.0, shape, fill, work));
        assert_eq!(sheared, [[4, 2, 0], [0, 5, 3]]);
        let sheared = shown((5, 3), |shape, fill, work| shear_x(-0.3, shape, fill, work));
        assert_eq!(sheared, [[2, 3, 0], [4, 5, 6], [7, 8, 9], [10, 11, 12], [0, 13, 14]]);
    }

    #[test]
    fn translations_are_by_whole_pixels() {
        let moved = |share: f32| shown((1, 10), |shape, fill, work| translate_x(share, shape, fill, work));
        assert_eq!(moved(0.3), [[4, 5, 6, 7, 8, 9, 10, 0, 0, 0]]);
        assert_eq!(moved(-0.14), [[0, 1, 2, 3, 4, 5, 6, 7, 8, 9]]);
        assert_eq!(moved(0.04), [[1, 2, 3, 4, 5, 6, 7, 8, 9, 10]]);
        let moved = shown((3, 2), |shape, fill, work| translate_y(-0.3, shape, fill, work));
        assert_eq!(moved, [[0, 0], [1, 2], [3, 4]]);
    }

    #[test]
    fn all_channels_move_together_and_each_has_its_fill() {
        let mut workspace = Workspace { image: vec![1, 2, 3, 4, 5, 6], next: Vec::new() };
        let shape = Shape { height: 1, width: 3, channels: 2 };
        translate_x(1.0 / 3.0, shape, &[70, 80], &mut workspace);
        assert_eq!(workspace.image, [3, 4, 5, 6, 70, 80]);
    }
}
