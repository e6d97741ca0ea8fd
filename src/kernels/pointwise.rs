//! Pointwise (1x1) convolution and linear layers: `y = x * W^T`.
//!
//! `x: [m, k]` holds one row of input channels per pixel, `W: [n, k]` one row per output channel.

use super::matmul::{Packed, Product, TransposedProduct};
use super::parallel::{for_each_piece, sum_in_order};
use super::simd::dispatch;

/// Most rows of the result in one piece of work: their operands fit a core's own cache.
const ROWS: usize = 64;
/// Pieces to aim for when there are too few rows to fill pieces of [`ROWS`].
const PIECES: usize = 16;
/// Fewest rows worth a partial weight gradient of their own.
const PART_ROWS: usize = 512;
/// Rows that a weight gradient passes at a time: both factors stay in the first cache.
const STRETCH: usize = 64;
/// Rows of a register tile; pieces are multiples of it where possible.
const TILE: usize = 8;

/// The sizes of `y: [m, n] = x: [m, k] * W: [n, k]^T`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sizes {
    /// Rows: pixels, or samples of a linear layer.
    pub m: usize,
    /// Input channels.
    pub k: usize,
    /// Output channels.
    pub n: usize,
}

/// Pointwise convolution of `x: [m, k]` with `weights: [n, k]` into `y: [m, n]`.
///
/// # Panics
/// When a slice does not have the length its shape asks for.
pub fn forward(x: &[f32], weights: &[f32], sizes: Sizes, y: &mut [f32]) {
    sizes.check(x.len(), weights.len(), y.len());
    let Sizes { k, n, .. } = sizes;
    let mut packed = Packed::default();
    packed.transposed(weights, k, n);
    multiply(x, k, &packed, n, y);
}

/// Gradient of the input, `dx: [m, k] = dy: [m, n] * weights: [n, k]`.
///
/// # Panics
/// When a slice does not have the length its shape asks for.
pub fn input_gradient(dy: &[f32], weights: &[f32], sizes: Sizes, dx: &mut [f32]) {
    sizes.check(dx.len(), weights.len(), dy.len());
    let Sizes { k, n, .. } = sizes;
    let mut packed = Packed::default();
    packed.rows(weights, n, k);
    multiply(dy, n, &packed, k, dx);
}

/// Gradient of the weights, `dw: [n, k] = dy: [m, n]^T * x: [m, k]`.
///
/// The rows are cut into parts by their number alone; the parts' sums are added in order.
///
/// # Panics
/// When a slice does not have the length its shape asks for.
pub fn weight_gradient(x: &[f32], dy: &[f32], sizes: Sizes, dw: &mut [f32]) {
    sizes.check(x.len(), dw.len(), dy.len());
    let Sizes { m, k, n } = sizes;
    if m == 0 || k == 0 || n == 0 {
        dw.fill(0.0);
        return;
    }
    let part_rows = (m.div_ceil((m / PART_ROWS).clamp(1, PIECES))).next_multiple_of(STRETCH);
    let mut partials = vec![0.0; m.div_ceil(part_rows) * n * k];
    for_each_piece(&mut partials, n * k, |part, product| {
        let (x, dy) = (&x[part * part_rows * k..], &dy[part * part_rows * n..]);
        let stretches = x.chunks(STRETCH * k).zip(dy.chunks(STRETCH * n));
        for (right, left) in stretches.take(part_rows.div_ceil(STRETCH)) {
            dispatch(TransposedProduct { left, right, p: n, q: k, stride: n, product });
        }
    });
    sum_in_order(&partials, dw);
}

impl Sizes {
    fn check(self, x: usize, weights: usize, y: usize) {
        assert_eq!(x, self.m * self.k, "pointwise input");
        assert_eq!(weights, self.n * self.k, "pointwise weights");
        assert_eq!(y, self.m * self.n, "pointwise output");
    }
}

/// `product: [m, columns] = left: [m, depth] * right`.
fn multiply(left: &[f32], depth: usize, right: &Packed, columns: usize, product: &mut [f32]) {
    if product.is_empty() {
        return;
    }
    let m = product.len() / columns;
    let rows = m.div_ceil(PIECES).next_multiple_of(TILE).min(ROWS);
    for_each_piece(product, rows * columns, |piece, product| {
        let rows_here = product.len() / columns;
        dispatch(Product {
            left: &left[piece * rows * depth..][..rows_here * depth],
            right,
            product,
            accumulate: false,
            moments: None,
        });
    });
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::kernels::testing::{assert_close, assert_same_for_any_thread_count, values};

    /// `[m, n]` from element accessors, in double precision.
    fn naive(
        [m, k, n]: [usize; 3],
        left: impl Fn(usize, usize) -> f32,
        right: impl Fn(usize, usize) -> f32,
    ) -> Vec<f64> {
        let mut product = Vec::new();
        for i in 0..m {
            for j in 0..n {
                let terms = (0..k).map(|t| f64::from(left(i, t)) * f64::from(right(t, j)));
                product.push(terms.sum());
            }
        }
        product
    }

    #[rstest]
    #[case(1, 1, 1)]
    #[case(5, 3, 1)]
    #[case(7, 17, 33)]
    #[case(63, 27, 16)]
    #[case(130, 16, 64)]
    #[case(129, 40, 47)]
    #[case(257, 96, 80)]
    #[case(3, 100, 130)]
    #[case(2100, 9, 24)]
    fn agrees_with_the_definition(#[case] m: usize, #[case] k: usize, #[case] n: usize) {
        let sizes = Sizes { m, k, n };
        let (x, w, dy) = (values(m * k, 1), values(n * k, 2), values(m * n, 3));

        let mut y = vec![f32::NAN; m * n];
        forward(&x, &w, sizes, &mut y);
        let expected = naive([m, k, n], |i, t| x[i * k + t], |t, j| w[j * k + t]);
        assert_close(&y, &expected, 1e-5);

        let mut dx = vec![f32::NAN; m * k];
        input_gradient(&dy, &w, sizes, &mut dx);
        let expected = naive([m, n, k], |i, t| dy[i * n + t], |t, j| w[t * k + j]);
        assert_close(&dx, &expected, 1e-5);

        let mut dw = vec![f32::NAN; n * k];
        weight_gradient(&x, &dy, sizes, &mut dw);
        let expected = naive([n, m, k], |i, t| dy[t * n + i], |t, j| x[t * k + j]);
        assert_close(&dw, &expected, 1e-5);
    }

    #[test]
    fn no_rows_give_no_weight_gradient() {
        let mut dw = vec![f32::NAN; 6];
        weight_gradient(&[], &[], Sizes { m: 0, k: 2, n: 3 }, &mut dw);
        assert_eq!(dw, vec![0.0; 6]);
    }

    #[rstest]
    #[case(5000, 24, 40)]
    #[case(70, 65, 130)]
    fn threads_change_nothing(#[case] m: usize, #[case] k: usize, #[case] n: usize) {
        let sizes = Sizes { m, k, n };
        let (x, w, dy) = (values(m * k, 1), values(n * k, 2), values(m * n, 3));
        assert_same_for_any_thread_count(|| {
            let mut y = vec![0.0; m * n];
            forward(&x, &w, sizes, &mut y);
            let mut dx = vec![0.0; m * k];
            input_gradient(&dy, &w, sizes, &mut dx);
            let mut dw = vec![0.0; n * k];
            weight_gradient(&x, &dy, sizes, &mut dw);
            [y, dx, dw].concat()
        });
    }
}
