//! What comes after the loop: the final training of the result, and the networks that it is compared with.

use std::path::{Path, PathBuf};

use super::controls::{self, Control};
use super::error::NetadaptRunError;
use super::gains::ADAPTED;
use super::iterate::Narrowed;
use super::options::FinalTraining;
use super::progress::NetadaptEvent;
use super::race::{Arena, Original, Trained};
use super::run::{NetadaptRun, SEED_WEIGHTS};
use super::view::{Choice, FINAL};
use crate::graph::LayerGraph;
use crate::nn::{Network, load_network, save_weights};
use crate::run::events::Events;
use crate::run::folder::RunFolder;
use crate::run::training::{Teacher, Training};
use crate::train::{Recipe, TrainError};

/// The weights that the loop ended with.
const ADAPTED_WEIGHTS: &str = "adapted.safetensors";

/// What comes after the loop.
pub(super) struct Finals<'a> {
    pub(super) run: &'a NetadaptRun<'a>,
    pub(super) folder: &'a RunFolder,
    pub(super) events: &'a Events<'a, NetadaptEvent>,
    pub(super) arena: &'a Arena<'a>,
    pub(super) original: &'a Original,
    pub(super) narrowed: &'a Narrowed,
}

impl Finals<'_> {
    /// Trains the result and the controls to the end.
    pub(super) fn train(&self) -> Result<(), NetadaptRunError> {
        let (run, narrowed) = (self.run, self.narrowed);
        let recipe = &run.options.final_recipe;
        let all = self.searched_images() + self.images_of(recipe);
        let start = self.folder.file(ADAPTED_WEIGHTS);
        self.save_network(&narrowed.widths, &narrowed.trained, &start)?;
        let weights = self.train_from(ADAPTED, FINAL, &narrowed.widths, &start, recipe)?;
        let (_, spec) = run.networks(&narrowed.widths)?;
        let trained = load_network(LayerGraph::lower(&spec), &weights)?;
        save_weights(trained.parameters(), &self.folder.file("weights.safetensors"))?;
        let controls = if run.options.controls { Control::ALL.as_slice() } else { &[] };
        for &control in controls {
            if !self.control(control, all)? {
                let message = format!("{}: no network within the budget was found", control.name());
                self.events.tell(NetadaptEvent::Warning { message });
            }
        }
        Ok(())
    }

    /// Images that all proposals were trained on, all together.
    fn searched_images(&self) -> u64 {
        self.narrowed.iterations.iter().map(|iteration| iteration.trained_images).sum()
    }

    /// Images that a recipe trains on.
    fn images_of(&self, recipe: &Recipe) -> u64 {
        u64::from(recipe.epochs) * self.run.images.whole().counts().0 as u64
    }

    /// Trains a control on as many images; false where it finds no network within the budget.
    fn control(&self, control: Control, images: u64) -> Result<bool, NetadaptRunError> {
        let (run, folder) = (self.run, format!("controls/{}", control.folder()));
        let recipe = &run.options.final_recipe;
        let start = self.folder.file(&format!("{folder}/start.safetensors"));
        let limit = run.limit();
        let chosen = match Choice::read(self.folder, &folder)? {
            Some(choice) => choice.widths,
            None => {
                let found = match control {
                    Control::Random => {
                        controls::best_random(self.arena, self.original, limit, self.searched_images())?
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
                self.folder.write_json(&Choice::file(&folder), &choice)?;
                choice.widths
            }
        };
        let Some(widths) = chosen else { return Ok(false) };
        // Random networks have had the loop's part of the images already.
        let recipe = match control {
            Control::Random => recipe.clone(),
            _ => {
                let epoch = run.images.whole().counts().0 as f64;
                Recipe { epochs: ((images as f64 / epoch).round() as u32).max(1), ..recipe.clone() }
            }
        };
        let (done, of) = self.events.progress();
        self.events.set(done, of + u64::from(recipe.epochs) - u64::from(run.options.final_recipe.epochs));
        self.train_from(control.name(), &format!("{folder}/training"), &widths, &start, &recipe)?;
        Ok(true)
    }

    fn train_from(
        &self,
        name: &str,
        folder: &str,
        widths: &[u32],
        start: &Path,
        recipe: &Recipe,
    ) -> Result<PathBuf, NetadaptRunError> {
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
        let training = Training {
            folder: self.folder.file(folder),
            spec: &spec,
            images: &images,
            recipe,
            recipe_name: &run.options.recipe_name,
            weights,
            teacher: teacher.as_ref(),
        };
        let report = run.trainings().run(&training, &|event: &_| run.pass_on(name, event, self.events))?;
        Ok(training.trained_weights(&report))
    }

    fn save_network(&self, widths: &[u32], trained: &Trained, path: &Path) -> Result<(), NetadaptRunError> {
        let (_, spec) = self.run.networks(widths)?;
        let network = Network::with_values(LayerGraph::lower(&spec), trained.state.network())
            .map_err(TrainError::from)?;
        Ok(save_weights(network.parameters(), path)?)
    }
}
