//! Global average pooling: the mean of every channel over an image, `[n, h * w, c] -> [n, c]`.

use super::channels::Periods;
use super::parallel::for_each_piece;
use super::simd::{Isa, Vectorised, dispatch};

/// `y: [n, c]`, the means of `x: [n, pixels, c]`.
///
/// # Panics
/// When the lengths of `x` and `y` differ by another factor than `pixels`.
pub fn forward(x: &[f32], pixels: usize, channels: usize, y: &mut [f32]) {
    assert_eq!(x.len(), y.len() * pixels, "pooling input");
    let image = pixels * channels;
    for_each_piece(y, channels, |i, mean| {
        dispatch(Sum { rows: &x[i * image..][..image], sum: mean });
        let share = 1.0 / pixels as f32;
        mean.iter_mut().for_each(|mean| *mean *= share);
    });
}

/// `dx: [n, pixels, c]` from `dy: [n, c]`: every pixel gets an equal share.
///
/// # Panics
/// When the lengths of `dx` and `dy` differ by another factor than `pixels`.
pub fn backward(dy: &[f32], pixels: usize, channels: usize, dx: &mut [f32]) {
    assert_eq!(dx.len(), dy.len() * pixels, "pooling input gradient");
    let share = 1.0 / pixels as f32;
    for_each_piece(dx, pixels * channels, |i, image| {
        let dy = &dy[i * channels..][..channels];
        for pixel in image.chunks_exact_mut(channels) {
            for (dx, dy) in pixel.iter_mut().zip(dy) {
                *dx = dy * share;
            }
        }
    });
}

/// The sum of `rows: [m, c]` over `m`.
struct Sum<'a> {
    rows: &'a [f32],
    sum: &'a mut [f32],
}

impl Vectorised for Sum<'_> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(self) {
        let sum = self.sum;
        sum.fill(0.0);
        let mut periods = Periods::new(self.rows, sum.len());
        while let Some(rows) = periods.next_four() {
            let [a, b, c, d] = rows.map(|row| &row[..sum.len()]);
            for (j, sum) in sum.iter_mut().enumerate() {
                *sum += (a[j] + b[j]) + (c[j] + d[j]);
            }
        }
        while let Some([row]) = periods.next_one() {
            for (sum, value) in sum.iter_mut().zip(row) {
                *sum += value;
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

    fn exact(x: &[f64], pixels: usize, channels: usize) -> Vec<f64> {
        let images = x.chunks_exact(pixels * channels);
        let mean = |image: &[f64], c| image.iter().skip(c).step_by(channels).sum::<f64>() / pixels as f64;
        images.flat_map(|image| (0..channels).map(move |c| mean(image, c))).collect()
    }

    #[rstest]
    #[case(3, 7, 17)]
    #[case(2, 1, 5)]
    #[case(1, 30, 1)]
    fn agrees_with_the_definition(#[case] n: usize, #[case] pixels: usize, #[case] c: usize) {
        let x = values(n * pixels * c, 1);
        let mut y = vec![f32::NAN; n * c];
        forward(&x, pixels, c, &mut y);
        assert_close(&y, &exact(&wide(&x), pixels, c), 1e-6);

        let dy = values(n * c, 2);
        let mut dx = vec![f32::NAN; x.len()];
        backward(&dy, pixels, c, &mut dx);
        let loss = |x: &[f64]| dot(&exact(x, pixels, c), &wide(&dy));
        assert_close(&dx, &numeric_gradient(&wide(&x), loss), 1e-6);
    }

    #[test]
    fn threads_change_nothing() {
        let x = values(9 * 49 * 40, 1);
        assert_same_for_any_thread_count(|| {
            let mut y = vec![0.0; 9 * 40];
            forward(&x, 49, 40, &mut y);
            let mut dx = vec![0.0; x.len()];
            backward(&y, 49, 40, &mut dx);
            [y, dx].concat()
        });
    }
}
