//! What a runtime is given: a network with random weights, batch norm folded, and a random image.

use prost::Message;
use rand::Rng;

use crate::export::{Batch, InferenceGraph, OnnxOptions, onnx_model};
use crate::graph::{LayerGraph, Values}; // XX
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
    /// The network for one image. Latency does not depend on weights, as long as values stay ordinary numbers: kernels
    /// are scaled to keep the size of what they are applied to, as at the start of a training.
    pub fn of(spec: &NetworkSpec) -> Self {
        let graph = LayerGraph::lower(spec);
        let values = ordinary(&graph);
        let inference = InferenceGraph::new(&graph, &values).map(|graph| graph.folded());
        let options = OnnxOptions { name: spec.name.clone(), batch: Batch::Fixed(1), ..OnnxOptions::default() };
        let bytes = inference.map_or_else(|_| Vec::new(), |graph| onnx_model(&graph, &options).encode_to_vec());
        let [side, channels] = [spec.resolution, spec.input_channels].map(|size| size as usize);
        let mut rng = seed::rng(0, "measured image", 0);
        let images = (0..channels * side * side).map(|_| rng.random_range(-1.0..1.0)).collect();
        Self { bytes, shape: [1, channels, side, side], images }
    }
}

/// Values for all tensors.
fn ordinary(graph: &LayerGraph) -> Values {
    let mut rng = seed::rng(0, "measured weights", 0);
    let mut values = Values::new();
    for (name, parameter) in graph.parameters() {
        let size = parameter.shape.iter().product::<usize>();
        let fan_in = (size / parameter.shape.last().copied().unwrap_or(1).max(1)).max(1);
        let bound = (3.0 / fan_in as f32).sqrt();
        let constant = if name.ends_with("running_var") || name.ends_with("bn.weight") { Some(1.0) } else { None };
        let draw = |_| constant.unwrap_or_else(|| rng.random_range(-bound..bound));
        values.insert(name, (0..size).map(draw).collect());
    }
    values
}
