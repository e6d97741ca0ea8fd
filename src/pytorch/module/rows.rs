//! Blocks as lines of the class `Network`, and the classes that these lines call.

use serde::Serialize;

use crate::graph::{BlockSpan, LayerGraph, Role};
use crate::spec::block::{Conv, InvertedResidual, Linear};
use crate::spec::{Activation, BlockSpec, DepthwiseSeparable, Padding, Place};

/// A block as the call that makes its module.
#[derive(Serialize)]
pub(super) struct Row {
    call: String,
    /// Size of the map that leaves the block, where one does: `112x112`.
    map: Option<String>,
}

impl Row {
    /// The row of a block.
    pub(super) fn of(graph: &LayerGraph, span: &BlockSpan) -> Self {
        let c_in = span.input.channels;
        let map = format!("{}x{}", span.output.height, span.output.width);
        let (call, map) = match span.block {
            BlockSpec::Conv(b) => (conv(b, c_in), Some(map)),
            BlockSpec::DepthwiseSeparable(b) => (depthwise_separable(b, c_in), Some(map)),
            BlockSpec::InvertedResidual(b) => {
                (inverted_residual(b, c_in, has_projected_shortcut(graph, span)), Some(map))
            }
            BlockSpec::Pool => ("GlobalPool()".to_owned(), None),
            BlockSpec::Linear(b) => (linear(b, c_in), None),
        };
        Self { call, map }
    }
}

fn conv(block: Conv, c_in: u32) -> String {
    let Conv { kernel, stride, channels, activation } = block;
    let activation = activation.map_or(String::new(), activation_argument);
    format!("ConvBlock({c_in}, {channels}, kernel={kernel}, stride={stride}{activation})")
}

fn depthwise_separable(block: DepthwiseSeparable, c_in: u32) -> String {
    let DepthwiseSeparable { kernel, stride, channels, activation } = block;
    let activation = activation_argument(activation);
    format!("DepthwiseSeparable({c_in}, {channels}, kernel={kernel}, stride={stride}{activation})")
}

fn inverted_residual(block: InvertedResidual, c_in: u32, projected_shortcut: bool) -> String {
    let InvertedResidual { kernel, stride, hidden, channels, squeeze, activation, .. } = block;
    let activation = activation_argument(activation);
    let squeeze = squeeze.map_or(String::new(), |squeeze| format!(", se={squeeze}"));
    let shortcut = if projected_shortcut { ", proj=True" } else { "" };
    format!(
        "InvertedResidual({c_in}, {hidden}, {channels}, kernel={kernel}, stride={stride}\
         {activation}{squeeze}{shortcut})"
    )
}

fn linear(block: Linear, c_in: u32) -> String {
    let activation = block.activation.map_or(String::new(), activation_argument);
    format!("LinearBlock({c_in}, {}{activation})", block.channels)
}

/// Blocks without an activation leave the argument out.
fn activation_argument(activation: Activation) -> String {
    let class = match activation {
        Activation::Relu => "ReLU",
        Activation::Relu6 => "ReLU6",
        Activation::Hswish => "Hardswish",
    };
    format!(", act=nn.{class}")
}

fn has_projected_shortcut(graph: &LayerGraph, span: &BlockSpan) -> bool {
    graph.nodes_of(span).iter().any(|node| node.role == Role::Shortcut)
}

/// The classes of the template, and parts of them, that a network uses.
#[derive(Serialize)]
pub(super) struct Used {
    /// Convolutions that skip pixels, with TensorFlow's padding.
    strided_same: bool,
    depthwise_separable: bool,
    inverted_residual: bool,
    squeeze_excite: bool,
    projected_shortcut: bool,
    linear_block: bool,
}

impl Used {
    /// What the network of a graph uses.
    pub(super) fn by(graph: &LayerGraph, padding: Padding) -> Self {
        let any = |is: fn(&BlockSpec) -> bool| {
            graph.spans().iter().any(|span| span.place != Place::Classifier && is(&span.block))
        };
        let role = |role| graph.nodes().iter().any(|node| node.role == role);
        Self {
            strided_same: padding == Padding::Same && any(|b| b.stride() > 1),
            depthwise_separable: any(|b| matches!(b, BlockSpec::DepthwiseSeparable(_))),
            inverted_residual: any(|b| matches!(b, BlockSpec::InvertedResidual(_))),
            squeeze_excite: role(Role::Se),
            projected_shortcut: role(Role::Shortcut),
            linear_block: any(|b| matches!(b, BlockSpec::Linear(_))),
        }
    }
}
