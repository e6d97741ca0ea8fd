//! What the binaries share: arguments, exit codes, error output.

#[cfg(feature = "train")]
mod confidence_arg;
mod exit;
#[cfg(feature = "export")]
pub mod export;
#[cfg(feature = "train")]
pub mod inspect;
mod interrupt;
pub mod latency;
#[cfg(feature = "train")]
pub mod netadapt;
mod network_args;
mod output;
#[cfg(feature = "train")]
mod recipe_arg;
#[cfg(feature = "train")]
pub mod report;
mod run_args;
#[cfg(feature = "train")]
pub mod search;
#[cfg(feature = "train")]
pub mod train;
#[cfg(feature = "train")]
mod values;
#[cfg(feature = "train")]
mod weights_args;

#[cfg(feature = "train")]
pub use confidence_arg::ConfidenceArg;
pub use exit::{Exit, report_error};
pub use network_args::NetworkArgs;
pub use run_args::OutputArgs;
#[cfg(feature = "train")]
pub use run_args::RunArgs;
#[cfg(feature = "train")]
pub use weights_args::WeightsArgs;
