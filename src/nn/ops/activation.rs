//! An activation on its own.

use candle_core::{CpuStorage, CustomOp1, Layout, Result, Shape, Tensor};

use super::tensors;
use crate::kernels::{Activation, elementwise};

/// `activation(x)`, of the shape of `x`.
///
/// # Errors
/// When `x` is not `f32` on the CPU.
pub fn activation(x: &Tensor, activation: Activation) -> Result<Tensor> {
    if activation == Activation::Identity {
        return Ok(x.clone());
    }
    tensors::operand(NAME, x)?.apply_op1(Op { activation })
}

const NAME: &str = "activation";

struct Op {
    activation: Activation,
}

impl CustomOp1 for Op {
    fn name(&self) -> &'static str {
        NAME
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let x = tensors::values(storage, layout)?;
        let mut y = vec![0.0; x.len()];
        elementwise::forward(x, self.activation, &mut y);
        tensors::output(y, layout.shape())
    }

    fn bwd(&self, x: &Tensor, _: &Tensor, dy: &Tensor) -> Result<Option<Tensor>> {
        tensors::with_two(x, dy, |x_values, dy| {
            let mut dx = vec![0.0; dy.len()];
            elementwise::backward(x_values, dy, self.activation, &mut dx);
            Ok(Some(tensors::tensor(dx, x.shape())?))
        })
    }
}
