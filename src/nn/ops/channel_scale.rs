//! Scaling of channels, as squeeze-and-excitation does.

use candle_core::{CpuStorage, CustomOp2, Layout, Result, Shape, Tensor};

use super::tensors;
use crate::kernels;

/// `x: [n, h, w, c]` with every channel of every image scaled by `scale: [n, c]`.
///
/// # Errors
/// When a tensor is not `f32` on the CPU, `x` is no batch of images, or `scale` is not `[n, c]`.
pub fn channel_scale(x: &Tensor, scale: &Tensor) -> Result<Tensor> {
    let [n, _, _, c] = tensors::image_sizes(NAME, x.shape())?;
    tensors::check_shape(NAME, "factors [n, c]", scale.shape(), &[n, c])?;
    let (x, scale) = (tensors::operand(NAME, x)?, tensors::operand(NAME, scale)?);
    x.apply_op2(&scale, Op)
}

const NAME: &str = "channel_scale";

struct Op;

impl CustomOp2 for Op {
    fn name(&self) -> &'static str {
        NAME
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        x_layout: &Layout,
        scale: &CpuStorage,
        scale_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let [_, h, w, c] = tensors::image_sizes(NAME, x_layout.shape())?;
        let x = tensors::values(x, x_layout)?;
        let scale = tensors::values(scale, scale_layout)?;
        let mut y = vec![0.0; x.len()];
        kernels::channel_scale::forward(x, scale, h * w, c, &mut y);
        tensors::output(y, x_layout.shape())
    }

    fn bwd(
        &self,
        x: &Tensor,
        scale: &Tensor,
        _: &Tensor,
        dy: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let [_, h, w, c] = tensors::image_sizes(NAME, x.shape())?;
        let (mut dx, mut dscale) = (vec![0.0; x.elem_count()], vec![0.0; scale.elem_count()]);
        tensors::with_two(x, dy, |x, dy| {
            tensors::with_values(scale, |scale| {
                let pixels = h * w;
                kernels::channel_scale::backward(x, scale, dy, pixels, c, &mut dx, &mut dscale);
                Ok(())
            })
        })?;
        let dx = tensors::tensor(dx, x.shape())?;
        Ok((Some(dx), Some(tensors::tensor(dscale, scale.shape())?)))
    }
}
