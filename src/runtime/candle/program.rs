//! An ONNX model as a row of candle operations.
//!
//! Feature maps lie as the kernels want them, `[n, h, w, c]`, pooled ones as `[n, c]`. A bias and the activation behind
//! a layer are computed in one pass over its output.

use std::collections::{BTreeMap, HashMap};

use candle_core::{DType, Device, Result, Tensor, bail};

use crate::kernels::{Activation, Window};
use crate::nn::ops;
use crate::onnx::{ModelProto, NodeProto, TensorProto};

/// Operations in order. The value that an operation makes has its index + 1; the images have index 0.
#[derive(Debug)]
pub struct Program {
    steps: Vec<Step>,
}

#[derive(Debug)]
struct Step {
    name: String,
    operation: Operation,
    inputs: Vec<usize>,
    /// Values that nobody reads after it.
    freed: Vec<usize>,
}

#[derive(Debug)]
enum Operation {
    /// A full convolution, a depthwise one, or a matrix at every position.
    Product {
        weights: Tensor,
        how: Product,
        scale: Tensor,
        shift: Tensor,
        activation: Activation,
    },
    Activation(Activation),
    Scale,
    Add,
    Pool,
    /// Of values that are flat already.
    Flatten,
}

#[derive(Debug, Clone, Copy)]
enum Product {
    Conv(Taps),
    Depthwise(Taps),
    Pointwise,
}

/// A square kernel with zeros before the first and after the last row or column.
#[derive(Debug, Clone, Copy)]
struct Taps {
    kernel: usize,
    stride: usize,
    pads: [usize; 2],
}

impl Program {
    /// The program of a model that this program has written, in floats.
    ///
    /// # Errors
    /// If it has operators or settings of others.
    pub fn new(model: &ModelProto) -> Result<Self> {
        let Some(graph) = &model.graph else { bail!("it has no graph") };
        let constants: Constants =
            graph.initializer.iter().filter_map(|tensor| Some((tensor.name.as_deref()?, tensor))).collect();
        let Some(image) = graph.input.first().and_then(|input| input.name.as_deref()) else {
            bail!("it has no input")
        };
        let mut values: HashMap<&str, usize> = HashMap::from([(image, 0)]);
        let mut steps: Vec<Step> = Vec::new();
        for node in &graph.node {
            let [output] = &node.output[..] else { bail!("{} has not one output", name(node)) };
            let read = node.input.iter().filter(|input| !constants.contains_key(input.as_str()));
            let value = |input: &String| match values.get(input.as_str()) {
                Some(value) => Ok(*value),
                None => bail!("{} reads {input}, which nothing before it makes", name(node)),
            };
            let inputs: Vec<usize> = read.map(value).collect::<Result<_>>()?;
            let operation = operation(node, &constants)?;
            let readers = graph.node.iter().flat_map(|node| &node.input);
            let is_read_once = readers.filter(|input| node.input.first() == Some(input)).count() == 1;
            let last = steps.len();
            match (&operation, steps.last_mut().map(|step| &mut step.operation)) {
                (Operation::Activation(behind), Some(Operation::Product { activation, .. }))
                    if is_read_once && inputs == [last] =>
                {
                    *activation = *behind;
                }
                _ => steps.push(Step { name: name(node).to_owned(), operation, inputs, freed: Vec::new() }),
            }
            values.insert(output, steps.len());
        }
        let mut last_reader: BTreeMap<usize, usize> = BTreeMap::new();
        for (at, step) in steps.iter().enumerate() {
            last_reader.extend(step.inputs.iter().map(|value| (*value, at)));
        }
        for (value, reader) in last_reader {
            steps[reader].freed.push(value);
        }
        Ok(Self { steps })
    }

    /// Names of the operations.
    pub fn operators(&self) -> Vec<String> {
        self.steps.iter().map(|step| step.name.clone()).collect()
    }

    /// Logits `[n, classes]` of images `[n, c, h, w]`, with every operation run by `watch`.
    ///
    /// # Errors
    /// If an operation does not take what it reads.
    pub fn run(
        &self,
        images: &Tensor,
        mut watch: impl FnMut(&mut dyn FnMut() -> Result<Tensor>) -> Result<Tensor>,
    ) -> Result<Tensor> {
        let mut values: Vec<Option<Tensor>> = vec![None; self.steps.len() + 1];
        values[0] = Some(images.permute((0, 2, 3, 1))?.contiguous()?);
        for (at, step) in self.steps.iter().enumerate() {
            let input = |index: usize| match step.inputs.get(index).and_then(|value| values[*value].as_ref())
            {
                Some(value) => Ok(value),
                None => bail!("{} lacks an input", step.name),
            };
            let output = watch(&mut || step.operation.of(&input))?;
            for value in &step.freed {
                values[*value] = None;
            }
            values[at + 1] = Some(output);
        }
        match values.pop().flatten() {
            Some(logits) => Ok(logits),
            None => bail!("it makes nothing"),
        }
    }
}

impl Operation {
    fn of<'a>(&self, input: &dyn Fn(usize) -> Result<&'a Tensor>) -> Result<Tensor> {
        match self {
            Self::Product { weights, how, scale, shift, activation } => {
                let x = input(0)?;
                let y = match how {
                    Product::Conv(taps) => ops::conv(x, weights, taps.window(x)?)?,
                    Product::Depthwise(taps) => ops::depthwise(x, weights, taps.window(x)?)?,
                    Product::Pointwise => ops::pointwise(x, weights)?,
                };
                ops::scale_shift_activation(&y, scale, shift, *activation)
            }
            Self::Activation(activation) => ops::activation(input(0)?, *activation),
            Self::Scale => ops::channel_scale(input(0)?, input(1)?),
            Self::Add => input(0)? + input(1)?,
            Self::Pool => ops::global_average_pool(input(0)?),
            Self::Flatten => match input(0)?.dims() {
                [_, _] => Ok(input(0)?.clone()),
                other => bail!("{other:?} is flattened, which is not pooled"),
            },
        }
    }
}

impl Taps {
    fn window(self, x: &Tensor) -> Result<Window> {
        let (_, height, width, _) = x.dims4()?;
        let outputs = |size: usize| match (size + self.pads[0] + self.pads[1]).checked_sub(self.kernel) {
            Some(room) => Ok(room / self.stride + 1),
            None => bail!("a kernel of {} on {size} pixels", self.kernel),
        };
        let [before, _] = self.pads;
        Ok(Window {
            kernel: self.kernel,
            stride: self.stride,
            pad_top: before,
            pad_left: before,
            out_h: outputs(height)?,
            out_w: outputs(width)?,
        })
    }
}

type Constants<'a> = HashMap<&'a str, &'a TensorProto>;

fn name(node: &NodeProto) -> &str {
    node.name.as_deref().unwrap_or("an operator")
}

fn operation(node: &NodeProto, constants: &Constants) -> Result<Operation> {
    Ok(match node.op_type.as_deref().unwrap_or_default() {
        "Conv" => convolution(node, constants)?,
        "Gemm" => {
            let weights = constant(node, 1, constants)?;
            let outputs = weights.dim(0)?;
            product(weights, Product::Pointwise, shift(node, outputs, constants)?)?
        }
        "Relu" => Operation::Activation(Activation::Relu),
        "Clip" => Operation::Activation(Activation::Relu6),
        "HardSwish" => Operation::Activation(Activation::HardSwish),
        "HardSigmoid" => Operation::Activation(Activation::HardSigmoid),
        "Mul" => Operation::Scale,
        "Add" => Operation::Add,
        "GlobalAveragePool" => Operation::Pool,
        "Flatten" => Operation::Flatten,
        other => bail!("{} is a {other}, which is not known here", name(node)),
    })
}

fn convolution(node: &NodeProto, constants: &Constants) -> Result<Operation> {
    let weights = constant(node, 1, constants)?;
    let (outputs, inputs, kernel, _) = weights.dims4()?;
    let &[before, _, after, _] = node.ints("pads") else { bail!("{} states no pads", name(node)) };
    let stride = node.ints("strides").first().copied().unwrap_or(1);
    let taps = Taps { kernel, stride: stride as usize, pads: [before, after].map(|zeros| zeros as usize) };
    let (weights, how) = match node.int("group").unwrap_or(1) {
        1 if kernel == 1 && stride == 1 => (weights.reshape((outputs, inputs))?, Product::Pointwise),
        1 => (weights.permute((0, 2, 3, 1))?, Product::Conv(taps)),
        _ => (weights.squeeze(1)?.permute((1, 2, 0))?, Product::Depthwise(taps)),
    };
    product(weights.contiguous()?, how, shift(node, outputs, constants)?)
}

fn product(weights: Tensor, how: Product, shift: Tensor) -> Result<Operation> {
    let scale = shift.ones_like()?;
    Ok(Operation::Product { weights, how, scale, shift, activation: Activation::Identity })
}

/// The bias, zero where there is none.
fn shift(node: &NodeProto, outputs: usize, constants: &Constants) -> Result<Tensor> {
    match node.input.len() {
        0..=2 => Tensor::zeros(outputs, DType::F32, &Device::Cpu),
        _ => constant(node, 2, constants),
    }
}

/// An input that is a constant.
fn constant(node: &NodeProto, index: usize, constants: &Constants) -> Result<Tensor> {
    let tensor = node.input.get(index).and_then(|input| constants.get(input.as_str()));
    match tensor.and_then(|tensor| Some((tensor.floats()?, tensor.shape()?))) {
        Some((values, shape)) => Tensor::from_vec(values, shape, &Device::Cpu),
        None => bail!("input {index} of {} is not a constant in floats", name(node)),
    }
}
