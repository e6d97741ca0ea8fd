//! Names, shapes and builder calls are those of torchvision and timm.
//!
//! tests/data/pytorch_names.json holds networks read off the packages' own modules, and the tensors of their state
//! dicts; tests/data/make_pytorch_names.py made it.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use mbn::graph::LayerGraph;
use mbn::pytorch::{Origin, Package, TensorNames, Twin};
use mbn::spec::{self, Activation, BatchNormSpec, NetworkSpec, Padding, WidthRule};
use serde::Deserialize;
use sha2::{Digest, Sha256};

#[derive(Deserialize)]
struct Goldens {
    models: Vec<Model>,
}

#[derive(Deserialize)]
struct Model {
    call: String,
    network: serde_json::Value,
    sha256: String,
    tensors: Option<BTreeMap<String, Vec<usize>>>,
}

impl Model {
    fn spec(&self) -> NetworkSpec {
        let text = toml::to_string(&self.network).expect("a network file");
        NetworkSpec::from_toml(&self.call, &text).expect(&self.call)
    }

    fn package(&self) -> Package {
        if self.call.starts_with("timm") { Package::Timm } else { Package::Torchvision }
    }

    /// The origin of weights whose conventions are those of the call's name alone.
    fn origin(&self) -> Origin {
        match self.package() {
            Package::Torchvision => Origin::Torchvision,
            Package::Timm if self.call.contains("\"tf_") => Origin::TimmTf,
            Package::Timm => Origin::Timm,
        }
    }

    /// timm's deeper forms, which are no form of a reference network.
    fn is_deep(&self) -> bool {
        ["110d", "120d", "150d"].iter().any(|depth| self.call.contains(depth))
    }

    fn changes_conventions(&self) -> bool {
        ["pad_type", "bn_eps", "act_layer"].iter().any(|argument| self.call.contains(argument))
    }
}

fn models() -> Vec<Model> {
    let goldens: Goldens =
        serde_json::from_str(include_str!("data/pytorch_names.json")).expect("well-formed");
    goldens.models
}

fn shapes(names: &TensorNames) -> BTreeMap<String, Vec<usize>> {
    let shapes: BTreeMap<_, _> =
        names.iter().map(|tensor| (tensor.name.clone(), tensor.shape.clone())).collect();
    assert_eq!(shapes.len(), names.iter().count(), "a name is given twice");
    shapes
}

fn hash(shapes: &BTreeMap<String, Vec<usize>>) -> String {
    let lines: String = shapes.iter().map(|(name, shape)| format!("{name} {shape:?}\n")).collect();
    Sha256::digest(lines.as_bytes()).iter().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

#[test]
fn names_and_shapes_are_those_of_the_packages() {
    let models = models();
    assert!(models.len() > 40);
    for model in models {
        let names = model.package().names(&LayerGraph::lower(&model.spec())).expect(&model.call);
        let ours = shapes(&names);
        if let Some(theirs) = &model.tensors {
            assert_eq!(&ours, theirs, "{}", model.call);
        }
        assert_eq!(hash(&ours), model.sha256, "{}", model.call);
    }
}

#[test]
fn the_call_that_builds_a_network_is_found() {
    for model in models() {
        let found = Twin::find(&model.spec(), model.package());
        match found {
            Ok(twin) => assert_eq!(twin.to_string(), model.call),
            Err(reason) => assert!(model.is_deep(), "{}: {reason}", model.call),
        }
    }
}

/// Only what a file of weights does not say is taken from the package.
#[test]
fn conventions_are_those_of_the_packages() {
    for model in models().iter().filter(|model| !model.is_deep() && !model.changes_conventions()) {
        let theirs = model.spec();
        let other_padding = match theirs.padding {
            Padding::Same => Padding::Symmetric,
            Padding::Symmetric => Padding::Same,
        };
        let other = BatchNormSpec { eps: 0.5, momentum: 0.5 };
        let ours = NetworkSpec { padding: other_padding, batch_norm: other, ..theirs.clone() };
        assert_eq!(model.origin().conventions(&ours), theirs, "{}", model.call);
        assert_eq!(Origin::Own.conventions(&ours), ours);
    }
}

#[test]
fn shipped_networks_are_timms_and_with_symmetric_padding_torchvisions() {
    let small = spec::load("mobilenet_v3_small").expect("shipped");
    let twin = |spec: &NetworkSpec, package| Twin::find(spec, package).map(|twin| twin.to_string());
    assert_eq!(
        twin(&small, Package::Timm).as_deref(),
        Ok(
            "timm.create_model(\"tf_mobilenetv3_small_100\", num_classes=1000, bn_momentum=0.01, drop_rate=0.2)"
        )
    );
    let symmetric = NetworkSpec { padding: Padding::Symmetric, ..small.clone() };
    assert_eq!(
        twin(&symmetric, Package::Torchvision).as_deref(),
        Ok("torchvision.models.mobilenet_v3_small(num_classes=1000)")
    );
    let v1 = spec::load("mobilenet_v1").expect("shipped");
    assert_eq!(
        twin(&v1, Package::Timm).as_deref(),
        Ok(
            "timm.create_model(\"mobilenetv1_100\", num_classes=1000, pad_type=\"same\", bn_eps=0.001, bn_momentum=0.01, act_layer=\"relu\", drop_rate=0.001)"
        )
    );
    let half = symmetric.scaled(0.5, WidthRule::Torchvision);
    assert_eq!(
        twin(&half, Package::Torchvision).as_deref(),
        Ok("torchvision.models.mobilenet_v3_small(num_classes=1000, width_mult=0.5)")
    );
}

#[test]
fn what_stands_in_the_way_is_told_in_full() {
    let reasons = |spec: &NetworkSpec, package| Twin::find(spec, package).expect_err("no twin").to_string();
    let small = spec::load("mobilenet_v3_small").expect("shipped");
    let grey = NetworkSpec {
        input_channels: 1,
        batch_norm: BatchNormSpec { eps: 1e-5, momentum: 0.1 },
        ..small.clone()
    };
    let said = reasons(&grey, Package::Torchvision);
    for part in ["pads as TensorFlow", "eps 0.00001 and momentum 0.1", "0.001 and 0.01", "1 channels"] {
        assert!(said.contains(part), "no `{part}` in: {said}");
    }
    let mut searched = small.clone();
    searched.blocks.pop();
    assert!(reasons(&searched, Package::Torchvision).contains("blocks are none of those of mobilenet_v2"));
    assert!(reasons(&searched, Package::Timm).contains("blocks are none of those of mobilenetv1"));
    let thin = small.scaled(0.6, WidthRule::Reference);
    assert!(reasons(&thin, Package::Timm).contains("mobilenetv3_small_050, mobilenetv3_small_075"));
    let mut narrowed = small.clone();
    narrowed.blocks[4] = "ir_k5_s1_h200_c40_se64_hswish".parse().expect("a block");
    assert!(reasons(&narrowed, Package::Torchvision).contains("no width multiplier of mobilenet_v3_small"));
    let mut strided = small.clone();
    strided.stem = strided.stem.with_stride(1);
    let said = reasons(&strided, Package::Timm);
    assert!(said.contains("stem is conv_k3_s1_c16_hswish here and conv_k3_s2_c16_hswish in"), "{said}");
    let mut mixed = spec::load("mobilenet_v2").expect("shipped");
    assert!(Twin::find(&mixed, Package::Timm).is_ok());
    mixed.blocks[2] = "ir_k3_s1_h144_c24_relu".parse().expect("a block");
    assert!(reasons(&mixed, Package::Timm).contains("blocks.2 is ir_k3_s1_h144_c24_relu here"));
    assert_ne!(Activation::Relu, Activation::Relu6);
}

/// Strides change no tensor: a network for smaller images keeps its names.
#[test]
fn names_do_not_depend_on_strides_and_classes() {
    for (file, _) in spec::REFERENCE_NETWORKS {
        let network = spec::load(file).expect(file);
        let strided = NetworkSpec {
            blocks: network.blocks.iter().map(|block| block.with_stride(1)).collect(),
            ..network.clone()
        };
        let has_projection = file.contains("cifar");
        for package in [Package::Torchvision, Package::Timm] {
            let names = |spec: &NetworkSpec| package.names(&LayerGraph::lower(spec));
            match (names(&network), names(&strided)) {
                // Without a stride some blocks get a projection shortcut.
                (Ok(a), Ok(b)) => assert_eq!(shapes(&a), shapes(&b), "{file}"),
                (Err(reason), _) => assert!(
                    has_projection || file.contains("_v1") || file.contains("_28"),
                    "{file}: {reason}"
                ),
                (Ok(_), Err(reason)) => panic!("{file}: {reason}"),
            }
        }
    }
}

#[test]
fn a_part_that_a_package_does_not_have_is_named() {
    let cifar = spec::load("mobilenet_v2_cifar").expect("shipped");
    let reason = Package::Torchvision.names(&LayerGraph::lower(&cifar)).expect_err("projection shortcuts");
    assert_eq!(
        reason.to_string(),
        "blocks.0 is ir_k3_s1_h32_c16_relu_proj, which no network of torchvision has there"
    );
    let v1 = spec::load("mobilenet_v1").expect("shipped");
    let reason = Package::Torchvision.names(&LayerGraph::lower(&v1)).expect_err("depthwise separable");
    assert!(reason.to_string().contains("blocks.0 is ds_k3_s1_c64_relu"), "{reason}");
}
