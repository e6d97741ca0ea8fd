//! What can be told of a model without running it; `tests/export` runs them.

use std::collections::BTreeSet;

use rstest::rstest;

use super::*;
use crate::graph::LayerGraph;
use crate::onnx::{GraphProto, ModelProto};
use crate::spec::{self, NetworkSpec};

fn spec(name: &str) -> NetworkSpec {
    NetworkSpec { resolution: 32, classes: 5, ..spec::load(name).expect("shipped") }
}

fn graph(name: &str) -> InferenceGraph {
    let graph = LayerGraph::lower(&spec(name));
    InferenceGraph::new(&graph, &graph.initial_values(4)).expect("all tensors")
}

/// A calibration in which every channel of every value ranges from -1 to its number + 1.
fn calibration(graph: &InferenceGraph) -> Calibration {
    let mut calibration = Calibration::new(graph);
    for (id, layer) in graph.iter() {
        let channels = layer.output.channels as usize;
        let extremes: Vec<f32> = (0..channels).flat_map(|channel| [-1.0, channel as f32 + 1.0]).collect();
        calibration.see(id, &extremes, 1);
    }
    calibration
}

fn quantised(name: &str) -> Quantised {
    let graph = graph(name).folded();
    let calibration = calibration(&graph);
    quantise(graph, &calibration).expect("ranges")
}

fn models(name: &str) -> Vec<ModelProto> {
    let (graph, options) = (graph(name), OnnxOptions::default());
    vec![
        onnx_model(&graph, &options),
        onnx_model(&graph.folded(), &options),
        probed_model(&graph.folded(), &options),
        quantised(name).onnx_model(&options),
    ]
}

#[rstest]
#[case("mobilenet_v1")]
#[case("mobilenet_v2_cifar")]
#[case("mobilenet_v3_large")]
fn every_value_is_made_once_and_before_it_is_read(#[case] name: &str) {
    for model in models(name) {
        let GraphProto { node, initializer, input, output, value_info, .. } = model.graph.expect("a graph");
        let constants = initializer.iter().filter_map(|constant| constant.name.clone());
        let inputs = input.iter().filter_map(|value| value.name.clone());
        let mut known: BTreeSet<String> = BTreeSet::new();
        for made in constants.chain(inputs) {
            assert!(known.insert(made.clone()), "{made} twice");
        }
        let mut read = BTreeSet::new();
        for node in &node {
            for input in &node.input {
                assert!(known.contains(input), "{input} is not made before {:?}", node.name);
                read.insert(input.clone());
            }
            for made in &node.output {
                assert!(known.insert(made.clone()), "{made} twice");
            }
        }
        let returned: BTreeSet<String> = output.iter().filter_map(|value| value.name.clone()).collect();
        assert!(returned.contains(LOGITS));
        let unused: Vec<_> =
            known.iter().filter(|name| !read.contains(*name) && !returned.contains(*name)).collect();
        assert!(unused.is_empty(), "nothing reads {unused:?}");
        let shaped: BTreeSet<String> = value_info.iter().filter_map(|value| value.name.clone()).collect();
        for name in node.iter().flat_map(|node| &node.output) {
            let integers =
                name.ends_with(".quantised") || name.ends_with(".weight") || name.ends_with(".bias");
            assert!(integers || shaped.contains(name) || returned.contains(name), "{name} has no shape");
        }
    }
}

#[test]
fn folding_leaves_no_batch_norm_and_computes_its_formula() {
    let graph = graph("mobilenet_v3_small");
    let (norm_id, norm) = graph.iter().find(|(_, layer)| matches!(layer.op, Op::Norm(_))).expect("a norm");
    let (Op::Norm(norm), Op::Conv(conv)) = (&norm.op, &graph.layer(graph.layer(norm_id).inputs[0]).op) else {
        panic!("the stem is a convolution and a batch norm");
    };
    let folded = graph.folded();
    assert!(folded.layers().iter().all(|layer| !matches!(layer.op, Op::Norm(_))));
    let Op::Conv(stem) = &folded.layers()[1].op else { panic!("the stem comes first") };
    let (filter, channel) = (conv.weight.len() / conv.c_out, 3);
    let scale = f64::from(norm.weight[channel]) / (f64::from(norm.var[channel]) + norm.eps).sqrt();
    let expected = f64::from(conv.weight[channel * filter + 2]) * scale;
    assert!((f64::from(stem.weight[channel * filter + 2]) - expected).abs() < 1e-7);
    let expected = f64::from(norm.bias[channel]) - f64::from(norm.mean[channel]) * scale;
    assert!((f64::from(stem.bias.as_ref().expect("folded")[channel]) - expected).abs() < 1e-7);
}

#[test]
fn integers_stand_for_their_numbers_within_half_a_level() {
    let quantised = quantised("mobilenet_v2");
    let mut layers = 0;
    for (id, layer) in quantised.graph().iter() {
        let Op::Conv(conv) = &layer.op else { continue };
        let integers = quantised.weights(id).expect("a convolution");
        let filter = conv.weight.len() / conv.c_out;
        layers += 1;
        for (channel, weights) in conv.weight.chunks_exact(filter).enumerate() {
            let scale = integers.weight_scales[channel];
            let levels = &integers.weight[channel * filter..][..filter];
            for (weight, &level) in weights.iter().zip(levels) {
                assert!((weight - scale * f32::from(level)).abs() <= 0.501 * scale, "{}", layer.name);
            }
            assert!(levels.iter().any(|level| level.abs() == 127), "{} uses all levels", layer.name);
        }
    }
    assert_eq!(layers, 52, "convolutions of MobileNetV2");
}

#[test]
fn zero_is_exact_and_ends_of_a_range_are_met() {
    let quantised = quantised("mobilenet_v3_small");
    for (id, layer) in quantised.graph().iter() {
        let Some(Affine { scale, zero_point }) = quantised.activation(id) else { continue };
        let highest = layer.output.channels as f32;
        let reached = |level: i8| scale * (f32::from(level) - f32::from(zero_point));
        assert!((reached(-128) + 1.0).abs() <= 0.51 * scale, "{}", layer.name);
        assert!((reached(127) - highest).abs() <= 0.51 * scale, "{}", layer.name);
    }
}

#[test]
fn only_what_rectifiers_read_and_the_logits_stay_in_floats() {
    let quantised = quantised("mobilenet_v3_small");
    let graph = quantised.graph();
    let floats: Vec<&str> = graph
        .iter()
        .filter(|(id, _)| quantised.activation(*id).is_none())
        .map(|(_, layer)| layer.name.as_str())
        .collect();
    assert!(floats.contains(&"blocks.1.expand"), "a rectifier follows");
    assert!(!floats.contains(&"blocks.4.expand"), "h-swish follows");
    assert!(floats.contains(&"classifier.linear"));
    assert!(floats.iter().all(|name| !name.ends_with("project")), "{floats:?}");
}

#[test]
fn equalisation_brings_channels_to_one_range_where_a_rectifier_lets_it() {
    let mut graph = graph("mobilenet_v2").folded();
    let mut seen = calibration(&graph);
    let equalised = graph.equalise(&mut seen);
    assert_eq!(equalised, Equalised { values: 34, equalised: 34 }, "17 blocks");
    let entering =
        graph.iter().find(|(_, layer)| layer.name == "blocks.3.expand_activation").expect("a block").0;
    let ranges = seen.channels(entering);
    // 144 channels with largest values 1 to 144 and factors of up to 16.
    assert!(ranges.iter().skip(8).all(|range| (range.max - 144.0).abs() < 1e-3), "{ranges:?}");
    assert!((ranges[0].max - 16.0).abs() < 1e-5);
    let mut gated = self::graph("mobilenet_v3_small").folded();
    let mut seen = calibration(&gated);
    let equalised = gated.equalise(&mut seen);
    assert!(equalised.equalised < equalised.values, "h-swish and squeeze-excite stay: {equalised:?}");
}

#[test]
fn a_range_that_was_never_seen_is_an_error() {
    let graph = graph("mobilenet_v2").folded();
    let unseen = Calibration::new(&graph);
    let message = quantise(graph, &unseen).expect_err("nothing was seen").to_string();
    assert!(message.starts_with("`image` ranges from inf to -inf"), "{message}");
}

#[rstest]
#[case(16)]
#[case(22)]
fn other_opsets_are_refused(#[case] number: u32) {
    let message = Opset::try_from(number).expect_err("unsupported").to_string();
    assert_eq!(message, format!("opset {number} is not supported; the supported ones are 17 to 21"));
}
