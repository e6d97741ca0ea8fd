//! Global average pooling.

use candle_core::{CpuStorage, CustomOp1, Layout, Result, Shape, Tensor};

use super::tensors;
use crate::kernels::pool;

/// The mean of every channel of `x: [n, h, w, c]` over its image, `[n, c]`.
///
/// # Errors
/// When `x` is not `f32` on the CPU or not a batch of images.
pub fn global_average_pool(x: &Tensor) -> Result<Tensor> {
    tensors::image_sizes(NAME, x.shape())?;
    tensors::operand(NAME, x)?.apply_op1(Op)
}

const NAME: &str = "global_average_pool";

struct Op;

impl CustomOp1 for Op {
    fn name(&self) -> &'static str {
        NAME
    }

    fn cpu_fwd(&self, x: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let [n, h, w, c] = tensors::image_sizes(NAME, layout.shape())?;
        let mut y = vec![0.0; n * c];
        pool::forward(tensors::values(x, layout)?, h * w, c, &mut y);
        tensors::output(y, (n, c))
    }

    fn bwd(&self, x: &Tensor, _: &Tensor, dy: &Tensor) -> Result<Option<Tensor>> {
        let [_, h, w, c] = tensors::image_sizes(NAME, x.shape())?;
        tensors::with_values(dy, |dy| {
            let mut dx = vec![0.0; x.elem_count()];
            pool::backward(dy, h * w, c, &mut dx);
            Ok(Some(tensors::tensor(dx, x.shape())?))
        })
    }
}
