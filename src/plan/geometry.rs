//! Where a window of a convolution lies along one axis, forward and towards the input.
//!
//! Output `o` sees inputs `o * stride - pad + t`. Input `i` is seen by the outputs `o` with
//! `t = i + pad - o * stride` in `0..kernel`: only taps of the residue class `(i + pad) mod stride` reach it.

use std::ops::Range;

use crate::kernels::window;

/// Inputs that are reached through the same taps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Class {
    /// The first tap, and the class.
    pub(super) residue: usize,
    /// Number of taps, `stride` apart.
    pub(super) taps: usize,
    /// The first input.
    pub(super) first: usize,
    /// Position in the padded output gradients of the first one that reaches it.
    pub(super) start: usize,
    /// Whether the axis has such inputs.
    exists: bool,
}

impl Class {
    /// The kernel's tap that meets the `index`-th output that reaches an input, outputs ascending.
    pub(super) fn tap(&self, index: usize, stride: usize) -> usize {
        self.residue + (self.taps - 1 - index) * stride
    }

    /// The class, if any input belongs to it.
    pub(super) fn present(&self) -> Option<Self> {
        self.exists.then_some(*self)
    }
}

/// One axis of a convolution.
#[derive(Clone, Debug)]
pub(super) struct Axis {
    pub(super) input: usize,
    pub(super) output: usize,
    pub(super) kernel: usize,
    pub(super) stride: usize,
    pub(super) pad: usize,
    /// Length of the input with its padding.
    pub(super) padded: usize,
    /// Zeros in front of the output gradients.
    pub(super) adjoint_lead: usize,
    /// Length of the output gradients with theirs.
    pub(super) adjoint_padded: usize,
    /// By residue.
    pub(super) classes: Vec<Class>,
}

impl Axis {
    pub(super) fn new(axis: window::Axis) -> Self {
        let window::Axis { kernel, stride, pad, input, output } = axis;
        let padded = (pad + input).max(output.saturating_sub(1) * stride + kernel);
        let mut classes: Vec<Class> = (0..stride)
            .map(|residue| {
                let first = (residue + stride - pad % stride) % stride;
                let taps = kernel.saturating_sub(residue).div_ceil(stride);
                Class { residue, taps, first, start: 0, exists: first < input }
            })
            .collect();
        let nearest = |class: &Class| (class.first + pad) / stride;
        let lead =
            classes.iter().map(|c| c.taps.saturating_sub(1).saturating_sub(nearest(c))).max().unwrap_or(0);
        for class in &mut classes {
            class.start = (lead + nearest(class) + 1).saturating_sub(class.taps.max(1));
        }
        let reach = (input.saturating_sub(1) + pad) / stride + 1;
        Self {
            input,
            output,
            kernel,
            stride,
            pad,
            padded,
            adjoint_lead: lead,
            adjoint_padded: lead + output.max(reach),
            classes,
        }
    }

    /// The inputs that an output sees, and the taps it sees them through.
    pub(super) fn window(&self, output: usize) -> (Range<usize>, Range<usize>) {
        let start = output * self.stride;
        let first = self.pad.saturating_sub(start).min(self.kernel);
        let end = (self.input + self.pad).saturating_sub(start).min(self.kernel).max(first);
        if first == end {
            return (0..0, 0..0);
        }
        (start + first - self.pad..start + end - self.pad, first..end)
    }

    /// The class of an input.
    pub(super) fn class(&self, input: usize) -> Class {
        self.classes[(input + self.pad) % self.stride]
    }

    /// The `index`-th output that reaches an input, if it exists.
    pub(super) fn source(&self, input: usize, index: usize) -> Option<usize> {
        let class = self.class(input);
        let nearest = (input + self.pad) / self.stride;
        (nearest + index + 1).checked_sub(class.taps).filter(|&output| output < self.output)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn axes() -> impl Strategy<Value = window::Axis> {
        (1usize..8, 1usize..4, 0usize..5, 1usize..12, 1usize..12).prop_map(
            |(kernel, stride, pad, input, output)| window::Axis { kernel, stride, pad, input, output },
        )
    }

    proptest! {
        #[test]
        fn both_directions_agree_with_the_definition(window in axes()) {
            let axis = Axis::new(window);
            let mut expected = Vec::new();
            for output in 0..window.output {
                for tap in 0..window.kernel {
                    let at = (output * window.stride + tap).checked_sub(window.pad);
                    if let Some(input) = at.filter(|&at| at < window.input) {
                        expected.push((output, input, tap));
                    }
                }
            }
            expected.sort_unstable();
            let mut forward = Vec::new();
            for output in 0..window.output {
                let (inputs, taps) = axis.window(output);
                forward.extend(inputs.zip(taps).map(|(input, tap)| (output, input, tap)));
            }
            forward.sort_unstable();
            prop_assert_eq!(&forward, &expected);
            let mut backward = Vec::new();
            for input in 0..window.input {
                let class = axis.class(input);
                for index in 0..class.taps {
                    if let Some(output) = axis.source(input, index) {
                        backward.push((output, input, class.tap(index, axis.stride)));
                    }
                }
            }
            backward.sort_unstable();
            prop_assert_eq!(&backward, &expected);
        }

        #[test]
        fn padded_positions_are_those_of_the_sources(window in axes()) {
            let axis = Axis::new(window);
            for class in axis.classes.iter().filter_map(Class::present) {
                for (moved, input) in (class.first..window.input).step_by(window.stride).enumerate() {
                    for index in 0..class.taps {
                        let position = class.start + moved + index;
                        prop_assert!(position < axis.adjoint_padded);
                        let output = position.checked_sub(axis.adjoint_lead).filter(|&o| o < window.output);
                        prop_assert_eq!(output, axis.source(input, index));
                    }
                }
            }
        }
    }
}
