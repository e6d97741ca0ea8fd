//! Reference and random networks through every form that is written.

use mbn::export::{Calibration, InferenceGraph, OnnxOptions, probed_model, quantise};
use mbn::nn::Network;
use mbn::spec::{self, BlockSpec, NetworkSpec, Padding};
use proptest::prelude::*;
use rstest::rstest;

use crate::networks::{
    IMAGES, distance, exported_logits, exported_logits_in, images, logits, network, outputs,
};
use mbn::runtime::Candle;

/// Largest difference that rounding makes in a network that does not amplify it.
const ROUNDING: f32 = 1e-5;

/// What rounding may do to the logits: networks with drawn tensors amplify it, some by a lot.
fn tolerance(network: &Network, images: &[f32], expected: &[f32]) -> f32 {
    let nudged: Vec<f32> = images.iter().map(|value| value * (1.0 + 4.0 * f32::EPSILON)).collect();
    ROUNDING + 8.0 * distance(&logits(network, &nudged), expected)
}

/// More than this, and the network is left to chance.
const MOST_AMPLIFIED: f32 = 2e-3;

/// Checks every form of a network with drawn tensors; false if it amplifies rounding too much for that.
fn holds(spec: &NetworkSpec, seed: u64) -> bool {
    let (network, values) = network(spec, seed);
    let images = images(spec, seed);
    let expected = logits(&network, &images);
    let tolerance = tolerance(&network, &images, &expected);
    if tolerance > MOST_AMPLIFIED {
        return false;
    }
    let graph = InferenceGraph::new(network.graph(), &values).expect("all tensors");
    let plain = distance(&exported_logits(spec, &graph, &images), &expected);
    assert!(plain < tolerance, "as it is: {plain}");
    let mut folded = graph.folded();
    let of_folded = distance(&exported_logits(spec, &folded, &images), &expected);
    assert!(of_folded < tolerance, "folded: {of_folded}");
    let in_candle = distance(&exported_logits_in(&candle(), spec, &folded, &images), &expected);
    assert!(in_candle < tolerance, "folded, in candle: {in_candle}");
    let mut calibration = Calibration::new(&folded);
    let probed = outputs(spec, &probed_model(&folded, &OnnxOptions::default()), &images);
    calibration.see(folded.iter().map(|(id, _)| id).next().expect("an image"), &images, IMAGES);
    for ((id, _), values) in folded.iter().skip(1).zip(&probed) {
        calibration.see(id, values, IMAGES);
    }
    folded.equalise(&mut calibration);
    let equalised = distance(&exported_logits(spec, &folded, &images), &expected);
    assert!(equalised < tolerance, "equalised: {equalised}");
    let quantised = quantise(folded, &calibration).expect("ranges");
    let rounded = outputs(spec, &quantised.onnx_model(&OnnxOptions::default()), &images).remove(0);
    let rounded = distance(&rounded, &expected);
    // Every block rounds again what the one before has rounded.
    let allowed = 0.05 * (spec.blocks.len() + 2) as f32;
    assert!(rounded < allowed, "int8: {rounded}");
    true
}

fn candle() -> Candle {
    Candle::new(1).expect("a thread")
}

fn small(name: &str) -> NetworkSpec {
    NetworkSpec { resolution: 33, classes: 7, ..spec::load(name).expect("shipped") }
}

#[rstest]
#[case("mobilenet_v1")]
#[case("mobilenet_v1_cifar")]
#[case("mobilenet_v2")]
#[case("mobilenet_v2_cifar")]
#[case("mobilenet_v3_28")]
#[case("mobilenet_v3_small")]
#[case("mobilenet_v3_large")]
#[case("mobilenet_v3_large_minimalistic")]
#[case("mnasnet_b1")]
fn reference_networks(#[case] name: &str) {
    assert!(holds(&NetworkSpec { padding: Padding::Symmetric, ..small(name) }, 2));
    assert!(holds(&NetworkSpec { padding: Padding::Same, resolution: 32, ..small(name) }, 3));
}

/// A block as drawn: kernel, stride, hidden and output channels, whether there is squeeze-excite and a projected
/// shortcut, activation, kind.
type Drawn = (u32, u32, u32, u32, [bool; 2], usize, usize);

fn token(&(k, s, h, c, [se, proj], activation, kind): &Drawn) -> BlockSpec {
    let activation = ["relu", "relu6", "hswish"][activation];
    let squeeze = if se { format!("_se{}", h.div_ceil(4)) } else { String::new() };
    let shortcut = if proj { "_proj" } else { "" };
    let text = match kind {
        0 => format!("conv_k{k}_s{s}_c{c}_{activation}"),
        1 => format!("ds_k{k}_s{s}_c{c}_{activation}"),
        _ => format!("ir_k{k}_s{s}_h{h}_c{c}{squeeze}_{activation}{shortcut}"),
    };
    text.parse().expect("a block")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn random_networks(
        blocks in prop::collection::vec(
            (prop::sample::select(vec![1u32, 3, 5, 7]), 1u32..=3, 2u32..40, 2u32..24, any::<[bool; 2]>(), 0..3usize, 0..5usize),
            1..6,
        ),
        side in 9u32..24,
        channels in 1u32..4,
        hidden in prop::option::of(2u32..20),
        symmetric: bool,
        seed in 0..100u64,
    ) {
        let linear = hidden.map(|width| format!("linear_c{width}_hswish").parse().expect("a block"));
        let spec = NetworkSpec {
            blocks: blocks.iter().map(token).collect(),
            resolution: side,
            input_channels: channels,
            padding: if symmetric { Padding::Symmetric } else { Padding::Same },
            head: ["conv_k1_s1_c16_relu6", "pool"].iter().map(|b| b.parse().expect("a block")).chain(linear).collect(),
            ..small("mobilenet_v3_small")
        };
        prop_assume!(holds(&spec, seed));
    }
}
