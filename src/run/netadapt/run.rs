//! The stages of a run: seed, loop, final training, controls, report.

use std::path::Path;
use std::sync::atomic::AtomicBool;

use super::controls::Control;
use super::error::NetadaptRunError;
use super::finals::Finals;
use super::iterate::Loop;
use super::options::NetadaptOptions;
use super::progress::NetadaptEvent;
use super::race::Arena;
use super::view::{FINAL, NetadaptView, START, START_TEST, TRAINED};
use crate::graph::Values;
use crate::netadapt::{NetworkProblem, Problem};
use crate::nn::{Network, load_network, save_weights};
use crate::run::events::{Event, Events, Observer, RunKind};
use crate::run::folder::RunFolder;
use crate::run::images::Images;
use crate::run::inputs::Inputs;
use crate::run::model_card::{MODEL_CARD, ModelCard};
use crate::run::threads;
use crate::run::training::{TestReport, Training, TrainingEvent, Trainings};
use crate::spec::NetworkSpec;
use crate::train::{self, TrainError, evaluate};

/// The weights that everything starts from.
pub(super) const SEED_WEIGHTS: &str = "seed.safetensors";

/// Parts that the way to the budget is counted in, beside the epochs of the trainings before and after it.
pub(super) const WAY: u64 = 100;

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
    pub images: &'a Images,
    /// Values of the network; it is trained first where there are none.
    pub weights: Option<&'a Values>,
    /// Proposals at work at once.
    pub jobs: usize,
    /// Ends the run soon after it is set.
    pub stop: &'a AtomicBool,
    /// Takes its events.
    pub observer: &'a dyn Observer<NetadaptEvent>,
}

impl NetadaptRun<'_> {
    /// Runs the adaptation in `folder`, going on where an earlier process stopped, and returns what the folder then
    /// holds.
    ///
    /// # Errors
    /// See [`NetadaptRunError`].
    pub fn run(&self, folder: &Path) -> Result<NetadaptView, NetadaptRunError> {
        let graph = self.problem.trained_graph();
        let given = self.weights.map(|values| Network::with_values(graph.clone(), values));
        let given = given.transpose().map_err(TrainError::from)?;
        let folder = RunFolder::open(folder, RunKind::Netadapt, self.options, self.inputs, self.command)?;
        let events = Events::new(folder.path(), RunKind::Netadapt, self.parts(), self.observer);
        events.tell(NetadaptEvent::Started {
            summary: self.summary.to_vec(),
            resource: self.problem.resource(),
            budget: self.problem.budget(),
            limit: self.limit(),
        });
        for message in self.warnings {
            events.tell(NetadaptEvent::Warning { message: message.clone() });
        }
        let pool = threads::pool(threads::cores()).map_err(NetadaptRunError::Threads)?;
        let state = pool.install(|| self.run_stages(&folder, given, &events))?;
        events.tell(NetadaptEvent::Finished {
            folder: folder.path().display().to_string(),
            summary: state.summary()?,
        });
        Ok(state)
    }

    /// Epochs of the training before the loop.
    pub(super) fn epochs_before(&self) -> u64 {
        if self.weights.is_some() { 0 } else { self.options.seed_recipe.epochs.into() }
    }

    /// Parts of the work: the way to the budget, and epochs. Those of controls are not known before the loop ends.
    fn parts(&self) -> u64 {
        let trained = 1 + if self.options.controls { Control::ALL.len() as u64 } else { 0 };
        self.epochs_before() + WAY + trained * u64::from(self.options.final_recipe.epochs)
    }

    /// Cost of the network to start from.
    pub(super) fn start_cost(&self) -> f64 {
        self.problem.cost(&self.problem.seed()).expect("a problem prices its start")
    }

    /// Passes an event of a training within this run on as its own.
    pub(super) fn pass_on(
        &self,
        name: &str,
        event: &Event<TrainingEvent>,
        events: &Events<'_, NetadaptEvent>,
    ) {
        let name = name.to_owned();
        match &event.payload {
            TrainingEvent::Epoch { epochs, record, .. } => events.advance(NetadaptEvent::Epoch {
                name,
                epoch: record.epoch,
                epochs: *epochs,
                loss: record.train_loss,
                accuracy: record.train_accuracy,
            }),
            TrainingEvent::Resumed { epochs, .. } => {
                let (done, of) = events.progress();
                events.set(done + u64::from(*epochs), of);
            }
            TrainingEvent::Tested(report) => {
                events.tell(NetadaptEvent::Tested { name, accuracy: report.accuracy });
            }
            TrainingEvent::Warning { message } => {
                events.tell(NetadaptEvent::Warning { message: message.clone() });
            }
            TrainingEvent::Started { .. } | TrainingEvent::Finished { .. } => {}
        }
    }

    /// The most that a network may be predicted to cost.
    pub(super) fn limit(&self) -> f64 {
        self.problem.limit()
    }

    pub(super) fn trainings(&self) -> Trainings<'_> {
        Trainings {
            data: &self.options.data,
            limit_images: self.options.limit_images,
            seed: self.options.seed,
            inputs: self.inputs,
            command: self.command,
            stop: self.stop,
        }
    }

    fn run_stages(
        &self,
        folder: &RunFolder,
        given: Option<Network>,
        events: &Events<'_, NetadaptEvent>,
    ) -> Result<NetadaptView, NetadaptRunError> {
        let start = self.start(folder, given, events)?;
        let arena = Arena::new(
            self.problem,
            self.images,
            &self.options.short_recipe,
            self.options.importance,
            self.options.seed,
            self.jobs,
            self.stop,
        )?;
        let original = arena.original(start.parameters().values().map_err(TrainError::from)?)?;
        let narrowed = Loop { run: self, folder, events, arena: &arena, original: &original }.run()?;
        events.set(self.epochs_before() + WAY, events.progress().1);
        let finals =
            Finals { run: self, folder, events, arena: &arena, original: &original, narrowed: &narrowed };
        finals.train()?;
        let (network, trained) = self.networks(&narrowed.widths)?;
        folder.write("network.toml", network.to_toml().as_bytes())?;
        folder.write(TRAINED, trained.to_toml().as_bytes())?;
        folder.write_json(MODEL_CARD, &self.card(folder, &network, &trained)?)?;
        let state = NetadaptView::read(folder)?.expect("the loop has written the journal");
        state.derive(folder)?;
        Ok(state)
    }

    /// What the final training says of its weights, which lie here too.
    fn card(
        &self,
        folder: &RunFolder,
        network: &NetworkSpec,
        trained: &NetworkSpec,
    ) -> Result<ModelCard, NetadaptRunError> {
        let meter = self.problem.meters().iter().find(|meter| meter.table().is_some());
        let card: Option<ModelCard> = folder.json(&format!("{FINAL}/{MODEL_CARD}"))?;
        let card = card.expect("a finished training has a card");
        let (spec, weights) = (TRAINED.to_owned(), "weights.safetensors".to_owned());
        Ok(ModelCard { network: spec, weights, ..card }.of_networks(network, trained, meter))
    }

    /// The network to start from, trained where it was not given, and tested.
    fn start(
        &self,
        folder: &RunFolder,
        given: Option<Network>,
        events: &Events<'_, NetadaptEvent>,
    ) -> Result<Network, NetadaptRunError> {
        let path = folder.file(SEED_WEIGHTS);
        let spec = self.problem.trained();
        let Some(network) = given else {
            let images = self.images.without_validation();
            let training = Training {
                folder: folder.file(START),
                spec,
                images: &images,
                recipe: &self.options.seed_recipe,
                recipe_name: &self.options.recipe_name,
                weights: None,
                teacher: None,
            };
            let report = self.trainings().run(&training, &|event: &_| self.pass_on("seed", event, events))?;
            let weights = training.trained_weights(&report);
            let network = load_network(self.problem.trained_graph().clone(), &weights)?;
            save_weights(network.parameters(), &path)?;
            return Ok(network);
        };
        save_weights(network.parameters(), &path)?;
        if folder.json::<TestReport>(START_TEST)?.is_none() {
            let batch = self.options.seed_recipe.batch;
            let evaluation = evaluate(&network, &self.images.test(batch)?, &train::Control::new(self.stop))?;
            let report = TestReport {
                labels: self.images.test_labels().to_vec(),
                ..TestReport::new(SEED_WEIGHTS, 0, self.images.class_names(), &evaluation)
            };
            folder.write_json(START_TEST, &report)?;
            events.tell(NetadaptEvent::Tested { name: "seed".to_owned(), accuracy: report.accuracy });
        }
        Ok(network)
    }

    /// The networks of some widths that the loop has found to exist.
    pub(super) fn networks(&self, widths: &[u32]) -> Result<(NetworkSpec, NetworkSpec), NetadaptRunError> {
        let missing =
            || TrainError::from(candle_core::Error::Msg(format!("no network has the widths {widths:?}")));
        let (mut costed, mut trained) = self.problem.networks(widths).ok_or_else(missing)?;
        let budgets: String = self.options.budget.iter().map(|b| format!("_{}", b.file_name())).collect();
        for spec in [&mut costed, &mut trained] {
            spec.name += &budgets;
        }
        Ok((costed, trained))
    }
}
