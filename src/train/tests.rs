use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::{Control, OptimizerKind, Recipe, TrainError, evaluate, fit};
use crate::data::{Augment, Dataset, ImageSize, Loader, Normalisation};
use crate::graph::LayerGraph;
use crate::nn::Network;
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

fn recipe(optimizer: OptimizerKind, learning_rate: f64) -> Recipe {
    Recipe { optimizer, learning_rate, augment: Augment::NONE, ..Recipe::small_images(6) }
}

static STOP: AtomicBool = AtomicBool::new(false);

fn train(network: &Network, recipe: &Recipe, stop: &AtomicBool) -> Result<f64, TrainError> {
    let control = Control { stop, on_epoch: &|_| {} };
    let loader = loader(16);
    fit(network, &loader, recipe, 2, &control)?;
    Ok(evaluate(network, &loader, &control)?.accuracy())
}

#[test]
fn both_optimizers_learn_an_easy_task() {
    for (optimizer, rate) in [(OptimizerKind::Adamw, 4e-3), (OptimizerKind::Sgd { momentum: 0.9 }, 0.05)] {
        let accuracy = train(&network(), &recipe(optimizer, rate), &STOP).expect("trained");
        assert!(accuracy > 0.9, "{optimizer:?}: {accuracy}");
    }
}

#[test]
fn the_result_does_not_depend_on_the_number_of_threads() {
    let weights = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
        pool.install(|| {
            let network = network();
            train(&network, &recipe(OptimizerKind::Adamw, 4e-3), &STOP).expect("trained");
            let values = network
                .parameters()
                .iter()
                .map(|(_, info)| info.var.flatten_all().and_then(|t| t.to_vec1::<f32>()).expect("values"));
            values.collect::<Vec<_>>()
        })
    };
    assert!(weights(1) == weights(3), "weights differ between 1 and 3 threads");
}

#[test]
fn a_run_that_diverges_is_an_error() {
    let wild = recipe(OptimizerKind::Sgd { momentum: 0.9 }, 1e30);
    let error = train(&network(), &wild, &STOP).expect_err("diverged");
    assert!(matches!(error, TrainError::Diverged { .. }), "{error}");
}

#[test]
fn a_set_flag_ends_training() {
    let stop = AtomicBool::new(false);
    let loader = loader(16);
    let control = Control { stop: &stop, on_epoch: &|_| stop.store(true, Ordering::Relaxed) };
    let ended = fit(&network(), &loader, &recipe(OptimizerKind::Adamw, 1e-3), 2, &control);
    assert!(matches!(ended, Err(TrainError::Interrupted)));
}
