//! timm's names: `conv_stem`, `blocks.STAGE.BLOCK`, `conv_head`, `classifier`.
//!
//! Batch norms are numbered through within a block. An inverted residual without expansion is timm's
//! depthwise-separable block. With a hidden linear layer (MobileNetV3) the last convolution is a stage of its own
//! and `conv_head` the linear layer; without one, `conv_head` is the last convolution.

use super::{Module, TensorNames, Unnamed};
use crate::graph::{BlockSpan, LayerGraph, Node, Role};
use crate::pytorch::families::family;
use crate::spec::{BlockSpec, Place, Slot};

const PACKAGE: &str = "timm";

pub(super) fn names(graph: &LayerGraph) -> Result<TensorNames, Unnamed> {
    let numbering = Numbering::of(graph);
    TensorNames::by(graph, |span, node| {
        let path = numbering.path(span, node).ok_or_else(|| Unnamed::block(span, PACKAGE))?;
        Ok(match (node.role, span.place) {
            (Role::Se, _) => Module::SqueezeExcite {
                reduce: format!("{path}.conv_reduce"),
                expand: format!("{path}.conv_expand"),
            },
            (Role::Linear, Place::Head(_)) => Module::PointwiseLinear(path),
            _ => Module::One(path),
        })
    })
}

/// A block's stage and its place in it.
type Position = (usize, usize);

struct Numbering {
    body: Vec<Position>,
    /// Blocks of the head before pooling.
    head_convolutions: usize,
    hidden_linears: usize,
}

impl Numbering {
    fn of(graph: &LayerGraph) -> Self {
        let blocks = |is_wanted: fn(&BlockSpan) -> bool| {
            graph.spans().iter().filter(move |span| is_wanted(span)).map(|span| span.block)
        };
        let body: Vec<_> = blocks(|span| matches!(span.place, Place::Block(_))).collect();
        let head: Vec<_> = blocks(|span| matches!(span.place, Place::Head(_))).collect();
        let count = |is_wanted: fn(&BlockSpec) -> bool| head.iter().filter(|block| is_wanted(block)).count();
        Self {
            body: positions(&body),
            head_convolutions: count(|block| matches!(block, BlockSpec::Conv(_))),
            hidden_linears: count(|block| matches!(block, BlockSpec::Linear(_))),
        }
    }

    /// Path of the module of an operator; `None` where timm has no such block.
    fn path(&self, span: &BlockSpan, node: &Node) -> Option<String> {
        match (span.place, &span.block) {
            (Place::Stem, BlockSpec::Conv(_)) => convolution("conv_stem", "bn1", node.role),
            (Place::Block(n), block) => {
                let (stage, index) = *self.body.get(n as usize)?;
                let layer = body_layer(span, block, node.role)?;
                Some(format!("blocks.{stage}.{index}.{layer}"))
            }
            (Place::Head(n), BlockSpec::Conv(_)) if self.hidden_linears == 1 => {
                let stage = self.body.last().map_or(0, |(stage, _)| stage + 1);
                let layer = convolution("conv", "bn1", node.role)?;
                Some(format!("blocks.{stage}.{n}.{layer}"))
            }
            (Place::Head(_), BlockSpec::Conv(_))
                if self.hidden_linears == 0 && self.head_convolutions == 1 =>
            {
                convolution("conv_head", "bn2", node.role)
            }
            (Place::Head(_), BlockSpec::Linear(_)) if self.hidden_linears == 1 => {
                Some("conv_head".to_owned())
            }
            (Place::Classifier, _) => Some("classifier".to_owned()),
            _ => None,
        }
    }
}

fn body_layer(span: &BlockSpan, block: &BlockSpec, role: Role) -> Option<String> {
    match block {
        BlockSpec::Conv(_) => convolution("conv", "bn1", role),
        BlockSpec::DepthwiseSeparable(_) => depthwise_separable(role),
        BlockSpec::InvertedResidual(b) if b.hidden == span.input.channels => depthwise_separable(role),
        BlockSpec::InvertedResidual(_) => inverted_residual(role),
        BlockSpec::Pool | BlockSpec::Linear(_) => None,
    }
}

fn convolution(conv: &str, bn: &str, role: Role) -> Option<String> {
    match role {
        Role::Conv => Some(conv.to_owned()),
        Role::Bn => Some(bn.to_owned()),
        _ => None,
    }
}

fn depthwise_separable(role: Role) -> Option<String> {
    let layer = match role {
        Role::Depthwise => "conv_dw",
        Role::DepthwiseBn => "bn1",
        Role::Se => "se",
        Role::Project => "conv_pw",
        Role::ProjectBn => "bn2",
        _ => return None,
    };
    Some(layer.to_owned())
}

fn inverted_residual(role: Role) -> Option<String> {
    let layer = match role {
        Role::Expand => "conv_pw",
        Role::ExpandBn => "bn1",
        Role::Depthwise => "conv_dw",
        Role::DepthwiseBn => "bn2",
        Role::Se => "se",
        Role::Project => "conv_pwl",
        Role::ProjectBn => "bn3",
        _ => return None,
    };
    Some(layer.to_owned())
}

/// Stage and place of every block of a body.
///
/// A narrow or wide form of a reference network has its stages, even where rounding has made neighbouring stages
/// equally wide.
fn positions(body: &[BlockSpec]) -> Vec<Position> {
    let reference = family(body).map(|reference| reference.blocks);
    let staged = reference.as_deref().unwrap_or(body);
    let mut positions: Vec<Position> = Vec::with_capacity(body.len());
    let mut width = None;
    for block in staged {
        let next = match positions.last() {
            None => (0, 0),
            Some(&(stage, _)) if starts_stage(block, width) => (stage + 1, 0),
            Some(&(stage, index)) => (stage, index + 1),
        };
        positions.push(next);
        width = block.width(Slot::Output);
    }
    positions
}

/// Whether a block begins a stage: it has a stride, or another width than the one before.
fn starts_stage(block: &BlockSpec, width: Option<u32>) -> bool {
    block.stride() > 1 || block.width(Slot::Output) != width
}
