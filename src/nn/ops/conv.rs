//! Full convolution: the pointwise product over patches of the image.
//!
//! The patches are made again for the backward pass rather than kept, as they take `k * k` times the
//! memory of the image.

use candle_core::{CpuStorage, CustomOp2, Layout, Result, Shape, Tensor, bail};

use super::tensors;
use crate::kernels::pointwise::{self, Sizes};
use crate::kernels::{Window, im2col};

/// Convolution of `x: [n, h, w, c_in]` with `weights: [c_out, k, k, c_in]`, `[n, out_h, out_w, c_out]`.
///
/// # Errors
/// When a tensor is not `f32` on the CPU, or the shapes don't fit each other or the window.
pub fn conv(x: &Tensor, weights: &Tensor, window: Window) -> Result<Tensor> {
    let [_, _, _, c] = tensors::image_sizes(NAME, x.shape())?;
    tensors::check_window(NAME, window)?;
    match *weights.dims() {
        [_, h, w, c_in] if (h, w, c_in) == (window.kernel, window.kernel, c) => {}
        _ => bail!(
            "{NAME}: expected weights of shape [c_out, {0}, {0}, {c}], got {1:?}",
            window.kernel,
            weights.dims()
        ),
    }
    let (x, weights) = (tensors::operand(NAME, x)?, tensors::operand(NAME, weights)?);
    x.apply_op2(&weights, Op { window })
}

const NAME: &str = "conv";

struct Op {
    window: Window,
}

impl Op {
    fn sizes(&self, [n, _, _, c]: [usize; 4], weights: &Shape) -> Sizes {
        let k = self.window.area() * c;
        Sizes { m: n * self.window.out_h * self.window.out_w, k, n: weights.elem_count() / k }
    }

    fn patches(&self, x: &[f32], shape: [usize; 4], sizes: Sizes) -> Vec<f32> {
        let mut patches = vec![0.0; sizes.m * sizes.k];
        im2col::patches(x, shape, self.window, &mut patches);
        patches
    }
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
        let shape = tensors::image_sizes(NAME, x_layout.shape())?;
        let sizes = self.sizes(shape, weights_layout.shape());
        let x = tensors::values(x, x_layout)?;
        let weights = tensors::values(weights, weights_layout)?;
        let patches = self.patches(x, shape, sizes);
        let mut y = vec![0.0; sizes.m * sizes.n];
        pointwise::forward(&patches, weights, sizes, &mut y);
        tensors::output(y, (shape[0], self.window.out_h, self.window.out_w, sizes.n))
    }

    fn bwd(
        &self,
        x: &Tensor,
        weights: &Tensor,
        _: &Tensor,
        dy: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let shape = tensors::image_sizes(NAME, x.shape())?;
        let sizes = self.sizes(shape, weights.shape());
        let dx = x.track_op().then(|| {
            tensors::with_two(dy, weights, |dy, weights| {
                let mut dpatches = vec![0.0; sizes.m * sizes.k];
                pointwise::input_gradient(dy, weights, sizes, &mut dpatches);
                let mut dx = vec![0.0; x.elem_count()];
                im2col::patches_adjoint(&dpatches, shape, self.window, &mut dx);
                tensors::tensor(dx, x.shape())
            })
        });
        let dw = weights.track_op().then(|| {
            tensors::with_two(x, dy, |x, dy| {
                let patches = self.patches(x, shape, sizes);
                let mut dw = vec![0.0; weights.elem_count()];
                pointwise::weight_gradient(&patches, dy, sizes, &mut dw);
                tensors::tensor(dw, weights.shape())
            })
        });
        Ok((dx.transpose()?, dw.transpose()?))
    }
}
