//! Cross-layer equalisation (Nagel et al. 2019, section 4.1) around depthwise convolutions.
//!
//! A value has one scale for all channels, so a channel with a small range keeps few of its 256 levels. Where a
//! rectifier lies between two convolutions, `f(s x) = s f(x)` for `s > 0`: the first one's channels may be scaled up
//! and the second one's weights down by the same factors. Kernels of depthwise layers have a scale for each channel,
//! which takes any factor; those of full convolutions have one for each filter, so that there the factor is shared
//! between values and weights by its root.
//!
//! `relu6` obeys this below its bound only. A channel is scaled up to the range of the whole value at most, so that
//! the bound moves to the largest value seen, where the rounding to 8 bits ends as well. h-swish obeys no such rule, and
//! its layers stay as they are.

use super::{InferenceGraph, Op, ValueId};
use crate::export::calibration::{Calibration, ChannelRange};
use crate::spec::Activation;

/// The largest factor: a channel that was nearly silent on the images seen may be louder on others.
const LARGEST_FACTOR: f32 = 16.0;

/// Two convolutions with a rectifier between.
struct Pair {
    first: ValueId,
    rectified: ValueId,
    second: ValueId,
}

impl InferenceGraph {
    /// Equalises the channel ranges of the values that enter and leave depthwise convolutions, and moves the ranges of
    /// `calibration` with them. Returns how many of these values there are, and how many could be equalised.
    pub fn equalise(&mut self, calibration: &mut Calibration) -> Equalised {
        let pairs: Vec<Pair> = self.iter().filter_map(|(id, _)| self.pair_behind(id)).collect();
        for pair in &pairs {
            let exponent = if self.is_depthwise(pair.second) { 1.0 } else { 0.5 };
            let factors = factors(calibration.channels(pair.rectified), exponent);
            self.scale_filters(pair.first, &factors);
            self.unscale_inputs(pair.second, &factors);
            calibration.rescale(pair.first, &factors);
            calibration.rescale(pair.rectified, &factors);
        }
        let depthwise = self.iter().filter(|(id, _)| self.is_depthwise(*id)).count();
        Equalised { values: 2 * depthwise, equalised: pairs.len() }
    }

    fn is_depthwise(&self, id: ValueId) -> bool {
        matches!(&self.layer(id).op, Op::Conv(conv) if conv.is_depthwise())
    }

    /// The pair that begins with a layer, if one of the two is depthwise.
    fn pair_behind(&self, first: ValueId) -> Option<Pair> {
        let Op::Conv(_) = &self.layer(first).op else { return None };
        let (rectified, layer) = self.only_reader(first)?;
        let Op::Activation(Activation::Relu | Activation::Relu6) = layer.op else { return None };
        let (second, layer) = self.only_reader(rectified)?;
        let Op::Conv(_) = &layer.op else { return None };
        (self.is_depthwise(first) || self.is_depthwise(second)).then_some(Pair { first, rectified, second })
    }

    fn scale_filters(&mut self, id: ValueId, factors: &[f32]) {
        let Op::Conv(conv) = &mut self.layers[id.0].op else { return };
        let filter = conv.weight.len() / conv.c_out;
        for (weights, factor) in conv.weight.chunks_exact_mut(filter).zip(factors) {
            weights.iter_mut().for_each(|weight| *weight *= factor);
        }
        for (bias, factor) in conv.bias.iter_mut().flatten().zip(factors) {
            *bias *= factor;
        }
    }

    fn unscale_inputs(&mut self, id: ValueId, factors: &[f32]) {
        let Op::Conv(conv) = &mut self.layers[id.0].op else { return };
        let window = conv.kernel * conv.kernel;
        // Depthwise kernels follow one another like the input channels of a single filter.
        for (weights, factor) in conv.weight.chunks_exact_mut(window).zip(factors.iter().cycle()) {
            weights.iter_mut().for_each(|weight| *weight /= factor);
        }
    }
}

/// What equalisation found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, schemars::JsonSchema)]
pub struct Equalised {
    /// Values that enter or leave depthwise convolutions.
    pub values: usize,
    /// Those that a rectifier makes.
    pub equalised: usize,
}

fn factors(channels: &[ChannelRange], exponent: f32) -> Vec<f32> {
    let largest = channels.iter().fold(0.0, |largest: f32, range| largest.max(range.max));
    let factor = |range: &ChannelRange| {
        if range.max > 0.0 { (largest / range.max).powf(exponent).clamp(1.0, LARGEST_FACTOR) } else { 1.0 }
    };
    channels.iter().map(factor).collect()
}
