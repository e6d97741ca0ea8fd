//! Activations on their own, forward and backward.

use super::activation::{Activation, Function, with_function};
use super::parallel::{PIECE, for_each_piece};
use super::simd::{Isa, Vectorised, dispatch};

/// `y = activation(x)`.
///
/// # Panics
/// When the lengths differ.
pub fn forward(x: &[f32], activation: Activation, y: &mut [f32]) {
    assert_eq!(x.len(), y.len(), "input and output");
    with_function!(activation, |function| for_each_piece(y, PIECE, |i, y| {
        dispatch(Forward { x: &x[i * PIECE..][..y.len()], function, y });
    }));
}

/// `dx = dy * activation'(x)`.
///
/// # Panics
/// When the lengths differ.
pub fn backward(x: &[f32], dy: &[f32], activation: Activation, dx: &mut [f32]) {
    assert_eq!(x.len(), dy.len(), "input and output gradient");
    assert_eq!(x.len(), dx.len(), "input and its gradient");
    with_function!(activation, |function| for_each_piece(dx, PIECE, |i, dx| {
        let (x, dy) = (&x[i * PIECE..][..dx.len()], &dy[i * PIECE..][..dx.len()]);
        dispatch(Backward { x, dy, function, dx });
    }));
}

struct Forward<'a, F> {
    x: &'a [f32],
    function: F,
    y: &'a mut [f32],
}

impl<F: Function> Vectorised for Forward<'_, F> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(self) {
        for (y, &x) in self.y.iter_mut().zip(self.x) {
            *y = self.function.value(x);
        }
    }
}

struct Backward<'a, F> {
    x: &'a [f32],
    dy: &'a [f32],
    function: F,
    dx: &'a mut [f32],
}

impl<F: Function> Vectorised for Backward<'_, F> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(self) {
        for ((dx, &dy), &x) in self.dx.iter_mut().zip(self.dy).zip(self.x) {
            *dx = dy * self.function.derivative(x);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::activation::{ALL, in_double};
    use crate::kernels::testing::{assert_close, dot, numeric_gradient, values, wide};

    #[test]
    fn agrees_with_the_definition() {
        let x: Vec<f32> = values(337, 1).iter().map(|v| 8.0 * v).collect();
        let dy = values(337, 2);
        for activation in ALL {
            let apply = |x: &[f64]| -> Vec<f64> { x.iter().map(|&x| in_double(activation, x)).collect() };
            let mut y = vec![f32::NAN; x.len()];
            forward(&x, activation, &mut y);
            assert_close(&y, &apply(&wide(&x)), 1e-6);
            let mut dx = vec![f32::NAN; x.len()];
            backward(&x, &dy, activation, &mut dx);
            let expected = numeric_gradient(&wide(&x), |x| dot(&apply(x), &wide(&dy)));
            assert_close(&dx, &expected, 1e-5);
        }
    }

    #[test]
    fn pieces_join_up() {
        let x = values(2 * PIECE + 5, 1);
        let mut y = vec![f32::NAN; x.len()];
        forward(&x, Activation::HardSwish, &mut y);
        assert!(x.iter().zip(&y).all(|(&x, &y)| y == Activation::HardSwish.value(x)));
        let mut dx = vec![f32::NAN; x.len()];
        backward(&x, &x, Activation::Relu, &mut dx);
        assert!(x.iter().zip(&dx).all(|(&x, &dx)| dx == x.max(0.0)));
    }
}
