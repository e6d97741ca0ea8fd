//! `mbn-netadapt` from resolved options to a finished run folder.
//!
//! The loop's truth is `iterations.jsonl`; the weights of the networks between
//! two iterations lie in `state/`. Longer trainings have run folders of their
//! own. A run that was killed goes on from the last whole iteration or epoch.

mod contest;
mod controls;
mod derived;
mod error;
mod finals;
mod gains;
mod longer;
mod looped;
mod members_file;
mod observer;
mod options;
mod record;
mod run;
mod summary;

pub use error::NetadaptRunError;
pub use gains::{Gain, NetworkResult};
pub use members_file::MembersFileError;
pub use observer::{NetadaptEvent, NetadaptProgress};
pub use options::{FinalTraining, NetadaptOptions};
pub use record::{IterationRecord, Line, ProposalRecord, ProposalState, SeedRecord};
pub use run::{NetadaptResult, NetadaptRun};
pub use summary::{GroupChange, Summary};
