//! A network of candle_nn's own layers, NCHW, one for each operator of a `LayerGraph`.

use candle_core::{D, Result, Tensor, Var, bail};
use candle_nn::{Activation, BatchNorm, Conv2d, Conv2dConfig, Linear, Module, ModuleT};
use mbn::graph::ops::Operator;
use mbn::graph::{Node, Receptive};
use mbn::nn::Network;
use mbn::spec::{self, Padding};

/// The network with the same weights as one of mbn, in variables of its own.
pub struct StockNetwork {
    layers: Vec<Layer>,
    vars: Vec<Var>,
}

struct Layer {
    /// Positions of the layers whose outputs it reads.
    inputs: Vec<usize>,
    kind: Kind,
}

enum Kind {
    Image,
    Conv(Conv2d),
    BatchNorm(BatchNorm),
    Activation(Activation),
    SqueezeExcite { reduce: Linear, expand: Linear },
    Add,
    GlobalPool,
    Linear(Linear),
}

impl StockNetwork {
    /// # Errors
    /// For dropout and for TensorFlow's padding, which candle's layers do not have.
    pub fn new(network: &Network) -> Result<Self> {
        let mut builder = Builder { network, vars: Vec::new() };
        let nodes = network.graph().nodes();
        let layers = nodes.iter().map(|node| builder.layer(node)).collect::<Result<_>>()?;
        Ok(Self { layers, vars: builder.vars })
    }

    /// What training changes.
    pub fn vars(&self) -> Vec<Var> {
        self.vars.clone()
    }

    /// Logits `[n, classes]` of images `[n, c, h, w]`.
    pub fn forward(&self, images: &Tensor, train: bool) -> Result<Tensor> {
        let mut outputs: Vec<Tensor> = Vec::with_capacity(self.layers.len());
        for layer in &self.layers {
            let input = |index: usize| &outputs[layer.inputs[index]];
            outputs.push(match &layer.kind {
                Kind::Image => images.clone(),
                Kind::Conv(conv) => conv.forward(input(0))?,
                Kind::BatchNorm(bn) => bn.forward_t(input(0), train)?,
                Kind::Activation(activation) => activation.forward(input(0))?,
                Kind::SqueezeExcite { reduce, expand } => squeeze_excite(input(0), reduce, expand)?,
                Kind::Add => (input(0) + input(1))?,
                Kind::GlobalPool => global_pool(input(0))?,
                Kind::Linear(linear) => linear.forward(input(0))?,
            });
        }
        outputs.pop().ok_or_else(|| candle_core::Error::msg("the network is empty"))
    }
}

fn global_pool(x: &Tensor) -> Result<Tensor> {
    x.mean(D::Minus1)?.mean(D::Minus1)
}

fn squeeze_excite(x: &Tensor, reduce: &Linear, expand: &Linear) -> Result<Tensor> {
    let squeezed = reduce.forward(&global_pool(x)?)?.relu()?;
    let gate = candle_nn::ops::hard_sigmoid(&expand.forward(&squeezed)?)?;
    x.broadcast_mul(&gate.unsqueeze(2)?.unsqueeze(3)?)
}

struct Builder<'a> {
    network: &'a Network,
    vars: Vec<Var>,
}

impl Builder<'_> {
    fn layer(&mut self, node: &Node) -> Result<Layer> {
        let inputs = node.inputs().iter().map(|id| id.index()).collect();
        let kind = match node.op {
            Operator::Input(_) => Kind::Image,
            Operator::Conv(op) => {
                let weight = self.read(node, "weight")?.permute((0, 3, 1, 2))?;
                self.conv(&weight, op.receptive, 1)?
            }
            Operator::Depthwise(op) => {
                let weight = self.read(node, "weight")?.permute((2, 0, 1))?.unsqueeze(1)?;
                self.conv(&weight, op.receptive, op.channels as usize)?
            }
            Operator::BatchNorm(op) => Kind::BatchNorm(BatchNorm::new_with_momentum(
                op.channels as usize,
                self.read(node, "running_mean")?,
                self.read(node, "running_var")?,
                self.var(node, "weight")?,
                self.var(node, "bias")?,
                op.eps,
                op.momentum,
            )?),
            Operator::Activate(op) => Kind::Activation(match op.0 {
                spec::Activation::Relu => Activation::Relu,
                spec::Activation::Relu6 => Activation::Relu6,
                spec::Activation::Hswish => Activation::HardSwish,
            }),
            Operator::SqueezeExcite(_) => Kind::SqueezeExcite {
                reduce: self.linear(node, ["reduce.weight", "reduce.bias"])?,
                expand: self.linear(node, ["expand.weight", "expand.bias"])?,
            },
            Operator::Add(_) => Kind::Add,
            Operator::GlobalPool(_) => Kind::GlobalPool,
            Operator::Linear(_) => Kind::Linear(self.linear(node, ["weight", "bias"])?),
            Operator::Dropout(_) => bail!("dropout is no part of the comparison"),
        };
        Ok(Layer { inputs, kind })
    }

    fn conv(&mut self, weight: &Tensor, receptive: Receptive, groups: usize) -> Result<Kind> {
        if receptive.padding != Padding::Symmetric {
            bail!("candle's convolutions know symmetric padding only")
        }
        let config = Conv2dConfig {
            padding: receptive.kernel as usize / 2,
            stride: receptive.stride as usize,
            groups,
            ..Conv2dConfig::default()
        };
        Ok(Kind::Conv(Conv2d::new(self.own(weight)?, None, config)))
    }

    fn linear(&mut self, node: &Node, [weight, bias]: [&str; 2]) -> Result<Linear> {
        Ok(Linear::new(self.var(node, weight)?, Some(self.var(node, bias)?)))
    }

    fn var(&mut self, node: &Node, name: &str) -> Result<Tensor> {
        let tensor = self.read(node, name)?;
        self.own(&tensor)
    }

    /// A copy of a tensor of mbn's network.
    fn read(&self, node: &Node, name: &str) -> Result<Tensor> {
        let path = format!("{}.{name}", self.network.graph().name(node));
        self.network.parameters().get(&path)?.as_detached_tensor().copy()
    }

    /// The tensor as a variable that training changes.
    fn own(&mut self, tensor: &Tensor) -> Result<Tensor> {
        let var = Var::from_tensor(&tensor.contiguous()?)?;
        self.vars.push(var.clone());
        Ok(var.as_tensor().clone())
    }
}
