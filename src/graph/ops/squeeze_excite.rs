//! Squeeze-excite (Hu et al. 2018) in the form of MobileNetV3, section 5.3.

use super::{Initial, Operation, Parameter};
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

    fn parameters(&self) -> Vec<Parameter> {
        let (c, s) = (self.channels, self.squeeze);
        vec![
            Parameter::weight("reduce.weight", &[s, c], Initial::kaiming(c)),
            Parameter::bias("reduce.bias", s, 0.0),
            Parameter::weight("expand.weight", &[c, s], Initial::kaiming(s)),
            Parameter::bias("expand.bias", c, 0.0),
        ]
    }
}
