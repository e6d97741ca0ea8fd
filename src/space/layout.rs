//! `SearchSpace`: stages of blocks with choices, checked and indexed.

use super::decision::{Choices, Decision};
use crate::spec::block::{Conv, DepthwiseSeparable, InvertedResidual, Linear, Shortcut};
use crate::spec::{Activation, BatchNormSpec, BlockSpec, Padding, make_divisible, squeeze_width};

/// A validated search space.
#[derive(Debug, Clone)]
pub struct SearchSpace {
    /// A name for people.
    pub name: String,
    pub(super) input_channels: u32,
    pub(super) classes: u32,
    pub(super) padding: Padding,
    pub(super) batch_norm: BatchNormSpec,
    pub(super) dropout: f64,
    pub(super) resolution: Choices<u32>,
    pub(super) stem: Stage,
    pub(super) stages: Vec<Stage>,
    pub(super) head: Vec<HeadPart>,
    pub(super) decisions: Vec<Decision>,
    pub(super) arity: Vec<usize>,
}

impl SearchSpace {
    /// The decisions, in the order of a genotype's entries.
    pub fn decisions(&self) -> &[Decision] {
        &self.decisions
    }

    /// Number of choices of every decision.
    pub fn arity(&self) -> &[usize] {
        &self.arity
    }

    /// The input sides that may be chosen.
    pub fn resolutions(&self) -> &[u32] {
        &self.resolution.values
    }

    /// Outputs of the classifier.
    pub fn classes(&self) -> u32 {
        self.classes
    }

    /// Channels of the input image.
    pub fn input_channels(&self) -> u32 {
        self.input_channels
    }

    /// Padding and batch-norm constants of every network.
    pub fn conventions(&self) -> (Padding, BatchNormSpec) {
        (self.padding, self.batch_norm)
    }
}

/// A run of blocks that share their output width.
#[derive(Debug, Clone)]
pub(super) struct Stage {
    pub kind: StageKind,
    /// Stride of the first block; the others have 1.
    pub stride: u32,
    pub depth: Choices<u32>,
    /// `None` keeps the width that comes in.
    pub width: Option<Choices<u32>>,
    /// The blocks that may exist, first to last.
    pub blocks: Vec<BlockChoices>,
}

impl Stage {
    /// The largest number of blocks.
    pub fn max_depth(&self) -> usize {
        self.blocks.len()
    }

    /// A block of this stage, given what was picked for it.
    pub fn block(&self, index: usize, c_in: u32, channels: u32, picked: Picked) -> BlockSpec {
        let stride = if index == 0 { self.stride } else { 1 };
        let Picked { kernel, expansion, se, activation } = picked;
        match self.kind {
            StageKind::Conv => {
                BlockSpec::Conv(Conv { kernel, stride, channels, activation: Some(activation) })
            }
            StageKind::DepthwiseSeparable => {
                BlockSpec::DepthwiseSeparable(DepthwiseSeparable { kernel, stride, channels, activation })
            }
            StageKind::InvertedResidual => {
                let hidden =
                    if expansion == 1.0 { c_in } else { make_divisible(f64::from(c_in) * expansion) };
                BlockSpec::InvertedResidual(InvertedResidual {
                    kernel,
                    stride,
                    hidden,
                    channels,
                    squeeze: se.then(|| squeeze_width(hidden)),
                    activation,
                    shortcut: Shortcut::Identity,
                })
            }
        }
    }
}

/// The kinds of blocks a stage may consist of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
pub(super) enum StageKind {
    #[serde(rename = "conv")]
    Conv,
    #[serde(rename = "ds")]
    DepthwiseSeparable,
    #[serde(rename = "ir")]
    InvertedResidual,
}

/// The choices of one block; decisions made per stage share a slot.
#[derive(Debug, Clone)]
pub(super) struct BlockChoices {
    pub kernel: Choices<u32>,
    pub expansion: Choices<f64>,
    pub se: Choices<bool>,
    pub activation: Choices<Activation>,
}

/// What was picked for one block.
#[derive(Debug, Clone, Copy)]
pub(super) struct Picked {
    pub kernel: u32,
    pub expansion: f64,
    pub se: bool,
    pub activation: Activation,
}

/// One part of the head.
#[derive(Debug, Clone)]
pub(super) enum HeadPart {
    Pool,
    /// A 1x1 convolution.
    Conv {
        width: Choices<u32>,
        activation: Choices<Activation>,
    },
    /// A hidden linear layer.
    Linear {
        width: Choices<u32>,
        activation: Choices<Activation>,
    },
}

impl HeadPart {
    /// The block, given what was picked for it.
    pub fn block(&self, channels: u32, activation: Activation) -> BlockSpec {
        let activation = Some(activation);
        match self {
            Self::Pool => BlockSpec::Pool,
            Self::Conv { .. } => BlockSpec::Conv(Conv { kernel: 1, stride: 1, channels, activation }),
            Self::Linear { .. } => BlockSpec::Linear(Linear { channels, activation }),
        }
    }
}
