//! The normalisation itself, and the scale-and-shift form that inference folds it into.

use super::super::activation::{Activation, Function, with_function};
use super::super::channels;
use super::super::parallel::for_each_piece;
use super::super::simd::{Isa, Vectorised, dispatch};
use super::Normalisation;

/// `y: [m, c]`, the normalised and activated `x: [m, c]`.
///
/// # Panics
/// When the lengths of `x` and `y` differ or are not a whole number of rows.
pub fn forward(x: &[f32], normalisation: &Normalisation, activation: Activation, y: &mut [f32]) {
    let Normalisation { centre, scale, offset, .. } = normalisation;
    affine(x, [centre, scale, offset], activation, y);
}

/// `y = activation(x * scale + shift)` for `x, y: [m, c]` and `scale, shift: [c]`.
///
/// # Panics
/// When the lengths of `x` and `y` or of `scale` and `shift` differ, or `x` is not a whole number of rows.
pub fn scale_shift_activation(
    x: &[f32],
    scale: &[f32],
    shift: &[f32],
    activation: Activation,
    y: &mut [f32],
) {
    assert_eq!(scale.len(), shift.len(), "scale and shift");
    affine(x, [&vec![0.0; scale.len()], scale, shift], activation, y);
}

/// `y = activation((x - centre) * scale + offset)`.
fn affine(x: &[f32], parameters: [&[f32]; 3], activation: Activation, y: &mut [f32]) {
    let channels = parameters[0].len();
    assert_eq!(x.len(), y.len(), "input and output");
    assert!(x.is_empty() || x.len().is_multiple_of(channels.max(1)), "rows of channels");
    let period = channels::period(channels);
    let parameters = parameters.map(|values| channels::repeat(values, period));
    let piece = channels::piece(period);
    with_function!(activation, |function| for_each_piece(y, piece, |i, y| {
        let x = &x[i * piece..][..y.len()];
        dispatch(Affine { x, parameters: &parameters, function, y });
    }));
}

struct Affine<'a, F> {
    x: &'a [f32],
    /// Centre, scale and offset, one period each.
    parameters: &'a [Vec<f32>; 3],
    function: F,
    y: &'a mut [f32],
}

impl<F: Function> Vectorised for Affine<'_, F> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(self) {
        let [centre, scale, offset] = self.parameters;
        let period = centre.len();
        for (x, y) in self.x.chunks(period).zip(self.y.chunks_mut(period)) {
            let width = x.len();
            let (centre, scale, offset) = (&centre[..width], &scale[..width], &offset[..width]);
            let y = &mut y[..width];
            for j in 0..width {
                let normalised = I::mul_add(x[j] - centre[j], scale[j], offset[j]);
                y[j] = self.function.value(normalised);
            }
        }
    }
}
