//! Batch normalisation (Ioffe and Szegedy 2015).

use super::{Axis, Operation, Parameter};
use crate::graph::Shape;

/// `y = (x - mean) / sqrt(var + eps) * weight + bias`, per channel.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BatchNorm {
    /// Channels.
    pub channels: u32,
    /// Added to the variance inside the root.
    pub eps: f64,
    /// Weight of a batch in the running statistics.
    pub momentum: f64,
}

impl Operation for BatchNorm {
    fn output(&self, input: Shape) -> Shape {
        input
    }

    fn parameters(&self) -> Vec<Parameter> {
        let channels = (self.channels, Axis::Output);
        vec![
            Parameter::bias("weight", channels, 1.0),
            Parameter::bias("bias", channels, 0.0),
            Parameter::statistic("running_mean", channels, 0.0),
            Parameter::statistic("running_var", channels, 1.0),
        ]
    }
}
