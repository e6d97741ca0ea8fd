//! The operators agree with candle's own, values and gradients.

use candle_core::{DType, Device, Result, Tensor, Var};
use candle_nn::{Activation as CandleActivation, BatchNormConfig, ModuleT};
use mbn::kernels::cross_entropy::{self, Targets};
use mbn::kernels::{Activation, Window};
use mbn::nn::ops;

/// Values in -1..1 that look random.
fn values(shape: &[usize], salt: usize) -> Var {
    let count = shape.iter().product();
    let values: Vec<f32> =
        (0..count).map(|i| ((i * 7919 + salt * 104_729) % 2003) as f32 / 1001.5 - 1.0).collect();
    Tensor::from_vec(values, shape, &Device::Cpu).and_then(|t| Var::from_tensor(&t)).expect("memory")
}

/// A sum that weighs every element differently, so that gradients differ.
fn weighted_sum(t: &Tensor) -> Result<Tensor> {
    (t * values(t.dims(), 99).as_tensor())?.sum_all()
}

fn assert_close(ours: &Tensor, theirs: &Tensor, what: &str) {
    assert_eq!(ours.dims(), theirs.dims(), "{what}");
    let difference = (ours - theirs).and_then(|d| d.abs()?.max_all()?.to_scalar::<f32>()).expect("compared");
    let scale = theirs.abs().and_then(|t| t.max_all()?.to_scalar::<f32>()).expect("compared");
    assert!(difference <= 2e-4 * (1.0 + scale), "{what}: {difference} of {scale}");
}

/// Compares two computations of the same tensor and their gradients to `inputs`.
fn compare(what: &str, inputs: &[&Var], ours: &Tensor, theirs: &Tensor) {
    assert_close(ours, theirs, what);
    let gradients = |t: &Tensor| weighted_sum(t).and_then(|s| s.backward()).expect("backward");
    let (a, b) = (gradients(ours), gradients(theirs));
    for (index, input) in inputs.iter().enumerate() {
        let (a, b) = (a.get(input).expect("gradient"), b.get(input).expect("gradient"));
        assert_close(a, b, &format!("{what}, gradient {index}"));
    }
}

fn to_nchw(x: &Tensor) -> Result<Tensor> {
    x.permute((0, 3, 1, 2))?.contiguous()
}

fn to_nhwc(x: &Tensor) -> Result<Tensor> {
    x.permute((0, 2, 3, 1))?.contiguous()
}

#[test]
fn depthwise_convolution() -> Result<()> {
    for (kernel, stride, size, channels) in [(3, 1, 7, 5), (5, 2, 9, 17), (3, 2, 8, 1)] {
        let x = values(&[2, size, size, channels], 1);
        let w = values(&[kernel, kernel, channels], 2);
        let pad = kernel / 2;
        let out = size.div_ceil(stride);
        let window = Window { kernel, stride, pad_top: pad, pad_left: pad, out_h: out, out_w: out };
        let ours = ops::depthwise(&x, &w, window)?;
        let filters = w.permute((2, 0, 1))?.unsqueeze(1)?.contiguous()?;
        let theirs = to_nhwc(&to_nchw(&x)?.conv2d(&filters, pad, stride, 1, channels)?)?;
        compare(&format!("depthwise {kernel}x{kernel} s{stride}"), &[&x, &w], &ours, &theirs);
    }
    Ok(())
}

#[test]
fn full_and_pointwise_convolution() -> Result<()> {
    let x = values(&[2, 6, 6, 3], 3);
    let w = values(&[4, 3, 3, 3], 4);
    let window = Window { kernel: 3, stride: 2, pad_top: 1, pad_left: 1, out_h: 3, out_w: 3 };
    let theirs = to_nhwc(&to_nchw(&x)?.conv2d(&to_nchw(&w)?, 1, 2, 1, 1)?)?;
    compare("convolution", &[&x, &w], &ops::conv(&x, &w, window)?, &theirs);

    let w = values(&[5, 3], 5);
    let theirs = x.flatten(0, 2)?.matmul(&w.t()?)?.reshape((2, 6, 6, 5))?;
    compare("pointwise convolution", &[&x, &w], &ops::pointwise(&x, &w)?, &theirs);
    Ok(())
}

#[test]
fn batch_norm_with_activation() -> Result<()> {
    let x = values(&[3, 4, 5, 6], 6);
    let (gamma, beta) = (values(&[6], 7), values(&[6], 8));
    let (ours, ..) = ops::batch_norm_activation(&x, &gamma, &beta, 1e-3, Activation::HardSwish)?;
    let zeros = Tensor::zeros(6, DType::F32, &Device::Cpu)?;
    let config = BatchNormConfig { eps: 1e-3, ..Default::default() };
    let layer = candle_nn::BatchNorm::new(
        6,
        zeros.clone(),
        zeros.ones_like()?,
        gamma.as_tensor().clone(),
        beta.as_tensor().clone(),
        config.eps,
    )?;
    let theirs = to_nhwc(&layer.forward_t(&to_nchw(&x)?, true)?)?.apply(&CandleActivation::HardSwish)?;
    compare("batch norm", &[&x, &gamma, &beta], &ours, &theirs);
    Ok(())
}

#[test]
fn cross_entropy_loss() -> Result<()> {
    let logits = values(&[5, 4], 9);
    let labels = [0u32, 3, 1, 1, 2];
    let theirs = candle_nn::loss::cross_entropy(&logits, &Tensor::new(&labels, &Device::Cpu)?)?;
    let mut gradient = vec![f32::NAN; 20];
    let values = logits.flatten_all()?.to_vec1::<f32>()?;
    let loss = cross_entropy::loss_and_gradient(&values, Targets::hard(&labels), 4, &mut gradient)
        .expect("labels below 4");
    assert_close(&Tensor::new(loss as f32, &Device::Cpu)?, &theirs, "cross-entropy");
    let gradient = Tensor::from_vec(gradient, (5, 4), &Device::Cpu)?;
    let store = theirs.backward()?;
    assert_close(&gradient, store.get(&logits).expect("gradient"), "its gradient");
    Ok(())
}
