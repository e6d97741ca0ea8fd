//! Optimizer steps, in place: parameters and moments are read and written once. And what goes with them: averages
//! of parameters, the norm of a gradient.
//!
//! Weight decay is an argument of every step, so that tensors that must not decay (batch normalisation,
//! biases) pass zero.

use super::parallel::{PIECE, for_each_piece};
use super::simd::{Isa, Vectorised, dispatch};

/// Stochastic gradient descent with momentum, in PyTorch's convention (no dampening):
/// `g = gradient + weight_decay * p; v = momentum * v + g; p -= learning_rate * (nesterov ? g + momentum * v : v)`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sgd {
    /// Step size.
    pub learning_rate: f32,
    /// Share of the velocity kept from step to step.
    pub momentum: f32,
    /// Whether to look ahead along the new velocity.
    pub nesterov: bool,
    /// L2 penalty, added to the gradient.
    pub weight_decay: f32,
}

/// RMSProp as TensorFlow has it, with epsilon inside the root and the step size inside the momentum:
/// `g = gradient + weight_decay * p; square = decay * square + (1 - decay) * g^2;
/// velocity = momentum * velocity + learning_rate * g / sqrt(square + eps); p -= velocity`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RmsProp {
    /// Step size.
    pub learning_rate: f32,
    /// Share of the mean square kept from step to step.
    pub decay: f32,
    /// Share of the velocity kept from step to step.
    pub momentum: f32,
    /// Added to the mean square.
    pub eps: f32,
    /// L2 penalty, added to the gradient.
    pub weight_decay: f32,
}

/// Adam with decoupled weight decay (arXiv:1711.05101).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AdamW {
    /// Step size.
    pub learning_rate: f64,
    /// Decay of the first moment.
    pub beta1: f64,
    /// Decay of the second moment.
    pub beta2: f64,
    /// Added to the root of the second moment.
    pub eps: f64,
    /// Share of the parameter, times the step size, taken off in every step.
    pub weight_decay: f64,
    /// Number of this step, counted from one: the moments' bias correction.
    pub step: u32,
}

/// One step of stochastic gradient descent.
///
/// # Panics
/// When the lengths differ.
pub fn sgd(parameters: &mut [f32], velocity: &mut [f32], gradient: &[f32], step: Sgd) {
    assert_eq!(parameters.len(), velocity.len(), "parameters and velocity");
    assert_eq!(parameters.len(), gradient.len(), "parameters and gradient");
    let slices = parameters.chunks_mut(PIECE).zip(velocity.chunks_mut(PIECE));
    let mut pieces: Vec<_> = slices.zip(gradient.chunks(PIECE)).collect();
    for_each_piece(&mut pieces, 1, |_, pieces| {
        for ((parameters, velocity), gradient) in pieces {
            dispatch(SgdPiece { parameters, velocity, gradient, step });
        }
    });
}

/// One step of RMSProp with the mean `square` of the gradient and the `velocity`.
///
/// # Panics
/// When the lengths differ.
pub fn rmsprop(
    parameters: &mut [f32],
    square: &mut [f32],
    velocity: &mut [f32],
    gradient: &[f32],
    step: RmsProp,
) {
    assert_eq!(parameters.len(), square.len(), "parameters and mean square");
    assert_eq!(parameters.len(), velocity.len(), "parameters and velocity");
    assert_eq!(parameters.len(), gradient.len(), "parameters and gradient");
    let moments = square.chunks_mut(PIECE).zip(velocity.chunks_mut(PIECE));
    let slices = parameters.chunks_mut(PIECE).zip(moments);
    let mut pieces: Vec<_> = slices.zip(gradient.chunks(PIECE)).collect();
    for_each_piece(&mut pieces, 1, |_, pieces| {
        for ((parameters, (square, velocity)), gradient) in pieces {
            dispatch(RmsPropPiece { parameters, square, velocity, gradient, step });
        }
    });
}

/// One step of AdamW with the moments `first` and `second`.
///
/// # Panics
/// When the lengths differ.
pub fn adamw(parameters: &mut [f32], first: &mut [f32], second: &mut [f32], gradient: &[f32], step: AdamW) {
    assert_eq!(parameters.len(), first.len(), "parameters and first moment");
    assert_eq!(parameters.len(), second.len(), "parameters and second moment");
    assert_eq!(parameters.len(), gradient.len(), "parameters and gradient");
    let factors = step.factors();
    let moments = first.chunks_mut(PIECE).zip(second.chunks_mut(PIECE));
    let slices = parameters.chunks_mut(PIECE).zip(moments);
    let mut pieces: Vec<_> = slices.zip(gradient.chunks(PIECE)).collect();
    for_each_piece(&mut pieces, 1, |_, pieces| {
        for ((parameters, (first, second)), gradient) in pieces {
            dispatch(AdamWPiece { parameters, first, second, gradient, factors });
        }
    });
}

struct SgdPiece<'a> {
    parameters: &'a mut [f32],
    velocity: &'a mut [f32],
    gradient: &'a [f32],
    step: Sgd,
}

impl Vectorised for SgdPiece<'_> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(self) {
        let Sgd { learning_rate, momentum, nesterov, weight_decay } = self.step;
        // The step is `direct * g + along * v`.
        let (direct, along) = if nesterov { (1.0, momentum) } else { (0.0, 1.0) };
        let slices = self.parameters.iter_mut().zip(self.velocity).zip(self.gradient);
        for ((parameter, velocity), &gradient) in slices {
            let gradient = I::mul_add(weight_decay, *parameter, gradient);
            *velocity = I::mul_add(momentum, *velocity, gradient);
            let step = I::mul_add(along, *velocity, direct * gradient);
            *parameter = I::mul_add(-learning_rate, step, *parameter);
        }
    }
}

struct RmsPropPiece<'a> {
    parameters: &'a mut [f32],
    square: &'a mut [f32],
    velocity: &'a mut [f32],
    gradient: &'a [f32],
    step: RmsProp,
}

impl Vectorised for RmsPropPiece<'_> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(self) {
        let RmsProp { learning_rate, decay, momentum, eps, weight_decay } = self.step;
        let rest = 1.0 - decay;
        let moments = self.square.iter_mut().zip(self.velocity);
        let slices = self.parameters.iter_mut().zip(moments).zip(self.gradient);
        for ((parameter, (square, velocity)), &gradient) in slices {
            let gradient = I::mul_add(weight_decay, *parameter, gradient);
            *square = I::mul_add(decay, *square, rest * gradient * gradient);
            let step = learning_rate * gradient / (*square + eps).sqrt();
            *velocity = I::mul_add(momentum, *velocity, step);
            *parameter -= *velocity;
        }
    }
}

/// [`AdamW`] worked out for one step.
#[derive(Clone, Copy)]
struct Factors {
    beta1: f32,
    beta2: f32,
    rest1: f32,
    rest2: f32,
    keep: f32,
    rate: f32,
    correction2: f32,
    eps: f32,
}

impl AdamW {
    fn factors(self) -> Factors {
        let correction = |beta: f64| (1.0 - beta.powf(f64::from(self.step))).recip();
        Factors {
            beta1: self.beta1 as f32,
            beta2: self.beta2 as f32,
            rest1: (1.0 - self.beta1) as f32,
            rest2: (1.0 - self.beta2) as f32,
            keep: (1.0 - self.learning_rate * self.weight_decay) as f32,
            rate: (self.learning_rate * correction(self.beta1)) as f32,
            correction2: correction(self.beta2) as f32,
            eps: self.eps as f32,
        }
    }
}

struct AdamWPiece<'a> {
    parameters: &'a mut [f32],
    first: &'a mut [f32],
    second: &'a mut [f32],
    gradient: &'a [f32],
    factors: Factors,
}

impl Vectorised for AdamWPiece<'_> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(self) {
        let factors = self.factors;
        let moments = self.first.iter_mut().zip(self.second);
        let slices = self.parameters.iter_mut().zip(moments).zip(self.gradient);
        for ((parameter, (first, second)), &gradient) in slices {
            *first = I::mul_add(factors.beta1, *first, factors.rest1 * gradient);
            *second = I::mul_add(factors.beta2, *second, factors.rest2 * gradient * gradient);
            let deviation = (*second * factors.correction2).sqrt() + factors.eps;
            *parameter = *parameter * factors.keep - factors.rate * *first / deviation;
        }
    }
}

/// Moves `average` towards `values`: `average = decay * average + (1 - decay) * values`.
///
/// # Panics
/// When the lengths differ.
pub fn move_average(average: &mut [f32], values: &[f32], decay: f64) {
    assert_eq!(average.len(), values.len(), "average and values");
    let share = (1.0 - decay) as f32;
    for_each_piece(average, PIECE, |i, average| {
        dispatch(AveragePiece { values: &values[i * PIECE..][..average.len()], average, share });
    });
}

struct AveragePiece<'a> {
    average: &'a mut [f32],
    values: &'a [f32],
    share: f32,
}

impl Vectorised for AveragePiece<'_> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(self) {
        for (average, &value) in self.average.iter_mut().zip(self.values) {
            // Written as a difference, a value that stays the same is kept exactly.
            *average = I::mul_add(self.share, value - *average, *average);
        }
    }
}

/// The sum of the squares of `values`.
pub fn sum_of_squares(values: &[f32]) -> f64 {
    let mut sums = vec![0.0f64; values.len().div_ceil(PIECE)];
    for_each_piece(&mut sums, 1, |i, sum| {
        let piece = &values[i * PIECE..values.len().min((i + 1) * PIECE)];
        sum[0] = piece.iter().map(|&value| f64::from(value) * f64::from(value)).sum();
    });
    sums.iter().sum()
}

/// Multiplies all `values` by `factor`.
pub fn scale(values: &mut [f32], factor: f32) {
    for_each_piece(values, PIECE, |_, values| values.iter_mut().for_each(|value| *value *= factor));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::testing::{assert_close, assert_same_for_any_thread_count, values, wide};

    #[test]
    fn sgd_follows_its_definition() {
        for (momentum, nesterov) in [(0.0, false), (0.9, false), (0.9, true)] {
            let step = Sgd { learning_rate: 0.1, momentum, nesterov, weight_decay: 0.01 };
            let (mut p, mut v) = (values(37, 1), vec![0.0; 37]);
            let (mut p64, mut v64) = (wide(&p), vec![0.0; 37]);
            for seed in 2..6 {
                let gradient = values(37, seed);
                sgd(&mut p, &mut v, &gradient, step);
                for i in 0..37 {
                    let g = f64::from(gradient[i]) + 0.01 * p64[i];
                    v64[i] = f64::from(momentum) * v64[i] + g;
                    let ahead = if nesterov { g + f64::from(momentum) * v64[i] } else { v64[i] };
                    p64[i] -= 0.1 * ahead;
                }
            }
            assert_close(&p, &p64, 1e-6);
            assert_close(&v, &v64, 1e-6);
        }
    }

    #[test]
    fn adamw_follows_its_definition() {
        let (lr, b1, b2, eps, decay) = (0.01, 0.9, 0.999, 1e-8, 0.05);
        let (mut p, mut m, mut s) = (values(37, 1), vec![0.0; 37], vec![0.0; 37]);
        let (mut p64, mut m64, mut s64) = (wide(&p), vec![0.0; 37], vec![0.0; 37]);
        for t in 1..6 {
            let gradient = values(37, 1 + u64::from(t));
            let step = AdamW { learning_rate: lr, beta1: b1, beta2: b2, eps, weight_decay: decay, step: t };
            adamw(&mut p, &mut m, &mut s, &gradient, step);
            for i in 0..37 {
                let g = f64::from(gradient[i]);
                p64[i] *= 1.0 - lr * decay;
                m64[i] = b1 * m64[i] + (1.0 - b1) * g;
                s64[i] = b2 * s64[i] + (1.0 - b2) * g * g;
                let (t, m, s) = (f64::from(t), m64[i], s64[i]);
                let (m, s) = (m / (1.0 - b1.powf(t)), s / (1.0 - b2.powf(t)));
                p64[i] -= lr * m / (s.sqrt() + eps);
            }
        }
        assert_close(&p, &p64, 1e-6);
        assert_close(&m, &m64, 1e-6);
        assert_close(&s, &s64, 1e-6);
    }

    #[test]
    fn rmsprop_follows_its_definition() {
        let (lr, decay, momentum, eps, l2) = (0.01, 0.9, 0.8, 1e-3, 0.05);
        let (mut p, mut ms, mut mom) = (values(37, 1), vec![1.0; 37], vec![0.0; 37]);
        let (mut p64, mut ms64, mut mom64) = (wide(&p), vec![1.0; 37], vec![0.0; 37]);
        let step = RmsProp {
            learning_rate: lr as f32,
            decay: decay as f32,
            momentum: momentum as f32,
            eps: eps as f32,
            weight_decay: l2 as f32,
        };
        for seed in 2..7 {
            let gradient = values(37, seed);
            rmsprop(&mut p, &mut ms, &mut mom, &gradient, step);
            for i in 0..37 {
                let g: f64 = f64::from(gradient[i]) + l2 * p64[i];
                ms64[i] = decay * ms64[i] + (1.0 - decay) * g * g;
                mom64[i] = momentum * mom64[i] + lr * g / f64::sqrt(ms64[i] + eps);
                p64[i] -= mom64[i];
            }
        }
        assert_close(&p, &p64, 1e-6);
        assert_close(&ms, &ms64, 1e-6);
        assert_close(&mom, &mom64, 1e-6);
    }

    #[test]
    fn averages_move_by_their_share() {
        let (mut average, values) = (vec![1.0, 2.0, -3.0], [1.0, 4.0, 1.0]);
        move_average(&mut average, &values, 0.75);
        assert_eq!(average, [1.0, 2.5, -2.0]);
        move_average(&mut average, &values, 0.0);
        assert_eq!(average, values);
    }

    #[test]
    fn squares_are_summed_over_pieces() {
        assert_eq!(sum_of_squares(&[]), 0.0);
        let mut ones = vec![1.0; 2 * PIECE + 3];
        ones[2 * PIECE + 2] = -2.0;
        assert_eq!(sum_of_squares(&ones), (2 * PIECE + 6) as f64);
        scale(&mut ones, 0.5);
        assert_eq!(sum_of_squares(&ones), (2 * PIECE + 6) as f64 / 4.0);
    }

    #[test]
    fn threads_change_nothing() {
        let len = 2 * PIECE + 3;
        let gradient = values(len, 2);
        assert_same_for_any_thread_count(|| vec![sum_of_squares(&gradient) as f32]);
        assert_same_for_any_thread_count(|| {
            let (mut p, mut v) = (values(len, 1), vec![0.5; len]);
            let step = Sgd { learning_rate: 0.1, momentum: 0.9, nesterov: true, weight_decay: 0.1 };
            sgd(&mut p, &mut v, &gradient, step);
            [p, v].concat()
        });
    }
}
