//! `product += left^T * right`: the weight gradient of a 1x1 convolution.

#![expect(clippy::needless_range_loop, reason = "register tiles are unrolled over constant indices")]

use super::super::simd::{Isa, Vectorised, load_cut, store_cut};
use super::{for_each_rows, panel_widths};

/// `product: [p, q] += left^T * right` for `left: [rows, p]`, rows `stride` apart, and `right: [rows, q]`.
///
/// The vectors run along `q`. A few dozen rows at a time stay in the first cache.
pub(crate) struct TransposedProduct<'a> {
    pub(crate) left: &'a [f32],
    pub(crate) right: &'a [f32],
    pub(crate) p: usize,
    pub(crate) q: usize,
    /// Values from row to row of `left`, at least `p`.
    pub(crate) stride: usize,
    pub(crate) product: &'a mut [f32],
}

impl Vectorised for TransposedProduct<'_> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(mut self) {
        let rows = self.right.len().checked_div(self.q).unwrap_or(0);
        assert_eq!(self.right.len(), rows * self.q, "right factor");
        assert!(rows == 0 || (rows - 1) * self.stride + self.p <= self.left.len(), "left factor");
        assert_eq!(self.product.len(), self.p * self.q, "transposed product");
        let mut first = 0;
        for vectors in panel_widths(self.q.div_ceil(I::LANES)) {
            let whole = first + vectors * I::LANES <= self.q;
            // SAFETY: the lengths were checked above.
            unsafe {
                match (vectors, whole) {
                    (1, true) => self.columns::<I, 1, false>(rows, first),
                    (1, false) => self.columns::<I, 1, true>(rows, first),
                    (2, true) => self.columns::<I, 2, false>(rows, first),
                    (2, false) => self.columns::<I, 2, true>(rows, first),
                    (_, true) => self.columns::<I, 3, false>(rows, first),
                    (_, false) => self.columns::<I, 3, true>(rows, first),
                }
            }
            first += vectors * I::LANES;
        }
    }
}

impl TransposedProduct<'_> {
    #[inline(always)]
    unsafe fn columns<I: Isa, const N: usize, const CUT: bool>(&mut self, rows: usize, first: usize) {
        // SAFETY: the caller's.
        unsafe { for_each_rows!(I, self.p, |row, R| self.tile::<I, R, N, CUT>(rows, row, first)) }
    }

    /// Rows `row..row + R` of the product, in the `N` vectors from column `first`.
    #[inline(always)]
    unsafe fn tile<I: Isa, const R: usize, const N: usize, const CUT: bool>(
        &mut self,
        rows: usize,
        row: usize,
        first: usize,
    ) {
        let cut = self.q - first - (N - 1) * I::LANES;
        // SAFETY: the caller checked the lengths.
        unsafe {
            let mut left = self.left.as_ptr().add(row);
            let mut right = self.right.as_ptr().add(first);
            let mut sums = [[I::splat(0.0); N]; R];
            for _ in 0..rows {
                let mut vectors = [I::splat(0.0); N];
                for v in 0..N - 1 {
                    vectors[v] = I::load(right.add(v * I::LANES));
                }
                vectors[N - 1] = load_cut::<I, CUT>(right.add((N - 1) * I::LANES), cut);
                for r in 0..R {
                    let value = I::splat(*left.add(r));
                    for v in 0..N {
                        sums[r][v] = I::fma(value, vectors[v], sums[r][v]);
                    }
                }
                left = left.wrapping_add(self.stride);
                right = right.wrapping_add(self.q);
            }
            let to = self.product.as_mut_ptr().add(row * self.q + first);
            for r in 0..R {
                for v in 0..N - 1 {
                    let to = to.add(r * self.q + v * I::LANES);
                    I::store(to, I::add(I::load(to), sums[r][v]));
                }
                let to = to.add(r * self.q + (N - 1) * I::LANES);
                let sum = I::add(load_cut::<I, CUT>(to, cut), sums[r][N - 1]);
                store_cut::<I, CUT>(to, sum, cut);
            }
        }
    }
}
