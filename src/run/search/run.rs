//! `mbn-search` from resolved options to a finished run folder.

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::atomic::AtomicBool;

use super::derived;
use super::error::SearchRunError;
use super::options::SearchOptions;
use super::problem::LatencyProblem;
use super::progress::Event;
use super::record::{FinalRecord, Record, TrialRecord, TrialState};
use crate::graph::LayerGraph;
use crate::journal::Journal;
use crate::latency::{Bounds, LatencyTable};
use crate::nn::{Network, load_network, save_weights};
use crate::run::events::Observer;
use crate::run::execute::run_in_order;
use crate::run::folder::{FolderError, RunFolder};
use crate::run::images::Images;
use crate::run::inputs::Inputs;
use crate::run::proxy;
use crate::run::threads;
use crate::run::words::epochs;
use crate::search::{self, Domain, Strategy, Trial};
use crate::space::SearchSpace;
use crate::spec::NetworkSpec;
use crate::train::{Control, Recipe, Score, TrainError, evaluate, fit};

/// A search with everything it needs.
pub struct SearchRun<'a> {
    /// Resolved options.
    pub options: &'a SearchOptions,
    /// Hashes of what they name.
    pub inputs: &'a Inputs,
    /// The command line, for the manifest.
    pub command: &'a [String],
    /// The search space.
    pub space: &'a SearchSpace,
    /// The device's table.
    pub table: &'a LatencyTable,
    /// What is known of the error of its predictions.
    pub bounds: Bounds,
    /// The images.
    pub images: &'a Images,
    /// Networks to show beside the front.
    pub references: &'a [NetworkSpec],
    /// Trials at work at once.
    pub jobs: usize,
    /// Ends the run soon after it is set.
    pub stop: &'a AtomicBool,
    /// Listens.
    pub observer: &'a dyn Observer<Event>,
}

/// What a finished search found.
#[derive(Debug, Clone, PartialEq)]
pub struct SearchResult {
    /// All trials, in order.
    pub trials: Vec<TrialRecord>,
    /// Positions of the front's trials, fastest first.
    pub front: Vec<usize>,
    /// The networks trained longer, fastest first.
    pub finals: Vec<FinalRecord>,
}

impl SearchRun<'_> {
    /// Runs the search in `folder`, going on where an earlier process stopped.
    ///
    /// Everything that can be wrong with the options is told before the folder
    /// is made.
    ///
    /// # Errors
    /// See [`SearchRunError`].
    pub fn run(&self, folder: &Path) -> Result<SearchResult, SearchRunError> {
        let problem = LatencyProblem::new(self.space, self.table)?;
        let mut strategy = self.strategy(&problem)?;
        let run_toml = toml::to_string_pretty(self.options).unwrap_or_default();
        let folder = RunFolder::open(folder, &run_toml, self.inputs, self.command)?;
        let opened = Journal::open::<Record>(&folder.journal())?;
        self.announce(&problem, &opened.records, opened.dropped_bytes);
        let mut state = State { run: self, problem: &problem, folder: &folder, journal: opened.journal };
        let (known_trials, known_finals) = partition(opened.records);
        let (mut trials, mut finals) = (Vec::new(), Vec::new());
        let ended = state
            .search(strategy.as_mut(), known_trials, &mut trials)
            .and_then(|()| state.finals(&trials, known_finals, &mut finals));
        // What is finished can be looked at when the user stops the run.
        if matches!(
            ended,
            Ok(()) | Err(SearchRunError::Interrupted { .. } | SearchRunError::AllFailed { .. })
        ) {
            derived::write(&folder, self, &problem, &trials, &finals)?;
        }
        ended?;
        let front = derived::front(&trials);
        self.observer
            .notify(&Event::Finished { folder: folder.path().display().to_string(), front: front.len() });
        Ok(SearchResult { trials, front, finals })
    }

    fn strategy<'p>(
        &self,
        problem: &'p LatencyProblem<'_>,
    ) -> Result<Box<dyn Strategy + 'p>, SearchRunError> {
        let limit_ms = self.options.budget.map_or(f64::INFINITY, |budget| self.bounds.limit(budget.ms()));
        let options = search::Options {
            reward: self.options.reward,
            ..search::Options::for_trials(self.options.trials)
        };
        let strategy = search::build(self.options.strategy, problem, limit_ms, self.options.seed, &options);
        strategy.map_err(|error| self.in_terms_of_the_budget(error))
    }

    /// Strategies know the limit of predictions only.
    fn in_terms_of_the_budget(&self, error: search::SearchError) -> SearchRunError {
        let bounds = self.bounds;
        match (error, bounds, self.options.budget) {
            (search::SearchError::BudgetBelowFastest { fastest_ms, .. }, Bounds::Held(_), Some(budget)) => {
                SearchRunError::BudgetNotHeld { budget, bounds, fastest_ms }
            }
            (other, ..) => other.into(),
        }
    }

    fn announce(&self, problem: &LatencyProblem<'_>, records: &[Record], dropped_bytes: usize) {
        self.observer.notify(&Event::Started {
            summary: self.summary(problem),
            trials: self.options.trials,
            finals: self.options.finals,
        });
        if let Some(message) = self.bounds_of_another_space() {
            self.observer.notify(&Event::Warning { message });
        }
        if dropped_bytes > 0 {
            let message = format!(
                "the journal ended in the middle of a line; its last {dropped_bytes} bytes were dropped and that trial is run again"
            );
            self.observer.notify(&Event::Warning { message });
        }
        if !records.is_empty() {
            let trials = records.iter().filter(|r| matches!(r, Record::Trial(_))).count();
            self.observer.notify(&Event::Resumed { trials, finals: records.len() - trials });
        }
    }

    /// A warning where a budget is to hold by the errors of networks that are none of this space.
    fn bounds_of_another_space(&self) -> Option<String> {
        let (Bounds::Held(_), table, space) = (self.bounds, self.table, &self.space.name) else {
            return None;
        };
        let validated_on = table.header.entries.get("space").filter(|name| *name != space)?;
        Some(format!(
            "{} was validated on networks of {validated_on}: how far those of {space} may be off is not known as surely",
            table.name
        ))
    }

    fn summary(&self, problem: &LatencyProblem<'_>) -> Vec<String> {
        let spec = problem.decode(&problem.fastest());
        let (search, validation, _) = self.images.counts();
        let bounds = self.bounds;
        let budget = self.options.budget.map_or("no budget".to_owned(), |budget| {
            format!("budget {} ms{}", budget.ms(), bounds.beside_budget(budget.ms()))
        });
        let smallest_ms = problem.smallest_latency_ms();
        vec![
            format!(
                "space {}: {:.1e} networks; target {}: {}, {budget}, smallest reachable latency {smallest_ms:.1} ms{}",
                self.space.name,
                self.space.size(),
                self.table.name,
                self.table.header.device(),
                bounds.beside_prediction(smallest_ms)
            ),
            format!("a network is {}", proxy::describe(&spec, &self.images.proxy(&spec))),
            self.images.describe_size(),
            format!(
                "{} search of {} networks, {} each on {search} images, scored on {validation} held out; seed {}",
                self.options.strategy,
                self.options.trials,
                epochs(self.options.candidate.epochs),
                self.options.seed
            ),
        ]
    }
}

fn partition(records: Vec<Record>) -> (Vec<TrialRecord>, Vec<FinalRecord>) {
    let (mut trials, mut finals) = (Vec::new(), Vec::new());
    for record in records {
        match record {
            Record::Trial(trial) => trials.push(trial),
            Record::Final(record) => finals.push(record),
        }
    }
    (trials, finals)
}

/// A run at work.
struct State<'a> {
    run: &'a SearchRun<'a>,
    problem: &'a LatencyProblem<'a>,
    folder: &'a RunFolder,
    journal: Journal,
}

impl State<'_> {
    /// Asks for generations, takes known results over and evaluates the rest;
    /// `done` holds what is finished, however it ends.
    fn search(
        &mut self,
        strategy: &mut dyn Strategy,
        known: Vec<TrialRecord>,
        done: &mut Vec<TrialRecord>,
    ) -> Result<(), SearchRunError> {
        let wanted = self.run.options.trials;
        let mut known = known.into_iter();
        for generation in 0.. {
            let asked = strategy.ask(strategy.batch().min(wanted - done.len()));
            if asked.is_empty() {
                break;
            }
            let start = done.len();
            done.extend(self.take_known(&asked, &mut known)?);
            self.evaluate(&asked[done.len() - start..], generation, done)?;
            for trial in &done[start..] {
                strategy.tell(trial.trial, (&trial.state).into())?;
            }
        }
        if done.len() < wanted {
            let message =
                format!("the space has no more than {} different networks within the budget", done.len());
            self.run.observer.notify(&Event::Warning { message });
        }
        Ok(())
    }

    /// Results of this generation that the journal already holds.
    fn take_known(
        &self,
        asked: &[Trial],
        known: &mut impl Iterator<Item = TrialRecord>,
    ) -> Result<Vec<TrialRecord>, SearchRunError> {
        let mut taken = Vec::new();
        for (trial, record) in asked.iter().zip(known) {
            if record.trial != trial.index || record.genotype != trial.genotype {
                return Err(SearchRunError::OtherJournal {
                    path: self.folder.journal().display().to_string(),
                    reason: format!("its trial {} is not the network this search proposes", record.trial),
                });
            }
            taken.push(record);
        }
        Ok(taken)
    }

    fn evaluate(
        &mut self,
        trials: &[Trial],
        generation: usize,
        done: &mut Vec<TrialRecord>,
    ) -> Result<(), SearchRunError> {
        let (run, problem) = (self.run, self.problem);
        let mut ended = Ok(());
        let mut deliver = |_: usize, result: Result<TrialRecord, SearchRunError>| {
            let recorded = result.and_then(|trial| {
                self.journal.append(&Record::Trial(trial.clone()))?;
                Ok(trial)
            });
            match recorded {
                Ok(trial) => {
                    run.observer.notify(&Event::Trial(trial.clone()));
                    done.push(trial);
                    ControlFlow::Continue(())
                }
                Err(error) => {
                    ended = Err(error);
                    ControlFlow::Break(())
                }
            }
        };
        let work = |_: usize, trial: &Trial| try_network(run, problem, trial, generation);
        run_in_order(run.jobs, trials, work, &mut deliver).map_err(SearchRunError::Threads)?;
        ended.map_err(|error| match error {
            SearchRunError::Interrupted { .. } => SearchRunError::Interrupted { trials: done.len() },
            other => other,
        })
    }

    /// Trains the chosen networks of the front longer, one after the other on
    /// all cores, and touches the test images once for each.
    fn finals(
        &mut self,
        trials: &[TrialRecord],
        known: Vec<FinalRecord>,
        done: &mut Vec<FinalRecord>,
    ) -> Result<(), SearchRunError> {
        let front = derived::front(trials);
        if let (true, Some(TrialState::Failed { reason })) =
            (front.is_empty(), trials.last().map(|t| &t.state))
        {
            return Err(SearchRunError::AllFailed { reason: reason.clone() });
        }
        let pool = threads::pool(threads::cores()).map_err(SearchRunError::Threads)?;
        for (position, &index) in spread(&front, self.run.options.finals).iter().enumerate() {
            let trial = &trials[index];
            if let Some(record) = known.get(position).filter(|record| record.arch_id == trial.arch_id) {
                done.push(record.clone());
                continue;
            }
            let record = pool.install(|| self.train_longer(trial)).map_err(|error| match error {
                SearchRunError::Train(TrainError::Interrupted) => {
                    SearchRunError::Interrupted { trials: trials.len() }
                }
                other => other,
            })?;
            self.journal.append(&Record::Final(record.clone()))?;
            self.run.observer.notify(&Event::Final(record.clone()));
            done.push(record);
        }
        Ok(())
    }

    fn train_longer(&self, trial: &TrialRecord) -> Result<FinalRecord, SearchRunError> {
        let run = self.run;
        let arch_id = &trial.arch_id;
        let spec = NetworkSpec {
            name: format!("{}_{arch_id}", run.space.name),
            ..self.problem.decode(&trial.genotype)
        };
        let proxy = run.images.proxy(&spec);
        let recipe = &run.options.final_recipe;
        let on_epoch = |report: crate::train::EpochReport| {
            run.observer.notify(&Event::Epoch {
                arch_id: arch_id.to_string(),
                epoch: report.epoch,
                epochs: report.epochs,
                loss: report.loss,
            });
        };
        let record = FinalRecord {
            trial: trial.trial,
            arch_id: arch_id.clone(),
            test_correct: 0,
            test_images: 0,
            failure: None,
        };
        let network = match self.train_final(&proxy, &on_epoch) {
            Ok(network) => network,
            Err(error) if error.diverged_in().is_some() => {
                return Ok(FinalRecord { failure: Some(error.to_string()), ..record });
            }
            Err(error) => return Err(error.into()),
        };
        self.write_network(trial, "network.toml", &spec)?;
        self.write_network(trial, "trained.toml", &proxy)?;
        let weights = self.folder.network(arch_id, "weights.safetensors");
        save_weights(network.parameters(), &weights)?;
        // The network that is tested is the one that was saved.
        let reloaded = load_network(LayerGraph::lower(&proxy), &weights)?;
        let test = run.images.test(recipe.batch).map_err(TrainError::from)?;
        let score = evaluate(&reloaded, &test, &Control::new(run.stop))?.score();
        Ok(FinalRecord { test_correct: score.correct, test_images: score.total, ..record })
    }

    /// Trains a proxy on all training images.
    fn train_final(
        &self,
        proxy: &NetworkSpec,
        on_epoch: &(dyn Fn(crate::train::EpochReport) + Sync),
    ) -> Result<Network, TrainError> {
        let (run, recipe) = (self.run, &self.run.options.final_recipe);
        let network = Network::new(LayerGraph::lower(proxy), run.options.seed)?;
        let control = Control { on_epoch, ..Control::new(run.stop) };
        fit(&network, &run.images.whole().training(recipe.batch)?, recipe, run.options.seed, &control)?;
        Ok(network)
    }

    fn write_network(&self, trial: &TrialRecord, file: &str, spec: &NetworkSpec) -> Result<(), FolderError> {
        self.folder.write(&format!("networks/{}/{file}", trial.arch_id), spec.to_toml().as_bytes())
    }
}

/// Trains and scores one network.
fn try_network(
    run: &SearchRun<'_>,
    problem: &LatencyProblem<'_>,
    trial: &Trial,
    generation: usize,
) -> Result<TrialRecord, SearchRunError> {
    let spec = problem.decode(&trial.genotype);
    let prediction = problem.predict(&spec)?;
    let cost = LayerGraph::lower(&spec).cost();
    let proxy = run.images.proxy(&spec);
    let state = match try_candidate(run, &proxy, &run.options.candidate) {
        Ok(score) => TrialState::Scored { accuracy: score.accuracy() },
        Err(TrainError::Interrupted) => return Err(SearchRunError::Interrupted { trials: 0 }),
        Err(error) if error.ends_the_run() => return Err(error.into()),
        Err(error) => TrialState::Failed { reason: error.to_string() },
    };
    Ok(TrialRecord {
        trial: trial.index,
        generation,
        genotype: trial.genotype.clone(),
        arch_id: spec.arch_id(),
        latency_ms: prediction.latency_ms,
        latency_stddev_ms: prediction.stddev_ms(),
        latency_upper_ms: run.bounds.upper(prediction.latency_ms),
        latency_interpolated_rows: prediction.estimated_rows(),
        params: cost.params,
        madds: cost.madds,
        state,
    })
}

/// Trains a proxy on the search part and scores it on the held-out part.
fn try_candidate(run: &SearchRun<'_>, proxy: &NetworkSpec, recipe: &Recipe) -> Result<Score, TrainError> {
    let (images, seed, control) = (run.images, run.options.seed, Control::new(run.stop));
    let network = Network::new(LayerGraph::lower(proxy), seed)?;
    fit(&network, &images.training(recipe.batch)?, recipe, seed, &control)?;
    let held_out = images.validation(recipe.batch)?.expect("a search holds images out");
    Ok(evaluate(&network, &held_out, &control)?.score())
}

/// Up to `count` members of a front, evenly spread over it, both ends included.
fn spread(front: &[usize], count: usize) -> Vec<usize> {
    let count = count.min(front.len());
    match count {
        0 => Vec::new(),
        // The last one is the most accurate.
        1 => front.last().copied().into_iter().collect(),
        _ => (0..count).map(|i| front[i * (front.len() - 1) / (count - 1)]).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::spread;

    #[test]
    fn spread_keeps_both_ends_and_never_repeats() {
        assert_eq!(spread(&[5, 6, 7, 8], 2), [5, 8]);
        assert_eq!(spread(&[5, 6, 7, 8], 1), [8]);
        assert_eq!(spread(&[5, 6, 7, 8, 9], 3), [5, 7, 9]);
        assert_eq!(spread(&[5], 3), [5]);
        assert!(spread(&[], 3).is_empty());
        for len in 1..20 {
            let front: Vec<usize> = (0..len).collect();
            for count in 1..=len {
                let chosen = spread(&front, count);
                assert_eq!(chosen.len(), count);
                assert!(chosen.is_sorted_by(|a, b| a < b));
            }
        }
    }
}
