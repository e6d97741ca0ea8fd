//! Linear layer with bias on pooled features.

use super::{Axis, Coupling, Initial, Operation, Parameter};
use crate::graph::Shape;

/// Weights `[c_out, c_in]`, bias `[c_out]`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Linear {
    /// Input features.
    pub c_in: u32,
    /// Output features.
    pub c_out: u32,
}

impl Operation for Linear {
    fn output(&self, _input: Shape) -> Shape {
        Shape::features(self.c_out)
    }

    fn madds(&self, _input: Shape) -> u64 {
        u64::from(self.c_in) * u64::from(self.c_out)
    }

    fn coupling(&self) -> Coupling {
        Coupling::Own
    }

    fn parameters(&self) -> Vec<Parameter> {
        let (input, output) = ((self.c_in, Axis::Input), (self.c_out, Axis::Output));
        let initial = Initial::Normal(f64::from(self.c_in).sqrt().recip());
        vec![Parameter::weight("weight", &[output, input], initial), Parameter::bias("bias", output, 0.0)]
    }
}
