//! Width multipliers: how a factor alpha turns one network into a thinner or
//! wider one of the same structure.

use super::block::{Conv, InvertedResidual, Linear};
use super::{BlockSpec, DepthwiseSeparable, NetworkSpec, make_divisible, squeeze_width};
use crate::word_list::word_list;

/// Which published rounding rule a width multiplier follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum WidthRule {
    /// The released TensorFlow code: hidden channels are the *rounded* input
    /// times the block's expansion ratio; a hidden linear layer is not scaled
    /// and a last convolution never made thinner.
    #[default]
    Reference,
    /// torchvision: MobileNetV3 scales hidden channels directly and the whole
    /// head with alpha; networks without a hidden linear layer are scaled as
    /// MobileNetV2, whose hidden channels keep their ratio to the rounded
    /// input, and whose head is never made thinner.
    Torchvision,
}

word_list!(WidthRule, "width rule", [Reference = "reference", Torchvision = "torchvision"]);

/// Channels before and after scaling, at one point of the network.
#[derive(Clone, Copy)]
struct Width {
    old: u32,
    new: u32,
}

impl Width {
    /// `channels` at the same ratio to this width as before.
    fn keep_ratio(self, channels: u32) -> u32 {
        make_divisible(f64::from(self.new) * f64::from(channels) / f64::from(self.old))
    }
}

impl NetworkSpec {
    /// The network with all widths scaled by `alpha` (> 0) under `rule`.
    /// Width 1 is the network itself.
    #[must_use]
    pub fn scaled(&self, alpha: f64, rule: WidthRule) -> Self {
        if alpha == 1.0 {
            return self.clone();
        }
        let scaling = Scaling {
            alpha,
            rule,
            classifies_from: self.head.iter().rposition(|b| !matches!(b, BlockSpec::Pool)),
            has_hidden_linear: self.has_hidden_linear(),
        };
        let mut width = Width { old: self.input_channels, new: self.input_channels };
        let mut body = |block: &BlockSpec| scaling.body(block, &mut width);
        let stem = body(&self.stem);
        let blocks = self.blocks.iter().map(&mut body).collect();
        let head =
            self.head.iter().enumerate().map(|(i, block)| scaling.head(i, block, &mut width)).collect();
        Self { name: format!("{}_w{alpha}", self.name), stem, blocks, head, ..self.clone() }
    }
}

struct Scaling {
    alpha: f64,
    rule: WidthRule,
    /// Index in the head of the layer that feeds the classifier.
    classifies_from: Option<usize>,
    /// As in MobileNetV3.
    has_hidden_linear: bool,
}

impl Scaling {
    fn scale(&self, channels: u32) -> u32 {
        make_divisible(f64::from(channels) * self.alpha)
    }

    fn body(&self, block: &BlockSpec, width: &mut Width) -> BlockSpec {
        let input = *width;
        let old = block.channels(input.old);
        *width = Width { old, new: self.scale(old) };
        match *block {
            BlockSpec::Conv(b) => BlockSpec::Conv(Conv { channels: width.new, ..b }),
            BlockSpec::DepthwiseSeparable(b) => {
                BlockSpec::DepthwiseSeparable(DepthwiseSeparable { channels: width.new, ..b })
            }
            BlockSpec::InvertedResidual(b) => {
                let hidden = match self.rule {
                    WidthRule::Torchvision if self.has_hidden_linear => self.scale(b.hidden),
                    WidthRule::Reference | WidthRule::Torchvision => input.keep_ratio(b.hidden),
                };
                let squeeze = b.squeeze.map(|_| squeeze_width(hidden));
                BlockSpec::InvertedResidual(InvertedResidual { hidden, channels: width.new, squeeze, ..b })
            }
            BlockSpec::Pool | BlockSpec::Linear(_) => *block,
        }
    }

    fn head(&self, index: usize, block: &BlockSpec, width: &mut Width) -> BlockSpec {
        let input = *width;
        let old = block.channels(input.old);
        let new = match (block, self.rule) {
            (BlockSpec::Pool, _) => input.new,
            // The released code keeps a hidden linear layer as it is, and
            // divides a last convolution by alpha < 1 before multiplying it.
            (BlockSpec::Linear(_), WidthRule::Reference) => old,
            (_, WidthRule::Reference) if Some(index) == self.classifies_from => {
                make_divisible(f64::from(old) * self.alpha.max(1.0))
            }
            (_, WidthRule::Reference) => self.scale(old),
            (_, WidthRule::Torchvision) if !self.has_hidden_linear => {
                make_divisible(f64::from(old) * self.alpha.max(1.0))
            }
            (BlockSpec::Conv(_), WidthRule::Torchvision) => input.keep_ratio(old),
            (_, WidthRule::Torchvision) => self.scale(old),
        };
        *width = Width { old, new };
        match *block {
            BlockSpec::Conv(b) => BlockSpec::Conv(Conv { channels: new, ..b }),
            BlockSpec::Linear(b) => BlockSpec::Linear(Linear { channels: new, ..b }),
            other => other,
        }
    }
}
