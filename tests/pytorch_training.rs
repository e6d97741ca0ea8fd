//! Whole networks follow PyTorch through 20 steps of SGD: losses, logits, gradients, running statistics.
//!
//! tests/data/pytorch_training.json holds what torchvision's models compute in float64;
//! tests/data/make_pytorch_goldens.py made it. Weights and batches come from the same formula on both sides.
//!
//! Tolerances: float32 strays from float64, and how far is stored with each network
//! (`float32_strays_by`, PyTorch's own). The learning rates are such that this is at most a quarter of what is
//! allowed here, so a difference beyond the tolerance is a wrong result and not a rounding.

mod pytorch_formula;
mod pytorch_step;
mod pytorch_sums;

use candle_core::{Device, Result, Tensor};
use mbn::graph::LayerGraph;
use mbn::graph::ops::{Activate, Initial, Operation, Operator};
use mbn::nn::{Engine, Mode, Network};
use mbn::spec::{self, Activation, NetworkSpec, Padding};
use pytorch_formula::{scaled, values};
use pytorch_step::{cross_entropy, logits_agree};
use pytorch_sums::weighted_sum;
use rstest::rstest;
use serde::Deserialize;

const CLASSES: u32 = 10;
const BATCH: usize = 16;
const BATCHES: usize = 4;
const MOMENTUM: f32 = 0.9;

/// Salts of tests/data/pytorch/training.py.
const LABELS: usize = 100;
const CLASS_PATTERN: usize = 200;
const IMAGE_PATTERN: usize = 300;
const NOISE: usize = 400;
const PARAMETER: usize = 1000;
const GRADIENT: usize = 5000;
const STATISTIC: usize = 6000;

/// Allowed differences; see the head of the file.
mod allowed {
    /// Of each loss, by its value.
    pub const LOSS: f64 = 1e-3;
    /// Of the first logits, by the largest.
    pub const LOGITS: f64 = 1e-4;
    /// Of a tensor's first gradient, by its length; see `gradients_agree`.
    pub const GRADIENT: f64 = 4e-4;
    /// Of a tensor of running statistics after the steps, by its length.
    pub const STATISTIC: f64 = 1e-3;
    /// Of the logits in evaluation mode after the steps, by the largest.
    pub const EVALUATED: f64 = 1e-3;
}

#[derive(Deserialize)]
struct Goldens {
    networks: Vec<Golden>,
}

#[derive(Deserialize)]
struct Golden {
    network: String,
    learning_rate: f32,
    losses: Vec<f64>,
    logits: Vec<f64>,
    gradients: Summaries,
    statistics: Summaries,
    evaluated: Vec<f64>,
    float32_strays_by: Strays,
}

/// Of every tensor, from the image to the logits, a weighted sum and its length.
#[derive(Deserialize)]
struct Summaries {
    sums: Vec<f64>,
    norms: Vec<f64>,
}

#[derive(Deserialize)]
struct Strays {
    losses: f64,
    logits: f64,
    gradients: f64,
    statistics: f64,
    evaluated: f64,
}

fn golden(network: &str) -> Golden {
    let goldens: Goldens =
        serde_json::from_str(include_str!("data/pytorch_training.json")).expect("well-formed");
    goldens.networks.into_iter().find(|golden| golden.network == network).expect(network)
}

/// The network on both sides: torchvision's padding, 10 classes, no dropout.
fn network_spec(name: &str) -> NetworkSpec {
    if name == "mixed_same" {
        return NetworkSpec::from_toml(name, include_str!("data/pytorch/mixed_same.toml")).expect(name);
    }
    NetworkSpec {
        resolution: 32,
        classes: CLASSES,
        padding: Padding::Symmetric,
        dropout: 0.0,
        ..spec::load(name).expect(name)
    }
}

/// The network with the formula's weights: Kaiming's scale, batch norm from scale 1 and a shift.
fn network(spec: &NetworkSpec) -> Result<Network> {
    let network = Network::new(LayerGraph::lower(spec), 0)?;
    let graph = network.graph();
    let mut salt = PARAMETER;
    for (at, node) in graph.nodes().iter().enumerate() {
        let shift = shift(graph.nodes().get(at + 1).map(|after| after.op));
        for parameter in node.op.parameters().iter().filter(|parameter| parameter.trained) {
            let count = parameter.shape.iter().product();
            let values = match (node.op, parameter.initial) {
                (Operator::BatchNorm(_), _) if parameter.name == "bias" => vec![shift; count],
                (Operator::BatchNorm(_), _) => vec![1.0; count],
                (_, Initial::Constant(_)) => vec![0.0; count],
                (_, Initial::Normal(_)) => scaled(count, salt, kaiming(node.op, &parameter.shape)),
            };
            salt += 1;
            let path = format!("{}.{}", graph.name(node), parameter.name);
            let tensor = Tensor::from_vec(values, parameter.shape.as_slice(), &Device::Cpu)?;
            network.parameters().get(&path)?.set(&tensor)?;
        }
    }
    Ok(network)
}

/// Where batch norm starts, by what follows it: most values lie away from the kinks of activations.
fn shift(after: Option<Operator>) -> f32 {
    match after {
        Some(Operator::Activate(Activate(Activation::Relu | Activation::Relu6))) => 2.0,
        _ => 0.0,
    }
}

/// The formula's variance is 1/3; that of weights is 2 / fan-in, of linear layers 1 / fan-in.
fn kaiming(operator: Operator, shape: &[usize]) -> f64 {
    let (gain, fan_in) = match operator {
        Operator::Depthwise(_) => (6.0, shape[0] * shape[1]),
        Operator::Linear(_) => (3.0, shape[1]),
        _ => (6.0, shape[1..].iter().product()),
    };
    (gain / fan_in as f64).sqrt()
}

/// Images `[BATCH, side, side, 3]` and labels: a coarse pattern of the class, one of the image, and noise.
fn batch(index: usize, side: usize) -> (Vec<f32>, Vec<u32>) {
    let half = f64::from(CLASSES) / 2.0;
    let labels: Vec<u32> = values(BATCH, LABELS + index)
        .into_iter()
        .map(|v| ((f64::from(v) + 1.0) * half).floor() as u32)
        .collect();
    let cells = side / 8 + 1;
    let of_image = values(BATCH * cells * cells * 3, IMAGE_PATTERN + index);
    let noise = values(BATCH * side * side * 3, NOISE + index);
    let mut images = Vec::with_capacity(noise.len());
    for (image, &label) in labels.iter().enumerate() {
        let of_class = values(cells * cells * 3, CLASS_PATTERN + label as usize);
        for (y, x, c) in pixels(side) {
            let cell = (y / 8 * cells + x / 8) * 3 + c;
            let coarse = of_class[cell] + of_image[image * cells * cells * 3 + cell];
            images.push(coarse + 0.25 * noise[images.len()]);
        }
    }
    (images, labels)
}

fn pixels(side: usize) -> impl Iterator<Item = (usize, usize, usize)> {
    (0..side).flat_map(move |y| (0..side).flat_map(move |x| (0..3).map(move |c| (y, x, c))))
}

/// Plain SGD with momentum, PyTorch's form: `v = m v + g`, `p -= rate v`.
struct Sgd {
    rate: f32,
    velocities: Vec<Vec<f32>>,
}

impl Sgd {
    fn step(&mut self, network: &Network, engine: &Engine) -> Result<()> {
        let trained = network.parameters().iter().filter(|(_, info)| info.trained);
        for (index, ((_, info), gradient)) in trained.zip(engine.gradients()).enumerate() {
            if self.velocities.len() == index {
                self.velocities.push(vec![0.0; gradient.len()]);
            }
            let mut parameter: Vec<f32> = info.var.flatten_all()?.to_vec1()?;
            assert_eq!(parameter.len(), gradient.len());
            for ((p, v), g) in parameter.iter_mut().zip(&mut self.velocities[index]).zip(gradient) {
                *v = MOMENTUM * *v + g;
                *p -= self.rate * *v;
            }
            info.var.set(&Tensor::from_vec(parameter, info.var.shape(), &Device::Cpu)?)?;
        }
        Ok(())
    }
}

/// Compares weighted sums. An error of relative length `tolerance` moves the sum by about half of that.
/// Where a gradient vanishes, as that of a shift in front of another batch norm does, the longest of all
/// tensors sets the scale.
fn sums_agree(golden: &Summaries, ours: &[(String, Vec<f32>)], salt: usize, tolerance: f64) {
    assert_eq!(ours.len(), golden.sums.len());
    let floor = 1e-3 * golden.norms.iter().fold(0.0, |a: f64, &b| a.max(b));
    for (index, (name, tensor)) in ours.iter().enumerate() {
        let (sum, expected) = (weighted_sum(tensor, salt + index), golden.sums[index]);
        let allowed = tolerance * (golden.norms[index] + floor);
        assert!((sum - expected).abs() <= allowed, "{name}: {sum} is not {expected} within {allowed}");
    }
}

/// Paths of the trained tensors, or of the running statistics, from the image to the logits.
fn paths(network: &Network, trained: bool) -> Vec<String> {
    network.graph().parameters().filter(|(_, p)| p.trained == trained).map(|(path, _)| path).collect()
}

/// The gradients in the order of the graph; the engine's is that of the paths.
fn gradients(network: &Network, engine: &Engine) -> Vec<(String, Vec<f32>)> {
    let trained = network.parameters().iter().filter(|(_, info)| info.trained);
    let by_path: Vec<(&str, &[f32])> = trained.map(|(path, _)| path).zip(engine.gradients()).collect();
    let find = |path: String| {
        let at = by_path.binary_search_by_key(&path.as_str(), |(path, _)| path).expect("a known path");
        (path, by_path[at].1.to_vec())
    };
    paths(network, true).into_iter().map(find).collect()
}

fn statistics(network: &Network) -> Result<Vec<(String, Vec<f32>)>> {
    let read = |path: String| {
        let tensor = network.parameters().get(&path)?.flatten_all()?.to_vec1()?;
        Ok((path, tensor))
    };
    paths(network, false).into_iter().map(read).collect()
}

#[rstest]
#[case("mobilenet_v2")]
#[case("mobilenet_v3_small")]
#[case("mobilenet_v3_large")]
#[case("mixed_same")]
fn follows_pytorch(#[case] name: &str) -> Result<()> {
    let golden = golden(name);
    let spec = network_spec(name);
    let side = spec.resolution as usize;
    let network = network(&spec)?;
    let mut engine = Engine::new(&network, BATCH)?;
    let mut sgd = Sgd { rate: golden.learning_rate, velocities: Vec::new() };
    assert_eq!(golden.losses.len(), 20);
    for (step, &expected) in golden.losses.iter().enumerate() {
        let (images, labels) = batch(step % BATCHES, side);
        let logits =
            engine.forward(&images, engine.shape(BATCH), Mode::Train { seed: 0, step: step as u64 })?;
        let (loss, dlogits) = cross_entropy(logits, &labels, CLASSES as usize);
        if step == 0 {
            logits_agree(name, logits, &golden.logits, allowed::LOGITS);
        }
        let difference = (loss / expected - 1.0).abs();
        assert!(difference <= allowed::LOSS, "{name}, step {step}: loss {loss} is not {expected}");
        engine.backward(&dlogits)?;
        if step == 0 {
            let ours = gradients(&network, &engine);
            sums_agree(&golden.gradients, &ours, GRADIENT, allowed::GRADIENT);
        }
        sgd.step(&network, &engine)?;
    }
    sums_agree(&golden.statistics, &statistics(&network)?, STATISTIC, allowed::STATISTIC);
    let evaluated = engine.forward(&batch(BATCHES, side).0, engine.shape(BATCH), Mode::Evaluate)?;
    logits_agree(name, evaluated, &golden.evaluated, allowed::EVALUATED);
    Ok(())
}

/// Were a tolerance below what float32 itself costs, agreement would be luck.
#[rstest]
fn the_tolerances_are_meaningful(
    #[values("mobilenet_v2", "mobilenet_v3_small", "mobilenet_v3_large", "mixed_same")] name: &str,
) {
    let golden = golden(name);
    let strays = golden.float32_strays_by;
    for (strays, allowed) in [
        (strays.losses, allowed::LOSS),
        (strays.logits, allowed::LOGITS),
        (strays.gradients, allowed::GRADIENT),
        (strays.statistics, allowed::STATISTIC),
        (strays.evaluated, allowed::EVALUATED),
    ] {
        assert!(strays <= allowed / 4.0, "{name}: {strays} of {allowed}");
    }
    let (first, last) = golden
        .losses
        .split_at(BATCHES)
        .0
        .iter()
        .zip(&golden.losses[16..])
        .fold((0.0, 0.0), |(a, b), (first, last)| (a + first, b + last));
    assert!(last < 0.75 * first, "{name}: the loss hardly moves, {:?}", golden.losses);
}
