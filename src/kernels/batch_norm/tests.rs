use rstest::rstest;

use super::*;
use crate::kernels::activation::{self, Activation};
use crate::kernels::testing::{
    assert_close, assert_same_for_any_thread_count, dot, numeric_gradient, values, wide,
};

const EPS: f64 = 1e-3;

fn exact_statistics(x: &[f64], channels: usize) -> Statistics {
    let rows = (x.len() / channels) as f64;
    let column = |c| x.iter().skip(c).step_by(channels);
    let mean: Vec<f64> = (0..channels).map(|c| column(c).sum::<f64>() / rows).collect();
    let variance =
        (0..channels).map(|c| column(c).map(|v| (v - mean[c]).powi(2)).sum::<f64>() / rows).collect();
    Statistics { mean, variance }
}

fn exact_forward(x: &[f64], gamma: &[f64], beta: &[f64], activation: Activation) -> Vec<f64> {
    let Statistics { mean, variance } = exact_statistics(x, gamma.len());
    let normalised = x.iter().enumerate().map(|(i, v)| {
        let c = i % gamma.len();
        (v - mean[c]) / (variance[c] + EPS).sqrt() * gamma[c] + beta[c]
    });
    normalised.map(|z| activation::in_double(activation, z)).collect()
}

struct Case {
    x: Vec<f32>,
    gamma: Vec<f32>,
    beta: Vec<f32>,
    normalisation: Normalisation,
}

fn case(rows: usize, channels: usize) -> Case {
    let x: Vec<f32> = values(rows * channels, 1).iter().map(|v| 3.0 * v + 0.5).collect();
    let gamma: Vec<f32> = values(channels, 2).iter().map(|v| 1.5 + v).collect();
    let beta = values(channels, 3);
    let normalisation = Normalisation::new(&statistics(&x, channels), &gamma, &beta, EPS);
    Case { x, gamma, beta, normalisation }
}

#[rstest]
#[case(1, 5)]
#[case(23, 17)]
#[case(700, 1)]
#[case(41, 300)]
#[case(9000, 24)]
fn statistics_and_forward_agree_with_the_definition(#[case] rows: usize, #[case] channels: usize) {
    let Case { x, gamma, beta, normalisation } = case(rows, channels);
    let exact = exact_statistics(&wide(&x), channels);
    let found = statistics(&x, channels);
    for c in 0..channels {
        assert!((found.mean[c] - exact.mean[c]).abs() < 1e-6);
        assert!((found.variance[c] - exact.variance[c]).abs() < 1e-6 * (1.0 + exact.variance[c]));
    }
    for activation in activation::ALL {
        let mut y = vec![f32::NAN; x.len()];
        forward(&x, &normalisation, activation, &mut y);
        let expected = exact_forward(&wide(&x), &wide(&gamma), &wide(&beta), activation);
        assert_close(&y, &expected, 2e-6);
    }
}

#[rstest]
#[case(6, 1)]
#[case(35, 17)]
#[case(1200, 1)]
fn gradients_agree_with_finite_differences(#[case] rows: usize, #[case] channels: usize) {
    let Case { x, gamma, beta, normalisation } = case(rows, channels);
    let (x64, gamma64, beta64) = (wide(&x), wide(&gamma), wide(&beta));
    let dy = values(x.len(), 4);
    let dy64 = wide(&dy);
    for activation in activation::ALL {
        let mut dx = vec![f32::NAN; x.len()];
        let (mut dgamma, mut dbeta) = (vec![f32::NAN; channels], vec![f32::NAN; channels]);
        backward(&x, &dy, &normalisation, activation, &mut dx, &mut dgamma, &mut dbeta);
        let loss = |x: &[f64], g: &[f64], b: &[f64]| dot(&exact_forward(x, g, b, activation), &dy64);
        // Finite differences across a kink of the activation are off by the jump of its slope.
        assert_close(&dx, &numeric_gradient(&x64, |x| loss(x, &gamma64, &beta64)), 3e-5);
        assert_close(&dgamma, &numeric_gradient(&gamma64, |g| loss(&x64, g, &beta64)), 3e-5);
        assert_close(&dbeta, &numeric_gradient(&beta64, |b| loss(&x64, &gamma64, b)), 3e-5);
    }
}

#[rstest]
#[case::tiny_deviation(1e3, 1e-2)]
#[case::larger_mean(1e5, 1.0)]
#[case::negative(-1e3, 0.1)]
fn a_large_mean_stays_accurate(#[case] mean: f32, #[case] deviation: f32) {
    const CHANNELS: usize = 8;
    let noise = values(40_000 * CHANNELS, 5);
    let x: Vec<f32> = noise.iter().map(|v| mean + deviation * v).collect();
    let exact = exact_statistics(&wide(&x), CHANNELS);
    let found = statistics(&x, CHANNELS);
    for c in 0..CHANNELS {
        assert!((found.mean[c] - exact.mean[c]).abs() < 1e-6 * f64::from(deviation));
        assert!((found.variance[c] / exact.variance[c] - 1.0).abs() < 1e-6);
    }

    let gamma = vec![1.0; CHANNELS];
    let beta = vec![0.0; CHANNELS];
    let eps = 1e-12;
    let normalisation = Normalisation::new(&found, &gamma, &beta, eps);
    let mut y = vec![f32::NAN; x.len()];
    forward(&x, &normalisation, Activation::Identity, &mut y);
    let expected: Vec<f64> = x
        .iter()
        .enumerate()
        .map(|(i, &v)| {
            let c = i % CHANNELS;
            (f64::from(v) - exact.mean[c]) / (exact.variance[c] + eps).sqrt()
        })
        .collect();
    assert_close(&y, &expected, 1e-6);
}

#[test]
fn an_outlier_in_front_does_not_spoil_the_variance() {
    let mut x = values(30_000, 6);
    x[0] = 1e4;
    let exact = exact_statistics(&wide(&x), 1);
    let found = statistics(&x, 1);
    assert!((found.variance[0] / exact.variance[0] - 1.0).abs() < 1e-4);
}

#[test]
fn scale_and_shift_agree_with_the_definition() {
    let (x, scale, shift) = (values(29 * 19, 1), values(19, 2), values(19, 3));
    let mut y = vec![f32::NAN; x.len()];
    scale_shift_activation(&x, &scale, &shift, Activation::HardSwish, &mut y);
    let expected: Vec<f64> = (0..x.len())
        .map(|i| {
            let (scale, shift) = (f64::from(scale[i % 19]), f64::from(shift[i % 19]));
            activation::in_double(Activation::HardSwish, f64::from(x[i]) * scale + shift)
        })
        .collect();
    assert_close(&y, &expected, 1e-6);
}

#[test]
fn threads_change_nothing() {
    let (rows, channels) = (20_000, 24);
    let Case { x, gamma, beta, .. } = case(rows, channels);
    let dy = values(x.len(), 4);
    assert_same_for_any_thread_count(|| {
        let found = statistics(&x, channels);
        let normalisation = Normalisation::new(&found, &gamma, &beta, EPS);
        let mut y = vec![0.0; x.len()];
        forward(&x, &normalisation, Activation::HardSwish, &mut y);
        let mut dx = vec![0.0; x.len()];
        let (mut dgamma, mut dbeta) = (vec![0.0; channels], vec![0.0; channels]);
        let activation = Activation::HardSwish;
        backward(&x, &dy, &normalisation, activation, &mut dx, &mut dgamma, &mut dbeta);
        [y, dx, dgamma, dbeta].concat()
    });
}
