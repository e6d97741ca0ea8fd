//! The PyTorch modules of networks: each is whole and holds nothing more, and computes what the network computes.
//!
//! The latter needs a Python with torch and safetensors, named by `PYTHON` if it is not `python3`:
//! `cargo test --release --test pytorch_module -- --ignored --nocapture`

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use candle_core::{Device, Tensor};
use mbn::graph::{LayerGraph, Values};
use mbn::nn::{Mode, Network};
use mbn::pytorch::{ModuleNotes, module_state, module_text};
use mbn::seed;
use mbn::space;
use mbn::spec::{self, BatchNormSpec, BlockSpec, NetworkSpec, Padding};
use proptest::prelude::*;
use proptest::sample::select;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use rand::Rng;

const CLASS_NAMES: [&str; 4] = ["T-shirt/top", "\"\"\"\nraise SystemExit\n", "\\", "Größe 🦀\u{202e}"];

/// A block by what it needs of the channels that enter it.
type Draw = fn(u32, &Sizes) -> String;

#[derive(Debug, Clone)]
struct Sizes {
    kernel: u32,
    stride: u32,
    hidden: u32,
    channels: u32,
    squeeze: u32,
    activation: &'static str,
    keeps_channels: bool,
    expands: bool,
    projects_shortcut: bool,
    optional: bool,
}

fn sizes() -> impl Strategy<Value = Sizes> {
    let numbers = (select(vec![1u32, 3, 5, 7]), select(vec![1u32, 1, 1, 2, 3]), 6u32..50, 6u32..24, 1u32..12);
    let activation = select(vec!["relu", "relu6", "hswish"]);
    (numbers, activation, any::<[bool; 4]>()).prop_map(|(numbers, activation, choices)| {
        let (kernel, stride, hidden, channels, squeeze) = numbers;
        let [keeps_channels, expands, projects_shortcut, optional] = choices;
        Sizes {
            kernel,
            stride,
            hidden,
            channels,
            squeeze,
            activation,
            keeps_channels,
            expands,
            projects_shortcut,
            optional,
        }
    })
}

/// The word of an optional part.
fn word(there: bool, text: &str) -> String {
    if there { format!("_{text}") } else { String::new() }
}

fn conv(_: u32, s: &Sizes) -> String {
    format!("conv_k{}_s{}_c{}{}", s.kernel, s.stride, s.channels, word(s.optional, s.activation))
}

fn depthwise_separable(_: u32, s: &Sizes) -> String {
    format!("ds_k{}_s{}_c{}_{}", s.kernel, s.stride, s.channels, s.activation)
}

fn inverted_residual(c_in: u32, s: &Sizes) -> String {
    let hidden = if s.expands { s.hidden } else { c_in };
    let channels = if s.keeps_channels { c_in } else { s.channels };
    let squeeze = word(s.optional, &format!("se{}", s.squeeze));
    let shortcut = word(s.projects_shortcut, "proj");
    format!("ir_k{}_s{}_h{hidden}_c{channels}{squeeze}_{}{shortcut}", s.kernel, s.stride, s.activation)
}

fn linear(_: u32, s: &Sizes) -> String {
    format!("linear_c{}{}", s.channels, word(s.optional, s.activation))
}

fn pool(_: u32, _: &Sizes) -> String {
    "pool".to_owned()
}

fn blocks(drawn: &[(Draw, Sizes)], c_in: &mut u32) -> Vec<BlockSpec> {
    let block = |(draw, sizes): &(Draw, Sizes)| {
        let block: BlockSpec = draw(*c_in, sizes).parse().expect("a block");
        *c_in = block.channels(*c_in);
        block
    };
    drawn.iter().map(block).collect()
}

fn networks() -> impl Strategy<Value = NetworkSpec> {
    let body: Vec<Draw> = vec![conv, depthwise_separable, inverted_residual, inverted_residual];
    let convs = prop::collection::vec((select(vec![conv as Draw, depthwise_separable]), sizes()), 0..2);
    let linears = prop::collection::vec((Just(linear as Draw), sizes()), 0..3);
    let head = (convs, (Just(pool as Draw), sizes()), linears)
        .prop_map(|(convs, pool, linears)| [convs, vec![pool], linears].concat());
    let parts = (sizes(), prop::collection::vec((select(body), sizes()), 0..7), head);
    let padding = select(vec![Padding::Same, Padding::Symmetric]);
    let constants = (select(vec![1e-3, 1e-5]), select(vec![0.01, 0.1]), select(vec![0.0, 0.2]));
    (parts, padding, constants, 8u32..40, 1u32..5).prop_map(
        |((stem, body, head), padding, (eps, momentum, dropout), resolution, input_channels)| {
            let mut channels = input_channels;
            NetworkSpec {
                name: "random \"\"\"\nraise SystemExit".into(),
                resolution,
                input_channels,
                classes: CLASS_NAMES.len() as u32,
                padding,
                batch_norm: BatchNormSpec { eps, momentum },
                dropout,
                stem: blocks(&[(conv, stem)], &mut channels)[0],
                blocks: blocks(&body, &mut channels),
                head: blocks(&head, &mut channels),
            }
        },
    )
}

fn class_names(spec: &NetworkSpec) -> Vec<String> {
    let names = CLASS_NAMES.iter().map(|name| (*name).to_owned());
    names.chain((CLASS_NAMES.len()..).map(|n| format!("class {n}"))).take(spec.classes as usize).collect()
}

fn text(spec: &NetworkSpec) -> String {
    let names = class_names(spec);
    module_text(spec, ModuleNotes { class_names: Some(&names), ..ModuleNotes::default() }).expect("a module")
}

/// Names that the module defines at its top level or as methods, without Python's own and torch's.
fn defined(text: &str) -> impl Iterator<Item = &str> {
    let lines = text.lines().map(str::trim_start);
    let names = lines.filter_map(|line| line.strip_prefix("class ").or_else(|| line.strip_prefix("def ")));
    names
        .map(|line| line.split('(').next().unwrap_or(line))
        .filter(|name| !["__init__", "forward"].contains(name))
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_definition_is_used_and_every_class_is_defined(spec in networks()) {
        let text = text(&spec);
        for name in defined(&text).filter(|name| !["Network", "load"].contains(name)) {
            prop_assert!(text.matches(&format!("{name}(")).count() > 1, "{name} is never used in\n{text}");
        }
        let blocks = text.split("class Network").nth(1).expect("a network");
        for block in spec.all_blocks() {
            let class = match block {
                BlockSpec::Conv(_) => "ConvBlock",
                BlockSpec::DepthwiseSeparable(_) => "DepthwiseSeparable",
                BlockSpec::InvertedResidual(_) => "InvertedResidual",
                BlockSpec::Pool => "GlobalPool",
                BlockSpec::Linear(_) => "LinearBlock",
            };
            prop_assert!(text.contains(&format!("class {class}(nn.Module):")), "{class}\n{text}");
            prop_assert!(blocks.contains(&format!(" {class}(")), "{class}\n{text}");
        }
        prop_assert!(!text.lines().any(|line| line.ends_with(' ')), "{text}");
        prop_assert!(!text.contains("\n\n\n\n"), "{text}");
    }

    #[test]
    fn the_state_has_all_tensors_of_the_graph(spec in networks()) {
        let graph = LayerGraph::lower(&spec);
        let values: Values = graph.parameters().map(|(name, p)| (name, vec![0.5; p.count() as usize])).collect();
        let state = module_state(&graph, &values).expect("complete");
        let tensors = state.iter().filter(|(name, _)| !name.ends_with(".num_batches_tracked"));
        let found: Vec<_> = tensors.map(|(name, tensor)| (name.clone(), tensor.elem_count())).collect();
        let mut expected: Vec<_> = graph.parameters().map(|(name, p)| (name, p.count() as usize)).collect();
        expected.sort();
        prop_assert_eq!(found, expected);
    }
}

/// Images `[n, h, w, c]` of coarse random patterns, which survive pooling.
fn images(spec: &NetworkSpec, count: usize) -> Tensor {
    let (side, channels) = (spec.resolution as usize, spec.input_channels as usize);
    let mut values = Vec::with_capacity(count * side * side * channels);
    for image in 0..count {
        let mut rng = seed::rng(1, "images", image as u64);
        let levels: Vec<f32> = (0..channels).map(|_| rng.random_range(-1.0..1.0)).collect();
        for _ in 0..side * side {
            values.extend(levels.iter().map(|level| level + rng.random_range(-1.0f32..1.0)));
        }
    }
    Tensor::from_vec(values, (count, side, side, channels), &Device::Cpu).expect("memory")
}

/// The network with random values in every tensor. Running statistics lie around those of the images, so that
/// values neither vanish nor explode in deep networks.
fn random_network(spec: &NetworkSpec, images: &Tensor) -> Network {
    let graph = LayerGraph::lower(spec);
    let network = Network::new(graph.clone(), 1).expect("memory");
    let randomised = |network: &Network, change: fn(&str, f32, f32) -> f32| {
        let mut values = network.parameters().values().expect("values");
        for (name, tensor) in &mut values {
            let mut rng = seed::rng(2, name, 0);
            tensor.iter_mut().for_each(|value| *value = change(name, *value, rng.random_range(-1.0..1.0)));
        }
        Network::with_values(graph.clone(), &values).expect("the same tensors")
    };
    let network = randomised(&network, |name, value, random| match name {
        _ if name.ends_with("bn.weight") => 1.0 + 0.5 * random,
        _ if name.ends_with(".bias") => 0.5 * random,
        _ => value,
    });
    network.forward(images, Mode::Calibrate { batches: 0 }).expect("forward");
    randomised(&network, |name, value, random| match name {
        _ if name.ends_with(".running_var") => 0.05 + value * (1.0 + 0.5 * random),
        _ if name.ends_with(".running_mean") => value + 0.3 * random,
        _ => value,
    })
}

/// Writes what tests/data/check_pytorch_module.py reads.
fn write(folder: &Path, name: &str, spec: &NetworkSpec, count: usize) {
    let images = images(spec, count);
    let network = random_network(spec, &images);
    let values = network.parameters().values().expect("values");
    let state = module_state(network.graph(), &values).expect("complete");
    let logits = network.forward(&images, Mode::Evaluate).expect("forward");
    network.forward(&images, Mode::Train { seed: 1, step: 0 }).expect("forward");
    let statistic =
        |name: &str| (name.to_owned(), network.parameters().get(name).expect(name).as_detached_tensor());
    let expected = HashMap::from([
        ("images".to_owned(), images.permute((0, 3, 1, 2)).and_then(|t| t.contiguous()).expect("memory")),
        ("logits".to_owned(), logits),
        statistic("stem.bn.running_mean"),
        statistic("stem.bn.running_var"),
    ]);
    let names = serde_json::to_string(&class_names(spec)).expect("JSON");
    let metadata = HashMap::from([("class_names".to_owned(), names)]);
    let path = |end: &str| folder.join(format!("{name}{end}"));
    std::fs::write(path(".py"), text(spec)).expect("disk");
    safetensors::serialize_to_file(&state, None, &path(".safetensors")).expect("disk");
    safetensors::serialize_to_file(&expected, Some(metadata), &path(".expected.safetensors")).expect("disk");
}

/// An empty folder for the modules of a test.
fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    if folder.exists() {
        std::fs::remove_dir_all(&folder).expect("disk");
    }
    std::fs::create_dir_all(&folder).expect("disk");
    folder
}

fn check(folder: &Path) {
    let python = std::env::var_os("PYTHON").unwrap_or_else(|| "python3".into());
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/check_pytorch_module.py");
    let status = Command::new(python).arg(script).arg(folder).status().expect("a Python");
    assert!(status.success(), "see above; the modules are in {}", folder.display());
}

#[test]
#[ignore = "needs a Python with torch"]
fn reference_networks_compute_the_same_in_pytorch() {
    let folder = folder("reference_networks");
    for (file, _) in spec::REFERENCE_NETWORKS {
        let spec = spec::load(file).expect(file);
        write(&folder, spec.name.as_str(), &spec, 2);
    }
    check(&folder);
}

#[test]
#[ignore = "needs a Python with torch"]
fn networks_of_the_search_spaces_compute_the_same_in_pytorch() {
    let folder = folder("networks_of_spaces");
    for (file, _) in space::SEARCH_SPACES {
        let space = space::load(file).expect(file);
        for index in 0..4 {
            let spec = space.decode(&space.sample(&mut seed::rng(1, "genotypes", index)));
            write(&folder, &format!("{}_{index}", file.trim_end_matches(".toml")), &spec, 2);
        }
    }
    check(&folder);
}

#[test]
#[ignore = "needs a Python with torch"]
fn random_networks_compute_the_same_in_pytorch() {
    let folder = folder("random_networks");
    let mut runner = TestRunner::deterministic();
    for index in 0..48 {
        let spec = networks().new_tree(&mut runner).expect("a network").current();
        write(&folder, &format!("random_{index:02}"), &spec, 4);
    }
    check(&folder);
}
