//! Linear layer with bias on pooled features.

use super::{Initial, Operation, Parameter};
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

    fn parameters(&self) -> Vec<Parameter> {
        vec![
            Parameter::weight(
                "weight",
                &[self.c_out, self.c_in],
                Initial::Normal(f64::from(self.c_in).sqrt().recip()),
            ),
            Parameter::bias("bias", self.c_out, 0.0),
        ]
    }
}
