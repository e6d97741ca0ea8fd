//! Clipping of the global gradient norm (Pascanu et al. 2013, arXiv:1211.5063, algorithm 1).

use crate::kernels::update::{scale, sum_of_squares};
use crate::nn::Engine;

/// Scales all gradients by one factor, so that their norm together is `largest` at most.
pub(super) fn clip_norm(engine: &mut Engine, largest: f64) {
    let norm = engine.gradients().map(sum_of_squares).sum::<f64>().sqrt();
    if norm > largest {
        engine.for_each_gradient(|gradient| scale(gradient, (largest / norm) as f32));
    }
}
