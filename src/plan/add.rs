//! Residual addition: the one place where an activation is stored.

use super::feature::{Edge, NormSums, Pass, View};
use super::layer::{Gradients, Layer, Workspace};
use super::parts::{self, Disjoint};
use crate::kernels::batch_norm::Statistics;
use crate::kernels::rows::{self, Incoming};

/// `y = a + b`.
pub(super) struct Add {
    inputs: [usize; 2],
    output: usize,
    /// Summands that gather their gradient in a place of their own; the others share the sum's.
    edges: Vec<Edge>,
}

impl Add {
    pub(super) fn new(inputs: [usize; 2], output: usize, edges: Vec<Edge>) -> Self {
        Self { inputs, output, edges }
    }
}

/// Rows that are added before the next ones: they stay in the first cache between both summands.
const ROWS: usize = 64;

impl Layer for Add {
    fn forward(&self, pass: Pass<'_>, _work: &mut Workspace) -> Option<Statistics> {
        let views = self.inputs.map(|input| pass.view(input));
        let [a, b] = views;
        let (total, c) = (pass.images * a.pixels, a.channels);
        let parts = parts::count(total, c);
        let y = pass.output(self.output);
        parts::for_each(parts, |part| {
            let range = parts::range(total, part, parts);
            for start in range.clone().step_by(ROWS) {
                let rows = start..(start + ROWS).min(range.end);
                // SAFETY: every part has rows of its own.
                let y = unsafe { y.part(rows.start * c..rows.end * c) };
                a.copy_rows(rows.clone(), y);
                add_view(b, rows, y);
            }
        });
        None
    }

    fn backward(&self, pass: Pass<'_>, work: &mut Workspace, _gradients: &mut Gradients) -> Vec<NormSums> {
        let mut merged = Vec::new();
        for &edge in &self.edges {
            let (dy, dx) = (pass.gradient(self.output), pass.gradient_out(edge.feature));
            let view = pass.view(edge.feature);
            let (total, c) = (pass.images * view.pixels, view.channels);
            let (parts, finishing) = (parts::count(total, c), pass.finishing(edge));
            let sums = finishing.sums();
            work.sums.resize(parts * sums);
            work.sums.fill(0.0);
            let all_sums = Disjoint::new(&mut work.sums);
            parts::for_each(parts, |part| {
                let rows = parts::range(total, part, parts);
                let values = rows.start * c..rows.end * c;
                // SAFETY: every part has rows and sums of its own.
                let (dx, sums) = unsafe { (dx.part(values.clone()), all_sums.piece(part, sums)) };
                if edge.accumulate {
                    rows::add(&dy[values], dx);
                } else {
                    dx.copy_from_slice(&dy[values]);
                }
                finishing.rows(rows, dx, Incoming::Plain, sums);
            });
            merged.extend(finishing.merge(&work.sums));
        }
        merged
    }
}

fn add_view(view: View<'_>, rows: std::ops::Range<usize>, y: &mut [f32]) {
    let z = &view.z[rows.start * view.channels..rows.end * view.channels];
    match view.affine {
        Some(affine) => rows::add_normalised(z, affine, view.activation, y),
        None => rows::add(z, y),
    }
}
