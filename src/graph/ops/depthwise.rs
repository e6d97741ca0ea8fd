//! Depthwise convolution without bias (a batch norm follows).

use super::{Axis, Initial, Operation, Parameter};
use crate::graph::{Receptive, Shape};

/// One k x k filter per channel, weights `[k, k, c]`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Depthwise {
    /// Kernel, stride, padding.
    pub receptive: Receptive,
    /// Channels.
    pub channels: u32,
}

impl Operation for Depthwise {
    fn output(&self, input: Shape) -> Shape {
        self.receptive.output_shape(input, self.channels)
    }

    fn madds(&self, input: Shape) -> u64 {
        let k = u64::from(self.receptive.kernel);
        self.output(input).pixels() * u64::from(self.channels) * k * k
    }

    fn parameters(&self) -> Vec<Parameter> {
        let k = self.receptive.kernel;
        let dims = [(k, Axis::Kernel), (k, Axis::Kernel), (self.channels, Axis::Output)];
        vec![Parameter::weight("weight", &dims, Initial::kaiming(k * k))]
    }
}
