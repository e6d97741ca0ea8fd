//! The training loop, epoch by epoch.

use std::ops::Range;

use super::average::Average;
use super::clip::clip_norm;
use super::evaluate::{Evaluation, evaluate_with};
use super::objective::Objective;
use super::optimizer::Optimizer;
use super::recalibrate::recalibrate;
use super::{Control, EpochReport, Recipe, Score, StepReport, TrainError};
use crate::data::{Batch, Loader};
use crate::nn::{Engine, Mode, Network, ops};

/// A training between two epochs.
///
/// Everything that decides how it goes on is the network, the optimizer's moments, the average and the number of
/// epochs done: [`super::save_checkpoint`] writes these.
pub struct Trainer<'a> {
    network: &'a Network,
    images: &'a Loader,
    recipe: &'a Recipe,
    seed: u64,
    engine: Engine,
    objective: Objective,
    pub(super) optimizer: Optimizer,
    pub(super) average: Option<Average>,
    pub(super) epochs_done: u32,
}

impl<'a> Trainer<'a> {
    /// Before the first epoch. `network` is trained in place.
    ///
    /// # Errors
    /// If the recipe distils and there is no teacher or the other way round, or memory ran out.
    pub fn new(
        network: &'a Network,
        images: &'a Loader,
        recipe: &'a Recipe,
        seed: u64,
        teacher: Option<&Network>,
    ) -> Result<Self, TrainError> {
        let parameters = network.parameters();
        Ok(Self {
            network,
            images,
            recipe,
            seed,
            engine: Engine::new(network, recipe.batch.get())?,
            objective: Objective::new(recipe, images.dataset().classes(), teacher)?,
            optimizer: Optimizer::new(parameters, recipe),
            average: recipe.ema.map(|decay| Average::new(parameters, decay)).transpose()?,
            epochs_done: 0,
        })
    }

    /// The network at work.
    pub fn network(&self) -> &'a Network {
        self.network
    }

    /// Number of epochs trained so far.
    pub fn epochs_done(&self) -> u32 {
        self.epochs_done
    }

    /// Trains one epoch.
    ///
    /// # Errors
    /// If training diverges or is interrupted, or the images do not fit the network. The network is then somewhere
    /// within the epoch.
    pub fn train_epoch(&mut self, control: &Control<'_>) -> Result<EpochReport, TrainError> {
        let epoch = self.epochs_done + 1;
        let steps = self.images.training_steps() as u64;
        let first = u64::from(self.epochs_done) * steps;
        let (mut loss_sum, mut total) = (0.0, Score { correct: 0, total: 0 });
        let batches = self.images.training(self.recipe.augment, self.seed, u64::from(self.epochs_done));
        let mut batches = batches.prefetch()?;
        for (index, batch) in (0u64..).zip(&mut batches) {
            control.check()?;
            let batch = batch?;
            let (loss, score) = self.step(&batch, first + index, steps)?;
            if !loss.is_finite() {
                return Err(TrainError::Diverged { loss, epoch, step: index + 1 });
            }
            loss_sum += loss * score.total as f64;
            total.correct += score.correct;
            total.total += score.total;
            let loss = loss_sum / total.total as f64;
            (control.on_step)(StepReport { epoch, images: batch.len(), loss, accuracy: total.accuracy() });
        }
        self.check_finite(epoch)?;
        self.epochs_done = epoch;
        Ok(EpochReport {
            epoch,
            epochs: self.recipe.epochs,
            learning_rate: self.recipe.learning_rate_at((first + steps).saturating_sub(1), steps),
            loss: loss_sum / total.total.max(1) as f64,
            accuracy: total.accuracy(),
            waits: batches.waits(),
        })
    }

    /// Trains some steps, counted from 0 over all epochs: step `s` sees the batch that a training of whole epochs would
    /// see in it. Epochs done are not counted.
    ///
    /// # Errors
    /// As [`Self::train_epoch`].
    pub fn train_steps(&mut self, steps: Range<u64>, control: &Control<'_>) -> Result<(), TrainError> {
        let per_epoch = self.images.training_steps() as u64;
        let mut next = steps.start;
        while next < steps.end {
            let (epoch, first) = (next / per_epoch, (next % per_epoch) as usize);
            let batches = self.images.training(self.recipe.augment, self.seed, epoch).starting_at(first);
            for batch in batches.take((steps.end - next) as usize) {
                control.check()?;
                let (loss, _) = self.step(&batch?, next, per_epoch)?;
                if !loss.is_finite() {
                    return Err(TrainError::Diverged {
                        loss,
                        epoch: epoch as u32 + 1,
                        step: next % per_epoch + 1,
                    });
                }
                next += 1;
            }
        }
        self.check_finite((next / per_epoch) as u32 + 1)
    }

    /// One step, counted from 0: loss and score of its batch. Where the loss is not a number, the weights are left alone.
    fn step(&mut self, batch: &Batch, step: u64, steps_per_epoch: u64) -> Result<(f64, Score), TrainError> {
        let logits =
            self.engine.forward(&batch.pixels, batch.shape, Mode::Train { seed: self.seed, step })?;
        let (loss, score) = self.objective.compute(logits, batch)?;
        if loss.is_finite() {
            self.engine.backward(self.objective.dlogits())?;
            if let Some(largest) = self.recipe.clip_norm {
                clip_norm(&mut self.engine, largest);
            }
            let rate = self.recipe.learning_rate_at(step, steps_per_epoch);
            self.optimizer.step(self.engine.gradients(), rate, step + 1)?;
            if let Some(average) = &mut self.average {
                average.take_in(step + 1)?;
            }
        }
        Ok((loss, score))
    }

    /// The last step of an epoch may break weights that no later loss of the epoch shows.
    fn check_finite(&self, epoch: u32) -> Result<(), TrainError> {
        for (path, info) in self.network.parameters().iter() {
            let mut finite = true;
            ops::update(&info.var, |values| finite = values.iter().all(|value| value.is_finite()))?;
            if !finite {
                return Err(TrainError::NotFinite { tensor: path.to_owned(), epoch });
            }
        }
        Ok(())
    }

    /// Scores the network as it is on images in batches of the recipe's size at most.
    ///
    /// # Errors
    /// If interrupted, or the images do not fit the network.
    pub fn evaluate(&mut self, images: &Loader, control: &Control<'_>) -> Result<Evaluation, TrainError> {
        evaluate_with(&mut self.engine, images, control)
    }

    /// Scores the weights themselves, where their average is what training ends with; none without an average.
    ///
    /// # Errors
    /// If interrupted, or the images do not fit the network.
    pub fn evaluate_without_average(
        &mut self,
        images: &Loader,
        control: &Control<'_>,
    ) -> Result<Option<Evaluation>, TrainError> {
        if self.average.is_none() {
            return Ok(None);
        }
        self.with_fresh_statistics(control, |trainer| trainer.evaluate(images, control))?.map(Some)
    }

    /// Calls `read` while the network is what training would end with at this moment: with the average of its weights
    /// if the recipe keeps one, and fresh batch-norm statistics if the recipe says so.
    ///
    /// # Errors
    /// If interrupted; the training cannot go on then.
    pub fn with_final_weights<T>(
        &mut self,
        control: &Control<'_>,
        read: impl FnOnce(&mut Self) -> T,
    ) -> Result<T, TrainError> {
        self.swap_average()?;
        let result = self.with_fresh_statistics(control, read)?;
        self.swap_average()?;
        Ok(result)
    }

    /// Ends the training: the network becomes what [`Self::with_final_weights`] shows.
    ///
    /// # Errors
    /// If interrupted.
    pub fn finish(mut self, control: &Control<'_>) -> Result<(), TrainError> {
        self.swap_average()?;
        self.recalibrate(control)
    }

    fn with_fresh_statistics<T>(
        &mut self,
        control: &Control<'_>,
        read: impl FnOnce(&mut Self) -> T,
    ) -> Result<T, TrainError> {
        let network = self.network;
        let statistics = || network.parameters().iter().filter(|(_, info)| !info.trained);
        let mut moving = Vec::new();
        for (_, info) in statistics() {
            moving.push(info.var.flatten_all()?.to_vec1::<f32>()?);
        }
        self.recalibrate(control)?;
        let result = read(self);
        for ((_, info), moving) in statistics().zip(&moving) {
            ops::update(&info.var, |values| values.copy_from_slice(moving))?;
        }
        Ok(result)
    }

    /// Gives batch norm the statistics of the weights as they are, if the recipe says so.
    ///
    /// # Errors
    /// If interrupted.
    pub fn recalibrate(&mut self, control: &Control<'_>) -> Result<(), TrainError> {
        recalibrate(&mut self.engine, self.images, self.recipe, self.seed, control)
    }

    fn swap_average(&mut self) -> Result<(), TrainError> {
        Ok(self.average.as_mut().map_or(Ok(()), Average::swap)?)
    }
}
