//! What a runtime is given: a network with random weights, batch norm folded, and a random image.

use prost::Message;
use rand::Rng;

use crate::export::{Batch, InferenceGraph, OnnxOptions, onnx_model};
use crate::graph::LayerGraph;
use crate::runtime::ImageShape;
use crate::seed;
use crate::spec::NetworkSpec;

/// A network as ONNX, and what goes into it.
#[derive(Debug, Clone, PartialEq)]
pub struct Model {
    /// The ONNX file.
    pub bytes: Vec<u8>,
    /// Shape of the images.
    pub shape: ImageShape,
    /// `[n, c, h, w]`.
    pub images: Vec<f32>,
}

impl Model {
    /// The network for one image, with the weights that a training starts from: latency does not depend on weights, as
    /// long as values stay ordinary numbers.
    pub fn of(spec: &NetworkSpec) -> Self {
        let graph = LayerGraph::lower(spec);
        let values = graph.initial_values(0);
        let inference =
            InferenceGraph::new(&graph, &values).expect("the values are those of the graph").folded();
        let options =
            OnnxOptions { name: spec.name.clone(), batch: Batch::Fixed(1), ..OnnxOptions::default() };
        let bytes = onnx_model(&inference, &options).encode_to_vec();
        let [side, channels] = [spec.resolution, spec.input_channels].map(|size| size as usize);
        let mut rng = seed::rng(0, "measured image", 0);
        let images = (0..channels * side * side).map(|_| rng.random_range(-1.0..1.0)).collect();
        Self { bytes, shape: [1, channels, side, side], images }
    }
}
