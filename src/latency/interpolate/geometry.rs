//! What the rows of a family share, as far as their cost depends on it.

/// How a layer's cost depends on its channels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Structure {
    /// One channel count, cost linear in it: depthwise convolution, pooling, addition.
    PerChannel,
    /// A matrix of `c_in` by `c_out`: convolution, linear layer.
    Dense,
    /// Expansion to `expanded` channels, depthwise convolution, projection to `c_out`; no expansion where
    /// `expanded = c_in`. A depthwise-separable convolution is one with `expanded = c_in` throughout.
    InvertedResidual,
}

impl Structure {
    /// The places in `[c_in, expanded, c_out]` that matter.
    pub(super) fn coordinates(self) -> &'static [usize] {
        match self {
            Self::PerChannel => &[0],
            Self::Dense => &[0, 2],
            Self::InvertedResidual => &[0, 1, 2],
        }
    }
}

/// What all rows of a family share.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Geometry {
    /// Which channel counts exist and how they enter the cost.
    pub structure: Structure,
    /// Height times width of the input.
    pub in_positions: u32,
    /// Height times width of the output.
    pub out_positions: u32,
    /// Side of the (depthwise) kernel.
    pub kernel: u32,
}
