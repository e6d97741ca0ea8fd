//! Latency units: the pieces a latency table has rows for.
//!
//! A runtime executes fused operators (convolution + batch norm +
//! activation); a table is measured by such operators or by whole blocks.
//! Both are read off the graph here, and with their input shape they are the
//! table's keys.

use std::fmt;

use super::ops::{Conv, Depthwise, Linear, Operation, Operator, SqueezeExcite};
use super::{BlockSpan, LayerGraph, Node, Receptive, Shape};
use crate::spec::{Activation, BlockSpec, Padding, Place};
use crate::word_list::word_list;

/// What a latency unit computes; `op` in a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum UnitKind {
    /// Convolution + BN + activation.
    Conv,
    /// Depthwise convolution + BN + activation.
    Depthwise,
    /// Squeeze-excite: pooling, two layers, scaling.
    SqueezeExcite,
    /// Residual addition.
    Add,
    /// Global average pooling.
    Pool,
    /// Hidden linear layer + activation.
    Linear,
    /// The last linear layer.
    Classifier,
    /// A whole inverted residual block; also a depthwise separable block,
    /// which executes the same operators as one without expansion.
    InvertedResidual,
}

word_list!(
    UnitKind,
    "kind of unit",
    [
        Conv = "conv",
        Depthwise = "depthwise",
        SqueezeExcite = "squeeze_excite",
        Add = "add",
        Pool = "pool",
        Linear = "linear",
        Classifier = "classifier",
        InvertedResidual = "inverted_residual",
    ]
);

impl UnitKind {
    /// True for kinds that stand for several fused operators.
    pub fn is_block(self) -> bool {
        matches!(self, Self::InvertedResidual)
    }
}

/// Everything of a unit but its channels: units of one family differ only in channels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct UnitFamily {
    /// What it computes.
    pub kind: UnitKind,
    /// Input rows.
    pub height: u32,
    /// Input columns.
    pub width: u32,
    /// Side of the kernel; 0 where there is none.
    pub kernel: u32,
    /// Stride; 0 where there is none.
    pub stride: u32,
    /// Whether the block has a squeeze-excite layer.
    pub squeeze_excite: bool,
    /// Its activation.
    pub activation: Option<Activation>,
}

/// A unit of work with its input shape: the key of a latency table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LatencyUnit {
    /// Everything but channels.
    pub family: UnitFamily,
    /// Input channels.
    pub c_in: u32,
    /// Hidden channels of a block, else 0.
    pub expanded: u32,
    /// Width of the squeeze-excite layer, else 0.
    pub squeeze: u32,
    /// Output channels.
    pub c_out: u32,
}

impl LatencyUnit {
    /// A unit without kernel, hidden channels or squeeze-excite.
    fn plain(kind: UnitKind, input: Shape, c_out: u32, activation: Option<Activation>) -> Self {
        let family = UnitFamily {
            kind,
            height: input.height,
            width: input.width,
            kernel: 0,
            stride: 0,
            squeeze_excite: false,
            activation,
        };
        Self { family, c_in: input.channels, expanded: 0, squeeze: 0, c_out }
    }

    fn with_window(mut self, receptive: Receptive) -> Self {
        self.family.kernel = receptive.kernel;
        self.family.stride = receptive.stride;
        self
    }

    /// The unit of a whole block, for blocks that tables have rows for.
    pub fn of_block(span: &BlockSpan) -> Option<Self> {
        let (kernel, stride, expanded, squeeze, activation) = match span.block {
            BlockSpec::InvertedResidual(b) => (b.kernel, b.stride, b.hidden, b.squeeze, b.activation),
            BlockSpec::DepthwiseSeparable(b) => (b.kernel, b.stride, span.input.channels, None, b.activation),
            BlockSpec::Conv(_) | BlockSpec::Pool | BlockSpec::Linear(_) => return None,
        };
        let unit =
            Self::plain(UnitKind::InvertedResidual, span.input, span.output.channels, Some(activation));
        let family = UnitFamily { kernel, stride, squeeze_excite: squeeze.is_some(), ..unit.family };
        Some(Self { family, expanded, squeeze: squeeze.unwrap_or(0), ..unit })
    }

    /// Multiply-adds of one image, of the operators that it stands for.
    pub fn madds(&self) -> u64 {
        let UnitFamily { kind, height, width, kernel, stride, .. } = self.family;
        let input = Shape { height, width, channels: self.c_in };
        // Zeros are multiplied too, wherever they stand.
        let receptive = Receptive { kernel, stride, padding: Padding::Same };
        let dense = |c_in, c_out| Conv {
            receptive: Receptive { kernel: 1, stride: 1, padding: Padding::Same },
            c_in,
            c_out,
        };
        let squeeze = |channels| SqueezeExcite { channels, squeeze: self.squeeze }.madds(input);
        match kind {
            UnitKind::Conv => Conv { receptive, c_in: self.c_in, c_out: self.c_out }.madds(input),
            UnitKind::Depthwise => Depthwise { receptive, channels: self.c_in }.madds(input),
            UnitKind::SqueezeExcite => squeeze(self.c_in),
            UnitKind::Linear | UnitKind::Classifier => {
                Linear { c_in: self.c_in, c_out: self.c_out }.madds(input)
            }
            UnitKind::Add | UnitKind::Pool => 0,
            UnitKind::InvertedResidual => {
                let hidden = input.with_channels(self.expanded);
                let depthwise = Depthwise { receptive, channels: self.expanded };
                let expansion =
                    if self.expanded == self.c_in { 0 } else { dense(self.c_in, self.expanded).madds(input) };
                let projection = dense(self.expanded, self.c_out).madds(depthwise.output(hidden));
                expansion + depthwise.madds(hidden) + squeeze(self.expanded) + projection
            }
        }
    }
}

impl LayerGraph {
    /// The fused operators of a block, in order.
    pub fn operator_units<'a>(&'a self, span: &'a BlockSpan) -> impl Iterator<Item = LatencyUnit> + 'a {
        self.units_with_nodes(span).map(|(unit, _)| unit)
    }

    /// The fused operators of a block, in order, each with its nodes.
    pub fn units_with_nodes<'a>(
        &'a self,
        span: &'a BlockSpan,
    ) -> impl Iterator<Item = (LatencyUnit, &'a [Node])> + 'a {
        let nodes = self.nodes_of(span);
        nodes.iter().enumerate().filter_map(move |(at, node)| {
            let fused =
                nodes[at + 1..].iter().take_while(|node| Self::is_fused_into_previous(&node.op)).count();
            let nodes = &nodes[at..=at + fused];
            Some((self.operator_unit(node, span.place, fused_activation(nodes))?, nodes))
        })
    }

    fn operator_unit(
        &self,
        node: &Node,
        place: Place,
        activation: Option<Activation>,
    ) -> Option<LatencyUnit> {
        let input = self.input_shape(node);
        let plain = |kind, activation| LatencyUnit::plain(kind, input, node.output.channels, activation);
        Some(match node.op {
            Operator::Conv(op) => plain(UnitKind::Conv, activation).with_window(op.receptive),
            Operator::Depthwise(op) => plain(UnitKind::Depthwise, activation).with_window(op.receptive),
            Operator::SqueezeExcite(op) => {
                LatencyUnit { squeeze: op.squeeze, ..plain(UnitKind::SqueezeExcite, None) }
            }
            Operator::Add(_) => plain(UnitKind::Add, None),
            Operator::GlobalPool(_) => plain(UnitKind::Pool, None),
            Operator::Linear(_) if place == Place::Classifier => plain(UnitKind::Classifier, None),
            Operator::Linear(_) => plain(UnitKind::Linear, activation),
            Operator::Input(_) | Operator::BatchNorm(_) | Operator::Activate(_) | Operator::Dropout(_) => {
                return None;
            }
        })
    }
}

/// The activation among the nodes that a runtime fuses.
fn fused_activation(nodes: &[Node]) -> Option<Activation> {
    nodes.iter().find_map(|node| match node.op {
        Operator::Activate(op) => Some(op.0),
        _ => None,
    })
}

impl fmt::Display for LatencyUnit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let family = &self.family;
        write!(f, "{}", family.kind.name())?;
        if family.kernel > 0 {
            write!(f, " {k}x{k} s{s}", k = family.kernel, s = family.stride)?;
        }
        write!(f, " {}", self.c_in)?;
        if self.expanded > 0 {
            write!(f, "-{}", self.expanded)?;
        }
        write!(f, "-{}", self.c_out)?;
        if self.squeeze > 0 {
            write!(f, " se{}", self.squeeze)?;
        }
        if let Some(activation) = family.activation {
            write!(f, " {}", activation.name())?;
        }
        write!(f, " @ {}x{}", family.height, family.width)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::Role;
    use crate::spec;

    #[test]
    fn units_of_a_block_with_everything() {
        let graph = LayerGraph::lower(&spec::load("mobilenet_v3_large").expect("shipped"));
        let span = &graph.spans()[5 + 1];
        assert_eq!(span.block.to_string(), "ir_k5_s1_h120_c40_se32_relu");
        let block = LatencyUnit::of_block(span).expect("a block unit");
        assert_eq!(block.to_string(), "inverted_residual 5x5 s1 40-120-40 se32 relu @ 28x28");
        let units: Vec<_> = graph.operator_units(span).map(|u| u.to_string()).collect();
        assert_eq!(
            units,
            [
                "conv 1x1 s1 40-120 relu @ 28x28",
                "depthwise 5x5 s1 120-120 relu @ 28x28",
                "squeeze_excite 120-120 se32 @ 28x28",
                "conv 1x1 s1 120-40 @ 28x28",
                "add 40-40 @ 28x28",
            ]
        );
    }

    #[test]
    fn units_have_the_multiply_adds_of_their_nodes() {
        for (file, _) in spec::REFERENCE_NETWORKS {
            let spec = spec::load(file).expect(file);
            let graph = LayerGraph::lower(&spec);
            for span in graph.spans() {
                let madds = graph.cost_of(span).madds;
                let operators: u64 = graph.operator_units(span).map(|unit| unit.madds()).sum();
                assert_eq!(operators, madds, "{file} {}", span.place);
                // A block's unit knows nothing of a projection in the shortcut.
                let shortcut = graph.nodes_of(span).iter().any(|node| node.role == Role::Shortcut);
                if let (Some(unit), false) = (LatencyUnit::of_block(span), shortcut) {
                    assert_eq!(unit.madds(), madds, "{file} {}", span.place);
                }
            }
        }
    }

    #[test]
    fn the_head_has_operator_units_only() {
        let graph = LayerGraph::lower(&spec::load("mobilenet_v3_small").expect("shipped"));
        let tail: Vec<_> =
            graph.spans()[12..].iter().flat_map(|s| graph.operator_units(s)).map(|u| u.to_string()).collect();
        assert_eq!(
            tail,
            [
                "conv 1x1 s1 96-576 hswish @ 7x7",
                "pool 576-576 @ 7x7",
                "linear 576-1024 hswish @ 1x1",
                "classifier 1024-1000 @ 1x1",
            ]
        );
    }
}
