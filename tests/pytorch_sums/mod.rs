//! Sums that stand for whole tensors in goldens; tests/data/pytorch computes them alike.

use crate::pytorch_formula::values;

/// A sum that weighs every element differently: one wrong element shows in it.
pub fn weighted_sum(tensor: &[f32], salt: usize) -> f64 {
    tensor.iter().zip(values(tensor.len(), salt)).map(|(&v, weight)| f64::from(v) * f64::from(weight)).sum()
}
