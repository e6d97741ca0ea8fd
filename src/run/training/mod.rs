//! `mbn-train` from resolved options to a finished run folder.

mod figures;
mod options;
mod progress;
mod report;
mod run;

pub use options::TrainingOptions;
pub use progress::{TrainingEvent, TrainingProgress};
pub use report::TestReport;
pub use run::{Teacher, TrainingRun, TrainingRunError};
