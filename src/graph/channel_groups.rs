//! Channel groups: the channel dimensions that can only change together.
//!
//! Every operator's output has a channel dimension, and so has the inside of
//! squeeze-excite. Operators that keep channels (batch norm, depthwise
//! convolution, addition ...) join the dimensions of their inputs and output;
//! convolutions and linear layers separate theirs. What is joined is found by
//! union-find. Expansion widths and bottleneck widths shared through residual
//! connections, the two proposals of MobileNetV3's NetAdapt (Howard et al.
//! 2019, section 4.2), appear by themselves.

use super::ops::{Axis, Coupling, Operation, Operator};
use super::{LayerGraph, Node, Role};
use crate::spec::{BlockSpec, Place, Slot};

/// Index of a group in its graph, in network order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct GroupId(usize);

impl GroupId {
    /// Position among the graph's groups.
    pub fn index(self) -> usize {
        self.0
    }
}

/// Channel dimensions that change together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChannelGroup {
    /// Number of channels.
    pub width: u32,
    /// True for the image's channels and the classes, which never change.
    pub frozen: bool,
    /// The widths of blocks that state it, in network order.
    pub slots: Vec<(Place, Slot)>,
    /// For the inside of an operator, the group that it serves.
    pub serves: Option<GroupId>,
}

impl ChannelGroup {
    /// Its first width: `blocks.3.hidden`.
    pub fn name(&self) -> String {
        self.slots.first().map_or_else(String::new, |(place, slot)| format!("{place}.{}", slot.name()))
    }
}

/// All channel groups of a graph.
#[derive(Debug, Clone)]
pub struct ChannelGroups {
    groups: Vec<ChannelGroup>,
    /// By node.
    output: Vec<GroupId>,
    /// By node, for operators with inner channels.
    inner: Vec<Option<GroupId>>,
}

impl ChannelGroups {
    /// The groups in network order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (GroupId, &ChannelGroup)> {
        self.groups.iter().enumerate().map(|(index, group)| (GroupId(index), group))
    }

    /// A group of this graph.
    pub fn group(&self, id: GroupId) -> &ChannelGroup {
        &self.groups[id.0]
    }

    /// Number of groups.
    pub fn len(&self) -> usize {
        self.groups.len()
    }

    /// True for a graph without nodes.
    pub fn is_empty(&self) -> bool {
        self.groups.is_empty()
    }

    /// The group that a dimension of a node's tensor counts; none for kernels.
    pub fn of_axis(&self, node: &Node, at: usize, axis: Axis) -> Option<GroupId> {
        match axis {
            Axis::Input => node.inputs().first().map(|id| self.output[id.index()]),
            Axis::Output => Some(self.output[at]),
            Axis::Inner => self.inner[at],
            Axis::Kernel => None,
        }
    }
}

impl LayerGraph {
    /// The channel dimensions that can only change together.
    pub fn channel_groups(&self) -> ChannelGroups {
        let nodes = self.nodes();
        // Dimension `n` is the output of node `n`; inner ones come after.
        let mut joined = UnionFind::new(nodes.len());
        for (at, node) in nodes.iter().enumerate() {
            if node.op.coupling() == Coupling::Kept {
                for input in node.inputs() {
                    joined.join(at, input.index());
                }
            }
        }
        let mut groups: Vec<ChannelGroup> = Vec::new();
        let mut of_root = vec![None; nodes.len()];
        let (mut output, mut inner) = (Vec::with_capacity(nodes.len()), Vec::with_capacity(nodes.len()));
        for (at, node) in nodes.iter().enumerate() {
            let root = joined.root(at);
            let id = *of_root[root].get_or_insert_with(|| {
                groups.push(ChannelGroup {
                    width: node.output.channels,
                    frozen: false,
                    slots: Vec::new(),
                    serves: None,
                });
                GroupId(groups.len() - 1)
            });
            groups[id.0].frozen |= matches!(node.op, Operator::Input(_)) || at + 1 == nodes.len();
            groups[id.0].slots.extend(self.output_slot(node));
            output.push(id);
            inner.push(node.op.inner_channels().map(|width| {
                let place = self.spans()[node.block as usize].place;
                groups.push(ChannelGroup {
                    width,
                    frozen: false,
                    slots: vec![(place, Slot::Squeeze)],
                    serves: Some(id),
                });
                GroupId(groups.len() - 1)
            }));
        }
        ChannelGroups { groups, output, inner }
    }

    /// The width of its block that a node's output channels are stated by.
    fn output_slot(&self, node: &Node) -> Option<(Place, Slot)> {
        let span = self.spans().get(node.block as usize)?;
        let expands = matches!(span.block, BlockSpec::InvertedResidual(_));
        let slot = match node.role {
            // A block without expansion states the width of its input once more.
            Role::Depthwise if expands => Slot::Hidden,
            Role::Conv | Role::Project | Role::Linear => Slot::Output,
            _ => return None,
        };
        Some((span.place, slot))
    }
}

/// Disjoint sets with path halving.
struct UnionFind(Vec<usize>);

impl UnionFind {
    fn new(count: usize) -> Self {
        Self((0..count).collect())
    }

    fn root(&mut self, mut at: usize) -> usize {
        while self.0[at] != at {
            self.0[at] = self.0[self.0[at]];
            at = self.0[at];
        }
        at
    }

    /// The smaller root stays, so that sets are named by their first member.
    fn join(&mut self, a: usize, b: usize) {
        let (a, b) = (self.root(a), self.root(b));
        self.0[a.max(b)] = a.min(b);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::{self, NetworkSpec};

    fn groups(spec: &NetworkSpec) -> Vec<(String, u32)> {
        let groups = LayerGraph::lower(spec).channel_groups();
        let free = groups.iter().filter(|(_, group)| !group.frozen);
        free.map(|(_, group)| {
            let slots: Vec<_> = group.slots.iter().map(|(p, s)| format!("{p}.{}", s.name())).collect();
            (slots.join(" "), group.width)
        })
        .collect()
    }

    fn network(stem: &str, blocks: &[&str], head: &[&str]) -> NetworkSpec {
        let parse = |texts: &[&str]| texts.iter().map(|t| t.parse().expect("a block")).collect();
        NetworkSpec {
            stem: stem.parse().expect("a block"),
            blocks: parse(blocks),
            head: parse(head),
            resolution: 32,
            ..spec::load("mobilenet_v3_small").expect("shipped")
        }
    }

    #[test]
    fn expansions_and_shared_bottlenecks_of_mobilenet_v3_appear_by_themselves() {
        let all = groups(&spec::load("mobilenet_v3_small").expect("shipped"));
        let named = |name: &str| all.iter().find(|(slots, _)| slots.starts_with(name)).expect(name);
        // The first block does not expand, and has a stride: its output is a width of its own.
        assert_eq!(named("stem"), &("stem.output blocks.0.hidden".into(), 16));
        assert_eq!(named("blocks.0.output"), &("blocks.0.output".into(), 16));
        assert_eq!(named("blocks.0.squeeze"), &("blocks.0.squeeze".into(), 8));
        assert_eq!(named("blocks.1.output"), &("blocks.1.output blocks.2.output".into(), 24));
        assert_eq!(named("blocks.3.output").0, "blocks.3.output blocks.4.output blocks.5.output");
        assert_eq!(named("blocks.4.hidden"), &("blocks.4.hidden".into(), 240));
        assert_eq!(named("head.2"), &("head.2.output".into(), 1024));
        // Stem, 10 expansions, 9 squeezes, 5 bottleneck widths, last convolution, linear layer.
        assert_eq!(all.len(), 1 + 10 + 9 + 5 + 1 + 1);
    }

    #[test]
    fn depthwise_separable_blocks_and_plain_convolutions_need_no_special_case() {
        let v1 = groups(&spec::load("mobilenet_v1").expect("shipped"));
        assert_eq!(v1.len(), 14, "the stem and 13 pointwise convolutions");
        let plain = network("conv_k3_s1_c64_relu", &["conv_k3_s1_c32_relu", "conv_k3_s1_c64"], &["pool"]);
        let names: Vec<_> = groups(&plain).into_iter().map(|(slots, _)| slots).collect();
        assert_eq!(names, ["stem.output", "blocks.0.output", "blocks.1.output"]);
    }

    #[test]
    fn a_projected_shortcut_joins_the_outputs_and_not_the_input() {
        let spec = network("conv_k3_s1_c8_relu", &["ir_k3_s1_h48_c16_relu_proj"], &["pool"]);
        let names: Vec<_> = groups(&spec).into_iter().map(|(slots, _)| slots).collect();
        assert_eq!(names, ["stem.output", "blocks.0.hidden", "blocks.0.output"]);
    }

    #[test]
    fn every_dimension_of_every_tensor_has_the_width_of_its_group() {
        for (file, _) in spec::REFERENCE_NETWORKS {
            let spec = spec::load(file).expect(file);
            let graph = LayerGraph::lower(&spec);
            let groups = graph.channel_groups();
            let widths: Vec<u32> = groups.iter().map(|(_, group)| group.width).collect();
            for (at, node) in graph.nodes().iter().enumerate() {
                for parameter in node.op.parameters() {
                    for (&size, &axis) in parameter.shape.iter().zip(&parameter.axes) {
                        if let Some(id) = groups.of_axis(node, at, axis) {
                            assert_eq!(size, widths[id.index()] as usize, "{}", graph.name(node));
                        }
                    }
                }
            }
            let frozen: Vec<u32> = groups.iter().filter(|(_, g)| g.frozen).map(|(_, g)| g.width).collect();
            assert_eq!(frozen, [spec.input_channels, spec.classes], "{file}");
        }
    }
}
