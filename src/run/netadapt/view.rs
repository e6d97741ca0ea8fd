//! A narrowing as its folder tells it, at any time.

use std::collections::BTreeMap;

use super::controls::Control;
use super::derived;
use super::error::NetadaptRunError;
use super::gains::{ADAPTED, Gain, NetworkResult};
use super::iterate::JOURNAL;
use super::options::NetadaptOptions;
use super::record::{IterationRecord, Line, SeedRecord};
use super::summary::Summary;
use crate::cost::{Meter, Resource};
use crate::netadapt::{NetworkProblem, Problem};
use crate::run::folder::{FolderError, RunReader};
use crate::run::tables::Tables;
use crate::run::training::{TEST, TestReport};
use crate::spec::NetworkSpec;

/// The names of the inputs that a reader needs again.
pub const NETWORK: &str = "network";
/// See [`NETWORK`]: the form of it that is trained on the images at hand.
pub const TRAINED_NETWORK: &str = "trained network";

/// How the start does on the test images, where its weights were given.
pub(super) const START_TEST: &str = "seed_test.json";
/// The folder of the training of the start, where no weights were given.
pub(super) const START: &str = "seed";
/// The folder of the final training.
pub(super) const FINAL: &str = "final";
/// The form of the result that its weights belong to.
pub(super) const TRAINED: &str = "trained.toml";

/// Everything that a narrowing has found so far, and what it narrows.
#[derive(Debug)]
pub struct NetadaptView {
    /// Resolved options.
    pub options: NetadaptOptions,
    /// The start as its cost counts.
    pub costed: NetworkSpec,
    /// The start as it is trained.
    pub trained: NetworkSpec,
    /// The latency tables.
    pub tables: Tables,
    /// The first line of the journal.
    pub start: SeedRecord,
    /// All others.
    pub iterations: Vec<IterationRecord>,
    /// The networks that were trained to the end so far.
    pub results: Vec<NetworkResult>,
    /// Widths of the result so far.
    pub widths: Vec<u32>,
}

impl NetadaptView {
    /// Reads the folder of a narrowing, which may be running; none where its first network is not trained yet.
    ///
    /// # Errors
    /// If a file of it cannot be read.
    pub fn read(run: &RunReader) -> Result<Option<Self>, NetadaptRunError> {
        let options: NetadaptOptions = run.options()?;
        let spec = |name| {
            let (file, text) = run.needed_input(name)?;
            NetworkSpec::from_toml(&file, &text).map_err(|error| run.unreadable(&file, error))
        };
        let (costed, trained) = (spec(NETWORK)?, spec(TRAINED_NETWORK)?);
        let tables = Tables::of_run(run, &options.target, &options.budget)?;
        let mut lines = run.records::<Line>(JOURNAL)?.into_iter();
        let start = match lines.next() {
            Some(Line::Seed(start)) => start,
            None => return Ok(None),
            Some(Line::Iteration(_)) => {
                return Err(run.unreadable(JOURNAL, "it does not begin with the start network").into());
            }
        };
        let iterations = lines.filter_map(|line| match line {
            Line::Iteration(iteration) => Some(iteration),
            Line::Seed(_) => None,
        });
        let mut state = Self {
            iterations: iterations.collect(),
            widths: start.widths.clone(),
            results: Vec::new(),
            options,
            costed,
            trained,
            tables,
            start,
        };
        let problem = state.problem()?;
        let widths = state.result_widths(run, &problem)?;
        let results = state.results(run, &problem, &widths)?;
        drop(problem);
        (state.widths, state.results) = (widths, results);
        Ok(Some(state))
    }

    /// The widths of the start as a problem.
    ///
    /// # Errors
    /// If the table lacks rows, which it did not when the run began.
    pub fn problem(&self) -> Result<NetworkProblem<'_>, NetadaptRunError> {
        let Self { options, tables, .. } = self;
        let meters =
            Meter::of_budgets(&options.budget, &tables.targets, &tables.others, options.confidence, false)
                .expect("the run began with these budgets and tables");
        Ok(NetworkProblem::new(self.costed.clone(), self.trained.clone(), meters)?)
    }

    /// Those of the result, else of the last network that the loop chose.
    fn result_widths(
        &self,
        run: &RunReader,
        problem: &NetworkProblem<'_>,
    ) -> Result<Vec<u32>, NetadaptRunError> {
        if run.file(TRAINED).exists() {
            let spec = NetworkSpec::from_toml(TRAINED, &run.text(TRAINED)?)
                .map_err(|error| run.unreadable(TRAINED, error))?;
            let widths = problem.widths_of(&spec);
            return Ok(
                widths.ok_or_else(|| run.unreadable(TRAINED, "it is not the start with other widths"))?
            );
        }
        let last = self.iterations.iter().rev().find_map(IterationRecord::winner);
        Ok(last.map_or_else(|| self.start.widths.clone(), |winner| winner.widths.clone()))
    }

    /// The start where it was tested, then the result and what it is compared with.
    fn results(
        &self,
        run: &RunReader,
        problem: &NetworkProblem<'_>,
        adapted_widths: &[u32],
    ) -> Result<Vec<NetworkResult>, NetadaptRunError> {
        let result = |name: &str, widths: &[u32], report: &TestReport, trained_images: u64, gain| {
            let unknown = || run.unreadable(JOURNAL, format!("no network has the widths {widths:?}"));
            let cost = problem.cost(widths).ok_or_else(unknown)?;
            let (cost_upper, costs) = (problem.bounds().upper(cost), each_cost(problem, widths));
            let (correct, images) = (report.correct, report.images);
            let name = name.to_owned();
            Ok(NetworkResult { name, cost, cost_upper, costs, correct, images, trained_images, gain })
        };
        let test = |folder: &str| run.json::<TestReport>(&format!("{folder}/{TEST}"));
        let start = match run.json(START_TEST)? {
            None => test(START)?,
            given => given,
        };
        let start = start.iter().map(|report| result("seed", &self.start.widths, report, 0, None));
        let mut results = start.collect::<Result<Vec<NetworkResult>, NetadaptRunError>>()?;
        let Some(adapted) = test(FINAL)? else { return Ok(results) };
        let all = self.searched_images() + adapted.trained_images;
        results.push(result(ADAPTED, adapted_widths, &adapted, all, None)?);
        for control in Control::ALL {
            let folder = format!("controls/{}", control.folder());
            let Some(report) = test(&format!("{folder}/training"))? else { continue };
            if let Some(widths) = Choice::read(run, &folder)?.and_then(|choice| choice.widths) {
                let gain = Gain::of(&adapted, &report);
                results.push(result(control.name(), &widths, &report, all, Some(gain))?);
            }
        }
        Ok(results)
    }

    /// Images that all proposals were trained on, all together.
    pub fn searched_images(&self) -> u64 {
        self.iterations.iter().map(|iteration| iteration.trained_images).sum()
    }

    /// Everything that was found.
    ///
    /// # Errors
    /// As [`Self::problem`].
    pub fn summary(&self) -> Result<Summary, NetadaptRunError> {
        Ok(Summary::new(self, &self.problem()?))
    }

    /// Writes `derived/`: a function of the folder alone.
    ///
    /// # Errors
    /// If a file cannot be written.
    pub fn derive(&self, run: &RunReader) -> Result<(), NetadaptRunError> {
        derived::write(run, self)
    }
}

/// What a network costs by each meter, where the cost is not that of a single one.
fn each_cost(problem: &NetworkProblem<'_>, widths: &[u32]) -> BTreeMap<String, f64> {
    if problem.resource() != Resource::Share {
        return BTreeMap::new();
    }
    let columns = problem.meters().iter().map(|meter| meter.column().to_owned());
    columns.zip(problem.costs(widths).into_iter().flatten()).collect()
}

/// The widths that a control chose, so that a run that goes on need not choose again.
#[derive(serde::Serialize, serde::Deserialize)]
pub(super) struct Choice {
    /// None where it found no network within the budget.
    pub(super) widths: Option<Vec<u32>>,
}

impl Choice {
    /// The choice of the control with that folder, if it has chosen.
    pub(super) fn read(run: &RunReader, folder: &str) -> Result<Option<Self>, FolderError> {
        run.json(&Self::file(folder))
    }

    /// Where the choice lies.
    pub(super) fn file(folder: &str) -> String {
        format!("{folder}/choice.json")
    }
}
