//! Patches of a full convolution, so that it becomes a pointwise one.
//!
//! `patches[n, oy, ox, i, j, c] = x[n, oy * s - pad_top + i, ox * s - pad_left + j, c]`, zero in the padding: with
//! weights `[c_out, k, k, c_in]` the convolution is `patches * W^T`. Used for the few full convolutions of a
//! mobile network, above all the stem.

use super::parallel::{PIECE, for_each_piece};
use super::taps::{Gather, Taps};
use super::window::Window;

/// Fills `patches: [n, out_h, out_w, k * k * c]` from `x: [n, h, w, c]`.
///
/// # Panics
/// When a slice does not have the length its shape asks for.
pub fn patches(x: &[f32], shape: [usize; 4], window: Window, patches: &mut [f32]) {
    let layout = Layout::new(shape, window);
    layout.check(x.len(), patches.len());
    let rows_per_piece = (PIECE / layout.patch_row.max(1)).max(1);
    for_each_piece(patches, rows_per_piece * layout.patch_row, |piece, rows| {
        for (i, row) in rows.chunks_exact_mut(layout.patch_row).enumerate() {
            let number = piece * rows_per_piece + i;
            let (image, oy) = (number / window.out_h, number % window.out_h);
            row.fill(0.0);
            let image = &x[image * layout.image..][..layout.image];
            layout.for_each_stretch(oy, |at, from, length| {
                row[at..at + length].copy_from_slice(&image[from..from + length]);
            });
        }
    });
}

/// The adjoint of [`patches`]: adds every entry of `dpatches: [n, out_h, out_w, k * k * c]` to the pixel of
/// `dx: [n, h, w, c]` it was taken from.
///
/// # Panics
/// When a slice does not have the length its shape asks for.
pub fn patches_adjoint(dpatches: &[f32], shape: [usize; 4], window: Window, dx: &mut [f32]) {
    let layout = Layout::new(shape, window);
    layout.check(dx.len(), dpatches.len());
    let dpatches_image = window.out_h * layout.patch_row;
    for_each_piece(dx, layout.image, |i, dx| {
        dx.fill(0.0);
        let rows = &dpatches[i * dpatches_image..][..dpatches_image];
        for (oy, row) in rows.chunks_exact(layout.patch_row.max(1)).enumerate() {
            layout.for_each_stretch(oy, |at, to, length| {
                for (dx, d) in dx[to..to + length].iter_mut().zip(&row[at..at + length]) {
                    *dx += d;
                }
            });
        }
    });
}

/// Where patches and pixels lie.
struct Layout {
    shape: [usize; 4],
    window: Window,
    vertical: Vec<Taps>,
    horizontal: Vec<Taps>,
    /// Values per image.
    image: usize,
    /// Values of one row of patches.
    patch_row: usize,
}

impl Layout {
    fn new(shape: [usize; 4], window: Window) -> Self {
        let [_, h, w, c] = shape;
        Self {
            shape,
            window,
            vertical: Gather::forward(window.rows(h)).taps,
            horizontal: Gather::forward(window.columns(w)).taps,
            image: h * w * c,
            patch_row: window.out_w * window.area() * c,
        }
    }

    fn check(&self, x: usize, patches: usize) {
        assert_eq!(x, self.shape[0] * self.image, "image batch");
        assert_eq!(patches, self.shape[0] * self.window.out_h * self.patch_row, "patches");
    }

    /// Calls `visit(at, pixel, length)` for every stretch of a row of patches that comes from the image: its
    /// position in the row and in the image, and its length.
    fn for_each_stretch(&self, oy: usize, mut visit: impl FnMut(usize, usize, usize)) {
        let [_, _, w, c] = self.shape;
        let kernel = self.window.kernel;
        let down = self.vertical[oy];
        for (ox, across) in self.horizontal.iter().enumerate() {
            for i in 0..down.count {
                let tap = (down.weight + i) * kernel + across.weight;
                let pixel = (down.source + i) * w + across.source;
                visit((ox * kernel * kernel + tap) * c, pixel * c, across.count * c);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::kernels::testing::{assert_close, assert_same_for_any_thread_count, dot, values, wide};

    fn naive(x: &[f32], [n, h, w, c]: [usize; 4], window: Window) -> Vec<f32> {
        let Window { kernel, stride, pad_top, pad_left, out_h, out_w } = window;
        let mut patches = Vec::new();
        for image in 0..n {
            for (oy, ox) in (0..out_h).flat_map(|y| (0..out_w).map(move |x| (y, x))) {
                for (i, j) in (0..kernel).flat_map(|i| (0..kernel).map(move |j| (i, j))) {
                    let iy = (oy * stride + i).wrapping_sub(pad_top);
                    let ix = (ox * stride + j).wrapping_sub(pad_left);
                    let inside = iy < h && ix < w;
                    patches.extend((0..c).map(|channel| {
                        if inside { x[((image * h + iy) * w + ix) * c + channel] } else { 0.0 }
                    }));
                }
            }
        }
        patches
    }

    const CASES: [([usize; 4], Window); 4] = [
        ([2, 8, 6, 3], Window { kernel: 3, stride: 2, pad_top: 0, pad_left: 1, out_h: 4, out_w: 3 }),
        ([1, 5, 7, 1], Window { kernel: 3, stride: 1, pad_top: 1, pad_left: 1, out_h: 5, out_w: 7 }),
        ([3, 4, 3, 17], Window { kernel: 5, stride: 1, pad_top: 2, pad_left: 2, out_h: 4, out_w: 3 }),
        ([1, 2, 2, 2], Window { kernel: 3, stride: 2, pad_top: 4, pad_left: 0, out_h: 4, out_w: 3 }),
    ];

    #[rstest]
    fn agrees_with_the_definition(#[values(0, 1, 2, 3)] case: usize) {
        let (shape, window) = CASES[case];
        let x = values(shape.iter().product(), 1);
        let expected = naive(&x, shape, window);
        let mut found = vec![f32::NAN; expected.len()];
        patches(&x, shape, window, &mut found);
        assert_eq!(found, expected);
    }

    #[rstest]
    fn adjoint_is_the_transpose(#[values(0, 1, 2, 3)] case: usize) {
        let (shape, window) = CASES[case];
        let len = shape.iter().product();
        let dpatches = values(naive(&vec![0.0; len], shape, window).len(), 2);
        let mut dx = vec![f32::NAN; len];
        patches_adjoint(&dpatches, shape, window, &mut dx);
        let unit = |i: usize| (0..len).map(|j| f32::from(u8::from(i == j))).collect::<Vec<_>>();
        let column = |i| dot(&wide(&naive(&unit(i), shape, window)), &wide(&dpatches));
        assert_close(&dx, &(0..len).map(column).collect::<Vec<_>>(), 1e-6);
    }

    #[test]
    fn threads_change_nothing() {
        let (shape, window) = CASES[0];
        let x = values(shape.iter().product(), 1);
        assert_same_for_any_thread_count(|| {
            let mut found = vec![0.0; 2 * 4 * 3 * 27];
            patches(&x, shape, window, &mut found);
            let mut dx = vec![0.0; x.len()];
            patches_adjoint(&found, shape, window, &mut dx);
            [found, dx].concat()
        });
    }
}
