//! `Network`: a `LayerGraph` with parameters, executed operator by operator.
//!
//! Batch norm and the activation behind it run as one operation. This is the
//! plain path: every operator is a candle tensor operation with a gradient.

use super::ops;
use super::parameters::Parameters;
use crate::graph::ops::{BatchNorm, Operator};
use crate::graph::{LayerGraph, Node, Receptive, Shape, Values};
use crate::kernels::{self, Window};
use crate::plan;
use candle_core::{DType, Device, Result, Tensor};

/// How batch norm and dropout behave in a forward pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Batch statistics, which also move the running ones; dropout drawn for
    /// this step.
    Train {
        /// Seed of the run.
        seed: u64,
        /// Number of the step.
        step: u64,
    },
    /// Batch statistics, averaged into the running ones over the batches seen
    /// so far; no dropout. For recalibration after training.
    Calibrate {
        /// Number of batches seen before this one.
        batches: u64,
    },
    /// Running statistics, no dropout.
    Evaluate,
}

/// A network that computes.
#[derive(Debug, Clone)]
pub struct Network {
    graph: LayerGraph,
    parameters: Parameters,
    names: Vec<String>,
}

impl Network {
    /// A network with freshly drawn parameters.
    ///
    /// # Errors
    /// If candle cannot make a tensor.
    pub fn new(graph: LayerGraph, seed: u64) -> Result<Self> {
        let parameters = Parameters::initial(&graph, seed)?;
        Ok(Self::of(graph, parameters))
    }

    /// A network with these values.
    ///
    /// # Errors
    /// If a tensor is missing or of another size.
    pub fn with_values(graph: LayerGraph, values: &Values) -> Result<Self> {
        let parameters = Parameters::with_values(&graph, values)?;
        Ok(Self::of(graph, parameters))
    }

    fn of(graph: LayerGraph, parameters: Parameters) -> Self {
        let names = graph.nodes().iter().map(|node| graph.name(node)).collect();
        Self { graph, parameters, names }
    }

    /// The network's operators.
    pub fn graph(&self) -> &LayerGraph {
        &self.graph
    }

    /// The network's tensors.
    pub fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    /// Logits `[n, classes]` of images `[n, h, w, c]`.
    ///
    /// # Errors
    /// If the images do not have the network's shape.
    pub fn forward(&self, images: &Tensor, mode: Mode) -> Result<Tensor> {
        self.check_images(images)?;
        let nodes = self.graph.nodes();
        let mut outputs: Vec<Option<Tensor>> = vec![None; nodes.len()];
        let last_use = self.last_uses();
        let mut at = 0;
        while at < nodes.len() {
            let input = |index: usize| -> Result<Tensor> {
                let id = nodes[at].inputs()[index].index();
                outputs[id]
                    .clone()
                    .ok_or_else(|| candle_core::Error::Msg(format!("{} has no input", self.names[at])))
            };
            let activation = self.activation_behind(at);
            let output = match nodes[at].op {
                Operator::Input(_) => images.clone(),
                Operator::BatchNorm(bn) => self.batch_norm(at, bn, &input(0)?, activation, mode)?,
                Operator::Add(_) => (input(0)? + input(1)?)?,
                _ => self.unary(at, &input(0)?, mode)?,
            };
            let fused =
                matches!(nodes[at].op, Operator::BatchNorm(_)) && activation != kernels::Activation::Identity;
            at += if fused { 2 } else { 1 };
            outputs[at - 1] = Some(output);
            for (slot, &last) in outputs.iter_mut().zip(&last_use) {
                if last < at {
                    *slot = None;
                }
            }
        }
        outputs.pop().flatten().ok_or_else(|| candle_core::Error::Msg("the network is empty".into()))
    }

    fn check_images(&self, images: &Tensor) -> Result<()> {
        let Shape { height, width, channels } = self.graph.image();
        let expected = [height as usize, width as usize, channels as usize];
        match images.dims() {
            [_, rest @ ..] if rest == expected => Ok(()),
            other => candle_core::bail!(
                "images are {other:?}, the network takes [n, {height}, {width}, {channels}]"
            ),
        }
    }

    /// For every node the last node that reads it: its output is freed after.
    fn last_uses(&self) -> Vec<usize> {
        let nodes = self.graph.nodes();
        let mut last: Vec<usize> = (0..nodes.len()).collect();
        for (user, node) in nodes.iter().enumerate() {
            for id in node.inputs() {
                last[id.index()] = user;
            }
        }
        last[nodes.len() - 1] = nodes.len();
        last
    }

    /// The activation directly behind a batch norm, which runs with it.
    fn activation_behind(&self, at: usize) -> kernels::Activation {
        match self.graph.nodes().get(at + 1).map(|next| next.op) {
            Some(Operator::Activate(next)) => next.0.into(),
            _ => kernels::Activation::Identity,
        }
    }

    fn tensor(&self, at: usize, name: &str) -> Result<Tensor> {
        Ok(self.parameters.get(&format!("{}.{name}", self.names[at]))?.as_tensor().clone())
    }

    fn unary(&self, at: usize, x: &Tensor, mode: Mode) -> Result<Tensor> {
        let node = &self.graph.nodes()[at];
        match node.op {
            Operator::Conv(op) if op.receptive.kernel == 1 && op.receptive.stride == 1 => {
                ops::pointwise(x, &self.tensor(at, "weight")?.flatten(1, 3)?)
            }
            Operator::Conv(op) => ops::conv(x, &self.tensor(at, "weight")?, self.window(node, op.receptive)),
            Operator::Depthwise(op) => {
                ops::depthwise(x, &self.tensor(at, "weight")?, self.window(node, op.receptive))
            }
            Operator::Activate(op) => ops::activation(x, op.0.into()),
            Operator::SqueezeExcite(_) => self.squeeze_excite(at, x),
            Operator::GlobalPool(_) => ops::global_average_pool(x),
            Operator::Dropout(op) => dropout(x, op.0, mode),
            Operator::Linear(_) => self.linear(x, &self.tensor(at, "weight")?, &self.tensor(at, "bias")?),
            Operator::Input(_) | Operator::BatchNorm(_) | Operator::Add(_) => {
                candle_core::bail!("{} is not a unary operator", self.names[at])
            }
        }
    }

    fn window(&self, node: &Node, receptive: Receptive) -> Window {
        let input = self.graph.input_shape(node);
        Window {
            kernel: receptive.kernel as usize,
            stride: receptive.stride as usize,
            pad_top: receptive.leading_zeros(input.height) as usize,
            pad_left: receptive.leading_zeros(input.width) as usize,
            out_h: node.output.height as usize,
            out_w: node.output.width as usize,
        }
    }

    fn linear(&self, x: &Tensor, weight: &Tensor, bias: &Tensor) -> Result<Tensor> {
        ops::pointwise(x, weight)?.broadcast_add(bias)
    }

    fn squeeze_excite(&self, at: usize, x: &Tensor) -> Result<Tensor> {
        let tensor = |name| self.tensor(at, name);
        let pooled = ops::global_average_pool(x)?;
        let squeezed = self.linear(&pooled, &tensor("reduce.weight")?, &tensor("reduce.bias")?)?;
        let squeezed = ops::activation(&squeezed, kernels::Activation::Relu)?;
        let gate = self.linear(&squeezed, &tensor("expand.weight")?, &tensor("expand.bias")?)?;
        ops::channel_scale(x, &ops::activation(&gate, kernels::Activation::HardSigmoid)?)
    }

    fn batch_norm(
        &self,
        at: usize,
        bn: BatchNorm,
        x: &Tensor,
        act: kernels::Activation,
        mode: Mode,
    ) -> Result<Tensor> {
        let (gamma, beta) = (self.tensor(at, "weight")?, self.tensor(at, "bias")?);
        let new_share = match mode {
            Mode::Evaluate => {
                let (mean, var) = (self.tensor(at, "running_mean")?, self.tensor(at, "running_var")?);
                let scale = (gamma / (var + bn.eps)?.sqrt()?)?;
                let shift = (beta - (mean * &scale)?)?;
                return ops::scale_shift_activation(x, &scale, &shift, act);
            }
            Mode::Train { .. } => bn.momentum,
            Mode::Calibrate { batches } => 1.0 / (batches as f64 + 1.0),
        };
        let (y, mean, var) = ops::batch_norm_activation(x, &gamma, &beta, bn.eps, act)?;
        let samples = x.elem_count() as f64 / f64::from(bn.channels);
        let unbiased = (var * (samples / (samples - 1.0).max(1.0)))?;
        self.move_towards(at, "running_mean", &mean, new_share)?;
        self.move_towards(at, "running_var", &unbiased, new_share)?;
        Ok(y)
    }

    /// `running = (1 - share) * running + share * batch`.
    fn move_towards(&self, at: usize, name: &str, batch: &Tensor, share: f64) -> Result<()> {
        let running = self.parameters.get(&format!("{}.{name}", self.names[at]))?;
        running.set(&((running.as_detached_tensor() * (1.0 - share))? + (batch.detach() * share)?)?)
    }
}

/// Zeroes values with probability `rate` and scales the rest, in training only.
fn dropout(x: &Tensor, rate: f64, mode: Mode) -> Result<Tensor> {
    let Mode::Train { seed, step } = mode else { return Ok(x.clone()) };
    let mut mask = vec![0.0; x.elem_count()];
    plan::draw_dropout(&mut mask, rate, seed, step);
    x * Tensor::from_vec(mask, x.dims(), &Device::Cpu)?.to_dtype(DType::F32)?
}
