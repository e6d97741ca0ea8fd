use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::json;

use super::{
    CheckpointError, Control, Distillation, EpochRecord, History, OptimizerKind, Recipe, Schedule,
    TrainError, Trainer, TrainingState, evaluate, fit, load_checkpoint, save_checkpoint,
};
use crate::data::{Augment, Dataset, ImageSize, Loader, Mixup, Normalisation};
use crate::graph::LayerGraph;
use crate::kernels::cross_entropy::{Targets, loss};
use crate::nn::{Engine, Mode, Network, ops};
use crate::spec::{self, NetworkSpec};

/// Images of two classes: bright on the left or on the right.
fn loader(batch: usize) -> Loader {
    let count = 64;
    let size = ImageSize::new(8, 8).expect("a size");
    let pixel = |i: usize| {
        let (image, column) = (i / 64, i % 8);
        let bright = (column < 4) == (image % 2 == 0);
        if bright { 200 + (i % 50) as u8 } else { (i % 50) as u8 }
    };
    let images = (0..count * 64).map(pixel).collect();
    let labels = (0..count as u32).map(|i| i % 2).collect();
    let names = vec!["left".to_owned(), "right".to_owned()];
    let dataset = Dataset::new("halves".to_owned(), images, labels, size, 1, names).expect("consistent");
    let all: Vec<usize> = (0..count).collect();
    let normalisation = Normalisation::fit(&dataset, &all).expect("images");
    Loader::new(Arc::new(dataset), &all, &normalisation, NonZeroUsize::new(batch).expect("above 0"))
        .expect("images")
}

fn network() -> Network {
    let spec = spec::load("mobilenet_v3_small").expect("shipped").scaled(0.25, spec::WidthRule::Reference);
    let spec = NetworkSpec { resolution: 8, input_channels: 1, classes: 2, ..spec };
    Network::new(LayerGraph::lower(&spec), 4).expect("memory")
}

const SGD: OptimizerKind = OptimizerKind::Sgd { momentum: 0.9, nesterov: true };
const RMSPROP: OptimizerKind = OptimizerKind::Rmsprop { decay: 0.9, momentum: 0.9, eps: 1e-3 };
const ADAMW: OptimizerKind = OptimizerKind::Adamw { beta1: 0.9, beta2: 0.999, eps: 1e-8 };

fn recipe(optimizer: OptimizerKind, learning_rate: f64) -> Recipe {
    let base = Recipe { epochs: 6, ..crate::train::load("search_final").expect("shipped") };
    let schedule = Schedule { learning_rate, ..base.schedule };
    Recipe { optimizer, schedule, augment: Augment::NONE, ..base }
}

/// All images in one step.
const WHOLE: NonZeroUsize = NonZeroUsize::new(64).expect("above 0");

static STOP: AtomicBool = AtomicBool::new(false);

fn train(network: &Network, recipe: &Recipe) -> Result<f64, TrainError> {
    let (control, loader) = (Control::new(&STOP), loader(16));
    fit(network, &loader, recipe, 2, &control)?;
    Ok(evaluate(network, &loader, &control)?.score().accuracy())
}

/// All tensors of a network, bit by bit.
fn bits(network: &Network) -> Vec<u32> {
    let tensors = network.parameters().iter();
    let values =
        tensors.map(|(_, info)| info.var.flatten_all().and_then(|t| t.to_vec1::<f32>()).expect("values"));
    values.flatten().map(f32::to_bits).collect()
}

#[test]
fn every_optimizer_learns_an_easy_task() {
    for (optimizer, rate) in [(ADAMW, 4e-3), (SGD, 0.05), (RMSPROP, 0.01)] {
        // Half as many epochs leave RMSProp between 0.86 and 1, depending on the seed.
        let recipe = Recipe { epochs: 12, ..recipe(optimizer, rate) };
        let accuracy = train(&network(), &recipe).expect("trained");
        assert!(accuracy > 0.9, "{optimizer:?}: {accuracy}");
    }
}

#[test]
fn the_result_does_not_depend_on_the_number_of_threads() {
    let weights = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
        pool.install(|| {
            let network = network();
            train(&network, &recipe(ADAMW, 4e-3)).expect("trained");
            bits(&network)
        })
    };
    assert!(weights(1) == weights(3), "weights differ between 1 and 3 threads");
}

#[test]
fn a_run_that_diverges_is_an_error() {
    let error = train(&network(), &recipe(SGD, 1e30)).expect_err("diverged");
    assert_eq!(error.diverged_in(), Some(1), "{error}");
}

#[test]
fn weights_that_the_last_step_broke_are_found() {
    // One step an epoch: no loss of the epoch sees what the step did.
    let wild = Recipe { batch: WHOLE, ..recipe(SGD, f64::MAX) };
    let (network, images) = (network(), loader(64));
    let mut trainer = Trainer::new(&network, &images, &wild, 2, None).expect("memory");
    let error = trainer.train_epoch(&Control::new(&STOP)).expect_err("broken weights");
    assert!(matches!(error, TrainError::NotFinite { epoch: 1, .. }), "{error}");
    assert_eq!(trainer.epochs_done(), 0);
}

#[test]
fn a_set_flag_ends_training() {
    let stop = AtomicBool::new(false);
    let loader = loader(16);
    let control = Control { on_epoch: &|_| stop.store(true, Ordering::Relaxed), ..Control::new(&stop) };
    let ended = fit(&network(), &loader, &recipe(ADAMW, 1e-3), 2, &control);
    assert!(matches!(ended, Err(TrainError::Interrupted)));
}

/// How far one step of plain gradient descent moves all trained tensors together.
fn length_of_a_step(recipe: &Recipe) -> f64 {
    let (start, moved, images) = (network(), network(), loader(64));
    let mut trainer = Trainer::new(&moved, &images, recipe, 2, None).expect("memory");
    trainer.train_epoch(&Control::new(&STOP)).expect("trained");
    let squares =
        start.parameters().iter().zip(moved.parameters().iter()).filter(|((_, t), _)| t.trained).map(
            |((_, before), (_, after))| {
                let step = (after.var.as_tensor() - before.var.as_tensor()).and_then(|d| d.sqr()?.sum_all());
                f64::from(step.and_then(|s| s.to_scalar::<f32>()).expect("values"))
            },
        );
    squares.sum::<f64>().sqrt()
}

#[test]
fn clipping_bounds_the_norm_of_a_step() {
    let plain = recipe(OptimizerKind::Sgd { momentum: 0.0, nesterov: false }, 1.0);
    let schedule = Schedule { warmup_epochs: 0.0, ..plain.schedule };
    let plain = Recipe { schedule, batch: WHOLE, weight_decay: 0.0, ..plain };
    let free = length_of_a_step(&plain);
    let clipped = length_of_a_step(&Recipe { clip_norm: Some(free / 4.0), ..plain.clone() });
    assert!((clipped - free / 4.0).abs() < 1e-3 * free, "{clipped} of {free}");
    let loose = length_of_a_step(&Recipe { clip_norm: Some(free * 4.0), ..plain });
    assert_eq!(loose, free);
}

#[test]
fn an_average_of_everything_from_the_first_step_on_takes_the_place_of_the_weights() {
    let one_step = Recipe { epochs: 1, batch: WHOLE, ema: Some(0.9), recalibrate: 0, ..recipe(ADAMW, 4e-3) };
    let (start, last, averaged) = (network(), network(), network());
    let (images, control) = (loader(64), Control::new(&STOP));
    fit(&last, &images, &Recipe { ema: None, ..one_step.clone() }, 2, &control).expect("trained");
    let mut trainer = Trainer::new(&averaged, &images, &one_step, 2, None).expect("memory");
    trainer.train_epoch(&control).expect("trained");
    let shown = trainer.with_final_weights(&control, |trainer| trainer.evaluate(&images, &control));
    let shown = shown.and_then(|shown| shown).expect("scored");
    assert_eq!(bits(&averaged), bits(&last), "something was left behind");
    let without = trainer.evaluate_without_average(&images, &control).expect("scored").expect("an average");
    assert_eq!(without, evaluate(&last, &images, &control).expect("scored"));
    assert_ne!(without, shown);
    trainer.finish(&control).expect("finished");
    assert_eq!(evaluate(&averaged, &images, &control).expect("scored"), shown);

    // After the first step the decay is (1 + 1) / (10 + 1).
    for name in ["classifier.linear.weight", "stem.bn.running_mean"] {
        let values = |n: &Network| {
            n.parameters().get(name).and_then(|v| v.flatten_all()?.to_vec1::<f32>()).expect(name)
        };
        let ends = values(&start).into_iter().zip(values(&last));
        for ((start, last), average) in ends.zip(values(&averaged)) {
            let expected = (2.0 * start + 9.0 * last) / 11.0;
            assert!((average - expected).abs() < 1e-6, "{name}: {average} is not {expected}");
        }
    }
}

#[test]
fn looking_at_the_final_weights_changes_nothing() {
    for recipe in recipes_with_state() {
        let (seen, unseen, images) = (network(), network(), loader(16));
        let control = Control::new(&STOP);
        let mut trainer = Trainer::new(&seen, &images, &recipe, 2, None).expect("memory");
        let mut shown = Vec::new();
        while trainer.epochs_done() < recipe.epochs {
            trainer.train_epoch(&control).expect("trained");
            shown = trainer.with_final_weights(&control, |trainer| bits(trainer.network())).expect("shown");
        }
        trainer.finish(&control).expect("finished");
        assert!(shown == bits(&seen), "{recipe:?}");
        fit(&unseen, &images, &recipe, 2, &control).expect("trained");
        assert!(bits(&unseen) == bits(&seen), "{recipe:?}");
    }
}

/// Nothing but mixing.
fn mixing(alpha: f64) -> Augment {
    Augment { mixup: Some(Mixup::new(alpha).expect("in range")), ..Augment::NONE }
}

#[test]
fn mixed_images_are_learnt_with_both_labels_in_their_shares() {
    let (images, augment) = (loader(64), mixing(1.0));
    let recipe = Recipe { batch: WHOLE, label_smoothing: 0.0, augment, ..recipe(SGD, 0.05) };
    for seed in 0..4 {
        let batch = images.training(augment, seed, 0).next().expect("a batch").expect("in memory");
        let mixed = batch.mixed.as_ref().expect("mixed");
        let untrained = network();
        let mut engine = Engine::new(&untrained, 64).expect("memory");
        let logits =
            engine.forward(&batch.pixels, batch.shape, Mode::Train { seed, step: 0 }).expect("fits").to_vec();
        let loss_of = |labels: &[u32]| loss(&logits, Targets::hard(labels), 2).expect("classes");
        let (own, share) = (loss_of(&batch.labels), f64::from(mixed.share));
        let expected = share * own + (1.0 - share) * loss_of(&mixed.labels);
        assert!((expected - own).abs() > 1e-4, "seed {seed} shows nothing: {expected} and {own}");
        let shown = if share < 0.5 { &mixed.labels } else { &batch.labels };
        let right = |(logits, &label): (&[f32], &u32)| u32::from(logits[1] > logits[0]) == label;
        let correct = logits.chunks(2).zip(shown).filter(|&pair| right(pair)).count();

        let network = network();
        let mut trainer = Trainer::new(&network, &images, &recipe, seed, None).expect("memory");
        let report = trainer.train_epoch(&Control::new(&STOP)).expect("trained");
        assert!((report.loss - expected).abs() < 1e-9, "{} is not {expected}", report.loss);
        assert_eq!(report.accuracy, correct as f64 / 64.0);
    }
}

#[test]
fn fresh_statistics_are_those_of_unmixed_images() {
    let of = |augment| {
        let (network, images) = (network(), loader(16));
        let recipe = Recipe { augment, ..recipe(SGD, 0.05) };
        let trainer = Trainer::new(&network, &images, &recipe, 2, None).expect("memory");
        trainer.finish(&Control::new(&STOP)).expect("finished");
        bits(&network)
    };
    let unmixed = of(Augment::NONE);
    assert_ne!(unmixed, bits(&network()), "nothing was recalibrated");
    assert!(of(mixing(1.0)) == unmixed);
}

/// The students of a teacher that is sure of the wrong class learn the wrong class.
#[test]
fn a_student_follows_its_teacher() {
    let distill = Some(Distillation { temperature: 2.0, weight: 1.0 });
    let recipe = Recipe { distill, label_smoothing: 0.0, ..recipe(ADAMW, 4e-3) };
    let teacher = network();
    ops::update(teacher.parameters().get("classifier.linear.weight").expect("there"), |w| w.fill(0.0))
        .expect("set");
    ops::update(teacher.parameters().get("classifier.linear.bias").expect("there"), |bias| {
        bias.copy_from_slice(&[-5.0, 5.0]);
    })
    .expect("set");
    let (student, images, control) = (network(), loader(16), Control::new(&STOP));
    let mut trainer = Trainer::new(&student, &images, &recipe, 2, Some(&teacher)).expect("memory");
    while trainer.epochs_done() < recipe.epochs {
        trainer.train_epoch(&control).expect("trained");
    }
    trainer.finish(&control).expect("finished");
    let rows = evaluate(&student, &images, &control).expect("scored").confusion;
    assert_eq!(rows.rows(), [[0, 32], [0, 32]]);

    let without = Trainer::new(&student, &images, &recipe, 2, None).map(drop);
    assert!(matches!(without, Err(TrainError::Teacher { wanted: true })));
}

/// Recipes that together use every kind of state.
fn recipes_with_state() -> Vec<Recipe> {
    let all = Recipe {
        epochs: 4,
        ema: Some(0.99),
        clip_norm: Some(1.0),
        augment: Augment { pad: 1, flip: true, ..Augment::NONE },
        ..recipe(SGD, 0.05)
    };
    vec![
        Recipe { optimizer: RMSPROP, ..all.clone() },
        Recipe { optimizer: ADAMW, ema: None, ..all.clone() },
        all,
    ]
}

fn epochs(trainer: &mut Trainer<'_>, until: u32, history: &mut History) {
    let control = Control::new(&STOP);
    while trainer.epochs_done() < until {
        let report = trainer.train_epoch(&control).expect("trained");
        history.0.push(EpochRecord::new(&report, None, None));
    }
}

#[test]
fn a_restored_training_goes_on_to_the_same_bits() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let (images, control, identity) = (loader(16), Control::new(&STOP), json!({ "seed": 2 }));
    for recipe in recipes_with_state() {
        let path = folder.path().join("checkpoint");
        let (whole, first, second) = (network(), network(), network());
        let mut expected = History::default();
        let mut trainer = Trainer::new(&whole, &images, &recipe, 2, None).expect("memory");
        epochs(&mut trainer, 4, &mut expected);
        save_checkpoint(&trainer, &path, &identity, &expected).expect("saved");
        let last_bytes = std::fs::read(&path).expect("written");
        trainer.finish(&control).expect("finished");

        let mut history = History::default();
        let mut trainer = Trainer::new(&first, &images, &recipe, 2, None).expect("memory");
        epochs(&mut trainer, 2, &mut history);
        save_checkpoint(&trainer, &path, &identity, &history).expect("saved");

        let mut trainer = Trainer::new(&second, &images, &recipe, 2, None).expect("memory");
        let mut history = load_checkpoint(&mut trainer, &path, &identity).expect("restored");
        assert_eq!(trainer.epochs_done(), 2);
        epochs(&mut trainer, 4, &mut history);
        save_checkpoint(&trainer, &path, &identity, &history).expect("saved");
        assert!(std::fs::read(&path).expect("written") == last_bytes, "{recipe:?}");
        trainer.finish(&control).expect("finished");
        assert_eq!(history, expected);
        assert!(bits(&second) == bits(&whole), "{recipe:?}");
    }
}

#[test]
fn a_checkpoint_of_another_training_or_a_damaged_one_changes_nothing() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let path = folder.path().join("checkpoint");
    let (images, identity) = (loader(16), json!({ "recipe": { "epochs": 4 }, "network": "a" }));
    let [rmsprop, adamw, _] = recipes_with_state().try_into().expect("three");
    let (trained, fresh) = (network(), network());
    let mut trainer = Trainer::new(&trained, &images, &rmsprop, 2, None).expect("memory");
    let mut history = History::default();
    epochs(&mut trainer, 1, &mut history);
    save_checkpoint(&trainer, &path, &identity, &history).expect("saved");

    let before = bits(&fresh);
    let refused = |recipe: &Recipe, identity: &serde_json::Value| -> CheckpointError {
        let mut trainer = Trainer::new(&fresh, &images, recipe, 2, None).expect("memory");
        let error = load_checkpoint(&mut trainer, &path, identity).expect_err("refused");
        assert_eq!(trainer.epochs_done(), 0);
        error
    };
    let other = json!({ "recipe": { "epochs": 5 }, "network": "b" });
    let message = refused(&rmsprop, &other).to_string();
    assert!(message.contains("`network` was \"a\" and is now \"b\""), "{message}");
    assert!(message.contains("`recipe.epochs` was 4 and is now 5"), "{message}");
    let message = refused(&adamw, &identity).to_string();
    assert!(message.contains("optimizer.first_moment."), "{message}");
    let whole = std::fs::read(&path).expect("written");
    for cut in [0, 7, 100, whole.len() / 2, whole.len() - 1] {
        std::fs::write(&path, &whole[..cut]).expect("disk");
        let error = refused(&rmsprop, &identity);
        assert!(matches!(error, CheckpointError::Damaged { .. }), "{error}");
    }
    assert_eq!(bits(&fresh), before);
}

/// The fixture is what `mbn-train` left of two epochs of RMSProp with averages, before checkpoints were written from a
/// [`TrainingState`].
#[test]
fn a_checkpoint_of_format_1_is_read_and_written_to_the_same_bytes() {
    let place = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/checkpoint");
    let bytes = std::fs::read(place.join("format_1.safetensors")).expect("shipped");
    let (_, metadata) = safetensors::SafeTensors::read_metadata(&bytes).expect("a safetensors file");
    let header = &metadata.metadata().as_ref().expect("metadata")["checkpoint"];
    let header: serde_json::Value = serde_json::from_str(header).expect("JSON");

    let spec = spec::load(&place.join("network.toml").to_string_lossy()).expect("a network");
    let network = Network::new(LayerGraph::lower(&spec), 1).expect("memory");
    let recipe = Recipe { epochs: 2, ema: Some(0.95), ..recipe(RMSPROP, 0.01) };
    let images = loader(16);
    let mut trainer = Trainer::new(&network, &images, &recipe, 0, None).expect("memory");
    let before = bits(&network);
    let history = load_checkpoint(&mut trainer, &place.join("format_1.safetensors"), &header["identity"]);
    let history = history.expect("readable");
    assert_eq!((trainer.epochs_done(), history.0.len()), (2, 2));
    assert_ne!(bits(&network), before);
    let folder = tempfile::tempdir().expect("temporary folder");
    let path = folder.path().join("checkpoint");
    save_checkpoint(&trainer, &path, &header["identity"], &history).expect("saved");
    assert!(std::fs::read(&path).expect("written") == bytes);
}

/// Weights, moments and averages are cut alike, and training goes on with them.
#[test]
fn a_training_goes_on_after_its_network_was_narrowed() {
    use crate::netadapt::{Channels, Surgery};
    let control = Control::new(&STOP);
    let (wide, images) = (network(), loader(16));
    for optimizer in [ADAMW, SGD, RMSPROP] {
        let recipe = Recipe { ema: Some(0.9), ..recipe(optimizer, 1e-3) };
        let mut trainer = Trainer::new(&wide, &images, &recipe, 2, None).expect("memory");
        trainer.train_steps(0..3, &control).expect("trained");
        let state = trainer.state().expect("values");
        let groups = wide.graph().channel_groups();
        let all = Channels::all(&groups);
        let mut keep = all.clone();
        let mut spec =
            spec::load("mobilenet_v3_small").expect("shipped").scaled(0.25, spec::WidthRule::Reference);
        spec = NetworkSpec { resolution: 8, input_channels: 1, classes: 2, ..spec };
        for (id, group) in groups
            .iter()
            .filter(|(_, group)| group.slots.iter().any(|(place, _)| matches!(place, spec::Place::Head(_))))
        {
            keep.set(id, (0..group.width).filter(|channel| channel % 3 != 1).collect());
            for &(place, slot) in &group.slots {
                spec.set_width(place, slot, keep.of(id).len() as u32);
            }
        }
        let surgery = Surgery { graph: wide.graph(), groups: &groups };
        let parts =
            state.parts.iter().map(|(part, values)| (part.clone(), surgery.shrink(values, &all, &keep)));
        let narrowed = TrainingState { parts: parts.collect() };
        assert_ne!(narrowed, state);
        let narrow =
            Network::with_values(LayerGraph::lower(&spec), narrowed.network()).expect("its own shapes");
        let mut trainer = Trainer::new(&narrow, &images, &recipe, 2, None).expect("memory");
        trainer.restore(&narrowed).expect("its own shapes");
        assert_eq!(trainer.state().expect("values"), narrowed);
        trainer.train_steps(3..5, &control).expect("trained");
        assert_ne!(trainer.state().expect("values"), narrowed);
        assert!(trainer.restore(&state).is_err(), "the wide network's state is refused");
    }
}

/// Steps that are counted see the batches of whole epochs.
#[test]
fn training_by_steps_is_training_by_epochs() {
    let control = Control::new(&STOP);
    let recipe = recipe(ADAMW, 4e-3);
    let images = loader(16);
    let (by_epochs, by_steps) = (network(), network());
    let mut trainer = Trainer::new(&by_epochs, &images, &recipe, 2, None).expect("memory");
    trainer.train_epoch(&control).and_then(|_| trainer.train_epoch(&control)).expect("trained");
    let mut trainer = Trainer::new(&by_steps, &images, &recipe, 2, None).expect("memory");
    for steps in [0..3, 3..5, 5..8] {
        trainer.train_steps(steps, &control).expect("trained");
    }
    assert_eq!(images.training_steps(), 4);
    assert_eq!(bits(&by_epochs), bits(&by_steps));
}
