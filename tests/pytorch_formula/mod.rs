//! Inputs that tests/data/pytorch/formula.py computes alike, so that only results are stored.

/// Element `i` of the values of `salt`: a 32-bit mix of both (C. Wellons' lowbias32), of which the upper 24
/// bits become a multiple of 2^-23 in -1..1.
fn value(i: usize, salt: usize) -> f32 {
    let mut h = (i as u32).wrapping_add((salt as u32).wrapping_mul(0x9e37_79b9));
    h ^= h >> 16;
    h = h.wrapping_mul(0x7feb_352d);
    h ^= h >> 15;
    h = h.wrapping_mul(0x846c_a68b);
    h ^= h >> 16;
    (h >> 8) as f32 / 8_388_608.0 - 1.0
}

/// `count` values in -1..1.
pub fn values(count: usize, salt: usize) -> Vec<f32> {
    (0..count).map(|i| value(i, salt)).collect()
}

/// `count` values times `scale`, rounded once.
pub fn scaled(count: usize, salt: usize, scale: f64) -> Vec<f32> {
    values(count, salt).into_iter().map(|v| (f64::from(v) * scale) as f32).collect()
}
