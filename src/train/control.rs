//! The outside world of a training: a flag that stops it, ears for its steps and epochs.

use std::sync::atomic::{AtomicBool, Ordering};

use super::TrainError;
use crate::data::Waits;

/// What happened in one step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StepReport {
    /// Epoch, from 1.
    pub epoch: u32,
    /// Images in the step.
    pub images: usize,
    /// Mean loss of the epoch so far.
    pub loss: f64,
    /// Training accuracy of the epoch so far, as a fraction.
    pub accuracy: f64,
}

/// What happened in one epoch.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct EpochReport {
    /// Epoch, from 1.
    pub epoch: u32,
    /// Number of epochs.
    pub epochs: u32,
    /// Learning rate of the last step.
    pub learning_rate: f64,
    /// Mean training loss.
    pub loss: f64,
    /// Share of the training images, as augmented, whose most likely class was right at their step.
    pub accuracy: f64,
    /// How many of its batches training waited for; differs from run to run.
    pub waits: Waits,
}

/// The outside world of a training.
#[derive(Clone, Copy)]
pub struct Control<'a> {
    /// Training ends with [`TrainError::Interrupted`] soon after this is set.
    pub stop: &'a AtomicBool,
    /// Told after every step.
    pub on_step: &'a (dyn Fn(StepReport) + Sync),
    /// Told after every epoch of [`super::fit`].
    pub on_epoch: &'a (dyn Fn(EpochReport) + Sync),
}

impl<'a> Control<'a> {
    /// Listens to nothing.
    pub fn new(stop: &'a AtomicBool) -> Self {
        Self { stop, on_step: &|_| {}, on_epoch: &|_| {} }
    }

    /// # Errors
    /// [`TrainError::Interrupted`] once the flag is set.
    pub fn check(&self) -> Result<(), TrainError> {
        if self.stop.load(Ordering::Relaxed) { Err(TrainError::Interrupted) } else { Ok(()) }
    }
}
