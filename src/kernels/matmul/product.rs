//! `product = left * right`, with the sums that batch norm needs taken on the way.

#![expect(clippy::needless_range_loop, reason = "register tiles are unrolled over constant indices")]

use super::super::simd::{Isa, Vectorised};
use super::for_each_rows;
use super::pack::{Packed, Panel};

/// Rows that pass all panels before the next rows: they stay in the first cache.
const ROWS: usize = 64;

/// Sums over the rows of every column, relative to a shift that keeps them small.
pub(crate) struct Moments<'a> {
    /// `[columns]`
    pub(crate) shift: &'a [f32],
    /// Gains `sum(value - shift)`.
    pub(crate) sums: &'a mut [f32],
    /// Gains `sum((value - shift)^2)`.
    pub(crate) squares: &'a mut [f32],
}

/// `product: [rows, columns] = left: [rows, depth] * right`.
pub(crate) struct Product<'a> {
    pub(crate) left: &'a [f32],
    pub(crate) right: &'a Packed,
    pub(crate) product: &'a mut [f32],
    /// Whether to add to `product` what it held before.
    pub(crate) accumulate: bool,
    pub(crate) moments: Option<Moments<'a>>,
}

impl Vectorised for Product<'_> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(mut self) {
        let (depth, columns) = (self.right.depth, self.right.columns);
        let rows = self.product.len().checked_div(columns).unwrap_or(0);
        assert_eq!((self.left.len(), self.product.len()), (rows * depth, rows * columns), "product");
        if let Some(moments) = &self.moments {
            let lengths = (moments.shift.len(), moments.sums.len(), moments.squares.len());
            assert_eq!(lengths, (columns, columns, columns), "moments");
        }
        for start in (0..rows).step_by(ROWS) {
            let rows = ROWS.min(rows - start);
            for panel in &self.right.panels {
                // SAFETY: the lengths were checked above.
                unsafe {
                    match panel.vectors {
                        1 => self.panel::<I, 1>(panel, start, rows),
                        2 => self.panel::<I, 2>(panel, start, rows),
                        _ => self.panel::<I, 3>(panel, start, rows),
                    }
                }
            }
        }
    }
}

impl Product<'_> {
    #[inline(always)]
    unsafe fn panel<I: Isa, const N: usize>(&mut self, panel: &Panel, start: usize, rows: usize) {
        // SAFETY: the caller's.
        unsafe { for_each_rows!(I, rows, |row, R| self.tile::<I, R, N>(panel, start + row)) }
    }

    /// Rows `row..row + R` of one panel.
    #[inline(always)]
    unsafe fn tile<I: Isa, const R: usize, const N: usize>(&mut self, panel: &Panel, row: usize) {
        let (depth, columns) = (self.right.depth, self.right.columns);
        let cut = panel.columns - (N - 1) * I::LANES;
        // SAFETY: the caller checked the lengths.
        unsafe {
            let left = self.left.as_ptr().add(row * depth);
            let mut right = self.right.values.as_ptr().add(panel.at);
            let mut sums = [[I::splat(0.0); N]; R];
            for i in 0..depth {
                let mut vectors = [I::splat(0.0); N];
                for (v, vector) in vectors.iter_mut().enumerate() {
                    *vector = I::load(right.add(v * I::LANES));
                }
                right = right.add(N * I::LANES);
                for r in 0..R {
                    let value = I::splat(*left.add(r * depth + i));
                    for v in 0..N {
                        sums[r][v] = I::fma(value, vectors[v], sums[r][v]);
                    }
                }
            }
            let to = self.product.as_mut_ptr().add(row * columns + panel.first);
            for r in 0..R {
                for v in 0..N {
                    let to = to.add(r * columns + v * I::LANES);
                    let lanes = if v + 1 == N { cut } else { I::LANES };
                    if self.accumulate {
                        sums[r][v] = I::add(I::load_first(to, lanes), sums[r][v]);
                    }
                    if lanes == I::LANES {
                        I::store(to, sums[r][v]);
                    } else {
                        I::store_first(to, sums[r][v], lanes);
                    }
                }
            }
            if let Some(moments) = &mut self.moments {
                for v in 0..N {
                    let at = panel.first + v * I::LANES;
                    let lanes = if v + 1 == N { cut } else { I::LANES };
                    let shift = I::load_first(moments.shift.as_ptr().add(at), lanes);
                    let (to_sum, to_square) =
                        (moments.sums.as_mut_ptr().add(at), moments.squares.as_mut_ptr().add(at));
                    let mut sum = I::load_first(to_sum, lanes);
                    let mut square = I::load_first(to_square, lanes);
                    for row in &sums {
                        let shifted = I::sub(row[v], shift);
                        sum = I::add(sum, shifted);
                        square = I::fma(shifted, shifted, square);
                    }
                    I::store_first(to_sum, sum, lanes);
                    I::store_first(to_square, square, lanes);
                }
            }
        }
    }
}
