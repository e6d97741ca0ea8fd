use candle_core::{Device, Tensor};
use rstest::rstest;

use super::{Mode, Network, load_weights, save_weights};
use crate::graph::LayerGraph;
use crate::spec::{self, NetworkSpec};

fn small(name: &str) -> NetworkSpec {
    NetworkSpec {
        resolution: 32,
        classes: 7,
        ..spec::load(name).expect(name).scaled(0.25, spec::WidthRule::Reference)
    }
}

fn network(spec: &NetworkSpec, seed: u64) -> Network {
    Network::new(LayerGraph::lower(spec), seed).expect("memory")
}

/// Images with a fixed pattern.
fn images(count: usize) -> Tensor {
    let values: Vec<f32> = (0..count * 32 * 32 * 3).map(|i| ((i * 37 % 101) as f32 - 50.0) / 50.0).collect();
    Tensor::from_vec(values, (count, 32, 32, 3), &Device::Cpu).expect("memory")
}

fn logits(network: &Network, mode: Mode) -> Vec<f32> {
    network
        .forward(&images(4), mode)
        .and_then(|t| t.flatten_all())
        .and_then(|t| t.to_vec1())
        .expect("forward")
}

#[rstest]
#[case("mobilenet_v1_cifar")]
#[case("mobilenet_v2_cifar")]
#[case("mobilenet_v2")]
#[case("mobilenet_v3_small")]
#[case("mobilenet_v3_large_minimalistic")]
#[case("mnasnet_b1")]
fn every_kind_of_network_gives_finite_logits_in_every_mode(#[case] name: &str) {
    let network = network(&small(name), 1);
    for mode in [Mode::Train { seed: 1, step: 0 }, Mode::Calibrate { batches: 0 }, Mode::Evaluate] {
        let logits = logits(&network, mode);
        assert_eq!(logits.len(), 4 * 7);
        assert!(logits.iter().all(|l| l.is_finite()), "{mode:?}");
    }
}

#[test]
fn every_trained_tensor_gets_a_gradient() {
    let network = network(&small("mobilenet_v3_small"), 1);
    let logits = network.forward(&images(4), Mode::Train { seed: 1, step: 0 }).expect("forward");
    let gradients = logits.sqr().and_then(|t| t.sum_all()).and_then(|t| t.backward()).expect("backward");
    for (name, info) in network.parameters().iter().filter(|(_, info)| info.trained) {
        let gradient = gradients.get(&info.var).unwrap_or_else(|| panic!("{name} has no gradient"));
        assert_eq!(gradient.dims(), info.var.dims(), "{name}");
    }
}

/// After calibration on one batch, evaluation of that batch uses the very
/// statistics that training mode would, but for the factor n / (n - 1) of the
/// unbiased variance, which is small where maps have many pixels.
#[test]
fn calibrated_statistics_are_those_of_the_batch() {
    let network = network(&small("mobilenet_v2_cifar"), 3);
    let forward = |mode| {
        let logits = network.forward(&images(16), mode).expect("forward");
        logits.flatten_all().and_then(|t| t.to_vec1::<f32>()).expect("values")
    };
    let in_training = forward(Mode::Calibrate { batches: 0 });
    let evaluated = forward(Mode::Evaluate);
    for (a, b) in in_training.iter().zip(&evaluated) {
        assert!((a - b).abs() < 0.05 * (1.0 + a.abs()), "{a} {b}");
    }
    let again = forward(Mode::Train { seed: 0, step: 0 });
    assert_eq!(in_training, again, "batch statistics do not depend on the running ones");
}

#[test]
fn saved_weights_give_the_same_logits_and_another_network_refuses_them() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let path = folder.path().join("w.safetensors");
    let spec = small("mobilenet_v3_small");
    let trained = network(&spec, 5);
    logits(&trained, Mode::Train { seed: 0, step: 0 });
    save_weights(trained.parameters(), &path).expect("saved");

    let fresh = network(&spec, 6);
    assert_ne!(logits(&fresh, Mode::Evaluate), logits(&trained, Mode::Evaluate));
    load_weights(fresh.parameters(), &path).expect("the same network");
    assert_eq!(logits(&fresh, Mode::Evaluate), logits(&trained, Mode::Evaluate));

    let other = network(&small("mobilenet_v3_small_minimalistic"), 6);
    let error = load_weights(other.parameters(), &path).expect_err("another network").to_string();
    assert!(error.contains("blocks.0.se.reduce.weight") && error.contains("not in the network"), "{error}");
}

#[test]
fn images_of_another_shape_are_refused() {
    let network = network(&small("mobilenet_v2"), 1);
    let wrong = Tensor::zeros((1, 16, 16, 3), candle_core::DType::F32, &Device::Cpu).expect("memory");
    let error = network.forward(&wrong, Mode::Evaluate).expect_err("16x16").to_string();
    assert!(error.contains("takes [n, 32, 32, 3]"), "{error}");
}
