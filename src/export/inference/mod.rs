//! `InferenceGraph`: a network as it runs at inference, in the operators and layouts of ONNX.
//!
//! Feature maps are NCHW, kernels OIHW. Squeeze-excite is spelled out, dropout is gone. Layers are topological: a
//! layer reads earlier ones only.

mod equalise;
mod fold;
mod lower;

pub use equalise::Equalised;
pub use lower::MissingTensor;

use crate::graph::Shape;
use crate::spec::Activation;

/// Position of a layer, and of the value that it makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ValueId(usize);

impl ValueId {
    /// Position in [`InferenceGraph::layers`].
    pub fn index(self) -> usize {
        self.0
    }
}

/// A network at inference; its first layer is the image, its last makes the logits.
#[derive(Debug, Clone, PartialEq)]
pub struct InferenceGraph {
    layers: Vec<Layer>,
}

/// One operator with its constants.
#[derive(Debug, Clone, PartialEq)]
pub struct Layer {
    /// The name, and that of the value it makes: a path such as `blocks.3.expand`.
    pub name: String,
    /// What it computes.
    pub op: Op,
    /// What it reads.
    pub inputs: Vec<ValueId>,
    /// What it makes, for one image.
    pub output: Shape,
}

/// What a layer computes.
#[derive(Debug, Clone, PartialEq)]
pub enum Op {
    /// The image.
    Image,
    /// Convolution, full or depthwise.
    Conv(Conv),
    /// Batch norm with its running statistics.
    Norm(Norm),
    /// An activation.
    Activation(Activation),
    /// `relu6(x + 3) / 6`, the gate of squeeze-excite.
    HardSigmoid,
    /// The first input times the second, one factor a channel.
    Scale,
    /// Sum of two maps.
    Add,
    /// Mean over all pixels.
    GlobalPool,
    /// Linear layer on pooled features.
    Linear(Linear),
}

/// A convolution with zeros around.
#[derive(Debug, Clone, PartialEq)]
pub struct Conv {
    /// `[c_out, c_in / groups, kernel, kernel]`.
    pub weight: Vec<f32>,
    /// `[c_out]`, where there is one.
    pub bias: Option<Vec<f32>>,
    /// Filters.
    pub c_out: usize,
    /// Input channels that a filter sees: all, or one if depthwise.
    pub c_in_of_group: usize,
    /// Side of the square kernel.
    pub kernel: usize,
    /// Stride in both directions.
    pub stride: usize,
    /// 1, or the number of channels if depthwise.
    pub groups: usize,
    /// Zeros before the first and after the last row or column: maps are square.
    pub pads: [usize; 2],
}

impl Conv {
    /// The shape of the weights.
    pub fn weight_shape(&self) -> [usize; 4] {
        [self.c_out, self.c_in_of_group, self.kernel, self.kernel]
    }

    /// Whether every channel is convolved on its own.
    pub fn is_depthwise(&self) -> bool {
        self.groups > 1
    }
}

/// `y = (x - mean) / sqrt(var + eps) * weight + bias`, per channel.
#[derive(Debug, Clone, PartialEq)]
pub struct Norm {
    /// Factor.
    pub weight: Vec<f32>,
    /// Summand.
    pub bias: Vec<f32>,
    /// Mean of the inputs.
    pub mean: Vec<f32>,
    /// Variance of the inputs.
    pub var: Vec<f32>,
    /// Added to the variance.
    pub eps: f64,
}

/// `y = weight x + bias`.
#[derive(Debug, Clone, PartialEq)]
pub struct Linear {
    /// `[c_out, c_in]`.
    pub weight: Vec<f32>,
    /// `[c_out]`.
    pub bias: Vec<f32>,
}

impl InferenceGraph {
    /// All layers; the first is the image, the last makes the logits.
    pub fn layers(&self) -> &[Layer] {
        &self.layers
    }

    /// The layer that makes a value.
    pub fn layer(&self, id: ValueId) -> &Layer {
        &self.layers[id.0]
    }

    /// All layers with the values they make.
    pub fn iter(&self) -> impl Iterator<Item = (ValueId, &Layer)> {
        self.layers.iter().enumerate().map(|(index, layer)| (ValueId(index), layer))
    }

    /// The image.
    pub fn image(&self) -> &Layer {
        &self.layers[0]
    }

    /// The value of the logits.
    pub fn logits(&self) -> ValueId {
        ValueId(self.layers.len() - 1)
    }

    /// The layers that read a value.
    pub fn readers(&self, id: ValueId) -> impl Iterator<Item = (ValueId, &Layer)> {
        self.iter().filter(move |(_, layer)| layer.inputs.contains(&id))
    }

    /// The layer that alone reads a value.
    pub fn only_reader(&self, id: ValueId) -> Option<(ValueId, &Layer)> {
        let mut readers = self.readers(id);
        readers.next().filter(|_| readers.next().is_none())
    }
}
