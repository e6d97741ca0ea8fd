//! `mbn-search` from resolved options to a finished run folder.

mod derived;
mod error;
mod options;
mod problem;
mod progress;
mod record;
mod run;

pub use error::SearchRunError;
pub use options::SearchOptions;
pub use problem::CostProblem;
pub use progress::{Event, Progress};
pub use record::{FinalRecord, Record, TrialRecord, TrialState};
pub use run::{SearchResult, SearchRun};
