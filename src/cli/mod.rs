//! What the binaries share: arguments, exit codes, error output.

mod exit;
#[cfg(feature = "export")]
pub mod export;
pub mod inspect;
mod interrupt;
pub mod netadapt;
mod network_args;
mod output;
mod run_args;
pub mod search;
pub mod train;
mod values;

pub use exit::{Exit, report_error};
pub use network_args::NetworkArgs;
pub use run_args::RunArgs;
