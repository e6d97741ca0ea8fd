//! The ranges that the values of a network take on real images, channel by channel.

use super::inference::{InferenceGraph, ValueId};

/// Smallest and largest value of a channel.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ChannelRange {
    /// Smallest.
    pub min: f32,
    /// Largest.
    pub max: f32,
}

impl ChannelRange {
    /// The range of no values.
    const NONE: Self = Self { min: f32::INFINITY, max: f32::NEG_INFINITY };

    /// The smallest range that holds both.
    #[must_use]
    pub fn with(self, other: Self) -> Self {
        Self { min: self.min.min(other.min), max: self.max.max(other.max) }
    }

    fn of(values: &[f32]) -> Self {
        values.iter().fold(Self::NONE, |range, &value| range.with(Self { min: value, max: value }))
    }
}

/// The ranges of all values of a graph.
#[derive(Debug, Clone, PartialEq)]
pub struct Calibration {
    /// By value, then by channel.
    ranges: Vec<Vec<ChannelRange>>,
}

impl Calibration {
    /// Ranges of a graph that has seen no image.
    pub fn new(graph: &InferenceGraph) -> Self {
        let channels = |layer: &super::Layer| vec![ChannelRange::NONE; layer.output.channels as usize];
        Self { ranges: graph.layers().iter().map(channels).collect() }
    }

    /// Widens the ranges by the values of a batch, `[n, c, ...]`.
    pub fn see(&mut self, id: ValueId, values: &[f32], images: usize) {
        let channels = &mut self.ranges[id.index()];
        let map = values.len() / (images * channels.len()).max(1);
        for image in values.chunks_exact((map * channels.len()).max(1)) {
            for (range, values) in channels.iter_mut().zip(image.chunks_exact(map)) {
                *range = range.with(ChannelRange::of(values));
            }
        }
    }

    /// Ranges of a value's channels.
    pub fn channels(&self, id: ValueId) -> &[ChannelRange] {
        &self.ranges[id.index()]
    }

    /// The range of a value over all channels.
    pub fn range(&self, id: ValueId) -> ChannelRange {
        self.channels(id).iter().fold(ChannelRange::NONE, |all, &range| all.with(range))
    }

    /// The ranges after every channel of a value is multiplied by a positive factor.
    pub(super) fn rescale(&mut self, id: ValueId, factors: &[f32]) {
        for (range, factor) in self.ranges[id.index()].iter_mut().zip(factors) {
            *range = ChannelRange { min: range.min * factor, max: range.max * factor };
        }
    }
}
