//! Why a search ended without a result.

use miette::Diagnostic;

use crate::cost::BudgetError;
use crate::journal::JournalError;
use crate::latency::MissingRows;
use crate::nn::WeightsError;
use crate::report::ReportError;
use crate::run::folder::FolderError;
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
    Train(#[from] TrainError),
    #[error("cannot start threads: {0}")]
    Threads(std::io::Error),
    #[error("every trial failed; the last one said: {reason}")]
    AllFailed { reason: String },
    /// Told to stop; everything finished so far is in the folder.
    #[error("interrupted after {trials} trials; the same command goes on from there")]
    Interrupted { trials: usize },
}
