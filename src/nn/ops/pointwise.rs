//! Pointwise convolution, which is also the linear layer.

use candle_core::{CpuStorage, CustomOp2, Layout, Result, Shape, Tensor, bail};

use super::tensors;
use crate::kernels;
use crate::kernels::pointwise::Sizes;

/// `x * weights^T` over the last dimension: `x: [.., c_in]`, `weights: [c_out, c_in]`, `[.., c_out]`.
///
/// # Errors
/// When a tensor is not `f32` on the CPU, or the shapes don't fit each other.
pub fn pointwise(x: &Tensor, weights: &Tensor) -> Result<Tensor> {
    sizes(x.shape(), weights.shape())?;
    let (x, weights) = (tensors::operand(NAME, x)?, tensors::operand(NAME, weights)?);
    x.apply_op2(&weights, Op)
}

const NAME: &str = "pointwise";

fn sizes(x: &Shape, weights: &Shape) -> Result<Sizes> {
    match (x.dims(), weights.dims()) {
        ([rows @ .., k], &[n, depth]) if *k == depth => Ok(Sizes { m: rows.iter().product(), k: *k, n }),
        _ => bail!("{NAME}: {x:?} does not fit weights [c_out, c_in] of shape {weights:?}"),
    }
}

struct Op;

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
        let sizes = sizes(x_layout.shape(), weights_layout.shape())?;
        let x = tensors::values(x, x_layout)?;
        let weights = tensors::values(weights, weights_layout)?;
        let mut y = vec![0.0; sizes.m * sizes.n];
        kernels::pointwise::forward(x, weights, sizes, &mut y);
        let mut dims = x_layout.dims().to_vec();
        dims.pop();
        dims.push(sizes.n);
        tensors::output(y, dims)
    }

    fn bwd(
        &self,
        x: &Tensor,
        weights: &Tensor,
        _: &Tensor,
        dy: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let sizes = sizes(x.shape(), weights.shape())?;
        let dx = x.track_op().then(|| {
            tensors::with_two(dy, weights, |dy, weights| {
                let mut dx = vec![0.0; x.elem_count()];
                kernels::pointwise::input_gradient(dy, weights, sizes, &mut dx);
                tensors::tensor(dx, x.shape())
            })
        });
        let dw = weights.track_op().then(|| {
            tensors::with_two(x, dy, |x, dy| {
                let mut dw = vec![0.0; weights.elem_count()];
                kernels::pointwise::weight_gradient(x, dy, sizes, &mut dw);
                tensors::tensor(dw, weights.shape())
            })
        });
        Ok((dx.transpose()?, dw.transpose()?))
    }
}
