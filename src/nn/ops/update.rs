//! Optimizer steps on variables, in place.

use candle_core::{Result, Tensor, Var};

use super::tensors;
use crate::kernels::update::{self, AdamW, Sgd};

/// One step of stochastic gradient descent on `parameter`, with its `velocity`; all of one shape.
///
/// # Errors
/// When a tensor is not contiguous `f32` on the CPU, the shapes differ, or two of them share storage.
pub fn sgd_step(parameter: &Var, gradient: &Tensor, velocity: &Var, step: Sgd) -> Result<()> {
    const NAME: &str = "sgd_step";
    let gradient = tensors::operand(NAME, gradient)?;
    check(NAME, parameter, &[velocity, &gradient])?;
    tensors::with_values(&gradient, |gradient| {
        tensors::with_values_mut(NAME, parameter, |parameter| {
            tensors::with_values_mut(NAME, velocity, |velocity| {
                update::sgd(parameter, velocity, gradient, step);
                Ok(())
            })
        })
    })
}

/// One step of AdamW on `parameter`, with its first and second `moments`; all of one shape.
///
/// # Errors
/// When a tensor is not contiguous `f32` on the CPU, the shapes differ, or two of them share storage.
pub fn adamw_step(parameter: &Var, gradient: &Tensor, moments: [&Var; 2], step: AdamW) -> Result<()> {
    const NAME: &str = "adamw_step";
    let gradient = tensors::operand(NAME, gradient)?;
    let [first, second] = moments;
    check(NAME, parameter, &[first, second, &gradient])?;
    tensors::with_values(&gradient, |gradient| {
        tensors::with_values_mut(NAME, parameter, |parameter| {
            tensors::with_values_mut(NAME, first, |first| {
                tensors::with_values_mut(NAME, second, |second| {
                    update::adamw(parameter, first, second, gradient, step);
                    Ok(())
                })
            })
        })
    })
}

/// Checks that the tensors of a step have the parameter's shape and storage of their own.
fn check(op: &'static str, parameter: &Var, others: &[&Tensor]) -> Result<()> {
    for other in others {
        tensors::check_shape(op, "a tensor", other.shape(), parameter.dims())?;
    }
    let mut all = vec![parameter.as_tensor()];
    all.extend_from_slice(others);
    tensors::check_distinct(op, &all)
}
