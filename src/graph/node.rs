//! Nodes, their names, and the blocks they belong to.

use std::ops::Range;

use super::Shape;
use super::ops::Operator;
use crate::spec::{BlockSpec, Place};

/// Index of a node in its graph.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NodeId(pub(super) u32);

impl NodeId {
    /// Position in [`super::LayerGraph::nodes`].
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// What a node does in its block; the last part of its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it; see `name`")]
pub enum Role {
    Image,
    Conv,
    Bn,
    Activation,
    Expand,
    ExpandBn,
    ExpandActivation,
    Depthwise,
    DepthwiseBn,
    DepthwiseActivation,
    Se,
    Project,
    ProjectBn,
    ProjectActivation,
    Shortcut,
    ShortcutBn,
    Add,
    Pool,
    Dropout,
    Linear,
}

impl Role {
    /// The word in a node's path.
    pub fn name(self) -> &'static str {
        match self {
            Self::Image => "image",
            Self::Conv => "conv",
            Self::Bn => "bn",
            Self::Activation => "activation",
            Self::Expand => "expand",
            Self::ExpandBn => "expand_bn",
            Self::ExpandActivation => "expand_activation",
            Self::Depthwise => "depthwise",
            Self::DepthwiseBn => "depthwise_bn",
            Self::DepthwiseActivation => "depthwise_activation",
            Self::Se => "se",
            Self::Project => "project",
            Self::ProjectBn => "project_bn",
            Self::ProjectActivation => "project_activation",
            Self::Shortcut => "shortcut",
            Self::ShortcutBn => "shortcut_bn",
            Self::Add => "add",
            Self::Pool => "pool",
            Self::Dropout => "dropout",
            Self::Linear => "linear",
        }
    }
}

/// One operator in a graph.
#[derive(Debug, Clone, Copy)]
pub struct Node {
    /// What it computes.
    pub op: Operator,
    /// What it does in its block.
    pub role: Role,
    /// Index of its block in [`super::LayerGraph::spans`].
    pub block: u32,
    /// Shape of its output, for one image.
    pub output: Shape,
    inputs: [NodeId; 2],
    input_count: u8,
}

impl Node {
    pub(super) fn new(op: Operator, role: Role, block: u32, output: Shape, inputs: &[NodeId]) -> Self {
        let mut slots = [NodeId(0); 2];
        slots[..inputs.len()].copy_from_slice(inputs);
        Self { op, role, block, output, inputs: slots, input_count: inputs.len() as u8 }
    }

    /// The nodes whose outputs it reads.
    pub fn inputs(&self) -> &[NodeId] {
        &self.inputs[..usize::from(self.input_count)]
    }
}

/// The nodes that one block was lowered to.
#[derive(Debug, Clone)]
pub struct BlockSpan {
    /// Where it stands.
    pub place: Place,
    /// The block; a linear block for the classifier.
    pub block: BlockSpec,
    /// Shape that enters.
    pub input: Shape,
    /// Shape that leaves.
    pub output: Shape,
    pub(super) first: u32,
    pub(super) end: u32,
}

impl BlockSpan {
    /// Positions of its nodes.
    pub fn nodes(&self) -> Range<usize> {
        self.first as usize..self.end as usize
    }
}
