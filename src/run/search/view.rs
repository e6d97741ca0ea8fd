//! A search as its folder tells it, at any time.

use super::derived;
use super::error::SearchRunError;
use super::options::SearchOptions;
use super::record::{FinalRecord, Record, TrialRecord};
use super::run::JOURNAL;
use crate::latency::{Bounds, LatencyTable};
use crate::run::folder::RunReader;
use crate::search;
use crate::space::SearchSpace;

/// The names of the inputs that a reader needs again.
pub(super) const SPACE: &str = "search space";
pub(super) const TABLE: &str = "latency table";

/// Everything that a search has found so far, and what it searched.
#[derive(Debug)]
pub struct SearchView {
    /// Resolved options.
    pub options: SearchOptions,
    /// The search space.
    pub space: SearchSpace,
    /// The device's table.
    pub table: LatencyTable,
    /// What is known of the error of its predictions.
    pub bounds: Bounds,
    /// All trials, in order.
    pub trials: Vec<TrialRecord>,
    /// The networks trained longer, fastest first.
    pub finals: Vec<FinalRecord>,
}

impl SearchView {
    /// Reads the folder of a search, which may be running.
    ///
    /// # Errors
    /// If a file of it cannot be read.
    pub fn read(run: &RunReader) -> Result<Self, SearchRunError> {
        let options: SearchOptions = run.options()?;
        let (file, text) = run.needed_input(TABLE)?;
        let unreadable = |file: &str, error: &dyn std::fmt::Display| run.unreadable(file, error);
        let table = LatencyTable::parse(&file, &text).map_err(|error| unreadable(&file, &error))?;
        let (file, text) = run.needed_input(SPACE)?;
        let space = SearchSpace::from_toml(&file, &text).map_err(|error| unreadable(&file, &error))?;
        let bounds =
            Bounds::of(&table, options.confidence).map_err(|error| unreadable(&table.name, &error))?;
        let (trials, finals) = Record::partition(run.records(JOURNAL)?);
        Ok(Self { options, space, table, bounds, trials, finals })
    }

    /// Positions of the trials on the front of accuracy against latency, fastest first.
    pub fn front(&self) -> Vec<usize> {
        front(&self.trials)
    }

    /// Writes `derived/`: a function of the folder alone.
    ///
    /// # Errors
    /// If a file cannot be written.
    pub fn derive(&self, run: &RunReader) -> Result<(), SearchRunError> {
        derived::write(run, self)
    }
}

/// Positions of the trials on the front of accuracy against latency, fastest first.
pub(super) fn front(trials: &[TrialRecord]) -> Vec<usize> {
    let point = |(index, trial): (usize, &TrialRecord)| {
        Some((index, search::Point::new(trial.state.accuracy()?, trial.latency_ms)?))
    };
    let scored: Vec<(usize, search::Point)> = trials.iter().enumerate().filter_map(point).collect();
    let points: Vec<search::Point> = scored.iter().map(|(_, point)| *point).collect();
    search::pareto_front(&points).into_iter().map(|position| scored[position].0).collect()
}
