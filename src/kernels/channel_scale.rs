//! Scaling every channel of every image by a factor: the second half of squeeze-and-excitation
//! (arXiv:1709.01507), `y[n, p, c] = x[n, p, c] * scale[n, c]`.

use super::parallel::for_each_piece;
use super::simd::{Isa, Vectorised, dispatch};

/// `y: [n, pixels, c]`, the images of `x: [n, pixels, c]` scaled by `scale: [n, c]`.
///
/// # Panics
/// When a slice does not have the length its shape asks for.
pub fn forward(x: &[f32], scale: &[f32], pixels: usize, channels: usize, y: &mut [f32]) {
    assert_eq!(x.len(), scale.len() * pixels, "scaling input");
    assert_eq!(x.len(), y.len(), "scaling output");
    let image = pixels * channels;
    for_each_piece(y, image, |i, y| {
        let scale = &scale[i * channels..][..channels];
        dispatch(Scale { x: &x[i * image..][..image], scale, y });
    });
}

/// Gradients `dx: [n, pixels, c]` and `dscale: [n, c]` from `dy: [n, pixels, c]`.
///
/// # Panics
/// When a slice does not have the length its shape asks for.
pub fn backward(
    x: &[f32],
    scale: &[f32],
    dy: &[f32],
    pixels: usize,
    channels: usize,
    dx: &mut [f32],
    dscale: &mut [f32],
) {
    assert_eq!(x.len(), dy.len(), "scaling output gradient");
    assert_eq!(scale.len(), dscale.len(), "factor gradient");
    forward(dy, scale, pixels, channels, dx);
    let image = pixels * channels;
    for_each_piece(dscale, channels, |i, dscale| {
        let (x, dy) = (&x[i * image..][..image], &dy[i * image..][..image]);
        dispatch(ProductSum { x, dy, sum: dscale });
    });
}

struct Scale<'a> {
    x: &'a [f32],
    scale: &'a [f32],
    y: &'a mut [f32],
}

impl Vectorised for Scale<'_> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(self) {
        let channels = self.scale.len();
        for (y, x) in self.y.chunks_exact_mut(channels).zip(self.x.chunks_exact(channels)) {
            for ((y, x), scale) in y.iter_mut().zip(x).zip(self.scale) {
                *y = x * scale;
            }
        }
    }
}

/// `sum[c] = sum_p x[p, c] * dy[p, c]`
struct ProductSum<'a> {
    x: &'a [f32],
    dy: &'a [f32],
    sum: &'a mut [f32],
}

impl Vectorised for ProductSum<'_> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(self) {
        self.sum.fill(0.0);
        let channels = self.sum.len();
        for (x, dy) in self.x.chunks_exact(channels).zip(self.dy.chunks_exact(channels)) {
            for ((sum, &x), &dy) in self.sum.iter_mut().zip(x).zip(dy) {
                *sum = I::mul_add(x, dy, *sum);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::kernels::testing::{
        assert_close, assert_same_for_any_thread_count, dot, numeric_gradient, values, wide,
    };

    fn exact(x: &[f64], scale: &[f64], pixels: usize, channels: usize) -> Vec<f64> {
        let factor = |i: usize| scale[i / (pixels * channels) * channels + i % channels];
        x.iter().enumerate().map(|(i, x)| x * factor(i)).collect()
    }

    #[rstest]
    #[case(3, 7, 17)]
    #[case(2, 1, 5)]
    #[case(1, 30, 1)]
    fn agrees_with_the_definition(#[case] n: usize, #[case] pixels: usize, #[case] c: usize) {
        let (x, scale) = (values(n * pixels * c, 1), values(n * c, 2));
        let (x64, scale64) = (wide(&x), wide(&scale));
        let mut y = vec![f32::NAN; x.len()];
        forward(&x, &scale, pixels, c, &mut y);
        assert_close(&y, &exact(&x64, &scale64, pixels, c), 1e-6);

        let dy = values(x.len(), 3);
        let (mut dx, mut dscale) = (vec![f32::NAN; x.len()], vec![f32::NAN; scale.len()]);
        backward(&x, &scale, &dy, pixels, c, &mut dx, &mut dscale);
        let loss = |x: &[f64], scale: &[f64]| dot(&exact(x, scale, pixels, c), &wide(&dy));
        assert_close(&dx, &numeric_gradient(&x64, |x| loss(x, &scale64)), 1e-5);
        assert_close(&dscale, &numeric_gradient(&scale64, |s| loss(&x64, s)), 1e-5);
    }

    #[test]
    fn threads_change_nothing() {
        let (x, scale, dy) = (values(9 * 49 * 40, 1), values(9 * 40, 2), values(9 * 49 * 40, 3));
        assert_same_for_any_thread_count(|| {
            let (mut dx, mut dscale) = (vec![0.0; x.len()], vec![0.0; scale.len()]);
            backward(&x, &scale, &dy, 49, 40, &mut dx, &mut dscale);
            [dx, dscale].concat()
        });
    }
}
