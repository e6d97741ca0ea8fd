//! Forward and backward kernels on the shapes that dominate the training of MobileNets.
//!
//! Run on a quiet machine; `RAYON_NUM_THREADS=1` gives single-thread figures.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use mbn::kernels::batch_norm::{self, Normalisation};
use mbn::kernels::pointwise::{self, Sizes};
use mbn::kernels::{Activation, Window, depthwise};

fn values(len: usize) -> Vec<f32> {
    (0..len).map(|i| ((i * 7919) % 1000) as f32 / 500.0 - 1.0).collect()
}

/// `(batch, size, channels, kernel, stride)` of square images.
const DEPTHWISE: [(usize, usize, usize, usize, usize); 7] = [
    (64, 32, 64, 3, 1),
    (64, 32, 64, 3, 2),
    (64, 16, 240, 3, 1),
    (64, 16, 240, 5, 1),
    (64, 8, 672, 5, 1),
    (64, 4, 576, 5, 1),
    (8, 112, 16, 3, 1),
];

fn depthwise_kernels(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("depthwise");
    for (n, size, c, kernel, stride) in DEPTHWISE {
        let (pad, out) = (kernel / 2, size / stride);
        let window = Window { kernel, stride, pad_top: pad, pad_left: pad, out_h: out, out_w: out };
        let shape = [n, size, size, c];
        let (x, weights) = (values(n * size * size * c), values(kernel * kernel * c));
        let mut y = values(n * out * out * c);
        let (mut dx, mut dw) = (x.clone(), weights.clone());
        let name = format!("b{n} {size}x{size}x{c} k{kernel}s{stride}");
        group.bench_function(BenchmarkId::new("forward", &name), |bencher| {
            bencher.iter(|| depthwise::forward(black_box(&x), shape, &weights, window, &mut y));
        });
        group.bench_function(BenchmarkId::new("input_gradient", &name), |bencher| {
            bencher.iter(|| {
                depthwise::input_gradient(black_box(&y), shape, &weights, window, &mut dx);
            });
        });
        group.bench_function(BenchmarkId::new("weight_gradient", &name), |bencher| {
            bencher.iter(|| depthwise::weight_gradient(black_box(&x), shape, &y, window, &mut dw));
        });
    }
    group.finish();
}

/// `(rows, input channels, output channels)`
const POINTWISE: [(usize, usize, usize); 8] = [
    (64 * 32 * 32, 16, 64),
    (64 * 32 * 32, 64, 24),
    (64 * 16 * 16, 40, 240),
    (64 * 16 * 16, 240, 40),
    (64 * 8 * 8, 112, 672),
    (64 * 8 * 8, 672, 112),
    (64 * 4 * 4, 96, 576),
    (64, 960, 1280),
];

fn pointwise_kernels(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("pointwise");
    for (m, k, n) in POINTWISE {
        let sizes = Sizes { m, k, n };
        let (x, weights, mut y) = (values(m * k), values(n * k), values(m * n));
        let (mut dx, mut dw) = (x.clone(), weights.clone());
        let name = format!("{m} rows {k}->{n}");
        group.bench_function(BenchmarkId::new("forward", &name), |bencher| {
            bencher.iter(|| pointwise::forward(black_box(&x), &weights, sizes, &mut y));
        });
        group.bench_function(BenchmarkId::new("input_gradient", &name), |bencher| {
            bencher.iter(|| pointwise::input_gradient(black_box(&y), &weights, sizes, &mut dx));
        });
        group.bench_function(BenchmarkId::new("weight_gradient", &name), |bencher| {
            bencher.iter(|| pointwise::weight_gradient(black_box(&x), &y, sizes, &mut dw));
        });
    }
    group.finish();
}

fn batch_norm_kernels(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("batch_norm_hard_swish");
    for (m, c) in [(64 * 32 * 32, 64), (64 * 16 * 16, 240), (64 * 8 * 8, 672)] {
        let (x, gamma, beta) = (values(m * c), values(c), values(c));
        let (mut y, mut dx) = (x.clone(), x.clone());
        let (mut dgamma, mut dbeta) = (values(c), values(c));
        let activation = Activation::HardSwish;
        let normalise = || {
            let statistics = batch_norm::statistics(black_box(&x), c);
            Normalisation::new(&statistics, &gamma, &beta, 1e-3)
        };
        let name = format!("{m} rows of {c}");
        group.bench_function(BenchmarkId::new("forward", &name), |bencher| {
            bencher.iter(|| batch_norm::forward(&x, &normalise(), activation, &mut y));
        });
        let normalisation = normalise();
        group.bench_function(BenchmarkId::new("backward", &name), |bencher| {
            bencher.iter(|| {
                batch_norm::backward(
                    black_box(&x),
                    &y,
                    &normalisation,
                    activation,
                    &mut dx,
                    &mut dgamma,
                    &mut dbeta,
                );
            });
        });
    }
    group.finish();
}

criterion_group!(kernels, depthwise_kernels, pointwise_kernels, batch_norm_kernels);
criterion_main!(kernels);
