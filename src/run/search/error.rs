//! Why a search ended without a result.

use std::path::PathBuf;

use miette::Diagnostic;

use crate::cost::BudgetError;
use crate::data::DataError;
use crate::journal::JournalError;
use crate::latency::MissingRows;
use crate::nn::WeightsError;
use crate::report::ReportError;
use crate::run::folder::FolderError;
use crate::run::training::TrainingRunError;
use crate::search::SearchError;
use crate::train::TrainError;

/// A search ended without a result.
#[derive(Debug, thiserror::Error, Diagnostic)]
#[expect(missing_docs, reason = "the sources say it")]
pub enum SearchRunError {
    #[error(transparent)]
    #[diagnostic(transparent)]
    Table(#[from] MissingRows),
    /// No network meets the budgets.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Budget(#[from] BudgetError),
    #[error(transparent)]
    Search(#[from] SearchError),
    #[error(transparent)]
    Folder(#[from] FolderError),
    #[error(transparent)]
    Journal(#[from] JournalError),
    #[error("{path} is the journal of another search: {reason}; choose another --out, or delete the folder")]
    OtherJournal { path: String, reason: String },
    #[error(transparent)]
    Weights(#[from] WeightsError),
    #[error(transparent)]
    Report(#[from] ReportError),
    #[error(transparent)]
    #[diagnostic(transparent)]
    Training(Box<TrainingRunError>),
    #[error(transparent)]
    Images(DataError),
    #[error("cannot start threads: {0}")]
    Threads(std::io::Error),
    #[error("every trial failed; the last one said: {reason}")]
    AllFailed { reason: String },
    /// Told to stop; everything finished so far is in the folder.
    #[error("interrupted after {trials} trials; the same command goes on from there")]
    Interrupted { trials: usize },
    #[error("{} has no job of trial {trial}", run.display())]
    #[diagnostic(help(
        "a search of {trials} trials writes the jobs of a generation to tasks/ when it comes to them: name one of those files"
    ))]
    NoJob { run: PathBuf, trial: usize, trials: usize },
    #[error("trial {trial} of {} is done: its line is in trials.jsonl", run.display())]
    #[diagnostic(help("there is nothing to run; the files in tasks/ are the trials that are still to do"))]
    JobDone { run: PathBuf, trial: usize },
    #[error("the images in {data} are not those that {} was started with", run.display())]
    #[diagnostic(help("restore the images, or start another search with --out"))]
    ImagesChanged { run: PathBuf, data: String },
    #[error("interrupted; the same command runs trial {trial} again")]
    WorkerInterrupted { trial: usize },
}

/// What ends a run; see [`TrainError::ends_the_run`].
impl From<TrainError> for SearchRunError {
    fn from(error: TrainError) -> Self {
        match error {
            TrainError::Interrupted => Self::Interrupted { trials: 0 },
            TrainError::Data(error) => Self::Images(error),
            other => TrainingRunError::from(other).into(),
        }
    }
}

impl From<TrainingRunError> for SearchRunError {
    fn from(error: TrainingRunError) -> Self {
        Self::Training(Box::new(error))
    }
}
