//! Parameters opened in place, for optimizers and averages.

use candle_core::{Result, Var};

use super::tensors;

/// Calls `update` with the values of a parameter, in place. The parameter is locked for the call.
///
/// # Errors
/// When it is not contiguous `f32` on the CPU.
pub fn update(parameter: &Var, mut update: impl FnMut(&mut [f32])) -> Result<()> {
    tensors::with_values_mut("update", parameter, |values| {
        update(values);
        Ok(())
    })
}
