//! Linear layer with bias and activation, on pooled features.

use super::arena::Slot;
use super::excite::{add_bias, sum_rows, transposed};
use super::feature::{Edge, NormSums, Pass};
use super::layer::{Gradients, Layer, Workspace};
use super::parts;
use crate::kernels::Activation;
use crate::kernels::batch_norm::Statistics;
use crate::kernels::matmul::{Packed, Product};
use crate::kernels::simd::dispatch;

/// `y = activation(W * x + b)`.
pub(super) struct Linear {
    input: usize,
    output: usize,
    k: usize,
    n: usize,
    weight: usize,
    bias: usize,
    edge: Option<Edge>,
    /// The activation, and where its argument is stored.
    activation: Option<(Activation, Slot)>,
    forward: Packed,
    backward: Packed,
}

impl Linear {
    pub(super) fn new(
        (input, output): (usize, usize),
        (k, n): (usize, usize),
        (weight, bias): (usize, usize),
        activation: Option<(Activation, Slot)>,
        edge: Option<Edge>,
    ) -> Self {
        let (forward, backward) = (Packed::default(), Packed::default());
        Self { input, output, k, n, weight, bias, edge, activation, forward, backward }
    }
}

/// Parts for rows whose results do not depend on how they are cut.
fn row_parts(rows: usize) -> usize {
    rayon::current_num_threads().min(rows.div_ceil(8)).max(1)
}

impl Layer for Linear {
    fn pack(&mut self, parameters: &[&[f32]], training: bool) {
        self.forward.transposed(parameters[self.weight], self.k, self.n);
        if training && self.edge.is_some() {
            self.backward.rows(parameters[self.weight], self.n, self.k);
        }
    }

    fn forward(&self, pass: Pass<'_>, _work: &mut Workspace) -> Option<Statistics> {
        let (x, y, n) = (pass.values(self.input), pass.output(self.output), self.n);
        let parts = row_parts(pass.images);
        parts::for_each(parts, |part| {
            let rows = parts::range(pass.images, part, parts);
            let values = rows.start * n..rows.end * n;
            // SAFETY: every part has rows of its own.
            let y = unsafe { y.part(values.clone()) };
            let left = &x[rows.start * self.k..rows.end * self.k];
            let right = &self.forward;
            dispatch(Product { left, right, product: &mut *y, accumulate: false, moments: None });
            add_bias(y, pass.parameters[self.bias]);
            if let Some((activation, slot)) = self.activation {
                // SAFETY: every part has rows of its own.
                let z = unsafe { pass.arena.write(slot).part(values) };
                z.copy_from_slice(y);
                y.iter_mut().for_each(|y| *y = activation.value(*y));
            }
        });
        None
    }

    fn backward(&self, pass: Pass<'_>, _work: &mut Workspace, gradients: &mut Gradients) -> Vec<NormSums> {
        let len = pass.images * self.n;
        if let Some((activation, slot)) = self.activation {
            // SAFETY: nobody else works on it.
            let dz = unsafe { pass.gradient_out(self.output).part(0..len) };
            for (d, &z) in dz.iter_mut().zip(pass.arena.read(slot)) {
                *d *= activation.derivative(z);
            }
        }
        let (x, dz) = (pass.values(self.input), pass.gradient(self.output));
        transposed(dz, self.n, x, self.k, gradients.of(self.weight));
        sum_rows(dz, gradients.of(self.bias));
        let Some(edge) = self.edge else { return Vec::new() };
        let (dx, parts) = (pass.gradient_out(edge.feature), row_parts(pass.images));
        parts::for_each(parts, |part| {
            let rows = parts::range(pass.images, part, parts);
            // SAFETY: every part has rows of its own.
            let product = unsafe { dx.part(rows.start * self.k..rows.end * self.k) };
            let left = &dz[rows.start * self.n..rows.end * self.n];
            let (right, accumulate) = (&self.backward, edge.accumulate);
            dispatch(Product { left, right, product, accumulate, moments: None });
        });
        Vec::new()
    }
}
