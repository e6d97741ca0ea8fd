//! Softmax cross-entropy with label smoothing.

use candle_core::{CpuStorage, CustomOp1, Layout, Result, Shape, Tensor, bail};

use super::tensors;
use crate::kernels::cross_entropy;

/// The mean loss of `logits: [n, classes]` for `labels: [n]` (`u32`), a scalar; the target of a sample is
/// `1 - smoothing` on its label plus `smoothing` spread evenly over all classes.
///
/// # Errors
/// When `logits` is not `f32` on the CPU, `labels` is not `u32`, the batch is empty, the shapes don't fit, a
/// label names no class, or `smoothing` is not in `0..=1`.
pub fn cross_entropy(logits: &Tensor, labels: &Tensor, smoothing: f32) -> Result<Tensor> {
    let (n, classes) = logits.dims2()?;
    if n == 0 || classes == 0 {
        bail!("{NAME}: expected at least one sample and one class, got {:?}", logits.shape())
    }
    if !(0.0..=1.0).contains(&smoothing) {
        bail!("{NAME}: label smoothing must lie between 0 and 1, got {smoothing}")
    }
    tensors::check_shape(NAME, "labels [n]", labels.shape(), &[n])?;
    let labels = labels.to_vec1::<u32>()?;
    tensors::operand(NAME, logits)?.apply_op1(Op { labels, smoothing })
}

const NAME: &str = "cross_entropy";

struct Op {
    labels: Vec<u32>,
    smoothing: f32,
}

impl CustomOp1 for Op {
    fn name(&self) -> &'static str {
        NAME
    }

    fn cpu_fwd(&self, logits: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let (_, classes) = layout.shape().dims2()?;
        let logits = tensors::values(logits, layout)?;
        let loss = cross_entropy::forward(logits, &self.labels, classes, self.smoothing)
            .map_err(candle_core::Error::wrap)?;
        tensors::output(vec![loss], ())
    }

    fn bwd(&self, logits: &Tensor, _: &Tensor, dloss: &Tensor) -> Result<Option<Tensor>> {
        let (_, classes) = logits.dims2()?;
        let dloss = dloss.to_scalar::<f32>()?;
        tensors::with_values(logits, |values| {
            let (labels, smoothing) = (&self.labels, self.smoothing);
            let mut dlogits = vec![0.0; values.len()];
            cross_entropy::backward(values, labels, classes, smoothing, dloss, &mut dlogits)
                .map_err(candle_core::Error::wrap)?;
            Ok(Some(tensors::tensor(dlogits, logits.shape())?))
        })
    }
}
