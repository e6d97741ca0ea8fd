//! Runs: folders, journals, images, events, and a room for each kind of run.
//!
//! What the rooms share lies beside them; a room uses what is shared and the rooms that its runs are made of.

#[cfg(feature = "train")]
mod evaluate;
mod events;
#[cfg(feature = "train")]
mod execute;
#[cfg(feature = "export")]
pub mod export;
#[cfg(feature = "train")]
mod folder;
#[cfg(feature = "train")]
mod images;
mod inputs;
pub mod measurement;
#[cfg(feature = "train")]
mod model_card;
#[cfg(feature = "train")]
pub mod netadapt;
#[cfg(feature = "train")]
mod one_or_many;
#[cfg(feature = "train")]
mod proxy;
#[cfg(feature = "train")]
pub mod search;
#[cfg(feature = "train")]
mod tables;
#[cfg(feature = "train")]
mod threads;
#[cfg(feature = "train")]
pub mod training;
mod words;

#[cfg(feature = "train")]
pub use evaluate::{Evaluator, Fidelity, ShortTraining};
pub use events::{Event, Events, Glance, JsonLines, Observer, RunKind, Silent, TaskEvent};
#[cfg(feature = "train")]
pub use execute::{Executor, Job, JobResult, Threads};
#[cfg(feature = "train")]
pub use folder::{FolderError, RunFolder, RunReader};
#[cfg(feature = "train")]
pub use images::{Images, Misfit, check_fit};
pub use inputs::{Inputs, short_hash};
#[cfg(feature = "train")]
pub use model_card::{CardBound, CardLatency, MODEL_CARD, ModelCard, ProxyOf};
#[cfg(feature = "train")]
pub use proxy::{describe as describe_proxy, proxy_network};
#[cfg(feature = "train")]
pub use tables::Tables;
#[cfg(feature = "train")]
pub use threads::cores;
pub use words::{minutes, plural};
