//! `mbn-train` from resolved options to a finished run folder.

mod figures;
mod options;
mod progress;
mod report;
mod run;
mod view;
mod within;

pub use options::TrainingOptions;
pub use progress::{TrainingEvent, TrainingProgress};
pub use report::TestReport;
pub use run::{Teacher, TrainingRun, TrainingRunError};
pub use view::{Divergence, TEST, TrainingView};
pub use within::{Training, Trainings};
