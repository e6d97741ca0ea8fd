use candle_core::{DType, Device, Result, Tensor, Var};
use rstest::rstest;

use super::*;
use crate::kernels::{Activation, Window};

fn tensor(dims: &[usize], seed: u32) -> Tensor {
    // A fixed irrational walk through -1..1; no two inputs of a test coincide.
    let len: usize = dims.iter().product();
    let values = (0..len).map(|i| {
        let step = (i as f64 + 1.0) * 0.618_033_988_75 + f64::from(seed) * 0.377;
        (2.0 * step.fract() - 1.0) as f32
    });
    Tensor::from_vec(values.collect::<Vec<_>>(), dims, &Device::Cpu).unwrap()
}

fn values(tensor: &Tensor) -> Vec<f32> {
    tensor.flatten_all().unwrap().to_vec1().unwrap()
}

/// Compares the gradients that candle's tape finds through an operator with finite differences of it.
fn check_gradients(inputs: &[Tensor], op: impl Fn(&[Tensor]) -> Result<Tensor>) {
    const STEP: f32 = 1e-2;
    let variables: Vec<Var> = inputs.iter().map(|t| Var::from_tensor(t).unwrap()).collect();
    let tracked: Vec<Tensor> = variables.iter().map(|v| v.as_tensor().clone()).collect();
    let y = op(&tracked).unwrap();
    let mask = tensor(y.dims(), 99);
    let loss = |inputs: &[Tensor]| -> f64 {
        let y = values(&op(inputs).unwrap());
        y.iter().zip(values(&mask)).map(|(&y, m)| f64::from(y) * f64::from(m)).sum()
    };
    let gradients = (y * &mask).unwrap().sum_all().unwrap().backward().unwrap();
    for (which, variable) in variables.iter().enumerate() {
        let found = values(gradients.get(variable).unwrap());
        let original = values(&inputs[which]);
        for i in 0..original.len() {
            let moved = |by: f32| {
                let mut moved = original.clone();
                moved[i] += by;
                let mut inputs = inputs.to_vec();
                let dims = inputs[which].dims().to_vec();
                inputs[which] = Tensor::from_vec(moved, dims, &Device::Cpu).unwrap();
                loss(&inputs)
            };
            let slope = (moved(STEP) - moved(-STEP)) / (2.0 * f64::from(STEP));
            let error = (slope - f64::from(found[i])).abs();
            assert!(error < 3e-3, "input {which}, element {i}: {} is not {slope}", found[i]);
        }
    }
}

const WINDOW: Window = Window { kernel: 3, stride: 2, pad_top: 0, pad_left: 1, out_h: 3, out_w: 2 };

#[test]
fn convolutions_have_the_right_gradients() {
    let x = tensor(&[2, 5, 4, 3], 1);
    let inputs = [x.clone(), tensor(&[3, 3, 3], 2)];
    check_gradients(&inputs, |t| depthwise(&t[0], &t[1], WINDOW));
    check_gradients(&[x.clone(), tensor(&[4, 3, 3, 3], 2)], |t| conv(&t[0], &t[1], WINDOW));
    check_gradients(&[x, tensor(&[5, 3], 2)], |t| pointwise(&t[0], &t[1]));
    check_gradients(&[tensor(&[4, 3], 1), tensor(&[5, 3], 2)], |t| pointwise(&t[0], &t[1]));
}

#[rstest]
#[case(Activation::Identity)]
#[case(Activation::HardSwish)]
fn batch_norm_has_the_right_gradients(#[case] activation: Activation) {
    let inputs = [tensor(&[2, 3, 2, 4], 1), tensor(&[4], 2), tensor(&[4], 3)];
    check_gradients(&inputs, |t| Ok(batch_norm_activation(&t[0], &t[1], &t[2], 1e-3, activation)?.0));
}

#[test]
fn the_rest_has_the_right_gradients() {
    let x = tensor(&[2, 3, 2, 5], 1);
    check_gradients(std::slice::from_ref(&x), global_average_pool);
    check_gradients(&[x.clone(), tensor(&[2, 5], 2)], |t| channel_scale(&t[0], &t[1]));
    for function in [Activation::HardSwish, Activation::HardSigmoid] {
        check_gradients(std::slice::from_ref(&x), |t| activation(&t[0], function));
    }

    fn global_average_pool(t: &[Tensor]) -> Result<Tensor> {
        super::global_average_pool(&t[0])
    }
}

#[test]
fn the_image_gets_no_gradient() {
    let x = tensor(&[1, 5, 4, 3], 1);
    let weights = Var::from_tensor(&tensor(&[4, 3, 3, 3], 2)).unwrap();
    let gradients = conv(&x, &weights, WINDOW).unwrap().sum_all().unwrap().backward().unwrap();
    assert!(gradients.get(&x).is_none());
    assert!(gradients.get(&weights).is_some());
}

#[test]
fn strided_inputs_give_the_same_values() {
    let nchw = tensor(&[2, 3, 5, 4], 1);
    let view = nchw.permute((0, 2, 3, 1)).unwrap();
    let dense = view.contiguous().unwrap();
    let weights = tensor(&[3, 3, 3], 2).transpose(0, 1).unwrap();
    let of = |x: &Tensor, w: &Tensor| values(&depthwise(x, w, WINDOW).unwrap());
    assert_eq!(of(&view, &weights), of(&dense, &weights.contiguous().unwrap()));
    let narrow = dense.narrow(0, 1, 1).unwrap();
    let copied = narrow.copy().unwrap();
    let pooled = |x: &Tensor| values(&global_average_pool(x).unwrap());
    assert_eq!(pooled(&narrow), pooled(&copied));
}

#[test]
fn statistics_are_plain_tensors_of_the_batch() {
    let x = Var::from_tensor(&tensor(&[2, 3, 2, 4], 1)).unwrap();
    let (gamma, beta) = (tensor(&[4], 2), tensor(&[4], 3));
    let (y, mean, variance) = batch_norm_activation(&x, &gamma, &beta, 1e-3, Activation::Relu).unwrap();
    assert_eq!((mean.dims(), variance.dims()), (&[4][..], &[4][..]));
    assert!(!mean.track_op() && !variance.track_op() && y.track_op());

    let deviation = (variance + 1e-3).unwrap().sqrt().unwrap();
    let scale = (gamma / deviation).unwrap();
    let shift = (beta - (mean * &scale).unwrap()).unwrap();
    let folded = scale_shift_activation(&x, &scale, &shift, Activation::Relu).unwrap();
    for (a, b) in values(&y).into_iter().zip(values(&folded)) {
        assert!((a - b).abs() < 1e-5);
    }
}

#[test]
fn wrong_operands_are_errors_that_name_the_operator() {
    let x = tensor(&[1, 5, 4, 3], 1);
    let double = x.to_dtype(DType::F64).unwrap();
    let no_stride = Window { stride: 0, ..WINDOW };
    let errors = [
        ("depthwise", depthwise(&x, &tensor(&[3, 3, 4], 2), WINDOW)),
        ("depthwise", depthwise(&x, &tensor(&[3, 3, 3], 2), no_stride)),
        ("depthwise", depthwise(&double, &tensor(&[3, 3, 3], 2), WINDOW)),
        ("conv", conv(&x, &tensor(&[4, 3, 3], 2), WINDOW)),
        ("pointwise", pointwise(&x, &tensor(&[4, 4], 2))),
        ("global_average_pool", global_average_pool(&tensor(&[2, 3], 1))),
        ("channel_scale", channel_scale(&x, &tensor(&[1, 4], 1))),
        ("activation", activation(&double, Activation::Relu)),
    ];
    for (expected, result) in errors {
        let error = result.unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
    let (gamma, beta) = (tensor(&[4], 2), tensor(&[3], 3));
    assert!(batch_norm_activation(&x, &gamma, &beta, 1e-3, Activation::Relu).is_err());
}

#[test]
fn a_parameter_is_updated_in_place() {
    let parameter = Var::from_tensor(&tensor(&[3, 2], 1)).unwrap();
    let before = values(&parameter);
    update(&parameter, |values| values.iter_mut().for_each(|value| *value += 1.0)).unwrap();
    assert_eq!(values(&parameter), before.iter().map(|value| value + 1.0).collect::<Vec<_>>());
    let double = Var::zeros(3, DType::F64, &Device::Cpu).unwrap();
    assert!(update(&double, |_| {}).unwrap_err().to_string().contains("update"));
}
