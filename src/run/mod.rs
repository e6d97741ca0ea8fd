//! Runs: folders, journals, evaluators, progress.

mod derived;
mod executor;
#[cfg(feature = "export")]
pub mod export;
mod folder;

mod model_card;
pub mod netadapt;
mod observer;
mod options;
mod problem;
mod proxy;
mod record;
pub mod search;
mod threads;
pub mod training;
mod training_figures;
mod training_images;
mod training_observer;
mod training_options;
mod training_report;

pub use folder::{FolderError, RunFolder};

pub use model_card::{CardBound, CardLatency, MODEL_CARD, ModelCard};
pub use netadapt::{FinalTraining, NetadaptEvent, NetadaptOptions, NetadaptProgress};
pub use observer::{Event, JsonLines, Observer, Progress, Silent};
pub use options::{Inputs, SearchOptions, short_hash};
pub use problem::LatencyProblem;
pub use proxy::{ProxyTask, describe as describe_proxy, proxy_network};
pub use record::{FinalRecord, Record, TrialRecord, TrialState};
pub use threads::cores;
pub use training_images::{Misfit, TrainingImages, open_images};
pub use training_observer::{TrainingEvent, TrainingProgress};
pub use training_options::TrainingOptions;
pub use training_report::TestReport;
