//! Full convolution without bias (a batch norm follows).

use super::{Axis, Coupling, Initial, Operation, Parameter};
use crate::graph::{Receptive, Shape};

/// Weights `[c_out, k, k, c_in]`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Conv {
    /// Kernel, stride, padding.
    pub receptive: Receptive,
    /// Input channels.
    pub c_in: u32,
    /// Filters.
    pub c_out: u32,
}

impl Conv {
    fn fan_in(&self) -> u32 {
        self.receptive.kernel * self.receptive.kernel * self.c_in
    }
}

impl Operation for Conv {
    fn output(&self, input: Shape) -> Shape {
        self.receptive.output_shape(input, self.c_out)
    }

    fn madds(&self, input: Shape) -> u64 {
        self.output(input).pixels() * u64::from(self.c_out) * u64::from(self.fan_in())
    }

    fn coupling(&self) -> Coupling {
        Coupling::Own
    }

    fn parameters(&self) -> Vec<Parameter> {
        let k = (self.receptive.kernel, Axis::Kernel);
        let dims = [(self.c_out, Axis::Output), k, k, (self.c_in, Axis::Input)];
        vec![Parameter::weight("weight", &dims, Initial::kaiming(self.fan_in()))]
    }
}
