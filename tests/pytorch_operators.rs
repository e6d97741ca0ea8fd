//! The operators agree with PyTorch, values and gradients, on the cases of tests/data/pytorch_operators.json.
//!
//! The file holds what PyTorch computes in float64; tests/data/make_pytorch_goldens.py made it.

mod pytorch_formula;
mod pytorch_sums;

use std::collections::BTreeMap;

use candle_core::{Device, Result, Tensor, Var};
use mbn::graph::Receptive;
use mbn::kernels::cross_entropy::{self, Targets};
use mbn::kernels::{Activation, Window};
use mbn::nn::ops;
use mbn::spec::Padding;
use pytorch_formula::{scaled, values};
use pytorch_sums::weighted_sum;
use rstest::rstest;
use serde::Deserialize;

/// Allowed difference by the largest value of a tensor. Sums of up to 1500 products that round at 6e-8 each
/// differ by about 1e-6; PyTorch's own float32 strays from its float64 by 5e-7 (`float32_strays_by`).
const TOLERANCE: f64 = 3e-6;

/// Salts of the gradient of the output and of the stored sums.
const OUTPUT_GRADIENT: usize = 99;
const SUM: usize = 98;

#[derive(Deserialize)]
struct Goldens {
    float32_strays_by: f64,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    #[serde(flatten)]
    operator: Operator,
    input: Vec<usize>,
    results: BTreeMap<String, Summary>,
}

#[derive(Debug, Deserialize)]
#[serde(tag = "operator", rename_all = "snake_case")]
enum Operator {
    Depthwise(Slide),
    Conv {
        c_out: usize,
        #[serde(flatten)]
        slide: Slide,
    },
    Pointwise {
        c_out: usize,
    },
    BatchNorm {
        activation: Function,
        eps: f64,
    },
    Activation {
        activation: Function,
    },
    SqueezeExcite {
        squeeze: usize,
    },
    ChannelScale,
    GlobalAveragePool,
    CrossEntropy {
        smoothing: f32,
    },
}

#[derive(Debug, Clone, Copy, Deserialize)]
struct Slide {
    kernel: u32,
    stride: u32,
    padding: Padding,
}

impl Slide {
    fn over(self, input: &[usize]) -> Window {
        let Self { kernel, stride, padding } = self;
        let receptive = Receptive { kernel, stride, padding };
        let [h, w] = [input[1] as u32, input[2] as u32];
        Window {
            kernel: kernel as usize,
            stride: stride as usize,
            pad_top: receptive.leading_zeros(h) as usize,
            pad_left: receptive.leading_zeros(w) as usize,
            out_h: receptive.output(h) as usize,
            out_w: receptive.output(w) as usize,
        }
    }
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Function {
    Identity,
    Relu,
    Relu6,
    HardSwish,
    HardSigmoid,
}

impl From<Function> for Activation {
    fn from(function: Function) -> Self {
        match function {
            Function::Identity => Self::Identity,
            Function::Relu => Self::Relu,
            Function::Relu6 => Self::Relu6,
            Function::HardSwish => Self::HardSwish,
            Function::HardSigmoid => Self::HardSigmoid,
        }
    }
}

/// A tensor in few numbers.
#[derive(Deserialize)]
struct Summary {
    length: usize,
    largest: f64,
    sum: f64,
    samples: Vec<f64>,
}

impl Summary {
    fn check(&self, ours: &[f32], what: &str) {
        assert_eq!(ours.len(), self.length, "{what}");
        let allowed = TOLERANCE * self.largest;
        for (index, &expected) in self.samples.iter().enumerate() {
            let at = index * self.length / self.samples.len();
            let difference = (f64::from(ours[at]) - expected).abs();
            assert!(difference <= allowed, "{what}[{at}]: {} is not {expected}", ours[at]);
        }
        // Independent roundings add up like a random walk.
        let sum = weighted_sum(ours, SUM);
        let allowed = allowed * (self.length as f64).sqrt();
        assert!((sum - self.sum).abs() <= allowed, "{what}: the sum {sum} is not {}", self.sum);
    }
}

/// The tensors that enter a case; the n-th from 0 has salt n.
struct Inputs {
    vars: Vec<(&'static str, Var)>,
}

impl Inputs {
    fn new(case: &Case) -> Result<Self> {
        let (n, c) = (case.input[0], case.input[case.input.len() - 1]);
        let scale = match case.operator {
            Operator::Activation { .. } | Operator::CrossEntropy { .. } => 8.0,
            _ => 1.0,
        };
        let mut shapes = vec![("input", case.input.clone(), scale)];
        match case.operator {
            Operator::Depthwise(Slide { kernel, .. }) => {
                shapes.push(("weight", vec![kernel as usize, kernel as usize, c], 1.0));
            }
            Operator::Conv { c_out, slide: Slide { kernel, .. } } => {
                shapes.push(("weight", vec![c_out, kernel as usize, kernel as usize, c], 1.0));
            }
            Operator::Pointwise { c_out } => shapes.push(("weight", vec![c_out, c], 1.0)),
            Operator::BatchNorm { .. } => {
                shapes.extend([("gamma", vec![c], 3.0), ("beta", vec![c], 2.0)]);
            }
            Operator::SqueezeExcite { squeeze } => shapes.extend([
                ("reduce", vec![squeeze, c], 1.0),
                ("reduce_bias", vec![squeeze], 1.0),
                ("expand", vec![c, squeeze], 3.0),
                ("expand_bias", vec![c], 1.0),
            ]),
            Operator::ChannelScale => shapes.push(("scale", vec![n, c], 1.0)),
            Operator::Activation { .. } | Operator::GlobalAveragePool | Operator::CrossEntropy { .. } => {}
        }
        let var = |(salt, (name, shape, scale)): (usize, (&'static str, Vec<usize>, f64))| {
            let count = shape.iter().product();
            let tensor = Tensor::from_vec(scaled(count, salt, scale), shape, &Device::Cpu)?;
            Ok((name, Var::from_tensor(&tensor)?))
        };
        Ok(Self { vars: shapes.into_iter().enumerate().map(var).collect::<Result<_>>()? })
    }

    fn tensor(&self, index: usize) -> &Tensor {
        self.vars[index].1.as_tensor()
    }
}

/// The outputs of a case by name, the one with a gradient first.
fn outputs(case: &Case, inputs: &Inputs) -> Result<Vec<(&'static str, Tensor)>> {
    let t = |index| inputs.tensor(index);
    let output = match case.operator {
        Operator::Depthwise(slide) => ops::depthwise(t(0), t(1), slide.over(&case.input))?,
        Operator::Conv { slide, .. } => ops::conv(t(0), t(1), slide.over(&case.input))?,
        Operator::Pointwise { .. } => ops::pointwise(t(0), t(1))?,
        Operator::BatchNorm { activation, eps } => {
            let (y, mean, variance) = ops::batch_norm_activation(t(0), t(1), t(2), eps, activation.into())?;
            return Ok(vec![("output", y), ("mean", mean), ("variance", variance)]);
        }
        Operator::Activation { activation } => ops::activation(t(0), activation.into())?,
        Operator::SqueezeExcite { .. } => {
            let pooled = ops::global_average_pool(t(0))?;
            let squeezed = ops::pointwise(&pooled, t(1))?.broadcast_add(t(2))?;
            let squeezed = ops::activation(&squeezed, Activation::Relu)?;
            let gate = ops::pointwise(&squeezed, t(3))?.broadcast_add(t(4))?;
            ops::channel_scale(t(0), &ops::activation(&gate, Activation::HardSigmoid)?)?
        }
        Operator::ChannelScale => ops::channel_scale(t(0), t(1))?,
        Operator::GlobalAveragePool => ops::global_average_pool(t(0))?,
        Operator::CrossEntropy { .. } => unreachable!("the loss is a kernel: see `loss_results`"),
    };
    Ok(vec![("output", output)])
}

/// The loss and its gradient.
fn loss_results(case: &Case, smoothing: f32) -> Result<BTreeMap<String, Vec<f32>>> {
    let [n, classes] = [case.input[0], case.input[1]];
    let labels: Vec<u32> = (0..n as u32).map(|i| i * 7 % classes as u32).collect();
    let logits = Inputs::new(case)?.tensor(0).flatten_all()?.to_vec1::<f32>()?;
    let mut gradient = vec![f32::NAN; logits.len()];
    let targets = Targets { smoothing, ..Targets::hard(&labels) };
    let loss = cross_entropy::loss_and_gradient(&logits, targets, classes, &mut gradient).expect("labels");
    Ok([("output".to_owned(), vec![loss as f32]), ("input_gradient".to_owned(), gradient)].into())
}

/// All results of a case by name: outputs, and gradients of `sum(output * formula)`.
fn results(case: &Case) -> Result<BTreeMap<String, Vec<f32>>> {
    if let Operator::CrossEntropy { smoothing } = case.operator {
        return loss_results(case, smoothing);
    }
    let inputs = Inputs::new(case)?;
    let outputs = outputs(case, &inputs)?;
    let output = &outputs[0].1;
    let weights = values(output.elem_count(), OUTPUT_GRADIENT);
    let store = (output * Tensor::from_vec(weights, output.shape(), &Device::Cpu)?)?.sum_all()?.backward()?;
    let mut results = BTreeMap::new();
    for (name, tensor) in outputs {
        results.insert(name.to_owned(), tensor.flatten_all()?.to_vec1()?);
    }
    for (name, var) in &inputs.vars {
        let gradient = store.get(var).expect("every input has a gradient");
        results.insert(format!("{name}_gradient"), gradient.flatten_all()?.to_vec1()?);
    }
    Ok(results)
}

fn goldens() -> Goldens {
    serde_json::from_str(include_str!("data/pytorch_operators.json")).expect("well-formed")
}

fn check(case: &Case) {
    let what = format!("{:?} of {:?}", case.operator, case.input);
    let ours = results(case).expect(&what);
    assert!(ours.keys().eq(case.results.keys()), "{what}: {:?}", case.results.keys());
    for (name, summary) in &case.results {
        summary.check(&ours[name], &format!("{what}, {name}"));
    }
}

#[rstest]
#[case::depthwise(12, |operator: &Operator| matches!(operator, Operator::Depthwise(_)))]
#[case::conv(5, |operator: &Operator| matches!(operator, Operator::Conv { .. }))]
#[case::pointwise(4, |operator: &Operator| matches!(operator, Operator::Pointwise { .. }))]
#[case::batch_norm(5, |operator: &Operator| matches!(operator, Operator::BatchNorm { .. }))]
#[case::activation(4, |operator: &Operator| matches!(operator, Operator::Activation { .. }))]
#[case::squeeze_excite(2, |operator: &Operator| matches!(operator, Operator::SqueezeExcite { .. }))]
#[case::channel_scale(1, |operator: &Operator| matches!(operator, Operator::ChannelScale))]
#[case::global_average_pool(1, |operator: &Operator| matches!(operator, Operator::GlobalAveragePool))]
#[case::cross_entropy(3, |operator: &Operator| matches!(operator, Operator::CrossEntropy { .. }))]
fn agrees_with_pytorch(#[case] count: usize, #[case] is_meant: fn(&Operator) -> bool) {
    let goldens = goldens();
    let cases: Vec<&Case> = goldens.cases.iter().filter(|case| is_meant(&case.operator)).collect();
    assert_eq!(cases.len(), count);
    cases.into_iter().for_each(check);
}

/// Were the tolerance below what float32 itself costs, agreement would be luck.
#[test]
fn the_tolerance_is_meaningful() {
    assert!(goldens().float32_strays_by < TOLERANCE / 3.0);
}
