//! `mbn-search` from resolved options to a finished run folder.

mod derived;
mod error;
mod options;
mod problem;
mod progress;
mod record;
mod run;
mod view;
mod worker;

pub use error::SearchRunError;
pub use options::{FinalResolution, SearchOptions};
pub use problem::CostProblem;
pub use progress::{SearchEvent, SearchProgress};
pub use record::{FinalRecord, Record, TrialRecord};
pub use run::SearchRun;
pub use view::SearchView;
pub use worker::run_job;
