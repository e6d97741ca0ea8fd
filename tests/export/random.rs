//! Reference and random networks through every form that is written.

use mbn::export::{Calibration, InferenceGraph, OnnxOptions, probed_model, quantise};
use mbn::nn::Network;
use mbn::spec::{self, NetworkSpec, Padding};
use proptest::prelude::*;
use rstest::rstest;

use crate::networks::{IMAGES, distance, exported_logits, images, logits, network, outputs};

/// Largest difference that rounding makes in a network that does not amplify it.
const ROUNDING: f32 = 1e-5;

/// What rounding may do to the logits: networks with drawn tensors amplify it, some by a lot.
fn tolerance(network: &Network, images: &[f32], expected: &[f32]) -> f32 {
    let nudged: Vec<f32> = images.iter().map(|value| value * (1.0 + 4.0 * f32::EPSILON)).collect();
    ROUNDING + 8.0 * distance(&logits(network, &nudged), expected)
}

fn check(spec: &NetworkSpec, seed: u64) {
    let (network, values) = network(spec, seed);
    let images = images(spec, seed);
    let expected = logits(&network, &images);
    let tolerance = tolerance(&network, &images, &expected);
    assert!(tolerance < 2e-3, "the network is left to chance: {tolerance}");
    let graph = InferenceGraph::new(network.graph(), &values).expect("all tensors");
    let plain = distance(&exported_logits(spec, &graph, &images), &expected);
    assert!(plain < tolerance, "as it is: {plain}");
    let mut folded = graph.folded();
    let of_folded = distance(&exported_logits(spec, &folded, &images), &expected);
    assert!(of_folded < tolerance, "folded: {of_folded}");
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
    assert!(rounded < 0.35, "int8: {rounded}");
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
    check(&small(name), 1);
    check(&NetworkSpec { padding: Padding::Symmetric, ..small(name) }, 2);
    check(&NetworkSpec { padding: Padding::Same, resolution: 32, ..small(name) }, 3);
}
