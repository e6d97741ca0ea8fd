//! Runs: folders, journals, images, events, and a room for each kind of run.
//!
//! What the rooms share lies beside them; a room uses what is shared and the rooms that its runs are made of.

mod evaluate;
mod events;
mod execute;
#[cfg(feature = "export")]
pub mod export;
mod folder;
mod images;
mod inputs;
mod model_card;
pub mod netadapt;
mod one_or_many;
mod proxy;
pub mod search;
mod tables;
mod threads;
pub mod training;
mod words;

pub use evaluate::{Evaluator, Fidelity, ShortTraining};
pub use events::{Event, Events, Glance, JsonLines, Observer, RunKind, Silent};
pub use execute::{Executor, Job, JobResult, Threads};
pub use folder::{FolderError, RunFolder, RunReader};
pub use images::{Images, Misfit, check_fit};
pub use inputs::{Inputs, file_name, short_hash};
pub use model_card::{CardBound, CardLatency, MODEL_CARD, ModelCard, ProxyOf};
pub use proxy::{describe as describe_proxy, proxy_network};
pub use tables::Tables;
pub use threads::cores;
