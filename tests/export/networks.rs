//! Networks with drawn tensors, their logits, and those of their models.

use candle_core::{Device, Tensor};
use mbn::export::{Batch, InferenceGraph, OnnxOptions, onnx_model};
use mbn::graph::{LayerGraph, Values};
use mbn::nn::{Mode, Network};
use mbn::runtime::{Runtime, Tract};
use mbn::seed;
use mbn::spec::NetworkSpec;
use prost::Message;
use rand::Rng;

/// Images of a batch.
pub const IMAGES: usize = 3;

/// A network whose tensors, running statistics included, are drawn.
pub fn network(spec: &NetworkSpec, seed: u64) -> (Network, Values) {
    let graph = LayerGraph::lower(spec);
    let mut values = Network::new(graph.clone(), seed).and_then(|n| n.parameters().values()).expect("memory");
    for (name, tensor) in &mut values {
        let mut rng = seed::rng(seed, name, 1);
        let range = match name.rsplit('.').next() {
            Some("running_var") => 0.4..1.6,
            Some("running_mean" | "bias") => -0.5..0.5,
            Some("weight") if name.contains("bn") => 0.6..1.4,
            _ => continue,
        };
        tensor.iter_mut().for_each(|value| *value = rng.random_range(range.clone()));
    }
    (Network::with_values(graph, &values).expect("memory"), values)
}

/// Images `[n, h, w, c]`.
pub fn images(spec: &NetworkSpec, seed: u64) -> Vec<f32> {
    let mut rng = seed::rng(seed, "images", 0);
    let count = IMAGES * (spec.resolution * spec.resolution * spec.input_channels) as usize;
    (0..count).map(|_| rng.random_range(-2.0..2.0)).collect()
}

/// Logits of the network itself.
pub fn logits(network: &Network, images: &[f32]) -> Vec<f32> {
    let image = network.graph().image();
    let shape = (IMAGES, image.height as usize, image.width as usize, image.channels as usize);
    let images = Tensor::from_slice(images, shape, &Device::Cpu).expect("memory");
    let logits = network.forward(&images, Mode::Evaluate).expect("forward");
    logits.flatten_all().and_then(|logits| logits.to_vec1()).expect("logits")
}

/// The images as `[n, c, h, w]`.
pub fn channels_first(spec: &NetworkSpec, images: &[f32]) -> Vec<f32> {
    let channels = spec.input_channels as usize;
    let pixels = (spec.resolution * spec.resolution) as usize;
    let plane = |image: &[f32], channel: usize| -> Vec<f32> {
        image.iter().skip(channel).step_by(channels).copied().collect()
    };
    let planes = images.chunks_exact(pixels * channels);
    planes.flat_map(|image| (0..channels).flat_map(move |channel| plane(image, channel))).collect()
}

/// Outputs of a model for the images.
pub fn outputs(spec: &NetworkSpec, model: &mbn::onnx::ModelProto, images: &[f32]) -> Vec<Vec<f32>> {
    outputs_in(&Tract, spec, model, images)
}

fn outputs_in(
    runtime: &dyn Runtime,
    spec: &NetworkSpec,
    model: &mbn::onnx::ModelProto,
    images: &[f32],
) -> Vec<Vec<f32>> {
    let side = spec.resolution as usize;
    let shape = [IMAGES, spec.input_channels as usize, side, side];
    let mut session = runtime.load(&model.encode_to_vec(), shape).expect("the runtime takes it");
    session.run(&channels_first(spec, images)).expect("runs")
}

/// Logits of the exported network.
pub fn exported_logits(spec: &NetworkSpec, graph: &InferenceGraph, images: &[f32]) -> Vec<f32> {
    let options = OnnxOptions { batch: Batch::Any, ..OnnxOptions::default() };
    outputs(spec, &onnx_model(graph, &options), images).remove(0)
}

/// The same in any runtime.
pub fn exported_logits_in(
    runtime: &dyn Runtime,
    spec: &NetworkSpec,
    graph: &InferenceGraph,
    images: &[f32],
) -> Vec<f32> {
    outputs_in(runtime, spec, &onnx_model(graph, &OnnxOptions::default()), images).remove(0)
}

/// Largest difference, in units of the largest value where that is above 1.
pub fn distance(found: &[f32], expected: &[f32]) -> f32 {
    assert_eq!(found.len(), expected.len());
    let scale = expected.iter().fold(1.0, |largest: f32, value| largest.max(value.abs()));
    found.iter().zip(expected).fold(0.0, |largest: f32, (a, b)| largest.max((a - b).abs())) / scale
}
