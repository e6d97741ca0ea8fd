//! Batch normalisation with the activation that follows it, for training and for inference.

use candle_core::{CpuStorage, CustomOp1, CustomOp3, Layout, Result, Shape, Tensor, bail};

use super::tensors;
use crate::kernels::Activation;
use crate::kernels::batch_norm::{self, Normalisation, Statistics};

/// Normalises `x: [.., c]` by the statistics of the batch, scales it by `gamma: [c]`, shifts it by
/// `beta: [c]` and activates it.
///
/// Returns `y: [.., c]` and the batch's mean and biased variance, `[c]` each, for the running statistics: no
/// gradient flows through these two.
///
/// # Errors
/// When a tensor is not `f32` on the CPU, `x` is empty, or `gamma` or `beta` is not `[c]`.
pub fn batch_norm_activation(
    x: &Tensor,
    gamma: &Tensor,
    beta: &Tensor,
    eps: f64,
    activation: Activation,
) -> Result<(Tensor, Tensor, Tensor)> {
    const NAME: &str = "batch_norm_activation";
    let channels = channels(NAME, x, [gamma, beta])?;
    let x = tensors::operand(NAME, x)?;
    let (gamma, beta) = (tensors::operand(NAME, gamma)?, tensors::operand(NAME, beta)?);
    let statistics = tensors::with_values(&x, |x| Ok(batch_norm::statistics(x, channels)))?;
    let normalisation = tensors::with_two(&gamma, &beta, |gamma, beta| {
        Ok(Normalisation::new(&statistics, gamma, beta, eps))
    })?;
    let y = x.apply_op3(&gamma, &beta, Training { normalisation, activation })?;
    let Statistics { mean, variance } = statistics;
    Ok((y, rounded(&mean)?, rounded(&variance)?))
}

/// `activation(x * scale + shift)` for `x: [.., c]` and `scale, shift: [c]`: what batch normalisation amounts
/// to once its statistics are fixed.
///
/// For inference: no gradient flows through it.
///
/// # Errors
/// When a tensor is not `f32` on the CPU, `x` is empty, or `scale` or `shift` is not `[c]`.
pub fn scale_shift_activation(
    x: &Tensor,
    scale: &Tensor,
    shift: &Tensor,
    activation: Activation,
) -> Result<Tensor> {
    const NAME: &str = "scale_shift_activation";
    channels(NAME, x, [scale, shift])?;
    let x = tensors::operand(NAME, x)?;
    let (scale, shift) = (tensors::operand(NAME, scale)?, tensors::operand(NAME, shift)?);
    let op = tensors::with_two(&scale, &shift, |scale, shift| {
        Ok(Inference { scale: scale.to_vec(), shift: shift.to_vec(), activation })
    })?;
    x.apply_op1_no_bwd(&op)
}

/// The number of channels of `x`, if it has values and the parameters are one per channel.
fn channels(op: &'static str, x: &Tensor, parameters: [&Tensor; 2]) -> Result<usize> {
    match x.dims().last() {
        Some(&channels) if x.elem_count() > 0 => {
            for parameter in parameters {
                tensors::check_shape(op, "parameters [c]", parameter.shape(), &[channels])?;
            }
            Ok(channels)
        }
        _ => bail!("{op}: expected [.., c] with no dimension zero, got {:?}", x.shape()),
    }
}

fn rounded(values: &[f64]) -> Result<Tensor> {
    tensors::tensor(values.iter().map(|&v| v as f32).collect(), values.len())
}

struct Training {
    normalisation: Normalisation,
    activation: Activation,
}

impl CustomOp3 for Training {
    fn name(&self) -> &'static str {
        "batch_norm_activation"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        layout: &Layout,
        _: &CpuStorage,
        _: &Layout,
        _: &CpuStorage,
        _: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let x = tensors::values(x, layout)?;
        let mut y = vec![0.0; x.len()];
        batch_norm::forward(x, &self.normalisation, self.activation, &mut y);
        tensors::output(y, layout.shape())
    }

    fn bwd(
        &self,
        x: &Tensor,
        _: &Tensor,
        _: &Tensor,
        _: &Tensor,
        dy: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        tensors::with_two(x, dy, |x_values, dy| {
            let channels = self.normalisation.channels();
            let mut dx = vec![0.0; dy.len()];
            let (mut dgamma, mut dbeta) = (vec![0.0; channels], vec![0.0; channels]);
            let (normalisation, activation) = (&self.normalisation, self.activation);
            batch_norm::backward(x_values, dy, normalisation, activation, &mut dx, &mut dgamma, &mut dbeta);
            let dx = tensors::tensor(dx, x.shape())?;
            let dgamma = tensors::tensor(dgamma, channels)?;
            let dbeta = tensors::tensor(dbeta, channels)?;
            Ok((Some(dx), Some(dgamma), Some(dbeta)))
        })
    }
}

struct Inference {
    scale: Vec<f32>,
    shift: Vec<f32>,
    activation: Activation,
}

impl CustomOp1 for Inference {
    fn name(&self) -> &'static str {
        "scale_shift_activation"
    }

    fn cpu_fwd(&self, x: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let x = tensors::values(x, layout)?;
        let mut y = vec![0.0; x.len()];
        let Self { scale, shift, activation } = self;
        batch_norm::scale_shift_activation(x, scale, shift, *activation, &mut y);
        tensors::output(y, layout.shape())
    }
}
