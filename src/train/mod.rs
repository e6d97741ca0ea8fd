//! Training and scoring of networks.

mod evaluate;
mod fit;
mod optimizer;
mod recipe;

pub use evaluate::{Score, evaluate};
pub use fit::{Control, EpochReport, TrainError, fit};
pub use optimizer::Optimizer;
pub use recipe::{OptimizerKind, Recipe};

#[cfg(test)]
mod tests;
