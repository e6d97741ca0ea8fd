//! Global average pooling.

use super::feature::{Edge, NormSums, Pass};
use super::layer::{Gradients, Layer, Workspace};
use super::parts::{self, Disjoint};
use super::scratch;
use crate::kernels::batch_norm::Statistics;
use crate::kernels::rows::{self, Incoming};

/// `[n, h, w, c] -> [n, c]`.
pub(super) struct Pool {
    input: usize,
    output: usize,
    edge: Option<Edge>,
}

impl Pool {
    pub(super) fn new((input, output): (usize, usize), edge: Option<Edge>) -> Self {
        Self { input, output, edge }
    }
}

impl Layer for Pool {
    fn forward(&self, pass: Pass<'_>, _work: &mut Workspace) -> Option<Statistics> {
        let (view, means) = (pass.view(self.input), pass.output(self.output));
        let (c, image) = (view.channels, view.pixels * view.channels);
        let parts = parts::count(pass.images, image);
        parts::for_each(parts, |part| {
            for index in parts::range(pass.images, part, parts) {
                // SAFETY: every part has images of its own.
                let means = unsafe { means.piece(index, c) };
                rows::mean(&view.z[index * image..][..image], view.affine, view.activation, means);
            }
        });
        None
    }

    fn backward(&self, pass: Pass<'_>, work: &mut Workspace, _gradients: &mut Gradients) -> Vec<NormSums> {
        let Some(edge) = self.edge else { return Vec::new() };
        let view = pass.view(self.input);
        let (c, image, share) = (view.channels, view.pixels * view.channels, 1.0 / view.pixels as f32);
        let (means, dx) = (pass.gradient(self.output), pass.gradient_out(edge.feature));
        let finishing = pass.finishing(edge);
        let (parts, sums) = (parts::MOST.min(pass.images), finishing.sums());
        work.sums.resize(parts * sums);
        work.sums.fill(0.0);
        let all_sums = Disjoint::new(&mut work.sums);
        parts::for_each(parts, |part| {
            // SAFETY: every part has sums of its own.
            let sums = unsafe { all_sums.piece(part, sums) };
            scratch::with([c], |[extra]| {
                for index in parts::range(pass.images, part, parts) {
                    for (extra, mean) in extra.iter_mut().zip(&means[index * c..]) {
                        *extra = mean * share;
                    }
                    // SAFETY: every part has images of its own.
                    let dx = unsafe { dx.piece(index, image) };
                    let rows = index * view.pixels..(index + 1) * view.pixels;
                    if view.affine.is_some() && edge.last && !edge.accumulate {
                        finishing.rows(rows, dx, Incoming::Constant { extra }, sums);
                        continue;
                    }
                    for pixel in dx.chunks_exact_mut(c) {
                        if !edge.accumulate {
                            pixel.fill(0.0);
                        }
                        rows::add(extra, pixel);
                    }
                    finishing.rows(rows, dx, Incoming::Plain, sums);
                }
            });
        });
        finishing.merge(&work.sums)
    }
}
