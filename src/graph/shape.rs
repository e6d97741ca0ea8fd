//! Shapes of feature maps, and where a window of a convolution lies on them.

use std::fmt;

use crate::spec::Padding;

/// A feature map of one image: height, width, channels (`[h, w, c]`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize)]
pub struct Shape {
    /// Rows.
    pub height: u32,
    /// Columns.
    pub width: u32,
    /// Channels.
    pub channels: u32,
}

impl Shape {
    /// The same map with other channels.
    #[must_use]
    pub fn with_channels(self, channels: u32) -> Self {
        Self { channels, ..self }
    }

    /// One pixel with these channels: pooled features.
    pub fn features(channels: u32) -> Self {
        Self { height: 1, width: 1, channels }
    }

    /// Number of pixels.
    pub fn pixels(self) -> u64 {
        u64::from(self.height) * u64::from(self.width)
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}x{}x{}", self.height, self.width, self.channels)
    }
}

/// Kernel size, stride and padding rule of a convolution.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Receptive {
    /// Side of the square kernel (odd).
    pub kernel: u32,
    /// Stride in both directions.
    pub stride: u32,
    /// Where the zeros go.
    pub padding: Padding,
}

impl Receptive {
    /// Output rows or columns over `input` of them: `ceil(input / stride)`
    /// under either rule.
    pub fn output(&self, input: u32) -> u32 {
        input.div_ceil(self.stride)
    }

    /// Zeros before the first row or column.
    pub fn leading_zeros(&self, input: u32) -> u32 {
        match self.padding {
            Padding::Symmetric => self.kernel / 2,
            Padding::Same => {
                let covered = (self.output(input) - 1) * self.stride + self.kernel;
                covered.saturating_sub(input) / 2
            }
        }
    }

    /// The output map of a convolution with `channels` filters over `input`.
    pub fn output_shape(&self, input: Shape, channels: u32) -> Shape {
        Shape { height: self.output(input.height), width: self.output(input.width), channels }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case(3, 2, Padding::Same, 224, 112, 0)]
    #[case(3, 2, Padding::Symmetric, 224, 112, 1)]
    #[case(3, 2, Padding::Same, 7, 4, 1)]
    #[case(5, 2, Padding::Same, 28, 14, 1)]
    #[case(5, 1, Padding::Same, 14, 14, 2)]
    #[case(5, 1, Padding::Symmetric, 1, 1, 2)]
    #[case(1, 2, Padding::Same, 5, 3, 0)]
    fn follows_the_frameworks(
        #[case] kernel: u32,
        #[case] stride: u32,
        #[case] padding: Padding,
        #[case] input: u32,
        #[case] output: u32,
        #[case] zeros: u32,
    ) {
        let receptive = Receptive { kernel, stride, padding };
        assert_eq!((receptive.output(input), receptive.leading_zeros(input)), (output, zeros));
    }
}
