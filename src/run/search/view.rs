//! A search as its folder tells it, at any time.

use super::derived;
use super::error::SearchRunError;
use super::options::SearchOptions;
use super::record::{FinalRecord, Record, TrialRecord};
use super::run::JOURNAL;
use crate::cost::Meter;
use crate::run::folder::RunReader;
use crate::run::tables::Tables;
use crate::search;
use crate::space::SearchSpace;

/// The name of the space among the inputs.
const SPACE: &str = "search space";

/// Everything that a search has found so far, and what it searched.
#[derive(Debug)]
pub struct SearchView {
    /// Resolved options.
    pub options: SearchOptions,
    /// The search space.
    pub space: SearchSpace,
    /// The latency tables.
    pub tables: Tables,
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
        let tables = Tables::of_run(run, &options.target, &options.budget)?;
        let (file, text) = run.needed_input(SPACE)?;
        let space = SearchSpace::from_toml(&file, &text).map_err(|error| run.unreadable(&file, error))?;
        let (trials, finals) = Record::partition(run.records(JOURNAL)?);
        Ok(Self { options, space, tables, trials, finals })
    }

    /// What costs are measured by, each with its budget, if it has one: one or more. The front is one of the first.
    pub fn meters(&self) -> Vec<Meter<'_>> {
        let Self { options, tables, .. } = self;
        Meter::of_budgets(&options.budget, &tables.targets, &tables.others, options.confidence, true)
            .expect("the run began with these budgets and tables")
    }

    /// Positions of the trials on the front of accuracy against the first meter's costs, cheapest first.
    pub fn front(&self) -> Vec<usize> {
        front(&self.trials, &self.meters()[0])
    }

    /// Writes `derived/`: a function of the folder alone.
    ///
    /// # Errors
    /// If a file cannot be written.
    pub fn derive(&self, run: &RunReader) -> Result<(), SearchRunError> {
        derived::write(run, self)
    }
}

/// Positions of the trials on the front of accuracy against the meter's costs, cheapest first.
pub(super) fn front(trials: &[TrialRecord], objective: &Meter<'_>) -> Vec<usize> {
    let point = |(index, trial): (usize, &TrialRecord)| {
        Some((index, search::Point::new(trial.state.accuracy()?, trial.cost(objective.column())?)?))
    };
    let scored: Vec<(usize, search::Point)> = trials.iter().enumerate().filter_map(point).collect();
    let points: Vec<search::Point> = scored.iter().map(|(_, point)| *point).collect();
    search::pareto_front(&points).into_iter().map(|position| scored[position].0).collect()
}
