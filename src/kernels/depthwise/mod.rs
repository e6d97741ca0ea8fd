//! Depthwise convolution: every channel is filtered by its own `k x k` kernel (MobileNetV1, arXiv:1704.04861).
//!
//! `y[n, oy, ox, c] = sum_{i, j} x[n, oy * s - pad_top + i, ox * s - pad_left + j, c] * w[i, j, c]`
//!
//! Weights are `[k, k, c]`, so that neighbouring channels share a vector register. The input gradient is
//! the same gather as the forward pass with the kernel mirrored, see `taps`; both run through
//! `gather_rows`.

mod gather_rows;
mod line_gradients;
mod lines;
mod weight_gradient;

pub(crate) use line_gradients::LineGradients;
pub(crate) use lines::{Correlate, Line};
pub use weight_gradient::weight_gradient;

use self::gather_rows::GatherRows;
use super::parallel::for_each_piece;
use super::simd::dispatch;
use super::taps::Gather;
use super::window::Window;

/// Target values per piece of work: a few rows, so that their sources stay in the core's own cache.
const PIECE: usize = 1 << 14;

/// Depthwise convolution of `x: [n, h, w, c]` with `weights: [k, k, c]` into `y: [n, out_h, out_w, c]`.
///
/// # Panics
/// When a slice does not have the length its shape asks for.
pub fn forward(x: &[f32], shape: [usize; 4], weights: &[f32], window: Window, y: &mut [f32]) {
    let [n, h, w, c] = shape;
    check_lengths(x, shape, weights.len(), window, y.len());
    let gather = Planes {
        vertical: &Gather::forward(window.rows(h)),
        horizontal: &Gather::forward(window.columns(w)),
        source: [n, h, w],
        target: [window.out_h, window.out_w],
        channels: c,
        kernel: window.kernel,
    };
    gather.run(x, weights, y);
}

/// Gradient of the input, `dx: [n, h, w, c]`, from that of the output, `dy: [n, out_h, out_w, c]`.
///
/// # Panics
/// When a slice does not have the length its shape asks for.
pub fn input_gradient(dy: &[f32], shape: [usize; 4], weights: &[f32], window: Window, dx: &mut [f32]) {
    let [n, h, w, c] = shape;
    check_lengths(dx, shape, weights.len(), window, dy.len());
    let gather = Planes {
        vertical: &Gather::adjoint(window.rows(h)),
        horizontal: &Gather::adjoint(window.columns(w)),
        source: [n, window.out_h, window.out_w],
        target: [h, w],
        channels: c,
        kernel: window.kernel,
    };
    gather.run(dy, &mirrored(weights, c), dx);
}

fn check_lengths(x: &[f32], shape: [usize; 4], weights: usize, window: Window, y: usize) {
    let [n, h, w, c] = shape;
    assert_eq!(x.len(), n * h * w * c, "depthwise input");
    assert_eq!(weights, window.area() * c, "depthwise weights");
    assert_eq!(y, n * window.out_h * window.out_w * c, "depthwise output");
}

/// `weights: [k, k, c]` mirrored in both spatial directions.
fn mirrored(weights: &[f32], channels: usize) -> Vec<f32> {
    let mut mirrored = Vec::with_capacity(weights.len());
    for tap in weights.chunks_exact(channels.max(1)).rev() {
        mirrored.extend_from_slice(tap);
    }
    mirrored
}

/// A gather along both image axes, over a batch of images.
struct Planes<'a> {
    vertical: &'a Gather,
    horizontal: &'a Gather,
    /// `[n, h, w]` of the source.
    source: [usize; 3],
    /// `[h, w]` of the target.
    target: [usize; 2],
    channels: usize,
    kernel: usize,
}

impl Planes<'_> {
    fn run(&self, source: &[f32], weights: &[f32], target: &mut [f32]) {
        let [_, source_h, source_w] = self.source;
        let [target_h, target_w] = self.target;
        let image = source_h * source_w * self.channels;
        let row = target_w * self.channels;
        let rows_per_piece = (PIECE / row.max(1)).max(1);
        for_each_piece(target, rows_per_piece * row, |piece, rows| {
            dispatch(GatherRows {
                source,
                image,
                source_row: source_w * self.channels,
                weights,
                kernel: self.kernel,
                channels: self.channels,
                vertical: self.vertical,
                horizontal: self.horizontal,
                target_h,
                first_row: piece * rows_per_piece,
                target_row: row,
                rows,
            });
        });
    }
}

#[cfg(test)]
mod line_tests;
#[cfg(test)]
mod tests;
