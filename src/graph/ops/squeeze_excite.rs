//! Squeeze-excite (Hu et al. 2018) in the form of MobileNetV3, section 5.3.

use super::{Axis, Initial, Operation, Parameter};
use crate::graph::Shape;

/// `x * hard_sigmoid(expand(relu(reduce(mean(x)))))`, per channel.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SqueezeExcite {
    /// Channels of the map that is scaled.
    pub channels: u32,
    /// Width between the two layers.
    pub squeeze: u32,
}

impl Operation for SqueezeExcite {
    fn output(&self, input: Shape) -> Shape {
        input
    }

    fn madds(&self, _input: Shape) -> u64 {
        2 * u64::from(self.channels) * u64::from(self.squeeze)
    }

    fn inner_channels(&self) -> Option<u32> {
        Some(self.squeeze)
    }

    fn parameters(&self) -> Vec<Parameter> {
        let (c, s) = (self.channels, self.squeeze);
        let (inner, output) = ((s, Axis::Inner), (c, Axis::Output));
        vec![
            Parameter::weight("reduce.weight", &[inner, (c, Axis::Input)], Initial::kaiming(c)),
            Parameter::bias("reduce.bias", inner, 0.0),
            Parameter::weight("expand.weight", &[output, inner], Initial::kaiming(s)),
            Parameter::bias("expand.bias", output, 0.0),
        ]
    }
}
