//! The stages of a search: trials, longer trainings of the front, derived files.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::atomic::AtomicBool;

use super::error::SearchRunError;
use super::options::{FinalResolution, SearchOptions};
use super::problem::CostProblem;
use super::progress::SearchEvent;
use super::record::{FinalRecord, Record, TrialRecord};
use super::view::{SearchView, front};
use crate::cost::Meter;
use crate::graph::LayerGraph;
use crate::journal::Journal;
use crate::latency::Bounds;
use crate::nn::{load_network, save_weights};
use crate::outcome::Outcome;
use crate::run::evaluate::{Evaluator, Fidelity, ShortTraining};
use crate::run::events::{Event, Events, Observer, RunKind};
use crate::run::execute::{Executor, Job, JobResult, catching};
use crate::run::folder::RunFolder;
use crate::run::images::Images;
use crate::run::inputs::Inputs;
use crate::run::model_card::{MODEL_CARD, ModelCard};
use crate::run::proxy;
use crate::run::training::{TestReport, Training, TrainingEvent, TrainingRunError, Trainings};
use crate::run::words::plural;
use crate::search::{self, Domain, Strategy, Trial};
use crate::space::SearchSpace;
use crate::spec::NetworkSpec;
use crate::train::TrainError;

/// The journal of a search.
pub(super) const JOURNAL: &str = "trials.jsonl";

/// A search with everything it needs.
pub struct SearchRun<'a> {
    /// Resolved options.
    pub options: &'a SearchOptions,
    /// Hashes of what they name, with copies of the space and the table.
    pub inputs: &'a Inputs,
    /// The command line, for the manifest.
    pub command: &'a [String],
    /// The search space.
    pub space: &'a SearchSpace,
    /// What costs are measured by, each with its budget, if it has one: one or more. The front is one of the first.
    pub meters: &'a [Meter<'a>],
    /// The images, with a part held out.
    pub images: &'a Images,
    /// What runs the trials.
    pub executor: &'a dyn Executor,
    /// Ends the run soon after it is set.
    pub stop: &'a AtomicBool,
    /// Takes its events.
    pub observer: &'a dyn Observer<SearchEvent>,
}

impl SearchOptions {
    /// What a candidate is trained by.
    pub(super) fn fidelity(&self) -> Fidelity {
        Fidelity { epochs: self.candidate.epochs }
    }
}

impl SearchRun<'_> {
    /// Runs the search in `folder`, going on where an earlier process stopped, and returns what the folder then holds.
    ///
    /// Everything that can be wrong with the options is told before the folder
    /// is made.
    ///
    /// # Errors
    /// See [`SearchRunError`].
    pub fn run(&self, folder: &Path) -> Result<SearchView, SearchRunError> {
        let problem = CostProblem::new(self.space, self.meters)?;
        let mut strategy = self.strategy(&problem)?;
        let folder = RunFolder::open(folder, RunKind::Search, self.options, self.inputs, self.command)?;
        let opened = Journal::open::<Record>(&folder.file(JOURNAL))?;
        let parts = (self.options.trials + self.options.finals) as u64;
        let events = Events::new(folder.path(), RunKind::Search, parts, self.observer);
        self.announce(&events, &problem, &opened.records, opened.dropped_bytes);
        let evaluator =
            ShortTraining { images: self.images, recipe: &self.options.candidate, stop: self.stop };
        let mut work = Work {
            run: self,
            problem: &problem,
            folder: &folder,
            evaluator: &evaluator,
            events: &events,
            journal: opened.journal,
        };
        let (known_trials, known_finals) = Record::partition(opened.records);
        let mut trials = Vec::new();
        let ended = work
            .search(strategy.as_mut(), known_trials, &mut trials)
            .and_then(|()| work.finals(&trials, known_finals));
        // What is finished can be looked at when the user stops the run.
        let ended = match ended {
            Ok(()) | Err(SearchRunError::Interrupted { .. } | SearchRunError::AllFailed { .. }) => ended,
            Err(error) => return Err(error),
        };
        let state = SearchView::read(&folder)?;
        state.derive(&folder)?;
        ended?;
        let front = state.front().len();
        events.tell(SearchEvent::Finished { folder: folder.path().display().to_string(), front });
        Ok(state)
    }

    fn strategy<'p>(&self, problem: &'p CostProblem<'_>) -> Result<Box<dyn Strategy + 'p>, SearchRunError> {
        let options = search::Options {
            reward: self.options.reward,
            ..search::Options::for_trials(self.options.trials)
        };
        let limit = self.objective().limit();
        Ok(search::build(self.options.strategy, problem, limit, self.options.seed, &options)?)
    }

    /// The side at which a network of the front is trained: what is exported is what was timed, where images are as
    /// large as that.
    fn final_side(&self, timed: &NetworkSpec) -> u32 {
        match self.options.final_resolution {
            Some(FinalResolution::Timed) => timed.resolution,
            Some(FinalResolution::Pixels(side)) => side,
            None if self.images.own_side() >= timed.resolution => timed.resolution,
            None => self.images.side(),
        }
    }

    /// What images are trained at, in a sentence for people.
    fn describe_sizes(&self, timed: &NetworkSpec) -> String {
        let (size, side) = (self.images.describe_size(), self.final_side(timed));
        match side == self.images.side() {
            true => size,
            false => format!("{size}; networks of the front are trained at {side}x{side}"),
        }
    }

    /// What the front is one of.
    fn objective(&self) -> &Meter<'_> {
        &self.meters[0]
    }

    /// The meter of the latencies that records and model cards state.
    fn latency(&self) -> Option<&Meter<'_>> {
        self.meters.iter().find(|meter| meter.table().is_some())
    }

    fn announce(
        &self,
        events: &Events<'_, SearchEvent>,
        problem: &CostProblem<'_>,
        records: &[Record],
        dropped_bytes: usize,
    ) {
        events.set(records.len() as u64, events.progress().1);
        events.tell(SearchEvent::Started {
            summary: self.summary(problem),
            trials: self.options.trials,
            finals: self.options.finals,
        });
        for message in self.bounds_of_another_space() {
            events.tell(SearchEvent::Warning { message });
        }
        if dropped_bytes > 0 {
            let message = format!(
                "the journal ended in the middle of a line; its last {dropped_bytes} bytes were dropped and that trial is run again"
            );
            events.tell(SearchEvent::Warning { message });
        }
        if !records.is_empty() {
            let trials = records.iter().filter(|r| matches!(r, Record::Trial(_))).count();
            events.tell(SearchEvent::Resumed { trials, finals: records.len() - trials });
        }
    }

    /// Warnings where a budget is to hold by the errors of networks that are none of this space.
    fn bounds_of_another_space(&self) -> Vec<String> {
        let space = &self.space.name;
        let warning = |meter: &Meter<'_>| {
            let (Bounds::Held(_), Some(table)) = (meter.bounds(), meter.table()) else { return None };
            let validated_on = table.header.entries.get("space").filter(|name| *name != space)?;
            Some(format!(
                "{} was validated on networks of {validated_on}: how far those of {space} may be off is not known as surely",
                table.name
            ))
        };
        self.meters.iter().filter_map(warning).collect()
    }

    fn summary(&self, problem: &CostProblem<'_>) -> Vec<String> {
        let spec = problem.decode(&problem.cheapest());
        let (search, validation, _) = self.images.counts();
        let meters: Vec<String> = self.meters.iter().map(Meter::description).collect();
        let objective = self.objective();
        let smallest =
            if self.options.budget.len() > 1 { "smallest found within them" } else { "smallest reachable" };
        vec![
            format!(
                "space {}: {:.1e} networks; {}, {smallest}: {}",
                self.space.name,
                self.space.size(),
                meters.join("; "),
                objective.enough_text(problem.smallest_cost())
            ),
            format!("a network is {}", proxy::describe(&spec, &self.images.proxy(&spec))),
            self.describe_sizes(&spec),
            format!(
                "{} search of {} networks, {} each on {search} images, scored on {validation} held out; seed {}",
                self.options.strategy,
                self.options.trials,
                plural(self.options.candidate.epochs as usize, "epoch"),
                self.options.seed
            ),
        ]
    }
}

/// A run at work.
struct Work<'a> {
    run: &'a SearchRun<'a>,
    problem: &'a CostProblem<'a>,
    folder: &'a RunFolder,
    evaluator: &'a dyn Evaluator,
    events: &'a Events<'a, SearchEvent>,
    journal: Journal,
}

impl Work<'_> {
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
                strategy.tell(trial.trial, trial.state.clone())?;
            }
        }
        if done.len() < wanted {
            let message =
                format!("the space has no more than {} different networks within the budget", done.len());
            self.events.tell(SearchEvent::Warning { message });
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
                    path: self.folder.file(JOURNAL).display().to_string(),
                    reason: format!("its trial {} is not the network this search proposes", record.trial),
                });
            }
            taken.push(record);
        }
        Ok(taken)
    }

    /// Runs trials as jobs; each is journalled in its turn.
    fn evaluate(
        &mut self,
        trials: &[Trial],
        generation: usize,
        done: &mut Vec<TrialRecord>,
    ) -> Result<(), SearchRunError> {
        let jobs = trials.iter().map(|trial| self.job(trial)).collect::<Result<Vec<_>, _>>()?;
        let (folder, evaluator, executor) = (self.folder, self.evaluator, self.run.executor);
        let mut ended = Ok(());
        let mut deliver = |index: usize, outcome: Result<Outcome, TrainError>| match outcome
            .map_err(SearchRunError::from)
            .and_then(|outcome| self.record(&trials[index], generation, outcome))
        {
            Ok(trial) => {
                done.push(trial);
                ControlFlow::Continue(())
            }
            Err(error) => {
                ended = Err(error);
                ControlFlow::Break(())
            }
        };
        let work = |job: &Job| run_here(folder, evaluator, job);
        executor.execute(&jobs, &work, &mut deliver).map_err(SearchRunError::Threads)?;
        ended.map_err(|error| match error {
            SearchRunError::Interrupted { .. } => SearchRunError::Interrupted { trials: done.len() },
            other => other,
        })
    }

    /// The job of a trial, written to the run folder for processes elsewhere.
    fn job(&self, trial: &Trial) -> Result<Job, SearchRunError> {
        let options = self.run.options;
        let network = self.run.images.proxy(&self.problem.decode(&trial.genotype)).to_toml();
        let job = Job { trial: trial.index, network, fidelity: options.fidelity(), seed: options.seed };
        self.folder.write_json(&Job::file(job.trial), &job)?;
        Ok(job)
    }

    /// Journals a trial. The files of its job are no longer needed then.
    fn record(
        &mut self,
        trial: &Trial,
        generation: usize,
        state: Outcome,
    ) -> Result<TrialRecord, SearchRunError> {
        let spec = self.problem.decode(&trial.genotype);
        let prediction = self.problem.predict(&spec)?;
        let graph = LayerGraph::lower(&spec);
        let cost = graph.cost();
        let bounds = self.run.latency().map(Meter::bounds);
        let mut record = TrialRecord {
            trial: trial.index,
            generation,
            genotype: trial.genotype.clone(),
            arch_id: spec.arch_id(),
            latency_ms: prediction.as_ref().map(|prediction| prediction.latency_ms),
            latency_stddev_ms: prediction.as_ref().map(|prediction| prediction.stddev_ms()),
            latency_upper_ms: prediction.as_ref().and_then(|prediction| bounds?.upper(prediction.latency_ms)),
            latency_interpolated_rows: prediction.as_ref().map(|prediction| prediction.estimated_rows()),
            params: cost.params,
            madds: cost.madds,
            costs: BTreeMap::new(),
            state,
        };
        for meter in self.run.meters {
            if record.cost(meter.column()).is_none() {
                record.costs.insert(meter.column().to_owned(), meter.cost(&graph)?);
            }
        }
        self.journal.append(&Record::Trial(record.clone()))?;
        for file in [Job::file(trial.index), Job::result_file(trial.index)] {
            // A file that stays is never read again: the journal comes first.
            let _ = std::fs::remove_file(self.folder.file(&file));
        }
        self.events.advance(SearchEvent::Trial(record.clone()));
        Ok(record)
    }

    /// Trains the chosen networks of the front longer, one after the other on
    /// all cores, and touches the test images once for each.
    fn finals(&mut self, trials: &[TrialRecord], known: Vec<FinalRecord>) -> Result<(), SearchRunError> {
        let front = front(trials, self.run.objective());
        let last_failure = trials.last().and_then(|trial| trial.state.failure());
        if let (true, Some(reason)) = (front.is_empty(), last_failure) {
            return Err(SearchRunError::AllFailed { reason: reason.to_owned() });
        }
        let chosen = spread(&front, self.run.options.finals);
        // A front may have fewer networks than were to be trained longer.
        self.events.set(self.events.progress().0, (trials.len() + chosen.len()) as u64);
        for (position, &index) in chosen.iter().enumerate() {
            let trial = &trials[index];
            if known.get(position).is_some_and(|record| record.arch_id == trial.arch_id) {
                continue;
            }
            let record = match catching(|| self.train_longer(trial)) {
                Ok(record) => record?,
                Err(panic) => FinalRecord::failed(trial, panic),
            };
            self.journal.append(&Record::Final(record.clone()))?;
            self.events.advance(SearchEvent::Final(record));
        }
        Ok(())
    }

    /// Trains a network of the front in a run folder of its own within this one.
    fn train_longer(&self, trial: &TrialRecord) -> Result<FinalRecord, SearchRunError> {
        let (run, options) = (self.run, self.run.options);
        let arch_id = &trial.arch_id;
        let spec = NetworkSpec {
            name: format!("{}_{arch_id}", run.space.name),
            ..self.problem.decode(&trial.genotype)
        };
        let images = run.images.at(run.final_side(&spec)).map_err(TrainingRunError::from)?.whole();
        let trained = images.proxy(&spec);
        let tell_epoch = |event: &Event<TrainingEvent>| {
            if let TrainingEvent::Epoch { epochs, record, .. } = &event.payload {
                self.events.tell(SearchEvent::Epoch {
                    arch_id: arch_id.to_string(),
                    epoch: record.epoch,
                    epochs: *epochs,
                    loss: record.train_loss,
                });
            }
        };
        let trainings = Trainings {
            data: &options.data,
            limit_images: options.limit_images,
            seed: options.seed,
            inputs: run.inputs,
            command: run.command,
            stop: run.stop,
        };
        let training = Training {
            folder: self.folder.network(arch_id, "training"),
            spec: &trained,
            images: &images,
            recipe: &options.final_recipe,
            recipe_name: &options.final_name,
            weights: None,
            teacher: None,
        };
        let report = match trainings.run(&training, &tell_epoch) {
            Ok(report) => report,
            Err(TrainingRunError::Diverged { reason, .. }) => return Ok(FinalRecord::failed(trial, reason)),
            Err(TrainingRunError::Interrupted { .. }) => {
                return Err(SearchRunError::Interrupted { trials: run.options.trials });
            }
            Err(error) => return Err(error.into()),
        };
        let file = |name: &str| format!("networks/{arch_id}/{name}");
        self.folder.write(&file("network.toml"), spec.to_toml().as_bytes())?;
        self.folder.write(&file("trained.toml"), trained.to_toml().as_bytes())?;
        let weights = load_network(LayerGraph::lower(&trained), &training.trained_weights(&report))?;
        save_weights(weights.parameters(), &self.folder.network(arch_id, "weights.safetensors"))?;
        self.folder.write_json(&file(MODEL_CARD), &self.card(trial, &spec, &trained, &report))?;
        Ok(FinalRecord { test_correct: report.correct, test_images: report.images, ..FinalRecord::of(trial) })
    }

    fn card(
        &self,
        trial: &TrialRecord,
        spec: &NetworkSpec,
        trained: &NetworkSpec,
        report: &TestReport,
    ) -> ModelCard {
        ModelCard {
            network: "trained.toml".to_owned(),
            weights: "weights.safetensors".to_owned(),
            normalisation: self.run.images.normalisation().clone(),
            classes: report.classes.clone(),
            data: self.run.options.data.clone(),
            validation_accuracy: trial.state.accuracy(),
            test_accuracy: report.accuracy,
            latency: None,
            proxy_of: None,
        }
        .of_networks(spec, trained, self.run.latency())
    }
}

/// The outcome of a job: of a process that ran it beside this one, or evaluated here.
fn run_here(folder: &RunFolder, evaluator: &dyn Evaluator, job: &Job) -> Result<Outcome, TrainError> {
    let elsewhere: Option<JobResult> = folder.json(&Job::result_file(job.trial)).ok().flatten();
    if let Some(result) = elsewhere.filter(|result| result.job == *job) {
        return Ok(result.outcome);
    }
    match NetworkSpec::from_toml("a job's network", &job.network) {
        Ok(network) => evaluator.evaluate(&network, job.fidelity, job.seed),
        Err(error) => Ok(Outcome::failed(error.to_string())),
    }
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
