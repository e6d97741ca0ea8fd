//! Weight gradient of a depthwise convolution.
//!
//! `dw[i, j, c] = sum_{n, oy, ox} dy[n, oy, ox, c] * x[n, oy * s - pad_top + i, ox * s - pad_left + j, c]`
//!
//! The batch is cut into at most [`PARTS`] groups of images. Every group sums into its own copy of the
//! gradient; the copies are added in order.

use super::super::parallel::{for_each_piece, sum_in_order};
use super::super::simd::{self, Isa, PerLanes, Vectorised, dispatch};
use super::super::taps::{Gather, Run, Taps};
use super::super::window::Window;
use super::check_lengths;

/// Largest number of partial gradients.
const PARTS: usize = 16;

/// Gradient of the weights, `dw: [k, k, c]`, from `x: [n, h, w, c]` and `dy: [n, out_h, out_w, c]`.
///
/// # Panics
/// When a slice does not have the length its shape asks for.
pub fn weight_gradient(x: &[f32], shape: [usize; 4], dy: &[f32], window: Window, dw: &mut [f32]) {
    let [n, h, w, c] = shape;
    check_lengths(x, shape, dw.len(), window, dy.len());
    let (image, dy_image) = (h * w * c, window.out_h * window.out_w * c);
    if n == 0 || image == 0 || dy_image == 0 {
        dw.fill(0.0);
        return;
    }
    let vertical = Gather::forward(window.rows(h));
    let horizontal = Gather::forward(window.columns(w));
    let images = n.div_ceil(PARTS);
    let mut partials = vec![0.0; n.div_ceil(images) * dw.len()];
    for_each_piece(&mut partials, dw.len(), |part, partial| {
        let x = x[part * images * image..].chunks_exact(image);
        let dy = dy[part * images * dy_image..].chunks_exact(dy_image);
        for (x, dy) in x.zip(dy).take(images) {
            dispatch(Image {
                x,
                x_row: w * c,
                dy,
                dy_row: window.out_w * c,
                kernel: window.kernel,
                channels: c,
                vertical: &vertical,
                horizontal: &horizontal,
                dw: partial,
            });
        }
    });
    sum_in_order(&partials, dw);
}

/// One image's contribution, added to `dw`.
struct Image<'a> {
    x: &'a [f32],
    x_row: usize,
    dy: &'a [f32],
    dy_row: usize,
    kernel: usize,
    channels: usize,
    vertical: &'a Gather,
    horizontal: &'a Gather,
    dw: &'a mut [f32],
}

impl Vectorised for Image<'_> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(self) {
        for (dy, &taps) in self.dy.chunks_exact(self.dy_row).zip(&self.vertical.taps) {
            let mut row = Row {
                x: self.x,
                x_row: self.x_row,
                dy,
                kernel: self.kernel,
                channels: self.channels,
                taps,
                horizontal: self.horizontal,
                dw: self.dw,
            };
            simd::for_each_lanes::<I>(self.channels, &mut row);
        }
    }
}

/// The contribution of one row of the output gradient.
struct Row<'a> {
    x: &'a [f32],
    x_row: usize,
    dy: &'a [f32],
    kernel: usize,
    channels: usize,
    /// The input rows this output row sees.
    taps: Taps,
    horizontal: &'a Gather,
    dw: &'a mut [f32],
}

impl PerLanes for Row<'_> {
    #[inline(always)]
    fn lanes<I: Isa, const L: usize>(&mut self, channel: usize) {
        let horizontal = self.horizontal;
        for run in &horizontal.runs {
            let mut down = 0;
            while down + 3 <= self.taps.count {
                self.columns::<I, L, 3>(run, down, channel);
                down += 3;
            }
            while down + 2 <= self.taps.count {
                self.columns::<I, L, 2>(run, down, channel);
                down += 2;
            }
            if down < self.taps.count {
                self.columns::<I, L, 1>(run, down, channel);
            }
        }
    }
}

impl Row<'_> {
    /// Kernel rows `down..down + R`, in groups of kernel columns that fit the registers.
    #[inline(always)]
    fn columns<I: Isa, const L: usize, const R: usize>(&mut self, run: &Run, down: usize, channel: usize) {
        let mut across = 0;
        while across + 5 <= run.taps.count {
            self.taps::<I, L, R, 5>(run, down, across, channel);
            across += 5;
        }
        while across + 3 <= run.taps.count {
            self.taps::<I, L, R, 3>(run, down, across, channel);
            across += 3;
        }
        while across < run.taps.count {
            self.taps::<I, L, R, 1>(run, down, across, channel);
            across += 1;
        }
    }

    /// `R x C` neighbouring taps, summed over the outputs of a run.
    #[inline(always)]
    fn taps<I: Isa, const L: usize, const R: usize, const C: usize>(
        &mut self,
        run: &Run,
        down: usize,
        across: usize,
        channel: usize,
    ) {
        let channels = self.channels;
        let x_step = self.horizontal.source_step * channels;
        let length = (run.length - 1) * x_step + (C - 1) * channels + L;
        let mut rows: [&[f32]; R] = [&[]; R];
        for (r, row) in rows.iter_mut().enumerate() {
            let x = &self.x[(self.taps.source + down + r) * self.x_row..][..self.x_row];
            *row = &x[(run.taps.source + across) * channels + channel..][..length];
        }
        let dy = &self.dy[run.target * channels + channel..];
        let mut sums = [[[0.0; L]; C]; R];
        for i in 0..run.length {
            let slope = simd::load::<L>(dy, i * channels);
            for (row, sums) in rows.iter().zip(&mut sums) {
                for (t, sum) in sums.iter_mut().enumerate() {
                    let value = simd::load::<L>(row, i * x_step + t * channels);
                    *sum = simd::mul_add::<I, L>(value, slope, *sum);
                }
            }
        }
        for (r, sums) in sums.into_iter().enumerate() {
            let weight_row = (self.taps.weight + down + r) * self.kernel;
            let weight = weight_row + run.taps.weight + across;
            for (t, sum) in sums.into_iter().enumerate() {
                let at = (weight + t) * channels + channel;
                for (dw, sum) in self.dw[at..at + L].iter_mut().zip(sum) {
                    *dw += sum;
                }
            }
        }
    }
}
