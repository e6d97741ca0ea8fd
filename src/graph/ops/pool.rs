//! Global average pooling.

use super::Operation;
use crate::graph::Shape;

/// Mean over all pixels: `[h, w, c] -> [1, 1, c]`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct GlobalPool;

impl Operation for GlobalPool {
    fn output(&self, input: Shape) -> Shape {
        Shape::features(input.channels)
    }
}
