//! `mbn-netadapt` from resolved options to a finished run folder.
//!
//! The loop's truth is `iterations.jsonl`; the weights of the networks between
//! two iterations lie in `state/`. Longer trainings have run folders of their
//! own. A run that was killed goes on from the last whole iteration or epoch.

mod controls;
mod derived;
mod error;
mod finals;
mod gains;
mod iterate;
mod options;
mod progress;
mod race;
mod record;
mod run;
mod state;
mod summary;
mod view;

pub use error::NetadaptRunError;
pub use gains::{Gain, NetworkResult};
pub use options::{FinalTraining, NetadaptOptions};
pub use progress::{NetadaptEvent, NetadaptProgress};
pub use record::{IterationRecord, Line, ProposalRecord, ProposalState, SeedRecord};
pub use run::NetadaptRun;
pub use summary::{GroupChange, Summary};
pub use view::{NETWORK, NetadaptView, TRAINED_NETWORK};
