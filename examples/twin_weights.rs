//! Writes a network's weights as its twin in torchvision or timm takes them, with images and logits to compare.
//!
//! ```sh
//! cargo run --release --example twin_weights -- mobilenet_v2 torchvision folder
//! python3 tests/data/check_pytorch_export.py folder
//! ```
//!
//! A third argument after the network changes its padding: `symmetric` or `same`.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use candle_core::{Device, Tensor};
use mbn::graph::LayerGraph;
use mbn::nn::{Mode, Network, Values};
use mbn::pytorch::{Package, Twin};
use mbn::spec::{self, NetworkSpec, Padding};

const IMAGES: usize = 4;
const SIDE: u32 = 64;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [network, package, folder, change @ ..] = arguments.as_slice() else {
        return Err("usage: twin_weights NETWORK torchvision|timm FOLDER [symmetric|same]".into());
    };
    let mut spec = NetworkSpec { resolution: SIDE, classes: 10, ..spec::load(network)? };
    match change.first().map(String::as_str) {
        Some("symmetric") => spec.padding = Padding::Symmetric,
        Some("same") => spec.padding = Padding::Same,
        _ => {}
    }
    let package = if package == "timm" { Package::Timm } else { Package::Torchvision };
    write(&spec, &Twin::find(&spec, package)?, Path::new(folder))
}

fn write(spec: &NetworkSpec, twin: &Twin, folder: &Path) -> Result<(), Box<dyn std::error::Error>> {
    let graph = LayerGraph::lower(spec);
    let values = values(&graph);
    std::fs::create_dir_all(folder)?;
    let state_dict = twin.state_dict(&graph, &values)?;
    std::fs::write(folder.join("weights.safetensors"), safetensors::serialize(&state_dict, None)?)?;
    let side = SIDE as usize;
    let channels = spec.input_channels as usize;
    let pixels = noise(IMAGES * side * side * channels, 0).collect();
    let images = Tensor::from_vec(pixels, (IMAGES, side, side, channels), &Device::Cpu)?;
    let logits = Network::with_values(graph, &values)?.forward(&images, Mode::Evaluate)?;
    let compared = BTreeMap::from([("images", images), ("logits", logits.flatten_from(1)?)]);
    let call = HashMap::from([("call".to_owned(), twin.to_string())]);
    std::fs::write(folder.join("compare.safetensors"), safetensors::serialize(&compared, Some(call))?)?;
    Ok(())
}

/// Values that leave no tensor at zero or one, so that no mistake can hide.
fn values(graph: &LayerGraph) -> Values {
    let tensors = graph.parameters().enumerate().map(|(index, (path, parameter))| {
        let count = parameter.shape.iter().product();
        let inputs = count / parameter.shape.iter().copied().max().unwrap_or(1);
        let (middle, spread) = match parameter.shape.len() {
            1 if path.ends_with("weight") || path.ends_with("var") => (1.0, 0.25),
            1 => (0.25, 0.25),
            _ => (0.0, (4.0 / inputs as f32).sqrt()),
        };
        (path, noise(count, index + 1).map(|value| middle + spread * value).collect())
    });
    tensors.collect()
}

/// Values in -1..1 that look random.
fn noise(count: usize, salt: usize) -> impl Iterator<Item = f32> {
    (0..count).map(move |i| {
        let mixed = ((i + 7919 * salt) as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        (mixed >> 40) as f32 / 8_388_608.0 - 1.0
    })
}
