//! `LayerGraph`: the operators of a network with their shapes.
//!
//! The one place where shapes, multiply-adds, parameters, channel groups and
//! latency units are computed. Nodes are topological: inputs come before their users.

mod channel_groups;
mod cost;
mod layout;
mod lower;
mod node;
pub mod ops;
mod shape;
mod unit;
mod values;

pub use channel_groups::{ChannelGroup, ChannelGroups, GroupId};
pub use cost::Cost;
pub use layout::Layout;
pub use lower::Surroundings;
pub use node::{BlockSpan, Node, NodeId, Role};
pub use shape::{Receptive, Shape};
pub use unit::{LatencyUnit, UnitFamily, UnitKind};
pub use values::Values;

use ops::Operator;

/// A network as operators with shapes.
#[derive(Debug, Clone)]
pub struct LayerGraph {
    nodes: Vec<Node>,
    spans: Vec<BlockSpan>,
}

impl LayerGraph {
    /// All nodes; the first is the image, the last the logits.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// The blocks in order: stem, body, head, classifier.
    pub fn spans(&self) -> &[BlockSpan] {
        &self.spans
    }

    /// The node with this id.
    pub fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id.index()]
    }

    /// The nodes of a block.
    pub fn nodes_of(&self, span: &BlockSpan) -> &[Node] {
        &self.nodes[span.nodes()]
    }

    /// Shape of a node's first input; the image is its own input.
    pub fn input_shape(&self, node: &Node) -> Shape {
        node.inputs().first().map_or(node.output, |&id| self.node(id).output)
    }

    /// Shape of the image.
    pub fn image(&self) -> Shape {
        self.nodes[0].output
    }

    /// The path of a node, for example `blocks.3.expand_bn`: the stem of its
    /// parameters' names everywhere.
    pub fn name(&self, node: &Node) -> String {
        match (node.role, self.spans.get(node.block as usize)) {
            (Role::Image, _) | (_, None) => "image".to_owned(),
            (role, Some(span)) => format!("{}.{}", span.place, role.name()),
        }
    }

    /// Whether the other graph has the same operators in the same places, whatever their sizes.
    pub fn has_structure_of(&self, other: &Self) -> bool {
        let alike = |(a, b): (&Node, &Node)| {
            std::mem::discriminant(&a.op) == std::mem::discriminant(&b.op)
                && (a.role, a.block, a.inputs()) == (b.role, b.block, b.inputs())
        };
        self.nodes.len() == other.nodes.len() && self.nodes.iter().zip(&other.nodes).all(alike)
    }

    /// True for operators that hold no state and change no shape, which a
    /// runtime fuses into the operator before.
    fn is_fused_into_previous(op: &Operator) -> bool {
        matches!(op, Operator::BatchNorm(_) | Operator::Activate(_) | Operator::Dropout(_))
    }
}
