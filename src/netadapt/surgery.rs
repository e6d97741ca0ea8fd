//! Weight surgery: the weights of a narrower network out of those of a wider one.
//!
//! A network that was narrowed keeps some channels of each group of the
//! original. Every tensor of it is that of the original, read at the kept
//! positions along each axis that counts channels; what an axis counts is
//! known by the operator (`Parameter::axes`), so that kernels, batch norm with
//! its statistics, squeeze-excite, optimizer moments and averages all go
//! through the same few lines.

use serde::{Deserialize, Serialize};

use crate::graph::ops::{Operation, Operator, Parameter};
use crate::graph::{ChannelGroup, ChannelGroups, GroupId, LayerGraph, Values};

/// The channels that a network kept of its original, for each group ascending.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Channels(Vec<Vec<u32>>);

impl Channels {
    /// All channels.
    pub fn all(groups: &ChannelGroups) -> Self {
        Self(groups.iter().map(|(_, group)| (0..group.width).collect()).collect())
    }

    /// Those of a group.
    pub fn of(&self, id: GroupId) -> &[u32] {
        &self.0[id.index()]
    }

    /// Replaces those of a group.
    pub fn set(&mut self, id: GroupId, channels: Vec<u32>) {
        self.0[id.index()] = channels;
    }

    /// Whether they are channels of these groups, for each ascending.
    pub fn are_of(&self, groups: &ChannelGroups) -> bool {
        let fits = |((_, group), own): ((GroupId, &ChannelGroup), &Vec<u32>)| {
            own.is_sorted_by(|a, b| a < b) && own.last().is_some_and(|&last| last < group.width)
        };
        self.0.len() == groups.len() && groups.iter().zip(&self.0).all(fits)
    }

    /// Whether every channel is among those of `other`.
    pub fn are_within(&self, other: &Self) -> bool {
        let within =
            |(own, other): (&Vec<u32>, &Vec<u32>)| own.iter().all(|c| other.binary_search(c).is_ok());
        self.0.iter().zip(&other.0).all(within)
    }

    /// For each group the positions of these channels in `other`, of those that are in both, as (own, other).
    fn positions_in(&self, other: &Self) -> Vec<(Vec<usize>, Vec<usize>)> {
        let of_group = |(own, other): (&Vec<u32>, &Vec<u32>)| {
            let both = own.iter().enumerate().filter_map(|(at, c)| Some((at, other.binary_search(c).ok()?)));
            both.unzip()
        };
        self.0.iter().zip(&other.0).map(of_group).collect()
    }
}

/// Surgery on networks that were narrowed from one original.
#[derive(Debug, Clone, Copy)]
pub struct Surgery<'a> {
    /// The original.
    pub graph: &'a LayerGraph,
    /// Its groups.
    pub groups: &'a ChannelGroups,
}

impl Surgery<'_> {
    /// Values of the network with the channels `keep`, from those of the network with the channels `had`.
    ///
    /// `values` may be weights or anything else of their shapes; tensors that it lacks are left out.
    ///
    /// # Panics
    /// If `keep` has channels that `had` has not, or a tensor is of another size.
    pub fn shrink(&self, values: &Values, had: &Channels, keep: &Channels) -> Values {
        let positions = keep.positions_in(had);
        let mut kept = Values::new();
        for_each_tensor(self.graph, self.groups, |tensor| {
            let Some(source) = values.get(&tensor.path) else { return };
            let (shape, from) = tensor.selection(|id| had.of(id).len(), |id| positions[id.index()].1.clone());
            let (target_shape, to) =
                tensor.selection(|id| keep.of(id).len(), |id| positions[id.index()].0.clone());
            assert_eq!(shape.iter().product::<usize>(), source.len(), "{} has another size", tensor.path);
            let mut target = vec![0.0; target_shape.iter().product()];
            copy(Place { values: source, shape: &shape, at: &from }, &mut target, &target_shape, &to);
            kept.insert(tensor.path, target);
        });
        kept
    }

    /// Weights of the network with the channels `keep`: from a narrowed network with the channels `had` where it has
    /// them, and from the `original` elsewhere. Channels that were dropped come back as they once were.
    ///
    /// # Panics
    /// If a tensor is of another size.
    pub fn regrow(&self, original: &Values, values: &Values, had: &Channels, keep: &Channels) -> Values {
        let mut grown = self.shrink(original, &Channels::all(self.groups), keep);
        let positions = keep.positions_in(had);
        for_each_tensor(self.graph, self.groups, |tensor| {
            let (Some(source), Some(target)) = (values.get(&tensor.path), grown.get_mut(&tensor.path)) else {
                return;
            };
            let (shape, from) = tensor.selection(|id| had.of(id).len(), |id| positions[id.index()].1.clone());
            let (target_shape, to) =
                tensor.selection(|id| keep.of(id).len(), |id| positions[id.index()].0.clone());
            copy(Place { values: source, shape: &shape, at: &from }, target, &target_shape, &to);
        });
        grown
    }
}

impl Surgery<'_> {
    /// Path and shape of the tensors of a network with these channels.
    pub fn tensors(&self, channels: &Channels) -> Vec<(String, Parameter)> {
        let mut tensors = Vec::new();
        for_each_tensor(self.graph, self.groups, |mut tensor| {
            let (shape, _) = tensor.selection(|id| channels.of(id).len(), |_| Vec::new());
            tensor.parameter.shape = shape;
            tensors.push((tensor.path, tensor.parameter));
        });
        tensors
    }
}

/// A tensor of a graph, with the group that each of its dimensions counts.
pub(super) struct GroupedTensor {
    pub(super) path: String,
    pub(super) op: Operator,
    pub(super) parameter: Parameter,
    pub(super) groups: Vec<Option<GroupId>>,
}

impl GroupedTensor {
    /// Sizes of the dimensions with other widths, and the chosen positions along each.
    fn selection(
        &self,
        width: impl Fn(GroupId) -> usize,
        chosen: impl Fn(GroupId) -> Vec<usize>,
    ) -> (Vec<usize>, Vec<Vec<usize>>) {
        let dims = self.parameter.shape.iter().zip(&self.groups);
        dims.map(|(&size, id)| match id {
            Some(id) => (width(*id), chosen(*id)),
            None => (size, (0..size).collect()),
        })
        .unzip()
    }
}

/// Visits every tensor of a graph.
pub(super) fn for_each_tensor(
    graph: &LayerGraph,
    groups: &ChannelGroups,
    mut visit: impl FnMut(GroupedTensor),
) {
    for (at, node) in graph.nodes().iter().enumerate() {
        let name = graph.name(node);
        for parameter in node.op.parameters() {
            let groups = parameter.axes.iter().map(|&axis| groups.of_axis(node, at, axis)).collect();
            let path = format!("{name}.{}", parameter.name);
            visit(GroupedTensor { path, op: node.op, parameter, groups });
        }
    }
}

/// Positions in a tensor.
#[derive(Clone, Copy)]
struct Place<'a> {
    values: &'a [f32],
    shape: &'a [usize],
    at: &'a [Vec<usize>],
}

/// Copies the values at the source's positions to the target's, axis by axis.
fn copy(source: Place<'_>, target: &mut [f32], target_shape: &[usize], to: &[Vec<usize>]) {
    let (Some((from_here, from_rest)), Some((to_here, to_rest))) =
        (source.at.split_first(), to.split_first())
    else {
        return;
    };
    if from_rest.is_empty() {
        for (&from, &to) in from_here.iter().zip(to_here) {
            target[to] = source.values[from];
        }
        return;
    }
    let (source_rest, target_rest) = (&source.shape[1..], &target_shape[1..]);
    let (source_size, target_size): (usize, usize) =
        (source_rest.iter().product(), target_rest.iter().product());
    for (&from, &to) in from_here.iter().zip(to_here) {
        let values = &source.values[from * source_size..(from + 1) * source_size];
        let slice = &mut target[to * target_size..(to + 1) * target_size];
        copy(Place { values, shape: source_rest, at: from_rest }, slice, target_rest, to_rest);
    }
}
