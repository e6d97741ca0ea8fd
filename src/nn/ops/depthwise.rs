//! Depthwise convolution.

use candle_core::{CpuStorage, CustomOp2, Layout, Result, Shape, Tensor};

use super::tensors;
use crate::kernels::{self, Window};

/// Depthwise convolution of `x: [n, h, w, c]` with `weights: [k, k, c]`, `[n, out_h, out_w, c]`.
///
/// # Errors
/// When a tensor is not `f32` on the CPU, or the shapes don't fit each other or the window.
pub fn depthwise(x: &Tensor, weights: &Tensor, window: Window) -> Result<Tensor> {
    let [_, _, _, c] = tensors::image_sizes(NAME, x.shape())?;
    tensors::check_window(NAME, window)?;
    let expected = [window.kernel, window.kernel, c];
    tensors::check_shape(NAME, "weights [k, k, c]", weights.shape(), &expected)?;
    let (x, weights) = (tensors::operand(NAME, x)?, tensors::operand(NAME, weights)?);
    x.apply_op2(&weights, Op { window })
}

const NAME: &str = "depthwise";

struct Op {
    window: Window,
}

impl CustomOp2 for Op {
    fn name(&self) -> &'static str {
        NAME
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        x_layout: &Layout,
        weights: &CpuStorage,
        weights_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let sizes = tensors::image_sizes(NAME, x_layout.shape())?;
        let shape = (sizes[0], self.window.out_h, self.window.out_w, sizes[3]);
        let x = tensors::values(x, x_layout)?;
        let weights = tensors::values(weights, weights_layout)?;
        let mut y = vec![0.0; Shape::from(shape).elem_count()];
        kernels::depthwise::forward(x, sizes, weights, self.window, &mut y);
        tensors::output(y, shape)
    }

    fn bwd(
        &self,
        x: &Tensor,
        weights: &Tensor,
        _: &Tensor,
        dy: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let sizes = tensors::image_sizes(NAME, x.shape())?;
        let dx = x.track_op().then(|| {
            tensors::with_two(dy, weights, |dy, weights| {
                let mut dx = vec![0.0; x.elem_count()];
                kernels::depthwise::input_gradient(dy, sizes, weights, self.window, &mut dx);
                tensors::tensor(dx, x.shape())
            })
        });
        let dw = weights.track_op().then(|| {
            tensors::with_two(x, dy, |x, dy| {
                let mut dw = vec![0.0; weights.elem_count()];
                kernels::depthwise::weight_gradient(x, sizes, dy, self.window, &mut dw);
                tensors::tensor(dw, weights.shape())
            })
        });
        Ok((dx.transpose()?, dw.transpose()?))
    }
}
