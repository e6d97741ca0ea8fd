//! A row of targets from padded source rows: the inner loop of a planned depthwise convolution.
//!
//! Forward, targets are outputs and sources the padded input rows under the kernel. Towards the input, targets are
//! input pixels of one residue class of the stride, and sources the padded rows of the output gradient that reach
//! them. Sources are padded, so that no target is special; kernel rows that lie in the padding altogether are left
//! out by the caller.

use super::super::matmul::Moments;
use super::super::simd::{Isa, Vectorised, load_cut, store_cut};

/// A kernel row: where its first source pixel and its first weight are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) source: usize,
    pub(crate) weights: usize,
}

/// `target[o * target_step] = sum_{line, t} source[line, o * step + t] * weights[line, t]` for `count` targets, in
/// pixels of `channels` values.
pub(crate) struct Correlate<'a> {
    pub(crate) source: &'a [f32],
    pub(crate) weights: &'a [f32],
    pub(crate) lines: &'a [Line],
    pub(crate) taps: usize,
    pub(crate) step: usize,
    pub(crate) channels: usize,
    pub(crate) target: &'a mut [f32],
    pub(crate) target_step: usize,
    pub(crate) count: usize,
    pub(crate) moments: Option<Moments<'a>>,
}

impl Vectorised for Correlate<'_> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(mut self) {
        self.check();
        // SAFETY: `check` holds the lengths.
        unsafe {
            if !I::SPECIALISED {
                return self.channels::<I, ANY, false>();
            }
            match (self.taps, self.step) {
                (3, 1) => self.channels::<I, 3, true>(),
                (5, 1) => self.channels::<I, 5, true>(),
                (7, 1) => self.channels::<I, 7, true>(),
                (1, 1) => self.channels::<I, 1, true>(),
                (2, 1) => self.channels::<I, 2, true>(),
                (4, 1) => self.channels::<I, 4, true>(),
                (3, _) => self.channels::<I, 3, false>(),
                (5, _) => self.channels::<I, 5, false>(),
                (7, _) => self.channels::<I, 7, false>(),
                _ => self.channels::<I, ANY, false>(),
            }
        }
    }
}

/// A number of taps that is known at run time only.
const ANY: usize = 0;

impl Correlate<'_> {
    fn check(&self) {
        let (c, last) = (self.channels, self.count.saturating_sub(1));
        let reach = (last * self.step + self.taps) * c;
        for line in self.lines {
            assert!(line.source + reach <= self.source.len(), "sources of a depthwise row");
            assert!(line.weights + self.taps * c <= self.weights.len(), "weights of a depthwise row");
        }
        assert!(self.count == 0 || (last * self.target_step + 1) * c <= self.target.len(), "targets");
        if let Some(moments) = &self.moments {
            let lengths = (moments.shift.len(), moments.sums.len(), moments.squares.len());
            assert_eq!(lengths, (c, c, c), "moments");
        }
    }

    #[inline(always)]
    unsafe fn channels<I: Isa, const T: usize, const REUSE: bool>(&mut self) {
        let mut channel = 0;
        // SAFETY: all channels exist.
        unsafe {
            while channel + I::LANES <= self.channels {
                self.vector::<I, T, REUSE, false>(channel, I::LANES);
                channel += I::LANES;
            }
            if channel < self.channels {
                self.vector::<I, T, REUSE, true>(channel, self.channels - channel);
            }
        }
    }

    #[inline(always)]
    unsafe fn vector<I: Isa, const T: usize, const REUSE: bool, const CUT: bool>(
        &mut self,
        channel: usize,
        lanes: usize,
    ) {
        let mut done = 0;
        // SAFETY: the caller's; the moments have all channels.
        unsafe {
            let zero = I::splat(0.0);
            let mut totals = [zero; 3];
            if let Some(moments) = &self.moments {
                totals[0] = load_cut::<I, CUT>(moments.shift.as_ptr().add(channel), lanes);
                totals[1] = load_cut::<I, CUT>(moments.sums.as_ptr().add(channel), lanes);
                totals[2] = load_cut::<I, CUT>(moments.squares.as_ptr().add(channel), lanes);
            }
            while (I::WIDE || T <= 5) && done + 8 <= self.count {
                self.block::<I, T, REUSE, CUT, 8>(channel, lanes, done, &mut totals);
                done += 8;
            }
            while done + 4 <= self.count {
                self.block::<I, T, REUSE, CUT, 4>(channel, lanes, done, &mut totals);
                done += 4;
            }
            while done + 2 <= self.count {
                self.block::<I, T, REUSE, CUT, 2>(channel, lanes, done, &mut totals);
                done += 2;
            }
            if done < self.count {
                self.block::<I, T, REUSE, CUT, 1>(channel, lanes, done, &mut totals);
            }
            if let Some(moments) = &mut self.moments {
                store_cut::<I, CUT>(moments.sums.as_mut_ptr().add(channel), totals[1], lanes);
                store_cut::<I, CUT>(moments.squares.as_mut_ptr().add(channel), totals[2], lanes);
            }
        }
    }

    /// Targets `first..first + U`.
    #[inline(always)]
    unsafe fn block<I: Isa, const T: usize, const REUSE: bool, const CUT: bool, const U: usize>(
        &mut self,
        channel: usize,
        lanes: usize,
        first: usize,
        totals: &mut [I::V; 3],
    ) {
        let c = self.channels;
        // SAFETY: the caller's.
        unsafe {
            let mut sums = [I::splat(0.0); U];
            for line in self.lines {
                let source = self.source.as_ptr().add(line.source + first * self.step * c + channel);
                let weights = self.weights.as_ptr().add(line.weights + channel);
                if REUSE {
                    // Every source pixel is loaded once and serves all targets that see it.
                    let mut kernel = [I::splat(0.0); T];
                    for (t, weight) in kernel.iter_mut().enumerate() {
                        *weight = load_cut::<I, CUT>(weights.add(t * c), lanes);
                    }
                    for p in 0..U + T - 1 {
                        let value = load_cut::<I, CUT>(source.add(p * c), lanes);
                        for (t, &weight) in kernel.iter().enumerate() {
                            if let Some(u) = p.checked_sub(t).filter(|&u| u < U) {
                                sums[u] = I::fma(value, weight, sums[u]);
                            }
                        }
                    }
                } else {
                    for t in 0..if T == ANY { self.taps } else { T } {
                        let weight = load_cut::<I, CUT>(weights.add(t * c), lanes);
                        for (u, sum) in sums.iter_mut().enumerate() {
                            let value = load_cut::<I, CUT>(source.add((u * self.step + t) * c), lanes);
                            *sum = I::fma(value, weight, *sum);
                        }
                    }
                }
            }
            let target = self.target.as_mut_ptr().add(first * self.target_step * c + channel);
            for (u, &sum) in sums.iter().enumerate() {
                store_cut::<I, CUT>(target.add(u * self.target_step * c), sum, lanes);
            }
            if self.moments.is_some() {
                for sum in sums {
                    let shifted = I::sub(sum, totals[0]);
                    totals[1] = I::add(totals[1], shifted);
                    totals[2] = I::fma(shifted, shifted, totals[2]);
                }
            }
        }
    }
}
