//! The building blocks of MobileNet-style networks, with absolute channel counts.

use super::Activation;

/// Full convolution + batch norm + optional activation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Conv {
    /// Side of the square kernel (odd).
    pub kernel: u32,
    /// Stride in both directions.
    pub stride: u32,
    /// Output channels.
    pub channels: u32,
    /// `None` is a linear convolution.
    pub activation: Option<Activation>,
}

/// Depthwise k x k + BN + activation, then pointwise 1x1 + BN + activation
/// (MobileNetV1, section 3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct DepthwiseSeparable {
    /// Side of the depthwise kernel (odd).
    pub kernel: u32,
    /// Stride of the depthwise convolution.
    pub stride: u32,
    /// Output channels of the pointwise convolution.
    pub channels: u32,
    /// Activation after both convolutions.
    pub activation: Activation,
}

/// What joins the input of an inverted residual to its output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Shortcut {
    /// The identity where stride = 1 and the channel counts are equal, else nothing.
    Identity,
    /// As `Identity`, and a 1x1 convolution + BN where stride = 1 and the
    /// channel counts differ (the 32x32 form of MobileNetV2).
    Projection,
}

/// Expand 1x1 - depthwise - squeeze-excite - linear projection 1x1
/// (MobileNetV2, section 3.3; MobileNetV3, figure 4).
///
/// There is no expansion convolution where `hidden` equals the input channels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct InvertedResidual {
    /// Side of the depthwise kernel (odd).
    pub kernel: u32,
    /// Stride of the depthwise convolution.
    pub stride: u32,
    /// Channels of the expanded representation.
    pub hidden: u32,
    /// Output channels of the linear bottleneck.
    pub channels: u32,
    /// Squeeze width of the squeeze-excite layer, if there is one.
    pub squeeze: Option<u32>,
    /// Activation after the expansion and the depthwise convolution.
    pub activation: Activation,
    /// The residual connection.
    pub shortcut: Shortcut,
}

/// Fully connected layer with bias and no batch norm, on pooled features.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Linear {
    /// Output features.
    pub channels: u32,
    /// `None` is a linear layer.
    pub activation: Option<Activation>,
}

/// One block of a network; prints and parses as one token, see [`super::notation`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BlockSpec {
    /// `conv_k3_s2_c16_hswish`
    Conv(Conv),
    /// `ds_k3_s1_c64_relu`
    DepthwiseSeparable(DepthwiseSeparable),
    /// `ir_k5_s2_h72_c40_se24_relu`
    InvertedResidual(InvertedResidual),
    /// `pool`: global average pooling.
    Pool,
    /// `linear_c1280_hswish`
    Linear(Linear),
}

impl BlockSpec {
    /// Output channels, given the input channels.
    pub fn channels(&self, input: u32) -> u32 {
        match self {
            Self::Conv(b) => b.channels,
            Self::DepthwiseSeparable(b) => b.channels,
            Self::InvertedResidual(b) => b.channels,
            Self::Pool => input,
            Self::Linear(b) => b.channels,
        }
    }

    /// Spatial stride; 1 for blocks that have none.
    pub fn stride(&self) -> u32 {
        match self {
            Self::Conv(b) => b.stride,
            Self::DepthwiseSeparable(b) => b.stride,
            Self::InvertedResidual(b) => b.stride,
            Self::Pool | Self::Linear(_) => 1,
        }
    }

    /// The same block at another stride; unchanged where it has none.
    pub fn with_stride(self, stride: u32) -> Self {
        match self {
            Self::Conv(b) => Self::Conv(Conv { stride, ..b }),
            Self::DepthwiseSeparable(b) => Self::DepthwiseSeparable(DepthwiseSeparable { stride, ..b }),
            Self::InvertedResidual(b) => Self::InvertedResidual(InvertedResidual { stride, ..b }),
            Self::Pool | Self::Linear(_) => self,
        }
    }

    /// The activation, where the block has one.
    pub fn activation(&self) -> Option<Activation> {
        match self {
            Self::Conv(b) => b.activation,
            Self::DepthwiseSeparable(b) => Some(b.activation),
            Self::InvertedResidual(b) => Some(b.activation),
            Self::Pool => None,
            Self::Linear(b) => b.activation,
        }
    }

    /// The same block with another activation; unchanged where it has none.
    pub fn with_activation(self, activation: Activation) -> Self {
        match self {
            Self::Conv(b) => Self::Conv(Conv { activation: b.activation.map(|_| activation), ..b }),
            Self::DepthwiseSeparable(b) => Self::DepthwiseSeparable(DepthwiseSeparable { activation, ..b }),
            Self::InvertedResidual(b) => Self::InvertedResidual(InvertedResidual { activation, ..b }),
            Self::Pool => Self::Pool,
            Self::Linear(b) => Self::Linear(Linear { activation: b.activation.map(|_| activation), ..b }),
        }
    }
}
