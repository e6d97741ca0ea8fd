//! What comes after the loop: the final training of the result, and the networks that it is compared with.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::controls::{self, Control};
use super::error::NetadaptRunError;
use super::gains::{ADAPTED, Gain, NetworkResult};
use super::iterate::Narrowed;
use super::options::FinalTraining;
use super::progress::NetadaptEvent;
use super::race::{Arena, Original, Trained};
use super::run::{NetadaptRun, SEED_WEIGHTS};
use super::trainings::{Training, trained_weights};
use crate::graph::LayerGraph;
use crate::nn::{Network, load_network, save_weights};
use crate::run::folder::RunFolder;
use crate::run::training::Teacher;
use crate::run::training::TestReport;
use crate::train::{Recipe, TrainError};

/// The weights that the loop ended with.
const ADAPTED_WEIGHTS: &str = "adapted.safetensors";

/// The folder of the final training.
pub(super) const FINAL: &str = "final";

/// What comes after the loop.
pub(super) struct Finals<'a> {
    pub(super) run: &'a NetadaptRun<'a>,
    pub(super) folder: &'a RunFolder,
    pub(super) arena: &'a Arena<'a>,
    pub(super) original: &'a Original,
    pub(super) narrowed: &'a Narrowed,
}

/// The widths that a control chose, so that a run that goes on need not choose again.
#[derive(Serialize, Deserialize)]
struct Choice {
    /// None where it found no network within the budget.
    widths: Option<Vec<u32>>,
}

impl Finals<'_> {
    pub(super) fn results(&self, seed_test: TestReport) -> Result<Vec<NetworkResult>, NetadaptRunError> {
        let (run, narrowed) = (self.run, self.narrowed);
        let labels = run.images.test_labels();
        let result = |name: &str, widths: &[u32], report: &TestReport, trained_images: u64, gain| {
            let cost = self.arena.cost(widths).unwrap_or(f64::NAN);
            NetworkResult {
                name: name.to_owned(),
                cost,
                cost_upper: run.problem.bounds().upper(cost),
                costs: run.costs(widths),
                correct: report.correct,
                images: report.images,
                trained_images,
                gain,
            }
        };
        let recipe = &run.options.final_recipe;
        let all = narrowed.trained_images() + self.images_of(recipe);
        let start = self.folder.file(ADAPTED_WEIGHTS);
        self.save_network(&narrowed.widths, &narrowed.trained, &start)?;
        let adapted = self.train_from(ADAPTED, FINAL, &narrowed.widths, &start, recipe)?;
        let (_, spec) = run.networks(&narrowed.widths)?;
        let weights = trained_weights(&self.folder.file(FINAL), &adapted);
        let trained = load_network(LayerGraph::lower(&spec), &weights)?;
        save_weights(trained.parameters(), &self.folder.file("weights.safetensors"))?;
        let mut results = vec![
            result("seed", &narrowed.seed.widths, &seed_test, 0, None),
            result(ADAPTED, &narrowed.widths, &adapted, all, None),
        ];
        let controls = if run.options.controls { Control::ALL.as_slice() } else { &[] };
        for &control in controls {
            let Some((widths, report)) = self.control(control, all)? else {
                let message = format!("{}: no network within the budget was found", control.name());
                run.observer.notify(&NetadaptEvent::Warning { message });
                continue;
            };
            let gain = Some(Gain::of(&adapted, &report, labels));
            results.push(result(control.name(), &widths, &report, all, gain));
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
        let limit = run.limit();
        let chosen = match known {
            Some(choice) => choice.widths,
            None => {
                let found = match control {
                    Control::Random => controls::best_random(
                        self.arena,
                        self.original,
                        limit,
                        self.narrowed.trained_images(),
                    )?,
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
