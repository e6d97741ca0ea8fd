//! What the tests of the kernels share: inputs, comparisons, numeric gradients and thread pools.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// `len` values in `-1..1`, the same for the same seed.
pub(crate) fn values(len: usize, seed: u64) -> Vec<f32> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    (0..len).map(|_| rng.random_range(-1.0f32..1.0)).collect()
}

pub(crate) fn wide(values: &[f32]) -> Vec<f64> {
    values.iter().map(|&v| f64::from(v)).collect()
}

/// Asserts that `actual` is `expected` up to `tolerance`, relative to the largest expected magnitude
/// (or to one where that is smaller).
pub(crate) fn assert_close(actual: &[f32], expected: &[f64], tolerance: f64) {
    assert_eq!(actual.len(), expected.len());
    let scale = expected.iter().fold(1.0f64, |m, v| m.max(v.abs()));
    for (i, (&a, &e)) in actual.iter().zip(expected).enumerate() {
        assert!(
            (f64::from(a) - e).abs() <= tolerance * scale,
            "element {i}: {a} is not {e} within {tolerance} of {scale}"
        );
    }
}

/// The gradient of `loss` at `at` by central differences.
pub(crate) fn numeric_gradient(at: &[f64], loss: impl Fn(&[f64]) -> f64) -> Vec<f64> {
    const STEP: f64 = 1e-5;
    let mut moved = at.to_vec();
    (0..at.len())
        .map(|i| {
            moved[i] = at[i] + STEP;
            let above = loss(&moved);
            moved[i] = at[i] - STEP;
            let below = loss(&moved);
            moved[i] = at[i];
            (above - below) / (2.0 * STEP)
        })
        .collect()
}

pub(crate) fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// Asserts that `compute` gives the same bits in pools of one and of three threads.
pub(crate) fn assert_same_for_any_thread_count(compute: impl Fn() -> Vec<f32> + Send + Sync) {
    let bits = |threads| -> Vec<u32> {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(&compute).iter().map(|v| v.to_bits()).collect()
    };
    let alone = bits(1);
    assert!(!alone.is_empty());
    assert_eq!(alone, bits(3));
}
