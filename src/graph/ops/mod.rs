//! The operators of a layer graph, one file each.
//!
//! An operator answers for its output shape, the coupling of its channels, its
//! multiply-adds and its parameters; everything else (totals, channel groups,
//! latency units, modules) asks it.

mod activate;
mod add;
mod batch_norm;
mod conv;
mod depthwise;
mod dropout;
mod linear;
mod parameter;
mod pool;
mod squeeze_excite;

pub use activate::Activate;
pub use add::Add;
pub use batch_norm::BatchNorm;
pub use conv::Conv;
pub use depthwise::Depthwise;
pub use dropout::Dropout;
pub use linear::Linear;
pub use parameter::{Axis, Initial, Parameter};
pub use pool::GlobalPool;
pub use squeeze_excite::SqueezeExcite;

use super::Shape;

/// How an operator's output channels relate to those of its inputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Coupling {
    /// They are the same channels, of all its inputs.
    Kept,
    /// They are channels of its own.
    Own,
}

/// What every operator answers.
pub trait Operation {
    /// Shape of the output for an input of this shape.
    fn output(&self, input: Shape) -> Shape;

    /// Multiply-adds of one image. Convolutions and linear layers are counted;
    /// batch norm, activations, pooling and additions are not, as in the papers.
    fn madds(&self, _input: Shape) -> u64 {
        0
    }

    /// How its output channels relate to those of its inputs.
    fn coupling(&self) -> Coupling {
        Coupling::Kept
    }

    /// Channels that only the operator itself sees.
    fn inner_channels(&self) -> Option<u32> {
        None
    }

    /// Trained parameters and running statistics, in a fixed order.
    fn parameters(&self) -> Vec<Parameter> {
        Vec::new()
    }
}

/// One operator of a layer graph.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Operator {
    /// The image.
    Input(Shape),
    /// Full convolution without bias.
    Conv(Conv),
    /// Depthwise convolution without bias.
    Depthwise(Depthwise),
    /// Batch norm.
    BatchNorm(BatchNorm),
    /// Activation.
    Activate(Activate),
    /// Squeeze-excite.
    SqueezeExcite(SqueezeExcite),
    /// Residual addition.
    Add(Add),
    /// Global average pooling.
    GlobalPool(GlobalPool),
    /// Dropout.
    Dropout(Dropout),
    /// Linear layer with bias.
    Linear(Linear),
}

impl Operator {
    fn operation(&self) -> &dyn Operation {
        match self {
            Self::Input(shape) => shape,
            Self::Conv(op) => op,
            Self::Depthwise(op) => op,
            Self::BatchNorm(op) => op,
            Self::Activate(op) => op,
            Self::SqueezeExcite(op) => op,
            Self::Add(op) => op,
            Self::GlobalPool(op) => op,
            Self::Dropout(op) => op,
            Self::Linear(op) => op,
        }
    }
}

/// The image is its own shape.
impl Operation for Shape {
    fn output(&self, _input: Shape) -> Shape {
        *self
    }

    fn coupling(&self) -> Coupling {
        Coupling::Own
    }
}

impl Operation for Operator {
    fn output(&self, input: Shape) -> Shape {
        self.operation().output(input)
    }

    fn madds(&self, input: Shape) -> u64 {
        self.operation().madds(input)
    }

    fn coupling(&self) -> Coupling {
        self.operation().coupling()
    }

    fn inner_channels(&self) -> Option<u32> {
        self.operation().inner_channels()
    }

    fn parameters(&self) -> Vec<Parameter> {
        self.operation().parameters()
    }
}
