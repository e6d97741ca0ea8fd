//! From `NetworkSpec` to operators: what each block consists of.

use super::node::{BlockSpan, Node, NodeId, Role};
use super::ops::{
    Activate, Add, BatchNorm, Conv, Depthwise, Dropout, GlobalPool, Linear, Operation, Operator,
    SqueezeExcite,
};
use super::{LayerGraph, Receptive, Shape};
use crate::spec::block::{self, Shortcut};
use crate::spec::{Activation, BatchNormSpec, BlockSpec, NetworkSpec, Padding, Place};

impl LayerGraph {
    /// The operators of a network.
    pub fn lower(spec: &NetworkSpec) -> Self {
        let blocks = spec.blocks.len() + spec.head.len() + 2;
        let image = Shape { height: spec.resolution, width: spec.resolution, channels: spec.input_channels };
        let mut lowering = Lowering {
            nodes: Vec::with_capacity(blocks * 11),
            spans: Vec::with_capacity(blocks),
            padding: spec.padding,
            batch_norm: spec.batch_norm,
        };
        let mut at = lowering.push(Operator::Input(image), Role::Image, &[]);
        at = lowering.block(Place::Stem, &spec.stem, at);
        for (index, block) in spec.blocks.iter().enumerate() {
            at = lowering.block(Place::Block(index as u32), block, at);
        }
        for (index, block) in spec.head.iter().enumerate() {
            at = lowering.block(Place::Head(index as u32), block, at);
        }
        lowering.classifier(at, spec.dropout, spec.classes);
        Self { nodes: lowering.nodes, spans: lowering.spans }
    }
}

/// What the lowering of a block on its own needs of its network.
#[derive(Debug, Clone, Copy)]
pub struct Surroundings {
    /// Shape that enters the block.
    pub input: Shape,
    /// Outputs of the classifier.
    pub classes: u32,
    /// Padding of every convolution.
    pub padding: Padding,
    /// Constants of every batch norm.
    pub batch_norm: BatchNormSpec,
}

impl LayerGraph {
    /// The operators of one block (`None`: the classifier) on its own.
    pub fn lower_block(block: Option<&BlockSpec>, around: Surroundings) -> Self {
        let Surroundings { input, classes, padding, batch_norm } = around;
        let mut lowering =
            Lowering { nodes: Vec::with_capacity(12), spans: Vec::with_capacity(1), padding, batch_norm };
        let at = lowering.push(Operator::Input(input), Role::Image, &[]);
        match block {
            Some(block) => {
                lowering.block(Place::Block(0), block, at);
            }
            None => lowering.classifier(at, 0.0, classes),
        }
        Self { nodes: lowering.nodes, spans: lowering.spans }
    }
}

struct Lowering {
    nodes: Vec<Node>,
    spans: Vec<BlockSpan>,
    padding: Padding,
    batch_norm: BatchNormSpec,
}

impl Lowering {
    fn push(&mut self, op: Operator, role: Role, inputs: &[NodeId]) -> NodeId {
        let input = inputs.first().map_or(Shape::features(0), |&id| self.shape(id));
        let id = NodeId(self.nodes.len() as u32);
        self.nodes.push(Node::new(op, role, self.spans.len() as u32, op.output(input), inputs));
        id
    }

    fn shape(&self, id: NodeId) -> Shape {
        self.nodes[id.index()].output
    }

    fn block(&mut self, place: Place, block: &BlockSpec, input: NodeId) -> NodeId {
        let first = self.nodes.len() as u32;
        let output = match block {
            BlockSpec::Conv(b) => self.conv(b, input),
            BlockSpec::DepthwiseSeparable(b) => self.depthwise_separable(b, input),
            BlockSpec::InvertedResidual(b) => self.inverted_residual(b, input),
            BlockSpec::Pool => self.push(Operator::GlobalPool(GlobalPool), Role::Pool, &[input]),
            BlockSpec::Linear(b) => self.linear(b, input),
        };
        self.end_block(place, *block, input, first, output);
        output
    }

    fn end_block(&mut self, place: Place, block: BlockSpec, input: NodeId, first: u32, output: NodeId) {
        let (input, output) = (self.shape(input), self.shape(output));
        self.spans.push(BlockSpan { place, block, input, output, first, end: self.nodes.len() as u32 });
    }

    fn receptive(&self, kernel: u32, stride: u32) -> Receptive {
        Receptive { kernel, stride, padding: self.padding }
    }

    fn bn(&mut self, role: Role, input: NodeId) -> NodeId {
        let BatchNormSpec { eps, momentum } = self.batch_norm;
        let channels = self.shape(input).channels;
        self.push(Operator::BatchNorm(BatchNorm { channels, eps, momentum }), role, &[input])
    }

    fn activate(&mut self, activation: Option<Activation>, role: Role, input: NodeId) -> NodeId {
        match activation {
            Some(activation) => self.push(Operator::Activate(Activate(activation)), role, &[input]),
            None => input,
        }
    }

    fn full(&mut self, kernel: u32, stride: u32, c_out: u32, role: Role, input: NodeId) -> NodeId {
        let c_in = self.shape(input).channels;
        let receptive = self.receptive(kernel, stride);
        self.push(Operator::Conv(Conv { receptive, c_in, c_out }), role, &[input])
    }

    fn depthwise(&mut self, kernel: u32, stride: u32, activation: Activation, input: NodeId) -> NodeId {
        let channels = self.shape(input).channels;
        let receptive = self.receptive(kernel, stride);
        let x = self.push(Operator::Depthwise(Depthwise { receptive, channels }), Role::Depthwise, &[input]);
        let x = self.bn(Role::DepthwiseBn, x);
        self.activate(Some(activation), Role::DepthwiseActivation, x)
    }

    fn conv(&mut self, b: &block::Conv, input: NodeId) -> NodeId {
        let x = self.full(b.kernel, b.stride, b.channels, Role::Conv, input);
        let x = self.bn(Role::Bn, x);
        self.activate(b.activation, Role::Activation, x)
    }

    fn depthwise_separable(&mut self, b: &block::DepthwiseSeparable, input: NodeId) -> NodeId {
        let x = self.depthwise(b.kernel, b.stride, b.activation, input);
        let x = self.full(1, 1, b.channels, Role::Project, x);
        let x = self.bn(Role::ProjectBn, x);
        self.activate(Some(b.activation), Role::ProjectActivation, x)
    }

    fn inverted_residual(&mut self, b: &block::InvertedResidual, input: NodeId) -> NodeId {
        let c_in = self.shape(input).channels;
        let mut x = input;
        if b.hidden != c_in {
            x = self.full(1, 1, b.hidden, Role::Expand, x);
            x = self.bn(Role::ExpandBn, x);
            x = self.activate(Some(b.activation), Role::ExpandActivation, x);
        }
        x = self.depthwise(b.kernel, b.stride, b.activation, x);
        if let Some(squeeze) = b.squeeze {
            x = self.push(
                Operator::SqueezeExcite(SqueezeExcite { channels: b.hidden, squeeze }),
                Role::Se,
                &[x],
            );
        }
        x = self.full(1, 1, b.channels, Role::Project, x);
        x = self.bn(Role::ProjectBn, x);
        match self.shortcut(b, input) {
            Some(shortcut) => self.push(Operator::Add(Add), Role::Add, &[x, shortcut]),
            None => x,
        }
    }

    fn shortcut(&mut self, b: &block::InvertedResidual, input: NodeId) -> Option<NodeId> {
        let c_in = self.shape(input).channels;
        match b.shortcut {
            _ if b.stride != 1 => None,
            _ if c_in == b.channels => Some(input),
            Shortcut::Identity => None,
            Shortcut::Projection => {
                let x = self.full(1, 1, b.channels, Role::Shortcut, input);
                Some(self.bn(Role::ShortcutBn, x))
            }
        }
    }

    fn linear(&mut self, b: &block::Linear, input: NodeId) -> NodeId {
        let c_in = self.shape(input).channels;
        let x = self.push(Operator::Linear(Linear { c_in, c_out: b.channels }), Role::Linear, &[input]);
        self.activate(b.activation, Role::Activation, x)
    }

    fn classifier(&mut self, input: NodeId, dropout: f64, classes: u32) {
        let first = self.nodes.len() as u32;
        let mut x = input;
        if dropout > 0.0 {
            x = self.push(Operator::Dropout(Dropout(dropout)), Role::Dropout, &[x]);
        }
        let block = block::Linear { channels: classes, activation: None };
        let output = self.linear(&block, x);
        self.end_block(Place::Classifier, BlockSpec::Linear(block), input, first, output);
    }
}
