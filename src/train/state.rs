//! The state of a training as plain values, for what works on weights between two trainings.

use std::collections::BTreeMap;

use super::{TrainError, Trainer};
use crate::graph::Values;
use crate::nn::ops;

/// What decides how a training goes on, without its place in the schedule.
///
/// The parts are `network` (weights and batch-norm statistics), `optimizer.<moment>` for each moment of the update
/// rule, and `average` where the recipe keeps one. Each holds values by the path of the network's tensors and of their
/// shapes, so that what is done to the weights can be done to all.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TrainingState {
    /// The parts by name.
    pub parts: BTreeMap<String, Values>,
}

impl TrainingState {
    /// The part that holds the network.
    pub const NETWORK: &'static str = "network";
    const AVERAGE: &'static str = "average";

    /// A training that begins from these weights.
    pub fn of_network(values: Values) -> Self {
        Self { parts: BTreeMap::from([(Self::NETWORK.to_owned(), values)]) }
    }

    /// Weights and batch-norm statistics.
    pub fn network(&self) -> &Values {
        static NONE: Values = Values::new();
        self.parts.get(Self::NETWORK).unwrap_or(&NONE)
    }
}

impl Trainer<'_> {
    /// The state of this training.
    ///
    /// # Errors
    /// If a tensor cannot be read.
    pub fn state(&self) -> Result<TrainingState, TrainError> {
        let mut state = TrainingState::of_network(self.network().parameters().values()?);
        for (name, _, values) in self.optimizer.moments() {
            let (moment, path) = name.split_once('.').unwrap_or((&name, ""));
            let part = state.parts.entry(format!("optimizer.{moment}")).or_default();
            part.insert(path.to_owned(), values.to_vec());
        }
        for (path, _, values) in self.average.iter().flat_map(|average| average.tensors()) {
            let part = state.parts.entry(TrainingState::AVERAGE.to_owned()).or_default();
            part.insert(path.to_owned(), values.to_vec());
        }
        Ok(state)
    }

    /// Goes on from a state. What the state lacks stays as it is: moments and averages of a training that begins.
    ///
    /// # Errors
    /// If a value is of another size than its tensor.
    pub fn restore(&mut self, state: &TrainingState) -> Result<(), TrainError> {
        let find = |part: &str, path: &str| state.parts.get(part).and_then(|values| values.get(path));
        let other_size =
            |path: &str| candle_core::Error::Msg(format!("the state of `{path}` has another size"));
        for (path, info) in self.network().parameters().iter() {
            let Some(new) = find(TrainingState::NETWORK, path) else { continue };
            if new.len() != info.var.elem_count() {
                return Err(other_size(path).into());
            }
            ops::update(&info.var, |values| values.copy_from_slice(new))?;
        }
        let names: Vec<String> = self.optimizer.moments().map(|(name, _, _)| name).collect();
        for (name, moment) in names.iter().zip(self.optimizer.moments_mut()) {
            let (kind, path) = name.split_once('.').unwrap_or((name, ""));
            let Some(new) = find(&format!("optimizer.{kind}"), path) else { continue };
            if new.len() != moment.len() {
                return Err(other_size(path).into());
            }
            moment.clone_from(new);
        }
        if let Some(average) = &mut self.average {
            let paths: Vec<String> = average.tensors().map(|(path, _, _)| path.to_owned()).collect();
            for (path, values) in paths.iter().zip(average.values_mut()) {
                let Some(new) = find(TrainingState::AVERAGE, path) else { continue };
                if new.len() != values.len() {
                    return Err(other_size(path).into());
                }
                values.clone_from(new);
            }
        }
        Ok(())
    }
}
