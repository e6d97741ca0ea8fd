//! The sliding window of a convolution: kernel size, stride, padding and output size.
//!
//! Output row `o` sees the input rows `o * stride - pad_top + t` for the taps `t` in `0..kernel`, as far as
//! they exist; rows outside the image count as zero (columns likewise). The padding on the far sides is
//! whatever the output size implies, so TensorFlow's asymmetric SAME and PyTorch's symmetric padding are
//! both a matter of `pad_top`, `pad_left` and the output size.

/// A square sliding window over an image and the size of the image it produces.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Window {
    /// Height and width of the kernel, in taps.
    pub kernel: usize,
    /// Distance between neighbouring outputs, in input pixels.
    pub stride: usize,
    /// Rows of zeros above the image.
    pub pad_top: usize,
    /// Columns of zeros left of the image.
    pub pad_left: usize,
    /// Height of the output, in pixels.
    pub out_h: usize,
    /// Width of the output, in pixels.
    pub out_w: usize,
}

impl Window {
    /// Number of taps, `kernel * kernel`.
    #[must_use]
    pub fn area(&self) -> usize {
        self.kernel * self.kernel
    }

    /// The window's vertical extent over images of `in_h` rows.
    pub(crate) fn rows(&self, in_h: usize) -> Axis {
        Axis { kernel: self.kernel, stride: self.stride, pad: self.pad_top, input: in_h, output: self.out_h }
    }

    /// The window's horizontal extent over images of `in_w` columns.
    pub(crate) fn columns(&self, in_w: usize) -> Axis {
        Axis { kernel: self.kernel, stride: self.stride, pad: self.pad_left, input: in_w, output: self.out_w }
    }
}

/// One dimension of a [`Window`], with the size of the image along it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Axis {
    pub(crate) kernel: usize,
    pub(crate) stride: usize,
    pub(crate) pad: usize,
    pub(crate) input: usize,
    pub(crate) output: usize,
}
