use candle_core::{Device, Tensor};
use proptest::prelude::*;
use rstest::rstest;

use super::{Engine, Mode, Network, PlannedNetwork, load_weights, save_weights};
use crate::graph::LayerGraph;
use crate::plan::Recompute;
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

/// Values in -1..1 that look random.
fn pattern(len: usize, salt: usize) -> Vec<f32> {
    (0..len).map(|i| ((i * 7919 + salt * 104_729) % 2003) as f32 / 1001.5 - 1.0).collect()
}

/// The largest difference, relative to the largest value or to `floor`.
fn distance(found: &[f32], expected: &[f32], floor: f32) -> f32 {
    assert_eq!(found.len(), expected.len());
    let scale = expected.iter().fold(floor, |scale, v| scale.max(v.abs()));
    found.iter().zip(expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max) / scale
}

fn flat(tensor: &Tensor) -> Vec<f32> {
    tensor.flatten_all().and_then(|t| t.to_vec1()).expect("values")
}

/// A little more than rounding does to a pixel.
const ROUNDING: f32 = 2e-7;
/// Times rounding, within which values at a kink are looked for: the plan adds up in another order than the tape.
const KINK_FACTOR: f32 = 20.0;
/// Half of what gradients may differ by beside rounding: jumps below it matter to no comparison.
const SMALL_JUMP: f32 = 1e-3;
/// The most that rounding may move a gradient for a comparison to say something.
const MOST_AMPLIFIED: f32 = 0.02;

/// The network with its batch norms shifted, so that few values lie near the kink of a rectifier: there, rounding
/// decides between a gradient and none, and batch norms over few values spread the difference.
fn away_from_kinks(network: Network) -> Network {
    for (name, info) in network.parameters().iter() {
        if name.ends_with("bn.bias") {
            let shifted = info.var.ones_like().and_then(|ones| ones * 2.0).expect("memory");
            info.var.set(&shifted).expect("the same shape");
        }
    }
    network
}

/// What the operators of the tape say about a network, against its planned execution.
fn compare_with_the_tape(spec: &NetworkSpec, count: usize) {
    for recompute in [Recompute::Never, Recompute::Always] {
        compare_planned(spec, count, recompute);
    }
}

/// Logits and gradients by the tape, on images `pixels`.
fn by_tape(
    network: &Network,
    pixels: &[f32],
    count: usize,
    mode: Mode,
    dlogits: &[f32],
) -> [Vec<Vec<f32>>; 2] {
    let shape = network.graph().image();
    let [h, w, c] = [shape.height, shape.width, shape.channels].map(|d| d as usize);
    let images = Tensor::from_slice(pixels, (count, h, w, c), &Device::Cpu).expect("memory");
    let logits = network.forward(&images, mode).expect("forward");
    let weighted = Tensor::from_slice(dlogits, logits.shape(), &Device::Cpu).and_then(|d| &logits * d);
    let store = weighted.and_then(|t| t.sum_all()).and_then(|t| t.backward()).expect("backward");
    let trained = network.parameters().iter().filter(|(_, info)| info.trained);
    [vec![flat(&logits)], trained.map(|(name, info)| flat(store.get(&info.var).expect(name))).collect()]
}

/// Whether the gradients of a network say something about the plan: deep networks over few values amplify rounding, and
/// where a value lies at the kink of a rectifier, rounding decides between a gradient and none. A change of the images
/// that is larger than rounding shows such a jump where changes of rounding's own size can miss it.
fn is_comparable(spec: &NetworkSpec, count: usize) -> bool {
    let fresh = || away_from_kinks(network(spec, 3));
    let pixels = pixels(spec, count);
    let mode = Mode::Train { seed: 5, step: 2 };
    let dlogits = pattern(count * spec.classes as usize, 7);
    let [_, gradients] = by_tape(&fresh(), &pixels, count, mode, &dlogits);
    let moved =
        |size| nudges(&gradients, &pixels, size, |pixels| by_tape(&fresh(), pixels, count, mode, &dlogits));
    let near = moved(ROUNDING);
    // What a change pushes away from a kink, the opposite one pushes over it.
    let [up, down] = [KINK_FACTOR, -KINK_FACTOR].map(|factor| moved(factor * ROUNDING));
    let far: Vec<f32> = up.into_iter().zip(down).map(|(up, down)| up.max(down)).collect();
    let is_amplified = near.iter().any(|&moved| moved >= MOST_AMPLIFIED);
    let jumps = near.iter().zip(&far).any(|(near, &far)| far > SMALL_JUMP.max(2.0 * KINK_FACTOR * near));
    !is_amplified && !jumps
}

fn pixels(spec: &NetworkSpec, count: usize) -> Vec<f32> {
    pattern(count * (spec.resolution.pow(2) * spec.input_channels) as usize, 1)
}

/// How far each gradient moves at most under a few changes of the images by `size`: one alone may miss a value at the
/// kink of a rectifier.
fn nudges(
    gradients: &[Vec<f32>],
    pixels: &[f32],
    size: f32,
    by_tape: impl Fn(&[f32]) -> [Vec<Vec<f32>>; 2],
) -> Vec<f32> {
    let floor = floor(gradients);
    let mut moved = vec![0.0_f32; gradients.len()];
    for salt in [3, 11, 17, 23] {
        let nudged: Vec<f32> =
            pixels.iter().zip(pattern(pixels.len(), salt)).map(|(p, n)| p + size * n).collect();
        let [_, of_nudged] = by_tape(&nudged);
        for ((most, gradient), nudged) in moved.iter_mut().zip(gradients).zip(&of_nudged) {
            *most = most.max(distance(nudged, gradient, floor));
        }
    }
    moved
}

/// A shift in front of a batch norm has no effect: its gradient is rounding alone, and small against others.
fn floor(gradients: &[Vec<f32>]) -> f32 {
    0.02 * gradients.iter().flatten().fold(0.0f32, |m, v| m.max(v.abs()))
}

fn compare_planned(spec: &NetworkSpec, count: usize, recompute: Recompute) {
    let fresh = || away_from_kinks(network(spec, 3));
    let (plain, planned) = (fresh(), fresh());
    let pixels = pixels(spec, count);
    let mode = Mode::Train { seed: 5, step: 2 };
    let dlogits = pattern(count * spec.classes as usize, 7);
    let [logits, gradients] = by_tape(&plain, &pixels, count, mode, &dlogits);
    let nudges =
        nudges(&gradients, &pixels, ROUNDING, |pixels| by_tape(&fresh(), pixels, count, mode, &dlogits));

    let mut engine = Engine::new(&planned, count + 1).expect("memory").recompute(recompute);
    let found = engine.forward(&pixels, engine.shape(count), mode).expect("forward");
    assert!(distance(found, &logits[0], 0.0) < 1e-4, "logits");
    engine.backward(&dlogits).expect("backward");
    assert_eq!(engine.gradients().count(), gradients.len());
    let floor = floor(&gradients);
    let names = plain.parameters().iter().filter(|(_, info)| info.trained).map(|(name, _)| name);
    for (((name, expected), nudged), found) in names.zip(&gradients).zip(nudges).zip(engine.gradients()) {
        let found = distance(found, expected, floor);
        assert!(found < 2e-3 + 8.0 * nudged, "gradient of {name}: {found}, rounding does {nudged}");
        assert!(nudged < MOST_AMPLIFIED, "{name} is left to chance: {nudged}");
    }
    for ((name, a), (_, b)) in plain.parameters().iter().zip(planned.parameters().iter()) {
        if !a.trained {
            let distance = distance(&flat(&b.var), &flat(&a.var), 1e-2);
            assert!(distance < 1e-3, "statistics {name}: {distance}");
        }
    }
    let shape = plain.graph().image();
    let shape = (count, shape.height as usize, shape.width as usize, shape.channels as usize);
    let images = Tensor::from_slice(&pixels, shape, &Device::Cpu).expect("memory");
    let expected = flat(&plain.forward(&images, Mode::Evaluate).expect("forward"));
    let found = engine.forward(&pixels, engine.shape(count), Mode::Evaluate).expect("forward");
    assert!(distance(found, &expected, 0.0) < 1e-4, "evaluation");
}

#[rstest]
#[case("mobilenet_v1_cifar", 16, 3)]
#[case("mobilenet_v2", 47, 3)]
#[case("mobilenet_v3_small", 45, 3)]
#[case("mobilenet_v3_large", 41, 1)]
#[case("mobilenet_v3_large_minimalistic", 33, 3)]
#[case("mnasnet_b1", 32, 2)]
fn the_plan_agrees_with_the_tape(#[case] name: &str, #[case] side: u32, #[case] channels: u32) {
    let spec = NetworkSpec { resolution: side, input_channels: channels, ..small(name) };
    compare_with_the_tape(&spec, 16);
    compare_with_the_tape(&NetworkSpec { padding: spec::Padding::Symmetric, ..spec }, 13);
}

#[rstest]
#[case(&["conv_k3_s1_c9_relu", "conv_k5_s2_c12", "conv_k1_s2_c20_relu6", "ds_k7_s1_c20_relu", "ir_k7_s2_h50_c11_se3_relu"])]
#[case(&["conv_k3_s1_c16_hswish", "conv_k3_s1_c16", "ir_k3_s1_h16_c16_relu", "ir_k9_s1_h40_c16_se8_hswish", "ir_k9_s2_h40_c16_relu"])]
#[case(&["ds_k3_s1_c12_relu", "ir_k3_s1_h20_c16_relu6", "ir_k3_s1_h16_c16_hswish", "ds_k5_s2_c24_relu6"])]
#[case(&["ir_k3_s1_h16_c16_relu", "ir_k3_s1_h16_c16_hswish", "ir_k5_s1_h20_c16_relu", "ir_k3_s1_h24_c30_proj_relu6", "ir_k1_s2_h30_c8_relu"])]
fn unusual_blocks_agree_with_the_tape(#[case] blocks: &[&str]) {
    let blocks = blocks.iter().map(|block| block.parse().expect("a block")).collect();
    let stem = "conv_k3_s1_c16_hswish".parse().expect("a block");
    let spec = NetworkSpec { stem, blocks, resolution: 19, ..small("mobilenet_v3_small") };
    compare_with_the_tape(&spec, 5);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn random_networks_agree_with_the_tape(
        blocks in prop::collection::vec(
            (prop::sample::select(vec![1u32, 3, 5, 7]), 1u32..=2, 2u32..40, 2u32..24, any::<bool>(), 0..3),
            1..5,
        ),
        side in 9u32..24,
    ) {
        let token = |&(k, s, h, c, se, act): &(u32, u32, u32, u32, bool, i32)| {
            let activation = ["relu", "relu6", "hswish"][act as usize];
            let squeeze = if se { format!("_se{}", h.div_ceil(4)) } else { String::new() };
            format!("ir_k{k}_s{s}_h{h}_c{c}{squeeze}_{activation}").parse().expect("a block")
        };
        let spec = NetworkSpec {
            blocks: blocks.iter().map(token).collect(),
            resolution: side,
            ..small("mobilenet_v3_small")
        };
        prop_assume!(is_comparable(&spec, 16));
        compare_with_the_tape(&spec, 16);
    }
}

#[test]
fn planned_gradients_are_the_same_for_any_number_of_threads_and_batch_size() {
    let spec = small("mobilenet_v3_small");
    let pixels = pattern(9 * 32 * 32 * 3, 1);
    let gradients = |threads, room| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
        pool.install(|| {
            let mut engine = Engine::new(&network(&spec, 3), room).expect("memory");
            engine.forward(&pixels, engine.shape(9), Mode::Train { seed: 1, step: 0 }).expect("forward");
            engine.backward(&pattern(9 * 7, 2)).expect("backward");
            engine.gradients().flatten().map(|v| v.to_bits()).collect::<Vec<_>>()
        })
    };
    let alone = gradients(1, 9);
    assert!(alone == gradients(3, 9), "threads change gradients");
    assert!(alone == gradients(2, 20), "room for more images changes gradients");
}

#[test]
fn a_planned_network_is_an_operation_of_the_tape() {
    let spec = small("mobilenet_v3_small");
    let (plain, planned) = (network(&spec, 3), network(&spec, 3));
    let on_tape = PlannedNetwork::new(&planned, 4).expect("memory");
    let mode = Mode::Train { seed: 1, step: 0 };
    let loss = |logits: Tensor| logits.sqr().and_then(|t| t.sum_all());
    let expected =
        plain.forward(&images(4), mode).and_then(loss).and_then(|t| t.backward()).expect("backward");
    let found =
        on_tape.forward(&images(4), mode).and_then(loss).and_then(|t| t.backward()).expect("backward");
    for name in ["stem.conv.weight", "blocks.3.se.reduce.weight", "classifier.linear.bias"] {
        let gradient = |network: &Network, store: &candle_core::backprop::GradStore| {
            flat(store.get(network.parameters().get(name).expect(name)).expect(name))
        };
        let (found, expected) = (gradient(&planned, &found), gradient(&plain, &expected));
        assert!(distance(&found, &expected, 0.0) < 2e-3, "{name}");
    }
    let stale = on_tape.forward(&images(4), mode).and_then(loss).expect("forward");
    on_tape.forward(&images(4), mode).expect("forward");
    assert!(stale.backward().expect_err("stale").to_string().contains("last pass"));
}

#[test]
fn an_engine_refuses_what_is_not_its_images() {
    let mut engine = Engine::new(&network(&small("mobilenet_v2"), 1), 2).expect("memory");
    for shape in
        [[0, 32, 32, 3], [3, 32, 32, 3], [1, 32, 32, 1], [1, 64, 16, 3], [2, 16, 32, 3], [1, 1, 1, 3]]
    {
        let values = vec![0.0; shape.iter().product()];
        let error = engine.forward(&values, shape, Mode::Evaluate).expect_err("refused").to_string();
        let [n, h, w, c] = shape;
        let expected = format!(
            "the network takes images of 32x32x3, 1 to 2 at a time, but was given {n} of {h}x{w}x{c}"
        );
        assert!(error.contains(&expected), "{error}");
    }
    // As many values as other images have.
    let error = engine.forward(&[0.0; 2 * 32 * 32 * 3], [1, 32, 32, 3], Mode::Evaluate).expect_err("refused");
    assert!(error.to_string().contains("6144 values are not 1 images of 32x32x3"), "{error}");
    assert!(engine.backward(&[0.0; 14]).is_err());
}
