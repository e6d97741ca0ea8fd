//! Training and scoring of networks.
//!
//! A [`Recipe`] says how. [`Trainer`] is the one training loop: it goes on epoch by epoch, and can be saved and
//! restored between them; [`fit`] is that loop from the first epoch to the last. [`evaluate`] scores a network.

mod average;
mod checkpoint;
mod clip;
mod control;
mod error;
mod evaluate;
mod fit;
mod gradients;
mod history;
mod objective;
mod optimizer;
mod recalibrate;
mod recipe;
mod recipe_file;
mod schedule;
mod shipped;
mod state;
mod trainer;

pub use crate::confusion::{Confusion, most_likely};
pub use checkpoint::{CheckpointError, checkpoint_history, load_checkpoint, save_checkpoint};
pub use control::{Control, EpochReport, StepReport};
pub use error::TrainError;
pub use evaluate::{Evaluation, Score, evaluate};
pub use fit::fit;
pub use gradients::mean_gradients;
pub use history::{EpochRecord, History, Measured};
pub use recipe::{Distillation, OptimizerKind, Recipe};
pub use recipe_file::RecipeFile;
pub use schedule::{Decay, Schedule};
pub use shipped::{RECIPES, load};
pub use state::TrainingState;
pub use trainer::Trainer;

#[cfg(test)]
mod tests;
