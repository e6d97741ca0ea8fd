//! Why an adaptation ended without a result.

use std::path::PathBuf;

use miette::Diagnostic;

use crate::data::DataError;
use crate::journal::JournalError;
use crate::latency::MissingRows;
use crate::nn::WeightsError;
use crate::report::ReportError;
use crate::run::folder::FolderError;
use crate::run::training::TrainingRunError;
use crate::train::TrainError;
use crate::whole_file::PathError;

/// An adaptation ended without a result.
#[derive(Debug, thiserror::Error, Diagnostic)]
#[expect(missing_docs, reason = "the sources say it")]
pub enum NetadaptRunError {
    #[error(transparent)]
    Folder(#[from] FolderError),
    #[error(transparent)]
    Journal(#[from] JournalError),
    #[error(transparent)]
    File(#[from] PathError),
    #[error("{} holds no networks of this adaptation: {reason}; delete the run folder to start again", path.display())]
    State { path: PathBuf, reason: String },
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
    Table(#[from] MissingRows),
    #[error(transparent)]
    #[diagnostic(transparent)]
    Training(Box<TrainingRunError>),
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
            other => Self::Training(Box::new(other)),
        }
    }
}
