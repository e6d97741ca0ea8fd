//! What the binaries share: arguments, exit codes, error output.

mod exit;
#[cfg(feature = "export")]
pub mod export;
pub mod inspect;
mod interrupt;
pub mod latency;
pub mod netadapt;
mod network_args;
mod output;
mod run_args;
pub mod search;
pub mod train;
mod values;
mod weights_args;

pub use exit::{Exit, report_error};
pub use network_args::NetworkArgs;
pub use run_args::RunArgs;
pub use weights_args::WeightsArgs;
