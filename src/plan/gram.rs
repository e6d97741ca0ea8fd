//! Batch norm of an expansion that is never stored, from the second moments of its input.
//!
//! With `z = W x`, mean and covariance of the narrow input give those of the wide output:
//! `mean(z) = W mean(x)`, `var(z_e) = w_e^T C w_e` with `C = cov(x)`. On the way back the batch norm's gradient is
//! `dz = scale * du + slope * (z - centre) + shift` per channel. Of its three terms the depthwise convolution behind
//! hands the first one on, row by row; the other two are linear in `x`, so their share of both gradients needs no `z`:
//!
//! * `dW = scale * du^T x + slope * W n C + n (shift + slope * rest) mean(x)^T`,
//! * `dx = (scale * du) W + (x - mean(x)) M + (shift + slope * rest) W` with `M = W^T diag(slope) W`,
//!
//! where `rest = W mean(x) - centre` is what rounding the centre left out.

use super::arena::Slot;
use super::excite::add_bias;
use super::feature::{Edge, NormSums, Pass, View};
use super::layer::{Gradients, Layer, Workspace};
use super::parts::{self, Disjoint};
use super::scratch;
use crate::kernels::batch_norm::Statistics;
use crate::kernels::matmul::{Packed, Product, TransposedProduct};
use crate::kernels::rows::Incoming;
use crate::kernels::simd::dispatch;

/// Rows whose products are summed in single precision before they join the others in double precision.
const ROWS: usize = 128;

/// The moments of an expansion's input and what follows from them.
pub(super) struct Gram {
    input: usize,
    narrow: usize,
    hidden: usize,
    /// The feature that is never stored.
    feature: usize,
    weight: usize,
    edge: Option<Edge>,
    /// Mean `[k]` and covariance `[k, k]` times rows, for the way back.
    moments: Slot,
    measured: bool,
}

impl Gram {
    pub(super) fn new(
        (input, feature): (usize, usize),
        (narrow, hidden): (usize, usize),
        weight: usize,
        edge: Option<Edge>,
        moments: Slot,
    ) -> Self {
        Self { input, narrow, hidden, feature, weight, edge, moments, measured: false }
    }

    /// Values kept for the way back.
    pub(super) fn moments(narrow: usize) -> usize {
        narrow * (narrow + 1)
    }
}

impl Layer for Gram {
    fn measure(&mut self, batch_statistics: bool) {
        self.measured = batch_statistics;
    }

    fn forward(&self, pass: Pass<'_>, _work: &mut Workspace) -> Option<Statistics> {
        if !self.measured {
            return None;
        }
        let view = pass.view(self.input);
        let rows = pass.images * view.pixels;
        let parts = parts::count(rows, self.narrow * self.narrow.div_ceil(16));
        let sums = parts::map(parts, |part| self.part(view, parts::range(rows, part, parts)));
        let total = Sums::merge(&sums, self.narrow);
        // SAFETY: nobody else works on it.
        let kept = unsafe { pass.arena.write(self.moments).part(0..Self::moments(self.narrow)) };
        for (kept, value) in kept.iter_mut().zip(total.mean.iter().chain(&total.products)) {
            *kept = *value as f32;
        }
        Some(self.statistics(pass.parameters[self.weight], &total, rows as f64))
    }

    fn backward(&self, pass: Pass<'_>, work: &mut Workspace, gradients: &mut Gradients) -> Vec<NormSums> {
        let Some(norm) = pass.features[self.feature].norm else { return Vec::new() };
        let (k, e, weights) = (self.narrow, self.hidden, pass.parameters[self.weight]);
        let slopes = pass.norms[norm].slopes();
        let kept = pass.arena.read(self.moments);
        let (mean, products) = (&kept[..k], &kept[k..k * (k + 1)]);
        let rows = pass.images * pass.features[self.feature].pixels();
        let constant: Vec<f32> = (0..e)
            .map(|channel| {
                let row = &weights[channel * k..][..k];
                let centre: f64 = row.iter().zip(mean).map(|(w, m)| f64::from(*w) * f64::from(*m)).sum();
                let rest = centre - f64::from(slopes.centre[channel]);
                (f64::from(slopes.shift[channel]) + f64::from(slopes.slope[channel]) * rest) as f32
            })
            .collect();
        let mut packed = Packed::default();
        packed.rows(products, k, k);
        work.weights.resize(e * k);
        multiply(weights, &packed, &mut work.weights, false);
        let dw = gradients.of(self.weight).chunks_exact_mut(k);
        for (channel, (dw, covaried)) in dw.zip(work.weights.chunks_exact(k)).enumerate() {
            let (scale, slope) = (slopes.scale[channel], slopes.slope[channel]);
            let constant = constant[channel] * rows as f32;
            for ((dw, covaried), mean) in dw.iter_mut().zip(covaried).zip(mean) {
                *dw = scale * *dw + slope * covaried + constant * mean;
            }
        }
        let Some(edge) = self.edge else { return Vec::new() };
        let scaled: Vec<f32> = weights
            .chunks_exact(k)
            .zip(slopes.slope)
            .flat_map(|(row, slope)| row.iter().map(move |weight| weight * slope))
            .collect();
        let (mut square, mut offset) = (vec![0.0; k * k], vec![0.0; k]);
        transposed_product(&scaled, weights, k, k, &mut square);
        transposed_product(&constant, weights, 1, k, &mut offset);
        packed.rows(&square, k, k);
        self.linear_part(pass, edge, work, mean, &packed, &offset)
    }
}

fn multiply(left: &[f32], right: &Packed, product: &mut [f32], accumulate: bool) {
    dispatch(Product { left, right, product, accumulate, moments: None });
}

fn transposed_product(left: &[f32], right: &[f32], p: usize, q: usize, product: &mut [f32]) {
    dispatch(TransposedProduct { left, right, p, q, stride: p, product });
}

/// What a part of the rows sums up to.
struct Sums {
    rows: f64,
    mean: Vec<f64>,
    /// Products of deviations from the mean, `[k, k]`.
    products: Vec<f64>,
}

impl Sums {
    /// The sums of all parts (Chan, Golub and LeVeque 1983).
    fn merge(parts: &[Self], k: usize) -> Self {
        let rows: f64 = parts.iter().map(|part| part.rows).sum();
        let mut mean = vec![0.0; k];
        for part in parts {
            for (mean, of_part) in mean.iter_mut().zip(&part.mean) {
                *mean += of_part * part.rows / rows;
            }
        }
        let mut products = vec![0.0; k * k];
        for part in parts {
            let shift: Vec<f64> = part.mean.iter().zip(&mean).map(|(a, b)| a - b).collect();
            for (i, row) in products.chunks_exact_mut(k).enumerate() {
                for ((sum, of_part), shifted) in row.iter_mut().zip(&part.products[i * k..]).zip(&shift) {
                    *sum += of_part + part.rows * shift[i] * shifted;
                }
            }
        }
        Self { rows, mean, products }
    }
}

impl Gram {
    fn part(&self, view: View<'_>, range: std::ops::Range<usize>) -> Sums {
        let (k, rows) = (self.narrow, range.len() as f64);
        let (mut sums, mut products) = (vec![0.0f64; k], vec![0.0f64; k * k]);
        let mut shift = vec![0.0f32; k];
        scratch::with([ROWS * k, ROWS * k, k * k], |[buffer, shifted, tile_products]| {
            for start in range.clone().step_by(ROWS) {
                let tile = start..(start + ROWS).min(range.end);
                let x = view.rows(tile.clone(), buffer);
                if start == range.start {
                    shift.copy_from_slice(&x[..k]);
                }
                let shifted = &mut shifted[..tile.len() * k];
                subtract(x, &shift, shifted);
                tile_products.fill(0.0);
                transposed_product(shifted, shifted, k, k, tile_products);
                for (sum, product) in products.iter_mut().zip(&*tile_products) {
                    *sum += f64::from(*product);
                }
                for row in shifted.chunks_exact(k) {
                    for (sum, value) in sums.iter_mut().zip(row) {
                        *sum += f64::from(*value);
                    }
                }
            }
        });
        for i in 0..k {
            for j in 0..k {
                products[i * k + j] -= sums[i] * sums[j] / rows.max(1.0);
            }
        }
        let mean = sums.iter().zip(&shift).map(|(sum, shift)| sum / rows.max(1.0) + f64::from(*shift));
        Sums { rows, mean: mean.collect(), products }
    }

    /// The statistics of the output.
    fn statistics(&self, weights: &[f32], total: &Sums, rows: f64) -> Statistics {
        let k = self.narrow;
        let of_channel = |channel: usize| {
            let row: Vec<f64> = weights[channel * k..][..k].iter().map(|&w| f64::from(w)).collect();
            let mean = dot(&row, &total.mean);
            let covaried = row.iter().zip(total.products.chunks_exact(k)).map(|(w, c)| w * dot(&row, c));
            (mean, (covaried.sum::<f64>() / rows).max(0.0))
        };
        let parts = parts::count(self.hidden, k * k);
        let found = parts::map(parts, |part| {
            parts::range(self.hidden, part, parts).map(of_channel).collect::<Vec<_>>()
        });
        let (mean, variance) = found.into_iter().flatten().unzip();
        Statistics { mean, variance }
    }

    /// Adds `(x - mean) * square + offset` to the input's gradient, and finishes it.
    fn linear_part(
        &self,
        pass: Pass<'_>,
        edge: Edge,
        work: &mut Workspace,
        mean: &[f32],
        square: &Packed,
        offset: &[f32],
    ) -> Vec<NormSums> {
        let (view, k) = (pass.view(self.input), self.narrow);
        let rows = pass.images * view.pixels;
        let (parts, finishing) = (parts::count(rows, k), pass.finishing(edge));
        let sums = finishing.sums();
        work.sums.resize(parts * sums);
        work.sums.fill(0.0);
        let (all_sums, dx) = (Disjoint::new(&mut work.sums), pass.gradient_out(edge.feature));
        parts::for_each(parts, |part| {
            let range = parts::range(rows, part, parts);
            // SAFETY: every part has sums of its own.
            let sums = unsafe { all_sums.piece(part, sums) };
            scratch::with([ROWS * k, ROWS * k], |[buffer, centred]| {
                for start in range.clone().step_by(ROWS) {
                    let tile = start..(start + ROWS).min(range.end);
                    let centred = &mut centred[..tile.len() * k];
                    subtract(view.rows(tile.clone(), buffer), mean, centred);
                    // SAFETY: every part has rows of its own.
                    let dx = unsafe { dx.part(tile.start * k..tile.end * k) };
                    multiply(centred, square, dx, true);
                    add_bias(dx, offset);
                    finishing.rows(tile, dx, Incoming::Plain, sums);
                }
            });
        });
        finishing.merge(&work.sums)
    }
}

/// `shifted = x - shift` in every row.
fn subtract(x: &[f32], shift: &[f32], shifted: &mut [f32]) {
    for (x, shifted) in x.chunks_exact(shift.len()).zip(shifted.chunks_exact_mut(shift.len())) {
        for ((x, shift), shifted) in x.iter().zip(shift).zip(shifted) {
            *shifted = x - shift;
        }
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}
