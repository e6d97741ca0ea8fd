//! The state of a training as plain values, for what works on weights between two trainings.

use std::collections::BTreeMap;

use super::{TrainError, Trainer};
use crate::graph::Values;
use crate::nn::ops;

/// What decides how a training goes on, without its place in the schedule: what checkpoints hold, and what surgery works
/// on.
///
/// The parts are `network` (weights and batch-norm statistics), `optimizer.<moment>` for each moment of the update
/// rule, and `average` where the recipe keeps one. Each holds values by the path of the network's tensors and of their
/// shapes, so that what is done to the weights can be done to all.
#[derive(Debug, Clone, PartialEq)]
pub struct TrainingState {
    /// The parts by name, the network always among them.
    pub parts: BTreeMap<String, Values>,
}

impl TrainingState {
    /// The part that holds the network.
    pub const NETWORK: &'static str = "network";
    /// What the names of the parts begin with that hold moments.
    pub const MOMENTS: &'static str = "optimizer.";
    const AVERAGE: &'static str = "average";

    /// A training that begins from these weights.
    pub fn of_network(values: Values) -> Self {
        Self { parts: BTreeMap::from([(Self::NETWORK.to_owned(), values)]) }
    }

    /// Weights and batch-norm statistics.
    ///
    /// # Panics
    /// If the part was taken out.
    pub fn network(&self) -> &Values {
        self.parts.get(Self::NETWORK).expect("every state is made with a network")
    }
}

fn moment_part(moment: &str) -> String {
    format!("{}{moment}", TrainingState::MOMENTS)
}

impl Trainer<'_> {
    /// The state of this training.
    ///
    /// # Errors
    /// If a tensor cannot be read.
    pub fn state(&self) -> Result<TrainingState, TrainError> {
        let mut state = TrainingState::of_network(self.network().parameters().values()?);
        for (moment, path, values) in self.optimizer.moments() {
            let part = state.parts.entry(moment_part(moment)).or_default();
            part.insert(path.to_owned(), values.clone());
        }
        for (path, values) in self.average.iter().flat_map(|average| average.tensors()) {
            let part = state.parts.entry(TrainingState::AVERAGE.to_owned()).or_default();
            part.insert(path.to_owned(), values.clone());
        }
        Ok(state)
    }

    /// Goes on from a state. Parts that the state lacks stay as they are: moments and averages of a training that
    /// begins.
    ///
    /// # Errors
    /// If a part lacks a tensor, or a tensor is of another size.
    pub fn restore(&mut self, state: &TrainingState) -> Result<(), TrainError> {
        for (path, info) in self.network().parameters().iter() {
            let new = of_size(state.network(), path, info.var.elem_count())?;
            ops::update(&info.var, |values| values.copy_from_slice(new))?;
        }
        for (moment, path, values) in self.optimizer.moments_mut() {
            if let Some(part) = state.parts.get(&moment_part(moment)) {
                let new = of_size(part, path, values.len())?;
                values.copy_from_slice(new);
            }
        }
        for (path, values) in self.average.iter_mut().flat_map(|average| average.tensors_mut()) {
            if let Some(part) = state.parts.get(TrainingState::AVERAGE) {
                let new = of_size(part, path, values.len())?;
                values.copy_from_slice(new);
            }
        }
        Ok(())
    }
}

fn of_size<'a>(part: &'a Values, path: &str, size: usize) -> Result<&'a [f32], TrainError> {
    let found = part.get(path).filter(|values| values.len() == size);
    let missing = || candle_core::Error::Msg(format!("the state has no `{path}` of {size} values"));
    Ok(found.ok_or_else(missing)?)
}
