//! Gradients of the normalisation and its activation, in two passes over the data.
//!
//! With `z = gamma * x_hat + beta`, `dz = dy * activation'(z)` and `m` values per channel:
//!
//! * `dbeta = sum(dz)`, `dgamma = sum(dz * x_hat)`,
//! * `dx = gamma / sqrt(variance + eps) * (dz - dbeta / m - x_hat * dgamma / m)`.
//!
//! `z` is formed anew in both passes rather than stored.

use super::super::activation::{Activation, Function, with_function};
use super::super::channels::{self, Periods};
use super::super::parallel::for_each_piece;
use super::super::simd::{Isa, Vectorised, dispatch};
use super::Normalisation;

/// Gradients `dx: [m, c]`, `dgamma: [c]` and `dbeta: [c]` from `x: [m, c]` and `dy: [m, c]`, where
/// `normalisation` was made from the statistics of `x`.
///
/// # Panics
/// When a slice does not have the length its shape asks for.
pub fn backward(
    x: &[f32],
    dy: &[f32],
    normalisation: &Normalisation,
    activation: Activation,
    dx: &mut [f32],
    dgamma: &mut [f32],
    dbeta: &mut [f32],
) {
    let channels = normalisation.channels();
    assert_eq!(x.len(), dy.len(), "input and output gradient");
    assert_eq!(x.len(), dx.len(), "input and its gradient");
    assert!(x.is_empty() || x.len().is_multiple_of(channels.max(1)), "rows of channels");
    assert_eq!((dgamma.len(), dbeta.len()), (channels, channels), "parameter gradients");
    if x.is_empty() {
        dgamma.fill(0.0);
        dbeta.fill(0.0);
        return;
    }
    let period = channels::period(channels);
    let Normalisation { centre, scale, offset, .. } = normalisation;
    let constants = [centre, scale, offset].map(|values| channels::repeat(values, period));
    with_function!(activation, |function| {
        let pass = Pass { x, dy, constants: &constants, period, function };
        let sums = pass.sums(channels);
        let slopes = slopes(normalisation, &sums, x.len() / channels, dgamma, dbeta);
        pass.input_gradient(&slopes.map(|values| channels::repeat(&values, period)), dx);
    });
}

/// Fills in the parameter gradients from `sums`, `sum(dz)` and `sum(dz * (x - centre))` of every channel, and
/// gives `a` and `b` of `dx = scale * dz + a * (x - centre) + b`.
pub(crate) fn slopes(
    normalisation: &Normalisation,
    sums: &[[f64; 2]],
    rows: usize,
    dgamma: &mut [f32],
    dbeta: &mut [f32],
) -> [Vec<f32>; 2] {
    let Normalisation { residue, inverse_deviation, scale, .. } = normalisation;
    let rows = rows as f64;
    let mut slopes = [vec![0.0; sums.len()], vec![0.0; sums.len()]];
    for (channel, &[sum, product]) in sums.iter().enumerate() {
        let to_gamma = inverse_deviation[channel] * (product - residue[channel] * sum);
        dgamma[channel] = to_gamma as f32;
        dbeta[channel] = sum as f32;
        let scale = f64::from(scale[channel]) / rows;
        let a = -scale * inverse_deviation[channel] * to_gamma;
        slopes[0][channel] = a as f32;
        slopes[1][channel] = (-scale * sum - a * residue[channel]) as f32;
    }
    slopes
}

/// What both passes read.
#[derive(Clone, Copy)]
struct Pass<'a, F> {
    x: &'a [f32],
    dy: &'a [f32],
    /// Centre, scale and offset, one period each.
    constants: &'a [Vec<f32>; 3],
    period: usize,
    function: F,
}

impl<F: Function> Pass<'_, F> {
    /// `sum(dz)` and `sum(dz * (x - centre))` of every channel.
    fn sums(self, channels: usize) -> Vec<[f64; 2]> {
        let piece = channels::piece(self.period);
        let mut partials = vec![0.0; self.x.len().div_ceil(piece) * 2 * self.period];
        for_each_piece(&mut partials, 2 * self.period, |i, partial| {
            let size = piece.min(self.x.len() - i * piece);
            let pass = self.part(i * piece, size);
            let (sums, products) = partial.split_at_mut(self.period);
            dispatch(Sums { pass, sums, products });
        });
        let mut total = vec![[0.0; 2]; channels];
        for partial in partials.chunks_exact(2 * self.period) {
            let (sums, products) = partial.split_at(self.period);
            for (i, (&sum, &product)) in sums.iter().zip(products).enumerate() {
                total[i % channels][0] += f64::from(sum);
                total[i % channels][1] += f64::from(product);
            }
        }
        total
    }

    fn input_gradient(self, slopes: &[Vec<f32>; 2], dx: &mut [f32]) {
        let piece = channels::piece(self.period);
        for_each_piece(dx, piece, |i, dx| {
            dispatch(InputGradient { pass: self.part(i * piece, dx.len()), slopes, dx });
        });
    }

    fn part(self, at: usize, size: usize) -> Self {
        Self { x: &self.x[at..][..size], dy: &self.dy[at..][..size], ..self }
    }
}

struct Sums<'a, F> {
    pass: Pass<'a, F>,
    sums: &'a mut [f32],
    products: &'a mut [f32],
}

impl<F: Function> Vectorised for Sums<'_, F> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(mut self) {
        let mut x = Periods::new(self.pass.x, self.pass.period);
        let mut dy = Periods::new(self.pass.dy, self.pass.period);
        while let (Some(x), Some(dy)) = (x.next_four(), dy.next_four()) {
            self.add::<I, 4>(x, dy);
        }
        while let (Some(x), Some(dy)) = (x.next_one(), dy.next_one()) {
            self.add::<I, 1>(x, dy);
        }
    }
}

impl<F: Function> Sums<'_, F> {
    #[inline(always)]
    fn add<I: Isa, const R: usize>(&mut self, x: [&[f32]; R], dy: [&[f32]; R]) {
        let width = x[0].len();
        let x: [&[f32]; R] = std::array::from_fn(|r| &x[r][..width]);
        let dy: [&[f32]; R] = std::array::from_fn(|r| &dy[r][..width]);
        let [centre, scale, offset] = self.pass.constants;
        let (centre, scale, offset) = (&centre[..width], &scale[..width], &offset[..width]);
        let (sums, products) = (&mut self.sums[..width], &mut self.products[..width]);
        let function = self.pass.function;
        for j in 0..width {
            let (mut sum, mut product) = (0.0, 0.0);
            for r in 0..R {
                let centred = x[r][j] - centre[j];
                let z = I::mul_add(centred, scale[j], offset[j]);
                let dz = dy[r][j] * function.derivative(z);
                sum += dz;
                product = I::mul_add(dz, centred, product);
            }
            sums[j] += sum;
            products[j] += product;
        }
    }
}

struct InputGradient<'a, F> {
    pass: Pass<'a, F>,
    slopes: &'a [Vec<f32>; 2],
    dx: &'a mut [f32],
}

impl<F: Function> Vectorised for InputGradient<'_, F> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(self) {
        let Pass { x, dy, constants: [centre, scale, offset], period, function } = self.pass;
        let [a, b] = self.slopes;
        let rows = x.chunks(period).zip(dy.chunks(period)).zip(self.dx.chunks_mut(period));
        for ((x, dy), dx) in rows {
            let width = x.len();
            let (dy, dx) = (&dy[..width], &mut dx[..width]);
            let (centre, scale, offset) = (&centre[..width], &scale[..width], &offset[..width]);
            let (a, b) = (&a[..width], &b[..width]);
            for j in 0..width {
                let centred = x[j] - centre[j];
                let z = I::mul_add(centred, scale[j], offset[j]);
                let dz = dy[j] * function.derivative(z);
                dx[j] = I::mul_add(scale[j], dz, I::mul_add(a[j], centred, b[j]));
            }
        }
    }
}
