//! Weight gradients from one row of the output gradient and the padded source rows under the kernel.

#![expect(clippy::needless_range_loop, reason = "register tiles are unrolled over constant indices")]

use super::super::simd::{Isa, Vectorised, load_cut, store_cut};
use super::lines::Line;

/// `dw[line, t] += sum_o dz[o] * source[line, o * step + t]` over the row's outputs, in pixels of `channels` values.
pub(crate) struct LineGradients<'a> {
    pub(crate) source: &'a [f32],
    /// Kernel rows, with the position of their gradients.
    pub(crate) lines: &'a [Line],
    pub(crate) taps: usize,
    pub(crate) step: usize,
    pub(crate) channels: usize,
    /// `[outputs, channels]`
    pub(crate) dz: &'a [f32],
    pub(crate) dw: &'a mut [f32],
}

impl Vectorised for LineGradients<'_> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(mut self) {
        self.check();
        // SAFETY: `check` holds the lengths.
        unsafe {
            if !I::SPECIALISED {
                return self.tap_by_tap::<I>();
            }
            match (self.taps, self.step) {
                (1, _) => self.channels::<I, 1, false>(),
                (3, 1) => self.channels::<I, 3, true>(),
                (5, 1) => self.channels::<I, 5, true>(),
                (7, 1) => self.channels::<I, 7, true>(),
                (3, _) => self.channels::<I, 3, false>(),
                (5, _) => self.channels::<I, 5, false>(),
                (7, _) => self.channels::<I, 7, false>(),
                _ => self.tap_by_tap::<I>(),
            }
        }
    }
}

/// All pointers moved on by `by` values.
#[inline(always)]
fn at<const R: usize>(pointers: &[*const f32; R], by: usize) -> [*const f32; R] {
    let mut moved = *pointers;
    for pointer in &mut moved {
        *pointer = pointer.wrapping_add(by);
    }
    moved
}

impl Line {
    /// The same kernel row from a later tap on, `by` values away.
    fn moved(self, by: usize) -> Self {
        Self { source: self.source + by, weights: self.weights + by }
    }
}

impl LineGradients<'_> {
    fn outputs(&self) -> usize {
        self.dz.len() / self.channels
    }

    fn check(&self) {
        let c = self.channels;
        assert!(c > 0 && self.dz.len().is_multiple_of(c), "row of output gradients");
        let reach = (self.outputs().saturating_sub(1) * self.step + self.taps) * c;
        for line in self.lines {
            assert!(line.source + reach <= self.source.len(), "sources of a depthwise row");
            assert!(line.weights + self.taps * c <= self.dw.len(), "weight gradients of a depthwise row");
        }
    }

    /// Kernels of other sizes.
    #[inline(always)]
    unsafe fn tap_by_tap<I: Isa>(&mut self) {
        for t in 0..self.taps {
            let lines: Vec<Line> = self.lines.iter().map(|line| line.moved(t * self.channels)).collect();
            let mut one = LineGradients { lines: &lines, taps: 1, dw: &mut *self.dw, ..*self };
            // SAFETY: the taps lie within those that were checked.
            unsafe { one.channels::<I, 1, false>() }
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
        let mut line = 0;
        // SAFETY: the caller's.
        unsafe {
            // Two kernel rows share the loads of the output gradient.
            while line + 2 <= self.lines.len() {
                self.rows::<I, T, REUSE, CUT, 2>(channel, lanes, line);
                line += 2;
            }
            if line < self.lines.len() {
                self.rows::<I, T, REUSE, CUT, 1>(channel, lanes, line);
            }
        }
    }

    /// Kernel rows `line..line + R`.
    #[inline(always)]
    unsafe fn rows<I: Isa, const T: usize, const REUSE: bool, const CUT: bool, const R: usize>(
        &mut self,
        channel: usize,
        lanes: usize,
        line: usize,
    ) {
        let (c, outputs) = (self.channels, self.outputs());
        // SAFETY: the caller's.
        unsafe {
            let dz = self.dz.as_ptr().add(channel);
            let mut sources = [std::ptr::null(); R];
            let mut sums = [[I::splat(0.0); T]; R];
            for r in 0..R {
                let Line { source, weights } = self.lines[line + r];
                sources[r] = self.source.as_ptr().add(source + channel);
                for (t, sum) in sums[r].iter_mut().enumerate() {
                    *sum = load_cut::<I, CUT>(self.dw.as_ptr().add(weights + t * c + channel), lanes);
                }
            }
            let mut o = 0;
            while REUSE && o + 4 <= outputs {
                Self::outputs_at::<I, T, CUT, R, 4>(dz.add(o * c), at(&sources, o * c), c, lanes, &mut sums);
                o += 4;
            }
            while o < outputs {
                let sources = at(&sources, o * self.step * c);
                Self::outputs_at::<I, T, CUT, R, 1>(dz.add(o * c), sources, c, lanes, &mut sums);
                o += 1;
            }
            for r in 0..R {
                let weights = self.lines[line + r].weights;
                for (t, &sum) in sums[r].iter().enumerate() {
                    store_cut::<I, CUT>(self.dw.as_mut_ptr().add(weights + t * c + channel), sum, lanes);
                }
            }
        }
    }

    /// `U` neighbouring outputs at distance one, or a single one.
    #[inline(always)]
    unsafe fn outputs_at<I: Isa, const T: usize, const CUT: bool, const R: usize, const U: usize>(
        dz: *const f32,
        sources: [*const f32; R],
        c: usize,
        lanes: usize,
        sums: &mut [[I::V; T]; R],
    ) {
        // SAFETY: the caller's.
        unsafe {
            let mut slopes = [I::splat(0.0); U];
            for (u, slope) in slopes.iter_mut().enumerate() {
                *slope = load_cut::<I, CUT>(dz.add(u * c), lanes);
            }
            for r in 0..R {
                for p in 0..U + T - 1 {
                    let value = load_cut::<I, CUT>(sources[r].add(p * c), lanes);
                    for (u, &slope) in slopes.iter().enumerate() {
                        if let Some(t) = p.checked_sub(u).filter(|&t| t < T) {
                            sums[r][t] = I::fma(value, slope, sums[r][t]);
                        }
                    }
                }
            }
        }
    }
}
