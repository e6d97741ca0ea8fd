//! Dropout: zeroes values with probability `rate` and scales the rest (Srivastava et al. 2014).

use rand::Rng;

use super::arena::Slot;
use super::feature::{Edge, NormSums, Pass};
use super::layer::{Gradients, Layer, Workspace};
use crate::kernels::batch_norm::Statistics;
use crate::seed;

/// `y = x * mask`, on pooled features.
pub(super) struct Dropout {
    input: usize,
    output: usize,
    rate: f64,
    mask: Slot,
    edge: Option<Edge>,
}

impl Dropout {
    pub(super) fn new((input, output): (usize, usize), rate: f64, mask: Slot, edge: Option<Edge>) -> Self {
        Self { input, output, rate, mask, edge }
    }
}

impl Layer for Dropout {
    fn forward(&self, pass: Pass<'_>, _work: &mut Workspace) -> Option<Statistics> {
        let x = pass.values(self.input);
        // SAFETY: nobody else works on these.
        let (y, mask) = unsafe {
            (pass.output(self.output).part(0..x.len()), pass.arena.write(self.mask).part(0..x.len()))
        };
        match pass.dropout {
            Some((seed, step)) => draw(mask, self.rate, seed, step),
            None => mask.fill(1.0),
        }
        for ((y, x), mask) in y.iter_mut().zip(x).zip(&*mask) {
            *y = x * mask;
        }
        None
    }

    fn backward(&self, pass: Pass<'_>, _work: &mut Workspace, _gradients: &mut Gradients) -> Vec<NormSums> {
        let Some(edge) = self.edge else { return Vec::new() };
        let dy = pass.gradient(self.output);
        // SAFETY: nobody else works on it.
        let dx = unsafe { pass.gradient_out(edge.feature).part(0..dy.len()) };
        for ((dx, dy), mask) in dx.iter_mut().zip(dy).zip(pass.arena.read(self.mask)) {
            *dx = dy * mask + if edge.accumulate { *dx } else { 0.0 };
        }
        Vec::new()
    }
}

/// The mask of a step.
pub(crate) fn draw(mask: &mut [f32], rate: f64, seed: u64, step: u64) {
    let mut rng = seed::rng(seed, "dropout", step);
    let keep = (1.0 / (1.0 - rate)) as f32;
    mask.fill_with(|| if rng.random_bool(rate) { 0.0 } else { keep });
}
