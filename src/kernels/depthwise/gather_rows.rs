//! The inner loops of depthwise convolution, forward and towards the input.
//!
//! A block of neighbouring targets of one channel group accumulates in registers while the taps go by: one
//! weight load serves the whole block, and kernel size and stride need no copies of the code.

use super::super::simd::{self, Isa, PerLanes, Vectorised};
use super::super::taps::{Gather, Run, Taps};

/// Consecutive target rows of a batch of images, numbered across images.
pub(super) struct GatherRows<'a> {
    /// `[n, source_h, source_w, c]`.
    pub(super) source: &'a [f32],
    /// Values per source image.
    pub(super) image: usize,
    /// Values per source row.
    pub(super) source_row: usize,
    /// `[k, k, c]`, mirrored for the adjoint.
    pub(super) weights: &'a [f32],
    pub(super) kernel: usize,
    pub(super) channels: usize,
    pub(super) vertical: &'a Gather,
    pub(super) horizontal: &'a Gather,
    /// Target rows per image.
    pub(super) target_h: usize,
    /// Number of the first of `rows`.
    pub(super) first_row: usize,
    /// Values per target row.
    pub(super) target_row: usize,
    pub(super) rows: &'a mut [f32],
}

impl Vectorised for GatherRows<'_> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(self) {
        for (i, target) in self.rows.chunks_exact_mut(self.target_row).enumerate() {
            let number = self.first_row + i;
            let (image, row) = (number / self.target_h, number % self.target_h);
            let mut row = Row {
                source: &self.source[image * self.image..][..self.image],
                source_row: self.source_row,
                weights: self.weights,
                kernel: self.kernel,
                channels: self.channels,
                taps: self.vertical.taps[row],
                weight_step: self.vertical.weight_step,
                horizontal: self.horizontal,
                target,
            };
            simd::for_each_lanes::<I>(self.channels, &mut row);
        }
    }
}

/// One target row and the source image it gathers from.
struct Row<'a> {
    source: &'a [f32],
    source_row: usize,
    weights: &'a [f32],
    kernel: usize,
    channels: usize,
    taps: Taps,
    weight_step: usize,
    horizontal: &'a Gather,
    target: &'a mut [f32],
}

impl PerLanes for Row<'_> {
    #[inline(always)]
    fn lanes<I: Isa, const L: usize>(&mut self, channel: usize) {
        let horizontal = self.horizontal;
        for run in &horizontal.runs {
            let mut done = 0;
            while done + 8 <= run.length {
                self.block::<I, L, 8>(run, done, channel);
                done += 8;
            }
            while done + 4 <= run.length {
                self.block::<I, L, 4>(run, done, channel);
                done += 4;
            }
            while done + 2 <= run.length {
                self.block::<I, L, 2>(run, done, channel);
                done += 2;
            }
            if done < run.length {
                self.block::<I, L, 1>(run, done, channel);
            }
        }
    }
}

impl Row<'_> {
    /// Targets `first..first + U` of a run.
    #[inline(always)]
    fn block<I: Isa, const L: usize, const U: usize>(&mut self, run: &Run, first: usize, channel: usize) {
        let mut sums = [[0.0; L]; U];
        let across = run.taps;
        if across.count > 0 {
            for down in 0..self.taps.count {
                let row = &self.source[(self.taps.source + down) * self.source_row..];
                let weight_row = (self.taps.weight + down * self.weight_step) * self.kernel;
                let weights = &self.weights[(weight_row + across.weight) * self.channels + channel..];
                self.accumulate::<I, L, U>(row, weights, run, first, channel, &mut sums);
            }
        }
        for (u, sum) in sums.into_iter().enumerate() {
            let target = run.target + (first + u) * self.horizontal.target_step;
            simd::store(self.target, target * self.channels + channel, sum);
        }
    }

    /// Adds what one source row contributes to a block of targets.
    #[inline(always)]
    fn accumulate<I: Isa, const L: usize, const U: usize>(
        &self,
        row: &[f32],
        weights: &[f32],
        run: &Run,
        first: usize,
        channel: usize,
        sums: &mut [[f32; L]; U],
    ) {
        let channels = self.channels;
        let count = run.taps.count;
        // All windows have the same length, so that one bounds check serves the block.
        let length = (count - 1) * channels + L;
        let mut windows: [&[f32]; U] = [&[]; U];
        for (u, window) in windows.iter_mut().enumerate() {
            let source = run.taps.source + (first + u) * self.horizontal.source_step;
            *window = &row[source * channels + channel..][..length];
        }
        let weight_step = self.horizontal.weight_step * channels;
        for tap in 0..count {
            let weight = simd::load::<L>(weights, tap * weight_step);
            for u in 0..U {
                let value = simd::load::<L>(windows[u], tap * channels);
                sums[u] = simd::mul_add::<I, L>(value, weight, sums[u]);
            }
        }
    }
}
