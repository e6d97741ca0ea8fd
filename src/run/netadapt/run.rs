//! The stages of a run: seed, loop, final training, controls, report.

use std::path::Path;
use std::sync::atomic::AtomicBool;

use super::derived;
use super::error::NetadaptRunError;
use super::finals::{FINAL, Finals};
use super::iterate::Loop;
use super::options::NetadaptOptions;
use super::progress::NetadaptEvent;
use super::race::Arena;
use super::summary::Summary;
use super::trainings::{Training, Trainings, trained_weights};
use crate::graph::{LayerGraph, Values};
use crate::latency::Bounds;
use crate::netadapt::{Meter, NetworkProblem};
use crate::nn::{Network, load_network, save_weights};
use crate::run::events::Observer;
use crate::run::folder::{FolderError, RunFolder};
use crate::run::images::Images;
use crate::run::inputs::Inputs;
use crate::run::model_card::{CardBound, CardLatency, MODEL_CARD, ModelCard};
use crate::run::threads;
use crate::run::training::TestReport;
use crate::spec::NetworkSpec;
use crate::train::{Control, TrainError, evaluate};

/// The weights that everything starts from.
pub(super) const SEED_WEIGHTS: &str = "seed.safetensors";
/// How they do on the test images, where they were given.
const SEED_TEST: &str = "seed_test.json";

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
    /// What is known of the error of its costs.
    pub bounds: Bounds,
    /// The images, with a part held out.
    pub images: &'a Images,
    /// Values of the network; it is trained first where there are none.
    pub weights: Option<&'a Values>,
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
        let graph = self.problem.trained_graph();
        let given = self.weights.map(|values| Network::with_values(graph.clone(), values));
        let given = given.transpose().map_err(TrainError::from)?;
        let run_toml = toml::to_string_pretty(self.options).unwrap_or_default();
        let folder = RunFolder::open(folder, &run_toml, self.inputs, self.command)?;
        self.observer.notify(&NetadaptEvent::Started {
            summary: self.summary.to_vec(),
            resource: self.options.budget.resource,
            budget: self.options.budget.amount,
            limit: self.limit(),
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

    /// The most that a network may be predicted to cost.
    pub(super) fn limit(&self) -> f64 {
        self.bounds.limit(self.options.budget.amount)
    }

    pub(super) fn trainings(&self) -> Trainings<'_> {
        Trainings {
            data: &self.options.data,
            limit_images: self.options.limit_images,
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
        let narrowed = Loop { run: self, folder, arena: &arena, original: &original }.run()?;
        let finals = Finals { run: self, folder, arena: &arena, original: &original, narrowed: &narrowed };
        let results = finals.results(seed_test)?;
        let (network, trained) = self.networks(&narrowed.widths)?;
        folder.write("network.toml", network.to_toml().as_bytes())?;
        folder.write("trained.toml", trained.to_toml().as_bytes())?;
        let summary = Summary::new(self, &narrowed.seed, &narrowed.iterations, &narrowed.widths, results);
        folder.write_json(MODEL_CARD, &self.card(folder, &network)?)?;
        derived::write(folder, self, &narrowed.seed, &narrowed.iterations, &narrowed.widths, &summary)?;
        Ok(NetadaptResult { network, summary })
    }

    /// What the final training says of its weights, which lie here too, and the latency that was asked for.
    fn card(&self, folder: &RunFolder, network: &NetworkSpec) -> Result<ModelCard, NetadaptRunError> {
        let latency = match self.problem.meter() {
            Meter::Latency(table) => {
                table.predict(&LayerGraph::lower(network)).ok().map(|prediction| CardLatency {
                    device: table.header.device().to_owned(),
                    ms: prediction.latency_ms,
                    stddev_ms: prediction.stddev_ms(),
                    resolution: network.resolution,
                    bound: CardBound::of(self.bounds, prediction.latency_ms),
                })
            }
            Meter::Madds | Meter::Params => None,
        };
        let trained = folder.file(FINAL);
        let missing = || FolderError::Io {
            action: "read",
            path: trained.join(MODEL_CARD),
            source: std::io::ErrorKind::NotFound.into(),
        };
        Ok(ModelCard {
            network: "trained.toml".to_owned(),
            weights: "weights.safetensors".to_owned(),
            latency,
            ..ModelCard::read(&trained)?.ok_or_else(missing)?
        })
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
            let weights = trained_weights(&training.folder, &report);
            let network = load_network(self.problem.trained_graph().clone(), &weights)?;
            save_weights(network.parameters(), &path)?;
            return Ok((network, report));
        };
        save_weights(network.parameters(), &path)?;
        let known = std::fs::read(folder.file(SEED_TEST)).ok();
        if let Some(report) = known.and_then(|bytes| serde_json::from_slice(&bytes).ok()) {
            return Ok((network, report));
        }
        let batch = self.options.seed_recipe.batch;
        let evaluation = evaluate(&network, &self.images.test(batch)?, &Control::new(self.stop))?;
        let report = TestReport::new(SEED_WEIGHTS, 0, self.images.class_names(), &evaluation);
        folder.write_json(SEED_TEST, &report)?;
        self.observer.notify(&NetadaptEvent::Tested { name: "seed".to_owned(), accuracy: report.accuracy });
        Ok((network, report))
    }

    /// The networks of some widths that the loop has found to exist.
    pub(super) fn networks(&self, widths: &[u32]) -> Result<(NetworkSpec, NetworkSpec), NetadaptRunError> {
        let missing =
            || TrainError::from(candle_core::Error::Msg(format!("no network has the widths {widths:?}")));
        let (mut costed, mut trained) = self.problem.networks(widths).ok_or_else(missing)?;
        for spec in [&mut costed, &mut trained] {
            spec.name = format!("{}_{}", spec.name, self.options.budget);
        }
        Ok((costed, trained))
    }
}
