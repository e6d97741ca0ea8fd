//! 1x1 convolution: matrix products over tiles of pixels, with the batch norms on both sides done on the way.

use std::ops::Range;

use super::excite::Excite;
use super::feature::{Edge, NormSums, Pass, View};
use super::layer::{Gradients, Layer, Workspace, merge_moments, part_moments};
use super::parts::{self, Disjoint};
use super::{scratch, weights};
use crate::kernels::batch_norm::Statistics;
use crate::kernels::matmul::{Moments, Packed, Product, TransposedProduct};
use crate::kernels::rows::{self, Incoming};
use crate::kernels::simd::dispatch;

/// Values that a tile of rows may have on its wider side.
const TILE: usize = 24 << 10;
/// Fewest rows for a partial weight gradient of their own.
const PART_ROWS: usize = 128;

/// `y = W * a(x)` per pixel.
pub(super) struct Pointwise {
    input: usize,
    output: usize,
    k: usize,
    n: usize,
    weight: usize,
    edge: Option<Edge>,
    /// The squeeze-excite whose gates the input carries.
    excite: Option<Excite>,
    measured: bool,
    forward: Packed,
    backward: Packed,
}

impl Pointwise {
    pub(super) fn new(
        (input, output): (usize, usize),
        (k, n): (usize, usize),
        weight: usize,
        edge: Option<Edge>,
        excite: Option<Excite>,
    ) -> Self {
        let (forward, backward) = (Packed::default(), Packed::default());
        Self { input, output, k, n, weight, edge, excite, measured: false, forward, backward }
    }

    fn tile(&self) -> usize {
        (TILE / self.k.max(self.n)).clamp(32, 128) / 8 * 8
    }
}

/// Tiles of `range` of at most `tile` rows; they end where an image of `pixels` ends if `by_image`.
fn tiles(
    range: Range<usize>,
    tile: usize,
    pixels: usize,
    by_image: bool,
) -> impl Iterator<Item = Range<usize>> {
    let mut start = range.start;
    std::iter::from_fn(move || {
        let mut end = range.end.min(start + tile);
        if by_image {
            end = end.min((start / pixels + 1) * pixels);
        }
        let this = start..end;
        start = end;
        (!this.is_empty()).then_some(this)
    })
}

impl Layer for Pointwise {
    fn pack(&mut self, parameters: &[&[f32]], training: bool) {
        self.forward.transposed(parameters[self.weight], self.k, self.n);
        if training && self.edge.is_some() {
            self.backward.rows(parameters[self.weight], self.n, self.k);
        }
        if let Some(excite) = &mut self.excite {
            excite.pack(parameters, training);
        }
    }

    fn measure(&mut self, batch_statistics: bool) {
        self.measured = batch_statistics;
    }

    fn forward(&self, pass: Pass<'_>, work: &mut Workspace) -> Option<Statistics> {
        if let Some(excite) = &self.excite {
            excite.forward(pass);
        }
        let (view, z) = (pass.view(self.input), pass.output(self.output));
        let total = pass.images * view.pixels;
        let parts = parts::count(total, self.k.max(self.n));
        let moments = part_moments(&mut work.sums, parts, self.n);
        let all_moments = Disjoint::new(moments);
        parts::for_each(parts, |part| {
            let range = parts::range(total, part, parts);
            // SAFETY: every part has rows and moments of its own.
            let (z, moments) = unsafe {
                (z.part(range.start * self.n..range.end * self.n), all_moments.piece(part, 3 * self.n))
            };
            self.forward_part(view, range, z, moments);
        });
        self.measured
            .then(|| merge_moments(&work.sums, self.n, total, |part| parts::range(total, part, parts).len()))
    }

    fn backward(&self, pass: Pass<'_>, work: &mut Workspace, gradients: &mut Gradients) -> Vec<NormSums> {
        let view = pass.view(self.input);
        let units = if view.is_gated() { pass.images } else { pass.images * view.pixels };
        let unit_rows = if view.is_gated() { view.pixels } else { 1 };
        let parts = (units * unit_rows / PART_ROWS).clamp(2, parts::MOST).min(units.max(1));
        let finishing = self.edge.map(|edge| pass.finishing(edge));
        let sums = finishing.map_or(0, |finishing| finishing.sums());
        work.sums.resize(parts * sums);
        work.weights.resize(parts * self.k * self.n);
        let (all_sums, all_weights) = (Disjoint::new(&mut work.sums), Disjoint::new(&mut work.weights));
        parts::for_each(parts, |part| {
            let units = parts::range(units, part, parts);
            let range = units.start * unit_rows..units.end * unit_rows;
            // SAFETY: every part has sums and weight gradients of its own.
            let (sums, dw) =
                unsafe { (all_sums.piece(part, sums), all_weights.piece(part, self.k * self.n)) };
            sums.fill(0.0);
            dw.fill(0.0);
            self.backward_part(pass, view, range, dw, sums);
        });
        weights::add_up(&work.weights, self.n, self.k, self.vectors_along_n(), gradients.of(self.weight));
        if let Some(excite) = &self.excite {
            excite.weight_gradients(pass, gradients);
        }
        finishing.map_or_else(Vec::new, |finishing| finishing.merge(&work.sums))
    }
}

impl Pointwise {
    /// Whether partial weight gradients are `[k, n]` rather than `[n, k]`: vectors run along the wider side.
    fn vectors_along_n(&self) -> bool {
        self.n > self.k
    }

    fn forward_part(&self, view: View<'_>, range: Range<usize>, z: &mut [f32], moments: &mut [f32]) {
        let (shift, moments) = moments.split_at_mut(self.n);
        let (sums, squares) = moments.split_at_mut(self.n);
        let first = range.start;
        scratch::with([view.scratch(self.tile())], |[a]| {
            if self.measured && !range.is_empty() {
                let left = view.rows(first..first + 1, a);
                self.multiply(left, shift, None);
            }
            for tile in tiles(range, self.tile(), view.pixels, view.is_gated()) {
                let z = &mut z[(tile.start - first) * self.n..(tile.end - first) * self.n];
                let left = view.rows(tile, a);
                let moments =
                    self.measured.then_some(Moments { shift, sums: &mut *sums, squares: &mut *squares });
                self.multiply(left, z, moments);
            }
        });
    }

    fn multiply(&self, left: &[f32], product: &mut [f32], moments: Option<Moments<'_>>) {
        dispatch(Product { left, right: &self.forward, product, accumulate: false, moments });
    }

    /// The gradients of some rows: weights into `dw`, the input's into its place.
    fn backward_part(
        &self,
        pass: Pass<'_>,
        view: View<'_>,
        range: Range<usize>,
        dw: &mut [f32],
        sums: &mut [f32],
    ) {
        let (k, n, tile) = (self.k, self.n, self.tile());
        let mut gate_sums = self.excite.as_ref().map(|excite| excite.gate_gradients(pass, &range));
        scratch::with([view.scratch(tile), tile * n], |[a, dz]| {
            for tile in tiles(range.clone(), tile, view.pixels, view.is_gated()) {
                let a = view.rows(tile.clone(), a);
                let dz = pass.output_gradient(self.output, tile.clone(), dz);
                let (left, right, p, q) = if self.vectors_along_n() { (a, dz, k, n) } else { (dz, a, n, k) };
                dispatch(TransposedProduct { left, right, p, q, stride: p, product: &mut *dw });
                let Some(edge) = self.edge else { continue };
                // SAFETY: every part has rows of its own.
                let dx = unsafe { pass.gradient_out(edge.feature).part(tile.start * k..tile.end * k) };
                dispatch(Product {
                    left: dz,
                    right: &self.backward,
                    product: &mut *dx,
                    accumulate: edge.accumulate,
                    moments: None,
                });
                match &mut gate_sums {
                    Some(gates) => {
                        let image = (tile.start - range.start) / view.pixels;
                        rows::column_products(dx, a, &mut gates[image * k..][..k]);
                    }
                    None => pass.finishing(edge).rows(tile, dx, Incoming::Plain, sums),
                }
            }
        });
        if let (Some(excite), Some(edge)) = (&self.excite, self.edge) {
            excite.backward(pass, edge, range, sums);
        }
    }
}
