//! Runs: folders, journals, images, events, and a room for each kind of run.
//!
//! What the rooms share lies beside them; a room uses what is shared and the rooms that its runs are made of.

mod events;
mod execute;
#[cfg(feature = "export")]
pub mod export;
mod folder;
mod images;
mod inputs;
mod model_card;
pub mod netadapt;
mod proxy;
pub mod search;
mod threads;
pub mod training;
mod words;

pub use events::{JsonLines, Observer, Silent};
pub use folder::{FolderError, RunFolder};
pub use images::{Images, Misfit, check_fit};
pub use inputs::{Inputs, short_hash};
pub use model_card::{CardBound, CardLatency, MODEL_CARD, ModelCard};
pub use proxy::{describe as describe_proxy, proxy_network};
pub use threads::cores;
