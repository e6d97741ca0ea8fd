//! From a layer graph and its tensors to what runs at inference.

use super::{Conv, InferenceGraph, Layer, Linear, Norm, Op, ValueId};
use crate::graph::ops::{self, Operation, Operator};
use crate::graph::{LayerGraph, Layout, Node, Receptive, Shape, Values};
use crate::spec::{Activation, Padding};

/// The network has no such tensor.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the weights have no tensor `{name}`")]
pub struct MissingTensor {
    /// Its path.
    pub name: String,
}

impl InferenceGraph {
    /// The network of a graph with these tensors.
    ///
    /// # Errors
    /// If a tensor of the graph is missing.
    pub fn new(graph: &LayerGraph, values: &Values) -> Result<Self, MissingTensor> {
        let mut lowering = Lowering { graph, values, layers: Vec::new(), of_node: Vec::new() };
        for node in graph.nodes() {
            let made = lowering.node(node)?;
            lowering.of_node.push(made);
        }
        Ok(Self { layers: lowering.layers })
    }
}

struct Lowering<'a> {
    graph: &'a LayerGraph,
    values: &'a Values,
    layers: Vec<Layer>,
    /// By node of the graph.
    of_node: Vec<ValueId>,
}

impl Lowering<'_> {
    /// Adds the layers of a node; the value that it makes.
    fn node(&mut self, node: &Node) -> Result<ValueId, MissingTensor> {
        let name = self.graph.name(node);
        let inputs: Vec<ValueId> = node.inputs().iter().map(|id| self.of_node[id.index()]).collect();
        let op = match node.op {
            Operator::Input(_) => Op::Image,
            Operator::Conv(op) => Op::Conv(self.conv(&name, op, self.graph.input_shape(node))?),
            Operator::Depthwise(op) => Op::Conv(self.depthwise(&name, op, self.graph.input_shape(node))?),
            Operator::BatchNorm(op) => Op::Norm(self.norm(&name, op.eps)?),
            Operator::Activate(op) => Op::Activation(op.0),
            Operator::SqueezeExcite(op) => return self.squeeze_excite(&name, op, inputs[0]),
            Operator::Add(_) => Op::Add,
            Operator::GlobalPool(_) => Op::GlobalPool,
            Operator::Dropout(_) => return Ok(inputs[0]),
            Operator::Linear(_) => Op::Linear(Linear {
                weight: self.tensor(&name, "weight")?,
                bias: self.tensor(&name, "bias")?,
            }),
        };
        Ok(self.push(name, op, inputs, node.output))
    }

    fn push(&mut self, name: String, op: Op, inputs: Vec<ValueId>, output: Shape) -> ValueId {
        self.layers.push(Layer { name, op, inputs, output });
        ValueId(self.layers.len() - 1)
    }

    fn tensor(&self, path: &str, name: &str) -> Result<Vec<f32>, MissingTensor> {
        let name = format!("{path}.{name}");
        self.values.get(&name).cloned().ok_or(MissingTensor { name })
    }

    fn conv(&self, name: &str, op: ops::Conv, input: Shape) -> Result<Conv, MissingTensor> {
        let weight = self.kernel(name, Layout::Convolution, &op)?;
        let c_in = op.c_in as usize;
        Ok(Conv { groups: 1, c_in_of_group: c_in, ..conv(weight, op.c_out as usize, op.receptive, input) })
    }

    fn depthwise(&self, name: &str, op: ops::Depthwise, input: Shape) -> Result<Conv, MissingTensor> {
        let weight = self.kernel(name, Layout::Depthwise, &op)?;
        Ok(conv(weight, op.channels as usize, op.receptive, input))
    }

    /// The one tensor of a convolution, in the order of PyTorch and ONNX.
    fn kernel(&self, name: &str, layout: Layout, op: &dyn Operation) -> Result<Vec<f32>, MissingTensor> {
        let ours = self.tensor(name, "weight")?;
        let shape = op.parameters().into_iter().next().expect("a convolution has a weight").shape;
        Ok(layout.to_pytorch(&shape, &ours))
    }

    fn norm(&self, name: &str, eps: f64) -> Result<Norm, MissingTensor> {
        Ok(Norm {
            weight: self.tensor(name, "weight")?,
            bias: self.tensor(name, "bias")?,
            mean: self.tensor(name, "running_mean")?,
            var: self.tensor(name, "running_var")?,
            eps,
        })
    }

    /// Its layers are 1x1 convolutions of pooled maps, as runtimes expect it.
    fn squeeze_excite(
        &mut self,
        name: &str,
        op: ops::SqueezeExcite,
        input: ValueId,
    ) -> Result<ValueId, MissingTensor> {
        let map = self.layers[input.index()].output;
        let pooled =
            self.push(format!("{name}.pool"), Op::GlobalPool, vec![input], Shape::features(op.channels));
        let reduced = self.gate_layer(&format!("{name}.reduce"), op.channels, op.squeeze, pooled)?;
        let shape = Shape::features(op.squeeze);
        let squeezed =
            self.push(format!("{name}.relu"), Op::Activation(Activation::Relu), vec![reduced], shape);
        let expanded = self.gate_layer(&format!("{name}.expand"), op.squeeze, op.channels, squeezed)?;
        let shape = Shape::features(op.channels);
        let gate = self.push(format!("{name}.gate"), Op::HardSigmoid, vec![expanded], shape);
        Ok(self.push(name.to_owned(), Op::Scale, vec![input, gate], map))
    }

    fn gate_layer(
        &mut self,
        name: &str,
        c_in: u32,
        c_out: u32,
        input: ValueId,
    ) -> Result<ValueId, MissingTensor> {
        let bias = Some(self.tensor(name, "bias")?);
        let receptive = Receptive { kernel: 1, stride: 1, padding: Padding::Symmetric };
        let weight = self.tensor(name, "weight")?;
        let conv = conv(weight, c_out as usize, receptive, Shape::features(c_in));
        let conv = Conv { groups: 1, c_in_of_group: c_in as usize, bias, ..conv };
        Ok(self.push(name.to_owned(), Op::Conv(conv), vec![input], Shape::features(c_out)))
    }
}

/// A depthwise convolution without bias.
fn conv(weight: Vec<f32>, c_out: usize, receptive: Receptive, input: Shape) -> Conv {
    let Receptive { kernel, stride, padding } = receptive;
    let before = receptive.leading_zeros(input.height);
    let after = match padding {
        Padding::Symmetric => before,
        Padding::Same => {
            let covered = (receptive.output(input.height) - 1) * stride + kernel;
            covered.saturating_sub(input.height) - before
        }
    };
    Conv {
        weight,
        bias: None,
        c_out,
        c_in_of_group: 1,
        kernel: kernel as usize,
        stride: stride as usize,
        groups: c_out,
        pads: [before as usize, after as usize],
    }
}
