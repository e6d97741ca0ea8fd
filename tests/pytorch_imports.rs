//! Networks with imported weights compute what torchvision's and timm's own models compute with them.
//!
//! tests/data/pytorch_imports.json holds logits in float64; tests/data/make_pytorch_goldens.py made it. Weights come
//! from the same formula on both sides, numbered in the order of their names in the package, so a tensor under a wrong
//! name, or in a wrong order of dimensions, shows. float32 of PyTorch itself strays from the goldens by 1e-6.

mod pytorch_formula;
mod pytorch_step;

use std::collections::BTreeMap;
use std::path::PathBuf;

use candle_core::{Device, Result, Tensor};
use mbn::graph::LayerGraph;
use mbn::nn::{Engine, FileTensor, Mode, Network};
use mbn::pytorch::{Content, Imported, Origin, WeightsFile, import};
use mbn::spec::{self, NetworkSpec};
use pytorch_formula::{scaled, values};
use pytorch_step::{cross_entropy, logits_agree};
use rstest::rstest;
use serde::Deserialize;

const CLASSES: u32 = 10;
const BATCH: usize = 8;
const SIDE: u32 = 64;
const TOLERANCE: f64 = 2e-5;

/// Salts of tests/data/pytorch/imports.py.
const IMAGES: usize = 10_000;
const TENSORS: usize = 20_000;

#[derive(Deserialize)]
struct Goldens {
    models: Vec<Golden>,
}

#[derive(Deserialize)]
struct Golden {
    call: String,
    network: String,
    rate: Option<f32>,
    evaluated: Vec<f64>,
    after_step: Option<Vec<f64>>,
}

fn golden(call: &str) -> Golden {
    let goldens: Goldens =
        serde_json::from_str(include_str!("data/pytorch_imports.json")).expect("well-formed");
    goldens.models.into_iter().find(|golden| golden.call.contains(call)).expect(call)
}

/// A tensor of the package, as `values` of tests/data/pytorch/imports.py fills it.
fn tensor(name: &str, shape: &[usize], salt: usize) -> FileTensor {
    let count = shape.iter().product();
    let around = |middle: f32, spread: f64| scaled(count, salt, spread).into_iter().map(move |v| middle + v);
    let values = match (shape, name) {
        (&[_, ref inputs @ ..], _) if !inputs.is_empty() => {
            scaled(count, salt, (4.0 / inputs.iter().product::<usize>() as f64).sqrt())
        }
        (_, name) if name.ends_with("running_var") => around(1.0, 0.5).collect(),
        (_, name) if name.ends_with("running_mean") => around(0.0, 0.25).collect(),
        _ => around(1.0, 0.25).collect(),
    };
    FileTensor { shape: shape.to_vec(), values }
}

/// The weights of a package's model for the network.
fn weights(spec: &NetworkSpec, origin: Origin) -> WeightsFile {
    let names = origin.names(&LayerGraph::lower(spec)).expect("a network of the package");
    let is_values = |content: &Content| matches!(content, Content::Values { .. });
    let shapes: BTreeMap<_, _> = names
        .iter()
        .filter(|tensor| is_values(&tensor.content))
        .map(|tensor| (tensor.name.clone(), tensor.shape.clone()))
        .collect();
    let filled = shapes
        .iter()
        .enumerate()
        .map(|(index, (name, shape))| (name.clone(), tensor(name, shape, TENSORS + index)));
    WeightsFile { path: PathBuf::from("weights.pth"), tensors: filled.collect(), notes: Vec::new() }
}

fn images(index: usize) -> Vec<f32> {
    values(BATCH * (SIDE * SIDE * 3) as usize, IMAGES + index)
}

fn step(network: &Network, engine: &mut Engine, rate: f32) -> Result<()> {
    let labels: Vec<u32> = (0..BATCH as u32).map(|image| image % CLASSES).collect();
    let logits = engine.forward(&images(1), engine.shape(BATCH), Mode::Train { seed: 0, step: 0 })?;
    let (_, dlogits) = cross_entropy(logits, &labels, CLASSES as usize);
    engine.backward(&dlogits)?;
    let trained = network.parameters().iter().filter(|(_, info)| info.trained);
    for ((_, info), gradient) in trained.zip(engine.gradients()) {
        let values: Vec<f32> = info.var.flatten_all()?.to_vec1()?;
        let moved: Vec<f32> = values.iter().zip(gradient).map(|(p, g)| p - rate * g).collect();
        info.var.set(&Tensor::from_vec(moved, info.var.shape(), &Device::Cpu)?)?;
    }
    Ok(())
}

#[rstest]
#[case("models.mobilenet_v2", Origin::Torchvision)]
#[case("models.mobilenet_v3_small", Origin::Torchvision)]
#[case("models.mobilenet_v3_large", Origin::Torchvision)]
#[case("\"mobilenetv1_100\"", Origin::Timm)]
#[case("\"mobilenetv2_100\"", Origin::Timm)]
#[case("\"mobilenetv3_large_100\"", Origin::Timm)]
#[case("\"tf_mobilenetv3_small_100\"", Origin::TimmTf)]
fn an_imported_network_computes_the_same(#[case] call: &str, #[case] origin: Origin) -> Result<()> {
    let golden = golden(call);
    let asked = NetworkSpec {
        resolution: SIDE,
        classes: CLASSES,
        dropout: 0.0,
        ..spec::load(&golden.network).expect("shipped")
    };
    let told = (origin == Origin::TimmTf).then_some(origin);
    let imported = import(&asked, weights(&asked, origin), told, 0).expect("weights of this network");
    let Imported { network, values, origin: found, .. } = imported;
    assert_eq!(found, origin);
    let network = Network::with_values(LayerGraph::lower(&network), &values)?;
    let mut engine = Engine::new(&network, BATCH)?;
    logits_agree(
        call,
        engine.forward(&images(0), engine.shape(BATCH), Mode::Evaluate)?,
        &golden.evaluated,
        TOLERANCE,
    );
    assert_eq!(golden.rate.is_some(), origin == Origin::Torchvision);
    if let (Some(rate), Some(after_step)) = (golden.rate, golden.after_step) {
        step(&network, &mut engine, rate)?;
        logits_agree(
            call,
            engine.forward(&images(0), engine.shape(BATCH), Mode::Evaluate)?,
            &after_step,
            TOLERANCE,
        );
    }
    Ok(())
}
