//! The stages of a run: seed, loop, final training, controls, report.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use miette::Diagnostic;
use serde::{Deserialize, Serialize};

use super::contest::{Arena, Entry, Original, Trained};
use super::controls::{self, Control};
use super::derived;
use super::gains::{Gain, NetworkResult};
use super::longer::{Training, Trainings, trained_weights};
use super::members_file::{self, MembersFileError};
use super::observer::NetadaptEvent;
use super::options::{FinalTraining, NetadaptOptions};
use super::record::{IterationRecord, Line, ProposalRecord, ProposalState, SeedRecord};
use super::summary::Summary;
use crate::data::DataError;
use crate::graph::LayerGraph;
use crate::netadapt::{Adaptation, AdaptationOptions, NetworkProblem, Problem, Round};
use crate::nn::{Network, WeightsError, load_weights, save_weights};
use crate::report::ReportError;
use crate::run::folder::{FolderError, RunFolder};
use crate::run::journal::{Journal, JournalError};
use crate::run::observer::Observer;
use crate::run::options::Inputs;
use crate::run::threads;
use crate::run::training::{Teacher, TrainingRunError};
use crate::run::training_images::TrainingImages;
use crate::run::training_report::TestReport;
use crate::spec::NetworkSpec;
use crate::train::{Control as TrainControl, Recipe, TrainError, evaluate};

/// Files and folders of a run.
const JOURNAL: &str = "iterations.jsonl";
const SEED_WEIGHTS: &str = "seed.safetensors";
const ADAPTED_WEIGHTS: &str = "adapted.safetensors";
const SEED_TEST: &str = "seed_test.json";

/// An adaptation ended without a result.
#[derive(Debug, thiserror::Error, Diagnostic)]
#[expect(missing_docs, reason = "the sources say it")]
pub enum NetadaptRunError {
    #[error(transparent)]
    Folder(#[from] FolderError),
    #[error(transparent)]
    Journal(#[from] JournalError),
    #[error(transparent)]
    Members(#[from] MembersFileError),
    #[error(transparent)]
    Weights(#[from] WeightsError),
    #[error(transparent)]
    Report(#[from] ReportError),
    #[error(transparent)]
    Data(#[from] DataError),
    #[error(transparent)]
    Train(TrainError),
    #[error(transparent)]
    #[diagnostic(transparent)]
    Training(TrainingRunError),
    #[error("cannot start threads: {0}")]
    Threads(std::io::Error),
    #[error("{} is the journal of another adaptation: {reason}; choose another --out, or delete the folder", path.display())]
    OtherJournal { path: PathBuf, reason: String },
    #[error("no proposal of iteration {iteration} has a result; the last one said: {reason}")]
    #[diagnostic(help("lower the learning rate in a copy of the recipe, and give it with --recipe"))]
    AllFailed { iteration: u32, reason: String },
    #[error(
        "there is no way from {from} to the budget: no group can be narrowed any further after {iterations} iterations"
    )]
    #[diagnostic(help("use a smaller --step, or a wider --beam"))]
    Stuck { from: String, iterations: u32 },
    /// Told to stop; everything finished so far is in the folder.
    #[error("interrupted; the same command goes on after the last whole iteration or epoch")]
    Interrupted,
}

impl From<TrainError> for NetadaptRunError {
    fn from(error: TrainError) -> Self {
        match error {
            TrainError::Interrupted => Self::Interrupted,
            other => Self::Train(other),
        }
    }
}

impl From<TrainingRunError> for NetadaptRunError {
    fn from(error: TrainingRunError) -> Self {
        match error {
            TrainingRunError::Interrupted { .. } => Self::Interrupted,
            other => Self::Training(other),
        }
    }
}

/// An adaptation with everything it needs.
pub struct NetadaptRun<'a> {
    /// Resolved options.
    pub options: &'a NetadaptOptions,
    /// Hashes of what they name.
    pub inputs: &'a Inputs,
    /// The command line, for the manifest.
    pub command: &'a [String],
    /// What the user should know before it begins.
    pub warnings: &'a [String],
    /// What the run is, one fact a line.
    pub summary: &'a [String],
    /// The widths of the network.
    pub problem: &'a NetworkProblem<'a>,
    /// The images, with a part held out.
    pub images: &'a TrainingImages,
    /// Weights of the network; it is trained first where there are none.
    pub weights: Option<&'a Path>,
    /// Proposals at work at once.
    pub jobs: usize,
    /// Name of what the cost is measured on, for plots.
    pub cost_label: &'a str,
    /// Ends the run soon after it is set.
    pub stop: &'a AtomicBool,
    /// Listens.
    pub observer: &'a dyn Observer<NetadaptEvent>,
}

/// What a finished adaptation found.
#[derive(Debug, Clone, PartialEq)]
pub struct NetadaptResult {
    /// The network whose cost counts.
    pub network: NetworkSpec,
    /// Everything else.
    pub summary: Summary,
}

impl NetadaptRun<'_> {
    /// Runs the adaptation in `folder`, going on where an earlier process stopped.
    ///
    /// # Errors
    /// See [`NetadaptRunError`].
    pub fn run(&self, folder: &Path) -> Result<NetadaptResult, NetadaptRunError> {
        // Weights of another network are told before anything is written.
        let given = self.weights.map(|weights| self.load(self.problem.trained(), weights)).transpose()?;
        let run_toml = toml::to_string_pretty(self.options).unwrap_or_default();
        let folder = RunFolder::open(folder, &run_toml, self.inputs, self.command)?;
        self.observer.notify(&NetadaptEvent::Started {
            summary: self.summary.to_vec(),
            resource: self.options.budget.resource,
            budget: self.options.budget.amount,
        });
        for message in self.warnings {
            self.observer.notify(&NetadaptEvent::Warning { message: message.clone() });
        }
        let pool = threads::pool(threads::cores()).map_err(NetadaptRunError::Threads)?;
        let result = pool.install(|| self.run_stages(&folder, given))?;
        self.observer.notify(&NetadaptEvent::Finished {
            folder: folder.path().display().to_string(),
            summary: result.summary.clone(),
        });
        Ok(result)
    }

    fn load(&self, spec: &NetworkSpec, weights: &Path) -> Result<Network, NetadaptRunError> {
        let network = Network::new(LayerGraph::lower(spec), self.options.seed).map_err(TrainError::from)?;
        load_weights(network.parameters(), weights)?;
        Ok(network)
    }

    fn trainings(&self) -> Trainings<'_> {
        Trainings {
            data: &self.options.data,
            seed: self.options.seed,
            inputs: self.inputs,
            command: self.command,
            stop: self.stop,
            observer: self.observer,
        }
    }

    fn run_stages(
        &self,
        folder: &RunFolder,
        given: Option<Network>,
    ) -> Result<NetadaptResult, NetadaptRunError> {
        let (seed_network, seed_test) = self.seed(folder, given)?;
        let arena = Arena::new(
            self.problem,
            self.images,
            &self.options.short_recipe,
            self.options.importance,
            self.options.seed,
            self.jobs,
            self.stop,
        )?;
        let values = seed_network.parameters().values().map_err(TrainError::from)?;
        let original = arena.original(values)?;
        let looped = Loop { run: self, folder, arena: &arena, original: &original }.run()?;
        let stages = Stages { run: self, folder, arena: &arena, original: &original, looped: &looped };
        let results = stages.results(seed_test)?;
        let (network, trained) = self.networks(&looped.widths)?;
        folder.write("network.toml", network.to_toml().as_bytes())?;
        folder.write("trained.toml", trained.to_toml().as_bytes())?;
        let summary = Summary::new(self.options, &looped.seed, &looped.iterations, &looped.widths, results);
        derived::write(folder, self, &looped.seed, &looped.iterations, &looped.widths, &summary)?;
        Ok(NetadaptResult { network, summary })
    }

    /// The network to start from, with its test.
    fn seed(
        &self,
        folder: &RunFolder,
        given: Option<Network>,
    ) -> Result<(Network, TestReport), NetadaptRunError> {
        let path = folder.file(SEED_WEIGHTS);
        let spec = self.problem.trained();
        let Some(network) = given else {
            let images = self.images.without_validation();
            let training = Training {
                name: "seed",
                folder: folder.file("seed"),
                spec,
                images: &images,
                recipe: &self.options.seed_recipe,
                recipe_name: &self.options.recipe_name,
                weights: None,
                teacher: None,
            };
            let report = self.trainings().run(&training)?;
            let network = self.load(spec, &trained_weights(&training.folder, &report))?;
            save_weights(network.parameters(), &path)?;
            return Ok((network, report));
        };
        save_weights(network.parameters(), &path)?;
        let known = std::fs::read(folder.file(SEED_TEST)).ok();
        if let Some(report) = known.and_then(|bytes| serde_json::from_slice(&bytes).ok()) {
            return Ok((network, report));
        }
        let batch = self.options.seed_recipe.batch;
        let evaluation = evaluate(&network, &self.images.test(batch)?, &TrainControl::new(self.stop))?;
        let report = TestReport::new(SEED_WEIGHTS, 0, self.images.class_names(), &evaluation);
        let mut text = serde_json::to_string_pretty(&report).unwrap_or_default();
        text.push('\n');
        folder.write(SEED_TEST, text.as_bytes())?;
        self.observer.notify(&NetadaptEvent::Tested { name: "seed".to_owned(), accuracy: report.accuracy });
        Ok((network, report))
    }

    /// The networks of some widths that the loop has found to exist.
    fn networks(&self, widths: &[u32]) -> Result<(NetworkSpec, NetworkSpec), NetadaptRunError> {
        let missing =
            || TrainError::from(candle_core::Error::Msg(format!("no network has the widths {widths:?}")));
        let (mut costed, mut trained) = self.problem.networks(widths).ok_or_else(missing)?;
        for spec in [&mut costed, &mut trained] {
            spec.name = format!("{}_{}", spec.name, self.options.budget);
        }
        Ok((costed, trained))
    }
}

/// The loop and what it leaves.
struct Loop<'a> {
    run: &'a NetadaptRun<'a>,
    folder: &'a RunFolder,
    arena: &'a Arena<'a>,
    original: &'a Original,
}

/// What the loop found.
struct Looped {
    seed: SeedRecord,
    iterations: Vec<IterationRecord>,
    widths: Vec<u32>,
    trained: Trained,
}

impl Looped {
    fn trained_images(&self) -> u64 {
        self.iterations.iter().map(|iteration| iteration.trained_images).sum()
    }
}

impl Loop<'_> {
    fn run(&self) -> Result<Looped, NetadaptRunError> {
        let run = self.run;
        let path = self.folder.file(JOURNAL);
        let opened = Journal::open::<Line>(&path)?;
        let mut journal = opened.journal;
        if opened.dropped_bytes > 0 {
            let message = format!(
                "the journal ended in the middle of a line; its last {} bytes were dropped and that iteration is run again",
                opened.dropped_bytes
            );
            run.observer.notify(&NetadaptEvent::Warning { message });
        }
        let seed = self.seed_record();
        let mut known = opened.records.into_iter();
        match known.next() {
            None => {
                self.save(0, &BTreeMap::from([(0, self.original.trained.clone())]))?;
                journal.append(&Line::Seed(seed.clone()))?;
            }
            Some(Line::Seed(before)) if before == seed => {}
            Some(_) => return Err(self.other_journal("it starts from another network")),
        }
        run.observer.notify(&NetadaptEvent::Seed(seed.clone()));
        let options = self.options();
        let mut adaptation =
            Adaptation::new(run.problem, options, seed.accuracy).ok_or_else(|| self.stuck(&seed, 0))?;
        let iterations = self.replay(&mut adaptation, known)?;
        let (iterations, mut members) = self.go_on(&mut adaptation, iterations, &mut journal)?;
        let failed = iterations.last().filter(|iteration| iteration.winner().is_none());
        if let (None, Some(iteration)) = (adaptation.best(), failed) {
            let reason = iteration.proposals.iter().rev().find_map(|proposal| match &proposal.state {
                ProposalState::Failed { reason } => Some(reason.clone()),
                _ => None,
            });
            return Err(NetadaptRunError::AllFailed {
                iteration: iteration.iteration,
                reason: reason.unwrap_or_else(|| "all were out of the race".to_owned()),
            });
        }
        let best = adaptation.best().ok_or_else(|| self.stuck(&seed, iterations.len() as u32))?;
        let trained =
            members.remove(&best.key).ok_or_else(|| self.other_journal("its weights are missing"))?;
        Ok(Looped { seed, iterations, widths: best.widths.clone(), trained })
    }

    fn options(&self) -> AdaptationOptions {
        let options = self.run.options;
        AdaptationOptions {
            limit: options.budget.amount,
            rule: options.rule,
            step: options.step,
            beam: options.beam,
            exchanges: options.regrow,
            fill: true,
            inherits: true,
            kept: options.beam.max(if options.regrow > 0 { 4 } else { 1 }),
            seed: options.seed,
        }
    }

    fn seed_record(&self) -> SeedRecord {
        let problem = self.run.problem;
        let widths = problem.seed();
        SeedRecord {
            arch_id: problem.costed().arch_id(),
            cost: problem.cost(&widths).unwrap_or(f64::NAN),
            accuracy: self.original.trained.accuracy(),
            images: self.original.trained.right.len(),
            groups: problem.groups().iter().map(|group| group.name.clone()).collect(),
            widths,
        }
    }

    /// Brings the loop to where the journal ends.
    fn replay(
        &self,
        adaptation: &mut Adaptation<'_>,
        known: impl Iterator<Item = Line>,
    ) -> Result<Vec<IterationRecord>, NetadaptRunError> {
        let mut iterations = Vec::new();
        for line in known {
            let Line::Iteration(record) = line else {
                return Err(self.other_journal("it starts twice"));
            };
            let round = adaptation.ask().filter(|round| {
                let proposed = round.proposals.iter().map(|proposal| &proposal.widths);
                proposed.eq(record.proposals.iter().map(|proposal| &proposal.widths))
            });
            let Some(round) = round else {
                let reason = format!("iteration {} is not what this run proposes", record.iteration);
                return Err(self.other_journal(&reason));
            };
            let outcomes: Vec<_> = record.proposals.iter().map(ProposalRecord::outcome).collect();
            adaptation.tell(&round, &outcomes);
            iterations.push(record);
        }
        if !iterations.is_empty() {
            self.run.observer.notify(&NetadaptEvent::Resumed { iterations: iterations.len() });
        }
        Ok(iterations)
    }

    fn go_on(
        &self,
        adaptation: &mut Adaptation<'_>,
        mut iterations: Vec<IterationRecord>,
        journal: &mut Journal,
    ) -> Result<(Vec<IterationRecord>, BTreeMap<u64, Trained>), NetadaptRunError> {
        let mut members = members_file::read(&self.state_file(iterations.len()))?;
        let mut next_key =
            1 + iterations.iter().map(|iteration| iteration.proposals.len() as u64).sum::<u64>();
        while let Some(round) = adaptation.ask() {
            let widths_of = adaptation.members().chain([adaptation.seed()]);
            let widths_of = widths_of.map(|member| (member.key, member.widths.clone())).collect();
            let on_heat = |heat: usize, proposals: usize| {
                self.run.observer.notify(&NetadaptEvent::Heat { iteration: round.number, heat, proposals });
            };
            let steps = self.run.options.short_steps;
            let entries = self.arena.contest(&round, &members, &widths_of, self.original, steps, &on_heat)?;
            let mut record = self.record(&round, &entries)?;
            let outcomes: Vec<_> = record.proposals.iter().map(ProposalRecord::outcome).collect();
            for at in adaptation.tell(&round, &outcomes) {
                record.proposals[at].chosen = true;
            }
            for (key, entry) in (next_key..).zip(entries) {
                members.extend(entry.trained.map(|trained| (key, trained)));
            }
            next_key += round.proposals.len() as u64;
            // Slopes of a beam refer to the seed.
            let compared_with_seed = self.run.options.beam > 1;
            members.retain(|key, _| {
                (*key == 0 && compared_with_seed) || adaptation.members().any(|member| member.key == *key)
            });
            self.save(iterations.len() + 1, &members)?;
            journal.append(&Line::Iteration(record.clone()))?;
            // Until the line is written, a killed run still needs the state before.
            let _ = std::fs::remove_file(self.state_file(iterations.len()));
            self.run.observer.notify(&NetadaptEvent::Iteration(record.clone()));
            iterations.push(record);
        }
        Ok((iterations, members))
    }

    fn record(&self, round: &Round, entries: &[Entry]) -> Result<IterationRecord, NetadaptRunError> {
        let groups = self.run.problem.groups();
        let mut proposals = Vec::with_capacity(entries.len());
        for (proposal, entry) in round.proposals.iter().zip(entries) {
            let (costed, _) = self.run.networks(&proposal.widths)?;
            let scored = entry.trained.as_ref();
            let state = match (&entry.failure, entry.finished) {
                (Some(reason), _) => ProposalState::Failed { reason: reason.clone() },
                (None, _) if proposal.is_pacer => ProposalState::Pacer,
                (None, true) => ProposalState::Scored,
                (None, false) => ProposalState::Lost,
            };
            let to = proposal.group.map(|group| proposal.widths[group]);
            proposals.push(ProposalRecord {
                parent: proposal.parent,
                group: proposal.group.map(|group| groups[group].name.clone()),
                from: proposal.from,
                to,
                widths: proposal.widths.clone(),
                arch_id: costed.arch_id(),
                cost: proposal.cost,
                accuracy: scored.map(Trained::accuracy),
                images: scored.map_or(0, |trained| trained.right.len()),
                steps: entry.steps,
                chosen: false,
                state,
            });
        }
        let steps: u64 = entries.iter().map(|entry| entry.steps).sum();
        Ok(IterationRecord {
            iteration: round.number,
            phase: round.phase,
            target: round.target,
            trained_images: steps * self.arena.recipe.batch.get() as u64,
            proposals,
        })
    }

    fn state_file(&self, iterations: usize) -> PathBuf {
        self.folder.file(&format!("state/{iterations:04}.safetensors"))
    }

    fn save(&self, iterations: usize, members: &BTreeMap<u64, Trained>) -> Result<(), NetadaptRunError> {
        Ok(members_file::write(&self.state_file(iterations), members)?)
    }

    fn stuck(&self, seed: &SeedRecord, iterations: u32) -> NetadaptRunError {
        NetadaptRunError::Stuck { from: self.run.options.budget.resource.show(seed.cost), iterations }
    }

    fn other_journal(&self, reason: &str) -> NetadaptRunError {
        NetadaptRunError::OtherJournal { path: self.folder.file(JOURNAL), reason: reason.to_owned() }
    }
}

/// What comes after the loop.
struct Stages<'a> {
    run: &'a NetadaptRun<'a>,
    folder: &'a RunFolder,
    arena: &'a Arena<'a>,
    original: &'a Original,
    looped: &'a Looped,
}

/// The widths that a control chose, so that a run that goes on need not choose again.
#[derive(Serialize, Deserialize)]
struct Choice {
    /// None where it found no network within the budget.
    widths: Option<Vec<u32>>,
}

impl Stages<'_> {
    fn results(&self, seed_test: TestReport) -> Result<Vec<NetworkResult>, NetadaptRunError> {
        let (run, looped) = (self.run, self.looped);
        let labels = run.images.test_labels();
        let result = |name: &str, cost: f64, report: &TestReport, trained_images: u64, gain| NetworkResult {
            name: name.to_owned(),
            cost,
            correct: report.correct,
            images: report.images,
            trained_images,
            gain,
        };
        let cost = self.arena.cost(&looped.widths).unwrap_or(f64::NAN);
        let recipe = &run.options.final_recipe;
        let all = looped.trained_images() + self.images_of(recipe);
        let adapted = self.train("NetAdapt", "final", &looped.widths, Some(&looped.trained), recipe)?;
        save_weights(
            run.load(
                &run.networks(&looped.widths)?.1,
                &trained_weights(&self.folder.file("final"), &adapted),
            )?
            .parameters(),
            &self.folder.file("weights.safetensors"),
        )?;
        let mut results = vec![
            result("seed", looped.seed.cost, &seed_test, 0, None),
            result("NetAdapt", cost, &adapted, all, None),
        ];
        let controls = if run.options.controls { Control::ALL.as_slice() } else { &[] };
        for &control in controls {
            let Some((widths, report)) = self.control(control, all)? else {
                let message = format!("{}: no network within the budget was found", control.name());
                run.observer.notify(&NetadaptEvent::Warning { message });
                continue;
            };
            let gain = Some(Gain::of(&adapted, &report, labels));
            let cost = self.arena.cost(&widths).unwrap_or(f64::NAN);
            results.push(result(control.name(), cost, &report, all, gain));
        }
        Ok(results)
    }

    /// Images that a recipe trains on.
    fn images_of(&self, recipe: &Recipe) -> u64 {
        u64::from(recipe.epochs) * self.run.images.whole().counts().0 as u64
    }

    fn control(
        &self,
        control: Control,
        images: u64,
    ) -> Result<Option<(Vec<u32>, TestReport)>, NetadaptRunError> {
        let (run, folder) = (self.run, format!("controls/{}", control.folder()));
        let recipe = &run.options.final_recipe;
        let chosen_file = format!("{folder}/choice.json");
        let known = std::fs::read(self.folder.file(&chosen_file)).ok();
        let known: Option<Choice> = known.and_then(|bytes| serde_json::from_slice(&bytes).ok());
        let start = self.folder.file(&format!("{folder}/start.safetensors"));
        let limit = run.options.budget.amount;
        let chosen = match known {
            Some(choice) => choice.widths,
            None => {
                let found = match control {
                    Control::Random => {
                        controls::best_random(self.arena, self.original, limit, self.looped.trained_images())?
                    }
                    fixed => controls::fixed_widths(fixed, run.problem, limit).map(|widths| {
                        let original = self.original;
                        let cut = self.arena.cut(&widths, &original.trained, &original.scores, original);
                        (widths, cut)
                    }),
                };
                if let Some((widths, trained)) = &found {
                    self.save_network(widths, trained, &start)?;
                }
                let choice = Choice { widths: found.map(|(widths, _)| widths) };
                self.folder.write(&chosen_file, &serde_json::to_vec(&choice).unwrap_or_default())?;
                choice.widths
            }
        };
        let Some(widths) = chosen else { return Ok(None) };
        // Random networks have had the loop's part of the images already.
        let recipe = match control {
            Control::Random => recipe.clone(),
            _ => {
                let epoch = run.images.whole().counts().0 as f64;
                Recipe { epochs: ((images as f64 / epoch).round() as u32).max(1), ..recipe.clone() }
            }
        };
        let report =
            self.train_from(control.name(), &format!("{folder}/training"), &widths, &start, &recipe)?;
        Ok(Some((widths, report)))
    }

    fn train(
        &self,
        name: &str,
        folder: &str,
        widths: &[u32],
        trained: Option<&Trained>,
        recipe: &Recipe,
    ) -> Result<TestReport, NetadaptRunError> {
        let start = self.folder.file(ADAPTED_WEIGHTS);
        if let Some(trained) = trained {
            self.save_network(widths, trained, &start)?;
        }
        self.train_from(name, folder, widths, &start, recipe)
    }

    fn train_from(
        &self,
        name: &str,
        folder: &str,
        widths: &[u32],
        start: &Path,
        recipe: &Recipe,
    ) -> Result<TestReport, NetadaptRunError> {
        let run = self.run;
        let (_, spec) = run.networks(widths)?;
        let images = run.images.whole();
        let teacher = recipe.distill.is_some().then(|| Teacher {
            spec: run.problem.trained().clone(),
            weights: self.folder.file(SEED_WEIGHTS),
        });
        let weights = match run.options.final_training {
            FinalTraining::Finetune => Some(start),
            FinalTraining::Scratch => None,
        };
        Ok(run.trainings().run(&Training {
            name,
            folder: self.folder.file(folder),
            spec: &spec,
            images: &images,
            recipe,
            recipe_name: &run.options.recipe_name,
            weights,
            teacher: teacher.as_ref(),
        })?)
    }

    fn save_network(&self, widths: &[u32], trained: &Trained, path: &Path) -> Result<(), NetadaptRunError> {
        let (_, spec) = self.run.networks(widths)?;
        let network = Network::with_values(LayerGraph::lower(&spec), trained.state.network())
            .map_err(TrainError::from)?;
        Ok(save_weights(network.parameters(), path)?)
    }
}
