//! How good a network is, as far as a given effort tells.

use std::sync::atomic::AtomicBool;

use serde::{Deserialize, Serialize};

use super::images::Images;
use crate::graph::LayerGraph;
use crate::nn::Network;
use crate::outcome::Outcome;
use crate::spec::NetworkSpec;
use crate::train::{Control, Recipe, Score, TrainError, evaluate, fit};

/// How much is spent on an evaluation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fidelity {
    /// Passes over the images to train on.
    pub epochs: u32,
}

/// Says how good networks are. Equal arguments give equal outcomes, on any number of threads.
pub trait Evaluator: Sync {
    /// The outcome for a network at a fidelity.
    ///
    /// # Errors
    /// What ends the run and not this evaluation alone: it was told to stop, or the images cannot be read.
    fn evaluate(&self, network: &NetworkSpec, fidelity: Fidelity, seed: u64) -> Result<Outcome, TrainError>;
}

/// Trains a network by a recipe on the part of the images that is not held out, and scores it on the part that is.
#[derive(Debug, Clone, Copy)]
pub struct ShortTraining<'a> {
    /// The images, with a part held out.
    pub images: &'a Images,
    /// The recipe; the fidelity says for how many epochs.
    pub recipe: &'a Recipe,
    /// Ends an evaluation soon after it is set.
    pub stop: &'a AtomicBool,
}

impl Evaluator for ShortTraining<'_> {
    fn evaluate(&self, network: &NetworkSpec, fidelity: Fidelity, seed: u64) -> Result<Outcome, TrainError> {
        match self.score(network, fidelity, seed) {
            Ok(score) => Ok(Outcome::from_accuracy(score.accuracy())),
            Err(error) if error.ends_the_run() => Err(error),
            Err(error) => Ok(Outcome::failed(error.to_string())),
        }
    }
}

impl ShortTraining<'_> {
    fn score(&self, network: &NetworkSpec, fidelity: Fidelity, seed: u64) -> Result<Score, TrainError> {
        let recipe = Recipe { epochs: fidelity.epochs, ..self.recipe.clone() };
        let control = Control::new(self.stop);
        let held_out = self.images.validation(recipe.batch)?.expect("a search holds images out");
        let network = Network::new(LayerGraph::lower(&recipe.with_dropout(network)), seed)?;
        fit(&network, &self.images.training(recipe.batch)?, &recipe, seed, &control)?;
        Ok(evaluate(&network, &held_out, &control)?.score())
    }
}
